/* counter: a kind of resource built outside of pmig's tree: a number in a file, which a program counts up through a handle. The first half
 * is a little library such as many programs use, and knows nothing of pmig; the second half is what it takes to move it. */
#include "counter.h"

#include <pmig/kind.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the library --- */

static const char *unit(void)
{
	return "steps";
}

static int counter_set_up(struct counter *c, const char *path, int flags)
{
	c->unit = unit;
	c->fd = open(path, O_RDWR | O_CLOEXEC | flags, 0644);
	return c->fd < 0 ? -errno : 0;
}

static long counter_get(const struct counter *c)
{
	char text[24] = "";
	ssize_t n = pread(c->fd, text, sizeof text - 1, 0);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int counter_put(struct counter *c, long value)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%20ld\n", value);
	return pwrite(c->fd, text, (size_t)n, 0) == n ? 0 : -errno;
}

int counter_open(struct counter *c, const char *path)
{
	return counter_set_up(c, path, O_CREAT);
}

long counter_next(struct counter *c)
{
	long value = counter_get(c) + 1;
	int r = counter_put(c, value);
	return r < 0 ? r : value;
}

const char *counter_unit(const struct counter *c)
{
	return c->unit();
}

/* --- the kind --- */

/* The handle is a struct counter in the program's memory, which travels: only what is in it has to be set anew. */
static struct counter *counter_of(const struct pmig_resource *r)
{
	return r->handle;
}

static int handle(struct pmig_resource *r)
{
	if (r->handle == NULL || r->locator[0] != '/')
		return pmig_fail(PMIG_EINVAL, "a counter is declared with its handle, and the absolute path of its file");
	return 0;
}

static int describe(struct pmig_resource *r)
{
	r->size = sizeof(long);
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	return 0;
}

/* The descriptor in the handle is no resource of its own. */
static int owns(const struct pmig_resource *r, const struct pmig_resource *other)
{
	struct stat st;
	return fstat(counter_of(r)->fd, &st) == 0 && st.st_dev == other->st.st_dev && st.st_ino == other->st.st_ino;
}

static int memory(const struct pmig_resource *r, size_t index, const void **ret_address, size_t *ret_size)
{
	*ret_address = r->handle;
	*ret_size = sizeof(struct counter);
	return index == 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	pmig_write_number(w, (uint64_t)counter_get(counter_of(r)));
	return 0;
}

static int arrive(struct pmig_resource *r, struct pmig_reader *in)
{
	long value = (long)pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	e = counter_set_up(counter_of(r), r->locator, O_CREAT | O_EXCL);
	if (e < 0)
		return pmig_fail(PMIG_EREFUSED, "the counter cannot be made here: %s", strerror(-e));
	r->state = r; /* it was made: undo() takes it away */
	e = counter_put(counter_of(r), value);
	return e < 0 ? pmig_fail(PMIG_EIO, "the counter cannot be set: %s", strerror(-e)) : 0;
}

static int undo(struct pmig_resource *r)
{
	if (r->state != NULL)
		(void)unlink(r->locator);
	return 0;
}

static int release(struct pmig_resource *r)
{
	return r->strategy == PMIG_MOVE && unlink(r->locator) < 0;
}

const struct pmig_kind pmig_kind = {
	.version = PMIG_KIND_VERSION,
	.name = "counter",
	.about = "a number in a file that is counted up",
	.handle = handle,
	.describe = describe,
	.owns = owns,
	.memory = memory,
	.save = save,
	.move = arrive,
	.copy = arrive,
	.undo = undo,
	.release = release,
};
