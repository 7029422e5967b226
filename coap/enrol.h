#pragma once

/*
 * enrol.h - how a hub gets its certificate, has it confirmed, and renews it: what to make, to keep and to ask, and
 * when.
 *
 * Pure: no clock, no random source, no file, no key. The shell tells it what happened, drains enrol_next() after
 * each event, and arms one timer at enrol_deadline(). State diagram and invariants: enrol.c.
 *
 * Time is two things here. 'now' paces requests. 'floor_ms' says how late it is at least, by the clinic's word
 * (hub/timefloor.h), and alone decides when a certificate is old: the system's clock may be years off.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/enrolled.h"
#include "hub/core/time.h"

enum {
	/* Keys that one enrolment may use up, as keys are lost or refused; then a person is needed, or, with a
	 * credential in use, the next day. */
	ENROL_TRIES = 5,
	ENROL_DAY_MS = 24 * 60 * 60 * 1000,
	/* The clinic forgets what it issued and nobody confirmed. */
	ENROL_ISSUED_MS = ENROL_DAY_MS,
	/* Connection, handshake and answer. */
	ENROL_ANSWER_MS = 3 * 60 * 1000,
	/* Waits after failures, without jitter: nobody there, and refused by the clinic. */
	ENROL_PAUSE_MIN_MS = 1000,
	ENROL_PAUSE_MAX_MS = 15 * 60 * 1000,
	ENROL_REFUSED_MIN_MS = 10 * 1000,
	ENROL_REFUSED_MAX_MS = 60 * 60 * 1000,
	/* What is taken of a Max-Age. */
	ENROL_LATER_MAX_S = 60 * 60,
	/* A confirmation refused so often asks for the certificate again; a renewal refused so often tries the door
	 * for new hubs once. */
	ENROL_REFUSALS = 3,
	/* Readings refused for so long, without one connection between: the certificate may have ended unseen. */
	ENROL_DOUBT_MS = 60 * 60 * 1000,
	/* How late a change of floor_ms is looked at if nobody tells; sooner for a certificate of a short life. */
	ENROL_LOOK_MS = 60 * 60 * 1000,
	ENROL_LOOK_PARTS = 64,
	ENROL_ROUTE_JITTER_MS = 5 * 1000,
};

/* Dates of a certificate, UTC in ms since 1970. */
struct enrol_validity {
	int64_t begin_ms, end_ms;
};

/* What is on disk. 'next' is a key that is to replace the current one, and its certificate as soon as there is one. */
struct enrol_kept {
	bool trusted;	 /* clinic.trust was accepted */
	bool has_ticket; /* a key by which the clinic takes this hub for one of its own; gone with the first promotion */
	uint32_t epoch;	 /* the highest that was ever in use; outlives a reset */
	uint8_t tries;	 /* keys made since the last confirmation */
	bool has_current;
	uint32_t current_epoch;
	struct enrol_validity current;
	bool has_key;	   /* next: the key, with its request */
	bool has_next;	   /* next: the certificate too */
	bool next_renewal; /* next: goes on in the epoch in use; else it begins one */
	uint32_t next_epoch;
	struct enrol_validity next;
};

enum enrol_do {
	ENROL_NOTHING = 0,
	/* To be made durable, whole or not at all; enrol_on_stored follows. */
	ENROL_KEEP_TRUST,
	ENROL_MAKE_KEY, /* .tries first; then a new key and its request as 'next', with .epoch and .renewal */
	ENROL_KEEP_CERT, /* the certificate that came with the last answer in 'next', with .epoch and .renewal */
	ENROL_KEEP_EPOCH, /* .epoch in 'next', the rest as it is */
	ENROL_PROMOTE, /* .epoch first; then 'next' becomes the credential in use, the one before and a ticket are wiped */
	ENROL_FORGET, /* factory reset: clinic.trust, ticket, both credentials; not the device key, not .epoch */
	/* To be done. */
	ENROL_SEND, /* .request; enrol_on_answer follows with .number */
	ENROL_USE,  /* the uplink's credential is another one now, or none */
	ENROL_CALL, /* for the light and the console: a person must look; enrol_on_person goes on */
};

/* Requests. Of the emergency identity's machine ASK_EMERGENCY stands for ASK_RENEWAL. */
enum enrol_request {
	ENROL_ASK_NOTHING = 0,
	ENROL_ASK_ROOT,	   /* GET /est/crts at the enrol endpoint */
	ENROL_ASK_FIRST,   /* POST /est/sen there, with the bootstrap certificate */
	ENROL_ASK_RENEWAL, /* POST /est/sren there, with the current credential */
	ENROL_ASK_CONFIRM, /* POST /hub/confirm at the ingest endpoint, on a new handshake with 'next' */
	ENROL_ASK_EMERGENCY, /* POST /est/emergency/sen there, with the current credential */
	ENROL_ASK_CLAIM, /* POST /hub/claim at the enrol endpoint, with the ticket's certificate */
};

struct enrol_action {
	enum enrol_do what;
	enum enrol_request request;
	bool emergency; /* what is kept or asked is of the emergency identity */
	bool bootstrap; /* ASK_ROOT: with the bootstrap certificate, else with the current credential */
	uint32_t number; /* of the request */
	bool renewal;
	uint32_t epoch; /* what to keep, to hope for or to confirm */
	uint8_t tries;
};

