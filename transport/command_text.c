/* command_text: spawned, read, killed. */
#include "command_text.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void command_text(char *const argv[], long long ms, char *ret_text, size_t room)
{
	extern char **environ;
	int ends[2];
	size_t size = 0;
	long long until = now_ms() + ms;
	pid_t pid;
	ret_text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	bool started = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	while (started && size < room - 1) {
		long long left = until - now_ms();
		if (left <= 0 || poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, (int)left) != 1)
			break;
		ssize_t n = read(ends[0], ret_text + size, room - 1 - size);
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	ret_text[size] = '\0';
	(void)close(ends[0]);
	if (started) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
}
