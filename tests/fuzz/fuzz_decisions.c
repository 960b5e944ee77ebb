/* fuzz_decisions: any text as decisions that come to an agent, and any bytes as the file in which it hands them on: the program refuses the file
 * or reads nothing but what is in it, and takes each that the agent made.
 * sources: runtime/base/*.c registry/*.c transport/*.c runtime/resource/planned.c
 * libraries: sqlite3 zstd xxhash jansson md
 * What begins with a brace is a request. */
#include "runtime/decision.h"
#include "runtime/resource/planned.h"
#include "transport/agent_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct decision_record *d)
{
	if (d == NULL)
		return;
	size_t length = strlen(planned_text(d->kind)) + strlen(planned_text(d->type)) + strlen(planned_text(d->there)) +
		strlen(planned_text(d->content));
	if (length > 4 * (size_t)DECISION_TEXT_MAX)
		abort();
}

/* The program's side. */
static int take(int fd)
{
	struct stat st = {.st_dev = 1, .st_ino = 2};
	bool other;
	int r = planned_take(fd);
	for (int i = -1; r >= 0 && i < 16; i++) {
		look(planned_slot(i));
		look(planned_descriptor(i, &st, &other));
	}
	planned_forget();
	return r;
}

static void as_request(const uint8_t *data, size_t size)
{
	static struct agent_options options = {.uuid = "0f0e0d0c-0b0a-4908-8706-050403020100", .name = "fuzz"};
	struct agent a = {.options = &options};
	json_t *request = json_loadb((const char *)data, size, 0, NULL), *answer = NULL;
	if (agent_do_decisions(&a, request, &answer) >= 0) {
		int fd = agent_plan_file(&a, (int64_t)json_array_size(a.planned));
		if (fd >= 0 && take(fd) == PMIG_EPROTOCOL)
			abort();
	}
	agent_forget_plan(&a);
	json_decref(answer);
	json_decref(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == '{') {
		as_request(data, size);
		return 0;
	}
	int fd = memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)!take(fd);
	return 0;
}
