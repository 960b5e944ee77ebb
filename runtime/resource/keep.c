/* keep: static results and a set of texts, in the arena. */
#include "keep.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../guard.h"

#include <errno.h>
#include <string.h>

#define TEXT_MAX (1u << 20) /* a group with very many members */

struct keep_entry {
	char *text; /* NULL: free */
};

/* The linker's: what lies between belongs to the executable and has the same address everywhere. */
extern char __executable_start[], end[];

struct kept *keep(void)
{
	void **root = arena_root(ARENA_ROOT_LIBC), *there = __atomic_load_n(root, __ATOMIC_ACQUIRE);
	if (there != NULL)
		return there;
	GUARD(GUARD_TEXTS);
	if (*root == NULL)
		__atomic_store_n(root, pmig_calloc(1, sizeof(struct kept)), __ATOMIC_RELEASE);
	return *root;
}

/* FNV-1a */
static size_t hash(const char *text)
{
	size_t h = 14695981039346656037u;
	while (*text != 0)
		h = (h ^ (unsigned char)*text++) * 1099511628211u;
	return h;
}

static struct keep_entry *find(const struct kept *k, const char *text)
{
	size_t i = hash(text) & (k->texts_room - 1);
	while (k->texts[i].text != NULL && strcmp(k->texts[i].text, text) != 0)
		i = (i + 1) & (k->texts_room - 1);
	return &k->texts[i];
}

static int grow(struct kept *k)
{
	struct kept bigger = {.texts_room = k->texts_room == 0 ? 64 : 2 * k->texts_room};
	bigger.texts = pmig_calloc(bigger.texts_room, sizeof *bigger.texts);
	if (bigger.texts == NULL)
		return -1;
	for (size_t i = 0; i < k->texts_room; i++)
		if (k->texts[i].text != NULL)
			*find(&bigger, k->texts[i].text) = k->texts[i];
	pmig_free(k->texts);
	k->texts = bigger.texts;
	k->texts_room = bigger.texts_room;
	return 0;
}

char *keep_text(const char *text)
{
	if (text == NULL || arena_contains(text) || (text >= __executable_start && text < end))
		return (char *)text;
	struct kept *k = keep();
	GUARD(GUARD_TEXTS);
	if (k == NULL || (2 * k->texts_n >= k->texts_room && grow(k) < 0))
		return NULL;
	struct keep_entry *e = find(k, text);
	if (e->text == NULL) {
		int saved = errno; /* callers of strerror() still want it */
		e->text = pmig_strdup(text);
		k->texts_n += e->text != NULL;
		if (e->text != NULL)
			errno = saved;
	}
	return e->text;
}

void *keep_larger(char **buffer, int (*ask)(void *what, char *text, size_t size, void **ret), void *what)
{
	for (size_t size = 2048; size <= TEXT_MAX; size *= 4) {
		char *text = pmig_realloc(*buffer, size);
		void *found = NULL;
		if (text == NULL)
			return NULL;
		*buffer = text;
		int number = ask(what, text, size, &found);
		if (number != ERANGE) {
			errno = number != 0 ? number : errno;
			return found;
		}
	}
	errno = ERANGE;
	return NULL;
}
