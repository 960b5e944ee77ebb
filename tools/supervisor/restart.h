/* restart: `pmig restart`: a program goes on from a file that `pmig checkpoint` made. */
#ifndef PMIG_SUPERVISOR_RESTART_H
#define PMIG_SUPERVISOR_RESTART_H

#include "parts.h"

struct restart;

/* Reads the image and finds its program, its name and its next epoch; touches nothing. Refused: PMIG_ECORRUPT (damaged),
 * PMIG_EREFUSED (it lives, or may), PMIG_EIDENTITY (of another program), PMIG_ENOENT (no image, no program). */
int restart_prepare(struct supervisor *s) PMIG_MUST_CHECK;

/* The agent is there: the image is copied and checked, then the program restored, claimed and begun. Where it fails, the
 * supervisor ends with 3, and everything is as it was. */
int restart_begin(struct supervisor *s) PMIG_MUST_CHECK;

void restart_destroy(struct restart *t); /* NULL is fine */

/* Where `checkpoint --stop` leaves what belongs to an image and is not in it: input that was typed ahead, terminal modes. */
void restart_stopped_path(const struct supervisor *s, const char *uuid, char ret_path[PATH_MAX]);

#endif
