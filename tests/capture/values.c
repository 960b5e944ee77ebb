/* values: what C can hold in a variable, live across safe points: structs in registers, complex numbers, vectors, __int128,
 * long double, bit-fields, _Bool, small arrays, unions, function pointers. */
#include <pmig/pmig.h>

#include <complex.h>
#include <stdio.h>
#include <string.h>

typedef int four_ints __attribute__((vector_size(16)));
typedef float eight_floats __attribute__((vector_size(32)));
typedef long eight_longs __attribute__((vector_size(64)));
typedef char odd_vector __attribute__((ext_vector_type(3)));

struct pair {
	long a, b;
};
struct point {
	double x, y;
};
struct bits {
	unsigned a : 3, b : 11, : 0, c : 30;
	long d : 41;
	_Bool e : 1;
};
struct nested {
	struct pair p;
	struct {
		short s[3];
		char c;
	} inner;
};
struct huge {
	long v[600];
};
union both {
	double d;
	unsigned long n;
};

static int turn;

/* Results that differ every time, so that nothing can be computed ahead. */
#define SAFE(type, name, ...) \
	static __attribute__((noinline)) type name(void) \
	{ \
		int n = ++turn; \
		pmig_safepoint(); \
		return __VA_ARGS__; \
	}

SAFE(struct pair, pair, (struct pair){n, -n})
SAFE(struct point, point, (struct point){n * 0.5, n * 0.25})
SAFE(struct bits, bits, (struct bits){n & 7, n, n * 1000, -n, n & 1})
SAFE(struct nested, nested, (struct nested){{n, n + 1}, {{(short)n, 2, 3}, 'c'}})
SAFE(struct huge, huge, (struct huge){{[0] = n, [599] = n * 2}})
SAFE(double complex, complex_double, n + n * 2.0 * I)
SAFE(float complex, complex_float, n * 0.5f - n * 1.0f * I)
SAFE(long double complex, complex_long, n * 3.0L + n * 0.125L * I)
SAFE(four_ints, ints, (four_ints){n, n * 2, n * 3, n * 4})
SAFE(eight_floats, floats, (eight_floats){n, 1, 2, 3, 4, 5, 6, n * 7})
SAFE(eight_longs, longs, (eight_longs){n, 1, 2, 3, 4, 5, 6, n * 7})
SAFE(odd_vector, odd, (odd_vector){(char)n, 2, 3})
SAFE(__int128, wide, ((__int128)n << 70) - n)
SAFE(long double, extended, 1.0L / n)
SAFE(_Bool, flag, n % 3 == 0)
SAFE(_BitInt(100), exact, ((_BitInt(100))n << 90) + n)
SAFE(_Float16, half, (_Float16)(n * 0.5))
SAFE(__float128, quad, (__float128)n / 4)
SAFE(union both, both, (union both){.d = n * 1.5})

static void print_bytes(const char *name, const void *value, size_t size)
{
	unsigned long hash = 1469598103934665603ul;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)value)[i]) * 1099511628211ul;
	printf("%s %016lx\n", name, hash);
}

/* a value that is made before a safe point, chosen between two behind one, and used after a third */
#define ACROSS(type, name, bytes, choose) \
	static __attribute__((noinline)) void across_##name(void) \
	{ \
		type first = name(), second = name(), chosen; \
		for (int i = 0; i < 3; i++) { \
			chosen = flag() ? first : second; \
			second = name(); \
			pmig_safepoint(); \
			choose; \
			type copy; \
			memset(&copy, 0, sizeof copy); \
			copy = chosen; \
			print_bytes(#name, &copy, bytes); \
		} \
	}

ACROSS(struct pair, pair, sizeof copy, chosen.a += first.b)
ACROSS(struct point, point, sizeof copy, chosen.x -= first.y)
ACROSS(struct nested, nested, offsetof(struct nested, inner.c) + 1, chosen.inner.s[1]++)
ACROSS(struct huge, huge, sizeof copy, chosen.v[599]++)
ACROSS(double complex, complex_double, sizeof copy, chosen *= first)
ACROSS(float complex, complex_float, sizeof copy, chosen *= first)
ACROSS(four_ints, ints, sizeof copy, chosen += first)
ACROSS(eight_floats, floats, sizeof copy, chosen -= first)
ACROSS(eight_longs, longs, sizeof copy, chosen *= first)
ACROSS(odd_vector, odd, 3, chosen += first)
ACROSS(__int128, wide, sizeof copy, chosen ^= first)
ACROSS(long double, extended, 10, chosen -= first)
ACROSS(long double complex, complex_long, 10, chosen *= first)
ACROSS(_BitInt(100), exact, 12, chosen -= first)
ACROSS(_Float16, half, sizeof copy, chosen += first)
ACROSS(__float128, quad, sizeof copy, chosen = first)
ACROSS(union both, both, sizeof copy, chosen.d += first.d)

static __attribute__((noinline)) void across_bits(void)
{
	struct bits b = bits(), c = bits();
	for (int i = 0; i < 4; i++) {
		b.a += c.a;
		b.d -= c.c;
		pmig_safepoint();
		b.e = !b.e;
		c = flag() ? b : bits();
		printf("bits %u %u %u %ld %d\n", b.a, b.b, b.c, (long)b.d, b.e);
	}
}

/* structs handed on as they are, through a pointer to a function, in a tree of calls */
static struct pair (*const pairs[])(void) = {pair, pair};
static struct point (*volatile a_point)(void) = point;

static __attribute__((noinline)) struct pair sum(int depth)
{
	if (depth == 0)
		return pairs[turn & 1]();
	struct pair left = sum(depth - 1), right = sum(depth - 1);
	pmig_safepoint();
	return depth & 1 ? (struct pair){left.a + right.b, right.a} : left.a > 3 ? left : right;
}

static __attribute__((noinline)) struct point middle(struct point p, struct huge big, struct point q, four_ints v)
{
	pmig_safepoint();
	struct point r = a_point();
	return (struct point){p.x + q.x + r.x + (double)big.v[599], p.y + q.y + (double)v[2]};
}

int main(void)
{
	across_pair();
	across_point();
	across_nested();
	across_huge();
	across_complex_double();
	across_complex_float();
	across_complex_long();
	across_ints();
	across_floats();
	across_longs();
	across_odd();
	across_wide();
	across_extended();
	across_exact();
	across_half();
	across_quad();
	across_both();
	across_bits();
	struct pair s = sum(4);
	struct point m = middle(point(), huge(), point(), ints());
	printf("%ld %ld %f %f\n", s.a, s.b, m.x, m.y);
	return 0;
}
