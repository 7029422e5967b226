#pragma once

/*
 * store_inside.h - what store*.c and witness.c share and nobody else sees.
 */
#include "clinic/sql.h"
#include "clinic/store.h"

struct store {
	struct sql *db;
};

/* --- store_walk.c --- */
/* Each row of a query on quarantine that was started and bound: epoch, seq, assignment, class, kind, body, received_ms,
 * suspect, reason. Ends the query. Returns 0, what fn returned, or as sql_end. */
int store_quarantine_walk(struct sql_query *q, const uint8_t hub[static HUB_ID_LEN],
			  store_quarantine_fn *fn, void *arg);
