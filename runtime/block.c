/* block: the system call that a request for a stop interrupts. */
#include "block.h"

#include "resource/clocks.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* From block_begin up to and including the system call nothing has happened yet: where the kernel would restart a call it
 * also goes back to there. At block_end its result is in rax. */
extern const char block_begin[], block_end[], block_stopped[];

#if defined __x86_64__
__asm__(".text\n"
	".globl pmig_block\n"
	".type pmig_block, @function\n"
	".p2align 4\n"
	"pmig_block:\n"
	"	.cfi_startproc\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	mov pmig_asked@gottpoff(%rip), %r11\n"
	".globl block_begin, block_end, block_stopped\n"
	"block_begin:\n"
	"	cmpl $0, %fs:(%r11)\n"
	"	jne block_stopped\n"
	"	syscall\n"
	"block_end:\n"
	"	ret\n"
	"block_stopped:\n"
	"	mov pmig_poll@gottpoff(%rip), %r11\n" /* so that the next safe point is one */
	"	movl $1, %fs:(%r11)\n"
	"	mov $-4096, %rax\n" /* BLOCK_STOPPED */
	"	ret\n"
	"	.cfi_endproc\n"
	".size pmig_block, . - pmig_block\n");

/* Moves what `c` describes to the exit. */
static bool leads_out(ucontext_t *c)
{
	greg_t *registers = c->uc_mcontext.gregs;
	const char *at = (const char *)registers[REG_RIP];
	bool inside = (at >= block_begin && at < block_end) || (at == block_end && registers[REG_RAX] == -EINTR);
	if (inside)
		registers[REG_RIP] = (greg_t)block_stopped;
	return inside;
}
#else
#error "block.c: no system call chosen for this architecture"
#endif

/* Of the masked call that is being made. */
static __thread struct {
	volatile bool is;
	uint64_t during;
} masked;

void block_interrupt(void *context)
{
	ucontext_t *c = context;
	if (leads_out(c) && masked.is)
		memcpy(&c->uc_sigmask, &masked.during, sizeof masked.during);
}

long pmig_block_masked(const uint64_t *during, long number, long a, long b, long c, long d, long e, long f)
{
	if (during == NULL)
		return pmig_block(number, a, b, c, d, e, f);
	masked.during = *during;
	masked.is = true;
	long r = pmig_block(number, a, b, c, d, e, f);
	masked.is = false;
	return r;
}

uint64_t pmig_block_mask(const uint64_t *set)
{
	uint64_t old = 0;
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, set, &old, sizeof old);
	return old;
}

_Static_assert(BLOCK_STOPPED == -4096, "as the assembly has it");

long pmig_block_futex(uint32_t *word, uint32_t expected, const struct timespec *deadline, clockid_t clock)
{
	int operation = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
	struct timespec here;
	if (deadline != NULL) {
		if (clock == CLOCK_REALTIME)
			operation |= FUTEX_CLOCK_REALTIME;
		here = clocks_here(clock, *deadline);
		if (here.tv_sec < 0)
			return -ETIMEDOUT;
	}
	return pmig_block(SYS_futex, (long)word, operation, (long)expected, deadline != NULL ? (long)&here : 0, 0,
		(long)FUTEX_BITSET_MATCH_ANY);
}

long pmig_block_sleep(clockid_t clock, const struct timespec *deadline)
{
	struct timespec here = clocks_here(clock, *deadline);
	if (here.tv_sec < 0) /* long past here, before this machine was started */
		return 0;
	return pmig_block(SYS_clock_nanosleep, clock, TIMER_ABSTIME, (long)&here, 0, 0, 0);
}
