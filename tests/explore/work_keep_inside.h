#pragma once

/*
 * work_keep_inside.h - what the workloads 'keep' and 'upgrade' share and nobody else sees; see work_keep.c.
 *
 * Functions that return a string return NULL, or what is wrong; static.
 */
#include "hub/core/reading.h"
#include "storage/keys.h"
#include "storage/records_inside.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum {
	SEQS_MAX = 3072,
	TAGS_MAX = 2048,
	LIVES_MAX = 24,
};

struct fact {
	position tried, inserted;
	position seen;		    /* the clinic has heard of the number */
	position named, acked;	    /* by a reply that was begun; was taken over */
	position asked, asked_last; /* again: the first time; since it was acknowledged */
	position evict_tried, refuse_tried;
	position gone_tried; /* its copy may be gone from here on */
	position has[LIVES_MAX];
	uint32_t tag, seen_tag; /* what it was given to; as what the clinic knows it */
};

struct tag {
	position offered, durable, arrived;
	uint64_t seq; /* that it arrived with */
};

struct world {
	struct fact fact[SEQS_MAX]; /* by seq */
	struct tag tag[TAGS_MAX];
	uint32_t tags; /* 1.. */
	uint64_t top;  /* highest number that was ever tried or heard of */
	position life_start[LIVES_MAX];
	unsigned lives;
	struct reply late; /* an answer that is still on its way */
	uint32_t assignment;
	uint64_t instance;
	struct dice dice;
	char dir[256];
};

/* One hub at a time. */
struct keep_hub {
	struct keys *keys;
	struct records *records;
	const char *bad; /* an event that nothing explains */
};

/* --- work_keep_hub.c: a record, and the hub --- */
extern struct keep_hub keep_hub;

/* What was given this tag; seq: its number. body: receives the body, which the record borrows. */
struct record keep_record(uint32_t tag, uint64_t seq,
			  uint8_t body[static SEALED_BODY_MAX]);
/* Of a record that was read; 0: none. */
uint32_t keep_tag(const struct record *r);
const char *keep_open_keys(const struct world *w);
/* The keys, too. */
const char *keep_open(const struct world *w);
void keep_close(void);
/* The hub is assigned as w says. Returns as records_set_owner. */
int keep_set_owner(const struct world *w);

/* --- work_keep_verify.c: the questions, and what is there becomes the truth --- */
/* Is it the record that has this number? */
const char *keep_check_record(const struct world *w, const struct record *got);
/* Questions 1 to 4, at this point. */
const char *keep_verify(const struct world *w, size_t point);
/* What happened behind this point has not happened, at the clinic neither. new_life: all positions begin anew. */
void keep_forget_after(struct world *w, size_t point, bool new_life);
/* After keep_verify(): what was begun and is there was done. */
void keep_adopt(struct world *w, position now);

/* --- work_keep_clinic.c: the clinic --- */
/* One batch and its answer, as ingest_reply makes it. refuse: one record in 25. */
const char *keep_turn(struct world *w, bool refuse, struct reply *ret);
/* The hub does what an answer says. */
const char *keep_take_answer(struct world *w, const struct reply *r);
/* Copies that may go now: of what is settled, up to 'last'. */
void keep_may_go(struct world *w, uint64_t last);
/* records_step, so often. */
const char *keep_tidy(struct world *w, unsigned steps);
/* All of it, with a clinic that asks again while it must: question 5. */
const char *keep_drain(struct world *w);

/* --- work_keep.c: runs --- */
/* The world of a run that begins; nothing is open. */
void keep_start(struct world *w, const char *dir, uint64_t seed);
/* Opens what is in the folder, works, and closes. */
const char *keep_run(struct world *w, unsigned steps);
/* As a workload's. */
const char *keep_recover(void *world, const char *dir, size_t point, uint64_t seed,
			 enum recovery_how how);
