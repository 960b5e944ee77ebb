/* any: whatever has a type and a name, of which each host has its own: a GPU, a camera, a licence, a command.
 * pmig_declare_handle((void **)&text, "any", "/dev/dri/renderD128", &(struct pmig_declaration){.binding = PMIG_BY_TYPE, .type = "gpu", ...}). */
#include "provided.h"

const struct pmig_kind kind_any = {
	.version = PMIG_KIND_VERSION,
	.name = "any",
	.about = "anything with a type and a name: the target's own by type",
	.match = provided_match,
	.describe = provided_describe,
	.rebind = provided_rebind,
	.handle = provided_handle,
};
