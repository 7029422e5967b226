#pragma once

/*
 * risk_show.h - what 'clinicctl risk' prints.
 */
#include "clinic/evidence_load.h"
#include "clinic/risk.h"
#include "clinic/store.h"

struct risk_report {
	const struct hub *hub;
	const struct evidence_found *evidence; /* of this image, or found is false */
	int64_t now_ms,
		feed_ms;   /* the oldest list of vulnerabilities; 0: none was given */
	const char *build; /* who has signed the image, in words */
	const char *only;  /* this vulnerability; NULL: all */
};

void risk_show_text(const struct risk *r, const struct risk_report *rep);
void risk_show_json(const struct risk *r, const struct risk_report *rep);
