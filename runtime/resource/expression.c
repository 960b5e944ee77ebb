/* expression: regcomp(), regexec() and their kind behind a handle. */
#include "expression.h"

#include "local.h"

#include "../arena/malloc.h"
#include "../guard.h"

#include <stdlib.h>
#include <string.h>

/* What regex_t.buffer points to. */
struct expression {
	struct local local; /* libc's regex_t, in libc's memory */
	int flags;
	char pattern[];
};

static void release(void *made)
{
	regfree(made);
	free(made);
}

static int compile(struct expression *x)
{
	regex_t *made = malloc(sizeof *made);
	int r = made == NULL ? REG_ESPACE : regcomp(made, x->pattern, x->flags);
	if (r == 0 && local_set(&x->local, made) == NULL) {
		regfree(made);
		r = REG_ESPACE;
	}
	if (r != 0)
		free(made);
	return r;
}

int pmig_regcomp(regex_t *ret, const char *pattern, int flags)
{
	size_t n = strlen(pattern) + 1;
	struct expression *x = pmig_calloc(1, sizeof *x + n);
	if (x == NULL)
		return REG_ESPACE;
	x->flags = flags;
	memcpy(x->pattern, pattern, n);
	int r = compile(x);
	if (r != 0) {
		pmig_free(x);
		return r;
	}
	const regex_t *made = local_get(&x->local);
	memset(ret, 0, sizeof *ret);
	ret->buffer = (void *)x;
	ret->re_nsub = made->re_nsub;
	return 0;
}

/* libc's; one expression may be used by several threads at once. */
static const regex_t *ready(struct expression *x)
{
	const regex_t *made = local_get(&x->local);
	if (made != NULL)
		return made;
	GUARD(GUARD_LOCALS);
	if (local_get(&x->local) == NULL && compile(x) != 0)
		return NULL;
	return local_get(&x->local);
}

int pmig_regexec(const regex_t *e, const char *text, size_t n, regmatch_t *matches, int flags)
{
	const regex_t *made = ready((struct expression *)e->buffer);
	if (made == NULL)
		return REG_ESPACE;
	return regexec(made, text, n, matches, flags);
}

/* libc looks at the number only. */
size_t pmig_regerror(int number, const regex_t *e, char *text, size_t size)
{
	(void)e;
	return regerror(number, NULL, text, size);
}

void pmig_regfree(regex_t *e)
{
	struct expression *x = (struct expression *)e->buffer;
	if (x == NULL)
		return;
	void *made = local_take(&x->local);
	if (made != NULL)
		release(made);
	pmig_free(x);
	e->buffer = NULL;
}
