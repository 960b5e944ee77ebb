/* fuzz_packet: any bytes as a conversation: the reader, JSON, offers and a receiver refuse or take them.
 * sources: runtime/base/error.c transport/packet.c transport/bulk_hash.c transport/bulk_receive.c transport/fault.c
 * libraries: zstd xxhash jansson
 * Built without packet checksums, which no fuzzer gets past (packet.c). */
#include "transport/bulk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/tmp/pmig-fuzz-XXXXXX";

static void clean_up(void)
{
	char path[64];
	(void)snprintf(path, sizeof path, "%s/thing", root);
	(void)unlink(path);
	(void)rmdir(root);
}

static int directory(void)
{
	static int fd = -1;
	if (fd < 0) {
		if (mkdtemp(root) == NULL || (fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
			abort();
		(void)atexit(clean_up);
	}
	return fd;
}

static void judge(struct packet_writer *w, struct bulk_receive **r, const struct packet *p)
{
	struct bulk_offer offer;
	json_t *o = NULL;
	unsigned sum = 0;
	for (size_t i = 0; i < p->size; i++)
		sum += ((const uint8_t *)p->data)[i];
	if (packet_get_json(p, &o) >= 0)
		json_decref(o);
	if (p->type == PACKET_OFFER && bulk_offer_get(p, &offer) >= 0 && *r == NULL) {
		struct bulk_receive_options options = {
			.directory = directory(), .name = "thing", .limit = 1u << 20, .writer = w, .stream = p->stream};
		if (bulk_receive_create(&options, &offer, r) < 0)
			*r = NULL;
	} else if (*r != NULL && bulk_receive_packet(*r, p) != 0) {
		bulk_receive_discard(*r);
		*r = NULL;
	}
	(void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_reader *reader;
	struct packet_writer *writer;
	struct bulk_receive *receive = NULL;
	struct packet p;
	int rc = 0;
	if (packet_reader_create(&reader) < 0 || packet_writer_create(PACKET_PLAIN, &writer) < 0)
		abort();
	while (size > 0 && rc >= 0) {
		int taken = packet_reader_feed(reader, data, size);
		if (taken < 0)
			break;
		data += taken;
		size -= (size_t)taken;
		while ((rc = packet_reader_next(reader, &p)) > 0)
			judge(writer, &receive, &p);
	}
	bulk_receive_discard(receive);
	packet_reader_destroy(reader);
	packet_writer_destroy(writer);
	return 0;
}
