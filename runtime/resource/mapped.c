/* mapped: the questions that a mapping must answer before it travels. */
#include "mapped.h"

#include "../arena/mapping.h"
#include "declare.h"
#include "sharing.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

/* The device and inode that the kernel gave to shared memory without a file: /proc/self/maps has them. */
static bool identity(uint64_t address, dev_t *ret_device, ino_t *ret_inode)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
		unsigned long long low, high, inode;
		unsigned x, y;
		if (sscanf(line, "%llx-%llx %*s %*x %x:%x %llu", &low, &high, &x, &y, &inode) != 5 || address < low ||
			address >= high)
			continue;
		*ret_device = makedev(x, y);
		*ret_inode = (ino_t)inode;
		found = inode != 0;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static struct declared *declared_in(const struct mapping *m)
{
	for (struct declared *e = declare_first(); e != NULL; e = e->next) {
		uint64_t low = (uintptr_t)e->address, high = low + e->size;
		if (e->thing == DECLARE_MEMORY && low < m->address + m->size && m->address < high)
			return e;
	}
	return NULL;
}

struct declared *mapped_declared(const struct stat *st)
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	struct declared *e = NULL;
	for (size_t i = 0; i < n && e == NULL; i++)
		if (all[i].kind == MAPPING_FILE && all[i].device == st->st_dev && all[i].inode == st->st_ino)
			e = declared_in(&all[i]);
	return e;
}

/* What the program declared about the memory, or about any memory. */
static unsigned consent_of(const struct mapping *m, const char *locator)
{
	const struct declared *e = declared_in(m);
	if (e != NULL)
		return e->d.consent;
	const struct pmig_match *match = declare_match("memory", locator);
	return match != NULL ? match->d.consent : 0;
}

static int check_shared(const struct mapping *m)
{
	char locator[64], who[64];
	dev_t device;
	ino_t inode;
	(void)snprintf(locator, sizeof locator, "%#llx+%llu", (unsigned long long)m->address, (unsigned long long)m->size);
	if (!sharing_had_child() || !identity(m->address, &device, &inode) ||
		!sharing_mapped(device, inode, who, sizeof who) || (consent_of(m, locator) & PMIG_SNAPSHOT) != 0)
		return 0;
	return error_set(PMIG_EREFUSED,
		"memory %s (by value, fixed) is shared with %s: one value on two machines would need distributed shared memory; a "
		"declaration can consent to a snapshot (PMIG_SNAPSHOT)",
		locator, who);
}

/* Whether the file will not be where the program goes on: then the bytes that were read of it go along. */
static bool lacks_file(const struct mapping *m, bool (*stays)(int fd))
{
	struct stat st;
	return m->fd < 0 || fstat(m->fd, &st) < 0 || st.st_dev != m->device || st.st_ino != m->inode || stays(m->fd);
}

static int check_file(const struct mapping *m, bool (*stays)(int fd))
{
	struct stat st;
	if (m->fd < 0 || fstat(m->fd, &st) < 0 || st.st_dev != m->device || st.st_ino != m->inode)
		return error_set(PMIG_EREFUSED, "a file is mapped at %#llx and the descriptor that keeps it (%d) was closed",
			(unsigned long long)m->address, m->fd);
	if (stays(m->fd))
		return error_set(PMIG_EREFUSED,
			"a file that would stay behind (descriptor %d keeps it) is mapped at %#llx, shared: memory cannot be referred to; "
			"unmap it before the safe point, or map it with MAP_PRIVATE",
			m->fd, (unsigned long long)m->address);
	return 0;
}

int mapped_check(bool (*stays)(int fd))
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	int r = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (all[i].kind == MAPPING_DEVICE)
			r = error_set(PMIG_EREFUSED,
				"a device is mapped at %#llx: its memory cannot travel; unmap it before the safe point",
				(unsigned long long)all[i].address);
		else if (all[i].kind == MAPPING_SHARED)
			r = check_shared(&all[i]);
		else if (all[i].kind == MAPPING_FILE && (all[i].flags & MAPPING_UNWRITTEN) != 0 &&
			lacks_file(&all[i], stays))
			mapping_detach(i);
		else if (all[i].kind == MAPPING_FILE)
			r = check_file(&all[i], stays);
	}
	return r;
}
