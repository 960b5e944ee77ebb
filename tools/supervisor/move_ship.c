/* move_ship: the image and the registry's rows of a frozen program, from the source to the target, all on their way at once. From a
 * far source they pass through a file here, which is sent on while it grows. */
#include "move.h"
#include "transport/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TELL_MS 200

/* The image is the last: where it is, all is, since a target takes one packet after the other. */
static const struct sort {
	const char *key; /* in what the source said when it froze; NULL: that itself, and where the program is at the target */
	const char *kind;
} sorts[] = {{NULL, "request"}, {"rows_file", "rows"}, {"file", "image"}};

#define PARTS (sizeof sorts / sizeof *sorts)

struct part {
	struct ship *ship;
	const struct sort *sort;
	int fd;        /* of the file that is sent */
	int directory; /* where a far source's file goes */
	struct bulk_send *send;
	struct bulk_receive *receive;
	bool done;
	char name[PMIG_UUID_LENGTH + 32];
};

struct ship {
	struct move *move;
	struct part parts[PARTS];
	int64_t began, told;
	bool half;
	bool again; /* the target may have some of it */
	bool cut;   /* a far source must be asked again */
};

static const char *file_of(const struct part *t)
{
	return json_string_value(json_object_get(t->ship->move->frozen, t->sort->key));
}

static const char *name_of(struct part *t)
{
	const struct move *m = t->ship->move;
	if (t->sort->key == NULL) {
		(void)snprintf(t->name, sizeof t->name, "%s.%llu.json", m->supervisor->uuid, (unsigned long long)m->epoch);
		return t->name;
	}
	const char *slash = strrchr(file_of(t), '/');
	return slash != NULL ? slash + 1 : file_of(t);
}

static uint16_t stream_of(const struct part *t)
{
	return (uint16_t)(AGENT_BULK + (t - t->ship->parts));
}

static void finish_part(struct part *t)
{
	bulk_send_destroy(t->send);
	bulk_receive_destroy(t->receive);
	t->send = NULL;
	t->receive = NULL;
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	if (t->directory >= 0) { /* the source still has it, and the target has it durably */
		(void)unlinkat(t->directory, name_of(t), 0);
		(void)close(t->directory);
	}
	t->directory = -1;
}

void ship_destroy(struct ship *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < PARTS; i++)
		finish_part(&h->parts[i]);
	free(h);
}

/* What a supervisor that was killed had on its way through here. */
void ship_forget(const struct supervisor *s)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/transit", s->options->state);
	DIR *d = opendir(path);
	for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (strncmp(e->d_name, s->uuid, strlen(s->uuid)) == 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
}

static void fail(struct ship *h, int code)
{
	move_blame(h->move, code);
	move_next(h->move, HANDOVER_FAILED); /* destroys h */
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
	struct part *t = context;
	struct ship *h = t->ship;
	int64_t now = move_now();
	if (total == BULK_SIZE_UNKNOWN)
		total = (uint64_t)json_integer_value(json_object_get(h->move->frozen, "bytes"));
	if (strcmp(t->sort->kind, "image") != 0)
		return;
	if (!h->half && done >= total / 2) {
		h->half = true;
		if (move_fault("ship:half"))
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

static int open_local(struct part *t, const char *state)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", state, file_of(t));
	t->fd = open(path, O_RDONLY | O_CLOEXEC);
	return t->fd < 0 ? error_errno(PMIG_EIO, errno, "%s", path) : 0;
}

static int send_part(struct part *t, bool growing)
{
	const struct ship *h = t->ship;
	struct peer *p = remote_peer(h->move->target);
	if (p == NULL)
		return error_set(PMIG_EUNREACHED, "%s is not connected", h->move->target_label);
	return bulk_send_create(&(struct bulk_send_options){.fd = t->fd,
					.growing = growing,
					.eager = !h->again,
					.again = h->again,
					.name = name_of(t),
					.kind = t->sort->kind,
					.writer = peer_writer(p),
					.stream = stream_of(t),
					.progress = on_progress,
					.context = t},
		&t->send);
}

static void on_fetch(void *context, int code, const json_t *answer)
{
	(void)answer;
	struct move *m = context;
	if (code < 0 && code != PMIG_EUNREACHED)
		fail(m->ship, code);
}

static int open_transit(struct part *t)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/transit", t->ship->move->supervisor->options->state);
	(void)mkdir(path, 0700);
	t->directory = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return t->directory < 0 ? error_errno(PMIG_EIO, errno, "%s", path) : 0;
}

