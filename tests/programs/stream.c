/* stream: talks with whoever is at the other end of a device, a terminal or a FIFO that it opened by name: answers every line. It never
 * blocks but in poll(), and takes a safe point in between.
 * stream [TYPE] PATH: with TYPE any of that type will do, else exactly this one is meant. Of a FIFO it only reads, and answers on standard output. */
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static char where[64], line[65536];
static size_t have;

static int moved(void *context, const struct pmig_news *news)
{
	(void)context;
	if (news->outcome == PMIG_RESTORED) {
		snprintf(where, sizeof where, "%s", news->to);
		printf("at %s: %s\n", news->to, news->locator);
		fflush(stdout);
	}
	return 0;
}

static void say(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, text, n);
		if (k < 0 && errno == EAGAIN) {
			(void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (k <= 0) {
			perror("stream: write");
			exit(1);
		}
		text += k;
		n -= (size_t)k;
	}
}

/* "ask WORDS": answered at length; "end": that was all. */
static int answer(int fd, int to, const char *question, size_t n)
{
	char text[512];
	struct winsize w = {0};
	struct termios modes;
	int tty = isatty(fd);
	if (tty)
		(void)ioctl(fd, TIOCGWINSZ, &w);
	int raw = tty && tcgetattr(fd, &modes) == 0 && (modes.c_lflag & ICANON) == 0;
	int size = snprintf(text, sizeof text, "%s heard %zu bytes, %.40s, terminal %d %d rows %d\n", where, n, question,
		tty, raw, w.ws_row);
	say(to, text, (size_t)size);
	return strcmp(question, "end") == 0;
}

int main(int argc, char **argv)
{
	const char *type = argc > 2 ? argv[1] : NULL;
	struct stat st;
	int fifo = stat(argv[argc - 1], &st) == 0 && S_ISFIFO(st.st_mode), done = 0;
	int fd = open(argv[argc - 1], (fifo ? O_RDONLY : O_RDWR) | O_NOCTTY | O_NONBLOCK);
	if (argc < 2 || fd < 0) {
		perror("stream");
		return 1;
	}
	static const struct pmig_hooks hooks = {.after = moved};
	const struct pmig_declaration d = {.binding = type != NULL ? PMIG_BY_TYPE : PMIG_BY_IDENTIFIER,
		.attachment = PMIG_FIXED,
		.type = type,
		.hooks = &hooks};
	if (pmig_declare_fd(fd, &d) < 0) {
		fprintf(stderr, "stream: %s\n", pmig_reason());
		return 1;
	}
	gethostname(where, sizeof where - 1);
	printf("ready\n");
	fflush(stdout);
	while (!done) {
		pmig_safepoint();
		if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20) <= 0)
			continue;
		ssize_t n = read(fd, line + have, sizeof line - have);
		if (n <= 0 && errno != EAGAIN)
			break;
		have += n > 0 ? (size_t)n : 0;
		for (char *end; !done && (end = memchr(line, '\n', have)) != NULL;) {
			*end = '\0';
			size_t size = (size_t)(end - line);
			done = answer(fd, fifo ? 1 : fd, line, size);
			have -= size + 1;
			memmove(line, end + 1, have);
		}
	}
	printf("done\n");
	return 0;
}
