/* policy_parse: the text of a policy, section by section: a line is a comment, a section's head, or a field and its value. */
#include "policy_parse.h"
#include "plan_limits.h"
#include "text.h"

#include <stddef.h>
#include <string.h>

#define VALUE_MAX POLICY_LINE_MAX

struct parser {
	struct pool *pool;
	const char *name;
	int line;
	const char *start, *at, *end; /* of this line */
	char value[VALUE_MAX + 1];    /* the one read last */
	size_t value_column;

	struct policy_section section;
	unsigned seen; /* bits of fields[] that this section has */
	int head;      /* its line; 0: none yet */
};

static int column(const struct parser *p)
{
	return (int)(p->at - p->start) + 1;
}

/* What stands there, as people can read it: at most a few characters of the line. */
static const char *found(struct parser *p)
{
	if (p->at == p->end)
		return "the end of the line";
	char word[32];
	size_t n = 0;
	while (n < sizeof word - 1 && p->at + n < p->end && p->at[n] != ' ')
		n++;
	memcpy(word, p->at, n);
	word[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)word[i] < 0x20 || (unsigned char)word[i] >= 0x7f)
			word[i] = '?';
	return pool_format(p->pool, "\"%s\"", word);
}

static int expected(struct parser *p, const char *what)
{
	return error_set(PMIG_EINVAL, "%.4096s:%d:%d: expected %s, found %s", p->name, p->line, column(p), what, found(p));
}

/* The same of the value that was read. */
static int wrong_value(struct parser *p, const char *what)
{
	p->at = p->start + p->value_column;
	return expected(p, what);
}

static void skip_spaces(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
}

static bool takes(struct parser *p, char c)
{
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		c == '.';
}

static size_t word_length(const struct parser *p)
{
	size_t n = 0;
	while (p->at + n < p->end && is_word(p->at[n]))
		n++;
	return n;
}

static int hexadecimal(char c)
{
	return c >= '0' && c <= '9'    ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : -1;
}

/* Behind a backslash. */
static int escape(struct parser *p, char *ret_byte)
{
	static const char names[] = "\"\\nt", bytes[] = "\"\\\n\t";
	const char *known = p->at < p->end && *p->at != '\0' ? strchr(names, *p->at) : NULL;
	if (known != NULL) {
		p->at++;
		*ret_byte = bytes[known - names];
		return 0;
	}
	int high = p->end - p->at >= 3 && *p->at == 'x' ? hexadecimal(p->at[1]) : -1,
	    low = high >= 0 ? hexadecimal(p->at[2]) : -1;
	if (low < 0 || 16 * high + low == 0)
		return expected(p, "one of \\\" \\\\ \\n \\t \\xNN");
	p->at += 3;
	*ret_byte = (char)(16 * high + low);
	return 0;
}

/* Behind the opening quote, up to and with the closing one. */
static int quoted(struct parser *p)
{
	size_t n = 0;
	for (;;) {
		if (p->at == p->end)
			return expected(p, "a closing \"");
		char c = *p->at++;
		if (c == '"')
			break;
		int r = c == '\\' ? escape(p, &c) : 0;
		if (r < 0)
			return r;
		p->value[n++] = c; /* never more than the line has */
	}
	p->value[n] = '\0';
	return 0;
}

/* Up to a comment or the end of the line, without spaces around it. */
static int plain(struct parser *p)
{
	size_t n = 0;
	while (p->at + n < p->end && p->at[n] != '#' && p->at[n] != '"')
		n++;
	memcpy(p->value, p->at, n);
	p->at += n;
	if (p->at < p->end && *p->at == '"')
		return expected(p, "a value in quotes from its beginning");
	while (n > 0 && (p->value[n - 1] == ' ' || p->value[n - 1] == '\t'))
		n--;
	p->value[n] = '\0';
	return n > 0 ? 0 : wrong_value(p, "a value");
}

static int end_of_line(struct parser *p)
{
	skip_spaces(p);
	return p->at == p->end || *p->at == '#' ? 0 : expected(p, "the end of the line");
}

/* --- values --- */

struct word {
	const char *name;
	unsigned value;
};

static const struct word bindings[] = {
	{"identifier", PMIG_BY_IDENTIFIER}, {"value", PMIG_BY_VALUE}, {"type", PMIG_BY_TYPE}, {NULL, 0}};
static const struct word attachments[] = {
	{"unattached", PMIG_UNATTACHED}, {"fastened", PMIG_FASTENED}, {"fixed", PMIG_FIXED}, {NULL, 0}};
static const struct word strategies[] = {{"move", PMIG_MOVE}, {"copy", PMIG_COPY}, {"reference", PMIG_REFER},
	{"rebind", PMIG_REBIND}, {"refuse", PMIG_REFUSE}, {NULL, 0}};
