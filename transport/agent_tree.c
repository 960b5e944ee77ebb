/* agent_tree: what a declared directory holds, looked at before anything is frozen. */
#include "agent_parts.h"
#include "hex_text.h"
#include "tree.h"

void agent_tree_note(const char *path, json_t *row)
{
	struct tree_look look;
	tree_look(path, &look);
	(void)json_object_set_new(row, "found_size", json_integer((json_int_t)look.size));
	if (look.stuck[0] != '\0')
		(void)json_object_set_new(row, "stuck", hex_text_json(look.stuck));
}
