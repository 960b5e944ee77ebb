/* clocks: steady clocks and processor times that go on after a move: what this machine's clock says plus an offset
 * that lies in the arena. CLOCK_MONOTONIC and its kind go on where they stopped, as if the machine had been
 * suspended; CLOCK_BOOTTIME, which counts that, also gets the time in between by the wall clocks of the two machines,
 * never less than nothing. */
#ifndef PMIG_RESOURCE_CLOCKS_H
#define PMIG_RESOURCE_CLOCKS_H

#include "record.h"

#include <stdbool.h>
#include <time.h>

PMIG_MUST_CHECK int clocks_start(void);
PMIG_MUST_CHECK int clocks_save(struct record_writer *w);
PMIG_MUST_CHECK int clocks_restore(struct record_reader *r);

/* When `t` of the program's clock `id` is on this machine's; it may lie before 0. */
struct timespec clocks_here(clockid_t id, struct timespec t);

/* Whether any of them differs from this machine's. */
bool clocks_moved(void);

#endif
