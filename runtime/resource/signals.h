/* signals: what a program set about signals: dispositions, mask, pending ones, alternate stack, interval timers.
 * Between save and continue all signals are blocked, so that no handler runs in a process that another one may have
 * replaced. */
#ifndef PMIG_RESOURCE_SIGNALS_H
#define PMIG_RESOURCE_SIGNALS_H

#include "record.h"

void signals_start(void); /* before the program runs: handlers that are there already are those of libraries */
void signals_hold(void);  /* blocks all; remembers the program's mask */
void signals_let(void);   /* the program's mask again; harmless when nothing is held */
PMIG_MUST_CHECK int signals_save(struct record_writer *w);
PMIG_MUST_CHECK int signals_restore(struct record_reader *r); /* leaves them held: signals_let() when the program may run */

#endif
