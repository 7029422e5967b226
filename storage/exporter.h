#pragma once

/*
 * exporter.h - records that the clinic does not have, as the octets of a file for a stick (hub/core/stick.h).
 *
 * It takes nothing out of the queue and changes nothing there: what was written is uploaded and acknowledged as ever, and the clinic
 * knows it by its number.
 */
#include "hub/core/stick.h"
#include "hub/crypto/crypto.h"
#include "storage/records.h"

enum { EXPORTER_READS_MAX = 64 }; /* records that one call looks at */

/* Fields are private but for 'to' and 'end'. All zero at first. */
struct exporter {
	enum export_what what;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t to; /* what was given a number later is not looked for */
	uint64_t alarm_at, routine_at; /* up to here it was looked at */
	struct stick_end end;	       /* what is written so far */
};

/*
 * exporter_begin - from the lowest number on that the clinic does not have.
 *
 * what   of the queue all; of the evidence the hub's accounts of itself, also those that are made meanwhile
 * ret    the head of the file, STICK_HEAD_LEN octets
 *
 * Returns 0, or -EACCES: the queue has no owner yet.
 */
int exporter_begin(struct exporter *e, enum export_what what, const struct records *q,
		   uint8_t ret[static STICK_HEAD_LEN]);

/*
 * exporter_next - the next batch, signed, with its length before it.
 *
 * level   of the lockdown: as in an upload the batch says that the hub is suspect, or sealed
 * buf     STICK_FRAME_MAX octets
 *
 * Returns how many octets, -EAGAIN (so many records were looked at and none is to be written: again), 0 (no more now), or as
 * records_read and sign1_make.
 */
int exporter_next(struct exporter *e, struct records *q, uint8_t level,
		  const uint8_t sign_private[static P256_PRIVATE_LEN], uint8_t *buf);
