/* A tail call that must be one, with a struct in memory. */
#include <pmig/pmig.h>

struct big {
	long words[8];
};

__attribute__((noinline)) static long last(struct big b)
{
	pmig_safepoint();
	return b.words[7];
}

__attribute__((noinline)) static long first(struct big b)
{
	pmig_safepoint();
	/* REFUSED: a tail call that must be one \(musttail\) cannot be carried with a struct that is */
	__attribute__((musttail)) return last(b);
}

int main(int argc, char **argv)
{
	(void)argv;
	return first((struct big){{argc}}) == 3;
}
