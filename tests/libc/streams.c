/* streams: every kind of stream of stdio, moved in the middle: read ahead, pushed back, half written, wide, in memory, over functions. */
#include "step.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio_ext.h>
#include <wchar.h>

static char static_buffer[100];

static void text_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	HOLDS(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void read_ahead(const char *path)
{
	char line[64];
	text_file(path, "alpha beta gamma\ndelta\nepsilon 42 zeta\n");
	FILE *f = fopen(path, "r");
	HOLDS(fgetc(f) == 'a');
	step();
	HOLDS(fgets(line, 6, f) != NULL && strcmp(line, "lpha ") == 0);
	HOLDS(ftell(f) == 6);
	step();
	HOLDS(ungetc('B', f) == 'B');
	step();
	HOLDS(ftell(f) == 5);
	HOLDS(fgets(line, sizeof line, f) != NULL && strcmp(line, "Bbeta gamma\n") == 0);
	step();
	long at = ftell(f);
	fpos_t position;
	HOLDS(fgetpos(f, &position) == 0);
	HOLDS(fgetc(f) == 'd');
	step();
	HOLDS(fsetpos(f, &position) == 0 && ftell(f) == at && fgetc(f) == 'd');
	step();
	int number = 0;
	HOLDS(fscanf(f, "elta epsilon %d", &number) == 1 && number == 42);
	step();
	HOLDS(fscanf(f, "%63s", line) == 1 && strcmp(line, "zeta") == 0);
	HOLDS(fgetc(f) == '\n' && fgetc(f) == EOF && feof(f) && !ferror(f));
	step();
	HOLDS(feof(f) && fgetc(f) == EOF);
	clearerr(f);
	step();
	HOLDS(!feof(f));
	rewind(f);
	step();
	HOLDS(fgetc(f) == 'a');
	HOLDS(fclose(f) == 0);
}

static void pushed_back(const char *path)
{
	text_file(path, "0123456789");
	FILE *f = fopen(path, "r");
	for (int i = 0; i < 5; i++)
		(void)fgetc(f);
	HOLDS(ungetc('x', f) == 'x' && ungetc('y', f) == 'y' && ungetc('z', f) == 'z');
	step();
	HOLDS(fgetc(f) == 'z');
	step();
	HOLDS(fgetc(f) == 'y' && fgetc(f) == 'x' && fgetc(f) == '5');
	step();
	HOLDS(fseek(f, -2, SEEK_END) == 0);
	step();
	HOLDS(ungetc('!', f) == '!');
	step();
	HOLDS(fgetc(f) == '!' && fgetc(f) == '8' && fgetc(f) == '9' && fgetc(f) == EOF);
	HOLDS(ungetc('e', f) == 'e' && !feof(f));
	step();
	HOLDS(fgetc(f) == 'e' && fgetc(f) == EOF && feof(f));
	fclose(f);
}

static void half_written(const char *path)
{
	char line[64] = "";
	FILE *f = fopen(path, "w+");
	HOLDS(setvbuf(f, static_buffer, _IOFBF, sizeof static_buffer) == 0);
	fprintf(f, "one %d", 1);
	step();
	fprintf(f, " two %d\n", 2);
	step();
	for (int i = 0; i < 30; i++)
		fprintf(f, "line %d\n", i);
	step();
	HOLDS(fseek(f, 4, SEEK_SET) == 0);
	step();
	HOLDS(fputc('X', f) == 'X');
	step();
	rewind(f);
	step();
	HOLDS(fgets(line, sizeof line, f) != NULL && strcmp(line, "one X two 2\n") == 0);
	step();
	HOLDS(fseek(f, 0, SEEK_CUR) == 0 && fputs("LINE", f) >= 0);
	step();
	HOLDS(fseek(f, 12, SEEK_SET) == 0 && fgets(line, sizeof line, f) != NULL && strcmp(line, "LINE 0\n") == 0);
	fclose(f);
	char *heap = malloc(4096);
	f = fopen(path, "a+");
	HOLDS(setvbuf(f, heap, _IOLBF, 4096) == 0);
	fprintf(f, "appended");
	step();
	fprintf(f, " and on\n");
	step();
	rewind(f);
	HOLDS(fgetc(f) == 'o');
	step();
	HOLDS(fgetc(f) == 'n');
	HOLDS(fputs("again\n", f) >= 0);
	step();
	fclose(f);
	free(heap);
	f = fopen(path, "r");
	setbuf(f, NULL);
	int lines = 0, c;
	while ((c = fgetc(f)) != EOF) {
		lines += c == '\n';
		if (lines % 10 == 0 && c == '\n')
			step();
	}
	HOLDS(lines == 33);
	HOLDS((f = freopen(path, "r+", f)) != NULL);
	step();
	HOLDS(fgetc(f) == 'o');
	HOLDS((f = freopen("/dev/null", "w", f)) != NULL && fputs("gone", f) >= 0);
	step();
	HOLDS(freopen("/dev/null/none", "r", f) == NULL); /* closed, and still there */
	step();
	HOLDS(fgetc(f) == EOF && fileno(f) < 0);
	step();
	HOLDS(freopen(path, "r", f) == f && fgetc(f) == 'o');
	step();
	HOLDS(fgetc(f) == 'n');
	HOLDS(fclose(f) == 0);
}

static void wide(const char *path)
{
	wchar_t line[64];
	HOLDS(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	FILE *f = fopen(path, "w");
	HOLDS(fwide(f, 1) > 0);
	HOLDS(fwprintf(f, L"gr\u00fcn %ls %d\n", L"\u65e5\u672c", 7) > 0);
	step();
	HOLDS(fputws(L"\U0001f600 second\n", f) >= 0);
	step();
	fclose(f);
	f = fopen(path, "r");
	HOLDS(fgetwc(f) == L'g');
	step();
	HOLDS(fwide(f, 0) > 0 && fgetws(line, 6, f) != NULL && wcscmp(line, L"r\u00fcn \u65e5") == 0);
	step();
	HOLDS(ungetwc(L'\u20ac', f) == L'\u20ac');
	step();
	HOLDS(fgetwc(f) == L'\u20ac' && fgetwc(f) == L'\u672c');
	step();
	int number = 0;
	HOLDS(fwscanf(f, L"%d ", &number) == 1 && number == 7);
	step();
	HOLDS(fgetws(line, 64, f) != NULL && wcscmp(line, L"\U0001f600 second\n") == 0);
	HOLDS(fgetwc(f) == WEOF && feof(f));
	step();
	HOLDS(feof(f));
	fclose(f);
	HOLDS(setlocale(LC_CTYPE, "C") != NULL);
}

static void memory(void)
{
	char space[40] = "0123456789abcdef", *text = NULL;
	size_t size = 0;
	FILE *f = fmemopen(space, sizeof space, "r+");
	HOLDS(fgetc(f) == '0');
	step();
	HOLDS(fgetc(f) == '1' && fseek(f, 0, SEEK_CUR) == 0 && fputc('X', f) == 'X');
	step();
	HOLDS(fflush(f) == 0 && strcmp(space, "01X3456789abcdef") == 0);
	HOLDS(fseek(f, 10, SEEK_SET) == 0);
	step();
	HOLDS(fgetc(f) == 'a' && ungetc('Q', f) == 'Q');
	step();
	HOLDS(fgetc(f) == 'Q' && fgetc(f) == 'b');
	fclose(f);
	f = fmemopen(NULL, 100, "w+");
	fprintf(f, "own %d", 5);
	step();
	rewind(f);
	step();
	int number = 0;
	HOLDS(fscanf(f, "own %d", &number) == 1 && number == 5);
	step();
	fclose(f);
	f = open_memstream(&text, &size);
	for (int i = 0; i < 100; i++) {
		fprintf(f, "%d ", i);
		if (i % 30 == 0)
			step();
	}
	fflush(f);
	HOLDS(size == 290 && strlen(text) == 290);
	step();
	HOLDS(fseek(f, 2, SEEK_SET) == 0 && fputs("!", f) >= 0);
	step();
	fclose(f);
	HOLDS(size == 3 && strcmp(text, "0 !") == 0);
	free(text);
	wchar_t *letters = NULL; /* open, such a stream refuses the move: tests/refusals */
	f = open_wmemstream(&letters, &size);
	for (int i = 0; i < 100; i++)
		HOLDS(fwprintf(f, L"%lc%d ", L'a' + i, i) > 0);
	HOLDS(fclose(f) == 0 && size == 390);
	step();
	HOLDS(wcslen(letters) == 390 && letters[0] == L'a' && letters[3] == L'b');
	free(letters);
}

struct letters {
	int next, closed, got;
};

static ssize_t letters_read(void *context, char *to, size_t size)
{
	struct letters *l = context;
	size_t n = 0;
	while (n < size && n < 10 && l->next < 60)
		to[n++] = (char)('A' + l->next++);
	return (ssize_t)n;
}

static ssize_t letters_write(void *context, const char *from, size_t size)
{
	(void)from;
	((struct letters *)context)->got += (int)size;
	return (ssize_t)size;
}

static int letters_close(void *context)
{
	((struct letters *)context)->closed = 1;
	return 0;
}

static void functions(void)
{
	struct letters l = {0};
	FILE *f = fopencookie(&l, "r", (cookie_io_functions_t){.read = letters_read, .close = letters_close});
	for (int i = 0; i < 60; i++) {
		HOLDS(fgetc(f) == 'A' + i);
		if (i % 7 == 3)
			step();
	}
	HOLDS(fgetc(f) == EOF && feof(f));
	step();
	HOLDS(fclose(f) == 0 && l.closed);
	l = (struct letters){0};
	f = fopencookie(&l, "w", (cookie_io_functions_t){.write = letters_write, .close = letters_close});
	fputs("twelve chars", f);
	step();
	fputs("more", f);
	step();
	HOLDS(fclose(f) == 0 && l.closed && l.got == 16);
}

static void without_name(void)
{
	FILE *f = tmpfile();
	char *line = NULL;
	size_t room = 0;
	for (int i = 0; i < 1000; i++)
		fprintf(f, "a line with number %d\n", i);
	step();
	rewind(f);
	for (int i = 0; i < 1000; i++) {
		char want[64];
		snprintf(want, sizeof want, "a line with number %d\n", i);
		HOLDS(getline(&line, &room, f) == (ssize_t)strlen(want) && strcmp(line, want) == 0);
		if (i % 250 == 100)
			step();
	}
	HOLDS(getdelim(&line, &room, ' ', f) == -1 && feof(f));
	free(line);
	fclose(f);
}

static void flags_and_modes(const char *path)
{
	text_file(path, "abc");
	FILE *f = fopen(path, "r");
	HOLDS(fputc('x', f) == EOF && ferror(f));
	step();
	HOLDS(ferror(f) && !feof(f) && fgetc(f) == 'a');
	clearerr(f);
	(void)__fsetlocking(f, FSETLOCKING_BYCALLER);
	step();
	HOLDS(!ferror(f) && __fsetlocking(f, FSETLOCKING_QUERY) == FSETLOCKING_BYCALLER);
	int fd = fileno(f);
	HOLDS(lseek(fd, 0, SEEK_CUR) == 3);
	step();
	HOLDS(lseek(fileno(f), 0, SEEK_CUR) == 3 && fgetc(f) == 'b');
	fclose(f);
	f = fopen(path, "rx");
	HOLDS(f != NULL);
	step();
	HOLDS(fgetc(f) == 'a');
	fclose(f);
	HOLDS(fopen(path, "wx") == NULL && errno == EEXIST);
	pmig_safepoint();
	HOLDS(errno == EEXIST);
}

int main(int argc, char **argv)
{
	char path[64];
	step_start(argc, argv);
	snprintf(path, sizeof path, "%.40s/streams-%d", step_place, (int)getpid());
	printf("begun");
	read_ahead(path);
	pushed_back(path);
	half_written(path);
	wide(path);
	memory();
	functions();
	without_name();
	flags_and_modes(path);
	unlink(path);
	printf(", done\n");
	return 0;
}
