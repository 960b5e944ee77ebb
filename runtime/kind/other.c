/* other: whatever no kind knows: it cannot be carried, and is refused by its name. */
#include <pmig/kind.h>

static int match(const struct pmig_resource *r)
{
	(void)r;
	return 1;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	return 0;
}

const struct pmig_kind kind_other = {
	.version = PMIG_KIND_VERSION,
	.name = "other",
	.about = "anything that no kind knows",
	.match = match,
	.describe = describe,
};
