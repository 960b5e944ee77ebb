/* socket: an end point of communication is fixed to its machine: it needs a reference. */
#include <pmig/kind.h>

static int match(const struct pmig_resource *r)
{
	return S_ISSOCK(r->st.st_mode);
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	return 0;
}

const struct pmig_kind kind_socket = {
	.version = PMIG_KIND_VERSION,
	.name = "socket",
	.about = "listeners, connections, datagram and unix sockets",
	.match = match,
	.describe = describe,
};
