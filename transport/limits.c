/* limits: the text of a limits file, line by line, and what it allows. */
#include "limits.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
	enum limits_field field;
	int line;
	uint64_t bytes;
	char value[LIMITS_VALUE_MAX + 1];
};

struct limits {
	char *name;
	size_t count;
	struct rule rules[LIMITS_RULES_MAX];
};

/* What a line of each field says no to, and how one could say yes. */
static const struct field {
	const char *name;
	bool once; /* a number of bytes */
	const char *refused;
} fields[] = {
	[LIMITS_SENDER] = {"sender", false, "nothing is taken from"},
	[LIMITS_FROM] = {"from", false, "nothing is taken over a connection from"},
	[LIMITS_PROGRAM] = {"program", false, "no program runs here whose SHA-256 is"},
	[LIMITS_ADDRESS] = {"address", false, "no program that comes listens here at"},
	[LIMITS_MEMORY] = {"memory", true, "more memory than a program may bring"},
	[LIMITS_DISK] = {"disk", true, "more than what comes may take on disk"},
};

#define FIELDS (sizeof fields / sizeof *fields)

struct line {
	const char *file;
	int number;
	const char *start, *at, *end;
};

static int expected(const struct line *l, const char *at, const char *what)
{
	char found[32] = "the end of the line";
	size_t n = 0;
	if (at < l->end) {
		found[n++] = '"';
		while (n < sizeof found - 2 && at + n - 1 < l->end && at[n - 1] != ' ') {
			unsigned char c = (unsigned char)at[n - 1];
			found[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
		}
		found[n++] = '"';
		found[n] = '\0';
	}
	return error_set(PMIG_EINVAL, "%.4096s:%d:%d: expected %s, found %s", l->file, l->number, (int)(at - l->start) + 1,
		what, found);
}

static void skip_spaces(struct line *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
}

/* --- values --- */

static bool is_hash(const char *value)
{
	return strlen(value) == LIMITS_HASH - 1 && strspn(value, "0123456789abcdef") == LIMITS_HASH - 1;
}

static int take_bytes(const struct line *l, const char *at, struct rule *rule)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {{"B", 1}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"TB", 1000000000000}, {"KiB", 1024},
		{"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", 1ull << 40}};
	const char *digits = rule->value;
	uint64_t number = 0;
	while (*digits >= '0' && *digits <= '9' && number < UINT64_MAX / 100)
		number = 10 * number + (uint64_t)(*digits++ - '0');
	for (size_t i = 0; digits > rule->value && i < sizeof units / sizeof *units; i++)
		if (strcmp(digits, units[i].name) == 0 && !__builtin_mul_overflow(number, units[i].bytes, &rule->bytes))
			return 0;
	return expected(l, at, "a size such as 500MB or 4GiB");
}

static int take_value(const struct limits *limits, const struct line *l, struct rule *rule)
{
	const char *begin = l->at, *end = l->at;
	while (end < l->end && *end != '#')
		end++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	size_t size = (size_t)(end - begin);
	if (size == 0)
		return expected(l, begin, "a value");
	if (size > LIMITS_VALUE_MAX)
		return expected(l, begin + LIMITS_VALUE_MAX, "a shorter value");
	memcpy(rule->value, begin, size);
	rule->value[size] = '\0';
	for (size_t i = 0; fields[rule->field].once && i < limits->count; i++)
		if (limits->rules[i].field == rule->field)
			return expected(l, l->start, "this field once");
	if (fields[rule->field].once)
		return take_bytes(l, begin, rule);
	if (rule->field == LIMITS_PROGRAM && strcmp(rule->value, "none") != 0 && !is_hash(rule->value))
		return expected(l, begin, "64 hexadecimal digits in lower case, as sha256sum prints them, or none");
	return 0;
}

