/* Streams keep address, position, unread input, buffer and mode over a restore in a fresh process. */
#include "restore_case.h"

#include "stream/replaced.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <wchar.h>

struct state {
	FILE *f, *g, *out;
	int pipe[2];
	char *path;
	char buffer[512];
	char *text;
	size_t size;
	long where;
};

static struct state *fresh(void)
{
	struct state *s = pmig_calloc(1, sizeof *s);
	char path[] = "/tmp/pmig-stream-XXXXXX";
	int fd = mkstemp(path);
	CHECK(s != NULL && fd >= 0);
	close(fd);
	s->path = pmig_strdup(path);
	return s;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void expect_file(const char *path, const char *text)
{
	char buffer[4096] = "";
	FILE *f = fopen(path, "r");
	CHECK(f != NULL);
	buffer[fread(buffer, 1, sizeof buffer - 1, f)] = 0;
	fclose(f);
	if (strcmp(buffer, text) != 0)
		dprintf(2, "have \"%s\", want \"%s\"\n", buffer, text);
	CHECK(strcmp(buffer, text) == 0);
}

static void *read_half(void)
{
	struct state *s = fresh();
	write_file(s->path, "one\ntwo\nthree\n");
	s->f = pmig_fopen(s->path, "r");
	char line[16];
	CHECK(s->f != NULL && fgets(line, sizeof line, s->f) != NULL);
	CHECK(arena_contains(s->f));
	CHECK(getc(s->f) == 't' && ungetc('X', s->f) == 'X');
	return s;
}

static void read_other_half(void *state)
{
	struct state *s = state;
	char line[16];
	CHECK(fgets(line, sizeof line, s->f) != NULL && strcmp(line, "Xwo\n") == 0);
	CHECK(ftell(s->f) == 8);
	CHECK(fgets(line, sizeof line, s->f) != NULL && strcmp(line, "three\n") == 0);
	CHECK(!feof(s->f) && getc(s->f) == EOF && feof(s->f));
	CHECK(fseek(s->f, 4, SEEK_SET) == 0 && getc(s->f) == 't');
	CHECK(pmig_fclose(s->f) == 0);
	unlink(s->path);
}

static void *pipe_unread(void)
{
	struct state *s = fresh();
	CHECK(pipe(s->pipe) == 0 && write(s->pipe[1], "abcdefgh", 8) == 8);
	s->f = pmig_fdopen(s->pipe[0], "r");
	CHECK(getc(s->f) == 'a' && ungetc('a', s->f) == 'a' && ungetc('Z', s->f) == 'Z'); /* all eight are in the buffer */
	CHECK(write(s->pipe[1], "ij", 2) == 2);                                           /* these are in the pipe */
	unlink(s->path);
	return s;
}

static void pipe_rest(void *state)
{
	struct state *s = state;
	char text[32] = "";
	CHECK(write(s->pipe[1], "kl", 2) == 2 && close(s->pipe[1]) == 0);
	CHECK(fgets(text, sizeof text, s->f) != NULL && strcmp(text, "Zabcdefghijkl") == 0);
	CHECK(feof(s->f));
}

static void *append(void)
{
	struct state *s = fresh();
	write_file(s->path, "begin ");
	s->f = pmig_fopen(s->path, "a");
	CHECK(s->f != NULL && fputs("middle ", s->f) >= 0);
	s->g = pmig_fopen(s->path, "r+");
	CHECK(s->g != NULL && fputs("BEG", s->g) >= 0);
	pmig_setvbuf(s->f, s->buffer, _IOFBF, sizeof s->buffer);
	CHECK(fflush(s->f) == 0 && lseek(fileno(s->f), 3, SEEK_SET) == 3);
	return s;
}

static void append_rest(void *state)
{
	struct state *s = state;
	CHECK((fcntl(fileno(s->f), F_GETFL) & O_APPEND) != 0 && lseek(fileno(s->f), 0, SEEK_CUR) == 3);
	CHECK(fputs("end", s->f) >= 0);
	CHECK(memcmp(s->buffer, "end", 3) == 0); /* the program's own buffer is in use */
	CHECK(fputs("IN", s->g) >= 0);
	CHECK(pmig_fclose(s->f) == 0 && pmig_fclose(s->g) == 0);
	expect_file(s->path, "BEGIN middle end");
	unlink(s->path);
}

static void *memory(void)
{
	struct state *s = fresh();
	s->f = pmig_open_memstream(&s->text, &s->size);
	s->g = pmig_fmemopen(s->buffer, sizeof s->buffer, "w+");
	CHECK(s->f != NULL && s->g != NULL);
	CHECK(fprintf(s->f, "%d %s", 42, "and") > 0 && fprintf(s->g, "12345") > 0);
	CHECK(fseek(s->g, 1, SEEK_SET) == 0 && getc(s->g) == '2');
	unlink(s->path);
	return s;
}

static void memory_rest(void *state)
{
	struct state *s = state;
	CHECK(fprintf(s->f, " so on") > 0 && fflush(s->f) == 0);
	CHECK(strcmp(s->text, "42 and so on") == 0 && s->size == 12);
	CHECK(arena_contains(s->text));
	CHECK(getc(s->g) == '3' && ftell(s->g) == 3);
	CHECK(pmig_fclose(s->f) == 0 && pmig_fclose(s->g) == 0);
	CHECK(strcmp(s->buffer, "12345") == 0);
	pmig_free(s->text);
}

static ssize_t read_letters(void *cookie, char *to, size_t size)
{
	char *next = cookie;
	size_t n = size < 3 ? size : 3;
	for (size_t i = 0; i < n; i++)
		to[i] = (*next)++;
	return (ssize_t)n;
}

static void *cookie(void)
{
	struct state *s = fresh();
	s->buffer[0] = 'a';
	s->f = pmig_fopencookie(s->buffer, "r", (cookie_io_functions_t){.read = read_letters});
	CHECK(s->f != NULL && getc(s->f) == 'a');
	unlink(s->path);
	return s;
}

static void cookie_rest(void *state)
{
	struct state *s = state;
	char text[9] = "";
	CHECK(fread(text, 1, 8, s->f) == 8 && strcmp(text, "bcdefghi") == 0);
	CHECK(pmig_fclose(s->f) == 0);
}

static void *standard(void)
{
	struct state *s = fresh();
	s->out = stdout;
	CHECK(arena_contains(stdout) && arena_contains(stdin) && arena_contains(stderr));
	CHECK(fileno(stdout) == 1 && fileno(stderr) == 2 && __fbufsize(stderr) == 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	unlink(s->path);
	return s;
}

static void standard_rest(void *state)
{
	struct state *s = state;
	CHECK(s->out == stdout && fileno(stdout) == 1 && fileno(s->out) == 1 && fileno(stderr) == 2);
	CHECK(fputs("", s->out) >= 0 && fflush(stdout) == 0);
}

static void *eof_and_error(void)
{
	struct state *s = fresh();
	write_file(s->path, "x");
	s->f = pmig_fopen(s->path, "r");
	CHECK(getc(s->f) == 'x' && getc(s->f) == EOF && feof(s->f));
	s->g = pmig_fopen(s->path, "r");
	CHECK(putc('y', s->g) == EOF && ferror(s->g));
	return s;
}

static void still_eof_and_error(void *state)
{
	struct state *s = state;
	CHECK(feof(s->f) && !ferror(s->f) && getc(s->f) == EOF);
	CHECK(ferror(s->g) && !feof(s->g));
	clearerr(s->g);
	CHECK(getc(s->g) == 'x');
	unlink(s->path);
}

static void *many_pushed_back(void)
{
	struct state *s = fresh();
	s->text = pmig_malloc(20000);
	memset(s->text, 'p', 20000);
	write_file(s->path, "rest");
	s->f = pmig_fopen(s->path, "r");
	CHECK(getc(s->f) == 'r');
	for (int i = 0; i < 10000; i++)
		CHECK(ungetc('0' + i % 10, s->f) == '0' + i % 10);
	return s;
}

static void many_come_back(void *state)
{
	struct state *s = state;
	for (int i = 9999; i >= 0; i--)
		CHECK(getc(s->f) == '0' + i % 10);
	CHECK(getc(s->f) == 'e' && getc(s->f) == 's' && getc(s->f) == 't' && getc(s->f) == EOF);
	unlink(s->path);
}

static void *wide(void)
{
	struct state *s = fresh();
	CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL);
	write_file(s->path, "\u00e4\u00f6\u00fc\u20ac");
	s->f = pmig_fopen(s->path, "r");
	CHECK(fgetwc(s->f) == L'\u00e4' && fwide(s->f, 0) > 0);
	return s;
}

static void wide_rest(void *state)
{
	struct state *s = state;
	CHECK(fwide(s->f, 0) > 0);
	CHECK(fgetwc(s->f) == L'\u00f6' && fgetwc(s->f) == L'\u00fc' && fgetwc(s->f) == L'\u20ac' && fgetwc(s->f) == WEOF);
	unlink(s->path);
}

static void *directory(void)
{
	struct state *s = fresh();
	unlink(s->path);
	CHECK(mkdir(s->path, 0700) == 0);
	char name[256];
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "%s/%d", s->path, i);
		write_file(name, "");
	}
	s->f = (FILE *)pmig_opendir(s->path);
	CHECK(s->f != NULL);
	for (int i = 0; i < 3; i++)
		CHECK(pmig_readdir((DIR *)s->f) != NULL);
	s->where = pmig_telldir((DIR *)s->f);
	struct dirent *e = pmig_readdir((DIR *)s->f);
	s->text = e->d_name;
	snprintf(s->buffer, sizeof s->buffer, "%s", e->d_name);
	return s;
}

