#pragma once

/*
 * fields.h - what the decoders of all profiles share: taking a field from the cursor and
 * putting it into a struct decoded.
 *
 * 'take' reads from the cursor and stores; 'add' stores a number that the caller has. None
 * of them fails: the cursor's error is sticky and is asked for once, in fields_finish.
 */
#include <stdbool.h>
#include <stdint.h>

#include "ble/plausible.h"
#include "hub/core/cursor.h"
#include "hub/core/reading.h"

/* For quantities of which no limits are known: nothing is implausible. */
#define FIELDS_ANY ((struct plausible_range){ INT32_MIN, INT32_MAX, INT8_MAX })

/* fields_is_result - a number, or more or less than the device can measure; not NaN or NRes,
 * with which it says that it found nothing. */
bool fields_is_result(struct decimal n);

/* fields_check - MARK_IMPLAUSIBLE if n is a number outside the range. */
void fields_check(struct decoded *d, struct decimal n, struct plausible_range range);

/* fields_add - append one value. There is room for READING_VALUES_MAX; what does not fit is
 * left out, it is still in the raw octets. */
void fields_add(struct decoded *d, enum value_name name, enum value_unit unit,
		struct decimal n);

/* fields_add_checked - fields_check, then fields_add. */
void fields_add_checked(struct decoded *d, enum value_name name, enum value_unit unit,
			struct decimal n, struct plausible_range range);

/* fields_add_code - append a number of the profile's own list (UNIT_CODE); unknown ones are
 * kept as they are. */
void fields_add_code(struct decoded *d, enum value_name name, uint16_t code);

/*
 * fields_fixed - an integer field whose unit is factor * 10^exponent, as a decimal.
 *
 * factor   1..32767, so that the product fits in 31 bits
 *
 * fields_fixed(16220, 5, -3) is 81.100: 5 g a step. Exact; no raw value is special here.
 */
struct decimal fields_fixed(uint16_t raw, int16_t factor, int8_t exponent);

/* fields_special - a decimal that is no number. */
struct decimal fields_special(enum decimal_kind kind);

/* fields_take_sfloat - read an SFLOAT, fields_add_checked; MARK_IMPLAUSIBLE also for a number
 * that would be a special value without its exponent. Returns it; zero after a read
 * error. */
struct decimal fields_take_sfloat(struct reader *r, struct decoded *d,
				  enum value_name name, enum value_unit unit,
				  struct plausible_range range);

/*
 * fields_take_time - read a Date Time into device_time.
 *
 * Unknown (year, month or day 0): left out. Not a date: left out and MARK_IMPLAUSIBLE.
 */
void fields_take_time(struct reader *r, struct decoded *d);

/* fields_take_user - read the device's user index; 255, 'unknown', is kept. */
void fields_take_user(struct reader *r, struct decoded *d);

/* fields_take_status - read a 16-bit measurement status. */
void fields_take_status(struct reader *r, struct decoded *d);

/*
 * fields_finish - the end of a decoder: hand out what was decoded.
 *
 * Returns 0 with *ret written, and MARK_TAIL in it if octets are left over (a later version
 * of the profile may have added fields), or -EMSGSIZE if a read went over the end.
 */
int fields_finish(const struct reader *r, const struct decoded *d, struct decoded *ret);

/* fields_finish_exact - the same, but octets left over are -EMSGSIZE too: look-alikes of
 * another layout are told by their length. */
int fields_finish_exact(const struct reader *r, const struct decoded *d,
			struct decoded *ret);
