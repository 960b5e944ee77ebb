/* converts: opens a conversion from the character set of its argument; for each line that it reads it prints its host and the byte 0xe4
 * converted. "close" as a line: the conversion is closed, and another opened that libc can do by itself. */
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show(iconv_t conversion)
{
	char host[65] = "", in[] = "\xe4", out[16] = "", *from = in, *to = out;
	size_t left = 1, room = sizeof out - 1;
	gethostname(host, sizeof host - 1);
	if (iconv(conversion, &from, &left, &to, &room) == (size_t)-1)
		snprintf(out, sizeof out, "%s", strerror(errno));
	printf("host %s letter %s\n", host, out);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[64];
	iconv_t conversion = iconv_open("UTF-8", argc > 1 ? argv[1] : "LATIN1");
	if (conversion == (iconv_t)-1) {
		perror("iconv_open");
		return 1;
	}
	show(conversion);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (strcmp(line, "close\n") == 0) {
			iconv_close(conversion);
			conversion = iconv_open("UTF-16LE", "UTF-8");
			continue;
		}
		show(conversion);
	}
	return iconv_close(conversion);
}
