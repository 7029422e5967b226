#pragma once

/*
 * devices_internal.h - what the files behind devices.h share; nobody else includes it.
 *
 *   devices.c         configuration, time, windows; lets the machines act
 *   devices_link.c    connections: bond, verification, what the device has
 *   devices_steps.c   the steps of a session: reads, clock, consent
 *   devices_memory.c  stored records, and how far they are durable
 *   devices_info.c    what a device says of itself, compared with what it said before
 *   devices_fence.c   the hand-over to another assignment: nothing of the old one stays
 *   devices_health.c  when it was there last, and what hubd tells the clinic of it
 *   devices_value.c   from a value over the air to the two messages for hub-store
 */
#include "ble/bluez.h"
#include "ble/bondlink.h"
#include "ble/bucket.h"
#include "ble/capture.h"
#include "ble/choose.h"
#include "ble/clock.h"
#include "ble/crashes.h"
#include "ble/devices.h"
#include "ble/dis.h"
#include "ble/doctor.h"
#include "ble/handover.h"
#include "ble/pairing.h"
#include "ble/parting.h"
#include "ble/profile.h"
#include "ble/racp.h"
#include "ble/report.h"
#include "ble/revive.h"
#include "ble/segment.h"
#include "ble/session.h"
#include "ble/stream.h"
#include "ble/traits.h"
#include "ble/verify.h"

enum {
	DEVICE_JOINS = 3,   /* characteristics that come in segments */
	DEVICE_STREAMS = 2, /* characteristics that stream */
	FEATURES_MAX = 64,
	MEMORIES_MAX = 2 * CONFIG_DEVICES_MAX,
	DEVICE_REFUSALS_MAX = 3, /* of a consent code; some scales lock after that */
};

/* A chain of reads, one after the other: STEP_PREPARE and STEP_INFO. */
struct chain {
	uint16_t uuids[CHOOSE_INFO_MAX];
	size_t count, next;
};

struct memory {
	struct choose_memory where; /* service 0: none */
	struct racp racp;
	bool running;
	/* at first contact: each record is judged by its time, and left out if it is from before */
	bool screening;
	uint32_t left_out, left_out_top; /* how many; the highest key of them */
	bool mark_due;			 /* 'next' becomes durable when every value is */
	struct msg_memory next;
};

/* How far a memory is durable, as hub-store told or we told it. */
struct durable_memory {
	struct msg_memory m; /* num 0: free */
	bool is_void;	     /* of another device: only its history counts on */
};

struct info {
	struct dis dis;
	uint8_t features[FEATURES_MAX]; /* [uuid u16][len u8][octets]... beside dis */
	size_t features_len;
	bool read;	 /* completely, at least once in this life of hub-ble */
	bool told;	 /* the record was handed over as it is */
	bool changed;	 /* it is not the device that was bonded */
	uint8_t battery; /* 0..100, BAS_UNKNOWN */
};

/* For hubd. Fields are private to devices_health.c; all zero at first. */
struct device_health {
	struct mono seen_at, seen_told; /* advertised or connected; 0: never */
	struct mono read_at,
		read_told; /* capture of its newest durable reading; 0: none */
	bool battery_told, clock_told;
	uint8_t battery;
	int64_t clock_told_ms;
	int signal, signal_told; /* dBm, averaged over one approach; 0: not known */
};

struct device {
	struct config_device cfg;
	struct device_pin pin;
	struct peripheral who; /* with the address that counts, configured or found */
	bool has_addr;
	bool unpairs; /* hubd waits until its bond is gone */
	const struct traits *traits;
	struct session session;
	struct clock_track clock;
	struct verify verify;
	struct doctor doctor;
	/* how many it may still send; 'unproven' on this link, as long as it may be anybody's:
	 * what an impostor sends is not held against the device */
	struct bucket values, samples, unproven;
	unsigned is;	   /* what bluetoothd says of it, PROP_PAIRED .. PROP_RESOLVED */
	bool bonded;	   /* a bond that was found good */
	bool linked;	   /* connected, and bonded */
	bool has_services; /* resolved, and a measurement is among them */
	bool trusting;	   /* trust was asked for on this attachment */
	bool was_trusted;  /* its bond was found good, in this life or before */
	struct mono gone_at;
	struct choose_clock clock_at;
	struct clock_form form;
	struct profile_context ctx;
	struct memory memory;
	struct info info;
	struct chain chain;
	struct segment_join joins[DEVICE_JOINS];
	struct stream streams[DEVICE_STREAMS];
	enum consent consent;		/* CONSENT_UNKNOWN, _REFUSED or _GIVEN */
	bool has_users;			/* User Data Service */
	unsigned refusals;		/* of the consent code, in a row */
	char name[OBJECT_NAME_MAX + 1]; /* as it advertises itself; untrusted */
	enum reading_kind test_kind;	/* of the test reading */
	struct mono test_until; /* so long what comes beside it is of the same step */
	uint16_t links;		/* connections so far */
	bool heard;		/* a value came on this one */
	bool asked_again;	/* was subscribed to again on this one */
	bool doubtful; /* a link ended before it was of use: our subscription may be gone */
	struct mono ready_at;	 /* when its services were there, on this one */
	unsigned tag;		 /* of the operation under way */
	enum session_step doing; /* what that operation is for */
	struct mono op_before;	 /* when it began */
	int64_t op_local_ms;	 /* what it sets */
	struct device_health health;
	int told;	 /* enum device_state told to hubd, -1: none */
	int told_reason; /* enum silence_reason, -1: none */
};

