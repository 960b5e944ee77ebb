/* build: reads the executable's own note, as ld --build-id writes it. */
#include "build.h"
#include "base/hex.h"

#include <elf.h>
#include <link.h>
#include <string.h>

static uint8_t identity[BUILD_BYTES];

static void read_notes(const char *p, size_t size)
{
	while (size >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) note;
		memcpy(&note, p, sizeof note);
		size_t name = (note.n_namesz + 3u) & ~3u, data = (note.n_descsz + 3u) & ~3u,
		       whole = sizeof note + name + data;
		if (whole > size)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(p + sizeof note, "GNU", 4) == 0)
			memcpy(identity, p + sizeof note + name, note.n_descsz < BUILD_BYTES ? note.n_descsz : BUILD_BYTES);
		p += whole;
		size -= whole;
	}
}

/* The first object that is listed is the executable. */
static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size, (void)data;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			read_notes((const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr), info->dlpi_phdr[i].p_memsz);
	return 1;
}

const uint8_t *build_identity(void)
{
	static const uint8_t none[BUILD_BYTES];
	if (memcmp(identity, none, sizeof none) == 0)
		(void)dl_iterate_phdr(visit, NULL);
	return identity;
}

const char *build_text(void)
{
	static char text[2 * BUILD_BYTES + 1];
	hex_put(build_identity(), BUILD_BYTES, text);
	return text;
}
