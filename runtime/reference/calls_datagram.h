/* calls_datagram: calls on datagrams whose socket lies at another host (datagram_frame.h). The number is a SOCK_SEQPACKET socket that
 * leads there, so that poll(2) and its kind are real; what a call says of addresses, lengths, flags and errors is as at the socket itself. */
#ifndef PMIG_REFERENCE_CALLS_DATAGRAM_H
#define PMIG_REFERENCE_CALLS_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this process has, or had, such a number: all that other calls pay. */
extern bool pmig_datagram_any;

/* As pmig_block() (block.h), of the system calls that read, write, receive, send, and connect; on such a number they do what they would
 * do where the socket is, on any other it is pmig_block() itself. What is sent leaves later: an error that the network has for it is
 * told by a later call, as ICMP's are; on a unix socket too. Not: MSG_OOB, MSG_ERRQUEUE, descriptors (EOPNOTSUPP). */
long pmig_datagram_call(long number, int fd, long b, long c, long d, long e, long f);

/* What SO_ERROR tells, once: an errno, 0: nothing, or `fd` is none of ours. */
int datagram_error(int fd);

/* A note for whoever holds the socket (socket_note.h), in order with what is sent. False: `fd` is none of ours. */
bool datagram_tell(int fd, const void *note, size_t size);

/* As shutdown(2), its result in *ret. False: `fd` is none of ours. The end of the messages here is that `fd` is closed by all. */
bool datagram_shutdown(int fd, int how, int *ret);

/* FIONREAD: the bytes of the next datagram. True: it was answered. */
bool datagram_ioctl(int fd, unsigned long request, void *argument);

#endif
