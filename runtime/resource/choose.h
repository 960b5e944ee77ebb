/* choose: what is done with one thing: what the planner decided for it, as long as it is still that thing; where no plan came, or it
 * was opened after the plan, what the program's own rules say (decide.h). */
#ifndef PMIG_RESOURCE_CHOOSE_H
#define PMIG_RESOURCE_CHOOSE_H

#include "planned.h"

#include <pmig/kind.h>

/* What a policy says becomes the declaration of a thing that the program declares nothing of; before describe(). */
void choose_policy(struct pmig_resource *r, const struct decision_record *p);

/* Sets strategy, kept, dropped, there and content of `r`, which is described. `p`: what was decided; NULL: nothing; `other`: the plan knows
 * this number as another thing; `hook`: there is one that obtains a secret anew. Texts are borrowed until planned_forget(). Error: PMIG_EREFUSED, with the reason. */
PMIG_MUST_CHECK int choose_strategy(struct pmig_resource *r, const struct decision_record *p, bool other, bool hook);

/* Whether nothing of it travels and no operation is called: it is dropped, or obtained anew as the secret it is. */
bool choose_empty(const struct pmig_resource *r);

#endif
