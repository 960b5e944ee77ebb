/* databases: one look-up, results in the arena. */
#include "databases.h"

#include "keep.h"

#include "../arena/malloc.h"
#include "../stream/replaced.h"

#include <errno.h>
#include <string.h>

#define LINE_MAX_BYTES 65536

/* The result of each function's last call. */
struct databases {
	struct hostent host;
	struct servent service;
	struct protoent protocol;
	struct netent net;
	struct rpcent rpc;
	struct spwd shadow;
	struct passwd user;
	struct group group;
	struct mntent mount;
	struct ether_addr ether;
	char ether_text[32];
	char *host_text, *service_text, *protocol_text, *net_text, *rpc_text, *shadow_text, *line;
};

static struct databases *databases(void)
{
	struct kept *k = keep();
	if (k != NULL && k->databases == NULL)
		k->databases = pmig_calloc(1, sizeof(struct databases));
	return k != NULL ? k->databases : NULL;
}

/* What is asked for; each function looks at what is its own. */
struct question {
	struct databases *to;
	const char *name, *protocol;
	const void *address;
	socklen_t size;
	uint32_t number;
	int family, error;
};

static int host_by_name(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return gethostbyname2_r(q->name, q->family, &q->to->host, text, size, (struct hostent **)ret, &q->error);
}

static int host_by_address(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return gethostbyaddr_r(q->address, q->size, q->family, &q->to->host, text, size, (struct hostent **)ret, &q->error);
}

static int service_by_name(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getservbyname_r(q->name, q->protocol, &q->to->service, text, size, (struct servent **)ret);
}

static int service_by_port(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getservbyport_r((int)q->number, q->protocol, &q->to->service, text, size, (struct servent **)ret);
}

static int protocol_by_name(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getprotobyname_r(q->name, &q->to->protocol, text, size, (struct protoent **)ret);
}

static int protocol_by_number(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getprotobynumber_r((int)q->number, &q->to->protocol, text, size, (struct protoent **)ret);
}

static int net_by_name(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getnetbyname_r(q->name, &q->to->net, text, size, (struct netent **)ret, &q->error);
}

static int net_by_address(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getnetbyaddr_r(q->number, q->family, &q->to->net, text, size, (struct netent **)ret, &q->error);
}

static int rpc_by_name(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getrpcbyname_r(q->name, &q->to->rpc, text, size, (struct rpcent **)ret);
}

static int rpc_by_number(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getrpcbynumber_r((int)q->number, &q->to->rpc, text, size, (struct rpcent **)ret);
}

static int shadow_by_name(void *what, char *text, size_t size, void **ret)
{
	struct question *q = what;
	return getspnam_r(q->name, &q->to->shadow, text, size, (struct spwd **)ret);
}

/* Asks `ask` with the text in field `text` of the results. */
#define ANSWER(field, ask, ...) \
	struct databases *d = databases(); \
	struct question q = {.to = d, __VA_ARGS__}; \
	void *found = d != NULL ? keep_larger(&d->field, ask, &q) : NULL; \
	if (q.error != 0) \
		h_errno = q.error; \
	return found

struct hostent *pmig_gethostbyname2(const char *name, int family)
{
	ANSWER(host_text, host_by_name, .name = name, .family = family);
}

struct hostent *pmig_gethostbyname(const char *name)
{
	return pmig_gethostbyname2(name, AF_INET);
}

struct hostent *pmig_gethostbyaddr(const void *address, socklen_t size, int family)
{
	ANSWER(host_text, host_by_address, .address = address, .size = size, .family = family);
}

struct servent *pmig_getservbyname(const char *name, const char *protocol)
{
	ANSWER(service_text, service_by_name, .name = name, .protocol = protocol);
}

struct servent *pmig_getservbyport(int port, const char *protocol)
{
	ANSWER(service_text, service_by_port, .number = (uint32_t)port, .protocol = protocol);
}

struct protoent *pmig_getprotobyname(const char *name)
{
	ANSWER(protocol_text, protocol_by_name, .name = name);
}

struct protoent *pmig_getprotobynumber(int number)
{
	ANSWER(protocol_text, protocol_by_number, .number = (uint32_t)number);
}

struct netent *pmig_getnetbyname(const char *name)
{
	ANSWER(net_text, net_by_name, .name = name);
}

struct netent *pmig_getnetbyaddr(uint32_t net, int type)
{
	ANSWER(net_text, net_by_address, .number = net, .family = type);
}

struct rpcent *pmig_getrpcbyname(const char *name)
{
	ANSWER(rpc_text, rpc_by_name, .name = name);
}

struct rpcent *pmig_getrpcbynumber(int number)
{
	ANSWER(rpc_text, rpc_by_number, .number = (uint32_t)number);
}

struct spwd *pmig_getspnam(const char *name)
{
	ANSWER(shadow_text, shadow_by_name, .name = name);
}

/* Room for one line of a file; NULL with ENOMEM. */
static struct databases *with_line(void)
{
	struct databases *d = databases();
	if (d != NULL && d->line == NULL)
		d->line = pmig_malloc(LINE_MAX_BYTES);
	return d != NULL && d->line != NULL ? d : NULL;
}

struct passwd *pmig_fgetpwent(FILE *f)
{
	struct databases *d = with_line();
	struct passwd *found = NULL;
	return d != NULL && fgetpwent_r(f, &d->user, d->line, LINE_MAX_BYTES, &found) == 0 ? found : NULL;
}

struct group *pmig_fgetgrent(FILE *f)
{
	struct databases *d = with_line();
	struct group *found = NULL;
	return d != NULL && fgetgrent_r(f, &d->group, d->line, LINE_MAX_BYTES, &found) == 0 ? found : NULL;
}

struct spwd *pmig_fgetspent(FILE *f)
{
	struct databases *d = with_line();
	struct spwd *found = NULL;
	return d != NULL && fgetspent_r(f, &d->shadow, d->line, LINE_MAX_BYTES, &found) == 0 ? found : NULL;
}

struct spwd *pmig_sgetspent(const char *line)
{
	struct databases *d = with_line();
	struct spwd *found = NULL;
	return d != NULL && sgetspent_r(line, &d->shadow, d->line, LINE_MAX_BYTES, &found) == 0 ? found : NULL;
}

FILE *pmig_setmntent(const char *path, const char *mode)
{
	char own[16];
	(void)snprintf(own, sizeof own, "%.8se", mode);
	return pmig_fopen(path, own);
}

struct mntent *pmig_getmntent(FILE *f)
{
	struct databases *d = with_line();
	return d != NULL ? getmntent_r(f, &d->mount, d->line, LINE_MAX_BYTES) : NULL;
}

int pmig_endmntent(FILE *f)
{
	if (f != NULL)
		(void)pmig_fclose(f);
	return 1;
}

char *pmig_ether_ntoa(const struct ether_addr *a)
{
	struct databases *d = databases();
	return d != NULL ? ether_ntoa_r(a, d->ether_text) : NULL;
}

struct ether_addr *pmig_ether_aton(const char *text)
{
	struct databases *d = databases();
	return d != NULL ? ether_aton_r(text, &d->ether) : NULL;
}
