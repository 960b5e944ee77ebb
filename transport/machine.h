/* machine: what this machine is, and which machine a program was built for. */
#ifndef PMIG_TRANSPORT_MACHINE_H
#define PMIG_TRANSPORT_MACHINE_H

/* "x86_64", as uname(2) says. Static. */
const char *machine_arch(void);

/* The level of the x86-64 instruction set that this processor has, 1 to 4; 0: it is another one. (System V ABI, AMD64
 * supplement, section 3.1.1) */
int machine_level(void);

/* The level that the executable `fd` says it needs, by its property GNU_PROPERTY_X86_ISA_1_NEEDED (Linux extensions to gABI);
 * 0: it says nothing. */
int machine_level_needed(int fd);

#endif
