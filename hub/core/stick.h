#pragma once

/*
 * stick.h - a file on a USB stick: sealed records as signed batches, as they would be uploaded, between a head and an end mark.
 *
 * The frame is not signed and proves nothing: each batch carries its hub and is signed, and clinicctl import files it as an upload.
 * A file without its end mark was cut off; the batches before are whole. Byte table: docs/MESSAGES.md, 'Stick'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/envelope.h"
#include "hub/core/msg.h"

enum {
	STICK_VERSION = 1,
	STICK_HEAD_LEN = 64,
	STICK_LENGTH_LEN = 4,
	STICK_BATCH_MAX = 8192, /* signed */
	STICK_FRAME_MAX = STICK_LENGTH_LEN + STICK_BATCH_MAX,
	STICK_END_LEN = 44,
};

/* What the file begins with. */
struct stick_head {
	enum export_what what;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t records;  /* that are unsent as it begins; of evidence: 0, not known */
	uint64_t from, to; /* they have numbers from .. to */
};

/* What it ends with. */
struct stick_end {
	uint64_t records, batches;
	uint64_t first, last; /* lowest and highest number that is in it; 0: none */
};

/* stick_head_encode, stick_end_encode - STICK_HEAD_LEN, STICK_END_LEN octets. Pure. */
void stick_head_encode(const struct stick_head *h, uint8_t ret[static STICK_HEAD_LEN]);
void stick_end_encode(const struct stick_end *e, uint8_t ret[static STICK_END_LEN]);
/* stick_length_encode - in front of a batch of so many octets. Pure. */
void stick_length_encode(uint32_t len, uint8_t ret[static STICK_LENGTH_LEN]);

enum stick_item {
	STICK_MORE = 0, /* all octets are taken, no item is whole */
	STICK_HEAD,
	STICK_BATCH,
	STICK_END,
};

/* A reader of the whole file, in pieces of any size. Fields behind 'end' are private. */
struct stick_reader {
	struct stick_head head; /* from STICK_HEAD on */
	struct stick_end end;	/* from STICK_END on */
	const uint8_t *batch;	/* of STICK_BATCH; until the next call */
	size_t batch_len;
	uint64_t batches; /* that were given out */
	enum stick_item wants;
	bool has_length;
	size_t need, have;
	uint8_t buf[STICK_BATCH_MAX];
};

void stick_reader_init(struct stick_reader *r);

/*
 * stick_read - the next item.
 *
 * buf, len   octets of the file that were not taken yet
 * ret_used   how many of them are taken
 *
 * Returns enum stick_item, or -EBADMSG (no such file; damaged; something behind its end), -ERANGE (a length or a number that cannot
 * be; a count of batches that is not that of the file), -ENOTSUP (version): then it is not to be called again. Pure.
 */
int stick_read(struct stick_reader *r, const uint8_t *buf, size_t len, size_t *ret_used);

/* stick_at_end - has the end mark been read? Pure. */
bool stick_at_end(const struct stick_reader *r);
