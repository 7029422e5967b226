#pragma once

/*
 * triggers.h - what a hub notices against itself: which signal counts how much, and how far each may raise the level.
 *
 * Pure: signals in, actions out. The shell reports what was seen, drains triggers_next, and lockdown_next. The table of
 * triggers, their classes and their ends, and the invariants: triggers.c.
 *
 * The class says who can cause a signal, and with it how far that signal may go. Before a row is added ask: could an outsider without a credential cause this? If yes it is of TRIGGER_CLASS_OUTSIDER.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"
#include "hub/lockdown.h"

/* The numbers are on the wire and in files; those of struct msg_incident are the same. */
enum trigger {
	TRIGGER_NONE = 0,
	TRIGGER_TOKEN = 1,    /* console: bad or stale token */
	TRIGGER_RADIO = 2,    /* malformed or forbidden things from a peripheral */
	TRIGGER_IMPOSTOR = 3, /* a bonded address without the bond's key */
	TRIGGER_SERVER = 4,   /* chain good, name or pin wrong */
	TRIGGER_HANDSHAKE = 5,
	TRIGGER_TIME = 6,    /* clocks disagree */
	TRIGGER_DECODER = 7, /* a decoder died on a device's value */
	TRIGGER_STORAGE = 8, /* disk, quota, database or key */
	TRIGGER_POWER = 9,   /* the power went without a stop */
	TRIGGER_USB = 10,
	TRIGGER_CASE = 11,     /* case opened; card or boot mode changed */
	TRIGGER_CODE = 12,     /* code that the manifest does not know */
	TRIGGER_IPC = 13,      /* a well-formed message that the table forbids */
	TRIGGER_AUDIT = 14,    /* the audit log's chain is broken, not by a torn tail */
	TRIGGER_ROLLBACK = 15, /* state older than the clinic or the log has seen */
	TRIGGER_SOCKET = 16,   /* a process listens, or sends where it must not */
	TRIGGER_LAST = TRIGGER_SOCKET, /* 17, 18: orders of people, see command.h */
};

enum trigger_class {
	TRIGGER_CLASS_OUTSIDER = 1, /* anyone in reach: level 1, that channel */
	TRIGGER_CLASS_FAULT,	    /* nature, wear, bugs: level 1 and repair */
	TRIGGER_CLASS_POSSESSION,   /* somebody with the box in hand: level 2 */
	TRIGGER_CLASS_MEASUREMENT, /* a measurement contradicts signed state: level 2; two that are independent, 3 */
};

/* What ends the effect of a trigger. */
enum trigger_end {
	TRIGGER_END_RELEASE = 0, /* a verified release, and nothing else */
	TRIGGER_END_QUIET, /* bucket at a quarter or less and .end_ms without a signal */
	TRIGGER_END_AFTER, /* .end_ms since it overflowed */
	TRIGGER_END_GOOD,  /* triggers_on_good: the thing that failed went well */
};

struct trigger_row {
	enum trigger id;
	enum trigger_class class;
	unsigned seen_by;  /* set of 1 << enum role: who may report it */
	uint32_t capacity; /* the signal that makes it so many overflows */
	uint32_t leak_ms;  /* one unit less after so long, powered on */
	uint8_t to;	   /* level of the overflow, 0: it is counted and told, no more */
	enum trigger_end end;
	uint32_t
		end_ms; /* with TRIGGER_END_GOOD: without a signal for so long, it ends, too */
};

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

/* One bucket. Times are of powered-on time, ms since this hub's first start. */
struct trigger_bucket {
	enum trigger id;
	uint16_t peer; /* local number of a device, enum role, 0: none */
	uint8_t by; /* enum role that saw it, for TRIGGER_CLASS_POSSESSION and _MEASUREMENT, else 0 */
	uint32_t count;	     /* signals since it was last empty */
	uint64_t empty_ms;   /* when it will have leaked to nothing */
	uint64_t last_ms;    /* the last signal */
	uint64_t over_ms;    /* it overflowed then, and has its effect; 0: it has none */
	uint32_t lock_epoch; /* TRIGGER_END_RELEASE: void after a release of this one */
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

/* trigger_row - Returns NULL of what no machine sees. Pure. */
const struct trigger_row *trigger_row(enum trigger id);
/* For people and logs: "radio". */
const char *trigger_text(enum trigger id);
/* trigger_may_report - does this process see such a thing? Pure. */
bool trigger_may_report(enum trigger id, enum role by);

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
