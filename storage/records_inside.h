#pragma once

/*
 * records_inside.h - what records*.c share and nobody else sees.
 */
#include "storage/records.h"
#include "storage/salvage.h"
#include "storage/seqblock.h"
#include "storage/spool.h"

enum { RECORDS_DIR_BYTES = 1024, RECORDS_NAME_BYTES = 48 };

struct piece {
	uint32_t number; /* in its file's name */
	struct queue *queue;
};

/* A damaged segment that is being read. */
struct rescue {
	struct salvage *from; /* NULL: none */
	uint32_t segment;     /* that was set aside */
	uint64_t last;	      /* that it may have held */
	uint64_t found, lost;
};

/* Records in a row, to be inserted together, with their bodies. */
struct records_group {
	size_t count;
	struct queue_entry entries[QUEUE_GROUP_MAX];
	uint8_t bodies[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
};

struct records {
	struct records_host host;
	char dir[RECORDS_DIR_BYTES];
	struct keys *keys; /* NULL: the queue is closed */
	struct piece
		at[RECORDS_SEGMENTS_MAX]; /* by numbers; the last one takes new records */
	size_t count;
	unsigned open_failures; /* of -EIO, in a row */
	bool owned;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch, assignment;
	uint64_t next;	 /* number of the next record; 0: not known */
	bool guessed;	 /* only that it was never given; not used yet */
	bool doubtful;	 /* more may have been given than the newest segment knows */
	bool caught_up;	 /* the queue knows what was settled while it was closed */
	uint64_t contig; /* as last seen */
	struct seqblock seq;
	bool seq_open, seq_failed;
	struct spool *spool; /* NULL: none */
	bool spool_failed;
	bool spooling;	/* records in it that the queue has not taken over */
	uint64_t moved; /* of these */
	uint32_t quota;
	uint32_t day; /* see queue_set_day */
	bool no_note; /* the next segment begins without one */
	struct rescue rescue;
	unsigned rescue_failures; /* of -EIO, in a row */
};

void records_tell(struct records *r, enum records_event_kind kind, uint32_t segment,
		  int err, uint64_t a, uint64_t b);

/* Numbers up to 'to' that the newest segment does not have: settled from the spool, or never used, as far as anybody
 * knows. Returns 0 or as queue_pass. */
int records_pass_over(struct records *r, uint64_t to);
/* The segment that takes new records, or NULL. */
struct queue *records_newest(const struct records *r);
/* For an error of the segment at[i]: one that is damaged, or of which a sync failed, leaves, and with it what is wrong.
 * Returns -EAGAIN: segments are others now, try again; or err as it was. */
int records_mend(struct records *r, size_t i, int err);
/* A segment failed in a way that no retry mends: it is set aside, and its rows are read from there. Returns 0 or
 * why not; it is closed anyway. */
int records_set_aside(struct records *r, size_t index, int err);
/* Opens queue-number.db; make: with a new key. Returns 0, -ENOSPC (too many), or as keys_queue and queue_open. */
int records_open_piece(struct records *r, uint32_t number, bool make);
void records_drop_piece(struct records *r, size_t index);
/* A segment's file and its WAL get another ending, durably. Done again it does what was left. */
int records_rename(const struct records *r, uint32_t number, const char *from,
		   const char *to);
/* Of a segment's file, as file_exists and file_is_gone. */
bool records_file_exists(const struct records *r, uint32_t number, const char *suffix);
bool records_file_is_gone(const struct records *r, uint32_t number, const char *suffix);
/* A new segment for numbers from r->next on, or from the spool's first. Returns 0 or an error. */
int records_begin_segment(struct records *r);
/* Position of numbers: a salvaged segment stands where the damaged one stood. */
uint32_t records_place(uint32_t number);
/* queue-N.db with a suffix, "" for none. */
void records_name(uint32_t number, const char *suffix,
		  char ret[static RECORDS_NAME_BYTES]);

/* --- records_spool.c --- */
/* Opens the spool if it can be; what it holds is to be moved. */
void records_open_spool(struct records *r);
int records_append_spool(struct records *r, const struct queue_entry *e, size_t count,
			 int why);
/* The reply to what the spool holds, or to the queue while it is closed. */
int records_spool_reply(struct records *r, const struct reply *reply,
			struct queue_ack *ack);
int records_move_step(struct records *r);
/* Does all of it read? Else it may have held higher numbers than it says. */
bool records_spool_is_sound(const struct records *r);
/* Lowest number in the spool that is not settled, or 0. */
uint64_t records_spool_first(struct records *r);
int records_evict_spool(struct records *r, unsigned max_rows, struct queue_evicted *ret);
/* Numbers that were settled in the spool while the queue was closed. Returns 0 or an error. */
int records_catch_up(struct records *r);

/* --- records_salvage.c --- */
/* The lowest segment that was set aside and is not read to the end yet, or 0. */
uint32_t records_find_damaged(const struct records *r);
/* The next piece of a damaged segment. Returns as records_step. */
int records_salvage_step(struct records *r);
void records_stop_salvage(struct records *r);
