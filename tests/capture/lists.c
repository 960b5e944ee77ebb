/* lists: functions with a variable argument list that are called through pointers, from both kinds of places: those that know
 * the type and those without a prototype. */
#include <pmig/pmig.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	double x;
	long n;
};
struct large {
	long v[4];
};
typedef int say(int n, const char *format, ...);

static __attribute__((noinline)) int loud(int n, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	pmig_safepoint();
	printf("loud %d: ", n);
	int length = vprintf(format, ap);
	va_end(ap);
	return length + n;
}

static __attribute__((noinline)) int summing(int n, const char *format, ...)
{
	va_list ap;
	double sum = 0;
	va_start(ap, format);
	for (const char *p = format; *p != '\0'; p++) {
		pmig_safepoint();
		switch (*p) {
		case 'i':
			sum += va_arg(ap, int);
			break;
		case 'd':
			sum += va_arg(ap, double);
			break;
		case 'x':
			sum += (double)va_arg(ap, long double);
			break;
		case 'p': {
			struct pair s = va_arg(ap, struct pair);
			sum += s.x * (double)s.n;
			break;
		}
		default:
			sum += (double)va_arg(ap, struct large).v[3];
		}
	}
	va_end(ap);
	printf("summing %d: %f\n", n, sum);
	return (int)sum;
}

static say *const table[] = {loud, summing, loud};

struct object {
	say *method;
	int n;
};

/* the arguments are prepared while others are still being computed */
static __attribute__((noinline)) int next(int n)
{
	pmig_safepoint();
	return n + 1;
}

static int unprototyped() __attribute__((noinline));
static int unprototyped(a, b)
int a;
long b;
{
	pmig_safepoint();
	return a + (int)b;
}

static say *choose(int n)
{
	pmig_safepoint();
	return n % 2 ? loud : summing;
}

static struct pair pairs(int n, ...)
{
	va_list ap;
	va_start(ap, n);
	struct pair p = va_arg(ap, struct pair);
	pmig_safepoint();
	p.x += va_arg(ap, double);
	va_end(ap);
	return p;
}

int main(void)
{
	int sum = 0;
	struct object o = {table[1], 4};
	struct pair (*volatile f)(int, ...) = pairs;
	int (*old)() = unprototyped;
	for (int i = 0; i < 3; i++) {
		sum += table[i](next(i), i == 1 ? "iid" : "%d %d %f\n", next(1), next(2), next(3) * 0.5);
		sum += o.method(o.n, "ipxlidididididididiiii", next(i), (struct pair){1.5, 2}, (long double)next(2) / 4,
			(struct large){{1, 2, 3, 4}}, 1, 1.0, 2, 2.0, 3, 3.0, 4, 4.0, 5, 5.0, 6, 6.0, 7, 7.0, 8, 8, 8,
			next(8));
		sum += choose(i)(i, "", 1);
		sum += old(next(i), (long)next(7));
		struct pair p = f(1, (struct pair){0.25, next(i)}, 4.5);
		printf("%f %ld\n", p.x, p.n);
	}
	printf("%d\n", sum);
	return 0;
}
