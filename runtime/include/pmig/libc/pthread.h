/* pthread: libc's header as pmig-cc reads it. Its cleanup handlers are macros around libc's own unwinding, which knows nothing of frames that
 * were captured; here they are a list in the thread's block, as in musl. */
#ifndef PMIG_LIBC_PTHREAD_H
#define PMIG_LIBC_PTHREAD_H

#include_next <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pmig_cleanup {
	void (*routine)(void *);
	void *argument;
	struct pmig_cleanup *previous;
};

void pmig_cleanup_push(struct pmig_cleanup *c);
void pmig_cleanup_pop(struct pmig_cleanup *c);

#undef pthread_cleanup_push
#undef pthread_cleanup_pop
#define pthread_cleanup_push(work, with) \
	do { \
		struct pmig_cleanup pmig_cleanup_here = {(work), (with), 0}; \
		pmig_cleanup_push(&pmig_cleanup_here);
#define pthread_cleanup_pop(execute) \
	pmig_cleanup_pop(&pmig_cleanup_here); \
	if (execute) \
		pmig_cleanup_here.routine(pmig_cleanup_here.argument); \
	} \
	while (0)

#ifdef __USE_GNU
#undef pthread_cleanup_push_defer_np
#undef pthread_cleanup_pop_restore_np
#define pthread_cleanup_push_defer_np(work, with) \
	pthread_cleanup_push(work, with) int pmig_cancel_type; \
	(void)pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &pmig_cancel_type);
#define pthread_cleanup_pop_restore_np(execute) \
	(void)pthread_setcanceltype(pmig_cancel_type, 0); \
	pthread_cleanup_pop(execute)
#endif

#ifdef __cplusplus
}
#endif

#endif
