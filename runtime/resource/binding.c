/* binding: calls that tie the program to this host. */
#include "binding.h"

#include "bound.h"
#include "keep.h"

#include "../control_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/io.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What dlopen(NULL) gives: libc's own handle lies in the loader. */
static const char whole_program[] = "the whole program";

static void *handle_of(void *handle)
{
	return handle == whole_program ? RTLD_DEFAULT : handle;
}

static void *loaded(void *handle, const char *path)
{
	if (handle != NULL)
		bound_to(handle,
			"it has loaded the library %s while running, which is not carried; close it with dlclose() before the "
			"safe point, or link it",
			path);
	return handle;
}

void *pmig_dlopen(const char *path, int flags)
{
	return path == NULL ? (void *)whole_program : loaded(dlopen(path, flags), path);
}

void *pmig_dlmopen(Lmid_t space, const char *path, int flags)
{
	return path == NULL ? (void *)whole_program : loaded(dlmopen(space, path, flags), path);
}

void *pmig_dlsym(void *handle, const char *name)
{
	return dlsym(handle_of(handle), name);
}

void *pmig_dlvsym(void *handle, const char *name, const char *version)
{
	return dlvsym(handle_of(handle), name, version);
}

int pmig_dlclose(void *handle)
{
	if (handle == whole_program)
		return 0;
	int r = dlclose(handle);
	if (r == 0)
		bound_release(handle);
	return r;
}

int pmig_dlinfo(void *handle, int request, void *ret)
{
	if (handle != whole_program)
		return dlinfo(handle, request, ret);
	void *main = dlopen(NULL, RTLD_LAZY);
	int r = main != NULL ? dlinfo(main, request, ret) : -1;
	if (main != NULL)
		(void)dlclose(main);
	return r;
}

char *pmig_dlerror(void)
{
	return keep_text(dlerror());
}

int pmig_dladdr(const void *address, Dl_info *ret)
{
	int r = dladdr(address, ret);
	if (r != 0) {
		ret->dli_fname = keep_text(ret->dli_fname);
		ret->dli_sname = keep_text(ret->dli_sname);
	}
	return r;
}

/* `r` of a call that worked binds the program for good. */
#define BINDS(r, ...) \
	do { \
		if ((r) >= 0) \
			bound_to(NULL, __VA_ARGS__); \
	} while (0)

int pmig_chroot(const char *path)
{
	int r = chroot(path);
	BINDS(r, "it has changed its root directory to %s with chroot(), which is not carried", path);
	return r;
}

int pmig_pivot_root(const char *path, const char *old)
{
	int r = (int)syscall(SYS_pivot_root, path, old);
	BINDS(r, "it has changed its root directory to %s with pivot_root(), which is not carried", path);
	return r;
}

int pmig_unshare(int flags)
{
	int r = unshare(flags);
	if ((flags & ~(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM)) != 0) /* what a process alone has no use for */
		BINDS(r, "it has left its namespaces with unshare(), which is not carried");
	return r;
}

int pmig_setns(int fd, int kind)
{
	int r = setns(fd, kind);
	BINDS(r, "it has entered other namespaces with setns(), which is not carried");
	return r;
}

int pmig_personality(unsigned long domain)
{
	int r = personality(domain);
	if (r >= 0 && domain != 0xffffffff && domain != (unsigned long)r)
		bound_to(NULL, "it has changed its execution domain to %#lx with personality(), which is not carried",
			domain);
	return r;
}

int pmig_ioperm(unsigned long from, unsigned long count, int on)
{
	int r = ioperm(from, count, on);
	BINDS(r, "it reaches ports of this machine by ioperm(), which is not carried");
	return r;
}

int pmig_iopl(int level)
{
	int r = iopl(level);
	BINDS(r, "it reaches ports of this machine by iopl(), which is not carried");
	return r;
}

/* Options that leave something in the kernel which context.c does not carry. */
int pmig_prctl(int option, ...)
{
	static const struct {
		int option;
		const char *name;
	} binding[] = {{PR_SET_SECCOMP, "PR_SET_SECCOMP"}, {PR_SET_MM, "PR_SET_MM"},
		{PR_SET_SECUREBITS, "PR_SET_SECUREBITS"}, {PR_CAP_AMBIENT, "PR_CAP_AMBIENT"},
		{PR_CAPBSET_DROP, "PR_CAPBSET_DROP"}, {PR_SET_TSC, "PR_SET_TSC"},
		{PR_SET_SYSCALL_USER_DISPATCH, "PR_SET_SYSCALL_USER_DISPATCH"}, {PR_SET_PTRACER, "PR_SET_PTRACER"}};
	unsigned long a[4];
	va_list ap;
	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	int r = prctl(option, a[0], a[1], a[2], a[3]);
	for (size_t i = 0; i < sizeof binding / sizeof *binding; i++)
		if (option == binding[i].option)
			BINDS(r, "it has called prctl(%s), which is not carried", binding[i].name);
	return r;
}

void *pmig_shmat(int id, const void *address, int flags)
{
	void *p = shmat(id, address, flags);
	if (p != (void *)-1)
		bound_to(p,
			"it has attached the System V shared memory %d, which is not carried; detach it with shmdt(), or use "
			"shm_open()",
			id);
	return p;
}

int pmig_shmdt(const void *address)
{
	int r = shmdt(address);
	if (r == 0)
		bound_release(address);
	return r;
}

int pmig_shmget(key_t key, size_t size, int flags)
{
	int r = shmget(key, size, flags);
	BINDS(r, "it uses the System V shared memory %d of this host, which is not carried; use shm_open()", r);
	return r;
}

int pmig_semget(key_t key, int n, int flags)
{
	int r = semget(key, n, flags);
	BINDS(r, "it uses the System V semaphores %d of this host, which are not carried", r);
	return r;
}

int pmig_msgget(key_t key, int flags)
{
	int r = msgget(key, flags);
	BINDS(r, "it uses the System V message queue %d of this host, which is not carried", r);
	return r;
}

sem_t *pmig_sem_open(const char *name, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	bool more = (flags & O_CREAT) != 0;
	mode_t mode = more ? va_arg(ap, mode_t) : 0;
	unsigned value = more ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	sem_t *s = sem_open(name, flags, mode, value);
	if (s != SEM_FAILED)
		bound_to(s,
			"it has opened the named semaphore %s of this host, which is not carried; close it with sem_close()",
			name);
	return s;
}

int pmig_sem_close(sem_t *s)
{
	int r = sem_close(s);
	if (r == 0)
		bound_release(s);
	return r;
}

static const void *queue_key(mqd_t q)
{
	return (const void *)(intptr_t)~q; /* NOLINT: a number that is no address of anything else here */
}

mqd_t pmig_mq_open(const char *name, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	bool more = (flags & O_CREAT) != 0;
	mode_t mode = more ? va_arg(ap, mode_t) : 0;
	struct mq_attr *attributes = more ? va_arg(ap, struct mq_attr *) : NULL;
	va_end(ap);
	mqd_t q = mq_open(name, flags, mode, attributes);
	if (q >= 0)
		bound_to(queue_key(q),
			"it has opened the message queue %s of this host, which is not carried; close it with mq_close()",
			name);
	return q;
}

int pmig_mq_close(mqd_t q)
{
	int r = mq_close(q);
	if (r == 0)
		bound_release(queue_key(q));
	return r;
}

int pmig_daemon(int stay, int keep)
{
	if (control_descriptor() < 0)
		return daemon(stay, keep);
	if (!stay && chdir("/") < 0)
		return -1;
	int null = keep ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	if (null > 2)
		(void)close(null);
	return 0;
}
