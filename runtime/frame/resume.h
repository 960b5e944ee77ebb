/* resume: continues captured frames by calling their resume clones, innermost first, with the results in their own
 * types (libffi). No native stack is rebuilt: frames further out stay captured until the inner ones have returned. */
#ifndef PMIG_FRAME_RESUME_H
#define PMIG_FRAME_RESUME_H

#include "walk.h"

#define RESUME_RESULT_MAX 256 /* bytes of the largest result that a function returns in registers or as a vector */

/* Checks `frames` (`size` bytes, `count` of them) against the program's tables. Error: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int resume_check(const void *frames, size_t size, uint64_t count);

/* The calling thread takes over frames that were captured in this program (outside the arena, borrowed for good, and checked). */
void resume_adopt(const void *frames, size_t size, uint64_t count);

/* The frames that wait to be resumed. */
void resume_pending(const void **ret_frames, size_t *ret_size, uint64_t *ret_count);

/* What a thread that starts calls: main, or, where `entry` is not NULL, entry(argument). */
struct resume_start {
	int argc;
	char **argv, **envp;
	void (*entry)(void *argument);
	void *argument;
};

/* Runs a thread of the program: the pending frames, with `outcome` as the result of the innermost call, or, without any, what `start`
 * says. Returns what main returns. The frame of this function is the bottom of what a walk accepts. */
int resume_drive(const struct resume_start *start, int outcome);

/* For longjmp: drops every frame of this thread further in than the one of `site`'s function whose entry value of the frame
 * stack pointer is `mark`, and resumes that one at `site` from `record` with `value` as the call's result. Ends the program
 * with a sentence if there is no such frame. */
_Noreturn void resume_jump(uint32_t site, const void *record, const void *mark, int value);

/* What resume_drive() is calling: a resume clone, or what a thread starts with (`*ret_start`). */
const void *resume_current(bool *ret_start);

#endif
