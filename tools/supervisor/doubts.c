/* doubts: asks the registry for its list, and reads what that prints. */
#include "doubts.h"

#include "registry/list.h"

#include <stdio.h>
#include <stdlib.h>

int doubts_list(struct pmig_store *store, const char *process, json_t **ret_rows)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (out == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	int r = list_run(registry_store_database(store), "doubts",
		&(struct list_options){.form = LIST_JSON, .process = process}, out);
	(void)fclose(out);
	json_t *rows = r >= 0 ? json_loadb(text, size, 0, NULL) : NULL;
	free(text);
	if (rows == NULL)
		return r < 0 ? r : error_set(PMIG_ENOMEM, "out of memory");
	*ret_rows = rows;
	return 0;
}
