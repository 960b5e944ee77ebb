/* open_file: what another process has open and mapped, as /proc shows it from outside: proc(5). The process may go on
 * meanwhile: what it closes while we look is left out.
 *
 * Normal usage: open_file_list(); open_file_share() for those marked `look`; open_file_free(). */
#ifndef PMIG_TRANSPORT_OPEN_FILE_H
#define PMIG_TRANSPORT_OPEN_FILE_H

#include "runtime/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define OPEN_FILE_PATH (-2)
#define OPEN_FILE_MAX 65536 /* descriptors, or mapped files, of one process */

/* One open file, or one mapped one. Descriptors that differ in nothing are one. */
struct open_file {
	char *link; /* a path, or what the kernel writes in its place */
	int fd;     /* the lowest; -1: mapped; OPEN_FILE_PATH: only its path is of interest */
	int flags;  /* as open(2) has them */
	uint64_t position;
	struct stat st;
	uint64_t start, end; /* mapped: its first addresses */
	bool look;           /* set by the caller: sharing matters */
	bool writing;        /* set by the caller: only those who can write count */
	unsigned sharers;    /* others who have it */
	char shared_by[96];  /* the first of them: "process 123 (tail)" */
};

/* Every descriptor of the process, in the order of their numbers. Errors: PMIG_EGONE (there is no such process, or it is not
 * ours), PMIG_ENOMEM, PMIG_EREFUSED (more than OPEN_FILE_MAX). */
int open_file_list(pid_t pid, struct open_file **ret_files, size_t *ret_count) PMIG_MUST_CHECK;

/* Every file that is mapped, once; `shared`: those whose memory is shared for writing, else those with code in them. Without the
 * executable itself. Errors as above. */
int open_file_maps(pid_t pid, bool shared, struct open_file **ret_files, size_t *ret_count) PMIG_MUST_CHECK;

/* One walk through all processes that we may see, if any file is to be looked for: fills in `sharers`: who has it open, who has it mapped
 * shared, and who has locked it (/proc/locks). Neither `pid` nor this process counts. */
void open_file_share(pid_t pid, struct open_file *files, size_t count);

void open_file_free(struct open_file *files, size_t count);

/* --- for open_file_share.c --- */

/* `process`: /proc/PID. A descriptor that is not there any more: O_RDWR, the careful answer. */
int open_file_flags(int process, const char *fd, uint64_t *ret_position);

/* A line of /proc/PID/maps; *ret_path points into it. False: no file is behind it. */
bool open_file_parse_map(char *line, struct open_file *ret_file, char ret_modes[5], char **ret_path);

#endif
