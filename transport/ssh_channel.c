/* ssh_channel: opens, starts, pumps and ends one command. */
#include "ssh_channel.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>

#define UNSENT_MAX (512u << 10) /* more waits for the socket: the caller's data stays where it is */
#define READS_PER_STEP 16       /* so that one channel does not starve the others */

int ssh_channel_create(const char *command, int fd, int error_fd, struct ssh_channel **ret_channel)
{
	struct ssh_channel *c = calloc(1, sizeof *c);
	if (c == NULL || (c->command = strdup(command)) == NULL) {
		free(c);
		return error_set(PMIG_ENOMEM, "link: not enough memory");
	}
	c->state = c->published = SSH_CHANNEL_OPENING;
	c->fd = fd;
	c->error_fd = error_fd;
	(void)fcntl(error_fd, F_SETFL, O_NONBLOCK | O_WRONLY);
	*ret_channel = c;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Closing a unix socket with unread bytes would give the caller ECONNRESET where it looks for the end of file. */
static void close_socket(struct ssh_channel *c)
{
	if (c->fd >= 0) {
		(void)shutdown(c->fd, SHUT_RD);
		while (recv(c->fd, c->out, sizeof c->out, MSG_DONTWAIT) > 0)
			continue;
	}
	close_fd(&c->fd);
}

void ssh_channel_destroy(struct ssh_channel *c)
{
	close_socket(c);
	close_fd(&c->error_fd);
	free(c->command);
	free(c);
}

static void end(struct ssh_channel *c, int result)
{
	if (c->libssh2 != NULL)
		(void)libssh2_channel_free(c->libssh2);
	c->libssh2 = NULL;
	close_socket(c);
	close_fd(&c->error_fd);
	c->result = result;
	c->state = SSH_CHANNEL_ENDED;
}

void ssh_channel_fail(struct ssh_channel *c, int code)
{
	(void)snprintf(c->reason, sizeof c->reason, "%.250s", pmig_reason());
	/* What libssh2 still holds of it is freed with the session. */
	c->libssh2 = NULL;
	end(c, code);
}

/* After a failed libssh2 call: the session is lost, or this channel alone has failed. */
static int failed(struct ssh_channel *c, struct ssh_session *s, int code, const char *what)
{
	int number = libssh2_session_last_errno(s->libssh2);
	if (s->end_of_file || (number != LIBSSH2_ERROR_CHANNEL_FAILURE && number != LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED))
		return ssh_session_error(s, "the session is lost");
	(void)error_set(code, "%s", what);
	(void)snprintf(c->reason, sizeof c->reason, "%s", what);
	end(c, code);
	return 1;
}

static int step_opening(struct ssh_channel *c, struct ssh_session *s)
{
	c->libssh2 = libssh2_channel_open_ex(s->libssh2, "session", 7, SSH_CHANNEL_WINDOW, SSH_CHANNEL_PACKET, NULL, 0);
	if (c->libssh2 != NULL) {
		c->state = SSH_CHANNEL_STARTING;
		return 1;
	}
	if (libssh2_session_last_errno(s->libssh2) == LIBSSH2_ERROR_EAGAIN)
		return 0;
	return failed(c, s, PMIG_EBUSY, "sshd allows no further session over this connection (MaxSessions)");
}

static int step_starting(struct ssh_channel *c, struct ssh_session *s)
{
	int rc = libssh2_channel_process_startup(c->libssh2, "exec", 4, c->command, (unsigned)strlen(c->command));
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return 0;
	if (rc != 0)
		return failed(c, s, PMIG_EREFUSED, "sshd refuses to run commands for this user");
	c->state = SSH_CHANNEL_RUNNING;
	return 1;
}

/* Hands on to the caller what came from the command. */
static int deliver(struct ssh_channel *c)
{
	int progress = 0;
	while (c->in_begin < c->in_end) {
		ssize_t n = c->fd < 0
			? -1
			: send(c->fd, c->in + c->in_begin, c->in_end - c->in_begin, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && c->fd >= 0 && errno == EINTR)
			continue;
		if (n < 0 && c->fd >= 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return progress;
		c->in_begin = n > 0 ? c->in_begin + (size_t)n : c->in_end; /* nobody reads any more: dropped */
		progress = 1;
	}
	c->in_begin = c->in_end = 0;
	return progress;
}

static int step_in(struct ssh_channel *c, struct ssh_session *s)
{
	int progress = deliver(c);
	for (unsigned i = 0; i < READS_PER_STEP && c->in_end == 0; i++) {
		ssize_t n = libssh2_channel_read(c->libssh2, (char *)c->in, sizeof c->in);
		if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
			return ssh_session_error(s, "the session is lost");
		if (n <= 0)
			break;
		c->in_end = (size_t)n;
		(void)deliver(c);
		progress = 1;
	}
	return progress;
}

/* Standard error goes into the pipe as far as that takes it: it must not hold up the rest. */
static int step_error(struct ssh_channel *c, struct ssh_session *s)
{
	char buffer[4096];
	int progress = 0;
	ssize_t n;
	while ((n = libssh2_channel_read_stderr(c->libssh2, buffer, sizeof buffer)) > 0) {
		if (c->error_fd >= 0 && write(c->error_fd, buffer, (size_t)n) < 0 && errno == EPIPE)
			close_fd(&c->error_fd);
		progress = 1;
	}
	if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
		return ssh_session_error(s, "the session is lost");
	return progress;
}

/* Takes what the caller wrote. */
static int collect(struct ssh_channel *c, const struct ssh_session *s)
{
	if (c->out_begin < c->out_end || c->out_ended || ssh_session_unsent(s) > UNSENT_MAX)
		return 0;
	ssize_t n;
	do
		n = recv(c->fd, c->out, sizeof c->out, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	c->out_begin = 0;
	c->out_end = n > 0 ? (size_t)n : 0;
	c->out_ended = n <= 0;
	return 1;
}

static int step_out(struct ssh_channel *c, struct ssh_session *s)
{
	int progress = 0;
	while (!c->out_eof && ssh_session_unsent(s) <= UNSENT_MAX) {
		progress |= collect(c, s);
		if (c->out_begin < c->out_end) {
			ssize_t n = libssh2_channel_write(c->libssh2, (char *)c->out + c->out_begin,
				c->out_end - c->out_begin);
			if (n == LIBSSH2_ERROR_EAGAIN || n == 0)
				break;
			if (n == LIBSSH2_ERROR_CHANNEL_CLOSED || n == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
				c->out_begin = c->out_end; /* the command has ended: nobody will read it */
			else if (n < 0)
				return ssh_session_error(s, "the session is lost");
			else
				c->out_begin += (size_t)n;
			progress = 1;
		} else if (c->out_ended) {
			(void)libssh2_channel_send_eof(c->libssh2);
			c->out_eof = true;
			progress = 1;
		} else {
			break;
		}
	}
	return progress;
}

static int signal_number(const char *name, size_t size)
{
	for (int i = 1; i < NSIG; i++) {
		const char *known = sigabbrev_np(i);
		if (known != NULL && strlen(known) == size && memcmp(known, name, size) == 0)
			return i;
	}
	return 0;
}

static void take_status(struct ssh_channel *c, struct ssh_session *s)
{
	char *name = NULL;
	size_t size = 0;
	c->status = libssh2_channel_get_exit_status(c->libssh2) & 255;
	(void)libssh2_channel_get_exit_signal(c->libssh2, &name, &size, NULL, NULL, NULL, NULL);
	if (name != NULL) {
		c->status = 128 + signal_number(name, size);
		libssh2_free(s->libssh2, name);
	}
}

static int step_end(struct ssh_channel *c, struct ssh_session *s)
{
	if (!c->in_ended && c->in_end == 0 && libssh2_channel_eof(c->libssh2) == 1) {
		if (c->fd >= 0)
			(void)shutdown(c->fd, SHUT_WR);
		close_fd(&c->error_fd);
		c->in_ended = true;
		return 1;
	}
	if (!c->in_ended)
		return 0;
	int rc = libssh2_channel_wait_closed(c->libssh2);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return 0;
	if (rc != 0)
		return ssh_session_error(s, "the session is lost");
	take_status(c, s);
	end(c, 0);
	return 1;
}

static int step_running(struct ssh_channel *c, struct ssh_session *s)
{
	static int (*const steps[])(struct ssh_channel *, struct ssh_session *) = {step_in, step_error, step_out, step_end};
	int progress = 0;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int rc = steps[i](c, s);
		if (rc < 0)
			return rc;
		progress |= rc;
	}
	if (c->hung_up && c->out_ended && c->fd >= 0) {
		close_fd(&c->fd);
		progress = 1;
	}
	return progress;
}

int ssh_channel_step(struct ssh_channel *c, struct ssh_session *s)
{
	switch (c->state) {
	case SSH_CHANNEL_OPENING:
		return step_opening(c, s);
	case SSH_CHANNEL_STARTING:
		return step_starting(c, s);
	case SSH_CHANNEL_RUNNING:
		return step_running(c, s);
	case SSH_CHANNEL_ENDED:
		break;
	}
	return 0;
}

void ssh_channel_poll(const struct ssh_channel *c, const struct ssh_session *s, struct pollfd *ret_poll)
{
	/* A hang-up is reported whatever is asked for: once it is known, the descriptor is left out. */
	*ret_poll = (struct pollfd){.fd = c->state == SSH_CHANNEL_RUNNING && !c->hung_up ? c->fd : -1};
	if (c->out_begin == c->out_end && !c->out_ended && ssh_session_unsent(s) <= UNSENT_MAX)
		ret_poll->events |= POLLIN;
	if (c->in_begin < c->in_end)
		ret_poll->events |= POLLOUT;
}

void ssh_channel_polled(struct ssh_channel *c, const struct pollfd *p)
{
	if (p->fd >= 0 && (p->revents & (POLLHUP | POLLERR)) != 0)
		c->hung_up = true;
}
