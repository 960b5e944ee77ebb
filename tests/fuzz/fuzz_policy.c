/* fuzz_policy: any bytes as a policy file: they are taken or refused in words, and what was taken is applied to some resources.
 * sources: runtime/base/error.c runtime/base/io.c runtime/base/strategy.c registry/policy.c registry/policy_parse.c registry/plan_limits.c
 * sources: registry/plan_default.c registry/pool.c registry/text.c
 * libraries: jansson m
 * The corpus has every field, escapes, patterns that take long, and halves. */
#include "registry/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const struct policy *p)
{
	static const char *const locators[] = {
		"", "/var/data/a.idx", "/dev/ttyS0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\xff\n"};
	static const char *const kinds[] = {"file", "device", "x"};
	for (size_t i = 0; i < sizeof locators / sizeof *locators; i++)
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			struct plan_resource r = {.row = {.kind = kinds[k], .locator = locators[i], .name = "n"}};
			plan_undeclared(&r, PLAN_FILE_READ);
			int spoke = policy_apply(p, &r);
			if (r.row.binding < PMIG_BY_IDENTIFIER || r.row.binding > PMIG_BY_TYPE ||
				r.row.attachment < PMIG_UNATTACHED || r.row.attachment > PMIG_FIXED ||
				r.row.strategy > PMIG_REFUSE || r.row.consent > 7 || r.order[PLAN_ORDER_MAX] != 0 ||
				r.row.name == NULL || (r.row.origin == PMIG_BY_POLICY && (!spoke || r.row.type == NULL)))
				abort();
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *p = policy_create();
	if (p == NULL)
		return 0;
	int r = policy_add(p, "fuzz", (const char *)data, size);
	if (r < 0 && (r != PMIG_EINVAL || strncmp(pmig_reason(), "fuzz", 4) != 0))
		abort();
	apply(p);
	policy_destroy(p);
	return 0;
}
