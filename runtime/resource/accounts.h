/* accounts: look-ups of users and groups with their results in the arena; each function as the one without the prefix. */
#ifndef PMIG_RESOURCE_ACCOUNTS_H
#define PMIG_RESOURCE_ACCOUNTS_H

#include <grp.h>
#include <pwd.h>

struct passwd *pmig_getpwnam(const char *name);
struct passwd *pmig_getpwuid(uid_t id);
struct group *pmig_getgrnam(const char *name);
struct group *pmig_getgrgid(gid_t id);

#endif
