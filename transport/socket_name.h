/* socket_name: what a socket of another process is called by people: "connection 10.0.0.1:40000 to 10.0.0.2:22". */
#ifndef PMIG_TRANSPORT_SOCKET_NAME_H
#define PMIG_TRANSPORT_SOCKET_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* From the tables in /proc/PID/net: proc(5). "socket" where the inode is in none of them. */
void socket_name_get(pid_t pid, uint64_t inode, char *ret_name, size_t size);

#endif
