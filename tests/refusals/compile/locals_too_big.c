/* More thread-local variables than a thread has room for. */
#include <pmig/pmig.h>

#include <pthread.h>

_Thread_local char much[1 << 20];

static void *work(void *unused)
{
	/* REFUSED: the thread-local variable much does not fit: a thread has room for [0-9]+ bytes of */
	much[0] = 1;
	return unused;
}

int main(void)
{
	pthread_t t;
	pmig_safepoint();
	return pthread_create(&t, NULL, work, NULL);
}
