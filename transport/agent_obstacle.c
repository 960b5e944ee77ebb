/* agent_obstacle: what of the program itself stands in the way of a checkpoint, and is known before anything is asked of it. */
#include "agent_parts.h"
#include "hex_text.h"
#include "runtime/base/child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void program_of(pid_t pid, char ret_path[PATH_MAX])
{
	char link[64];
	(void)snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(link, ret_path, PATH_MAX - 1);
	ret_path[n > 0 ? n : 0] = '\0';
}

/* Its image would be larger than its files may be; what it has lowered the limit to itself is lifted (runtime/resource/limits.h). */
static bool too_large(const struct agent *a, const json_t *facts, char *ret_words, size_t size)
{
	struct rlimit l;
	rlim_t image = (rlim_t)agent_number(facts, "image", 0);
	if (a->pid <= 0 || prlimit(a->pid, RLIMIT_FSIZE, NULL, &l) < 0 || image <= l.rlim_max)
		return false;
	(void)snprintf(ret_words, size, "its files may have %llu bytes at most (ulimit -f), and its image would have %llu",
		(unsigned long long)l.rlim_max, (unsigned long long)image);
	return true;
}

bool agent_obstacle(const struct agent *a, char *ret_words, size_t size)
{
	char program[PATH_MAX];
	if (a->pid <= 0) {
		(void)snprintf(ret_words, size, "it has ended");
		return true;
	}
	if (child_state(a->pid) == 'T') {
		(void)snprintf(ret_words, size,
			"it is stopped, and comes to no safe point: `pmig kill -CONT %s` lets it go on", a->name);
		return true;
	}
	if (a->control < 0) {
		program_of(a->pid, program);
		(void)snprintf(ret_words, size,
			"it has become another program by exec (%.512s), which pmig-cc has not built, or is ending",
			program);
		return true;
	}
	if (a->bound != NULL) {
		(void)snprintf(ret_words, size, "%s", a->bound);
		return true;
	}
	return false;
}

void agent_obstacle_add(const struct agent *a, json_t *answer)
{
	char words[CONTROL_TEXT_MAX];
	if (agent_obstacle(a, words, sizeof words) || too_large(a, answer, words, sizeof words))
		(void)json_object_set_new(answer, "obstacle", hex_text_json(words));
	if (a->pid > 0)
		(void)json_object_set_new(answer, "grants", agent_grants_wanted(a->pid));
	if (a->locales != NULL)
		(void)json_object_set_new(answer, "locales", hex_text_json(a->locales));
}

const char *agent_held_by(const struct agent *a)
{
	int state = a->pid > 0 ? child_state(a->pid) : 0;
	return state == 'T' ? "it is stopped" : state == 't' ? "a debugger holds it" : NULL;
}

void agent_note_bound(struct agent *a, const char *sentence)
{
	free(a->bound);
	a->bound = *sentence != '\0' ? strdup(sentence) : NULL;
}

/* What runs is what was started, or has taken its place: env(1), a script that ends with exec. */
void agent_note_program(struct agent *a)
{
	struct stat started, runs;
	char link[64];
	(void)snprintf(link, sizeof link, "/proc/%d/exe", (int)a->pid);
	a->became[0] = '\0';
	if (stat(link, &runs) == 0 &&
		(stat(a->started, &started) < 0 || started.st_dev != runs.st_dev || started.st_ino != runs.st_ino))
		program_of(a->pid, a->became);
}
