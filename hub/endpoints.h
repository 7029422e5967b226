#pragma once

/*
 * endpoints.h - in which order a hub tries the clinic's endpoints: so that a fleet spreads over them by weight.
 */
#include <stddef.h>

#include "hub/core/config.h"

/*
 * endpoints_order - sort a config's endpoints for one hub, most wanted first.
 *
 * hub     whose order it is; the same hub always gets the same order
 * e       sorted in place; a weight of 0 counts as 1
 * count   at most CONFIG_ENDPOINTS_MAX
 *
 * Of many hubs a share of weight / sum of weights has an endpoint first. What the order of two endpoints is does
 * not depend on a third: one that goes or comes moves only the hubs that it has, or gets. It depends on name, address
 * and port: the servers of a clinic may have one certificate, and so one name. Another pin or profile, or another
 * one's weight, moves nobody.
 *
 * Pure. Source: weighted rendezvous hashing; with whole weights that is the best of 'weight' draws.
 */
void endpoints_order(const uint8_t hub[static HUB_ID_LEN], struct config_endpoint *e,
		     size_t count);
