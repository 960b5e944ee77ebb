/* reference: what the program says to its agent about things that stay behind. */
#include "reference.h"

#include "../base/hex.h"
#include "../base/io.h"
#include "../control_channel.h"
#include "note_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define WAIT_MS 60000
#define MORE 120 /* connections that get a number of their own; the agent knows by it that they are not the program's */

int reference_keep(enum reference_kind kind, int fd, const char *locator, uint64_t *ret_id)
{
	uint64_t id;
	if (control_descriptor() < 0)
		return error_set(PMIG_EGONE, "there is no agent that could hold it");
	do {
		if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
			return error_errno(PMIG_EIO, errno, "no random numbers");
	} while (id == 0);
	int r = control_send_descriptor(CONTROL_HOLD, (const int64_t[8]){(int64_t)id, kind, -1}, locator, fd);
	if (r >= 0)
		*ret_id = id;
	return r;
}

int reference_carry(uint64_t id)
{
	if (control_descriptor() < 0)
		return error_set(PMIG_EGONE, "there is no agent that leads to it");
	return control_send(CONTROL_CARRY, (const int64_t[8]){(int64_t)id}, "");
}

/* The answer, whose refusal is an error here. */
static int ask(enum control_type type, uint64_t id, const char *text, int fd, struct control_message *ret, int *ret_fd)
{
	int r = control_ask(type, (const int64_t[8]){(int64_t)id}, text, fd, WAIT_MS, ret, ret_fd);
	if (r >= 0 && ret->args[0] < 0) {
		if (*ret_fd >= 0)
			(void)close(*ret_fd);
		r = error_set((int)ret->args[0], "%.900s", ret->text);
	}
	return r;
}

/* One that brings a descriptor. */
static int ask_for_descriptor(enum control_type type, uint64_t id, const char *text, int state, int *ret_fd,
	bool *ret_itself)
{
	struct control_message m;
	int fd = -1, r = ask(type, id, text, state, &m, &fd);
	if (r < 0)
		return r;
	if (fd < 0)
		return error_set(PMIG_EPROTOCOL, "the agent gave no descriptor");
	bool itself = m.args[2] != 0;
	int moved = itself ? fd : io_move_high(fd, MORE);
	if (moved < 0) {
		(void)close(fd);
		return moved;
	}
	*ret_fd = moved;
	*ret_itself = itself;
	return 0;
}

int reference_suspend(uint64_t id, int fd, int *ret_state)
{
	bool ignored;
	return ask_for_descriptor(CONTROL_SUSPEND, id, "", fd, ret_state, &ignored);
}

void reference_unplain_begin(uint64_t id, int fd)
{
	(void)!control_send_descriptor(CONTROL_UNPLAIN, (const int64_t[8]){(int64_t)id}, "", fd);
}

int reference_unplain(uint64_t id, int fd, int *ret_fd)
{
	bool ignored;
	return ask_for_descriptor(CONTROL_UNPLAIN, id, "", fd, ret_fd, &ignored);
}

int reference_connect(uint64_t id, int *ret_fd, bool *ret_itself)
{
	return ask_for_descriptor(CONTROL_CONNECT, id, "", -1, ret_fd, ret_itself);
}

int reference_resume(uint64_t id, int state, int *ret_fd, bool *ret_itself)
{
	return ask_for_descriptor(CONTROL_CONNECT, id, "", state, ret_fd, ret_itself);
}

int reference_datagrams(uint64_t id, int state, int *ret_fd, bool *ret_itself)
{
	return ask_for_descriptor(CONTROL_CONNECT, id, REFERENCE_DATAGRAMS, state, ret_fd, ret_itself);
}

int reference_connected(uint64_t id, int state, int *ret_fd, bool *ret_itself)
{
	return ask_for_descriptor(CONTROL_CONNECT, id, REFERENCE_CONNECTED, state, ret_fd, ret_itself);
}

int reference_listen(uint64_t id, const char *wanted, char *ret_address, size_t size)
{
	struct control_message m;
	int fd = -1, r = ask(CONTROL_LISTEN, id, wanted, -1, &m, &fd);
	if (r < 0)
		return r;
	if (fd >= 0)
		(void)close(fd);
	if (m.size >= size)
		return error_set(PMIG_EREFUSED, "%.900s: too long for an address", m.text);
	memcpy(ret_address, m.text, m.size + 1u);
	return 0;
}

int reference_tell(uint64_t id, const void *note, size_t size, bool waits)
{
	struct control_message m;
	char text[2 * REFERENCE_NOTE_MAX + 1] = "";
	int fd = -1;
	if (size > REFERENCE_NOTE_MAX)
		return error_set(PMIG_EINVAL, "a note of %zu bytes", size);
	if (control_descriptor() < 0)
		return note_line_tell(id, note, size);
	hex_put(note, size, text);
	if (!waits)
		return control_send(CONTROL_TELL, (const int64_t[8]){(int64_t)id}, text);
	int r = ask(CONTROL_TELL, id, text, -1, &m, &fd);
	if (r >= 0 && fd >= 0)
		(void)close(fd);
	return r;
}

void reference_drop(uint64_t id)
{
	(void)control_send(CONTROL_DROP, (const int64_t[8]){(int64_t)id}, "");
}
