/* url: an absolute URL, which names one thing wherever it is said: it is kept where the target reaches it, else reached through the
 * source; nothing that the target has can take its place. pmig_declare_handle((void **)&url, "url", "https://example.org/x", &d). */
#include "service_at.h"

const struct pmig_kind kind_url = {
	.version = PMIG_KIND_VERSION,
	.name = "url",
	.about = "an absolute URL",
	.match = service_at_match,
	.describe = service_at_describe,
	.save = service_at_save,
	.refer = service_at_refer,
	.handle = service_at_handle,
	.ready = service_at_ready,
};
