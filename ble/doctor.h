#pragma once

/*
 * doctor.h - why a device is silent: names the cause, and never repairs anything. One machine
 * per device, and one ear per hub.
 *
 *   evidence, the worst first                                              reason
 *   no adapter, or a search that hears nobody at all                       SILENCE_ADAPTER
 *   other serial number, System ID or strength than at its pairing         SILENCE_CHANGED
 *   no bond here; what pairing says of its last attempt                    SILENCE_PASSKEY,
 *                                                 _KEY_SHORT, _CHANGED or SILENCE_HUB_FORGOT
 *   bond here, 5 links in a row were never encrypted although the
 *   genuine device was due, or it has missed its time since                SILENCE_DEVICE_FORGOT
 *   3 links in a row were encrypted and hung up at once                    SILENCE_TAKEN
 *   services missing twice in a row (once is retried)                      SILENCE_SERVICES
 *   consent code refused                                                   SILENCE_CONSENT
 *   battery low, or signal weak                                            SILENCE_WEAK
 *   no sign of it for twice its usual time                                 SILENCE_UNSEEN
 *
 * Why bluetoothd 5.82 lost a link is not on D-Bus, so two causes are told apart by pattern: a
 * device that lost its bond, or a copy without the key, never gets as far as encryption; one
 * that is bonded to a phone now, but still has our key, is encrypted and leaves. A link that
 * was encrypted, resolved and then ended without a value is neither: devices advertise on for
 * a while after they have said everything.
 *
 * An impostor can make links fail at any time. Soon after the genuine device was here that is
 * no sign that it lost its bond; it is when the device is due (three quarters of its usual
 * time have passed), and if it has not come after one and a half of it. The usual time is
 * learned from its good connections; as long as it is not known the device is always due.
 *
 * Invariants
 *   1. A reason is shown, or taken back, only after the evidence for it held for 30 s.
 *   2. One good connection takes back all that failing links said.
 *   3. Nothing that was not told is held against the device.
 *
 * Pure: events and 'now' in, a reason out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	DOCTOR_HOLD_MS = 30000,
	DOCTOR_REFUSED = 5, /* links that were never encrypted, in a row */
	DOCTOR_DROPPED = 3, /* links that were encrypted and left at once, in a row */
	DOCTOR_MISSING =
		2, /* links without the services that should be there, in a row */
	/* a link that lasted so long without services: they are not to come */
	DOCTOR_SERVICES_MS = 25000,
	DOCTOR_GAP_MIN_MS = 600000, /* connections closer than this are one measurement */
	DOCTOR_GAP_MAX_MS = 604800000, /* a week: longer gaps say nothing */
	DOCTOR_UNSEEN_MIN_MS = 86400000,
	DOCTOR_UNSEEN_MS = 172800000, /* while its usual time is not known */
	DOCTOR_BATTERY_LOW = 20,      /* percent; below it is low, */
	DOCTOR_BATTERY_GOOD = 30,     /* from here on it is not */
	DOCTOR_RSSI_WEAK = -90,	      /* dBm, averaged; the same */
	DOCTOR_RSSI_GOOD = -85,
	DOCTOR_RSSI_UNKNOWN = 127,
	/* A search that hears nobody for so long. In a lonely house with the device switched
	 * off that is right, too: so not soon, and only for as long as the search lasts. */
	DOCTOR_DEAF_MS = 180000,
};

/* Fields are private. */
struct doctor {
	/* told */
	bool adapter_bad, unbonded, changed, consent_refused, battery_low, signal_weak;
	enum silence_reason pairing;
	int rssi; /* averaged, or DOCTOR_RSSI_UNKNOWN */
	/* links in a row */
	unsigned refused, refused_due, dropped, missing;
	/* this link */
	bool linked, encrypted, ready, dismissed;
	struct mono linked_at;
	/* connections */
	bool started; /* some time was told */
	struct mono last_sign;
	bool has_good;
	struct mono last_good;
	uint64_t usual_ms; /* 0: not known */
	/* shown, and what will be shown if it lasts */
	enum silence_reason reason, next;
	struct mono since, next_since;
	struct mono deadline;
};

void doctor_init(struct doctor *d);

/* A link with the bonded device is up; it was seen encrypted; its services are there and it is
 * used; it is gone. */
void doctor_on_linked(struct doctor *d, struct mono now);
void doctor_on_encrypted(struct doctor *d, struct mono now);
void doctor_on_ready(struct doctor *d, struct mono now);
void doctor_on_gone(struct doctor *d, struct mono now);

/* doctor_on_dismissed - the hub itself ends this link. That proves nothing, except
 * that a link which lasted long enough never became of use. */
void doctor_on_dismissed(struct doctor *d, struct mono now);

/* The device was heard advertising. rssi: dBm, or DOCTOR_RSSI_UNKNOWN. */
void doctor_on_seen(struct doctor *d, int rssi, struct mono now);

/* A value came. */
void doctor_on_value(struct doctor *d, struct mono now);

/* The consent code was accepted, or refused. */
void doctor_on_consent(struct doctor *d, bool accepted, struct mono now);

/* What it says of itself was read. changed: it is not who was paired. battery: percent, above
 * 100: not known. */
void doctor_on_info(struct doctor *d, bool changed, uint8_t battery, struct mono now);

/*
 * doctor_on_bond - is there a bond here; may be told again when nothing changed.
 *
 * pairing   why there is none (pairing_reason_silence), SILENCE_NONE: nobody tried; ignored
 *           if there is one
 *
 * A bond where there was none takes back what was known of the old one.
 */
void doctor_on_bond(struct doctor *d, bool bonded, enum silence_reason pairing,
		    struct mono now);

/* doctor_on_adapter - can the hub hear anybody (doctor_ear_works)? */
void doctor_on_adapter(struct doctor *d, bool works, struct mono now);

/* doctor_run - draw conclusions; call after each event and deadline. Returns whether the
 * reason changed. */
bool doctor_run(struct doctor *d, struct mono now);

/* doctor_deadline - when doctor_run wants to be called without an event; MONO_NEVER if not. */
struct mono doctor_deadline(const struct doctor *d);

/* doctor_reason - why it is silent, or cannot be paired; SILENCE_NONE: it is not. */
enum silence_reason doctor_reason(const struct doctor *d);

/* doctor_since - when the evidence for doctor_reason began. */
struct mono doctor_since(const struct doctor *d);

/* The hub's own hearing. Fields are private. */
struct doctor_ear {
	bool down;
	bool searching;
	struct mono silent_since; /* while searching */
};

void doctor_ear_init(struct doctor_ear *e);

/* The adapter is there and powered, or is not although it should be. */
void doctor_ear_on_adapter(struct doctor_ear *e, bool up);

/* A search of ours runs, or does not. */
void doctor_ear_on_search(struct doctor_ear *e, bool on, struct mono now);

/* Anybody at all was heard or connected. */
void doctor_ear_on_heard(struct doctor_ear *e, struct mono now);

/* doctor_ear_works - false: no adapter, or this search hears nobody. */
bool doctor_ear_works(const struct doctor_ear *e, struct mono now);

/* doctor_ear_deadline - when doctor_ear_works may change without an event; MONO_NEVER if not. */
struct mono doctor_ear_deadline(const struct doctor_ear *e, struct mono now);
