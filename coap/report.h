#pragma once

/*
 * report.h - what hubd is told of the uplink: incidents, each kind at most once a minute with its count.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"
#include "hub/rt/ipc.h"

enum { REPORT_KINDS = 8 };

/* Fields are private. */
struct report {
	struct {
		enum incident what;
		uint32_t count; /* not told yet */
		bool told;
		struct mono told_at;
	} tallies[REPORT_KINDS];
};

/* report_note - it happened; also goes to the log. */
void report_note(struct report *r, enum incident what);

/* report_send - tell hubd what is due; what cannot be told now is kept. */
void report_send(struct report *r, struct ipc *hubd, struct mono now);
