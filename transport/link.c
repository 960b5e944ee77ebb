/* link: targets and the choice of the method; the work is done by the drivers. */
#include "link_driver.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>

#define CONNECT_TIMEOUT_MS 15000

struct link {
	const struct link_driver *driver;
	void *state;
	char *target;
	uint64_t round_trip_us;
};

static const struct link_driver *const drivers[] = {&ssh_libssh2_driver, &ssh_command_driver, &link_local_driver};

static const struct link_driver *driver_of(enum link_method method)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (drivers[i]->method == method)
			return drivers[i];
	return NULL;
}

const char *link_method_name(enum link_method method)
{
	const struct link_driver *d = driver_of(method);
	return d != NULL ? d->name : "unknown";
}

static int choose(enum link_method method, const struct link_driver **ret_driver)
{
	const char *wish = getenv("PMIG_SSH");
	if (method == 0 && wish != NULL && *wish != '\0') {
		for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
			if (strcmp(drivers[i]->name, wish) == 0)
				method = drivers[i]->method;
		if (method == 0)
			return error_set(PMIG_EINVAL, "PMIG_SSH=%s: no such way to connect; libssh2 and ssh are known",
				wish);
	}
	const struct link_driver *d = driver_of(method != 0 ? method : LINK_SSH2);
	if (d == NULL)
		return error_set(PMIG_EINVAL, "link: no such method (%d)", (int)method);
	*ret_driver = d;
	return 0;
}

/* What may stand in a user or host name. A leading '-' would be an option to ssh; blanks and quotes have no business
 * here. */
static bool name_allowed(const char *s, size_t size)
{
	if (size == 0 || *s == '-')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)s[i]) && strchr("._-:%+\\", s[i]) == NULL)
			return false;
	return true;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long v = 0;
	for (const char *c = text; *c != '\0'; c++) {
		if (!isdigit((unsigned char)*c) || (v = v * 10 + (unsigned long)(*c - '0')) > 65535)
			return PMIG_EINVAL;
	}
	if (v == 0)
		return PMIG_EINVAL;
	*ret_port = (uint16_t)v;
	return 0;
}

/* [HOST]:PORT, HOST:PORT, [HOST], HOST; more than one colon without brackets is an IPv6 address. */
static int parse_host(const char *text, struct link_target *t)
{
	const char *end, *port = NULL;
	bool bracket = *text == '[';
	if (bracket) {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return PMIG_EINVAL;
		if (end[1] == ':')
			port = end + 2;
	} else {
		end = strchr(text, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			port = end + 1;
		else
			end = text + strlen(text);
	}
	size_t size = (size_t)(end - text);
	if (size >= sizeof t->host || !name_allowed(text, size))
		return PMIG_EINVAL;
	memcpy(t->host, text, size);
	return port != NULL ? parse_port(port, &t->port) : 0;
}

int link_parse_target(const char *text, struct link_target *ret_target)
{
	struct link_target t = {0};
	const char *host = text, *at = text != NULL ? strrchr(text, '@') : NULL;
	int rc = text != NULL && *text != '\0' ? 0 : PMIG_EINVAL;
	if (at != NULL) {
		size_t size = (size_t)(at - text);
		if (size >= sizeof t.user || !name_allowed(text, size))
			rc = PMIG_EINVAL;
		else
			memcpy(t.user, text, size);
		host = at + 1;
	}
	if (rc == 0)
		rc = parse_host(host, &t);
	if (rc < 0)
		return error_set(rc, "'%.300s' is not a target; write [USER@]HOST[:PORT]", text != NULL ? text : "");
	*ret_target = t;
	return 0;
}

int link_open(const struct link_options *options, struct link **ret_link)
{
	struct link_options o = *options;
	struct link_target target = {0};
	const struct link_driver *driver = NULL;
	int rc = choose(o.method, &driver);
	if (rc >= 0 && driver->method != LINK_LOCAL)
		rc = link_parse_target(o.target, &target);
	if (rc < 0)
		return rc;
	if (o.connect_timeout_ms <= 0)
		o.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	struct link *l = calloc(1, sizeof *l);
	if (l == NULL || (l->target = strdup(driver->method == LINK_LOCAL ? "localhost" : o.target)) == NULL) {
		free(l);
		return error_set(PMIG_ENOMEM, "link: not enough memory");
	}
	l->driver = driver;
	rc = driver->open(&o, &target, &l->state, &l->round_trip_us);
	if (rc < 0) {
		rc = error_prefix(rc, "%s", l->target);
		free(l->target);
		free(l);
		return rc;
	}
	*ret_link = l;
	return 0;
}

void link_close(struct link *l)
{
	if (l == NULL)
		return;
	l->driver->close(l->state);
	free(l->target);
	free(l);
}

int link_exec(struct link *l, const char *command, struct link_process *ret_process)
{
	int rc = l->driver->exec(l->state, command, ret_process);
	return rc < 0 ? error_prefix(rc, "%s", l->target) : rc;
}

int link_wait(struct link *l, int number, int *ret_status)
{
	int rc = l->driver->wait(l->state, number, ret_status);
	return rc < 0 ? error_prefix(rc, "%s", l->target) : rc;
}

void link_abort(struct link *l)
{
	l->driver->abort(l->state);
}

const char *link_target(const struct link *l)
{
	return l->target;
}

enum link_method link_method(const struct link *l)
{
	return l->driver->method;
}

uint64_t link_round_trip_us(const struct link *l)
{
	return l->round_trip_us;
}

int link_ends_make(struct link_ends *ret_ends)
{
	int s[2], p[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		return error_errno(PMIG_EIO, errno, "cannot make a socket pair");
	if (pipe2(p, O_CLOEXEC) < 0) {
		int rc = error_errno(PMIG_EIO, errno, "cannot make a pipe");
		close(s[0]);
		close(s[1]);
		return rc;
	}
	*ret_ends = (struct link_ends){.ours = s[0], .theirs = s[1], .error_read = p[0], .error_write = p[1]};
	return 0;
}

void link_ends_close(struct link_ends *e)
{
	int *all[] = {&e->ours, &e->theirs, &e->error_read, &e->error_write};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}
