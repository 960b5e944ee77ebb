/* control: the program's end of the channel to its agent. */
#include "control_channel.h"

#include "arena/lock.h"
#include "base/io.h"
#include "resource/opened.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAME_BYTES 128
#define ASIDE_MAX 8
#define HEAD offsetof(struct control_message, text)

/* The only state: which descriptor, and what the environment said before it was cleaned. */
static struct {
	int fd;
	int image;
	bool verified;
	bool clone, rewind;
	_Atomic uint64_t sequence;
	uint64_t epoch;
	char name[NAME_BYTES];
	char uuid[NAME_BYTES];
	struct lock reading; /* who waits for an answer, or takes a request; signals are blocked meanwhile */
	int64_t ticket;      /* of the last question */
	struct aside {
		struct control_message message;
		int fd;
	} aside[ASIDE_MAX]; /* requests that came instead */
	size_t aside_count;
} control = {.fd = -1, .image = -1};

static int descriptor_of(const char *variable)
{
	const char *value = getenv(variable);
	if (value == NULL)
		return -1;
	char *end;
	long n = strtol(value, &end, 10);
	return *value != '\0' && *end == '\0' && n >= 0 && n < 1 << 20 ? (int)n : -1;
}

static void copy_variable(char ret[NAME_BYTES], const char *variable)
{
	const char *value = getenv(variable);
	strncpy(ret, value != NULL ? value : "", NAME_BYTES - 1);
}

int control_start(const char *build)
{
	int fd = descriptor_of("PMIG_CONTROL");
	if (fd < 0)
		return 0;
	int type = 0;
	socklen_t size = sizeof type;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
		return error_set(PMIG_EPROTOCOL, "control: PMIG_CONTROL=%d is not a channel to an agent", fd);
	copy_variable(control.name, "PMIG_NAME");
	copy_variable(control.uuid, "PMIG_UUID");
	const char *epoch = getenv("PMIG_EPOCH");
	control.epoch = epoch != NULL ? strtoull(epoch, NULL, 10) : 0;
	int image = descriptor_of("PMIG_RESTORE");
	control.verified = getenv("PMIG_VERIFIED") != NULL;
	control.clone = getenv("PMIG_CLONE") != NULL;
	control.rewind = getenv("PMIG_REWIND") != NULL;
	static const char *const variables[] = {"PMIG_CONTROL", "PMIG_RESTORE", "PMIG_VERIFIED", "PMIG_CLONE", "PMIG_REWIND",
		"PMIG_NAME", "PMIG_UUID", "PMIG_EPOCH"};
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		(void)unsetenv(variables[i]);
	control.fd = io_move_high(fd, 16);
	if (control.fd < 0)
		return control.fd;
	if (image >= 0) {
		control.image = io_move_high(image, 16);
		if (control.image < 0)
			return control.image;
	}
	int r = control_send(CONTROL_HELLO, (const int64_t[8]){getpid(), image >= 0, (int64_t)opened_address()}, build);
	return r < 0 ? r : 1;
}

void control_leave(void)
{
	control.reading = (struct lock){0};
	if (control.fd >= 0)
		(void)close(control.fd);
	for (size_t i = 0; i < control.aside_count; i++)
		if (control.aside[i].fd >= 0)
			(void)close(control.aside[i].fd);
	control.fd = control.image = -1;
	control.aside_count = 0;
}

int control_restoring(void)
{
	return control.image;
}

bool control_verified(void)
{
	return control.verified;
}

bool control_clone(void)
{
	return control.clone;
}

bool control_rewind(void)
{
	return control.rewind;
}

const char *control_name(void)
{
	return control.name;
}

const char *control_uuid(void)
{
	return control.uuid;
}

uint64_t control_epoch(void)
{
	return control.epoch;
}

int control_descriptor(void)
{
	return control.fd;
}

bool control_pending(void)
{
	int saved = errno;
	struct pollfd p = {.fd = control.fd, .events = POLLIN};
	bool pending = control.fd >= 0 && (control.aside_count > 0 || poll(&p, 1, 0) > 0);
	errno = saved;
	return pending;
}

