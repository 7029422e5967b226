#pragma once

/*
 * triggers.h - what a hub notices against itself, and how far that raises the level.
 *
 * Pure: signals in, actions out. The shell reports what was seen, drains triggers_next, and lockdown_next. The invariants:
 * triggers.c; the table of triggers, their classes and their ends: trigger.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"
#include "hub/lockdown.h"
#include "hub/trigger_bucket.h"

enum {
	TRIGGER_ROWS_MAX = 48,
	TRIGGER_SAVE_MS = 60 * 1000, /* buckets are written at most so often */
	TRIGGER_CLOCK_MS =
		10 * 60 *
		1000, /* and so often while one has an effect: the powered-on time */
};

/*
 * All that the machine hears of one thing that was seen (INV-8): 32 octets of numbers. Whatever a device, a server or somebody at
 * the line has sent stays with the process that saw it.
 */
struct trigger_signal {
	struct mono at;
	enum trigger
		id; /* or a number that there is not: as of one who may not report it */
	enum role by;
	uint32_t count;
	uint32_t lock_epoch, next_epoch; /* lockdown_lock_epoch, lockdown_next_epoch */
	uint16_t peer;
	bool watched; /* lockdown_is_watched */
	uint8_t none; /* 0 */
};

enum { TRIGGER_SIGNAL_LEN = 32 };

/* What two measurements call for; and one, while a release from level 3 is watched. */
enum { TRIGGERS_TWO = LOCKDOWN_SEALED };

enum {
	TRIGGERS_CLEAN =
		2, /* so many measurements that found nothing, after the last that did, */
	TRIGGERS_CLEAN_MS = 10 * 60 * 1000, /* the first and the last so far apart */
};

/* What is on the disk. */
struct triggers_held {
	uint8_t boot[LOCKDOWN_BOOT_LEN];
	uint64_t mono_ms, powered_ms; /* the same moment */
	bool stopped;		      /* hubd's last words: the machine was not cut off */
	uint8_t bucket_count;
	struct trigger_bucket buckets[TRIGGER_ROWS_MAX];
};

enum triggers_do {
	TRIGGERS_NOTHING = 0,
	TRIGGERS_SAVE,	 /* triggers_held(); triggers_on_saved follows */
	TRIGGERS_RAISED, /* it was: lockdown_next has something */
	TRIGGERS_EFFECT, /* triggers_level or what triggers_tell says has changed */
};

/* Fields are private. */
struct triggers {
	struct triggers_held held;
	uint64_t
		base_ms; /* powered-on time is this and the monotonic clock's, modulo 2^64 */
	bool dirty, urgent; /* not written yet; before the level is raised */
	bool asked, stuck;  /* the shell writes; it could not: triggers_again */
	bool effect;	    /* changed */
	struct mono saved_at;
	uint32_t lock_epoch;
	bool watched;	   /* a release from level 3 is: lockdown_is_watched */
	unsigned clean;	   /* measurements that found nothing; at most TRIGGERS_CLEAN */
	uint64_t clean_ms; /* the first of them, powered on */
};

/*
 * triggers_init - after a start.
 *
 * held   of the disk, NULL: none, or damaged: buckets are empty then, the level is not here (lockdown.h)
 * l      borrowed: lockdown_init comes before
 *
 * Another boot than held's without 'stopped' is TRIGGER_POWER.
 */
void triggers_init(struct triggers *t, const struct triggers_held *held,
		   const struct lockdown *l, const uint8_t boot[static LOCKDOWN_BOOT_LEN],
		   struct mono now);

/*
 * triggers_on_signal - it was seen.
 *
 * peer    a device's local number, a role, or 0
 * by      who saw it; if that is none of those who may it counts as TRIGGER_IPC of that process, seen by hubd
 * count   so often, since it was told last
 * l       borrowed: to which lock epoch it belongs
 */
void triggers_on_signal(struct triggers *t, enum trigger id, uint16_t peer, enum role by,
			uint32_t count, const struct lockdown *l, struct mono now);

/* triggers_on_good - what the trigger is about went well with this peer; an effect of TRIGGER_END_GOOD ends. */
void triggers_on_good(struct triggers *t, enum trigger id, uint16_t peer,
		      struct mono now);

/*
 * triggers_on_measured - hub-measure has looked at everything, and told what it found before.
 *
 * findings   confirmed ones
 */
void triggers_on_measured(struct triggers *t, unsigned findings, struct mono now);
/*
 * triggers_is_clean - may a release be taken? False while something locks that a measurement sees (TRIGGER_CODE, _IPC, _SOCKET) and
 * there were no 'count' measurements since that found nothing, 1..TRIGGERS_CLEAN. What was measured before a start of hubd does not count.
 */
bool triggers_is_clean(const struct triggers *t, unsigned count);

/* The process ends in order; TRIGGERS_SAVE follows. */
void triggers_on_stop(struct triggers *t);

/*
 * triggers_next - what to do now, when lockdown_next says that there is nothing; call until both say so. It raises l where
 * that is called for, and tells it what lockdown_is_guarded says.
 */
bool triggers_next(struct triggers *t, struct lockdown *l, struct mono now,
		   enum triggers_do *ret);
/* After TRIGGERS_SAVE. good: durable. */
void triggers_on_saved(struct triggers *t, bool good, struct mono now);
void triggers_again(struct triggers *t);
/* When triggers_next may have something by itself; MONO_NEVER. */
struct mono triggers_deadline(const struct triggers *t, struct mono now);

/* triggers_held - to be written. Borrowed. */
const struct triggers_held *triggers_held(struct triggers *t, struct mono now);
/* triggers_level - what is called for now, 0..3. At 2 and above only lockdown.h says when it ends. */
uint8_t triggers_level(const struct triggers *t);
/* triggers_needs_release - is it level 1, and is there something that does not end by itself? */
bool triggers_needs_release(const struct triggers *t);
/* triggers_throttled - is this one over, for this peer: are its processes to slow that channel? */
bool triggers_throttled(const struct triggers *t, enum trigger id, uint16_t peer);

/* triggers_tell - what the clinic is to hear, those that raised the level first. Returns how many. */
size_t triggers_tell(const struct triggers *t,
		     struct health_trigger ret[static HEALTH_TRIGGERS_MAX]);
