/* listener: sockets without a peer are opened again in a fresh process: undeclared at the same address, by type there or at the next free port. */
#include "restore_case.h"

#include "kind/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sockets {
	int tcp, udp, local, fresh;
	uint16_t port;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	CHECK(getsockname(fd, (struct sockaddr *)&a, &size) == 0);
	return ntohs(a.sin_port);
}

static int open_at(int type, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && (type == SOCK_DGRAM || listen(fd, 5) == 0));
	return fd;
}

static struct sockaddr_un local_address(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "/tmp/pmig-listener-%.40s", strrchr(restore_place, '/') + 1);
	return a;
}

static void *all(void)
{
	struct sockets *s = pmig_calloc(1, sizeof *s);
	struct sockaddr_un a = local_address();
	int yes = 1, idle = 77;
	CHECK(s != NULL);
	s->tcp = open_at(SOCK_STREAM, 0);
	s->port = port_of(s->tcp);
	s->udp = open_at(SOCK_DGRAM, 0);
	s->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(s->local, (struct sockaddr *)&a, sizeof a) == 0 && listen(s->local, 3) == 0 &&
		chmod(a.sun_path, 0600) == 0);
	s->fresh = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(pmig_setsockopt(s->tcp, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) == 0 &&
		pmig_setsockopt(s->tcp, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0 &&
		pmig_setsockopt(s->fresh, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0);
	return s;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof value;
	CHECK(getsockopt(fd, level, name, &value, &size) == 0);
	return value;
}

static void all_after(void *state)
{
	struct sockets *s = state;
	struct sockaddr_un a = local_address();
	struct stat st;
	CHECK(port_of(s->tcp) == s->port && option(s->tcp, SOL_SOCKET, SO_ACCEPTCONN) == 1);
	CHECK(option(s->tcp, SOL_SOCKET, SO_REUSEPORT) == 1 && option(s->tcp, SOL_SOCKET, SO_REUSEADDR) == 0 &&
		option(s->tcp, IPPROTO_TCP, TCP_KEEPIDLE) == 77);
	struct tcp_info info;
	socklen_t size = sizeof info;
	CHECK(getsockopt(s->tcp, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_sacked == 5);
	CHECK(option(s->fresh, IPPROTO_IPV6, IPV6_V6ONLY) == 1 && fcntl(s->fresh, F_GETFL) == (O_RDWR | O_NONBLOCK));
	CHECK(stat(a.sun_path, &st) == 0 && (st.st_mode & 07777) == 0600);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(client, (struct sockaddr *)&a, sizeof a) == 0 && accept(s->local, NULL, NULL) >= 0);
	unlink(a.sun_path);
}

/* The port is told to between(), another process, by a file. */
static void *told_by(bool by_type)
{
	struct sockets *s = pmig_calloc(1, sizeof *s);
	char path[PATH_MAX + 8];
	s->tcp = open_at(SOCK_STREAM, 0);
	s->port = port_of(s->tcp);
	CHECK(!by_type ||
		pmig_declare_fd(s->tcp, &(struct pmig_declaration){.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED}) == 0);
	snprintf(path, sizeof path, "%s/port", restore_place);
	FILE *f = fopen(path, "we");
	CHECK(f != NULL && fprintf(f, "%d", s->port) > 0 && fclose(f) == 0);
	return s;
}

static void *told(void)
{
	return told_by(true);
}

static void *told_undeclared(void)
{
	return told_by(false);
}

static void somebody_else(void)
{
	char path[PATH_MAX + 8];
	int port = 0;
	snprintf(path, sizeof path, "%s/port", restore_place);
	FILE *f = fopen(path, "re");
	CHECK(f != NULL && fscanf(f, "%d", &port) == 1 && fclose(f) == 0);
	(void)open_at(SOCK_STREAM, (uint16_t)port);
}

static void next_port(void *state)
{
	struct sockets *s = state;
	CHECK(port_of(s->tcp) > s->port && port_of(s->tcp) < s->port + 100);
}

static void come(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_port = htons((uint16_t)port);
	CHECK(connect(client, (struct sockaddr *)&a, sizeof a) == 0);
	close(client);
}

static void *client_waits(void)
{
	come(port_of(open_at(SOCK_STREAM, 0)));
	return pmig_calloc(1, 1);
}

static void *client_comes_again(void)
{
	struct sockets *s = pmig_calloc(1, sizeof *s);
	s->tcp = open_at(SOCK_STREAM, 0);
	CHECK(pmig_declare_fd(s->tcp,
		      &(struct pmig_declaration){.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED, .consent = PMIG_LOSS}) ==
		0);
	come(port_of(s->tcp));
	return s;
}

static void it_can(void *state)
{
	struct sockets *s = state;
	come(port_of(s->tcp));
	CHECK(accept(s->tcp, NULL, NULL) >= 0);
}

static void *datagram_waits(void)
{
	struct sockaddr_un a = local_address();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)unlink(a.sun_path);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof a) == 1);
	(void)unlink(a.sun_path);
	CHECK(pmig_declare_fd(fd, &(struct pmig_declaration){.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED}) == 0);
	return pmig_calloc(1, 1);
}

static void *multicast(void)
{
	struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xe0000101), .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = open_at(SOCK_DGRAM, 0);
	CHECK(pmig_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0);
	return pmig_calloc(1, 1);
}

static const struct restore_case cases[] = {
	{.name = "addresses, options, backlog, the mode of the name", .before = all, .after = all_after, .hand_over = true},
	{.name = "the port is taken", .before = told, .after = next_port, .between = somebody_else},
	{.name = "the very port is taken",
		.before = told_undeclared,
		.between = somebody_else,
		.refused = "cannot be had here: Address already in use"},
	{.name = "a client waits", .before = client_waits, .refused = "a client waits to be accepted"},
	{.name = "a client waits, and will come again", .before = client_comes_again, .after = it_can},
	{.name = "a datagram waits",
		.before = datagram_waits,
		.refused = "datagrams wait in it to be read; move again when they have been"},
	{.name = "a multicast group",
		.before = multicast,
		.refused = "it has joined a multicast group, which is not carried"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
