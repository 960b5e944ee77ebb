/* What a resource means that nobody declared:
 *   DEFAULT(situation, words, binding, attachment, treatment)
 * treatment: ORDINARY; GIVEN to the program, which did not open it; PART of the process, which travels in the image;
 * EVERYWHERE: each host has one; REFUSED with the sentence that follows. */
/* clang-format off */
DEFAULT(STANDARD_STREAM, "standard stream or controlling terminal", BY_IDENTIFIER, FIXED, GIVEN)
DEFAULT(FILE_READ, "regular file, read only", BY_VALUE, UNATTACHED, ORDINARY)
DEFAULT(FILE_WRITTEN, "regular file, written", BY_IDENTIFIER, UNATTACHED, ORDINARY)
DEFAULT(FILE_TEMPORARY, "temporary or deleted file", BY_VALUE, UNATTACHED, ORDINARY)
DEFAULT(DIRECTORY, "directory", BY_IDENTIFIER, UNATTACHED, ORDINARY)
DEFAULT(COMMON_DEVICE, "null, zero, random or tty", BY_TYPE, FIXED, EVERYWHERE)
DEFAULT(DEVICE, "device", BY_IDENTIFIER, FIXED, ORDINARY)
DEFAULT(LISTENER, "socket that listens", BY_IDENTIFIER, FIXED, ORDINARY)
DEFAULT(ALONE, "new socket", BY_TYPE, FIXED, ORDINARY)
DEFAULT(DATAGRAM, "UDP or unix datagram socket with an address, or packets", BY_IDENTIFIER, FIXED, ORDINARY)
DEFAULT(SOCKET, "connection", BY_IDENTIFIER, FIXED, ORDINARY)
DEFAULT(WITHIN, "pipe, socketpair, eventfd, timerfd, signalfd or epoll within the process", BY_VALUE, UNATTACHED, PART)
DEFAULT(PIPE_OUTSIDE, "pipe or unix socket with an outside end", BY_IDENTIFIER, FIXED, ORDINARY)
DEFAULT(MEMORY_SHARED, "memory shared with another process", BY_VALUE, FIXED, ORDINARY)
DEFAULT(LIBRARY, "shared library", BY_VALUE, FASTENED, GIVEN)
DEFAULT(MEMORY_FOREIGN, "memory of a foreign library", BY_VALUE, FIXED, REFUSED, "the program points into memory that belongs to a foreign library and does not travel")
