/* resource: what a process has besides memory and frames: descriptors, streams, its context (directory, environment,
 * signal handlers, clocks ...), declarations and hooks; found and saved at a checkpoint, made anew in another
 * process.
 *
 * Normal usage, by the runtime:
 *   fresh process      resource_start() before main()
 *   checkpoint         resource_prepare(), resource_plan(), then resource_save() with the program stopped, then either
 *                        resource_continue() and resource_after()   the same process goes on, or
 *                        resource_release()                         it was taken over elsewhere and ends
 *   restored process   resource_restore() after memory and globals are back and before any code of the program; then
 *                        resource_after()                           it was activated, or
 *                        resource_undo()                            it was not: what was created here goes away
 *
 * Around it: escape_find() must leave out arena_streams(): what libc keeps there is made anew. From resource_save()
 * to resource_continue(), and from resource_restore() to resource_after(), all signals are blocked: no handler of the
 * program runs in a process that may not be the one.
 *
 * All state lies in the arena (or in globals that travel), so that a second checkpoint after a restore finds it. */
#ifndef PMIG_RESOURCE_H
#define PMIG_RESOURCE_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct image;
struct image_writer;

/* What the one who restarts may choose. Zero means: refuse. */
struct resource_options {
	bool rewind; /* a file that was changed since the checkpoint is set aside as PATH.old; what it was then comes back */
	const char *directory; /* NULL: the working directory is that of the checkpoint, and must exist; else this one */
};

/* Takes over from libc what must not stay there: the standard streams, arguments, environment, clocks. The arena must
 * be ready; may run from .preinit_array, then before any library's constructor could keep a standard stream. Never in
 * a process that restores: there the streams of the image take the same places. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int resource_start(int argc, char **argv, char **envp);

/* The arguments for main(), in the arena; after start or restore. The environment is `environ`. */
char **resource_arguments(int *ret_argc);

/* Descriptors of the runtime itself are not the program's: they are left out (and must not be in the way in a process
 * that restores, hence high numbers). The one that the image is written to is known anyway. At most 16. */
void resource_private(int fd);
void resource_public(int fd);

/* The lowest of them that is not below `from`; -1: none. */
int resource_next_private(int from);

/* Runs the `before` hooks in the order of declaration. If one refuses, those already asked get after(PMIG_FAILED) and
 * the result is PMIG_EBUSY with the name of the one that refused. */
PMIG_MUST_CHECK int resource_prepare(void);

/* What was decided for this checkpoint (planned.h); -1: nothing, then the program decides. Takes `fd`. Errors: as planned_take(). */
PMIG_MUST_CHECK int resource_plan(int fd);

/* Writes the sections RESOURCES (records, and a second one with the contents that travel), STREAMS and CLOCKS. To be
 * called before the memory is written, which it prepares. When it was good, resource_continue() or resource_release()
 * must follow; when not, all is as before. Errors: PMIG_EREFUSED (the resource is named), PMIG_EIO, PMIG_ENOMEM. */
PMIG_MUST_CHECK int resource_save(struct image_writer *w);

/* The same process goes on: what resource_save() took apart is put together again. */
void resource_continue(void);

/* Another process took over: what has moved is removed here, if nobody touched it since resource_save(). The caller
 * then ends with _exit(). Returns the number of things that were left because they have changed. */
int resource_release(void);

/* Makes everything anew. Every descriptor above 2 that is not private is closed first: the image's own number may
 * then be the program's, so that the caller closes it before, never after. Refuses before anything is changed where
 * that can be known; otherwise undoes what it did. Errors: PMIG_EREFUSED (the resource is named, and what the user
 * can do), PMIG_ECORRUPT, PMIG_EIO, PMIG_ENOSPC. */
PMIG_MUST_CHECK int resource_restore(struct image *im, const struct resource_options *options);

/* The restored process will not run: files and directories that resource_restore() created go away. */
void resource_undo(void);

/* At a safe point: the agent is told of what was declared and withdrawn since the last one. */
void resource_tell(void);

/* Runs the `after` hooks in the reverse order of declaration; outcome CONTINUED, RESTORED or FAILED. news->strategy
 * is filled in for each. A hook's failure is reported on standard error by name and changes nothing else. */
void resource_after(const struct pmig_news *news);

#endif