struct devices {
	struct rt *rt;
	struct bluez *bluez;
	struct handover *handover;
	struct report *report;
	struct bondlink *bondlink;
	struct rt_timer *timer;
	devices_stopped_fn *stopped;
	void *arg;
	uint8_t boot[BOOT_ID_LEN];
	bool configured, radio, stopping;
	struct mono stop_by;
	bool has_time;
	struct msg_time time; /* of the clinic */
	uint32_t assignment;  /* 0: no patient */
	int16_t utc_offset_min;
	bool has_change; /* of daylight saving */
	int64_t change_utc_ms;
	int16_t change_offset_min;
	uint8_t level;
	size_t limit_count; /* of what hubd is told whether a reading is outside of it */
	struct limit limits[LIMITS_MAX];
	struct crashes *crashes; /* outlives us */
	struct pairing pairing;
	struct parting parting;
	struct revive revive;
	struct doctor_ear ear;
	struct durable_memory memories[MEMORIES_MAX];
	struct mono test_from,
		test_until; /* by order: what is measured meanwhile is a test */
	uint32_t window_id;
	int window_told; /* enum window_state, -1: none */
	size_t count;
	struct device devices[CONFIG_DEVICES_MAX];
};

/* The hub's best idea of UTC: the clinic's if it was heard, else the system clock's. */
struct wall devices_wall(const struct devices *ds, struct mono now);
/* Local time of the home minus UTC at an instant. */
int16_t devices_offset_min(const struct devices *ds, struct wall at);

/* Something happened outside the bus: let the machines act. */
void devices_changed(struct devices *ds);

/* Tell hubd; i >= count: not about one of ours. */
void devices_incident(struct devices *ds, enum incident what, size_t i);

/* Find the row of its model; name NULL: as known. */
void devices_choose_traits(struct device *d, const char *name);

/* devices.c. What it sent and still waits gets what is known of it now. */
void devices_finish(struct devices *ds, size_t i);
/* devices.c. These, and no others, are ours; none: count 0. */
void devices_set(struct devices *ds, const struct msg_ble_config *c);

/* devices_fence.c. hubd asks for a step of the hand-over. */
void devices_on_fence(void *arg, const struct msg_fence *ask);

/* --- devices_unpair.c --- */

/* hubd wants the bond of device 'num' gone. */
void devices_on_unpair(void *arg, uint16_t num);
/* After a configuration: what is under way is begun anew. */
void devices_unpair_again(struct devices *ds);
/* In each turn: whose bond is gone now. */
void devices_tell_unpaired(struct devices *ds);
/* One turn of it. Returns whether the radio shall be on. */
bool devices_part(struct devices *ds);
/* May devices connect? Not during a hand-over; while there is no patient only in a pairing window. */
bool devices_may_connect(const struct devices *ds);

/* devices_value.c. A value of device i came over the air. */
void devices_on_value(void *arg, size_t i, uint16_t service, uint16_t uuid,
		      const uint8_t *value, size_t len);
/* The flood limits start anew: those of the device, those of a link. */
void devices_fill_buckets(struct device *d, struct mono now);
void devices_fill_unproven(struct device *d, struct mono now);
/* Hand over one record that came at 'at'; decoded NULL: its decoder runs when the wait for the
 * device's clock is over. */
void devices_take(struct devices *ds, size_t i, const struct profile *p,
		  const uint8_t *value, size_t len, const struct decoded *decoded,
		  struct mono at);
