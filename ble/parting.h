#pragma once

/*
 * parting.h - hub-ble's part of the hand-over to another assignment (hub/fence.h): let no device in, hand over what is
 * here, forget the devices.
 *
 *   IDLE    -FENCE, quiet->   QUIET    radio off, then what still waits is given its DECODED
 *   IDLE    -FENCE, forget->  FORGET   radio on, every bond is removed; radio off; the rest as QUIET; devices forgotten
 *   QUIET   -FENCE, forget->  FORGET
 *   any     -a config->       IDLE
 *
 * Invariants
 *   1. A step is done only when no value is here that is not durable, and nothing can come any more: the radio is off.
 *   2. FORGET is done only after bluetoothd has listed its objects and none had a bond.
 *   3. What comes meanwhile is taken, for the assignment that ends: it was somebody's measurement with that bond.
 *
 * Pure. parting_turn once in each turn of the loop; what it orders is done in the same turn.
 */
#include <stdbool.h>

#include "hub/core/msg.h"

/* How things are. */
struct parting_view {
	bool off;   /* the radio is, or there is none */
	bool empty; /* each value is durable */
	bool bare; /* bluetoothd has no bond, as far as it was asked since the radio is on */
};

struct parting_orders {
	bool power; /* want the radio on */
	bool purge; /* have bonds removed */
	bool finish; /* values wait for nothing more: streams and segments end, DECODED goes */
	bool clear; /* forget devices, marks and what hub-store was to hear of them; once */
	bool say;   /* send 'fenced' to hubd; if it goes, parting_said */
	struct msg_fence fenced;
};

/* Fields are private; all zero at first. */
struct parting {
	struct msg_fence ask; /* step FENCE_SETTLED: idle */
	bool bare, finished, done, said;
};

/* hubd asks; an ask of hub-store's steps is none for us. The same step again: only the answer is due again. */
void parting_on_fence(struct parting *p, const struct msg_fence *ask);
/* A config came: devices are ours again. */
void parting_on_config(struct parting *p);
/* Not idle: no device may connect, nothing may be paired. */
bool parting_is_on(const struct parting *p);
struct parting_orders parting_turn(struct parting *p, struct parting_view v);
void parting_said(struct parting *p);
