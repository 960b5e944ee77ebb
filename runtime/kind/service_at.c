/* service_at: keeps, forwards or replaces the address in a text. */
#include "service_at.h"

#include "../reference/reference.h"
#include "../resource/keep.h"
#include "../resource/planned.h"
#include "../base/authority.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

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

/* The other end of a socket in the words of authority.h; "" where it has none. */
static void other_end(int fd, char *ret, size_t size)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} a = {0};
	socklen_t n = sizeof a - 1; /* a path may lack its NUL */
	char host[INET6_ADDRSTRLEN] = "";
	ret[0] = 0;
	if (getpeername(fd, &a.any, &n) < 0)
		return;
	if (a.any.sa_family == AF_UNIX) {
		(void)snprintf(ret, size, "%s", a.local.sun_path);
	} else if (a.any.sa_family == AF_INET && inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host) != NULL) {
		(void)snprintf(ret, size, "%s:%u", host, ntohs(a.v4.sin_port));
	} else if (a.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host) != NULL) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr);
		(void)snprintf(ret, size, mapped ? "%s:%u" : "[%s]:%u", mapped ? host + strlen("::ffff:") : host,
			ntohs(a.v6.sin6_port));
	}
}

int service_at_ready(struct pmig_resource *r)
{
	struct authority a;
	char there[AUTHORITY_HOST_MAX + 16];
	int connected = -1;
	if (authority_parse(r->there != NULL && r->there[0] != 0 ? r->there : r->locator, &a) < 0)
		return 0;
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; d != NULL && connected < 0 && (e = readdir(d)) != NULL;) {
		int fd = e->d_name[0] == '.' ? -1 : atoi(e->d_name);
		other_end(fd, there, sizeof there);
		if (there[0] != 0 && authority_names(&a, there))
			connected = fd;
	}
	if (d != NULL)
		closedir(d);
	if (connected < 0)
		return 0;
	return error_set(PMIG_EBUSY,
		"descriptor %d is connected to it; close the connection before the safe point, or in a `before` hook",
		connected);
}

int service_at_describe(struct pmig_resource *r)
{
	struct authority a;
	r->size = 0;
	/* where nobody planned, it is saved for later or for here: an address of the network is good anywhere, loopback at this host */
	r->kept = authority_parse(r->locator, &a) >= 0 && (!planned_exists() || !authority_loopback(&a));
	return 0;
}

int service_at_save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct authority a;
	char address[AUTHORITY_HOST_MAX + 16];
	uint64_t id = r->reference;
	/* what the program uses now: after a rebinding, another one than it declared */
	int e = r->handle != NULL ? authority_parse(r->handle, &a) : PMIG_EINVAL;
	if (e < 0)
		e = authority_parse(r->locator, &a);
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
	if (r->there == NULL ||
		r->there[0] == 0) /* saved without a plan: nobody asked what is here; the one it had, if it is reached */
		return set(r, r->locator);
	if (strstr(r->there, "://") != NULL || strchr(r->there, '=') != NULL)
		return set(r, r->there);
	e = authority_parse(r->locator, &a);
	if (e >= 0)
		e = authority_replace(r->locator, &a, r->there, text, sizeof text);
	return e < 0 ? e : set(r, text);
}
