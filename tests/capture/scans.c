/* scans [SEED [ROUNDS]]: fscanf() of a pipe reads what sscanf() reads of the same text, for many formats and texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long state;

static unsigned draw(unsigned n)
{
	state = state * 6364136223846793005ul + 1442695040888963407ul;
	return (unsigned)(state >> 33) % n;
}

static const char *const directives[] = {"%d", "%i", "%u", "%x", "%o", "%ld", "%hd", "%hhd", "%lld", "%zu", "%jd", "%3d",
	"%2i", "%5x", "%f", "%lf", "%Lf", "%4lf", "%e", "%s", "%3s", "%c", "%4c", "%[a-f]", "%[^,]", "%5[0-9x]", "%[]x]",
	"%[^]]", "%*d", "%*s", "%*[ab]", "%n", "%%", " ", ",", "x", "0", "a"};
static const char *const pieces[] = {"0", "7", "12", "-5", "+9", "0x1f", "0x", "017", "99999999999999999999", "1.5",
	"-2.25e3", "1e", "1e+", ".5", ".", "inf", "-Infinity", "nan", "nan(12)", "nan(", "infin", "abc", "xyz", "ab,cd",
	"]x]", " ", "\n", "\t", ",", "x", "%", "0", "a", "0x1.8p3", "12ab", "--3", "1,2"};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SLOTS 6

/* Room for whatever a directive stores. */
union slot {
	char text[128];
	long double alignment;
};

static int differ(const char *format, const char *text)
{
	union slot want[SLOTS], got[SLOTS];
	int ends[2];
	memset(want, 0x55, sizeof want);
	memset(got, 0x55, sizeof got);
	if (pipe(ends) != 0 || write(ends[1], text, strlen(text)) != (ssize_t)strlen(text))
		return 1;
	close(ends[1]);
	FILE *f = fdopen(ends[0], "r");
	int w = sscanf(text, format, &want[0], &want[1], &want[2], &want[3], &want[4], &want[5]);
	int g = fscanf(f, format, &got[0], &got[1], &got[2], &got[3], &got[4], &got[5]);
	fclose(f);
	if (w == g && memcmp(want, got, sizeof want) == 0)
		return 0;
	printf("format \"%s\", text \"%s\": %d, not %d\n", format, text, g, w);
	return 1;
}

int main(int argc, char **argv)
{
	int failures = 0, rounds = argc > 2 ? atoi(argv[2]) : 2000;
	state = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	for (int i = 0; i < rounds; i++) {
		char format[128] = "", text[128] = "";
		for (unsigned n = 1 + draw(SLOTS); n > 0; n--)
			strcat(format, directives[draw(COUNT(directives))]);
		for (unsigned n = draw(9); n > 0; n--)
			strcat(text, pieces[draw(COUNT(pieces))]);
		if (*text != '\0')
			failures += differ(format, text);
	}
	printf("%d rounds, %d differ\n", rounds, failures);
	return failures != 0;
}
