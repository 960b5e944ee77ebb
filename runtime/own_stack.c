/* own_stack: the stack pointer is changed for one call. */
#include "own_stack.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#define OWN_STACK (256u << 10) /* bytes, of which what is used is touched */

static bool is_on_alternate(void)
{
	stack_t s;
	return sigaltstack(NULL, &s) == 0 && (s.ss_flags & SS_ONSTACK) != 0;
}

#if defined(__x86_64__)
static void call_on(char *top, void (*function)(void *), void *argument)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %1, %%rsp\n\t"
			 "call *%2\n\t"
			 "movq %%rbx, %%rsp"
		: "+D"(argument)
		: "r"(top), "r"(function)
		: "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
		"xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
		"memory");
}
#else
#error "own_stack.c: no assembly for this architecture"
#endif

void own_stack_call(void (*function)(void *), void *argument)
{
	if (!is_on_alternate()) {
		function(argument);
		return;
	}
	char *stack = mmap(NULL, OWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return;
	call_on(stack + OWN_STACK, function, argument);
	(void)munmap(stack, OWN_STACK);
}
