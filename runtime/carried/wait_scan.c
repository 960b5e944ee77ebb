/* wait_scan: scanf() of streams that wait: by characters, so that it is a safe point in the middle of a number too. What
 * only libc knows how to read (wide characters, numbered arguments, pointers) libc reads, once something has come. C17,
 * 7.21.6.2. */
#include "wait_stream.h"

#include <ctype.h>
#include <langinfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int pmig_vfscanf(FILE *f, const char *format, va_list arguments);
int pmig_vscanf(const char *format, va_list arguments);
int pmig_fscanf(FILE *f, const char *format, ...);
int pmig_scanf(const char *format, ...);

enum { INPUT_ENDS = -1, NO_MATCH = 0, MATCHED = 1 };

/* What is read for one directive, and the state of the whole. */
struct scan {
	FILE *f;
	size_t count; /* characters so far: %n */
	char *text;   /* what the conversion has taken, ended by NUL */
	size_t size, room;
	/* the directive */
	bool suppressed, allocates;
	size_t width;
	int length; /* of the type: 'H' (hh), 'h', 0, 'l', 'L', 'j', 'z', 't' */
	bool set[UCHAR_MAX + 1];
};

static int next(struct scan *s)
{
	int c = getc(s->f);
	s->count += c != EOF;
	return c;
}

static void back(struct scan *s, int c)
{
	if (c != EOF && ungetc(c, s->f) != EOF)
		s->count--;
}

static bool keep(struct scan *s, int c)
{
	if (s->size + 2 > s->room) {
		size_t more = s->room == 0 ? 64 : 2 * s->room;
		char *larger = realloc(s->text, more);
		if (larger == NULL)
			return false;
		s->text = larger;
		s->room = more;
	}
	s->text[s->size++] = (char)c;
	s->text[s->size] = '\0';
	return true;
}

/* The next character, not white. */
static int skip_white(struct scan *s)
{
	int c;
	do
		c = next(s);
	while (c != EOF && isspace(c));
	return c;
}

/* Keeps *c, which is one of those that may come, and takes the next; false: the width is used up, or there is no memory. */
static bool take(struct scan *s, int *c)
{
	if (!keep(s, *c))
		return false;
	*c = --s->width > 0 ? next(s) : EOF;
	return *c != EOF;
}

static bool one_of(int c, const char *set)
{
	return c != EOF && c != 0 && strchr(set, c) != NULL;
}

static int scan_integer(struct scan *s, int base, int c)
{
	bool more = true, digits = false;
	if (one_of(c, "+-"))
		more = take(s, &c);
	if (more && c == '0') {
		digits = true;
		more = take(s, &c);
		if (more && one_of(c, "xX") && (base == 0 || base == 16)) {
			base = 16;
			more = take(s, &c);
		} else if (base == 0)
			base = 8;
	}
	const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789";
	while (more && one_of(c, allowed)) {
		digits = true;
		more = take(s, &c);
	}
	if (more)
		back(s, c);
	return digits ? MATCHED : NO_MATCH;
}

/* The letters of a word, as far as they come; in either case. */
static bool take_word(struct scan *s, int *c, const char *word)
{
	for (; *word != '\0'; word++) {
		if (*c == EOF || tolower(*c) != *word)
			return false;
		if (!take(s, c) && word[1] != '\0')
			return false;
	}
	return true;
}

static bool scan_digits(struct scan *s, int *c, const char *allowed, bool *digits)
{
	while (one_of(*c, allowed)) {
		*digits = true;
		if (!take(s, c))
			return false;
	}
	return true;
}

/* inf, infinity, nan; what may follow a nan in brackets is not taken, as glibc has it */
static bool scan_named(struct scan *s, int *c)
{
	if (tolower(*c) == 'n')
		return take_word(s, c, "nan");
	return take_word(s, c, "inf") && (*c == EOF || tolower(*c) != 'i' || take_word(s, c, "inity"));
}

