/* ssh_command: links over the ssh program. One master connection per link carries all commands (ControlMaster). */
#include "link_driver.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 40
#define GREETING "pmig-link"
#define MASTER_END_MS 200 /* from the end of a client to that of the master that caused it */

struct ssh_command {
	struct link_children *children;
	struct link_process master; /* lives as long as its input is open; its end of file means that the connection is lost */
	char directory[64];         /* private; holds the control socket */
	char host[256];
	_Atomic bool aborted;
	char *args[ARGS_MAX]; /* what every ssh of this link is given; the command goes to the end */
	unsigned count;
};

PMIG_PRINTF(2, 3) static void add(struct ssh_command *s, const char *format, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, format);
	if (s->count < ARGS_MAX - 4 && vasprintf(&text, format, ap) >= 0)
		s->args[s->count++] = text;
	va_end(ap);
}

/* Everything that would ask, forward or start something of its own is off; the rest is the user's ssh_config. */
static const char *const fixed[] = {
	"BatchMode=yes", "ClearAllForwardings=yes", "ForwardX11=no", "PermitLocalCommand=no", "RemoteCommand=none",
	"RequestTTY=no", "EscapeChar=none", "LogLevel=ERROR", "ServerAliveInterval=5", "ServerAliveCountMax=4",
	"Ciphers=^aes128-gcm@openssh.com", /* first, not only: twice as fast here as the default */
};

static void make_arguments(struct ssh_command *s, const struct link_options *o, const struct link_target *t)
{
	add(s, "ssh");
	if (o->ssh_config != NULL)
		add(s, "-F%s", o->ssh_config);
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		add(s, "-o%s", fixed[i]);
	add(s, "-oConnectTimeout=%d", (o->connect_timeout_ms + 999) / 1000);
	add(s, "-oControlPath=%s/s", s->directory);
	if (o->known_hosts != NULL) {
		add(s, "-oUserKnownHostsFile=%s", o->known_hosts);
		add(s, "-oGlobalKnownHostsFile=none");
		add(s, "-oStrictHostKeyChecking=yes");
	}
	if (o->identity != NULL)
		add(s, "-i%s", o->identity);
	if (t->port != 0)
		add(s, "-p%u", t->port);
	if (t->user[0] != '\0')
		add(s, "-l%s", t->user);
}

