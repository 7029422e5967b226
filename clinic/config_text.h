#pragma once

/*
 * config_text.h - a hub's config as text that a person can change: JSON, in which devices and endpoints are said as on
 * clinicctl's command line.
 *
 *	{
 *		"hub": "kitchen",
 *		"version": 4,
 *		"heartbeat_s": 300,
 *		"utc_offset_min": 60,
 *		"utc_offset_change": "2027-03-28T01:00Z,120",
 *		"devices": {
 *			"1": "bp,AA:BB:CC:DD:EE:FF,passkey=123456,user=sole"
 *		},
 *		"endpoints": [
 *			"name=clinic.example,address=192.0.2.1"
 *		],
 *		"plan": {
 *			"1": "08:00,20:00"
 *		},
 *		"ask_to_measure": true,
 *		"quiet_hours": ["22:00-07:00"],
 *		"limits": {
 *			"systolic": "90..180"
 *		}
 *	}
 *
 * 'hub' and 'version' say what was changed and stay as they are; utc_offset_change may be null. What has verbs of its own
 * (assignment, pairing window) or follows from the clinic's keys is not in it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "hub/core/config.h"

enum { CONFIG_TEXT_WHY_MAX = 1024, CONFIG_TEXT_MAX = 65536 };

/*
 * config_text_make - the text.
 *
 * secrets   with passkeys and consent codes; else stars are in their places
 *
 * Returns it, NUL-terminated, to be wiped and freed; lack of memory ends the program.
 */
char *config_text_make(const char *hub, const struct config *c, bool secrets);

/*
 * config_text_read - what a person made of it.
 *
 * text   NUL-terminated
 * own    what an endpoint has of which not everything is said, see endpoint_fill
 * c      the config that was given out as text; changed on success only
 * why    which field is wrong, and what it should look like
 *
 * Returns 0 or -EBADMSG.
 */
int config_text_read(const char *text, const char *hub, const struct config_endpoint *own,
		     struct config *c, char why[static CONFIG_TEXT_WHY_MAX]);

/* config_text_diff - the lines that are no more, with '-', and that are new, with '+', in their order. */
void config_text_diff(FILE *to, const char *before, const char *after);
