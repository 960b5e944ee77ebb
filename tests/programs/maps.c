/* maps: a program that maps memory in every way and keeps checking it: private, shared, of files, protected, grown, shrunk, given back.
 * maps FILE STEPS [wait]: FILE is made anew; with `wait`, a byte of input before each further step. Prints one line a step, and "all is as it was" at the end. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define HUGE (1ull << 36)

static void check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "maps: %s (%s)\n", what, strerror(errno));
	exit(1);
}

static void *map(size_t size, int protection, int flags, int fd, off_t offset)
{
	void *p = mmap(NULL, size, protection, flags, fd, offset);
	check(p != MAP_FAILED, "mmap");
	return p;
}

struct node {
	struct node *next;
	long value;
};

static struct all {
	struct node *list; /* in private memory: pointers into mappings and out of them */
	char *file, *copy; /* MAP_SHARED and MAP_PRIVATE of the file */
	char *input;       /* MAP_PRIVATE of the file, for reading; later writable */
	char *read_only;   /* MAP_SHARED of the file, for reading */
	long *counter;     /* MAP_SHARED of nothing */
	char *grows;       /* mremap */
	size_t size;       /* of it */
	char *guard;       /* a page without access in the middle */
	char *sparse;      /* huge, hardly touched */
	char *memory;      /* of a memfd whose descriptor is closed */
	int open_memory;   /* and one that stays open */
} a;

static int file_of(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	check(fd >= 0 && ftruncate(fd, 3 * PAGE + 100) == 0 && pwrite(fd, "on disk", 7, PAGE) == 7, path);
	return fd;
}

static void make(const char *path)
{
	int fd = file_of(path), other = open(path, O_RDONLY), memory = memfd_create("closed", 0);
	a.list = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*a.list = (struct node){malloc(sizeof(struct node)), 1};
	*a.list->next = (struct node){a.list, 2};
	a.file = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	a.copy = map(6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); /* two pages behind the end of the file */
	a.read_only = map(PAGE, PROT_READ, MAP_SHARED, other, PAGE);
	a.input = map(PAGE, PROT_READ, MAP_PRIVATE, other, PAGE);
	memcpy(a.copy + 2 * PAGE, "private", 8);
	close(fd);
	close(other);
	a.counter = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	a.grows = map(a.size = PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a.guard = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(a.guard, 'g', 3 * PAGE);
	check(mprotect(a.guard + PAGE, PAGE, PROT_NONE) == 0 && mprotect(a.guard + 2 * PAGE, PAGE, PROT_READ) == 0,
		"mprotect");
	a.sparse = map(HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	a.sparse[HUGE / 2] = 's';
	check(ftruncate(memory, PAGE) == 0, "memfd");
	a.memory = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	close(memory);
	a.open_memory = memfd_create("open", 0);
	check(a.open_memory >= 0 && write(a.open_memory, "0", 1) == 1, "memfd");
}

/* Access that must not be possible: a child tries, and is killed. */
static int dies(volatile char *p, int write_it)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (write_it)
			*p = 'x';
		_exit(*p == 0 ? 1 : 2);
	}
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void step(long i)
{
	char text[16];
	check(a.list->next->next == a.list && a.list->value == 1 && a.list->next->value == 2,
		"a list over heap and mapping");
	check(i == 0 || a.file[0] == (char)('a' + (i - 1) % 26), "a shared file");
	a.file[0] = (char)('a' + i % 26);
	check(memcmp(a.file + PAGE, "on disk", 7) == 0 && memcmp(a.read_only, "on disk", 7) == 0, "what was on disk");
	check(strcmp(a.copy + 2 * PAGE, "private") == 0 && memcmp(a.copy + PAGE, "on disk", 7) == 0, "a private file");
	check(memcmp(a.input, i > 3 ? "in mind" : "on disk", 7) == 0, "a private file that is only read, and then written");
	if (i == 3) {
		check(mprotect(a.input, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
		memcpy(a.input, "in mind", 7);
	}
	check((*a.counter)++ == i, "shared memory");
	check(a.grows[0] == (char)i && a.grows[a.size - 1] == (i == 0 ? 0 : 1), "what grows");
	char *grown = mremap(a.grows, a.size, a.size + PAGE, MREMAP_MAYMOVE);
	check(grown != MAP_FAILED, "mremap");
	grown[a.size - 1] = 0;
	a.grows = grown;
	a.size += PAGE;
	a.grows[0] = (char)(i + 1);
	a.grows[a.size - 1] = 1;
	check(a.guard[PAGE - 1] == 'g' && a.guard[2 * PAGE] == 'g', "what lies around a guard");
	check(a.sparse[HUGE / 2] == 's' && a.sparse[HUGE / 4] == 0, "sparse memory");
	check(a.memory[0] == (char)i, "memory of a closed descriptor");
	a.memory[0]++;
	check(pread(a.open_memory, text, 15, 0) >= 1 && atol(text) == i, "memory with a descriptor");
	int n = snprintf(text, sizeof text, "%ld", i + 1);
	check(pwrite(a.open_memory, text, (size_t)n + 1, 0) == n + 1, "memory with a descriptor");
	char *short_lived = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(short_lived, 1, 8 * PAGE);
	check(madvise(short_lived, 8 * PAGE, MADV_DONTNEED) == 0 && short_lived[PAGE] == 0, "MADV_DONTNEED");
	check(munmap(short_lived, 8 * PAGE) == 0, "munmap");
}

int main(int argc, char **argv)
{
	char byte;
	long steps = argc > 2 ? atol(argv[2]) : 20;
	check(argc > 1, "which file?");
	check(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ||
			getenv("PLAIN") != NULL,
		"code");
	make(argv[1]);
	int none = open("/dev/null", O_RDONLY); /* programs that close all that they do not know */
	for (int i = none; i < 1024; i++)
		if (i != a.open_memory)
			close(i);
	if (a.open_memory < none)
		closefrom(none);
	for (long i = 0; i < steps; i++) {
		step(i);
		printf("%ld\n", i);
		fflush(stdout);
		pmig_safepoint();
		while (argc > 3 && poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, 10) <= 0)
			pmig_safepoint();
		if (argc > 3) /* a byte of input a step */
			(void)!read(0, &byte, 1);
	}
	check(dies(a.guard + PAGE, 0) && dies(a.guard + 2 * PAGE, 1), "protection");
	char text[8] = "";
	int fd = open(argv[1], O_RDONLY);
	check(fd >= 0 && pread(fd, text, 1, 0) == 1 && text[0] == 'a' + (steps - 1) % 26, "what was written is in the file");
	printf("all is as it was\n");
	return 0;
}
