/* signals: saved and set again. */
#include "signals.h"

#include "../handler.h"
#include "../timer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* The linker's: where the executable's code lies. A handler elsewhere belongs to a library that will lie somewhere
 * else. */
extern char __executable_start[], etext[];

/* What libraries had installed before the program ran, in this process: theirs, in every process anew. */
static void (*of_libraries[65])(int);

/* libc's own two (cancellation, setuid) cannot be asked for. */
static bool of_program(int number)
{
	return number != SIGKILL && number != SIGSTOP && number != CONTROL_SIGNAL && (number < 32 || number >= SIGRTMIN);
}

void signals_hold(void)
{
	handler_park();
}

void signals_let(void)
{
	handler_unpark_process();
	handler_unpark();
}

static uint64_t bits(const sigset_t *set)
{
	uint64_t b = 0;
	for (int i = 1; i <= 64; i++)
		b |= sigismember(set, i) == 1 ? 1ull << (i - 1) : 0;
	return b;
}

static sigset_t set_of(uint64_t b)
{
	sigset_t set;
	sigemptyset(&set);
	for (int i = 1; i <= 64; i++)
		if ((b >> (i - 1) & 1) != 0)
			(void)sigaddset(&set, i);
	return set;
}

static bool in_executable(const void *p)
{
	return (const char *)p >= __executable_start && (const char *)p < etext;
}

/* Before the program runs, only libraries can have handlers. */
void signals_start(void)
{
	for (int i = 1; i <= 64; i++) {
		struct sigaction a;
		if (of_program(i) && sigaction(i, NULL, &a) == 0 && a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN &&
			a.sa_sigaction != handler_enter)
			of_libraries[i] = a.sa_handler;
	}
}

/* What the program set for signal `i`; false: nothing, or a library did. */
static bool action_of(int i, struct sigaction *ret)
{
	struct sigaction kernel;
	handler_get(i, ret);
	if (i == CONTROL_SIGNAL)
		return ret->sa_handler != SIG_DFL;
	if (!of_program(i) || sigaction(i, NULL, &kernel) < 0)
		return false;
	if (kernel.sa_sigaction == handler_enter)
		return true;
	*ret = kernel;
	return kernel.sa_handler != SIG_DFL && (of_libraries[i] == NULL || kernel.sa_handler != of_libraries[i]);
}

static int save_dispositions(struct record_writer *w)
{
	size_t part = record_part_begin(w);
	for (int i = 1; i <= 64; i++) {
		struct sigaction a;
		if (!action_of(i, &a))
			continue;
		if (a.sa_handler != SIG_IGN && !in_executable((const void *)(uintptr_t)a.sa_handler))
			return error_set(PMIG_EREFUSED, "the handler of signal %d (%s) is not a function of the program", i,
				strsignal(i));
		record_put_u32(w, (uint32_t)i);
		record_put_u64(w, (uintptr_t)a.sa_handler);
		record_put_u32(w, (uint32_t)a.sa_flags);
		record_put_u64(w, bits(&a.sa_mask));
	}
	record_part_end(w, part);
	return 0;
}

int signals_save(struct record_writer *w)
{
	int r = save_dispositions(w);
	(void)timer_read();
	do
		r = r < 0 ? r : handler_park_process();
	while (r >= 0 && timer_read());
	if (r >= 0)
		r = timer_save(w);
	return r < 0 ? r : record_check(w);
}

static int restore_dispositions(struct record_reader *r)
{
	struct record_reader part;
	record_get_part(r, &part);
	for (int i = 1; i <= 64; i++)
		if (of_program(i) && of_libraries[i] == NULL)
			(void)signal(i, SIG_DFL);
	while (!record_at_end(&part)) {
		int number = (int)record_get_u32(&part);
		uintptr_t handler = record_get_u64(&part);
		struct sigaction a = {.sa_flags = (int)record_get_u32(&part)};
		a.sa_mask = set_of(record_get_u64(&part));
		if (record_reader_check(&part) < 0)
			break;
		if (number < 1 || number > 64 || (number != CONTROL_SIGNAL && !of_program(number)) ||
			((void (*)(int))handler != SIG_IGN && !in_executable((void *)handler)))
			return error_set(PMIG_ECORRUPT, "%s: signal %d has no handler there", r->what, number);
		a.sa_handler = (void (*)(int))handler; /* or sa_sigaction: a union */
		if (pmig_sigaction(number, &a, NULL) < 0)
			return error_errno(PMIG_EIO, errno, "%s: signal %d", r->what, number);
	}
	return record_reader_check(&part);
}

int signals_restore(struct record_reader *r)
{
	signals_hold();
	signals_start();
	int e = restore_dispositions(r);
	return e < 0 ? e : timer_restore(r);
}
