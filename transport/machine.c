/* machine: uname, the processor's features, and the note of an executable. */
#include "machine.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define HEADERS_MAX 64
#define NOTE_MAX 4096
#define PROPERTY_NEEDED 0xc0008002u /* a mask: bit 0 is level 1 */

const char *machine_arch(void)
{
	static struct utsname name;
	if (name.machine[0] == '\0' && uname(&name) < 0)
		return "unknown";
	return name.machine;
}

int machine_level(void)
{
#ifdef __x86_64__
	__builtin_cpu_init();
	return __builtin_cpu_supports("x86-64-v4")    ? 4
		: __builtin_cpu_supports("x86-64-v3") ? 3
		: __builtin_cpu_supports("x86-64-v2") ? 2
						      : 1;
#else
	return 0;
#endif
}

/* The properties of one note: {type, size, data}, each padded to eight bytes. */
static int level_of(const unsigned char *at, const unsigned char *end)
{
	while (end - at >= 8) {
		uint32_t type, size, mask;
		memcpy(&type, at, 4);
		memcpy(&size, at + 4, 4);
		at += 8;
		if (size > (size_t)(end - at))
			break;
		if (type == PROPERTY_NEEDED && size == 4) {
			memcpy(&mask, at, 4);
			return (mask & 15) == 0 ? 0 : 32 - __builtin_clz(mask & 15); /* four levels are defined */
		}
		size_t padded = ((size_t)size + 7) & ~(size_t)7;
		if (padded > (size_t)(end - at))
			break;
		at += padded;
	}
	return 0;
}

static int level_in_notes(const unsigned char *at, const unsigned char *end)
{
	while (end - at >= (long)sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		memcpy(&n, at, sizeof n);
		at += sizeof n;
		size_t name = ((size_t)n.n_namesz + 3) & ~(size_t)3, data = ((size_t)n.n_descsz + 7) & ~(size_t)7;
		if (name > (size_t)(end - at) || n.n_descsz > (size_t)(end - at) - name)
			break;
		if (n.n_type == NT_GNU_PROPERTY_TYPE_0 && n.n_namesz == 4 && memcmp(at, "GNU", 4) == 0)
			return level_of(at + name, at + name + n.n_descsz);
		if (data > (size_t)(end - at) - name)
			break;
		at += name + data;
	}
	return 0;
}

int machine_level_needed(int fd)
{
	Elf64_Ehdr head;
	Elf64_Phdr headers[HEADERS_MAX];
	unsigned char note[NOTE_MAX];
	if (pread(fd, &head, sizeof head, 0) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
		head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof *headers || head.e_phnum > HEADERS_MAX)
		return 0;
	ssize_t size = (ssize_t)(head.e_phnum * sizeof *headers);
	if (pread(fd, headers, (size_t)size, (off_t)head.e_phoff) != size)
		return 0;
	for (size_t i = 0; i < head.e_phnum; i++) {
		const Elf64_Phdr *p = &headers[i];
		if (p->p_type != PT_NOTE || p->p_filesz > sizeof note ||
			pread(fd, note, p->p_filesz, (off_t)p->p_offset) != (ssize_t)p->p_filesz)
			continue;
		int level = level_in_notes(note, note + p->p_filesz);
		if (level > 0)
			return level;
	}
	return 0;
}
