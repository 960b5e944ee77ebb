/* agent_socket: what a socket of the program is, and where it listens: its descriptor is borrowed for a moment, pidfd_getfd(2). */
#include "agent_socket.h"
#include "agent_parts.h"
#include "hex_text.h"
#include "open_file.h"

#include "runtime/base/socket_sort.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORTS 100 /* that are tried, as runtime/kind/listener.c does */

static int borrow(pid_t pid, int fd)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int mine = process >= 0 ? (int)syscall(SYS_pidfd_getfd, process, fd, 0) : -1;
	if (process >= 0)
		(void)close(process);
	return mine;
}

/* The number of the program's socket with that inode; -1: it has none. */
static int find(pid_t pid, uint64_t inode)
{
	char path[64], link[64], wanted[64];
	int found = -1;
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	(void)snprintf(wanted, sizeof wanted, "socket:[%llu]", (unsigned long long)inode);
	DIR *d = opendir(path);
	for (struct dirent *e; d != NULL && found < 0 && (e = readdir(d)) != NULL;) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		if (strcmp(link, wanted) == 0)
			found = atoi(e->d_name);
	}
	if (d != NULL)
		(void)closedir(d);
	return found;
}

int agent_socket_borrow(pid_t pid, uint64_t inode)
{
	int fd = find(pid, inode);
	return fd < 0 ? -1 : borrow(pid, fd);
}

