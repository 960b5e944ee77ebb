/* datagram: in an image in a file sockets of datagrams are by type: opened again in a fresh process, at the same address, with their
 * options and their peer; what cannot be is refused by name. */
#include "restore_case.h"

#include "kind/socket_options.h"
#include "kind/table.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sockets {
	int server, client, local, fresh;
	struct sockaddr_in server_at, client_at;
	struct sockaddr_un path;
};

static int open_at(int family, const void *address, socklen_t size)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && bind(fd, address, size) == 0);
	return fd;
}

static void name_of(int fd, struct sockaddr_in *ret)
{
	socklen_t size = sizeof *ret;
	CHECK(getsockname(fd, (struct sockaddr *)ret, &size) == 0 && size == sizeof *ret);
}

static void *all(void)
{
	struct sockets *s = pmig_calloc(1, sizeof *s);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int ttl = 33;
	s->path.sun_family = AF_UNIX;
	snprintf(s->path.sun_path, sizeof s->path.sun_path, "/tmp/pmig-datagram-%.40s", strrchr(restore_place, '/') + 1);
	s->server = open_at(AF_INET, &any, sizeof any);
	name_of(s->server, &s->server_at);
	s->client = open_at(AF_INET, &any, sizeof any);
	CHECK(connect(s->client, (struct sockaddr *)&s->server_at, sizeof s->server_at) == 0);
	name_of(s->client, &s->client_at);
	CHECK(pmig_setsockopt(s->client, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) == 0);
	s->local = open_at(AF_UNIX, &s->path, sizeof s->path);
	s->fresh = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return s;
}

static void all_after(void *state)
{
	struct sockets *s = state;
	struct sockaddr_in a, b = {0};
	socklen_t size = sizeof b;
	char text[8] = "";
	int ttl = 0;
	name_of(s->server, &a);
	CHECK(a.sin_port == s->server_at.sin_port);
	name_of(s->client, &a);
	CHECK(a.sin_port == s->client_at.sin_port);
	CHECK(send(s->client, "hello", 5, 0) == 5);
	CHECK(recvfrom(s->server, text, sizeof text, 0, (struct sockaddr *)&b, &size) == 5 && b.sin_port == a.sin_port);
	size = sizeof ttl;
	CHECK(getsockopt(s->client, IPPROTO_IP, IP_TTL, &ttl, &size) == 0 && ttl == 33);
	int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(sendto(other, "x", 1, 0, (struct sockaddr *)&s->path, sizeof s->path) == 1 && recv(s->local, text, 1, 0) == 1);
	CHECK(fcntl(s->fresh, F_GETFL) == (O_RDWR | O_NONBLOCK));
	unlink(s->path.sun_path);
}

/* Its peer is another process. */
static int packet_client(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int ready[2], fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char byte;
	snprintf(a.sun_path, sizeof a.sun_path, "/tmp/pmig-packet-%.40s", strrchr(restore_place, '/') + 1);
	CHECK(fd >= 0 && pipe2(ready, O_CLOEXEC) == 0);
	pid_t child = fork();
	if (child == 0 && fork() == 0) { /* nobody's child */
		int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		close(fd);
		for (int i = 0; i < 3; i++)
			close(i); /* who waits for the test does not wait for this one */
		(void)alarm(20);
		(void)unlink(a.sun_path);
		CHECK(bind(listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(listener, 1) == 0);
		CHECK(write(ready[1], "r", 1) == 1);
		int peer = accept(listener, NULL, NULL);
		(void)!read(peer, &byte, 1); /* until the other end is closed */
		_exit(0);
	}
	if (child == 0)
		_exit(0);
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(read(ready[0], &byte, 1) == 1 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	close(ready[0]);
	close(ready[1]);
	(void)unlink(a.sun_path);
	return fd;
}

static void *packets(void)
{
	(void)packet_client();
	return pmig_calloc(1, 1);
}

static void *packets_by_type(void)
{
	struct pmig_declaration d = {.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED};
	CHECK(pmig_declare_fd(packet_client(), &d) == 0);
	return pmig_calloc(1, 1);
}

/* Its peer is gone when it is opened again. */
static void *peer_that_goes(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "/tmp/pmig-gone-%.40s", strrchr(restore_place, '/') + 1);
	int peer = open_at(AF_UNIX, &a, sizeof a), fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	close(peer);
	(void)unlink(a.sun_path);
	return pmig_calloc(1, 1);
}

static void *a_group(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xe0000101), .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = open_at(AF_INET, &any, sizeof any);
	CHECK(pmig_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0);
	return pmig_calloc(1, 1);
}

static const char *kind_of(int fd)
{
	struct pmig_resource r = {.fd = fd, .flags = fcntl(fd, F_GETFL), .locator = "socket:[1]", .there = ""};
	CHECK(fstat(fd, &r.st) == 0);
	return kind_table_match(&r)->name;
}

static void *kinds(void)
{
	int pair[2], tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		     udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		     local = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		     packet = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(bind(packet, (struct sockaddr *)&a, sizeof(sa_family_t)) == 0 && listen(packet, 1) == 0);
	CHECK(strcmp(kind_of(udp), "datagram") == 0 && strcmp(kind_of(local), "datagram") == 0);
	CHECK(strcmp(kind_of(tcp), "listener") == 0 && strcmp(kind_of(packet), "listener") == 0);
	CHECK(strcmp(kind_of(pair[0]), "socketpair") == 0); /* within the process */
	close(tcp), close(udp), close(local), close(packet), close(pair[0]), close(pair[1]);
	return pmig_calloc(1, 1);
}

static void no_more(void *state)
{
	CHECK(state != NULL);
}

static const struct restore_case cases[] = {
	{.name = "addresses, options, the peer", .before = all, .after = all_after, .hand_over = true},
	{.name = "packets", .before = packets, .refused = "reference"},
	{.name = "packets by type",
		.before = packets_by_type,
		.refused = "it is a connection: its peer is this one and no other"},
	{.name = "the peer is gone", .before = peer_that_goes, .refused = "is not reached from here: its peer: "},
	{.name = "a group", .before = a_group, .refused = "it has joined a multicast group, which is not carried"},
	{.name = "which are datagrams", .before = kinds, .after = no_more},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
