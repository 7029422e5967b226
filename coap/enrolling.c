/*
 * enrolling.c - see enrolling.h.
 *
 * Each event is noted in the machine; then drain() carries out what it asks for until it asks for nothing, tells hubd what
 * has changed, and arms the one timer.
 *
 * Must never: show the device key, or a credential, to a server before the handshake has shown that it is the one of
 * clinic.trust; keep a certificate that identity_store_fits refuses; confirm without hub-store's keys.
 */
#include "coap/enrolling.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coap/anchor.h"
#include "coap/anchor_next.h"
#include "coap/code.h"
#include "coap/enrol_client.h"
#include "coap/enrol_words.h"
#include "coap/identity_chain.h"
#include "coap/identity_store.h"
#include "coap/targets.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/crypto/trust_cross.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

/* So many lists of pins of configs are tried, then those of clinic.trust: of a config in use and of one to be confirmed. */
enum { ENROL_PINS_TURNS = 2 };

struct enrolling {
	struct rt *rt;
	const char *dir;
	struct enrolling_host host;
	struct rt_timer *timer;
	struct identity_store *store;
	struct anchor anchor;
	struct anchor_next next;      /* that the clinic goes over to */
	char roots[ANCHOR_ROOTS_MAX]; /* those that count, PEM */
	struct enrol machine;
	struct enrol_client *client;
	size_t cas_len; /* what the clinic says its CAs are, certs_only.h */
	uint8_t cas[CERTS_ONLY_LEN_MAX];
	bool started;
	bool draining;
	bool has_time;
	struct msg_time time;	   /* the latest by the clinic's word */
	struct mono look_at;	   /* for a clinic.trust */
	struct enrol_action asked; /* the question that is out */
	bool wants_keys;	   /* it waits for hub-store's word */
	bool is_out;		   /* it went to the clinic, and nothing came of it yet */
	unsigned turn;		   /* which of the ingest endpoints is asked next */
	unsigned pins;		   /* whose pins the enrol endpoint is judged by next */
	size_t der_len;
	uint8_t der[IDENTITY_CERT_MAX]; /* that the last answer brought */
	enum enrol_trouble trouble;
	bool hubd_knows;       /* state, trouble as told; else it is told */
	bool hubd_knows_trust; /* the file */
	bool hubd_knows_root;  /* which one counts */
	struct msg_enrolment told;
};

static uint32_t dice(void)
{
	uint32_t d;

	crypto_random((uint8_t *)&d, sizeof(d));
	return d;
}

static int64_t floor_ms(const struct enrolling *e, struct mono now)
{
	return e->has_time ? msg_time_ms(&e->time, now) : 0;
}

enum enrol_state enrolling_state(const struct enrolling *e)
{
	return enrol_state(&e->machine);
}

/* Never lowered. */
static void note_time(struct enrolling *e, const struct msg_time *t)
{
	if (t->utc.ms <= 0 || (e->has_time && t->utc.ms <= msg_time_ms(&e->time, t->at)))
		return;
	e->has_time = true;
	e->time = *t;
}

/* --- hubd hears --------------------------------------------------------------------------- */

static struct msg_enrolment state_now(const struct enrolling *e)
{
	const struct enrol_kept kept = enrol_kept(&e->machine);
	struct msg_enrolment m = { .state = enrol_state(&e->machine),
				   .trouble = e->trouble,
				   .renewing = kept.has_current && kept.has_key,
				   .epoch = kept.has_current ? kept.current_epoch : 0 };

	m.has_hub = identity_store_hub(e->store, m.hub) == 0;
	return m;
}

