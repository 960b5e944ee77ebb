/* declares FOLDER [late]: declares something with every field that a declaration has, looks at all of it whenever it has come to another host, says
 * what it found, and counts until it is killed. The folder has: input, key, vault. "late": when a move begins it opens one more thing, which
 * nobody planned for. */
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static const char *folder;
static int ledger, input, kept_copy, value, doomed, key, vault, device, ruled, stray;
static char *password; /* 64 bytes, and room to look at others; alone on their page */
static int refusals = 1;
static int late;

static int open_in(const char *name, int flags)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, flags, 0600);
	if (fd < 0)
		perror(path);
	return fd;
}

/* --- hooks --- */

static int before(void *context)
{
	(void)context;
	if (refusals-- > 0) {
		printf("before: not now\n");
		return -1;
	}
	return late && open_in("late", O_RDWR | O_CREAT) < 0 ? -1 : 0;
}

static int after(void *context, const struct pmig_news *news)
{
	static const char *const outcomes[] = {"?", "continued", "restored", "failed"};
	printf("after %s: %s, strategy %d, to %s, locator %s%s%s\n", (const char *)context, outcomes[news->outcome],
		(int)news->strategy, news->to, news->locator, *news->reason != 0 ? ": " : "", news->reason);
	return 0;
}

static int put_key(int fd, const char *name)
{
	int fresh = open_in(name, O_RDONLY);
	int r = fresh < 0 ? -1 : dup2(fresh, fd);
	if (fresh >= 0)
		close(fresh);
	return r;
}

static int key_anew(void *context)
{
	(void)context;
	return put_key(key, "key");
}

static int vault_anew(void *context)
{
	(void)context;
	return put_key(vault, "vault");
}

static int password_anew(void *context)
{
	(void)context;
	int empty = password[0] == 0;
	printf("the password was %s\n", empty ? "not in the image" : "IN THE IMAGE");
	return pread(key, password, 32, 0) > 0 ? 0 : -1;
}

PMIG_RESOURCE("*/late", .kind = "file",
	.d = {.name = "the late one", .binding = PMIG_BY_TYPE, .attachment = PMIG_UNATTACHED, .type = "scratch"});
PMIG_RESOURCE("*/vault", .kind = "file",
	.d = {.name = "the vault",
		.binding = PMIG_BY_IDENTIFIER,
		.attachment = PMIG_FIXED,
		.secret = true,
		.hooks = &(struct pmig_hooks){.secret = vault_anew, .after = after},
		.context = "vault"});

/* --- what is declared --- */

static int declare(int fd, struct pmig_declaration d)
{
	int r = pmig_declare_fd(fd, &d);
	if (r < 0)
		printf("not declared: %s\n", pmig_reason());
	return r;
}

static int set_up(void)
{
	static const struct pmig_hooks told = {.before = before, .after = after},
				       keys = {.secret = key_anew, .after = after}, passwords = {.secret = password_anew},
				       news = {.after = after};
	if (declare(ledger,
		    (struct pmig_declaration){.name = "the ledger",
			    .binding = PMIG_BY_IDENTIFIER,
			    .attachment = PMIG_UNATTACHED,
			    .rate = 1000,
			    .size = 4096,
			    .hooks = &told,
			    .context = "ledger"}) < 0 ||
		declare(kept_copy,
			(struct pmig_declaration){.name = "the shared one",
				.binding = PMIG_BY_VALUE,
				.attachment = PMIG_UNATTACHED,
				.shared = true,
				.strategy = PMIG_COPY,
				.consent = PMIG_DIVERGENCE}) < 0 ||
		declare(value,
			(struct pmig_declaration){.name = "the snapshot",
				.binding = PMIG_BY_VALUE,
				.attachment = PMIG_FIXED,
				.consent = PMIG_SNAPSHOT}) < 0 ||
		declare(doomed,
			(struct pmig_declaration){.name = "the watch",
				.binding = PMIG_BY_IDENTIFIER,
				.attachment = PMIG_FIXED,
				.consent = PMIG_LOSS,
				.hooks = &news,
				.context = "watch"}) < 0 ||
		declare(key,
			(struct pmig_declaration){.name = "the key",
				.binding = PMIG_BY_IDENTIFIER,
				.attachment = PMIG_FASTENED,
				.secret = true,
				.hooks = &keys,
				.context = "key"}) < 0 ||
		declare(device,
			(struct pmig_declaration){
				.name = "the sink", .binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED, .type = "null"}) < 0)
		return -1;
	return pmig_declare_memory(password, 128,
		&(struct pmig_declaration){.name = "the password",
			.binding = PMIG_BY_VALUE,
			.attachment = PMIG_UNATTACHED,
			.secret = true,
			.hooks = &passwords});
}

