/* agent_held: what is known of things that are held here for a program that runs elsewhere, for the plan of its next move: how large they
 * are, and who else here has them open. */
#include "agent_reference.h"
#include "hex_text.h"
#include "open_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool look(struct agent *a, const json_t *one, struct open_file *ret_file, char ret_link[PATH_MAX])
{
	const struct held *h = agent_held(a, agent_reference_number(one, "reference"));
	char path[64];
	*ret_file = (struct open_file){.link = ret_link, .fd = OPEN_FILE_PATH};
	if (h == NULL || h->fd < 0 || fstat(h->fd, &ret_file->st) < 0)
		return false;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", h->fd);
	ssize_t n = readlink(path, ret_link, PATH_MAX - 1);
	ret_link[n > 0 ? n : 0] = '\0';
	ret_file->look = n > 0;
	ret_file->writing = S_ISREG(ret_file->st.st_mode) && (fcntl(h->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	return true;
}

/* An array of {size, sharers, shared_by}, in the order of `references`; null for what is not held here, or is no file. */
int agent_do_held(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *references = json_object_get(request, "references");
	size_t count = json_array_size(references);
	if (count > HELD_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: more than %d references", HELD_MAX);
	struct open_file *files = calloc(count + 1, sizeof *files);
	char(*links)[PATH_MAX] = calloc(count + 1, sizeof *links);
	if (files == NULL || links == NULL) {
		free(files);
		free(links);
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	}
	json_t *all = json_array();
	for (size_t i = 0; i < count; i++)
		(void)look(a, json_array_get(references, i), &files[i], links[i]);
	open_file_share(-1, files, count);
	for (size_t i = 0; i < count; i++) {
		json_t *one = files[i].look ? json_object() : json_null();
		if (files[i].look) {
			(void)json_object_set_new(one, "sharers", json_integer(files[i].sharers));
			(void)json_object_set_new(one, "shared_by", hex_text_json(files[i].shared_by));
		}
		if (files[i].look && S_ISREG(files[i].st.st_mode))
			(void)json_object_set_new(one, "size", json_integer(files[i].st.st_size));
		(void)json_array_append_new(all, one);
	}
	*ret_answer = json_pack("{s:o}", "held", all);
	free(files);
	free(links);
	return 0;
}
