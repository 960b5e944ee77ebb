/* build_id: walks the notes of an ELF file's program headers. */
#include "build_id.h"
#include "runtime/base/hex.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 64
#define NOTES_MAX 4096 /* bytes of one PT_NOTE */

static int none(void)
{
	return error_set(PMIG_ENOENT, "it has no build identity");
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* One segment of notes: name size, content size, type, then both, each padded to four bytes. */
static int search(const unsigned char *notes, size_t size, char ret_id[BUILD_ID_MAX])
{
	for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
		Elf64_Nhdr h;
		memcpy(&h, notes + at, sizeof h);
		at += sizeof h;
		if (h.n_namesz > size || h.n_descsz > size || at + padded(h.n_namesz) + padded(h.n_descsz) > size + 3)
			return none();
		const unsigned char *content = notes + at + padded(h.n_namesz);
		bool ours = h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && memcmp(notes + at, "GNU", 4) == 0 &&
			h.n_descsz > 0 && 2 * (size_t)h.n_descsz < BUILD_ID_MAX && content + h.n_descsz <= notes + size;
		if (ours) {
			hex_put(content, h.n_descsz, ret_id);
			return 0;
		}
		at += padded(h.n_namesz) + padded(h.n_descsz);
	}
	return none();
}

int build_id_get(int fd, char ret_id[BUILD_ID_MAX])
{
	Elf64_Ehdr e;
	Elf64_Phdr headers[HEADERS_MAX];
	unsigned char notes[NOTES_MAX];
	if (pread(fd, &e, sizeof e, 0) != (ssize_t)sizeof e || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
		e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_phentsize != sizeof *headers ||
		e.e_phnum > HEADERS_MAX)
		return none();
	size_t want = e.e_phnum * sizeof *headers;
	if (pread(fd, headers, want, (off_t)e.e_phoff) != (ssize_t)want)
		return none();
	for (size_t i = 0; i < e.e_phnum; i++) {
		if (headers[i].p_type != PT_NOTE)
			continue;
		size_t size = headers[i].p_filesz < sizeof notes ? headers[i].p_filesz : sizeof notes;
		ssize_t n = pread(fd, notes, size, (off_t)headers[i].p_offset);
		if (n > 0 && search(notes, (size_t)n, ret_id) >= 0)
			return 0;
	}
	return none();
}
