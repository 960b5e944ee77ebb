/* ssh_hostkey: whether the host is the one it says. Strict: a key that is not known is never taken. */
#include "digest.h"
#include "known_hosts.h"
#include "ssh_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16u << 20)
#define SYSTEM_FILE "/etc/ssh/ssh_known_hosts"

struct file {
	char path[4096];
	char *text;
	size_t size;
	struct known_hosts_answer answer;
};

struct files {
	struct file file[2]; /* the user's, or the one given; the system's */
};

static void release(struct files *f)
{
	for (unsigned i = 0; i < 2; i++)
		free(f->file[i].text);
}

/* A file that is not there is an empty one. */
static int load(struct file *f)
{
	struct stat st;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc = 0;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0
							   : error_errno(PMIG_EHOSTKEY, errno, "cannot read %s", f->path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		rc = error_set(PMIG_EHOSTKEY, "%s is not a file of sensible size", f->path);
	} else if ((f->text = malloc((size_t)st.st_size + 1)) == NULL) {
		rc = error_set(PMIG_ENOMEM, "not enough memory for %s", f->path);
	} else {
		ssize_t n;
		while (f->size < (size_t)st.st_size && (n = read(fd, f->text + f->size, (size_t)st.st_size - f->size)) > 0)
			f->size += (size_t)n;
	}
	close(fd);
	return rc;
}

/* Searches for the host at its port; a line for the bare host name holds for every port, as with ssh. */
static void search(struct file *f, const struct link_target *t, const uint8_t *key, size_t size)
{
	uint16_t port = t->port != 0 ? t->port : 22;
	known_hosts_search(f->text, f->size, t->host, port, key, size, &f->answer);
	if (port == 22 || f->answer.verdict != KNOWN_HOSTS_UNKNOWN)
		return; /* NOLINT(clang-analyzer-unix.Malloc): a cleanup attribute of the caller releases the text */
	struct known_hosts_answer bare;
	known_hosts_search(f->text, f->size, t->host, 22, key, size, &bare);
	if (key == NULL || bare.verdict == KNOWN_HOSTS_MATCH || bare.verdict == KNOWN_HOSTS_REVOKED)
		f->answer = bare;
}

/* `f` is empty before and released by the caller. */
static int look_up(const struct link_options *o, const struct link_target *t, const uint8_t *key, size_t size,
	struct files *f)
{
	unsigned count = o->known_hosts != NULL ? 1 : 2;
	struct ssh_account me;
	ssh_session_account(&me);
	if (o->known_hosts != NULL)
		(void)snprintf(f->file[0].path, sizeof f->file[0].path, "%s", o->known_hosts);
	else
		(void)snprintf(f->file[0].path, sizeof f->file[0].path, "%s/.ssh/known_hosts", me.home);
	(void)snprintf(f->file[1].path, sizeof f->file[1].path, "%s", SYSTEM_FILE);
	for (unsigned i = 0; i < 2; i++)
		f->file[i].answer.verdict = KNOWN_HOSTS_UNKNOWN;
	for (unsigned i = 0; i < count; i++) {
		int rc = load(&f->file[i]);
		if (rc < 0)
			return rc;
		search(&f->file[i], t, key, size);
	}
	return 0;
}

int ssh_hostkey_prefer(struct ssh_session *s, const struct link_options *o, const struct link_target *t)
{
	__attribute__((cleanup(release))) struct files f = {0};
	int rc = look_up(o, t, NULL, 0, &f);
	if (rc < 0)
		return rc;
	/* A type that is known goes first: another one could not be checked. */
	unsigned types = f.file[0].answer.types | f.file[1].answer.types;
	char wish[256] = "";
	for (unsigned known = 2; known-- > 0;)
		for (unsigned i = 0; i < KNOWN_HOSTS_TYPES; i++)
			if ((types >> i & 1) == known)
				(void)snprintf(wish + strlen(wish), sizeof wish - strlen(wish), "%s%s",
					*wish != '\0' ? "," : "", known_hosts_types[i]);
	if (libssh2_session_method_pref(s->libssh2, LIBSSH2_METHOD_HOSTKEY, wish) != 0)
		return ssh_session_error(s, "libssh2 knows no usable kind of host key");
	return 0;
}

static int refuse_unknown(struct ssh_session *s, const struct link_target *t, const struct files *f)
{
	char fingerprint[64] = "?", port[16] = "";
	const char *hash = libssh2_hostkey_hash(s->libssh2, LIBSSH2_HOSTKEY_HASH_SHA256);
	const char *type = libssh2_session_methods(s->libssh2, LIBSSH2_METHOD_HOSTKEY);
	if (hash != NULL)
		digest_base64_encode((const uint8_t *)hash, 32, fingerprint);
	if (t->port != 0)
		(void)snprintf(port, sizeof port, " -p %u", t->port);
	if (f->file[0].answer.authorities + f->file[1].answer.authorities > 0)
		return error_set(PMIG_EHOSTKEY,
			"known only by a certificate authority, which libssh2 does not understand; use --ssh ssh");
	return error_set(PMIG_EHOSTKEY,
		"the host key (%s SHA256:%s) is not in %s; run `ssh%s %s` once and compare, or `ssh-keyscan%s %s >> %s` where the "
		"network is trusted",
		type != NULL ? type : "?", fingerprint, f->file[0].path, port, t->host, port, t->host, f->file[0].path);
}

static int judge(struct ssh_session *s, const struct link_target *t, const struct files *f)
{
	bool match = false;
	const struct file *changed = NULL;
	for (unsigned i = 0; i < 2; i++) {
		const struct file *k = &f->file[i];
		if (k->answer.verdict == KNOWN_HOSTS_REVOKED)
			return error_set(PMIG_EHOSTKEY, "the host key is revoked (%s line %u); do not connect", k->path,
				k->answer.line);
		if (k->answer.verdict == KNOWN_HOSTS_MATCH)
			match = true;
		else if (k->answer.verdict == KNOWN_HOSTS_CHANGED && changed == NULL)
			changed = k;
	}
	if (match)
		return 0;
	if (changed == NULL)
		return refuse_unknown(s, t, f);
	return error_set(PMIG_EHOSTKEY,
		"the host key has changed: it is not the one in %s line %u; somebody may stand in between. If the host was "
		"installed anew, remove that line",
		changed->path, changed->answer.line);
}

int ssh_hostkey_check(struct ssh_session *s, const struct link_options *o, const struct link_target *t)
{
	__attribute__((cleanup(release))) struct files f = {0};
	size_t size = 0;
	int type;
	const char *key = libssh2_session_hostkey(s->libssh2, &size, &type);
	if (key == NULL)
		return error_set(PMIG_EHOSTKEY, "the host showed no key");
	int rc = look_up(o, t, (const uint8_t *)key, size, &f);
	return rc < 0 ? rc : judge(s, t, &f);
}
