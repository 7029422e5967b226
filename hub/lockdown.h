#pragma once

/*
 * lockdown.h - the level of this hub's lockdown, and what commands make of it.
 *
 * Pure: events in, actions out. The shell reports what happened, then drains lockdown_next, and writes what it is told to
 * before it does anything else. State diagram and invariants: lockdown.c.
 *
 * What raises the level is a person's order, or what the hub notices (triggers.h), with lockdown_raise.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/command.h"
#include "hub/core/time.h"

enum {
	LOCKDOWN_NORMAL = 0,
	LOCKDOWN_GUARDED = 1,
	LOCKDOWN_QUARANTINED = 2,
	LOCKDOWN_SEALED = 3,
	LOCKDOWN_RETIRED = 4,
	LOCKDOWN_COPIES = 2,
	LOCKDOWN_BOOT_LEN = 16,
	/* powered on at this level before a release is taken */
	LOCKDOWN_DWELL_MS = 30 * 60 * 1000,
	/* what a challenge is good for beside the time in which it is told and answered */
	LOCKDOWN_CHALLENGE_MS = 30 * 60 * 1000,
	/* an order to retire takes effect so long after it was taken, by the clinic's clock */
	LOCKDOWN_RETIRE_S = 24 * 3600,
	/* after a release from level 3: one more measurement leads straight back */
	LOCKDOWN_WATCH_MS = 24 * 3600 * 1000,
};

/* What is on the disk, twice. */
struct lockdown_held {
	uint64_t generation; /* of the write, from 1 */
	uint8_t level;
	uint32_t lock_epoch;		 /* one more with each release */
	uint8_t boot[LOCKDOWN_BOOT_LEN]; /* in which the level was reached, */
	uint64_t since_ms;		 /* then */
	/* the last command that was taken: counters never go down within an epoch */
	uint32_t epoch;
	uint64_t counter;
	enum command_verb verb;
	enum command_result result;
	enum command_retire how; /* an order to retire was taken, or RESET: */
	int64_t retire_s;	 /* it takes effect then, UTC; of RESET: 0 */
	/* lock epoch that the last release from level 3 began, or the last of level 1 while that was watched; 0: there was none */
	uint32_t unsealed;
	uint64_t unsealed_ms; /* then; or the start of a boot after it */
	bool was_sealed;      /* RETIRED, and SEALED before that */
};

enum lockdown_do {
	LOCKDOWN_NOTHING = 0,
	LOCKDOWN_SAVE,	/* .held to copy .copy; lockdown_on_saved follows */
	LOCKDOWN_DRAW,	/* lockdown_on_nonce follows */
	LOCKDOWN_LEVEL, /* hand out the parts that belong to .level; one that is already handed out may come again */
	LOCKDOWN_TEST,	/* readings of .minutes from now on are tests */
	LOCKDOWN_REBOOT, /* end, and never come back in this boot */
	LOCKDOWN_REPORT, /* .counter and .result, to the clinic */
};

struct lockdown_action {
	enum lockdown_do what;
	unsigned copy;
	struct lockdown_held held;
	uint8_t level, minutes;
	uint64_t counter;
	enum command_result result;
};

enum lockdown_step {
	LOCKDOWN_IDLE = 0,
	LOCKDOWN_WRITES, /* .next to copy .copy */
	LOCKDOWN_ACTS,
	LOCKDOWN_TELLS,
};

/* Fields are private. */
struct lockdown {
	struct lockdown_held held; /* in force */
	struct lockdown_held next; /* while it is being written */
	enum lockdown_step step;
	unsigned copy;
	bool asked;	/* the shell writes */
	bool stuck;	/* it could not: lockdown_again */
	uint8_t handed; /* level of the parts that are handed out */
	bool handed_any;
	bool has_act;	  /* of the command in 'next': it is done between two writes */
	uint8_t minutes;  /* of a TEST */
	uint64_t counter; /* to be told */
	enum command_result result;
	bool owned; /* hub and epoch are known */
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint8_t boot[LOCKDOWN_BOOT_LEN];
	struct mono now; /* the latest that was said */
	bool unclean;	 /* a measurement has locked, and it was not clean since */
	bool guarded;	 /* something calls for GUARDED that only a release ends */
	uint64_t challenge_ms;
	bool drawing, challenged;
	struct mono drawn;
	uint8_t drawn_level; /* then: the nonce is of no other */
	uint8_t nonce[COMMAND_NONCE_LEN];
};

/*
 * lockdown_merge - what counts after a start.
 *
 * a, b   the two copies, NULL if there is none or it is damaged; not both NULL
 *
 * The later one, but never a lower level than either says: a release that did not reach both is none.
 */
struct lockdown_held lockdown_merge(const struct lockdown_held *a,
				    const struct lockdown_held *b);

/*
 * lockdown_init - after a start.
 *
 * a, b    as lockdown_merge; both NULL: QUARANTINED
 * boot    of the machine
 */
void lockdown_init(struct lockdown *l, const struct lockdown_held *a,
		   const struct lockdown_held *b,
		   const uint8_t boot[static LOCKDOWN_BOOT_LEN], struct mono now);

/* The config in use: for whom commands must be, and how often the clinic is called. */
void lockdown_on_config(struct lockdown *l, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint16_t heartbeat_s);

