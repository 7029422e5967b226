#pragma once

/*
 * enrolling_inside.h - what enrolling.c and enrolling_talk.c share and nobody else sees.
 *
 * There are two conversations with the clinic: about the credential that is used, and about the emergency identity
 * (identity_store.h). Each has a machine (enrol.h), a connection and a timer's worth of waits of its own.
 */
#include "coap/anchor.h"
#include "coap/anchor_next.h"
#include "coap/enrol_client.h"
#include "coap/enrolling.h"
#include "coap/identity_store.h"
#include "hub/core/certs_only.h"

struct talk {
	struct enrolling *of;
	bool emergency; /* which of the two */
	struct enrol machine;
	struct enrol_client *client;
	size_t cas_len; /* what the clinic says its CAs are, certs_only.h */
	uint8_t cas[CERTS_ONLY_LEN_MAX];
	struct enrol_action asked; /* the question that is out */
	bool wants_keys;	   /* it waits for hub-store's word */
	bool is_out;		   /* it went to the clinic, and nothing came of it yet */
	size_t der_len;
	uint8_t der[IDENTITY_CERT_MAX]; /* that the last answer brought */
	enum enrol_trouble trouble;
};

/* Who the uplink is. */
enum speaker {
	SPEAKER_NOBODY = 0, /* there is none, or its key is not known yet */
	SPEAKER_CURRENT,
	SPEAKER_EMERGENCY,
};

struct enrolling {
	struct rt *rt;
	const char *dir;
	struct enrolling_host host;
	struct rt_timer *timer;
	struct identity_store *store;
	struct anchor anchor;
	struct anchor_next next;      /* that the clinic goes over to */
	char roots[ANCHOR_ROOTS_MAX]; /* those that count, PEM */
	struct talk main, emergency;
	bool started;
	bool draining;
	bool has_time;
	struct msg_time time; /* the latest by the clinic's word */
	struct mono look_at;  /* for a clinic.trust */
	unsigned turn;	      /* which of the ingest endpoints is asked next */
	unsigned pins;	      /* whose pins the enrol endpoint is judged by next */
	bool has_word;	      /* hubd has said which identity may be used: */
	uint8_t level;
	uint32_t wanted;       /* the renewal that it wants */
	enum speaker speaks;   /* what the uplink was given last */
	bool hubd_knows;       /* state, trouble as told; else it is told */
	bool hubd_knows_trust; /* the file */
	bool hubd_knows_root;  /* which one counts */
	struct msg_enrolment told;
};

/* --- enrolling.c */

int64_t enrolling_floor_ms(const struct enrolling *e, struct mono now);
/* Never lowered. */
void enrolling_note_time(struct enrolling *e, const struct msg_time *t);
/* Does what both machines ask for. */
void enrolling_drain(struct enrolling *e);

/* The uplink gets the credential that it is to have now. */
void enrolling_use(struct enrolling *e);

/* --- enrolling_root.c: the clinic's roots */

/* Those that count, PEM; of e. */
const char *enrolling_roots(struct enrolling *e);
void enrolling_drain_roots(struct enrolling *e);
void enrolling_tell_root(struct enrolling *e);

/* --- enrolling_talk.c */

/* talk_new - t is all zero but for 'of' and 'emergency'; its machine is initialised by the caller. Returns 0 or -ENOMEM. */
int talk_new(struct talk *t);
void talk_free(struct talk *t);
/* What the machine wants to ask. */
void talk_send(struct talk *t, const struct enrol_action *a);
/* What is out is not waited for any more; the machine is told by the caller. */
void talk_drop(struct talk *t);
/* hub-store is there; its answer. */
void talk_on_store(struct talk *t);
void talk_on_sign_keys(struct talk *t, const struct msg_sign_keys *keys);
