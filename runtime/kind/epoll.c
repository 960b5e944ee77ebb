/* epoll: a set of descriptors to wait for, epoll(7): made anew, with the descriptors under their numbers there and the values that the
 * program gave to each. What was ready is found ready again; of one that was to tell once (EPOLLONESHOT), and has told, nothing
 * is told until the program asks again. */
#include "../base/error.h"
#include "../resource/descriptor.h"
#include "epoll.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <pmig/kind.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INFO_MAX (1 << 20) /* bytes of /proc/self/fdinfo/N */
#define TOLD \
	((uint32_t)(EPOLLONESHOT | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE)) /* is left of the events of one that has told */

/* ARENA_ROOT_EPOLL: those that have told, and are not in the set of this process. */
struct silent {
	struct silent *next;
	int set, fd;
	ino_t inode; /* of `fd`, when it was left out */
};

/* What is in a set; at the target until all descriptors have their numbers. */
struct members {
	size_t n;
	struct member {
		int fd;
		uint32_t events;
		uint64_t data;
	} all[];
};

static int match(const struct pmig_resource *r)
{
	return strcmp(r->locator, "anon_inode:[eventpoll]") == 0;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_VALUE;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	return 0;
}

/* Whether `fd` leads to what the set waits for under that number: kcmp(2). */
static bool is_it(int set, int fd, uint64_t inode)
{
	struct stat st;
	struct kcmp_epoll_slot slot = {.efd = (uint32_t)set, .tfd = (uint32_t)fd};
	long r = syscall(SYS_kcmp, getpid(), getpid(), KCMP_EPOLL_TFD, fd, &slot);
	if (r >= 0)
		return r == 0;
	return errno != ENOENT && errno != EBADF && fstat(fd, &st) == 0 && st.st_ino == inode;
}

static struct silent **find_silent(int set, int fd)
{
	struct silent **at = (struct silent **)arena_root(ARENA_ROOT_EPOLL);
	while (*at != NULL && ((*at)->set != set || (*at)->fd != fd))
		at = &(*at)->next;
	return at;
}

static void drop_silent(struct silent **at)
{
	struct silent *s = *at;
	*at = s->next;
	pmig_free(s);
}

/* Each line "tfd: 5 events: 19 data: 1 pos:0 ino:61af sdev:7": proc_pid_fdinfo(5). */
static int save_lines(struct pmig_resource *r, struct pmig_writer *w, const char *text)
{
	uint64_t n = 0;
	for (const char *line = strstr(text, "tfd:"); line != NULL; line = strstr(line + 1, "tfd:"))
		n++;
	pmig_write_number(w, n);
	for (const char *line = strstr(text, "tfd:"); line != NULL; line = strstr(line + 1, "tfd:")) {
		int fd;
		unsigned events;
		unsigned long long data, inode = 0;
		if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &fd, &events, &data, &inode) < 3)
			return error_set(PMIG_EREFUSED, "this kernel does not tell what is in it");
		if (!is_it(r->fd, fd, inode))
			return error_set(PMIG_EREFUSED,
				"it waits for what was descriptor %d, which was closed while another one led to it; remove it with "
				"EPOLL_CTL_DEL before it is closed",
				fd);
		pmig_write_number(w, (uint64_t)fd);
		pmig_write_number(w, events);
		pmig_write_number(w, data);
	}
	return 0;
}

/* A descriptor that was closed meanwhile has left the set, as it does in the kernel. */
static bool is_same(const struct silent *s)
{
	struct stat st;
	return fstat(s->fd, &st) == 0 && st.st_ino == s->inode;
}

