/* bulk_receive: writes a stream into NAME.part and makes it NAME when all of it is there, right and durable. */
#include "bulk_hash.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct bulk_receive {
	struct bulk_receive_options options;
	char name[BULK_NAME_MAX];
	char part[BULK_NAME_MAX + 8];
	int fd;
	uint64_t at, total;
	bool first; /* no data yet: the sender may go back to 0 */
	struct bulk_hash hash;
	char hex[2 * BULK_HASH_SIZE + 1];
	uint8_t buffer[BULK_CHUNK];
};

static int io_error(struct bulk_receive *r, const char *what)
{
	int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? PMIG_ENOSPC : PMIG_EIO;
	return error_errno(code, errno, "%s: cannot %s", r->name, what);
}

/* Whether the name still leads to the file that was opened: its last holder may have renamed or removed it. */
static bool still_there(const struct bulk_receive *r)
{
	struct stat a, b;
	return fstat(r->fd, &a) == 0 && S_ISREG(a.st_mode) &&
		fstatat(r->options.directory, r->part, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino;
}

/* The lock tells the partial file of a living receiver from one that a lost session left behind. */
static int open_part(struct bulk_receive *r)
{
	mode_t mode = r->options.mode != 0 ? r->options.mode : 0600;
	r->fd = openat(r->options.directory, r->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (r->fd < 0)
		return io_error(r, "make its file");
	if (flock(r->fd, LOCK_EX | LOCK_NB) < 0 || !still_there(r))
		return error_set(PMIG_EBUSY, "%s: it is being received already", r->name);
	if (fchmod(r->fd, mode & 07777) < 0)
		return io_error(r, "use its file");
	return 0;
}

/* What an earlier try left; hashed, for the sender compares. */
static int read_prefix(struct bulk_receive *r)
{
	ssize_t n;
	while ((n = pread(r->fd, r->buffer, sizeof r->buffer, (off_t)r->at)) != 0) {
		if (n < 0 && errno != EINTR)
			return io_error(r, "read what is there");
		if (n < 0)
			continue;
		bulk_hash_add(&r->hash, r->buffer, (size_t)n);
		r->at += (uint64_t)n;
	}
	return 0;
}

static int start_anew(struct bulk_receive *r)
{
	if (ftruncate(r->fd, 0) < 0)
		return io_error(r, "truncate its file");
	bulk_hash_reset(&r->hash);
	r->at = 0;
	return 0;
}

static int check_space(struct bulk_receive *r, uint64_t size)
{
	struct statvfs v;
	if (r->options.limit > 0 && size != BULK_SIZE_UNKNOWN && size > r->options.limit)
		return error_set(PMIG_ENOSPC, "%s: %llu bytes are more than the %llu that are taken", r->name,
			(unsigned long long)size, (unsigned long long)r->options.limit);
	if (size == BULK_SIZE_UNKNOWN || size <= r->at || fstatvfs(r->fd, &v) < 0)
		return 0;
	uint64_t room = (uint64_t)v.f_bavail * v.f_frsize;
	if (room < size - r->at)
		return error_set(PMIG_ENOSPC, "%s: %llu more bytes are needed, the disk has %llu left", r->name,
			(unsigned long long)(size - r->at), (unsigned long long)room);
	return 0;
}

static int put(struct bulk_receive *r, enum packet_type type, const void *data, size_t size)
{
	struct packet p = {.type = type, .stream = r->options.stream, .offset = r->at, .data = data, .size = size};
	return packet_writer_put(r->options.writer, &p);
}

static int begin(struct bulk_receive *r, const struct bulk_offer *offer)
{
	uint8_t digest[BULK_HASH_SIZE];
	int rc = open_part(r);
	if (rc >= 0)
		rc = read_prefix(r);
	if (rc >= 0 && r->at > r->total)
		rc = start_anew(r);
	if (rc >= 0) {
		rc = check_space(r, offer->size);
		if (rc < 0 && r->at == 0)
			(void)unlinkat(r->options.directory, r->part, 0);
	}
	if (rc < 0)
		return rc;
	bulk_hash_digest(&r->hash, digest);
	return put(r, PACKET_HAVE, digest, sizeof digest);
}

int bulk_receive_create(const struct bulk_receive_options *options, const struct bulk_offer *offer,
	struct bulk_receive **ret_receive)
{
	if (!bulk_name_allowed(options->name))
		return error_set(PMIG_EINVAL, "bulk: '%.100s' cannot be a file name", options->name);
	struct bulk_receive *r = calloc(1, sizeof *r);
	if (r == NULL)
		return error_set(PMIG_ENOMEM, "bulk: not enough memory");
	r->options = *options;
	r->fd = -1;
	r->first = true;
	r->total = offer->size;
	(void)snprintf(r->name, sizeof r->name, "%s", options->name);
	(void)snprintf(r->part, sizeof r->part, "%s.part", r->name);
	int rc = bulk_hash_init(&r->hash);
	if (rc >= 0)
		rc = begin(r, offer);
	if (rc < 0) {
		bulk_receive_destroy(r);
		return rc;
	}
	*ret_receive = r;
	return 0;
}

void bulk_receive_destroy(struct bulk_receive *r)
{
	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd);
	bulk_hash_finish(&r->hash);
	free(r);
}

void bulk_receive_discard(struct bulk_receive *r)
{
	if (r != NULL && r->fd >= 0)
		(void)unlinkat(r->options.directory, r->part, 0);
	bulk_receive_destroy(r);
}

static int meet(const struct bulk_receive *r, enum bulk_stage stage)
{
	return r->options.faults != NULL ? fault_meet(r->options.faults[stage]) : 0;
}

/* A piece that is the first or the last one may go wrong: what is to be written of it now, and how much. */
static int meet_data(struct bulk_receive *r, const uint8_t **data, size_t *size)
{
	bool first = r->at == 0, last = r->at + *size == r->total;
	if (r->options.faults == NULL || (!first && !last) || *size > sizeof r->buffer)
		return 0;
	memcpy(r->buffer, *data, *size);
	*data = r->buffer;
	int rc = first ? fault_write(r->options.faults[BULK_FIRST], r->buffer, size) : 0;
	return rc >= 0 && last ? fault_write(r->options.faults[BULK_LAST], r->buffer, size) : rc;
}

static int write_all(struct bulk_receive *r, const uint8_t *data, size_t size)
{
	size_t taken = size; /* by the kernel, at the first call */
	int rc = meet_data(r, &data, &taken);
	if (rc < 0)
		return rc;
	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(r->fd, data + done, (done < taken ? taken : size) - done, (off_t)(r->at + done));
		if (n < 0 && errno != EINTR)
			return io_error(r, "write");
		if (n > 0)
			done += (size_t)n;
	}
	bulk_hash_add(&r->hash, data, size);
	r->at += size;
	return 0;
}

