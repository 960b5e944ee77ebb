/* image: what is in an image. */
#include "tools/cmd/cmd.h"
#include "tools/image_show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int show(const char *path, bool json)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s", path);
	struct image *im = NULL;
	json_t *object = NULL;
	int r = image_open(fd, path, &im);
	(void)close(fd);
	if (r >= 0)
		r = json ? image_show_json(im, NULL, &object) : image_show(im, NULL, stdout);
	if (r >= 0 && json && (json_dumpf(object, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF))
		r = error_set(PMIG_EIO, "standard output");
	if (r >= 0)
		r = image_verify(im);
	json_decref(object);
	image_close(im);
	return r;
}

int cmd_image(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option options[] = {{0, "json", NULL, "as a JSON object", NULL, &json}, {0}};
	int first;
	if (argc > 1 &&
		strcmp(argv[1], "show") == 0) { /* `pmig image show --json FILE`: options may stand behind the word */
		argv++;
		argc--;
	}
	int status = cmd_parse("image", argc, argv, options,
		"  pmig checkpoint queens -o q.image && pmig image show q.image\n", 1, 1, &first);
	if (status > 0)
		return status - 1;
	int r = show(argv[first], json);
	return r < 0 ? cmd_fail("image", r) : 0;
}
