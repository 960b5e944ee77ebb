/* A main() whose arguments nobody knows. */
#include <pmig/pmig.h>

/* REFUSED: main has no prototype that can be called; give it \(void\) or \(int, char \*\*\) */
int main(int argc, ...)
{
	pmig_safepoint();
	return argc > 5;
}
