/* tree: owns a directory, by identifier: it goes along with all that is in it. tree DIRECTORY [copy]: with `copy` by value. Each line of input is the name
 * of a file to make below it; "end" ends. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[256];
	size_t n = 0;
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	const struct pmig_declaration d = {
		.binding = argc > 2 ? PMIG_BY_VALUE : PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED, .name = "the tree"};
	if (fd < 0 || pmig_declare_fd(fd, &d) < 0) {
		fprintf(stderr, "tree: %s\n", pmig_reason());
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		pmig_safepoint();
		if (poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, 10) <= 0)
			continue;
		if (read(0, line + n, 1) != 1)
			return 2;
		if (line[n] != '\n') {
			n += n < sizeof line - 1;
			continue;
		}
		line[n] = '\0';
		n = 0;
		if (strcmp(line, "end") == 0)
			return 0;
		int made = openat(fd, line, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (made < 0 || write(made, line, strlen(line)) != (ssize_t)strlen(line) || close(made) < 0) {
			perror(line);
			return 3;
		}
		printf("%s\n", line);
		fflush(stdout);
	}
}