static const struct word choices[] = {
	{"move", PMIG_MOVE}, {"copy", PMIG_COPY}, {"reference", PMIG_REFER}, {"rebind", PMIG_REBIND}, {NULL, 0}};
static const struct word consents[] = {
	{"snapshot", PMIG_SNAPSHOT}, {"divergence", PMIG_DIVERGENCE}, {"loss", PMIG_LOSS}, {NULL, 0}};
static const struct word answers[] = {{"yes", 1}, {"no", 0}, {NULL, 0}};

static const char *list(struct parser *p, const struct word *words)
{
	const char *text = "";
	for (size_t i = 0; words[i].name != NULL; i++)
		text = pool_format(p->pool, "%s%s%s", text,
			i == 0                              ? ""
				: words[i + 1].name != NULL ? ", "
							    : " or ",
			words[i].name);
	return text;
}

/* One word of the value, from *at on; -1: none of them. */
static int word(const struct word *words, const char **at)
{
	size_t n = strcspn(*at, ", \t");
	for (size_t i = 0; words[i].name != NULL; i++)
		if (strlen(words[i].name) == n && strncmp(words[i].name, *at, n) == 0) {
			*at += n;
			return (int)words[i].value;
		}
	return -1;
}

static int one(struct parser *p, const struct word *words, unsigned *ret_value)
{
	const char *at = p->value;
	int value = word(words, &at);
	if (value < 0 || *at != '\0')
		return wrong_value(p, list(p, words));
	*ret_value = (unsigned)value;
	return 0;
}

/* Words with commas between them, none twice. */
static int several(struct parser *p, const struct word *words, uint8_t ret_values[PLAN_ORDER_MAX + 1])
{
	const char *at = p->value;
	for (size_t n = 0; n < PLAN_ORDER_MAX; n++) {
		int value = word(words, &at);
		if (value < 0 || memchr(ret_values, value, n) != NULL)
			break;
		ret_values[n] = (uint8_t)value;
		at += strspn(at, " \t");
		if (*at == '\0')
			return 0;
		if (*at != ',')
			break;
		at++;
		at += strspn(at, " \t");
	}
	return wrong_value(p, pool_format(p->pool, "%s, each once, with commas between them", list(p, words)));
}

static int text(struct parser *p, size_t most, const char **ret_text)
{
	if (*p->value == '\0' || strlen(p->value) > most)
		return wrong_value(p, pool_format(p->pool, "a text of 1 to %zu bytes", most));
	*ret_text = pool_copy(p->pool, p->value);
	return 0;
}

static int amount(struct parser *p, bool rate, uint64_t *ret_value)
{
	struct plan_limits l = {0};
	if (plan_limits_parse(&l, rate ? "max-reference" : "max-transfer", p->value) < 0 || l.share != 0)
		return wrong_value(p, rate ? "a rate such as 20MB/s" : "a size such as 500MB");
	*ret_value = rate ? l.reference : l.transfer;
	return 0;
}

/* --- fields --- */

enum field { NAME, BINDING, ATTACHMENT, TYPE, STRATEGY, CONSENT, SHARED, SECRET, RATE, SIZE, CHOICES, FIELDS };

static const char *const fields[FIELDS] = {
	"name", "binding", "attachment", "type", "strategy", "consent", "shared", "secret", "rate", "size", "choices"};

static int set(struct parser *p, enum field field)
{
	struct pmig_resource_row *row = &p->section.row;
	unsigned value = 0;
	int r = 0;
	switch (field) {
	case NAME:
		return text(p, PMIG_NAME_MAX, &row->name);
	case TYPE:
		return text(p, PMIG_NAME_MAX, &row->type);
	case RATE:
		return amount(p, true, &row->rate);
	case SIZE:
		return amount(p, false, &row->size);
	case CHOICES:
		return several(p, choices, p->section.order);
	case BINDING:
		r = one(p, bindings, &value);
		row->binding = (enum pmig_binding)value;
		return r;
	case ATTACHMENT:
		r = one(p, attachments, &value);
		row->attachment = (enum pmig_attachment)value;
		return r;
	case STRATEGY:
		r = one(p, strategies, &value);
		row->strategy = (enum pmig_strategy)value;
		return r;
	case SHARED:
		r = one(p, answers, &value);
		row->shared = value != 0;
		return r;
	case SECRET:
		r = one(p, answers, &value);
		row->secret = value != 0;
		return r;
	default: {
		uint8_t all[PLAN_ORDER_MAX + 1] = {0};
		r = several(p, consents, all);
		for (size_t i = 0; r >= 0 && all[i] != 0; i++)
			row->consent |= all[i];
		return r;
	}
	}
}

