/* weighs MEGABYTES PATH: holds so much memory that nothing compresses, reads a little of PATH now and then, and counts until it is killed. */
#include <pmig/pmig.h>

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	unsigned char *memory = malloc(size);
	FILE *data = size > 0 ? fopen(argv[2], "r") : NULL;
	if (memory == NULL || data == NULL)
		return 1;
	uint64_t x = 88172645463325252u; /* xorshift64: Marsaglia, Xorshift RNGs, 2003 */
	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memory[i] = (unsigned char)x;
	}
	for (long i = 1;; i++) {
		char some[8];
		if (fread(some, 1, sizeof some, data) < sizeof some)
			rewind(data);
		(void)printf("%ld %u\n", i, memory[(size_t)i % size]);
		(void)fflush(stdout);
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		(void)pmig_safepoint();
	}
}
