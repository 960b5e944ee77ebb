/* delayline IF1 IF2 MS [LOSS%]: a cable with a length: carries Ethernet frames between two interfaces, each MS later.
 *
 * The kernels that tests run under often lack netem; a packet socket on each side does the same. Prints "ready" when
 * both sides are open; runs until it is killed. Frames that find the queue full are lost, as on a real line. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_FRAMES 65536u
#define FRAME_MAX 65536
#define BURST 256 /* frames taken from one side before the other has its turn */
#define SECOND 1000000000LL

struct frame {
	long long due; /* ns on the monotonic clock */
	size_t size;
	unsigned char *bytes;
};

struct direction {
	struct frame queue[QUEUE_FRAMES];
	unsigned head, count;
	int in, out;
};

static struct direction directions[2];

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int open_side(const char *name)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
	if (fd < 0 || address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		perror(name);
		exit(1);
	}
	struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int one = 1, room = 64 << 20;
	setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return fd;
}

/* Sends what is due. Returns when the next frame will be, -1 if none waits. */
static long long deliver(struct direction *d, long long t)
{
	while (d->count > 0 && d->queue[d->head].due <= t) {
		struct frame *f = &d->queue[d->head];
		(void)!send(d->out, f->bytes, f->size, 0);
		free(f->bytes);
		d->head = (d->head + 1) % QUEUE_FRAMES;
		d->count--;
	}
	return d->count > 0 ? d->queue[d->head].due : -1;
}

static void take(struct direction *d, long long delay, double loss)
{
	unsigned char buffer[FRAME_MAX];
	for (int i = 0; i < BURST; i++) {
		ssize_t n = recv(d->in, buffer, sizeof buffer, MSG_DONTWAIT);
		if (n <= 0)
			return;
		if (d->count == QUEUE_FRAMES || (loss > 0 && drand48() < loss))
			continue;
		struct frame *f = &d->queue[(d->head + d->count) % QUEUE_FRAMES];
		f->bytes = malloc((size_t)n);
		if (f->bytes == NULL)
			continue;
		memcpy(f->bytes, buffer, (size_t)n);
		f->size = (size_t)n;
		f->due = now() + delay;
		d->count++;
	}
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5) {
		fputs("usage: delayline IF1 IF2 MS [LOSS%]\n", stderr);
		return 2;
	}
	long long delay = (long long)(strtod(argv[3], NULL) * 1e6);
	double loss = argc == 5 ? strtod(argv[4], NULL) / 100 : 0;
	directions[0].in = directions[1].out = open_side(argv[1]);
	directions[1].in = directions[0].out = open_side(argv[2]);
	puts("ready");
	fclose(stdout);
	for (;;) {
		long long t = now(), next = -1;
		for (int i = 0; i < 2; i++) {
			long long due = deliver(&directions[i], t);
			if (due >= 0 && (next < 0 || due < next))
				next = due;
		}
		long long wait = next > t ? next - t : 0;
		struct timespec until = {wait / SECOND, wait % SECOND};
		struct pollfd ready[2] = {{directions[0].in, POLLIN, 0}, {directions[1].in, POLLIN, 0}};
		if (ppoll(ready, 2, next >= 0 ? &until : NULL, NULL) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (ready[i].revents != 0)
				take(&directions[i], delay, loss);
	}
}