static const char *field_list(struct parser *p)
{
	const char *text = "a field: ";
	for (size_t i = 0; i < FIELDS; i++)
		text = pool_format(p->pool, "%s%s%s", text, i == 0 ? "" : i + 1 < FIELDS ? ", " : " or ", fields[i]);
	return text;
}

static int field(struct parser *p)
{
	size_t length = word_length(p), i = 0;
	while (i < FIELDS && (strlen(fields[i]) != length || strncmp(fields[i], p->at, length) != 0))
		i++;
	if (i == FIELDS)
		return expected(p, field_list(p));
	if (p->head == 0)
		return expected(p, "a section such as [file \"*.idx\"] before the first field");
	if (p->seen & (1u << i))
		return expected(p, "each field once in its section");
	p->seen |= 1u << i;
	p->at += length;
	skip_spaces(p);
	if (!takes(p, '='))
		return expected(p, "=");
	skip_spaces(p);
	p->value_column = (size_t)(p->at - p->start);
	int r = takes(p, '"') ? quoted(p) : plain(p);
	if (r >= 0)
		r = end_of_line(p);
	return r >= 0 ? set(p, (enum field)i) : r;
}

/* --- sections --- */

static int finish_section(struct parser *p, int (*take)(void *, const struct policy_section *), void *context)
{
	static const unsigned both = 1u << BINDING | 1u << ATTACHMENT, order = 1u << CHOICES;
	unsigned declared = p->seen & ~order;
	if (p->head == 0)
		return 0;
	if (declared != 0 && (declared & both) != both)
		return error_set(PMIG_EINVAL, "%s:1: expected binding and attachment both, found %s in this section",
			p->section.place,
			!(declared & both)                   ? "neither"
				: declared & (1u << BINDING) ? "only binding"
							     : "only attachment");
	if (p->seen == 0)
		return error_set(PMIG_EINVAL, "%s:1: expected binding and attachment, or choices, found an empty section",
			p->section.place);
	return p->pool->failed ? error_set(PMIG_ENOMEM, "policy: not enough memory") : take(context, &p->section);
}

/* [kind "pattern"] */
static int head(struct parser *p)
{
	p->section = (struct policy_section){.row = {.name = "", .type = ""}};
	p->seen = 0;
	p->head = p->line;
	p->section.place = pool_format(p->pool, "%.4096s:%d", p->name, p->line);
	p->at++;
	skip_spaces(p);
	size_t length = word_length(p);
	if (length == 0 || length > PMIG_NAME_MAX)
		return expected(p, "a kind such as file, or any");
	p->section.kind = length == 3 && strncmp(p->at, "any", 3) == 0 ? ""
								       : pool_format(p->pool, "%.*s", (int)length, p->at);
	p->at += length;
	skip_spaces(p);
	p->value_column = (size_t)(p->at - p->start);
	if (!takes(p, '"'))
		return expected(p, "a pattern in double quotes");
	int r = quoted(p);
	if (r >= 0 && (*p->value == '\0' || strlen(p->value) > POLICY_PATTERN_MAX))
		r = wrong_value(p, pool_format(p->pool, "a pattern of 1 to %d bytes", POLICY_PATTERN_MAX));
	if (r < 0)
		return r;
	p->section.pattern = pool_copy(p->pool, p->value);
	skip_spaces(p);
	return takes(p, ']') ? end_of_line(p) : expected(p, "]");
}

int policy_parse(struct pool *pool, const char *name, const char *text, size_t size,
	int (*take)(void *context, const struct policy_section *section), void *context)
{
	struct parser p = {.pool = pool, .name = name};
	if (size > PMIG_POLICY_MAX)
		return error_set(PMIG_EINVAL, "%.4096s: a policy has at most %u bytes", name, PMIG_POLICY_MAX);
	int r = 0;
	for (const char *at = text, *end = text + size; r >= 0 && at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;
		p.line++;
		p.start = p.at = at;
		p.end = stop > at && stop[-1] == '\r' ? stop - 1 : stop;
		at = newline != NULL ? newline + 1 : end;
		const char *nul = memchr(p.start, '\0', (size_t)(p.end - p.start));
		if (nul != NULL) {
			p.at = nul;
			r = expected(&p, "text");
		} else if (p.end - p.start > POLICY_LINE_MAX) {
			p.at += POLICY_LINE_MAX;
			r = expected(&p, "a shorter line");
		}
		skip_spaces(&p);
		if (r < 0 || p.at == p.end || *p.at == '#')
			continue;
		if (*p.at == '[') {
			r = finish_section(&p, take, context);
			r = r >= 0 ? head(&p) : r;
		} else {
			r = field(&p);
		}
	}
	return r >= 0 ? finish_section(&p, take, context) : r;
}
