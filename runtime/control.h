/* control: what the program's runtime and the agent that is its parent say to each other.
 *
 * The channel is a SOCK_SEQPACKET unix socketpair; the program finds its end by the environment variable
 * PMIG_CONTROL (a descriptor number), which the runtime removes from the environment. A program that is to be restored finds
 * the image by PMIG_RESTORE in the same way, and PMIG_VERIFIED=1 where the agent has compared its bytes with a hash, PMIG_REWIND=1 where changed files are set aside, PMIG_CLONE=1 where it
 * becomes another process than the one in the image. Messages
 * have a fixed size and no variable parts beyond one text, so that the program parses nothing. A request is followed by the
 * signal CONTROL_SIGNAL, whose handler sets the poll flags; the runtime then reads the channel at the next safe point. */
#ifndef PMIG_CONTROL_H
#define PMIG_CONTROL_H

#include <signal.h>
#include <stdint.h>

#define CONTROL_MAGIC 0x676d7063u /* "cpmg" */
#define CONTROL_VERSION 1
#define CONTROL_SIGNAL SIGURG /* ignored by default: harmless where the handler is not installed yet */
#define CONTROL_TEXT_MAX 3072

enum control_type {
	/* agent to program */
	CONTROL_CHECKPOINT =
		1, /* args[0]: CONTROL_FREEZE | CONTROL_PLANNED | CONTROL_WAIT_CHILDREN, or 0; carries the image descriptor, open for writing */
	CONTROL_CANCEL, /* the request is withdrawn; args[0] = 1: answer with CONTROL_WHERE from the handler */
	CONTROL_GO_ON,  /* a frozen program goes on here; args[0]: enum pmig_outcome; text: the reason */
	CONTROL_END, /* a frozen program ends silently with _exit(0): it was taken over elsewhere, and what moved is removed
	                         * here; or, args[0] = CONTROL_KEEP, it waits in its image, and everything stays where it is */
	CONTROL_ACTIVATE, /* a restored program, which waits, begins to run */

	/* program to agent */
	CONTROL_HELLO, /* args[0]: pid, [1]: 1 if restoring, [2]: address of the pointer to its struct control_opened, 0: it
	                   * has none; text: build identity (hex) */
	CONTROL_RESOURCE, /* declarations and withdrawals, in their order; text, lines: for a declaration
	                   *   +SLOT BINDING ATTACHMENT STRATEGY CONSENT FLAGS RATE SIZE
	                   *   kind, name, locator (a pattern at file scope), type; in each a backslash is written twice and an
	                   *   end of line as backslash and n
	                   * with FLAGS: shared | secret << 1 | CONTROL_FILE_SCOPE | CONTROL_SECRET_HOOK | (descriptor + 1) << 8;
	                   * for a withdrawal
	                   *   -SLOT */
	CONTROL_WITHDRAW, /* not sent any more */
	CONTROL_NOT_HERE, /* a checkpoint was tried and waits for a better point; text: the sentence */
	CONTROL_WHERE, /* the answer to CANCEL; text: where the program is, innermost function first; args[0] = 1: its safe points are
	                   * those that somebody wrote */
	CONTROL_FROZEN, /* image complete, the program waits; args[0] bytes, [1] frames, [2] ns stopped so far */
	CONTROL_SAVED,  /* image complete, the program goes on; args as FROZEN */
	CONTROL_FAILED, /* the checkpoint failed, the program goes on; args[0]: PMIG_E*; text: the sentence */
	CONTROL_RESTORED, /* everything is resolved; waits for ACTIVATE; args[0]: ns, args[1]: frames, args[2]: 1 if the libraries
	                   * lie at other addresses than before (they do, where addresses are randomised) */
	CONTROL_DECIDED, /* before FROZEN or SAVED, for each thing that is open: args[0] its lowest descriptor, args[1] enum
	                   * pmig_strategy; text: kind \n locator */

	/* agent to program */
	CONTROL_PLAN =
		40, /* just before the CHECKPOINT that it is for; carries what was decided (decision.h), open for reading */

