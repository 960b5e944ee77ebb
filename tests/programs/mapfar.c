/* mapfar FILE: a file that stays where it is. Each byte of input: maps it privately and says what it begins with, then shared, and says
 * whether that was possible; '.' ends. */
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	const struct pmig_declaration d = {.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED, .name = "the file"};
	if (fd < 0 || pmig_declare_fd(fd, &d) < 0)
		return 1;
	const char *first = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0); /* stays over all moves */
	if (first == MAP_FAILED)
		return 5;
	printf("ready\n");
	fflush(stdout);
	for (char byte = 0; byte != '.';) {
		pmig_safepoint();
		if (poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, 10) <= 0)
			continue;
		if (read(0, &byte, 1) != 1)
			return 2;
		char *mine = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
		if (mine == MAP_FAILED)
			return 3;
		errno = 0;
		void *ours = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		printf("%.5s %.5s %s\n", first, mine, ours != MAP_FAILED ? "shared" : strerror(errno));
		fflush(stdout);
		if (munmap(mine, 8192) < 0 || (ours != MAP_FAILED && munmap(ours, 4096) < 0))
			return 4;
	}
	return 0;
}
