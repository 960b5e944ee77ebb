/* printer: a print queue, or a command that prints what it reads. pmig_declare_handle((void **)&queue, "printer", "office", &d): `queue` says
 * after a move which one of the target's is used. */
#include "provided.h"

const struct pmig_kind kind_printer = {
	.version = PMIG_KIND_VERSION,
	.name = "printer",
	.about = "a print queue or a command that prints: the target's own",
	.match = provided_match,
	.describe = provided_describe,
	.rebind = provided_rebind,
	.handle = provided_handle,
};
