/* provided: handles that are texts. */
#include "provided.h"

#include "../arena/malloc.h"

int provided_match(const struct pmig_resource *r)
{
	(void)r;
	return 0;
}

int provided_handle(struct pmig_resource *r)
{
	return r->locator[0] == '\0' ? error_set(PMIG_EINVAL, "it has no name") : 0;
}

int provided_describe(struct pmig_resource *r)
{
	r->size = r->declaration.size;
	return 0;
}

int provided_use(struct pmig_resource *r, const char *locator)
{
	char *text = pmig_strdup(locator); /* the program may keep the one before for as long as it likes */
	if (text == NULL)
		return error_set(PMIG_ENOMEM, "no memory for %s", locator);
	r->handle = text;
	r->locator = text;
	return 0;
}

int provided_rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	(void)in;
	if (r->there == NULL || r->there[0] == '\0')
		return error_set(PMIG_EREFUSED, "nothing of its type (%s) was found here",
			r->declaration.type != NULL ? r->declaration.type : "none was declared");
	return provided_use(r, r->there);
}
