/* locks: what a lock costs when nobody else wants it, in a program that has only one thread (alone) and in one that has had
 * more, and what two threads pay that hand over to each other.
 *
 * usage: locks alone|lock|read|condition COUNT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static long count, value;

static void lock(void)
{
	for (long i = 0; i < count; i++) {
		pthread_mutex_lock(&mutex);
		value += i;
		pthread_mutex_unlock(&mutex);
	}
}

static void read_lock(void)
{
	for (long i = 0; i < count; i++) {
		pthread_rwlock_rdlock(&shared);
		value += i;
		pthread_rwlock_unlock(&shared);
	}
}

/* The value is even when it is the first thread's turn. */
static void *hand_over(void *odd)
{
	pthread_mutex_lock(&mutex);
	while (value < count) {
		while (value % 2 != (odd != NULL) && value < count)
			pthread_cond_wait(&changed, &mutex);
		value++;
		pthread_cond_signal(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void condition(void)
{
	pthread_t other;
	if (pthread_create(&other, NULL, hand_over, &value) != 0)
		exit(1);
	(void)hand_over(NULL);
	pthread_join(other, NULL);
}

static void *nothing(void *unused)
{
	return unused;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"alone", lock}, {"lock", lock}, {"read", read_lock}, {"condition", condition}};
	size_t mode = 0, modes_count = sizeof modes / sizeof *modes;
	pthread_t thread;
	while (argc > 2 && mode < modes_count && strcmp(argv[1], modes[mode].name) != 0)
		mode++;
	if (argc < 3 || mode == modes_count)
		return 2;
	if (mode > 0 && (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0))
		return 1;
	count = atol(argv[2]);
	modes[mode].run();
	printf("%ld\n", value);
	return 0;
}
