/* image_format: file header, section header and end section, to bytes and back. */
#include "image_format.h"

#include <elf.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char magic[8] = "PMIGIMG";
static const char mark[4] = {'P', 'M', 'I', 'S'};

static const struct image_section_kind kinds[] = {
#define IMAGE_SECTION(constant, number, name, most, need, words) {number, name, most, IMAGE_##need},
#include "tbl/section.h"
#undef IMAGE_SECTION
};

const struct image_section_kind *image_section_kind(uint32_t type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

void image_identity_init(struct image_identity *id)
{
	*id = (struct image_identity){
		.machine =
#if defined __x86_64__
			EM_X86_64,
#elif defined __aarch64__
			EM_AARCH64,
#else
			EM_NONE,
#endif
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.byte_order = __BYTE_ORDER == __LITTLE_ENDIAN ? 1 : 2,
		.pointer_size = sizeof(void *),
	};
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) == 0)
		id->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (gethostname(id->host, sizeof id->host - 1) < 0)
		id->host[0] = '\0';
}

uint64_t image_seal(uint64_t seal, uint64_t header_hash, uint64_t table_hash)
{
	uint8_t bytes[24];
	image_set64(bytes, seal);
	image_set64(bytes + 8, header_hash);
	image_set64(bytes + 16, table_hash);
	return image_hash(bytes, sizeof bytes);
}

/* --- file header --- */

uint64_t image_header_encode(uint8_t bytes[IMAGE_FILE_HEADER], const struct image_identity *id)
{
	memset(bytes, 0, IMAGE_FILE_HEADER);
	memcpy(bytes, magic, sizeof magic);
	image_set32(bytes + 8, IMAGE_FORMAT_VERSION);
	image_set32(bytes + 12, IMAGE_FILE_HEADER);
	image_set32(bytes + 16, id->machine);
	image_set32(bytes + 20, id->page_size);
	bytes[24] = id->byte_order;
	bytes[25] = id->pointer_size;
	memcpy(bytes + 32, id->build, sizeof id->build);
	memcpy(bytes + 64, id->process, sizeof id->process);
	memcpy(bytes + 80, id->name, strnlen(id->name, sizeof id->name - 1));
	image_set64(bytes + 144, id->epoch);
	image_set64(bytes + 152, id->checkpoint);
	image_set64(bytes + 160, (uint64_t)id->time_ns);
	memcpy(bytes + 168, id->host, strnlen(id->host, sizeof id->host - 1));
	memcpy(bytes + 240, id->data_layout, strnlen(id->data_layout, sizeof id->data_layout - 1));
	uint64_t hash = image_hash(bytes, IMAGE_FILE_HEADER - 8);
	image_set64(bytes + IMAGE_FILE_HEADER - 8, hash);
	return hash;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}

/* A string padded with zeros to the end of its field, at least one, and fit to be shown on a terminal. */
static int get_string(char *ret, size_t capacity, const uint8_t *field, size_t size, const char *what)
{
	size_t n = strnlen((const char *)field, size);
	if (n >= size || n >= capacity || !is_zero(field + n, size - n))
		return error_set(PMIG_ECORRUPT, "%s is not a string that ends within its field", what);
	for (size_t i = 0; i < n; i++)
		if (field[i] < 0x20 || field[i] == 0x7f)
			return error_set(PMIG_ECORRUPT, "%s holds a control character", what);
	memcpy(ret, field, n + 1);
	return 0;
}

int image_header_decode(const uint8_t bytes[IMAGE_FILE_HEADER], struct image_identity *ret, uint64_t *ret_hash)
{
	if (memcmp(bytes, magic, sizeof magic) != 0)
		return error_set(PMIG_ECORRUPT, "it does not begin like an image");
	uint64_t hash = image_hash(bytes, IMAGE_FILE_HEADER - 8);
	if (!image_hash_equal(hash, image_get64(bytes + IMAGE_FILE_HEADER - 8)))
		return error_set(PMIG_ECORRUPT, "the file header does not match its hash");
	uint32_t version = image_get32(bytes + 8);
	if (version != IMAGE_FORMAT_VERSION)
		return error_set(PMIG_EVERSION, "its format is version %u, known here is %u; use the pmig that wrote it",
			version, IMAGE_FORMAT_VERSION);
	struct image_identity id = {
		.machine = image_get32(bytes + 16),
		.page_size = image_get32(bytes + 20),
		.byte_order = bytes[24],
		.pointer_size = bytes[25],
		.epoch = image_get64(bytes + 144),
		.checkpoint = image_get64(bytes + 152),
		.time_ns = (int64_t)image_get64(bytes + 160),
	};
	memcpy(id.build, bytes + 32, sizeof id.build);
	memcpy(id.process, bytes + 64, sizeof id.process);
	int r = get_string(id.name, sizeof id.name, bytes + 80, 64, "the process name");
	if (r >= 0)
		r = get_string(id.host, sizeof id.host, bytes + 168, 72, "the host name");
	if (r >= 0)
		r = get_string(id.data_layout, sizeof id.data_layout, bytes + 240, 128, "the data layout");
	if (r < 0)
		return r;
	if (image_get32(bytes + 12) != IMAGE_FILE_HEADER || !is_zero(bytes + 26, 6) || !is_zero(bytes + 368, 136))
		return error_set(PMIG_ECORRUPT, "the file header has bytes set that this version does not have");
	if (id.page_size < 4096 || id.page_size > 65536 || (id.page_size & (id.page_size - 1)) != 0)
		return error_set(PMIG_ECORRUPT, "%u is not a page size", id.page_size);
	if (id.byte_order < 1 || id.byte_order > 2 || (id.pointer_size != 4 && id.pointer_size != 8))
		return error_set(PMIG_ECORRUPT, "byte order %u and pointer size %u do not exist", id.byte_order,
			id.pointer_size);
	*ret = id;
	*ret_hash = hash;
	return 0;
}

