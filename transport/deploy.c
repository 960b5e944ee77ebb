/* deploy: one look, and if the agent is not there, one copy; with nothing but what POSIX gives a shell. */
#include "deploy.h"
#include "cache.h"
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ANSWER_MAX 4096
#define TIMEOUT_MS 60000 /* without any byte in either direction */

/* The scripts hold no single quote, no backslash, no '!' and no newline, so that in single quotes they are one word for
 * every login shell. Lines of the answer begin with a tag: a start-up file may print things of its own. cksum is the one
 * checksum that POSIX has; a session that is lost in the middle ends the input early, so the check comes before the name. */
#define PLACE "umask 077; d=${HOME:-/nonexistent}/.cache/pmig/%s; f=$d/pmig-agent; "
#define LOOK \
	PLACE \
	"echo pmig-machine $(uname -s) $(uname -m); if test -x \"$f\"; then echo pmig-cksum $(cksum < \"$f\"); fi; echo \"pmig-file $f\""
#define COPY \
	PLACE \
	"t=$f.$$; mkdir -p \"$d\" && chmod 700 \"$d\" && cat > \"$t\" && s=$(cksum < \"$t\") && echo pmig-cksum $s && " \
	"test \"$s\" = \"%s\" && chmod 700 \"$t\" && \"$t\" --version > /dev/null && mv -f \"$t\" \"$f\" && echo pmig-done || " \
	"{ rm -f \"$t\"; exit 1; }"

struct agent {
	int fd;
	off_t size;
	char hash[CACHE_HASH];
	char cksum[48]; /* as cksum(1) prints it: CRC and size */
};

static int measure(const char *path, struct agent *a)
{
	char buffer[65536];
	uint32_t crc = 0;
	ssize_t n;
	while ((n = pread(a->fd, buffer, sizeof buffer, a->size)) > 0) {
		crc = digest_cksum(crc, buffer, (size_t)n);
		a->size += n;
	}
	if (n < 0)
		return error_errno(PMIG_EIO, errno, "cannot read %s", path);
	(void)snprintf(a->cksum, sizeof a->cksum, "%u %lld", digest_cksum_end(crc, (uint64_t)a->size), (long long)a->size);
	return cache_hash(a->fd, a->hash);
}

static void finish(struct agent *a)
{
	if (a->fd >= 0)
		close(a->fd);
}

struct answer {
	char out[ANSWER_MAX], error[ANSWER_MAX];
	size_t out_size, error_size;
	int status;
};

static void keep(char *buffer, size_t *size, const char *data, size_t n)
{
	if (n > ANSWER_MAX - 1 - *size)
		n = ANSWER_MAX - 1 - *size;
	memcpy(buffer + *size, data, n);
	*size += n;
	buffer[*size] = '\0';
}

