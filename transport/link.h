/* link: a way to run commands at a host and to talk with them through plain descriptors.
 *
 * Normal usage:
 *   1. link_open() to a target (or LINK_LOCAL for here);
 *   2. link_exec() as often as wanted: each gives one connected stream socket, whose far side is the command's
 *      standard input and output, and a pipe that carries its standard error; use them in any event loop;
 *   3. link_wait() for the exit status, close the descriptors, link_close().
 *
 * Methods:
 *   LINK_SSH2     libssh2 in this process: one session per link, owned by one thread that pumps all channels. Host keys are
 *                 checked strictly against known_hosts, authentication is by SSH agent and unprotected key files, never by a
 *                 password. Reads nothing of ~/.ssh/config.
 *   LINK_COMMAND  the ssh program (BatchMode, one master connection shared by all commands of the link): for ProxyJump,
 *                 ssh_config, hardware keys, and twice the speed (aes-gcm). What ssh_config says about host keys holds.
 *   LINK_LOCAL    no network: /bin/sh -c here.
 *
 * Threads: all functions may be called from any thread; calls on one link may overlap, except with link_close().
 * The program should ignore SIGPIPE or use MSG_NOSIGNAL: a command that ends closes its end. */
#ifndef PMIG_TRANSPORT_LINK_H
#define PMIG_TRANSPORT_LINK_H

#include "runtime/base/error.h"

#include <stdint.h>

#define LINK_CHANNELS_MAX 10 /* commands at a time; the usual MaxSessions of sshd */

enum link_method {
	LINK_SSH2 = 1,
	LINK_COMMAND,
	LINK_LOCAL,
};

/* What to connect to. Zero-initialise; only `target` is required (not for LINK_LOCAL). Everything is copied. */
struct link_options {
	const char *target;      /* "[USER@]HOST[:PORT]"; an IPv6 address with a port stands in brackets */
	enum link_method method; /* 0: what the environment's PMIG_SSH says (ssh | libssh2 | local), else LINK_SSH2 */
	const char *known_hosts; /* instead of ~/.ssh/known_hosts (and /etc/ssh/ssh_known_hosts) */
	const char *identity;    /* private key file, tried first; then the SSH agent, but none of the default files */
	const char *ssh_config;  /* LINK_COMMAND: instead of the user's ~/.ssh/config ("none": no file) */
	int connect_timeout_ms;  /* for connecting, key exchange and login together; 0: 15,000 */
	int stop_fd; /* readable: give up opening (PMIG_ECANCELLED), as on Ctrl-C; 0: none; borrowed until return */
};

struct link;

/* A running command. `fd` and `error_fd` belong to the caller, are close-on-exec and in blocking mode. */
struct link_process {
	int fd;       /* stream socket: write = its input (shutdown(SHUT_WR) ends it), read = its output until end of file */
	int error_fd; /* read end of a pipe: its standard error. Read it: with LINK_COMMAND and LINK_LOCAL a full pipe stops the
	               * command, with LINK_SSH2 what exceeds the pipe is dropped */
	int number; /* for link_wait() */
};

#define LINK_PROCESS_NONE ((struct link_process){.fd = -1, .error_fd = -1, .number = -1})

/* Connects and logs in. Errors, each with a sentence: PMIG_EINVAL (target), PMIG_EUNREACHED (name, route, refused, lost),
 * PMIG_ETIMEOUT, PMIG_ECANCELLED, PMIG_EHOSTKEY (unknown: says what to run; changed or revoked: names file and line),
 * PMIG_EAUTH (names what was tried), PMIG_ENOMEM, PMIG_EIO. */
int link_open(const struct link_options *options, struct link **ret_link) PMIG_MUST_CHECK;

/* Ends the session and whatever still runs over it; commands that do not heed a hang-up go on at the host. Descriptors of
 * link_exec() stay open and read end of file. NULL is fine. */
void link_close(struct link *link);

/* Starts `command`, a line for the login shell there (for LINK_LOCAL: /bin/sh). Closing `fd` before the end is
 * allowed: the command then sees the end of its input, and what it still writes is dropped or fails with EPIPE. Errors:
 * PMIG_EBUSY (LINK_CHANNELS_MAX are running, or the host allows fewer), PMIG_EUNREACHED (the session is lost),
 * PMIG_ECANCELLED (aborted), PMIG_EREFUSED, PMIG_EIO, PMIG_ENOMEM. */
int link_exec(struct link *link, const char *command, struct link_process *ret_process) PMIG_MUST_CHECK;

/* Waits for the end of a command, once for each. ret_status: 0..255 the exit status, 128+n after a signal n. With LINK_SSH2
 * the end is only seen when what it wrote has been read from `fd` (or `fd` is closed). Errors: PMIG_EUNREACHED (the
 * session was lost first; what became of the command is unknown), PMIG_ENOENT (number). */
int link_wait(struct link *link, int number, int *ret_status) PMIG_MUST_CHECK;

/* Gives up at once: descriptors read end of file, all waiting calls return PMIG_ECANCELLED or PMIG_EUNREACHED. From any
 * thread. */
void link_abort(struct link *link);

/* "beta", "user@beta:2222": the target as the user wrote it; "localhost" for LINK_LOCAL. Borrowed until link_close(). */
const char *link_target(const struct link *link);
enum link_method link_method(const struct link *link);
const char *link_method_name(enum link_method method); /* "libssh2", "ssh", "local"; static */

/* Round-trip time in microseconds, measured when the link was opened (0: not measured). */
uint64_t link_round_trip_us(const struct link *link);

/* The parts of a target; also a check of it. user is "" and port 0 if not given. Errors: PMIG_EINVAL. */
struct link_target {
	char user[64];
	char host[256];
	uint16_t port;
};
int link_parse_target(const char *text, struct link_target *ret_target) PMIG_MUST_CHECK;

#endif
