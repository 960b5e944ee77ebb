/* test_remote_file: a client and the agent's server at both ends of a socketpair: what is done by the one is seen on the file. */
#include "reference/remote_file.h"
#include "runtime/reference/protocol.h"
#include "transport/agent_reference_file.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/pmig-remote-XXXXXX";
static char path[64];

/* A connection to a server of the descriptor `held`, which stays open here. */
static struct remote_file *connect_to(int held)
{
	int ends[2];
	struct remote_file *f = NULL;
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
	assert_int_equal(agent_reference_file_serve(dup(held), ends[1]), 0);
	assert_int_equal(remote_file_connect(ends[0], "the test's file", &f), 0);
	return f;
}

static int make(const char *text, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	fd = open(path, flags | O_CLOEXEC);
	assert_return_code(fd, errno);
	return fd;
}

/* Comes back once what is changed now gets another stamp than before: what the cache relies on. */
static void tick(void)
{
	struct timespec first, now;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &first);
	do
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while ((now.tv_sec - first.tv_sec) * 1000000000 + now.tv_nsec - first.tv_nsec < 30000000);
}

static void expect_text(const char *want)
{
	char text[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(read(fd, text, sizeof text), (ssize_t)strlen(want));
	assert_string_equal(text, want);
	close(fd);
}

static void test_reads_and_seeks(void **state)
{
	(void)state;
	int fd = make("hello, world\n", O_RDONLY);
	struct remote_file *f = connect_to(fd);
	char text[64] = "";
	assert_int_equal(remote_file_read(f, text, 5), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(remote_file_seek(f, 0, SEEK_CUR), 5);
	assert_int_equal(remote_file_seek(f, -6, SEEK_END), 7);
	assert_int_equal(remote_file_read(f, text, sizeof text), 6);
	assert_memory_equal(text, "world\n", 6);
	assert_int_equal(remote_file_read(f, text, sizeof text), 0);
	assert_int_equal(remote_file_pread(f, text, 4, 1), 4);
	assert_memory_equal(text, "ello", 4);
	assert_int_equal(remote_file_seek(f, -1, SEEK_SET), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(remote_file_write(f, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(remote_file_flags(f) & O_ACCMODE, O_RDONLY);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0); /* nobody else's position is touched */
	assert_int_equal(remote_file_close(f), 0);
	close(fd);
}

static void test_what_is_written_is_there(void **state)
{
	(void)state;
	int fd = make("0123456789", O_RDWR);
	struct remote_file *f = connect_to(fd);
	char text[64] = "";
	assert_int_equal(remote_file_pread(f, text, 10, 0), 10);
	assert_int_equal(remote_file_pwrite(f, "ABC", 3, 4), 3);
	assert_int_equal(remote_file_pread(f, text, 10, 0), 10);
	assert_memory_equal(text, "0123ABC789", 10);
	assert_int_equal(remote_file_pwrite(f, "end", 3, 12), 3);
	assert_int_equal(remote_file_pread(f, text, sizeof text, 0), 15);
	assert_memory_equal(text, "0123ABC789\0\0end", 15);
	assert_int_equal(remote_file_sync(f, false), 0);
	assert_int_equal(remote_file_truncate(f, 5), 0);
	expect_text("0123A");
	assert_int_equal(remote_file_pread(f, text, sizeof text, 0), 5);
	assert_int_equal(remote_file_allocate(f, 0, 0, 8), 0);
	assert_int_equal(remote_file_size(f), 8);
	struct stat here, there;
	assert_int_equal(remote_file_mode(f, 0600), 0);
	assert_int_equal(remote_file_stat(f, &here), 0);
	assert_int_equal(fstat(fd, &there), 0);
	assert_int_equal(here.st_ino, there.st_ino);
	assert_int_equal(here.st_mode, S_IFREG | 0600);
	assert_int_equal(here.st_mtim.tv_nsec, there.st_mtim.tv_nsec);
	assert_int_equal(remote_file_close(f), 0);
	close(fd);
}

static void test_append_is_done_there(void **state)
{
	(void)state;
	int fd = make("one\n", O_WRONLY | O_APPEND), other = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	struct remote_file *f = connect_to(fd);
	assert_int_equal(write(other, "two\n", 4), 4);
	assert_int_equal(remote_file_write(f, "three\n", 6), 6);
	assert_int_equal(remote_file_seek(f, 0, SEEK_CUR), 14);
	assert_int_equal(write(other, "four\n", 5), 5);
	assert_int_equal(remote_file_write(f, "five\n", 5), 5);
	assert_int_equal(remote_file_flush(f), 0);
	expect_text("one\ntwo\nthree\nfour\nfive\n");
	assert_int_equal(remote_file_set_flags(f, 0), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_APPEND, 0); /* the description itself */
	assert_int_equal(remote_file_pwrite(f, "ONE", 3, 0), 3);
	assert_int_equal(remote_file_close(f), 0);
	expect_text("ONE\ntwo\nthree\nfour\nfive\n");
	close(fd);
	close(other);
}

static void test_what_another_writes_is_seen(void **state)
{
	(void)state;
	int fd = make("first", O_RDWR), other = open(path, O_WRONLY | O_CLOEXEC);
	struct remote_file *f = connect_to(fd);
	char text[64] = "";
	assert_int_equal(remote_file_pread(f, text, sizeof text, 0), 5);
	/* Within one tick of the clock: the stamps do not tell. */
	assert_int_equal(pwrite(other, "FIRST", 5, 0), 5);
	assert_int_equal(remote_file_check(f), 0);
	assert_int_equal(remote_file_pread(f, text, 5, 0), 5);
	assert_memory_equal(text, "FIRST", 5);
	tick();
	assert_int_equal(remote_file_check(f), 0);
	assert_int_equal(remote_file_pread(f, text, 5, 0), 5);
	assert_int_equal(pwrite(other, "fIrSt", 5, 0), 5);
	assert_int_equal(remote_file_lock(f, F_WRLCK, 0, 0, false), 0);
	assert_int_equal(remote_file_pread(f, text, 5, 0), 5);
	assert_memory_equal(text, "fIrSt", 5);
	assert_int_equal(pwrite(other, " and more", 9, 5), 9); /* a reader at the end always asks */
	assert_int_equal(remote_file_pread(f, text, sizeof text, 5), 9);
	close(fd);
	close(other);
	assert_int_equal(remote_file_close(f), 0);
}

static bool other_can_lock(int other, short type, int command)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
	bool r = fcntl(other, command, &l) == 0;
	l.l_type = F_UNLCK;
	(void)fcntl(other, command, &l);
	return r;
}

static void test_locks_exclude(void **state)
{
	(void)state;
	int fd = make("text", O_RDWR), other = open(path, O_RDWR | O_CLOEXEC);
	struct remote_file *f = connect_to(fd);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 12, .l_len = 2};
	assert_int_equal(remote_file_lock(f, F_RDLCK, 10, 5, false), 0);
	assert_false(other_can_lock(other, F_WRLCK, F_SETLK)); /* of a process */
	assert_true(other_can_lock(other, F_RDLCK, F_SETLK));
	assert_false(other_can_lock(other, F_WRLCK, F_OFD_SETLK));
	assert_int_equal(remote_file_lock(f, F_UNLCK, 0, 0, false), 0);
	assert_true(other_can_lock(other, F_WRLCK, F_OFD_SETLK));
	assert_int_equal(fcntl(other, F_OFD_SETLK, &l), 0);
	assert_int_equal(remote_file_lock(f, F_RDLCK, 0, 0, false), -1);
	assert_int_equal(errno, EAGAIN);
	l = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
	assert_int_equal(remote_file_lock_test(f, &l), 0);
	assert_int_equal(l.l_type, F_WRLCK);
	assert_int_equal(l.l_start, 12);
	assert_int_equal(l.l_len, 2);
	assert_int_equal(remote_file_flock(f, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), -1);
	assert_int_equal(remote_file_close(f), 0);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), -1); /* the description has it, not the conversation */
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), 0);
	close(fd);
	close(other);
}

