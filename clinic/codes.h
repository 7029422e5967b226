#pragma once

/*
 * codes.h - the profiles' own lists of numbers, and the MDC codes that are met most, in words. Pure; static
 * strings, NULL for a number that is not in the list.
 */
#include <stdint.h>

#include "hub/core/reading.h"

/* A value of unit UNIT_CODE: what the number means for this name. */
const char *codes_meaning(enum value_name name, int64_t code);

/* A 32-bit code of IEEE 11073-10101: partition times 65536, plus term code. */
const char *codes_mdc(uint32_t code);
/* A unit of it: term code of partition 4. */
const char *codes_mdc_unit(uint16_t code);
