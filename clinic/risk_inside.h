#pragma once

/*
 * risk_inside.h - what risk*.c share and nobody else sees.
 */
#include "clinic/risk.h"

/* The first item of a list or an object, NULL: none; the others are behind ->next. */
static inline const cJSON *risk_first(const cJSON *list)
{
	return list ? list->child : NULL;
}

/* The text of a member, or "". */
const char *risk_text(const cJSON *o, const char *name);
/* A vulnerability of a component; known already: the higher tier stays. Returns 0 or -ENOMEM. */
int risk_add_cve(struct risk *r, const char *id, size_t component);
