/* cc_response: @file on the command line, quoted as GCC's manual says ("Overall Options"): white space separates,
 * single or double quotes and a backslash protect. */
#include "cc.h"
#include "object.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 16

static int expand(const char *word, int depth, struct cc_args *out);

/* Moves *at behind one word of `text` and writes it to `word`. Returns 1, or 0 at the end. */
static int next_word(const char *text, size_t size, size_t *at, char *word)
{
	size_t i = *at, n = 0;
	char quote = 0;
	while (i < size && strchr(" \t\r\n\f\v", text[i]) != NULL && text[i] != 0)
		i++;
	if (i >= size)
		return 0;
	for (; i < size; i++) {
		char c = text[i];
		if (c == '\\' && i + 1 < size)
			word[n++] = text[++i];
		else if (quote != 0 && c == quote)
			quote = 0;
		else if (quote == 0 && (c == '"' || c == '\''))
			quote = c;
		else if (quote == 0 && strchr(" \t\r\n\f\v", c) != NULL)
			break;
		else
			word[n++] = c;
	}
	word[n] = 0;
	*at = i;
	return quote == 0 ? 1 : error_set(PMIG_EINVAL, "a quotation does not end");
}

static int expand_file(const char *path, const struct object_file *f, int depth, struct cc_args *out)
{
	size_t at = 0;
	char *word = malloc(f->size + 1);
	if (word == NULL)
		return error_set(PMIG_ENOMEM, "@%s: not enough memory", path);
	int e;
	while ((e = next_word(f->bytes, f->size, &at, word)) > 0) {
		e = expand(word, depth + 1, out);
		if (e < 0)
			break;
	}
	free(word);
	return e < 0 ? error_prefix(e, "@%s", path) : 0;
}

static int expand(const char *word, int depth, struct cc_args *out)
{
	struct object_file f;
	if (word[0] != '@' || access(word + 1, R_OK) != 0) { /* as GCC: a file that cannot be read is a word */
		cc_args_add(out, word);
		return 0;
	}
	if (depth >= DEPTH_MAX)
		return error_set(PMIG_EINVAL, "response files are nested more than %d deep", DEPTH_MAX);
	int e = object_open(word + 1, &f);
	if (e < 0)
		return e;
	e = expand_file(word + 1, &f, depth, out);
	object_close(&f);
	return e;
}

int cc_response_expand(int argc, char **argv, struct cc_args *ret_args)
{
	struct cc_args out = {0};
	for (int i = 1; i < argc; i++) {
		int e = expand(argv[i], 0, &out);
		if (e < 0) {
			cc_args_finish(&out);
			return e;
		}
	}
	*ret_args = out;
	return 0;
}
