/* service: something that listens at an address, by its URL or HOST:PORT: a database server, a cache, a broker.
 * pmig_declare_handle((void **)&url, "service", "postgresql://me@127.0.0.1:5432/db", &d), `url` being the text that the program
 * connects with. */
#include "service_at.h"

const struct pmig_kind kind_service = {
	.version = PMIG_KIND_VERSION,
	.name = "service",
	.about = "a service at an address, declared by its URL",
	.match = service_at_match,
	.describe = service_at_describe,
	.save = service_at_save,
	.refer = service_at_refer,
	.rebind = service_at_rebind,
	.handle = service_at_handle,
	.ready = service_at_ready,
};
