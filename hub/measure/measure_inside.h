#pragma once

/*
 * measure_inside.h - what main.c and measure_*.c share and nobody else sees.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/measure/drops.h"
#include "hub/measure/handing.h"
#include "hub/measure/hardware.h"
#include "hub/measure/scan.h"
#include "hub/measure/seen.h"
#include "hub/measure/texts.h"
#include "hub/rt/ipc.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"

enum { MEASURE_DELIVER_MS = 60000 };

struct measure {
	struct rt *rt;
	struct rt_timer *timer;
	struct ipc *store, *hubd;
	struct options options;
	uint8_t *list; /* manifest.bin */
	struct image image;
	uint8_t private[P256_PRIVATE_LEN];
	struct seen seen;
	struct evidence now, earlier;
	uint8_t digest[SHA256_LEN];
	uint8_t bytes[EVIDENCE_BYTES_MAX];
	size_t len, sent; /* octets; pieces */
	bool signed_off, told, taken;
	struct texts *texts; /* owned, NULL: none were taken */
	uint8_t *snapshot;   /* owned; signed */
	struct handing handing;
	struct hardware hardware;
	struct hardware_change changed; /* since the last look */
	struct drops drops;
	bool has_drops;
	struct mono give_up_at;
};

/* --- measure_list.c: what the image consists of ------------------------------------------------- */

/* Returns 0, or a negative errno: there is nothing to hold anything against. */
int measure_read_list(struct measure *m);
/* Whether the build has signed it, to the log. */
void measure_check_word(const struct measure *m);

/* --- measure_look.c: what there is --------------------------------------------------------------- */

/* What runs, into m->now. Returns 0, or a negative errno, which is logged. */
int measure_look(struct measure *m);
/* What has changed since the last look, into m->changed; what was dropped, into m->now. */
void measure_look_at_hardware(struct measure *m);
void measure_look_at_drops(struct measure *m);

/* --- measure_sign.c: the account of it ----------------------------------------------------------- */

/* m->now, signed, with a number of its own. Returns 0, or a negative errno. */
int measure_sign(struct measure *m);

/* --- measure_tell.c: who hears of it -------------------------------------------------------------- */

/* What did not go yet, as far as it goes now. */
void measure_send_evidence(struct measure *m);
void measure_tell_hubd(struct measure *m);
/* Is there something that hubd has to hear? */
bool measure_has_incident(const struct measure *m);

/* --- measure_snapshot.c: what a locked hub looks like ----------------------------------------------- */

/* hub-store asks for the one of this number; 0: for none. */
void measure_begin_snapshot(struct measure *m, uint64_t number);
void measure_send_snapshot(struct measure *m);
void measure_on_snapshot_taken(struct measure *m, const struct msg_snapshot_taken *t);
