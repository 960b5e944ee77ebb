/* fuzz_limits: any text as the limits of a host; it is refused with a place, or answers every question.
 * sources: runtime/base/error.c transport/limits.c
 * Pure. */
#include "transport/limits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const questions[] = {"alice@laptop", "192.0.2.1", "tcp 127.0.0.1:8080", ""};
	struct limits *l;
	if (limits_parse("fuzz", (const char *)data, size, &l) < 0) {
		if (strncmp(pmig_reason(), "fuzz:", 5) != 0)
			abort();
		return 0;
	}
	for (int field = LIMITS_SENDER; field <= LIMITS_ADDRESS; field++)
		for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
			if (limits_allow(l, (enum limits_field)field, questions[i]) < 0 &&
				!limits_has(l, (enum limits_field)field))
				abort();
	(void)!limits_allow_bytes(l, LIMITS_MEMORY, size);
	(void)!limits_allow_bytes(l, LIMITS_DISK, UINT64_MAX);
	limits_destroy(l);
	return 0;
}
