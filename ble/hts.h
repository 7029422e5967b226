#pragma once

/*
 * hts.h - decoder of the Health Thermometer Service's characteristics. Source: Health
 * Thermometer Service 1.0, 3; GATT Specification Supplement, Temperature Measurement and
 * Temperature Type.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	HTS_UUID_SERVICE = 0x1809,
	HTS_UUID_MEASUREMENT = 0x2A1C,
	HTS_UUID_TYPE = 0x2A1D,
	HTS_LEN_MIN = 5,
	/* longer is a later version of the profile: known fields decoded, MARK_TAIL */
	HTS_LEN_MAX = 13,
};

/* Where it was measured; the codes of VALUE_BODY_SITE. Others are reserved, and are sent by
 * real thermometers: they are kept as numbers. */
enum hts_site {
	HTS_SITE_ARMPIT = 1,
	HTS_SITE_BODY = 2,
	HTS_SITE_EAR = 3, /* ear lobe */
	HTS_SITE_FINGER = 4,
	HTS_SITE_GASTROINTESTINAL = 5,
	HTS_SITE_MOUTH = 6,
	HTS_SITE_RECTUM = 7,
	HTS_SITE_TOE = 8,
	HTS_SITE_TYMPANUM = 9,
};

/*
 * hts_decode_measurement - one Temperature Measurement (0x2A1C).
 *
 * buf, len   attribute value as received; borrowed
 * ctx        not used
 * ret        filled on success: temperature in Celsius or Fahrenheit as flagged, and body
 *            site if it is there
 *
 * Marks: MARK_TAIL, MARK_NO_RESULT (NaN or NRes: the thermometer found no temperature),
 * MARK_IMPLAUSIBLE (outside 20..45 degrees Celsius, or a stamp that is no date).
 *
 * Returns 0 with *ret written, or -EMSGSIZE if shorter than the flags require. Pure.
 */
int hts_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);

/*
 * hts_decode_type - Temperature Type (0x2A1D): the site of every measurement that does not
 * say it itself.
 *
 * Returns 0 with *ret_site (enum hts_site, unknown ones kept), or -EMSGSIZE. Pure.
 */
int hts_decode_type(const uint8_t *buf, size_t len, uint8_t *ret_site);
