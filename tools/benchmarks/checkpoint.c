/* checkpoint: real checkpoints of a real program with a large heap, asked for as an agent does it, and its restarts.
 *
 * usage: checkpoint PROGRAM [MIB [RUNS [DIRECTORY]]]; defaults 1024 5 /dev/shm. PROGRAM is programs/fill.c by pmig-cc. How long the
 * program stood still, and the size of the image, against write() of the same bytes to the same file system, in turn;
 * how long from the start of a process until the program computes again, from an image that was verified before. */
#include "base/error.h"
#include "control.h"
#include "figure.h"
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 120 /* seconds until something must be wrong */
#define HEAD offsetof(struct control_message, text)
#define RESTART_BOUND 0.05
#define LARGE 256 /* MiB; with less, what any checkpoint costs is most of it, and the goals are not meant */

/* The program, or one that was restored from its image. */
struct copy {
	pid_t pid;
	int control, hears;
	FILE *says;
};

static const char *program, *directory;
static char *mib = "1024";

static int must_errno(int result, const char *what)
{
	if (result < 0)
		figure_fail(error_errno(PMIG_EIO, errno, "%s", what));
	return result;
}

static void set_number(const char *name, int number)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%d", number);
	(void)setenv(name, text, 1);
	(void)fcntl(number, F_SETFD, 0);
}

static _Noreturn void become(int control, int hears, int says, int image)
{
	char *arguments[] = {(char *)program, mib, (char *)directory, NULL};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* also what whoever started us left open */
	(void)dup2(hears, 0);
	(void)dup2(says, 1);
	set_number("PMIG_CONTROL", control);
	if (image >= 0)
		set_number("PMIG_RESTORE", image);
	(void)setenv("PMIG_VERIFIED", "1", 1);
	(void)execv(program, arguments);
	perror(program);
	_exit(127);
}

/* image < 0: the program from its beginning. */
static struct copy start(int image)
{
	int channel[2], input[2], output[2];
	(void)must_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), "socketpair");
	(void)must_errno(pipe2(input, O_CLOEXEC) | pipe2(output, O_CLOEXEC), "pipe");
	struct copy c = {.control = channel[0], .hears = input[1], .says = fdopen(output[0], "re")};
	c.pid = must_errno(fork(), "fork");
	if (c.pid == 0)
		become(channel[1], input[0], output[1], image);
	(void)close(channel[1]);
	(void)close(input[0]);
	(void)close(output[1]);
	return c;
}

static void end(struct copy *c)
{
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	(void)close(c->control);
	(void)close(c->hears);
	(void)fclose(c->says);
}

/* The next line, without `word` at its beginning. */
static double hear(struct copy *c, const char *word)
{
	char line[256];
	size_t length = strlen(word);
	if (fgets(line, sizeof line, c->says) == NULL || strncmp(line, word, length) != 0)
		figure_fail(error_set(PMIG_EIO, "%s did not say \"%s\"", program, word));
	return strtod(line + length, NULL);
}

static void send_message(const struct copy *c, enum control_type type, int fd)
{
	struct control_message m = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = (uint16_t)type, .sequence = 1};
	struct iovec part = {.iov_base = &m, .iov_len = HEAD};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		h.msg_control = &ancillary;
		h.msg_controllen = sizeof ancillary;
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof fd);
	}
	(void)must_errno((int)sendmsg(c->control, &h, MSG_NOSIGNAL), "control channel");
}

/* Its message of `type`; others pass by, except that it failed. */
static struct control_message await_message(const struct copy *c, enum control_type type)
{
	struct control_message m;
	do {
		ssize_t n = recv(c->control, &m, sizeof m, 0);
		if (n < (ssize_t)HEAD || (size_t)n != HEAD + m.size || m.size >= CONTROL_TEXT_MAX)
			figure_fail(error_set(PMIG_EPROTOCOL, "%s has ended", program));
		m.text[m.size] = '\0';
		if (m.type == CONTROL_FAILED)
			figure_fail(error_set(PMIG_EREFUSED, "%s: %s", program, m.text));
	} while (m.type != type);
	return m;
}

static int new_file(void)
{
	return must_errno(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), directory);
}

/* Seconds that the program stood still for the image in `fd`. */
static double save(struct copy *c, int fd, double *ret_bytes)
{
	send_message(c, CONTROL_CHECKPOINT, fd);
	(void)must_errno(kill(c->pid, CONTROL_SIGNAL), "signal");
	*ret_bytes = (double)await_message(c, CONTROL_SAVED).args[0];
	return hear(c, "stopped ");
}

static void verify(int fd)
{
	struct image *im;
	figure_must(image_open(fd, "bench", &im));
	figure_must(image_verify(im));
	image_close(im);
}

/* Seconds from fork() until the program has said its first word. `whole`: waits until it has compared all its bytes. */
static double restart(int image, bool whole)
{
	double begin = figure_now();
	struct copy c = start(image);
	(void)await_message(&c, CONTROL_RESTORED);
	send_message(&c, CONTROL_ACTIVATE, -1);
	(void)hear(&c, "restored\n");
	double took = figure_now() - begin;
	if (whole)
		(void)hear(&c, "the same bytes\n");
	end(&c);
	return took;
}

static void report(const char *what, struct figure f, const double *value, const double *against, size_t runs)
{
	char name[64];
	(void)snprintf(name, sizeof name, "%s-%s", what, mib);
	f.name = name;
	if (against != NULL)
		figure_pairs(&f, value, against, runs);
	else
		figure_bound(&f, value, runs, RESTART_BOUND);
}

static void measure(size_t runs)
{
	double written[FIGURE_RUNS_MAX], stopped[FIGURE_RUNS_MAX], bytes[FIGURE_RUNS_MAX], touched[FIGURE_RUNS_MAX],
		restarted[FIGURE_RUNS_MAX];
	int image = -1;
	unsigned long size = strtoul(mib, NULL, 10);
	bool large = size >= LARGE;
	struct copy c = start(-1);
	/* Each write begins where one before it has given its pages back, in the first round, which does not count, none: new
	 * pages cost more, on virtual machines many times. */
	for (size_t i = 0; i <= runs; i++) {
		size_t at = i == 0 ? 0 : i - 1;
		if (image >= 0)
			(void)close(image);
		(void)must_errno((int)write(c.hears, "", 1), program);
		written[at] = hear(&c, "written ");
		image = new_file();
		stopped[at] = save(&c, image, &bytes[at]);
		touched[at] = (double)(size << 20);
	}
	end(&c);
	verify(image);
	for (size_t i = 0; i < runs; i++)
		restarted[i] = restart(image, i == 0);
	(void)close(image);
	report("checkpoint-stop", (struct figure){.goal = large ? 1.2 : 0, .unit = "s"}, stopped, written, runs);
	report("checkpoint-size", (struct figure){.goal = large ? 1.02 : 0, .unit = "byte"}, bytes, touched, runs);
	report("restart", (struct figure){.goal = 1, .unit = "s"}, restarted, NULL, runs);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 5 || (argc > 2 && strtoul(argv[2], NULL, 10) == 0)) {
		(void)fprintf(stderr, "usage: checkpoint PROGRAM [MIB [RUNS [DIRECTORY]]]\n");
		return 2;
	}
	program = argv[1];
	mib = argc > 2 ? argv[2] : mib;
	size_t runs = figure_runs(argc > 3 ? argv[3] : NULL, 5);
	directory = argc > 4 ? argv[4] : "/dev/shm";
	(void)alarm(PATIENCE);
	measure(runs);
	return 0;
}