static void tell_trust(struct enrolling *e, const struct msg_enrolment *state)
{
	struct msg m = { .kind = MSG_ENROLMENT, .enrolment = *state };
	struct msg_enrolment *p = &m.enrolment;
	size_t at = 0;

	p->total = (uint16_t)e->anchor.len;
	do {
		size_t n = e->anchor.len - at;

		n = n < ENROLMENT_PIECE_MAX ? n : ENROLMENT_PIECE_MAX;
		p->offset = (uint16_t)at;
		p->len = (uint16_t)n;
		memcpy(p->bytes, e->anchor.file + at, n);
		e->host.tell_hubd(e->host.arg, &m);
		at += n;
	} while (at < e->anchor.len);
}

static bool is_same(const struct msg_enrolment *a, const struct msg_enrolment *b)
{
	return a->state == b->state && a->trouble == b->trouble &&
	       a->renewing == b->renewing && a->epoch == b->epoch &&
	       a->has_hub == b->has_hub;
}

static void tell_hubd(struct enrolling *e)
{
	struct msg m = { .kind = MSG_ENROLMENT, .enrolment = state_now(e) };

	if (!is_same(&m.enrolment, &e->told))
		log_info("enrolment", "state=%s trouble=%s renewing=%d epoch=%u",
			 enrol_state_text(m.enrolment.state),
			 enrol_trouble_text(m.enrolment.trouble), m.enrolment.renewing,
			 m.enrolment.epoch);
	else if (e->hubd_knows)
		return;
	e->told = m.enrolment;
	e->hubd_knows = true;
	if (e->hubd_knows_trust || e->anchor.len == 0) {
		e->host.tell_hubd(e->host.arg, &m);
		return;
	}
	tell_trust(e, &m.enrolment);
	e->hubd_knows_trust = true;
}

/* --- the next root ------------------------------------------------------------------------- */

static const char *roots(struct enrolling *e)
{
	return anchor_roots(&e->next, &e->anchor, e->roots);
}

/* The numbers of enum anchors_state are those of the message. */
static void tell_root(struct enrolling *e)
{
	uint8_t der[TRUST_ROOT_MAX], hash[SHA256_LEN];
	struct msg m = { .kind = MSG_STATUS, .status = { .what = STATUS_ANCHOR } };
	int n = anchor_root_der(&e->anchor, der);

	if (e->hubd_knows_root || n < 0)
		return;
	crypto_sha256(der, (size_t)n, hash);
	for (size_t i = 0; i < sizeof(m.status.a); i++)
		m.status.a = m.status.a << 8 | hash[i];
	m.status.b = (uint64_t)anchors_state(&e->next.machine);
	e->host.tell_hubd(e->host.arg, &m);
	e->hubd_knows_root = true;
}

/* Of a bundle's files root.crt goes last: beside it another root's clinic.trust does not count, and all is done again. */
static int keep_next(struct enrolling *e)
{
	static const struct enrol_action keep = { .what = ENROL_KEEP_TRUST };
	int r = identity_store_do(e->store, &keep, e->next.file, e->next.len);

	FAILPOINT("coap.anchor.between");
	if (r == 0 && !file_is_gone(e->dir, "root.crt"))
		r = file_remove(e->dir, "root.crt");
	anchors_on_kept(&e->next.machine, r == 0);
	if (r < 0) {
		log_err("clinic-root", "error=\"%s\" do=\"check the disk\"", err_text(r));
		return r;
	}
	anchor_look(e->dir, false, 0, &e->anchor);
	e->trouble = e->anchor.trouble;
	/* hubd has it from the config; as another clinic's it would refuse it */
	log_info("clinic-root", "now=the-next-one");
	return 0;
}

static void use(struct enrolling *e);

static void drain_anchors(struct enrolling *e)
{
	enum anchors_do what;

	while ((what = anchors_next(&e->next.machine, rt_mono())) != ANCHORS_NOTHING) {
		if (what == ANCHORS_USE) {
			log_info("clinic-root", "counts=%s",
				 anchors_state(&e->next.machine) == ANCHORS_ONE
					 ? "the-one-it-has"
				 : anchors_state(&e->next.machine) == ANCHORS_BESIDE
					 ? "both"
					 : "the-next-one-on-trial");
			use(e);
		} else {
			(void)keep_next(e);
		}
		e->hubd_knows_root = false;
	}
}

