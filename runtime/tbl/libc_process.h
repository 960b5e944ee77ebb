/* Children, and what is sent to them: children.h, carried/fork.c, carried/command.c. */
LIBC(fork, REPLACED, "")
LIBC(__fork, REPLACED, "pmig_fork")
LIBC(_Fork, REPLACED, "pmig_fork_alone")
LIBC(vfork, REPLACED, "pmig_fork")
LIBC(__vfork, REPLACED, "pmig_fork")
LIBC(forkpty, REPLACED, "")
LIBC(system, REPLACED, "pmig_command")
LIBC(popen, REPLACED, "")
LIBC(pclose, REPLACED, "")
LIBC(kill, REPLACED, "")
LIBC(sigqueue, REPLACED, "")

/* Timers: timer.h, carried/timer_thread.c. setitimer() and alarm() are the kernel's. */
LIBC(timer_create, REPLACED, "")
LIBC(timer_delete, REPLACED, "")
LIBC(timer_settime, REPLACED, "")
LIBC(timer_gettime, REPLACED, "")
LIBC(timer_getoverrun, REPLACED, "")
LIBC(timerfd_settime, REPLACED, "")

/* Sockets: kind/socket_options.h, reference/calls_socket.c. */
LIBC(setsockopt, REPLACED, "")
LIBC(getsockopt, REPLACED, "")
LIBC(getsockname, REPLACED, "")
LIBC(getpeername, REPLACED, "")
LIBC(shutdown, REPLACED, "")
