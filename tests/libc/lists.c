/* lists: directories at a position, walks with a safe point in what they call, users and services in the middle of a walk, tables, trees. */
#include "step.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <mntent.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <search.h>
#include <shadow.h>
#include <sys/stat.h>
#include <wordexp.h>

static char folder[64];

static void make_folder(void)
{
	char path[128];
	snprintf(folder, sizeof folder, "%.40s/lists-%d", step_place, (int)getpid());
	HOLDS(mkdir(folder, 0700) == 0);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof path, "%s/file%02d", folder, i);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);
		HOLDS(fd >= 0 && close(fd) == 0);
	}
	snprintf(path, sizeof path, "%s/below", folder);
	HOLDS(mkdir(path, 0700) == 0);
	snprintf(path, sizeof path, "%s/below/deep", folder);
	HOLDS(symlink("../file00", path) == 0);
}

static void directory(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int n = 0, after = 0;
	long half = 0;
	char at_half[256] = "";
	while ((e = readdir(d)) != NULL) {
		if (++n == 11)
			half = telldir(d);
		if (n == 12)
			snprintf(at_half, sizeof at_half, "%s", e->d_name);
		if (n % 6 == 0)
			step();
	}
	HOLDS(n == 23);
	step();
	seekdir(d, half);
	step();
	HOLDS(telldir(d) == half && strcmp(readdir(d)->d_name, at_half) == 0);
	while (readdir(d) != NULL)
		after++;
	HOLDS(after == 11);
	rewinddir(d);
	step();
	HOLDS(readdir(d) != NULL && fcntl(dirfd(d), F_GETFD) == FD_CLOEXEC && closedir(d) == 0);
	HOLDS(opendir("/no/such/folder") == NULL && errno == ENOENT);
}

static int only_files(const struct dirent *e)
{
	static int calls;
	if (++calls % 10 == 0)
		step();
	return strncmp(e->d_name, "file", 4) == 0;
}

static int backwards(const struct dirent **a, const struct dirent **b)
{
	static int calls;
	if (++calls % 30 == 0)
		step();
	return strcmp((*b)->d_name, (*a)->d_name);
}

