/* address: tries one family after the other. */
#include "address.h"

#include <arpa/inet.h>

bool address_numeric(const char *host, uint16_t port, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
	*ret_address = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		*ret_size = sizeof *four;
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		*ret_size = sizeof *six;
		return true;
	}
	return false;
}
