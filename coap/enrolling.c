/*
 * enrolling.c - see enrolling.h.
 *
 * Each event is noted in the machines; then enrolling_drain() carries out what they ask for until they ask for nothing, tells
 * hubd what has changed, and arms the one timer. How a question is put and what an answer is worth: enrolling_talk.c.
 *
 * Must never: speak with the credential in use while hubd withholds it; fall silent because there is no emergency identity yet.
 */
#include "coap/enrolling_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

static uint32_t dice(void)
{
	uint32_t d;

	crypto_random((uint8_t *)&d, sizeof(d));
	return d;
}

int64_t enrolling_floor_ms(const struct enrolling *e, struct mono now)
{
	return e->has_time ? msg_time_ms(&e->time, now) : 0;
}

enum enrol_state enrolling_state(const struct enrolling *e)
{
	return enrol_state(&e->main.machine);
}

void enrolling_note_time(struct enrolling *e, const struct msg_time *t)
{
	if (t->utc.ms <= 0 || (e->has_time && t->utc.ms <= msg_time_ms(&e->time, t->at)))
		return;
	e->has_time = true;
	e->time = *t;
}

/* --- hubd hears --------------------------------------------------------------------------- */

static struct msg_enrolment state_now(const struct enrolling *e)
{
	const struct enrol_kept kept = enrol_kept(&e->main.machine);
	struct msg_enrolment m = { .state = enrol_state(&e->main.machine),
				   .trouble = e->main.trouble,
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

/* --- what is trusted ---------------------------------------------------------------------- */

static void look_for_trust(struct enrolling *e, struct mono now)
{
	const struct enrol_kept kept = enrol_kept(&e->main.machine);
	bool fresh = !kept.has_current && !kept.has_key;

	if (e->anchor.has_trust || !mono_reached(now, e->look_at))
		return;
	e->look_at = mono_add(now, ENROLLING_LOOK_MS);
	anchor_look(e->dir, fresh, enrolling_floor_ms(e, now) / 1000, &e->anchor);
	e->main.trouble = e->anchor.trouble;
	e->hubd_knows_trust = false;
	if (!e->anchor.has_trust || !e->started)
		return;
	(void)enrol_on_trust(&e->main.machine);
	if (kept.has_current)
		(void)enrol_on_trust(&e->emergency.machine);
}

/* --- who speaks --------------------------------------------------------------------------- */

/* One whose key does not open with hubd's share is lost until a person comes; what is measured meanwhile is not. */
static enum speaker speaker(const struct enrolling *e)
{
	if (!identity_store_is_shut(e->store))
		return SPEAKER_CURRENT;
	return e->has_word ? SPEAKER_EMERGENCY : SPEAKER_NOBODY;
}

void enrolling_use(struct enrolling *e)
{
	struct identity_pem pem = { 0 };
	const struct client_config cfg = { pem.cert, pem.key, enrolling_roots(e) };
	enum speaker who = speaker(e);
	bool there = e->anchor.has_root && who != SPEAKER_NOBODY &&
		     identity_store_pem(e->store,
					who == SPEAKER_EMERGENCY ? IDENTITY_EMERGENCY
								 : IDENTITY_CURRENT,
					&pem) == 0;

	FAILPOINT("coap.enrol.use");
	e->speaks = who;
	e->host.use(e->host.arg, there ? &cfg : NULL, who == SPEAKER_EMERGENCY);
	crypto_wipe(&pem, sizeof(pem));
}

static bool is_sealed(const struct enrolling *e)
{
	return identity_store_is_shut(e->store) ||
	       (e->has_word && e->level == IDENTITY_LEVEL_WITHHELD);
}

static void init_emergency(struct enrolling *e)
{
	struct enrol_kept kept = identity_store_kept_emergency(e->store);

	kept.trusted = e->anchor.has_trust;
	enrol_init_emergency(&e->emergency.machine, &kept, dice());
}

/* What the machines cannot know: may they, and is there a reason that no date says? */
static void update(struct enrolling *e)
{
	enrol_on_sealed(&e->main.machine, is_sealed(e));
	enrol_on_sealed(&e->emergency.machine, is_sealed(e));
	enrol_on_due(&e->main.machine,
		     enrol_state(&e->main.machine) == ENROL_ACTIVE &&
			     identity_store_wanted(e->store) < e->wanted);
	enrol_on_due(&e->emergency.machine, identity_store_wants_emergency(e->store));
}

/* --- the loop ----------------------------------------------------------------------------- */

/* The credential in use has changed: what is under way beside it is of the one before. */
static void begin_anew(struct enrolling *e)
{
	talk_drop(&e->emergency);
	init_emergency(e);
}

static void keep(struct talk *t, const struct enrol_action *a)
{
	struct enrolling *e = t->of;
	bool trust = a->what == ENROL_KEEP_TRUST;
	int r = identity_store_do(e->store, a, trust ? e->anchor.file : t->der,
				  trust ? e->anchor.len : t->der_len);

	if (r < 0) {
		log_err("enrolment-file", "what=%d error=\"%s\" do=\"check the disk\"",
			(int)a->what, err_text(r));
		t->trouble = ENROL_NOT_KEPT;
	} else if (t->trouble == ENROL_NOT_KEPT) {
		t->trouble = ENROL_FINE;
	}
	FAILPOINT("coap.enrol.kept");
	if (r == 0 && a->what == ENROL_FORGET) {
		e->anchor = (struct anchor){ .has_trust = false };
		e->look_at = (struct mono){ 0 };
		e->hubd_knows = e->hubd_knows_trust = false;
	}
	enrol_on_stored(&t->machine, r == 0, rt_mono());
	if (r == 0 && !t->emergency &&
	    (a->what == ENROL_PROMOTE || a->what == ENROL_FORGET))
		begin_anew(e);
	if (r == 0 && t->emergency && a->what == ENROL_PROMOTE)
		log_info("emergency-identity", "epoch=%u", a->epoch);
}

/* Of the emergency identity nobody is called: it is tried again, day after day. */
static void call(struct talk *t)
{
	t->trouble = ENROL_NEEDS_PERSON;
	if (t->emergency) {
		log_warn("emergency-identity", "error=\"the clinic has not taken one\"");
		return;
	}
	log_err("enrolment-stuck", "do=\"look at 'clinicctl enrol list' at the clinic, "
				   "then switch the hub off and on\"");
}

static void act(struct talk *t, const struct enrol_action *a)
{
	switch (a->what) {
	case ENROL_NOTHING: break;
	case ENROL_KEEP_TRUST:
	case ENROL_MAKE_KEY:
	case ENROL_KEEP_CERT:
	case ENROL_KEEP_EPOCH:
	case ENROL_PROMOTE:
	case ENROL_FORGET: keep(t, a); break;
	case ENROL_SEND: talk_send(t, a); break;
	case ENROL_USE:
		if (!t->emergency || t->of->speaks == SPEAKER_EMERGENCY)
			enrolling_use(t->of);
		break;
	case ENROL_CALL: call(t); break;
	}
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

static void drain_talk(struct talk *t)
{
	struct enrolling *e = t->of;
	struct mono now = rt_mono();
	struct enrol_action a;

	update(e);
	while (enrol_next(&t->machine, dice(), enrolling_floor_ms(e, now), now, &a)) {
		act(t, &a);
		update(e);
		now = rt_mono();
	}
}

void enrolling_drain(struct enrolling *e)
{
	struct mono now = rt_mono(), next;

	if (e->draining || !e->started)
		return;
	e->draining = true;
	enrolling_drain_roots(e);
	look_for_trust(e, now);
	drain_talk(&e->main);
	drain_talk(&e->emergency);
	e->draining = false;
	enrolling_tell_root(e);
	tell_hubd(e);
	now = rt_mono();
	next = earlier(enrol_deadline(&e->main.machine, now),
		       enrol_deadline(&e->emergency.machine, now));
	next = earlier(next, anchors_deadline(&e->next.machine));
	rt_timer_set(e->timer,
		     earlier(next, e->anchor.has_trust ? MONO_NEVER : e->look_at));
}

static void on_timer(void *arg)
{
	enrolling_drain(arg);
}

/* --- events ------------------------------------------------------------------------------- */

void enrolling_on_uplink(struct enrolling *e, bool refused)
{
	if (e->speaks == SPEAKER_CURRENT)
		enrol_on_uplink(&e->main.machine, refused, rt_mono());
	enrolling_drain(e);
}

void enrolling_on_time(struct enrolling *e, const struct msg_time *t)
{
	enrolling_note_time(e, t);
	enrolling_drain(e);
}

void enrolling_on_route(struct enrolling *e)
{
	enrol_on_route(&e->main.machine);
	enrol_on_route(&e->emergency.machine);
	enrolling_drain(e);
}

void enrolling_on_hubd(struct enrolling *e)
{
	e->hubd_knows = e->hubd_knows_trust = e->hubd_knows_root = false;
	enrolling_drain(e);
}

void enrolling_on_leaving(struct enrolling *e, bool leaving)
{
	int r = identity_store_leaving(e->store, leaving);

	if (r < 0)
		log_err("enrolment-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

void enrolling_on_store(struct enrolling *e)
{
	talk_on_store(&e->main);
}

void enrolling_on_sign_keys(struct enrolling *e, const struct msg_sign_keys *keys)
{
	talk_on_sign_keys(&e->main, keys);
	enrolling_drain(e);
}

/* What is under way by a credential that is withheld ends here; the confirmation of an emergency identity is by itself. */
static void withhold(struct enrolling *e)
{
	talk_drop(&e->main);
	if (e->emergency.asked.request != ENROL_ASK_CONFIRM)
		talk_drop(&e->emergency);
	if (identity_store_withhold(e->store) < 0)
		log_err("emergency-identity",
			"error=\"there is none yet\" note=\"uploads go on with the "
			"identity in use\"");
}

static void take_share(struct enrolling *e, const struct msg_identity *m)
{
	int r = identity_store_give_share(e->store, m->share);

	if (r == -EKEYREJECTED)
		log_err("identity-share",
			"error=\"it does not open the identity in use\" note=\"what is "
			"measured goes to the clinic under the emergency identity\" "
			"do=\"enrol the hub anew\"");
	else if (r < 0)
		log_err("identity-files", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

void enrolling_on_identity(struct enrolling *e, const struct msg_identity *m)
{
	e->has_word = true;
	e->level = m->level;
	if (m->renewal > e->wanted) {
		e->wanted = m->renewal;
		identity_store_want(e->store, m->renewal);
	}
	if (m->level == IDENTITY_LEVEL_WITHHELD)
		withhold(e);
	else if (m->has_share)
		take_share(e, m);
	if (!e->started)
		return;
	update(e);
	if (speaker(e) != e->speaks) {
		enrolling_use(e);
		log_info("identity", "speaks=%s level=%u",
			 e->speaks == SPEAKER_EMERGENCY ? "emergency" : "normal",
			 e->level);
	}
	FAILPOINT("coap.identity.used");
	enrolling_drain(e);
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
	e->main.trouble = e->anchor.trouble;
	kept.trusted = e->anchor.has_trust;
	enrol_init(&e->main.machine, &kept, dice());
	init_emergency(e);
	e->timer = rt_timer_new(rt, on_timer, e);
	e->main.of = e->emergency.of = e;
	e->emergency.emergency = true;
	r = talk_new(&e->main);
	if (r == 0)
		r = talk_new(&e->emergency);
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
	enrolling_use(e);
	enrolling_drain(e);
}

void enrolling_free(struct enrolling *e)
{
	if (!e)
		return;
	talk_free(&e->main);
	talk_free(&e->emergency);
	rt_timer_free(e->timer);
	identity_store_free(e->store);
	crypto_wipe(e, sizeof(*e));
	free(e);
}
