/* random: drand48() and its kind: a linear congruential generator of 48 bits, whose state is the program's here. The
 * numbers are those that POSIX defines. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

double pmig_drand48(void);
double pmig_erand48(unsigned short x[3]);
long pmig_lrand48(void);
long pmig_nrand48(unsigned short x[3]);
long pmig_mrand48(void);
long pmig_jrand48(unsigned short x[3]);
void pmig_srand48(long seed);
unsigned short *pmig_seed48(unsigned short seed[3]);
void pmig_lcong48(unsigned short p[7]);

#define A 0x5deece66dull
#define C 0xbull
#define MASK 0xffffffffffffull

static uint64_t state, a = A, c = C;

static uint64_t number_of(const unsigned short x[3])
{
	return (uint64_t)x[2] << 32 | (uint64_t)x[1] << 16 | x[0];
}

static void number_to(unsigned short x[3], uint64_t n)
{
	for (int i = 0; i < 3; i++)
		x[i] = (unsigned short)(n >> (16 * i));
}

static uint64_t step(uint64_t x)
{
	return (x * a + c) & MASK;
}

static uint64_t step_of(unsigned short x[3])
{
	uint64_t n = step(number_of(x));
	number_to(x, n);
	return n;
}

double pmig_drand48(void)
{
	state = step(state);
	return (double)state / (double)(1ull << 48);
}

double pmig_erand48(unsigned short x[3])
{
	return (double)step_of(x) / (double)(1ull << 48);
}

long pmig_lrand48(void)
{
	state = step(state);
	return (long)(state >> 17);
}

long pmig_nrand48(unsigned short x[3])
{
	return (long)(step_of(x) >> 17);
}

long pmig_mrand48(void)
{
	state = step(state);
	return (int32_t)(state >> 16);
}

long pmig_jrand48(unsigned short x[3])
{
	return (int32_t)(step_of(x) >> 16);
}

void pmig_srand48(long seed)
{
	state = ((uint64_t)(uint32_t)seed << 16) | 0x330e;
	a = A;
	c = C;
}

unsigned short *pmig_seed48(unsigned short seed[3])
{
	static unsigned short before[3];
	number_to(before, state);
	state = number_of(seed);
	a = A;
	c = C;
	return before;
}

void pmig_lcong48(unsigned short p[7])
{
	state = number_of(p);
	a = number_of(p + 3);
	c = p[6];
}