/* Nobody declares it. */
static int open_stray(void)
{
	char path[256];
	snprintf(path, sizeof path, "%s/stray", folder);
	return open(path, O_RDWR | O_CREAT, 0600);
}

static int open_all(void)
{
	ledger = open_in("ledger", O_RDWR | O_CREAT);
	input = open_in("input", O_RDONLY);
	kept_copy = open_in("shared", O_RDWR | O_CREAT);
	value = open_in("snapshot", O_RDWR | O_CREAT);
	key = open_in("key", O_RDONLY);
	vault = open_in("vault", O_RDONLY);
	device = open("/dev/null", O_WRONLY);
	doomed = inotify_init1(IN_NONBLOCK);
	ruled = open_in("ruled", O_RDWR | O_CREAT);
	stray = open_stray();
	password = aligned_alloc(4096, 4096);
	return ledger < 0 || input < 0 || kept_copy < 0 || value < 0 || key < 0 || vault < 0 || doomed < 0 || ruled < 0 ||
			stray < 0 || password == NULL
		? -1
		: 0;
}

/* --- what is there now --- */

static void has(const char *what, int fd)
{
	char text[64] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	text[strcspn(text, "\n")] = 0;
	printf("%s: %s\n", what, n >= 0 && strcmp(text, what) == 0 ? "as it was" : n < 0 ? strerror(errno) : text);
}

/* Its bytes are nowhere but in the secret memory: not in a buffer of stdio either. */
static void show(const char *what, int fd)
{
	char *place = password + 64;
	ssize_t n = fd >= 0 ? pread(fd, place, 64, 0) : 0;
	printf("%s: ", what);
	fflush(stdout);
	if (n < 0)
		printf("%s\n", strerror(errno));
	else if (write(STDOUT_FILENO, fd >= 0 ? place : password, fd >= 0 ? (size_t)n : strlen(password)) < 0)
		perror("stdout");
}

static void look(void)
{
	struct inotify_event event;
	has("ledger", ledger);
	has("input", input);
	has("shared", kept_copy);
	has("snapshot", value);
	has("ruled", ruled);
	has("stray", stray);
	show("key", key);
	show("vault", vault);
	show("password", -1);
	printf("sink: %s\n", write(device, "x", 1) == 1 ? "takes it" : strerror(errno));
	printf("watch: %s\n", read(doomed, &event, sizeof event) < 0 ? strerror(errno) : "reads");
	printf("that is all\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	folder = argc >= 2 ? argv[1] : ".";
	late = argc == 3 && strcmp(argv[2], "late") == 0;
	if (open_all() < 0)
		return 1;
	memset(password, 0, 4096);
	(void)!pread(key, password, 32, 0);
	if (dprintf(ledger, "ledger\n") < 0 || dprintf(kept_copy, "shared\n") < 0 || dprintf(value, "snapshot\n") < 0 ||
		dprintf(ruled, "ruled\n") < 0 || dprintf(stray, "stray\n") < 0 || set_up() < 0)
		return 1;
	printf("ready\n");
	for (long n = 0;; n++) {
		printf("%ld\n", n);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		if (pmig_safepoint() == PMIG_RESTORED)
			look();
	}
}
