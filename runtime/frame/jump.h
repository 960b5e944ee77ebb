/* jump: setjmp and longjmp of the program.
 *
 * What the program calls setjmp saves the native registers, as libc's does, and says which site it was called from and
 * where that site's values were copied to (in the function's own frame in the arena, just before the call). While the
 * process is the same, longjmp loads the registers. In another process the native frame does not exist: then the driver
 * drops every frame further in, and resumes the function at that site from the copied values.
 *
 * C17 7.13.2.1: what was changed since setjmp and is not volatile is indeterminate; here it is what it was at setjmp. */
#ifndef PMIG_FRAME_JUMP_H
#define PMIG_FRAME_JUMP_H

#include "base/error.h"

#include <stdint.h>

#define JUMP_NO_SITE UINT32_MAX /* called from a function that can reach no safe point */

/* Lies in the program's jmp_buf (200 bytes). The order is known to the assembly in jump.c. */
struct jump {
	uint64_t registers[8]; /* rbx rbp r12 r13 r14 r15 rsp rip, each exclusive-or `process`: they look like no pointer */
	uint64_t process;      /* which process this is: random */
	char *frame_sp;
	const void *mark;   /* the frame's entry value of frame_sp: names the activation */
	const void *record; /* the site's values */
	uint64_t site;
	uint64_t mask_saved, mask; /* sigsetjmp */
};

/* Before the program runs: makes buffers of other processes known as such. */
void jump_start(void);

/* For the instrumenter: what calls of setjmp in functions that can reach a safe point become; in others pmig_setjmp. */
int pmig_setjmp_at(struct jump *buffer, const void *record, const void *mark, uint32_t site) __attribute__((returns_twice));
int pmig_setjmp(struct jump *buffer) __attribute__((returns_twice));
void pmig_jump_mask(struct jump *buffer, int save);
_Noreturn void pmig_longjmp(struct jump *buffer, int value);

#endif