/* Stands between client and server; when it carries the word that somebody has the lock, that one lets it go. */
struct between {
	int client, server, other;
};

static bool carry(const struct between *b, int from, int to)
{
	unsigned char data[4096];
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	ssize_t n = read(from, data, sizeof data);
	if (n >= 8 && from == b->server && data[4] == EAGAIN)
		(void)fcntl(b->other, F_OFD_SETLK, &l);
	return n > 0 && write(to, data, (size_t)n) == n;
}

static void *stand_between(void *argument)
{
	const struct between *b = argument;
	struct pollfd p[2] = {{.fd = b->client, .events = POLLIN}, {.fd = b->server, .events = POLLIN}};
	bool more = true;
	while (more && poll(p, 2, -1) > 0) {
		if (p[0].revents != 0)
			more = carry(b, b->client, b->server);
		if (p[1].revents != 0)
			more = carry(b, b->server, b->client) && more;
	}
	close(b->server);
	close(b->client);
	return NULL;
}

static void test_waits_for_a_lock(void **state)
{
	(void)state;
	int fd = make("text", O_RDWR), other = open(path, O_RDWR | O_CLOEXEC), near[2], far[2];
	struct remote_file *f = NULL;
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pthread_t thread;
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, near), errno);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, far), errno);
	assert_int_equal(agent_reference_file_serve(dup(fd), far[1]), 0);
	struct between b = {near[1], far[0], other};
	assert_int_equal(pthread_create(&thread, NULL, stand_between, &b), 0);
	assert_int_equal(remote_file_connect(near[0], "the test's file", &f), 0);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &l), 0);
	assert_int_equal(remote_file_lock(f, F_WRLCK, 0, 0, true), 0);
	assert_false(other_can_lock(other, F_RDLCK, F_OFD_SETLK));
	assert_int_equal(remote_file_close(f), 0);
	(void)pthread_join(thread, NULL);
	close(fd);
	close(other);
}

