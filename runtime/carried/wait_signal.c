/* wait_signal: waiting for signals. CONTROL_SIGNAL is never among them. */
#include "wait.h"

#include "wait_mask.h"
#include "wait_time.h"

int pmig_sigsuspend(const sigset_t *mask);
int pmig_sigpause_number(int number);
int pmig_sigpause(int mask);
int pmig_sigtimedwait(const sigset_t *set, siginfo_t *ret_info, const struct timespec *limit);
int pmig_sigwaitinfo(const sigset_t *set, siginfo_t *ret_info);
int pmig_sigwait(const sigset_t *set, int *ret_number);

WAIT_CALL int pmig_sigsuspend(const sigset_t *mask)
{
	struct wait_mask m = wait_mask_of(mask);
	uint32_t handled = wait_mask_handled(&m);
	for (;;) {
		long r = wait_mask_again(&m, false, handled);
		if (r == 0)
			r = pmig_block_masked(&m.during, SYS_rt_sigsuspend, (long)&m.during, sizeof m.during, 0, 0, 0, 0);
		if (r != BLOCK_STOPPED)
			return (int)wait_result(wait_mask_end(&m, r));
		m.stopped = true;
	}
}

/* X/Open's sigpause() takes a signal, BSD's a mask. */
int pmig_sigpause_number(int number)
{
	sigset_t mask;
	if (pmig_sigprocmask(SIG_BLOCK, NULL, &mask) < 0 || sigdelset(&mask, number) < 0)
		return -1;
	return pmig_sigsuspend(&mask);
}

int pmig_sigpause(int low)
{
	sigset_t mask;
	(void)sigemptyset(&mask);
	for (int i = 1; i <= 32; i++)
		if (((unsigned)low >> (i - 1) & 1) != 0)
			(void)sigaddset(&mask, i);
	return pmig_sigsuspend(&mask);
}

static long wait_for(const sigset_t *set, siginfo_t *ret_info, const struct timespec *limit)
{
	uint32_t handled = block_count(BLOCK_ANY);
	uint64_t kernel = handler_kernel_mask(set);
	struct timespec left = limit != NULL ? *limit : (struct timespec){0}, deadline = {0};
	bool timed = limit != NULL && (limit->tv_sec != 0 || limit->tv_nsec != 0);
	if (timed)
		deadline = wait_from_now(CLOCK_MONOTONIC, limit);
	for (;;) {
		long r = wait_again(BLOCK_ANY, handled);
		if (r == 0)
			r = pmig_block(SYS_rt_sigtimedwait, (long)&kernel, (long)ret_info, limit != NULL ? (long)&left : 0,
				sizeof kernel, 0, 0);
		if (r != BLOCK_STOPPED)
			return r;
		if (timed)
			left = wait_left(CLOCK_MONOTONIC, deadline);
	}
}

WAIT_CALL int pmig_sigtimedwait(const sigset_t *set, siginfo_t *ret_info, const struct timespec *limit)
{
	long r = wait_for(set, ret_info, limit);
	if (r >= 0 && ret_info != NULL && ret_info->si_code == SI_TKILL)
		ret_info->si_code = SI_USER; /* as libc does: raise() is kill() */
	return (int)wait_result(r);
}

int pmig_sigwaitinfo(const sigset_t *set, siginfo_t *ret_info)
{
	return pmig_sigtimedwait(set, ret_info, NULL);
}

/* Handlers do not end it: sigwait(3). */
WAIT_CALL int pmig_sigwait(const sigset_t *set, int *ret_number)
{
	long r;
	do
		r = wait_for(set, NULL, NULL);
	while (r == -EINTR);
	if (r < 0)
		return (int)-r;
	*ret_number = (int)r;
	return 0;
}
