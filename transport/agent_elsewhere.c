/* agent_elsewhere: who else uses a thing that is known by its path alone: other programs of ours, which declared it and may use it from
 * another host, and, where we have no descriptor of it to look at, everybody. */
#include "agent_database.h"
#include "agent_parts.h"
#include "hex_text.h"
#include "open_file.h"
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void set(json_t *row, const char *key, json_t *to)
{
	(void)json_object_set_new(row, key, to);
}

#define ELSEWHERE_MAX 4096

struct others {
	struct agent *agent;
	json_t *processes; /* {uuid, name} */
	json_t *rows;
	const char *name;
};

static int on_process(void *context, const struct pmig_process_row *row)
{
	struct others *o = context;
	if (strcmp(row->uuid, o->agent->options->uuid) != 0 && row->state < PMIG_PROCESS_LEFT)
		(void)json_array_append_new(o->processes, json_pack("{s:s, s:s}", "uuid", row->uuid, "name", row->name));
	return 0;
}

static int on_row_of_other(void *context, const struct pmig_resource_row *row)
{
	struct others *o = context;
	if (row->origin != PMIG_AT_FILE_SCOPE && row->locator[0] == '/' && json_array_size(o->rows) < ELSEWHERE_MAX)
		(void)json_array_append_new(o->rows,
			json_pack("{s:s, s:o}", "process", o->name, "locator", hex_text_json(row->locator)));
	return 0;
}

json_t *agent_elsewhere_find(struct agent *a)
{
	struct others o = {.agent = a, .processes = json_array(), .rows = json_array()};
	size_t i;
	const json_t *process;
	(void)a->store->process_list(a->store, on_process, &o);
	json_array_foreach(o.processes, i, process)
	{
		o.name = agent_text(process, "name");
		(void)a->store->resource_list(a->store, agent_text(process, "uuid"), on_row_of_other, &o);
	}
	json_decref(o.processes);
	return o.rows;
}

/* Another program of ours that declared the same thing: it may use it from another host, where we do not see it. */
void agent_elsewhere_add(const json_t *elsewhere, const char *locator, json_t *row)
{
	size_t i;
	const json_t *other;
	json_array_foreach(elsewhere, i, other)
	{
		char of[PATH_MAX], words[PMIG_NAME_MAX + 16];
		if (locator[0] != '/' || !hex_text_get(json_object_get(other, "locator"), of, sizeof of) ||
			strcmp(of, locator) != 0)
			continue;
		if (agent_number(row, "sharers", 0) == 0) {
			(void)snprintf(words, sizeof words, "program %s", agent_text(other, "process"));
			set(row, "shared_by", hex_text_json(words));
		}
		set(row, "sharers", json_integer(agent_number(row, "sharers", 0) + 1));
	}
}

static uint64_t note_tree(const char *path, json_t *row)
{
	agent_tree_note(path, row);
	(void)json_object_del(row, "stuck"); /* its kind says so */
	return (uint64_t)agent_number(row, "found_size", 0);
}

/* A database or a folder that is declared by its path: how large it is, who else has it or one of its companions open, and whether it
 * is still there. */
void agent_elsewhere_path(struct agent *a, const json_t *elsewhere, json_t *row)
{
	static const char *const companions[] = {"", "-wal", "-shm", "-journal"};
	struct open_file files[4] = {0};
	char paths[4][PATH_MAX + 16], locator[PATH_MAX], real[PATH_MAX];
	size_t count = 0;
	if (!hex_text_get(json_object_get(row, "locator"), locator, sizeof locator) || locator[0] != '/')
		return;
	if (realpath(locator, real) == NULL) {
		set(row, "gone", json_boolean(errno == ENOENT));
		return;
	}
	agent_database_add(real, row);
	uint64_t size = 0;
	for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
		(void)snprintf(paths[count], sizeof paths[count], "%s%s", real, companions[i]);
		struct open_file *f = &files[count];
		*f = (struct open_file){.link = paths[count], .fd = OPEN_FILE_PATH, .look = true};
		if (stat(f->link, &f->st) < 0)
			continue;
		if (S_ISDIR(f->st.st_mode) && i == 0)
			size += note_tree(real, row);
		else if (S_ISREG(f->st.st_mode) && strcmp(companions[i], "-shm") != 0)
			size += (uint64_t)f->st.st_size;
		count++;
	}
	open_file_share(a->pid, files, count);
	set(row, "found_size", json_integer((json_int_t)size));
	set(row, "sharers", json_integer(0));
	for (size_t i = 0; i < count; i++) {
		if (files[i].sharers == 0)
			continue;
		set(row, "shared_by", hex_text_json(files[i].shared_by));
		set(row, "sharers", json_integer(files[i].sharers));
		break;
	}
	agent_elsewhere_add(elsewhere, locator, row);
}