/* --- what is trusted ---------------------------------------------------------------------- */

static void look_for_trust(struct enrolling *e, struct mono now)
{
	const struct enrol_kept kept = enrol_kept(&e->machine);
	bool fresh = !kept.has_current && !kept.has_key;

	if (e->anchor.has_trust || !mono_reached(now, e->look_at))
		return;
	e->look_at = mono_add(now, ENROLLING_LOOK_MS);
	anchor_look(e->dir, fresh, floor_ms(e, now) / 1000, &e->anchor);
	e->trouble = e->anchor.trouble;
	e->hubd_knows_trust = false;
	if (e->anchor.has_trust && e->started)
		(void)enrol_on_trust(&e->machine);
}

static void use(struct enrolling *e)
{
	struct identity_pem pem = { 0 };
	const struct client_config cfg = { pem.cert, pem.key, roots(e) };
	bool there = e->anchor.has_root &&
		     identity_store_pem(e->store, IDENTITY_CURRENT, &pem) == 0;

	FAILPOINT("coap.enrol.use");
	e->host.use(e->host.arg, there ? &cfg : NULL);
	crypto_wipe(&pem, sizeof(pem));
}

/* --- questions ---------------------------------------------------------------------------- */

static enum identity_which credential(const struct enrol_action *a)
{
	if (a->request == ENROL_ASK_CONFIRM)
		return IDENTITY_NEXT;
	if (a->request == ENROL_ASK_CLAIM)
		return IDENTITY_TICKET;
	if (a->request == ENROL_ASK_FIRST ||
	    (a->request == ENROL_ASK_ROOT && a->bootstrap))
		return IDENTITY_DEVICE;
	return IDENTITY_CURRENT;
}

static int fill_csr(struct enrolling *e, struct enrol_question *q)
{
	const uint8_t *csr;
	int n = identity_store_request(e->store, &csr);

	if (n < 0)
		return n;
	q->format = COAP_FORMAT_PKCS10;
	q->len = (size_t)n;
	memcpy(q->body, csr, q->len);
	(void)snprintf(q->query, sizeof(q->query), "epoch=%u", e->asked.epoch);
	return 0;
}

static int fill_claim(const struct enrolling *e, struct enrol_question *q)
{
	uint8_t spki[SHA256_LEN];
	int n = identity_store_spki(e->store, spki);

	if (n == 0)
		n = enrol_say_claim(spki, q->body, sizeof(q->body));
	q->format = COAP_FORMAT_CBOR;
	q->len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? n : 0;
}

static int fill_confirm(struct enrolling *e, const struct msg_sign_keys *keys,
			struct enrol_question *q)
{
	int n = enrol_say_confirm(keys, HUB_VERSION, q->body, sizeof(q->body));

	q->format = COAP_FORMAT_CBOR;
	q->len = n < 0 ? 0 : (size_t)n;
	if (n < 0)
		return n;
	if (!e->host.ingest(e->host.arg, e->turn, &q->to))
		q->to = e->anchor.trust
				.endpoints[e->turn % e->anchor.trust.endpoint_count];
	e->turn++;
	return 0;
}

/*
 * Where certificates are made. clinic.trust is of the hub's first day: the server may have had other keys since, and the
 * configs in between have said which. So what a config pins of a server of this name comes first, and, when that was somebody
 * else, by turns the next one and clinic.trust's own.
 */
static struct config_endpoint enrol_endpoint(const struct enrolling *e)
{
	struct config_endpoint to = e->anchor.trust.enrol, other;
	unsigned left = e->pins % (ENROL_PINS_TURNS + 1);

	for (unsigned n = 0; left < ENROL_PINS_TURNS && n < TARGETS_MAX; n++) {
		if (!e->host.ingest(e->host.arg, n, &other))
			break;
		if (strcmp(other.name, to.name) != 0 || left-- > 0)
			continue;
		to.pin_count = other.pin_count;
		memcpy(to.pins, other.pins, sizeof(to.pins));
		break;
	}
	return to;
}

