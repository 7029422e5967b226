#pragma once

/*
 * silence_show.h - what 'clinicctl status' says of one hub and each of its devices: last signs, and why one is silent.
 */
#include "clinic/hub_facts.h"
#include "clinic/json.h"
#include "clinic/silence.h"

/* What is shown of one hub. */
struct silence_view {
	const struct hub_facts *facts; /* borrowed */
	int64_t now_ms;
	int64_t silent_after_ms; /* for all devices; -1: what their kind says */
};

/* A line for the hub and one for each device. */
void silence_print(const struct silence_view *v);

/* The same as members of o: 'reason', 'what', 'status' and 'devices'. */
void silence_add_json(const struct silence_view *v, cJSON *o);