/* --- section header --- */

void image_section_encode(uint8_t bytes[IMAGE_SECTION_HEADER], struct image_section_header *h)
{
	memset(bytes, 0, IMAGE_SECTION_HEADER);
	memcpy(bytes, mark, sizeof mark);
	image_set32(bytes + 4, h->type);
	memcpy(bytes + 8, h->name, strnlen(h->name, IMAGE_NAME_MAX));
	image_set32(bytes + 24, h->version);
	image_set32(bytes + 28, h->need);
	image_set64(bytes + 32, h->size);
	image_set64(bytes + 40, h->bulk_size);
	image_set64(bytes + 48, h->payload_hash);
	h->hash = image_hash(bytes, IMAGE_SECTION_HEADER - 8);
	image_set64(bytes + IMAGE_SECTION_HEADER - 8, h->hash);
}

static int check_kind(const struct image_section_header *h)
{
	const struct image_section_kind *kind = image_section_kind(h->type);
	if (kind == NULL && h->need == IMAGE_OPTIONAL)
		return 0;
	if (kind == NULL)
		return error_set(PMIG_EVERSION, "section type %u (\"%s\") is mandatory and not known here; use a newer pmig",
			h->type, h->name);
	if (strcmp(kind->name, h->name) != 0 || kind->need != h->need)
		return error_set(PMIG_ECORRUPT, "type %u is called \"%s\", not \"%s\"", h->type, kind->name, h->name);
	bool bulk = image_has_runs(h->type) || h->type == IMAGE_GLOBALS;
	if ((bulk || h->type == IMAGE_END) && h->version != 1)
		return error_set(PMIG_EVERSION, "version %u of section %s is not known here, only 1", h->version, h->name);
	if (h->bulk_size != 0 && !bulk)
		return error_set(PMIG_ECORRUPT, "section %s cannot have bulk data", h->name);
	return 0;
}

int image_section_decode(const uint8_t bytes[IMAGE_SECTION_HEADER], struct image_section_header *ret)
{
	if (memcmp(bytes, mark, sizeof mark) != 0)
		return error_set(PMIG_ECORRUPT, "no section begins here");
	struct image_section_header h = {
		.type = image_get32(bytes + 4),
		.version = image_get32(bytes + 24),
		.need = image_get32(bytes + 28),
		.size = image_get64(bytes + 32),
		.bulk_size = image_get64(bytes + 40),
		.payload_hash = image_get64(bytes + 48),
		.hash = image_hash(bytes, IMAGE_SECTION_HEADER - 8),
	};
	if (!image_hash_equal(h.hash, image_get64(bytes + IMAGE_SECTION_HEADER - 8)))
		return error_set(PMIG_ECORRUPT, "the section header does not match its hash");
	uint8_t name[IMAGE_NAME_MAX + 1] = {0};
	memcpy(name, bytes + 8, IMAGE_NAME_MAX);
	int r = get_string(h.name, sizeof h.name, name, sizeof name, "the section's name");
	if (r < 0)
		return r;
	if (h.type == 0 || h.version == 0 || (h.need != IMAGE_MANDATORY && h.need != IMAGE_OPTIONAL))
		return error_set(PMIG_ECORRUPT, "type %u, version %u, need %u cannot be", h.type, h.version, h.need);
	r = check_kind(&h);
	if (r < 0)
		return r;
	*ret = h;
	return 0;
}

/* --- end section --- */

void image_end_encode(uint8_t bytes[IMAGE_END_SIZE], const struct image_end *end)
{
	image_set64(bytes, end->size);
	image_set64(bytes + 8, end->sections);
	image_set64(bytes + 16, end->seal);
}

void image_end_decode(const uint8_t bytes[IMAGE_END_SIZE], struct image_end *ret)
{
	*ret = (struct image_end){image_get64(bytes), image_get64(bytes + 8), image_get64(bytes + 16)};
}
