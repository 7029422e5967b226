#pragma once

/*
 * kind.h - what people call a kind of device, for what they type. Pure data.
 */
#include "hub/core/reading.h"

/* kind_named - "bp", "weight" or "scale", "glucose", "spo2", "temp", "hr", "cgm", "ghs"; else READING_NONE. Pure. */
enum reading_kind kind_named(const char *name);
/* kind_name - the first of its names; NULL: no device is of this kind. Pure. */
const char *kind_name(enum reading_kind k);
