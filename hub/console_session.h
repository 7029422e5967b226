#pragma once

/*
 * console_session.h - who is at the hub's console, until when, and what he may ask for now.
 *
 * Pure: hubd's shell (hubd_console.c) reports what happened, with the time, and does what it is told. No token, no signature and
 * no verb's work is here. State diagram and invariants: console_session.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/command.h"
#include "hub/core/console.h"
#include "hub/core/time.h"
#include "hub/core/verbs.h"

enum {
	SESSION_IDLE_MS = 5 * 60 * 1000,
	/* of a line that cannot tell when the cable is pulled */
	SESSION_IDLE_BLIND_MS = 2 * 60 * 1000,
	SESSION_MS = 30 * 60 * 1000,
	SESSION_BUTTON_MS = 10 * 1000,
	/* wrong tokens are told so often, and no more often */
	SESSION_TELL_MS = 10 * 60 * 1000,
};

/* What a token, or a code that was read out, is good for. */
struct session_grant {
	uint32_t verbs;	     /* set of VERB_BIT */
	uint32_t seconds;    /* powered on, from now */
	uint32_t technician; /* person at the hub, 0: a code names nobody */
	uint8_t signatures;  /* of different roles: 1 or 2 */
	bool own;	     /* the technician himself signed, and nobody else */
	bool voice;	     /* a code that was read out */
	uint8_t signer_count;
	uint32_t signers[COMMAND_SIGNATURES_MAX]; /* persons */
};

/* Fields are private. */
struct console_session {
	bool has_button;  /* the hub has one */
	uint32_t offered; /* verbs that are built */
	bool there, senses;
	/* somebody is logged in */
	bool open;
	struct session_grant grant;
	struct mono opened, touched;
	/* the token's life goes on when the session has ended */
	bool granted;
	struct mono granted_until;
	uint32_t untold; /* wrong tokens */
	struct mono untold_since;
	/* a verb waits for the button */
	bool waits;
	struct mono waits_until;
};

/* session_init - after hubd's start. offered: set of VERB_BIT that hubd can do. */
void session_init(struct console_session *s, bool has_button, uint32_t offered);

/* session_on_cable - as CONSOLE_CABLE says. Returns what it ends, or CONSOLE_END_NONE. */
enum console_end session_on_cable(struct console_session *s, bool there, bool senses);

/* session_on_wrong - a token was wrong; what it delays is challenger.h's. */
void session_on_wrong(struct console_session *s, struct mono now);

/*
 * session_on_grant - a token was good.
 *
 * Returns CONSOLE_WHY_NONE, a session is open then; or CONSOLE_WHY_BUSY (somebody else's is), CONSOLE_WHY_ROLE (the technician's own
 * signature opens no session but one more under a token that is still alive).
 */
enum console_why session_on_grant(struct console_session *s,
				  const struct session_grant *g, struct mono now);

/*
 * session_may - may this verb be done at this level? It counts as something typed.
 *
 * ret_button   the button is to be pressed first: session_on_button. Written if the answer is CONSOLE_WHY_NONE
 */
enum console_why session_may(struct console_session *s, enum verb v, uint8_t level,
			     struct mono now, bool *ret_button);

/* session_judge - what session_may would say, and nothing changes: also when the button was pressed, as the level may be another. */
enum console_why session_judge(const struct console_session *s, enum verb v,
			       uint8_t level, struct mono now);
/* session_lists - does 'help' name it? As session_judge. */
bool session_lists(const struct console_session *s, enum verb v, uint8_t level,
		   struct mono now);

/* session_on_button - it was pressed. Returns true if something waited for it. */
bool session_on_button(struct console_session *s, struct mono now);
/* session_button_over - Returns true, once, when a verb has waited long enough. */
bool session_button_over(struct console_session *s, struct mono now);

/* session_logout - Returns true if a session was open. */
bool session_logout(struct console_session *s);
/* session_over - Returns what ended the session, once, or CONSOLE_END_NONE. */
enum console_end session_over(struct console_session *s, uint8_t level, struct mono now);

bool session_is_open(const struct console_session *s);
/* session_left_ms, session_idle_ms - how long an open session lasts at most, and if nothing is typed. */
uint64_t session_left_ms(const struct console_session *s, struct mono now);
uint64_t session_idle_ms(const struct console_session *s);

/* session_tell_wrong - how many tokens were wrong since it was told last, when that is due; else 0. */
uint32_t session_tell_wrong(struct console_session *s, struct mono now);

/* session_deadline - when one of the above may have something by itself; MONO_NEVER. */
struct mono session_deadline(const struct console_session *s);
