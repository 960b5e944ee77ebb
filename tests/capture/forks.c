/* Processes forked while other threads come, go and ask libc for what it keeps: each child makes threads of its own. */
#include <pmig/pmig.h>

#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#define CHILDREN 150

static _Atomic int enough;

static void *work(void *unused)
{
	locale_t l = newlocale(LC_ALL_MASK, "C", NULL);
	free(malloc(100));
	freelocale(l);
	return unused;
}

static void one_more(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, work, NULL) != 0 || pthread_join(t, NULL) != 0)
		_exit(1);
}

static void *come_and_go(void *unused)
{
	while (!enough)
		one_more();
	return unused;
}

int main(void)
{
	pthread_t other;
	int well = 0, safe = 0;
	pthread_create(&other, NULL, come_and_go, NULL);
	for (int i = 0; i < CHILDREN; i++) {
		int status = -1;
		pid_t child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			alarm(20);
			for (int k = 0; k < 3; k++)
				one_more();
			_exit(i % 50);
		}
		well += waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == i % 50;
		safe += pmig_safepoint() >= 0;
	}
	enough = 1;
	pthread_join(other, NULL);
	printf("%d of %d, %d\n", well, CHILDREN, safe);
	return 0;
}
