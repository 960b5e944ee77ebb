/* postgres: as much of a database as psql needs to talk with (PostgreSQL's protocol 3.0, simple queries and COPY), a thread for each session:
 * postgres PORT. A session's state is this program's memory alone. It understands, word by word,
 *
 *	SELECT * FROM series(N)         N rows: a number and its square
 *	SELECT * FROM session           how many queries this session has had, and the host; an error once enough was said
 *	COPY series TO STDOUT           lines of a number ("%015llu"), until enough was said
 *	INSERT INTO kept VALUES (N)     keeps a number
 *	COPY kept FROM STDIN            the same with a number in each line
 *	SELECT count, sum FROM kept
 *	BEGIN, COMMIT
 *	SELECT enough()
 *
 * and says of anything else that it is an error, after which the session goes on. */
#define _GNU_SOURCE
#include <endian.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "server.h"

#define MOST 65536 /* bytes of a message */

/* A session: what it sends is put together in `out`. */
struct session {
	int fd;
	bool over;
	char status; /* I: idle, T: in a transaction, E: in one that has failed */
	long long queries;
	size_t size, begun; /* of out; where its last message begins */
	char in[MOST + 1], out[MOST];
};

static atomic_bool enough;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long long kept, sum;

static void flush(struct session *s)
{
	if (!s->over && server_write(s->fd, s->out, s->size) < 0)
		s->over = true;
	s->size = 0;
}

static void put(struct session *s, const void *bytes, size_t size)
{
	memcpy(s->out + s->size, bytes, size);
	s->size += size;
}
static void put16(struct session *s, int value)
{
	put(s, &(uint16_t){htobe16((uint16_t)value)}, 2);
}
static void put32(struct session *s, int value)
{
	put(s, &(uint32_t){htobe32((uint32_t)value)}, 4);
}
static void put_text(struct session *s, const char *text)
{
	put(s, text, strlen(text) + 1);
}

/* A message is begun, put together from less than 4 KiB, and ended. */
static void begin(struct session *s, char type)
{
	if (s->size > sizeof s->out - 4096)
		flush(s);
	put(s, &type, 1);
	s->begun = s->size;
	put32(s, 0);
}
static void end(struct session *s)
{
	uint32_t size = htobe32((uint32_t)(s->size - s->begun));
	memcpy(s->out + s->begun, &size, 4);
}
static void say(struct session *s, char type, const char *text)
{
	begin(s, type);
	put_text(s, text);
	end(s);
}
static void parameter(struct session *s, const char *name, const char *value)
{
	begin(s, 'S');
	put_text(s, name);
	put_text(s, value);
	end(s);
}

/* ErrorResponse: severity, code, message. */
static void complain(struct session *s, const char *code, const char *words)
{
	begin(s, 'E');
	put(s, "SERROR", 7);
	put(s, "C", 1);
	put_text(s, code);
	put(s, "M", 1);
	put_text(s, words);
	put(s, "", 1);
	end(s);
	if (s->status == 'T')
		s->status = 'E';
}

static void ready(struct session *s)
{
	begin(s, 'Z');
	put(s, &s->status, 1);
	end(s);
	flush(s);
}

static void columns(struct session *s, const char *first, const char *second)
{
	begin(s, 'T');
	put16(s, 2);
	for (int i = 0; i < 2; i++) {
		put_text(s, i == 0 ? first : second);
		put32(s, 0);
		put16(s, 0);
		put32(s, 25); /* text */
		put16(s, -1);
		put32(s, -1);
		put16(s, 0);
	}
	end(s);
}

static void row(struct session *s, long long number, const char *text)
{
	char digits[24];
	begin(s, 'D');
	put16(s, 2);
	put32(s, snprintf(digits, sizeof digits, "%lld", number));
	put(s, digits, strlen(digits));
	put32(s, (int)strlen(text));
	put(s, text, strlen(text));
	end(s);
}

static void series(struct session *s, long long n)
{
	char text[32];
	columns(s, "number", "square");
	for (long long i = 1; i <= n && !s->over; i++) {
		snprintf(text, sizeof text, "%lld", i * i);
		row(s, i, text);
	}
	snprintf(text, sizeof text, "SELECT %lld", n);
	say(s, 'C', text);
}

/* CopyOutResponse and its like: text, one column. */
static void copies(struct session *s, char type)
{
	begin(s, type);
	put(s, "", 1);
	put16(s, 1);
	put16(s, 0);
	end(s);
}

static void copy_out(struct session *s)
{
	unsigned long long n = 0;
	char text[40];
	copies(s, 'H');
	while (!enough && !s->over) {
		begin(s, 'd');
		put(s, text, (size_t)snprintf(text, sizeof text, "%015llu\n", ++n));
		end(s);
	}
	begin(s, 'c');
	end(s);
	snprintf(text, sizeof text, "COPY %llu", n);
	say(s, 'C', text);
}

