/* told: what came of a stop in a call that waits is said by the next safe point of the same thread, once. */
#include <pmig/pmig.h>

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int ends[2];

/* The first wait is where the program is restored (k = 1, once); what comes between is not a safe point. */
static int wait_and_ask(void)
{
	char byte;
	if (write(ends[1], "x", 1) != 1 || read(ends[0], &byte, 1) != 1)
		return -1;
	return pmig_safepoint();
}

static void *in_thread(void *said)
{
	*(int *)said = wait_and_ask();
	return NULL;
}

int main(void)
{
	int first, second, other = -1;
	pthread_t thread;
	if (pipe(ends) < 0)
		return 1;
	first = wait_and_ask();
	second = pmig_safepoint();
	if (pthread_create(&thread, NULL, in_thread, &other) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	printf("%d %d %d\n", first, second, other);
	return 0;
}
