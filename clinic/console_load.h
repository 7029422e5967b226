#pragma once

/*
 * console_load.h - who was at a hub's console and what was done there, from the hub's accounts of it.
 */
#include "clinic/opening.h"
#include "clinic/store.h"
#include "hub/core/console_account.h"

enum { CONSOLE_LOAD_MAX = 200 }; /* the newest */

struct console_kept {
	struct console_account account;
	int64_t received_ms; /* by the clinic's clock */
};

struct console_list {
	size_t count; /* oldest first */
	struct console_kept kept[CONSOLE_LOAD_MAX];
	uint64_t older, missing; /* left out; numbers between those that are here */
	unsigned unread;	 /* of a form that this program does not know */
	unsigned unopened;
};

/*
 * console_load - of the hub's present enrolment. What came twice is there once.
 *
 * Returns 0 with *ret, -EKEYREJECTED (the sealing key is another one) or an error of store.h.
 */
int console_load(struct store *store, const struct hub *h, const struct opening_key *key,
		 struct console_list *ret);
