/* service_at: keeps, forwards or replaces the address in a text. */
#include "service_at.h"

#include "../reference/reference.h"
#include "../resource/keep.h"
#include "authority.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096

int service_at_match(const struct pmig_resource *r)
{
	(void)r;
	return 0;
}

int service_at_handle(struct pmig_resource *r)
{
	struct authority a;
	return authority_parse(r->locator, &a);
}

int service_at_describe(struct pmig_resource *r)
{
	r->size = 0;
	return 0;
}

int service_at_save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct authority a;
	char address[AUTHORITY_HOST_MAX + 16];
	uint64_t id = r->reference;
	int e = authority_parse(r->locator, &a);
	if (e < 0 || r->strategy != PMIG_REFER)
		return e;
	authority_address(&a, address, sizeof address);
	if (id != 0) {
		e = reference_carry(id);
	} else if (!r->kept) {
		e = reference_keep(REFERENCE_ADDRESS, -1, address, &id);
		if (e == PMIG_EGONE &&
			!authority_loopback(&a)) /* saved to a file: nobody knows from where it will be reached */
			e = 0;
	}
	pmig_write_number(w, e < 0 ? 0 : id);
	return e;
}

/* The variable gets `text`, which stays as it is where it is what the program wrote itself. */
static int set(struct pmig_resource *r, const char *text)
{
	char *kept = keep_text(text);
	if (kept == NULL)
		return error_set(PMIG_ENOMEM, "no memory for an address");
	if (r->handle == NULL || strcmp(r->handle, text) != 0)
		r->handle = kept;
	r->there = kept;
	return 0;
}

int service_at_refer(struct pmig_resource *r, struct pmig_reader *in)
{
	struct authority a;
	char wanted[AUTHORITY_HOST_MAX + 16], now[AUTHORITY_HOST_MAX + 16], text[TEXT_MAX];
	uint64_t id = pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e >= 0)
		e = authority_parse(r->locator, &a);
	r->reference = id;
	if (e < 0 || id == 0)
		return e < 0 ? e : set(r, r->locator);
	if (a.host[0] == '/')
		authority_address(&a, wanted, sizeof wanted);
	else
		(void)snprintf(wanted, sizeof wanted, "127.0.0.1:%u", a.port);
	e = reference_listen(id, wanted, now, sizeof now);
	if (e < 0)
		return e;
	char own[AUTHORITY_HOST_MAX + 16];
	authority_address(&a, own, sizeof own);
	bool same = strcmp(now, own) == 0 || (strcmp(now, wanted) == 0 && strcmp(a.host, "localhost") == 0);
	if (!same)
		e = authority_replace(r->locator, &a, now, text, sizeof text);
	return e < 0 ? e : set(r, same ? r->locator : text);
}

int service_at_rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	struct authority a;
	char text[TEXT_MAX];
	int e = pmig_read_check(in);
	r->reference = 0;
	if (e < 0)
		return e;
	if (r->there == NULL || r->there[0] == 0)
		return error_set(PMIG_EREFUSED, "nothing is known here that provides a %s",
			r->declaration.type != NULL ? r->declaration.type : "service of its type");
	if (strstr(r->there, "://") != NULL || strchr(r->there, '=') != NULL)
		return set(r, r->there);
	e = authority_parse(r->locator, &a);
	if (e >= 0)
		e = authority_replace(r->locator, &a, r->there, text, sizeof text);
	return e < 0 ? e : set(r, text);
}
