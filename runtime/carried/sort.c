/* sort: qsort() and qsort_r() as a stable merge sort in the program itself, so that a comparison may hold a safe
 * point. As glibc's up to 2.36, equal elements keep their order. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RUN 8 /* so many are sorted by insertion */

void pmig_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
void pmig_qsort_r(void *base, size_t n, size_t size, int (*compare)(const void *, const void *, void *), void *context);

struct sorting {
	size_t size;
	int (*plain)(const void *, const void *);
	int (*with_context)(const void *, const void *, void *);
	void *context;
};

static int compare_two(const struct sorting *o, const char *a, const char *b)
{
	return o->plain != NULL ? o->plain(a, b) : o->with_context(a, b, o->context);
}

static void copy(char *to, const char *from, size_t size)
{
	if (size == 8)
		memcpy(to, from, 8);
	else if (size == 4)
		memcpy(to, from, 4);
	else
		memcpy(to, from, size);
}

/* `spare` holds one element. */
static void insert(const struct sorting *o, char *base, size_t n, char *spare)
{
	size_t size = o->size;
	for (size_t i = 1; i < n; i++) {
		size_t k = i;
		while (k > 0 && compare_two(o, base + (k - 1) * size, base + i * size) > 0)
			k--;
		if (k == i)
			continue;
		copy(spare, base + i * size, size);
		memmove(base + (k + 1) * size, base + k * size, (i - k) * size);
		copy(base + k * size, spare, size);
	}
}

/* `spare` holds the first half. */
static void merge(const struct sorting *o, char *base, size_t n, char *spare)
{
	size_t size = o->size, half = n / 2;
	if (n <= RUN) {
		insert(o, base, n, spare);
		return;
	}
	merge(o, base, half, spare);
	merge(o, base + half * size, n - half, spare);
	if (compare_two(o, base + (half - 1) * size, base + half * size) <= 0)
		return;
	memcpy(spare, base, half * size);
	const char *a = spare, *a_end = spare + half * size, *b = base + half * size, *b_end = base + n * size;
	char *to = base;
	while (a < a_end && b < b_end) {
		const char **from = compare_two(o, a, b) <= 0 ? &a : &b;
		copy(to, *from, size);
		*from += size;
		to += size;
	}
	memcpy(to, a, (size_t)(a_end - a));
}

/* Where there is no memory: in place, in n log n, not stable. */
static void sift(const struct sorting *o, char *base, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && compare_two(o, base + child * o->size, base + (child + 1) * o->size) < 0)
			child++;
		if (compare_two(o, base + root * o->size, base + child * o->size) >= 0)
			return;
		for (size_t i = 0; i < o->size; i++) {
			char c = base[root * o->size + i];
			base[root * o->size + i] = base[child * o->size + i];
			base[child * o->size + i] = c;
		}
	}
}

static void heap_sort(const struct sorting *o, char *base, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(o, base, i, n);
	while (n-- > 1) {
		for (size_t i = 0; i < o->size; i++) {
			char c = base[i];
			base[i] = base[n * o->size + i];
			base[n * o->size + i] = c;
		}
		sift(o, base, 0, n);
	}
}

static void sort(const struct sorting *o, char *base, size_t n)
{
	char near[1024];
	size_t need = (n / 2 + 1) * o->size;
	if (n < 2 || o->size == 0)
		return;
	char *spare = need <= sizeof near ? near : malloc(need);
	if (spare == NULL) {
		heap_sort(o, base, n);
		return;
	}
	merge(o, base, n, spare);
	if (spare != near)
		free(spare);
}

void pmig_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	sort(&(struct sorting){.size = size, .plain = compare}, base, n);
}

void pmig_qsort_r(void *base, size_t n, size_t size, int (*compare)(const void *, const void *, void *), void *context)
{
	sort(&(struct sorting){.size = size, .with_context = compare, .context = context}, base, n);
}