static int receive(struct control_message *ret, int *ret_fd, int flags)
{
	if (control.fd < 0)
		return 0;
	struct control_message m;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec part = {.iov_base = &m, .iov_len = sizeof m};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
	ssize_t n;
	do
		n = recvmsg(control.fd, &h, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return error_set(PMIG_EGONE, "control: the agent has ended");
	if (n < 0)
		return error_errno(PMIG_EIO, errno, "control: receive");
	int fd = -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	if ((size_t)n < HEAD || m.magic != CONTROL_MAGIC || m.version != CONTROL_VERSION || m.size >= CONTROL_TEXT_MAX ||
		(size_t)n != HEAD + m.size) {
		if (fd >= 0)
			(void)close(fd);
		return error_set(PMIG_EPROTOCOL, "control: a message that is none (%zd bytes)", n);
	}
	if (fd >= 0) {
		int high = io_move_high(fd, 16);
		if (high < 0)
			(void)close(fd);
		fd = high;
	}
	m.text[m.size] = '\0';
	control.sequence = m.sequence;
	memcpy(ret, &m, HEAD + m.size + 1);
	*ret_fd = fd;
	return 1;
}

/* The one that waits longest, of those that were put aside. */
static bool take_aside(struct control_message *ret, int *ret_fd)
{
	if (control.aside_count == 0)
		return false;
	memcpy(ret, &control.aside[0].message, sizeof *ret);
	*ret_fd = control.aside[0].fd;
	control.aside_count--;
	memmove(control.aside, control.aside + 1, control.aside_count * sizeof *control.aside);
	return true;
}

int control_request(struct control_message *ret, int *ret_fd)
{
	sigset_t all, mask;
	uint32_t open = 0;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &mask);
	int r = 0; /* a thread that waits for an answer puts aside what comes, and raises the signal again */
	if (atomic_compare_exchange_strong(&control.reading.word, &open, 1)) {
		r = take_aside(ret, ret_fd) ? 1 : receive(ret, ret_fd, MSG_DONTWAIT);
		lock_open(&control.reading);
	}
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return r;
}

static int send_message(enum control_type type, const int64_t args[8], const char *text, int fd)
{
	if (control.fd < 0)
		return 0;
	int saved = errno;
	struct control_message m;
	memset(&m, 0, HEAD);
	m.magic = CONTROL_MAGIC;
	m.version = CONTROL_VERSION;
	m.type = (uint16_t)type;
	m.sequence = control.sequence;
	if (args != NULL)
		memcpy(m.args, args, sizeof m.args);
	if (text != NULL) {
		size_t length = strnlen(text, CONTROL_TEXT_MAX - 1);
		m.size = (uint32_t)length;
		memcpy(m.text, text, length);
	}
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec part = {.iov_base = &m, .iov_len = HEAD + m.size};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		h.msg_control = &ancillary;
		h.msg_controllen = sizeof ancillary;
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof fd);
	}
	ssize_t n;
	do
		n = sendmsg(control.fd, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	int number = errno;
	errno = saved;
	if (n >= 0)
		return 0;
	if (number == EPIPE || number == ECONNRESET)
		return error_set(PMIG_EGONE, "control: the agent has ended");
	return error_errno(PMIG_EIO, number, "control: send");
}

int control_send(enum control_type type, const int64_t args[8], const char *text)
{
	return send_message(type, args, text, -1);
}

int control_send_descriptor(enum control_type type, const int64_t args[8], const char *text, int fd)
{
	return send_message(type, args, text, fd);
}

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the answer to `ticket` is here. */
static int await_answer(int64_t ticket, int64_t until, struct control_message *ret, int *ret_fd)
{
	for (;;) {
		struct pollfd p = {.fd = control.fd, .events = POLLIN};
		int64_t left = until - now_ms();
		int fd = -1, r = left <= 0 ? 0 : poll(&p, 1, (int)left);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return error_set(PMIG_ETIMEOUT, "the agent did not answer");
		r = receive(ret, &fd, MSG_DONTWAIT);
		if (r < 0)
			return r;
		if (r == 1 && ret->type == CONTROL_REFERENCE && ret->args[7] == ticket) {
			*ret_fd = fd;
			return 0;
		}
		if (r == 1 && ret->type != CONTROL_REFERENCE && control.aside_count < ASIDE_MAX) {
			struct aside *a = &control.aside[control.aside_count++];
			memcpy(&a->message, ret, sizeof *ret);
			a->fd = fd;
		} else if (fd >= 0) { /* the answer to a question that was given up */
			(void)close(fd);
		}
	}
}

int control_ask(enum control_type type, const int64_t args[8], const char *text, int fd, int timeout_ms,
	struct control_message *ret, int *ret_fd)
{
	if (control.fd < 0)
		return error_set(PMIG_EGONE, "control: there is no agent");
	int64_t with[8];
	sigset_t all, mask;
	memcpy(with, args, sizeof with);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &mask);
	lock_take(&control.reading);
	with[7] = ++control.ticket;
	int r = send_message(type, with, text, fd);
	if (r >= 0)
		r = await_answer(with[7], now_ms() + timeout_ms, ret, ret_fd);
	lock_open(&control.reading);
	if (control_pending())
		(void)raise(CONTROL_SIGNAL); /* its handler was turned away meanwhile */
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return r;
}

int control_wait_verdict(struct control_message *ret)
{
	for (;;) {
		int fd = -1;
		int r = take_aside(ret, &fd) ? 1 : receive(ret, &fd, 0);
		if (r < 0)
			return r;
		if (fd >= 0)
			(void)close(fd);
		if (r == 0)
			return error_set(PMIG_EGONE, "control: there is no agent to wait for");
		switch (ret->type) {
		case CONTROL_GO_ON:
		case CONTROL_END:
		case CONTROL_ACTIVATE:
			return 0;
		case CONTROL_CHECKPOINT:
			(void)control_send(CONTROL_FAILED, (const int64_t[8]){PMIG_EBUSY}, "the program is frozen already");
			break;
		default:
			break;
		}
	}
}
