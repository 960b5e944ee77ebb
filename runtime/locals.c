/* locals: a thread's variables begin as the constant that the instrumenter made of their initial values. */
#include "locals.h"

#include "frame/program.h"

#include <stddef.h>
#include <string.h>

_Static_assert(offsetof(struct arena_thread, locals) == PROGRAM_LOCALS, "programs have this offset in their code");
_Static_assert(ARENA_THREAD_SIZE == PROGRAM_LOCALS_END, "the instrumenter checks against it");

void locals_start(struct arena_thread *thread)
{
	if (pmig_program.locals_size != 0)
		memcpy(thread->locals, pmig_program.locals, pmig_program.locals_size);
}
