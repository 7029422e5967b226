#pragma once

/*
 * plan_text.h - when somebody should measure, and when nobody may be asked to, as a person types it.
 */
#include <stdbool.h>

#include "hub/core/config.h"

enum { PLAN_TEXT_MAX = 64 };

/* plan_text - "08:00,20:00" or "every 12 h". Returns buf. Pure. */
char *plan_text(const struct config_plan *p, char buf[static PLAN_TEXT_MAX]);
/* plan_parse - the same, also "every 3 d"; times ascending. device is left. Returns false: neither. Pure. */
bool plan_parse(const char *text, struct config_plan *ret);

/* quiet_text, quiet_parse - "22:00-07:00". Pure. */
char *quiet_text(const struct config_quiet *q, char buf[static PLAN_TEXT_MAX]);
bool quiet_parse(const char *text, struct config_quiet *ret);
