/* all_nine: a program with all nine resources, one for each cell; see the nine little programs for what each is.
 *
 *   seq 100000 >input; seq 500000 >set; ./instrument line & ./instrument any & ./instrument 7007 &
 *   pmig-cc -O2 all_nine.c -lsqlite3 -o all_nine
 *   pmig run -- ./all_nine input set line any 127.0.0.1:7007
 *
 * Each round uses all of them, proves of each what its binding promises, and says so in a line. */
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BYTES 65536

static int log_fd, input, set, scratch, line, any_line;
static sqlite3 *db;
static char *service;
static long *board;
static bool due; /* an answer of any instrument */

/* The number that follows the last blank of an answer of the instrument; -1: none came. */
static long answer_of(int fd)
{
	char answer[100];
	size_t n = 0;
	if (fd < 0 || write(fd, "?\n", 2) != 2)
		return -1;
	while (n + 1 < sizeof answer && read(fd, answer + n, 1) == 1 && answer[n] != '\n')
		n++;
	answer[n] = '\0';
	const char *blank = strrchr(answer, ' ');
	return blank != NULL ? atol(blank + 1) : -1;
}

static int sum_of(int fd)
{
	static unsigned char bytes[BYTES];
	unsigned sum = 1;
	ssize_t n;
	for (off_t at = 0; (n = pread(fd, bytes, sizeof bytes, at)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + bytes[i];
	return (int)sum;
}

/* --- identifier: exactly this one --- */

static bool log_has_all(long round)
{
	char text[64], last[64] = "";
	int n = snprintf(text, sizeof text, "%15ld\n", round);
	struct stat st;
	return write(log_fd, text, (size_t)n) == n && fstat(log_fd, &st) == 0 && st.st_size == n * round &&
		pread(log_fd, last, (size_t)n, n * (round - 1)) == n && strcmp(text, last) == 0;
}

static bool database_has_all(long round)
{
	sqlite3_stmt *s;
	char *insert = sqlite3_mprintf("INSERT INTO rounds VALUES (%ld)", round);
	bool right = sqlite3_exec(db, insert, NULL, NULL, NULL) == SQLITE_OK;
	sqlite3_free(insert);
	if (sqlite3_prepare_v2(db, "SELECT count(DISTINCT n) FROM rounds", -1, &s, NULL) != SQLITE_OK)
		return false;
	right &= sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int64(s, 0) == round;
	sqlite3_finalize(s);
	return right;
}

static bool same_instrument(long round)
{
	return answer_of(line) == round;
}

/* --- value: the same content --- */

static bool same_input(long round)
{
	static int first;
	int sum = sum_of(input);
	if (round == 1)
		first = sum;
	return sum == first;
}

static bool same_set(long round)
{
	static int first;
	int sum = sum_of(set);
	if (round == 1)
		first = sum;
	return sum == first;
}

static bool same_board(long round)
{
	board[round % 1000] = round;
	return board[(round + 999) % 1000] == round - 1;
}

/* --- type: one that works --- */

static bool scratch_works(long round)
{
	long back = 0;
	return pwrite(scratch, &round, sizeof round, 0) == sizeof round &&
		pread(scratch, &back, sizeof back, 0) == sizeof back && back == round;
}

static bool service_works(long round)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char address[64];
	unsigned short port = 0;
	(void)round;
	if (sscanf(service, "%63[^:]:%hu", address, &port) != 2 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return false;
	at.sin_port = htons(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool right = connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && answer_of(fd) > 0;
	close(fd);
	return right;
}

static bool any_instrument_works(long round)
{
	(void)round;
	due = true;
	bool answers = answer_of(any_line) > 0;
	due = false;
	return answers;
}

/* What was asked of one instrument no other one answers: not now. */
static int not_while_due(void *context)
{
	return *(const bool *)context ? -1 : 0;
}

/* --- all --- */

static const struct pmig_declaration
	log_is = {.name = "log", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED},
	database_is = {.name = "database", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FASTENED},
	line_is = {.name = "instrument", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED, .rate = 1000},
	input_is = {.name = "input", .binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED},
	set_is = {.name = "data set", .binding = PMIG_BY_VALUE, .attachment = PMIG_FASTENED},
	board_is = {.name = "board", .binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED, .consent = PMIG_SNAPSHOT},
	scratch_is = {.name = "scratch", .binding = PMIG_BY_TYPE, .attachment = PMIG_UNATTACHED, .type = "scratch"},
	service_is = {.name = "any counter", .binding = PMIG_BY_TYPE, .attachment = PMIG_FASTENED, .type = "counter"},
	any_line_is = {.name = "any instrument",
		.binding = PMIG_BY_TYPE,
		.attachment = PMIG_FIXED,
		.type = "instrument",
		.hooks = &(const struct pmig_hooks){.before = not_while_due},
		.context = &due};

static const struct {
	const char *name;
	bool (*holds)(long round);
} promises[] = {{"log", log_has_all}, {"database", database_has_all}, {"instrument", same_instrument}, {"input", same_input},
	{"data set", same_set}, {"board", same_board}, {"scratch", scratch_works}, {"any counter", service_works},
	{"any instrument", any_instrument_works}};

static bool begin(char **argv)
{
	int memory = shm_open("/all_nine", O_RDWR | O_CREAT, 0600);
	log_fd = open("all_nine.log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0666);
	scratch = open("all_nine.scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
	input = open(argv[1], O_RDONLY);
	set = open(argv[2], O_RDONLY);
	line = open(argv[3], O_RDWR | O_NOCTTY);
	any_line = open(argv[4], O_RDWR | O_NOCTTY);
	service = argv[5];
	if (memory < 0 || log_fd < 0 || scratch < 0 || input < 0 || set < 0 || line < 0 || any_line < 0 ||
		ftruncate(memory, BYTES) < 0 || sqlite3_open("all_nine.db", &db) != SQLITE_OK ||
		sqlite3_exec(db, "DROP TABLE IF EXISTS rounds; CREATE TABLE rounds (n INTEGER)", 0, 0, 0) != SQLITE_OK)
		return false;
	board = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	close(memory);
	if (board == MAP_FAILED)
		return false;
	board[0] = 0;
	return pmig_declare_fd(log_fd, &log_is) >= 0 &&
		pmig_declare_handle((void **)&db, "database", "all_nine.db", &database_is) >= 0 &&
		pmig_declare_fd(line, &line_is) >= 0 && pmig_declare_fd(input, &input_is) >= 0 &&
		pmig_declare_fd(set, &set_is) >= 0 && pmig_declare_memory(board, BYTES, &board_is) >= 0 &&
		pmig_declare_fd(scratch, &scratch_is) >= 0 &&
		pmig_declare_handle((void **)&service, "service", service, &service_is) >= 0 &&
		pmig_declare_fd(any_line, &any_line_is) >= 0;
}

int main(int argc, char **argv)
{
	if (argc < 6 || !begin(argv)) {
		fprintf(stderr, "usage: all_nine INPUT DATASET LINE ANY-LINE ADDRESS:PORT [ROUNDS] (%s)\n", pmig_reason());
		return 2;
	}
	for (long round = 1, last = argc > 6 ? atol(argv[6]) : 1000000; round <= last; round++) {
		char host[65];
		gethostname(host, sizeof host);
		for (size_t i = 0; i < sizeof promises / sizeof *promises; i++)
			if (!promises[i].holds(round)) {
				printf("%ld %s: %s is WRONG\n", round, host, promises[i].name);
				return 1;
			}
		printf("%ld %s: all nine are what they should be\n", round, host);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return 0;
}
