/* ssh_auth: logs in with the keys of the SSH agent and with unprotected key files; never with a password. */
#include "digest.h"
#include "ssh_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES_MAX 6 /* the usual MaxAuthTries */

struct login {
	struct ssh_session *session;
	const struct ssh_deadline *deadline;
	const char *user;
	unsigned tries;
	char tried[512]; /* for the sentence */
};

PMIG_PRINTF(2, 3) static void note(struct login *l, const char *format, ...)
{
	size_t n = strlen(l->tried);
	va_list ap;
	va_start(ap, format);
	if (n > 0)
		n += (size_t)snprintf(l->tried + n, sizeof l->tried - n, ", ");
	if (n < sizeof l->tried)
		(void)vsnprintf(l->tried + n, sizeof l->tried - n, format, ap);
	va_end(ap);
}

/* What libssh2 said of one key. 1: in; 0: not this one; < 0: no use to go on. */
static int outcome(struct login *l, int rc)
{
	if (rc == 0)
		return 1;
	if (l->session->end_of_file || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_SEND ||
		rc == LIBSSH2_ERROR_SOCKET_RECV)
		return error_set(PMIG_EAUTH, "sshd closed the connection at the login as %s; tried %s", l->user, l->tried);
	return 0;
}

static int try_agent_key(struct login *l, LIBSSH2_AGENT *agent, struct libssh2_agent_publickey *key)
{
	int rc;
	note(l, "agent key %.64s", key->comment != NULL && *key->comment != '\0' ? key->comment : "without a name");
	while ((rc = libssh2_agent_userauth(agent, l->user, key)) == LIBSSH2_ERROR_EAGAIN) {
		rc = ssh_session_wait(l->session, l->deadline);
		if (rc < 0)
			return rc;
	}
	l->tries++;
	return outcome(l, rc);
}

static int try_agent(struct login *l)
{
	if (getenv("SSH_AUTH_SOCK") == NULL) {
		note(l, "no SSH agent (SSH_AUTH_SOCK is not set)");
		return 0;
	}
	LIBSSH2_AGENT *agent = libssh2_agent_init(l->session->libssh2);
	if (agent == NULL)
		return error_set(PMIG_ENOMEM, "libssh2: not enough memory");
	int rc = 0;
	struct libssh2_agent_publickey *key = NULL, *next;
	if (libssh2_agent_connect(agent) != 0 || libssh2_agent_list_identities(agent) != 0)
		note(l, "no SSH agent answers at SSH_AUTH_SOCK");
	else
		while (rc == 0 && l->tries < TRIES_MAX && libssh2_agent_get_identity(agent, &next, key) == 0) {
			key = next;
			rc = try_agent_key(l, agent, key);
		}
	(void)libssh2_agent_disconnect(agent);
	libssh2_agent_free(agent);
	return rc;
}

/* Whether a private key file is protected by a passphrase: PEM says so in words, OpenSSH's own format names a cipher at the
 * beginning of its base64 (PROTOCOL.key). */
static bool is_protected(const char *text, size_t size)
{
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n", magic[] = "openssh-key-v1";
	if (memmem(text, size, "ENCRYPTED", 9) != NULL)
		return true;
	const char *base64 = memmem(text, size, begin, sizeof begin - 1);
	uint8_t head[32];
	if (base64 == NULL || (size_t)(text + size - base64) < sizeof begin - 1 + 40)
		return false;
	ssize_t n = digest_base64_decode(base64 + sizeof begin - 1, 40, head, sizeof head);
	return n < 23 || memcmp(head, magic, sizeof magic) != 0 || memcmp(head + sizeof magic, "\0\0\0\4none", 8) != 0;
}

/* 1: readable and unprotected; 0: cannot be used, and noted. */
static int usable(struct login *l, const char *path)
{
	char text[16384];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		note(l, "%s (%s)", path, errno == ENOENT ? "not there" : "cannot be read");
		return 0;
	}
	ssize_t n = read(fd, text, sizeof text);
	close(fd);
	bool locked = n > 0 && is_protected(text, (size_t)n);
	explicit_bzero(text, sizeof text);
	if (n <= 0)
		note(l, "%s (cannot be read)", path);
	else if (locked)
		note(l, "%s (has a passphrase: add it to the SSH agent with ssh-add)", path);
	return n > 0 && !locked;
}

static int try_file(struct login *l, const char *path)
{
	if (l->tries >= TRIES_MAX || !usable(l, path))
		return 0;
	note(l, "%s", path);
	int rc;
	while ((rc = libssh2_userauth_publickey_fromfile_ex(l->session->libssh2, l->user, (unsigned)strlen(l->user), NULL,
			path, "")) == LIBSSH2_ERROR_EAGAIN) {
		rc = ssh_session_wait(l->session, l->deadline);
		if (rc < 0)
			return rc;
	}
	l->tries++;
	return outcome(l, rc);
}

static int try_files(struct login *l, const char *home)
{
	static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
	int rc = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names && rc == 0; i++) {
		char path[1100];
		(void)snprintf(path, sizeof path, "%s/.ssh/%s", home, names[i]);
		if (access(path, F_OK) == 0)
			rc = try_file(l, path);
	}
	return rc;
}

int ssh_auth(struct ssh_session *s, const struct link_options *o, const struct link_target *t, const struct ssh_deadline *d)
{
	struct ssh_account me;
	ssh_session_account(&me);
	struct login l = {.session = s, .deadline = d, .user = t->user[0] != '\0' ? t->user : me.name};
	int rc = o->identity != NULL ? try_file(&l, o->identity) : 0;
	if (rc == 0)
		rc = try_agent(&l);
	if (rc == 0 && o->identity == NULL)
		rc = try_files(&l, me.home);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return error_set(PMIG_EAUTH,
		"sshd does not let %s in; tried %s. Put a public key into ~/.ssh/authorized_keys there%s", l.user, l.tried,
		strstr(l.tried, "rsa") != NULL ? " (RSA keys need --ssh ssh: this libssh2 signs with SHA-1)" : "");
}
