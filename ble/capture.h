#pragma once

/*
 * capture.h - turns one attribute value into the two messages that hub-store gets. Pure.
 */
#include "ble/clock.h"
#include "ble/profile.h"
#include "hub/core/config.h"
#include "hub/core/msg.h"

/* Has the scale or cuff accepted the consent code of the configured user, when asked last? */
enum consent {
	CONSENT_NOT_NEEDED = 0, /* no code configured, or no User Data Service */
	CONSENT_UNKNOWN,	/* it has not answered yet, in this life of hub-ble */
	CONSENT_REFUSED,	/* that number may be somebody else's by now */
	CONSENT_GIVEN,
};

/* What is known of the link at the end of the wait for it. */
struct capture_link {
	enum link_strength strength;
	bool unverified; /* not known to be encrypted with a good bond */
};

/* What else belongs to a reading beside its bytes. */
struct capture_facts {
	const struct config_device *device;
	const struct clock_track *clock;
	struct capture_link link;
	enum consent consent;
	/* it says of itself that it is another one than was bonded: nobody's reading */
	bool changed;
	bool test;	  /* the first one after pairing: not the patient's */
	uint32_t history; /* of the memory it came from */
	/* what was measured before, UTC, is of somebody else; 0: not known */
	int64_t since_ms;
};

/* When was it measured, held against the time from which on the device measures for this patient? */
enum capture_age {
	CAPTURE_UNDATED = 0, /* no stamp, or it cannot be dated */
	CAPTURE_BEFORE,
	CAPTURE_SINCE,
};

/* A device whose clock shows minutes stamps what it measured just after its pairing with a time before it. */
enum { CAPTURE_SINCE_SLACK_MS = 120000 };

/*
 * capture_raw - everything that is known before a decoder has seen a byte.
 *
 * addr, type   identity address of the device
 * value, len   as received, at most READING_RAW_MAX; copied
 *
 * instance and capture stay 0: the one who hands it over numbers it.
 */
struct msg_raw capture_raw(const struct profile *profile, const struct peripheral *from,
			   const uint8_t *value, size_t len,
			   const struct capture_time *captured, int16_t utc_offset_min,
			   struct capture_link link);

/* capture_decode - run the profile's decoder; what it
 * refuses becomes MARK_UNDECODED, and MARK_CRC if the check sum was wrong. */
struct decoded capture_decode(const struct profile *profile, const uint8_t *value,
			      size_t len, const struct profile_context *ctx);

/*
 * capture_attribution - whose reading is it?
 *
 * CONFIRMED if the device says it was the configured user, and accepts that user's consent
 * code if one is configured; PROBABLE if it has not answered to the code yet, or has no user
 * field and nobody else uses it; else UNASSIGNED. MARK_BEFORE is UNASSIGNED. Nothing is
 * guessed from values.
 */
enum attribution capture_attribution(const struct capture_facts *f,
				     const struct decoded *d);

/*
 * capture_age - by the rule of dating.h; since_ms in UTC, CAPTURE_SINCE_SLACK_MS are given away.
 *
 * clock            what is known of the device's clock now
 * captured         when it came
 * utc_offset_min   of the home, then
 */
enum capture_age capture_age(const struct decoded *d, const struct clock_track *clock,
			     const struct capture_time *captured, int16_t utc_offset_min,
			     int64_t since_ms);

/*
 * capture_finish - the second message: decoded values, offset of the device's clock,
 * attribution, what is known of the link.
 *
 * MARK_BEFORE if it is CAPTURE_BEFORE facts->since_ms; what cannot be dated is as good as new.
 */
struct msg_decoded capture_finish(const struct msg_raw *raw, const struct decoded *d,
				  const struct capture_facts *f);