static bool scan_real(struct scan *s, int *c)
{
	const char *allowed = "0123456789";
	int exponent = 'e', point = nl_langinfo(RADIXCHAR)[0];
	bool digits = false;
	if (*c == '0') {
		digits = true;
		if (!take(s, c))
			return true;
		if (one_of(*c, "xX")) {
			allowed = "0123456789abcdefABCDEF";
			exponent = 'p';
			digits = false;
			if (!take(s, c))
				return false;
		}
	}
	if (!scan_digits(s, c, allowed, &digits) || (*c == point && !take(s, c)) || !scan_digits(s, c, allowed, &digits) ||
		!digits || *c == EOF || tolower(*c) != exponent || !take(s, c) || (one_of(*c, "+-") && !take(s, c)))
		return digits || (exponent == 'p' && s->text[s->size - 1] == point); /* 0x. is zero to glibc */
	(void)scan_digits(s, c, "0123456789", &digits);
	return true;
}

static int scan_float(struct scan *s, int c)
{
	bool more = !one_of(c, "+-") || take(s, &c);
	bool good = more && (c == 'i' || c == 'I' || c == 'n' || c == 'N' ? scan_named(s, &c) : scan_real(s, &c));
	back(s, c);
	return good ? MATCHED : NO_MATCH;
}

/* Up to `width` characters of which `fits`; at least one. */
static int scan_text(struct scan *s, int c)
{
	bool more = s->set[(unsigned char)c], any = more;
	while (more && s->set[(unsigned char)c])
		more = take(s, &c);
	if (more || !any)
		back(s, c);
	return any ? MATCHED : NO_MATCH;
}

static void put_integer(const struct scan *s, void *to, long value)
{
	if (s->length == 'H')
		*(signed char *)to = (signed char)value;
	else if (s->length == 'h')
		*(short *)to = (short)value;
	else if (s->length == 0)
		*(int *)to = (int)value;
	else
		*(long *)to = value;
}

static void store_integer(const struct scan *s, void *to, bool is_signed, int base)
{
	put_integer(s, to, is_signed ? strtol(s->text, NULL, base) : (long)strtoul(s->text, NULL, base));
}

static void store_float(const struct scan *s, void *to)
{
	if (s->length == 'L')
		*(long double *)to = strtold(s->text, NULL);
	else if (s->length == 'l')
		*(double *)to = strtod(s->text, NULL);
	else
		*(float *)to = strtof(s->text, NULL);
}

/* The characters between the brackets, which `format` stands behind; returns what follows. */
static const char *parse_set(struct scan *s, const char *format)
{
	bool inverted = *format == '^';
	const unsigned char *p = (const unsigned char *)format + inverted;
	memset(s->set, inverted, sizeof s->set);
	do {
		unsigned last = p[1] == '-' && p[2] != ']' && p[2] != '\0' && p[2] >= p[0] ? p[2] : p[0];
		for (unsigned c = p[0]; c <= last; c++)
			s->set[c] = !inverted;
		p += last != p[0] ? 3 : 1;
	} while (*p != ']' && *p != '\0');
	return (const char *)p + (*p == ']');
}

static const char *parse_length(struct scan *s, const char *format)
{
	s->length = 0;
	if (format[0] == 'h' && format[1] == 'h') {
		s->length = 'H';
		return format + 2;
	}
	if (format[0] == 'l' && format[1] == 'l') {
		s->length = 'L';
		return format + 2;
	}
	if (one_of(*format, "hlLqjzt"))
		s->length = *format == 'q' ? 'L' : *format;
	return format + (s->length != 0);
}

/* Behind the percent sign; returns the conversion. */
static const char *parse_directive(struct scan *s, const char *format)
{
	s->size = 0;
	s->suppressed = *format == '*';
	format += s->suppressed;
	s->width = 0;
	for (; isdigit((unsigned char)*format); format++)
		s->width = s->width * 10 + (size_t)(*format - '0');
	s->allocates = *format == 'm';
	format = parse_length(s, format + s->allocates);
	if (s->width == 0)
		s->width = *format == 'c' ? 1 : SIZE_MAX;
	return format;
}

static int base_of(char conversion)
{
	return conversion == 'i' ? 0 : conversion == 'o' ? 8 : conversion == 'x' || conversion == 'X' ? 16 : 10;
}

