/* refers LOG DATA STREAM LIST: does with files what the lines of its input say, and tells what came of each; all are declared to stay where
 * they are. LOG is appended to, DATA read and written, STREAM is a FILE *, LIST a directory. A safe point before each line. */
#define _GNU_SOURCE 1
#include <pmig/pmig.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REFER(...) \
	&(struct pmig_declaration) \
	{ \
		.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FASTENED, __VA_ARGS__ \
	}

static int log_fd, data;
static FILE *stream;
static DIR *list;

static const char *result(long long n)
{
	static char text[64];
	if (n < 0)
		snprintf(text, sizeof text, "%s", strerrorname_np(errno));
	else
		snprintf(text, sizeof text, "%lld", n);
	return text;
}

static int byte_lock(int command, short type, long at)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
	return fcntl(data, command, &l);
}

static const char *read_at(long at, size_t size)
{
	static char text[4096];
	ssize_t n = pread(data, text, size < sizeof text ? size : sizeof text - 1, at);
	text[n > 0 ? n : 0] = 0;
	return n < 0 ? result(n) : text;
}

static const char *line(void)
{
	static char text[256];
	if (fgets(text, sizeof text, stream) == NULL)
		return ferror(stream) ? "error" : "end";
	text[strcspn(text, "\n")] = 0;
	return text;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *names(void)
{
	static char text[1024];
	char *found[16];
	size_t n = 0;
	text[0] = 0;
	rewinddir(list);
	for (struct dirent *e; (e = readdir(list)) != NULL && n < 16;)
		if (e->d_name[0] != '.')
			found[n++] = strdup(e->d_name);
	qsort(found, n, sizeof *found, by_name);
	for (size_t i = 0; i < n; i++) {
		if (strlen(text) + strlen(found[i]) + 2 < sizeof text)
			strcat(strcat(text, found[i]), i + 1 < n ? " " : "");
		free(found[i]);
	}
	return text;
}

/* KiB are written until it goes wrong, or so many are. */
static const char *fill(long n)
{
	static char block[1024];
	memset(block, 'x', sizeof block);
	for (long i = 0; i < n; i++)
		if (write(log_fd, block, sizeof block) < 0)
			return result(-1);
	return result(fsync(log_fd));
}

static const char *same_numbers(void)
{
	struct stat a, b;
	int twin = dup(data), other = dup2(log_fd, 200), flags = fcntl(log_fd, F_GETFL);
	bool good = twin >= 0 && other == 200 && lseek(data, 3, SEEK_SET) == 3 && lseek(twin, 0, SEEK_CUR) == 3;
	good = good && fstat(twin, &a) == 0 && fstat(data, &b) == 0 && a.st_ino == b.st_ino && a.st_nlink == 1;
	good = good && fcntl(200, F_GETFD) == 0 && (flags & O_APPEND) != 0 && isatty(data) == 0 && errno == ENOTTY;
	struct pollfd p = {.fd = data, .events = POLLIN | POLLOUT};
	good = good && poll(&p, 1, -1) == 1 && p.revents == (POLLIN | POLLOUT) && fileno(stream) > 2;
	good = good && dprintf(200, "by its twin\n") == 12 && close(200) == 0 && close(twin) == 0;
	return good && fcntl(200, F_GETFD) < 0 && errno == EBADF ? "good" : "bad";
}

static const char *carry_out(const char *word, long n, const char *text)
{
	if (strcmp(word, "log") == 0)
		return result(dprintf(log_fd, "%s\n", text));
	if (strcmp(word, "read") == 0)
		return read_at(n, (size_t)atol(text));
	if (strcmp(word, "write") == 0)
		return result(pwrite(data, text, strlen(text), n));
	if (strcmp(word, "next") == 0) {
		static char some[64];
		ssize_t got = read(data, some, n > 0 && n < 64 ? (size_t)n : 8);
		some[got > 0 ? got : 0] = 0;
		return got < 0 ? result(got) : some;
	}
	if (strcmp(word, "line") == 0)
		return line();
	if (strcmp(word, "print") == 0)
		return fprintf(stream, "%s\n", text) < 0 || fflush(stream) != 0 ? result(-1) : result(ftell(stream));
	if (strcmp(word, "end") == 0)
		return result(fseek(stream, 0, SEEK_END) < 0 ? -1 : ftell(stream));
	if (strcmp(word, "size") == 0) {
		struct stat st;
		return result(fstat(data, &st) < 0 ? -1 : (long long)st.st_size);
	}
	if (strcmp(word, "lock") == 0)
		return result(byte_lock(F_SETLK, F_WRLCK, n));
	if (strcmp(word, "wait") == 0)
		return result(byte_lock(F_SETLKW, F_WRLCK, n));
	if (strcmp(word, "unlock") == 0)
		return result(byte_lock(F_SETLK, F_UNLCK, n));
	if (strcmp(word, "flock") == 0)
		return result(flock(log_fd, LOCK_EX | LOCK_NB));
	if (strcmp(word, "funlock") == 0)
		return result(flock(log_fd, LOCK_UN));
	if (strcmp(word, "names") == 0)
		return names();
	if (strcmp(word, "sync") == 0)
		return result(fsync(log_fd));
	if (strcmp(word, "fill") == 0)
		return fill(n);
	if (strcmp(word, "errors") == 0)
		return result(dup2(log_fd, 2));
	if (strcmp(word, "complain") == 0)
		return result(fprintf(stderr, "%s\n", text));
	if (strcmp(word, "numbers") == 0)
		return same_numbers();
	return "what?";
}

/* Waits for input in short naps, since a blocked read() would not be a safe point. */
static void await_input(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	while (poll(&p, 1, 10) <= 0)
		pmig_safepoint();
}

static int one_line(char text[512])
{
	size_t n = 0;
	for (;;) {
		await_input();
		ssize_t k = read(0, text + n, 1);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		if (text[n] == '\n')
			break;
		n += n + 1 < 512;
	}
	text[n] = 0;
	return 0;
}

int main(int argc, char **argv)
{
	char text[512], word[32];
	if (argc != 5)
		return 2;
	log_fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644);
	data = open(argv[2], O_RDWR);
	stream = fopen(argv[3], "r+");
	list = opendir(argv[4]);
	if (log_fd < 0 || data < 0 || stream == NULL || list == NULL)
		return 3;
	if (pmig_declare_fd(log_fd, REFER(.name = "log", .shared = true)) < 0 ||
		pmig_declare_fd(data, REFER(.name = "data")) < 0 ||
		pmig_declare_stream(stream, REFER(.name = "stream")) < 0 ||
		pmig_declare_fd(dirfd(list), REFER(.name = "list")) < 0) {
		fprintf(stderr, "%s\n", pmig_reason());
		return 4;
	}
	printf("ready\n");
	fflush(stdout);
	for (int i = 1; one_line(text) == 0; i++) {
		long n = 0;
		int at = 0;
		if (sscanf(text, "%31s%n %ld%n", word, &at, &n, &at) < 1)
			continue;
		const char *rest = text + at + (text[at] == ' ');
		printf("%d %s: %s\n", i, word, carry_out(word, n, rest));
		fflush(stdout);
	}
	return fclose(stream) == 0 && close(data) == 0 && close(log_fd) == 0 && closedir(list) == 0 ? 0 : 5;
}
