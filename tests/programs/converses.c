/* converses: both sides of conversations that outlive moves (<pmig/pmig_peer.h>), each byte checked, both ways.
 *
 *   converses listen ADDRESS [participants|quick] answers each byte with one that depends on it and on its number; ends after SIGTERM, with
 *                                             how many conversations there were; quick: a peer's host may be silent for 2 s
 *   converses call ADDRESS[,ADDRESS...]       talks until SIGTERM, prints each connection, and at the end how many bytes each way,
 *                                             over how many connections, and the longest time without an answer; at SIGUSR1
 *                                             it does something else for 4 s
 *
 * Built by pmig-cc it can move, by any compiler it stays. */
#define _GNU_SOURCE
#include <pmig/pmig_peer.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked_to_end, asked_to_be_busy;

static void be_busy(int signal)
{
	(void)signal;
	asked_to_be_busy = 1;
}

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

static unsigned char asked(unsigned long number)
{
	return (unsigned char)(number * 131 + (number >> 9));
}

static unsigned char answered(unsigned char byte, unsigned long number)
{
	return (unsigned char)(byte ^ (number * 29 + (number >> 7)));
}

static void die(const char *what, const struct pmig_peer *p)
{
	printf("%s: %s\n", what, pmig_peer_reason(p));
	exit(1);
}

/* --- who listens --- */

struct answers {
	unsigned char bytes[4000];
	size_t start, end;
	unsigned long number;
	int ended;
};

/* 1: all was said and read. */
static int serve(struct pmig_peer *p)
{
	struct answers *a = pmig_peer_context(p);
	ssize_t n = 0;
	if (a == NULL) {
		a = calloc(1, sizeof *a);
		pmig_peer_set_context(p, a);
	}
	if (a->start == a->end && !a->ended) {
		n = pmig_peer_read(p, a->bytes, sizeof a->bytes);
		a->start = 0;
		a->end = n > 0 ? (size_t)n : 0;
		for (size_t i = 0; i < a->end; i++, a->number++)
			a->bytes[i] = answered(a->bytes[i], a->number);
		a->ended = n == 0;
		if (a->ended)
			pmig_peer_end(p);
	}
	while (a->start < a->end && (n = pmig_peer_write(p, a->bytes + a->start, a->end - a->start)) > 0)
		a->start += (size_t)n;
	if (n < 0 && n != PMIG_EBUSY)
		die("a conversation has failed", p);
	if (!pmig_peer_all_read(p))
		return 0;
	printf("%lu bytes answered, over %u connections\n", a->number, pmig_peer_connections(p));
	free(a);
	pmig_peer_close(p);
	return 1;
}

static int listen_at(const char *address, const char *how)
{
	struct pmig_peer_options o = {.address = address, .participants_only = strcmp(how, "participants") == 0};
	struct pmig_peer_server *s;
	struct pmig_peer *p;
	int over = 0;
	if (strcmp(how, "quick") == 0) {
		o.silence = 2000;
		o.patience = 10000;
	}
	if (pmig_peer_listen(&s, &o) < 0)
		die("listen", NULL);
	printf("ready\n");
	while (!asked_to_end) {
		int n = pmig_peer_wait(s, 1000, &p);
		if (n < 0)
			printf("wait: %d\n", n);
		if (n < 0)
			return 1;
		if (n > 0)
			over += serve(p);
		fflush(stdout);
	}
	printf("%d conversations are over\n", over);
	pmig_peer_server_destroy(s);
	return 0;
}

/* --- who calls --- */

struct talk {
	struct pmig_peer *peer;
	unsigned long said, heard;
	unsigned connections;
	double heard_at, longest;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(struct talk *t, size_t most)
{
	unsigned char bytes[4000];
	for (size_t i = 0; i < most; i++)
		bytes[i] = asked(t->said + i);
	ssize_t n = pmig_peer_write(t->peer, bytes, most);
	if (n < 0)
		die("write", t->peer);
	t->said += (unsigned long)n;
}

/* 0: the other has said all. */
static int hear(struct talk *t)
{
	unsigned char bytes[4000];
	ssize_t n = pmig_peer_read(t->peer, bytes, sizeof bytes);
	if (n < 0)
		die("read", t->peer);
	for (ssize_t i = 0; i < n; i++, t->heard++)
		if (bytes[i] != answered(asked(t->heard), t->heard)) {
			printf("byte %lu is wrong\n", t->heard);
			exit(1);
		}
	if (n > 0 && t->heard / 100000 != (t->heard - (unsigned long)n) / 100000)
		printf("%lu bytes so far\n", t->heard);
	t->longest = now() - t->heard_at > t->longest ? now() - t->heard_at : t->longest;
	t->heard_at = now();
	return n > 0;
}

static void tell_connection(struct talk *t)
{
	fflush(stdout);
	if (t->connections == pmig_peer_connections(t->peer))
		return;
	t->connections = pmig_peer_connections(t->peer);
	printf("connection %u to %s, epoch %lu\n", t->connections, pmig_peer_address(t->peer),
		(unsigned long)pmig_peer_epoch(t->peer));
	fflush(stdout);
}

static int call(const char *addresses)
{
	struct talk t = {.heard_at = now()};
	struct timespec pause = {.tv_nsec = 2000000};
	if (pmig_peer_connect(&t.peer, &(struct pmig_peer_options){.address = addresses, .patience = 20000}) < 0)
		die("connect", NULL);
	while (!asked_to_end || t.heard < t.said) {
		if (!asked_to_end && t.said - t.heard < 20000)
			say(&t, 1 + t.said % 3999);
		int ready = pmig_peer_poll(t.peer, POLLIN, 100);
		if (ready < 0)
			die("poll", t.peer);
		if (ready > 0 && !hear(&t))
			die("it has ended too soon", t.peer);
		tell_connection(&t);
		nanosleep(asked_to_be_busy ? &(struct timespec){.tv_sec = 4} : &pause, NULL);
		asked_to_be_busy = 0;
	}
	if (pmig_peer_end(t.peer) < 0 || hear(&t))
		die("there is more", t.peer);
	printf("%lu bytes each way, each once; %u connections, longest pause %.0f ms\n", t.said, t.connections,
		t.longest * 1000);
	if (pmig_peer_close(t.peer) < 0) {
		printf("not all was read\n");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction end = {.sa_handler = ask_to_end};
	struct sigaction busy = {.sa_handler = be_busy};
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGUSR1, &busy, NULL);
	if (argc >= 3 && strcmp(argv[1], "listen") == 0)
		return listen_at(argv[2], argc > 3 ? argv[3] : "");
	if (argc == 3 && strcmp(argv[1], "call") == 0)
		return call(argv[2]);
	return 2;
}
