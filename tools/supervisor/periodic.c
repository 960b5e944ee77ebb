/* periodic: images of a running program at intervals, of which the newest are kept. */
#include "periodic.h"
#include "checkpoint.h"
#include "image_info.h"
#include "runtime/base/io.h"
#include "transport/hex_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 200
#define SHORT 8           /* of the uuid, in the name of an image */
#define SETTINGS_MAX 8192 /* bytes of the file that remembers them */
#define SUFFIX ".image"

struct periodic {
	int every_ms;
	unsigned keep;
	char directory[PATH_MAX];
	uint64_t number; /* of the last image */
	bool saving;
	bool told; /* it has been said that images are made */
	char refused[PMIG_REASON_MAX];
	struct loop_source *timer;
};

struct found {
	uint64_t number;
	char name[NAME_MAX + 1];
};

/* --- names --- */

static void settings_path(const char *state, const char *uuid, char ret_path[PATH_MAX])
{
	(void)snprintf(ret_path, PATH_MAX, "%s/checkpoints/%s.json", state, uuid);
}

/* The number in NAME-UUID8.NUMBER.image; 0: it is something else. */
static uint64_t number_of(const char *name, const char *uuid)
{
	char middle[SHORT + 3], *end;
	(void)snprintf(middle, sizeof middle, "-%.*s.", SHORT, uuid);
	size_t length = strlen(name), tail = strlen(SUFFIX);
	const char *dot = NULL;
	if (length <= tail || strcmp(name + length - tail, SUFFIX) != 0)
		return 0;
	for (const char *at = name; (at = strstr(at, middle)) != NULL; at++)
		dot = at + strlen(middle);
	if (dot == NULL || *dot < '0' || *dot > '9')
		return 0;
	errno = 0;
	uint64_t number = strtoull(dot, &end, 10);
	return errno == 0 && end == name + length - tail ? number : 0;
}

static int newer(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	return (x->number < y->number) - (x->number > y->number);
}

/* Newest first; free(). */
static int list(const char *directory, const char *uuid, struct found **ret_list, size_t *ret_count)
{
	DIR *d = opendir(directory);
	struct found *all = NULL;
	size_t count = 0;
	if (d == NULL)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s", directory);
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		uint64_t number = number_of(e->d_name, uuid);
		struct found *more = number != 0 ? realloc(all, (count + 1) * sizeof *all) : NULL;
		if (more == NULL)
			continue;
		all = more;
		all[count].number = number;
		(void)snprintf(all[count].name, sizeof all[count].name, "%s", e->d_name);
		count++;
	}
	(void)closedir(d);
	if (count > 0)
		qsort(all, count, sizeof *all, newer);
	*ret_list = all;
	*ret_count = count;
	return 0;
}

