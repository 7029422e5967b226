#pragma once

/*
 * wss.h - decoder of the Weight Scale Service's characteristics, and the mass and height that
 * body composition (bcs.h) sends in the same way. Source: Weight Scale Service 1.0.1, 3; GATT
 * Specification Supplement, Weight Measurement and Weight Scale Feature.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	WSS_UUID_SERVICE = 0x181D,
	WSS_UUID_MEASUREMENT = 0x2A9D,
	WSS_UUID_FEATURE = 0x2A9E,
	WSS_LEN_MIN = 3,
	WSS_LEN_MAX = 15,
	WSS_UNSUCCESSFUL = 0xFFFF, /* instead of a weight */
};

/* Bits of the Weight Scale Feature. */
enum wss_feature {
	WSS_FEATURE_TIME = 1 << 0,
	WSS_FEATURE_MULTIPLE_USERS = 1 << 1,
	WSS_FEATURE_BMI = 1 << 2,
	/* how fine the sensor is, not a factor: 0 not said, 1..7 = 0.5, 0.2, 0.1, 0.05,
	 * 0.02, 0.01, 0.005 kg or 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01 lb */
	WSS_FEATURE_WEIGHT_RESOLUTION = 0xF << 3,
	/* 0 not said, 1..3 = 0.01, 0.005, 0.001 m or 1, 0.5, 0.1 in */
	WSS_FEATURE_HEIGHT_RESOLUTION = 0x7 << 7,
};

/*
 * wss_decode_measurement - one Weight Measurement (0x2A9D).
 *
 * buf, len   attribute value as received; borrowed
 * ctx        not used
 * ret        filled on success: weight (kg or lb as flagged), and BMI and height (m or in)
 *            if they are there
 *
 * A weight of FFFF says that weighing failed: it becomes NaN with MARK_NO_RESULT, and of the
 * other fields only time and user are kept (Weight Scale Service 1.0.1, 3.2.1.2).
 *
 * Marks: MARK_NO_RESULT, MARK_IMPLAUSIBLE. Reserved flag bits are ignored.
 *
 * Returns 0 with *ret written, or -EMSGSIZE if the length is not exactly what the flags
 * require: scales exist that send another layout under this number. Pure.
 */
int wss_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);

/*
 * wss_decode_feature - Weight Scale Feature (0x2A9E).
 *
 * Returns 0 with *ret_features (enum wss_feature, unknown bits kept), or -EMSGSIZE. Pure.
 */
int wss_decode_feature(const uint8_t *buf, size_t len, uint32_t *ret_features);

/* wss_add_mass - append a mass, in steps of 0.005 kg or 0.01 lb. 'checked': flag what no body
 * weighs. */
void wss_add_mass(struct decoded *d, enum value_name name, uint16_t raw, bool imperial,
		  bool checked);

/* wss_add_height - append a height, in steps of 0.001 m or 0.1 in. */
void wss_add_height(struct decoded *d, uint16_t raw, bool imperial);
