/* binding: calls of libc that tie the program to this host (bound.h). They work; a checkpoint is refused by name as long as what they
 * did holds. Each behaves as the function without the prefix. */
#ifndef PMIG_RESOURCE_BINDING_H
#define PMIG_RESOURCE_BINDING_H

#include <dlfcn.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/types.h>

/* Libraries: as long as one that was loaded while running is open. dlopen(NULL) gives a handle that travels. */
void *pmig_dlopen(const char *path, int flags);
void *pmig_dlmopen(Lmid_t space, const char *path, int flags);
void *pmig_dlsym(void *handle, const char *name);
void *pmig_dlvsym(void *handle, const char *name, const char *version);
int pmig_dlclose(void *handle);
int pmig_dlinfo(void *handle, int request, void *ret);
char *pmig_dlerror(void);
int pmig_dladdr(const void *address, Dl_info *ret);

/* For good. */
int pmig_chroot(const char *path);
int pmig_pivot_root(const char *path, const char *old);
int pmig_unshare(int flags);
int pmig_setns(int fd, int kind);
int pmig_personality(unsigned long domain);
int pmig_ioperm(unsigned long from, unsigned long count, int on);
int pmig_iopl(int level);
int pmig_prctl(int option, ...);

/* Memory and queues shared with other processes: until they are closed, or for good where they are known by a number. */
void *pmig_shmat(int id, const void *address, int flags);
int pmig_shmdt(const void *address);
int pmig_shmget(key_t key, size_t size, int flags);
int pmig_semget(key_t key, int n, int flags);
int pmig_msgget(key_t key, int flags);
sem_t *pmig_sem_open(const char *name, int flags, ...);
int pmig_sem_close(sem_t *s);
mqd_t pmig_mq_open(const char *name, int flags, ...);
int pmig_mq_close(mqd_t q);

/* Under an agent the program has no terminal to leave: it stays the process that the agent sees. */
int pmig_daemon(int stay, int keep);

#endif
