/* agent_stdio: pipes and the pseudo-terminal of a program, and what waits in them. */
#include "agent_stdio.h"
#include "runtime/base/hex.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define SETTLE_MS 2000

struct output {
	struct spool *spool;
	int fd;  /* read end, or the terminal's master; -1: ended or not used */
	int far; /* the child's end until it has it */
	uint64_t sent;
	char *left; /* read, and the spool had no place for it: goes there as soon as it has */
	size_t left_size;
	struct loop_source *source;
	struct agent_stdio *io;
};

struct agent_stdio {
	struct agent_stdio_options options;
	int master, slave; /* the terminal, -1: none */
	int in, in_far;    /* write end of the input (or a copy of master), and read end */
	char waiting[AGENT_INPUT_WINDOW + AGENT_INPUT_UNREAD]; /* input that the pipe has not taken */
	size_t waiting_size;
	uint64_t taken; /* offset of waiting[0] */
	bool end;       /* the input ends behind what waits */
	bool held;      /* frozen: the pipe gets nothing */
	char unread[AGENT_INPUT_UNREAD];
	size_t unread_size;
	struct loop_source *in_source;
	struct output output[2]; /* AGENT_STDOUT, AGENT_STDERR */
	struct stat given[3];    /* what the program gets as 0, 1, 2 */
};

