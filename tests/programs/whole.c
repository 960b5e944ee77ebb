/* whole: has something of each sort that an image tells of: threads that wait, a file with a stream, a pipe with bytes in it, a pair of sockets,
 * an eventfd, a timer, an epoll set, a socket that is bound, a directory, a mapping, large globals, and memory on the heap. It counts its safe
 * points; whole DIRECTORY COUNT: up to COUNT. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define THREADS 2
#define HEAP 3000
#define MAPPED 8192

static char large[20000];
static int wake[2];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *wait_for_a_byte(void *argument)
{
	char byte;
	return read(wake[0], &byte, 1) == 1 ? argument : NULL;
}

static void check(int condition, const char *what)
{
	if (!condition) {
		(void)fprintf(stderr, "whole: %s is not what it was\n", what);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int pipes[2], pair[2], event = eventfd(7, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), set = epoll_create1(0);
	int directory = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	struct itimerspec soon = {.it_value.tv_sec = 1000};
	struct epoll_event interest = {.events = EPOLLIN, .data.u64 = 42};
	if (directory < 0 || pipe(wake) < 0 || pipe(pipes) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
		event < 0 || timer < 0 || set < 0 || timerfd_settime(timer, 0, &soon, NULL) < 0 ||
		epoll_ctl(set, EPOLL_CTL_ADD, event, &interest) < 0)
		die("whole");
	int file = openat(directory, "file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	FILE *stream = file >= 0 ? fdopen(file, "r+") : NULL;
	char *heap = malloc(HEAP), *mapped = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stream == NULL || heap == NULL || mapped == MAP_FAILED || fputs("in the file\n", stream) < 0 ||
		write(pipes[1], "pipe", 4) != 4 || write(pair[0], "pair", 4) != 4)
		die("whole");
	memset(large, 'l', sizeof large);
	memset(heap, 'h', HEAP);
	memset(mapped, 'm', MAPPED);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, wait_for_a_byte, heap) != 0)
			die("pthread_create");
	for (int i = 0; i < atoi(argv[2]); i++)
		pmig_safepoint();
	char text[16] = "";
	uint64_t seven = 0;
	check(read(pipes[0], text, 4) == 4 && strcmp(text, "pipe") == 0, "the pipe");
	check(read(pair[1], text, 4) == 4 && strcmp(text, "pair") == 0, "the pair of sockets");
	check(epoll_wait(set, &interest, 1, 0) == 1 && interest.data.u64 == 42, "the epoll set");
	check(read(event, &seven, sizeof seven) == 8 && seven == 7, "the event");
	check(timerfd_gettime(timer, &soon) == 0 && soon.it_value.tv_sec > 0, "the timer");
	check(large[0] == 'l' && large[sizeof large - 1] == 'l', "a global");
	check(heap[0] == 'h' && heap[HEAP - 1] == 'h' && mapped[MAPPED - 1] == 'm', "memory");
	rewind(stream);
	check(fgets(text, sizeof text, stream) != NULL && strcmp(text, "in the file\n") == 0, "the file");
	check(write(wake[1], "12", 2) == 2, "the pipe of the threads");
	for (size_t i = 0; i < THREADS; i++) {
		void *result;
		check(pthread_join(threads[i], &result) == 0 && result == heap, "a thread");
	}
	(void)printf("all is what it was\n");
	return 0;
}
