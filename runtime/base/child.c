/* child: a walk through /proc. */
#include "child.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED_MAX 4 /* in one sentence */

/* "12 (a name) S 1 12 ...": proc_pid_stat(5). */
static bool read_stat(const char *number, struct child *ret, int *ret_parent)
{
	char path[64], text[512];
	(void)snprintf(path, sizeof path, "/proc/%.20s/stat", number);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (open == NULL || close == NULL || sscanf(close + 1, " %c %d %d", &ret->state, ret_parent, &ret->group) != 3)
		return false;
	ret->pid = (pid_t)atoi(text);
	(void)snprintf(ret->name, sizeof ret->name, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

static bool read_child(const char *number, pid_t parent, struct child *ret)
{
	int of;
	return read_stat(number, ret, &of) && of == parent;
}

int child_state(pid_t pid)
{
	char number[24];
	struct child c;
	int of;
	(void)snprintf(number, sizeof number, "%d", (int)pid);
	return read_stat(number, &c, &of) ? c.state : 0;
}

int child_each(pid_t parent, int (*found)(const struct child *c, void *context), void *context)
{
	DIR *d = opendir("/proc");
	if (d == NULL)
		return error_errno(PMIG_EIO, errno, "/proc");
	int r = 0;
	for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;) {
		struct child c;
		if (isdigit((unsigned char)e->d_name[0]) && read_child(e->d_name, parent, &c))
			r = found(&c, context);
	}
	(void)closedir(d);
	return r < 0 ? r : 0;
}

bool child_has_ended(const struct child *c)
{
	return c->state == 'Z' || c->state == 'X';
}

struct naming {
	char *text;
	size_t size, length;
	int count;
};

static int name_living(const struct child *c, void *context)
{
	struct naming *n = context;
	if (child_has_ended(c) || n->count++ >= NAMED_MAX || n->length >= n->size)
		return 0;
	int k = snprintf(n->text + n->length, n->size - n->length, "%s%d (%s%s)", n->length > 0 ? ", " : "", (int)c->pid,
		c->name, c->state == 'T' ? ", stopped" : "");
	n->length += k > 0 ? (size_t)k : 0;
	return 0;
}

int child_name_living(pid_t parent, char *ret_text, size_t size)
{
	struct naming n = {.text = ret_text, .size = size};
	ret_text[0] = '\0';
	int r = child_each(parent, name_living, &n);
	if (r >= 0 && n.count > NAMED_MAX && n.length < size)
		(void)snprintf(ret_text + n.length, size - n.length, " and %d more", n.count - NAMED_MAX);
	return r < 0 ? r : n.count;
}