static int write_request(struct part *t)
{
	const struct move *m = t->ship->move;
	int r = open_transit(t);
	if (r < 0)
		return r;
	json_t *request = json_deep_copy(m->frozen);
	(void)json_object_set_new(request, "path", json_string(m->path));
	(void)json_object_set_new(request, "library_path", json_string(m->library_path));
	(void)json_object_set_new(request, "kinds", json_string(m->kinds != NULL ? m->kinds : ""));
	t->fd = openat(t->directory, name_of(t), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (t->fd < 0 || json_dumpfd(request, t->fd, JSON_COMPACT) < 0)
		r = error_errno(PMIG_EIO, errno, "%s", t->name);
	json_decref(request);
	return r;
}

static int fetch_part(struct part *t)
{
	int r = open_transit(t);
	if (r < 0)
		return r;
	remote_request(t->ship->move->source, "fetch",
		json_pack("{s:s, s:s, s:i}", "file", file_of(t), "kind", t->sort->kind, "stream", (int)stream_of(t)),
		on_fetch, t->ship->move);
	return 0;
}

static int start_part(struct part *t)
{
	const struct supervisor *s = t->ship->move->supervisor;
	const struct remote *source = t->ship->move->source;
	const char *where = remote_where(source);
	int r;
	if (t->sort->key == NULL)
		r = write_request(t);
	else if (!remote_is_local(source))
		return fetch_part(t);
	else
		r = open_local(t, strcmp(where, "home") == 0 ? s->options->state : where + strlen("local:"));
	return r < 0 ? r : send_part(t, false);
}

static void start_all(struct ship *h)
{
	int r = 0;
	for (size_t i = 0; i < PARTS && r >= 0; i++)
		r = start_part(&h->parts[i]);
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
	*h = (struct ship){.move = m, .began = move_now()};
	for (size_t i = 0; i < PARTS; i++)
		h->parts[i] = (struct part){.ship = h, .sort = &sorts[i], .fd = -1, .directory = -1};
	m->ship = h;
	if (move_fault("ship"))
		fail(h, PMIG_EIO);
	else
		start_all(h);
}

/* What is on its way from a far source still comes, if it was not that connection that was lost. */
static int go_on(struct part *t)
{
	const struct move *m = t->ship->move;
	if (t->done)
		return 0;
	if (!t->ship->cut && t->send != NULL)
		return bulk_send_attach(t->send, peer_writer(remote_peer(m->target)), stream_of(t));
	if (!t->ship->cut && t->directory >= 0 && t->sort->key != NULL)
		return 0;
	finish_part(t);
	return start_part(t);
}

/* Connected anew: what arrived before is still there, under the same name. */
void ship_again(struct move *m)
{
	struct ship *h = m->ship;
	int r = 0;
	m->lost_since = 0;
	h->again = true;
	for (size_t i = 0; i < PARTS && r >= 0; i++)
		r = go_on(&h->parts[i]);
	h->cut = false;
	if (r < 0)
		fail(h, r);
	else
		ship_pump(m);
}

void ship_lost(struct move *m, const struct remote *r)
{
	if (m->ship != NULL && r == m->source)
		m->ship->cut = true;
	for (size_t i = 0; m->ship != NULL && i < PARTS && r == m->target; i++)
		if (m->ship->parts[i].send != NULL)
			(void)!bulk_send_attach(m->ship->parts[i].send, NULL, 0);
}

/* One after the other, so that the end of the image comes last. */
void ship_pump(struct move *m)
{
	struct ship *h = m->ship;
	struct peer *p = remote_peer(m->target);
	if (h == NULL || p == NULL)
		return;
	int r = 1;
	for (size_t i = 0; i < PARTS && r == 1; i++)
		if (!h->parts[i].done)
			r = h->parts[i].send != NULL ? bulk_send_pump(h->parts[i].send) : 0;
	peer_kick(p);
	if (r < 0)
		fail(h, r);
}

static void part_done(struct part *t)
{
	struct ship *h = t->ship;
	struct move *m = h->move;
	finish_part(t);
	t->done = true;
	for (size_t i = 0; i < PARTS; i++)
		if (!h->parts[i].done)
			return;
	ship_destroy(h);
	m->ship = NULL;
	if (move_fault("ship:done")) {
		move_blame(m, PMIG_EIO);
		move_next(m, HANDOVER_FAILED);
		return;
	}
	m->lost_since = 0;
	move_next(m, HANDOVER_DONE);
}

static void on_offer(struct part *t, const struct packet *p)
{
	struct bulk_offer offer;
	struct ship *h = t->ship;
	struct peer *source = remote_peer(h->move->source);
	char part[BULK_NAME_MAX + 8];
	int r = bulk_offer_get(p, &offer);
	if (r >= 0 && strcmp(offer.name, name_of(t)) != 0)
		r = error_set(PMIG_EPROTOCOL, "%s sends %s, which nobody asked for", h->move->source_label, offer.name);
	(void)snprintf(part, sizeof part, "%.*s.part", BULK_NAME_MAX - 1, name_of(t));
	if (r >= 0) {
		(void)unlinkat(t->directory, part, 0); /* of an earlier try with other contents */
		r = bulk_receive_create(&(struct bulk_receive_options){.directory = t->directory,
						.name = name_of(t),
						.passing = true,
						.writer = peer_writer(source),
						.stream = p->stream},
			&offer, &t->receive);
	}
	peer_kick(source);
	if (r >= 0) {
		t->fd = openat(t->directory, part, O_RDONLY | O_CLOEXEC);
		r = t->fd < 0 ? error_errno(PMIG_EIO, errno, "%s", part) : send_part(t, true);
	}
	if (r < 0)
		fail(h, error_prefix(r, "%s: %s", h->move->supervisor->home, t->sort->kind));
}

static void from_source(struct part *t, const struct packet *p)
{
	struct ship *h = t->ship;
	if (p->type == PACKET_OFFER) {
		if (t->receive == NULL && t->directory >= 0)
			on_offer(t, p);
		return;
	}
	if (t->receive == NULL)
		return;
	int r = bulk_receive_packet(t->receive, p);
	if (remote_peer(h->move->source) != NULL)
		peer_kick(remote_peer(h->move->source));
	if (r < 0) {
		fail(h, error_prefix(r, "%s: %s", h->move->supervisor->home, t->sort->kind));
		return;
	}
	if (r == 1)
		bulk_send_complete(t->send);
	ship_pump(h->move);
}

bool ship_packet(struct move *m, struct remote *r, const struct packet *p)
{
	struct ship *h = m->ship;
	if (p->stream < AGENT_BULK || p->stream >= AGENT_BULK + PARTS)
		return false;
	struct part *t = &h->parts[p->stream - AGENT_BULK];
	if (r == m->source) {
		from_source(t, p);
		return true;
	}
	if (r != m->target || t->send == NULL)
		return false;
	int rc = bulk_send_packet(t->send, p);
	if (rc < 0)
		fail(h, error_prefix(rc, "%s: %s", m->target_label, t->sort->kind));
	else if (rc == 1)
		part_done(t);
	else
		ship_pump(m);
	return true;
}
