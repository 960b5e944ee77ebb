/* remote_file_parts: what the files of remote_file share; nobody else includes it. */
#ifndef PMIG_REFERENCE_REMOTE_FILE_PARTS_H
#define PMIG_REFERENCE_REMOTE_FILE_PARTS_H

#include "../guard.h"
#include "remote_cache.h"
#include "remote_file.h"
#include "remote_link.h"

#define POSITION_APPENDED (-1) /* where the last append ended, once its answer is there */

struct remote_file {
	struct remote_link *link;
	uint16_t handle;
	int flags;
	off_t position;
	struct protocol_stat st; /* as of the last answer that told it */
	int64_t asked;           /* ms; when that was */
	uint64_t end;            /* the size as far as it is known here, with what was written and not answered */
	uint64_t appended;       /* where the last append that was answered ended */
	int error;               /* of a write that was answered, not yet told to the program */
	int read_error;          /* of the last read that was answered */
	struct remote_cache cache;
	uint64_t next;  /* where a reading in sequence goes on */
	uint64_t ahead; /* page up to which a reading in sequence has asked */
	size_t window;  /* pages that are asked for beyond what is read; 0: not in sequence */
	unsigned misses;
	uint64_t sweep; /* the next page of a small file that is fetched beside what was missed */
	bool slow;      /* a round trip takes so long that more at a time is cheaper */
};

int64_t remote_file_now(void); /* ms */

/* What an answer told about the file as it is; what is cached is forgotten if somebody else changed it. */
void remote_file_compare(struct remote_file *f, const struct protocol_stat *now);

/* A request on the file that answers with `stats` stats, of which the last one is compared. -1 and errno. */
int remote_file_call(struct remote_file *f, struct protocol_request *q, const void *data, unsigned stats,
	struct protocol_answer *r);

/* 0, or -1 with the errno of an earlier write, which is told now. */
int remote_file_tell(struct remote_file *f);

#endif
