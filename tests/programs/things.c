/* things: uses things of which any will do: a GPU and a terminal by descriptor, a printer, a scratch directory and a camera by handle.
 * things GPU TERMINAL PRINTER SCRATCH CAMERA. For each line of input: uses all of them and says which ones; "end" ends it. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int gpu, terminal;
static char *printer, *scratch, *camera;
static long steps;

static void die(const char *what)
{
	perror(what);
	fprintf(stderr, "things: %s: %s\n", what, pmig_reason());
	exit(1);
}

static int open_any(const char *path, const char *type)
{
	int fd = open(path, O_RDWR | O_NOCTTY);
	if (fd < 0 ||
		pmig_declare_fd(fd,
			&(struct pmig_declaration){.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED, .type = type}) < 0)
		die(path);
	return fd;
}

static void declare_any(char **var, const char *kind, const char *type, char *locator, enum pmig_attachment attachment)
{
	*var = locator;
	if (pmig_declare_handle((void **)var, kind, locator,
		    &(struct pmig_declaration){.binding = PMIG_BY_TYPE, .attachment = attachment, .type = type}) < 0)
		die(locator);
}

/* The printer is a command that prints a file. */
static void print(const char *file)
{
	extern char **environ;
	char *argv[] = {printer, (char *)file, NULL};
	pid_t pid;
	int status;
	if (posix_spawn(&pid, printer, NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die(printer);
}

static void use(const char *line)
{
	char path[4096], there[2][4096];
	int fds[] = {gpu, terminal};
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fds[i]);
		ssize_t n = readlink(path, there[i], sizeof there[i] - 1);
		there[i][n > 0 ? n : 0] = '\0';
	}
	if (write(gpu, "work", 4) != 4 || !isatty(terminal) || dprintf(terminal, "step %ld\n", steps) < 0)
		die("things");
	snprintf(path, sizeof path, "%s/job-%ld", scratch, steps);
	FILE *f = fopen(path, "w");
	if (f == NULL || fprintf(f, "%s", line) < 0 || fclose(f) != 0)
		die(path);
	print(path);
	printf("%ld: %s %s %s %s %s\n", steps++, there[0], there[1], printer, scratch, camera);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char line[256];
	size_t size = 0;
	if (argc != 6)
		return 2;
	gpu = open_any(argv[1], "gpu");
	terminal = open_any(argv[2], "terminal");
	declare_any(&printer, "printer", "printer", argv[3], PMIG_FIXED);
	declare_any(&scratch, "scratch", "scratch", argv[4], PMIG_UNATTACHED);
	declare_any(&camera, "any", "camera", argv[5], PMIG_FIXED);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		pmig_safepoint();
		if (poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, 10) <= 0)
			continue;
		ssize_t n = read(0, line + size, 1);
		if (n != 1)
			break;
		if (line[size++] != '\n' && size < sizeof line - 1)
			continue;
		line[size] = '\0';
		if (strcmp(line, "end\n") == 0)
			break;
		use(line);
		size = 0;
	}
	return 0;
}
