/* test_block: a request that arrives at any instruction of a call that waits is neither missed nor costs what the call had done. A
 * traced child makes the call, the test walks it through by single steps. ptrace(2). */
#include <runtime/block.h>
#include <runtime/control.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define STEPS_MAX 100
#define SECONDS 5 /* a call that misses the request waits for ever */

enum outcome { STOPPED = 10, DONE, INTERRUPTED, OTHER };

extern const char block_begin[], block_end[];

static int ends[2];

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	pmig_asked = 1;
	block_interrupt(context);
}

static enum outcome outcome_of(long r)
{
	return r == BLOCK_STOPPED ? STOPPED : r >= 0 ? DONE : r == -EINTR ? INTERRUPTED : OTHER;
}

static _Noreturn void child(long number)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	char byte;
	sigaction(CONTROL_SIGNAL, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves it stopped */
	alarm(SECONDS);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	_exit((int)outcome_of(number == SYS_read ? pmig_block(SYS_read, ends[0], (long)&byte, 1, 0, 0, 0)
						 : pmig_block(SYS_ppoll, 0, 0, 0, 0, 0, 0)));
}

static pid_t start(long number)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		child(number);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static uintptr_t place_of(pid_t pid)
{
	struct user_regs_struct registers;
	assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &registers), 0);
	return registers.rip;
}

static void step(pid_t pid)
{
	int status;
	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
}

/* Runs the child to the first instruction of pmig_block(), then `n` further. */
static void walk(pid_t pid, int n)
{
	while (place_of(pid) != (uintptr_t)pmig_block)
		step(pid);
	for (int i = 0; i < n; i++)
		step(pid);
}

static enum outcome go_on(pid_t pid, int number)
{
	int status;
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)number), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("it was not interrupted: %s", strsignal(WIFSIGNALED(status) ? WTERMSIG(status) : WSTOPSIG(status)));
	return (enum outcome)WEXITSTATUS(status);
}

static int bytes_left(void)
{
	int n = -1;
	char bytes[8];
	assert_int_equal(ioctl(ends[0], FIONREAD, &n), 0);
	return n > 0 ? (int)read(ends[0], bytes, sizeof bytes) : 0;
}

/* With a byte there: each position up to and behind the call, until the function has returned. */
static void every_position_with_data(void **state)
{
	(void)state;
	bool behind = false;
	int positions = 0;
	for (int n = 0; !behind; n++) {
		assert_true(n < STEPS_MAX);
		assert_int_equal(write(ends[1], "x", 1), 1);
		pid_t pid = start(SYS_read);
		walk(pid, n);
		uintptr_t at = place_of(pid);
		behind = at < (uintptr_t)pmig_block || at > (uintptr_t)block_end;
		enum outcome o = go_on(pid, CONTROL_SIGNAL);
		assert_int_equal(o, at < (uintptr_t)block_end && !behind ? STOPPED : DONE);
		assert_int_equal(bytes_left(), o == STOPPED);
		positions++;
	}
	print_message("%d positions\n", positions);
	assert_in_range(positions, 11, STEPS_MAX);
}

/* With nothing to read: each position up to the call; it would wait. */
static void every_position_without_data(void **state)
{
	(void)state;
	for (int n = 0;; n++) {
		assert_true(n < STEPS_MAX);
		pid_t pid = start(SYS_read);
		walk(pid, n);
		bool last = place_of(pid) == (uintptr_t)block_end - 2; /* the system call itself, two bytes */
		assert_int_equal(go_on(pid, CONTROL_SIGNAL), STOPPED);
		if (last)
			return;
	}
}

static bool is_asleep(pid_t pid)
{
	char path[64], stat[256] = "";
	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, stat, sizeof stat - 1) > 0);
	close(fd);
	return strrchr(stat, ')')[2] == 'S';
}

/* In the call: one that the kernel would begin again, and one that it never does. */
static void in_the_call(void **state)
{
	(void)state;
	static const long numbers[] = {SYS_read, SYS_ppoll};
	for (size_t i = 0; i < 2; i++) {
		int status;
		pid_t pid = start(numbers[i]);
		walk(pid, 0);
		while (place_of(pid) != (uintptr_t)block_end - 2)
			step(pid);
		assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
		while (!is_asleep(pid))
			;
		assert_int_equal(kill(pid, CONTROL_SIGNAL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == CONTROL_SIGNAL);
		assert_int_equal(go_on(pid, CONTROL_SIGNAL), STOPPED);
	}
}

static int open_pipe(void **state)
{
	(void)state;
	return pipe(ends) < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_position_with_data),
		cmocka_unit_test(every_position_without_data), cmocka_unit_test(in_the_call)};
	return cmocka_run_group_tests(tests, open_pipe, NULL);
}
