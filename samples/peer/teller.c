/* teller: tells whoever calls what has been told so far, number by number, for ever: a server whose clients follow it.
 *
 *   pmig-cc -O2 teller.c -o teller -lpmig-peer
 *   pmig run -- ./teller 0.0.0.0:7000
 *   pmig move teller HOST
 *
 * A client's conversation is on the server's heap, with what it has not read yet: it moves with the program. SIGTERM ends it. */
#include <pmig/pmig_peer.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

/* A client has asked for a number with a line, or has gone. */
static void serve(struct pmig_peer *p, unsigned long *number)
{
	char asked[200], answer[200], host[65] = "";
	ssize_t n = pmig_peer_read(p, asked, sizeof asked);
	if (n == PMIG_EBUSY)
		return;
	if (n <= 0) { /* it has said all, or will never come back */
		pmig_peer_close(p);
		return;
	}
	gethostname(host, sizeof host - 1);
	for (ssize_t i = 0; i < n; i++)
		if (asked[i] == '\n') { /* an answer is short: there is always room for it */
			int size = snprintf(answer, sizeof answer, "%lu, from %s\n", ++*number, host);
			if (pmig_peer_write(p, answer, (size_t)size) != size)
				fprintf(stderr, "%s\n", pmig_peer_reason(p));
		}
}

int main(int argc, char **argv)
{
	struct pmig_peer_options options = {.address = argc > 1 ? argv[1] : "0.0.0.0:7000", .participants_only = true};
	struct sigaction end = {.sa_handler = ask_to_end};
	struct pmig_peer_server *server;
	struct pmig_peer *p;
	unsigned long number = 0;
	if (pmig_peer_listen(&server, &options) < 0) {
		fprintf(stderr, "teller: %s\n", pmig_peer_reason(NULL));
		return 1;
	}
	sigaction(SIGTERM, &end, NULL);
	printf("ready\n");
	fflush(stdout);
	while (!asked_to_end)
		if (pmig_peer_wait(server, 1000, &p) > 0)
			serve(p, &number);
	printf("%lu numbers told\n", number);
	pmig_peer_server_destroy(server);
	return 0;
}
