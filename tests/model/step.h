/* step: what handover.pml calls: transport/handover.c, its state in one number. */
#ifndef PMIG_MODEL_STEP_H
#define PMIG_MODEL_STEP_H

#include <stdbool.h>

int step_next(int packed, int event, unsigned char *ret_doing, unsigned char *ret_back, unsigned char *ret_outcome);
int step_resume(unsigned char *ret_doing);
int step_revive(unsigned char *ret_doing);
int step_durable(int packed, bool durable); /* the supervisor was told that the image is, or is not, at the target */

#endif
