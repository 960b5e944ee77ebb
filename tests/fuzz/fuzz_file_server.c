/* fuzz_file_server: any bytes as what a client says of a held file: they are carried out, refused, or end the conversation. The first
 * byte says whether a file or a directory is held.
 * sources: runtime/base/error.c runtime/base/io.c transport/agent_reference_file.c transport/agent_reference_work.c
 * libraries: pthread
 * Nobody waits for a lock here. */
#include "transport/agent_reference_file.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)fds;
	(void)timeout;
	return (int)n;
}

static char root[] = "/tmp/pmig-fuzz-XXXXXX";
static int directory, out;

static void clean_up(void)
{
	char command[64];
	(void)snprintf(command, sizeof command, "rm -rf %s", root);
	(void)!system(command);
}

static void begin(void)
{
	if (mkdtemp(root) == NULL || (directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
		(out = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0)
		abort();
	(void)atexit(clean_up);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){1u << 20, 1u << 20});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (directory == 0)
		begin();
	if (size == 0)
		return 0;
	int in = memfd_create("requests", MFD_CLOEXEC);
	int held = (data[0] & 1) != 0 ? dup(directory) : openat(directory, "thing", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (in < 0 || held < 0 || write(in, data + 1, size - 1) != (ssize_t)size - 1 || lseek(in, 0, SEEK_SET) != 0)
		abort();
	(void)!agent_reference_file_run(held, in, out);
	close(held);
	close(in);
	return 0;
}
