/* counter: a little library such as many programs use: a number in a file that is counted up. */
#ifndef COUNTER_H
#define COUNTER_H

struct counter {
	const char *(*unit)(void); /* points into the library */
	int fd;
};

/* Opens the file, or makes it. 0, or a negative errno. */
int counter_open(struct counter *c, const char *path);

/* The next number; negative: an errno. */
long counter_next(struct counter *c);

/* "steps" */
const char *counter_unit(const struct counter *c);

#endif
