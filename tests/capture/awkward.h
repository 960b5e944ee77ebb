/* awkward: what the two files of the program share. */
#ifndef AWKWARD_H
#define AWKWARD_H

#include <pmig/pmig.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mixes a number into the result that the program prints at its end. */
void mix(unsigned long long n);

/* Mutual recursion across files. */
long ping(long n, long a);
long pong(long n, double a);

#endif
