/* protocol: how a file that stayed at its host is used from another one: requests and answers on a reliable stream of bytes.
 *
 * The client is the program (remote_file.h), the server a thread of the agent that holds the file
 * (transport/agent_reference_file.h); each believes nothing that the other says. All numbers are little-endian. After the head, `size` bytes of
 * payload follow.
 *
 *   request  0 u32 size    4 u16 operation    6 u16 handle    8 u64 id    16 u64 a    24 u64 b    32 u32 c    36 u32 d
 *   answer   0 u32 size    4 u32 error        8 u64 id       16 u64 a     24 u64 b
 *
 * Requests may be sent without waiting for answers; they are carried out, and answered, in the order in which they came. `error` is 0 or
 * an errno in the numbers of Linux's asm-generic; then size, a and b are 0. What is not a request of this version (an unknown
 * operation, a size out of bounds) ends the conversation. The first request is HELLO. Handle 0 is the held file itself, on the very
 * open file description that the program had: flags, flock() and locks are what they were, whatever happened to its name. The
 * other handles are files that OPEN opened; they end with the conversation. */
#ifndef PMIG_REFERENCE_PROTOCOL_H
#define PMIG_REFERENCE_PROTOCOL_H

#include <stdint.h>
#include <string.h>

#define PROTOCOL_MAGIC 0x656c6966676d6970u /* "pmigfile" */
#define PROTOCOL_VERSION 1
#define PROTOCOL_REQUEST 40 /* bytes of a head */
#define PROTOCOL_ANSWER 32
#define PROTOCOL_DATA_MAX (1u << 20) /* bytes of a payload */
#define PROTOCOL_HANDLES 32
#define PROTOCOL_NAME_MAX 1024  /* bytes of a suffix or of a path below the held directory, no NUL */
#define PROTOCOL_WAIT_MAX 1000u /* ms that one request waits for a lock */
#define PROTOCOL_STAT 120       /* bytes of a struct protocol_stat */

enum protocol_operation {
	PROTOCOL_HELLO = 1, /* a: magic, b: version; answer: a: version, b: the flags of F_GETFL, payload: stat */
	PROTOCOL_STAT_FILE, /* answer: payload: stat */
	PROTOCOL_READ,      /* a: offset, b: bytes; answer: payload: the bytes, fewer only at the end of the file */
	PROTOCOL_WRITE, /* a: offset, payload: bytes; answer: a: bytes written, b: their end, payload: two stats, as it was just before
	                   and is just after */
	PROTOCOL_APPEND,   /* as WRITE, behind whatever the end is then, at once */
	PROTOCOL_TRUNCATE, /* a: size; answer: payload: two stats */
	PROTOCOL_ALLOCATE, /* a: offset, b: bytes, c: mode of fallocate(2), 0, 1 (keep size), 3 (hole), 16 (zeros); answer: two stats */
	PROTOCOL_SYNC, /* c: 1: only the data; with the name of what OPEN created */
	PROTOCOL_LOCK, /* a: start, b: bytes, 0: to the end; c: PROTOCOL_SHARED ...; d: ms to wait; answer: payload: stat; EAGAIN */
	PROTOCOL_LOCK_TEST, /* as LOCK; answer: a: start, b: bytes, payload: u32 mode (PROTOCOL_UNLOCK: could be had), u32 pid */
	PROTOCOL_FLOCK,     /* c, d: as LOCK; answer: payload: stat; EAGAIN */
	PROTOCOL_SEEK,      /* a: offset, c: 3 SEEK_DATA, 4 SEEK_HOLE; answer: a: offset */
	PROTOCOL_FLAGS,     /* c: flags as for F_SETFL */
	PROTOCOL_MODE,      /* c: mode as for fchmod(2) */
	PROTOCOL_OWNER,     /* c: user, d: group */
	PROTOCOL_TIMES,     /* payload: s64 seconds, s64 ns of access, then of modification, as for futimens(2) */
	PROTOCOL_LIST, /* a directory's entries; a: 0 or where an earlier one ended; b: bytes; answer: a: where it ended, payload: entries
	                       u64 inode, u64 where it ends, u8 type, u8 0, u16 length of the name, the name */
	PROTOCOL_OPEN, /* payload: a name, c: PROTOCOL_OPEN_READ ..., d: mode; answer: a: handle, b: flags, payload: stat. The name is, when
	                  handle is a file, a suffix to its present path, "" or one that begins with - and has no / ("-journal");
	                  "" opens the file anew; for writing only what is held for that. When handle is a directory: a path below it, links that lead out of it do not count */
	PROTOCOL_LOOK,   /* payload: a name as of OPEN, c: 1: do not follow a link at its end; answer: payload: stat */
	PROTOCOL_REMOVE, /* payload: a suffix as of OPEN, c: 1: also makes the directory durable */
	PROTOCOL_CLOSE,  /* the handle, which is not 0 */
	PROTOCOL_LAST = PROTOCOL_CLOSE
};

