/* jump: the registers in a few lines of assembly, everything else by the driver. */
#include "jump.h"

#include "handler.h"
#include "resume.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

extern __thread char *pmig_frame_sp;
uint64_t pmig_jump_process;

_Static_assert(sizeof(struct jump) <= 200, "it lies in a jmp_buf");

void jump_start(void)
{
	struct timespec now;
	if (getrandom(&pmig_jump_process, sizeof pmig_jump_process, GRND_NONBLOCK) == sizeof pmig_jump_process)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	pmig_jump_process = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec << 8 ^ (uint64_t)getpid();
}

#if defined(__x86_64__)

_Static_assert(offsetof(struct jump, process) == 64 && offsetof(struct jump, frame_sp) == 72 &&
		offsetof(struct jump, mark) == 80 && offsetof(struct jump, record) == 88 &&
		offsetof(struct jump, site) == 96,
	"the assembly below knows these");

__asm__(".text\n"
	".globl pmig_setjmp\n"
	".type pmig_setjmp, @function\n"
	"pmig_setjmp:\n"
	"	.cfi_startproc\n"
	"	xorl %esi, %esi\n"
	"	xorl %edx, %edx\n"
	"	movl $-1, %ecx\n"
	"	jmp pmig_setjmp_at\n"
	"	.cfi_endproc\n"
	".size pmig_setjmp, . - pmig_setjmp\n"
	".globl pmig_setjmp_at\n"
	".type pmig_setjmp_at, @function\n"
	"pmig_setjmp_at:\n"
	"	.cfi_startproc\n"
	"	movq pmig_jump_process(%rip), %r8\n"
	"	movq %rbx, %rax\n	xorq %r8, %rax\n	movq %rax, 0(%rdi)\n"
	"	movq %rbp, %rax\n	xorq %r8, %rax\n	movq %rax, 8(%rdi)\n"
	"	movq %r12, %rax\n	xorq %r8, %rax\n	movq %rax, 16(%rdi)\n"
	"	movq %r13, %rax\n	xorq %r8, %rax\n	movq %rax, 24(%rdi)\n"
	"	movq %r14, %rax\n	xorq %r8, %rax\n	movq %rax, 32(%rdi)\n"
	"	movq %r15, %rax\n	xorq %r8, %rax\n	movq %rax, 40(%rdi)\n"
	"	leaq 8(%rsp), %rax\n	xorq %r8, %rax\n	movq %rax, 48(%rdi)\n"
	"	movq (%rsp), %rax\n	xorq %r8, %rax\n	movq %rax, 56(%rdi)\n"
	"	movq %r8, 64(%rdi)\n"
	"	movq pmig_frame_sp@GOTTPOFF(%rip), %rax\n"
	"	movq %fs:(%rax), %rax\n"
	"	movq %rax, 72(%rdi)\n"
	"	movq %rdx, 80(%rdi)\n"
	"	movq %rsi, 88(%rdi)\n"
	"	movl %ecx, %ecx\n"
	"	movq %rcx, 96(%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size pmig_setjmp_at, . - pmig_setjmp_at\n");

/* A call of its own, so that a sanitizer hears of the frames that it skips; and none of them itself. */
static _Noreturn __attribute__((noinline, no_sanitize("address"))) void load_registers(const struct jump *buffer, int value)
{
	uint64_t r[8];
	for (int i = 0; i < 8; i++)
		r[i] = buffer->registers[i] ^ pmig_jump_process;
	__asm__ volatile("movq 0(%0), %%rbx\n"
			 "movq 16(%0), %%r12\n"
			 "movq 24(%0), %%r13\n"
			 "movq 32(%0), %%r14\n"
			 "movq 40(%0), %%r15\n"
			 "movq 56(%0), %%rdx\n"
			 "movq 8(%0), %%rcx\n"
			 "movq 48(%0), %%rsp\n"
			 "movq %%rcx, %%rbp\n"
			 "jmp *%%rdx\n"
		:
		: "D"(r), "a"(value)
		: "memory");
	__builtin_unreachable();
}

#else
#error "jump.c: no assembly for this architecture"
#endif

void pmig_jump_mask(struct jump *buffer, int save)
{
	sigset_t mask;
	buffer->mask_saved = save != 0 && pmig_sigprocmask(SIG_SETMASK, NULL, &mask) == 0;
	if (buffer->mask_saved)
		memcpy(&buffer->mask, &mask, sizeof buffer->mask);
}

static void restore_mask(const struct jump *buffer)
{
	sigset_t mask;
	(void)sigemptyset(&mask);
	memcpy(&mask, &buffer->mask, sizeof buffer->mask);
	(void)pmig_sigprocmask(SIG_SETMASK, &mask, NULL);
}

_Noreturn void pmig_longjmp(struct jump *buffer, int value)
{
	if (value == 0)
		value = 1;
	if (buffer->mask_saved == 1)
		restore_mask(buffer);
	pmig_frame_sp = buffer->frame_sp;
	if (buffer->process == pmig_jump_process)
		load_registers(buffer, value);
	resume_jump((uint32_t)buffer->site, buffer->record, buffer->mark, value);
}
