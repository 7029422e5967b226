#pragma once

/*
 * spec.h - what a person types to describe a device:
 * "bp,AA:BB:CC:DD:EE:FF/random,passkey=123456,user=1".
 */
#include <stdbool.h>

#include "hub/core/config.h"

/*
 * spec_parse_device - kind, address, then options in any order, separated by commas.
 *
 *   kind      bp
 *   address   six pairs of hex digits with colons; /random or /public (default) behind it
 *   options   passkey=NNNNNN, six digits; user=N, 0..254: the patient's number on the device;
 *             user=sole: nobody else uses it
 *
 * text      NUL-terminated, changed
 * ret       all but num is filled
 * ret_why   what is wrong and what it should look like; static; written on failure only
 *
 * Returns 0 or -EBADMSG. Pure.
 */
int spec_parse_device(char *text, struct config_device *ret, const char **ret_why);

/* spec_parse_number - decimal, optional '-', no blanks, min..max. Returns 0 or -ERANGE. Pure. */
int spec_parse_number(const char *text, long min, long max, long *ret);

/* spec_name_ok - a hub's name: 1..40 of a-z A-Z 0-9 . _ -, not starting with '.' or '-'. Pure. */
bool spec_name_ok(const char *name);
