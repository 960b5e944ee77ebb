/* link: bytes to a host and back by both methods, against scp of the same bytes in the same run; and what an exec costs on a
 * link that is open, against an ssh of its own. A stock sshd on loopback, started here.
 *
 * usage: link [MIB [RUNS [DIRECTORY]]]; defaults 256 3 /dev/shm. */
#include "figure.h"
#include "tests/unit/sshd_case.h"
#include "transport/link.h"

#define EXECS 20

static struct sshd_case sshd;
static char source[128];
static size_t size;

static struct link *open_link(enum link_method method)
{
	struct link_options o = sshd_case_options(&sshd, method);
	struct link *l;
	figure_must(link_open(&o, &l));
	return l;
}

static void drop(struct link_process *p)
{
	close(p->fd);
	close(p->error_fd);
}

static double push(struct link *l)
{
	struct link_process p;
	static char buffer[256 << 10];
	int status, fd = open(source, O_RDONLY | O_CLOEXEC);
	double begin = figure_now();
	figure_must(link_exec(l, "cat > /dev/null", &p));
	for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = send(p.fd, buffer + done, (size_t)(n - done), MSG_NOSIGNAL)) < 0)
				figure_fail(error_errno(PMIG_EIO, errno, "send"));
	(void)shutdown(p.fd, SHUT_WR);
	figure_must(link_wait(l, p.number, &status));
	double seconds = figure_now() - begin;
	drop(&p);
	close(fd);
	return seconds;
}

static double pull(struct link *l)
{
	struct link_process p;
	char command[200];
	static char buffer[256 << 10];
	int status;
	size_t got = 0;
	(void)snprintf(command, sizeof command, "cat %s", source);
	double begin = figure_now();
	figure_must(link_exec(l, command, &p));
	for (ssize_t n; (n = read(p.fd, buffer, sizeof buffer)) > 0;)
		got += (size_t)n;
	figure_must(link_wait(l, p.number, &status));
	double seconds = figure_now() - begin;
	if (got != size)
		figure_fail(error_set(PMIG_EIO, "%zu of %zu bytes came", got, size));
	drop(&p);
	return seconds;
}

/* scp -O is the old protocol, which runs without an sftp subsystem and is the faster one. */
static double copy(bool there)
{
	char remote[200], local[200];
	(void)snprintf(remote, sizeof remote, "127.0.0.1:%s", there ? "/dev/null" : source);
	(void)snprintf(local, sizeof local, "%s", there ? source : "/dev/null");
	double begin = figure_now();
	int rc = sshd_case_shell("scp -O -q -F none -P %u -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s %s %s",
		sshd.port, sshd.identity, sshd.known_hosts, there ? local : remote, there ? remote : local);
	double seconds = figure_now() - begin;
	figure_must(rc == 0 ? 0 : error_set(PMIG_EIO, "scp failed"));
	return seconds;
}

static double execs(struct link *l)
{
	double begin = figure_now();
	for (int i = 0; i < EXECS; i++) {
		struct link_process p;
		int status;
		figure_must(link_exec(l, ":", &p));
		(void)shutdown(p.fd, SHUT_WR);
		figure_must(link_wait(l, p.number, &status));
		drop(&p);
	}
	return (figure_now() - begin) / EXECS;
}

static double ssh_exec(void)
{
	double begin = figure_now();
	figure_must(sshd_case_shell("ssh -F none -p %u -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s 127.0.0.1 :",
			    sshd.port, sshd.identity, sshd.known_hosts) == 0
			? 0
			: error_set(PMIG_EIO, "ssh failed"));
	return figure_now() - begin;
}

static void report(const char *what, enum link_method method, double goal, const double *ours, const double *theirs,
	size_t runs)
{
	char name[64];
	(void)snprintf(name, sizeof name, "link-%s-%s", what, link_method_name(method));
	figure_pairs(&(struct figure){.name = name, .goal = goal, .unit = "s"}, ours, theirs, runs);
}

static void measure(enum link_method method, size_t runs)
{
	double ours[3][FIGURE_RUNS_MAX], theirs[3][FIGURE_RUNS_MAX];
	struct link *l = open_link(method);
	for (size_t i = 0; i < runs; i++) {
		ours[0][i] = push(l);
		theirs[0][i] = copy(true);
		ours[1][i] = pull(l);
		theirs[1][i] = copy(false);
		ours[2][i] = execs(l);
		theirs[2][i] = ssh_exec();
	}
	link_close(l);
	/* libssh2 has no aes-gcm: it may be slower than scp, but not by an order. */
	double goal = method == LINK_SSH2 ? 2.0 : 1.1;
	report("push", method, goal, ours[0], theirs[0], runs);
	report("pull", method, goal, ours[1], theirs[1], runs);
	report("exec", method, 0.5, ours[2], theirs[2], runs);
}

static void make_source(void)
{
	uint64_t buffer[8192], v = 1;
	int fd = open(source, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (size_t at = 0; at < size; at += sizeof buffer) {
		for (size_t i = 0; i < 8192; i++)
			buffer[i] = v = v * 6364136223846793005u + 1442695040888963407u;
		if (write(fd, buffer, sizeof buffer) != sizeof buffer)
			figure_fail(error_errno(PMIG_EIO, errno, "%s", source));
	}
	close(fd);
}

/* In a process of its own, so that the one that has files and an sshd to remove is there at the end, whatever happens. */
static int measure_apart(size_t runs)
{
	sigset_t ending;
	int number, status = 0;
	(void)sigemptyset(&ending);
	(void)sigaddset(&ending, SIGINT);
	(void)sigaddset(&ending, SIGTERM);
	(void)sigaddset(&ending, SIGHUP);
	(void)sigaddset(&ending, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &ending, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_UNBLOCK, &ending, NULL);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		make_source();
		measure(LINK_SSH2, runs);
		measure(LINK_COMMAND, runs);
		exit(0);
	}
	do
		(void)sigwait(&ending, &number);
	while (number == SIGCHLD && waitpid(pid, &status, WNOHANG) != pid); /* it may have been sshd */
	if (number != SIGCHLD) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
	}
	return status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 256) << 20;
	size_t runs = figure_runs(argc > 2 ? argv[2] : NULL, 3);
	if (size == 0) {
		(void)fprintf(stderr, "usage: link [MIB [RUNS [DIRECTORY]]]\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	sshd_case_start(&sshd, "");
	(void)snprintf(source, sizeof source, "%.80s/pmig-bench-link-%d", argc > 3 ? argv[3] : "/dev/shm", (int)getpid());
	int status = measure_apart(runs);
	(void)unlink(source);
	sshd_case_finish(&sshd);
	return status;
}
