/* What ties a program to its host is refused by name at a checkpoint for as long as the program has it, and no longer. */
#include "restore_case.h"

#include "resource/binding.h"
#include "resource/bound.h"

#include <link.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/personality.h>
#include <sys/shm.h>

#define LIBRARY "libm.so.6" /* of libc itself: everywhere */

static char name[64]; /* of a semaphore and a queue, of this process alone */

static const char *own_name(void)
{
	(void)snprintf(name, sizeof name, "/pmig-test-binding-%d", (int)getpid());
	return name;
}

/* What a checkpoint would say. */
static void check_refused(const char *words)
{
	CHECK(bound_check() == PMIG_EREFUSED && strstr(pmig_reason(), words) != NULL);
}

static void *whole_program(void)
{
	struct link_map *map = NULL;
	Dl_info info;
	void *h = pmig_dlopen(NULL, RTLD_LAZY);
	CHECK(h != NULL && pmig_dlsym(h, "strlen") != NULL);
	CHECK(pmig_dlvsym(h, "strlen", "no such version") == NULL && pmig_dlerror() != NULL);
	CHECK(pmig_dlinfo(h, RTLD_DI_LINKMAP, &map) == 0 && map != NULL);
	CHECK(pmig_dladdr(pmig_dlsym(h, "strlen"), &info) != 0 && info.dli_fname != NULL && arena_contains(info.dli_fname));
	CHECK(pmig_dlopen("/no/such/library", RTLD_LAZY) == NULL && arena_contains(pmig_dlerror()));
	return h;
}

static void whole_program_after(void *h)
{
	CHECK(pmig_dlsym(h, "strlen") != NULL && pmig_dlclose(h) == 0);
}

static void *library(void)
{
	CHECK(bound_check() == 0 && pmig_dlopen(LIBRARY, RTLD_LAZY) != NULL);
	check_refused(LIBRARY);
	return pmig_calloc(1, 1);
}

/* All that can be given back was given back. */
static void *given_back(void)
{
	void *h = pmig_dlopen(LIBRARY, RTLD_LAZY);
	CHECK(h != NULL && pmig_dlsym(h, "cos") != NULL && pmig_dlclose(h) == 0);
	h = pmig_dlmopen(LM_ID_BASE, LIBRARY, RTLD_LAZY);
	CHECK(h != NULL && pmig_dlclose(h) == 0);
	sem_t *s = pmig_sem_open(own_name(), O_CREAT | O_EXCL, 0600, 1);
	CHECK(s != SEM_FAILED && sem_unlink(name) == 0 && pmig_sem_close(s) == 0);
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	void *shared = pmig_shmat(id, NULL, 0);
	CHECK(id >= 0 && shared != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0 && pmig_shmdt(shared) == 0);
	CHECK(pmig_personality(0xffffffff) >= 0); /* only asks */
	CHECK(pmig_unshare(CLONE_FILES) == 0);    /* a process alone has no use for it */
	CHECK(pmig_chroot("/no/such/directory") == -1 && pmig_pivot_root("/no", "/such") == -1 && pmig_setns(-1, 0) == -1);
	CHECK(pmig_prctl(1 << 20, 0, 0, 0, 0) == -1);
	CHECK(bound_check() == 0);
	return pmig_calloc(1, 1);
}

/* Where it goes on nothing holds it. */
static void free_again(void *state)
{
	CHECK(state != NULL && bound_check() == 0);
}

static void *semaphore(void)
{
	CHECK(pmig_sem_open(own_name(), O_CREAT | O_EXCL, 0600, 1) != SEM_FAILED && sem_unlink(name) == 0);
	check_refused("sem_close()");
	return pmig_calloc(1, 1);
}

static void *shared_memory(void)
{
	int id = pmig_shmget(IPC_PRIVATE, 4096, 0600);
	CHECK(id >= 0 && shmctl(id, IPC_RMID, NULL) == 0);
	check_refused("use shm_open()");
	return pmig_calloc(1, 1);
}

static const struct restore_case cases[] = {
	{.name = "the whole program", .before = whole_program, .after = whole_program_after},
	{.name = "what was given back", .before = given_back, .after = free_again},
	{.name = "a library", .before = library, .after = free_again},
	{.name = "a named semaphore", .before = semaphore, .after = free_again},
	{.name = "System V shared memory", .before = shared_memory, .after = free_again},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
