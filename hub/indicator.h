#pragma once

/*
 * indicator.h - the one light of the patient: saved, reached the clinic, needs you.
 *
 * Pure. The states in the order in which they win:
 *   CODE       somebody ordered the hub to show which one it is: the counts of label_code are blinked, until the next
 *              thing is saved, INDICATOR_CODE_MS at most
 *   NEEDS_YOU  readings cannot be saved now (since INDICATOR_PATIENCE_MS); a pairing window is open, or was
 *              closed because two devices could be meant; a device must be paired again, or is silent for a
 *              reason that a person can mend; somebody is asked to measure (plan.h: not in quiet hours)
 *   SAVED      at least one reading waits for the clinic
 *   REACHED    everything that was measured is at the clinic
 *   READY      nothing measured since the start
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum { INDICATOR_PATIENCE_MS = 10 * 60 * 1000, INDICATOR_CODE_MS = 5 * 60 * 1000 };
enum { INDICATOR_TEXT_MAX = 40 };

enum indicator_light {
	LIGHT_NONE = 0,
	LIGHT_READY,
	LIGHT_SAVED,
	LIGHT_REACHED,
	LIGHT_NEEDS_YOU,
	LIGHT_CODE,
};

/* Fields are private. */
struct indicator {
	/* a reading was saved since the start, or waits since before */
	bool measured;
	uint64_t unsent;
	struct mono blocked_at; /* MONO_NEVER: not blocked */
	/* one bit per device number 0..31 that needs a person: by its state, by its reason */
	uint32_t attention, silent;
	bool window; /* a pairing window wants somebody */
	bool asked;  /* somebody is to measure */
	struct mono code_until;
	uint64_t highest; /* seq that was saved */
};

void indicator_init(struct indicator *i);
/* A STATUS message of any process. */
void indicator_on_status(struct indicator *i, const struct msg_status *s,
			 struct mono now);
/* What became of the pairing window, see struct window_action. */
void indicator_on_window(struct indicator *i, enum window_state state);
/* Somebody is to measure, or not any more. */
void indicator_on_asked(struct indicator *i, bool asked);
/* The hub is to show its code now, for this long at most. */
void indicator_on_code(struct indicator *i, uint32_t ms, struct mono now);
/* hub-ble is there anew and will say again what it knows of its devices. */
void indicator_on_ble(struct indicator *i);
/* A new config: devices that are not in it need nobody any more. */
void indicator_on_config(struct indicator *i, const struct config *c);
enum indicator_light indicator_light(const struct indicator *i, struct mono now);
/* When the light may change by itself; MONO_NEVER if it does not. */
struct mono indicator_deadline(const struct indicator *i, struct mono now);
/* What a person reads. */
const char *indicator_text(enum indicator_light l);
