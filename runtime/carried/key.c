/* key: thread-specific data. A thread's values hang on its block; a key's number of uses tells a value of an earlier key of the same
 * number from one of this. */
#include "futex.h"

#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#define KEYS 1024 /* PTHREAD_KEYS_MAX of glibc */
#define VALUES_STEP 32u
#define KEY_ROUNDS 4 /* PTHREAD_DESTRUCTOR_ITERATIONS */

int pmig_pthread_key_create(pthread_key_t *ret_key, void (*destroy)(void *));
int pmig_pthread_key_delete(pthread_key_t key);
void *pmig_pthread_getspecific(pthread_key_t key);
int pmig_pthread_setspecific(pthread_key_t key, const void *value);
int pmig_tss_create(tss_t *ret_key, tss_dtor_t destroy);
void pmig_tss_delete(tss_t key);
int pmig_tss_set(tss_t key, void *value);
void pmig_keys_end(void);

static struct {
	_Atomic uint32_t use; /* odd: the key exists */
	void (*_Atomic destroy)(void *);
} keys[KEYS];

/* Of one thread, THREAD_ROOT_KEYS of its block. */
struct values {
	uint32_t count;
	struct value {
		uint32_t use; /* of the key, when it was set */
		void *value;
	} items[];
};

static struct values *values(void)
{
	return pmig_thread->roots[THREAD_ROOT_KEYS];
}

int pmig_pthread_key_create(pthread_key_t *ret_key, void (*destroy)(void *))
{
	for (unsigned i = 0; i < KEYS; i++) {
		uint32_t use = atomic_load(&keys[i].use);
		if (use % 2 != 0 || !atomic_compare_exchange_strong(&keys[i].use, &use, use + 1))
			continue;
		atomic_store(&keys[i].destroy, destroy);
		*ret_key = i;
		return 0;
	}
	return EAGAIN;
}

int pmig_pthread_key_delete(pthread_key_t key)
{
	uint32_t use = key < KEYS ? atomic_load(&keys[key].use) : 0;
	return use % 2 != 0 && atomic_compare_exchange_strong(&keys[key].use, &use, use + 1) ? 0 : EINVAL;
}

void *pmig_pthread_getspecific(pthread_key_t key)
{
	const struct values *v = values();
	if (v == NULL || key >= v->count)
		return NULL;
	uint32_t use = atomic_load_explicit(&keys[key].use, memory_order_relaxed);
	return v->items[key].use == use ? v->items[key].value : NULL;
}

static struct values *key_make_room(struct values *v, pthread_key_t key)
{
	uint32_t old = v != NULL ? v->count : 0, count = (key / VALUES_STEP + 1) * VALUES_STEP;
	v = realloc(v, sizeof *v + count * sizeof *v->items);
	if (v == NULL)
		return NULL;
	for (uint32_t i = old; i < count; i++)
		v->items[i] = (struct value){0};
	v->count = count;
	pmig_thread->roots[THREAD_ROOT_KEYS] = v;
	return v;
}

int pmig_pthread_setspecific(pthread_key_t key, const void *value)
{
	struct values *v = values();
	uint32_t use = key < KEYS ? atomic_load_explicit(&keys[key].use, memory_order_relaxed) : 0;
	if (use % 2 == 0)
		return EINVAL;
	if (v == NULL || key >= v->count)
		v = key_make_room(v, key);
	if (v == NULL)
		return ENOMEM;
	v->items[key] = (struct value){use, (void *)(uintptr_t)value};
	return 0;
}

/* One key of the ending thread; true: its destructor ran, which may have set others. */
static bool key_end(pthread_key_t key)
{
	struct value *v = &values()->items[key], was = *v;
	*v = (struct value){0};
	if (was.value == NULL || was.use != atomic_load(&keys[key].use))
		return false;
	void (*destroy)(void *) = atomic_load(&keys[key].destroy);
	if (destroy == NULL)
		return false;
	destroy(was.value);
	return true;
}

void pmig_keys_end(void)
{
	bool more = true;
	for (int round = 0; round < KEY_ROUNDS && more; round++) {
		more = false;
		for (pthread_key_t key = 0; values() != NULL && key < values()->count; key++)
			more = key_end(key) || more;
	}
	free(values());
	pmig_thread->roots[THREAD_ROOT_KEYS] = NULL;
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