static int convert(struct scan *s, char conversion)
{
	bool white = conversion != 'c' && conversion != '[';
	int c = white ? skip_white(s) : next(s);
	if (c == EOF)
		return INPUT_ENDS;
	if (one_of(conversion, "diouxX"))
		return scan_integer(s, base_of(conversion), c);
	if (one_of(conversion, "aefgAEFG"))
		return scan_float(s, c);
	for (int i = 0; conversion != '[' && i <= UCHAR_MAX; i++)
		s->set[i] = conversion == 'c' || !isspace(i);
	return scan_text(s, c);
}

static void store_text(struct scan *s, char conversion, void *to)
{
	size_t n = s->size + (conversion != 'c');
	if (!s->allocates) {
		memcpy(to, s->text, n);
		return;
	}
	*(char **)to = s->text; /* the program's from now on */
	s->text = NULL;
	s->room = 0;
}

/* One directive from the percent sign on; *format behind it. */
static int directive(struct scan *s, const char **format, va_list *arguments, int *done)
{
	const char *p = parse_directive(s, *format + 1);
	char conversion = *p++;
	if (conversion == '[')
		p = parse_set(s, p);
	*format = p;
	if (conversion == '%') {
		int c = skip_white(s);
		if (c != '%')
			back(s, c);
		return c == EOF ? INPUT_ENDS : c == '%';
	}
	if (conversion == 'n') {
		if (!s->suppressed)
			put_integer(s, va_arg(*arguments, void *), (long)s->count);
		return MATCHED;
	}
	int r = convert(s, conversion);
	if (r != MATCHED || s->suppressed)
		return r;
	void *to = va_arg(*arguments, void *);
	if (one_of(conversion, "diouxX"))
		store_integer(s, to, conversion == 'd' || conversion == 'i', base_of(conversion));
	else if (one_of(conversion, "aefgAEFG"))
		store_float(s, to);
	else
		store_text(s, conversion, to);
	++*done;
	return MATCHED;
}

/* Can all of it be read here? */
static bool is_known(const char *format)
{
	struct scan s = {0};
	for (const char *p = strchr(format, '%'); p != NULL; p = strchr(p, '%')) {
		p = parse_directive(&s, p + 1);
		if (*p == '\0' || !one_of(*p, "diouxXaefgAEFGsc[n%") || (s.length == 'l' && one_of(*p, "sc[")))
			return false;
		p = *p == '[' ? parse_set(&s, p + 1) : p + 1;
	}
	return nl_langinfo(RADIXCHAR)[1] == '\0';
}

static int scan(struct scan *s, const char *format, va_list *arguments)
{
	int done = 0, r = MATCHED;
	while (*format != '\0' && r == MATCHED) {
		if (*format == '%') {
			r = directive(s, &format, arguments, &done);
			continue;
		}
		bool white = isspace((unsigned char)*format);
		int c = white ? skip_white(s) : next(s);
		if (white || c != (unsigned char)*format)
			back(s, c);
		r = white || c == (unsigned char)*format ? MATCHED : c == EOF ? INPUT_ENDS : NO_MATCH;
		format++;
	}
	return r == INPUT_ENDS && done == 0 ? EOF : done;
}

WAIT_CALL int pmig_vfscanf(FILE *f, const char *format, va_list arguments)
{
	if (!pmig_stream_waits(f))
		return pmig_plain_vfscanf(f, format, arguments);
	if (!is_known(format)) {
		(void)pmig_stream_wait(f);
		return pmig_plain_vfscanf(f, format, arguments);
	}
	struct scan s = {.f = f};
	va_list rest;
	va_copy(rest, arguments);
	int r = scan(&s, format, &rest);
	va_end(rest);
	free(s.text);
	return r;
}

int pmig_vscanf(const char *format, va_list arguments)
{
	return pmig_vfscanf(stdin, format, arguments);
}

int pmig_fscanf(FILE *f, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = pmig_vfscanf(f, format, arguments);
	va_end(arguments);
	return r;
}

int pmig_scanf(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = pmig_vfscanf(stdin, format, arguments);
	va_end(arguments);
	return r;
}
