/* sshd_case: a stock sshd on a loopback port, run by whoever runs the test, with keys of its own; for tests of links. */
#ifndef PMIG_TESTS_SSHD_CASE_H
#define PMIG_TESTS_SSHD_CASE_H

#include "transport/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct sshd_case {
	char directory[64];
	uint16_t port;
	pid_t pid; /* 0: not running */
	char target[64], known_hosts[96], identity[96], ssh_config[96];
};

static inline int sshd_case_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int sshd_case_shell(const char *format, ...)
{
	char command[2048];
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(command, sizeof command, format, ap);
	va_end(ap);
	return system(command);
}

/* A port that nobody has now; sshd binds it a moment later. */
static inline uint16_t sshd_case_free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		abort();
	close(fd);
	return ntohs(a.sin_port);
}

/* In the foreground (-D), so that the pid is ours to end; up when the port answers. */
static inline void sshd_case_run(struct sshd_case *s)
{
	char config[96], log[96];
	(void)snprintf(config, sizeof config, "%s/config", s->directory);
	(void)snprintf(log, sizeof log, "%s/log", s->directory);
	s->pid = fork();
	if (s->pid == 0) {
		/* A group of its own: its children, one a connection, end with it. */
		(void)setpgid(0, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing */
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", config, "-E", log, (char *)NULL);
		_exit(127);
	}
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
		close(fd);
		if (rc == 0)
			return;
		if (waitpid(s->pid, NULL, WNOHANG) != 0) {
			(void)sshd_case_shell("cat %s/log >&2", s->directory);
			abort();
		}
		sched_yield();
	}
}

/* Kills the listening sshd; connections that are open go on. */
static inline void sshd_case_stop(struct sshd_case *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
}

/* Kills the sshd processes that serve connections, as a crash of the host would: the children of the listening one. */
static inline void sshd_case_cut(struct sshd_case *s)
{
	/* the session before what it runs, or it would still say how that has ended */
	(void)sshd_case_shell("for p in $(cat /proc/%d/task/*/children); do "
			      "q=$(cat /proc/$p/task/*/children); kill -9 $p $q; done 2>/dev/null",
		(int)s->pid);
}

/* `more`: further lines of sshd_config. */
static inline void sshd_case_start(struct sshd_case *s, const char *more)
{
	*s = (struct sshd_case){.port = sshd_case_free_port()};
	(void)strcpy(s->directory, "/tmp/pmig-sshd-XXXXXX");
	if (mkdtemp(s->directory) == NULL)
		abort();
	const char *d = s->directory;
	const struct passwd *me = getpwuid(getuid());
	(void)snprintf(s->target, sizeof s->target, "127.0.0.1:%u", s->port);
	(void)snprintf(s->known_hosts, sizeof s->known_hosts, "%s/known_hosts", d);
	(void)snprintf(s->identity, sizeof s->identity, "%s/user", d);
	(void)snprintf(s->ssh_config, sizeof s->ssh_config, "%s/ssh_config", d);
	int rc =
		sshd_case_shell("cd %s && ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ecdsa -N '' -f host2 && "
				"ssh-keygen -q -t ed25519 -N '' -f user && cp user.pub authorized && "
				"echo \"[127.0.0.1]:%u $(cut -d' ' -f1,2 host.pub)\" > known_hosts && "
				"printf 'IdentitiesOnly yes\\n' > ssh_config && "
				"printf 'ListenAddress 127.0.0.1:%u\\nHostKey %s/host\\nHostKey %s/host2\\nPidFile none\\n"
				"AuthorizedKeysFile %s/authorized\\nStrictModes no\\nUsePAM no\\nPasswordAuthentication no\\n"
				"KbdInteractiveAuthentication no\\nMaxStartups 100\\n%s\\n' > config",
			d, s->port, s->port, d, d, d, more);
	if (rc != 0 || me == NULL)
		abort();
	if (getuid() == 0)
		(void)mkdir("/run/sshd", 0755); /* sshd's own demand */
	sshd_case_run(s);
}

static inline void sshd_case_finish(struct sshd_case *s)
{
	sshd_case_cut(s);
	sshd_case_stop(s);
	(void)sshd_case_shell("rm -r %s", s->directory);
}

static inline struct link_options sshd_case_options(const struct sshd_case *s, enum link_method method)
{
	return (struct link_options){
		.target = s->target,
		.method = method,
		.known_hosts = s->known_hosts,
		.identity = s->identity,
		.ssh_config = s->ssh_config,
	};
}

#endif