static void forget_closed(void)
{
	for (struct silent **at = (struct silent **)arena_root(ARENA_ROOT_EPOLL); *at != NULL;)
		if (is_same(*at))
			at = &(*at)->next;
		else
			drop_silent(at);
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char *text = malloc(INFO_MAX);
	if (text == NULL)
		return error_set(PMIG_ENOMEM, "no memory for what is in it");
	forget_closed();
	descriptor_info(r->fd, text, INFO_MAX);
	int e = strlen(text) == INFO_MAX - 1 ? error_set(PMIG_EREFUSED, "more is in it than can be read")
					     : save_lines(r, w, text);
	free(text);
	return e;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t n = pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e < 0 || n > DESCRIPTOR_MAX)
		return e < 0 ? e : error_set(PMIG_ECORRUPT, "%llu descriptors in it", (unsigned long long)n);
	struct members *m = calloc(1, sizeof *m + n * sizeof m->all[0]);
	r->state = m;
	r->fd = epoll_create1(EPOLL_CLOEXEC);
	if (m == NULL || r->fd < 0)
		return m == NULL ? error_set(PMIG_ENOMEM, "no memory for what is in it")
				 : error_errno(PMIG_EIO, errno, "epoll");
	for (uint64_t i = 0; i < n; i++) {
		m->all[i].fd = (int)pmig_read_number(in);
		m->all[i].events = (uint32_t)pmig_read_number(in);
		m->all[i].data = pmig_read_number(in);
	}
	m->n = n;
	return pmig_read_check(in);
}

static int leave_out(int set, int fd)
{
	struct stat st;
	struct silent *s = pmig_malloc(sizeof *s);
	if (s == NULL || fstat(fd, &st) < 0)
		return error_set(PMIG_ENOMEM, "no memory for descriptor %d in it", fd);
	*s = (struct silent){.next = *arena_root(ARENA_ROOT_EPOLL), .set = set, .fd = fd, .inode = st.st_ino};
	*arena_root(ARENA_ROOT_EPOLL) = s;
	return 0;
}

/* Those from earlier moves: the descriptor is another thing of the kernel now. */
static void know_again(int set)
{
	struct stat st;
	for (struct silent *s = *arena_root(ARENA_ROOT_EPOLL); s != NULL; s = s->next)
		if (s->set == set && fstat(s->fd, &st) == 0)
			s->inode = st.st_ino;
}

static int resolve(struct pmig_resource *r)
{
	const struct members *m = r->state;
	know_again(r->fd);
	for (size_t i = 0; m != NULL && i < m->n; i++) {
		struct epoll_event e = {.events = m->all[i].events, .data.u64 = m->all[i].data};
		bool told = (e.events & EPOLLONESHOT) != 0 && (e.events & ~TOLD) == 0;
		int error = told ? leave_out(r->fd, m->all[i].fd) : 0;
		if (error < 0)
			return error;
		if (!told && epoll_ctl(r->fd, EPOLL_CTL_ADD, m->all[i].fd, &e) < 0)
			return error_errno(PMIG_EREFUSED, errno, "descriptor %d cannot be waited for here", m->all[i].fd);
	}
	return 0;
}

static void settle(struct pmig_resource *r)
{
	free(r->state);
	r->state = NULL;
}

static int undo(struct pmig_resource *r)
{
	settle(r);
	return 0;
}

void epoll_closed(int first, int last)
{
	if (!arena_exists())
		return;
	for (struct silent **at = (struct silent **)arena_root(ARENA_ROOT_EPOLL); *at != NULL;)
		if (((*at)->fd >= first && (*at)->fd <= last) || ((*at)->set >= first && (*at)->set <= last))
			drop_silent(at);
		else
			at = &(*at)->next;
}

int epoll_control(int set, int operation, int fd, struct epoll_event *event)
{
	struct silent **at = arena_exists() ? find_silent(set, fd) : NULL;
	if (at == NULL || *at == NULL)
		return epoll_ctl(set, operation, fd, event);
	bool same = is_same(*at);
	int r = 0;
	if (same && operation == EPOLL_CTL_ADD) {
		errno = EEXIST;
		return -1;
	}
	if (operation == EPOLL_CTL_ADD || (same && operation == EPOLL_CTL_MOD))
		r = epoll_ctl(set, EPOLL_CTL_ADD, fd, event);
	else if (!same)
		r = epoll_ctl(set, operation, fd, event);
	if (r == 0)
		drop_silent(at);
	return r;
}

const struct pmig_kind kind_epoll = {
	.version = PMIG_KIND_VERSION,
	.name = "epoll",
	.about = "a set of descriptors to wait for, with what was said of each",
	.match = match,
	.describe = describe,
	.save = save,
	.copy = copy,
	.resolve = resolve,
	.undo = undo,
	.settle = settle,
};
