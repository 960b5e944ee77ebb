/* locale: works in the locale of its first argument, and has an object of that of its second; for each line that it reads it prints its
 * host and a number as each of them writes it. "C" as a line: it leaves both; "library": it calls set_locale() of a library. "-" as the first
 * argument: the locale stays as it is. */
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show(locale_t object)
{
	char host[65] = "", number[32];
	gethostname(host, sizeof host - 1);
	locale_t before = uselocale(object);
	snprintf(number, sizeof number, "%.1f", 2.5);
	uselocale(before);
	printf("host %s number %.1f object %s\n", host, 2.5, number);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[64];
	locale_t object = newlocale(LC_ALL_MASK, argc > 2 ? argv[2] : "C", NULL);
	if (object == NULL || (strcmp(argv[1], "-") != 0 && setlocale(LC_ALL, argv[1]) == NULL)) {
		printf("a locale is not installed: %s\n", strerror(errno));
		return 1;
	}
	show(object);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (strcmp(line, "C\n") == 0) {
			freelocale(object);
			object = newlocale(LC_ALL_MASK, "C", NULL);
			setlocale(LC_ALL, "C");
		}
		if (strcmp(line, "library\n") == 0) {
			void (*set)(void);
			*(void **)&set = dlsym(RTLD_DEFAULT, "set_locale");
			set();
			set = NULL;
		}
		show(object);
	}
	freelocale(object);
	return 0;
}
