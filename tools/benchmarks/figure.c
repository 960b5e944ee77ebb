/* figure: clock, median, and the line of JSON. */
#include "figure.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double figure_now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double figure_median(const double *values, size_t n)
{
	double sorted[FIGURE_RUNS_MAX];
	memcpy(sorted, values, n * sizeof *values);
	qsort(sorted, n, sizeof *sorted, by_value);
	return sorted[n / 2];
}

static void print(const struct figure *f, double ratio, double value, double against, size_t runs)
{
	char goal[32] = "null";
	if (f->goal > 0)
		(void)snprintf(goal, sizeof goal, "%g", f->goal);
	double scale = f->scale != 0 ? f->scale : 1;
	printf("{\"name\": \"%s\", \"ratio\": %.4f, \"goal\": %s, \"met\": %s, \"runs\": %zu, \"value\": %.6g, "
	       "\"against\": %.6g, \"unit\": \"%s\"}\n",
		f->name, ratio, goal,
		f->goal <= 0               ? "null"
			: ratio <= f->goal ? "true"
					   : "false",
		runs, value * scale, against * scale, f->unit);
	(void)fflush(stdout);
}

void figure_pairs(const struct figure *f, const double *value, const double *against, size_t n)
{
	double ratios[FIGURE_RUNS_MAX];
	for (size_t i = 0; i < n; i++)
		ratios[i] = value[i] / against[i];
	print(f, figure_median(ratios, n), figure_median(value, n), figure_median(against, n), n);
}

void figure_bound(const struct figure *f, const double *value, size_t n, double against)
{
	double median = figure_median(value, n);
	print(f, median / against, median, against, n);
}

size_t figure_runs(const char *text, size_t otherwise)
{
	if (text == NULL)
		return otherwise;
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (n >= 1 && n <= FIGURE_RUNS_MAX && *end == '\0')
		return n;
	(void)fprintf(stderr, "bench: %s: a number of runs is 1 to %d\n", text, FIGURE_RUNS_MAX);
	exit(2);
}

_Noreturn void figure_fail(int code)
{
	(void)code; /* taken so that figure_fail(error_set(...)) can be written */
	(void)fprintf(stderr, "bench: %s\n", pmig_reason());
	exit(1);
}

void figure_must(int code)
{
	if (code < 0)
		figure_fail(code);
}
