/* figure: what every benchmark measures with and how it reports: one line of JSON a figure,
 *   {"name", "ratio", "goal", "met", "runs", "value", "against", "unit"}
 * ratio: value to what it is held against, at most `goal` if it is met (goal and met are null where there is none). */
#ifndef TOOLS_BENCHMARKS_FIGURE_H
#define TOOLS_BENCHMARKS_FIGURE_H

#include <stddef.h>

#define FIGURE_RUNS_MAX 99

struct figure {
	const char *name;
	double goal;      /* 0: none */
	const char *unit; /* of the printed value and against: "s", "us", "byte" */
	double scale;     /* from what was measured to that unit; 0: 1 */
};

/* Seconds on a clock that only goes forward. */
double figure_now(void);

/* The middle one (of an even number the upper); `values` keeps its order. */
double figure_median(const double *values, size_t n);

/* `n` pairs measured in turn, value[i] right before against[i]. The ratio is the median of the n ratios, so that whatever else the
 * machine does hits both of a pair; value and against are medians of their own. */
void figure_pairs(const struct figure *f, const double *value, const double *against, size_t n);

/* The same against one constant. */
void figure_bound(const struct figure *f, const double *value, size_t n, double against);

/* The argument `text` as a number of runs, `otherwise` for NULL; ends the program with 2 if it is none or too many. */
size_t figure_runs(const char *text, size_t otherwise);

/* Ends the program with 1 and the reason of this thread: always, or if `code` < 0. */
_Noreturn void figure_fail(int code);
void figure_must(int code);

#endif