/* The type of a message, its contents in `in` and their size there; 0 if there is no more. */
static char hear(struct session *s, size_t *ret_size)
{
	struct {
		char type;
		uint32_t size;
	} __attribute__((packed)) head;
	if (server_read(s->fd, &head, sizeof head) < 0)
		return 0;
	size_t size = be32toh(head.size) - 4;
	if (size > MOST || server_read(s->fd, s->in, size) < 0)
		return 0;
	s->in[size] = '\0';
	*ret_size = size;
	return head.type;
}

static void keep(long long number)
{
	pthread_mutex_lock(&lock);
	kept++;
	sum += number;
	pthread_mutex_unlock(&lock);
}

/* Lines may be cut anywhere by messages. */
static void copy_in(struct session *s)
{
	long long n = 0, number = 0;
	bool digits = false;
	char type, text[40];
	size_t size;
	copies(s, 'G');
	flush(s);
	while ((type = hear(s, &size)) == 'd')
		for (size_t i = 0; i < size; i++)
			if (s->in[i] >= '0' && s->in[i] <= '9') { /* all else is "\.", which psql sends as it is */
				number = 10 * number + (s->in[i] - '0');
				digits = true;
			} else if (s->in[i] == '\n' && digits) {
				keep(number);
				n++;
				number = 0;
				digits = false;
			}
	if (type != 'c') {
		s->over = type == 0;
		complain(s, "57014", "COPY was given up");
		return;
	}
	snprintf(text, sizeof text, "COPY %lld", n);
	say(s, 'C', text);
}

static void query(struct session *s, const char *q)
{
	long long n;
	char host[65] = "", text[32];
	s->queries++;
	if (sscanf(q, "SELECT * FROM series(%lld)", &n) == 1)
		series(s, n);
	else if (strncmp(q, "SELECT * FROM session", 21) == 0) {
		gethostname(host, sizeof host - 1);
		if (enough) {
			complain(s, "57014", "it was enough");
			return;
		}
		columns(s, "queries", "host");
		row(s, s->queries, host);
		say(s, 'C', "SELECT 1");
	} else if (strncmp(q, "COPY series TO STDOUT", 21) == 0)
		copy_out(s);
	else if (sscanf(q, "INSERT INTO kept VALUES (%lld)", &n) == 1) {
		keep(n);
		say(s, 'C', "INSERT 0 1");
	} else if (strncmp(q, "COPY kept FROM STDIN", 20) == 0)
		copy_in(s);
	else if (strncmp(q, "SELECT count, sum FROM kept", 27) == 0) {
		columns(s, "count", "sum");
		pthread_mutex_lock(&lock);
		n = kept;
		snprintf(text, sizeof text, "%lld", sum);
		pthread_mutex_unlock(&lock);
		row(s, n, text);
		say(s, 'C', "SELECT 1");
	} else if (strncmp(q, "BEGIN", 5) == 0) {
		s->status = 'T';
		say(s, 'C', "BEGIN");
	} else if (strncmp(q, "COMMIT", 6) == 0) {
		say(s, 'C', s->status == 'E' ? "ROLLBACK" : "COMMIT");
		s->status = 'I';
	} else if (strncmp(q, "SELECT enough()", 15) == 0) {
		enough = true;
		say(s, 'C', "SELECT 0");
	} else
		complain(s, "42601", "this is not understood");
}

/* The first message has no type; encryption is asked for first, and declined. */
static int start_up(struct session *s)
{
	uint32_t head[2];
	do {
		if (server_read(s->fd, head, sizeof head) < 0)
			return -1;
		size_t size = be32toh(head[0]) - sizeof head;
		if (size > MOST || server_read(s->fd, s->in, size) < 0)
			return -1;
	} while (be32toh(head[1]) >> 16 == 1234 && server_write(s->fd, "N", 1) == 0);
	if (be32toh(head[1]) != 3 << 16)
		return -1;
	begin(s, 'R'); /* nothing more to prove */
	put32(s, 0);
	end(s);
	parameter(s, "server_version", "15.0");
	parameter(s, "server_encoding", "UTF8");
	parameter(s, "client_encoding", "UTF8");
	parameter(s, "standard_conforming_strings", "on");
	begin(s, 'K');
	put32(s, s->fd);
	put32(s, 0);
	end(s);
	ready(s);
	return 0;
}

static void serve(int fd)
{
	struct session *s = calloc(1, sizeof *s);
	size_t size;
	char type;
	s->fd = fd;
	s->status = 'I';
	if (start_up(s) == 0)
		while (!s->over && (type = hear(s, &size)) != 0 && type != 'X') {
			if (type == 'Q')
				query(s, s->in);
			else
				complain(s, "0A000", "only simple queries are understood");
			ready(s);
		}
	free(s);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	server_run(argv[1], serve);
}
