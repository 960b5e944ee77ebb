/* table: names in what the instrumenter puts into a program, for the later steps. */
#ifndef PMIG_INSTRUMENT_TABLE_H
#define PMIG_INSTRUMENT_TABLE_H

/* The constant that says where the object that it is in has its stack maps; one in each object that has any. */
#define TABLE_STACK_MAPS "pmig.stack_maps"

#endif
