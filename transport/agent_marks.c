/* agent_marks: whether a path is the same file on both hosts. The name does not tell: the source makes a hidden file with a nonce
 * beside it, and the target looks whether it sees that file and reads the nonce. */
#include "agent_parts.h"
#include "runtime/base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define MARKS_MAX 64
#define MARKS_MS 10000 /* then they are removed, whoever still wanted to look */
#define NONCE_DIGITS 32

struct agent_marks {
	size_t count;
	struct {
		int directory; /* open: it is removed from there, whatever happens to the path */
		char *path;
		char name[32];
	} all[MARKS_MAX];
	struct loop_source *timer;
	struct loop *loop;
};

void agent_marks_drop(struct agent *a)
{
	struct agent_marks *m = a->marks;
	if (m == NULL)
		return;
	a->marks = NULL;
	for (size_t i = 0; i < m->count; i++) {
		(void)unlinkat(m->all[i].directory, m->all[i].name, 0);
		(void)close(m->all[i].directory);
		free(m->all[i].path);
	}
	loop_remove(&m->timer);
	free(m);
}

static void on_timer(void *context)
{
	agent_marks_drop(context);
}

static bool digits(char *ret_text, size_t count)
{
	unsigned char bytes[NONCE_DIGITS / 2];
	if (getrandom(bytes, count / 2, 0) != (ssize_t)(count / 2))
		return false;
	hex_put(bytes, count / 2, ret_text);
	return true;
}

static bool make(struct agent_marks *m, const char *directory, char ret_nonce[NONCE_DIGITS + 1])
{
	char name[32] = ".pmig-";
	int d = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d < 0 || !digits(name + 6, 16) || !digits(ret_nonce, NONCE_DIGITS)) {
		if (d >= 0)
			(void)close(d);
		return false;
	}
	int fd = openat(d, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool good = fd >= 0 && write(fd, ret_nonce, NONCE_DIGITS) == NONCE_DIGITS;
	if (fd >= 0 && (close(fd) < 0 || !good)) { /* a network file system may tell only now that it is full */
		good = false;
		(void)unlinkat(d, name, 0);
	}
	char *path = good ? strdup(directory) : NULL;
	if (path == NULL) {
		if (good)
			(void)unlinkat(d, name, 0);
		(void)close(d);
		return false;
	}
	m->all[m->count].directory = d;
	m->all[m->count].path = path;
	memcpy(m->all[m->count].name, name, sizeof name);
	m->count++;
	return true;
}

static bool is_marked(const struct agent_marks *m, const char *directory)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->all[i].path, directory) == 0)
			return true;
	return false;
}

/* Beside each of `paths` (texts), once a directory: an array of {directory, name, nonce}. Where none can be made there is none. */
static json_t *make_all(struct agent *a, const json_t *paths)
{
	json_t *made = json_array(), *path;
	size_t i;
	agent_marks_drop(a);
	struct agent_marks *m = a->marks = calloc(1, sizeof *m);
	if (m == NULL)
		return made;
	(void)loop_after(a->loop, MARKS_MS, on_timer, a, &m->timer);
	json_array_foreach(paths, i, path)
	{
		const char *text = json_string_value(path);
		const char *slash = text != NULL && text[0] == '/' ? strrchr(text, '/') : NULL;
		char directory[PATH_MAX], nonce[NONCE_DIGITS + 1];
		if (slash == NULL || slash - text >= PATH_MAX || m->count == MARKS_MAX)
			continue;
		(void)snprintf(directory, sizeof directory, "%.*s", slash == text ? 1 : (int)(slash - text), text);
		if (is_marked(m, directory) || !make(m, directory, nonce))
			continue;
		(void)json_array_append_new(made,
			json_pack("{s:s, s:s, s:s}", "directory", directory, "name", m->all[m->count - 1].name, "nonce",
				nonce));
	}
	return made;
}

int agent_do_mark(struct agent *a, const json_t *request, json_t **ret_answer)
{
	*ret_answer = json_pack("{s:o}", "marks", make_all(a, json_object_get(request, "paths")));
	return 0;
}

int agent_do_unmark(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)request, (void)ret_answer;
	agent_marks_drop(a);
	return 0;
}

/* At the target: the nonce that lies there, null where there is none. */
static json_t *read_one(const json_t *mark)
{
	char nonce[NONCE_DIGITS + 1];
	const char *name = agent_text(mark, "name");
	if (strncmp(name, ".pmig-", 6) != 0 || strchr(name, '/') != NULL)
		return json_null(); /* nothing else is read for anybody */
	int d = open(agent_text(mark, "directory"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = d >= 0 ? openat(d, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) : -1;
	ssize_t n = fd >= 0 ? read(fd, nonce, sizeof nonce - 1) : -1;
	nonce[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
	if (d >= 0)
		(void)close(d);
	json_t *text = n == NONCE_DIGITS ? json_string(nonce) : NULL;
	return text != NULL ? text : json_null();
}

json_t *agent_marks_read(const json_t *marks)
{
	json_t *nonces = json_array();
	const json_t *mark;
	size_t i;
	json_array_foreach(marks, i, mark)
	{
		if (i < MARKS_MAX)
			(void)json_array_append_new(nonces, read_one(mark));
	}
	return nonces;
}