#define PROTOCOL_SHARED 1u
#define PROTOCOL_EXCLUSIVE 2u
#define PROTOCOL_UNLOCK 3u

#define PROTOCOL_OPEN_READ 1u
#define PROTOCOL_OPEN_WRITE 2u
#define PROTOCOL_OPEN_CREATE 4u
#define PROTOCOL_OPEN_EXCLUSIVE 8u
#define PROTOCOL_OPEN_TRUNCATE 16u
#define PROTOCOL_OPEN_APPEND 32u
#define PROTOCOL_OPEN_DIRECTORY 64u
#define PROTOCOL_OPEN_SYNC 128u
#define PROTOCOL_OPEN_ALL 255u

struct protocol_request {
	uint32_t size;
	uint16_t operation, handle;
	uint64_t id, a, b;
	uint32_t c, d;
};

struct protocol_answer {
	uint32_t size, error;
	uint64_t id, a, b;
};

/* Times are ns since 1970. `now` is the clock by which the file system stamps changes: while changed and now are close
 * together, another change may get the same stamp. */
struct protocol_stat {
	uint64_t device, inode, size, blocks;
	int64_t accessed, modified, changed, now;
	uint64_t links, special; /* st_rdev */
	uint32_t mode, user, group, block;
};

static inline void protocol_put(unsigned char *to, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)(v >> 8 * i);
}

static inline uint64_t protocol_get(const unsigned char *from, size_t bytes)
{
	uint64_t v = 0;
	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

/* What is written and how it is read, in one place. */
static inline void protocol_put_request(unsigned char to[PROTOCOL_REQUEST], const struct protocol_request *q)
{
	protocol_put(to, q->size, 4);
	protocol_put(to + 4, q->operation, 2);
	protocol_put(to + 6, q->handle, 2);
	protocol_put(to + 8, q->id, 8);
	protocol_put(to + 16, q->a, 8);
	protocol_put(to + 24, q->b, 8);
	protocol_put(to + 32, q->c, 4);
	protocol_put(to + 36, q->d, 4);
}

static inline struct protocol_request protocol_get_request(const unsigned char from[PROTOCOL_REQUEST])
{
	return (struct protocol_request){.size = (uint32_t)protocol_get(from, 4),
		.operation = (uint16_t)protocol_get(from + 4, 2),
		.handle = (uint16_t)protocol_get(from + 6, 2),
		.id = protocol_get(from + 8, 8),
		.a = protocol_get(from + 16, 8),
		.b = protocol_get(from + 24, 8),
		.c = (uint32_t)protocol_get(from + 32, 4),
		.d = (uint32_t)protocol_get(from + 36, 4)};
}

static inline void protocol_put_answer(unsigned char to[PROTOCOL_ANSWER], const struct protocol_answer *r)
{
	protocol_put(to, r->size, 4);
	protocol_put(to + 4, r->error, 4);
	protocol_put(to + 8, r->id, 8);
	protocol_put(to + 16, r->a, 8);
	protocol_put(to + 24, r->b, 8);
}

static inline struct protocol_answer protocol_get_answer(const unsigned char from[PROTOCOL_ANSWER])
{
	return (struct protocol_answer){.size = (uint32_t)protocol_get(from, 4),
		.error = (uint32_t)protocol_get(from + 4, 4),
		.id = protocol_get(from + 8, 8),
		.a = protocol_get(from + 16, 8),
		.b = protocol_get(from + 24, 8)};
}

static inline void protocol_put_stat(unsigned char to[PROTOCOL_STAT], const struct protocol_stat *s)
{
	const uint64_t wide[] = {s->device, s->inode, s->size, s->blocks, (uint64_t)s->accessed, (uint64_t)s->modified,
		(uint64_t)s->changed, (uint64_t)s->now, s->links, s->special};
	const uint32_t narrow[] = {s->mode, s->user, s->group, s->block};
	memset(to, 0, PROTOCOL_STAT);
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		protocol_put(to + 8 * i, wide[i], 8);
	for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
		protocol_put(to + sizeof wide + 4 * i, narrow[i], 4);
}

static inline struct protocol_stat protocol_get_stat(const unsigned char from[PROTOCOL_STAT])
{
	uint64_t w[10];
	uint32_t n[4];
	for (size_t i = 0; i < 10; i++)
		w[i] = protocol_get(from + 8 * i, 8);
	for (size_t i = 0; i < 4; i++)
		n[i] = (uint32_t)protocol_get(from + sizeof w + 4 * i, 4);
	return (struct protocol_stat){w[0], w[1], w[2], w[3], (int64_t)w[4], (int64_t)w[5], (int64_t)w[6], (int64_t)w[7],
		w[8], w[9], n[0], n[1], n[2], n[3]};
}

#endif
