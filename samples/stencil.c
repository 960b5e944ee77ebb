/* stencil: heat in a square plate whose edge is kept cold, by Jacobi's method on two grids that change places. There is no safe point
 * in it: pmig-cc puts them in.
 *
 *   pmig-cc -O2 --safepoints=auto stencil.c -lm -o stencil
 *   pmig run -- ./stencil            (in one terminal)
 *   pmig move stencil HOST           (in another)
 *
 * It checks itself: a plate that begins as the sine of both coordinates stays one, and each sweep cools it by the same factor. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SIDE 384
#define PI 3.14159265358979323846

static double shape(int x, int y)
{
	return sin(PI * x / (SIDE - 1)) * sin(PI * y / (SIDE - 1));
}

static void sweep(double to[restrict SIDE][SIDE], double from[restrict SIDE][SIDE])
{
	for (int y = 1; y < SIDE - 1; y++)
		for (int x = 1; x < SIDE - 1; x++)
			to[y][x] = 0.25 * (from[y][x - 1] + from[y][x + 1] + from[y - 1][x] + from[y + 1][x]);
}

/* The largest difference from what it must be after so many sweeps. */
static double error_after(double plate[SIDE][SIDE], long sweeps)
{
	double left = pow(cos(PI / (SIDE - 1)), (double)sweeps), worst = 0;
	for (int y = 1; y < SIDE - 1; y++)
		for (int x = 1; x < SIDE - 1; x++)
			worst = fmax(worst, fabs(plate[y][x] - left * shape(x, y)));
	return worst;
}

int main(int argc, char **argv)
{
	long sweeps = argc > 1 ? atol(argv[1]) : 300000;
	if (sweeps < 1) {
		fprintf(stderr, "usage: stencil [SWEEPS]\n");
		return 2;
	}
	static double plates[2][SIDE][SIDE];
	double(*a)[SIDE] = plates[0], (*b)[SIDE] = plates[1];
	for (int y = 1; y < SIDE - 1; y++)
		for (int x = 1; x < SIDE - 1; x++)
			a[y][x] = shape(x, y);
	for (long i = 1; i <= sweeps; i++) {
		sweep(b, a);
		double(*swap)[SIDE] = a;
		a = b;
		b = swap;
		if (i % 5000 == 0) {
			printf("%ld sweeps: %.6f in the middle\n", i, a[SIDE / 2][SIDE / 2]);
			fflush(stdout);
		}
	}
	double error = error_after(a, sweeps);
	printf("%ld sweeps: %.1e from the solution, %s\n", sweeps, error, error < 1e-12 ? "as it must be" : "WRONG");
	return error < 1e-12 ? 0 : 1;
}
