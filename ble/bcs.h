#pragma once

/*
 * bcs.h - decoder of the Body Composition Service's characteristics. Source: Body Composition
 * Service 1.0.1, 3; GATT Specification Supplement, Body Composition Measurement and Body
 * Composition Feature.
 */
#include <stddef.h>
#include <stdint.h>

#include "ble/profile.h"

enum {
	BCS_UUID_SERVICE = 0x181B,
	BCS_UUID_MEASUREMENT = 0x2A9C,
	BCS_UUID_FEATURE = 0x2A9B,
	BCS_LEN_MIN = 4,
	BCS_LEN_MAX = 30,
	BCS_BODY_FAT_MAX = 1000,   /* 100.0 % */
	BCS_UNSUCCESSFUL = 0xFFFF, /* instead of a body fat percentage */
};

/* Bits of the Body Composition Feature. */
enum bcs_feature {
	BCS_FEATURE_TIME = 1 << 0,
	BCS_FEATURE_MULTIPLE_USERS = 1 << 1,
	BCS_FEATURE_BASAL_METABOLISM = 1 << 2,
	BCS_FEATURE_MUSCLE_PERCENTAGE = 1 << 3,
	BCS_FEATURE_MUSCLE_MASS = 1 << 4,
	BCS_FEATURE_FAT_FREE_MASS = 1 << 5,
	BCS_FEATURE_SOFT_LEAN_MASS = 1 << 6,
	BCS_FEATURE_BODY_WATER_MASS = 1 << 7,
	BCS_FEATURE_IMPEDANCE = 1 << 8,
	BCS_FEATURE_WEIGHT = 1 << 9,
	BCS_FEATURE_HEIGHT = 1 << 10,
	/* how fine the sensor is; numbers as in enum wss_feature */
	BCS_FEATURE_MASS_RESOLUTION = 0xF << 11,
	BCS_FEATURE_HEIGHT_RESOLUTION = 0x7 << 15,
};

/*
 * bcs_decode_measurement - one Body Composition Measurement (0x2A9C).
 *
 * buf, len   attribute value as received; borrowed
 * ctx        bcs_stub: the model fills its history with stubs
 * ret        filled on success: body fat, then what else is there, in the order of the flags
 *
 * A body fat of FFFF says that the measurement failed: it becomes NaN with MARK_NO_RESULT, and
 * of the other fields only time and user are kept (Body Composition Service 1.0.1, 3.2.1.2).
 *
 * Marks:
 *   MARK_MORE         part of a measurement that was too long for one value. Two values follow
 *                     each other and both carry the mark; the second has neither time nor
 *                     user, and repeats the body fat (3.2.1)
 *   MARK_STUB         with ctx->bcs_stub: nothing was measured through the body, every such
 *                     field is zero. Basal metabolism, weight and height do not count: the
 *                     scale has them from the user's profile and from the load. Zeros of a
 *                     stub are not implausible, they are just not there
 *   MARK_NO_RESULT, MARK_IMPLAUSIBLE
 *
 * Returns 0 with *ret written, or
 *   -EMSGSIZE  the length is not exactly what the flags require
 *   -ERANGE    body fat above 100 %
 * Scales exist that send another layout under this number; those of one maker sometimes have
 * the right length, but the year where the body fat belongs. Pure.
 */
int bcs_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret);

/*
 * bcs_decode_feature - Body Composition Feature (0x2A9B).
 *
 * Returns 0 with *ret_features (enum bcs_feature, unknown bits kept), or -EMSGSIZE. Pure.
 */
int bcs_decode_feature(const uint8_t *buf, size_t len, uint32_t *ret_features);