static int start(struct ssh_command *s, const char *master, const char *command, struct link_process *ret_process)
{
	char *argv[ARGS_MAX + 1];
	unsigned n = 0;
	for (; n < s->count; n++)
		argv[n] = s->args[n];
	argv[n++] = (char *)master;
	argv[n++] = (char *)"--";
	argv[n++] = s->host;
	argv[n++] = (char *)command;
	argv[n] = NULL;
	return link_children_start(s->children, argv, ret_process);
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ssh has no numbers for its failures, only words. */
static int code_of(const char *words)
{
	static const struct {
		const char *words;
		int code;
	} known[] = {
		{"Host key verification failed", PMIG_EHOSTKEY},
		{"REMOTE HOST IDENTIFICATION HAS CHANGED", PMIG_EHOSTKEY},
		{"host key is known", PMIG_EHOSTKEY},
		{"REVOKED HOST KEY", PMIG_EHOSTKEY},
		{"Permission denied (", PMIG_EAUTH},
		{"Too many authentication failures", PMIG_EAUTH},
		{"timed out", PMIG_ETIMEOUT},
		{"Bad configuration option", PMIG_EINVAL},
		{"Could not resolve", PMIG_EUNREACHED},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strstr(words, known[i].words) != NULL)
			return known[i].code;
	return PMIG_EUNREACHED;
}

/* Drops the boxes of @ and puts the other lines into one. */
static void join_lines(char *words)
{
	char *to = words;
	for (const char *line = words; *line != '\0';) {
		size_t length = strcspn(line, "\r\n");
		if (length > 0 && *line != '@') {
			if (to != words)
				*to++ = ' ';
			memmove(to, line, length);
			to += length;
		}
		line += length + strspn(line + length, "\r\n");
	}
	*to = '\0';
}

/* What ssh says of a host key is a page; this is its sentence. */
static int complain_of_key(const struct link_options *o, char *words)
{
	const char *config = o->ssh_config != NULL ? o->ssh_config : "";
	char *offending = strstr(words, "Offending "), *place = offending != NULL ? strstr(offending, " key in ") : NULL;
	if (strstr(words, "REVOKED") != NULL)
		return error_set(PMIG_EHOSTKEY,
			"the host key is revoked in known_hosts: whoever answers there may be anybody");
	if (strstr(words, "HAS CHANGED") != NULL && place != NULL) {
		place += strlen(" key in ");
		return error_set(PMIG_EHOSTKEY,
			"the host key has changed: it is not the one in %.*s; somebody may stand in between. If the host was installed anew, "
			"remove that line",
			(int)strcspn(place, "\r\n"), place);
	}
	join_lines(words);
	size_t length = strlen(words);
	while (length > 0 && words[length - 1] == '.')
		length--;
	return error_set(PMIG_EHOSTKEY, "%.*s; run `ssh%s%s %s` once and compare the key", (int)length, words,
		*config != '\0' ? " -F " : "", config, o->target);
}

/* Reads ssh's complaint, which has one or many lines, and makes one of it. */
static int complain(struct ssh_command *s, const struct link_options *o)
{
	char words[2048];
	size_t size = 0;
	ssize_t n;
	while (size < sizeof words - 1 && (n = read(s->master.error_fd, words + size, sizeof words - 1 - size)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		size += n > 0 ? (size_t)n : 0;
	}
	words[size] = '\0';
	int code = code_of(words);
	if (code == PMIG_EHOSTKEY)
		return complain_of_key(o, words);
	join_lines(words);
	return error_set(code, "%.900s", *words != '\0' ? words : "ssh ended without a word");
}

/* The master is up when the greeting has come all the way. */
static int await_greeting(struct ssh_command *s, const struct link_options *o)
{
	char text[256];
	size_t size = 0;
	int64_t end = now_us() / 1000 + o->connect_timeout_ms;
	for (;;) {
		int64_t left = end - now_us() / 1000;
		struct pollfd p[] = {
			{.fd = s->master.fd, .events = POLLIN},
			{.fd = o->stop_fd > 0 ? o->stop_fd : -1, .events = POLLIN},
		};
		int n = poll(p, 2, left > 0 ? (int)left : 0);
		if (n < 0 && errno != EINTR)
			return error_errno(PMIG_EIO, errno, "cannot wait for ssh");
		if (n == 0)
			return error_set(PMIG_ETIMEOUT, "ssh did not get through in time");
		if (n > 0 && p[1].revents != 0)
			return error_set(PMIG_ECANCELLED, "stopped while connecting");
		if (n < 0 || p[0].revents == 0)
			continue;
		ssize_t got = recv(s->master.fd, text + size, sizeof text - 1 - size, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return complain(s, o);
		if (got < 0)
			continue;
		size += (size_t)got;
		text[size] = '\0';
		if (strstr(text, GREETING) != NULL)
			return 0;
		if (size == sizeof text - 1) /* a chatty shell start-up file; only the end can still matter */
			memmove(text, text + sizeof text / 2, size = sizeof text / 2 - 1);
	}
}

/* The master's own command is an echo: one byte there and back. */
static uint64_t round_trip(struct ssh_command *s, int timeout_ms)
{
	struct pollfd p = {.fd = s->master.fd, .events = POLLIN};
	char byte = '.', rest[64];
	while (recv(s->master.fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		continue;
	int64_t begin = now_us();
	if (send(s->master.fd, &byte, 1, MSG_NOSIGNAL) != 1 || poll(&p, 1, timeout_ms) != 1)
		return 0;
	(void)!recv(s->master.fd, &byte, 1, MSG_DONTWAIT);
	return (uint64_t)(now_us() - begin);
}

static int make_directory(struct ssh_command *s)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	if (base == NULL || *base != '/' || strlen(base) > 40) /* a socket's address is short, and ssh adds to it */
		base = "/tmp";
	(void)snprintf(s->directory, sizeof s->directory, "%s/pmig-XXXXXX", base);
	if (mkdtemp(s->directory) != NULL)
		return 0;
	int rc = error_errno(PMIG_EIO, errno, "cannot make a directory in %s", base);
	s->directory[0] = '\0';
	return rc;
}

static void command_close(void *state)
{
	struct ssh_command *s = state;
	char path[80];
	if (s->master.fd >= 0)
		close(s->master.fd);
	if (s->master.error_fd >= 0)
		close(s->master.error_fd);
	link_children_destroy(s->children);
	if (s->directory[0] != '\0') {
		(void)snprintf(path, sizeof path, "%s/s", s->directory);
		(void)unlink(path);
		(void)rmdir(s->directory);
	}
	for (unsigned i = 0; i < s->count; i++)
		free(s->args[i]);
	free(s);
}

static int command_open(const struct link_options *o, const struct link_target *t, void **ret_state,
	uint64_t *ret_round_trip_us)
{
	struct ssh_command *s = calloc(1, sizeof *s);
	if (s == NULL)
		return error_set(PMIG_ENOMEM, "link: not enough memory");
	s->master = LINK_PROCESS_NONE;
	(void)snprintf(s->host, sizeof s->host, "%s", t->host);
	int rc = make_directory(s);
	if (rc >= 0) {
		make_arguments(s, o, t);
		rc = link_children_create(&s->children);
	}
	if (rc >= 0)
		rc = start(s, "-oControlMaster=yes", "echo " GREETING "; exec cat", &s->master);
	if (rc >= 0)
		rc = await_greeting(s, o);
	if (rc < 0) {
		command_close(s);
		return rc;
	}
	*ret_round_trip_us = round_trip(s, o->connect_timeout_ms);
	*ret_state = s;
	return 0;
}

/* Without its master an ssh would open a connection of its own, and the link's end would go unnoticed. */
static int check_master(const struct ssh_command *s)
{
	char byte;
	if (s->aborted)
		return error_set(PMIG_ECANCELLED, "the link was closed");
	ssize_t n = recv(s->master.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		return error_set(PMIG_EUNREACHED, "the ssh connection is lost");
	return 0;
}

static int command_exec(void *state, const char *command, struct link_process *ret_process)
{
	struct ssh_command *s = state;
	int rc = check_master(s);
	return rc < 0 ? rc : start(s, "-oControlMaster=no", command, ret_process);
}

static int command_wait(void *state, int number, int *ret_status)
{
	struct ssh_command *s = state;
	int status;
	int rc = link_children_wait(s->children, number, &status);
	if (rc >= 0 && (status == 255 || status > 128)) { /* ssh's own failure, unless the connection is still there */
		struct pollfd p = {.fd = s->master.fd, .events = POLLIN};
		(void)poll(&p, 1, MASTER_END_MS);
		rc = check_master(s);
	}
	if (rc < 0)
		return rc;
	*ret_status = status;
	return 0;
}

static void command_abort(void *state)
{
	struct ssh_command *s = state;
	s->aborted = true;
	link_children_hang_up(s->children);
}

const struct link_driver ssh_command_driver = {
	.version = 1,
	.method = LINK_COMMAND,
	.name = "ssh",
	.open = command_open,
	.close = command_close,
	.exec = command_exec,
	.wait = command_wait,
	.abort = command_abort,
};
