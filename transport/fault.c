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
#define POWER_NS 60000000000
#define POWER_LOOK_NS 5000000

static const struct fault_point points[] = {
#define FAULT_POINT(name, place, deed, words) {name, FAULT_##place, FAULT_##deed, words},
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
	[FAULT_POWER] = "power",
	[FAULT_FULL] = "full",
	[FAULT_SHORT] = "short",
	[FAULT_CORRUPT] = "corrupt",
};

/* What this process was told; a process is a test of one thing at a time. */
static struct {
	size_t count;
	struct set {
		const struct fault_point *point;
		struct fault fault;
	} set[SET_MAX];
	fault_doer *doer;
	void *context;
	const char *record;
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

const char *fault_action_name(enum fault_action action)
{
	return action >= FAULT_FAIL && action < sizeof actions / sizeof *actions ? actions[action] : NULL;
}

bool fault_suits(const struct fault_point *point, enum fault_action action)
{
	if (action == FAULT_FULL)
		return point->deed != FAULT_STEP;
	if (action == FAULT_SHORT || action == FAULT_CORRUPT)
		return point->deed == FAULT_DATA;
	return fault_action_name(action) != NULL;
}

static int parse_number(const char *text, const char *what, long *ret_number)
{
	char *end;
	long number = strtol(text, &end, 10);
	if (*text == '\0' || *end != '\0' || number < 0 || number > INT_MAX)
		return error_set(PMIG_EINVAL, "fault: %s, not \"%s\"", what, text);
	*ret_number = number;
	return 0;
}

static int parse_argument(const char *argument, struct fault *f)
{
	if (f->action == FAULT_DELAY) {
		long ms;
		int r = parse_number(argument, "delay needs milliseconds", &ms);
		if (r >= 0)
			f->ms = (int)ms;
		return r;
	}
	if (*argument == '\0')
		return 0;
	if (f->action == FAULT_CORRUPT) {
		long seed;
		int r = parse_number(argument, "corrupt takes a number", &seed);
		if (r >= 0)
			f->seed = (uint64_t)seed;
		return r;
	}
	if (f->action == FAULT_POWER && strcmp(argument, "home") == 0) {
		f->side = FAULT_SUPERVISOR;
		return 0;
	}
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
	if (!fault_suits(s.point, s.fault.action))
		return error_set(PMIG_EINVAL, "fault: nothing is written at %s that could be %s", name, action);
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

void fault_carry_out(fault_doer *doer, void *context, const char *record)
{
	told.record = record;
	told.doer = doer;
	told.context = context;
}

static const char *record_path(void)
{
	const char *path = getenv("PMIG_FAULT_RECORD");
	return path != NULL ? path : told.record;
}

/* Each fault is one line, written before anything can be killed by it. */
static void record(const struct set *s)
{
	const char *path = record_path();
	int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	bool power = s->fault.action == FAULT_POWER;
	const char *side = !power ? "" : s->fault.side == FAULT_SUPERVISOR ? "home" : fault_place_name(s->fault.side);
	(void)dprintf(fd, "%s=%s%s%s\n", s->point->name, actions[s->fault.action], power ? ":" : "", side);
	(void)close(fd);
}

static void pause_for(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	(void)nanosleep(&t, NULL);
}

static void wait_for_power(void)
{
	char on[PATH_MAX];
	const char *path = record_path();
	if (path == NULL || snprintf(on, sizeof on, "%s.on", path) >= (int)sizeof on)
		return;
	for (int64_t waited = 0; waited < POWER_NS && access(on, F_OK) < 0; waited += POWER_LOOK_NS)
		pause_for(POWER_LOOK_NS);
}

struct fault fault_at(const char *point)
{
	for (size_t i = 0; i < told.count; i++) {
		struct fault f = told.set[i].fault;
		if (f.action == FAULT_NONE || strcmp(told.set[i].point->name, point) != 0)
			continue;
		record(&told.set[i]);
		told.set[i].fault.action = FAULT_NONE;
		if (f.action == FAULT_DELAY)
			pause_for((int64_t)f.ms * 1000000);
		if (f.action == FAULT_POWER)
			wait_for_power();
		return f;
	}
	return (struct fault){.action = FAULT_NONE};
}

/* What every process can do about it, or what its doer can. */
static int meet(const char *point, const struct fault *f)
{
	switch (f->action) {
	case FAULT_FAIL:
		return error_set(PMIG_EIO, "fault point %s", point);
	case FAULT_FULL:
		return error_set(PMIG_ENOSPC, "fault point %s: no space left on device", point);
	case FAULT_NONE:
		return 0;
	default:
		if (told.doer != NULL)
			told.doer(told.context, f);
		return 0;
	}
}

int fault_meet(const char *point)
{
	struct fault f = fault_at(point);
	return meet(point, &f);
}

int fault_write(const char *point, void *data, size_t *size)
{
	struct fault f = fault_at(point);
	unsigned char *bytes = data;
	if (f.action == FAULT_SHORT)
		*size = (*size + 1) / 2;
	else if (f.action == FAULT_CORRUPT && *size > 0)
		bytes[f.seed / 8 % *size] ^= (unsigned char)(1U << f.seed % 8);
	return meet(point, &f);
}
