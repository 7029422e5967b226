#pragma once

/*
 * store_visit.h - what came of visits, step by step, and what a visit looks at. A part of the interface of store.h, with its
 * rules. Lines are added and never changed.
 */
#include "clinic/store_held.h"
#include "clinic/visit.h"

struct visit_entry {
	uint64_t number; /* from 1, by hub; store_visit_add sets it */
	int64_t at_ms;	 /* UTC */
	enum visit_step step;
	enum visit_outcome outcome;
	char who[JOURNAL_WHO_MAX + 1], words[VISIT_WORDS_MAX];
};

int store_visit_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		    struct visit_entry *e);

/* By number; fn as in store_hub_each. */
typedef int store_visit_fn(void *arg, const struct visit_entry *e);
int store_visit_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     store_visit_fn *fn, void *arg);

/*
 * store_visit_facts - what is known of a hub. since_ms and now_ms are the caller's.
 *
 * name    of the hub, or of its claim
 * ret_id  its id; ret_key: spki of the key that its label names, if ret->has_key
 *
 * Returns also -ENOENT: nobody has this name.
 */
int store_visit_facts(struct store *s, const char *name, struct visit_facts *ret,
		      uint8_t ret_id[static HUB_ID_LEN], uint8_t ret_key[static PIN_LEN]);
