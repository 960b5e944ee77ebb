/* sftp: what programs/referred.c does, by SFTP with libssh2 over a session of its own: the same orders, the same answers.
 *
 * usage: sftp PORT IDENTITY PATH SPAN */
#include "figure.h"
#include "runtime/base/error.h"
#include "transport/link.h"

#include <libssh2_sftp.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS 4096
#define BLOCK 4096

static _Noreturn void fail(const char *what)
{
	figure_fail(error_set(PMIG_EIO, "sftp: %s", what));
}

static int connect_to(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		fail("no connection");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return fd;
}

static LIBSSH2_SFTP *begin(unsigned port, const char *identity)
{
	const struct passwd *me = getpwuid(getuid());
	LIBSSH2_SESSION *s = libssh2_init(0) == 0 ? libssh2_session_init() : NULL;
	if (s == NULL || me == NULL)
		fail("no session");
	/* As our own links have it. */
	(void)libssh2_session_method_pref(s, LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr");
	(void)libssh2_session_method_pref(s, LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr");
	(void)libssh2_session_method_pref(s, LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256");
	(void)libssh2_session_method_pref(s, LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256");
	if (libssh2_session_handshake(s, connect_to(port)) != 0 ||
		libssh2_userauth_publickey_fromfile(s, me->pw_name, NULL, identity, NULL) != 0)
		fail("not let in");
	LIBSSH2_SFTP *f = libssh2_sftp_init(s);
	if (f == NULL)
		fail("no subsystem");
	return f;
}

static double in_sequence(LIBSSH2_SFTP_HANDLE *h)
{
	static char buffer[256 << 10]; /* the more at a time, the more it asks for ahead */
	double start = figure_now();
	libssh2_sftp_seek64(h, 0);
	for (ssize_t n; (n = libssh2_sftp_read(h, buffer, sizeof buffer)) != 0;)
		if (n < 0)
			fail("cannot be read");
	return figure_now() - start;
}

static double anywhere(LIBSSH2_SFTP_HANDLE *h, uint64_t blocks)
{
	static char buffer[BLOCK];
	static uint64_t state = 88172645463325252u;
	double start = figure_now();
	for (int i = 0; i < READS; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		libssh2_sftp_seek64(h, state % blocks * BLOCK);
		for (size_t done = 0; done < BLOCK;) {
			ssize_t n = libssh2_sftp_read(h, buffer + done, BLOCK - done);
			if (n <= 0)
				fail("cannot be read here and there");
			done += (size_t)n;
		}
	}
	return figure_now() - start;
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	LIBSSH2_SFTP *f = begin((unsigned)strtoul(argv[1], NULL, 10), argv[2]);
	LIBSSH2_SFTP_HANDLE *h = libssh2_sftp_open(f, argv[3], LIBSSH2_FXF_READ, 0);
	if (h == NULL)
		fail("no such file");
	(void)printf("ready\n");
	(void)fflush(stdout);
	for (int c; (c = getchar()) != EOF;) {
		if (c != 's' && c != 'r')
			continue;
		(void)printf("%.6f\n",
			c == 's' ? in_sequence(h) : anywhere(h, strtoull(argv[4], NULL, 10) * (1048576 / BLOCK)));
		(void)fflush(stdout);
	}
	return 0;
}
