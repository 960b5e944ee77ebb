/* Memory that was locked is locked again after a restore, and what was unlocked is not. */
#include "restore_case.h"

#include "resource/kernel.h"

#include <sys/mman.h>

#define PAGE 4096
#define PAGES 8

/* The kernel's count of locked bytes, in kB (proc(5), VmLck). */
static long locked_kb(void)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "re");
	CHECK(f != NULL);
	while (kb < 0 && fgets(line, sizeof line, f) != NULL)
		(void)sscanf(line, "VmLck: %ld", &kb);
	(void)fclose(f);
	return kb;
}

static char *pages(void)
{
	char *memory = pmig_aligned_alloc(PAGE, PAGES * PAGE);
	CHECK(memory != NULL);
	memset(memory, 1, PAGES * PAGE);
	return memory;
}

static void *some(void)
{
	char *memory = pages();
	long before = locked_kb();
	CHECK(pmig_mlock(memory, 2 * PAGE) == 0 && pmig_mlock2(memory + 4 * PAGE, PAGE, 0) == 0);
	CHECK(pmig_mlock(memory + 6 * PAGE, PAGE) == 0 && pmig_munlock(memory + 6 * PAGE, PAGE) == 0);
	CHECK(locked_kb() == before + 3 * PAGE / 1024);
	CHECK(pmig_mlock((void *)PAGE, PAGE) == -1 && errno == ENOMEM); /* nothing is there */
	return memory;
}

static void some_after(void *state)
{
	CHECK(locked_kb() == 3 * PAGE / 1024);
	CHECK(pmig_munlock(state, PAGES * PAGE) == 0 && locked_kb() == 0);
}

static void *everything(void)
{
	CHECK(pmig_mlockall(MCL_CURRENT) == 0);
	return pages();
}

static void everything_after(void *state)
{
	(void)state;
	CHECK(locked_kb() > PAGES * PAGE / 1024);
	CHECK(pmig_munlockall() == 0 && locked_kb() == 0);
}

static void *nothing(void)
{
	char *memory = pages();
	CHECK(pmig_mlockall(MCL_CURRENT) == 0 && pmig_mlock(memory, PAGE) == 0 && pmig_munlockall() == 0);
	return memory;
}

static void nothing_after(void *state)
{
	(void)state;
	CHECK(locked_kb() == 0);
}

static const struct restore_case cases[] = {
	{.name = "some pages", .before = some, .after = some_after},
	{.name = "all pages", .before = everything, .after = everything_after},
	{.name = "what was unlocked", .before = nothing, .after = nothing_after},
	{0},
};

int main(int argc, char **argv)
{
#if defined(PMIG_SANITIZER_MALLOC)
	(void)argc, (void)argv, (void)cases;
	(void)puts("skipped: a sanitizer locks no memory");
	return 77;
#else
	if (geteuid() != 0) {
		(void)puts("skipped: who is not root may not lock all memory");
		return 77;
	}
	restore_main(argc, argv, cases);
	return restore_all(cases);
#endif
}
