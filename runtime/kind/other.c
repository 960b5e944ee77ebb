/* other: whatever no kind knows: it cannot be carried, and is refused by its name. */
#include "../base/error.h"
#include "../base/uncarried.h"

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
	if ((r->declaration.consent & PMIG_LOSS) != 0)
		return 0; /* it may be dropped */
	return error_set(PMIG_EREFUSED, "%s", uncarried_unknown(r->locator));
}

const struct pmig_kind kind_other = {
	.version = PMIG_KIND_VERSION,
	.name = "other",
	.about = "anything that no kind knows",
	.match = match,
	.describe = describe,
};
