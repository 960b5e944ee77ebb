/* token: strtok(), whose position is a variable of the program here. */
#include <string.h>

char *pmig_strtok(char *text, const char *delimiters);

char *pmig_strtok(char *text, const char *delimiters)
{
	static char *rest;
	return strtok_r(text, delimiters, &rest);
}
