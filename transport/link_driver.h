/* link_driver: what a method of links implements; internal to transport/. */
#ifndef PMIG_TRANSPORT_LINK_DRIVER_H
#define PMIG_TRANSPORT_LINK_DRIVER_H

#include "link.h"

#include <sys/types.h>

/* The functions do what the link_* function of the same name documents; `state` is the driver's own. */
struct link_driver {
	int version;
	enum link_method method;
	const char *name;
	int (*open)(const struct link_options *o, const struct link_target *t, void **ret_state,
		uint64_t *ret_round_trip_us);
	void (*close)(void *state);
	int (*exec)(void *state, const char *command, struct link_process *ret_process);
	int (*wait)(void *state, int number, int *ret_status);
	void (*abort)(void *state);
};

extern const struct link_driver ssh_libssh2_driver;
extern const struct link_driver ssh_command_driver;
extern const struct link_driver link_local_driver;

/* Both ends of what a command is connected by. */
struct link_ends {
	int ours, theirs;            /* stream socketpair */
	int error_read, error_write; /* pipe */
};
#define LINK_ENDS_NONE ((struct link_ends){-1, -1, -1, -1})
int link_ends_make(struct link_ends *ret_ends) PMIG_MUST_CHECK;
void link_ends_close(struct link_ends *ends); /* those that are not -1 */

/* Child processes of a link (link_child.c). */
struct link_children;
int link_children_create(struct link_children **ret_children) PMIG_MUST_CHECK;
void link_children_destroy(struct link_children *c); /* hangs up, waits a second, NULL is fine */
int link_children_start(struct link_children *c, char *const argv[], struct link_process *ret_process) PMIG_MUST_CHECK;
int link_children_wait(struct link_children *c, int number, int *ret_status) PMIG_MUST_CHECK;
void link_children_hang_up(struct link_children *c);

#endif
