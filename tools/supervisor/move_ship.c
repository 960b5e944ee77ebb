/* move_ship: the image and the registry's rows of a frozen program, from the source to the target. From a far source they pass
 * through a file here, which is sent on while it grows. */
#include "move.h"
#include "transport/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TELL_MS 200

static const struct part {
	const char *key; /* in what the source said when it froze; NULL: that itself, and where the program is at the target */
	const char *kind;
} parts[] = {{NULL, "request"}, {"rows_file", "rows"}, {"file", "image"}};

#define PARTS (sizeof parts / sizeof *parts)

struct ship {
	struct move *move;
	size_t index;  /* of the part under way */
	int fd;        /* of the file that is sent */
	int directory; /* where a far source's file goes */
	struct bulk_send *send;
	struct bulk_receive *receive;
	int64_t began, told;
	bool half;
	char name[PMIG_UUID_LENGTH + 32];
};

static const char *file_of(const struct ship *h)
{
	return json_string_value(json_object_get(h->move->frozen, parts[h->index].key));
}

static const char *name_of(struct ship *h)
{
	if (parts[h->index].key == NULL) {
		(void)snprintf(h->name, sizeof h->name, "%s.%llu.json", h->move->supervisor->uuid,
			(unsigned long long)h->move->epoch);
		return h->name;
	}
	const char *slash = strrchr(file_of(h), '/');
	return slash != NULL ? slash + 1 : file_of(h);
}

static uint16_t stream_of(const struct ship *h)
{
	return (uint16_t)(AGENT_BULK + h->index);
}

static void finish_part(struct ship *h)
{
	bulk_send_destroy(h->send);
	bulk_receive_destroy(h->receive);
	h->send = NULL;
	h->receive = NULL;
	if (h->fd >= 0)
		(void)close(h->fd);
	h->fd = -1;
	if (h->directory >= 0) { /* the source still has it, and the target has it durably */
		(void)unlinkat(h->directory, name_of(h), 0);
		(void)close(h->directory);
	}
	h->directory = -1;
}

void ship_destroy(struct ship *h)
{
	if (h == NULL)
		return;
	if (h->index < PARTS)
		finish_part(h);
	free(h);
}

static void fail(struct ship *h, int code)
{
	move_blame(h->move, code);
	move_next(h->move, HANDOVER_FAILED); /* destroys h */
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
	struct ship *h = context;
	int64_t now = move_now();
	if (total == BULK_SIZE_UNKNOWN)
		total = (uint64_t)json_integer_value(json_object_get(h->move->frozen, "bytes"));
	if (strcmp(parts[h->index].kind, "image") != 0)
		return;
	if (!h->half && done >= total / 2) {
		h->half = true;
		if (move_fault(h->move, "ship:half"))
			remote_cut(h->move->target); /* comes back, and the transfer resumes */
	}
	if (now - h->told < TELL_MS && done < total)
		return;
	h->told = now;
	double seconds = (double)(now - h->began) / 1000;
	double rate = seconds > 0 ? (double)done / seconds : 0;
	move_tell(h->move,
		json_pack("{s:s, s:I, s:I, s:f, s:f}", "phase", "ship", "bytes", (json_int_t)done, "total",
			(json_int_t)total, "rate", rate, "left", rate > 0 ? (double)(total - done) / rate : 0.0));
}

static int open_local(struct ship *h, const char *state)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", state, file_of(h));
	h->fd = open(path, O_RDONLY | O_CLOEXEC);
	return h->fd < 0 ? error_errno(PMIG_EIO, errno, "%s", path) : 0;
}

static int send_part(struct ship *h, bool growing)
{
	struct peer *p = remote_peer(h->move->target);
	if (p == NULL)
		return error_set(PMIG_EUNREACHED, "%s is not connected", h->move->target_label);
	int r = bulk_send_create(&(struct bulk_send_options){.fd = h->fd,
					 .growing = growing,
					 .name = name_of(h),
					 .kind = parts[h->index].kind,
					 .writer = peer_writer(p),
					 .stream = stream_of(h),
					 .progress = on_progress,
					 .context = h},
		&h->send);
	peer_kick(p);
	return r;
}

static void on_fetch(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct move *m = context;
	if (code < 0 && code != PMIG_EUNREACHED)
		fail(m->ship, code);
}

static int open_transit(struct ship *h)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/transit", h->move->supervisor->options->state);
	(void)mkdir(path, 0700);
	h->directory = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return h->directory < 0 ? error_errno(PMIG_EIO, errno, "%s", path) : 0;
}