static int take_data(struct bulk_receive *r, const struct packet *p)
{
	int rc = 0;
	if (r->first && p->offset == 0 && r->at > 0)
		rc = start_anew(r); /* the sender did not recognise what was here */
	r->first = false;
	if (rc >= 0 && p->offset != r->at)
		rc = error_set(PMIG_EPROTOCOL, "%s: bytes at %llu came where %llu were due", r->name,
			(unsigned long long)p->offset, (unsigned long long)r->at);
	uint64_t max = r->total != BULK_SIZE_UNKNOWN ? r->total : r->options.limit > 0 ? r->options.limit : INT64_MAX;
	if (rc >= 0 && (p->size > max || r->at > max - p->size))
		rc = error_set(PMIG_ENOSPC, "%s: more bytes came than were offered or are taken", r->name);
	if (rc >= 0)
		rc = write_all(r, p->data, p->size);
	if (rc < 0)
		return rc;
	if (r->options.progress != NULL)
		r->options.progress(r->options.context, r->at, r->total);
	return put(r, PACKET_ACK, NULL, 0);
}

static int take_end(struct bulk_receive *r, const struct packet *p)
{
	uint8_t digest[BULK_HASH_SIZE];
	int rc = 0;
	if (r->first && p->offset == 0 && r->at > 0)
		rc = start_anew(r); /* empty, and something else was here */
	if (rc < 0)
		return rc;
	size_t nothing = 0; /* of a size that nobody knew, only now it is clear that the last bytes have come */
	if (r->options.faults != NULL && r->total == BULK_SIZE_UNKNOWN)
		rc = fault_write(r->options.faults[BULK_LAST], r->buffer, &nothing);
	if (rc < 0)
		return rc;
	bulk_hash_digest(&r->hash, digest);
	if (p->offset != r->at || (r->total != BULK_SIZE_UNKNOWN && r->total != r->at) || p->size != sizeof digest)
		return error_set(PMIG_EPROTOCOL, "%s: it ended at %llu bytes, %llu are here", r->name,
			(unsigned long long)p->offset, (unsigned long long)r->at);
	if (memcmp(digest, p->data, sizeof digest) != 0)
		return error_set(PMIG_ECORRUPT, "%s: its %llu bytes are not those that were sent (xxh3 differs)", r->name,
			(unsigned long long)r->at);
	rc = meet(r, BULK_WRITTEN);
	if (rc < 0)
		return rc;
	if (!r->options.passing && fsync(r->fd) < 0)
		return io_error(r, "make it durable");
	rc = meet(r, BULK_SYNCED);
	if (rc < 0)
		return rc;
	if (renameat(r->options.directory, r->part, r->options.directory, r->name) < 0)
		return io_error(r, "rename it");
	rc = meet(r, BULK_RENAMED);
	if (rc < 0)
		return rc;
	if (!r->options.passing && fsync(r->options.directory) < 0)
		return io_error(r, "make its directory durable");
	close(r->fd);
	r->fd = -1;
	bulk_hash_hex(digest, r->hex);
	rc = put(r, PACKET_DONE, NULL, 0);
	return rc < 0 ? rc : 1;
}

int bulk_receive_packet(struct bulk_receive *r, const struct packet *p)
{
	int rc;
	if (r->fd < 0)
		return error_set(PMIG_EPROTOCOL, "%s: packets after its end", r->name);
	switch (p->type) {
	case PACKET_DATA:
		rc = take_data(r, p);
		break;
	case PACKET_END:
		rc = take_end(r, p);
		break;
	case PACKET_FAILED: /* the sender gave up; it knows */
		return bulk_failure(p, r->name);
	default:
		rc = error_set(PMIG_EPROTOCOL, "%s: packet type %d makes no sense here", r->name, (int)p->type);
	}
	if (rc >= 0)
		return rc;
	if (r->fd >= 0) {
		(void)unlinkat(r->options.directory, r->part, 0);
		close(r->fd);
		r->fd = -1;
	}
	(void)!bulk_refuse(r->options.writer, r->options.stream, rc);
	return rc;
}

uint64_t bulk_receive_size(const struct bulk_receive *r)
{
	return r->at;
}

const char *bulk_receive_hash(const struct bulk_receive *r)
{
	return r->hex;
}
