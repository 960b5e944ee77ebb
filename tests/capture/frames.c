/* frames: locals of every shape: aligned beyond the stack's own alignment, arrays of a length known only then, alloca in
 * loops, arguments in memory, scopes that end, the address of the frame. */
#include <pmig/pmig.h>

#include <alloca.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) ((condition) ? (void)0 : (void)(printf("%s:%d: %s\n", __FILE__, __LINE__, #condition), exit(1)))

struct line {
	_Alignas(64) unsigned char bytes[64];
};
struct argument {
	_Alignas(32) double d[5];
};

static int aligned_to(const volatile void *p, unsigned alignment)
{
	return (uintptr_t)p % alignment == 0;
}

static __attribute__((noinline)) long over_aligned(int depth, struct argument in)
{
	struct line lines[3];
	_Alignas(256) long sum = depth;
	_Alignas(4096) char page[17];
	struct argument copy = in;
	memset(lines, depth, sizeof lines);
	memset(page, depth + 1, sizeof page);
	pmig_safepoint();
	CHECK(aligned_to(lines, 64) && aligned_to(&sum, 256) && aligned_to(page, 4096) && aligned_to(&copy, 32) &&
		aligned_to(&in, 32));
	copy.d[depth % 5] += depth;
	if (depth != 0)
		sum += over_aligned(depth - 1, copy);
	pmig_safepoint();
	for (unsigned i = 0; i < sizeof lines; i++)
		CHECK(((unsigned char *)lines)[i] == depth);
	CHECK(page[16] == depth + 1 && aligned_to(page, 4096) && aligned_to(lines, 64));
	return sum + (long)in.d[depth % 5] + (long)copy.d[4];
}

static __attribute__((noinline)) long lengths(int rows, int columns)
{
	long matrix[rows][columns], (*second)[columns] = &matrix[1], sum = 0;
	_Alignas(128) char narrow[rows + columns];
	for (int i = 0; i < rows; i++) {
		struct line row[columns];
		pmig_safepoint();
		CHECK(aligned_to(row, 64) && aligned_to(narrow, 128));
		for (int k = 0; k < columns; k++) {
			memset(&row[k], i + k, sizeof row[k]);
			pmig_safepoint();
			matrix[i][k] = row[k].bytes[k] * (i + 1);
		}
		narrow[i] = (char)i;
		if (i == rows / 2)
			continue;
		sum += sizeof row + row[0].bytes[0];
	}
	pmig_safepoint();
	for (int k = 0; k < columns; k++)
		sum += (*second)[k] * k + sizeof matrix + (long)narrow[k % rows];
	return sum;
}

static __attribute__((noinline)) int list(int n)
{
	struct node {
		struct node *next;
		int value;
		char text[];
	} *head = NULL;
	for (int i = 0; i < n; i++) {
		struct node *fresh = alloca(sizeof *fresh + (size_t)i + 1);
		*fresh = (struct node){head, i};
		memset(fresh->text, 'a' + i, (size_t)i);
		fresh->text[i] = '\0';
		head = fresh;
		char *aligned = __builtin_alloca_with_align(40, 512 * 8);
		pmig_safepoint();
		CHECK(aligned_to(aligned, 512));
		memset(aligned, 255, 40);
	}
	int sum = 0;
	for (struct node *p = head; p != NULL; p = p->next) {
		pmig_safepoint();
		sum = sum * 3 + p->value + (int)strlen(p->text);
	}
	return sum;
}

/* one scope after another may have the same place; a pointer into a live one must not move */
static __attribute__((noinline)) int scopes(int n)
{
	int sum = 0, *kept = NULL;
	for (int i = 0; i < n; i++) {
		if (i & 1) {
			int a[20];
			a[i % 20] = i;
			kept = &a[i % 20];
			pmig_safepoint();
			sum += *kept;
		} else {
			double d[9] = {[3] = i};
			double *p = d + 3;
			pmig_safepoint();
			sum += (int)*p;
		}
		int x = sum, *px = &x;
		switch (i % 3) {
			int y;
		case 0:
			y = i;
			px = &y;
			pmig_safepoint();
			break;
		default:
			pmig_safepoint();
		}
		sum += *px;
	}
	return sum;
}

static __attribute__((noinline)) int frame_addresses(int n)
{
	/* asked for anew behind each safe point: a native address that is kept is refused */
	CHECK(__builtin_frame_address(0) != NULL && __builtin_return_address(0) != NULL);
	pmig_safepoint();
	CHECK(__builtin_frame_address(0) != NULL && __builtin_return_address(0) != NULL);
	return n;
}

static __attribute__((noinline)) int compound(int n)
{
	int *p = (int[]){n, n + 1, n + 2}, big[20000];
	const struct argument *a = &(struct argument){{n, 1, 2}};
	memset(big, 0, sizeof big);
	big[19999] = n;
	pmig_safepoint();
	int value = ({
		int inner = p[1];
		pmig_safepoint();
		inner *p[2];
	});
	return value + (int)a->d[0] + big[19999];
}

static void clean(int **p)
{
	pmig_safepoint();
	printf("clean %d\n", **p);
	free(*p);
}

static __attribute__((noinline)) int cleanups(int n)
{
	int *a __attribute__((cleanup(clean))) = malloc(sizeof *a);
	*a = n;
	if (n == 2)
		return 7;
	int *b __attribute__((cleanup(clean))) = malloc(sizeof *b);
	*b = n * 10;
	pmig_safepoint();
	return *a + *b;
}

int main(void)
{
	printf("%ld\n", over_aligned(7, (struct argument){{1, 2, 3, 4, 5}}));
	printf("%ld %ld\n", lengths(5, 3), lengths(2, 9));
	printf("%d %d %d\n", list(12), scopes(13), compound(4));
	printf("%d\n", frame_addresses(3));
	for (int i = 0; i < 4; i++)
		printf("%d\n", cleanups(i));
	return 0;
}
