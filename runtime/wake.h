/* wake: waking those that wait on a word; waiting is a safe point and begins at carried/futex.h. */
#ifndef PMIG_WAKE_H
#define PMIG_WAKE_H

#include <stdint.h>

/* Wakes up to `n` threads that wait on `word`; `shared`: it may be those of another process too. errno stays. */
void pmig_wake(const volatile void *word, int n, int shared);

#endif
