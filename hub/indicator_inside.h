#pragma once

/*
 * indicator_inside.h - what indicator.c and indicator_words.c share and nobody else sees.
 */
#include "hub/indicator.h"

/* Readings could not be saved for INDICATOR_PATIENCE_MS. */
bool indicator_cannot_save(const struct indicator *i, struct mono now);
/* The first device that needs somebody; INDICATOR_DEVICES: none does. */
size_t indicator_needy(const struct indicator *i);
