#pragma once

/*
 * limit_text.h - limits of a vital sign (hub/core/limits.h) as a person types them. Pure.
 */
#include <stdbool.h>

#include "hub/core/limits.h"

enum { LIMIT_TEXT_MAX = 48 };

/* limit_text - "90..180", "92.." or "..39.5", in the unit of its limits. Returns buf. */
char *limit_text(const struct limit *l, char buf[static LIMIT_TEXT_MAX]);

/*
 * limit_parse - the same, at most three digits behind the point.
 *
 * name   of the vital sign, as value_name_text says it
 *
 * Returns false: no vital sign that can have limits, or no limits.
 */
bool limit_parse(const char *name, const char *text, struct limit *ret);
