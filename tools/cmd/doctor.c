/* doctor: what is missing here or at a host, before anything is tried. */
#include "tools/cmd/cmd.h"
#include "tools/supervisor/install.h"
#include "transport/deploy.h"
#include "transport/link.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct report {
	json_t *array;
	int worst; /* exit status */
};

/* `code` < 0: it is missing, pmig_reason() says why. */
static void note(struct report *d, const char *what, int code, const char *good)
{
	(void)json_array_append_new(d->array,
		json_pack("{s:s, s:b, s:s}", "check", what, "ok", code >= 0, "about", code >= 0 ? good : pmig_reason()));
	if (code < 0 && d->worst == 0)
		d->worst = error_exit_status(code);
}

static void examine_here(struct report *d)
{
	char path[PATH_MAX];
	int r = cmd_state(path);
	note(d, "state directory", r, path);
	struct statvfs fs;
	char words[64];
	if (r >= 0 && statvfs(path, &fs) == 0) {
		unsigned long long free_bytes = (unsigned long long)fs.f_bavail * fs.f_frsize;
		(void)snprintf(words, sizeof words, "%llu MB", free_bytes >> 20);
		note(d, "free space for images",
			free_bytes > 1 << 20 ? 0 : error_set(PMIG_ENOSPC, "%s: only %s are free", path, words), words);
	}
	struct pmig_store *store;
	r = cmd_store(&store);
	note(d, "registry", r, "opens");
	if (r >= 0)
		store->close(store);
	r = install_own("pmig-agent", path);
	note(d, "agent", r, path);
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	note(d, "terminals", fd < 0 ? error_set(PMIG_EIO, "/dev/ptmx cannot be opened: programs get pipes only") : 0,
		"can be made");
	if (fd >= 0)
		(void)close(fd);
}

/* One line of what a command there says. */
static int ask(struct link *link, const char *command, char *ret_line, size_t size)
{
	struct link_process p;
	int r = link_exec(link, command, &p), status = 0;
	if (r < 0)
		return r;
	size_t done = 0;
	ssize_t n;
	while (done + 1 < size && (n = read(p.fd, ret_line + done, size - 1 - done)) > 0)
		done += (size_t)n;
	ret_line[done] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	(void)close(p.fd);
	(void)close(p.error_fd);
	r = link_wait(link, p.number, &status);
	return r < 0 ? r : status == 0 ? 0 : error_set(PMIG_EREFUSED, "%s: exit status %d", command, status);
}

static void examine_there(struct report *d, const char *target, enum link_method method)
{
	struct link *link = NULL;
	char words[512], path[PATH_MAX];
	int r = link_open(&(struct link_options){.target = target, .method = method}, &link);
	if (r == PMIG_ETIMEOUT)
		r = PMIG_EUNREACHED;
	(void)snprintf(words, sizeof words, "%s, %.1f ms", r < 0 ? "" : link_method_name(link_method(link)),
		r < 0 ? 0.0 : (double)link_round_trip_us(link) / 1000);
	note(d, "connection", r, words);
	if (r < 0)
		return;
	note(d, "system", ask(link, "uname -srm", words, sizeof words), words);
	note(d, "C library", ask(link, "getconf GNU_LIBC_VERSION", words, sizeof words), words);
	note(d, "free space", ask(link, "df -Pk \"$HOME\" | awk 'NR==2 {print int($4/1024) \" MB\"}'", words, sizeof words),
		words);
	char *command = NULL, line[PATH_MAX + 64];
	r = install_own("pmig-agent", path);
	if (r >= 0)
		r = deploy_agent(link, path, &command);
	if (r >= 0) {
		(void)snprintf(line, sizeof line, "%s --version", command);
		r = ask(link, line, words, sizeof words);
	}
	note(d, "agent", r, words);
	free(command);
	link_close(link);
}

int cmd_doctor(int argc, char **argv)
{
	bool json = false;
	const char *method = NULL;
	struct report d = {0};
	const struct cmd_option options[] = {
		{0, "json", NULL, "as a JSON array", NULL, &json},
		{0, "ssh", "METHOD", "ssh or libssh2", &method, NULL},
		{0},
	};
	int first, status = cmd_parse("doctor", argc, argv, options, "  pmig doctor\n  pmig doctor beta\n", 0, 1, &first);
	if (status > 0)
		return status - 1;
	d.array = json_array();
	if (first < argc)
		examine_there(&d, argv[first], method != NULL && strcmp(method, "ssh") == 0 ? LINK_COMMAND : 0);
	else
		examine_here(&d);
	size_t i;
	json_t *row;
	if (json) {
		(void)json_dumpf(d.array, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else {
		json_array_foreach(d.array, i, row)(void) printf("%-4s %-22s %s\n",
			json_is_true(json_object_get(row, "ok")) ? "ok" : "BAD",
			json_string_value(json_object_get(row, "check")), json_string_value(json_object_get(row, "about")));
	}
	json_decref(d.array);
	return d.worst;
}
