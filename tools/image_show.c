/* image_show: describes an image as JSON; the text is made from that. */
#include "image_show.h"

#include "frame/walk.h"

#include <string.h>
#include <time.h>

static json_t *hex(const uint8_t *bytes, size_t size)
{
	char text[2 * 32 + 1] = "";
	for (size_t i = 0; i < size && i < 32; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

static json_t *uuid(const uint8_t p[16])
{
	return json_sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", p[0], p[1], p[2], p[3],
		p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15]);
}

static json_t *date(int64_t ns)
{
	char text[64] = "";
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	if (gmtime_r(&seconds, &tm) != NULL)
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *machine(uint32_t number)
{
	return number == 62     ? json_string("x86-64")
		: number == 183 ? json_string("aarch64")
				: json_sprintf("ELF machine %u", number);
}

/* Names come from the file and need not be UTF-8. */
static json_t *name(const char *text)
{
	json_t *s = json_string(text);
	return s != NULL ? s : json_string("(not UTF-8)");
}

static json_t *identity(const struct image_identity *id)
{
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:s, s:i, s:i, s:o}", "name", name(id->name), "process",
		uuid(id->process), "build", hex(id->build, sizeof id->build), "epoch", (json_int_t)id->epoch, "checkpoint",
		(json_int_t)id->checkpoint, "time", date(id->time_ns), "host", name(id->host), "machine",
		machine(id->machine), "byte_order", id->byte_order == 1 ? "little" : "big", "pointer_size",
		(int)id->pointer_size, "page_size", (int)id->page_size, "data_layout", name(id->data_layout));
}

static void describe_runs(const struct image_entry *e, json_t *about)
{
	json_int_t pages = 0, zero = 0;
	for (size_t i = 0; i < image_run_count(e); i++) {
		struct image_run run;
		image_run_at(e, i, &run);
		*(run.offset != 0 ? &pages : &zero) += (json_int_t)run.pages;
	}
	(void)json_object_set_new(about, "runs", json_integer((json_int_t)image_run_count(e)));
	(void)json_object_set_new(about, "pages", json_integer(pages));
	(void)json_object_set_new(about, "zero_pages", json_integer(zero));
}

/* Whose they are, and how many; each is a thread's. */
static void describe_frames(const struct image_entry *e, json_t *about)
{
	struct walk_header h;
	if (e->version != WALK_VERSION || e->size < sizeof h)
		return;
	memcpy(&h, e->data, sizeof h);
	(void)json_object_set_new(about, "thread", json_integer((json_int_t)h.thread));
	(void)json_object_set_new(about, "frames", json_integer((json_int_t)h.count));
}

static json_t *section(const struct image_entry *e, image_show_describe *describe)
{
	json_t *about = json_pack("{s:s, s:i, s:b, s:I, s:I, s:I}", "section", e->name, "version", (int)e->version,
		"mandatory", (int)e->mandatory, "offset", (json_int_t)e->offset, "payload", (json_int_t)e->size, "data",
		(json_int_t)e->bulk_size);
	if (about != NULL && (e->type == IMAGE_MEMORY || e->type == IMAGE_GLOBAL_PAGES))
		describe_runs(e, about);
	else if (about != NULL && e->type == IMAGE_FRAMES)
		describe_frames(e, about);
	else if (about != NULL && describe != NULL)
		describe(e, about);
	return about;
}

int image_show_json(const struct image *im, image_show_describe *describe, json_t **ret)
{
	json_t *sections = json_array();
	for (size_t i = 0; i < image_count(im); i++) {
		struct image_entry e;
		image_at(im, i, &e);
		(void)json_array_append_new(sections, section(&e, describe));
	}
	bool whole = json_array_size(sections) == image_count(im);
	json_t *all = json_pack("{s:o, s:I, s:o}", "identity", identity(image_identity(im)), "size",
		(json_int_t)image_size(im), "sections", sections);
	if (all == NULL || !whole) {
		json_decref(all);
		return error_set(PMIG_ENOMEM, "image show: no memory");
	}
	*ret = all;
	return 0;
}

/* --- text --- */

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s != NULL ? s : "";
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool has_column(const char *key)
{
	static const char *const columns[] = {"section", "version", "mandatory", "offset", "payload", "data"};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		if (strcmp(columns[i], key) == 0)
			return true;
	return false;
}

static void print_details(json_t *about, FILE *out)
{
	const char *key;
	json_t *value;
	json_object_foreach(about, key, value)
	{
		if (has_column(key))
			continue;
		if (json_is_string(value))
			(void)fprintf(out, "  %s %s", key, json_string_value(value));
		else if (json_is_integer(value))
			(void)fprintf(out, "  %s %" JSON_INTEGER_FORMAT, key, json_integer_value(value));
		else if (json_is_boolean(value))
			(void)fprintf(out, "  %s %s", key, json_is_true(value) ? "yes" : "no");
	}
}

int image_show(const struct image *im, image_show_describe *describe, FILE *out)
{
	json_t *all, *about;
	size_t i;
	int r = image_show_json(im, describe, &all);
	if (r < 0)
		return r;
	json_t *id = json_object_get(all, "identity");
	(void)fprintf(out, "process     %s  %s\n", text(id, "name"), text(id, "process"));
	(void)fprintf(out, "build       %s\n", text(id, "build"));
	(void)fprintf(out, "checkpoint  %" JSON_INTEGER_FORMAT " in epoch %" JSON_INTEGER_FORMAT ", on %s at %s\n",
		number(id, "checkpoint"), number(id, "epoch"), text(id, "host"), text(id, "time"));
	(void)fprintf(out, "needs       %s, %" JSON_INTEGER_FORMAT "-byte pages\n", text(id, "machine"),
		number(id, "page_size"));
	(void)fprintf(out, "size        %" JSON_INTEGER_FORMAT " bytes\n\n", number(all, "size"));
	(void)fprintf(out, "%-16s %7s %8s %14s %10s %14s\n", "SECTION", "VERSION", "NEED", "OFFSET", "PAYLOAD", "DATA");
	json_array_foreach(json_object_get(all, "sections"), i, about)
	{
		(void)fprintf(out, "%-16s %7lld %8s %14lld %10lld %14lld", text(about, "section"),
			(long long)number(about, "version"),
			json_is_true(json_object_get(about, "mandatory")) ? "must" : "may",
			(long long)number(about, "offset"), (long long)number(about, "payload"),
			(long long)number(about, "data"));
		print_details(about, out);
		(void)fputc('\n', out);
	}
	json_decref(all);
	return ferror(out) ? error_set(PMIG_EIO, "image show: the output cannot be written") : 0;
}
