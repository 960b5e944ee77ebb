/* resume: continues captured frames by calling their resume clones, innermost first, with the results in their own
 * types (libffi). No native stack is rebuilt: frames further out stay captured until the inner ones have returned. */
#ifndef PMIG_FRAME_RESUME_H
#define PMIG_FRAME_RESUME_H

#include "walk.h"

#define RESUME_RESULT_MAX 256 /* bytes of the largest result that a function returns in registers or as a vector */

/* Takes over `frames` (outside the arena; `size` bytes, `count` frames), which were captured in this program. Checks every
 * frame against the program's tables. Error: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int resume_adopt(const void *frames, size_t size, uint64_t count);

/* The frames that wait to be resumed. */
void resume_pending(const void **ret_frames, size_t *ret_size, uint64_t *ret_count);

/* Runs the program: main, or the pending frames with `outcome` as the result of the innermost call. Returns what main
 * returns. The frame of this function is the bottom of what a walk accepts. */
int resume_drive(int argc, char **argv, char **envp, int outcome);

/* For longjmp: drops every frame of this thread further in than the one of `site`'s function whose entry value of the frame
 * stack pointer is `mark`, and resumes that one at `site` from `record` with `value` as the call's result. Ends the program
 * with a sentence if there is no such frame. */
_Noreturn void resume_jump(uint32_t site, const void *record, const void *mark, int value);

/* What resume_drive() is calling: main, or a resume clone. */
const void *resume_current(void);

#endif
