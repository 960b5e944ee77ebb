/* test_image_show: the text and the JSON of a small image. */
#include "tools/image_show.h"
#include "image_case.h"

static struct image *open_case(void)
{
	struct image *im;
	int fd = case_image();
	case_good(image_open(fd, "tiny", &im));
	(void)close(fd);
	return im;
}

static void describe(const struct image_entry *e, json_t *about)
{
	if (e->type == IMAGE_PROGRAM)
		(void)json_object_set_new(about, "greeting", json_stringn(e->data, e->size));
	if (e->type == IMAGE_REGISTRY)
		(void)json_object_set_new(about, "empty", json_boolean(e->size == 0));
}

static void shows_text(void **state)
{
	(void)state;
	static const char want[] =
		"process     queens  c2c2c2c2-c2c2-c2c2-c2c2-c2c2c2c2c2c2\n"
		"build       b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1\n"
		"checkpoint  2 in epoch 3, on alpha at 1970-01-01T00:00:01Z\n"
		"needs       x86-64, 4096-byte pages\n"
		"size        16568 bytes\n"
		"\n"
		"SECTION          VERSION     NEED         OFFSET    PAYLOAD           DATA\n"
		"program                7     must            512          5              0  greeting hello\n"
		"memory                 1     must            584         48           8192  runs 2  pages 2  zero_pages 0\n"
		"globals                1     must          12304         32             13\n"
		"registry               1      may          16416          0              0  empty yes\n"
		"end                    1     must          16480         24              0\n";
	struct image *im = open_case();
	char *got = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&got, &size);
	assert_non_null(out);
	case_good(image_show(im, describe, out));
	(void)fclose(out);
	assert_string_equal(got, want);
	free(got);
	image_close(im);
}

static void shows_json(void **state)
{
	(void)state;
	struct image *im = open_case();
	json_t *all;
	case_good(image_show_json(im, NULL, &all));
	const char *name;
	json_int_t size, pages, epoch;
	assert_int_equal(json_unpack(all, "{s:I, s:{s:s, s:I}, s:[{}, {s:I}]}", "size", &size, "identity", "name", &name,
				 "epoch", &epoch, "sections", "pages", &pages),
		0);
	assert_int_equal(size, 16568);
	assert_string_equal(name, "queens");
	assert_int_equal(epoch, 3);
	assert_int_equal(pages, 2);
	assert_int_equal(json_array_size(json_object_get(all, "sections")), 5);
	json_decref(all);
	image_close(im);
}

/* A name that is no UTF-8 is in the image lawfully and must not break the output. */
static void shows_odd_names(void **state)
{
	(void)state;
	struct image_identity id = case_identity();
	struct image_writer *w;
	struct image *im;
	json_t *all;
	int fd = case_file();
	memcpy(id.name, "\xff\xfe", 3);
	id.machine = 243;
	case_good(image_writer_create(fd, &id, &w));
	case_good(image_finish(w, NULL));
	image_writer_destroy(w);
	case_good(image_open(fd, "odd", &im));
	case_good(image_show_json(im, NULL, &all));
	json_t *identity = json_object_get(all, "identity");
	assert_string_equal(json_string_value(json_object_get(identity, "name")), "(not UTF-8)");
	assert_string_equal(json_string_value(json_object_get(identity, "machine")), "ELF machine 243");
	json_decref(all);
	image_close(im);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_text),
		cmocka_unit_test(shows_json),
		cmocka_unit_test(shows_odd_names),
	};
	return cmocka_run_group_tests_name("image_show", tests, NULL, NULL);
}
