/* far: shapes of code that go on for long without a loop that is easy to see, or with one that is easy to see wrongly. No safe points:
 * for --safepoints=auto. Each prints a number. */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MANY 20000u

static volatile unsigned seed = 12345;

static unsigned mixed(unsigned h, unsigned x)
{
	return (h ^ x) * 2654435761u + (h >> 13);
}

/* Loops that count: up, down, by three, through pointers, until equality, in short types, all the way around. */
static unsigned counted(const unsigned *p, unsigned n)
{
	unsigned h = 0;
	for (unsigned i = 0; i < n; i++)
		h = mixed(h, p[i]);
	for (int i = (int)n; i-- > 0;)
		h = mixed(h, p[i] + 1);
	for (unsigned i = 1; i < n; i += 3)
		h = mixed(h, p[i] + 2);
	for (const unsigned *q = p + n; q != p; q -= 2)
		h = mixed(h, q[-1]);
	for (const unsigned *q = p, *end = p + n; q < end; q++)
		if (*q == 77)
			return h;
	uint16_t around = (uint16_t)(seed - 12345);
	do
		h = mixed(h, around);
	while (--around != 0); /* 65536 rounds */
	for (long i = -(long)n; i < 0; i++)
		h = mixed(h, (unsigned)i);
	return h;
}

static double summed(const double *p, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += p[i] * 0.5;
	return sum;
}

/* Short loops within short loops are long together. */
static unsigned nested(void)
{
	unsigned h = 0;
	for (unsigned a = 0; a < 40; a++)
		for (unsigned b = 0; b < 40; b++)
			for (unsigned c = 0; c < 20; c++)
				h = mixed(h, a * b + c + seed);
	return h;
}

static unsigned shorts(unsigned n)
{
	unsigned h = 0;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i % 4; k++)
			h = mixed(h, k);
	return h;
}

/* All the work is on the way back. */
__attribute__((noinline)) static unsigned deep(unsigned n)
{
	if (n == 0)
		return seed;
	unsigned h = deep(n - 1);
	for (int i = 0; i < 3; i++)
		h = mixed(h, n + (unsigned)i);
	return h;
}

struct tree {
	struct tree *left, *right;
	unsigned value;
};

static unsigned walked(const struct tree *t)
{
	if (t == NULL)
		return 1;
	unsigned left = walked(t->left), right = walked(t->right);
	return mixed(mixed(t->value, left), right);
}

static struct tree *planted(unsigned n)
{
	if (n == 0)
		return NULL;
	struct tree *t = malloc(sizeof *t);
	if (t == NULL)
		abort();
	*t = (struct tree){planted(n / 2), planted(n - 1 - n / 2), n};
	return t;
}

/* Two functions that call each other through pointers. */
typedef unsigned turn(unsigned n, unsigned h);
static turn odd, even;
static turn *volatile turns[2] = {even, odd};

static unsigned even(unsigned n, unsigned h)
{
	return n == 0 ? h : mixed(turns[1](n - 1, h), n);
}

static unsigned odd(unsigned n, unsigned h)
{
	return n == 0 ? h + 1 : mixed(turns[0](n - 1, h), n + 7);
}

/* A loop that no graph shows. */
static unsigned jumped(void)
{
	static jmp_buf back;
	volatile unsigned n = 0, h = 0;
	(void)setjmp(back);
	h = mixed(h, n);
	if (++n < MANY)
		longjmp(back, 1);
	return h;
}

/* A loop with two ways in. */
static unsigned irregular(unsigned n)
{
	unsigned h = n;
	if (seed & 1)
		goto middle;
top:
	h = mixed(h, n);
	if (h == 4711)
		return h;
middle:
	h = mixed(h, n + 1);
	if (--n != 0)
		goto top;
	return h;
}

static unsigned machine(unsigned rounds)
{
	static const void *const labels[] = {&&add, &&turn, &&skip, &&done};
	unsigned h = 0, at = seed;
	goto *labels[0];
add:
	h = mixed(h, at);
	goto *labels[rounds-- == 0 ? 3 : at++ % 3];
turn:
	h = ~h;
	goto *labels[rounds-- == 0 ? 3 : at++ % 3];
skip:
	goto *labels[rounds-- == 0 ? 3 : at++ % 3];
done:
	return h;
}

static unsigned listed(unsigned n)
{
	struct item {
		struct item *next;
		unsigned value;
	} *items = calloc(n, sizeof *items);
	unsigned h = 0;
	if (items == NULL)
		abort();
	for (unsigned i = 0; i + 1 < n; i++)
		items[i] = (struct item){&items[i + 1], i};
	for (const struct item *i = items; i != NULL; i = i->next)
		h = mixed(h, i->value);
	free(items);
	return h;
}

/* A small function called again and again, and a chain of calls each of which is a few times as long as the next. */
__attribute__((noinline)) static unsigned leaf(unsigned h)
{
	for (unsigned i = 0; i < 16; i++)
		h = mixed(h, i);
	return h;
}
#define FOUR(f) (f(h) + f(h + 1) + f(h + 2) + f(h + 3))
__attribute__((noinline)) static unsigned chain1(unsigned h)
{
	return FOUR(leaf);
}
__attribute__((noinline)) static unsigned chain2(unsigned h)
{
	return FOUR(chain1);
}
__attribute__((noinline)) static unsigned chain3(unsigned h)
{
	return FOUR(chain2);
}
__attribute__((noinline)) static unsigned chain4(unsigned h)
{
	return FOUR(chain3);
}
__attribute__((noinline)) static unsigned chain5(unsigned h)
{
	return FOUR(chain4);
}

static unsigned calling(unsigned n)
{
	unsigned h = 0;
	for (unsigned i = 0; i < n; i++)
		h += leaf(i);
	return h;
}

int main(void)
{
	unsigned *p = malloc(MANY * sizeof *p);
	double *d = malloc(MANY * sizeof *d);
	if (p == NULL || d == NULL)
		return 1;
	for (unsigned i = 0; i < MANY; i++) {
		p[i] = i * 7919 % 10007 | 256;
		d[i] = i % 8;
	}
	printf("counted %u\n", counted(p, MANY));
	printf("summed %.1f\n", summed(d, MANY));
	printf("nested %u\n", nested());
	printf("shorts %u\n", shorts(MANY));
	printf("deep %u\n", deep(MANY));
	printf("walked %u\n", walked(planted(MANY / 4)));
	printf("turns %u\n", turns[0](MANY, 3));
	printf("jumped %u\n", jumped());
	printf("irregular %u\n", irregular(MANY));
	printf("machine %u\n", machine(MANY));
	printf("listed %u\n", listed(MANY));
	printf("chain %u\n", chain5(seed));
	printf("calling %u\n", calling(MANY / 16));
	return 0;
}
