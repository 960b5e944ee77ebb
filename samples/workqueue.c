/* workqueue: eight threads take jobs from a queue with a mutex and condition variables; moves with all of them, waiting or working.
 *
 *   pmig-cc -O2 workqueue.c -o workqueue -pthread
 *   pmig run -- ./workqueue           (in one terminal)
 *   pmig move workqueue HOST          (in another, as often as you like)
 *   pmig kill workqueue               (it finishes its round)
 *
 *   workqueue [ROUNDS [PAUSE]]        rounds of jobs (0: until asked to end), with so many milliseconds between two
 *
 * It checks after each round that every job was done, once, and by nobody else. */
#include <pmig/pmig.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 8
#define PLACES 16
#define JOBS 5000

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t filled, taken;
	int jobs[PLACES];
	int first, count;
	int closed;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .taken = PTHREAD_COND_INITIALIZER};

/* What was done in this round; a mutex for each part, so that threads meet in more than one place. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t all;
	int times[JOBS], steps[JOBS];
	int done;
} round_of = {.mutex = PTHREAD_MUTEX_INITIALIZER, .all = PTHREAD_COND_INITIALIZER};

static _Thread_local int mine; /* jobs that this thread has done */
static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

static void put(int job)
{
	pthread_mutex_lock(&queue.mutex);
	while (queue.count == PLACES)
		pthread_cond_wait(&queue.taken, &queue.mutex);
	queue.jobs[(queue.first + queue.count++) % PLACES] = job;
	pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.mutex);
}

static void close_queue(void)
{
	pthread_mutex_lock(&queue.mutex);
	queue.closed = 1;
	pthread_cond_broadcast(&queue.filled);
	pthread_mutex_unlock(&queue.mutex);
}

/* The next job; -1: there will be none. */
static int take(void)
{
	int job = -1;
	pthread_mutex_lock(&queue.mutex);
	while (queue.count == 0 && !queue.closed)
		pthread_cond_wait(&queue.filled, &queue.mutex);
	if (queue.count > 0) {
		job = queue.jobs[queue.first];
		queue.first = (queue.first + 1) % PLACES;
		queue.count--;
		pthread_cond_signal(&queue.taken);
	}
	pthread_mutex_unlock(&queue.mutex);
	return job;
}

/* The work: how many steps 3n+1 takes down to 1. */
static int steps_of(unsigned long n)
{
	int steps = 0;
	for (; n > 1; steps++) {
		n = n % 2 == 0 ? n / 2 : 3 * n + 1;
		pmig_safepoint();
	}
	return steps;
}

static void *work(void *unused)
{
	(void)unused;
	for (int job; (job = take()) >= 0; mine++) {
		int steps = steps_of(job + 1);
		pthread_mutex_lock(&round_of.mutex);
		round_of.times[job]++;
		round_of.steps[job] = steps;
		if (++round_of.done == JOBS)
			pthread_cond_signal(&round_of.all);
		pthread_mutex_unlock(&round_of.mutex);
	}
	return (void *)(long)mine;
}

/* How many jobs of the round were not done as they should. */
static int check_round(void)
{
	int wrong = 0;
	pthread_mutex_lock(&round_of.mutex);
	while (round_of.done < JOBS)
		pthread_cond_wait(&round_of.all, &round_of.mutex);
	for (int job = 0; job < JOBS; job++) {
		wrong += round_of.times[job] != 1 || round_of.steps[job] != steps_of(job + 1);
		round_of.times[job] = round_of.steps[job] = 0;
	}
	round_of.done = 0;
	pthread_mutex_unlock(&round_of.mutex);
	return wrong;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0, pause = argc > 2 ? atoi(argv[2]) : 0, wrong = 0, round = 0;
	pthread_t threads[THREADS];
	signal(SIGTERM, ask_to_end);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
			perror("pthread_create");
			return 2;
		}
	while ((rounds == 0 || round < rounds) && !asked_to_end) {
		for (int job = 0; job < JOBS; job++)
			put(job);
		int wrong_now = check_round();
		wrong += wrong_now;
		printf("round %d: %d jobs, %d wrong\n", ++round, JOBS, wrong_now);
		fflush(stdout);
		usleep((unsigned)pause * 1000);
	}
	close_queue();
	long done = 0;
	for (int i = 0; i < THREADS; i++) {
		void *jobs;
		pthread_join(threads[i], &jobs);
		done += (long)jobs;
	}
	int right = wrong == 0 && done == (long)round * JOBS;
	printf("%ld jobs in %d rounds by %d threads: %s\n", done, round, THREADS, right ? "each once" : "WRONG");
	return right ? 0 : 1;
}
