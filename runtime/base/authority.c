/* authority: looks for host and port where each form has them. */
#include "authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ports of schemes that programs write without one (IANA's registry). */
static const struct scheme {
	const char *name;
	unsigned port;
} schemes[] = {{"postgresql", 5432}, {"postgres", 5432}, {"mysql", 3306}, {"mariadb", 3306}, {"redis", 6379},
	{"mongodb", 27017}, {"amqp", 5672}, {"mqtt", 1883}, {"memcached", 11211}, {"http", 80}, {"https", 443}, {"ws", 80},
	{"wss", 443}, {"ftp", 21}, {"ldap", 389}, {"ldaps", 636}, {"ssh", 22}, {"smtp", 25}, {"imap", 143}, {"nntp", 119},
	{"ipp", 631}};

static unsigned port_of_scheme(const char *text, size_t n)
{
	const char *plus = memchr(text, '+', n); /* "postgresql+tls" */
	if (plus != NULL)
		n = (size_t)(plus - text);
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strlen(schemes[i].name) == n && strncmp(schemes[i].name, text, n) == 0)
			return schemes[i].port;
	return 0;
}

static int take_host(const char *text, struct authority *a)
{
	size_t n = a->host_part.size;
	if (n == 0 || n >= sizeof a->host)
		return error_set(PMIG_EINVAL, "%.100s: it names no host", text);
	memcpy(a->host, text + a->host_part.at, n);
	a->host[n] = 0;
	return 0;
}

static int take_port(const char *text, struct authority *a, unsigned otherwise)
{
	const char *digits = text + a->port_part.at;
	unsigned long port = a->port_part.size > 0 ? strtoul(digits, NULL, 10) : otherwise;
	if (port == 0 || port > 65535 || strspn(digits, "0123456789") < a->port_part.size)
		return error_set(PMIG_EINVAL, "%.100s: it names no port", text);
	a->port = (unsigned)port;
	return 0;
}

/* The value of `key` in "key=value key = 'value'"; its quotes are not part of it. */
static bool word(const char *text, const char *key, struct authority_part *ret)
{
	size_t n = strlen(key);
	for (const char *p = text; *p != 0;) {
		p += strspn(p, " \t\n");
		size_t name = strcspn(p, "= \t\n");
		bool mine = name == n && strncmp(p, key, n) == 0;
		p += name;
		p += strspn(p, " \t\n");
		if (*p != '=')
			return false;
		p++;
		p += strspn(p, " \t\n");
		bool quoted = *p == '\'';
		p += quoted;
		size_t size = 0;
		while (p[size] != 0 && (quoted ? p[size] != '\'' : strchr(" \t\n", p[size]) == NULL))
			size += p[size] == '\\' && p[size + 1] != 0 ? 2 : 1;
		if (mine) {
			*ret = (struct authority_part){(size_t)(p - text), size};
			return true;
		}
		p += size;
		p += quoted && *p == '\'';
	}
	return false;
}

static int parse_words(const char *text, struct authority *a)
{
	a->words = true;
	if (!word(text, "hostaddr", &a->host_part) && !word(text, "host", &a->host_part))
		return error_set(PMIG_EINVAL, "%.100s: it names no host", text);
	if (!word(text, "port", &a->port_part))
		a->port_part = (struct authority_part){strlen(text), 0};
	int r = take_host(text, a);
	if (r >= 0 && (a->host[0] == '/' || strchr(a->host, ',') != NULL))
		return error_set(PMIG_EINVAL, "%.100s: only one host with an address is possible", text);
	return r < 0 ? r : take_port(text, a, 5432);
}

