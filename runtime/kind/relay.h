/* relay: a stream device, a terminal, a FIFO or an end of a pipe that stays at its host, while its bytes go to and fro. Here it is a
 * connected socket, so that select(2) and poll(2) work; what the socket cannot answer (isatty(3), tcgetattr(3), the size of the window) was
 * written down when the thing was left behind. */
#ifndef PMIG_KIND_RELAY_H
#define PMIG_KIND_RELAY_H

#include "../base/error.h"

#include <pmig/kind.h>
#include <sys/ioctl.h>
#include <termios.h>

/* What is known of the thing where it is. */
struct relay_thing {
	uint32_t mode; /* of its stat */
	uint32_t terminal;
	uint64_t device; /* of its stat: st_rdev */
	struct winsize window;
	struct termios modes;
};

/* Of r at the source, be it here or relayed already. */
void relay_look(const struct pmig_resource *r, struct relay_thing *ret);

/* save() of a thing whose strategy is PMIG_REFER: it is held where it is. What the program has been sent and has not read yet
 * goes along. Errors: those of reference_keep() and reference_suspend(). */
PMIG_MUST_CHECK int relay_save(struct pmig_resource *r, struct pmig_writer *w);

/* refer(): sets r->fd to the socket, or to the thing itself where it is at this host. Errors: those of reference_connect(),
 * PMIG_ECORRUPT. */
PMIG_MUST_CHECK int relay_refer(struct pmig_resource *r, struct pmig_reader *in);

/* What save() of every strategy needs. */
void relay_write(struct pmig_writer *w, const struct relay_thing *t);
void relay_read(struct pmig_reader *in, struct relay_thing *ret);

/* Bytes that are under way, as reference_resume() wants them: a file. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int relay_state_file(const void *bytes, uint64_t size);

/* A terminal made anew gets the modes of the one before. */
void relay_set_modes(int fd, const struct relay_thing *t);

/* A relayed terminal answers as it was when it was left behind. Its modes cannot be changed from afar. */
bool relay_terminal(int fd);
bool relay_ioctl(int fd, unsigned long request, void *argument); /* true: answered */

/* What programs call instead of the function without the prefix; setting other modes of a relayed terminal: EOPNOTSUPP. */
int pmig_tcgetattr(int fd, struct termios *ret);
int pmig_tcsetattr(int fd, int when, const struct termios *modes);

#endif
