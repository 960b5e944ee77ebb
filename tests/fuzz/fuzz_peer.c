/* fuzz_peer: whatever somebody sends over a connection of his own conversation: to the side that listens, or to the one that calls.
 *
 * sources: runtime/peer/address.c runtime/peer/call.c runtime/peer/flow.c runtime/peer/frame.c runtime/peer/link.c runtime/peer/peer.c
 * sources: runtime/peer/proof.c runtime/peer/server.c runtime/peer/talk.c
 */
#include "peer/talk.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says which side, and how much it has sent and ended itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	struct link link;
	char moved[FRAME_TEXT + 1], bytes[5000] = {0};
	if (size < 1 || size > 100000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	struct pmig_peer *p = pmig_peer_talk_create(&(struct talk_numbers){.window = 4096, .patience = -1});
	if (p == NULL || pmig_peer_link_init(&link, pair[0], false) < 0)
		abort();
	(void)pmig_peer_flow_put(&p->out, bytes, (data[0] & 15) * 300u);
	p->out.ended = (data[0] & 16) != 0;
	(void)pmig_peer_talk_adopt(p, &link, 0, true);
	for (size_t at = 1, n; at < size; at += n) {
		n = size - at < 3000 ? size - at : 3000;
		if (send(pair[1], data + at, n, MSG_NOSIGNAL) < 0 ||
			pmig_peer_talk_work(p, (data[0] & 32) != 0 ? moved : NULL) < 0)
			break;
		while (recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
			continue;
		(void)pmig_peer_flow_read(&p->in, bytes, 1 + (data[0] & 64u) * 20);
		if (p->in.read > p->in.received || p->in.received - p->in.read > p->in.room || p->out.acked > p->out.sent ||
			p->out.sent > p->out.end)
			abort();
	}
	pmig_peer_talk_destroy(p);
	(void)close(pair[1]);
	return 0;
}
