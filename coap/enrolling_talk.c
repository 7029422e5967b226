/*
 * enrolling_talk.c - a conversation of an enrolment: how a question of the machine is put to the clinic, and what an answer is
 * worth; see enrolling_inside.h.
 *
 * Must never: show the device key, or a credential, to a server before the handshake has shown that it is the one of
 * clinic.trust; keep a certificate that identity_store_fits refuses; confirm without hub-store's keys, unless it is an emergency
 * identity.
 */
#include "coap/enrolling_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coap/code.h"
#include "coap/enrol_words.h"
#include "coap/identity_chain.h"
#include "coap/targets.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"

/* So many lists of pins of configs are tried, then those of clinic.trust: of a config in use and of one to be confirmed. */
enum { ENROL_PINS_TURNS = 2 };

/* --- questions ---------------------------------------------------------------------------- */

static enum identity_which credential(const struct enrol_action *a)
{
	if (a->request == ENROL_ASK_CONFIRM)
		return a->emergency ? IDENTITY_EMERGENCY_NEXT : IDENTITY_NEXT;
	if (a->request == ENROL_ASK_CLAIM)
		return IDENTITY_TICKET;
	if (a->request == ENROL_ASK_FIRST ||
	    (a->request == ENROL_ASK_ROOT && a->bootstrap))
		return IDENTITY_DEVICE;
	return IDENTITY_CURRENT;
}