static void set_cloexec_nonblock(int fd)
{
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void close_descriptor(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int open_terminal(struct agent_stdio *io)
{
	io->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (io->master < 0 || unlockpt(io->master) < 0)
		return error_errno(PMIG_EIO, errno, "terminal: cannot be made");
	io->slave = ioctl(io->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (io->slave < 0)
		return error_errno(PMIG_EIO, errno, "terminal: its other side cannot be opened");
	struct termios modes;
	if (io->options.modes != NULL && strlen(io->options.modes) == 2 * sizeof modes &&
		hex_get(io->options.modes, &modes, sizeof modes))
		(void)tcsetattr(io->slave, TCSANOW, &modes);
	(void)ioctl(io->slave, TIOCSWINSZ, &io->options.size);
	(void)ioctl(io->slave, TIOCSCTTY, 0); /* fails where the agent leads no session: then there is no job control */
	set_cloexec_nonblock(io->master);
	return 0;
}

static void feed(struct agent_stdio *io);

static void on_input_room(void *context, short events)
{
	(void)events;
	feed(context);
}

/* Gives the program what waits, as far as it fits. */
static void feed(struct agent_stdio *io)
{
	size_t done = 0;
	while (!io->held && io->in >= 0 && done < io->waiting_size) {
		ssize_t n = write(io->in, io->waiting + done, io->waiting_size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			n = (ssize_t)(io->waiting_size - done); /* nobody reads any more: as good as read */
		done += (size_t)n;
	}
	memmove(io->waiting, io->waiting + done, io->waiting_size - done);
	io->waiting_size -= done;
	io->taken += done;
	if (io->in_source != NULL)
		loop_watch(io->in_source, io->waiting_size > 0 && !io->held ? POLLOUT : 0);
	if (io->end && io->waiting_size == 0 && !io->held && io->in >= 0 && io->master < 0) {
		loop_remove(&io->in_source);
		close_descriptor(&io->in);
	}
	if (done > 0)
		io->options.changed(io->options.context);
}

/* All of what was read is kept: what the spool does not take, for want of space on the disk, in memory; then nothing more is read, but what
 * is in the pipe of a program that stops or has ended. */
static int keep(struct output *o, const char *data, size_t size)
{
	if (o->left_size == 0 && spool_append(o->spool, data, size) >= 0)
		return 0;
	char *more = realloc(o->left, o->left_size + size);
	if (more == NULL)
		return error_set(PMIG_ENOMEM, "output: out of memory");
	memcpy(more + o->left_size, data, size);
	o->left = more;
	o->left_size += size;
	return 0;
}

static bool keep_left(struct output *o)
{
	size_t done = 0, piece = 0;
	do {
		done += piece;
		piece = o->left_size - done < CHUNK ? o->left_size - done : CHUNK;
	} while (piece > 0 && spool_append(o->spool, o->left + done, piece) >= 0);
	if (done > 0)
		memmove(o->left, o->left + done, o->left_size - done);
	o->left_size -= done;
	return done > 0;
}

/* Reads once. 1: something came, 0: nothing is there, < 0: the end. */
static int read_output(struct output *o, bool whatever)
{
	char buffer[CHUNK];
	if (!whatever && (o->left_size > 0 || !spool_room(o->spool, sizeof buffer))) {
		loop_watch(o->source, 0); /* until something is acknowledged */
		return 0;
	}
	ssize_t n = read(o->fd, buffer, sizeof buffer);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1; /* a terminal says EIO when nobody has it open */
	return keep(o, buffer, (size_t)n) < 0 ? -1 : 1;
}

static void end_output(struct output *o)
{
	loop_remove(&o->source);
	if (o->fd != o->io->master)
		close_descriptor(&o->fd);
	o->fd = -1;
}

static void on_output(void *context, short events)
{
	(void)events;
	struct output *o = context;
	int r = read_output(o, false);
	if (r < 0)
		end_output(o);
	if (r > 0)
		o->io->options.changed(o->io->options.context);
}

static struct output *output_of(struct agent_stdio *io, unsigned stream)
{
	return stream == AGENT_STDOUT || stream == AGENT_STDERR ? &io->output[stream - AGENT_STDOUT] : NULL;
}

int agent_stdio_unread(struct agent_stdio *io, unsigned stream)
{
	struct output *o = output_of(io, stream);
	if (o == NULL)
		return error_set(PMIG_EPROTOCOL, "output: there is no stream %u", stream);
	if (o->fd >= 0 && o->fd != io->master)
		end_output(o);
	return 0;
}

static int open_output(struct agent_stdio *io, int i)
{
	struct output *o = &io->output[i];
	const struct agent_stdio_options *p = &io->options;
	char name[PMIG_REASON_MAX];
	(void)snprintf(name, sizeof name, "%s.%s", p->name, i == 0 ? "out" : "err");
	int r = spool_create(&(struct spool_options){.start = p->offset[i + 1], .directory = p->directory, .name = name},
		&o->spool);
	if (r < 0)
		return r;
	o->sent = p->offset[i + 1];
	o->io = io;
	if (p->terminal[i + 1]) {
		o->far = fcntl(io->slave, F_DUPFD_CLOEXEC, 3);
		if (i == 1 && p->terminal[1])
			return 0; /* both on one terminal: all its output is stdout's */
		o->fd = io->master;
	} else {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return error_errno(PMIG_EIO, errno, "pipe for the program's output");
		o->fd = ends[0];
		o->far = ends[1];
		set_cloexec_nonblock(o->fd);
	}
	return loop_add(p->loop, o->fd, POLLIN, on_output, o, &o->source);
}

static int open_input(struct agent_stdio *io)
{
	if (io->options.terminal[0]) {
		io->in = fcntl(io->master, F_DUPFD_CLOEXEC, 3);
		io->in_far = fcntl(io->slave, F_DUPFD_CLOEXEC, 3);
	} else {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return error_errno(PMIG_EIO, errno, "pipe for the program's input");
		io->in_far = ends[0];
		io->in = ends[1];
		set_cloexec_nonblock(io->in);
	}
	io->taken = io->options.offset[0];
	return loop_add(io->options.loop, io->in, 0, on_input_room, io, &io->in_source);
}

int agent_stdio_create(const struct agent_stdio_options *options, struct agent_stdio **ret_io)
{
	struct agent_stdio *io = calloc(1, sizeof *io);
	if (io == NULL)
		return error_set(PMIG_ENOMEM, "standard streams: out of memory");
	io->options = *options;
	io->master = io->slave = io->in = io->in_far = -1;
	for (int i = 0; i < 2; i++)
		io->output[i].fd = io->output[i].far = -1;
	int r = 0;
	if (options->terminal[0] || options->terminal[1] || options->terminal[2])
		r = open_terminal(io);
	if (r >= 0)
		r = open_input(io);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = open_output(io, i);
	if (r < 0) {
		agent_stdio_destroy(io);
		return r;
	}
	const int ends[3] = {io->in_far, io->output[0].far, io->output[1].far};
	for (int i = 0; i < 3; i++)
		(void)fstat(ends[i], &io->given[i]);
	*ret_io = io;
	return 0;
}

int agent_stdio_which(const struct agent_stdio *io, const struct stat *st)
{
	for (int i = 0; i < 3; i++)
		if (io->given[i].st_dev == st->st_dev && io->given[i].st_ino == st->st_ino)
			return i;
	return -1;
}

void agent_stdio_destroy(struct agent_stdio *io)
{
	if (io == NULL)
		return;
	loop_remove(&io->in_source);
	for (int i = 0; i < 2; i++) {
		struct output *o = &io->output[i];
		loop_remove(&o->source);
		spool_destroy(o->spool);
		free(o->left);
		close_descriptor(&o->far);
		if (o->fd != io->master)
			close_descriptor(&o->fd);
	}
	close_descriptor(&io->in);
	close_descriptor(&io->in_far);
	if (io->slave >= 0)
		(void)ioctl(io->slave, TIOCNOTTY);
	close_descriptor(&io->slave);
	close_descriptor(&io->master);
	free(io);
}

int agent_stdio_child(const struct agent_stdio *io)
{
	const int ends[3] = {io->in_far, io->output[0].far, io->output[1].far};
	for (int i = 0; i < 3; i++)
		if (dup2(ends[i], i) < 0)
			return PMIG_EIO;
	if (io->slave >= 0)
		(void)tcsetpgrp(io->slave, getpid()); /* SIGTTOU is ignored until exec */
	return 0;
}

void agent_stdio_parent(struct agent_stdio *io, pid_t child)
{
	for (int i = 0; i < 2; i++)
		close_descriptor(&io->output[i].far);
	if (io->slave >= 0)
		(void)tcsetpgrp(io->slave, child); /* the read end of the input stays: take_back() needs it */
}

int agent_stdio_input(struct agent_stdio *io, uint64_t offset, const void *data, size_t size)
{
	uint64_t expected = io->taken + io->waiting_size;
	if (offset > expected)
		return error_set(PMIG_EPROTOCOL, "input: %llu bytes are missing", (unsigned long long)(offset - expected));
	if (offset + size <= expected)
		return 0;
	size_t known = (size_t)(expected - offset);
	if (size - known > sizeof io->waiting - io->waiting_size)
		return error_set(PMIG_EPROTOCOL, "input: more than the window of %u bytes", AGENT_INPUT_WINDOW);
	memcpy(io->waiting + io->waiting_size, (const char *)data + known, size - known);
	io->waiting_size += size - known;
	feed(io);
	return 0;
}

int agent_stdio_input_end(struct agent_stdio *io, uint64_t offset)
{
	if (offset > io->taken + io->waiting_size)
		return error_set(PMIG_EPROTOCOL, "input: ends behind what has come");
	io->end = true;
	feed(io);
	return 0;
}

bool agent_stdio_ended(const struct agent_stdio *io)
{
	return io->end;
}

uint64_t agent_stdio_taken(const struct agent_stdio *io)
{
	return io->taken;
}

/* What the program wrote to the terminal reaches its master a little later, by a kernel worker. A mark written behind it
 * tells when everything has come. */
static int settle_terminal(struct agent_stdio *io, struct output *o)
{
	unsigned char nonce[8];
	if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
		return error_errno(PMIG_EIO, errno, "terminal: no random numbers");
	char mark[32];
	int length = snprintf(mark, sizeof mark, "\033_pmig%02x%02x%02x%02x%02x%02x%02x%02x\033\\", nonce[0], nonce[1],
		nonce[2], nonce[3], nonce[4], nonce[5], nonce[6], nonce[7]);
	int flags = fcntl(io->slave, F_GETFL);
	(void)fcntl(io->slave, F_SETFL, flags | O_NONBLOCK);
	ssize_t written = write(io->slave, mark, (size_t)length);
	(void)fcntl(io->slave, F_SETFL, flags);
	char *all = NULL;
	size_t size = 0;
	int r = 0;
	for (;;) {
		struct pollfd p = {.fd = io->master, .events = POLLIN};
		if (poll(&p, 1, written == length ? SETTLE_MS : 0) <= 0)
			break;
		char *more = realloc(all, size + CHUNK);
		if (more == NULL) {
			r = error_set(PMIG_ENOMEM, "terminal: out of memory");
			break;
		}
		all = more;
		ssize_t n = read(io->master, all + size, CHUNK);
		if (n <= 0)
			break;
		size += (size_t)n;
		char *found = size >= (size_t)length ? memmem(all, size, mark, (size_t)length) : NULL;
		if (found != NULL) {
			memmove(found, found + length, size - (size_t)(found - all) - (size_t)length);
			size -= (size_t)length;
			break;
		}
	}
	for (size_t done = 0; done < size && r >= 0; done += CHUNK)
		r = keep(o, all + done, size - done < CHUNK ? size - done : CHUNK);
	free(all);
	return r;
}

int agent_stdio_settle(struct agent_stdio *io)
{
	for (int i = 0; i < 2; i++) {
		struct output *o = &io->output[i];
		int r = 0;
		if (o->fd >= 0 && o->fd == io->master)
			r = settle_terminal(io, o);
		while (r >= 0 && o->fd >= 0 && o->fd != io->master && read_output(o, true) > 0)
			;
		if (r < 0)
			return error_prefix(r, "output");
	}
	io->options.changed(io->options.context);
	return 0;
}

int agent_stdio_take_back(struct agent_stdio *io, const void **ret_data)
{
	io->held = true;
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d",
		io->master >= 0 && io->options.terminal[0] ? io->slave : io->in_far);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); /* of its own: the program's stays blocking */
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "input: cannot be read back");
	struct termios before, raw;
	bool terminal = io->options.terminal[0] && tcgetattr(io->slave, &before) == 0;
	if (terminal) { /* an unfinished line can be read only without line editing */
		raw = before;
		raw.c_lflag &= (tcflag_t)~ICANON;
		raw.c_cc[VMIN] = 0;
		raw.c_cc[VTIME] = 0;
		(void)tcsetattr(io->slave, TCSANOW, &raw);
	}
	while (io->unread_size < sizeof io->unread) {
		ssize_t n = read(fd, io->unread + io->unread_size, sizeof io->unread - io->unread_size);
		if (n <= 0)
			break;
		io->unread_size += (size_t)n;
	}
	if (terminal)
		(void)tcsetattr(io->slave, TCSANOW, &before);
	(void)close(fd);
	*ret_data = io->unread;
	return (int)io->unread_size;
}

/* Puts bytes into the terminal's queue as they are: without echo (they were echoed when they were typed), signals or editing. */
static int type_quietly(struct agent_stdio *io, const void *data, size_t size)
{
	struct termios before, raw;
	if (tcgetattr(io->slave, &before) < 0)
		return error_errno(PMIG_EIO, errno, "terminal");
	raw = before;
	cfmakeraw(&raw);
	(void)tcsetattr(io->slave, TCSANOW, &raw);
	ssize_t n = write(io->master, data, size);
	for (int tries = 0, there = 0; tries < SETTLE_MS && n > 0; tries++) { /* a kernel worker carries them over */
		if (ioctl(io->slave, FIONREAD, &there) < 0 || there >= n)
			break;
		(void)poll(NULL, 0, 1);
	}
	(void)tcsetattr(io->slave, TCSANOW, &before);
	return n == (ssize_t)size ? 0 : error_set(PMIG_EIO, "terminal: takes no input");
}

int agent_stdio_preload(struct agent_stdio *io, const void *data, size_t size)
{
	if (size > sizeof io->unread || size > io->taken)
		return error_set(PMIG_EPROTOCOL, "input: more unread bytes than there were");
	memcpy(io->unread, data, size);
	io->unread_size = size;
	agent_stdio_go_on(io);
	return 0;
}

void agent_stdio_go_on(struct agent_stdio *io)
{
	if (io->options.terminal[0]) {
		if (io->unread_size > 0)
			(void)type_quietly(io, io->unread, io->unread_size);
		io->unread_size = 0;
		io->held = false;
		feed(io);
		return;
	}
	if (io->unread_size > 0 &&
		io->in < 0) { /* the end was in the pipe already: it comes again, behind the unread bytes */
		char path[64];
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", io->in_far);
		io->in = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (io->in >= 0 && loop_add(io->options.loop, io->in, 0, on_input_room, io, &io->in_source) < 0)
			io->in_source = NULL;
	}
	memmove(io->waiting + io->unread_size, io->waiting, io->waiting_size);
	memcpy(io->waiting, io->unread, io->unread_size);
	io->waiting_size += io->unread_size;
	io->taken -= io->unread_size;
	io->unread_size = 0;
	io->held = false;
	feed(io);
}

void agent_stdio_pump(struct agent_stdio *io, struct peer *peer)
{
	for (unsigned i = 0; i < 2; i++) {
		struct output *o = &io->output[i];
		while (peer_room(peer) && o->sent < spool_end(o->spool)) {
			char buffer[CHUNK];
			ssize_t n = spool_read(o->spool, o->sent, buffer, sizeof buffer);
			if (n <= 0 ||
				peer_put(peer,
					&(struct packet){.type = PACKET_DATA,
						.stream = (uint16_t)(AGENT_STDOUT + i),
						.offset = o->sent,
						.data = buffer,
						.size = (size_t)n}) < 0)
				break;
			o->sent += (uint64_t)n;
		}
	}
}

int agent_stdio_seek(struct agent_stdio *io, unsigned stream, uint64_t offset)
{
	struct output *o = output_of(io, stream);
	if (o == NULL || offset < spool_begin(o->spool) || offset > spool_end(o->spool))
		return error_set(PMIG_EPROTOCOL, "output: nothing is at offset %llu", (unsigned long long)offset);
	o->sent = offset;
	return 0;
}

int agent_stdio_acknowledge(struct agent_stdio *io, unsigned stream, uint64_t offset)
{
	struct output *o = output_of(io, stream);
	if (o == NULL)
		return error_set(PMIG_EPROTOCOL, "output: there is no stream %u", stream);
	int r = spool_acknowledge(o->spool, offset);
	if (r < 0)
		return r;
	if (o->source != NULL)
		loop_watch(o->source, POLLIN);
	if (keep_left(o))
		io->options.changed(io->options.context);
	return 0;
}

ssize_t agent_stdio_peek(const struct agent_stdio *io, unsigned stream, char *buffer, size_t size)
{
	const struct spool *spool = io->output[stream - AGENT_STDOUT].spool;
	uint64_t begin = spool_begin(spool), end = spool_end(spool);
	return spool_read(spool, end - begin > size ? end - size : begin, buffer, size);
}

uint64_t agent_stdio_begin(const struct agent_stdio *io, unsigned stream)
{
	return spool_begin(io->output[stream - AGENT_STDOUT].spool);
}

uint64_t agent_stdio_end(const struct agent_stdio *io, unsigned stream)
{
	const struct output *o = &io->output[stream - AGENT_STDOUT];
	return spool_end(o->spool) + o->left_size;
}

void agent_stdio_modes(const struct agent_stdio *io, char ret_modes[AGENT_MODES_MAX])
{
	struct termios modes = {0};
	_Static_assert(2 * sizeof modes < AGENT_MODES_MAX, "terminal settings");
	ret_modes[0] = '\0';
	if (io->slave < 0 || tcgetattr(io->slave, &modes) < 0)
		return;
	hex_put(&modes, sizeof modes, ret_modes);
}

void agent_stdio_resize(struct agent_stdio *io, const struct winsize *size)
{
	if (io->slave >= 0)
		(void)ioctl(io->slave, TIOCSWINSZ, size); /* the kernel sends SIGWINCH */
}

struct winsize agent_stdio_size(const struct agent_stdio *io)
{
	struct winsize size = {0};
	if (io->slave >= 0)
		(void)ioctl(io->slave, TIOCGWINSZ, &size);
	return size;
}

bool agent_stdio_terminal(const struct agent_stdio *io, int fd)
{
	return io->options.terminal[fd];
}
