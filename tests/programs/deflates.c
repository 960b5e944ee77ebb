/* deflates WHERE: keeps a stream of zlib, whose memory does not travel, while it may be asked to stop: in a variable, a block of
 * the heap, or a local variable. When a move was refused it lets go of it, and can move. */
#include <pmig/pmig.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define TEXT_SIZE 100000

static z_stream kept;
static unsigned char text[TEXT_SIZE], packed[2 * TEXT_SIZE], unpacked[TEXT_SIZE];

static void fill(void)
{
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (unsigned char)(i * i >> 7);
}

static void until(int outcome)
{
	while (pmig_safepoint() != outcome)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void say(const char *words)
{
	puts(words);
	fflush(stdout);
}

/* Half of the text, then as long as it takes until a move has failed, then the other half. */
static __attribute__((noinline)) size_t deflate_in_two(z_stream *z)
{
	if (deflateInit(z, 6) != Z_OK)
		exit(99);
	z->next_in = text;
	z->avail_in = TEXT_SIZE / 2;
	z->next_out = packed;
	z->avail_out = sizeof packed;
	if (deflate(z, Z_NO_FLUSH) != Z_OK)
		exit(98);
	say("holds it");
	until(PMIG_FAILED);
	z->avail_in = TEXT_SIZE - TEXT_SIZE / 2;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		exit(97);
	size_t size = z->total_out;
	deflateEnd(z);
	memset(z, 0, sizeof *z);
	return size;
}

static __attribute__((noinline)) size_t in_local(void)
{
	z_stream z = {0};
	return deflate_in_two(&z);
}

int main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : "";
	size_t size;
	fill();
	if (strcmp(where, "heap") == 0) {
		z_stream *z = calloc(1, sizeof *z);
		size = deflate_in_two(z);
		free(z);
	} else if (strcmp(where, "local") == 0) {
		size = in_local();
	} else {
		size = deflate_in_two(&kept);
	}
	say("has let go of it");
	until(PMIG_RESTORED);
	uLongf length = sizeof unpacked;
	if (uncompress(unpacked, &length, packed, size) != Z_OK || length != TEXT_SIZE ||
		memcmp(text, unpacked, TEXT_SIZE) != 0)
		return 96;
	say("the text is whole");
	return 0;
}
