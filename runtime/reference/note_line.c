/* note_line: opened once, inherited. */
#include "note_line.h"

#include "../base/io.h"
#include "../control_channel.h"
#include "reference.h"
#include "referred.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 60000
#define MORE 120 /* as of other connections to the agent */

/* Of this process and its children: a child may close it, and its number be another thing's. */
static struct {
	int fd; /* while there is an inode */
	dev_t device;
	ino_t inode;
} line;

static bool is_open(void)
{
	struct stat st;
	return line.inode != 0 && fstat(line.fd, &st) == 0 && st.st_dev == line.device && st.st_ino == line.inode;
}

int note_line_open(void)
{
	struct control_message m;
	struct stat st;
	int saved = errno, fd = -1, fresh = -1;
	static _Atomic bool opening;
	if (!referred_any() || control_descriptor() < 0 || is_open() || opening)
		return -1;
	opening = true;
	if (control_ask(CONTROL_NOTES, (const int64_t[8]){0}, "", -1, WAIT_MS, &m, &fd) >= 0 && fd >= 0) {
		int high = io_move_high(fd, MORE);
		if (high >= 0 && fstat(high, &st) == 0) {
			line.fd = fresh = high;
			line.device = st.st_dev;
			line.inode = st.st_ino;
		} else {
			(void)close(high < 0 ? fd : high);
		}
	}
	opening = false;
	errno = saved;
	return fresh;
}

int note_line_tell(uint64_t id, const void *note, size_t size)
{
	unsigned char bytes[sizeof id + REFERENCE_NOTE_MAX];
	if (!is_open() || size > REFERENCE_NOTE_MAX)
		return error_set(PMIG_EGONE, "there is no way to the agent");
	memcpy(bytes, &id, sizeof id);
	memcpy(bytes + sizeof id, note, size);
	ssize_t n;
	do
		n = send(line.fd, bytes, sizeof id + size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? 0 : error_errno(PMIG_EGONE, errno, "the agent");
}