	/* program to agent */
	CONTROL_KIND, /* a kind that the tree does not have: args[0] its operations, bits as 1 << enum pmig_strategy; text: name \n about */
	CONTROL_LOCALES, /* of what libc loads from files of the host, all that it uses, when that has changed; text: its LOCPATH and its
	                  * GCONV_PATH ("": none), a line each, then a line each: the mask of newlocale(3) in hex, a space, the name of a
	                  * locale; or =, the names of two character sets with a tab between: a conversion. Empty: nothing */
	CONTROL_BOUND, /* what ties it to this host for as long as it has it (resource/bound.h), when that has changed; text: the sentence; empty:
	                * nothing any more */

	/* References (reference/reference.h). Program to agent; a question is followed by CONTROL_REFERENCE with the same args[7]. */
	CONTROL_HOLD = 64, /* args[0]: the number, made by the program, [1]: enum reference_kind, [2]: the slot of its
	                    * declaration or -1; carries the descriptor; text: locator. No answer: what cannot be held fails the freeze */
	CONTROL_CARRY,     /* args[0]: the number, used from the target as well; no answer */
	CONTROL_SUSPEND, /* args[0]: the number; carries the program's end of its bytes; answered with their state in a file */
	CONTROL_CONNECT, /* args[0]: the number; text: "", REFERENCE_DATAGRAMS or REFERENCE_CONNECTED; may carry the state of a CONTROL_SUSPEND;
	                  * answered with a descriptor */
	CONTROL_LISTEN, /* args[0]: the number; text: the wanted address; answered with the address */
	CONTROL_DROP,   /* args[0]: the number; no answer */
	CONTROL_TELL,   /* args[0]: the number; text: the bytes of a note in hexadecimal digits; answered with nothing,
	                 * and without a ticket not at all */
	CONTROL_NOTES, /* answered with a SOCK_SEQPACKET socket by which children of the program tell: a u64 number and the bytes of a note */
	CONTROL_UNPLAIN, /* args[0]: the number; carries the TCP socket by which the program has its bytes; answered with the socket of a channel
	                  * in its place, or PMIG_EGONE: it stays as it is; without a ticket it only begins */

	/* A socket that listens at another host (reference/listener.h). Questions as above. */
	CONTROL_DOOR =
		80, /* args[0]: the number, [1]: its backlog, [2]: how many CONTROL_OFFERs will come; answered with a unix socket that listens
	                    * (args[1] 1: at the host of the thing), or with the thing itself */
	CONTROL_PENDING, /* args[0]: the number; answered with the state of the next connection that came in and was not accepted, and its label
	                  * (base/socket_label.h) as the text; without either when there is none */
	CONTROL_OFFER, /* args[0]: the number; text: a label; carries a state: such a connection waits in the door here; answered with nothing */

	/* agent to program, without the signal: it is waited for */
	CONTROL_REFERENCE, /* args[0]: 0 or PMIG_E*, [2]: 1: the thing itself, [7]: of the question; may carry a descriptor; text: the
	                    * sentence, or the address */
	CONTROL_REFERS =
		60, /* a descriptor that stands for a thing at another host: args[0] its st_dev, args[1] its st_ino here,
	                      * args[2] the number of the reference (0: none any more); text: kind \n locator there.
	                      * args[0] 0: a handle; args[1] is the slot of its declaration, the text kind \n where it is reached now */
};

#define CONTROL_FREEZE 1
#define CONTROL_PLANNED 2       /* the PLAN that came before belongs to it */
#define CONTROL_WAIT_CHILDREN 4 /* child processes that run put it off; else they refuse it */
#define CONTROL_KEEP 1
#define CONTROL_OPENED_MAGIC 0x6e65706fu /* "open" */
#define CONTROL_FILE_SCOPE 4
#define CONTROL_SECRET_HOOK 8

/* In the program's memory, for the agent to look at with process_vm_readv(2) while the program runs: where in the program each
 * descriptor was opened. Behind it `count` pointers to texts, by descriptor; NULL: unknown. What is read may be torn: it is shown to
 * people, and nothing depends on it. */
struct control_opened {
	uint32_t magic;
	uint32_t count;
};

struct control_message {
	uint32_t magic;
	uint16_t version;
	uint16_t type;     /* enum control_type */
	uint64_t sequence; /* of the request that this belongs to */
	int64_t args[8];
	uint32_t size; /* of the text, without the terminating NUL */
	uint32_t reserved;
	char text[CONTROL_TEXT_MAX];
};

#endif
