#pragma once

/*
 * state.h - the disks that a power cut can leave, made from a log of writes (writes.h).
 *
 * A cut comes at a position of the log: the entries before it had been sent to the disk. What stands before the last
 * flush is there, and what was FUA; of the others ('open' ones) any may be there or not, and of a single one any
 * of its sectors.
 *
 * Invariants
 *   1. Entries are laid on the disk in the order of the log.
 *   2. A state is a position behind a flush, and which sectors of the open writes are there: two states with the same
 *      are one.
 */
#include "tests/block/ledger.h"
#include "tests/block/writes.h"
#include "tests/explore/dice.h"

enum cut_kind {
	CUT_KEEP = 0,	 /* all of the open writes: a prefix of the log */
	CUT_DROP = 1,	 /* none */
	CUT_SOME = 2,	 /* each with probability 1/2 */
	CUT_NEWEST = 3,	 /* the last alone */
	CUT_SECTORS = 4, /* each sector of 512 bytes with probability 1/2 */
	CUT_KINDS = 5,
};

const char *cut_kind_text(enum cut_kind k);

enum { STATE_BLOCK = 4096 };

/* Fields are private but for those named. */
struct states {
	struct writes log;
	size_t size;		  /* of the disk, bytes; public */
	uint8_t *flushed;	  /* the disk as of the last flush before 'position' */
	uint8_t *used;		  /* per STATE_BLOCK: was it ever written; public */
	size_t position;	  /* entries before it were sent; public */
	size_t flush;		  /* entries before this one are in 'flushed' */
	struct ledger ledger;	  /* as of 'position'; public */
	size_t open;		  /* open writes; public */
	uint8_t scratch[1 << 20]; /* one write */
	uint8_t *image;		  /* the state; public */
};

/*
 * states_open - a log and the disk as it was before the first entry. Read whole: sizes of 64 MB are meant.
 *
 * Returns 0, or as writes_open; -EMSGSIZE: a write longer than 1 MB, or a disk that is not whole blocks.
 */
int states_open(struct states *s, const char *log_path, const char *base_path);
void states_close(struct states *s);

/* states_next - one entry further. Returns 1, 0 at the end, or as writes_read and ledger_apply. */
int states_next(struct states *s);

/* states_make - s->image: a cut here. Returns 0 with *ret_name, the state's identity, or -EIO. */
int states_make(struct states *s, enum cut_kind kind, struct dice *dice,
		uint64_t *ret_name);
