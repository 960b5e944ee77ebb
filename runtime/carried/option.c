/* option: getopt() and its kind, whose position between two calls is the program's here. Behaviour and messages are
 * those of glibc, getopt(3). */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pmig_getopt(int argc, char *const *argv, const char *options);
int pmig_getopt_posix(int argc, char *const *argv, const char *options);
int pmig_getopt_long(int argc, char *const *argv, const char *options, const struct option *longs, int *ret_index);
int pmig_getopt_long_only(int argc, char *const *argv, const char *options, const struct option *longs, int *ret_index);

enum order {
	PERMUTE = 1, /* what is no option is put to the end */
	STOP,        /* the first that is no option ends it: "+" or POSIXLY_CORRECT */
	RETURN       /* it is returned as the argument of option 1: "-" */
};

/* One call, as it was made. */
struct call {
	int argc;
	char **argv;
	const char *options; /* without "+" or "-" */
	const struct option *longs;
	int *ret_index;
	bool long_only; /* long options may begin with one dash */
	bool print;
	const char *dashes; /* before the long option at hand */
};

static bool ready;
static char *rest;      /* rest of the cluster of short options at hand */
static int first, last; /* argv[first..last-1] are not options and were stepped over */
static enum order order;

static bool is_option(const char *text)
{
	return text[0] == '-' && text[1] != 0;
}

/* The arguments that were stepped over change places with the options behind them. */
static void exchange(char **argv)
{
	int options = optind - last, others = last - first;
	for (int i = 0; i < options; i++) {
		char *option = argv[last + i];
		memmove(argv + first + i + 1, argv + first + i, (size_t)others * sizeof *argv);
		argv[first + i] = option;
	}
	first += options;
	last = optind;
}

/* Steps to the next option. -1: there is none; 1: an argument, in order; 0: argv[optind] is one. */
static int advance(const struct call *c)
{
	last = last > optind ? optind : last;
	first = first > optind ? optind : first;
	if (order == PERMUTE) {
		if (first != last && last != optind)
			exchange(c->argv);
		else if (last != optind)
			first = optind;
		while (optind < c->argc && !is_option(c->argv[optind]))
			optind++;
		last = optind;
	}
	if (optind != c->argc && strcmp(c->argv[optind], "--") == 0) {
		optind++;
		if (first != last && last != optind)
			exchange(c->argv);
		else if (first == last)
			first = optind;
		last = optind = c->argc;
	}
	if (optind == c->argc) {
		if (first != last)
			optind = first;
		return -1;
	}
	if (is_option(c->argv[optind]))
		return 0;
	if (order == STOP)
		return -1;
	optarg = c->argv[optind++];
	return 1;
}

static bool alike(const struct option *a, const struct option *b)
{
	return a->has_arg == b->has_arg && a->flag == b->flag && a->val == b->val;
}

static void print_ambiguous(const struct call *c, size_t length)
{
	if (!c->print)
		return;
	fprintf(stderr, "%s: option '%s%s' is ambiguous; possibilities:", c->argv[0], c->dashes, rest);
	for (const struct option *p = c->longs; p->name != NULL; p++)
		if (strncmp(p->name, rest, length) == 0)
			fprintf(stderr, " '%s%s'", c->dashes, p->name);
	fprintf(stderr, "\n");
}

/* The long option that `rest` is or abbreviates; NULL: none, or (*ret_ambiguous) several. */
static const struct option *find_long(const struct call *c, size_t length, bool *ret_ambiguous)
{
	const struct option *found = NULL;
	*ret_ambiguous = false;
	for (const struct option *p = c->longs; p->name != NULL; p++) {
		if (strncmp(p->name, rest, length) != 0)
			continue;
		if (strlen(p->name) == length) {
			*ret_ambiguous = false;
			return p;
		}
		if (found == NULL)
			found = p;
		else if (c->long_only || !alike(p, found))
			*ret_ambiguous = true;
	}
	return *ret_ambiguous ? NULL : found;
}

static int failed(int option, int result)
{
	rest = NULL;
	optopt = option;
	return result;
}

/* Option `p` with its argument; `value`: what stands behind "=". */
static int take_long(const struct call *c, const struct option *p, char *value)
{
	optind++;
	if (value != NULL && p->has_arg == no_argument) {
		if (c->print)
			fprintf(stderr, "%s: option '%s%s' doesn't allow an argument\n", c->argv[0], c->dashes, p->name);
		return failed(p->val, '?');
	}
	if (value != NULL) {
		optarg = value;
	} else if (p->has_arg == required_argument) {
		if (optind >= c->argc) {
			if (c->print)
				fprintf(stderr, "%s: option '%s%s' requires an argument\n", c->argv[0], c->dashes, p->name);
			return failed(p->val, c->options[0] == ':' ? ':' : '?');
		}
		optarg = c->argv[optind++];
	}
	rest = NULL;
	if (c->ret_index != NULL)
		*c->ret_index = (int)(p - c->longs);
	if (p->flag == NULL)
		return p->val;
	*p->flag = p->val;
	return 0;
}

