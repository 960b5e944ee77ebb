/* table: hcreate(), hsearch() and hdestroy() in the program's heap. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

int pmig_hcreate(size_t n);
ENTRY *pmig_hsearch(ENTRY what, ACTION action);
void pmig_hdestroy(void);

static ENTRY *entries; /* key NULL: free */
static size_t room, used, most;

int pmig_hcreate(size_t n)
{
	if (entries != NULL)
		return 0;
	room = 8;
	while (room < n + n / 2)
		room *= 2;
	most = n > 0 ? n : 1;
	used = 0;
	entries = calloc(room, sizeof *entries);
	return entries != NULL;
}

void pmig_hdestroy(void)
{
	free(entries);
	entries = NULL;
}

/* FNV-1a */
static size_t hash(const char *key)
{
	size_t h = 14695981039346656037u;
	while (*key != 0)
		h = (h ^ (unsigned char)*key++) * 1099511628211u;
	return h;
}

ENTRY *pmig_hsearch(ENTRY what, ACTION action)
{
	if (entries == NULL) {
		errno = EINVAL;
		return NULL;
	}
	size_t i = hash(what.key) & (room - 1);
	for (; entries[i].key != NULL; i = (i + 1) & (room - 1))
		if (strcmp(entries[i].key, what.key) == 0)
			return &entries[i];
	if (action == FIND || used == most) {
		errno = action == FIND ? ESRCH : ENOMEM;
		return NULL;
	}
	used++;
	entries[i] = what;
	return &entries[i];
}
