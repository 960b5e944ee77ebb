/* fault: the points, and what was set for them. */
#include "fault.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SET_MAX 16

static const struct fault_point points[] = {
#define FAULT_POINT(name, place, words) {name, FAULT_##place, words},
#include "tbl/fault.h"
#undef FAULT_POINT
};

static const char *const actions[] = {
	[FAULT_FAIL] = "fail",
	[FAULT_DELAY] = "delay",
	[FAULT_KILL_PROGRAM] = "kill-program",
	[FAULT_KILL_AGENT] = "kill-agent",
	[FAULT_KILL_SUPERVISOR] = "kill-supervisor",
	[FAULT_CUT] = "cut",
};

/* What this process was told; a process is a test of one thing at a time. */
static struct {
	size_t count;
	struct set {
		const struct fault_point *point;
		struct fault fault;
	} set[SET_MAX];
} told;

const struct fault_point *fault_points(size_t *ret_count)
{
	*ret_count = sizeof points / sizeof *points;
	return points;
}

const char *fault_place_name(enum fault_place place)
{
	static const char *const names[] = {"", "supervisor", "source", "target"};
	return names[place];
}

static int parse_argument(const char *argument, struct fault *f)
{
	if (f->action == FAULT_DELAY) {
		char *end;
		long ms = strtol(argument, &end, 10);
		if (*argument == '\0' || *end != '\0' || ms < 0 || ms > INT_MAX)
			return error_set(PMIG_EINVAL, "fault: delay needs milliseconds, not \"%s\"", argument);
		f->ms = (int)ms;
		return 0;
	}
	if (*argument == '\0')
		return 0;
	for (int side = FAULT_SOURCE; side <= FAULT_TARGET; side++) {
		if (strcmp(argument, fault_place_name((enum fault_place)side)) == 0) {
			f->side = (enum fault_place)side;
			return 0;
		}
	}
	return error_set(PMIG_EINVAL, "fault: \"%s\" is neither source nor target", argument);
}

/* One "POINT=ACTION[:ARGUMENT]", cut in pieces. */
static int parse_one(char *text, struct set *ret_set)
{
	char *name = strsep(&text, "="), *action = text != NULL ? strsep(&text, ":") : NULL;
	struct set s = {.fault.side = FAULT_SOURCE};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		if (strcmp(points[i].name, name) == 0)
			s.point = &points[i];
	for (size_t i = FAULT_FAIL; action != NULL && i < sizeof actions / sizeof *actions; i++)
		if (strcmp(actions[i], action) == 0)
			s.fault.action = (enum fault_action)i;
	if (s.point == NULL || s.fault.action == 0)
		return error_set(PMIG_EINVAL,
			"fault: \"%s=%s\": see `pmig faults` for the points, and pmig(1) for the actions", name,
			action != NULL ? action : "");
	if (s.point->place != FAULT_SUPERVISOR)
		s.fault.side = s.point->place;
	int r = parse_argument(text != NULL ? text : "", &s.fault);
	if (r >= 0)
		*ret_set = s;
	return r;
}

static int parse(const char *spec, size_t *ret_count, struct set ret_set[SET_MAX])
{
	char copy[1024];
	size_t count = 0;
	if (strlen(spec) >= sizeof copy)
		return error_set(PMIG_EINVAL, "fault: too long");
	(void)strcpy(copy, spec);
	char *rest = copy;
	for (char *one; rest != NULL && (one = strsep(&rest, ",")) != NULL && *one != '\0';) {
		if (count == SET_MAX)
			return error_set(PMIG_EINVAL, "fault: more than %d", SET_MAX);
		int r = parse_one(one, &ret_set[count]);
		if (r < 0)
			return r;
		count++;
	}
	*ret_count = count;
	return 0;
}

int fault_check(const char *spec)
{
	size_t count;
	struct set set[SET_MAX];
	return parse(spec, &count, set);
}

void fault_setup(const char *spec)
{
	size_t count;
	told.count = 0;
	if (parse(spec, &count, told.set) >= 0)
		told.count = count;
}

/* Each fault is one line, written before anything can be killed by it. */
static void record(const struct set *s)
{
	const char *path = getenv("PMIG_FAULT_RECORD");
	int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	(void)dprintf(fd, "%s=%s\n", s->point->name, actions[s->fault.action]);
	(void)close(fd);
}

struct fault fault_at(const char *point)
{
	for (size_t i = 0; i < told.count; i++) {
		struct fault f = told.set[i].fault;
		if (f.action == FAULT_NONE || strcmp(told.set[i].point->name, point) != 0)
			continue;
		record(&told.set[i]);
		told.set[i].fault.action = FAULT_NONE;
		if (f.action == FAULT_DELAY) {
			struct timespec t = {.tv_sec = f.ms / 1000, .tv_nsec = f.ms % 1000 * 1000000L};
			(void)nanosleep(&t, NULL);
		}
		return f;
	}
	return (struct fault){.action = FAULT_NONE};
}
