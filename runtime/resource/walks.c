/* walks: getpwent() and its kind: the list is read whole into the arena when a walk begins. */
#include "databases.h"

#include "keep.h"

#include "../arena/malloc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (1u << 20) /* one entry: a group with very many members */

enum list { USERS = 1, GROUPS, SHADOWS, HOSTS, SERVICES, PROTOCOLS, NETS, RPCS, SHELLS, LISTS };

/* One walk. */
struct walk {
	void **items;
	size_t n, at;
	bool open;
};

struct walks {
	struct walk of[LISTS];
};

static int next_user(void *to, char *text, size_t size, void **ret)
{
	return getpwent_r(to, text, size, (struct passwd **)ret);
}

static int next_group(void *to, char *text, size_t size, void **ret)
{
	return getgrent_r(to, text, size, (struct group **)ret);
}

static int next_shadow(void *to, char *text, size_t size, void **ret)
{
	return getspent_r(to, text, size, (struct spwd **)ret);
}

static int next_host(void *to, char *text, size_t size, void **ret)
{
	int error;
	return gethostent_r(to, text, size, (struct hostent **)ret, &error);
}

static int next_service(void *to, char *text, size_t size, void **ret)
{
	return getservent_r(to, text, size, (struct servent **)ret);
}

static int next_protocol(void *to, char *text, size_t size, void **ret)
{
	return getprotoent_r(to, text, size, (struct protoent **)ret);
}

static int next_net(void *to, char *text, size_t size, void **ret)
{
	int error;
	return getnetent_r(to, text, size, (struct netent **)ret, &error);
}

static int next_rpc(void *to, char *text, size_t size, void **ret)
{
	return getrpcent_r(to, text, size, (struct rpcent **)ret);
}

static int next_shell(void *to, char *text, size_t size, void **ret)
{
	const char *shell = getusershell();
	(void)to;
	if (shell == NULL)
		return ENOENT;
	(void)strncpy(text, shell, size - 1);
	text[size - 1] = 0;
	*ret = text;
	return 0;
}

static void begin_hosts(void)
{
	sethostent(0);
}

static void begin_services(void)
{
	setservent(0);
}

static void begin_protocols(void)
{
	setprotoent(0);
}

static void begin_nets(void)
{
	setnetent(0);
}

static void begin_rpcs(void)
{
	setrpcent(0);
}

static const struct {
	size_t size; /* of one entry */
	void (*begin)(void);
	int (*next)(void *to, char *text, size_t size, void **ret);
	void (*end)(void);
} kinds[LISTS] = {
	[USERS] = {sizeof(struct passwd), setpwent, next_user, endpwent},
	[GROUPS] = {sizeof(struct group), setgrent, next_group, endgrent},
	[SHADOWS] = {sizeof(struct spwd), setspent, next_shadow, endspent},
	[HOSTS] = {sizeof(struct hostent), begin_hosts, next_host, endhostent},
	[SERVICES] = {sizeof(struct servent), begin_services, next_service, endservent},
	[PROTOCOLS] = {sizeof(struct protoent), begin_protocols, next_protocol, endprotoent},
	[NETS] = {sizeof(struct netent), begin_nets, next_net, endnetent},
	[RPCS] = {sizeof(struct rpcent), begin_rpcs, next_rpc, endrpcent},
	[SHELLS] = {0, setusershell, next_shell, endusershell},
};

static struct walk *walk_of(enum list which)
{
	struct kept *k = keep();
	if (k != NULL && k->walks == NULL)
		k->walks = pmig_calloc(1, sizeof(struct walks));
	return k != NULL && k->walks != NULL ? &k->walks->of[which] : NULL;
}

/* The next entry in a block of its own: *ret_item is where the entry lies in it. False at the end. */
static bool read_one(enum list which, void **ret_block)
{
	for (size_t room = 1024; room <= TEXT_MAX; room *= 4) {
		char *block = pmig_malloc(kinds[which].size + room);
		void *found = NULL;
		int number = block != NULL ? kinds[which].next(block, block + kinds[which].size, room, &found) : ENOMEM;
		if (number == 0 && found != NULL) {
			*ret_block = block;
			return true;
		}
		pmig_free(block);
		if (number != ERANGE)
			return false;
	}
	return false;
}

static void read_all(enum list which, struct walk *w)
{
	size_t room = 0;
	void *block;
	kinds[which].begin();
	while (read_one(which, &block)) {
		if (w->n == room) {
			void **more = pmig_reallocarray(w->items, room = room == 0 ? 64 : 2 * room, sizeof *more);
			if (more == NULL) {
				pmig_free(block);
				break;
			}
			w->items = more;
		}
		w->items[w->n++] = block;
	}
	kinds[which].end();
	w->open = true;
}

static void *step(enum list which)
{
	struct walk *w = walk_of(which);
	if (w != NULL && !w->open)
		read_all(which, w);
	return w != NULL && w->at < w->n ? w->items[w->at++] : NULL;
}

static void forget(enum list which)
{
	struct walk *w = walk_of(which);
	for (size_t i = 0; w != NULL && i < w->n; i++)
		pmig_free(w->items[i]);
	if (w == NULL)
		return;
	pmig_free(w->items);
	*w = (struct walk){0};
}

#define WALK(type, name, which) \
	type *pmig_get##name(void) \
	{ \
		return step(which); \
	}
#define ENDS(name, which) \
	void pmig_set##name(void) \
	{ \
		forget(which); \
	} \
	void pmig_end##name(void) \
	{ \
		forget(which); \
	}
#define ENDS_NET(name, which) \
	void pmig_set##name(int stay) \
	{ \
		(void)stay; \
		forget(which); \
	} \
	void pmig_end##name(void) \
	{ \
		forget(which); \
	}

/* clang-format off */
WALK(struct passwd, pwent, USERS)
WALK(struct group, grent, GROUPS)
WALK(struct spwd, spent, SHADOWS)
WALK(struct hostent, hostent, HOSTS)
WALK(struct servent, servent, SERVICES)
WALK(struct protoent, protoent, PROTOCOLS)
WALK(struct netent, netent, NETS)
WALK(struct rpcent, rpcent, RPCS)
WALK(char, usershell, SHELLS)
ENDS(pwent, USERS)
ENDS(grent, GROUPS)
ENDS(spent, SHADOWS)
ENDS(usershell, SHELLS)
ENDS_NET(hostent, HOSTS)
ENDS_NET(servent, SERVICES)
ENDS_NET(protoent, PROTOCOLS)
ENDS_NET(netent, NETS)
ENDS_NET(rpcent, RPCS)
