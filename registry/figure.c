/* figure: numbers as people read them, the same in every locale. */
#include "figure.h"

#include <math.h>
#include <stdio.h>

/* One decimal below ten, none from there on; no floating point in the format, whose point depends on the locale. */
static struct figure scaled(double value, const char *unit)
{
	struct figure f;
	long long tenths = llround(value * 10);
	if (tenths < 100 && tenths % 10 != 0)
		(void)snprintf(f.text, sizeof f.text, "%lld.%lld %s", tenths / 10, tenths % 10, unit);
	else
		(void)snprintf(f.text, sizeof f.text, "%lld %s", llround(value), unit);
	return f;
}

static struct figure with_unit(double value, double step, const char *const *units, int count)
{
	if (isnan(value))
		return (struct figure){"?"};
	value = fmin(fmax(value, 0), 1e30);
	int i = 0;
	for (; i < count - 1 && llround(value) >= step; i++)
		value /= step;
	return scaled(fmin(value, 1e15), units[i]);
}

struct figure figure_bytes(double bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	return with_unit(bytes, 1000, units, 6);
}

struct figure figure_rate(double bytes_per_second)
{
	static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"};
	return with_unit(bytes_per_second, 1000, units, 6);
}

struct figure figure_seconds(double seconds)
{
	static const char *const units[] = {"us", "ms", "s"};
	return with_unit(seconds * 1e6, 1000, units, 3);
}

struct figure figure_percent(double ratio)
{
	static const char *const units[] = {"%"};
	return with_unit(ratio * 100, 1000, units, 1);
}
