/* fuzz_channel: any packets for the end of a connection, and any openings of one: refused, or taken without harm.
 * sources: runtime/base/error.c runtime/base/socket_label.c transport/packet.c transport/loop.c transport/channel.c
 * sources: transport/channel_connection.c transport/channel_message.c transport/channel_ring.c transport/channel_open.c
 * libraries: zstd xxhash jansson
 * Built without packet checksums, which no fuzzer gets past (packet.c). */
#include "transport/channel_open.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID 0x1122334455667788u

static int put(void *context, const struct packet *p)
{
	struct channel_packet k;
	(void)context;
	if (channel_peek(p, &k) < 0 || k.id != ID)
		abort(); /* what an end says is always sound */
	return 0;
}

static bool room(void *context)
{
	(void)context;
	return true;
}

static void side(void *context, const void *note, size_t size)
{
	unsigned sum = 0;
	(void)context;
	for (size_t i = 0; i < size; i++)
		sum += ((const uint8_t *)note)[i];
	(void)sum;
}

static void ended(void *context, int code)
{
	(void)code;
	*(bool *)context = true;
}

static void judge(struct channel *c, const struct packet *p)
{
	unsigned char buffer[CHANNEL_OPEN_MAX];
	struct channel_packet k;
	struct channel_opening o, again;
	if (channel_peek(p, &k) < 0)
		return;
	(void)!channel_packet(c, p); /* whosever it says it is */
	if (channel_open_get(&k, &o) < 0)
		return;
	struct packet same = channel_open_put(&o, buffer);
	if (channel_peek(&same, &k) < 0 || channel_open_get(&k, &again) < 0 || again.listener != o.listener ||
		again.label.id != o.label.id || strcmp(again.locator, o.locator) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *loop;
	struct packet_reader *reader;
	struct channel *c;
	struct packet p;
	char drained[4096];
	bool over = false;
	int ends[2], rc = 0;
	if (packet_reader_create(&reader) < 0 || loop_create(&loop) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	const struct channel_options options = {.loop = loop,
		.id = ID,
		.fd = ends[1],
		.connection = true,
		.side = side,
		.put = put,
		.room = room,
		.ended = ended,
		.context = &over};
	if (channel_create(&options, &c) < 0)
		abort();
	channel_begin(c, true);
	if (write(ends[0], "hello", 5) != 5)
		abort();
	while (size > 0 && rc >= 0) {
		int taken = packet_reader_feed(reader, data, size);
		if (taken < 0)
			break;
		data += taken;
		size -= (size_t)taken;
		while ((rc = packet_reader_next(reader, &p)) > 0)
			judge(c, &p);
		while (read(ends[0], drained, sizeof drained) > 0)
			continue;
	}
	channel_destroy(c);
	loop_destroy(loop);
	packet_reader_destroy(reader);
	(void)close(ends[0]);
	return 0;
}
