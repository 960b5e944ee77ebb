/* object: writes and reads the record of a translation unit, and finds it in an ELF file. */
#define XXH_INLINE_ALL
#include "object.h"

#include <base/io.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define RECORD_VERSION 1

enum record_flag {
	RECORD_DEBUG = 1,
	RECORD_RUNTIME = 2,
};

/* Followed by the source's name, zeros up to OBJECT_ALIGN, the bitcode, zeros up to OBJECT_ALIGN. */
struct record {
	char magic[8];
	uint32_t version;
	uint16_t level;
	uint16_t flags;
	uint64_t size; /* of the bitcode */
	uint64_t hash; /* XXH3 of the bitcode */
	uint32_t name_size;
	uint32_t reserved;
};

static const char magic[8] = {'p', 'm', 'i', 'g', '-', 'b', 'c', '\n'};

static size_t padding(size_t n)
{
	return -n & (OBJECT_ALIGN - 1);
}

int object_write(int fd, const struct object_unit *u)
{
	static const char zeros[OBJECT_ALIGN];
	struct record r = {
		.version = RECORD_VERSION,
		.level = (uint16_t)u->level,
		.flags = (uint16_t)((u->debug ? RECORD_DEBUG : 0) | (u->runtime ? RECORD_RUNTIME : 0)),
		.size = u->size,
		.hash = XXH3_64bits(u->bitcode, u->size),
		.name_size = (uint32_t)strnlen(u->source, OBJECT_NAME_MAX),
	};
	memcpy(r.magic, magic, sizeof magic);
	int e = io_write_all(fd, &r, sizeof r);
	if (e >= 0)
		e = io_write_all(fd, u->source, r.name_size);
	if (e >= 0) /* at least one zero ends the name */
		e = io_write_all(fd, zeros, padding(sizeof r + r.name_size + 1) + 1);
	if (e >= 0)
		e = io_write_all(fd, u->bitcode, u->size);
	if (e >= 0)
		e = io_write_all(fd, zeros, padding(u->size));
	return e;
}

int object_read(const void *bytes, size_t size, size_t *offset, struct object_unit *ret_unit)
{
	const char *base = bytes;
	size_t at = *offset;
	struct record r;
	while (at < size && base[at] == 0) /* the linker's own padding */
		at++;
	if (at >= size)
		return 0;
	if (size - at < sizeof r)
		return error_set(PMIG_ECORRUPT, "the bitcode section ends within a record's header");
	memcpy(&r, base + at, sizeof r);
	if (memcmp(r.magic, magic, sizeof magic) != 0)
		return error_set(PMIG_ECORRUPT, "the bitcode section holds something else at offset %zu", at);
	if (r.version != RECORD_VERSION)
		return error_set(PMIG_EVERSION,
			"the object was made by another pmig-cc (format %u, here %u); compile it again", r.version,
			RECORD_VERSION);
	at += sizeof r;
	size_t name_room = r.name_size <= OBJECT_NAME_MAX ? r.name_size + 1 + padding(sizeof r + r.name_size + 1) : size;
	if (name_room > size - at || r.size > size - at - name_room)
		return error_set(PMIG_ECORRUPT, "the bitcode section ends within a record");
	const char *name = base + at;
	const char *bitcode = name + name_room;
	if (memchr(name, 0, r.name_size) != NULL || name[r.name_size] != 0)
		return error_set(PMIG_ECORRUPT, "the source name of the bitcode record at offset %zu is damaged", *offset);
	if (XXH3_64bits(bitcode, r.size) != r.hash)
		return error_set(PMIG_ECORRUPT, "%s: the bitcode is damaged; compile it again", name);
	*ret_unit = (struct object_unit){
		.level = r.level,
		.debug = (r.flags & RECORD_DEBUG) != 0,
		.runtime = (r.flags & RECORD_RUNTIME) != 0,
		.source = name,
		.bitcode = bitcode,
		.size = r.size,
	};
	*offset = at + name_room + r.size;
	return 1;
}

static bool inside(uint64_t offset, uint64_t length, size_t size)
{
	return offset <= size && length <= size - offset;
}

int object_find(const void *file, size_t size, const void **ret_bytes, size_t *ret_size)
{
	const char *base = file;
	Elf64_Ehdr h;
	if (size < sizeof h)
		return 0;
	memcpy(&h, base, sizeof h);
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_shoff == 0)
		return 0;
	Elf64_Shdr names, s;
	if (h.e_shentsize != sizeof s || !inside(h.e_shoff, sizeof s, size))
		return error_set(PMIG_ECORRUPT, "the ELF section table is damaged");
	memcpy(&s, base + h.e_shoff, sizeof s); /* the first one holds what does not fit into the header */
	uint64_t count = h.e_shnum != 0 ? h.e_shnum : s.sh_size;
	uint64_t strings = h.e_shstrndx != SHN_XINDEX ? h.e_shstrndx : s.sh_link;
	if (count > size / sizeof s || !inside(h.e_shoff, count * sizeof s, size) || strings >= count)
		return error_set(PMIG_ECORRUPT, "the ELF section table is damaged");
	memcpy(&names, base + h.e_shoff + strings * sizeof s, sizeof s);
	if (!inside(names.sh_offset, names.sh_size, size))
		return error_set(PMIG_ECORRUPT, "the ELF section names are damaged");
	for (uint64_t i = 1; i < count; i++) {
		memcpy(&s, base + h.e_shoff + i * sizeof s, sizeof s);
		if (!inside(s.sh_name, sizeof OBJECT_SECTION, names.sh_size) ||
			memcmp(base + names.sh_offset + s.sh_name, OBJECT_SECTION, sizeof OBJECT_SECTION) != 0)
			continue;
		if (s.sh_type != SHT_PROGBITS || !inside(s.sh_offset, s.sh_size, size))
			return error_set(PMIG_ECORRUPT, "the section " OBJECT_SECTION " is damaged");
		*ret_bytes = base + s.sh_offset;
		*ret_size = s.sh_size;
		return 1;
	}
	return 0;
}

int object_open(const char *path, struct object_file *ret_file)
{
	struct object_file f = {0};
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(errno == ENOENT ? PMIG_ENOENT : PMIG_EIO, errno, "%s", path);
	int e = 0;
	if (fstat(fd, &st) < 0)
		e = error_errno(PMIG_EIO, errno, "%s", path);
	else if (S_ISREG(st.st_mode) && st.st_size > 0) {
		f.size = (size_t)st.st_size;
		f.bytes = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (f.bytes == MAP_FAILED)
			e = error_errno(PMIG_EIO, errno, "%s: cannot be mapped", path);
	}
	(void)close(fd);
	if (e >= 0)
		*ret_file = f;
	return e;
}

void object_close(struct object_file *f)
{
	if (f->size > 0)
		(void)munmap((void *)(uintptr_t)f->bytes, f->size);
	*f = (struct object_file){0};
}
