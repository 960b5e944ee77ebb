/* socket_label: a layout of bytes behind the NUL of an abstract name, little-endian where that matters:
 *   "pmig" u8 version u8 family u64 id u64 salt, then of the internet: port and address of the peer, the same of the local end (ports and
 *   addresses as on the wire, IPv6 with u32 scope); unix: u32 pid, u32 user, u32 group, and the peer's name */
#include "socket_label.h"
#include "hex.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "pmig"
#define VERSION 1
#define NAME_MAX_UNIX 64

struct place {
	unsigned char *bytes;
	size_t at, size;
	bool failed;
};

static void put(struct place *p, const void *from, size_t n)
{
	memcpy(p->bytes + p->at, from, n);
	p->at += n;
}

static void get(struct place *p, void *to, size_t n)
{
	p->failed |= p->size - p->at < n;
	if (p->failed)
		memset(to, 0, n);
	else
		memcpy(to, p->bytes + p->at, n);
	p->at += p->failed ? 0 : n;
}

static void put_internet(struct place *p, const struct sockaddr_storage *a)
{
	const struct sockaddr_in *four = (const void *)a;
	const struct sockaddr_in6 *six = (const void *)a;
	put(p, &four->sin_port, sizeof four->sin_port); /* in the same place in both */
	if (a->ss_family == AF_INET) {
		put(p, &four->sin_addr, sizeof four->sin_addr);
	} else {
		put(p, &six->sin6_addr, sizeof six->sin6_addr);
		put(p, &six->sin6_scope_id, sizeof six->sin6_scope_id);
	}
}

static socklen_t get_internet(struct place *p, sa_family_t family, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (void *)ret;
	struct sockaddr_in6 *six = (void *)ret;
	ret->ss_family = family;
	get(p, &four->sin_port, sizeof four->sin_port);
	if (family == AF_INET) {
		get(p, &four->sin_addr, sizeof four->sin_addr);
		return sizeof *four;
	}
	get(p, &six->sin6_addr, sizeof six->sin6_addr);
	get(p, &six->sin6_scope_id, sizeof six->sin6_scope_id);
	return sizeof *six;
}

socklen_t socket_label_put(const struct socket_label *l, struct sockaddr_un *ret)
{
	const size_t before = offsetof(struct sockaddr_un, sun_path);
	unsigned char family = (unsigned char)l->peer.ss_family, version = VERSION;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	struct place p = {.bytes = (unsigned char *)ret->sun_path + 1};
	put(&p, MAGIC, 4);
	put(&p, &version, 1);
	put(&p, &family, 1);
	put(&p, &l->id, sizeof l->id);
	put(&p, &l->salt, sizeof l->salt);
	if (family == AF_INET || family == AF_INET6) {
		put_internet(&p, &l->peer);
		put_internet(&p, &l->local);
		return (socklen_t)(before + 1 + p.at);
	}
	const struct sockaddr_un *peer = (const void *)&l->peer;
	size_t name = l->peer_size > before ? l->peer_size - before : 0;
	put(&p, &l->pid, sizeof l->pid);
	put(&p, &l->user, sizeof l->user);
	put(&p, &l->group, sizeof l->group);
	put(&p, peer->sun_path, name <= NAME_MAX_UNIX ? name : 0);
	return (socklen_t)(before + 1 + p.at);
}

bool socket_label_get(const struct sockaddr_un *name, socklen_t size, struct socket_label *ret)
{
	const size_t before = offsetof(struct sockaddr_un, sun_path);
	unsigned char family, version;
	char magic[4];
	if (size <= before + 1 || size > sizeof *name || name->sun_family != AF_UNIX || name->sun_path[0] != '\0')
		return false;
	struct place p = {.bytes = (unsigned char *)name->sun_path + 1, .size = size - before - 1};
	struct socket_label l = {0};
	get(&p, magic, 4);
	get(&p, &version, 1);
	get(&p, &family, 1);
	get(&p, &l.id, sizeof l.id);
	get(&p, &l.salt, sizeof l.salt);
	if (p.failed || memcmp(magic, MAGIC, 4) != 0 || version != VERSION || l.id == 0)
		return false;
	if (family == AF_INET || family == AF_INET6) {
		l.peer_size = get_internet(&p, family, &l.peer);
		l.local_size = get_internet(&p, family, &l.local);
	} else if (family == AF_UNIX) {
		struct sockaddr_un *peer = (void *)&l.peer;
		get(&p, &l.pid, sizeof l.pid);
		get(&p, &l.user, sizeof l.user);
		get(&p, &l.group, sizeof l.group);
		size_t rest = p.size - p.at;
		p.failed |= rest > NAME_MAX_UNIX;
		peer->sun_family = AF_UNIX;
		get(&p, peer->sun_path, p.failed ? 0 : rest);
		l.peer_size = (socklen_t)(before + rest);
	} else {
		return false;
	}
	if (p.failed || p.at != p.size)
		return false;
	*ret = l;
	return true;
}

void socket_label_write(const struct socket_label *l, char ret_text[SOCKET_LABEL_TEXT])
{
	struct sockaddr_un name;
	size_t n = socket_label_put(l, &name) - offsetof(struct sockaddr_un, sun_path) - 1;
	hex_put(name.sun_path + 1, n, ret_text);
}

bool socket_label_read(const char *text, struct socket_label *ret)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t n = strlen(text);
	if (n % 2 != 0 || n / 2 > sizeof name.sun_path - 1 || !hex_get(text, name.sun_path + 1, n / 2))
		return false;
	return socket_label_get(&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n / 2), ret);
}
