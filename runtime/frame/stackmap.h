/* stackmap: where the values that are live behind a call lie, by the call's return address.
 *
 * Code that was generated in several parts has several maps. LLVM's stack maps, version 3: https://llvm.org/docs/StackMaps.html; statepoints: https://llvm.org/docs/Statepoints.html. */
#ifndef PMIG_FRAME_STACKMAP_H
#define PMIG_FRAME_STACKMAP_H

#include "base/error.h"

#include <stdint.h>

enum stackmap_kind { /* numbers of the format */
	STACKMAP_REGISTER = 1,
	STACKMAP_DIRECT,   /* the value is register + offset */
	STACKMAP_INDIRECT, /* the value lies at register + offset */
	STACKMAP_CONSTANT,
	STACKMAP_CONSTANT_INDEX
};

struct stackmap_location {
	uint8_t kind;
	uint8_t reserved0;
	uint16_t size; /* bytes */
	uint16_t reg;  /* DWARF number */
	uint16_t reserved1;
	int32_t offset; /* or the constant, or the index of one */
};

struct stackmap_record {
	uint64_t site; /* statepoint id */
	const struct stackmap_location *values;
	uint32_t values_count;
	const void *map; /* the one that it is in */
};

/* Reads the program's stack maps; does nothing the second time. Errors: PMIG_ECORRUPT, PMIG_ENOMEM. */
PMIG_MUST_CHECK int stackmap_load(void);

/* The record of the call that returns to `address`. False if it is none of the program's sites. */
bool stackmap_find(uint64_t address, struct stackmap_record *ret);

/* The large constant `index` of the map that the record is in. */
uint64_t stackmap_constant(const struct stackmap_record *r, uint32_t index);

#endif
