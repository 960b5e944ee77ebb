/* explain: which functions were instrumented, because of which call, and what each frame holds. */
#include "work.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>

static void print_site(struct work *w, const struct site *s)
{
	FILE *out = w->options->explain;
	LLVMValueRef callee = work_callee(s->call);
	fprintf(out, "  line %u: %s, %u values in %u bytes:", s->line,
		callee != NULL ? work_name(callee) : "(through a pointer)", s->values_count, s->size);
	for (uint32_t i = 0; i < s->values_count; i++) {
		char *type = LLVMPrintTypeToString(LLVMTypeOf(s->values[i]));
		const char *name = work_name(s->values[i]);
		fprintf(out, " %s%s%s", type, *name != '\0' ? " " : "", name);
		LLVMDisposeMessage(type);
		if (i + 1 < s->values_count)
			fputc(',', out);
	}
	fputc('\n', out);
}

void explain_print(struct work *w)
{
	if (w->options->explain == NULL)
		return;
	for (size_t i = 0; i < w->functions_count; i++) {
		const struct function *f = &w->functions[i];
		unsigned length = 0;
		const char *file = LLVMGetDebugLocFilename(f->value, &length);
		fprintf(w->options->explain,
			"%s (%.*s:%u): reaches a safe point through %s; frame of %llu bytes in the arena\n",
			work_name(f->value), (int)length, file != NULL ? file : "", LLVMGetDebugLocLine(f->value),
			f->because != NULL ? work_name(f->because) : "a function pointer",
			(unsigned long long)f->frame_size);
		for (uint32_t k = 0; k < f->sites_count; k++)
			print_site(w, &w->sites[f->first_site + k]);
	}
}
