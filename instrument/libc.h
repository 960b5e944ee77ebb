/* libc: what runtime/tbl/libc.h says about a function of the C library. */
#ifndef PMIG_INSTRUMENT_LIBC_H
#define PMIG_INSTRUMENT_LIBC_H

#include <stddef.h>

enum libc_action {
	LIBC_PLAIN = 1, /* stateless, called as it is */
	LIBC_CARRIED,   /* called as it is, its state is carried by the file in the note */
	LIBC_REPLACED,  /* libc_replacement() is called instead */
	LIBC_REFUSED,   /* the note says why, for the user */
};

struct libc_function {
	const char *name;
	enum libc_action action;
	const char *note;
};

/* The row of `name`; NULL: nobody has listed it. Static. */
const struct libc_function *libc_find(const char *name);

/* The same for a variable: never LIBC_REPLACED. */
const struct libc_function *libc_variable(const char *name);

/* Writes the name of what is called instead of a LIBC_REPLACED function. */
void libc_replacement(const struct libc_function *f, char *out, size_t room);

#endif
