/* index: reads a text, builds an index of its words on the heap (a hash table of lists of lines), writes it to a file, and
 * with each word, where there is one, the most frequent other word that is one slip of a pen away.
 *
 *   pmig-cc -O2 index.c -o index
 *   pmig run -- ./index TEXT RESULT
 *
 * The text is open for reading while it moves: its content goes along. The result is open for writing: it goes along and
 * is gone from where it was. Before it ends it counts again, from the index, what it counted while reading. Method of the
 * slips: Norvig, How to write a spelling corrector, 2007. */
#include <pmig/pmig.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536
#define LINE_MAX_BYTES 65536
#define LINES_SHOWN 8
#define SLIP_MAX 30 /* letters of a word that is tried with slips */

struct line {
	struct line *next;
	long number;
};

struct word {
	struct word *next; /* in its bucket */
	struct line *first, *last;
	long count;
	char text[];
};

static struct word *buckets[BUCKETS];
static long words_read, words_different;

static unsigned hash(const char *s)
{
	unsigned h = 2166136261u; /* FNV-1a */
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h % BUCKETS;
}

static void *get(size_t size)
{
	void *p = malloc(size);
	if (p == NULL) {
		fputs("index: not enough memory\n", stderr);
		exit(1);
	}
	return p;
}

static struct word *look_up(const char *text)
{
	struct word *w = buckets[hash(text)];
	while (w != NULL && strcmp(w->text, text) != 0)
		w = w->next;
	return w;
}

static struct word *find(const char *text)
{
	struct word **bucket = &buckets[hash(text)], *w = look_up(text);
	if (w != NULL)
		return w;
	w = get(sizeof *w + strlen(text) + 1);
	*w = (struct word){.next = *bucket};
	strcpy(w->text, text);
	*bucket = w;
	words_different++;
	return w;
}

static void add(const char *text, long number)
{
	struct word *w = find(text);
	words_read++;
	w->count++;
	if (w->last != NULL && w->last->number == number)
		return;
	struct line *line = get(sizeof *line);
	*line = (struct line){.number = number};
	if (w->last != NULL)
		w->last->next = line;
	else
		w->first = line;
	w->last = line;
}

static void read_line(char *s, long number)
{
	while (*s != '\0') {
		while (*s != '\0' && !isalpha((unsigned char)*s))
			s++;
		char *begin = s;
		for (; isalpha((unsigned char)*s); s++)
			*s = (char)tolower((unsigned char)*s);
		if (s == begin)
			break;
		char end = *s;
		*s = '\0';
		add(begin, number);
		*s = end;
		s += end != '\0';
	}
}

static void read_text(FILE *in)
{
	static char line[LINE_MAX_BYTES];
	for (long number = 1; fgets(line, sizeof line, in) != NULL; number++) {
		read_line(line, number);
		if (number % 10000 == 0) {
			printf("line %ld: %ld words, %ld different\n", number, words_read, words_different);
			fflush(stdout);
		}
		pmig_safepoint();
	}
}

static int compare(const void *a, const void *b)
{
	const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->text, y->text);
}

/* The better of `best` and the word `text`, if there is such. */
static const struct word *better(const struct word *best, const char *text)
{
	const struct word *w = look_up(text);
	return w != NULL && (best == NULL || compare(&w, &best) < 0) ? w : best;
}

/* The most frequent word that has one letter too much, too few or wrong, or two exchanged. */
static const struct word *one_slip_away(const struct word *of)
{
	const struct word *best = NULL;
	size_t length = strlen(of->text);
	char with[SLIP_MAX + 2], without[SLIP_MAX + 1], other[SLIP_MAX + 1];
	for (size_t at = 0; length <= SLIP_MAX && at <= length; at++) {
		sprintf(with, "%.*s_%s", (int)at, of->text, of->text + at);
		for (with[at] = 'a'; with[at] <= 'z'; with[at]++)
			best = better(best, with);
		if (at == length)
			break;
		sprintf(without, "%.*s%s", (int)at, of->text, of->text + at + 1);
		best = better(best, without);
		strcpy(other, of->text);
		for (other[at] = 'a'; other[at] <= 'z'; other[at]++)
			if (other[at] != of->text[at])
				best = better(best, other);
		other[at] = of->text[at + 1];
		other[at + 1] = of->text[at];
		if (at + 1 < length && other[at] != other[at + 1])
			best = better(best, other);
	}
	return best;
}

static void write_word(FILE *out, const struct word *w)
{
	fprintf(out, "%-24s %8ld  ", w->text, w->count);
	int shown = 0;
	for (const struct line *l = w->first; l != NULL && shown < LINES_SHOWN; l = l->next, shown++)
		fprintf(out, " %ld", l->number);
	const struct word *similar = one_slip_away(w);
	if (similar != NULL && compare(&similar, &w) < 0)
		fprintf(out, "  (%s?)", similar->text);
	fputc('\n', out);
}

/* Returns how many words of the text the written ones stand for. */
static long write_index(FILE *out)
{
	struct word **all = get((size_t)words_different * sizeof *all + 1);
	long n = 0, sum = 0;
	for (size_t b = 0; b < BUCKETS; b++)
		for (struct word *w = buckets[b]; w != NULL; w = w->next)
			all[n++] = w;
	qsort(all, (size_t)n, sizeof *all, compare);
	for (long i = 0; i < n; i++) {
		write_word(out, all[i]);
		sum += all[i]->count;
		if ((i + 1) % 2000 == 0) {
			printf("word %ld of %ld\n", i + 1, n);
			fflush(stdout);
		}
		pmig_safepoint();
	}
	free(all);
	return sum;
}

static FILE *open_or_end(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);
	if (f == NULL) {
		fprintf(stderr, "index: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return f;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: index TEXT RESULT\n", stderr);
		return 2;
	}
	FILE *in = open_or_end(argv[1], "r"), *out = open_or_end(argv[2], "w");
	fprintf(out, "# words of %s\n", argv[1]);
	read_text(in);
	long sum = write_index(out);
	fclose(in);
	if (fclose(out) != 0) {
		fprintf(stderr, "index: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	printf("%ld words, %ld different, %s\n", words_read, words_different,
		sum == words_read ? "all in the index" : "WRONG");
	return sum == words_read ? 0 : 1;
}
