/* calls ADDRESS: asks the service there, a connection for each line of input, and says what it answered, how much that was, and its sum. The
 * address is declared as a service, by identifier, fixed. */
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char *address;

static int reach(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	char host[64];
	const char *colon = strrchr(address, ':');
	if (colon == NULL)
		return -1;
	snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
	in.sin_port = htons((unsigned short)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
		return -1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The first line of the answer, and how much came in all. */
static size_t answer(int fd, char first[80], unsigned long *sum)
{
	char buffer[8192];
	size_t all = 0;
	ssize_t n;
	first[0] = '\0';
	while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
		if (all == 0)
			snprintf(first, 80, "%.*s", (int)strcspn(buffer, "\n"), buffer);
		for (ssize_t i = 0; i < n; i++)
			*sum = *sum * 31 + (unsigned char)buffer[i];
		all += (size_t)n;
	}
	return n < 0 ? (size_t)-1 : all;
}

static void ask(int number)
{
	char question[32], first[80];
	unsigned long sum = 0;
	int fd = reach();
	if (fd < 0) {
		printf("%d: no answer\n", number);
		return;
	}
	int size = snprintf(question, sizeof question, "question %d\n", number);
	if (send(fd, question, (size_t)size, MSG_NOSIGNAL) != size || shutdown(fd, SHUT_WR) < 0)
		printf("%d: cannot ask\n", number);
	else {
		size_t all = answer(fd, first, &sum);
		printf("%d: %.60s (%zu bytes, %lx)\n", number, first, all, sum & 0xffffffff);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	address = argv[1];
	struct pmig_declaration d = {.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED, .name = "service"};
	int r = pmig_declare_handle((void **)&address, "service", argv[1], &d);
	if (r < 0) {
		fprintf(stderr, "calls: %s\n", pmig_reason());
		return 3;
	}
	printf("ready\n");
	for (int number = 0;;) {
		char c;
		struct pollfd p = {.fd = 0, .events = POLLIN};
		fflush(stdout);
		pmig_safepoint();
		if (poll(&p, 1, 10) <= 0)
			continue;
		ssize_t n = read(0, &c, 1);
		if (n == 0)
			return 0;
		if (n == 1 && c == '\n')
			ask(++number);
	}
}
