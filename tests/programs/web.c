/* web: an HTTP server with a thread for each connection: web PORT. Bodies are lines of sixteen bytes, "%015llu\n" from 1 on.
 *
 *	GET /lines    such lines until enough is said, chunked
 *	PUT /lines    takes them, chunked or not, compares each and answers how many there were
 *	GET /events   an event every 10 ms, its number and the host, until enough is said (server-sent events)
 *	GET /host     the host, and how many requests this connection has had
 *	GET /served   how many requests were answered on each host
 *	GET /enough   says enough
 *
 * A connection is kept, unless the client says "Connection: close". */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "server.h"

#define LINE 16    /* bytes */
#define LINES 1000 /* at once */
#define HEAD 4096
#define HOSTS 8

struct client {
	int fd;
	bool leaves; /* this is its last request */
	long long requests;
	size_t size; /* read ahead */
	char ahead[HEAD + 1];
};

static atomic_bool enough;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct served {
	char host[65];
	long long requests;
} served[HOSTS];

static void here(char host[65])
{
	memset(host, 0, 65);
	gethostname(host, 64);
}

static void count(const char *host)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < HOSTS; i++)
		if (served[i].host[0] == '\0' || strcmp(served[i].host, host) == 0) {
			snprintf(served[i].host, sizeof served[i].host, "%s", host);
			served[i].requests++;
			break;
		}
	pthread_mutex_unlock(&lock);
}

static int answer(const struct client *c, const char *status, const char *body)
{
	char text[1000];
	return server_write(c->fd, text,
		(size_t)snprintf(text, sizeof text,
			"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
			c->leaves ? "Connection: close\r\n" : "", body));
}

/* What was read ahead first. */
static int take(struct client *c, char *to, size_t size)
{
	size_t ready = size < c->size ? size : c->size;
	memcpy(to, c->ahead, ready);
	memmove(c->ahead, c->ahead + ready, c->size - ready);
	c->size -= ready;
	return server_read(c->fd, to + ready, size - ready);
}

/* A line that ends in \r\n, without that. */
static int take_line(struct client *c, char *to, size_t size)
{
	size_t n = 0;
	for (; n + 1 < size && (n < 2 || memcmp(to + n - 2, "\r\n", 2) != 0); n++)
		if (take(c, to + n, 1) < 0)
			return -1;
	to[n < 2 ? 0 : n - 2] = '\0';
	return 0;
}

static int give_lines(struct client *c)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
	char chunk[16 + LINES * LINE + 2];
	if (server_write(c->fd, head, sizeof head - 1) < 0)
		return -1;
	for (unsigned long long number = 1; !enough;) {
		int n = snprintf(chunk, sizeof chunk, "%x\r\n", LINES * LINE);
		for (int i = 0; i < LINES; i++)
			n += snprintf(chunk + n, LINE + 1, "%015llu\n", number++);
		memcpy(chunk + n, "\r\n", 2);
		if (server_write(c->fd, chunk, (size_t)n + 2) < 0)
			return -1;
	}
	return server_write(c->fd, "0\r\n\r\n", 5);
}

/* Compares so many bytes of the body with what they must be. */
static int take_lines(struct client *c, size_t bytes, unsigned long long *at)
{
	char part[LINES * LINE], line[LINE + 1];
	while (bytes > 0) {
		size_t n = bytes < sizeof part ? bytes : sizeof part;
		if (take(c, part, n) < 0)
			return -1;
		for (size_t i = 0; i < n; i++, ++*at) {
			if (i == 0 || *at % LINE == 0)
				snprintf(line, sizeof line, "%015llu\n", *at / LINE + 1);
			if (part[i] != line[*at % LINE]) {
				printf("wrong at byte %llu\n", *at);
				return -1;
			}
		}
		bytes -= n;
	}
	return 0;
}

static int take_body(struct client *c, const char *head)
{
	const char *length = strcasestr(head, "\r\nContent-Length:");
	unsigned long long at = 0;
	char line[64];
	size_t bytes;
	if (strcasestr(head, "\r\nExpect: 100-continue") != NULL &&
		server_write(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0)
		return -1;
	if (length != NULL && take_lines(c, strtoul(length + 17, NULL, 10), &at) < 0)
		return -1;
	if (length == NULL)
		do {
			if (take_line(c, line, sizeof line) < 0)
				return -1;
			bytes = strtoul(line, NULL, 16);
			if (take_lines(c, bytes, &at) < 0 || take_line(c, line, sizeof line) < 0)
				return -1;
		} while (bytes > 0);
	snprintf(line, sizeof line, "%llu lines\n", at / LINE);
	return answer(c, "200 OK", line);
}

static int give_events(struct client *c)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
	char host[65], event[200];
	c->leaves = true;
	if (server_write(c->fd, head, sizeof head - 1) < 0)
		return -1;
	for (unsigned long long number = 1; !enough; number++) {
		here(host);
		if (server_write(c->fd, event, (size_t)snprintf(event, sizeof event, "data: %llu %s\n\n", number, host)) < 0)
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return 0;
}

static int give_served(const struct client *c)
{
	char text[800] = "";
	pthread_mutex_lock(&lock);
	for (int i = 0, n = 0; i < HOSTS && served[i].host[0] != '\0'; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s %lld\n", served[i].host, served[i].requests);
	pthread_mutex_unlock(&lock);
	return answer(c, "200 OK", text);
}

static int request(struct client *c, const char *head)
{
	char method[8] = "", path[64] = "", host[65], text[120];
	c->requests++;
	c->leaves = strcasestr(head, "\r\nConnection: close") != NULL;
	if (sscanf(head, "%7[A-Z] %63[^ ?]", method, path) != 2)
		return -1;
	here(host);
	count(host);
	if (strcmp(method, "PUT") == 0 && strcmp(path, "/lines") == 0)
		return take_body(c, head);
	if (strcmp(path, "/lines") == 0)
		return give_lines(c);
	if (strcmp(path, "/events") == 0)
		return give_events(c);
	if (strcmp(path, "/served") == 0)
		return give_served(c);
	if (strcmp(path, "/enough") == 0)
		enough = true;
	snprintf(text, sizeof text, "%s %lld\n", host, c->requests);
	return answer(c, "200 OK", text);
}

static void serve(int fd)
{
	struct client *c = calloc(1, sizeof *c);
	c->fd = fd;
	while (!c->leaves) {
		char *end = strstr(c->ahead, "\r\n\r\n"), head[HEAD + 1];
		if (end == NULL) {
			ssize_t n = c->size < HEAD ? read(fd, c->ahead + c->size, HEAD - c->size) : -1;
			if (n <= 0)
				break;
			c->size += (size_t)n;
			c->ahead[c->size] = '\0';
			continue;
		}
		size_t size = (size_t)(end + 4 - c->ahead);
		if (take(c, head, size) < 0)
			break;
		head[size] = c->ahead[c->size] = '\0';
		if (request(c, head) < 0)
			break;
		c->ahead[c->size] = '\0';
	}
	free(c);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	server_run(argv[1], serve);
}
