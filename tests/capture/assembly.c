/* assembly: inline assembly around safe points: results and operands in registers, in memory, flags, jumps out of it. */
#include <pmig/pmig.h>

#include <stdio.h>

static __attribute__((noinline)) unsigned long step(unsigned long n)
{
	pmig_safepoint();
	return n * 3;
}

static __attribute__((noinline)) unsigned long rotate(unsigned long x, int n)
{
	unsigned long out, kept = x;
	__asm__("rolq %%cl, %0" : "=r"(out) : "0"(x), "c"(n) : "cc");
	pmig_safepoint();
	out ^= step(kept);
	__asm__ volatile("" : "+r"(out), "+m"(kept) : : "memory");
	pmig_safepoint();
	return out + kept;
}

static __attribute__((noinline)) int carry(unsigned a, unsigned b)
{
	int flag;
	unsigned sum = a;
	__asm__("addl %2, %0" : "+r"(sum), "=@ccc"(flag) : "r"(b));
	pmig_safepoint();
	return flag * 10 + (sum == 0);
}

static __attribute__((noinline)) unsigned long both(unsigned long a, unsigned long b)
{
	unsigned long low, high;
	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(a), "r"(b) : "cc");
	low += step(high);
	pmig_safepoint();
	return low ^ high;
}

static __attribute__((noinline)) long memory(long n)
{
	long table[4] = {n, n + 1, n + 2, n + 3};
	struct {
		int a, b;
	} s = {1, 2};
	pmig_safepoint();
	__asm__ volatile("addq %1, %0\n\tincl %2" : "+m"(table[2]), "+r"(n), "+m"(s.b) : : "cc");
	pmig_safepoint();
	return table[2] + s.b;
}

static __attribute__((noinline)) int branch(int n)
{
	int before = n * 7;
	pmig_safepoint();
	__asm__ goto("testl $1, %0\n\tjnz %l[odd]" : : "r"(n) : "cc" : odd);
	pmig_safepoint();
	return before;
odd:
	before += (int)step(2);
	pmig_safepoint();
	return -before;
}

static __attribute__((noinline)) int constants(void)
{
	register long fixed __asm__("r12") = 5;
	__asm__ volatile("addq %1, %0" : "+r"(fixed) : "i"(37));
	pmig_safepoint();
	unsigned a = 0, b, c, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	pmig_safepoint();
	return (int)fixed + (a != 0 && b != 0);
}

static __attribute__((noinline)) long stack(long n)
{
	unsigned long flags, bits;
	pmig_safepoint();
	__asm__ volatile("pushq %1\n\tpopq %0" : "=r"(bits) : "r"(n * 255));
	__asm__("pushfq\n\tpopq %0" : "=r"(flags));
	pmig_safepoint();
	__asm__("popcntq %1, %0" : "=r"(bits) : "r"(bits) : "cc");
	return (long)bits + ((flags & 2) != 0);
}

int main(void)
{
	for (int i = 1; i < 6; i++) {
		printf("%lx %d %lx ", rotate(0x123456789abcdeful, i), carry(0xfffffff0u, (unsigned)i * 8),
			both(~0ul - (unsigned)i, 12345));
		printf("%ld %d %d %ld\n", memory(i), branch(i), constants(), stack(i));
	}
	return 0;
}
