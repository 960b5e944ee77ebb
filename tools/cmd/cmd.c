/* cmd: the table of verbs, their options, and the way to supervisors. */
#include "tools/cmd/cmd.h"

#include "registry/store.h"
#include "registry/where.h"
#include "runtime/base/child.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OPTIONS_MAX 24
#define LINE_MAX_BYTES (64u << 20) /* a plan of many resources is one line */

static const struct cmd_verb verbs[] = {
#define VERB(name, function, synopsis, words) {name, cmd_##function, synopsis, words},
#include "tools/tbl/verb.h"
#undef VERB
};

const struct cmd_verb *cmd_verbs(size_t *ret_count)
{
	*ret_count = sizeof verbs / sizeof *verbs;
	return verbs;
}

const struct cmd_verb *cmd_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static void help(const char *verb, const struct cmd_option *options, const char *examples, FILE *out)
{
	const struct cmd_verb *v = cmd_verb(verb);
	(void)fprintf(out, "usage: pmig %s %s\n%s\n", verb, v->synopsis, v->words);
	for (size_t i = 0; options[i].name != NULL; i++) {
		char left[64];
		(void)snprintf(left, sizeof left, "%c%c%s--%s%s%s", options[i].letter != 0 ? '-' : ' ',
			options[i].letter != 0 ? options[i].letter : ' ', options[i].letter != 0 ? ", " : "  ",
			options[i].name, options[i].argument != NULL ? " " : "",
			options[i].argument != NULL ? options[i].argument : "");
		(void)fprintf(out, "%s  %-24s %s\n", i == 0 ? "\n" : "", left, options[i].words);
	}
	if (examples != NULL)
		(void)fprintf(out, "\nexamples:\n%s", examples);
}

int cmd_parse(const char *verb, int argc, char **argv, const struct cmd_option *options, const char *examples, int least,
	int most, int *ret_first)
{
	struct option table[OPTIONS_MAX] = {{"help", no_argument, NULL, 'h'}};
	char letters[2 * OPTIONS_MAX + 2] = "";
	size_t length = 0;
	if (most < 0)
		letters[length++] = '+'; /* options end at the first operand: what follows is the program's */
	for (size_t i = 0; options[i].name != NULL; i++) {
		table[i + 1] = (struct option){options[i].name, options[i].argument != NULL, NULL, 256 + (int)i};
		if (options[i].letter != 0) {
			letters[length++] = options[i].letter;
			if (options[i].argument != NULL)
				letters[length++] = ':';
		}
	}
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, letters, table, NULL)) != -1;) {
		if (c == 'h') {
			help(verb, options, examples, stdout);
			return 1;
		}
		const struct cmd_option *o = c >= 256 ? &options[c - 256] : NULL;
		for (size_t i = 0; o == NULL && c != '?' && options[i].name != NULL; i++)
			if (options[i].letter == c)
				o = &options[i];
		if (o == NULL) {
			(void)fprintf(stderr, "try `pmig %s --help`\n", verb);
			return CMD_USAGE + 1;
		}
		size_t at = 0;
		while (o->text != NULL && o->argument != NULL && o->argument[strlen(o->argument) - 1] == '.' &&
			o->text[at] != NULL && at < CMD_TEXTS_MAX - 1)
			at++;
		if (o->text != NULL)
			o->text[at] = optarg;
		if (o->flag != NULL)
			*o->flag = true;
	}
	if (argc - optind < least || (most >= 0 && argc - optind > most)) {
		help(verb, options, NULL, stderr);
		return CMD_USAGE + 1;
	}
	*ret_first = optind;
	return 0;
}

int cmd_fail(const char *verb, int code)
{
	(void)fprintf(stderr, "pmig %s: %s\n", verb, pmig_reason());
	return error_exit_status(code);
}

int cmd_paths(const char *const *files, char **ret_paths)
{
	char *all = NULL, path[PATH_MAX];
	for (size_t i = 0; files[i] != NULL; i++) {
		char *longer = NULL;
		int r = realpath(files[i], path) == NULL ? error_errno(PMIG_ENOENT, errno, "%s", files[i])
			: strchr(path, '\n') != NULL     ? error_set(PMIG_EINVAL, "%s: an end of line in its name", files[i])
			: asprintf(&longer, "%s%s%s", all != NULL ? all : "", all != NULL ? "\n" : "", path) < 0
			? error_set(PMIG_ENOMEM, "out of memory")
			: 0;
		free(all);
		if (r < 0)
			return r;
		all = longer;
	}
	*ret_paths = all;
	return 0;
}