/* The link is gone: what was never joined is kept as it is. */
void devices_end_joins(struct devices *ds, size_t i, struct mono now);
/* Close the windows of streams that are over; all: of this device, whatever their age. */
void devices_close_streams(struct devices *ds, size_t i, bool all, struct mono now);
/* Give hub-store the decoded values whose wait is over, and drop what came over nobody's
 * link. Returns the next deadline. */
struct mono devices_finish_values(struct devices *ds, struct mono now);
/* The same for all values of device i: wait for nothing. */
void devices_finish_waiting(struct devices *ds, size_t i, struct mono now);

/* devices_link.c. What bluetoothd says of device i; o is NULL if it has no object. */
void devices_on_object(void *arg, size_t i, struct object_device *o);
/* Draw the consequences: link, services, trust. */
void devices_follow(struct devices *ds, size_t i, struct mono now);
/* Do what a session wants. */
void devices_act(struct devices *ds, size_t i, enum session_action action,
		 struct mono now);
/* Subscribe again to a device that is connected and says nothing. Returns the next deadline. */
struct mono devices_nudge(struct devices *ds, size_t i, struct mono now);
/* Ask hub-bondinfo what is due. Returns the next deadline. */
struct mono devices_verify(struct devices *ds, size_t i, struct mono now);
/* Ask it about a bond, linked or not. Returns 0 or -EAGAIN. */
int devices_ask_bond(struct devices *ds, size_t i);
void devices_on_facts(void *arg, const struct msg_link_facts *facts);

/* devices_steps.c. Begin the step that the session is at. */
void devices_begin_step(struct devices *ds, size_t i, struct mono now);
/* The number by which the answer of an operation will be known; an earlier one is void. */
unsigned devices_begin_operation(struct device *d, enum session_step step,
				 struct mono now);
void devices_end_step(struct device *d, enum session_step step, struct mono now);
/* Shall its clock be set? readable: it could be read, or cannot be at all. */
bool devices_shall_set(const struct devices *ds, const struct device *d, bool readable,
		       struct mono now);
/* The end of a read or write that a step began. */
void devices_on_operation(struct devices *ds, size_t i, int err, const uint8_t *value,
			  size_t len, struct mono now);
/* The user data control point answered. */
void devices_on_consent(struct devices *ds, size_t i, const uint8_t *value, size_t len,
			struct mono now);

/* The control point of a health sensor answered. */
void devices_on_live(struct devices *ds, size_t i, const uint8_t *value, size_t len);
/* The control point of a clock answered. */
void devices_on_clock_reply(struct devices *ds, size_t i, const uint8_t *value,
			    size_t len, struct mono now);

/* devices_memory.c */
enum racp_verdict devices_memory_on_record(struct devices *ds, size_t i,
					   const struct profile *p,
					   const struct decoded *decoded,
					   struct mono now);
/* The life of the memory that a record taken now comes from. */
uint32_t devices_memory_history(const struct devices *ds, size_t i);
/* What is known of memories under another assignment than ours is of no use. */
void devices_memory_drop_foreign(struct devices *ds);
/* Another device than before is behind this number. */
void devices_memory_forget(struct devices *ds, size_t i);
void devices_memory_begin(struct devices *ds, size_t i, struct mono now);
void devices_memory_on_write(struct devices *ds, size_t i, int err, struct mono now);
void devices_memory_on_indication(struct devices *ds, size_t i, const uint8_t *value,
				  size_t len, struct mono now);
void devices_memory_on_gone(struct devices *ds, size_t i, struct mono now);
/* Let the machine act; record what became durable. Returns the next deadline. */
struct mono devices_memory_run(struct devices *ds, size_t i, struct mono now);
/* hub-store says how far a memory is durable. */
void devices_on_memory(void *arg, const struct msg_memory *m);

/* devices_info.c. The row of READING_DEVICE_INFORMATION, which no value comes as. */
const struct profile *devices_info_profile(void);
/* One readable characteristic was read. */
void devices_info_put(struct device *d, uint16_t uuid, const uint8_t *value, size_t len);
/* All that can be read on this connection has been read. */
void devices_info_done(struct devices *ds, size_t i, struct mono now);

/* devices_health.c. It advertises; a value of it is durable. */
/* rssi: dBm; what cannot be one says only that it was seen */
void devices_health_on_seen(struct device *d, int rssi, struct mono now);
void devices_health_on_durable(struct device *d, const struct backlog_entry *e);
/* hubd is to hear all of it again. */
void devices_health_forget(struct device *d);
/* Tell hubd what it does not know. */
void devices_tell_health(struct devices *ds, size_t i, struct mono now);
