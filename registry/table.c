/* table: columns of text that fit a terminal: cells that are too wide are wrapped, bytes that are no text are escaped. */
#include "table.h"
#include "pool.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2
#define NARROWEST 6
#define NOTE_INDENT 4

struct line {
	const char *const *cells; /* NULL: a note */
	const char *note;
};

struct table {
	struct pool pool;
	int columns;
	bool numeric[TABLE_COLUMNS_MAX];
	size_t width[TABLE_COLUMNS_MAX];
	size_t count, room;
	struct line *lines;
};

struct table *table_create(int columns)
{
	struct table *t = calloc(1, sizeof *t);
	if (t != NULL)
		t->columns = columns < TABLE_COLUMNS_MAX ? columns : TABLE_COLUMNS_MAX;
	return t;
}

void table_destroy(struct table *t)
{
	if (t == NULL)
		return;
	free(t->lines);
	pool_finish(&t->pool);
	free(t);
}

void table_numeric(struct table *t, int column)
{
	t->numeric[column] = true;
}

/* As it will be written: from here on every byte is one of a character of one column. */
static const char *escaped(struct pool *pool, const char *text)
{
	char *made = NULL;
	size_t size = 0;
	text = text != NULL ? text : "";
	while (text[size] >= ' ' && text[size] <= '~')
		size++;
	if (text[size] == '\0') /* as most are */
		return pool_copy(pool, text);
	FILE *out = open_memstream(&made, &size);
	if (out != NULL)
		text_put(text, out);
	if (out == NULL || fclose(out) != 0 || made == NULL) {
		pool->failed = true;
		free(made);
		return "";
	}
	const char *copy = pool_copy(pool, made);
	free(made);
	return copy;
}

static void add(struct table *t, struct line line)
{
	if (t->count == t->room) {
		size_t room = t->room > 0 ? 2 * t->room : 64;
		struct line *lines = reallocarray(t->lines, room, sizeof *lines);
		if (lines == NULL) {
			t->pool.failed = true;
			return;
		}
		t->lines = lines;
		t->room = room;
	}
	t->lines[t->count++] = line;
}

void table_row(struct table *t, const char *const *texts)
{
	const char **cells = pool_take(&t->pool, (size_t)t->columns * sizeof *cells);
	for (int i = 0; cells != NULL && i < t->columns; i++) {
		cells[i] = escaped(&t->pool, texts[i]);
		size_t width = text_width(cells[i]);
		if (width > t->width[i])
			t->width[i] = width;
	}
	if (cells != NULL)
		add(t, (struct line){.cells = cells});
}

void table_note(struct table *t, const char *text)
{
	add(t, (struct line){.note = escaped(&t->pool, text)});
}

/* The bytes of the first line of `text` in `width` columns: broken behind a space or a slash where there is one. */
static size_t first_line(const char *text, size_t width)
{
	size_t at = 0, columns = 0, broken = 0;
	while (text[at] != '\0' && columns < width) {
		size_t length = text_utf8(text + at);
		at += length > 0 ? length : 1;
		columns++;
		if (text[at - 1] == ' ' || text[at - 1] == '/' || text[at - 1] == ',')
			broken = at;
	}
	return text[at] == '\0' || text[at] == ' ' || broken < at / 3 ? at : broken;
}

static void put_wrapped(const char *text, int width, int first, int indent, FILE *out)
{
	int room = width > indent + NARROWEST ? width - indent : NARROWEST;
	for (int spaces = first;; spaces = indent) {
		size_t n = width > 0 ? first_line(text, (size_t)room) : strlen(text);
		size_t shown = n;
		while (shown > 0 && text[shown - 1] == ' ')
			shown--;
		fprintf(out, "%*s%.*s\n", spaces, "", (int)shown, text);
		text += n;
		text += strspn(text, " ");
		if (*text == '\0')
			return;
	}
}

void table_wrap(const char *text, int width, int first, int indent, FILE *out)
{
	struct pool pool = {0};
	put_wrapped(escaped(&pool, text), width, first, indent, out);
	pool_finish(&pool);
}

/* Narrows the widest column until all fit, or none can be narrower. */
static void fit(struct table *t, int width, int indent)
{
	size_t sum = (size_t)indent + (size_t)(t->columns - 1) * GAP;
	for (int i = 0; i < t->columns; i++)
		sum += t->width[i];
	while (width > 0 && sum > (size_t)width) {
		int widest = 0;
		for (int i = 1; i < t->columns; i++)
			if (t->width[i] > t->width[widest])
				widest = i;
		if (t->width[widest] <= NARROWEST)
			return;
		t->width[widest]--;
		sum--;
	}
}

/* One row, in as many lines as its longest cell needs. */
static void put_row(const struct table *t, const struct line *line, int indent, FILE *out)
{
	const char *left[TABLE_COLUMNS_MAX];
	bool more = true;
	memcpy(left, line->cells, (size_t)t->columns * sizeof *left);
	for (bool first = true; more; first = false) {
		more = false;
		fprintf(out, "%*s", indent, "");
		int owed = 0; /* spaces are written when something follows them */
		for (int i = 0; i < t->columns; i++) {
			size_t n = first_line(left[i], t->width[i]), shown = n;
			while (shown > 0 && left[i][shown - 1] == ' ')
				shown--;
			size_t columns = 0;
			for (size_t at = 0; at < shown; columns++) {
				size_t length = text_utf8(left[i] + at);
				at += length > 0 ? length : 1;
			}
			int fill = (int)(t->width[i] - columns), before = t->numeric[i] && first ? fill : 0;
			if (shown > 0) {
				fprintf(out, "%*s%.*s", owed + before, "", (int)shown, left[i]);
				owed = fill - before + GAP;
			} else {
				owed += (int)t->width[i] + GAP;
			}
			left[i] += n;
			left[i] += strspn(left[i], " ");
			more |= *left[i] != '\0';
		}
		putc('\n', out);
	}
}

int table_print(struct table *t, int width, int indent, FILE *out)
{
	fit(t, width, indent);
	int rows = 0;
	for (size_t i = 0; i < t->count && !t->pool.failed; i++) {
		const struct line *line = &t->lines[i];
		if (line->cells != NULL) {
			put_row(t, line, indent, out);
			rows++;
		} else {
			put_wrapped(line->note, width, indent + NOTE_INDENT, indent + NOTE_INDENT, out);
		}
	}
	return t->pool.failed ? error_set(PMIG_ENOMEM, "not enough memory for the table") : rows;
}