static void scans(void)
{
	struct dirent **list;
	HOLDS(scandir(folder, &list, only_files, backwards) == 20);
	HOLDS(strcmp(list[0]->d_name, "file19") == 0 && strcmp(list[19]->d_name, "file00") == 0);
	for (int i = 0; i < 20; i++)
		free(list[i]);
	free(list);
	int at = open(step_place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HOLDS(scandirat(at, strrchr(folder, '/') + 1, &list, NULL, alphasort) == 23 &&
		strcmp(list[2]->d_name, "below") == 0);
	step();
	for (int i = 0; i < 23; i++)
		free(list[i]);
	free(list);
	close(at);
}

static int seen, links, deepest;

static int visit(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	HOLDS(path[at->base - 1] == '/' || at->base == 0);
	seen++;
	links += kind == FTW_SL;
	deepest = at->level > deepest ? at->level : deepest;
	HOLDS(kind == FTW_SL || (kind == FTW_DP) == S_ISDIR(st->st_mode));
	if (seen % 5 == 0)
		step();
	return 0;
}

static int stop_at_ten(const char *path, const struct stat *st, int kind)
{
	(void)path, (void)st, (void)kind;
	step();
	return ++seen == 10 ? 7 : 0;
}

static void walks(void)
{
	HOLDS(nftw(folder, visit, 4, FTW_PHYS | FTW_DEPTH) == 0);
	HOLDS(seen == 23 && links == 1 && deepest == 2);
	seen = 0;
	HOLDS(ftw(folder, stop_at_ten, 4) == 7 && seen == 10);
	HOLDS(nftw("/no/such/folder", visit, 4, 0) == -1 && errno == ENOENT);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Two roots, one of which is a link; a directory that is skipped, one that is looked into, a link that is followed. */
static void traversals(void)
{
	char link[sizeof folder + 8], *roots[] = {folder, link, NULL};
	snprintf(link, sizeof link, "%s.link", folder);
	HOLDS(symlink(folder, link) == 0);
	FTS *t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	FTSENT *e;
	int entries = 0, before = 0, after = 0;
	long sum = 0;
	HOLDS(t != NULL && fts_children(t, 0) != NULL);
	while ((e = fts_read(t)) != NULL) {
		struct stat st;
		entries++;
		before += e->fts_info == FTS_D;
		after += e->fts_info == FTS_DP;
		sum = (sum * 31 + e->fts_info * 7 + e->fts_level + (e->fts_level > 0 ? e->fts_namelen : 0)) % 1000003;
		HOLDS(strcmp(e->fts_path + e->fts_pathlen - e->fts_namelen, e->fts_name) == 0 &&
			lstat(e->fts_accpath, &st) == 0);
		HOLDS(e->fts_level == 0 || strncmp(e->fts_path, e->fts_parent->fts_path, e->fts_parent->fts_pathlen) == 0);
		if (e->fts_info == FTS_D && e->fts_level == 0)
			e->fts_number = fts_children(t, 0) != NULL;
		if (e->fts_info == FTS_SL && e->fts_level == 0)
			HOLDS(fts_set(t, e, FTS_FOLLOW) == 0);
		else if (e->fts_info == FTS_D && e->fts_level == 1 && strncmp(e->fts_path, link, strlen(link)) == 0)
			HOLDS(fts_set(t, e, FTS_SKIP) == 0);
		if (entries % 3 == 0)
			step();
	}
	HOLDS(errno == 0 && fts_close(t) == 0 && before == after);
	printf("traversed %d entries, %d directories, sum %ld\n", entries, before, sum);
	t = fts_open(roots, FTS_LOGICAL | FTS_SEEDOT, NULL);
	for (entries = 0; entries < 5 && (e = fts_read(t)) != NULL; entries++)
		step();
	HOLDS(entries == 5 && fts_close(t) == 0); /* in the middle */
	HOLDS(fts_open(roots, 1 << 20, NULL) == NULL && errno == EINVAL);
	HOLDS(unlink(link) == 0);
}

static void patterns(void)
{
	char pattern[128];
	glob_t g;
	wordexp_t w;
	snprintf(pattern, sizeof pattern, "%s/file0*", folder);
	HOLDS(glob(pattern, 0, NULL, &g) == 0 && g.gl_pathc == 10);
	step();
	snprintf(pattern, sizeof pattern, "%s/file1*", folder);
	HOLDS(glob(pattern, GLOB_APPEND, NULL, &g) == 0 && g.gl_pathc == 20);
	step();
	HOLDS(strcmp(strrchr(g.gl_pathv[19], '/'), "/file19") == 0);
	globfree(&g);
	HOLDS(wordexp("one \"two three\" $((2+2))", &w, 0) == 0 && w.we_wordc == 3);
	step();
	HOLDS(strcmp(w.we_wordv[1], "two three") == 0 && strcmp(w.we_wordv[2], "4") == 0);
	wordfree(&w);
}

static void people(void)
{
	char first[64], second[64];
	int n = 0, m = 0;
	setpwent();
	snprintf(first, sizeof first, "%s", getpwent()->pw_name);
	snprintf(second, sizeof second, "%s", getpwent()->pw_name);
	step();
	struct passwd *third = getpwent();
	HOLDS(third != NULL && strcmp(third->pw_name, second) != 0 && strcmp(third->pw_name, first) != 0);
	while (getpwent() != NULL)
		n++;
	HOLDS(n > 3);
	step();
	HOLDS(getpwent() == NULL);
	setpwent();
	step();
	HOLDS(strcmp(getpwent()->pw_name, first) == 0);
	endpwent();
	setgrent();
	for (struct group *g; (g = getgrent()) != NULL; m++)
		if (m == 2)
			step();
	HOLDS(m > 5);
	endgrent();
	struct passwd *root = getpwuid(0);
	struct group *group = getgrnam("root");
	step();
	HOLDS(strcmp(root->pw_name, "root") == 0 && group->gr_gid == 0 && getpwnam("nobody of this name") == NULL);
}

static void network(void)
{
	struct servent *http = getservbyname("http", "tcp");
	struct protoent *tcp = getprotobyname("tcp");
	struct hostent *host = gethostbyname("127.0.0.1");
	char *text = ether_ntoa(ether_aton("01:23:45:67:89:ab"));
	step();
	HOLDS(http == NULL || ntohs((uint16_t)http->s_port) == 80); /* a host may be without /etc/services */
	HOLDS(tcp == NULL || (tcp->p_proto == 6 && strcmp(tcp->p_name, "tcp") == 0));
	HOLDS(host != NULL && host->h_length == 4 && (unsigned char)host->h_addr_list[0][0] == 127);
	HOLDS(strcmp(text, "1:23:45:67:89:ab") == 0);
	setprotoent(1);
	struct protoent *first = getprotoent();
	char name[64] = "";
	snprintf(name, sizeof name, "%s", first != NULL ? first->p_name : "");
	step();
	struct protoent *next = getprotoent();
	HOLDS(first == NULL || next == NULL || strcmp(next->p_name, name) != 0);
	endprotoent();
}

static int by_number(const void *a, const void *b)
{
	return (int)((long)a - (long)b);
}

static int counted;

static void count(const void *node, VISIT when, int depth)
{
	(void)depth;
	if (when == postorder || when == leaf)
		counted += (int)*(const long *)node;
	if (counted % 7 == 3)
		step();
}

static void tables(void)
{
	struct hsearch_data t = {0};
	ENTRY *found;
	static char words[50][16];
	HOLDS(hcreate_r(50, &t) != 0 && hcreate(10) != 0);
	for (long i = 0; i < 50; i++) {
		snprintf(words[i], sizeof words[i], "word%ld", i);
		HOLDS(hsearch_r((ENTRY){words[i], (void *)i}, ENTER, &found, &t) != 0);
	}
	HOLDS(hsearch((ENTRY){words[3], words[4]}, ENTER) != NULL);
	step();
	HOLDS(hsearch_r((ENTRY){"word42", NULL}, FIND, &found, &t) != 0 && (long)found->data == 42);
	HOLDS(hsearch_r((ENTRY){"nothing", NULL}, FIND, &found, &t) == 0 && errno == ESRCH);
	HOLDS(hsearch((ENTRY){"word3", NULL}, FIND)->data == words[4]);
	hdestroy_r(&t);
	hdestroy();
	void *tree = NULL;
	for (long i = 1; i <= 20; i++)
		HOLDS(tsearch((void *)(i * 7 % 23), &tree, by_number) != NULL);
	step();
	HOLDS(tfind((void *)14, &tree, by_number) != NULL);
	twalk(tree, count);
	HOLDS(counted > 200);
	HOLDS(tdelete((void *)14, &tree, by_number) != NULL && tfind((void *)14, &tree, by_number) == NULL);
}

static void mounts(void)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m = f != NULL ? getmntent(f) : NULL;
	HOLDS(m != NULL && m->mnt_dir[0] == '/');
	HOLDS(endmntent(f) == 1);
	step();
	HOLDS(m->mnt_dir[0] == '/');
}

int main(int argc, char **argv)
{
	step_start(argc, argv);
	make_folder();
	directory();
	scans();
	walks();
	traversals();
	patterns();
	people();
	network();
	tables();
	mounts();
	puts("done");
	return 0;
}
