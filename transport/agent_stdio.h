/* agent_stdio: the three standard streams of a program at its host: a terminal of its own where the user has one, pipes
 * elsewhere. Output is spooled until it is acknowledged; streams are addressed by offset, so that they go on at
 * another host where they ended here. */
#ifndef PMIG_TRANSPORT_AGENT_STDIO_H
#define PMIG_TRANSPORT_AGENT_STDIO_H

#include "peer.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#define AGENT_STDIN 1 /* stream numbers of packets */
#define AGENT_STDOUT 2
#define AGENT_STDERR 3
#define AGENT_INPUT_WINDOW (256u << 10) /* bytes of input that may be under way */
#define AGENT_INPUT_UNREAD (64u << 10)  /* bytes of unread input that travel with a program */

struct agent_stdio;

struct agent_stdio_options {
	struct loop *loop;
	bool terminal[3];               /* of stdin, stdout, stderr */
	struct winsize size;            /* of the terminal */
	const char *modes;              /* as agent_stdio_modes() gave it; NULL: the defaults */
	uint64_t offset[3];             /* where the streams go on */
	int directory;                  /* for what does not fit into memory; borrowed */
	const char *name;               /* unique there; copied */
	void (*changed)(void *context); /* there is output to send, or input was taken */
	void *context;
};

int agent_stdio_create(const struct agent_stdio_options *options, struct agent_stdio **ret_io) PMIG_MUST_CHECK;
void agent_stdio_destroy(struct agent_stdio *io); /* NULL is fine */

/* After fork(), in the child: descriptors 0, 1, 2. Async-signal-safe. */
int agent_stdio_child(const struct agent_stdio *io) PMIG_MUST_CHECK;

/* After fork(), in the parent: closes the child's ends, makes its process group that of the terminal. */
void agent_stdio_parent(struct agent_stdio *io, pid_t child);

/* Input that has come; bytes before the expected offset are dropped. PMIG_EPROTOCOL: a gap, or beyond the window. */
int agent_stdio_input(struct agent_stdio *io, uint64_t offset, const void *data, size_t size) PMIG_MUST_CHECK;
int agent_stdio_input_end(struct agent_stdio *io, uint64_t offset) PMIG_MUST_CHECK;
bool agent_stdio_ended(const struct agent_stdio *io); /* the end of the input is known */

/* Everything up to here is with the program or in its pipe. */
uint64_t agent_stdio_taken(const struct agent_stdio *io);

/* The program is frozen (or has ended): reads all output that it has written, so that the ends are final. */
int agent_stdio_settle(struct agent_stdio *io);

/* The program is frozen: takes input back that it has not read, up to AGENT_INPUT_UNREAD bytes. Returns the number of bytes
 * (they end at agent_stdio_taken()); *ret_data is borrowed. They are given to the program again by agent_stdio_go_on(). */
int agent_stdio_take_back(struct agent_stdio *io, const void **ret_data) PMIG_MUST_CHECK;
void agent_stdio_go_on(struct agent_stdio *io);

/* Input that was taken back elsewhere, before anything else comes and before the program runs. */
int agent_stdio_preload(struct agent_stdio *io, const void *data, size_t size) PMIG_MUST_CHECK;

/* Sends and forgets output. `stream` is AGENT_STDOUT or AGENT_STDERR. */
void agent_stdio_pump(struct agent_stdio *io, struct peer *peer);
int agent_stdio_seek(struct agent_stdio *io, unsigned stream, uint64_t offset) PMIG_MUST_CHECK; /* send from here on */
int agent_stdio_acknowledge(struct agent_stdio *io, unsigned stream, uint64_t offset) PMIG_MUST_CHECK;
int agent_stdio_unread(struct agent_stdio *io,
	unsigned stream) PMIG_MUST_CHECK; /* nobody reads it any more: a pipe breaks */
ssize_t agent_stdio_peek(const struct agent_stdio *io, unsigned stream, char *buffer, size_t size); /* the last bytes */
uint64_t agent_stdio_begin(const struct agent_stdio *io, unsigned stream);
uint64_t agent_stdio_end(const struct agent_stdio *io, unsigned stream);

/* The terminal's settings; "" without one. Hexadecimal, valid among machines of one architecture. */
#define AGENT_MODES_MAX 256
void agent_stdio_modes(const struct agent_stdio *io, char ret_modes[AGENT_MODES_MAX]);
void agent_stdio_resize(struct agent_stdio *io, const struct winsize *size);
struct winsize agent_stdio_size(const struct agent_stdio *io);
bool agent_stdio_terminal(const struct agent_stdio *io, int fd); /* 0, 1, 2 */

/* Which of 0, 1, 2 was given to the program as what `st` describes; -1: none of them. */
int agent_stdio_which(const struct agent_stdio *io, const struct stat *st);

#endif
