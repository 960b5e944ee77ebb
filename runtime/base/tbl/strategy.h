/* What happens to a resource when its process moves: the nine cells, shared or not, each line one choice, in order of preference.
 *   STRATEGY(binding, attachment, sharing, strategy, condition, why)
 * The conditions are the footnotes of the table (strategy.h). Behind the last choice of a cell stands
 * PMIG_REFUSE. (Fuggetta, Picco, Vigna 1998, section 3.1.3; Tanenbaum, van Steen: Distributed Systems, code migration.) */

/* clang-format off */

/* Before the choices of every cell that offers a reference: one that is global already is kept. */
STRATEGY(ANY, ANY, EITHER, REFER, KEPT, "the target reaches it under the same name: it is kept, nothing is set up")
/* Before the choices of every cell: what is secret is obtained anew. */
STRATEGY(ANY, ANY, EITHER, REBIND, SECRET, "it is secret: the program obtains it anew")

STRATEGY(IDENTIFIER, UNATTACHED, ALONE, MOVE, ALWAYS, "only this process uses it: it goes along")
STRATEGY(IDENTIFIER, UNATTACHED, ALONE, REFER, ALWAYS, "exactly this one is meant and it cannot go along: it stays and is reached")
STRATEGY(IDENTIFIER, UNATTACHED, SHARED, REFER, ALWAYS, "others use it: it stays and is reached")

STRATEGY(IDENTIFIER, FASTENED, ALONE, REFER, ALWAYS, "moving it has a price: it stays and is reached")
STRATEGY(IDENTIFIER, FASTENED, ALONE, MOVE, ALWAYS, "exactly this one is meant and it cannot be reached: it goes along")
STRATEGY(IDENTIFIER, FASTENED, SHARED, REFER, ALWAYS, "others use it: it stays and is reached")

STRATEGY(IDENTIFIER, FIXED, EITHER, REFER, ALWAYS, "it cannot leave its machine: it stays and is reached")

STRATEGY(VALUE, UNATTACHED, ALONE, COPY, ALWAYS, "only its content counts")
STRATEGY(VALUE, UNATTACHED, ALONE, MOVE, ALWAYS, "only its content counts and it cannot be copied: it goes along")
STRATEGY(VALUE, UNATTACHED, ALONE, REFER, ALWAYS, "only its content counts and it cannot be brought: it is read where it is")
STRATEGY(VALUE, UNATTACHED, SHARED, REFER, ALWAYS, "others use it: it is read where it is")
STRATEGY(VALUE, UNATTACHED, SHARED, COPY, DIVERGENCE, "its declaration consents to a copy that diverges")

STRATEGY(VALUE, FASTENED, ALONE, REBIND, EQUAL_CONTENT, "the target has equal content")
STRATEGY(VALUE, FASTENED, ALONE, REFER, DEAR_BYTES, "its bytes cost more than the reads: it is read where it is")
STRATEGY(VALUE, FASTENED, ALONE, COPY, ALWAYS, "only its content counts")
STRATEGY(VALUE, FASTENED, ALONE, REFER, ALWAYS, "only its content counts and it cannot be copied: it is read where it is")
STRATEGY(VALUE, FASTENED, SHARED, REBIND, EQUAL_CONTENT, "the target has equal content")
STRATEGY(VALUE, FASTENED, SHARED, REFER, ALWAYS, "others use it: it is read where it is")
STRATEGY(VALUE, FASTENED, SHARED, COPY, DIVERGENCE, "its declaration consents to a copy that diverges")

STRATEGY(VALUE, FIXED, EITHER, COPY, SNAPSHOT, "its declaration consents to a snapshot")

STRATEGY(TYPE, UNATTACHED, ALONE, REBIND, PROVIDER, "the target has one of its kind")
STRATEGY(TYPE, UNATTACHED, ALONE, MOVE, ALWAYS, "the target has none of its kind: it goes along")
STRATEGY(TYPE, UNATTACHED, ALONE, COPY, ALWAYS, "the target has none of its kind: it gets a copy")
STRATEGY(TYPE, UNATTACHED, ALONE, REFER, ALWAYS, "the target has none of its kind: it stays and is reached")
STRATEGY(TYPE, UNATTACHED, SHARED, REBIND, PROVIDER, "the target has one of its kind")
STRATEGY(TYPE, UNATTACHED, SHARED, REFER, ALWAYS, "the target has none of its kind and others use it: it stays and is reached")
STRATEGY(TYPE, UNATTACHED, SHARED, COPY, DIVERGENCE, "its declaration consents to a copy that diverges")

STRATEGY(TYPE, FASTENED, ALONE, REBIND, PROVIDER, "the target has one of its kind")
STRATEGY(TYPE, FASTENED, ALONE, REFER, ALWAYS, "the target has none of its kind: it stays and is reached")
STRATEGY(TYPE, FASTENED, ALONE, COPY, ALWAYS, "the target has none of its kind: it gets a copy")
STRATEGY(TYPE, FASTENED, ALONE, MOVE, ALWAYS, "the target has none of its kind: it goes along")
STRATEGY(TYPE, FASTENED, SHARED, REBIND, PROVIDER, "the target has one of its kind")
STRATEGY(TYPE, FASTENED, SHARED, REFER, ALWAYS, "the target has none of its kind and others use it: it stays and is reached")
STRATEGY(TYPE, FASTENED, SHARED, COPY, DIVERGENCE, "its declaration consents to a copy that diverges")

STRATEGY(TYPE, FIXED, EITHER, REBIND, PROVIDER, "the target has one of its kind")
STRATEGY(TYPE, FIXED, EITHER, REFER, ALWAYS, "the target has none of its kind: it stays and is reached")
