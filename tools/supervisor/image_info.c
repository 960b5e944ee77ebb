/* image_info: what the supervisor has to know of an image. */
#include "image_info.h"
#include "runtime/image/image.h"

#include <elf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX 4096

int image_info_get(int fd, const char *name, bool verify, struct image_info *ret_info)
{
	struct image *im;
	int r = image_open(fd, name, &im);
	if (r < 0)
		return r;
	const struct image_identity *id = image_identity(im);
	struct image_info info = {.epoch = id->epoch, .checkpoint = id->checkpoint, .size = image_size(im)};
	memcpy(info.build, id->build, sizeof info.build);
	memcpy(info.process, id->process, sizeof info.process);
	(void)snprintf(info.name, sizeof info.name, "%s", id->name);
	if (verify)
		r = image_verify(im);
	image_close(im);
	if (r >= 0)
		*ret_info = info;
	return r < 0 ? r : 0;
}

/* The note of ld --build-id among the notes from `at` to `end`. */
static bool find_build(const unsigned char *at, const unsigned char *end, uint8_t ret_build[32])
{
	Elf64_Nhdr n;
	while (end - at >= (ptrdiff_t)sizeof n) {
		memcpy(&n, at, sizeof n);
		at += sizeof n;
		size_t name = ((size_t)n.n_namesz + 3) & ~(size_t)3, data = ((size_t)n.n_descsz + 3) & ~(size_t)3;
		if (name > (size_t)(end - at) || data > (size_t)(end - at) - name)
			return false;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && memcmp(at, "GNU", 4) == 0) {
			memset(ret_build, 0, 32);
			memcpy(ret_build, at + name, n.n_descsz < 32 ? n.n_descsz : 32);
			return true;
		}
		at += name + data;
	}
	return false;
}

int image_info_build(int fd, const char *path, uint8_t ret_build[32])
{
	Elf64_Ehdr head;
	unsigned char notes[NOTES_MAX];
	if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
		head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr))
		return error_set(PMIG_EIDENTITY, "%s is not a 64-bit ELF executable", path);
	for (size_t i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr p;
		if (pread(fd, &p, sizeof p, (off_t)(head.e_phoff + i * sizeof p)) != (ssize_t)sizeof p)
			break;
		if (p.p_type == PT_NOTE && p.p_filesz <= sizeof notes &&
			pread(fd, notes, p.p_filesz, (off_t)p.p_offset) == (ssize_t)p.p_filesz &&
			find_build(notes, notes + p.p_filesz, ret_build))
			return 0;
	}
	return error_set(PMIG_EIDENTITY, "%s was not built with pmig-cc: it has no build id", path);
}

void image_info_uuid(const struct image_info *info, char ret_uuid[PMIG_UUID_LENGTH + 1])
{
	for (size_t i = 0, at = 0; i < sizeof info->process; i++)
		at += (size_t)snprintf(ret_uuid + at, PMIG_UUID_LENGTH + 1 - at, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", info->process[i]);
}
