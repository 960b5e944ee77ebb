/* awkward: one of each thing in C that is awkward to take apart and put together again. Prints one number per part,
 * which must be that of an undisturbed run. `awkward deep N` only recurses N deep. */
#include "awkward.h"

static unsigned long long state = 88172645463325252ull;

void mix(unsigned long long n)
{
	state ^= n + 0x9e3779b97f4a7c15ull + (state << 6) + (state >> 2);
}

/* structs by value: in registers of both classes, in memory, as arguments and results */
struct two_longs {
	long a, b;
};
struct two_floats {
	float a, b;
};
struct mixed {
	double d;
	int i;
};
struct big {
	long v[7];
	char tail[3];
};
struct three_floats {
	float a, b, c;
};
struct tiny {
	char a, b, c;
};

static __attribute__((noinline)) struct two_longs longs(struct two_longs x, int n)
{
	pmig_safepoint();
	if (n == 0)
		return x;
	struct two_longs y = longs((struct two_longs){x.b + n, x.a - n}, n - 1);
	return (struct two_longs){y.a * 3 + x.a, y.b ^ x.b};
}

static __attribute__((noinline)) struct two_floats floats(struct two_floats x, int n)
{
	pmig_safepoint();
	if (n == 0)
		return x;
	struct two_floats y = floats((struct two_floats){x.b + 1.5f, x.a}, n - 1);
	return (struct two_floats){y.a + x.b, y.b * 0.5f};
}

static __attribute__((noinline)) struct mixed mixed(struct mixed x, int n)
{
	pmig_safepoint();
	if (n == 0)
		return x;
	struct mixed y = mixed((struct mixed){x.d * 1.25, x.i + n}, n - 1);
	return (struct mixed){y.d + x.i, y.i - x.i};
}

static __attribute__((noinline)) struct big big(struct big x, int n)
{
	pmig_safepoint();
	if (n == 0)
		return x;
	struct big y = x;
	y.v[n % 7] += n;
	y.tail[n % 3]++;
	struct big z = big(y, n - 1);
	z.v[0] += x.v[n % 7];
	return z;
}

static __attribute__((noinline)) struct three_floats three(struct three_floats x, int n)
{
	pmig_safepoint();
	if (n == 0)
		return x;
	struct three_floats y = three((struct three_floats){x.b, x.c, x.a + 1}, n - 1);
	return (struct three_floats){y.a + 0.5f, y.b, x.c};
}

static __attribute__((noinline)) struct tiny tiny(struct tiny x, int n)
{
	pmig_safepoint();
	if (n == 0)
		return x;
	struct tiny y = tiny((struct tiny){x.b, x.c, (char)(x.a + n)}, n - 1);
	return (struct tiny){y.c, (char)(y.a + x.b), y.b};
}

static void structs(void)
{
	struct two_longs l = longs((struct two_longs){3, 4}, 9);
	struct two_floats f = floats((struct two_floats){1, 2}, 7);
	struct mixed m = mixed((struct mixed){2.5, 3}, 8);
	struct big b = big((struct big){{1, 2, 3, 4, 5, 6, 7}, "ab"}, 12);
	struct three_floats t = three((struct three_floats){1, 2, 3}, 6);
	struct tiny y = tiny((struct tiny){1, 2, 3}, 7);
	mix((unsigned long)l.a + (unsigned long)l.b);
	mix((unsigned long)(f.a * 16 + f.b * 256));
	mix((unsigned long)(m.d * 1024) + (unsigned)m.i);
	for (int i = 0; i < 7; i++)
		mix((unsigned long)b.v[i] + (unsigned char)b.tail[i % 3]);
	mix((unsigned long)(t.a * 8 + t.b * 64 + t.c * 512));
	mix((unsigned long)((unsigned char)y.a + 256 * (unsigned char)y.b + 65536 * (unsigned char)y.c));
}

/* function pointers, also to a function that is reached in no other way */
typedef long operation(long, void *);

static long twice(long n, void *context)
{
	pmig_safepoint();
	return 2 * n + *(long *)context;
}

static long apply(operation *f, long n, void *context, int depth)
{
	return depth == 0 ? f(n, context) : apply(f, f(n, context), context, depth - 1);
}

static long nested(long n, void *context)
{
	long local = n;
	operation *volatile f = twice;
	return apply(f, n, &local, 2) + *(long *)context;
}

static void pointers_to_functions(void)
{
	long context = 5;
	static operation *const table[] = {twice, nested};
	for (int i = 0; i < 6; i++)
		mix((unsigned long)apply(table[i % 2], i, &context, i));
}

/* pointers to locals of callers, to the middle of arrays, across several frames */
static void fill(int *first, int *last, int **cursor)
{
	pmig_safepoint();
	if (first == last)
		return;
	*first = (int)(last - first) + **cursor;
	*cursor = first;
	fill(first + 1, last, cursor);
	*first += first[1];
}

static void pointers_to_locals(void)
{
	int a[12] = {0}, seed = 9, *cursor = &seed;
	fill(a, a + 11, &cursor);
	for (int i = 0; i < 12; i++)
		mix((unsigned)a[i]);
	mix((unsigned long)(cursor - a));
}

/* switch in loops, goto, early exits */
static void switches(void)
{
	unsigned n = 27;
	int steps = 0;
	while (n != 1) {
		switch (n % 4) {
		case 0:
			n /= 2;
			/* fall through */
		case 2:
			n /= 2;
			break;
		case 1:
			pmig_safepoint();
			n = 3 * n + 1;
			continue;
		default:
			n = 3 * n + 1;
			if (n > 9000)
				goto large;
		}
		pmig_safepoint();
	large:
		if (++steps > 200)
			break;
	}
	mix(n + 1000u * (unsigned)steps);
}

