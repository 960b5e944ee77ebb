/* variadic: variable argument lists of every class that are still in use at a safe point, copied and handed on. */
#include <pmig/pmig.h>

#include <stdarg.h>
#include <stdio.h>

struct two_classes {
	long a;
	double b;
};
struct in_memory {
	long v[5];
};
struct two_floats {
	float x, y;
};
struct odd {
	char c[3];
};

static double take(int n, va_list ap)
{
	double sum = 0;
	for (int i = 0; i < n; i++) {
		pmig_safepoint();
		switch (i % 7) {
		case 0:
			sum += va_arg(ap, int);
			break;
		case 1:
			sum += va_arg(ap, double);
			break;
		case 2:
			sum += (double)va_arg(ap, long double);
			break;
		case 3: {
			struct two_classes s = va_arg(ap, struct two_classes);
			sum += (double)s.a * s.b;
			break;
		}
		case 4:
			sum += (double)va_arg(ap, struct in_memory).v[4];
			break;
		case 5: {
			struct two_floats s = va_arg(ap, struct two_floats);
			sum += (double)(s.x - s.y);
			break;
		}
		default:
			sum += va_arg(ap, struct odd).c[2];
		}
	}
	return sum;
}

static __attribute__((noinline)) double twice(const char *name, int n, ...)
{
	va_list ap, again;
	va_start(ap, n);
	va_copy(again, ap);
	double whole = take(n, ap);
	pmig_safepoint();
	double half = take(n / 2, again);
	va_end(ap);
	va_end(again);
	printf("%s %f %f\n", name, whole, half);
	return whole - half;
}

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	pmig_safepoint();
	vprintf(format, ap);
	va_end(ap);
}

int main(void)
{
	double sum = 0;
	for (int k = 0; k < 3; k++)
		sum += twice("lists", 14, k, 1.5 * k, (long double)2.25, (struct two_classes){3, k},
			(struct in_memory){{1, 2, 3, 4, 5 + k}}, (struct two_floats){1, (float)k}, (struct odd){{1, 2, 3}},
			4, 8.5, (long double)3, (struct two_classes){4, 5}, (struct in_memory){{9, 9, 9, 9, 9}},
			(struct two_floats){7, 8}, (struct odd){{4, 5, 6}});
	say("%d %s %f\n", 5, "words", sum);
	say("none\n");
	return 0;
}