static void on_alarm(int number)
{
	(void)number;
}

static void test_a_signal_ends_the_wait(void **state)
{
	(void)state;
	int fd = make("text", O_RDWR), other = open(path, O_RDWR | O_CLOEXEC);
	struct remote_file *f = connect_to(fd);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}), 0);
	(void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
	(void)setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 1000}, NULL);
	assert_int_equal(remote_file_lock(f, F_WRLCK, 0, 0, true), -1);
	assert_int_equal(errno, EINTR);
	assert_int_equal(remote_file_close(f), 0);
	close(fd);
	close(other);
}

static void test_a_write_that_fails_is_told(void **state)
{
	(void)state;
	int fd = make("text", O_RDWR);
	struct remote_file *f = connect_to(fd);
	struct rlimit before, small = {4096, RLIM_INFINITY};
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0); /* of the server too: it is a thread of this process */
	assert_int_equal(remote_file_pwrite(f, "beyond", 6, 10000), 6);
	assert_int_equal(remote_file_sync(f, true), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(remote_file_sync(f, true), 0); /* told once */
	assert_int_equal(remote_file_pwrite(f, "beyond", 6, 10000), 6);
	assert_int_equal(remote_file_close(f), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	close(fd);
}

static void test_a_lost_connection(void **state)
{
	(void)state;
	int fd = make("text", O_RDWR), ends[2];
	struct remote_file *f = NULL;
	char text[8];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	int server = dup(ends[1]);
	assert_int_equal(agent_reference_file_serve(dup(fd), ends[1]), 0);
	assert_int_equal(remote_file_connect(ends[0], "the test's file", &f), 0);
	assert_int_equal(remote_file_pread(f, text, 4, 0), 4);
	assert_int_equal(shutdown(server, SHUT_RDWR), 0);
	assert_int_equal(remote_file_check(f), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(remote_file_pwrite(f, "x", 1, 0), -1);
	assert_int_equal(errno, EIO);
	(void)!remote_file_close(f);
	close(server);
	close(fd);
}

static unsigned char pattern(uint64_t at)
{
	return (unsigned char)((at * 0x9e3779b97f4a7c15u) >> 56);
}

/* Bigger than the cache, in sequence, then here and there, with changes in between. */
static void test_a_big_file(void **state)
{
	(void)state;
	const size_t size = REMOTE_FILE_CACHE + (5u << 20) + 123;
	unsigned char *all = malloc(size), *got = malloc(size);
	int fd = make("", O_RDWR);
	struct remote_file *f = connect_to(fd);
	for (size_t i = 0; i < size; i++)
		all[i] = pattern(i);
	assert_int_equal(remote_file_write(f, all, size), (ssize_t)size);
	assert_int_equal(remote_file_flush(f), 0);
	assert_int_equal(pread(fd, got, size, 0), (ssize_t)size);
	assert_memory_equal(got, all, size);
	assert_int_equal(remote_file_seek(f, 0, SEEK_SET), 0);
	memset(got, 0, size);
	for (size_t at = 0, n = 1; at < size; n = n % 70000 + 4097) {
		ssize_t k = remote_file_read(f, got + at, n);
		assert_true(k > 0);
		at += (size_t)k;
	}
	assert_memory_equal(got, all, size);
	srand(1);
	for (int i = 0; i < 3000; i++) {
		size_t at = (size_t)rand() % size, n = (size_t)rand() % 20000;
		n = n < size - at ? n : size - at;
		if (i % 3 == 0) {
			memset(all + at, i, n);
			assert_int_equal(remote_file_pwrite(f, all + at, n, (off_t)at), (ssize_t)n);
		} else if (n > 0) {
			assert_int_equal(remote_file_pread(f, got, n, (off_t)at), (ssize_t)n);
			assert_memory_equal(got, all + at, n);
		}
	}
	assert_int_equal(remote_file_settle(f), 0);
	assert_int_equal(remote_file_pread(f, got, size, 0), (ssize_t)size);
	assert_memory_equal(got, all, size);
	assert_int_equal(remote_file_close(f), 0);
	close(fd);
	free(all);
	free(got);
}

static void test_renamed_and_removed(void **state)
{
	(void)state;
	char other[80], text[8];
	int fd = make("text", O_RDWR);
	struct remote_file *f = connect_to(fd);
	(void)snprintf(other, sizeof other, "%s.other", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(remote_file_pread(f, text, 4, 0), 4);
	struct remote_file *g = remote_file_open(f, "-journal", O_RDWR | O_CREAT, 0600);
	assert_non_null(g);
	assert_int_equal(remote_file_write(g, "jjj", 3), 3);
	assert_int_equal(remote_file_close(g), 0);
	(void)snprintf(other, sizeof other, "%s.other-journal", path);
	assert_int_equal(access(other, F_OK), 0);
	struct stat st;
	assert_int_equal(remote_file_look(f, "-journal", true, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(remote_file_remove(f, "-journal", true), 0);
	assert_int_equal(remote_file_look(f, "-journal", true, &st), -1);
	assert_int_equal(errno, ENOENT);
	assert_null(remote_file_open(f, "/../x", O_RDWR | O_CREAT, 0600));
	assert_int_equal(errno, EINVAL);
	assert_null(remote_file_open(f, "x", O_RDWR | O_CREAT, 0600));
	/* Anew: another description, with locks of its own. */
	g = remote_file_open(f, "", O_RDWR, 0);
	assert_non_null(g);
	assert_int_equal(remote_file_lock(f, F_WRLCK, 0, 1, false), 0);
	assert_int_equal(remote_file_lock(g, F_WRLCK, 0, 1, false), -1);
	assert_int_equal(remote_file_close(g), 0);
	(void)snprintf(other, sizeof other, "%s.other", path);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(remote_file_pread(f, text, 4, 0), 4);
	assert_null(remote_file_open(f, "-journal", O_RDWR | O_CREAT, 0600));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(remote_file_close(f), 0);
	close(fd);
}

static void test_a_directory(void **state)
{
	(void)state;
	char buffer[4096];
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), seen = 0;
	close(make("text", O_RDONLY));
	struct remote_file *f = connect_to(fd);
	for (ssize_t n; (n = remote_file_entries(f, buffer, sizeof buffer)) > 0;)
		for (ssize_t at = 0; at < n;) {
			unsigned short length;
			memcpy(&length, buffer + at + 16, sizeof length);
			seen += strcmp(buffer + at + 19, "thing") == 0;
			at += length;
		}
	assert_int_equal(seen, 1);
	struct remote_file *g = remote_file_open(f, "thing", O_RDONLY, 0);
	assert_non_null(g);
	assert_int_equal(remote_file_read(g, buffer, 10), 4);
	assert_int_equal(remote_file_close(g), 0);
	assert_null(remote_file_open(f, "../../etc/passwd", O_RDONLY, 0));
	assert_int_equal(errno, EXDEV);
	assert_null(remote_file_open(f, "/etc/passwd", O_RDONLY, 0));
	assert_int_equal(remote_file_pread(f, buffer, 1, 0), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(remote_file_close(f), 0);
	close(fd);
}

/* What a server may send to harm: every head wrong in one byte, too long, cut short. */
static void *lie(void *argument)
{
	const int *a = argument;
	unsigned char request[40], answer[32 + 120] = {120};
	if (recv(a[0], request, sizeof request, MSG_WAITALL) == (ssize_t)sizeof request) {
		memcpy(answer + 8, request + 8, 8);
		answer[16] = 1;
		if (a[1] >= 0)
			answer[a[1]] ^= 0x5a;
		(void)!write(a[0], answer, a[1] < 0 ? sizeof answer - (size_t)-a[1] : sizeof answer);
	}
	close(a[0]);
	return NULL;
}

static void test_a_server_that_lies(void **state)
{
	(void)state;
	for (int i = -151; i < 24; i++) {
		int ends[2];
		pthread_t thread;
		struct remote_file *f = NULL;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		int arguments[2] = {ends[1], i};
		assert_int_equal(pthread_create(&thread, NULL, lie, arguments), 0);
		int r = remote_file_connect(ends[0], "a liar", &f);
		if (r >= 0)
			(void)!remote_file_close(f);
		assert_true(r < 0);
		(void)pthread_join(thread, NULL);
	}
}

/* Greets as it should, and then says that all went well, and nothing else. */
static void *say_little(void *argument)
{
	int socket = *(int *)argument;
	unsigned char head[PROTOCOL_REQUEST], payload[PROTOCOL_STAT] = {0}, name[PROTOCOL_NAME_MAX];
	for (bool first = true; recv(socket, head, sizeof head, MSG_WAITALL) == (ssize_t)sizeof head; first = false) {
		struct protocol_request q = protocol_get_request(head);
		struct protocol_answer r = {
			.id = q.id, .size = first ? sizeof payload : 0, .a = first ? PROTOCOL_VERSION : 0};
		if (q.size > 0)
			(void)!recv(socket, name, q.size, MSG_WAITALL);
		protocol_put_answer(head, &r);
		(void)!send(socket, head, PROTOCOL_ANSWER, MSG_NOSIGNAL);
		(void)!send(socket, payload, r.size, MSG_NOSIGNAL);
	}
	close(socket);
	return NULL;
}

static void test_a_server_that_says_little(void **state)
{
	(void)state;
	int ends[2];
	pthread_t thread;
	struct remote_file *f = NULL;
	struct stat st;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, say_little, &ends[1]), 0);
	assert_int_equal(remote_file_connect(ends[0], "a quiet one", &f), 0);
	assert_int_equal(remote_file_look(f, "-journal", true, &st), -1);
	assert_int_equal(errno, EIO);
	errno = 0;
	assert_int_equal(remote_file_lock_test(f, &lock), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(remote_file_stat(f, &st), -1);
	(void)!remote_file_close(f);
	(void)pthread_join(thread, NULL);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/thing", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_and_seeks),
		cmocka_unit_test(test_what_is_written_is_there),
		cmocka_unit_test(test_append_is_done_there),
		cmocka_unit_test(test_what_another_writes_is_seen),
		cmocka_unit_test(test_locks_exclude),
		cmocka_unit_test(test_waits_for_a_lock),
		cmocka_unit_test(test_a_signal_ends_the_wait),
		cmocka_unit_test(test_a_write_that_fails_is_told),
		cmocka_unit_test(test_a_lost_connection),
		cmocka_unit_test(test_a_big_file),
		cmocka_unit_test(test_renamed_and_removed),
		cmocka_unit_test(test_a_directory),
		cmocka_unit_test(test_a_server_that_lies),
		cmocka_unit_test(test_a_server_that_says_little),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
