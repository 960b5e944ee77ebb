/* accounts: users and groups as this machine knows them, asked anew each time. */
#include "accounts.h"

#include "keep.h"

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
	return k != NULL ? keep_larger(&k->account_text, by_user_name, (void *)name) : NULL;
}

struct passwd *pmig_getpwuid(uid_t id)
{
	struct kept *k = keep();
	return k != NULL ? keep_larger(&k->account_text, by_user, &id) : NULL;
}

struct group *pmig_getgrnam(const char *name)
{
	struct kept *k = keep();
	return k != NULL ? keep_larger(&k->group_text, by_group_name, (void *)name) : NULL;
}

struct group *pmig_getgrgid(gid_t id)
{
	struct kept *k = keep();
	return k != NULL ? keep_larger(&k->group_text, by_group, &id) : NULL;
}
