/* agent_file: images and rows on their way from and to the supervisor. */
#include "agent_limits.h"
#include "content_index.h"
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct agent_bulk {
	struct agent_bulk *next;
	uint16_t stream;
	int fd;      /* the file that is sent, or the directory that receives */
	mode_t mode; /* of what is received; 0: 0600 */
	struct bulk_send *send;
	struct bulk_receive *receive;
	char name[BULK_NAME_MAX]; /* of what is received */
	uint64_t size;            /* of it, as it was offered */
	uint64_t room;            /* up to here this host takes what has no size */
	bool image;               /* it is one, */
	uint64_t epoch;           /* for this epoch; 0: for none */
};

static void destroy(struct agent_bulk *b)
{
	bulk_send_destroy(b->send);
	bulk_receive_destroy(b->receive);
	if (b->fd >= 0)
		(void)close(b->fd);
	free(b);
}

static void drop(struct agent *a, struct agent_bulk *b)
{
	struct agent_bulk **at = &a->bulks;
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	destroy(b);
}

void agent_file_drop(struct agent *a)
{
	while (a->bulks != NULL)
		drop(a, a->bulks);
}

/* UUID.EPOCH is the image of an epoch; UUID.checkpoint is one of none. */
static uint64_t epoch_of(const char *name)
{
	char *end;
	if (name[0] == '\0' || name[PMIG_UUID_LENGTH + 1] < '0' || name[PMIG_UUID_LENGTH + 1] > '9')
		return 0;
	uint64_t epoch = strtoull(name + PMIG_UUID_LENGTH + 1, &end, 10);
	return *end == '\0' ? epoch : 0;
}

void agent_file_bar(struct agent *a, uint64_t epoch)
{
	struct agent_bulk *b = a->bulks, *next;
	for (; b != NULL; b = next) {
		next = b->next;
		if (b->receive != NULL && b->image && b->epoch != 0 && b->epoch <= epoch)
			drop(a, b);
	}
}

static int check_barred(struct agent *a, uint64_t epoch)
{
	struct pmig_owner owner;
	int r = epoch == 0 ? 0 : a->store->owner_get(a->store, a->options->uuid, &owner);
	if (r >= 0 && epoch != 0 && epoch <= owner.barred)
		r = error_set(PMIG_ESTALE, "%s: epoch %llu is barred here: the hand-over was given up", a->name,
			(unsigned long long)epoch);
	return r;
}

static struct agent_bulk *find(struct agent *a, unsigned stream)
{
	struct agent_bulk *b = a->bulks;
	while (b != NULL && b->stream != stream)
		b = b->next;
	return b;
}

