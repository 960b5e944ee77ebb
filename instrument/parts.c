/* parts: who is in which part, and the threads. */
#include "parts.h"

#include "emit.h"
#include "map.h"
#include "plain.h"
#include "table.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Comdat.h>
#include <llvm-c/Core.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART "pmig-part"
#define PART_SIZE 60000 /* instructions; less is not worth reading the module once more */
#define STACK_SIZE (64u << 20)

struct sized {
	LLVMValueRef function;
	uint32_t size, number;
};

struct all {
	LLVMMemoryBufferRef bitcode;
	const char *path;
	int level;
	unsigned count;
	atomic_uint next; /* the part that nobody has begun */
	char reasons[PARTS_MAX][PMIG_REASON_MAX];
	int errors[PARTS_MAX];
};

static uint32_t size_of(LLVMValueRef f)
{
	uint32_t n = 0;
	for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b != NULL; b = LLVMGetNextBasicBlock(b))
		for (LLVMValueRef i = LLVMGetFirstInstruction(b); i != NULL; i = LLVMGetNextInstruction(i))
			n++;
	return n;
}

static bool has_labels_taken(LLVMValueRef f)
{
	for (LLVMUseRef u = LLVMGetFirstUse(f); u != NULL; u = LLVMGetNextUse(u))
		if (LLVMIsABlockAddress(LLVMGetUser(u)) != NULL)
			return true;
	return false;
}

unsigned parts_count(LLVMModuleRef m, unsigned wanted, bool debug)
{
	size_t length = 0, size = 0;
	(void)LLVMGetModuleInlineAsm(m, &length);
	if (debug || length != 0 || LLVMGetFirstGlobalAlias(m) != NULL || LLVMGetFirstGlobalIFunc(m) != NULL)
		return 1;
	for (LLVMValueRef f = LLVMGetFirstFunction(m); f != NULL; f = LLVMGetNextFunction(f)) {
		if (has_labels_taken(f))
			return 1;
		size += size_of(f);
	}
	if (wanted == 0)
		wanted = (unsigned)(size / PART_SIZE);
	return wanted < 1 ? 1 : wanted > PARTS_MAX ? PARTS_MAX : wanted;
}

static int larger_first(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;
	return x->size != y->size ? (x->size < y->size) - (x->size > y->size)
				  : (x->number > y->number) - (x->number < y->number);
}

/* Each function, from the largest on, to the part that has least. */
static void distribute(LLVMModuleRef m, unsigned count)
{
	struct sized *list = NULL;
	size_t n = 0, capacity = 0, load[PARTS_MAX] = {0};
	for (LLVMValueRef f = LLVMGetFirstFunction(m); f != NULL; f = LLVMGetNextFunction(f)) {
		if (LLVMIsDeclaration(f))
			continue;
		list = map_grow(list, &capacity, n, sizeof *list);
		list[n] = (struct sized){f, size_of(f), (uint32_t)n};
		n++;
	}
	if (n > 0)
		qsort(list, n, sizeof *list, larger_first);
	for (size_t i = 0; i < n; i++) {
		unsigned least = 0;
		for (unsigned k = 1; k < count; k++)
			if (load[k] < load[least])
				least = k;
		load[least] += list[i].size;
		char word[2] = {(char)('0' + least), 0};
		LLVMAddAttributeAtIndex(list[i].function, LLVMAttributeFunctionIndex,
			LLVMCreateStringAttribute(LLVMGetModuleContext(m), PART, sizeof PART - 1, word, 1));
	}
	free(list);
}

static bool is_local(LLVMValueRef v)
{
	return LLVMGetLinkage(v) == LLVMInternalLinkage || LLVMGetLinkage(v) == LLVMPrivateLinkage;
}

/* A constant whose address means nothing: each part that uses it has its own. */
static bool is_copied(LLVMValueRef v)
{
	return is_local(v) && LLVMIsGlobalConstant(v) && LLVMGetUnnamedAddress(v) == LLVMGlobalUnnamedAddr &&
		!LLVMIsThreadLocal(v);
}

static void share(LLVMValueRef v, FILE *names)
{
	size_t length;
	if (!is_local(v))
		return;
	(void)LLVMGetValueName2(v, &length);
	if (length == 0)
		LLVMSetValueName2(v, "pmig.local", 10);
	LLVMSetLinkage(v, LLVMExternalLinkage);
	LLVMSetVisibility(v, LLVMHiddenVisibility);
	const char *name = LLVMGetValueName2(v, &length);
	(void)fprintf(names, "%s\n", name + (*name == '\1')); /* \1: as it is, in LLVM's names */
}

static bool is_stack_maps(LLVMValueRef v)
{
	size_t length;
	return strcmp(LLVMGetValueName2(v, &length), TABLE_STACK_MAPS) == 0;
}

