/* figure: numbers as people read them, the same in every locale. */
#ifndef PMIG_REGISTRY_FIGURE_H
#define PMIG_REGISTRY_FIGURE_H

#define FIGURE_MAX 32

struct figure {
	char text[FIGURE_MAX];
};

/* 999 B, 4.1 kB, 480 MB: three digits at most, units of a thousand. NAN: "?". */
struct figure figure_bytes(double bytes);

/* 480 MB/s */
struct figure figure_rate(double bytes_per_second);

/* 12 us, 3.5 ms, 1.2 s, 150 s */
struct figure figure_seconds(double seconds);

/* 0.1 as 10 % */
struct figure figure_percent(double ratio);

#endif
