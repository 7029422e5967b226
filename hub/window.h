#pragma once

/*
 * window.h - the pairing window that the clinic orders in the signed config: opened once, told to hub-ble, served.
 *
 *   IDLE    no order, or one that was served
 *   READY   an order that was not served yet; waits for an adapter and a level below WINDOW_LEVEL
 *   OPEN    hub-ble knows of it, or will as soon as it is back; time runs
 *
 *   IDLE  -> READY  on a config with an id above the last one served, in window_on_config
 *   READY -> OPEN   when hub-ble says that its adapter can be used, in window_on_adapter
 *   OPEN  -> READY  at WINDOW_LEVEL and above, in window_on_level; time runs on
 *   any   -> IDLE   when hub-ble says how it ended, in window_on_status; when time is up, in window_on_time;
 *                   when the config no longer orders it, in window_on_config
 *   IDLE  -> OPEN   somebody at the hub opens one, in window_on_console; the next config closes it
 *
 * Invariants
 *   1. A window that ended by itself is served: remembered before anything else is done, and never opened again,
 *      not after a restart or a power cut either. One that had not ended opens again, with its whole time.
 *      One that was opened at the hub is in no memory but this: after a restart there is none.
 *   2. hub-ble is told of a window only below WINDOW_LEVEL, and of one window at a time.
 *   3. If it cannot be known which windows were served, the one that is ordered then counts as served.
 *
 * Pure. After each event the caller drains window_next and arms a timer for window_deadline.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	WINDOW_LEVEL = 2, /* at this lockdown level and above nothing is paired */
	WINDOW_BYTES_MAX = 32,
};

/* Up to which window all were served. */
struct window_served {
	uint32_t epoch;
	uint32_t id; /* 0: none */
};

enum window_action_kind {
	WINDOW_NOTHING = 0,
	WINDOW_REMEMBER, /* write 'served' durably, before anything else; again later if that fails */
	WINDOW_SAY,  /* for log and light: window 'id' is now 'state' */
	WINDOW_TELL, /* send 'tell' to hub-ble */
};

struct window_action {
	enum window_action_kind kind;
	struct window_served served;
	uint32_t id;
	enum window_state
		state; /* 0: closed before its end, by the level or by the clinic */
	struct msg_window tell;
};

/* Fields are private. */
struct window {
	struct window_served served;
	bool doubt;   /* served could not be read */
	bool changed; /* served is to be remembered */
	uint32_t epoch;
	struct config_window order; /* id 0: none, or served */
	bool here;		    /* it was opened at the hub */
	struct mono ends;	    /* MONO_NEVER: its time has not begun */
	uint8_t level;
	bool usable;   /* hub-ble is there and has an adapter */
	uint32_t told; /* id of the window that hub-ble knows of; 0: of none */
	bool say;
	uint32_t say_id;
	enum window_state say_state;
};

/* window_init - served: what was remembered, NULL if it could not be read. */
void window_init(struct window *w, const struct window_served *served);
void window_on_config(struct window *w, uint32_t epoch, const struct config_window *order,
		      struct mono now);
void window_on_level(struct window *w, uint8_t level, struct mono now);
/*
 * window_on_console - somebody at the hub, whom the clinic lets, opens one for this device.
 *
 * minutes   1..CONFIG_WINDOW_MIN_MAX
 *
 * Returns false: one is open or ordered, hub-ble cannot, or the level forbids it.
 */
bool window_on_console(struct window *w, uint16_t device, uint16_t minutes,
		       struct mono now);
/* hub-ble says whether it has an adapter that can be used. */
void window_on_adapter(struct window *w, bool usable, struct mono now);
/* hub-ble came or went: it has no adapter until it says so, and knows of no window. */
void window_on_ble(struct window *w);
/* A STATUS_WINDOW of hub-ble; one of another id is nobody's business any more. */
void window_on_status(struct window *w, uint64_t id, uint64_t state);
void window_on_time(struct window *w, struct mono now);
/* The next thing to do; kind WINDOW_NOTHING: wait. */
void window_next(struct window *w, struct mono now, struct window_action *ret);
/* MONO_NEVER if no time runs. */
struct mono window_deadline(const struct window *w);

/* window_encode - the bytes of the file 'window'. Returns the length. Pure. */
int window_encode(const struct window_served *s, uint8_t buf[static WINDOW_BYTES_MAX]);

/* window_decode - Returns 0, -EBADMSG, -ERANGE or -ENOTSUP. Pure. */
int window_decode(const uint8_t *buf, size_t len, struct window_served *ret);
