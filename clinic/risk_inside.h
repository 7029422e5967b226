#pragma once

/*
 * risk_inside.h - what risk*.c share and nobody else sees.
 */
#include "clinic/risk.h"

/* The text of a member, or "". */
const char *risk_text(const cJSON *o, const char *name);
/* A vulnerability of a component; known already: the higher tier stays. Returns 0 or -ENOMEM. */
int risk_add_cve(struct risk *r, const char *id, size_t component);
