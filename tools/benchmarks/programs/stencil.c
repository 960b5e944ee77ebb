/* stencil: heat in a plate (Jacobi's method, five points), a safe point in every sweep. The grid fits a second-level cache,
 * so that arithmetic is measured and not memory. */
#include <pmig/pmig.h>
#include <stdio.h>
#include <stdlib.h>

#define SIDE 256

static void sweep(double *restrict to, const double *restrict from)
{
	for (size_t y = 1; y < SIDE - 1; y++)
		for (size_t x = 1; x < SIDE - 1; x++) {
			const double *p = &from[y * SIDE + x];
			to[y * SIDE + x] = 0.25 * (p[-1] + p[1] + p[-SIDE] + p[SIDE]);
		}
}

int main(int argc, char **argv)
{
	long sweeps = argc > 1 ? atol(argv[1]) : 10000;
	double *a = calloc(SIDE * SIDE, sizeof *a), *b = calloc(SIDE * SIDE, sizeof *b);
	if (a == NULL || b == NULL)
		return 1;
	for (size_t x = 0; x < SIDE; x++)
		a[x] = b[x] = 100;
	for (long i = 0; i < sweeps; i++) {
		sweep(b, a);
		double *swap = a;
		a = b;
		b = swap;
		pmig_safepoint();
	}
	printf("%.17g\n", a[SIDE / 4 * SIDE + SIDE / 2]);
	free(a);
	free(b);
	return 0;
}
