/* ssh_session: socket, libssh2 and login put together, and the buffer that keeps libssh2's sends from blocking. */
#include "ssh_session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CIPHERS "aes128-ctr,aes256-ctr,aes192-ctr"
#define MACS "hmac-sha2-256,hmac-sha2-512"
#define KEEPALIVE_S 5

int64_t ssh_session_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t ssh_session_unsent(const struct ssh_session *s)
{
	return s->out.end - s->out.begin;
}

int ssh_session_flush(struct ssh_session *s)
{
	while (ssh_session_unsent(s) > 0) {
		ssize_t n = send(s->socket, s->out.bytes + s->out.begin, ssh_session_unsent(s), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			s->out.begin += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (errno != EINTR)
			return error_errno(PMIG_EUNREACHED, errno, "the connection is lost");
	}
	s->out.begin = s->out.end = 0;
	return 0;
}

static int out_append(struct ssh_session *s, const void *data, size_t size)
{
	if (s->out.begin > 0) {
		memmove(s->out.bytes, s->out.bytes + s->out.begin, ssh_session_unsent(s));
		s->out.end -= s->out.begin;
		s->out.begin = 0;
	}
	if (s->out.capacity - s->out.end < size) {
		size_t capacity = (s->out.end + size) * 2;
		uint8_t *bytes = realloc(s->out.bytes, capacity);
		if (bytes == NULL)
			return -ENOMEM;
		s->out.bytes = bytes;
		s->out.capacity = capacity;
	}
	memcpy(s->out.bytes + s->out.end, data, size);
	s->out.end += size;
	return 0;
}

/* libssh2's send and receive return a negative errno. */
static ssize_t on_send(libssh2_socket_t fd, const void *data, size_t size, int flags, void **abstract)
{
	struct ssh_session *s = *abstract;
	size_t sent = 0;
	if (fd != s->socket) /* the SSH agent's, which is asked synchronously */
		return send(fd, data, size, MSG_NOSIGNAL);
	if (ssh_session_unsent(s) == 0) {
		ssize_t n = send(fd, data, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		sent = n > 0 ? (size_t)n : 0;
	}
	if (sent < size) {
		int rc = out_append(s, (const uint8_t *)data + sent, size - sent);
		if (rc < 0)
			return rc;
	}
	return (ssize_t)size;
}

static ssize_t on_receive(libssh2_socket_t fd, void *buffer, size_t size, int flags, void **abstract)
{
	struct ssh_session *s = *abstract;
	if (fd != s->socket)
		return recv(fd, buffer, size, 0);
	ssize_t n = recv(fd, buffer, size, flags | MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	s->received += (uint64_t)n;
	s->end_of_file |= n == 0;
	return n;
}

int ssh_session_wait(struct ssh_session *s, const struct ssh_deadline *d)
{
	int rc = ssh_session_flush(s);
	if (rc < 0)
		return rc;
	int64_t left = d->at_ms - ssh_session_now_ms();
	short events = ssh_session_unsent(s) > 0 ? POLLIN | POLLOUT : POLLIN;
	struct pollfd p[] = {{.fd = s->socket, .events = events}, {.fd = d->stop_fd, .events = POLLIN}};
	int n = poll(p, 2, left > 0 ? (int)left : 0);
	if (n < 0 && errno != EINTR)
		return error_errno(PMIG_EIO, errno, "cannot wait for the other side");
	if (n == 0)
		return error_set(PMIG_ETIMEOUT, "sshd did not answer in time");
	if (n > 0 && p[1].revents != 0)
		return error_set(PMIG_ECANCELLED, "stopped while logging in");
	return 0;
}

int ssh_session_error(struct ssh_session *s, const char *what)
{
	char *words = NULL;
	if (s->end_of_file)
		return error_set(PMIG_EUNREACHED, "%s: the other side closed the connection", what);
	(void)libssh2_session_last_error(s->libssh2, &words, NULL, 0);
	return error_set(PMIG_EUNREACHED, "%s: %s", what, words != NULL && *words != '\0' ? words : "unknown failure");
}

void ssh_session_account(struct ssh_account *ret_account)
{
	char buffer[4096];
	struct passwd p, *found = NULL;
	const char *home = getenv("HOME");
	(void)getpwuid_r(getuid(), &p, buffer, sizeof buffer, &found);
	if (home == NULL || *home != '/')
		home = found != NULL ? found->pw_dir : "/";
	(void)snprintf(ret_account->name, sizeof ret_account->name, "%s", found != NULL ? found->pw_name : "nobody");
	(void)snprintf(ret_account->home, sizeof ret_account->home, "%s", home);
}

static void init_once(void)
{
	(void)libssh2_init(0);
}

static int create(struct ssh_session *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init_once);
	s->libssh2 = libssh2_session_init_ex(NULL, NULL, NULL, s);
	if (s->libssh2 == NULL)
		return error_set(PMIG_ENOMEM, "libssh2: not enough memory");
	libssh2_session_set_blocking(s->libssh2, 0);
	(void)libssh2_session_callback_set(s->libssh2, LIBSSH2_CALLBACK_SEND, (void *)on_send);
	(void)libssh2_session_callback_set(s->libssh2, LIBSSH2_CALLBACK_RECV, (void *)on_receive);
	static const struct {
		int method;
		const char *wish;
	} wishes[] = {
		{LIBSSH2_METHOD_CRYPT_CS, CIPHERS},
		{LIBSSH2_METHOD_CRYPT_SC, CIPHERS},
		{LIBSSH2_METHOD_MAC_CS, MACS},
		{LIBSSH2_METHOD_MAC_SC, MACS},
	};
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		if (libssh2_session_method_pref(s->libssh2, wishes[i].method, wishes[i].wish) != 0)
			return error_set(PMIG_EIO, "libssh2 lacks %s", wishes[i].wish);
	/* No answer is asked for: libssh2 would keep every one. What is not acknowledged shows by TCP_USER_TIMEOUT. */
	libssh2_keepalive_config(s->libssh2, 0, KEEPALIVE_S);
	return 0;
}

static int handshake(struct ssh_session *s, const struct ssh_deadline *d)
{
	int rc;
	while ((rc = libssh2_session_handshake(s->libssh2, s->socket)) == LIBSSH2_ERROR_EAGAIN) {
		rc = ssh_session_wait(s, d);
		if (rc < 0)
			return rc;
	}
	if (rc != 0)
		return ssh_session_error(s, "sshd and libssh2 did not come to terms");
	return 0;
}

int ssh_session_open(struct ssh_session *s, const struct link_options *o, const struct link_target *t)
{
	struct ssh_deadline d = {
		.at_ms = ssh_session_now_ms() + o->connect_timeout_ms,
		.stop_fd = o->stop_fd > 0 ? o->stop_fd : -1,
	};
	*s = (struct ssh_session){.socket = -1};
	int rc = ssh_connect(t, &d, &s->socket);
	if (rc >= 0)
		rc = create(s);
	if (rc >= 0)
		rc = ssh_hostkey_prefer(s, o, t);
	if (rc >= 0)
		rc = handshake(s, &d);
	if (rc >= 0)
		rc = ssh_hostkey_check(s, o, t);
	if (rc >= 0)
		rc = ssh_auth(s, o, t, &d);
	if (rc < 0)
		ssh_session_finish(s);
	return rc;
}

void ssh_session_finish(struct ssh_session *s)
{
	if (s->libssh2 != NULL) {
		if (!s->end_of_file) {
			(void)libssh2_session_disconnect(s->libssh2, "done");
			(void)!ssh_session_flush(s);
		}
		/* Open channels would wait for the other side's answer, and libssh2 would then free nothing. */
		if (s->socket >= 0)
			(void)shutdown(s->socket, SHUT_RDWR);
		libssh2_session_free(s->libssh2);
	}
	if (s->socket >= 0)
		close(s->socket);
	free(s->out.bytes);
	*s = (struct ssh_session){.socket = -1};
}
