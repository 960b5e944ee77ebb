/* calls: ways to call a function: under other names, by other conventions, with many arguments, out of sorting and searching
 * within each other, into the middle of loops, in constructors and at exit. */
#include <pmig/pmig.h>

#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __attribute__((noinline)) long step(long n)
{
	pmig_safepoint();
	return n * 3 + 1;
}

/* other names */
long real_name(long n)
{
	return step(n) + 1;
}
extern long other_name(long n) __attribute__((alias("real_name")));
extern long weak_name(long n) __attribute__((weak, alias("real_name")));
extern long absent(long n) __attribute__((weak));
static __typeof__(real_name) *volatile pointer = other_name;

static long names(long n)
{
	return other_name(n) + weak_name(n + 1) * 3 + pointer(n) + (absent != NULL ? absent(n) : 0);
}

/* other conventions, many arguments in registers and in memory */
struct large {
	long v[9];
};

static __attribute__((noinline, ms_abi)) long windows(int a, double b, long c, double d, int e, struct large f)
{
	long x = step(a);
	pmig_safepoint();
	return x + (long)(b * d) + c + e + f.v[8];
}

static __attribute__((noinline, ms_abi)) struct large windows_result(long n)
{
	struct large r = {{n, step(n)}};
	pmig_safepoint();
	r.v[8] = n * 2;
	return r;
}

static __attribute__((noinline)) double many(int a, double b, float c, long d, short e, char f, long g, long h,
	long double i, struct large j, double k, double l, double m, double n, double o, double p, double q, _Bool r,
	void *s)
{
	long x = step(a);
	pmig_safepoint();
	double y = many == (void *)s && !r ? many(a + 1, k, (float)l, h, f, (char)e, d, g, -i, j, b, c, m, n, o, p, q, 1, s)
					   : 0;
	return y + (double)x + b * 2 + (double)c * 3 + (double)d * 4 + e * 5 + f * 6 + (double)g * 7 + (double)h * 8 +
		(double)i * 9 + (double)j.v[3] * 10 + k * 11 + l * 12 + m * 13 + n * 14 + o * 15 + p * 16 + q * 17 + r * 18;
}

/* sorting within sorting within searching */
static int depth;

static int compare_numbers(const void *a, const void *b)
{
	pmig_safepoint();
	return *(const int *)a - *(const int *)b;
}

static int compare_rows(const void *a, const void *b)
{
	int x[4], y[4];
	memcpy(x, a, sizeof x);
	memcpy(y, b, sizeof y);
	depth++;
	qsort(x, 3, sizeof *x, compare_numbers);
	pmig_safepoint();
	qsort(y, 3, sizeof *y, compare_numbers);
	depth--;
	return x[depth] - y[depth];
}

static int compare_keys(const void *a, const void *b)
{
	int rows[2][4] = {{5, 4, 3, 2}, {2, 1, 4, 3}};
	qsort(rows, 2, sizeof *rows, compare_rows);
	pmig_safepoint();
	return *(const int *)a + rows[0][0] - *(const int *)b - rows[0][0];
}

static int visited;

static void visit(const void *node, VISIT which, int level)
{
	pmig_safepoint();
	(void)level;
	if (which == postorder || which == leaf)
		visited = visited * 7 % 100003 + **(const int *const *)node;
}

static long searches(void)
{
	static int keys[] = {1, 4, 9};
	void *root = NULL;
	long sum = 0;
	for (int i = 0; i < 3; i++) {
		const int *found = bsearch(&keys[i], keys, 3, sizeof *keys, compare_keys);
		sum += found != NULL ? *found : -1000;
		tsearch(&keys[(i * 2) % 3], &root, compare_keys);
	}
	twalk(root, visit);
	for (int i = 0; i < 3; i++)
		tdelete(&keys[i], &root, compare_keys);
	return sum * 1000000 + visited;
}

/* control flow that no loop statement makes */
static __attribute__((noinline)) int copy(char *to, const char *from, int count)
{
	int n = (count + 3) / 4, steps = 0;
	switch (count % 4) {
	case 0:
		do {
			*to++ = *from++;
			pmig_safepoint();
			/* fall through */
		case 3:
			*to++ = *from++;
			/* fall through */
		case 2:
			*to++ = *from++;
			steps += (int)step(steps) % 7;
			/* fall through */
		case 1:
			*to++ = *from++;
		} while (--n > 0);
	}
	return steps;
}

static __attribute__((noinline)) int two_entries(int n)
{
	int x = n * 2, y = 3, i = 1;
	if (n & 1)
		goto inside;
	for (i = 0; i < 4; i++) {
		x += (int)step(i);
	inside:
		pmig_safepoint();
		y += x % 13;
		if (y > 40 && n < 5) {
			n += 5;
			goto other;
		}
	}
	return x + y;
other:
	pmig_safepoint();
	x--;
	if (x & 1)
		goto inside;
	return x - y;
}

/* before and after main */
static char early[64];

static __attribute__((constructor(200))) void first(void)
{
	pmig_safepoint();
	strcat(early, "first ");
}

static __attribute__((constructor(300))) void second(void)
{
	strcat(early, "second ");
	early[60] = (char)step(1);
}

static void at_exit(void)
{
	pmig_safepoint();
	printf("at exit %ld\n", step(4));
}

static __attribute__((destructor)) void last(void)
{
	pmig_safepoint();
	puts("last");
	fflush(stdout);
}

int main(void)
{
	char text[40] = {0};
	struct large large = {{0, 1, 2, 3, 4, 5, 6, 7, 8}};
	atexit(at_exit);
	printf("%s%d\n", early, early[60]);
	for (int i = 1; i < 5; i++) {
		printf("%ld %ld ", names(i), windows(i, 1.5, 2, 4.0, i, large));
		large = windows_result(i);
		printf("%ld %ld ", large.v[1], large.v[8]);
		printf("%f ", many(i, 1, 2, 3, 4, 5, 6, 7, 8, large, 9, 10, 11, 12, 13, 14, 15, 0, (void *)many));
		printf("%d %s %d\n", copy(text, "the quick brown fox jumps over it", 10 + i), text, two_entries(i));
	}
	printf("%ld\n", searches());
	return 0;
}
