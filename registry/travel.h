/* travel: the rows of one process as JSON, from the registry of one host into that of the next. */
#ifndef PMIG_REGISTRY_TRAVEL_H
#define PMIG_REGISTRY_TRAVEL_H

#include "database.h"
#include <pmig/port.h>

#define TRAVEL_VERSION 1

/* Contracts: rows_export() and rows_import() in <pmig/port.h>. */
int travel_export(struct database *db, const char *process, char **ret_json) PMIG_MUST_CHECK;
int travel_import(struct database *db, const char *process, const char *json, size_t size) PMIG_MUST_CHECK;

#endif