int authority_parse(const char *text, struct authority *ret)
{
	struct authority a = {0};
	const char *begin = strstr(text, "://"), *end;
	unsigned otherwise = 0;
	int r;
	if (text[0] == '/') {
		a.host_part.size = strlen(text);
		r = take_host(text, &a);
	} else if (begin == NULL && strchr(text, '=') != NULL) {
		r = parse_words(text, &a);
	} else {
		if (begin != NULL)
			otherwise = port_of_scheme(text, (size_t)(begin - text));
		begin = begin != NULL ? begin + 3 : text;
		end = begin + strcspn(begin, "/?#");
		const char *user = memrchr(begin, '@', (size_t)(end - begin));
		begin = user != NULL ? user + 1 : begin;
		if (memchr(begin, ',', (size_t)(end - begin)) != NULL)
			return error_set(PMIG_EINVAL, "%.100s: only one host is possible", text);
		bool brackets = *begin == '[';
		const char *close = brackets ? memchr(begin, ']', (size_t)(end - begin)) : NULL;
		const char *colon = memchr(close != NULL ? close : begin, ':',
			(size_t)(end - (close != NULL ? close : begin)));
		const char *host_end = colon != NULL ? colon : end;
		a.host_part = (struct authority_part){(size_t)(begin - text), (size_t)(host_end - begin)};
		a.port_part = (struct authority_part){
			(size_t)((colon != NULL ? colon + 1 : end) - text), colon != NULL ? (size_t)(end - colon - 1) : 0};
		r = take_host(text, &a);
		if (r >= 0 && close != NULL && a.host_part.size <= 2)
			r = error_set(PMIG_EINVAL, "%.100s: it names no host", text);
		if (r >= 0 && close != NULL) {
			memmove(a.host, a.host + 1, a.host_part.size);
			a.host[a.host_part.size - 2] = 0;
		}
		if (r >= 0)
			r = take_port(text, &a, otherwise);
	}
	if (r >= 0)
		*ret = a;
	return r;
}

bool authority_loopback(const struct authority *a)
{
	return a->host[0] == '/' || strcmp(a->host, "localhost") == 0 || strncmp(a->host, "127.", 4) == 0 ||
		strcmp(a->host, "::1") == 0 || strcmp(a->host, "0.0.0.0") == 0 || strcmp(a->host, "::") == 0;
}

void authority_address(const struct authority *a, char *ret, size_t size)
{
	bool v6 = strchr(a->host, ':') != NULL;
	if (a->host[0] == '/')
		(void)snprintf(ret, size, "%s", a->host);
	else
		(void)snprintf(ret, size, "%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
}

static bool numeric(const char *host)
{
	return strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host);
}

bool authority_names(const struct authority *a, const char *address)
{
	struct authority other;
	if (authority_parse(address, &other) < 0 || other.port != a->port)
		return false;
	return strcmp(other.host, a->host) == 0 || (a->port != 0 && !numeric(a->host)) ||
		(a->port != 0 && authority_loopback(a) && authority_loopback(&other));
}

int authority_replace(const char *text, const struct authority *a, const char *address, char *ret, size_t size)
{
	const char *colon = strrchr(address, ':');
	int n;
	if (a->host[0] == '/' || address[0] == '/') {
		n = snprintf(ret, size, "%s", address);
	} else if (colon == NULL) {
		return error_set(PMIG_EINVAL, "%.100s is no address", address);
	} else if (a->words) { /* the one that stands first is replaced first */
		struct authority_part first = a->host_part, second = a->port_part;
		bool swap = second.size > 0 && second.at < first.at;
		char host[AUTHORITY_HOST_MAX], port[16];
		(void)snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
		(void)snprintf(port, sizeof port, "%s%.6s", a->port_part.size > 0 ? "" : " port=", colon + 1);
		if (swap) {
			first = a->port_part;
			second = a->host_part;
		}
		n = snprintf(ret, size, "%.*s%s%.*s%s%s", (int)first.at, text, swap ? port : host,
			(int)(second.at - first.at - first.size), text + first.at + first.size, swap ? host : port,
			text + second.at + second.size);
	} else {
		n = snprintf(ret, size, "%.*s%s%s", (int)a->host_part.at, text, address,
			text + a->port_part.at + a->port_part.size);
	}
	return n >= 0 && (size_t)n < size ? 0 : error_set(PMIG_EINVAL, "%.100s: the address is too long", text);
}
