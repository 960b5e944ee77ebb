/* where: the directory of this user on this machine, and what the machine is called. */
#include "where.h"
#include "runtime/base/io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first word of `path`, if it has 1 to WHERE_MACHINE_MAX letters and digits. */
static bool read_identity(const char *path, char ret_machine[WHERE_MACHINE_MAX + 1])
{
	char text[WHERE_MACHINE_MAX + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text);
	close(fd);
	size_t length = 0;
	while (n > 0 && length < (size_t)n && isalnum((unsigned char)text[length]))
		length++;
	if (length == 0 || length > WHERE_MACHINE_MAX || (length < (size_t)n && text[length] != '\n'))
		return false;
	memcpy(ret_machine, text, length);
	ret_machine[length] = '\0';
	return strcmp(ret_machine, "uninitialized") != 0;
}

int where_machine(char ret_machine[WHERE_MACHINE_MAX + 1])
{
	if (read_identity("/etc/machine-id", ret_machine) || read_identity("/var/lib/dbus/machine-id", ret_machine))
		return 0;
	char name[WHERE_MACHINE_MAX - 5 + 1];
	if (gethostname(name, sizeof name) < 0 || memchr(name, '\0', sizeof name) == NULL || *name == '\0' ||
		strchr(name, '/') != NULL)
		return error_set(PMIG_EIO,
			"this machine has neither /etc/machine-id nor a usable host name; set PMIG_STATE");
	(void)snprintf(ret_machine, WHERE_MACHINE_MAX + 1, "host-%s", name);
	return 0;
}

/* Makes the directory and those above it that are missing, each durable in the one above: what is synced in a file must not
 * go with its directory. */
static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return error_errno(PMIG_EIO, errno,
				"%s: the state directory cannot be made; set PMIG_STATE to one that can", path);
		if (slash == NULL)
			return 0;
		*slash = '/';
	}
}

static int check_directory(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return error_errno(PMIG_EIO, errno, "%s: the state directory cannot be made; set PMIG_STATE to one that can",
			path);
	if (!S_ISDIR(st.st_mode))
		return error_set(PMIG_EIO, "%s: is not a directory; set PMIG_STATE to one", path);
	if (st.st_uid != geteuid())
		return error_set(PMIG_EREFUSED,
			"%s: the state directory belongs to another user; set PMIG_STATE to one of yours", path);
	if ((st.st_mode & 022) != 0)
		return error_set(PMIG_EREFUSED,
			"%s: others can write into the state directory; close it (chmod 700) or set PMIG_STATE to another",
			path);
	if (access(path, W_OK | X_OK) < 0)
		return error_errno(PMIG_EIO, errno,
			"%s: the state directory cannot be written; set PMIG_STATE to one that can", path);
	return 0;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value != NULL && *value != '\0' ? value : NULL;
}

/* ${PMIG_STATE}, else ${XDG_STATE_HOME:-$HOME/.local/state}/pmig/MACHINE. */
static int compose(char path[PATH_MAX])
{
	const char *state = environment("PMIG_STATE"), *xdg = environment("XDG_STATE_HOME"), *home = environment("HOME");
	if (xdg != NULL && *xdg != '/')
		xdg = NULL; /* the XDG specification: a relative path is to be ignored */
	int n;
	if (state != NULL) {
		n = snprintf(path, PATH_MAX, "%s", state);
	} else {
		char machine[WHERE_MACHINE_MAX + 1];
		int r = where_machine(machine);
		if (r < 0)
			return r;
		if (xdg == NULL && home == NULL)
			return error_set(PMIG_EINVAL, "neither PMIG_STATE nor HOME is set: no place for the registry");
		if (xdg == NULL && access(home, F_OK) < 0)
			return error_errno(PMIG_EIO, errno, "HOME (%s) is not there; set PMIG_STATE to a directory", home);
		n = snprintf(path, PATH_MAX, "%s%s/pmig/%s", xdg != NULL ? xdg : home, xdg != NULL ? "" : "/.local/state",
			machine);
	}
	if (*path != '/')
		return error_set(PMIG_EINVAL, "%s: the state directory must be an absolute path",
			state != NULL ? "PMIG_STATE" : "HOME");
	if (n >= PATH_MAX - NAME_MAX)
		return error_set(PMIG_EINVAL,
			"the path of the state directory is too long; set PMIG_STATE to a shorter one");
	return 0;
}

int where_state(char ret_path[PATH_MAX])
{
	char path[PATH_MAX];
	int r = compose(path);
	if (r >= 0)
		r = make_directories(path);
	if (r >= 0)
		r = check_directory(path);
	if (r < 0)
		return r;
	strcpy(ret_path, path);
	return 0;
}

int where_registry(char ret_path[PATH_MAX])
{
	char path[PATH_MAX];
	int r = where_state(path);
	if (r < 0)
		return r;
	if (strlen(path) + sizeof "/registry.db" > PATH_MAX) /* compose() left room */
		return error_set(PMIG_EINVAL, "the path of the registry is too long");
	strcpy(stpcpy(ret_path, path), "/registry.db");
	return 0;
}