static int share_all(LLVMModuleRef m, unsigned count, const char *path)
{
	char *name;
	if (asprintf(&name, "%s.local", path) < 0)
		return error_set(PMIG_ENOMEM, "not enough memory");
	FILE *names = fopen(name, "we");
	int e = names != NULL ? 0 : error_errno(PMIG_EIO, errno, "%s: cannot be created", name);
	for (LLVMValueRef f = LLVMGetFirstFunction(m); e == 0 && f != NULL; f = LLVMGetNextFunction(f))
		if (!LLVMIsDeclaration(f))
			share(f, names);
	for (LLVMValueRef g = LLVMGetFirstGlobal(m); e == 0 && g != NULL; g = LLVMGetNextGlobal(g))
		if (!LLVMIsDeclaration(g) && !is_copied(g) && !is_stack_maps(g))
			share(g, names);
	for (unsigned k = 0; e == 0 && k < count; k++)
		(void)fprintf(names, TABLE_STACK_MAPS ".%u\n", k);
	if (names != NULL && fclose(names) != 0 && e == 0)
		e = error_errno(PMIG_EIO, errno, "%s: cannot be written", name);
	free(name);
	return e;
}

static bool has_sites(LLVMModuleRef m)
{
	static const char prefix[] = "llvm.experimental.gc.statepoint";
	size_t length;
	for (LLVMValueRef f = LLVMGetFirstFunction(m); f != NULL; f = LLVMGetNextFunction(f))
		if (strncmp(LLVMGetValueName2(f, &length), prefix, sizeof prefix - 1) == 0 && LLVMGetFirstUse(f) != NULL)
			return true;
	return false;
}

/* A definition that only a declaration is to be left of. */
static void discard(LLVMValueRef v)
{
	LLVMSetComdat(v, NULL);
	LLVMSetLinkage(v, LLVMAvailableExternallyLinkage);
}

/* Leaves of the module what is in part `part`: variables are in the first. */
static int keep(LLVMModuleRef m, unsigned part)
{
	LLVMValueRef maps = NULL;
	for (LLVMValueRef f = LLVMGetFirstFunction(m); f != NULL; f = LLVMGetNextFunction(f)) {
		LLVMAttributeRef a = LLVMGetStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, PART, sizeof PART - 1);
		unsigned length;
		if (!LLVMIsDeclaration(f) &&
			(a == NULL || (unsigned)(*LLVMGetStringAttributeValue(a, &length) - '0') != part))
			discard(f);
	}
	for (LLVMValueRef g = LLVMGetFirstGlobal(m), next; g != NULL; g = next) {
		next = LLVMGetNextGlobal(g);
		if (is_stack_maps(g))
			maps = g;
		else if (part != 0 && LLVMGetLinkage(g) == LLVMAppendingLinkage)
			LLVMDeleteGlobal(g);
		else if (part != 0 && !LLVMIsDeclaration(g) && !is_copied(g))
			discard(g);
	}
	int e = plain_passes(m, NULL, "elim-avail-extern");
	if (maps != NULL && has_sites(m)) {
		char name[64];
		int length = snprintf(name, sizeof name, TABLE_STACK_MAPS ".%u", part);
		LLVMSetValueName2(maps, name, (size_t)length);
		LLVMSetLinkage(maps, LLVMExternalLinkage);
		LLVMSetVisibility(maps, LLVMHiddenVisibility);
	} else if (maps != NULL) {
		LLVMDeleteGlobal(maps);
	}
	return e < 0 ? e : plain_passes(m, NULL, "globaldce");
}

static int make(const struct all *a, unsigned part)
{
	LLVMContextRef context = LLVMContextCreate();
	LLVMTargetMachineRef machine;
	LLVMModuleRef m;
	char *path;
	if (asprintf(&path, part == 0 ? "%s" : "%s.%u", a->path, part) < 0)
		abort();
	int e = LLVMParseBitcodeInContext2(context, a->bitcode, &m) ? error_set(PMIG_EINVAL, "part %u cannot be read", part)
								    : 0;
	if (e >= 0) {
		e = keep(m, part);
		if (e >= 0)
			e = emit_machine(m, a->level, &machine);
		if (e >= 0) {
			e = emit_object(m, machine, path);
			LLVMDisposeTargetMachine(machine);
		}
		LLVMDisposeModule(m);
	}
	LLVMContextDispose(context);
	free(path);
	return e;
}

static void *work(void *argument)
{
	struct all *a = argument;
	for (unsigned part; (part = atomic_fetch_add(&a->next, 1)) < a->count;) {
		a->errors[part] = make(a, part);
		if (a->errors[part] < 0)
			(void)snprintf(a->reasons[part], sizeof a->reasons[part], "%s", pmig_reason());
	}
	return NULL;
}

/* As many threads as there are processors, this one among them; fewer where they cannot be had. */
static void run_threads(struct all *a)
{
	pthread_t threads[PARTS_MAX];
	pthread_attr_t attributes;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned started = 0;
	if (pthread_attr_init(&attributes) == 0) {
		(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
		while (started + 1 < a->count && (long)started + 1 < processors &&
			pthread_create(&threads[started], &attributes, work, a) == 0)
			started++;
		(void)pthread_attr_destroy(&attributes);
	}
	(void)work(a);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

int parts_emit(LLVMModuleRef m, int level, unsigned count, const char *path)
{
	struct all *a = map_alloc(1, sizeof *a);
	a->path = path;
	a->level = level;
	a->count = count;
	distribute(m, count);
	int e = share_all(m, count, path);
	if (e >= 0) {
		a->bitcode = LLVMWriteBitcodeToMemoryBuffer(m);
		run_threads(a);
		LLVMDisposeMemoryBuffer(a->bitcode);
	}
	for (unsigned k = 0; k < count && e >= 0; k++)
		if (a->errors[k] < 0)
			e = error_set(a->errors[k], "%s", a->reasons[k]);
	free(a);
	return e;
}
