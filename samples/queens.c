/* queens: counts the ways to place N queens on an N x N board, by plain recursion; moves in mid-recursion.
 *
 *   pmig-cc -O2 queens.c -o queens
 *   pmig run -- ./queens 13          (in one terminal)
 *   pmig move queens HOST            (in another)
 *
 * It checks itself against the known numbers (https://oeis.org/A000170). */
#include <pmig/pmig.h>

#include <stdio.h>
#include <stdlib.h>

#define SIZE_MAX_KNOWN 16

static const long known[SIZE_MAX_KNOWN + 1] = {
	1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596, 2279184, 14772512};

struct board {
	int size;
	int column[SIZE_MAX_KNOWN]; /* of the queen in each row */
};

static int is_free(const struct board *b, int row, int column)
{
	for (int r = 0; r < row; r++)
		if (b->column[r] == column || abs(b->column[r] - column) == row - r)
			return 0;
	return 1;
}

/* The number of ways to fill the rows from `row` on. */
static long place(struct board *b, int row)
{
	long ways = 0;
	pmig_safepoint();
	if (row == b->size)
		return 1;
	for (int column = 0; column < b->size; column++) {
		if (!is_free(b, row, column))
			continue;
		b->column[row] = column;
		ways += place(b, row + 1);
		if (row < 2) {
			printf("row %d, column %2d: %ld ways\n", row, column, ways);
			fflush(stdout);
		}
	}
	return ways;
}

int main(int argc, char **argv)
{
	struct board board = {.size = argc > 1 ? atoi(argv[1]) : 12};
	if (board.size < 1 || board.size > SIZE_MAX_KNOWN) {
		fprintf(stderr, "usage: queens [1..%d]\n", SIZE_MAX_KNOWN);
		return 2;
	}
	long ways = place(&board, 0);
	printf("%d queens: %ld ways, %s\n", board.size, ways, ways == known[board.size] ? "as known" : "WRONG");
	return ways == known[board.size] ? 0 : 1;
}
