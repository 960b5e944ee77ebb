/* start: the real main() of every program that pmig-cc builds. Sets the arena up, then starts or resumes the program. */
#include "arena/arena.h"
#include "build.h"
#include "checkpoint.h"
#include "control_channel.h"
#include "every.h"
#include "frame/program.h"
#include "frame/resume.h"
#include "guard.h"
#include "kind/load.h"
#include "locals.h"
#include "resource/resource.h"
#include "stop.h"
#include "thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_OURS 125

const char *pmig_name(void)
{
	return control_name();
}

uint64_t pmig_epoch(void)
{
	return control_epoch();
}

static _Noreturn void give_up(void)
{
	(void)dprintf(2, "pmig: %s\n", pmig_reason());
	(void)control_send(CONTROL_FAILED, (const int64_t[8]){PMIG_EIO}, pmig_reason());
	_exit(EXIT_OURS);
}

/* Kinds from outside the tree. Under an agent the program does not see the variable; the test mode needs it once more. */
static int load(void)
{
	const char *paths = getenv("PMIG_KINDS");
	int r = paths != NULL ? load_kinds(paths) : 0;
	if (control_descriptor() >= 0)
		(void)unsetenv("PMIG_KINDS");
	load_announce();
	return r;
}

/* Nothing of the program has run yet. Says RESTORED and waits until this copy is the one that runs. */
static void restore(int fd, bool by_agent)
{
	const char *from = "";
	struct timespec begin, end;
	uint64_t frames = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	const char *name = *control_name() != '\0' ? control_name() : program_invocation_short_name;
	int r = load();
	if (r >= 0)
		r = checkpoint_read(fd, name, by_agent && control_verified(), &from, &frames);
	if (r < 0) {
		(void)error_prefix(r, "restore");
		if (by_agent) {
			(void)control_send(CONTROL_FAILED, (const int64_t[8]){r}, pmig_reason());
			_exit(EXIT_OURS);
		}
		give_up();
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	if (by_agent) {
		struct control_message m;
		int64_t ns = (end.tv_sec - begin.tv_sec) * 1000000000ll + end.tv_nsec - begin.tv_nsec;
		(void)control_send(CONTROL_RESTORED,
			(const int64_t[8]){ns, (int64_t)frames, checkpoint_libc_then() != checkpoint_libc_now()}, "");
		if (control_wait_verdict(&m) < 0 || m.type != CONTROL_ACTIVATE) {
			resource_undo();
			_exit(EXIT_OURS);
		}
	}
	stop_tell(PMIG_RESTORED, from, "");
}

static void check_addresses(void)
{
	if (checkpoint_libc_then() == checkpoint_libc_now())
		(void)dprintf(2, "pmig: libraries lie where they were: this restore proves little\n");
}

int main(int argc, char **argv, char **envp)
{
	(void)envp;
	if (pmig_program.main == NULL) {
		(void)error_set(PMIG_EINVAL, "this program has no main()");
		give_up();
	}
	if (arena_create() < 0 || control_start(build_text()) < 0)
		give_up();
	int image = control_restoring(), by_test = every_start();
	thread_start();
	guard_start();
	stop_start();
	if (control_descriptor() >= 0)
		resource_private(control_descriptor());
	if (image < 0 && by_test < 0) {
		if (load() < 0 || resource_start(argc, argv, environ) < 0)
			give_up();
		argv = resource_arguments(&argc);
		locals_start(pmig_thread);
		exit(resume_drive(&(struct resume_start){.argc = argc, .argv = argv, .envp = environ}, 0));
	}
	restore(image >= 0 ? image : by_test, image >= 0);
	if (by_test >= 0)
		check_addresses();
	thread_go_on(PMIG_RESTORED);
	exit(resume_drive(&(struct resume_start){0}, PMIG_RESTORED));
}
