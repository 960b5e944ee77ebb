/* conversion: iconv_open(), iconv(), iconv_close() behind a handle. */
#include "conversion.h"

#include "local.h"

#include "../arena/malloc.h"

#include <errno.h>
#include <string.h>

struct conversion {
	struct local local; /* libc's iconv_t */
	size_t from;        /* where its name begins */
	char names[];       /* to, from */
};

static int open_again(struct conversion *x)
{
	iconv_t made = iconv_open(x->names, x->names + x->from);
	if (made == (iconv_t)-1)
		return -1;
	if (local_set(&x->local, made) != NULL)
		return 0;
	(void)iconv_close(made);
	errno = ENOMEM;
	return -1;
}

iconv_t pmig_iconv_open(const char *to, const char *from)
{
	size_t a = strlen(to) + 1, b = strlen(from) + 1;
	struct conversion *x = pmig_calloc(1, sizeof *x + a + b);
	if (x == NULL)
		return (iconv_t)-1;
	x->from = a;
	memcpy(x->names, to, a);
	memcpy(x->names + a, from, b);
	if (open_again(x) == 0)
		return (iconv_t)x;
	int number = errno;
	pmig_free(x);
	errno = number;
	return (iconv_t)-1;
}

size_t pmig_iconv(iconv_t c, char **in, size_t *in_left, char **out, size_t *out_left)
{
	struct conversion *x = (struct conversion *)c;
	if (local_get(&x->local) == NULL && open_again(x) < 0)
		return (size_t)-1;
	return iconv(local_get(&x->local), in, in_left, out, out_left);
}

int pmig_iconv_close(iconv_t c)
{
	struct conversion *x = (struct conversion *)c;
	void *made = local_take(&x->local);
	int r = made != NULL ? iconv_close(made) : 0;
	pmig_free(x);
	return r;
}
