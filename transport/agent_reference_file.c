/* agent_reference_file: one conversation about one held file: whole requests in, answers out, together where several wait. */
#include "agent_reference_file.h"

#include "agent_reference_work.h"
#include "runtime/base/io.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define IN_SIZE (PROTOCOL_REQUEST + PROTOCOL_DATA_MAX)
#define OUT_SIZE (PROTOCOL_ANSWER + PROTOCOL_DATA_MAX)
#define OUT_GATHERED (64u << 10) /* answers are sent when so much has come together, or nothing else waits */

struct conversation {
	struct agent_reference_files files;
	int in, out;
	bool greeted;
	size_t have, at; /* bytes in `from`, those that are done */
	size_t ready;    /* bytes in `to` */
	unsigned char *from, *to;
};

static int send_ready(struct conversation *c)
{
	int r = io_write_all(c->out, c->to, c->ready);
	c->ready = 0;
	return r < 0 ? error_prefix(PMIG_EGONE, "file server") : 0;
}

/* More bytes; 1: some came, 0: the end, between requests. */
static int fill(struct conversation *c)
{
	memmove(c->from, c->from + c->at, c->have - c->at);
	c->have -= c->at;
	c->at = 0;
	for (;;) {
		ssize_t n = read(c->in, c->from + c->have, IN_SIZE - c->have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			c->have += (size_t)n;
		if (n <= 0 && c->have > 0)
			return error_set(PMIG_EPROTOCOL, "file server: the end in the middle of a request");
		return n > 0;
	}
}

static int judge(const struct conversation *c, const struct protocol_request *q)
{
	if (!agent_reference_work_sound(q))
		return error_set(PMIG_EPROTOCOL, "file server: request %u with %u bytes is none that a client sends",
			q->operation, q->size);
	return c->greeted == (q->operation != PROTOCOL_HELLO)
		? 0
		: error_set(PMIG_EPROTOCOL, "file server: no greeting, or two");
}

/* 1: a request was carried out; 0: more bytes are needed for one. */
static int next(struct conversation *c)
{
	size_t n = c->have - c->at;
	if (n < PROTOCOL_REQUEST)
		return 0;
	struct protocol_request q = protocol_get_request(c->from + c->at);
	int r = judge(c, &q);
	if (r < 0 || n < PROTOCOL_REQUEST + q.size)
		return r;
	size_t room = PROTOCOL_ANSWER + agent_reference_work_room(&q);
	if (c->ready > 0 && c->ready + room > OUT_GATHERED)
		r = send_ready(c);
	if (r < 0)
		return r;
	struct agent_reference_work w = {.files = &c->files,
		.q = &q,
		.data = c->from + c->at + PROTOCOL_REQUEST,
		.out = c->to + c->ready + PROTOCOL_ANSWER};
	agent_reference_work_do(&w);
	c->greeted = true;
	protocol_put_answer(c->to + c->ready, &w.r);
	c->ready += PROTOCOL_ANSWER + w.r.size;
	c->at += PROTOCOL_REQUEST + q.size;
	return 1;
}

static int converse(struct conversation *c)
{
	int r;
	do {
		while ((r = next(c)) > 0)
			;
		if (c->ready > 0) {
			int sent = send_ready(c);
			r = r < 0 ? r : sent;
		}
	} while (r >= 0 && (r = fill(c)) > 0);
	return r;
}

int agent_reference_file_run(int held, int in, int out)
{
	struct conversation c = {.in = in, .out = out, .from = malloc(IN_SIZE), .to = malloc(OUT_SIZE)};
	for (size_t i = 0; i < PROTOCOL_HANDLES; i++)
		c.files.fds[i] = i == 0 ? held : -1;
	int r = c.from == NULL || c.to == NULL ? error_set(PMIG_ENOMEM, "file server: no memory") : converse(&c);
	agent_reference_work_close(&c.files);
	free(c.from);
	free(c.to);
	return r;
}

struct served {
	int held, socket;
};

static void *serve(void *argument)
{
	struct served s = *(struct served *)argument;
	free(argument);
	(void)!agent_reference_file_run(s.held, s.socket, s.socket);
	close(s.socket);
	close(s.held);
	return NULL;
}

int agent_reference_file_serve(int held, int socket)
{
	struct served *s = malloc(sizeof *s);
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	if (s != NULL)
		*s = (struct served){held, socket};
	(void)sigfillset(&all);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	/* The signals are the event loop's. */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int number = s == NULL ? ENOMEM : pthread_create(&thread, &attributes, serve, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	if (number == 0)
		return 0;
	free(s);
	close(held);
	close(socket);
	return error_errno(PMIG_ENOMEM, number, "file server: no thread");
}
