/* address: HOST:PORT in words and as sockets; what addresses this host has. */
#ifndef PMIG_PEER_ADDRESS_H
#define PMIG_PEER_ADDRESS_H

#include "peer/frame.h"

#include <pmig/pmig_peer.h>
#include <stdbool.h>

struct address_list {
	int count;
	char text[PMIG_PEER_ADDRESSES][80];
};

/* Takes apart a list with commas; those that are none are left out, and so is what is too much. Returns how many there are. */
int pmig_peer_address_list(struct address_list *ret, const char *text);

/* Begins a connection. `numeric`: the address came from outside, no name of it is looked up. Returns a socket that does not wait, *ret_connecting:
 * it is not there yet; < 0 PMIG_EUNREACHED, PMIG_EINVAL. */
int pmig_peer_address_connect(const char *address, bool numeric, bool *ret_connecting);

/* A listening socket that does not wait; PMIG_EINVAL, PMIG_EBUSY, PMIG_EIO. */
int pmig_peer_address_listen(const char *address);

/* The port of a socket of this host; 0: none. *ret_any: it is open at all addresses of the host. */
int pmig_peer_address_port(int fd, bool *ret_any);

/* All addresses of this host that others may reach, with that port, with commas; `ret` has room for FRAME_TEXT + 1. */
void pmig_peer_address_own(int port, char *ret);

/* The other end of a connection in words; "" if there is none. */
void pmig_peer_address_other(int fd, char *ret, size_t size);

/* Is this end of a connection at one of these addresses of this host, whatever the port? */
bool pmig_peer_address_is_own(int fd, const char *addresses);

#endif
