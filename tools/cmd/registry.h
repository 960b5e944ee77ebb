/* registry: what the files of `pmig registry` share; included by them only. */
#ifndef PMIG_CMD_REGISTRY_H
#define PMIG_CMD_REGISTRY_H

#include "tools/cmd/cmd.h"

struct registry_request {
	const char *name; /* of the table tools/tbl/registry.h */
	char *const *arguments;
	int count;        /* as many as the table allows */
	const char *host; /* another one is meant; NULL: this one */
	bool json;
};

/* Each returns the exit status. */
#define REGISTRY(name, function, least, most, arguments, words) int registry_##function(const struct registry_request *r);
#include "tools/tbl/registry.h"
#undef REGISTRY

/* The n-th argument, NULL where there are less. */
const char *registry_argument(const struct registry_request *r, int n);

/* The registry of this host, for reading; one of an older pmig is brought to today's form first. */
int registry_open(struct pmig_store **ret_store) PMIG_MUST_CHECK;

/* Prints "pmig registry NAME: reason" and returns the exit status for `code`; 0 for a code that is good. */
int registry_end(const struct registry_request *r, int code);

#endif