static int add(struct agent *a, unsigned stream, struct agent_bulk **ret_bulk)
{
	if (find(a, stream) != NULL)
		return error_set(PMIG_EPROTOCOL, "agent: stream %u is in use", stream);
	struct agent_bulk *b = calloc(1, sizeof *b);
	if (b == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	*b = (struct agent_bulk){.next = a->bulks, .stream = (uint16_t)stream, .fd = -1};
	a->bulks = b;
	*ret_bulk = b;
	return 0;
}

/* Only files of this program: image/UUID and what follows. */
static int check_name(const struct agent *a, const char *name)
{
	if (strncmp(name, a->options->uuid, PMIG_UUID_LENGTH) != 0 || name[PMIG_UUID_LENGTH] != '.' ||
		strchr(name, '/') != NULL)
		return error_set(PMIG_EREFUSED, "agent: %.100s is not a file of %s", name, a->name);
	return 0;
}

int agent_do_fetch(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	const char *path = agent_text(request, "file");
	const char *name = strncmp(path, "image/", 6) == 0 ? path + 6 : "";
	unsigned stream = (unsigned)agent_number(request, "stream", 0);
	if (stream < AGENT_BULK || stream > UINT16_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: stream %u is not for files", stream);
	struct agent_bulk *b;
	char own[64], data[PMIG_UUID_LENGTH + 8];
	const json_t *fd = json_object_get(request, "fd");
	if (json_is_integer(fd)) { /* what the program has open, to be sent ahead */
		(void)snprintf(own, sizeof own, "/proc/%d/fd/%d", (int)a->pid, (int)json_integer_value(fd));
		(void)snprintf(data, sizeof data, "%s.data", a->options->uuid);
		path = own;
		name = data;
	}
	int r = check_name(a, name);
	if (r >= 0 && find(a, stream) != NULL)
		drop(a, find(a, stream)); /* asked for before, and given up */
	if (r >= 0)
		r = add(a, stream, &b);
	if (r < 0)
		return r;
	b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (path == own ? 0 : O_NOFOLLOW));
	r = b->fd < 0 ? error_errno(PMIG_ENOENT, errno, "%s/%s", a->options->state, path)
		      : bulk_send_create(&(struct bulk_send_options){.fd = b->fd,
						 .eager = path != own, /* an image only passes through home */
						 .name = name,
						 .kind = agent_text(request, "kind"),
						 .writer = peer_writer(a->driver),
						 .stream = b->stream},
				&b->send);
	if (r >= 0)
		r = bulk_send_pump(b->send);
	if (r < 0)
		drop(a, b);
	else
		peer_kick(a->driver);
	return r < 0 ? r : 0;
}

/* --- content that this host has under another name: it is copied into the cache, not sent --- */

#define SEARCH_NS 100000000

struct wanted {
	struct cache *cache;
	const char *hash, *name;
	mode_t mode;
	bool found;
};

static bool on_equal(void *context, const char *path, const char *hash)
{
	struct wanted *w = context;
	char copied[CACHE_HASH];
	if (strcmp(hash, w->hash) != 0)
		return true;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	w->found = fd >= 0 && cache_put(w->cache, fd, w->name, w->mode, copied) >= 0 && strcmp(copied, hash) == 0;
	if (fd >= 0)
		(void)close(fd);
	return !w->found;
}

static bool find_equal(struct cache *cache, const json_t *request)
{
	static const char *const folders[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64",
		"/usr/local/lib", "/usr/lib/aarch64-linux-gnu"};
	int64_t size = agent_number(request, "size", -1);
	struct content_index *x;
	struct timespec t;
	struct wanted w = {.cache = cache,
		.hash = agent_text(request, "hash"),
		.name = agent_text(request, "name"),
		.mode = (mode_t)agent_number(request, "mode", 0700) & 0777};
	if (size <= 0 || content_index_open(NULL, &x) < 0)
		return false;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t until = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + SEARCH_NS;
	for (size_t i = 0; json_is_true(json_object_get(request, "library")) && i < sizeof folders / sizeof *folders; i++)
		content_index_search(x, folders[i], (uint64_t)size, until);
	content_index_each(x, (uint64_t)size, on_equal, &w);
	content_index_close(x);
	return w.found;
}

/* The next plan will know of it. */
static void remember(const char *path)
{
	struct content_index *x;
	char hash[CACHE_HASH];
	if (content_index_open(NULL, &x) < 0)
		return;
	(void)!content_index_hash(x, path, -1, hash);
	content_index_close(x);
}

/* What others have left in the middle, before more comes. */
static void sweep_once(struct cache *cache)
{
	static bool swept;
	if (!swept)
		cache_sweep(cache);
	swept = true;
}

int agent_do_receive(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const char *hash = agent_text(request, "hash"), *name = agent_text(request, "name");
	unsigned stream = (unsigned)agent_number(request, "stream", 0);
	struct cache *cache;
	struct agent_bulk *b;
	char *path = NULL;
	int fd, r = agent_limits_receive(a, request);
	if (r >= 0)
		r = cache_open(NULL, &cache);
	if (r < 0)
		return r;
	r = cache_find(cache, hash, name, &fd);
	if (r == PMIG_ENOENT && find_equal(cache, request))
		r = cache_find(cache, hash, name, &fd);
	if (r >= 0) {
		(void)close(fd);
		r = cache_path(cache, hash, name, &path);
		if (r >= 0)
			*ret_answer = json_pack("{s:s}", "path", path);
		if (r >= 0 && json_is_true(json_object_get(request, "data")))
			remember(path);
		free(path);
	} else if (r == PMIG_ENOENT) {
		sweep_once(cache);
		if (find(a, stream) != NULL)
			drop(a, find(a, stream)); /* announced before, and never sent */
		r = stream < AGENT_BULK || stream > UINT16_MAX
			? error_set(PMIG_EPROTOCOL, "agent: stream %u is not for files", stream)
			: add(a, stream, &b);
		if (r >= 0) {
			b->mode = (mode_t)agent_number(request, "mode", 0700) & 0777;
			r = cache_directory(cache, hash, &b->fd);
			if (r < 0)
				drop(a, b);
		}
	}
	cache_close(cache);
	return r < 0 ? r : 0;
}

int agent_do_libraries(struct agent *a, const json_t *request, json_t **ret_answer)
{
	struct library_list list;
	int r = agent_limits_libraries(a, request);
	if (r < 0)
		return r;
	r = library_list_get(agent_text(request, "path"), agent_text(request, "search"), &list);
	if (r < 0)
		return r;
	json_t *missing = json_array();
	for (size_t i = 0; i < list.count; i++)
		if (list.libraries[i].path[0] == '\0')
			(void)json_array_append_new(missing, json_string(list.libraries[i].name));
	*ret_answer = json_pack("{s:o, s:s}", "missing", missing, "problem", list.problem);
	library_list_finish(&list);
	return 0;
}

/* Where it may go wrong: with what goes ahead, and with the image. */
static const char *const ahead_points[BULK_STAGES] = {
	"prepare:first", "prepare:last", "prepare:written", "prepare:synced", "prepare:renamed"};
static const char *const image_points[BULK_STAGES] = {
	"ship:first", "ship:last", "ship:written", "ship:synced", "ship:renamed"};

/* What is still to come of files that were offered. */
static uint64_t to_come(const struct agent *a)
{
	uint64_t sum = 0;
	for (const struct agent_bulk *b = a->bulks; b != NULL; b = b->next)
		if (b->receive != NULL && b->size != BULK_SIZE_UNKNOWN && b->size <= INT64_MAX)
			sum += b->size - bulk_receive_size(b->receive);
	return sum;
}

static int check_room(struct agent *a, uint64_t size, uint64_t *ret_room)
{
	uint64_t waits = to_come(a);
	if (size != BULK_SIZE_UNKNOWN)
		size = size > UINT64_MAX - 1 - waits ? UINT64_MAX - 1 : size + waits;
	return agent_limits_offer(a, size, ret_room);
}

static int receive_offer(struct agent *a, const struct packet *p)
{
	struct bulk_offer offer;
	struct agent_bulk *b = find(a, p->stream);
	int r = bulk_offer_get(p, &offer);
	if (r >= 0 && b != NULL && b->receive != NULL) { /* home has lost the host that sends it, and begins once more */
		drop(a, b);
		b = NULL;
	}
	uint64_t room = UINT64_MAX;
	bool announced = b != NULL && b->send == NULL && b->receive == NULL;
	if (r >= 0)
		r = check_room(a, offer.size, &room);
	if (r >= 0 && !announced)
		r = check_name(a, offer.name);
	bool image = r >= 0 && !announced && strcmp(offer.kind, "image") == 0;
	if (image)
		r = check_barred(a, epoch_of(offer.name));
	if (r >= 0 && !announced)
		r = add(a, p->stream, &b);
	if (r >= 0) {
		if (!announced)
			b->fd = openat(a->directory, "image", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		r = b->fd < 0 ? error_errno(PMIG_EIO, errno, "%s/image", a->options->state)
			      : bulk_receive_create(&(struct bulk_receive_options){.directory = b->fd,
							    .name = offer.name,
							    .mode = b->mode,
							    .limit = strcmp(offer.kind, "rows") == 0 ? AGENT_ROWS_MAX : 0,
							    .faults = announced ? ahead_points
								    : image     ? image_points
										: NULL,
							    .writer = peer_writer(a->driver),
							    .stream = p->stream},
					&offer, &b->receive);
		memcpy(b->name, offer.name, sizeof b->name);
		b->image = image;
		b->size = offer.size;
		b->room = offer.size == BULK_SIZE_UNKNOWN ? room : UINT64_MAX;
		b->epoch = image ? epoch_of(offer.name) : 0;
	}
	if (r < 0) {
		r = bulk_refuse(peer_writer(a->driver), p->stream, r);
		if (b != NULL)
			drop(a, b);
	}
	peer_kick(a->driver);
	return r < 0 ? r : 0;
}

/* Whether there is room for these bytes of a file whose size nobody knew is looked at again where it was found to end. */
static int receive(struct agent *a, struct agent_bulk *b, const struct packet *p)
{
	uint64_t room, end = p->offset + p->size;
	if (p->type != PACKET_DATA || b->room == UINT64_MAX || (end <= b->room && end >= p->offset))
		return bulk_receive_packet(b->receive, p);
	int r = check_room(a, p->size, &room);
	if (r >= 0) {
		b->room = room > UINT64_MAX - p->offset ? UINT64_MAX : p->offset + room;
		return bulk_receive_packet(b->receive, p);
	}
	bulk_receive_discard(b->receive);
	b->receive = NULL;
	(void)!bulk_refuse(peer_writer(a->driver), p->stream, r);
	return r;
}

int agent_file_packet(struct agent *a, const struct packet *p)
{
	if (p->type == PACKET_OFFER)
		return receive_offer(a, p);
	struct agent_bulk *b = find(a, p->stream);
	if (b == NULL)
		return 0; /* of one that was given up */
	if (b->send == NULL && b->receive == NULL) {
		(void)!bulk_refuse(peer_writer(a->driver), p->stream,
			error_set(PMIG_EPROTOCOL, "agent: bytes of nothing that was offered"));
		peer_kick(a->driver);
		drop(a, b);
		return 0;
	}
	int r = b->send != NULL ? bulk_send_packet(b->send, p) : receive(a, b, p);
	if (r == 0 && b->send != NULL) {
		r = bulk_send_pump(b->send);
		if (r < 0)
			(void)!bulk_refuse(peer_writer(a->driver), b->stream, r);
		r = r < 0 ? r : 0;
	}
	peer_kick(a->driver);
	if (r > 0 && b->receive != NULL && b->image)
		(void)snprintf(a->arrived, sizeof a->arrived, "image/%s", b->name);
	if (r != 0)
		drop(a, b); /* complete, or the other side has been told that it failed */
	return 0;
}

void agent_file_room(struct agent *a)
{
	for (struct agent_bulk *b = a->bulks; b != NULL; b = b->next)
		if (b->send != NULL)
			(void)!bulk_send_pump(b->send);
	if (a->driver != NULL && a->bulks != NULL)
		peer_kick(a->driver);
}
