/* replaced: functions of libc whose state lies in the arena here; programs built with pmig-cc call these in their
 * place. Each behaves as the function without the prefix. */
#ifndef PMIG_RESOURCE_REPLACED_H
#define PMIG_RESOURCE_REPLACED_H

#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/times.h>
#include <time.h>

int pmig_setenv(const char *name, const char *value, int overwrite);
int pmig_unsetenv(const char *name);
int pmig_putenv(char *text);
int pmig_clearenv(void);

int pmig_clock_gettime(clockid_t id, struct timespec *ret);
clock_t pmig_clock(void);
clock_t pmig_times(struct tms *ret);
int pmig_getrusage(int who, struct rusage *ret);

int pmig_atexit(void (*work)(void));
int pmig_on_exit(void (*work)(int status, void *argument), void *argument);
int pmig_at_quick_exit(void (*work)(void));

int pmig_close(int fd);
int pmig_dup2(int from, int to);
int pmig_dup3(int from, int to, int flags);
int pmig_close_range(unsigned first, unsigned last, int flags);
void pmig_closefrom(int first);

int pmig_posix_spawn(pid_t *ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int pmig_posix_spawnp(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
void pmig_note_shared(void); /* another process may have got a descriptor from this one */

#endif
