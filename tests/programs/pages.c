/* pages ROOT move|copy|refer|rules: serves the site below ROOT to nobody: each round it lists the folder, reads every page of it in two ways, and says
 * "N HOST: PAGES pages, hash HASH"; it writes ROOT/visits.txt, a line a round, where that is there already. While there is ROOT.hold it waits
 * between two rounds, with no page open, and says "holds" once. */
#include <pmig/pmig.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *root;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static unsigned long add(unsigned long hash, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
	return hash;
}

/* By descriptor and by stream: the same bytes. */
static unsigned long page(unsigned long hash, const char *path)
{
	char buffer[4096];
	ssize_t n;
	unsigned long again = hash;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, buffer, sizeof buffer)) > 0)
		hash = add(hash, buffer, (size_t)n);
	if (fd >= 0)
		close(fd);
	FILE *f = fopen(path, "re");
	size_t k;
	while (f != NULL && (k = fread(buffer, 1, sizeof buffer, f)) > 0)
		again = add(again, buffer, k);
	if (f != NULL)
		fclose(f);
	return fd >= 0 && f != NULL && again == hash ? hash : 0;
}

/* All pages below `path`; their number, and *hash of names and bytes. */
static long folder(const char *path, unsigned long *hash)
{
	char *names[256];
	size_t n = 0;
	long pages = 0;
	DIR *d = opendir(path);
	if (d == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(d)) != NULL && n < 256;)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "visits.txt") != 0)
			names[n++] = strdup(e->d_name);
	closedir(d);
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		char below[4096];
		struct stat st;
		snprintf(below, sizeof below, "%s/%s", path, names[i]);
		*hash = add(*hash, names[i], strlen(names[i]));
		if (stat(below, &st) == 0 && S_ISDIR(st.st_mode)) {
			pages += folder(below, hash);
		} else {
			*hash = page(*hash, below);
			pages++;
		}
		free(names[i]);
	}
	return pages;
}

static void hold(const char *site)
{
	char path[4096];
	snprintf(path, sizeof path, "%s.hold", site);
	for (int waited = 0; access(path, F_OK) == 0; waited++) {
		if (waited == 0)
			printf("holds\n");
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		pmig_safepoint();
	}
}

int main(int argc, char **argv)
{
	static const char *const hows[] = {"rules", "move", "copy", "refer"};
	struct pmig_declaration d = {.name = "site", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FASTENED};
	if (argc < 3)
		return 2;
	root = argv[1];
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(argv[2], hows[i]) == 0)
			d.strategy = (enum pmig_strategy)i;
	if (d.strategy == PMIG_COPY)
		d.binding = PMIG_BY_VALUE;
	if (pmig_declare_handle((void **)&root, "site", root, &d) < 0) {
		fprintf(stderr, "pages: %s\n", pmig_reason());
		return 1;
	}
	for (long round = 1;; round++) {
		char host[65], path[4096];
		unsigned long hash = 14695981039346656037u;
		gethostname(host, sizeof host);
		long pages = folder(root, &hash);
		snprintf(path, sizeof path, "%s/visits.txt", root);
		int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		if (fd >= 0) {
			dprintf(fd, "%ld %s\n", round, host);
			close(fd);
		}
		printf("%ld %s: %ld pages, hash %lx\n", round, host, pages, hash);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		pmig_safepoint();
		hold(argv[1]);
	}
}