/* a variable argument list that is used up before the next safe point */
static long sum(int n, ...)
{
	va_list ap;
	long s = 0;
	va_start(ap, n);
	for (int i = 0; i < n; i++)
		s += i % 2 ? (long)va_arg(ap, double) : va_arg(ap, long);
	va_end(ap);
	return s;
}

static void varargs(void)
{
	char text[64];
	for (int i = 0; i < 5; i++) {
		long s = sum(4, (long)i, i * 1.5, 3L, 7.25);
		pmig_safepoint();
		int length = snprintf(text, sizeof text, "%d %ld %.3f %s", i, s, i / 3.0, "words");
		pmig_safepoint();
		mix((unsigned long)s + (unsigned)length + (unsigned char)text[i]);
	}
}

/* doubles, floats, long doubles and vectors of them across calls */
static __attribute__((noinline)) double series(int n, double x, float y, long double z)
{
	pmig_safepoint();
	if (n == 0)
		return x + y + (double)z;
	double inner = series(n - 1, x * 1.0625, y + 0.125f, z * 0.5L + 1);
	return inner + x / (n + 1) - y * (double)z;
}

static void floating(void)
{
	double d[8], s = 0;
	for (int i = 0; i < 8; i++)
		d[i] = i * 0.5;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++)
			d[i] = d[i] * 1.5 + round;
		pmig_safepoint();
	}
	for (int i = 0; i < 8; i++)
		s += d[i];
	mix((unsigned long)(s * 4096));
	mix((unsigned long)(long)(series(12, 1.5, 2.25f, 3.125L) * 65536));
}

/* bit-fields, __int128, odd widths, bool */
struct bits {
	unsigned a : 3;
	int b : 7;
	unsigned long c : 41;
	_Bool d : 1;
};

static __attribute__((noinline)) unsigned __int128 wide(unsigned __int128 n, int depth)
{
	pmig_safepoint();
	if (depth == 0)
		return n;
	return wide(n * 1000003u + (unsigned)depth, depth - 1) ^ (n << 17);
}

static void widths(void)
{
	struct bits b = {5, -3, 1ul << 39, 1};
	for (int i = 0; i < 9; i++) {
		b.a += (unsigned)i & 7;
		b.b = (int)((b.b * 5 + i) % 60);
		pmig_safepoint();
		b.c = b.c * 3 + b.a;
		b.d = b.c & 4;
	}
	unsigned __int128 w = wide(((unsigned __int128)7 << 100) + 11, 10);
	mix(b.a + ((unsigned)b.b << 3) + b.c + b.d);
	mix((unsigned long long)w);
	mix((unsigned long long)(w >> 64));
}

/* variable length arrays, alloca, over-aligned locals */
static __attribute__((noinline)) long variable(int n)
{
	int a[n + 1];
	_Alignas(128) char aligned[64];
	char *p = __builtin_alloca((size_t)n + 3);
	memset(aligned, n, sizeof aligned);
	memset(p, n + 1, (size_t)n + 3);
	for (int i = 0; i <= n; i++)
		a[i] = i * n;
	pmig_safepoint();
	long s = n == 0 ? 0 : variable(n - 1);
	for (int i = 0; i <= n; i++)
		s += a[i] + p[i] + aligned[i];
	return s * 2 + (((unsigned long)aligned & 127) != 0);
}

/* heap: lists, realloc, a callback in the middle of qsort */
struct node {
	struct node *next;
	long value;
};

static int by_value(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	pmig_safepoint();
	return x->value < y->value ? -1 : x->value > y->value;
}

static void heap(void)
{
	struct node *head = NULL, **all = NULL;
	size_t n = 0;
	for (int i = 0; i < 30; i++) {
		struct node *fresh = malloc(sizeof *fresh);
		*fresh = (struct node){head, (i * 7919) % 101};
		head = fresh;
		all = realloc(all, (n + 1) * sizeof *all);
		all[n++] = fresh;
		pmig_safepoint();
	}
	qsort(all, n, sizeof *all, by_value);
	for (size_t i = 0; i < n; i++)
		mix((unsigned long)all[i]->value);
	while (head != NULL) {
		struct node *next = head->next;
		free(head);
		head = next;
		pmig_safepoint();
	}
	free(all);
}

long ping(long n, long a)
{
	pmig_safepoint();
	return n <= 0 ? a : pong(n - 1, (double)a + 0.5) + n;
}

static __attribute__((noinline)) long deep(long n)
{
	if (n == 0) {
		pmig_safepoint();
		return 0;
	}
	long below = deep(n - 1);
	if (n % 10000 == 0)
		pmig_safepoint();
	return (below * 31 + n) & 0xffffffff;
}

static void part(const char *name, void (*run)(void))
{
	run();
	printf("%s %016llx\n", name, state);
}

static void across_files(void)
{
	mix((unsigned long)ping(14, 3));
}

static void on_the_stack(void)
{
	mix((unsigned long)variable(9));
}

static void depth(void)
{
	mix((unsigned long)deep(500));
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "deep") == 0) {
		printf("deep %lx\n", (unsigned long)deep(atol(argv[2])));
		return 0;
	}
	part("structs", structs);
	part("function pointers", pointers_to_functions);
	part("pointers to locals", pointers_to_locals);
	part("switches", switches);
	part("variable arguments", varargs);
	part("floating point", floating);
	part("widths", widths);
	part("on the stack", on_the_stack);
	part("heap", heap);
	part("across files", across_files);
	part("depth", depth);
	return 0;
}