static void directory_rest(void *state)
{
	struct state *s = state;
	DIR *d = (DIR *)s->f;
	CHECK(strcmp(s->text, s->buffer) == 0);
	int n = 0;
	while (pmig_readdir(d) != NULL)
		n++;
	CHECK(n == 3); /* of five and two dots */
	pmig_seekdir(d, s->where);
	CHECK(strcmp(pmig_readdir(d)->d_name, s->buffer) == 0);
	pmig_rewinddir(d);
	for (n = 0; pmig_readdir(d) != NULL; n++)
		;
	CHECK(n == 7 && fcntl(pmig_dirfd(d), F_GETFD) == FD_CLOEXEC);
	CHECK(pmig_closedir(d) == 0);
	char name[256];
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "%s/%d", s->path, i);
		unlink(name);
	}
	rmdir(s->path);
}

static void *full_disk(void)
{
	struct state *s = fresh();
	unlink(s->path);
	s->f = pmig_fopen("/dev/full", "w");
	CHECK(s->f != NULL && fputs("lost", s->f) >= 0);
	return s;
}

static const struct restore_case cases[] = {
	{.name = "a file read half, with a character pushed back", .before = read_half, .after = read_other_half},
	{.name = "unread input of a pipe", .before = pipe_unread, .after = pipe_rest},
	{.name = "append and update, with the program's buffer", .before = append, .after = append_rest},
	{.name = "streams over memory", .before = memory, .after = memory_rest},
	{.name = "a stream over functions", .before = cookie, .after = cookie_rest},
	{.name = "the standard streams", .before = standard, .after = standard_rest},
	{.name = "end of file and errors", .before = eof_and_error, .after = still_eof_and_error},
	{.name = "more pushed back than a buffer holds", .before = many_pushed_back, .after = many_come_back},
	{.name = "wide characters", .before = wide, .after = wide_rest},
	{.name = "a directory read half", .before = directory, .after = directory_rest},
	{.name = "output that cannot be written", .before = full_disk, .refused = "output cannot be written"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