static int fill(struct enrolling *e, const struct msg_sign_keys *keys,
		struct enrol_question *q)
{
	q->to = enrol_endpoint(e);
	switch (e->asked.request) {
	case ENROL_ASK_ROOT:
		q->path = "est/crts";
		q->accept = COAP_FORMAT_CERTS_ONLY;
		return 0;
	case ENROL_ASK_CLAIM: q->path = "hub/claim"; return fill_claim(e, q);
	case ENROL_ASK_FIRST: q->path = "est/sen"; return fill_csr(e, q);
	case ENROL_ASK_RENEWAL: q->path = "est/sren"; return fill_csr(e, q);
	case ENROL_ASK_CONFIRM: q->path = "hub/confirm"; return fill_confirm(e, keys, q);
	case ENROL_ASK_NOTHING: break;
	}
	return -EINVAL;
}

static void give_up(struct enrolling *e, enum enrol_trouble why)
{
	const struct enrol_answer gone = { .result = ENROL_GONE };

	e->trouble = why;
	enrol_on_answer(&e->machine, e->asked.number, &gone);
}

/* keys: of a confirmation. */
static void put_question(struct enrolling *e, const struct msg_sign_keys *keys)
{
	struct enrol_question q = { .number = e->asked.number };
	struct identity_pem pem = { 0 };
	int r = identity_store_pem(e->store, credential(&e->asked), &pem);

	q.as = (struct client_config){ pem.cert, pem.key, roots(e) };
	if (r == 0)
		r = fill(e, keys, &q);
	if (r == 0)
		r = enrol_client_ask(e->client, &q);
	e->is_out = r == 0;
	if (r < 0) {
		log_warn("enrolment-question", "error=\"%s\"", err_text(r));
		give_up(e, ENROL_NO_ANSWER);
	}
	crypto_wipe(&q, sizeof(q));
	crypto_wipe(&pem, sizeof(pem));
}

static void ask_store(struct enrolling *e)
{
	const struct msg m = { .kind = MSG_SIGN_KEYS,
			       .sign_keys = { .epoch = e->asked.epoch } };

	e->host.tell_store(e->host.arg, &m);
}

static void send(struct enrolling *e, const struct enrol_action *a)
{
	enrol_client_release(e->client);
	if (e->wants_keys) /* the question before never got as far */
		e->trouble = ENROL_NO_KEYS;
	else if (e->is_out)
		e->trouble = ENROL_NO_ANSWER;
	e->is_out = false;
	e->asked = *a;
	e->wants_keys = a->request == ENROL_ASK_CONFIRM;
	if (e->wants_keys)
		ask_store(e);
	else
		put_question(e, NULL);
}

/* --- answers ------------------------------------------------------------------------------ */

static enum enrol_trouble trouble_of(const struct enrol_answer *a)
{
	switch (a->result) {
	case ENROL_GONE: return ENROL_NO_ANSWER;
	case ENROL_GRANTED: return ENROL_FINE;
	case ENROL_LATER: return ENROL_MUST_WAIT;
	case ENROL_REFUSED: return ENROL_TURNED_AWAY;
	case ENROL_STALE: return ENROL_FINE;
	case ENROL_WRONG: return ENROL_NOT_UNDERSTOOD;
	}
	return ENROL_FINE;
}

/* No handshake. Whoever it was, it says nothing about the key that was asked for. */
static void on_loss(struct enrolling *e, enum client_loss loss, struct enrol_answer *ret)
{
	switch (loss) {
	case CLIENT_LOST:
	case CLIENT_GOODBYE: break;
	case CLIENT_REFUSED: ret->result = ENROL_REFUSED; break;
	case CLIENT_IDENTITY:
		e->trouble = ENROL_OTHER_SERVER;
		e->pins++;
		return;
	case CLIENT_CHAIN: e->trouble = ENROL_OTHER_ROOT; return;
	}
	e->trouble = trouble_of(ret);
}

