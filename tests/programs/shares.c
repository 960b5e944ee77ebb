/* shares: memory that another process has as well. shares nameless|/NAME [snapshot]: a process of its own, which does not end with it, maps
 * the same memory. Each line of input adds one to it and says what it is; "end" ends. With "snapshot" a declaration consents to a copy. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Grandchild: lives until it is killed. */
static void leave_another(void)
{
	pid_t child = fork();
	if (child == 0) {
		if (fork() == 0) {
			for (int fd = 0; fd < 1024; fd++)
				close(fd);
			for (;;)
				pause();
		}
		_exit(0);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		exit(1);
}

int main(int argc, char **argv)
{
	int named = argc > 1 && argv[1][0] == '/', fd = named ? shm_open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
	if (named && (fd < 0 || ftruncate(fd, 4096) < 0))
		return 1;
	long *value = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | (named ? 0 : MAP_ANONYMOUS), fd, 0);
	if (value == MAP_FAILED)
		return 1;
	if (named)
		close(fd);
	const struct pmig_declaration d = {.binding = PMIG_BY_VALUE,
		.attachment = PMIG_FIXED,
		.consent = argc > 2 ? PMIG_SNAPSHOT : 0,
		.name = "the value"};
	if (!named && argc > 2 && pmig_declare_memory(value, 4096, &d) < 0)
		return 1;
	leave_another();
	printf("ready\n");
	fflush(stdout);
	for (char line[64], *at = line;;) {
		pmig_safepoint();
		if (poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, 10) <= 0)
			continue;
		if (read(0, at, 1) != 1 || (*at == '\n' && strncmp(line, "end", 3) == 0))
			return 0;
		if (*at != '\n') {
			at += at < line + sizeof line - 1;
			continue;
		}
		at = line;
		printf("%ld\n", ++*value);
		fflush(stdout);
	}
}

/* Named memory is declared by its name. */
PMIG_RESOURCE("/dev/shm/pmig-snapshot*", .kind = "memory",
	.d = {.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED, .consent = PMIG_SNAPSHOT});
