/* logs: what a detached program wrote. */
#include "tools/cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

static int copy(int fd)
{
	char buffer[65536];
	ssize_t n;
	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		for (ssize_t done = 0, m; done < n; done += m)
			if ((m = write(1, buffer + done, (size_t)(n - done))) <= 0)
				return error_errno(PMIG_EIO, errno, "standard output");
	return n < 0 ? error_errno(PMIG_EIO, errno, "log") : 0;
}

static int ended(const char *name)
{
	struct pmig_process_row *row = NULL;
	bool yes = cmd_find(name, &row) < 0 || row->state == PMIG_PROCESS_ENDED;
	free(row);
	return yes;
}

/* As tail -f, until the program has ended. */
static int follow(int fd, const char *path, const char *name)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0)
		return error_errno(PMIG_EIO, errno, "%s", path);
	int r = 0;
	for (bool last = false; r >= 0 && !last;) {
		char events[4096];
		last = ended(name); /* before copying, so that nothing is missed */
		r = copy(fd);
		struct pollfd p = {.fd = watch, .events = POLLIN};
		if (!last && r >= 0 && poll(&p, 1, 500) > 0)
			(void)!read(watch, events, sizeof events);
	}
	(void)close(watch);
	return r;
}

int cmd_logs(int argc, char **argv)
{
	bool on = false, err = false;
	const struct cmd_option options[] = {
		{'f', "follow", NULL, "goes on until the program has ended", NULL, &on},
		{0, "err", NULL, "its standard error instead of its standard output", NULL, &err},
		{0},
	};
	int first, status = cmd_parse("logs", argc, argv, options, "  pmig logs -f big\n", 1, 1, &first);
	if (status > 0)
		return status - 1;
	struct pmig_process_row *row;
	char state[PATH_MAX], path[PATH_MAX + 64];
	int r = cmd_find(argv[first], &row);
	if (r < 0)
		return cmd_fail("logs", r);
	r = cmd_state(state);
	(void)snprintf(path, sizeof path, "%s/log/%s.%s", state, row->uuid, err ? "err" : "out");
	free(row);
	int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (r >= 0 && fd < 0)
		r = errno == ENOENT
			? error_set(PMIG_ENOENT, "%s was not started with -d: its output went to the terminal", argv[first])
			: error_errno(PMIG_EIO, errno, "%s", path);
	if (r >= 0)
		r = on ? follow(fd, path, argv[first]) : copy(fd);
	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? cmd_fail("logs", r) : 0;
}
