/* error: codes, words and the sentence of the last failure. */
#include "error.h"

#include <stdio.h>
#include <string.h>

#undef error_set
#undef error_errno
#undef error_prefix

#define LEVELS 4

static _Thread_local char reasons[LEVELS][PMIG_REASON_MAX];
static _Thread_local volatile unsigned level; /* how many handlers the thread is in */

static char *reason(void)
{
	return reasons[level < LEVELS ? level : LEVELS - 1];
}

unsigned error_enter(void)
{
	unsigned before = level;
	level = before + 1;
	reason()[0] = '\0';
	return before;
}

void error_leave(unsigned before)
{
	level = before;
}

struct error {
	int number;
	int exit_status;
	const char *name;
	const char *words;
};

static const struct error errors[] = {
#define PMIG_ERROR(name, number, status, words) {number, status, "PMIG_" #name, words},
#include "tbl/error.h"
#undef PMIG_ERROR
};

static const struct error *find(int code)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].number == -code)
			return &errors[i];
	return NULL;
}

const char *pmig_strerror(int code)
{
	if (code >= 0)
		return "no error";
	const struct error *e = find(code);
	return e != NULL ? e->words : "unknown error";
}

const char *pmig_reason(void)
{
	return reason();
}

int error_exit_status(int code)
{
	if (code >= 0)
		return 0;
	const struct error *e = find(code);
	return e != NULL ? e->exit_status : 5;
}

int error_set(int code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(reason(), PMIG_REASON_MAX, format, ap);
	va_end(ap);
	return code;
}

int error_errno(int code, int number, const char *format, ...)
{
	char words[128];
	const char *w = strerror_r(number, words, sizeof words); /* the GNU form */
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(reason(), PMIG_REASON_MAX, format, ap);
	va_end(ap);
	if (n >= 0 && n < PMIG_REASON_MAX)
		(void)snprintf(reason() + n, PMIG_REASON_MAX - (size_t)n, ": %s", w);
	return code;
}

int error_prefix(int code, const char *format, ...)
{
	char old[PMIG_REASON_MAX];
	memcpy(old, reason(), sizeof old);
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(reason(), PMIG_REASON_MAX, format, ap);
	va_end(ap);
	if (n >= 0 && n < PMIG_REASON_MAX)
		(void)snprintf(reason() + n, PMIG_REASON_MAX - (size_t)n, ": %.*s", PMIG_REASON_MAX - 3, old);
	return code;
}
