/* thread: what a program with one thread asks about threads. The thread is the same one after a move; its values are
 * the program's own. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <threads.h>

#define KEYS 1024 /* as PTHREAD_KEYS_MAX of glibc */

pthread_t pmig_pthread_self(void);
int pmig_pthread_kill(pthread_t thread, int signal);
int pmig_pthread_setname_np(pthread_t thread, const char *name);
int pmig_pthread_getname_np(pthread_t thread, char *ret_name, size_t size);
int pmig_pthread_key_create(pthread_key_t *ret_key, void (*destroy)(void *));
int pmig_pthread_key_delete(pthread_key_t key);
void *pmig_pthread_getspecific(pthread_key_t key);
int pmig_pthread_setspecific(pthread_key_t key, const void *value);
int pmig_tss_create(tss_t *ret_key, tss_dtor_t destroy);
void pmig_tss_delete(tss_t key);
int pmig_tss_set(tss_t key, void *value);

static struct {
	const void *value;
	int used;
} keys[KEYS];

pthread_t pmig_pthread_self(void)
{
	return (pthread_t)keys; /* as good as any: only compared */
}

int pmig_pthread_kill(pthread_t thread, int signal)
{
	if (thread != pmig_pthread_self())
		return ESRCH;
	return signal == 0 || raise(signal) == 0 ? 0 : errno;
}

int pmig_pthread_setname_np(pthread_t thread, const char *name)
{
	if (thread != pmig_pthread_self())
		return ESRCH;
	if (strlen(name) > 15)
		return ERANGE;
	return prctl(PR_SET_NAME, name) == 0 ? 0 : errno;
}

int pmig_pthread_getname_np(pthread_t thread, char *ret_name, size_t size)
{
	if (thread != pmig_pthread_self())
		return ESRCH;
	if (size < 16)
		return ERANGE;
	return prctl(PR_GET_NAME, ret_name) == 0 ? 0 : errno;
}

/* Destructors run when a thread ends before the process, which one alone never does. */
int pmig_pthread_key_create(pthread_key_t *ret_key, void (*destroy)(void *))
{
	(void)destroy;
	for (unsigned i = 0; i < KEYS; i++) {
		if (keys[i].used)
			continue;
		keys[i].used = 1;
		keys[i].value = NULL;
		*ret_key = i;
		return 0;
	}
	return EAGAIN;
}

int pmig_pthread_key_delete(pthread_key_t key)
{
	if (key >= KEYS || !keys[key].used)
		return EINVAL;
	keys[key].used = 0;
	return 0;
}

void *pmig_pthread_getspecific(pthread_key_t key)
{
	return key < KEYS && keys[key].used ? (void *)keys[key].value : NULL;
}

int pmig_pthread_setspecific(pthread_key_t key, const void *value)
{
	if (key >= KEYS || !keys[key].used)
		return EINVAL;
	keys[key].value = value;
	return 0;
}

int pmig_tss_create(tss_t *ret_key, tss_dtor_t destroy)
{
	return pmig_pthread_key_create(ret_key, destroy) == 0 ? thrd_success : thrd_error;
}

void pmig_tss_delete(tss_t key)
{
	(void)pmig_pthread_key_delete(key);
}

int pmig_tss_set(tss_t key, void *value)
{
	return pmig_pthread_setspecific(key, value) == 0 ? thrd_success : thrd_error;
}
