/* plan_limits: what a user allows a move to cost, as options of the command line, as words, and as JSON. */
#include "plan_limits.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit bytes[] = {{"", 1}, {"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"k", 1e3}, {"K", 1e3}, {"MB", 1e6},
	{"M", 1e6}, {"GB", 1e9}, {"G", 1e9}, {"TB", 1e12}, {"T", 1e12}, {"KiB", 1024.0}, {"MiB", 1048576.0},
	{"GiB", 1073741824.0}, {"TiB", 1099511627776.0}, {"kbit", 125.0}, {"Mbit", 125e3}, {"Gbit", 125e6}, {NULL, 0}};
static const struct unit seconds[] = {
	{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0}};

enum value { BYTES = 1, RATE, SECONDS, PERCENT, RATE_OR_PERCENT };

#define AT(member) offsetof(struct plan_limits, member)

/* Each option, the member it sets, and the member of the JSON object. */
static const struct limit {
	const char *option, *json;
	enum value value;
	size_t at;       /* of a uint64_t for BYTES and RATE, of a double for others */
	size_t at_share; /* RATE_OR_PERCENT: where a percentage goes */
} limits_known[] = {
	{"max-reference", "reference_bytes_per_second", RATE_OR_PERCENT, AT(reference), AT(share)},
	{"max-transfer", "transfer_bytes", BYTES, AT(transfer), 0},
	{"max-before", "seconds_before", SECONDS, AT(before), 0},
	{"max-frozen", "seconds_frozen", SECONDS, AT(frozen), 0},
	{"max-slowdown", "slowdown", PERCENT, AT(slowdown), 0},
	{"remaining", "seconds_remaining", SECONDS, AT(remaining), 0},
	{NULL, "share_of_link", PERCENT, AT(share), 0},
};
#define LIMIT_COUNT (sizeof limits_known / sizeof *limits_known)

static double *real(struct plan_limits *l, size_t at)
{
	return (double *)(void *)((char *)l + at);
}

static uint64_t *count(struct plan_limits *l, size_t at)
{
	return (uint64_t *)(void *)((char *)l + at);
}

/* A decimal number with at most one point, whatever the locale; -1: none. *ret_rest is what follows. */
static double number(const char *text, const char **ret_rest)
{
	double value = 0, place = 1;
	bool point = false, digit = false;
	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		digit = true;
		value = 10 * value + (*text - '0');
		place *= point ? 10 : 1;
	}
	*ret_rest = text;
	return digit && value < 1e18 ? value / place : -1;
}

/* -1: not a number with one of the units, or zero. */
static double measure(const char *text, const struct unit *units, const char *behind)
{
	const char *rest;
	double value = number(text, &rest);
	size_t length = strlen(rest), n = strlen(behind);
	if (length >= n && strcmp(rest + length - n, behind) == 0)
		length -= n;
	for (const struct unit *u = units; value > 0 && u->name != NULL; u++)
		if (strlen(u->name) == length && strncmp(rest, u->name, length) == 0)
			return value * u->factor;
	return -1;
}

static double percent(const char *text)
{
	const char *rest;
	double value = number(text, &rest);
	return value > 0 && strcmp(rest, "%") == 0 ? value / 100 : -1;
}

static const char *expected(enum value value)
{
	static const char *const words[] = {[BYTES] = "a size such as 500MB or 2GiB",
		[RATE] = "a rate such as 20MB/s",
		[SECONDS] = "a time such as 2s or 500ms",
		[PERCENT] = "a percentage such as 50%",
		[RATE_OR_PERCENT] = "a rate such as 20MB/s or 100Mbit/s, or a part of the link such as 10%"};
	return words[value];
}

static int refuse(const struct limit *l, const char *value)
{
	return error_set(PMIG_EINVAL, "--%s: expected %s, found \"%.64s\"", l->option, expected(l->value), value);
}

int plan_limits_parse(struct plan_limits *limits, const char *option, const char *value)
{
	const struct limit *l = limits_known;
	while (l < limits_known + LIMIT_COUNT && (l->option == NULL || strcmp(l->option, option) != 0))
		l++;
	if (l == limits_known + LIMIT_COUNT)
		return error_set(PMIG_EINVAL, "--%.64s: no such limit", option);
	double share = l->value == PERCENT || l->value == RATE_OR_PERCENT ? percent(value) : -1;
	if (share > 0 && l->value == RATE_OR_PERCENT && share > 1)
		return error_set(PMIG_EINVAL, "--%s: more than the whole link: \"%.64s\"", l->option, value);
	if (share > 0) {
		*real(limits, l->value == PERCENT ? l->at : l->at_share) = share;
		return 0;
	}
	if (l->value == PERCENT)
		return refuse(l, value);
	double amount = measure(value, l->value == SECONDS ? seconds : bytes, l->value == RATE_OR_PERCENT ? "/s" : "");
	if (!(amount > 0) || (l->value == SECONDS && amount > 1e9) || (l->value != SECONDS && (amount < 1 || amount > 1e18)))
		return refuse(l, value);
	if (l->value == SECONDS)
		*real(limits, l->at) = amount;
	else
		*count(limits, l->at) = (uint64_t)amount;
	return 0;
}

json_t *plan_limits_json(const struct plan_limits *limits)
{
	struct plan_limits l = *limits;
	json_t *object = json_pack("{s:b}", "strict", (int)l.strict);
	for (size_t i = 0; object != NULL && i < LIMIT_COUNT; i++) {
		const struct limit *k = &limits_known[i];
		bool whole = k->value == BYTES || k->value == RATE_OR_PERCENT;
		double value = whole ? (double)*count(&l, k->at) : *real(&l, k->at);
		if (value > 0)
			(void)json_object_set_new(object, k->json,
				whole ? json_integer((json_int_t)*count(&l, k->at)) : json_real(value));
	}
	return object;
}

int plan_limits_from_json(const json_t *object, struct plan_limits *ret_limits)
{
	struct plan_limits l = {.strict = json_is_true(json_object_get(object, "strict"))};
	if (object != NULL && !json_is_object(object))
		return error_set(PMIG_EINVAL, "limits: not an object");
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit *k = &limits_known[i];
		const json_t *value = json_object_get(object, k->json);
		bool whole = k->value == BYTES || k->value == RATE_OR_PERCENT;
		if (value == NULL)
			continue;
		double amount = json_number_value(value);
		if (!(whole ? json_is_integer(value) : json_is_number(value)) || !(amount > 0) || amount > 1e18)
			return error_set(PMIG_EINVAL, "limits: %s: not a number above 0", k->json);
		if (whole)
			*count(&l, k->at) = (uint64_t)json_integer_value(value);
		else
			*real(&l, k->at) = amount;
	}
	*ret_limits = l;
	return 0;
}
