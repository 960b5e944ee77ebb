/* agent_reach: which addresses this host reaches: it tries to connect to all of them at once, for a limited time. */
#include "address.h"
#include "agent_parts.h"
#include "command_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES_MAX 32
#define LIMIT_MS 700 /* for names and connections together */

struct way {
	int fd;
	bool done, reached, loopback;
	const char *words; /* why not; static */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
	struct sockaddr_storage all;
};

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return (ntohl(a->v4.sin_addr.s_addr) >> 24) == 127 || a->v4.sin_addr.s_addr == 0;
	return a->any.sa_family == AF_INET6 &&
		(IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr));
}

/* The first address of a name. A static executable cannot load what the C library needs for that (nsswitch.conf(5)), getent(1) can. */
static bool look_up(const char *name, char ret_host[INET6_ADDRSTRLEN], int64_t until)
{
	char *const argv[] = {(char *)"getent", (char *)"ahosts", (char *)name, NULL};
	char text[256];
	if (name[0] == '-')
		return false;
	command_text(argv, until - now_ms(), text, sizeof text);
	return sscanf(text, "%45s", ret_host) == 1;
}

/* "HOST:PORT", "[V6]:PORT" or an absolute path. */
static const char *resolve(const char *text, union address *ret_address, socklen_t *ret_size, int64_t until)
{
	if (text[0] == '/') {
		if (strlen(text) >= sizeof ret_address->local.sun_path)
			return "the path of the socket is too long";
		*ret_address = (union address){.local = {.sun_family = AF_UNIX}};
		(void)snprintf(ret_address->local.sun_path, sizeof ret_address->local.sun_path, "%s", text);
		*ret_size = sizeof ret_address->local;
		return NULL;
	}
	char host[256], found[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
	if (colon == NULL || port == 0 || port > 65535 || (size_t)(colon - text) >= sizeof host)
		return "it is no address";
	bool brackets = text[0] == '[' && colon > text && colon[-1] == ']';
	(void)snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (brackets ? 2 : 0), text + (brackets ? 1 : 0));
	if (address_numeric(host, (uint16_t)port, &ret_address->all, ret_size))
		return NULL;
	if (!look_up(host, found, until) || !address_numeric(found, (uint16_t)port, &ret_address->all, ret_size))
		return "its name is not known there";
	return NULL;
}

static void begin(struct way *w, const char *text, int64_t until)
{
	union address address;
	socklen_t size = 0;
	*w = (struct way){.fd = -1, .done = true};
	w->words = resolve(text, &address, &size, until);
	if (w->words != NULL)
		return;
	w->loopback = is_loopback(&address) || address.any.sa_family == AF_UNIX;
	w->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0) {
		w->words = "no socket";
	} else if (connect(w->fd, &address.any, size) == 0) {
		w->reached = true;
	} else if (errno == EINPROGRESS) {
		w->done = false;
		w->words = "nobody answers";
	} else {
		w->words = errno == ECONNREFUSED || errno == ENOENT ? "nobody listens there" : "there is no way";
	}
}

static void see(struct way *w)
{
	int error = 0;
	socklen_t size = sizeof error;
	(void)getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	w->done = true;
	w->reached = error == 0;
	w->words = error == 0 ? NULL : error == ECONNREFUSED ? "nobody listens there" : "there is no way";
}

static void wait_all(struct way *ways, size_t count, int64_t until)
{
	for (;;) {
		struct pollfd f[ADDRESSES_MAX];
		size_t waiting = 0;
		int64_t left = until - now_ms();
		for (size_t i = 0; i < count; i++) {
			f[i] = (struct pollfd){.fd = ways[i].done ? -1 : ways[i].fd, .events = POLLOUT};
			waiting += !ways[i].done;
		}
		if (waiting == 0 || left <= 0 || poll(f, count, (int)left) <= 0)
			return;
		for (size_t i = 0; i < count; i++)
			if (!ways[i].done && f[i].revents != 0)
				see(&ways[i]);
	}
}

/* An array of {reached, loopback, words}, in the order of `addresses`. */
json_t *agent_reach(const json_t *addresses)
{
	struct way ways[ADDRESSES_MAX];
	size_t count = json_array_size(addresses);
	int64_t until = now_ms() + LIMIT_MS;
	json_t *answer = json_array();
	if (count > ADDRESSES_MAX)
		count = ADDRESSES_MAX; /* about the others nothing is known */
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(addresses, i));
		begin(&ways[i], text != NULL ? text : "", until);
	}
	wait_all(ways, count, until);
	for (size_t i = 0; i < count; i++) {
		(void)json_array_append_new(answer,
			json_pack("{s:b, s:b, s:s}", "reached", (int)ways[i].reached, "loopback", (int)ways[i].loopback,
				"words", ways[i].words != NULL ? ways[i].words : ""));
		if (ways[i].fd >= 0)
			(void)close(ways[i].fd);
	}
	return answer;
}
