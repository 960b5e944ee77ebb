/* labels: an interpreter with computed goto, by a table of labels and by a table of their differences. */
#include <pmig/pmig.h>

#include <stdio.h>

static long run(const unsigned char *code, long x)
{
	static void *const labels[] = {&&add, &&multiply, &&count, &&again, &&end, &&negate};
	static const int offsets[] = {
		&&add - &&add, &&multiply - &&add, &&count - &&add, &&again - &&add, &&end - &&add, &&negate - &&add};
	const unsigned char *p = code;
	long n = 9, steps = 0;
#define NEXT \
	do { \
		pmig_safepoint(); \
		if (steps++ % 2 == 0) \
			goto *labels[*p++]; \
		goto *(&&add + offsets[*p++]); \
	} while (0)
	NEXT;
add:
	x += n;
	NEXT;
multiply:
	x = x * 3 % 1000003;
	NEXT;
count:
	n--;
	NEXT;
negate:
	x = -x;
	NEXT;
again:
	if (n != 0)
		p = code;
	NEXT;
end:
	return x * 1000 + steps;
}

int main(void)
{
	static const unsigned char first[] = {0, 1, 5, 2, 3, 4}, second[] = {1, 1, 0, 2, 5, 3, 4};
	printf("%ld\n%ld\n", run(first, 7), run(second, 5));
	return 0;
}
