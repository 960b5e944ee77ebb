/* library: has the program's loader say what it would load, as ldd(1) does, and reads it. Its own option --list would stop at
 * the first library that is missing. */
#include "library.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1u << 20)
#define LIST_MS 20000
#define HEADERS_MAX 64

/* The program's PT_INTERP. 0: none, 1: *ret_loader. */
static int find_loader(const char *path, char ret_loader[PATH_MAX])
{
	Elf64_Ehdr e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s", path);
	int r = PMIG_ECORRUPT;
	if (pread(fd, &e, sizeof e, 0) != (ssize_t)sizeof e || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
		e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_phentsize != sizeof(Elf64_Phdr) || e.e_phnum > HEADERS_MAX) {
		(void)close(fd);
		return error_set(PMIG_ECORRUPT, "%s is not a 64-bit ELF executable", path);
	}
	for (size_t i = 0; i < e.e_phnum; i++) {
		Elf64_Phdr p;
		if (pread(fd, &p, sizeof p, (off_t)(e.e_phoff + i * sizeof p)) != (ssize_t)sizeof p)
			break;
		if (p.p_type != PT_INTERP) {
			r = i + 1 == e.e_phnum && r != 1 ? 0 : r;
			continue;
		}
		if (p.p_filesz < 2 || p.p_filesz > PATH_MAX ||
			pread(fd, ret_loader, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz)
			break;
		ret_loader[p.p_filesz - 1] = '\0';
		r = 1;
		break;
	}
	(void)close(fd);
	return r < 0 ? error_set(r, "%s: its program headers are damaged", path) : r;
}

static int start(const char *loader, const char *path, const char *search, int *ret_fd, pid_t *ret_pid)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(PMIG_EIO, errno, "pipe");
	char variable[PATH_MAX * 4];
	(void)snprintf(variable, sizeof variable, "LD_LIBRARY_PATH=%s", search);
	char *environment[] = {
		(char *)"LC_ALL=C", (char *)"LD_TRACE_LOADED_OBJECTS=1", *search != '\0' ? variable : NULL, NULL};
	char *argv[] = {(char *)loader, (char *)path, NULL};
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	int number = posix_spawn(ret_pid, loader, &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	if (number != 0) {
		(void)close(ends[0]);
		return error_errno(PMIG_EIO, number, "%s: the loader that %s needs", loader, path);
	}
	*ret_fd = ends[0];
	return 0;
}

static int read_all(int fd, char **ret_text)
{
	char *text = malloc(OUTPUT_MAX);
	size_t size = 0;
	ssize_t n = 1;
	if (text == NULL)
		return error_set(PMIG_ENOMEM, "libraries: out of memory");
	while (n > 0 && size < OUTPUT_MAX - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, LIST_MS) != 1) {
			free(text);
			return error_set(PMIG_ETIMEOUT, "libraries: the loader does not end");
		}
		n = read(fd, text + size, OUTPUT_MAX - 1 - size);
		size += n > 0 ? (size_t)n : 0;
	}
	text[size] = '\0';
	*ret_text = text;
	return 0;
}

/* "\tlibpng16.so.16 => /lib/x86_64-linux-gnu/libpng16.so.16 (0x00007f...)" or "\tlibpng16.so.16 => not found"; the loader
 * itself and the vdso have no arrow. Anything with "version `...' not found" is a problem. */
static void take_line(char *line, struct library_list *list)
{
	char *arrow = strstr(line, " => ");
	if (strstr(line, "version `") != NULL && strstr(line, "not found") != NULL) {
		if (list->problem[0] == '\0')
			(void)snprintf(list->problem, sizeof list->problem, "%.500s", line);
		return;
	}
	if (line[0] != '\t' || arrow == NULL || list->count == LIBRARY_MAX)
		return;
	struct library *l = &list->libraries[list->count++];
	*arrow = '\0';
	char *path = arrow + 4, *end = strstr(path, " (0x");
	if (end != NULL)
		*end = '\0';
	(void)snprintf(l->name, sizeof l->name, "%.*s", NAME_MAX, line + 1);
	(void)snprintf(l->path, sizeof l->path, "%s", path[0] == '/' ? path : "");
}

int library_list_get(const char *path, const char *search, struct library_list *ret_list)
{
	char loader[PATH_MAX], *text = NULL;
	struct library_list list = {0};
	int r = find_loader(path, loader);
	if (r < 0)
		return r;
	if (r > 0) {
		int fd = -1;
		pid_t pid = -1;
		list.libraries = calloc(LIBRARY_MAX, sizeof *list.libraries);
		r = list.libraries == NULL ? error_set(PMIG_ENOMEM, "libraries: out of memory")
					   : start(loader, path, search, &fd, &pid);
		if (r >= 0) {
			r = read_all(fd, &text);
			(void)close(fd);
			if (r < 0)
				(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
		char *rest = text;
		for (char *line; r >= 0 && (line = strsep(&rest, "\n")) != NULL;)
			take_line(line, &list);
		free(text);
	}
	if (r < 0) {
		library_list_finish(&list);
		return r;
	}
	*ret_list = list;
	return 0;
}

void library_list_finish(struct library_list *list)
{
	free(list->libraries);
	*list = (struct library_list){0};
}
