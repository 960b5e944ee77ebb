/* agent_memory: memory of the program that others can have as well: with a descriptor, or mapped and shared. */
#include "agent_parts.h"
#include "hex_text.h"
#include "open_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool agent_memory_is(const struct open_file *f)
{
	return S_ISREG(f->st.st_mode) && (f->flags & O_PATH) == 0 &&
		(begins(f->link, "/memfd:") || begins(f->link, "/dev/shm/"));
}

const char *agent_memory_situation(const struct open_file *f)
{
	return f->sharers > 0 ? "MEMORY_SHARED" : f->st.st_nlink == 0 ? "FILE_TEMPORARY" : "FILE_WRITTEN";
}

void agent_memory_name(const struct open_file *f, json_t *row)
{
	char name[64];
	(void)snprintf(name, sizeof name, "memory at %#llx", (unsigned long long)f->start);
	if (begins(f->link, "/dev/zero"))
		(void)json_object_set_new(row, "name", json_string(name));
}

/* A descriptor of the program leads to it: that row speaks. */
static bool has_row(const json_t *rows, const struct open_file *f)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (agent_number(row, "fd", -1) >= 0 && (ino_t)agent_number(row, "inode", 0) == f->st.st_ino &&
			(dev_t)agent_number(row, "device", 0) == f->st.st_dev)
			return true;
	}
	return false;
}

/* What pmig_declare_memory() was told of these addresses: "0x540000000000+4096". */
static json_t *declared_at(const json_t *declared, const struct open_file *f)
{
	size_t i;
	json_t *row;
	json_array_foreach(declared, i, row)
	{
		char locator[128], *end;
		if (strcmp(agent_text(row, "kind"), "memory") != 0 || agent_number(row, "origin", 0) == PMIG_AT_FILE_SCOPE ||
			!hex_text_get(json_object_get(row, "locator"), locator, sizeof locator))
			continue;
		uint64_t low = strtoull(locator, &end, 16), size = *end == '+' ? strtoull(end + 1, NULL, 10) : 0;
		if (low < f->end && f->start < low + size)
			return row;
	}
	return NULL;
}

json_t *agent_memory_declared(const struct agent *a, const json_t *declared, const struct open_file *f)
{
	struct open_file *maps;
	size_t count;
	json_t *row = NULL;
	if (!agent_memory_is(f) || open_file_maps(a->pid, true, &maps, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count && row == NULL; i++)
		if (maps[i].st.st_ino == f->st.st_ino && maps[i].st.st_dev == f->st.st_dev)
			row = declared_at(declared, &maps[i]);
	open_file_free(maps, count);
	return json_object_get(row, "fd") == NULL ? json_incref(row) : NULL;
}

bool agent_memory_known(const json_t *rows, const json_t *declared, const struct open_file *f)
{
	json_t *row = declared_at(declared, f);
	if (row != NULL) {
		(void)json_object_set_new(row, "sharers", json_integer(f->sharers));
		(void)json_object_set_new(row, "shared_by", hex_text_json(f->shared_by));
	}
	return row != NULL || has_row(rows, f);
}
