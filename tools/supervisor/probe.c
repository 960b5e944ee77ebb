/* probe: sends a train of packets, never more ahead of the answers than the way can carry in a moment, and reads bandwidth from when
 * the answers come. */
#include "probe.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define STREAM 15 /* any but that of control */
#define PINGS 3
#define PINGS_US 15000 /* no further round trip after so long */
#define CARRIAGE 32768 /* bytes */
#define WINDOW (4 * CARRIAGE)
#define WINDOW_MAX (4u << 20)
#define TRAIN_MAX 256  /* packets */
#define TRAIN_US 45000 /* what is sent later says nothing new */
#define TRIPS 4        /* but a window needs so many round trips to open */
#define TRAIN_US_MAX 250000
#define SHORT_US 1000   /* arrivals so close together came in one piece */
#define FEW 8           /* arrivals that make no line */
#define QUEUE_US 10000  /* packets that wait so long somewhere: enough of them are under way */
#define GIVE_UP_MS 3000 /* a way that is slower than that is known well enough by then */

struct probe {
	struct probe_options o;
	struct loop_source *timer;
	int64_t ping_sent, pings_began, rtt; /* microseconds */
	int pings;
	int64_t began, sent_at[TRAIN_MAX], came_at[TRAIN_MAX];
	size_t sent, came; /* packets of the train */
	size_t window;     /* bytes */
	size_t queued;     /* the first packet that waited; 0: none yet */
	bool train, done;
	uint64_t bandwidth;
	unsigned char bytes[CARRIAGE];
};

static int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The straight line through the arrivals from `from` on: packets a microsecond. */
static double line(const struct probe *p, size_t from)
{
	double n = (double)(p->came - from), t = 0, k = 0, tt = 0, tk = 0;
	for (size_t i = from; i < p->came; i++) {
		double at = (double)(p->came_at[i] - p->came_at[from]), number = (double)(i - from);
		t += at, k += number, tt += at * at, tk += at * number;
	}
	double spread = n * tt - t * t;
	return spread > 0 ? (n * tk - t * k) / spread : 0;
}

/* What came before the first packet that had to wait may have found everything empty. Where none had to, the later half counts, and where
 * nothing was slow enough to be measured at all, the whole. */
static uint64_t slope(const struct probe *p)
{
	if (p->came == 0)
		return 0;
	size_t last = p->came - 1, from = p->queued;
	int64_t middle = p->began + (p->came_at[last] - p->began) / 2;
	if (from == 0 || last - from < FEW)
		for (from = 0; from < last && p->came_at[from] < middle;)
			from++;
	bool enough = last - from >= FEW && p->came_at[last] - p->came_at[from] >= SHORT_US;
	double rate = enough ? line(p, from) : 0;
	if (rate <= 0) {
		int64_t took = p->came_at[last] - p->began;
		took = took > 2 * p->rtt ? took - p->rtt : (took + 1) / 2;
		rate = (double)p->came / (double)(took > 0 ? took : 1);
	}
	return (uint64_t)(rate * CARRIAGE * 1e6);
}

static void finish(struct probe *p)
{
	loop_remove(&p->timer);
	if (p->done)
		return;
	p->bandwidth = slope(p);
	p->done = true;
	p->o.done(p->o.context);
}

static void on_give_up(void *context)
{
	finish(context);
}

static bool put(struct probe *p, uint64_t offset, size_t size)
{
	struct peer *peer = remote_peer(p->o.remote);
	struct packet k = {.type = PACKET_PROBE, .stream = STREAM, .offset = offset, .data = p->bytes, .size = size};
	return peer != NULL && peer_put(peer, &k) >= 0;
}

static void ping(struct probe *p)
{
	p->ping_sent = now_us();
	(void)put(p, 0, 0); /* if it fails the timer ends it */
}

/* Once as many are sent as are wanted, the answers that are missing end it. */
static void pump(struct probe *p)
{
	int64_t now = now_us(), limit = TRIPS * p->rtt;
	limit = limit < TRAIN_US ? TRAIN_US : limit > TRAIN_US_MAX ? TRAIN_US_MAX : limit;
	while (p->sent < TRAIN_MAX && now - p->began < limit && (p->sent - p->came + 1) * CARRIAGE <= p->window) {
		p->sent_at[p->sent++] = now;
		if (!put(p, p->sent * CARRIAGE, CARRIAGE))
			return;
	}
	if (p->sent == p->came)
		finish(p);
}

static void on_pong(struct probe *p)
{
	int64_t now = now_us(), took = now - p->ping_sent;
	if (p->rtt == 0 || took < p->rtt)
		p->rtt = took > 0 ? took : 1;
	if (++p->pings < PINGS && now - p->pings_began < PINGS_US) {
		ping(p);
		return;
	}
	if (p->o.no_train) {
		finish(p);
		return;
	}
	p->train = true;
	p->began = now_us();
	pump(p);
}

static void on_arrival(struct probe *p, uint64_t offset)
{
	int64_t now = now_us();
	while (p->came < p->sent && (p->came + 1) * CARRIAGE <= offset) {
		p->came_at[p->came] = now;
		bool queues = now - p->sent_at[p->came] > p->rtt + QUEUE_US;
		if (queues && p->queued == 0)
			p->queued = p->came;
		if (!queues && p->window < WINDOW_MAX)
			p->window += CARRIAGE;
		p->came++;
	}
	pump(p);
}

bool probe_packet(struct probe *p, const struct remote *r, const struct packet *k)
{
	if (p == NULL || r != p->o.remote || k->type != PACKET_PROBE)
		return false;
	if (p->done)
		return true;
	if (p->train)
		on_arrival(p, k->offset);
	else
		on_pong(p);
	return true;
}

int probe_create(const struct probe_options *options, struct probe **ret_probe)
{
	struct probe *p = calloc(1, sizeof *p);
	if (p == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	p->o = *options;
	p->window = WINDOW;
	p->pings_began = now_us();
	for (size_t n = 0; n < CARRIAGE;) { /* no compression on the way makes them fewer */
		ssize_t got = getrandom(p->bytes + n, CARRIAGE - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	int r = loop_after(p->o.loop, GIVE_UP_MS, on_give_up, p, &p->timer);
	if (r < 0) {
		free(p);
		return r;
	}
	ping(p);
	*ret_probe = p;
	return 0;
}

void probe_destroy(struct probe *p)
{
	if (p == NULL)
		return;
	loop_remove(&p->timer);
	free(p);
}

bool probe_is_done(const struct probe *p)
{
	return p->done;
}

uint64_t probe_rtt(const struct probe *p)
{
	return p->pings > 0 ? 1000 * (uint64_t)p->rtt : 0;
}

uint64_t probe_bandwidth(const struct probe *p)
{
	return p->bandwidth;
}
