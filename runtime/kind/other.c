/* other: whatever no kind knows: it cannot be carried, and is refused by its name. */
#include "../base/error.h"

#include <pmig/kind.h>
#include <string.h>

static const struct {
	const char *locator, *words;
} known[] = {
	{"anon_inode:inotify",
		"inotify watches files of this host; close it before the safe point, and watch anew in an `after` hook"},
	{"anon_inode:[fanotify]",
		"fanotify watches files of this host; close it before the safe point, and watch anew in an `after` hook"},
	{"anon_inode:[io_uring]", "io_uring has requests and memory in the kernel; close it before the safe point"},
	{"anon_inode:[userfaultfd]", "userfaultfd handles page faults of this process; close it before the safe point"},
	{"anon_inode:[perf_event]", "perf_event_open() counts what this process does here; close it before the safe point"},
	{"anon_inode:[pidfd]", "it leads to a process of this host (pidfd); close it before the safe point"},
	{"anon_inode:bpf-", "it is a program or map of this kernel (bpf); close it before the safe point"},
	{"pidfd:", "it leads to a process of this host (pidfd); close it before the safe point"},
	{"mqueue:", "message queues are not carried; close it before the safe point"},
};

static int match(const struct pmig_resource *r)
{
	(void)r;
	return 1;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strncmp(r->locator, known[i].locator, strlen(known[i].locator)) == 0)
			return error_set(PMIG_EREFUSED, "%s", known[i].words);
	return error_set(PMIG_EREFUSED, "no kind knows how to carry such a thing; close it before the safe point");
}

const struct pmig_kind kind_other = {
	.version = PMIG_KIND_VERSION,
	.name = "other",
	.about = "anything that no kind knows",
	.match = match,
	.describe = describe,
};
