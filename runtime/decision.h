/* decision: what the planner decided for each resource of a process, as the agent hands it to the program: one file of fixed-size
 * records and the texts behind them, so that the program parses no text from outside. CONTROL_PLAN (control.h) carries its
 * descriptor, just before the CONTROL_CHECKPOINT that it is for.
 *
 * In the file: the header, `count` records, `text_size` bytes of texts. A text is given by its offset into the texts, ends with a NUL
 * before their end, and offset 0 is "". The machine's own byte order: the file never leaves it. */
#ifndef PMIG_DECISION_H
#define PMIG_DECISION_H

#include <stdint.h>

#define DECISION_MAGIC 0x6e6c7067u /* "gpln" */
#define DECISION_VERSION 1
#define DECISION_COUNT_MAX 65536       /* records */
#define DECISION_TEXTS_MAX (16u << 20) /* bytes of texts */
#define DECISION_TEXT_MAX 4096         /* bytes of one text, its NUL included */

/* decision_record.flags */
#define DECISION_KEPT 1u           /* PMIG_REFER at no cost: it is opened there as it was */
#define DECISION_DROPPED 2u        /* nothing takes its place; PMIG_REBIND, to nothing */
#define DECISION_PART 4u           /* part of the process: its kind knows how it travels */
#define DECISION_POLICY 8u         /* a policy said what it means: counts where the program declares nothing */
#define DECISION_SHARED 16u        /* the policy says so */
#define DECISION_SHARED_FOUND 128u /* others were found to use it */
#define DECISION_SECRET 32u        /* the policy says so */
#define DECISION_UNDECLARED 64u    /* nobody said what it means: binding and attachment are the default of its kind */

struct decision_header {
	uint32_t magic;
	uint16_t version;
	uint16_t record_size; /* sizeof(struct decision_record) */
	uint32_t count;
	uint32_t text_size;
};

/* A descriptor is known by number, device and inode: a number that was used again is another thing. Memory and handles are known by
 * their slot, with fd -1, and come first, in the order of their slots; then the descriptors in the order of their numbers, each once. */
struct decision_record {
	int64_t slot;
	uint64_t device, inode;
	uint64_t most; /* bytes it may have at the freeze; 0: any number */
	int32_t fd;
	uint32_t flags;
	uint32_t strategy; /* enum pmig_strategy */
	uint32_t binding, attachment, consent;
	uint32_t kind, type; /* texts */
	uint32_t there;      /* text: what the target has for it, or where equal content lies there */
	uint32_t content;    /* text: the hash of that content, 32 hexadecimal digits */
};

#endif
