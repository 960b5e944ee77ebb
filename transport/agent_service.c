/* agent_service: compares the other end of a socket with addresses in declarations. */
#include "agent_service.h"

#include "hex_text.h"
#include "runtime/base/authority.h"

#include <limits.h>
#include <string.h>

static bool names(const char *text, const char *address)
{
	struct authority a;
	return authority_parse(text, &a) >= 0 && authority_names(&a, address);
}

/* Where the program said that it reaches the thing of the handle `slot`. */
static bool reached_now(const struct agent *a, int64_t slot, char *ret, size_t size)
{
	size_t i;
	const json_t *r;
	json_array_foreach(a->refers, i, r)
	{
		if (agent_number(r, "device", -1) == 0 && agent_number(r, "inode", -1) == slot)
			return hex_text_get(json_object_get(r, "locator"), ret, size) && ret[0] != '\0';
	}
	return false;
}

bool agent_service_has(const struct agent *a, const json_t *declared, const json_t *row)
{
	char name[PATH_MAX], text[PATH_MAX];
	size_t i;
	const json_t *d;
	const char *to = hex_text_get(json_object_get(row, "name"), name, sizeof name) ? strstr(name, " to ") : NULL;
	if (to == NULL)
		return false;
	json_array_foreach(declared, i, d)
	{
		const char *kind = agent_text(d, "kind");
		if (strcmp(kind, "service") != 0 && strcmp(kind, "url") != 0)
			continue;
		if (!reached_now(a, agent_number(d, "slot", -1), text, sizeof text) &&
			!hex_text_get(json_object_get(d, "locator"), text, sizeof text))
			continue;
		if (names(text, to + strlen(" to ")))
			return true;
	}
	return false;
}