/*
 * lockdown_on_command - an order whose signatures are good.
 *
 * roles   of those who signed
 * utc_s   the clinic's clock, not earlier than now
 *
 * Returns false if nothing can be taken now: it is as if it had not come. Else LOCKDOWN_REPORT follows, after what it does.
 */
bool lockdown_on_command(struct lockdown *l, const struct command *c,
			 const enum signer_role *roles, size_t count, int64_t utc_s,
			 struct mono now);

/* The same of one that is refused without being looked at further; counter as the clinic says. */
bool lockdown_on_refused(struct lockdown *l, uint64_t counter, enum command_result why);

/*
 * lockdown_on_token - a release that was brought to the hub, and judged good: hub/token_open.h. From level 3 the engine share is
 * on the disk again before (hub/sealing.h).
 *
 * level   0, or from 3 also 2
 *
 * Returns false if nothing can be begun now, or there is nothing to lower or to end (lockdown_is_guarded): it is as if it had not
 * come.
 */
bool lockdown_on_token(struct lockdown *l, uint8_t level, struct mono now);

/*
 * lockdown_on_retire - two people at the hub end its life at this clinic: the level is RETIRED at once, as an order to retire makes
 * it later; one that is there takes effect with it.
 *
 * how     DRAIN or DISCARD
 * roles   of those whose signatures are good
 *
 * Returns false if nothing can be begun now, it is retired already, or they are not two of two roles: it is as if it had not come.
 */
bool lockdown_on_retire(struct lockdown *l, enum command_retire how,
			const enum signer_role *roles, size_t count, struct mono now);
/*
 * lockdown_on_reset - the same of a factory reset: from now on the hub is not locked against one (lockdown_file.h); the level stays.
 * An order to retire that is there is not touched, and then this is refused. lockdown_void_reset: it does not come to it.
 */
bool lockdown_on_reset(struct lockdown *l, const enum signer_role *roles, size_t count,
		       struct mono now);
bool lockdown_void_reset(struct lockdown *l, struct mono now);

/* Long enough at this level for a release? */
bool lockdown_dwelt(const struct lockdown *l);
/* lockdown_is_settled - nothing is being written, nor could be written last. */
bool lockdown_is_settled(const struct lockdown *l);
/* lockdown_can_release - nothing is being written, and no order to retire or to reset was taken. */
bool lockdown_can_release(const struct lockdown *l);

/* lockdown_on_measured - what triggers_is_clean says: without it no release is taken from afar. */
void lockdown_on_measured(struct lockdown *l, bool clean);

/*
 * lockdown_on_guarded - what triggers_needs_release says. lockdown_is_guarded: the level is NORMAL, and a release would end something.
 */
void lockdown_on_guarded(struct lockdown *l, bool guarded);
bool lockdown_is_guarded(const struct lockdown *l);

/* lockdown_is_watched - LOCKDOWN_WATCH_MS of powered-on time after a release from level 3; a start begins it anew. */
bool lockdown_is_watched(const struct lockdown *l);
/* lockdown_is_sealed - is the hub's identity to be withheld: SEALED, or RETIRED and nobody had released it? */
bool lockdown_is_sealed(const struct lockdown *l);
/* lockdown_unsealed - a number that grows with each release from level 3, and with one of level 1 that comes while it is watched; 0: there
 * was none. */
uint32_t lockdown_unsealed(const struct lockdown *l);

/* lockdown_raise - for triggers: at least this level. Returns false if it cannot be begun now; say it again then. */
bool lockdown_raise(struct lockdown *l, uint8_t level, struct mono now);

/* lockdown_lock_epoch - so many releases there were; lockdown_next_epoch: the same, with one that is being written. */
uint32_t lockdown_lock_epoch(const struct lockdown *l);
uint32_t lockdown_next_epoch(const struct lockdown *l);

/* The clinic's clock said so: an order to retire may take effect. */
void lockdown_on_time(struct lockdown *l, int64_t utc_s, struct mono now);

/* After LOCKDOWN_SAVE. good: durable. */
void lockdown_on_saved(struct lockdown *l, bool good);
/* What could not be written is tried again. */
void lockdown_again(struct lockdown *l);
void lockdown_on_nonce(struct lockdown *l, const uint8_t nonce[static COMMAND_NONCE_LEN],
		       struct mono now);

/* lockdown_next - what to do now; call until it says false. */
bool lockdown_next(struct lockdown *l, struct mono now, struct lockdown_action *ret);
/* When lockdown_next may have something by itself; MONO_NEVER. */
struct mono lockdown_deadline(const struct lockdown *l);

/* lockdown_level - in force: never below what is durable. */
uint8_t lockdown_level(const struct lockdown *l);
/* lockdown_command - the last one that was taken. Returns false if there was none. */
bool lockdown_command(const struct lockdown *l, uint64_t *ret_counter,
		      enum command_result *ret);
bool lockdown_is_retiring(const struct lockdown *l);
/* lockdown_is_resetting - two people have ordered a factory reset, and it is not done or refused yet. */
bool lockdown_is_resetting(const struct lockdown *l);
/* lockdown_how - what the order to retire says that becomes of what is unsent, or RESET; NONE: there is no such order. */
enum command_retire lockdown_how(const struct lockdown *l);
/* lockdown_challenge - what a release has to name now. Returns false if there is nothing to release. */
bool lockdown_challenge(const struct lockdown *l, uint32_t *ret_lock_epoch,
			uint8_t ret_nonce[static COMMAND_NONCE_LEN]);
