/* socketpair: pairs of sockets survive a restore in a fresh process, with all that waits in them. */
#include "restore_case.h"

#include "kind/socket_options.h"

#include <sys/socket.h>

struct ends {
	int a[2], b[2], lone;
};

static struct ends *fresh(int type, int other)
{
	struct ends *e = pmig_calloc(1, sizeof *e);
	CHECK(e != NULL && socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, e->a) == 0 &&
		socketpair(AF_UNIX, other | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, e->b) == 0);
	return e;
}

static void *streams(void)
{
	struct ends *e = fresh(SOCK_STREAM, SOCK_STREAM);
	int yes = 1, ends[2];
	char bytes[70000];
	memset(bytes, 'x', sizeof bytes);
	CHECK(write(e->a[0], bytes, sizeof bytes) == sizeof bytes && write(e->a[1], "back", 4) == 4);
	CHECK(pmig_setsockopt(e->b[1], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0);
	CHECK(write(e->b[0], "end", 3) == 3 && shutdown(e->b[0], SHUT_WR) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 && write(ends[0], "gone", 4) == 4);
	close(ends[0]);
	e->lone = ends[1];
	return e;
}

static void streams_after(void *state)
{
	struct ends *e = state;
	char bytes[70000];
	int yes = 0;
	socklen_t size = sizeof yes;
	size_t n = 0;
	while (n < sizeof bytes)
		n += (size_t)read(e->a[1], bytes + n, sizeof bytes - n);
	for (size_t i = 0; i < n; i++)
		CHECK(bytes[i] == 'x');
	CHECK(read(e->a[0], bytes, 10) == 4 && memcmp(bytes, "back", 4) == 0);
	CHECK(read(e->b[1], bytes, 10) == 3 && read(e->b[1], bytes, 10) == 0 && write(e->b[1], "on", 2) == 2 &&
		read(e->b[0], bytes, 10) == 2);
	CHECK(getsockopt(e->b[1], SOL_SOCKET, SO_PASSCRED, &yes, &size) == 0 && yes == 1);
	CHECK(read(e->lone, bytes, 10) == 4 && memcmp(bytes, "gone", 4) == 0 && read(e->lone, bytes, 10) == 0);
	CHECK(fcntl(e->b[0], F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(e->a[0], F_GETFL) == O_RDWR);
}

static void *messages(void)
{
	struct ends *e = fresh(SOCK_DGRAM, SOCK_SEQPACKET);
	CHECK(send(e->a[0], "one", 3, 0) == 3 && send(e->a[0], "", 0, 0) == 0 && send(e->a[0], "two", 3, 0) == 3);
	CHECK(send(e->b[1], "first", 5, 0) == 5 && send(e->b[1], "second", 6, 0) == 6);
	return e;
}

static void messages_after(void *state)
{
	struct ends *e = state;
	char text[16];
	CHECK(recv(e->a[1], text, sizeof text, 0) == 3 && memcmp(text, "one", 3) == 0 &&
		recv(e->a[1], text, sizeof text, 0) == 0 && recv(e->a[1], text, sizeof text, 0) == 3);
	CHECK(recv(e->b[0], text, sizeof text, 0) == 5 && recv(e->b[0], text, sizeof text, 0) == 6 &&
		recv(e->b[0], text, 1, 0) < 0);
	CHECK(send(e->a[1], "x", 1, 0) == 1 && recv(e->a[0], text, 2, 0) == 1);
}

static void *descriptors(void)
{
	struct ends *e = fresh(SOCK_STREAM, SOCK_STREAM);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
	memcpy(CMSG_DATA(&ancillary.head), &e->b[0], sizeof(int));
	struct iovec part = {(void *)(uintptr_t)"x", 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
	CHECK(sendmsg(e->a[0], &m, 0) == 1);
	return e;
}

static const struct restore_case cases[] = {
	{.name = "streams, one shut, one widowed", .before = streams, .after = streams_after},
	{.name = "datagrams and packets", .before = messages, .after = messages_after},
	{.name = "a descriptor under way", .before = descriptors, .refused = "descriptors wait in it to be received"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