enum agent_socket agent_socket_sort(pid_t pid, const struct open_file *f)
{
	struct socket_unix u;
	int fd = borrow(pid, f->fd);
	enum socket_sort sort = fd >= 0 ? socket_sort_of(fd) : SOCKET_OTHER;
	int listens = 0, type = 0;
	socklen_t size = sizeof listens;
	if (sort == SOCKET_ALONE) {
		(void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
		(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	}
	bool datagrams = fd >= 0 && sort != SOCKET_OTHER && socket_has_messages(fd),
	     bound = datagrams && socket_is_bound(fd), named = fd >= 0 && sort == SOCKET_PAIRED && socket_peer_has_name(fd);
	if (fd >= 0)
		(void)close(fd);
	if (sort == SOCKET_ALONE && datagrams)
		return bound ? AGENT_SOCKET_DATAGRAM : AGENT_SOCKET_NEW_DATAGRAM;
	if (sort == SOCKET_ALONE)
		return listens != 0 && type == SOCK_STREAM ? AGENT_SOCKET_LISTENER : AGENT_SOCKET_ALONE;
	if (fd >= 0 && sort == SOCKET_OTHER)
		return AGENT_SOCKET_OTHER;
	if (sort != SOCKET_PAIRED || !socket_unix_look(f->st.st_ino, &u) || u.bound ||
		(u.peer != 0 ? find(pid, u.peer) < 0 : named))
		return datagrams ? AGENT_SOCKET_DATAGRAM : AGENT_SOCKET_CONNECTED;
	return f->sharers > 0 ? AGENT_SOCKET_SHARED : AGENT_SOCKET_WITHIN;
}

void agent_socket_add(pid_t pid, const struct open_file *f, json_t *row)
{
	char text[SOCKET_TEXT_MAX];
	int fd = borrow(pid, f->fd);
	if (fd < 0)
		return;
	socket_text(fd, text);
	(void)json_object_set_new(row, "listens", hex_text_json(text));
	(void)close(fd);
}

#define ADDRESSES_MAX 64 /* that are told: people read them */

/* It stands for one at another host. */
static bool is_referred(const struct agent *a, const struct stat *st)
{
	size_t i;
	const json_t *one;
	json_array_foreach(a->refers, i, one)
	{
		if (agent_number(one, "device", -1) == (int64_t)st->st_dev &&
			agent_number(one, "inode", -1) == (int64_t)st->st_ino)
			return agent_number(one, "id", 0) != 0;
	}
	return false;
}

int agent_do_addresses(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)request;
	struct open_file *files = NULL;
	size_t count = 0;
	json_t *all = json_array();
	uint64_t last = 0;
	if (a->pid > 0 && open_file_list(a->pid, &files, &count) < 0)
		count = 0; /* it ends just now */
	for (size_t i = 0; i < count && json_array_size(all) < ADDRESSES_MAX; i++) {
		char text[SOCKET_TEXT_MAX] = "";
		if (!S_ISSOCK(files[i].st.st_mode) || files[i].fd < 0 || files[i].st.st_ino == last ||
			is_referred(a, &files[i].st))
			continue;
		last = files[i].st.st_ino;
		int fd = borrow(a->pid, files[i].fd);
		if (fd >= 0 && socket_sort_of(fd) == SOCKET_ALONE)
			socket_text(fd, text);
		if (fd >= 0)
			(void)close(fd);
		if (strchr(text, ' ') != NULL)
			(void)json_array_append_new(all, hex_text_json(text));
	}
	if (files != NULL)
		open_file_free(files, count);
	*ret_answer = json_pack("{s:o}", "addresses", all);
	return 0;
}

/* --- at the target --- */

static bool try_bind(const struct socket_place *p, int *ret_error)
{
	int yes = 1, fd = socket(p->family != 0 ? p->family : AF_INET, p->type | SOCK_CLOEXEC, p->protocol);
	if (fd >= 0 && p->type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	bool done = fd >= 0 && (p->size == 0 || bind(fd, (const struct sockaddr *)&p->address, p->size) == 0) &&
		(p->size == 0 || p->type != SOCK_STREAM || listen(fd, 0) == 0);
	*ret_error = errno;
	if (fd >= 0)
		(void)close(fd);
	return done;
}

static uint16_t *port_of(struct socket_place *p)
{
	return (uint16_t *)(void *)((char *)&p->address + sizeof(sa_family_t)); /* in sockaddr_in and sockaddr_in6 */
}

/* Whether a socket is bound to this name: proc_pid_net(5), "Num RefCount Protocol Flags Type St Inode Path". Nobody is connected to, who would
 * wonder. */
static bool is_bound_to(const char *path)
{
	char line[PATH_MAX + 128];
	bool found = false;
	FILE *f = fopen("/proc/self/net/unix", "re");
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
		const char *name = strchr(line, '/');
		line[strcspn(line, "\n")] = '\0';
		found = name != NULL && strcmp(name, path) == 0;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* A name in the file system is not tried: that would make it. Its directory must be writable; the name may be that of a socket that was
 * left behind. */
static bool try_path(const char *path)
{
	struct stat st;
	bool there = lstat(path, &st) == 0;
	if (there && (!S_ISSOCK(st.st_mode) || is_bound_to(path)))
		return false;
	char directory[PATH_MAX];
	(void)snprintf(directory, sizeof directory, "%s", path);
	char *slash = strrchr(directory, '/');
	if (slash != NULL)
		slash[slash == directory] = '\0';
	const char *in = slash != NULL ? directory : ".";
	struct stat d;
	if (access(in, W_OK | X_OK) < 0 || stat(in, &d) < 0)
		return false;
	bool sticky = there && (d.st_mode & S_ISVTX) != 0; /* what is another's cannot be removed there: unlink(2) */
	return !sticky || geteuid() == 0 || st.st_uid == geteuid() || d.st_uid == geteuid();
}

bool agent_socket_free(const char *wanted, char *ret_text, size_t size)
{
	struct socket_place p;
	char text[SOCKET_TEXT_MAX];
	int error;
	if (socket_parse(wanted, &p) < 0)
		return false;
	bool internet = p.family == AF_INET || p.family == AF_INET6, done;
	if (p.family == AF_UNIX && p.size > 0 && strchr(wanted, '@') == NULL)
		done = try_path(strchr(wanted, ' ') + 1);
	else
		done = try_bind(&p, &error);
	for (int i = 0; !done && internet && error == EADDRINUSE && i < PORTS; i++) {
		uint16_t *port = port_of(&p), number = (uint16_t)(*port >> 8 | *port << 8);
		if (number == 65535)
			break;
		number++;
		*port = (uint16_t)(number >> 8 | number << 8);
		done = try_bind(&p, &error);
	}
	socket_place_text(&p, text);
	if (done)
		(void)snprintf(ret_text, size, "%s", text);
	return done;
}
