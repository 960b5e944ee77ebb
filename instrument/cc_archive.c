/* cc_archive: what lies in a static archive, and which file -l means.
 *
 * Needed for one case: the last link must not see an archive whose members are all part of the instrumented program
 * already, because --whole-archive would bring them in again. Everything else about archives is the linker's. */
#include "cc.h"
#include "object.h"

#include <ar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_special(const struct ar_hdr *h)
{
	return memcmp(h->ar_name, "/ ", 2) == 0 || memcmp(h->ar_name, "//", 2) == 0 || memcmp(h->ar_name, "/SYM64/", 7) == 0;
}

/* Are all members between `p` and `end` made by pmig-cc? An empty archive has none. */
static bool all_units(const char *p, const char *end)
{
	bool some = false;
	while ((size_t)(end - p) >= sizeof(struct ar_hdr)) {
		struct ar_hdr h;
		char digits[sizeof h.ar_size + 1] = {0};
		const void *bytes;
		size_t size;
		memcpy(&h, p, sizeof h);
		memcpy(digits, h.ar_size, sizeof h.ar_size);
		p += sizeof h;
		unsigned long length = strtoul(digits, NULL, 10);
		if (memcmp(h.ar_fmag, ARFMAG, sizeof h.ar_fmag) != 0 || length > (size_t)(end - p))
			return false;
		if (!is_special(&h)) {
			if (object_find(p, length, &bytes, &size) <= 0)
				return false;
			some = true;
		}
		length += length & 1;
		p += length < (size_t)(end - p) ? length : (size_t)(end - p);
	}
	return some;
}

bool cc_archive_is_ours(const char *path)
{
	struct object_file f;
	if (object_open(path, &f) < 0)
		return false;
	const char *bytes = f.bytes;
	bool ours = f.size > SARMAG && memcmp(bytes, ARMAG, SARMAG) == 0 && all_units(bytes + SARMAG, bytes + f.size);
	object_close(&f);
	return ours;
}

/* The words that name library directories, as they came, joined or apart. */
static const char *directory(const struct cc_job *job, size_t i)
{
	const char *word = job->inputs[i].text;
	if (job->inputs[i].kind != CC_WORD || word == NULL || strncmp(word, "-L", 2) != 0)
		return NULL;
	if (word[2] != 0)
		return word + 2;
	return i + 1 < job->inputs_count ? job->inputs[i + 1].text : NULL;
}

char *cc_archive_find(const struct cc_job *job, const char *library)
{
	bool exact = library[0] == ':';
	for (size_t i = 0; i < job->inputs_count; i++) {
		const char *place = directory(job, i);
		char *shared, *archive;
		if (place == NULL)
			continue;
		if (asprintf(&shared, "%s/lib%s.so", place, library) < 0 ||
			asprintf(&archive, exact ? "%s/%s" : "%s/lib%s.a", place, exact ? library + 1 : library) < 0)
			abort();
		bool hidden = !exact && access(shared, R_OK) == 0; /* the linker prefers it */
		bool found = access(archive, R_OK) == 0;
		free(shared);
		if (found && !hidden)
			return archive;
		free(archive);
		if (hidden)
			return NULL;
	}
	return NULL;
}
