#pragma once

/*
 * spec.h - what a person types to describe a device:
 * "bp,AA:BB:CC:DD:EE:FF/random,passkey=123456,user=1".
 */
#include <stdbool.h>

#include "hub/core/config.h"

/*
 * spec_parse_device - kind, address, then options in any order, each once, separated by commas.
 *
 *   kind       bp, weight (or scale), glucose, spo2, temp, hr, cgm, ghs
 *   address    six pairs of hex digits with colons; /random or /public (default) behind it;
 *              'any': whichever is found in a pairing window
 *   passkey=   six digits
 *   justworks  a bond without a passkey will do; one of these two must be there
 *   user=      0..254: the patient's number on the device; sole: nobody else uses it
 *   consent=   four digits: the consent code of that number
 *   history=   new (default) or all: what the device stored before the hub met it, too
 *   serial=    it must say this serial number
 *
 * text      NUL-terminated, changed
 * ret       all but num is filled
 * ret_why   what is wrong and what it should look like; static; written on failure only
 *
 * Returns 0 or -EBADMSG. Pure.
 */
int spec_parse_device(char *text, struct config_device *ret, const char **ret_why);

enum { SPEC_TEXT_MAX = 256, SPEC_CHANGE_MAX = 40 };

/*
 * spec_device_text - as spec_parse_device takes it.
 *
 * secrets   with passkey and consent code; else stars are in their places
 *
 * Returns buf. Pure.
 */
char *spec_device_text(const struct config_device *d, bool secrets,
		       char buf[static SPEC_TEXT_MAX]);

/* spec_change_text - as spec_parse_change takes it; seconds are left out. Returns buf. Pure. */
char *spec_change_text(int64_t utc_s, int16_t offset_min,
		       char buf[static SPEC_CHANGE_MAX]);

/* spec_parse_change - "2027-03-28T01:00Z,120": from then on the offset from UTC is another.
 * Returns 0 or -EBADMSG. Pure. */
int spec_parse_change(const char *text, int64_t *ret_utc_s, int16_t *ret_offset_min);

/* spec_parse_number - decimal, optional '-', no blanks, min..max. Returns 0 or -ERANGE. Pure. */
int spec_parse_number(const char *text, long min, long max, long *ret);

/* spec_name_ok - a hub's name: 1..40 of a-z A-Z 0-9 . _ -, not starting with '.' or '-'. Pure. */
bool spec_name_ok(const char *name);
