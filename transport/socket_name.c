/* socket_name: looks a socket up in /proc/PID/net. */
#include "socket_name.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LISTENS 10 /* TCP_LISTEN */

static FILE *open_table(pid_t pid, const char *name)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/net/%s", (int)pid, name);
	return fopen(path, "re");
}

/* "0100007F:0016": words of the address as the machine stores them, and the port. */
static void put_address(const char *hex, char ret_text[80])
{
	uint32_t words[4] = {0};
	unsigned port = 0;
	char host[INET6_ADDRSTRLEN] = "?";
	bool six = strcspn(hex, ":") == 32;
	for (size_t i = 0; i < (six ? 4 : 1); i++)
		(void)sscanf(hex + 8 * i, "%8x", &words[i]);
	(void)sscanf(hex + strcspn(hex, ":"), ":%x", &port);
	(void)inet_ntop(six ? AF_INET6 : AF_INET, words, host, sizeof host);
	(void)snprintf(ret_text, 80, six ? "[%s]:%u" : "%s:%u", host, port);
}

static bool in_internet(pid_t pid, const char *table, uint64_t inode, char *ret_name, size_t size)
{
	char line[512], local[64], far[64], here[80], there[80];
	FILE *f = open_table(pid, table);
	bool found = false;
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
		unsigned state;
		unsigned long long number;
		found = sscanf(line, "%*d: %63s %63s %x %*s %*s %*s %*d %*d %llu", local, far, &state, &number) == 4 &&
			number == inode;
		if (!found)
			continue;
		put_address(local, here);
		put_address(far, there);
		bool stream = table[0] == 't', alone = strcmp(far + strcspn(far, ":"), ":0000") == 0;
		if (stream && state == LISTENS)
			(void)snprintf(ret_name, size, "listener on %s", here);
		else if (alone)
			(void)snprintf(ret_name, size, "%s socket on %s", stream ? "TCP" : "UDP", here);
		else
			(void)snprintf(ret_name, size, "%s %s to %s", stream ? "connection" : "UDP socket", here, there);
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* "0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/x" */
static bool in_unix(pid_t pid, uint64_t inode, char *ret_name, size_t size)
{
	char line[PATH_MAX];
	FILE *f = open_table(pid, "unix");
	bool found = false;
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
		unsigned long long number;
		int path = 0;
		found = sscanf(line, "%*x: %*x %*x %*x %*x %*x %llu%n", &number, &path) == 1 && number == inode;
		if (!found)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(ret_name, size, "unix socket%.200s", line + path);
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

void socket_name_get(pid_t pid, uint64_t inode, char *ret_name, size_t size)
{
	static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6"};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (in_internet(pid, tables[i], inode, ret_name, size))
			return;
	if (!in_unix(pid, inode, ret_name, size))
		(void)snprintf(ret_name, size, "socket");
}
