/* relay: what relayed streams have in common, whatever kind they are of. */
#include "relay.h"

#include "../reference/descriptors.h"
#include "../reference/reference.h"
#include "../reference/referred.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct relay_thing *thing_of(const struct referred *e)
{
	return e != NULL && e->size == sizeof(struct relay_thing) ? e->own : NULL;
}

void relay_look(const struct pmig_resource *r, struct relay_thing *ret)
{
	const struct relay_thing *known = thing_of(referred_find(&r->st));
	struct relay_thing t = {.mode = r->st.st_mode, .device = (uint64_t)r->st.st_rdev};
	if (known != NULL) {
		*ret = *known;
		return;
	}
	t.terminal = S_ISCHR(r->st.st_mode) && tcgetattr(r->fd, &t.modes) == 0;
	if (t.terminal)
		(void)ioctl(r->fd, TIOCGWINSZ, &t.window);
	*ret = t;
}

void relay_write(struct pmig_writer *w, const struct relay_thing *t)
{
	const uint64_t numbers[] = {t->mode, t->device, t->terminal, t->window.ws_row, t->window.ws_col, t->modes.c_iflag,
		t->modes.c_oflag, t->modes.c_cflag, t->modes.c_lflag, t->modes.c_ispeed, t->modes.c_ospeed};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		pmig_write_number(w, numbers[i]);
	for (size_t i = 0; i < NCCS; i++)
		pmig_write_number(w, t->modes.c_cc[i]);
}

void relay_read(struct pmig_reader *in, struct relay_thing *ret)
{
	uint64_t n[11];
	for (size_t i = 0; i < sizeof n / sizeof *n; i++)
		n[i] = pmig_read_number(in);
	*ret = (struct relay_thing){.mode = (uint32_t)n[0],
		.terminal = n[2] != 0,
		.device = n[1],
		.window = {.ws_row = (unsigned short)n[3], .ws_col = (unsigned short)n[4]},
		.modes = {.c_iflag = (tcflag_t)n[5],
			.c_oflag = (tcflag_t)n[6],
			.c_cflag = (tcflag_t)n[7],
			.c_lflag = (tcflag_t)n[8],
			.c_ispeed = (speed_t)n[9],
			.c_ospeed = (speed_t)n[10]}};
	for (size_t i = 0; i < NCCS; i++)
		ret->modes.c_cc[i] = (cc_t)pmig_read_number(in);
}

void relay_set_modes(int fd, const struct relay_thing *t)
{
	if (!t->terminal || isatty(fd) == 0)
		return;
	(void)tcsetattr(fd, TCSANOW, &t->modes);
	if (t->window.ws_row > 0)
		(void)ioctl(fd, TIOCSWINSZ, &t->window);
}

int relay_save(struct pmig_resource *r, struct pmig_writer *w)
{
	const struct referred *e = referred_find(&r->st);
	struct relay_thing t;
	struct stat st = {0};
	int state = -1, error;
	relay_look(r, &t);
	if (e != NULL) {
		r->reference = e->id;
		error = reference_suspend(e->id, r->fd, &state);
	} else {
		error = reference_keep(REFERENCE_STREAM, r->fd, r->locator, &r->reference);
	}
	if (error >= 0 && state >= 0 && fstat(state, &st) < 0)
		error = error_errno(PMIG_EIO, errno, "what is under way");
	if (error >= 0) {
		pmig_write_number(w, r->reference);
		relay_write(w, &t);
		error = pmig_write_content(w, state, (uint64_t)st.st_size);
	}
	if (state >= 0)
		(void)close(state);
	return error;
}

int relay_state_file(const void *bytes, uint64_t size)
{
	int file = memfd_create("stream", MFD_CLOEXEC);
	if (file < 0 || write(file, bytes, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) != 0) {
		if (file >= 0)
			(void)close(file);
		return error_set(PMIG_ENOMEM, "no memory for %llu bytes that are under way", (unsigned long long)size);
	}
	return file;
}

int relay_refer(struct pmig_resource *r, struct pmig_reader *in)
{
	struct relay_thing t;
	bool itself = false;
	uint64_t id = pmig_read_number(in), size;
	relay_read(in, &t);
	const void *bytes = pmig_read_content(in, &size);
	int e = pmig_read_check(in);
	if (e >= 0 && size > REFERENCE_STATE_MAX)
		e = error_set(PMIG_ECORRUPT, "%llu bytes are said to be under way", (unsigned long long)size);
	if (e < 0)
		return e;
	int state = size > 0 ? relay_state_file(bytes, size) : -1;
	if (size > 0 && state < 0)
		return state;
	e = size > 0 ? reference_resume(id, state, &r->fd, &itself) : reference_connect(id, &r->fd, &itself);
	if (state >= 0)
		(void)close(state);
	if (e < 0)
		return e;
	r->reference = itself ? 0 : id;
	return itself ? 0 : referred_add(r->fd, id, r->kind->name, r->locator, &t, sizeof t);
}

/* --- what a socket cannot answer --- */

static const struct relay_thing *terminal(int fd)
{
	int saved = errno;
	const struct relay_thing *t = thing_of(referred_of(fd));
	errno = saved;
	return t != NULL && t->terminal ? t : NULL;
}

bool relay_terminal(int fd)
{
	return terminal(fd) != NULL;
}

int pmig_tcgetattr(int fd, struct termios *ret)
{
	const struct relay_thing *t = terminal(fd);
	if (t == NULL)
		return tcgetattr(fd, ret);
	*ret = t->modes;
	return 0;
}

int pmig_tcsetattr(int fd, int when, const struct termios *modes)
{
	const struct relay_thing *t = terminal(fd);
	if (t == NULL)
		return tcsetattr(fd, when, modes);
	bool same = modes->c_iflag == t->modes.c_iflag && modes->c_oflag == t->modes.c_oflag &&
		modes->c_cflag == t->modes.c_cflag && modes->c_lflag == t->modes.c_lflag &&
		memcmp(modes->c_cc, t->modes.c_cc, sizeof modes->c_cc) == 0;
	errno = same ? errno : EOPNOTSUPP;
	return same ? 0 : -1;
}

bool relay_ioctl(int fd, unsigned long request, void *argument)
{
	const struct relay_thing *t = request == TIOCGWINSZ ? terminal(fd) : NULL;
	if (t != NULL)
		memcpy(argument, &t->window, sizeof t->window);
	return t != NULL;
}
