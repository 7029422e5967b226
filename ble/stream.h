#pragma once

/*
 * stream.h - gathers the samples of a stream characteristic (0x2A37, 0x2A5F) into windows and
 * makes one record of each: the octets as they came, and a summary.
 *
 *   add() until it says no or stream_deadline passes -> close() -> add() again
 *
 * Octets of a window, repeated for each sample, at most READING_RAW_MAX in all:
 *
 *   delay u16   ms since the sample before it in the window, little-endian; 0 for the first
 *   len u8      octets of the value
 *   value       as received
 *
 * No allocation, no clock. Values are compared as decimals and never computed with: minimum,
 * median and maximum are samples, with the digits they came with (of equal ones, the first to
 * come is the lower).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"
#include "hub/core/time.h"

enum {
	STREAM_WINDOW_MS = 60000,
	STREAM_HEADER_LEN = 3,
	/* longest value that is kept whole; those of the known profiles are far shorter */
	STREAM_VALUE_MAX = UINT8_MAX,
	STREAM_SAMPLES_MAX = READING_RAW_MAX / STREAM_HEADER_LEN,
};

/* One quantity in all samples of a window that have a number for it. Fields are private. */
struct stream_series {
	uint8_t count;
	struct decimal sorted[STREAM_SAMPLES_MAX]; /* ascending */
};

/* Fields are private. */
struct stream {
	uint8_t samples;
	uint8_t undecoded; /* of them */
	uint16_t raw_len;
	uint8_t raw[READING_RAW_MAX];
	struct mono first, last;    /* sample; not valid while there is none */
	struct stream_series main;  /* heart rate, SpO2 */
	struct stream_series pulse; /* of an oximeter */
	struct decoded
		status; /* only the status fields and marks: all samples' together */
};

/* stream_init - no window yet. */
void stream_init(struct stream *s);

/*
 * stream_add - put one sample into the window, beginning a new one if there is none.
 *
 * value, len   as received; copied. Longer than STREAM_VALUE_MAX: cut, and it counts as a
 *              sample that could not be decoded
 * d            what its decoder made of it; MARK_UNDECODED if nothing
 * now          when it came
 *
 * Returns false, with nothing changed, if the window is over or has no room: close it and add
 * the sample again, which then succeeds.
 */
bool stream_add(struct stream *s, const uint8_t *value, size_t len,
		const struct decoded *d, struct mono now);

/* stream_is_empty - is there no sample to be closed? */
bool stream_is_empty(const struct stream *s);

/* stream_deadline - when the window is over: STREAM_WINDOW_MS after its first sample,
 * MONO_NEVER if it is empty. */
struct mono stream_deadline(const struct stream *s);

/* stream_newest - when its last sample came; not for an empty one. */
struct mono stream_newest(const struct stream *s);

/*
 * stream_close - end the window and make its record; the stream is empty afterwards.
 *
 * kind   READING_HEART_RATE_STREAM or READING_OXIMETRY_STREAM
 * raw    receives the octets of the window
 * ret    receives the summary:
 *        VALUE_SAMPLES, VALUE_SAMPLES_VALID (heart rate or SpO2 has a number, and the decoder
 *        did not say MARK_NO_RESULT), VALUE_DURATION from first to last sample, and minimum,
 *        median (the lower one of two) and maximum of heart rate, or of SpO2 and pulse; of a
 *        quantity that no sample has, none. Status bits and marks that any sample had, but
 *        MARK_NO_RESULT only if no sample is valid, and MARK_UNDECODED only if no sample
 *        could be decoded
 *
 * Returns the length in raw; 0, with *ret all zero, if the stream was empty.
 */
size_t stream_close(struct stream *s, enum reading_kind kind,
		    uint8_t raw[static READING_RAW_MAX], struct decoded *ret);
