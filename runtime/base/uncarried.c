/* uncarried: a table of beginnings of names; a 0 stands for any digit. */
#include "uncarried.h"

#include <stddef.h>

#define NAME_SPACE "it is a name space of this host; close it before the safe point"

static const struct {
	const char *begins, *words;
} table[] = {
	{"anon_inode:inotify",
		"inotify watches files of this host; close it before the safe point, and watch anew in an `after` hook"},
	{"anon_inode:[fanotify]",
		"fanotify watches files of this host; close it before the safe point, and watch anew in an `after` hook"},
	{"anon_inode:[io_uring]", "io_uring has requests and memory in the kernel; close it before the safe point"},
	{"anon_inode:[userfaultfd]", "userfaultfd handles page faults of this process; close it before the safe point"},
	{"anon_inode:[perf_event]", "perf_event_open() counts what this process does here; close it before the safe point"},
	{"anon_inode:[pidfd]", "it leads to a process of this host (pidfd); close it before the safe point"},
	{"anon_inode:bpf-", "it is a program or map of this kernel (bpf); close it before the safe point"},
	{"/secretmem", "it is memory that only this process may see (memfd_secret); close it before the safe point"},
	{"cgroup:[", NAME_SPACE},
	{"ipc:[", NAME_SPACE},
	{"mnt:[", NAME_SPACE},
	{"net:[", NAME_SPACE},
	{"pid:[", NAME_SPACE},
	{"time:[", NAME_SPACE},
	{"user:[", NAME_SPACE},
	{"uts:[", NAME_SPACE},
	{"/proc/0", "it shows a process of this host; close it before the safe point"},
};

const char *uncarried_words(const char *link)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *b = table[i].begins, *l = link;
		while (*b != '\0' && (*b == *l || (*b == '0' && *l >= '0' && *l <= '9')))
			b++, l++;
		if (*b == '\0')
			return table[i].words;
	}
	return NULL;
}

const char *uncarried_unknown(const char *link)
{
	const char *words = uncarried_words(link);
	return words != NULL ? words : "no kind knows how to carry such a thing; close it before the safe point";
}
