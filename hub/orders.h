#pragma once

/*
 * orders.h - the shell around the lockdown machine: orders are opened, the level is kept on the disk, the rest of hubd is
 * told what to do.
 *
 *   hub-coap --order--> command_open -> lockdown -> two copies on the disk -> the hooks
 *   each --incident--> triggers -> file 'triggers' -> lockdown
 *   hub-console --token--> token_open -> sealing -> lockdown
 */
#include "hub/challenger.h"
#include "hub/core/msg.h"
#include "hub/health.h"
#include "hub/lockdown.h"
#include "hub/sealing.h"
#include "hub/settings.h"
#include "hub/timefloor.h"
#include "hub/token_open.h"
#include "hub/triggers.h"

/* Called from within orders_...; they must not call those. */
struct orders_hooks {
	void (*level)(void *arg,
		      uint8_t level);	      /* hand out the parts that belong to it */
	void (*test)(void *arg, uint32_t ms); /* readings of this time are tests */
	void (*reboot)(void *arg);
	void (*tell)(void *arg, const struct msg_command_result *r);
	/* what the hub notices against itself calls for something else than before */
	void (*effect)(void *arg);
};

/* Fields are private. */
struct orders {
	const char *dir;
	struct settings *settings;
	const struct timefloor *floor;
	const struct orders_hooks *hooks;
	void *arg;
	struct lockdown lockdown;
	struct triggers triggers;
	bool handed; /* the parts of that level */
	uint8_t handed_level;
	uint8_t noticed;  /* level that the triggers called for last, as told */
	bool untriggered; /* the file 'triggers' could not be written last time */
	struct msg_command_result
		told; /* the last result, of one that was refused, too */
	bool unsaved; /* the last attempt failed */
	bool voiding; /* a reset was refused, which is not written yet */
	struct sealing sealing;
	struct challenger challenger;
	bool granted;	       /* a token was taken; it ends with the lock epoch */
	uint8_t granted_level; /* that its challenge named: it releases from no other */
	struct token_grant grant;
	uint8_t digest[CHALLENGE_DIGEST_LEN]; /* of what was measured last */
};

/*
 * orders_open - what is on the disk. All pointers are borrowed for life.
 *
 * lockdown_file_provision comes before. No valid copy of a hub that had one means that it is locked.
 */
void orders_open(struct orders *o, const char *dir, struct settings *settings,
		 const struct timefloor *floor, const struct orders_hooks *hooks,
		 void *arg);

/* A config is in use. */
void orders_on_config(struct orders *o, const struct config *c);
/* An order, as hub-coap has it from the clinic. */
void orders_on_command(struct orders *o, const struct msg_command *m);
/* As triggers_on_signal and triggers_on_good. */
void orders_on_signal(struct orders *o, enum trigger id, uint16_t peer, enum role by,
		      uint32_t count);
void orders_on_good(struct orders *o, enum trigger id, uint16_t peer);
/* This process ends in order. */
void orders_on_stop(struct orders *o);
/* The clinic's clock was heard; it is said. Of another source it says nothing. */
void orders_on_time(struct orders *o, const struct wall *said);
/* What could not be written is tried again. */
void orders_again(struct orders *o);
/* Carries out what there is to do; also at orders_deadline. */
void orders_drain(struct orders *o);
struct mono orders_deadline(const struct orders *o);

/* The level in force: what is durable, or GUARDED for as long as something calls for that. */
uint8_t orders_level(const struct orders *o);
/* As lockdown_is_guarded: level 1, and a release would end something. */
bool orders_is_guarded(const struct orders *o);
/* As lockdown_is_sealed. */
bool orders_is_sealed(const struct orders *o);
/* As lockdown_unsealed. */
uint32_t orders_unsealed(const struct orders *o);
/* As lockdown_how. */
enum command_retire orders_retire(const struct orders *o);
/*
 * --- what is brought to the hub (orders_token.c) ---
 *
 * orders_challenge - a new one; what was out is void.
 *
 * queued   readings that the clinic has not got
 *
 * Returns false if the hub knows no clinic, is being retired, or something is being written.
 */
bool orders_challenge(struct orders *o, uint32_t queued, struct challenge *ret);

/* orders_token_wait_s - nothing is looked at before; 0: now. */
uint32_t orders_token_wait_s(const struct orders *o);

/*
 * orders_on_token, orders_on_code - the answer: bytes as access_token_parse says, or digits.
 *
 * Returns TOKEN_GOOD with what it grants; the challenge is used up, and a release that it allows can be done until the lock epoch
 * goes on or orders_forget_grant. Else why not; a wrong one is TRIGGER_TOKEN.
 */
enum token_result orders_on_token(struct orders *o, const uint8_t *buf, size_t len,
				  struct token_grant *ret);
enum token_result orders_on_code(struct orders *o,
				 const char digits[static TOKEN_CODE_DIGITS],
				 struct token_grant *ret);

/*
 * orders_release - lower the level as the token or code says that was taken last; at level 1: end what only a release ends
 * (orders_is_guarded), at once. TOKEN_GOOD: it is done, and durable.
 */
enum token_result orders_release(struct orders *o);
/* orders_order - what the token that was taken last orders beside this verb (verb_order_max); 0: nothing, or it is over. */
uint32_t orders_order(const struct orders *o, enum verb v);
/*
 * orders_retire_here - level 4 at once, as the token orders (T18, INV-5). orders_reset_here - a factory reset is ordered, durable: hub-store
 * hears of it as orders_retire says, and answers. orders_void_reset - that was a refusal: orders_retire says it no more, and it is
 * undone on the disk as soon as that can be written; until then orders_is_resetting.
 *
 * TOKEN_GOOD, or TOKEN_NO_CHALLENGE, _SECOND_MISSING, _RETIRING, _BUSY; of a reset at level 2 and above also _NOT_CLEAN: what locked
 * the hub would lock it again, when nobody is known who may release it.
 */
enum token_result orders_retire_here(struct orders *o);
enum token_result orders_reset_here(struct orders *o);
void orders_void_reset(struct orders *o);
/* As lockdown_is_resetting. */
bool orders_is_resetting(const struct orders *o);
/* orders_forget_grant - the session is over. */
void orders_forget_grant(struct orders *o);

/* hub-measure has looked; digest: its first 8 octets. */
void orders_on_measured(struct orders *o, unsigned findings, uint64_t digest);
/* The clinic has the escrow of this lock epoch and escrow_name. Returns true if that is new. */
bool orders_on_kept(struct orders *o, uint32_t lock_epoch, uint64_t name);
/* Within orders_drain. */
void orders_look_at_sealing(struct orders *o);

/* What the clinic is to hear of it. */
void orders_tell_health(const struct orders *o, struct health *h);
