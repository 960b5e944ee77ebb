/* webcounter: a web page that counts, by a server that may be anywhere.
 *
 *   pmig-cc -O2 webcounter.c -o webcounter
 *   pmig run -- ./webcounter 8080         (in one terminal)
 *   xdg-open http://alpha:8080/           (a browser, anywhere)
 *   pmig move webcounter HOST             (in another terminal, as often as you like)
 *
 *   webcounter [PORT [MILLISECONDS]]      how long from one number to the next; 1000
 *
 * GET /        the page; it asks for /events and shows what comes
 * GET /events  a number, and the host on which it was counted, again and again, on one connection (server-sent events,
 *              html.spec.whatwg.org/multipage/server-sent-events.html)
 * GET /count   the same, once
 *
 * The page says itself if it misses a number, or if its connection had to be made again. Nothing here knows of pmig: the server
 * waits in poll(), and a call that waits is a place where it may be stopped. SIGTERM ends it. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 500
#define REQUEST 4096 /* bytes of a request at most */

static const char page[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\"><meta charset=\"utf-8\"><title>webcounter</title>\n"
	"<style>body{font:1.2em sans-serif;text-align:center;margin-top:15vh}#count{font-size:6em}</style>\n"
	"<div id=\"count\">-</div>\n"
	"<p>counted on <b id=\"host\">-</b>; before that on <span id=\"hosts\">no other host</span></p>\n"
	"<p><span id=\"missed\">0</span> numbers missed, <span id=\"opened\">0</span> connections made, "
	"longest pause <span id=\"pause\">0</span> ms</p>\n"
	"<script>\n"
	"const show = (id, value) => { document.getElementById(id).textContent = value };\n"
	"const source = new EventSource('/events'), hosts = [];\n"
	"let last = null, missed = 0, opened = 0, pause = 0, at = 0;\n"
	"source.onopen = () => show('opened', ++opened);\n"
	"source.onmessage = (event) => {\n"
	"\tconst {count, host} = JSON.parse(event.data), now = performance.now();\n"
	"\tif (last !== null) {\n"
	"\t\tshow('missed', missed += Math.abs(count - last - 1));\n"
	"\t\tshow('pause', pause = Math.max(pause, Math.round(now - at)));\n"
	"\t}\n"
	"\tif (host !== hosts.at(-1)) {\n"
	"\t\tif (hosts.length > 0) show('hosts', hosts.join(', '));\n"
	"\t\thosts.push(host);\n"
	"\t}\n"
	"\tlast = count; at = now;\n"
	"\tshow('count', count); show('host', host);\n"
	"};\n"
	"</script>\n";

struct client {
	int fd;
	int listens; /* to the numbers */
	size_t size; /* of the request so far */
	char request[REQUEST];
};

static struct client *clients[CLIENTS];
static int client_count;
static unsigned long number;
static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

static void leave(int i)
{
	close(clients[i]->fd);
	free(clients[i]);
	clients[i] = clients[--client_count];
}

/* Sends a text of this server's, which is short: who does not even take that is not there any more. */
static int say(const struct client *c, const char *text, size_t size)
{
	return send(c->fd, text, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

/* The number now, as the page reads it. */
static int as_json(char *text, size_t size)
{
	char host[65] = "";
	gethostname(host, sizeof host - 1);
	return snprintf(text, size, "{\"count\": %lu, \"host\": \"%s\"}", number, host);
}

/* Tells a listener the number; the connection ends with it if it cannot be told. */
static int tell(const struct client *c)
{
	char json[128], event[200];
	as_json(json, sizeof json);
	return say(c, event, (size_t)snprintf(event, sizeof event, "id: %lu\ndata: %s\n\n", number, json));
}

static int answer_with(const struct client *c, const char *status, const char *type, const char *body)
{
	char text[sizeof page + 300];
	int n = snprintf(text, sizeof text,
		"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n\r\n%s", status, type,
		strlen(body), body);
	return say(c, text, (size_t)n);
}

/* One request, ended by an empty line; < 0: the connection ends. */
static int answer(struct client *c, const char *request)
{
	static const char events[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n";
	char method[8] = "", path[64] = "", json[128];
	if (sscanf(request, "%7[A-Z] %63[^ ?]", method, path) != 2 || strcmp(method, "GET") != 0)
		return answer_with(c, "405 Method Not Allowed", "text/plain", "only GET\n");
	if (strcmp(path, "/") == 0)
		return answer_with(c, "200 OK", "text/html; charset=utf-8", page);
	if (strcmp(path, "/count") == 0) {
		as_json(json, sizeof json);
		return answer_with(c, "200 OK", "application/json", json);
	}
	if (strcmp(path, "/events") != 0)
		return answer_with(c, "404 Not Found", "text/plain", "no such page\n");
	c->listens = 1;
	return say(c, events, sizeof events - 1) < 0 ? -1 : tell(c);
}

/* What a client sent; < 0: it leaves. */
static int hear(struct client *c)
{
	ssize_t n = read(c->fd, c->request + c->size, sizeof c->request - 1 - c->size);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->size += (size_t)n;
	c->request[c->size] = '\0';
	for (char *end; !c->listens && (end = strstr(c->request, "\r\n\r\n")) != NULL;) {
		if (answer(c, c->request) < 0)
			return -1;
		c->size -= (size_t)(end + 4 - c->request);
		memmove(c->request, end + 4, c->size + 1);
	}
	if (c->listens)
		c->size = 0; /* it has nothing more to ask */
	return c->size < sizeof c->request - 1 ? 0 : -1;
}

static void greet(int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		struct client *c = client_count < CLIENTS ? calloc(1, sizeof *c) : NULL;
		if (c == NULL) {
			close(fd);
			continue;
		}
		int now = 1; /* a number does not wait for the next one */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
		c->fd = fd;
		clients[client_count++] = c;
	}
}

/* Serves whoever asks, until the next number is due or a signal came. */
static void serve(int listener, int milliseconds)
{
	static struct pollfd polled[1 + CLIENTS];
	int count = client_count;
	polled[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (int i = 0; i < count; i++)
		polled[1 + i] = (struct pollfd){.fd = clients[i]->fd, .events = POLLIN};
	if (poll(polled, 1 + (nfds_t)count, milliseconds) <= 0)
		return;
	for (int i = count - 1; i >= 0; i--) /* the last one takes the place of one who leaves */
		if (polled[1 + i].revents != 0 && hear(clients[i]) < 0)
			leave(i);
	if (polled[0].revents != 0)
		greet(listener);
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int listen_at(int port)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
		bind(fd, (struct sockaddr *)&where, sizeof where) < 0 || listen(fd, 100) < 0) {
		perror("webcounter");
		exit(2);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction end = {.sa_handler = ask_to_end}; /* without SA_RESTART: poll() comes back */
	int listener = listen_at(argc > 1 ? atoi(argv[1]) : 8080), pace = argc > 2 ? atoi(argv[2]) : 1000;
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	printf("ready\n");
	fflush(stdout);
	for (long due = now_ms() + pace; !asked_to_end;) {
		long left = due - now_ms();
		if (left > 0) {
			serve(listener, (int)left);
			continue;
		}
		due += pace;
		number++;
		for (int i = client_count - 1; i >= 0; i--)
			if (clients[i]->listens && tell(clients[i]) < 0)
				leave(i);
	}
	printf("counted to %lu, %d connected\n", number, client_count);
	return 0;
}
