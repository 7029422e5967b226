#pragma once

/*
 * config_state.h - where the config of a hub is on its way: signed here, in use there, proven, or refused and why.
 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "clinic/store.h"
#include "hub/core/status.h"

enum config_state {
	CONFIG_STATE_NONE = 0, /* nothing was signed that a hub could fetch */
	CONFIG_STATE_IN_USE,
	CONFIG_STATE_ON_ITS_WAY, /* the hub has an older one, or has not said */
	CONFIG_STATE_REFUSED,	 /* by the hub; it goes on with the one before */
	CONFIG_STATE_UNCONFIRMED, /* in use, but the hub is connected by the endpoints of an older one */
	CONFIG_STATE_AHEAD, /* the hub has a newer one: an older backup was restored here */
};

/*
 * config_state - of the row and what the hub said last.
 *
 * st   NULL: it said nothing
 *
 * Pure.
 */
enum config_state config_state(const struct hub *h, const struct status *st);

/* config_state_text - one word for programs. Pure. */
const char *config_state_text(enum config_state s);

/* config_state_print - a line for a person. */
void config_state_print(FILE *to, const struct hub *h, const struct status *st);

/* config_state_add - the object 'config' in o. */
void config_state_add(cJSON *o, const struct hub *h, const struct status *st);
