/* fuzz_datagram: any bytes as packed datagrams, and as what a program sends: a socket and a program get what is sound, and nothing else.
 * Each message begins with its length, two bytes. What goes to the socket cannot leave: it is one of a pair without names.
 * sources: runtime/base/error.c transport/agent_datagram.c transport/agent_option.c
 * libraries: c
 * It is built with nothing of ours but what packs and unpacks. */
#include "transport/agent_datagram.h"

#include "runtime/reference/datagram_frame.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(int fd)
{
	static unsigned char some[1 << 16];
	while (recv(fd, some, sizeof some, MSG_DONTWAIT) > 0)
		;
}

/* What comes from a program can be unpacked, whatever it sent. */
static void check(int fd)
{
	static unsigned char message[CHANNEL_MESSAGE_MAX];
	struct datagram_frame f;
	size_t at;
	ssize_t n = agent_datagram_program.receive(fd, message, sizeof message, false);
	if (n > 0 && (!datagram_frame_unpack(message, (size_t)n, &f, &at) || at > (size_t)n))
		abort();
}

/* The end of `bytes` is where the sanitizer looks. */
static void one(const int socket_ends[2], const int program_ends[2], const uint8_t *data, size_t size)
{
	unsigned char *bytes = malloc(size + 1), answer[CHANNEL_ANSWER_MAX];
	size_t answered = 0;
	memcpy(bytes, data, size);
	bool harmless = size < DATAGRAM_HEAD || bytes[0] != DATAGRAM_CONNECT; /* nobody else's socket is connected to */
	if (harmless && (size < 4 || (bytes[2] | bytes[3]) == 0))
		(void)!agent_datagram_socket.send(socket_ends[0], bytes, size, answer, &answered);
	if (answered > sizeof answer)
		abort();
	answered = 0;
	(void)!agent_datagram_program.send(program_ends[0], bytes, size, answer, &answered);
	(void)!send(program_ends[1], bytes, size, MSG_DONTWAIT);
	check(program_ends[0]);
	drain(socket_ends[1]);
	drain(program_ends[1]);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int socket_ends[2], program_ends[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, socket_ends) < 0 || agent_datagram_pair(program_ends) < 0)
		abort();
	while (size >= 2) {
		size_t n = data[0] | (size_t)data[1] << 8;
		n = n < size - 2 ? n : size - 2;
		one(socket_ends, program_ends, data + 2, n);
		data += 2 + n;
		size -= 2 + n;
	}
	for (int i = 0; i < 2; i++) {
		close(socket_ends[i]);
		close(program_ends[i]);
	}
	return 0;
}