/* 1: something came; 0: end of file. */
static int take(int fd, char *buffer, size_t *size)
{
	char piece[1024];
	ssize_t n = read(fd, piece, sizeof piece);
	if (n > 0)
		keep(buffer, size, piece, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Sends the rest of `input`; 1: all of it is gone. */
static int feed(int fd, int input, off_t *at)
{
	char piece[65536];
	ssize_t n = pread(input, piece, sizeof piece, *at);
	if (n <= 0)
		return 1;
	ssize_t sent = send(fd, piece, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
	*at += sent;
	return 0;
}

static int converse(const struct link_process *p, int input, struct answer *a)
{
	bool out_open = true, error_open = true, feeding = input >= 0;
	off_t at = 0;
	if (!feeding)
		(void)shutdown(p->fd, SHUT_WR);
	while (out_open || error_open) {
		struct pollfd f[] = {
			{.fd = out_open ? p->fd : -1, .events = feeding ? POLLIN | POLLOUT : POLLIN},
			{.fd = error_open ? p->error_fd : -1, .events = POLLIN},
		};
		int n = poll(f, 2, TIMEOUT_MS);
		if (n == 0)
			return error_set(PMIG_ETIMEOUT, "the shell there did not answer for %d s", TIMEOUT_MS / 1000);
		if (n < 0 && errno != EINTR)
			return error_errno(PMIG_EIO, errno, "cannot wait for the shell there");
		if (n < 0)
			continue;
		if (feeding && (f[0].revents & POLLOUT) != 0 && feed(p->fd, input, &at)) {
			feeding = false;
			(void)shutdown(p->fd, SHUT_WR);
		}
		if ((f[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			out_open = take(p->fd, a->out, &a->out_size);
		if ((f[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			error_open = take(p->error_fd, a->error, &a->error_size);
	}
	return 0;
}

static int run(struct link *l, const char *script, int input, struct answer *a)
{
	struct link_process p;
	char command[2048];
	memset(a, 0, sizeof *a);
	(void)snprintf(command, sizeof command, "sh -c '%s'", script);
	int rc = link_exec(l, command, &p);
	if (rc < 0)
		return rc;
	rc = converse(&p, input, a);
	close(p.fd);
	close(p.error_fd);
	if (rc < 0)
		return rc; /* nobody waits for a shell that hangs; it goes with the link */
	return link_wait(l, p.number, &a->status);
}

/* The rest of the line that begins with `tag`, into `value`; false if there is none. */
static bool find(const struct answer *a, const char *tag, char *value, size_t size)
{
	size_t n = strlen(tag);
	for (const char *line = a->out; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, tag, n) != 0)
			continue;
		const char *from = line + n + (line[n] == ' ');
		size_t length = strcspn(from, "\r\n");
		if (length >= size)
			return false;
		memcpy(value, from, length);
		value[length] = '\0';
		return true;
	}
	return false;
}

/* What the shell complained, in one line; its words decide little, so only the clear ones give a code of their own. */
static int failure(const struct link *l, struct answer *a, const char *what)
{
	for (char *c = a->error; *c != '\0'; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	while (a->error_size > 0 && a->error[a->error_size - 1] == ' ')
		a->error[--a->error_size] = '\0';
	int code = PMIG_EREFUSED;
	if (strstr(a->error, "No space left") != NULL || strstr(a->error, "quota") != NULL)
		code = PMIG_ENOSPC;
	return error_set(code, "%s: %s: %s", link_target(l), what, a->error_size > 0 ? a->error : "no reason was given");
}

static int check_machine(const struct link *l, const struct answer *a)
{
	struct utsname here;
	char there[256], want[256];
	if (uname(&here) < 0 || !find(a, "pmig-machine", there, sizeof there))
		return error_set(PMIG_EPROTOCOL, "%s: the shell there did not understand: %.200s%.200s", link_target(l),
			a->out, a->error);
	(void)snprintf(want, sizeof want, "%.100s %.100s", here.sysname, here.machine);
	if (strcmp(there, want) != 0)
		return error_set(PMIG_ENOSUPPORT, "%s: it is %s, programs from here are for %s", link_target(l), there,
			want);
	return 0;
}

static int upload(struct link *l, const struct agent *agent)
{
	char script[1024], value[128];
	struct answer a;
	(void)snprintf(script, sizeof script, COPY, agent->hash, agent->cksum);
	int rc = run(l, script, agent->fd, &a);
	if (rc < 0)
		return rc;
	if (find(&a, "pmig-cksum", value, sizeof value) && strcmp(value, agent->cksum) != 0)
		return error_set(PMIG_ECORRUPT, "%s: the agent arrived damaged (cksum %s instead of %s)", link_target(l),
			value, agent->cksum);
	if (a.status != 0 || !find(&a, "pmig-done", value, sizeof value))
		return failure(l, &a, "cannot put the agent into ~/.cache/pmig");
	return 0;
}

static int ensure(struct link *l, const struct agent *agent, char *ret_file, size_t size)
{
	char script[1024], value[128];
	struct answer a;
	(void)snprintf(script, sizeof script, LOOK, agent->hash);
	int rc = run(l, script, -1, &a);
	if (rc >= 0)
		rc = check_machine(l, &a);
	if (rc < 0)
		return rc;
	if (!find(&a, "pmig-file", ret_file, size) || *ret_file != '/')
		return failure(l, &a, "cannot look for the agent");
	if (find(&a, "pmig-cksum", value, sizeof value) && strcmp(value, agent->cksum) == 0)
		return 0;
	return upload(l, agent);
}

int deploy_quote(const char *text, char **ret_word)
{
	char *word = malloc(4 * strlen(text) + 3), *to = word;
	if (word == NULL)
		return error_set(PMIG_ENOMEM, "deploy: not enough memory");
	*to++ = '\'';
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *text;
	}
	(void)stpcpy(to, "'");
	*ret_word = word;
	return 0;
}

int deploy_agent(struct link *l, const char *path, char **ret_command)
{
	char file[2048];
	if (link_method(l) == LINK_LOCAL)
		return deploy_quote(path, ret_command);
	__attribute__((cleanup(finish))) struct agent agent = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (agent.fd < 0)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "the agent %s", path);
	int rc = measure(path, &agent);
	if (rc >= 0)
		rc = ensure(l, &agent, file, sizeof file);
	return rc < 0 ? rc : deploy_quote(file, ret_command);
}