static bool path_of(const char *directory, const char *name, char ret_path[PATH_MAX])
{
	return snprintf(ret_path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX;
}

/* Removes all but the newest `keep`; their number. */
static size_t prune(const char *directory, const char *uuid, size_t keep)
{
	struct found *all = NULL;
	size_t count = 0;
	char path[PATH_MAX];
	if (list(directory, uuid, &all, &count) < 0)
		return 0;
	for (size_t i = keep; i < count; i++)
		if (path_of(directory, all[i].name, path))
			(void)unlink(path);
	free(all);
	return count < keep ? count : keep;
}

/* --- what was ordered --- */

int periodic_interval(const char *text, int *ret_ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	double value = strtod(text, &end), ms = 0;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (end != text && strcmp(end, units[i].unit) == 0)
			ms = value * units[i].ms;
	if (!(ms >= PERIODIC_LEAST_MS && ms <= INT_MAX))
		return error_set(PMIG_EINVAL,
			"\"%.40s\" is no interval between two checkpoints: 500ms, 30s, 5m or 2h, at least %d ms", text,
			PERIODIC_LEAST_MS);
	*ret_ms = (int)ms;
	return 0;
}

static bool is_ours(const struct supervisor *s, const char *directory)
{
	size_t n = strlen(s->options->state);
	return strncmp(directory, s->options->state, n) == 0 && strncmp(directory + n, "/checkpoints/", 13) == 0;
}

static int remember(const struct supervisor *s, const struct periodic *p)
{
	char path[PATH_MAX], directory[PATH_MAX];
	(void)snprintf(directory, sizeof directory, "%s/checkpoints", s->options->state);
	if ((mkdir(directory, 0700) < 0 && errno != EEXIST) || (mkdir(p->directory, 0700) < 0 && errno != EEXIST))
		return error_errno(PMIG_EIO, errno, "%s", p->directory);
	json_t *settings = json_pack("{s:i, s:i, s:o}", "every_ms", p->every_ms, "keep", (int)p->keep, "directory",
		hex_text_json(p->directory));
	char *text = json_dumps(settings, JSON_COMPACT);
	settings_path(s->options->state, s->uuid, path);
	int r = text == NULL ? error_set(PMIG_ENOMEM, "out of memory") : io_replace_file(path, text, strlen(text), 0600);
	free(text);
	json_decref(settings);
	return r >= 0 ? io_sync_directory_of(p->directory) : r;
}

/* PMIG_ENOENT: nothing was ordered. */
static int recall(const char *state, const char *uuid, struct periodic *ret)
{
	char path[PATH_MAX], *text = NULL;
	size_t size = 0;
	settings_path(state, uuid, path);
	int r = io_read_file(path, SETTINGS_MAX, &text, &size);
	if (r < 0)
		return r;
	json_t *settings = json_loadb(text, size, 0, NULL);
	json_int_t every = json_integer_value(json_object_get(settings, "every_ms"));
	json_int_t keep = json_integer_value(json_object_get(settings, "keep"));
	bool good = hex_text_get(json_object_get(settings, "directory"), ret->directory, sizeof ret->directory) &&
		ret->directory[0] == '/' && every >= PERIODIC_LEAST_MS && every <= INT_MAX && keep >= 1 &&
		keep <= PERIODIC_KEEP_MAX;
	json_decref(settings);
	free(text);
	if (!good)
		return error_set(PMIG_ECORRUPT, "%s does not say how checkpoints are to be made; `pmig run --every` does",
			path);
	ret->every_ms = (int)every;
	ret->keep = (unsigned)keep;
	return 0;
}

/* --- making them --- */

static void on_due(void *context);

static void later(struct supervisor *s, int ms)
{
	(void)loop_after(s->loop, ms, on_due, s, &s->periodic->timer);
}

/* The same refusal is said once: it comes again with every interval. */
static void refused(struct supervisor *s, const char *reason)
{
	struct periodic *p = s->periodic;
	if (strcmp(p->refused, reason) == 0)
		return;
	(void)snprintf(p->refused, sizeof p->refused, "%s", reason);
	supervisor_say(s, "%s was not saved: %s", s->name, reason);
}

static void on_line(void *context, const json_t *line)
{
	struct supervisor *s = context;
	struct periodic *p = s->periodic;
	const char *reason = json_string_value(json_object_get(line, "reason"));
	p->saving = false;
	if (json_object_get(line, "code") != NULL) {
		refused(s, reason != NULL ? reason : "no reason was given");
	} else {
		p->number++;
		p->refused[0] = '\0';
		(void)prune(p->directory, s->uuid, p->keep);
	}
	later(s, p->every_ms);
}

static void on_due(void *context)
{
	struct supervisor *s = context;
	struct periodic *p = s->periodic;
	struct station *here = supervisor_here(s);
	char path[PATH_MAX];
	if (here->ended)
		return;
	if (s->move != NULL || s->checkpoint != NULL || s->restart != NULL || !remote_is_up(here->remote)) {
		later(s, BUSY_MS);
		return;
	}
	int n = snprintf(path, sizeof path, "%s/%s-%.*s.%06llu%s", p->directory, s->name, SHORT, s->uuid,
		(unsigned long long)p->number + 1, SUFFIX);
	int r = n < PATH_MAX ? 0 : error_set(PMIG_EINVAL, "%s: the path is too long", p->directory);
	p->saving = r >= 0;
	if (r >= 0)
		r = checkpoint_start(s, &(struct checkpoint_options){.path = path, .progress = on_line, .context = s});
	if (r >= 0)
		return;
	p->saving = false;
	refused(s, pmig_reason());
	later(s, p->every_ms);
}

static int begin(struct supervisor *s, struct periodic *p)
{
	const struct supervisor_options *o = s->options;
	struct found *all = NULL;
	size_t count = 0;
	if (o->every_ms == 0) {
		int r = recall(o->state, s->uuid, p);
		if (r < 0)
			return r;
	} else {
		p->every_ms = o->every_ms;
		p->keep = o->keep;
		if (o->checkpoints != NULL)
			(void)snprintf(p->directory, sizeof p->directory, "%s", o->checkpoints);
		else if (snprintf(p->directory, sizeof p->directory, "%s/checkpoints/%s", o->state, s->uuid) >= PATH_MAX)
			return error_set(PMIG_EINVAL, "%s: the path is too long", o->state);
		int r = remember(s, p);
		if (r < 0)
			return r;
	}
	int r = list(p->directory, s->uuid, &all, &count);
	if (r < 0)
		return r == PMIG_ENOENT ? PMIG_EIO : r;
	p->number = count > 0 ? all[0].number : 0;
	free(all);
	return 0;
}

void periodic_begin(struct supervisor *s)
{
	if (s->periodic != NULL)
		return;
	s->periodic = calloc(1, sizeof *s->periodic);
	int r = s->periodic != NULL ? begin(s, s->periodic) : error_set(PMIG_ENOMEM, "out of memory");
	if (r >= 0) {
		later(s, s->periodic->every_ms);
		return;
	}
	if (r != PMIG_ENOENT)
		supervisor_say(s, "no checkpoints are made: %s", pmig_reason());
	periodic_close(s);
}

void periodic_ended(struct supervisor *s, int exit_status)
{
	struct periodic *p = s->periodic;
	char path[PATH_MAX];
	if (p == NULL)
		return;
	loop_remove(&p->timer);
	if (exit_status == 0) {
		(void)prune(p->directory, s->uuid, 0);
		settings_path(s->options->state, s->uuid, path);
		(void)unlink(path);
		if (is_ours(s, p->directory))
			(void)rmdir(p->directory);
	} else if (exit_status != SUPERVISOR_STOPPED && prune(p->directory, s->uuid, p->keep) > 0) {
		supervisor_say(s, "%s was saved %llu times: `pmig restart %s` goes on from the newest image in %s", s->name,
			(unsigned long long)p->number, s->name, p->directory);
	}
}

bool periodic_saves(const struct supervisor *s)
{
	return s->periodic != NULL && s->periodic->saving;
}

void periodic_close(struct supervisor *s)
{
	if (s->periodic != NULL)
		loop_remove(&s->periodic->timer);
	free(s->periodic);
	s->periodic = NULL;
}

/* --- going on from one --- */

/* Whole, and of this process. */
static int check(const char *path, const char *uuid, int64_t *ret_when)
{
	struct image_info info;
	struct stat st;
	char of[PMIG_UUID_LENGTH + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = error_errno(PMIG_EIO, errno, "%s", path);
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	int r = image_info_get(fd, path, true, &info);
	(void)close(fd);
	if (r < 0)
		return r;
	image_info_uuid(&info, of);
	if (strcmp(of, uuid) != 0)
		return error_set(PMIG_EIDENTITY, "%s is the image of another process", path);
	*ret_when = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

int periodic_newest(const char *state, const char *uuid, void (*passed)(const char *reason), char ret_path[PATH_MAX],
	int64_t *ret_when)
{
	struct periodic p = {0};
	struct found *all = NULL;
	size_t count = 0;
	char path[PATH_MAX];
	int r = recall(state, uuid, &p);
	if (r >= 0)
		r = list(p.directory, uuid, &all, &count);
	if (r < 0)
		return r;
	r = error_set(PMIG_ENOENT, "there is no image of it in %s", p.directory);
	for (size_t i = 0; i < count; i++) {
		if (!path_of(p.directory, all[i].name, path))
			continue;
		r = check(path, uuid, ret_when);
		if (r >= 0)
			break;
		if (passed != NULL)
			passed(pmig_reason());
	}
	if (r >= 0)
		(void)snprintf(ret_path, PATH_MAX, "%s", path);
	free(all);
	return r;
}
