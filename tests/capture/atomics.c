/* atomics: every form of atomic access around safe points, with results that stay live. */
#include <pmig/pmig.h>

#include <stdatomic.h>
#include <stdio.h>

struct pair {
	long a, b;
};

static _Atomic int count;
static atomic_flag flag = ATOMIC_FLAG_INIT;
static _Atomic(struct pair) shared;
static _Atomic double sum;
static _Atomic(const char *) text;
static __int128 wide;
static long plain;

static __attribute__((noinline)) int step(int n)
{
	pmig_safepoint();
	return n + 1;
}

static __attribute__((noinline)) long exchange(int n)
{
	int expected = n;
	_Bool done = atomic_compare_exchange_strong(&count, &expected, step(n));
	pmig_safepoint();
	_Bool again = atomic_compare_exchange_weak_explicit(&count, &expected, n + 5, memory_order_acq_rel,
		memory_order_relaxed);
	long before = atomic_fetch_add(&count, step(3)), after = atomic_load(&count);
	pmig_safepoint();
	return done * 10000 + again * 1000 + before * 10 + after + expected;
}

static __attribute__((noinline)) long old_forms(long n)
{
	long a = __sync_val_compare_and_swap(&plain, 0, n), b = __sync_fetch_and_or(&plain, 6);
	pmig_safepoint();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	long c = __atomic_exchange_n(&plain, n * 3, __ATOMIC_RELEASE), d = __atomic_nand_fetch(&plain, 5, __ATOMIC_SEQ_CST);
	pmig_safepoint();
	return a + 3 * b + 5 * c + 7 * d;
}

int main(void)
{
	_Atomic int local = 4;
	for (int i = 0; i < 5; i++) {
		printf("%ld %ld\n", exchange(i * 4), old_forms(i));
		struct pair p = atomic_load(&shared);
		pmig_safepoint();
		p.a += i;
		p.b -= p.a;
		atomic_store(&shared, p);
		sum += i * 0.5;
		pmig_safepoint();
		struct pair turned = {p.b, p.a};
		turned = atomic_exchange(&shared, turned);
		local += (int)turned.a;
		text = i & 1 ? "odd" : "even";
		_Bool was = atomic_flag_test_and_set(&flag);
		pmig_safepoint();
		if (was)
			atomic_flag_clear(&flag);
		__int128 old = wide;
		(void)__atomic_compare_exchange_n(&wide, &old, ((__int128)i << 80) + 1, 0, __ATOMIC_SEQ_CST,
			__ATOMIC_SEQ_CST);
		pmig_safepoint();
		printf("%d %f %s %d %lx\n", local, sum, text, was, (long)(wide >> 64));
	}
	return 0;
}