/* Returns 0, or as certs_only_decode. */
static int chain_of(const struct enrolling *e, const uint8_t *cas, size_t len,
		    struct identity_chain *ret)
{
	enum anchors_state s = anchors_state(&e->next.machine);
	const struct trust *t = &e->anchor.trust, *next = &e->next.trust;
	int r;

	*ret = (struct identity_chain){ .root = t->root,
					.root_len = t->root_len,
					.floor_ms = floor_ms(e, rt_mono()) };
	r = certs_only_decode(cas, len, &ret->cas);
	if (r < 0 || s == ANCHORS_ONE ||
	    (s == ANCHORS_BESIDE && identity_chain_has_root(ret)))
		return r;
	ret->root =
		next->root; /* the clinic names its root of before no more, or it is on trial */
	ret->root_len = next->root_len;
	return 0;
}

static void take_cas(struct enrolling *e, const struct enrol_reply *r,
		     struct enrol_answer *ret)
{
	struct identity_chain chain;
	int err = chain_of(e, r->body, r->len, &chain);

	if (err == 0 && identity_chain_has_root(&chain)) {
		memcpy(e->cas, r->body, r->len);
		e->cas_len = r->len;
		return;
	}
	ret->result = ENROL_WRONG;
	e->trouble = err ? ENROL_NOT_UNDERSTOOD : ENROL_OTHER_ROOT;
}

/* Is it for our key, and may we use it? Whoever signed it must be below the root that we trust. */
static int judge_certificate(const struct enrolling *e, const struct enrol_reply *r,
			     struct enrol_validity *ret)
{
	struct identity_chain chain;
	uint8_t hub[HUB_ID_LEN];
	int err = identity_store_fits(e->store, r->body, r->len, ret);

	if (err == 0)
		err = identity_store_hub(e->store, hub);
	if (err == 0)
		err = chain_of(e, e->cas, e->cas_len, &chain);
	return err ? err : identity_chain_check(&chain, r->body, r->len, hub);
}

static void take_certificate(struct enrolling *e, const struct enrol_reply *r,
			     struct enrol_answer *ret)
{
	int err = judge_certificate(e, r, &ret->validity);

	if (err == 0) {
		memcpy(e->der, r->body, r->len);
		e->der_len = r->len;
		return;
	}
	log_err("enrolment-certificate", "error=\"%s\" note=\"%s; not taken\"",
		err_text(err),
		err == -ENOENT	 ? "its CA is not one of this clinic"
		: err == -ESTALE ? "it has ended"
				 : "it is not for this hub's key, or not for a hub");
	ret->result = ENROL_WRONG;
	e->trouble = err == -ENOENT ? ENROL_OTHER_ROOT : ENROL_NOT_UNDERSTOOD;
}

/* The clinic's time counts unless its certificate would have ended by then. */
static void take_confirmed(struct enrolling *e, const struct enrol_reply *r)
{
	struct enrol_confirmed said;
	const struct mono now = rt_mono();

	if (enrol_hear_confirmed(r->body, r->len, &said))
		return; /* 2.04 says it all */
	if (said.now.quality != CLOCK_QUALITY_NONE && said.now.ms <= r->peer_end_ms) {
		const struct msg_time t = { .at = now, .utc = said.now };

		client_set_time_floor(said.now.ms);
		note_time(e, &t);
	}
	if (said.config_version)
		e->host.wanted(e->host.arg, said.config_version);
}