static int fill_csr(const struct talk *t, struct enrol_question *q)
{
	const uint8_t *csr;
	int n = identity_store_request(t->of->store, t->emergency, &csr);

	if (n < 0)
		return n;
	q->format = COAP_FORMAT_PKCS10;
	q->len = (size_t)n;
	memcpy(q->body, csr, q->len);
	(void)snprintf(q->query, sizeof(q->query), "epoch=%u", t->asked.epoch);
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

/* An emergency identity says nothing of keys. */
static int fill_confirm(struct talk *t, const struct msg_sign_keys *keys,
			struct enrol_question *q)
{
	struct enrolling *e = t->of;
	int n = t->emergency
			? enrol_say_confirm_emergency(t->asked.epoch, HUB_VERSION,
						      q->body, sizeof(q->body))
			: enrol_say_confirm(keys, HUB_VERSION, q->body, sizeof(q->body));

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

static int fill(struct talk *t, const struct msg_sign_keys *keys,
		struct enrol_question *q)
{
	q->to = enrol_endpoint(t->of);
	switch (t->asked.request) {
	case ENROL_ASK_ROOT:
		q->path = "est/crts";
		q->accept = COAP_FORMAT_CERTS_ONLY;
		return 0;
	case ENROL_ASK_CLAIM: q->path = "hub/claim"; return fill_claim(t->of, q);
	case ENROL_ASK_FIRST: q->path = "est/sen"; return fill_csr(t, q);
	case ENROL_ASK_RENEWAL: q->path = "est/sren"; return fill_csr(t, q);
	case ENROL_ASK_EMERGENCY: q->path = "est/emergency/sen"; return fill_csr(t, q);
	case ENROL_ASK_CONFIRM: q->path = "hub/confirm"; return fill_confirm(t, keys, q);
	case ENROL_ASK_NOTHING: break;
	}
	return -EINVAL;
}

static void give_up(struct talk *t, enum enrol_trouble why)
{
	const struct enrol_answer gone = { .result = ENROL_GONE };

	t->trouble = why;
	enrol_on_answer(&t->machine, t->asked.number, &gone);
}

/* keys: of a confirmation. */
static void put_question(struct talk *t, const struct msg_sign_keys *keys)
{
	struct enrol_question q = { .number = t->asked.number };
	struct identity_pem pem = { 0 };
	int r = identity_store_pem(t->of->store, credential(&t->asked), &pem);

	q.as = (struct client_config){ pem.cert, pem.key, enrolling_roots(t->of) };
	if (r == 0)
		r = fill(t, keys, &q);
	if (r == 0)
		r = enrol_client_ask(t->client, &q);
	t->is_out = r == 0;
	if (r < 0) {
		log_warn("enrolment-question", "error=\"%s\"", err_text(r));
		give_up(t, ENROL_NO_ANSWER);
	}
	crypto_wipe(&q, sizeof(q));
	crypto_wipe(&pem, sizeof(pem));
}

static void ask_store(struct talk *t)
{
	const struct msg m = { .kind = MSG_SIGN_KEYS,
			       .sign_keys = { .epoch = t->asked.epoch } };

	t->of->host.tell_store(t->of->host.arg, &m);
}

void talk_send(struct talk *t, const struct enrol_action *a)
{
	enrol_client_release(t->client);
	if (t->wants_keys) /* the question before never got as far */
		t->trouble = ENROL_NO_KEYS;
	else if (t->is_out)
		t->trouble = ENROL_NO_ANSWER;
	t->is_out = false;
	t->asked = *a;
	t->wants_keys = a->request == ENROL_ASK_CONFIRM && !t->emergency;
	if (t->wants_keys)
		ask_store(t);
	else
		put_question(t, NULL);
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
static void on_loss(struct talk *t, enum client_loss loss, struct enrol_answer *ret)
{
	switch (loss) {
	case CLIENT_LOST:
	case CLIENT_GOODBYE: break;
	case CLIENT_REFUSED: ret->result = ENROL_REFUSED; break;
	case CLIENT_IDENTITY:
		t->trouble = ENROL_OTHER_SERVER;
		t->of->pins++;
		return;
	case CLIENT_CHAIN: t->trouble = ENROL_OTHER_ROOT; return;
	}
	t->trouble = trouble_of(ret);
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
					.floor_ms = enrolling_floor_ms(e, rt_mono()) };
	r = certs_only_decode(cas, len, &ret->cas);
	if (r < 0 || s == ANCHORS_ONE ||
	    (s == ANCHORS_BESIDE && identity_chain_has_root(ret)))
		return r;
	ret->root =
		next->root; /* the clinic names its root of before no more, or it is on trial */
	ret->root_len = next->root_len;
	return 0;
}

static void take_cas(struct talk *t, const struct enrol_reply *r,
		     struct enrol_answer *ret)
{
	struct identity_chain chain;
	int err = chain_of(t->of, r->body, r->len, &chain);

	if (err == 0 && identity_chain_has_root(&chain)) {
		memcpy(t->cas, r->body, r->len);
		t->cas_len = r->len;
		return;
	}
	ret->result = ENROL_WRONG;
	t->trouble = err ? ENROL_NOT_UNDERSTOOD : ENROL_OTHER_ROOT;
}

/* Is it for our key, and may we use it? Whoever signed it must be below the root that we trust. */
static int judge_certificate(const struct talk *t, const struct enrol_reply *r,
			     struct enrol_validity *ret)
{
	struct identity_chain chain;
	uint8_t hub[HUB_ID_LEN];
	int err = identity_store_fits(t->of->store, t->emergency, r->body, r->len, ret);

	if (err == 0)
		err = identity_store_hub(t->of->store, hub);
	if (err == 0)
		err = chain_of(t->of, t->cas, t->cas_len, &chain);
	return err ? err : identity_chain_check(&chain, r->body, r->len, hub);
}

static void take_certificate(struct talk *t, const struct enrol_reply *r,
			     struct enrol_answer *ret)
{
	int err = judge_certificate(t, r, &ret->validity);

	if (err == 0) {
		memcpy(t->der, r->body, r->len);
		t->der_len = r->len;
		return;
	}
	log_err("enrolment-certificate", "error=\"%s\" note=\"%s; not taken\"",
		err_text(err),
		err == -ENOENT	 ? "its CA is not one of this clinic"
		: err == -ESTALE ? "it has ended"
				 : "it is not for this hub's key, or not for a hub");
	ret->result = ENROL_WRONG;
	t->trouble = err == -ENOENT ? ENROL_OTHER_ROOT : ENROL_NOT_UNDERSTOOD;
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
		enrolling_note_time(e, &t);
	}
	if (said.config_version)
		e->host.wanted(e->host.arg, said.config_version);
}

static void take_answer(struct talk *t, const struct enrol_reply *r,
			struct enrol_answer *ret)
{
	ret->result = enrol_hear_code(t->asked.request, r->code);
	ret->max_age_s = r->max_age_s;
	t->trouble = trouble_of(ret);
	if (ret->result == ENROL_STALE && enrol_hear_epoch(r->body, r->len, &ret->epoch))
		ret->result = ENROL_GONE;
	if (ret->result != ENROL_GRANTED) {
		log_warn("enrolment-answer", "code=%d.%02d request=%d", r->code / 32,
			 r->code % 32, (int)t->asked.request);
		return;
	}
	switch (t->asked.request) {
	case ENROL_ASK_ROOT: take_cas(t, r, ret); break;
	case ENROL_ASK_CLAIM: log_info("ticket-taken", "by=clinic"); break;
	case ENROL_ASK_CONFIRM: take_confirmed(t->of, r); break;
	case ENROL_ASK_FIRST:
	case ENROL_ASK_RENEWAL:
	case ENROL_ASK_EMERGENCY: take_certificate(t, r, ret); break;
	case ENROL_ASK_NOTHING: break;
	}
}

/* Never from within enrolling_drain(): enrol_client tells from the loop. */
static void on_reply(void *arg, const struct enrol_reply *r)
{
	struct talk *t = arg;
	struct enrol_answer a = { .result = ENROL_GONE };

	if (r->number != t->asked.number)
		return;
	t->is_out = false;
	if (r->answered)
		take_answer(t, r, &a);
	else
		on_loss(t, r->loss, &a);
	enrol_on_answer(&t->machine, r->number, &a);
	enrolling_drain(t->of);
}

/* --- for enrolling.c ---------------------------------------------------------------------- */

int talk_new(struct talk *t)
{
	return enrol_client_new(t->of->rt, on_reply, t, &t->client);
}

void talk_free(struct talk *t)
{
	enrol_client_free(t->client);
}

void talk_drop(struct talk *t)
{
	enrol_client_release(t->client);
	t->wants_keys = t->is_out = false;
	t->asked = (struct enrol_action){ .what = ENROL_NOTHING };
}

void talk_on_store(struct talk *t)
{
	if (t->wants_keys)
		ask_store(t);
}

void talk_on_sign_keys(struct talk *t, const struct msg_sign_keys *keys)
{
	if (!t->wants_keys || keys->epoch != t->asked.epoch || !keys->has_sign)
		return;
	t->wants_keys = false;
	put_question(t, keys);
}
