/* error: the one error convention of the tree. Functions return >= 0 or a negative PMIG_E*; the sentence that
 * explains the last failure of this thread is built by prefixing on the way up. */
#ifndef PMIG_BASE_ERROR_H
#define PMIG_BASE_ERROR_H

#include <pmig/pmig.h>
#include <stdarg.h>

#define PMIG_REASON_MAX 1024

#define PMIG_MUST_CHECK __attribute__((warn_unused_result))
#define PMIG_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Sets this thread's reason to the formatted sentence and returns `code` (negative PMIG_E*), so that
 * `return error_set(PMIG_ENOENT, "%s: no such image", path);` reads well. A full sentence names the thing, what was
 * tried, and what the user can do. */
int error_set(int code, const char *format, ...) PMIG_PRINTF(2, 3);

/* As error_set(), and appends ": " and the words of `number` (an errno value). */
int error_errno(int code, int number, const char *format, ...) PMIG_PRINTF(3, 4);

/* Puts "formatted: " before this thread's reason; returns `code`. */
int error_prefix(int code, const char *format, ...) PMIG_PRINTF(2, 3);

#ifdef __clang_analyzer__ /* it does not look into another file, so say here that what comes back is what was given */
static inline int error_given(int returned, int code)
{
	(void)returned;
	return code;
}
#define error_set(code, ...) error_given((error_set)(code, __VA_ARGS__), code)
#define error_errno(code, ...) error_given((error_errno)(code, __VA_ARGS__), code)
#define error_prefix(code, ...) error_given((error_prefix)(code, __VA_ARGS__), code)
#endif

/* Around what a signal handler does: it has a reason of its own, and whoever it has interrupted keeps theirs. error_leave() gets what
 * error_enter() returned. */
unsigned error_enter(void);
void error_leave(unsigned before);

/* The exit status with which a verb ends after `code` (0 for code >= 0); see tbl/error.h. */
int error_exit_status(int code);

#endif