static void take_answer(struct enrolling *e, const struct enrol_reply *r,
			struct enrol_answer *ret)
{
	ret->result = enrol_hear_code(e->asked.request, r->code);
	ret->max_age_s = r->max_age_s;
	e->trouble = trouble_of(ret);
	if (ret->result == ENROL_STALE && enrol_hear_epoch(r->body, r->len, &ret->epoch))
		ret->result = ENROL_GONE;
	if (ret->result != ENROL_GRANTED) {
		log_warn("enrolment-answer", "code=%d.%02d request=%d", r->code / 32,
			 r->code % 32, (int)e->asked.request);
		return;
	}
	switch (e->asked.request) {
	case ENROL_ASK_ROOT: take_cas(e, r, ret); break;
	case ENROL_ASK_CLAIM: log_info("ticket-taken", "by=clinic"); break;
	case ENROL_ASK_CONFIRM: take_confirmed(e, r); break;
	case ENROL_ASK_FIRST:
	case ENROL_ASK_RENEWAL: take_certificate(e, r, ret); break;
	case ENROL_ASK_NOTHING: break;
	}
}

/* --- the loop ----------------------------------------------------------------------------- */

static void keep(struct enrolling *e, const struct enrol_action *a)
{
	bool trust = a->what == ENROL_KEEP_TRUST;
	int r = identity_store_do(e->store, a, trust ? e->anchor.file : e->der,
				  trust ? e->anchor.len : e->der_len);

	if (r < 0) {
		log_err("enrolment-file", "what=%d error=\"%s\" do=\"check the disk\"",
			(int)a->what, err_text(r));
		e->trouble = ENROL_NOT_KEPT;
	} else if (e->trouble == ENROL_NOT_KEPT) {
		e->trouble = ENROL_FINE;
	}
	FAILPOINT("coap.enrol.kept");
	if (r == 0 && a->what == ENROL_FORGET) {
		e->anchor = (struct anchor){ .has_trust = false };
		e->look_at = (struct mono){ 0 };
		e->hubd_knows = e->hubd_knows_trust = false;
	}
	enrol_on_stored(&e->machine, r == 0, rt_mono());
}

static void call(struct enrolling *e)
{
	e->trouble = ENROL_NEEDS_PERSON;
	log_err("enrolment-stuck", "do=\"look at 'clinicctl enrol list' at the clinic, "
				   "then switch the hub off and on\"");
}