int cmd_columns(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int cmd_state(char ret_path[PATH_MAX])
{
	return where_state(ret_path);
}

int cmd_store(struct pmig_store **ret_store)
{
	return registry_store_open(NULL, ret_store);
}

int cmd_find(const char *name, struct pmig_process_row **ret_row)
{
	struct pmig_store *store;
	int r = cmd_store(&store);
	if (r < 0)
		return r;
	r = store->process_get(store, name, ret_row);
	store->close(store);
	return r == PMIG_ENOENT ? error_set(r, "there is no program \"%s\" here; `pmig ps -a` shows all", name) : r;
}

/* --- talking with a supervisor --- */

/* In words that help: nobody answers for `name`. */
static int unanswered(const char *name)
{
	struct pmig_process_row *row;
	int r = cmd_find(name, &row);
	if (r < 0)
		return r;
	r = row->exit_status >= 0
		? error_set(PMIG_ENOENT, "%s has ended, with status %d", name, (int)row->exit_status)
		: error_set(PMIG_ENOENT, "no `pmig run` of \"%s\" answers here; `pmig attach '%s'` takes it up", name, name);
	free(row);
	return r;
}

/* Stopped with its program by the terminal (^Z), it hears nothing. */
static int check_stopped(const char *name, int fd)
{
	struct ucred who;
	socklen_t size = sizeof who;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || child_state(who.pid) != 'T')
		return 0;
	return error_set(PMIG_EREFUSED,
		"%s is stopped, and its `pmig run` with it: `fg` where it was started, or kill -CONT %d, "
		"lets both go on",
		name, (int)who.pid);
}

static int reach(const char *name, int *ret_fd)
{
	char state[PATH_MAX];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = cmd_state(state);
	if (r < 0)
		return r;
	if (strchr(name, '/') != NULL || strlen(name) > 64 || chdir(state) < 0) /* sun_path has 108 bytes */
		return error_set(PMIG_ENOENT, "there is no program \"%.64s\" here", name);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "run/%s.sock", name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int number = errno;
		(void)close(fd);
		if (number != ENOENT && number != ECONNREFUSED)
			return error_errno(PMIG_EIO, number, "%s/%s", state, address.sun_path);
		return unanswered(name);
	}
	r = check_stopped(name, fd);
	if (r < 0)
		(void)close(fd);
	else
		*ret_fd = fd;
	return r;
}

static int say(int fd, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	int r = text == NULL || send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0
		? error_errno(PMIG_EIO, errno, "the supervisor does not listen")
		: 0;
	free(text);
	return r;
}

/* 1: that was the last; *ret_code is its code. */
static int take_line(const char *text, void (*line)(void *, const json_t *), void *context, int *ret_code)
{
	json_t *object = json_loads(text, 0, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		*ret_code = error_set(PMIG_EPROTOCOL, "the supervisor said something unexpected");
		return 1;
	}
	if (line != NULL)
		line(context, object);
	const char *phase = json_string_value(json_object_get(object, "phase"));
	if (phase != NULL && strcmp(phase, "plan") != 0 && strcmp(phase, "prepare") != 0)
		*ret_code = PMIG_EDOUBT; /* if this was the last that we hear */
	bool done = json_is_true(json_object_get(object, "done"));
	if (done) {
		*ret_code = (int)json_integer_value(json_object_get(object, "code"));
		const char *reason = json_string_value(json_object_get(object, "reason"));
		if (*ret_code < 0)
			(void)error_set(*ret_code, "%s", reason != NULL ? reason : pmig_strerror(*ret_code));
	}
	json_decref(object);
	return done;
}

static int converse(int fd, int signal_fd, void (*line)(void *, const json_t *), void *context)
{
	char *buffer = malloc(LINE_MAX_BYTES);
	size_t size = 0;
	int code = PMIG_EGONE;
	bool last = false;
	while (buffer != NULL && !last) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		struct signalfd_siginfo info;
		if (p[1].revents != 0 && read(signal_fd, &info, sizeof info) > 0)
			(void)say(fd, json_pack("{s:s}", "do", "cancel"));
		if (p[0].revents == 0)
			continue;
		ssize_t n = read(fd, buffer + size, LINE_MAX_BYTES - 1 - size);
		if (n <= 0)
			break;
		size += (size_t)n;
		char *start = buffer, *end;
		while (!last && (end = memchr(start, '\n', size - (size_t)(start - buffer))) != NULL) {
			*end = '\0';
			last = take_line(start, line, context, &code);
			start = end + 1;
		}
		size -= (size_t)(start - buffer);
		memmove(buffer, start, size);
	}
	free(buffer);
	if (!last && code == PMIG_EDOUBT)
		return error_set(code,
			"the supervisor ended in the middle of it: the program is frozen, or runs where it was going to, "
			"until `pmig recover` takes it on or back");
	return last ? code : error_set(PMIG_EGONE, "the supervisor ended before it was done");
}

int cmd_call(const char *name, json_t *request, void (*line)(void *context, const json_t *object), void *context)
{
	int fd;
	int r = reach(name, &fd);
	if (r < 0) {
		json_decref(request);
		return r;
	}
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	int signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r = say(fd, request);
	if (r >= 0)
		r = converse(fd, signal_fd, line, context);
	(void)close(fd);
	if (signal_fd >= 0)
		(void)close(signal_fd);
	return r;
}
