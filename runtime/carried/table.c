/* table: hcreate(), hsearch() and their kind in the program's heap. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

int pmig_hcreate(size_t n);
ENTRY *pmig_hsearch(ENTRY what, ACTION action);
void pmig_hdestroy(void);
int pmig_hcreate_r(size_t n, struct hsearch_data *t);
int pmig_hsearch_r(ENTRY what, ACTION action, ENTRY **ret, struct hsearch_data *t);
void pmig_hdestroy_r(struct hsearch_data *t);

/* What a struct hsearch_data leads to. */
struct _ENTRY {
	size_t room, most;
	ENTRY entries[]; /* key NULL: free */
};

static struct hsearch_data table;

int pmig_hcreate_r(size_t n, struct hsearch_data *t)
{
	if (t == NULL || t->table != NULL) {
		errno = t == NULL ? EINVAL : errno;
		return 0;
	}
	size_t room = 8;
	while (room < n + n / 2)
		room *= 2;
	struct _ENTRY *made = calloc(1, sizeof *made + room * sizeof made->entries[0]);
	if (made == NULL)
		return 0;
	made->room = room;
	made->most = n > 0 ? n : 1;
	*t = (struct hsearch_data){.table = made, .size = (unsigned)room};
	return 1;
}

void pmig_hdestroy_r(struct hsearch_data *t)
{
	if (t == NULL) {
		errno = EINVAL;
		return;
	}
	free(t->table);
	t->table = NULL;
}

/* FNV-1a */
static size_t hash(const char *key)
{
	size_t h = 14695981039346656037u;
	while (*key != 0)
		h = (h ^ (unsigned char)*key++) * 1099511628211u;
	return h;
}

int pmig_hsearch_r(ENTRY what, ACTION action, ENTRY **ret, struct hsearch_data *t)
{
	struct _ENTRY *in = t->table;
	*ret = NULL;
	if (in == NULL) {
		errno = EINVAL;
		return 0;
	}
	size_t i = hash(what.key) & (in->room - 1);
	for (; in->entries[i].key != NULL; i = (i + 1) & (in->room - 1))
		if (strcmp(in->entries[i].key, what.key) == 0) {
			*ret = &in->entries[i];
			return 1;
		}
	if (action == FIND || t->filled == in->most) {
		errno = action == FIND ? ESRCH : ENOMEM;
		return 0;
	}
	t->filled++;
	in->entries[i] = what;
	*ret = &in->entries[i];
	return 1;
}

int pmig_hcreate(size_t n)
{
	return pmig_hcreate_r(n, &table);
}

void pmig_hdestroy(void)
{
	pmig_hdestroy_r(&table);
}

ENTRY *pmig_hsearch(ENTRY what, ACTION action)
{
	ENTRY *found;
	(void)pmig_hsearch_r(what, action, &found, &table);
	return found;
}
