/* facts_address: addresses in locators, which a target is asked to reach. */
#include "planning.h"

#include <stdio.h>
#include <string.h>

void facts_address_of(const char *locator, char ret_address[PMIG_NAME_MAX + 1])
{
	static const struct {
		const char *scheme;
		int port;
	} schemes[] = {{"http", 80}, {"https", 443}, {"postgresql", 5432}, {"postgres", 5432}, {"mysql", 3306},
		{"redis", 6379}, {"amqp", 5672}, {"ftp", 21}, {"ssh", 22}, {"mqtt", 1883}, {"ldap", 389}};
	const char *begin = strstr(locator, "://");
	size_t scheme = begin != NULL ? (size_t)(begin - locator) : 0;
	begin = begin != NULL ? begin + 3 : locator;
	size_t length = strcspn(begin, "/?#");
	for (size_t at; (at = strcspn(begin, "@")) < length; length -= at + 1)
		begin += at + 1;
	const char *close = memchr(begin, ']', length);
	bool port = memchr(close != NULL ? close : begin, ':', length - (size_t)((close != NULL ? close : begin) - begin)) !=
		NULL;
	int usual = 0;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strlen(schemes[i].scheme) == scheme && strncmp(schemes[i].scheme, locator, scheme) == 0)
			usual = schemes[i].port;
	ret_address[0] = '\0';
	if (length == 0 || length > PMIG_NAME_MAX - 8 || (!port && usual == 0))
		return;
	if (port)
		(void)snprintf(ret_address, PMIG_NAME_MAX + 1, "%.*s", (int)length, begin);
	else
		(void)snprintf(ret_address, PMIG_NAME_MAX + 1, "%.*s:%d", (int)length, begin, usual);
}

bool facts_address_is_own(const char *address)
{
	static const char *const own[] = {"localhost:", "127.", "[::1]:", "0.0.0.0:", "ip6-localhost:", "/"};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strncmp(address, own[i], strlen(own[i])) == 0)
			return true;
	return false;
}
