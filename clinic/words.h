#pragma once

/*
 * words.h - times, spans and readings as people read them. Pure; every function returns buf.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/batch.h"
#include "hub/core/enrolled.h"
#include "hub/core/envelope.h"
#include "hub/core/reading.h"

enum {
	WORDS_TIME_MAX = 32,
	WORDS_SPAN_MAX = 48,
	WORDS_ZONE_MAX = 16,
	WORDS_ADDRESS_MAX = 3 * PERIPHERAL_ADDR_LEN,
	WORDS_LIST_MAX = 512,
	WORDS_GIVEN_UP_MAX = 128,
	/* name, number, unit, and the number again in the clinic's unit */
	WORDS_VALUES_MAX = READING_VALUES_MAX * (2 * DECIMAL_TEXT_MAX + 64),
};

/* "2026-11-21 07:31:02 +01:00", or with iso "2026-11-21T07:31:02.123+01:00". */
char *words_time(int64_t utc_ms, int offset_min, bool iso,
		 char buf[static WORDS_TIME_MAX]);
/* "+01:00" for 60. */
char *words_zone(int offset_min, char buf[static WORDS_ZONE_MAX]);
/* "AA:BB:CC:DD:EE:FF". */
char *words_address(const uint8_t addr[static PERIPHERAL_ADDR_LEN],
		    char buf[static WORDS_ADDRESS_MAX]);
/* A device's own time, no zone; unknown date: "(no date) 07:26:50". */
char *words_device_time(const struct date_time *t, bool iso,
			char buf[static WORDS_TIME_MAX]);
/* The two largest units: "4 min 12 s", "3 days 2 h", "40 ms". */
char *words_span(uint64_t ms, char buf[static WORDS_SPAN_MAX]);
/* "+/- 40 ms", or "+/- unknown". */
char *words_uncertainty(uint32_t ms, char buf[static WORDS_SPAN_MAX]);
/* "4 min 12 s slow" or "fast": the device's clock against the hub's local time. */
char *words_offset(int64_t offset_ms, char buf[static WORDS_SPAN_MAX]);
/* words_clock_error - how far the device's clock was off, positive if it was slow; of a UTC clock and of
 * what a meter's user sees without the zone and the offset that are meant. False: it cannot be said. */
bool words_clock_error(const struct reading *rd, int64_t *ret_ms);
/* "5 min ago"; "never" for 0; a time ahead of now: "just now". */
char *words_age(int64_t then_ms, int64_t now_ms, char buf[static WORDS_SPAN_MAX]);
/* "128/82 mmHg, mean 97 mmHg, pulse 64 /min"; digits as sent; "-" if there is none. Glucose also
 * in the clinic's unit: "glucose 0.00105 kg/L (105 mg/dL)". */
char *words_values(const struct decoded *d, char buf[static WORDS_VALUES_MAX]);

/* Name and unit of a value, MDC codes in words if they are known. Static. */
const char *words_name(const struct value *v);
const char *words_unit(const struct value *v);
/* What a code means ("before a meal"); NULL: it is not a code, or an unknown one. */
const char *words_meaning(const struct value *v);
/*
 * words_clinical - a glucose concentration in the unit that people use: kg/L as mg/dL, mol/L as
 * mmol/L. Only the exponent moves: the digits are the device's.
 *
 * Returns false if there is none: another value, or not a number.
 */
bool words_clinical(const struct value *v, struct decimal *ret, const char **ret_unit);

/* The n-th mark or status word that is set, or NULL at the end. */
const char *words_mark(uint32_t marks, size_t n);
const char *words_status(enum reading_kind kind, const struct decoded *d, size_t n);
const char *words_device_status(enum reading_kind kind, const struct decoded *d,
				size_t n);
const char *words_link(enum link_strength l);
const char *words_class(enum record_class c);
/* One word for programs: "evicted". */
const char *words_cause(enum tombstone_cause c);
/* "12 readings were given up on the hub for want of space"; what people must know of numbers that
 * will not come. */
char *words_given_up(uint64_t count, enum tombstone_cause c,
		     char buf[static WORDS_GIVEN_UP_MAX]);
/* What holds up a hub's enrolment, or the renewal of what it has, and what to do about it; NULL: nothing. */
const char *words_enrol_trouble(enum enrol_trouble t);
/* Who gave a vendor its number in a PnP ID. */
const char *words_pnp_source(uint8_t source);
