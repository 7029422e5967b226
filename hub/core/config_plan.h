#pragma once

/*
 * config_plan.h - the part of a config that is about times of the day: its CBOR, checked as config.h says. Pure.
 */
#include "hub/core/config.h"

/* Errors stick in c; what is refused: -ERANGE. The devices of ret must be there. */
void config_put_plans(struct writer *w, const struct config *c);
void config_get_plans(struct cb *c, struct config *ret);
void config_put_quiet(struct writer *w, const struct config *c);
void config_get_quiet(struct cb *c, struct config *ret);
