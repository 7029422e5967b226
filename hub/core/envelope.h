#pragma once

/*
 * envelope.h - the clear part of a record, and its exact bytes: they are the seal's associated data.
 *
 * hub-store writes it when it seals, the clinic rebuilds it from the batch when it opens; one bit of
 * difference and the seal does not open. Byte table: docs/MESSAGES.md, 'Envelope'.
 */
#include <stdint.h>

enum {
	HUB_ID_LEN = 16,
	ENVELOPE_LEN = 39,
	ENVELOPE_VERSION = 1,
};

/* Urgency; alarms overtake. */
enum record_class {
	CLASS_NONE = 0,
	CLASS_ROUTINE = 1,
	CLASS_ALARM = 2,
};

struct envelope {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;	     /* enrolment epoch: the life of one seq counter */
	uint32_t assignment; /* assignment epoch at capture: whose reading */
	uint64_t seq;	     /* 1 and up, gapless within (hub, epoch) */
	enum record_class class;
	uint8_t kind;	   /* enum reading_kind */
	uint32_t body_len; /* length of the sealed body */
};

/* envelope_encode - the ENVELOPE_LEN bytes of an envelope. Pure, total. */
void envelope_encode(const struct envelope *e, uint8_t buf[static ENVELOPE_LEN]);