static int write_request(struct ship *h)
{
	int r = open_transit(h);
	if (r < 0)
		return r;
	json_t *request = json_deep_copy(h->move->frozen);
	(void)json_object_set_new(request, "path", json_string(h->move->path));
	(void)json_object_set_new(request, "library_path", json_string(h->move->library_path));
	(void)json_object_set_new(request, "kinds", json_string(h->move->kinds != NULL ? h->move->kinds : ""));
	h->fd = openat(h->directory, name_of(h), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (h->fd < 0 || json_dumpfd(request, h->fd, JSON_COMPACT) < 0)
		r = error_errno(PMIG_EIO, errno, "%s", h->name);
	json_decref(request);
	return r;
}

static int fetch_part(struct ship *h)
{
	int r = open_transit(h);
	if (r < 0)
		return r;
	remote_request(h->move->source, "fetch",
		json_pack("{s:s, s:s, s:i}", "file", file_of(h), "kind", parts[h->index].kind, "stream", (int)stream_of(h)),
		on_fetch, h->move);
	return 0;
}

static void start_part(struct ship *h)
{
	struct supervisor *s = h->move->supervisor;
	const char *where = remote_where(h->move->source);
	int r;
	if (parts[h->index].key == NULL) {
		r = write_request(h);
		if (r >= 0)
			r = send_part(h, false);
	} else if (!remote_is_local(h->move->source)) {
		r = fetch_part(h);
	} else {
		r = open_local(h, strcmp(where, "home") == 0 ? s->options->state : where + strlen("local:"));
		if (r >= 0)
			r = send_part(h, false);
	}
	if (r < 0)
		fail(h, r);
	else
		ship_pump(h->move);
}

void ship_start(struct move *m)
{
	struct ship *h = calloc(1, sizeof *h);
	if (h == NULL) {
		move_blame(m, error_set(PMIG_ENOMEM, "out of memory"));
		move_next(m, HANDOVER_FAILED);
		return;
	}
	*h = (struct ship){.move = m, .fd = -1, .directory = -1, .began = move_now()};
	m->ship = h;
	if (move_fault(m, "ship")) {
		fail(h, PMIG_EIO);
		return;
	}
	start_part(h);
}

/* Connected anew: what arrived before is still there, under the same name. */
void ship_again(struct move *m)
{
	struct ship *h = m->ship;
	struct peer *p = remote_peer(m->target);
	if (p == NULL || !remote_is_up(m->source))
		return;
	if (h->send != NULL && bulk_send_attach(h->send, peer_writer(p), stream_of(h)) >= 0) {
		peer_kick(p);
		ship_pump(m);
		return;
	}
	finish_part(h);
	start_part(h);
}

void ship_lost(struct move *m)
{
	if (m->ship != NULL && m->ship->send != NULL)
		(void)!bulk_send_attach(m->ship->send, NULL, 0);
}

void ship_pump(struct move *m)
{
	struct ship *h = m->ship;
	struct peer *p = remote_peer(m->target);
	if (h == NULL || h->send == NULL || p == NULL)
		return;
	int r = bulk_send_pump(h->send);
	peer_kick(p);
	if (r < 0)
		fail(h, r);
}

static void part_done(struct ship *h)
{
	struct move *m = h->move;
	finish_part(h);
	h->index++;
	if (h->index < PARTS) {
		start_part(h);
		return;
	}
	ship_destroy(h);
	m->ship = NULL;
	if (move_fault(m, "ship:done")) {
		move_blame(m, PMIG_EIO);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	m->lost_since = 0;
	move_next(m, HANDOVER_DONE);
}

static void on_offer(struct ship *h, const struct packet *p)
{
	struct bulk_offer offer;
	struct peer *source = remote_peer(h->move->source);
	char part[BULK_NAME_MAX + 8];
	int r = bulk_offer_get(p, &offer);
	if (r >= 0 && strcmp(offer.name, name_of(h)) != 0)
		r = error_set(PMIG_EPROTOCOL, "%s sends %s, which nobody asked for", h->move->source_label, offer.name);
	(void)snprintf(part, sizeof part, "%.*s.part", BULK_NAME_MAX - 1, name_of(h));
	if (r >= 0) {
		(void)unlinkat(h->directory, part, 0); /* of an earlier try with other contents */
		r = bulk_receive_create(&(struct bulk_receive_options){.directory = h->directory,
						.name = name_of(h),
						.writer = peer_writer(source),
						.stream = p->stream},
			&offer, &h->receive);
	}
	peer_kick(source);
	if (r >= 0) {
		h->fd = openat(h->directory, part, O_RDONLY | O_CLOEXEC);
		r = h->fd < 0 ? error_errno(PMIG_EIO, errno, "%s", part) : send_part(h, true);
	}
	if (r < 0)
		fail(h, error_prefix(r, "%s: %s", h->move->supervisor->home, parts[h->index].kind));
}

static void from_source(struct ship *h, const struct packet *p)
{
	if (p->type == PACKET_OFFER) {
		if (h->receive == NULL)
			on_offer(h, p);
		return;
	}
	if (h->receive == NULL)
		return;
	int r = bulk_receive_packet(h->receive, p);
	if (remote_peer(h->move->source) != NULL)
		peer_kick(remote_peer(h->move->source));
	if (r < 0) {
		fail(h, error_prefix(r, "%s: %s", h->move->supervisor->home, parts[h->index].kind));
		return;
	}
	if (r == 1)
		bulk_send_complete(h->send);
	ship_pump(h->move);
}

bool ship_packet(struct move *m, struct remote *r, const struct packet *p)
{
	struct ship *h = m->ship;
	if (h->index >= PARTS || p->stream != stream_of(h))
		return false;
	if (r == m->source) {
		from_source(h, p);
		return true;
	}
	if (r != m->target || h->send == NULL)
		return false;
	int rc = bulk_send_packet(h->send, p);
	if (rc < 0)
		fail(h, error_prefix(rc, "%s: %s", m->target_label, parts[h->index].kind));
	else if (rc == 1)
		part_done(h);
	else
		ship_pump(m);
	return true;
}