static void act(struct enrolling *e, const struct enrol_action *a)
{
	switch (a->what) {
	case ENROL_NOTHING: break;
	case ENROL_KEEP_TRUST:
	case ENROL_MAKE_KEY:
	case ENROL_KEEP_CERT:
	case ENROL_KEEP_EPOCH:
	case ENROL_PROMOTE:
	case ENROL_FORGET: keep(e, a); break;
	case ENROL_SEND: send(e, a); break;
	case ENROL_USE: use(e); break;
	case ENROL_CALL: call(e); break;
	}
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static void drain(struct enrolling *e)
{
	struct mono now = rt_mono();
	struct enrol_action a;

	if (e->draining || !e->started)
		return;
	e->draining = true;
	drain_anchors(e);
	look_for_trust(e, now);
	while (enrol_next(&e->machine, dice(), floor_ms(e, now), now, &a)) {
		act(e, &a);
		now = rt_mono();
	}
	e->draining = false;
	tell_root(e);
	tell_hubd(e);
	rt_timer_set(e->timer,
		     earlier(anchors_deadline(&e->next.machine),
			     earlier(enrol_deadline(&e->machine, now),
				     e->anchor.has_trust ? MONO_NEVER : e->look_at)));
}

static void on_timer(void *arg)
{
	drain(arg);
}

/* Never from within drain(): enrol_client tells from the loop. */
static void on_reply(void *arg, const struct enrol_reply *r)
{
	struct enrolling *e = arg;
	struct enrol_answer a = { .result = ENROL_GONE };

	if (r->number != e->asked.number)
		return;
	e->is_out = false;
	if (r->answered)
		take_answer(e, r, &a);
	else
		on_loss(e, r->loss, &a);
	enrol_on_answer(&e->machine, r->number, &a);
	drain(e);
}

/* A hub that was added by hand and has a root alone can renew its certificate from now on. */
static void take_own(struct enrolling *e)
{
	static const struct enrol_action keep = { .what = ENROL_KEEP_TRUST };
	int r;

	if (e->anchor.has_trust || !file_is_gone(e->dir, "clinic.trust"))
		return;
	r = identity_store_do(e->store, &keep, e->next.file, e->next.len);
	if (r < 0)
		log_err("clinic-trust-unkept", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
	else
		e->look_at = (struct mono){ 0 };
}

/* --- events ------------------------------------------------------------------------------- */

void enrolling_on_uplink(struct enrolling *e, bool refused)
{
	enrol_on_uplink(&e->machine, refused, rt_mono());
	drain(e);
}

void enrolling_on_time(struct enrolling *e, const struct msg_time *t)
{
	note_time(e, t);
	drain(e);
}

void enrolling_on_route(struct enrolling *e)
{
	enrol_on_route(&e->machine);
	drain(e);
}

void enrolling_on_hubd(struct enrolling *e)
{
	e->hubd_knows = e->hubd_knows_trust = e->hubd_knows_root = false;
	drain(e);
}

void enrolling_on_acknowledged(struct enrolling *e)
{
	if (anchors_state(&e->next.machine) != ANCHORS_ALONE)
		return;
	anchors_on_acknowledged(&e->next.machine);
	drain(e);
}

void enrolling_on_leaving(struct enrolling *e, bool leaving)
{
	int r = identity_store_leaving(e->store, leaving);

	if (r < 0)
		log_err("enrolment-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

void enrolling_on_anchor(struct enrolling *e, const struct msg_anchor *piece)
{
	int r = anchor_next_add(&e->next, piece);

	if (r <= 0)
		return;
	r = anchor_next_take(&e->next, &e->anchor, rt_mono());
	if (r < 0)
		log_err("clinic-root",
			"error=\"%s\" note=\"the root that this hub has does not vouch "
			"for it; not taken\"",
			err_text(r));
	if (r == TRUST_OFFER_SAME)
		take_own(e);
	e->hubd_knows_root = false; /* it may follow by that */
	drain(e);
}

void enrolling_on_store(struct enrolling *e)
{
	if (e->wants_keys)
		ask_store(e);
}

void enrolling_on_sign_keys(struct enrolling *e, const struct msg_sign_keys *keys)
{
	if (!e->wants_keys || keys->epoch != e->asked.epoch || !keys->has_sign)
		return;
	e->wants_keys = false;
	put_question(e, keys);
	drain(e);
}

/* --- start and end ------------------------------------------------------------------------ */

int enrolling_new(struct rt *rt, const char *dir, struct enrolling **ret)
{
	struct enrolling *e = calloc(1, sizeof(*e));
	struct enrol_kept kept;
	int r;

	if (!e)
		return -ENOMEM;
	e->rt = rt;
	e->dir = dir;
	r = identity_store_open(dir, &e->store);
	if (r < 0) {
		free(e);
		return r;
	}
	if (identity_store_damaged(e->store))
		log_err("identity-files", "damaged=%u note=\"they are as if not there\"",
			identity_store_damaged(e->store));
	kept = identity_store_kept(e->store);
	anchor_look(dir, !kept.has_current && !kept.has_key, 0, &e->anchor);
	e->trouble = e->anchor.trouble;
	kept.trusted = e->anchor.has_trust;
	enrol_init(&e->machine, &kept, dice());
	e->timer = rt_timer_new(rt, on_timer, e);
	r = enrol_client_new(rt, on_reply, e, &e->client);
	if (r < 0) {
		enrolling_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void enrolling_start(struct enrolling *e, const struct enrolling_host *host)
{
	e->host = *host;
	e->started = true;
	use(e);
	drain(e);
}

void enrolling_free(struct enrolling *e)
{
	if (!e)
		return;
	enrol_client_free(e->client);
	rt_timer_free(e->timer);
	identity_store_free(e->store);
	crypto_wipe(e, sizeof(*e));
	free(e);
}
