/* price: what a strategy costs for one resource, computed from facts alone. */
#ifndef PMIG_REGISTRY_PRICE_H
#define PMIG_REGISTRY_PRICE_H

#include "plan.h"
#include "runtime/base/strategy.h"

/* The fact's value, NAN where it is not known. */
double price_value(const struct plan_fact *fact);

/* The bytes and the rate of a resource: the fact, else what its row says. */
struct plan_fact price_size(const struct plan_resource *resource);
struct plan_fact price_rate(const struct plan_resource *resource);

/* Of the way that a reference to the resource takes: bytes per second, and nanoseconds there and back. */
struct plan_fact price_bandwidth(const struct plan_resource *resource, const struct plan_facts *facts);
struct plan_fact price_rtt(const struct plan_resource *resource, const struct plan_facts *facts);

/* Bytes over the link, in seconds; NAN where either is not known. Nothing takes no time. */
double price_transfer(double bytes, const struct plan_facts *facts);

/* What `choice` costs for `resource`. */
struct plan_price price_of(const struct plan_resource *resource, const struct strategy_choice *choice,
	const struct plan_facts *facts);

/* True where copying takes longer than reading from afar would for the rest of the run; *ret_copy and *ret_reads are the seconds
 * of both, NAN where not known (then false). */
bool price_dear_bytes(const struct plan_resource *resource, const struct plan_facts *facts, double *ret_copy,
	double *ret_reads);

void price_add(struct plan_price *sum, const struct plan_price *price);

#endif
