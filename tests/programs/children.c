/* children: starts other processes in every way there is, before and after moves, and waits for them across a safe point: how they ended
 * must be known wherever the program is by then. One round for each line of input ("end" ends it; "live SECONDS" starts a child that runs so
 * long and is waited for in the next round), or as many as the argument says. Prints one line a round, and on standard error what is wrong. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int failures;
static volatile sig_atomic_t told; /* SIGCHLD */
static pid_t ended[3], living, stopped;
static FILE *said;

#define CHECK(what) check(what, #what)

static void check(int good, const char *words)
{
	if (good)
		return;
	fprintf(stderr, "not so: %s (errno %d)\n", words, errno);
	failures++;
}

static void on_child(int number)
{
	(void)number;
	told++;
}

/* A child ends, and nobody waits for it before the safe point: that it has ended is known from the kernel. */
static pid_t leave(int status, int by_signal)
{
	pid_t pid = fork();
	siginfo_t info;
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			pmig_safepoint(); /* does nothing: no agent knows this process */
		if (by_signal != 0)
			raise(by_signal);
		_exit(status);
	}
	CHECK(pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid);
	return pid;
}

static pid_t spawn(const char *path, char *const argv[])
{
	pid_t pid;
	return posix_spawn(&pid, path, NULL, NULL, argv, environ) == 0 ? pid : -1;
}

static void start_all(int round)
{
	ended[0] = leave(round % 100, 0);
	ended[1] = leave(0, SIGTERM);
	ended[2] = spawn("/bin/sh", (char *[]){"sh", "-c", "exit 7", NULL});
	CHECK(ended[2] > 0);
	siginfo_t info;
	CHECK(waitid(P_PID, (id_t)ended[2], &info, WEXITED | WNOWAIT) == 0 && info.si_code == CLD_EXITED &&
		info.si_status == 7);
	said = popen("echo one; echo two; exit 3", "r");
	char line[16];
	CHECK(said != NULL && fgets(line, sizeof line, said) != NULL && strcmp(line, "one\n") == 0);
	CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
}

static void collect(int round)
{
	int status;
	siginfo_t info;
	struct rusage usage;
	char line[16];
	CHECK(kill(ended[0], 0) == 0 && kill(ended[0], SIGKILL) == 0); /* it has ended: nothing happens, to nobody */
	memset(&info, 0, sizeof info);
	CHECK(waitid(P_PID, (id_t)ended[1], &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == ended[1] &&
		info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	CHECK(waitpid(ended[1], &status, 0) == ended[1] && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK(wait4(ended[2], &status, WNOHANG, &usage) == ended[2] && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(fgets(line, sizeof line, said) != NULL && strcmp(line, "two\n") == 0 &&
		fgets(line, sizeof line, said) == NULL);
	status = pclose(said);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	if (living != 0) {
		CHECK(waitpid(living, &status, 0) == living && WIFEXITED(status) && WEXITSTATUS(status) == 5);
		living = 0;
	}
	CHECK(wait(&status) == ended[0] && WIFEXITED(status) && WEXITSTATUS(status) == round % 100);
	CHECK(wait(&status) < 0 && errno == ECHILD);
}

/* Children and what is told about them, all within one round. */
static void use(void)
{
	int before = told, status;
	CHECK(system("exit 9") >> 8 == 9 && system(NULL) != 0);
	FILE *f = popen("read line; test \"$line\" = word", "w");
	CHECK(f != NULL && fputs("word\n", f) >= 0 && pclose(f) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 4", (char *)NULL);
		_exit(99);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 4);
	pid = vfork();
	if (pid == 0)
		_exit(6);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6);
	stopped = fork();
	if (stopped == 0) {
		raise(SIGSTOP);
		_exit(8);
	}
	CHECK(waitpid(stopped, &status, WUNTRACED) == stopped && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(kill(stopped, SIGCONT) == 0 && waitpid(stopped, &status, 0) == stopped && WEXITSTATUS(status) == 8);
	CHECK(told > before);
}

static int next_round(long left)
{
	char line[64];
	if (left >= 0) {
		for (int i = 0; i < 3; i++)
			pmig_safepoint();
		return left > 0;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (strcmp(line, "become\n") == 0)
			execl("/bin/sh", "sh", "-c", "echo another; read line", (char *)NULL);
		if (strncmp(line, "live ", 5) != 0)
			return strcmp(line, "end\n") != 0;
		char command[96];
		snprintf(command, sizeof command, "sleep %.20s; exit 5", strtok(line + 5, "\n"));
		living = spawn("/bin/sh", (char *[]){"sh", "-c", command, NULL});
		printf("lives\n");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	long left = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	signal(SIGCHLD, on_child);
	start_all(0);
	for (int round = 0; next_round(left < 0 ? left : left--); round++) {
		char host[65] = "";
		gethostname(host, sizeof host - 1);
		collect(round);
		use();
		start_all(round + 1);
		printf("round %d%s%s\n", round, argc > 1 ? "" : " at ", argc > 1 ? "" : host);
		fflush(stdout);
	}
	return failures != 0;
}
