/* late: just when it is to be frozen, its hook starts a child process, which ends with the third line of its input. Each line is answered. */
#include <pmig/pmig.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static int ends[2];

static int before(void *context)
{
	char c;
	(void)context;
	if (child != 0)
		return 0;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	return child > 0 ? 0 : -1;
}

int main(void)
{
	static const struct pmig_hooks hooks = {.before = before};
	static char note[16] = "a note";
	const struct pmig_declaration d = {
		.name = "note", .binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED, .hooks = &hooks};
	char line[16];
	int lines = 0, status;
	if (pipe(ends) < 0 || pmig_declare_memory(note, sizeof note, &d) < 0) {
		printf("not declared: %s\n", pmig_reason());
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (++lines == 3) {
			close(ends[1]);
			printf("waited for: %d\n", waitpid(child, &status, 0) == child && status == 0);
		}
		printf("line %d\n", lines);
		fflush(stdout);
	}
	return 0;
}
