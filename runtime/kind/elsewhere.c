/* elsewhere: files and directories that stay. The record: path, kept, inode, reference, locks of a process. */
#include "elsewhere.h"

#include "../reference/descriptors.h"
#include "../reference/reference.h"
#include "../reference/referred.h"
#include "../reference/remote_file.h"
#include "lock.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool elsewhere_describe(struct pmig_resource *r)
{
	if (!descriptors_refers(r->fd))
		return false;
	r->size = S_ISREG(r->st.st_mode) ? (uint64_t)r->st.st_size : 0;
	r->unlinked = r->st.st_nlink == 0;
	if (r->declaration.binding == 0 && r->reference == 0 && (r->flags & O_ACCMODE) == O_RDONLY) {
		r->unlinked = true; /* opened below a site (path_map.h), read only: its content goes along, without a name */
		r->declaration.binding = PMIG_BY_VALUE;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	return true;
}

/* Where it is held, who has its locks. */
static int keep(struct pmig_resource *r, uint64_t *ret_id, bool *ret_process_locks)
{
	int e;
	if (descriptors_refers(r->fd) && r->reference == 0)
		return error_set(PMIG_EREFUSED,
			"it was opened below a site that stays at another host; close it before the safe point");
	if (descriptors_refers(r->fd)) {
		*ret_id = r->reference;
		*ret_process_locks = descriptors_process_locks(r->fd);
		return reference_carry(r->reference);
	}
	e = lock_hand_over(r->fd, ret_process_locks);
	return e < 0 ? e : reference_keep(REFERENCE_FILE, r->fd, r->locator, ret_id);
}

int elsewhere_save(struct pmig_resource *r, struct pmig_writer *w)
{
	uint64_t id = 0;
	bool process_locks = false;
	/* A lock lives as long as the description that has it: that one stays. */
	bool kept = r->kept && !r->unlinked && !descriptors_refers(r->fd) && !lock_any(r->fd);
	int e = kept ? 0 : keep(r, &id, &process_locks);
	if (e < 0)
		return e;
	pmig_write_text(w, r->locator);
	pmig_write_number(w, kept);
	pmig_write_number(w, r->st.st_ino);
	pmig_write_number(w, id);
	pmig_write_number(w, process_locks);
	return 0;
}

static int open_kept(struct pmig_resource *r, const char *path, uint64_t inode)
{
	struct stat st;
	if (!place_sound(path))
		return error_set(PMIG_ECORRUPT, "%s is not a path as the kernel writes it", path);
	r->fd = open(path, (r->flags & PLACE_FLAGS_AGAIN) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0)
		return error_errno(PMIG_EREFUSED, errno, "it was found to be the same here, and cannot be opened");
	if (fstat(r->fd, &st) < 0 || st.st_ino != inode)
		return error_set(PMIG_EREFUSED, "it was found to be the same here, and another file has its name now");
	return 0;
}

static int open_remote(struct pmig_resource *r, const char *path, uint64_t id, int socket)
{
	struct remote_file *f = NULL;
	struct stat st;
	int e = remote_file_connect(socket, path, &f);
	if (e < 0)
		return e;
	remote_file_known(f, &st);
	e = descriptors_create(f, id, path, &r->fd);
	return e < 0 ? e : referred_add(r->fd, id, S_ISDIR(st.st_mode) ? "directory" : "file", path, NULL, 0);
}

/* What settle() needs; pmig_resource.state. */
struct state {
	bool process_locks;
};

int elsewhere_refer(struct pmig_resource *r, struct pmig_reader *in)
{
	const char *path = pmig_read_text(in);
	bool kept = pmig_read_number(in) != 0, itself = false;
	uint64_t inode = pmig_read_number(in), id = pmig_read_number(in);
	bool process_locks = pmig_read_number(in) != 0;
	int socket = -1, e = pmig_read_check(in);
	if (e < 0)
		return e;
	r->reference = 0;
	if (kept)
		return open_kept(r, path, inode);
	e = reference_connect(id, &socket, &itself);
	if (e < 0)
		return e;
	if (!itself) {
		r->reference = id;
		e = open_remote(r, path, id, socket);
		if (e >= 0 && process_locks)
			descriptors_note_process_lock(r->fd);
		return e;
	}
	r->fd = socket;
	struct state *s = calloc(1, sizeof *s);
	if (s == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a file");
	s->process_locks = process_locks;
	r->state = s;
	return 0;
}

void elsewhere_settle(const struct pmig_resource *r)
{
	const struct state *s = r->state;
	if (s != NULL && s->process_locks && lock_own(r->fd) < 0)
		(void)dprintf(STDERR_FILENO, "pmig: %s: %s\n", r->locator, pmig_reason());
}

int elsewhere_fetch(const struct pmig_resource *r, int *ret_fd, uint64_t *ret_size)
{
	enum { PIECE = 1 << 20 };
	struct remote_file *f = descriptors_find(r->fd);
	char *buffer = malloc(PIECE);
	int fd = memfd_create("fetched", MFD_CLOEXEC);
	off_t at = 0;
	ssize_t n = -1;
	while (f != NULL && buffer != NULL && fd >= 0 && (n = remote_file_pread(f, buffer, PIECE, at)) > 0) {
		if (write(fd, buffer, (size_t)n) != n) {
			n = -1;
			break;
		}
		at += n;
	}
	int number = errno;
	free(buffer);
	if (n == 0) {
		*ret_fd = fd;
		*ret_size = (uint64_t)at;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return error_errno(number == ENOSPC ? PMIG_ENOSPC : PMIG_EIO, number, "it cannot be fetched from where it is");
}
