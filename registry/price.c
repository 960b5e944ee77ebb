/* price: what a strategy costs for one resource, computed from facts alone. */
#include "price.h"

#include <math.h>
#include <string.h>

double price_value(const struct plan_fact *fact)
{
	return fact->source != 0 ? (double)fact->value : NAN;
}

/* The fact, else what the declaration says. */
static struct plan_fact fact_or(const struct plan_fact *fact, uint64_t declared)
{
	if (fact->source != 0 || declared == 0)
		return *fact;
	return (struct plan_fact){declared, PLAN_DECLARED};
}

struct plan_fact price_size(const struct plan_resource *resource)
{
	return fact_or(&resource->size, resource->row.size);
}

struct plan_fact price_rate(const struct plan_resource *resource)
{
	return fact_or(&resource->rate, resource->row.rate);
}

double price_transfer(double bytes, const struct plan_facts *facts)
{
	return bytes == 0 ? 0 : bytes / price_value(&facts->bandwidth);
}

struct plan_fact price_bandwidth(const struct plan_resource *resource, const struct plan_facts *facts)
{
	return resource->bandwidth.source != 0 ? resource->bandwidth : facts->bandwidth;
}

struct plan_fact price_rtt(const struct plan_resource *resource, const struct plan_facts *facts)
{
	return resource->rtt.source != 0 ? resource->rtt : facts->rtt;
}

/* The part of its way that a reference needs: bytes per second through bytes per second. */
static double share(const struct plan_resource *resource, const struct plan_facts *facts)
{
	struct plan_fact rate = price_rate(resource), bandwidth = price_bandwidth(resource, facts);
	return rate.source != 0 && rate.value == 0 ? 0 : price_value(&rate) / price_value(&bandwidth);
}

/* Round trips, in seconds of waiting per second of running. */
static double waiting(const struct plan_resource *resource, const struct plan_facts *facts)
{
	struct plan_fact rtt = price_rtt(resource, facts);
	return resource->trips.source != 0 && resource->trips.value == 0
		? 0
		: price_value(&resource->trips) * price_value(&rtt) / 1e9;
}

/* What goes ahead is only compared when the program stands still; everything else must be as it is then. What the target has
 * already does not go at all. */
static struct plan_price of_bytes(const struct plan_resource *resource, const struct strategy_choice *choice,
	const struct plan_facts *facts)
{
	struct plan_fact size = price_size(resource);
	if (choice->strategy == PMIG_COPY && resource->same_content.value != 0)
		return (struct plan_price){0};
	double seconds = price_transfer(price_value(&size), facts);
	bool ahead = resource->ahead && choice->strategy == PMIG_COPY && choice->condition == STRATEGY_ALWAYS;
	return (struct plan_price){.before = ahead ? seconds : 0, .frozen = ahead ? 0 : seconds, .bytes = size.value};
}

/* It is held before anything is shipped, and connected before the program runs: one round trip while it is frozen. */
static struct plan_price of_reference(const struct plan_resource *resource, const struct plan_facts *facts)
{
	struct plan_fact rate = price_rate(resource), rtt = price_rtt(resource, facts);
	if (resource->at != NULL && *resource->at != '\0' && strcmp(resource->at, facts->target) == 0)
		return (struct plan_price){0};
	return (struct plan_price){.frozen = price_value(&rtt) / 1e9,
		.share = share(resource, facts),
		.rate = price_value(&rate),
		.slowdown = waiting(resource, facts)};
}

struct plan_price price_of(const struct plan_resource *resource, const struct strategy_choice *choice,
	const struct plan_facts *facts)
{
	switch (choice->strategy) {
	case PMIG_MOVE:
	case PMIG_COPY:
		return of_bytes(resource, choice, facts);
	case PMIG_REFER:
		return choice->condition == STRATEGY_KEPT ? (struct plan_price){0} : of_reference(resource, facts);
	case PMIG_REBIND:
	case PMIG_REFUSE:
		break;
	}
	return (struct plan_price){0};
}

bool price_dear_bytes(const struct plan_resource *resource, const struct plan_facts *facts, double *ret_copy,
	double *ret_reads)
{
	struct plan_fact size = price_size(resource);
	double run = price_value(&facts->remaining) / 1e9;
	*ret_copy = price_transfer(price_value(&size), facts);
	*ret_reads = run * (share(resource, facts) + waiting(resource, facts));
	return *ret_copy > *ret_reads;
}

void price_add(struct plan_price *sum, const struct plan_price *price)
{
	sum->before += price->before;
	sum->frozen += price->frozen;
	sum->share += price->share;
	sum->rate += price->rate;
	sum->slowdown = isnan(sum->slowdown) || isnan(price->slowdown) ? NAN : fmax(sum->slowdown, price->slowdown);
	sum->bytes = sum->bytes > UINT64_MAX - price->bytes ? UINT64_MAX : sum->bytes + price->bytes;
}
