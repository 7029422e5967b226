#pragma once

/*
 * metrics.h - what one clinicd did, as Prometheus reads it from a file (node_exporter's textfile collector). Nothing
 * listens. Numbers only: no hub, no person.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/enroller.h"
#include "clinic/ingest.h"

enum {
	METRICS_EVERY_MS = 15000,
	METRICS_BUCKETS = 12,
	METRICS_TEXT_MAX = 8192,
};

struct metrics {
	uint64_t requests[INGEST_OUTCOMES];   /* by enum ingest_outcome */
	uint64_t repeated;		      /* transactions that were tried again */
	uint64_t stored, duplicate, conflict; /* records */
	uint64_t held,
		unassigned; /* the same; unassigned: because of their assignment, not in held */
	uint64_t handshakes_good, handshakes_refused; /* by the row of their key */
	uint64_t unknown_paths;
	uint64_t enrolments[ENROLLER_OUTCOMES]; /* requests, by enum enroller_outcome */
	uint64_t enrol_handshakes_good, enrol_handshakes_refused;
	uint64_t commits[METRICS_BUCKETS +
			 1]; /* by time; the last: longer than all limits */
	uint64_t commit_us;  /* all together */
	bool store_up;
	uint8_t window; /* given to hubs, 0: none */
	uint16_t port;	/* tells several processes of one machine apart */
};

/* metrics_count - what one request did. */
void metrics_count(struct metrics *m, const struct ingest_note *n);
/* metrics_on_commit - a COMMIT that took so long, good or not. */
void metrics_on_commit(struct metrics *m, uint64_t us);

/* metrics_format - the text. Returns its length, or -ENOSPC. Pure. */
int metrics_format(const struct metrics *m, char *buf, size_t cap);

/*
 * metrics_write - the text into the file, whole or not at all; readable for everybody.
 *
 * Returns 0, -ENOENT (no such folder), -EACCES, -ENOSPC or -EIO.
 */
int metrics_write(const struct metrics *m, const char *path);
