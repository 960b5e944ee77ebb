/* epoll: sets survive a restore in a fresh process, with what was said of each descriptor. */
#include "restore_case.h"

#include "kind/epoll.h"
#include "resource/replaced.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

struct fds {
	int set, pipe[2], counter, silent;
};

static struct fds *fresh(void)
{
	struct fds *f = pmig_calloc(1, sizeof *f);
	CHECK(f != NULL);
	*f = (struct fds){.set = epoll_create1(EPOLL_CLOEXEC),
		.counter = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK),
		.silent = eventfd(4, EFD_CLOEXEC | EFD_NONBLOCK)};
	CHECK(f->set >= 0 && f->counter >= 0 && f->silent >= 0 && pipe2(f->pipe, O_CLOEXEC) == 0);
	return f;
}

static void add(const struct fds *f, int fd, uint32_t events, uint64_t data)
{
	CHECK(epoll_control(f->set, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = events, .data.u64 = data}) == 0);
}

static void *members(void)
{
	struct fds *f = fresh();
	struct epoll_event e;
	add(f, f->pipe[0], EPOLLIN, 0xfedcba9876543210);
	add(f, f->counter, EPOLLIN | EPOLLET, 1);
	add(f, f->silent, EPOLLIN | EPOLLONESHOT, 2);
	for (int i = 0; i < 2; i++)
		CHECK(epoll_wait(f->set, &e, 1, 0) == 1);
	return f;
}

static void members_after(void *state)
{
	struct fds *f = state;
	struct epoll_event e[4];
	CHECK(fcntl(f->set, F_GETFD) == FD_CLOEXEC);
	CHECK(epoll_wait(f->set, e, 4, 0) == 1 && e[0].data.u64 == 1); /* the one that has told says nothing */
	CHECK(write(f->pipe[1], "x", 1) == 1 && epoll_wait(f->set, e, 4, 0) == 1 && e[0].data.u64 == 0xfedcba9876543210);
	CHECK(epoll_control(f->set, EPOLL_CTL_ADD, f->silent, e) < 0 && errno == EEXIST);
	e[0] = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 5};
	CHECK(epoll_control(f->set, EPOLL_CTL_MOD, f->silent, e) == 0);
	CHECK(epoll_wait(f->set, e, 4, 0) == 2 && (e[0].data.u64 == 5 || e[1].data.u64 == 5));
	CHECK(epoll_control(f->set, EPOLL_CTL_DEL, f->silent, NULL) == 0);
}

static void silent_closed(void *state)
{
	struct fds *f = state;
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 6};
	pmig_close(f->silent); /* and so it has left the set; another thing has its number now */
	CHECK(eventfd(1, EFD_CLOEXEC) == f->silent);
	CHECK(epoll_control(f->set, EPOLL_CTL_MOD, f->silent, &e) < 0 && errno == ENOENT);
	CHECK(epoll_control(f->set, EPOLL_CTL_ADD, f->silent, &e) == 0);
}

static void *deserted(void)
{
	struct fds *f = fresh();
	add(f, f->counter, EPOLLIN, 1);
	CHECK(dup(f->counter) >= 0);
	close(f->counter); /* the set still waits for it, under a number that is nobody's */
	return f;
}

static const struct restore_case cases[] = {
	{.name = "members, edges, and one that has told", .before = members, .after = members_after},
	{.name = "one that has told is closed", .before = members, .after = silent_closed},
	{.name = "a member that was closed", .before = deserted, .refused = "was closed while another one led to it"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