enum enrol_result {
	ENROL_GONE = 0, /* no connection, no answer, or none that can be read */
	ENROL_GRANTED, /* root equal to that of clinic.trust; certificate that fits; confirmed */
	ENROL_LATER,   /* 5.03: with max_age_s */
	ENROL_REFUSED, /* 4.01, 4.03, or the handshake by an alert */
	ENROL_STALE,   /* 4.09 to a confirmation: .epoch is the one that will do */
	ENROL_WRONG,   /* another root; a certificate for another key or hub; 4.00 */
};

struct enrol_answer {
	enum enrol_result result;
	uint32_t max_age_s;
	uint32_t epoch;
	struct enrol_validity validity; /* of a certificate that was granted */
};

/* Fields are private. */
struct enrol {
	struct enrol_kept kept;
	enum enrol_do todo;    /* to be kept next */
	enum enrol_do storing; /* said, not yet answered */
	uint32_t epoch;	       /* what todo is with */
	bool renewal;
	struct enrol_validity came;
	enum enrol_request asked; /* an answer is awaited until answer_by */
	uint32_t number;
	struct mono answer_by, wait_until;
	bool draw; /* a wait is to begin, of pause_ms and jitter */
	uint64_t pause_ms, jitter_ms;
	unsigned failures; /* in a row */
	unsigned refusals; /* of the same question, in a row */
	bool rooted;	   /* the clinic's root was looked at */
	bool claimed;	   /* the ticket was shown, and taken or not */
	bool again;	   /* ask for the certificate again, though there is one */
	bool door;	   /* ask at the door for new hubs */
	bool wrong_key;	   /* the clinic certifies it no more, and does not use it */
	bool doomed;	   /* the first is known, the second not */
	bool has_confirm_until;
	struct mono confirm_until; /* the clinic has forgotten it by then */
	bool refused;		   /* readings are, since refused_since */
	struct mono refused_since;
	bool doubt;	/* for ENROL_DOUBT_MS: our certificate may be worth nothing */
	bool emergency; /* it is the emergency identity's machine */
	bool due;	/* another credential is wanted, whatever the dates say */
	bool sealed;	/* the credential in use is withheld */
	bool use_due, call_due, called, paused;
	uint32_t spread; /* this hub's part of the renewal's jitter */
};

/*
 * enrol_init - as the files say.
 *
 * kept   copied
 * dice   a random number, of this hub or of this start
 */
void enrol_init(struct enrol *e, const struct enrol_kept *kept, uint32_t dice);

/*
 * enrol_init_emergency - the same for the emergency identity, which goes the way of a renewal beside the credential in use.
 *
 * kept   'current' is the credential in use, but with the dates of the emergency identity, all 0 if there is none; 'next' is the
 *        emergency identity's. Nothing happens as long as there is no credential in use
 */
void enrol_init_emergency(struct enrol *e, const struct enrol_kept *kept, uint32_t dice);

enum enrol_state enrol_state(const struct enrol *e);
/* A copy of what is durable now. */
struct enrol_kept enrol_kept(const struct enrol *e);

/*
 * enrol_on_trust - a clinic.trust was found good; of a hub that was added by hand it is kept already, and it can renew from now on.
 *
 * Returns 0, or -EACCES: only a hub that knows no clinic takes one.
 */
int enrol_on_trust(struct enrol *e);
/* A factory reset, which whoever decides on it has allowed; from any state. */
void enrol_on_reset(struct enrol *e);
/* The technician, at the console or by power and button: try now, and count keys anew. */
void enrol_on_person(struct enrol *e);
/* Another credential is wanted now (or not any more), whatever the dates say; a promotion ends it. */
void enrol_on_due(struct enrol *e, bool due);
/*
 * The credential in use is withheld: nothing is asked by it or for it, until that is over. An emergency identity that has its
 * certificate is confirmed all the same, by itself.
 */
void enrol_on_sealed(struct enrol *e, bool sealed);
/* There is a way to the network again. */
void enrol_on_route(struct enrol *e);
/* The uplink connected with the credential in use, or was refused by the clinic. Others failures say nothing. */
void enrol_on_uplink(struct enrol *e, bool refused, struct mono now);
/* What was to be kept is durable, or was not kept: it is tried again. */
void enrol_on_stored(struct enrol *e, bool ok, struct mono now);
/* number: of the request that it answers; others are not looked at. */
void enrol_on_answer(struct enrol *e, uint32_t number, const struct enrol_answer *a);

/*
 * enrol_next - what to do now; call until it says false.
 *
 * dice       a fresh random number; used when a wait begins
 * floor_ms   it is at least so late, UTC in ms since 1970; 0: not known
 *
 * An action must be carried out before the next call.
 */
bool enrol_next(struct enrol *e, uint32_t dice, int64_t floor_ms, struct mono now,
		struct enrol_action *ret);

/* When enrol_next must be asked again even if nothing happens. */
struct mono enrol_deadline(const struct enrol *e, struct mono now);

/* enrol_renewal_ms - from when on a credential is renewed: two thirds of its life and up to a sixteenth. Pure. */
int64_t enrol_renewal_ms(const struct enrol_validity *v, uint32_t spread);