static int take_line(struct limits *limits, struct line *l)
{
	skip_spaces(l);
	if (l->at == l->end || *l->at == '#')
		return 0;
	const char *name = l->at;
	size_t length = 0;
	while (l->at < l->end && *l->at >= 'a' && *l->at <= 'z') {
		l->at++;
		length++;
	}
	struct rule *rule = &limits->rules[limits->count];
	size_t i = LIMITS_SENDER;
	while (i < FIELDS && (strlen(fields[i].name) != length || memcmp(fields[i].name, name, length) != 0))
		i++;
	if (i == FIELDS)
		return expected(l, name, "sender, from, program, address, memory or disk");
	skip_spaces(l);
	if (l->at == l->end || *l->at != '=')
		return expected(l, l->at, "=");
	l->at++;
	skip_spaces(l);
	if (limits->count == LIMITS_RULES_MAX)
		return error_set(PMIG_EINVAL, "%.4096s:%d: more than %d lines of limits", l->file, l->number,
			LIMITS_RULES_MAX);
	*rule = (struct rule){.field = (enum limits_field)i, .line = l->number};
	int r = take_value(limits, l, rule);
	if (r >= 0)
		limits->count++;
	return r;
}

int limits_parse(const char *name, const char *text, size_t size, struct limits **ret_limits)
{
	if (size > LIMITS_SIZE_MAX)
		return error_set(PMIG_EINVAL, "%.4096s: limits have at most %u bytes", name, LIMITS_SIZE_MAX);
	struct limits *l = malloc(sizeof *l);
	if (l == NULL || (l->name = strdup(name)) == NULL) {
		free(l);
		return error_set(PMIG_ENOMEM, "limits: out of memory");
	}
	l->count = 0;
	struct line line = {.file = l->name};
	int r = 0;
	for (const char *at = text, *end = text + size; r >= 0 && at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		line.start = line.at = at;
		line.end = newline != NULL ? newline : end;
		line.number++;
		at = newline != NULL ? newline + 1 : end;
		const char *nul = memchr(line.start, '\0', (size_t)(line.end - line.start));
		r = nul != NULL ? expected(&line, nul, "text") : take_line(l, &line);
	}
	if (r < 0) {
		limits_destroy(l);
		return r;
	}
	*ret_limits = l;
	return 0;
}

void limits_destroy(struct limits *l)
{
	if (l == NULL)
		return;
	free(l->name);
	free(l);
}

/* --- what it allows --- */

static const struct rule *first(const struct limits *l, enum limits_field field)
{
	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (l->rules[i].field == field)
			return &l->rules[i];
	return NULL;
}

bool limits_has(const struct limits *l, enum limits_field field)
{
	return first(l, field) != NULL;
}

uint64_t limits_bytes(const struct limits *l, enum limits_field field)
{
	const struct rule *rule = first(l, field);
	return rule != NULL ? rule->bytes : UINT64_MAX;
}

static bool matches(const struct rule *rule, const char *value)
{
	if (strcmp(rule->value, "none") == 0)
		return false;
	return rule->field == LIMITS_PROGRAM ? strcmp(rule->value, value) == 0 : fnmatch(rule->value, value, 0) == 0;
}

int limits_allow(const struct limits *l, enum limits_field field, const char *value)
{
	const struct rule *rule = first(l, field);
	for (size_t i = 0; rule != NULL && i < l->count; i++)
		if (l->rules[i].field == field && matches(&l->rules[i], value))
			return 0;
	if (rule == NULL)
		return 0;
	return error_set(PMIG_EREFUSED, "%.1024s:%d: %s %.160s; a line \"%s = %.160s\" there would allow it", l->name,
		rule->line, fields[field].refused, *value != '\0' ? value : "(nothing is told)", fields[field].name, value);
}

int limits_allow_bytes(const struct limits *l, enum limits_field field, uint64_t bytes)
{
	const struct rule *rule = first(l, field);
	if (rule == NULL || bytes <= rule->bytes)
		return 0;
	return error_set(PMIG_EREFUSED, "%.1024s:%d: %s: %" PRIu64 " bytes, %s are allowed there", l->name, rule->line,
		fields[field].refused, bytes, rule->value);
}
