/* loopback_user: who made a connection that came in over loopback, where the kernel has no SO_PEERCRED. */
#ifndef PMIG_TRANSPORT_LOOPBACK_USER_H
#define PMIG_TRANSPORT_LOOPBACK_USER_H

/* The user whose socket is the other end of the TCP connection `fd`; -1: nobody has it any more, or it cannot be found out. */
long loopback_user(int fd);

#endif
