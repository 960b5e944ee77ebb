/* type x fastened: a service of the machine, whichever of its type. Where there is one, that is used; else the old one is
 * reached across machines, although it listens at home only.
 *
 *   ./instrument 7007 &
 *   pmig run -- ./type_fastened 127.0.0.1:7007
 *   pmig registry provide counter 127.0.0.1:8008      (at the target, where another one listens)
 *
 * The variable `service` holds the address; after a move it is that of the service which is to be used now.
 *
 * Each round connects to it and asks once. The proof that it works: it answers, and if it is the same one as before, it has
 * counted on. */
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char *service; /* ADDRESS:PORT */

static int connect_to(const char *where)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char address[64];
	unsigned short port;
	if (sscanf(where, "%63[^:]:%hu", address, &port) != 2 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return -1;
	at.sin_port = htons(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What it says of itself, "" if nothing. */
static void ask(char *answer, size_t size)
{
	size_t n = 0;
	int fd = connect_to(service);
	if (fd >= 0 && write(fd, "?\n", 2) == 2)
		while (n + 1 < size && read(fd, answer + n, 1) == 1 && answer[n] != '\n')
			n++;
	answer[n] = '\0';
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: type_fastened ADDRESS:PORT [ROUNDS]\n", stderr);
		return 2;
	}
	service = argv[1];
	pmig_declare_handle((void **)&service, "service", service,
		&(struct pmig_declaration){
			.name = "any counter", .binding = PMIG_BY_TYPE, .attachment = PMIG_FASTENED, .type = "counter"});

	unsigned long before = 0;
	long asked_before = 0;
	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		unsigned long serial = 0;
		long asked = 0;
		char answer[100], host[65];
		ask(answer, sizeof answer);
		bool right = sscanf(answer, "instrument %lx asked %ld", &serial, &asked) == 2 &&
			(serial != before || asked > asked_before);
		before = serial;
		asked_before = asked;
		gethostname(host, sizeof host);
		printf("%ld %s: %s, it is %lx at %s\n", round, host, right ? "a counter answers" : "WRONG", serial, service);
		fflush(stdout);
		if (!right)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
