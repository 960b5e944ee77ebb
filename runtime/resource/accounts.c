/* accounts: users and groups as this machine knows them, asked anew each time. */
#include "accounts.h"

#include "keep.h"

#include "../arena/malloc.h"

#include <errno.h>

#define TEXT_MAX (1u << 20) /* a group with very many members */

/* Calls `ask` with ever larger buffers, the last of which stays in *buffer. Returns what it found; NULL with errno as
 * it says. */
static void *larger(char **buffer, int (*ask)(void *what, char *text, size_t size, void **ret), void *what)
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

static int by_user_name(void *name, char *text, size_t size, void **ret)
{
	return getpwnam_r(name, &keep()->account, text, size, (struct passwd **)ret);
}

static int by_user(void *id, char *text, size_t size, void **ret)
{
	return getpwuid_r(*(uid_t *)id, &keep()->account, text, size, (struct passwd **)ret);
}

static int by_group_name(void *name, char *text, size_t size, void **ret)
{
	return getgrnam_r(name, &keep()->group, text, size, (struct group **)ret);
}

static int by_group(void *id, char *text, size_t size, void **ret)
{
	return getgrgid_r(*(gid_t *)id, &keep()->group, text, size, (struct group **)ret);
}

struct passwd *pmig_getpwnam(const char *name)
{
	struct kept *k = keep();
	return k != NULL ? larger(&k->account_text, by_user_name, (void *)name) : NULL;
}

struct passwd *pmig_getpwuid(uid_t id)
{
	struct kept *k = keep();
	return k != NULL ? larger(&k->account_text, by_user, &id) : NULL;
}

struct group *pmig_getgrnam(const char *name)
{
	struct kept *k = keep();
	return k != NULL ? larger(&k->group_text, by_group_name, (void *)name) : NULL;
}

struct group *pmig_getgrgid(gid_t id)
{
	struct kept *k = keep();
	return k != NULL ? larger(&k->group_text, by_group, &id) : NULL;
}
