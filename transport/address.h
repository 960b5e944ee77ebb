/* address: numeric internet addresses. */
#ifndef PMIG_TRANSPORT_ADDRESS_H
#define PMIG_TRANSPORT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* `host` as inet_pton(3) has it, of IPv4 or IPv6. False: it is neither. */
bool address_numeric(const char *host, uint16_t port, struct sockaddr_storage *ret_address, socklen_t *ret_size);

#endif