/* -1: with one dash, it can only be short options. */
static int long_option(const struct call *c)
{
	size_t length = strcspn(rest, "=");
	bool ambiguous;
	const struct option *p = find_long(c, length, &ambiguous);
	if (p != NULL)
		return take_long(c, p, rest[length] != 0 ? rest + length + 1 : NULL);
	if (ambiguous) {
		print_ambiguous(c, length);
	} else {
		if (c->long_only && c->argv[optind][1] != '-' && strchr(c->options, *rest) != NULL)
			return -1;
		if (c->print)
			fprintf(stderr, "%s: unrecognized option '%s%s'\n", c->argv[0], c->dashes, rest);
	}
	optind++;
	return failed(0, '?');
}

/* An argument that may stand in the same word, and unless optional in the next one. */
static int short_argument(const struct call *c, char letter, bool optional)
{
	int result = letter;
	if (*rest != 0) {
		optarg = rest;
		optind++;
	} else if (!optional) {
		if (optind == c->argc) {
			if (c->print)
				fprintf(stderr, "%s: option requires an argument -- '%c'\n", c->argv[0], letter);
			optopt = letter;
			result = c->options[0] == ':' ? ':' : '?';
		} else {
			optarg = c->argv[optind++];
		}
	}
	rest = NULL;
	return result;
}

static int short_option(struct call *c)
{
	char letter = *rest++;
	const char *found = strchr(c->options, letter);
	if (*rest == 0)
		optind++;
	if (found == NULL || letter == ':' || letter == ';') {
		if (c->print)
			fprintf(stderr, "%s: invalid option -- '%c'\n", c->argv[0], letter);
		optopt = letter;
		return '?';
	}
	if (letter == 'W' && found[1] == ';' && c->longs != NULL) { /* -W name is --name */
		int r = short_argument(c, letter, false);
		if (optarg == NULL)
			return r;
		rest = optarg;
		optarg = NULL;
		optind--; /* long_option() steps over it */
		c->long_only = false;
		c->dashes = "-W ";
		return long_option(c);
	}
	return found[1] == ':' ? short_argument(c, letter, found[2] == ':') : letter;
}

static int get(struct call *c, bool posix)
{
	if (c->argc < 1)
		return -1;
	optarg = NULL;
	char mode = c->options[0];
	if (optind == 0 || !ready) {
		optind = optind == 0 ? 1 : optind;
		first = last = optind;
		rest = NULL;
		order = mode == '-' ? RETURN : mode == '+' || posix || getenv("POSIXLY_CORRECT") != NULL ? STOP : PERMUTE;
		ready = true;
	}
	if (mode == '-' || mode == '+')
		c->options++;
	c->print = opterr != 0 && c->options[0] != ':';
	if (rest == NULL || *rest == 0) {
		int r = advance(c);
		if (r != 0)
			return r;
		char *word = c->argv[optind];
		bool two = word[1] == '-';
		if (c->longs != NULL && (two || (c->long_only && (word[2] != 0 || strchr(c->options, word[1]) == NULL)))) {
			rest = word + 1 + two;
			c->dashes = two ? "--" : "-";
			r = long_option(c);
			if (r != -1)
				return r;
		}
		rest = word + 1;
	}
	return short_option(c);
}

int pmig_getopt(int argc, char *const *argv, const char *options)
{
	return get(&(struct call){.argc = argc, .argv = (char **)argv, .options = options}, false);
}

int pmig_getopt_posix(int argc, char *const *argv, const char *options)
{
	return get(&(struct call){.argc = argc, .argv = (char **)argv, .options = options}, true);
}

int pmig_getopt_long(int argc, char *const *argv, const char *options, const struct option *longs, int *ret_index)
{
	return get(&(struct call){.argc = argc,
			   .argv = (char **)argv,
			   .options = options,
			   .longs = longs,
			   .ret_index = ret_index},
		false);
}

int pmig_getopt_long_only(int argc, char *const *argv, const char *options, const struct option *longs, int *ret_index)
{
	return get(&(struct call){.argc = argc,
			   .argv = (char **)argv,
			   .options = options,
			   .longs = longs,
			   .ret_index = ret_index,
			   .long_only = true},
		false);
}
