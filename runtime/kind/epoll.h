/* epoll: what epoll_ctl() of the program asks, where a set has members that this process's kernel does not know of. */
#ifndef PMIG_KIND_EPOLL_H
#define PMIG_KIND_EPOLL_H

#include <sys/epoll.h>

/* As epoll_ctl(2). */
int epoll_control(int set, int operation, int fd, struct epoll_event *event);

/* The program closes these descriptors, and with them they leave every set. */
void epoll_closed(int first, int last);

#endif
