/* planned: what the planner decided for the things of this process, for one checkpoint. */
#include "planned.h"

#include <errno.h>
#include <pmig/pmig.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	/* As it was read. Not on the heap: there it might get a place to which the program has an old address. */
	char *file;
	size_t size;
	const struct decision_record *records;
	const char *texts;
	uint32_t count, text_size;
} planned;

static int read_all(int fd, char *to, size_t size)
{
	size_t n = 0;
	for (ssize_t k; n < size; n += (size_t)k) {
		k = pread(fd, to + n, size - n, (off_t)n);
		if (k < 0 && errno == EINTR)
			k = 0;
		else if (k <= 0)
			return k < 0 ? error_errno(PMIG_EIO, errno, "plan")
				     : error_set(PMIG_ECORRUPT, "plan: it ends early");
	}
	return 0;
}

static int check_header(const struct decision_header *h, size_t size)
{
	if (h->magic != DECISION_MAGIC)
		return error_set(PMIG_ECORRUPT, "plan: what came is none");
	if (h->version != DECISION_VERSION || h->record_size != sizeof(struct decision_record))
		return error_set(PMIG_EVERSION, "plan: version %u is not known to this program", h->version);
	if (h->count > DECISION_COUNT_MAX || h->text_size == 0 || h->text_size > DECISION_TEXTS_MAX ||
		size != sizeof *h + (size_t)h->count * sizeof(struct decision_record) + h->text_size)
		return error_set(PMIG_ECORRUPT, "plan: %u decisions with %u bytes of texts in %zu bytes", h->count,
			h->text_size, size);
	return 0;
}

static bool text_fits(uint32_t offset)
{
	if (offset >= planned.text_size)
		return false;
	size_t rest = planned.text_size - offset;
	return memchr(planned.texts + offset, '\0', rest < DECISION_TEXT_MAX ? rest : DECISION_TEXT_MAX) != NULL;
}

static int check_record(const struct decision_record *d, uint32_t i)
{
	if (d->strategy < PMIG_MOVE || d->strategy > PMIG_REFUSE)
		return error_set(PMIG_ECORRUPT, "plan: decision %u: there is no strategy %u", i, d->strategy);
	if (d->binding > PMIG_BY_TYPE || d->attachment > PMIG_FIXED)
		return error_set(PMIG_ECORRUPT, "plan: decision %u: there is no cell %u, %u", i, d->binding, d->attachment);
	if (d->fd < -1 || (i > 0 && (d->fd < d[-1].fd || (d->fd == -1 ? d->slot <= d[-1].slot : d->fd == d[-1].fd))))
		return error_set(PMIG_ECORRUPT, "plan: decision %u: descriptor %d is not in its place", i, d->fd);
	if (!text_fits(d->kind) || !text_fits(d->type) || !text_fits(d->there) || !text_fits(d->content))
		return error_set(PMIG_ECORRUPT, "plan: decision %u: a text lies outside", i);
	return 0;
}

static int check(size_t size)
{
	const struct decision_header *h = (const struct decision_header *)planned.file;
	int r = size < sizeof *h ? error_set(PMIG_ECORRUPT, "plan: %zu bytes", size) : check_header(h, size);
	if (r < 0)
		return r;
	planned.records = (const struct decision_record *)(h + 1);
	planned.count = h->count;
	planned.texts = (const char *)(planned.records + h->count);
	planned.text_size = h->text_size;
	if (planned.texts[0] != '\0')
		return error_set(PMIG_ECORRUPT, "plan: its texts do not begin with an empty one");
	for (uint32_t i = 0; i < planned.count && r >= 0; i++)
		r = check_record(&planned.records[i], i);
	return r;
}

static int make_room(size_t size)
{
	size += size == 0;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for the plan");
	planned.file = p;
	planned.size = size;
	return 0;
}

int planned_take(int fd)
{
	static const size_t most = sizeof(struct decision_header) + DECISION_COUNT_MAX * sizeof(struct decision_record) +
		DECISION_TEXTS_MAX;
	struct stat st;
	planned_forget();
	int r = fstat(fd, &st) < 0 ? error_errno(PMIG_EIO, errno, "plan") : 0;
	if (r >= 0 && (st.st_size < 0 || (size_t)st.st_size > most))
		r = error_set(PMIG_ECORRUPT, "plan: %lld bytes", (long long)st.st_size);
	if (r >= 0)
		r = make_room((size_t)st.st_size);
	if (r >= 0)
		r = read_all(fd, planned.file, (size_t)st.st_size);
	if (r >= 0)
		r = check((size_t)st.st_size);
	(void)close(fd);
	if (r < 0)
		planned_forget();
	return r;
}

bool planned_exists(void)
{
	return planned.records != NULL;
}

/* The first record that is not before (fd, slot). */
static const struct decision_record *at(int64_t fd, int64_t slot)
{
	uint32_t low = 0, high = planned.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct decision_record *d = &planned.records[middle];
		if (d->fd < fd || (d->fd == fd && d->slot < slot))
			low = middle + 1;
		else
			high = middle;
	}
	return low < planned.count ? &planned.records[low] : NULL;
}

const struct decision_record *planned_descriptor(int fd, const struct stat *st, bool *ret_other)
{
	const struct decision_record *d = at(fd, INT64_MIN);
	bool known = d != NULL && d->fd == fd && fd >= 0, same = known && d->device == st->st_dev && d->inode == st->st_ino;
	*ret_other = known && !same;
	return same ? d : NULL;
}

const struct decision_record *planned_slot(int64_t slot)
{
	const struct decision_record *d = at(-1, slot);
	return d != NULL && d->fd == -1 && d->slot == slot ? d : NULL;
}

const char *planned_text(uint32_t offset)
{
	return planned.texts != NULL ? planned.texts + offset : "";
}

void planned_forget(void)
{
	if (planned.file != NULL)
		(void)munmap(planned.file, planned.size);
	memset(&planned, 0, sizeof planned);
}
