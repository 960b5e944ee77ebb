/* emit: the back end, and files written whole or not at all. */
#include "emit.h"

#include <base/io.h>

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSOR_MAX 256
#define FEATURES_MAX 8192

static void string_attribute(LLVMValueRef function, const char *key, char *out, size_t room)
{
	LLVMAttributeRef a = LLVMGetStringAttributeAtIndex(function, LLVMAttributeFunctionIndex, key, (unsigned)strlen(key));
	unsigned size = 0;
	const char *text = a != NULL ? LLVMGetStringAttributeValue(a, &size) : "";
	(void)snprintf(out, room, "%.*s", (int)size, text);
}

/* The processor and features of the program: those of the first function that asks for more than the baseline. Each
 * function is compiled for its own in any case. */
static void find_processor(LLVMModuleRef m, char processor[PROCESSOR_MAX], char features[FEATURES_MAX])
{
	(void)strcpy(processor, "x86-64");
	*features = 0;
	for (LLVMValueRef f = LLVMGetFirstFunction(m); f != NULL; f = LLVMGetNextFunction(f)) {
		char cpu[PROCESSOR_MAX];
		if (LLVMIsDeclaration(f))
			continue;
		string_attribute(f, "target-cpu", cpu, sizeof cpu);
		if (*features == 0)
			string_attribute(f, "target-features", features, FEATURES_MAX);
		if (*cpu == 0 || strcmp(cpu, "x86-64") == 0)
			continue;
		(void)strcpy(processor, cpu);
		string_attribute(f, "target-features", features, FEATURES_MAX);
		return;
	}
}

int emit_machine(LLVMModuleRef m, int level, LLVMTargetMachineRef *ret_machine)
{
	static const LLVMCodeGenOptLevel levels[] = {
		/* Without the greedy register allocator values would be where no stack map can point to. */
		LLVMCodeGenLevelLess,
		LLVMCodeGenLevelLess,
		LLVMCodeGenLevelDefault,
		LLVMCodeGenLevelAggressive,
	};
	LLVMTargetRef target;
	char *why = NULL;
	char processor[PROCESSOR_MAX], features[FEATURES_MAX];
	const char *triple = LLVMGetTarget(m);
	LLVMInitializeX86TargetInfo();
	LLVMInitializeX86Target();
	LLVMInitializeX86TargetMC();
	LLVMInitializeX86AsmPrinter();
	LLVMInitializeX86AsmParser();
	if (strncmp(triple, "x86_64-", 7) != 0 || LLVMGetTargetFromTriple(triple, &target, &why)) {
		LLVMDisposeMessage(why);
		return error_set(PMIG_ENOSUPPORT, "pmig-cc generates code for x86-64 Linux only, not for %s", triple);
	}
	find_processor(m, processor, features);
	LLVMTargetMachineRef tm = LLVMCreateTargetMachine(target, triple, processor, features,
		levels[level < 0            ? 0
				: level > 3 ? 3
					    : level],
		LLVMRelocStatic, LLVMCodeModelSmall);
	if (tm == NULL)
		return error_set(PMIG_ENOSUPPORT, "LLVM has no target machine for %s", triple);
	*ret_machine = tm;
	return 0;
}

static int write_file(const char *path, const char *data, size_t size)
{
	int e = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%s: cannot be created", path);
	e = io_write_all(fd, data, size);
	if (e < 0)
		e = error_prefix(e, "%s", path);
	if (close(fd) < 0 && e >= 0)
		e = error_errno(PMIG_EIO, errno, "%s: cannot be written", path);
	struct stat st;
	if (e < 0 && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		(void)unlink(path);
	return e;
}

/* Complaints about inline assembly; LLVM's own handler would end the process with another status. */
static void complain(LLVMDiagnosticInfoRef info, void *context)
{
	static const char *const words[] = {"error", "warning", "remark", "note"};
	LLVMDiagnosticSeverity severity = LLVMGetDiagInfoSeverity(info);
	if (severity > LLVMDSWarning)
		return;
	char *text = LLVMGetDiagInfoDescription(info);
	(void)fprintf(stderr, "%s: %s\n", words[severity], text);
	LLVMDisposeMessage(text);
	if (severity == LLVMDSError)
		++*(int *)context;
}

int emit_object(LLVMModuleRef m, LLVMTargetMachineRef machine, const char *path)
{
	LLVMMemoryBufferRef object;
	LLVMContextRef context = LLVMGetModuleContext(m);
	char *why = NULL;
	int errors = 0;
	LLVMContextSetDiagnosticHandler(context, complain, &errors);
	LLVMBool failed = LLVMTargetMachineEmitToMemoryBuffer(machine, m, LLVMObjectFile, &why, &object);
	LLVMContextSetDiagnosticHandler(context, NULL, NULL);
	if (failed) {
		int e = error_set(PMIG_EINVAL, "code generation failed: %s", why);
		LLVMDisposeMessage(why);
		return e;
	}
	int e = 0;
	if (errors > 0)
		e = error_set(PMIG_EINVAL, "code generation failed");
	else
		e = write_file(path, LLVMGetBufferStart(object), LLVMGetBufferSize(object));
	LLVMDisposeMemoryBuffer(object);
	return e;
}
