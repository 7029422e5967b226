/*
 * test_emergency_model.c - every state that a hub and its clinic can get into about the hub's emergency identity.
 *
 * Breadth first. The hub is the emergency machine of coap/enrol.c over a disk of two keys, the clinic is clinic/enrolment.c with one row;
 * both are the real ones. Each action of theirs about the operational key is taken for granted, in one step: how that is got is
 * test_enrolment_model.c's matter. Without limit: messages lost, waits that end, starts of the hub, level 3 and its end. And up to
 * RARE of all else: messages doubled or late, a kill before and after each thing that is kept, no space for it, renewals of the
 * operational key, a factory reset with a new enrolment, days gone by, a row suspended, lost, found, resumed.
 *
 * In each state:
 *   one key     at most one emergency key of the hub may upload, and it is never the operational one
 *   held        the clinic's emergency key is one that the hub has, if nothing took it away
 *   ended       a row in LOST takes nothing by it
 *   confirmed   the hub takes for its emergency identity what the clinic has confirmed
 *   apart       nothing of it changes the operational key's part of the row
 *   speaks      when no more messages are lost, a hub that ever had an emergency identity can upload by it at level 3; and one
 *               that is not locked has the one that was made beside its operational key
 *
 * Variants that are broken show that these are looked for.
 */
#include "clinic/enrolment.h"
#include "coap/enrol.h"
#include "tests/unit/test.h"

enum {
	KEYS = 12,
	DEVICE = 0xd0,
	NOW = 1000000000,
	RARE = 3,
	STATES_MAX = 1 << 19,
	STEPS_MAX = 60,
};

#define TODAY_MS INT64_C(1795305600000)

enum broken { BROKEN_NOTHING, BROKEN_OLD_DROPPED, BROKEN_GIVEN_UP, BROKEN_UNCONFIRMED };

struct message {
	uint8_t request; /* enum enrol_request; 0: none */
	bool answer, current;
	uint8_t by, key, result;
	uint32_t epoch;
};

struct world {
	struct enrol hub;
	uint8_t op; /* the hub's operational key, which the clinic has, too */
	uint8_t now,
		now_beside; /* its emergency key, and the operational one that it was made beside */
	uint8_t next, next_beside; /* the same of the one that is not confirmed */
	uint8_t next_cert, came;   /* whose certificates */
	bool confirmed[KEYS];	   /* by the clinic, once */
	bool dead, sealed;
	struct enrolment row;
	struct message net, late;
	uint8_t rare;
	uint32_t epoch;
};

struct step {
	enum broken broken;
	unsigned fate, fate_at,
		kept; /* 0 kept, 1 no space, 2 killed before, 3 killed after */
	const char *wrong;
};

static struct world *worlds;
static uint32_t *places;
static size_t count;

static void wrong(struct step *s, const char *what)
{
	s->wrong = s->wrong ? s->wrong : what;
}

static void spki_of(uint8_t key, uint8_t ret[static PIN_LEN])
{
	memset(ret, 0, PIN_LEN);
	ret[0] = key;
}

static enum enrolment_role role(const struct world *w, uint8_t key)
{
	uint8_t spki[PIN_LEN];

	spki_of(key, spki);
	return enrolment_role(&w->row, spki, TODAY_MS);
}

/* --- the hub ------------------------------------------------------------------------------------- */

static struct enrol_kept disk(const struct world *w)
{
	return (struct enrol_kept){ .trusted = true,
				    .has_current = true,
				    .current_epoch = w->epoch,
				    .epoch = w->epoch,
				    .has_key = w->next != 0,
				    .has_next = w->next_cert != 0,
				    .next_renewal = w->next != 0,
				    .next_epoch = w->next ? w->epoch : 0 };
}

static void boot(struct world *w)
{
	struct enrol_kept kept = disk(w);

	w->dead = false;
	w->net.current = false;
	enrol_init_emergency(&w->hub, &kept, 0);
}

static uint8_t new_key(struct world *w)
{
	for (uint8_t k = 1; k < KEYS; k++) {
		if (k == w->op || k == w->now || k == w->now_beside || k == w->next ||
		    k == w->next_beside || k == w->came || k == w->net.by ||
		    k == w->net.key || k == w->late.by || k == w->late.key ||
		    k == w->row.active.spki[0] || k == w->row.emergency.spki[0] ||
		    k == w->row.emergency_issued.spki[0])
			continue;
		w->confirmed[k] = false;
		return k;
	}
	abort();
}

static void keep_whole(struct world *w, struct step *s, const struct enrol_action *a)
{
	if (a->what == ENROL_MAKE_KEY) {
		w->next = new_key(w);
		w->next_beside = w->op;
		w->next_cert = 0;
	} else if (a->what == ENROL_KEEP_CERT) {
		w->next_cert = w->came;
	} else if (a->what == ENROL_PROMOTE) {
		if (!w->confirmed[w->next])
			wrong(s, "confirmed");
		w->now = w->next;
		w->now_beside = w->next_beside;
		w->next = w->next_beside = w->next_cert = 0;
	}
}

static void keep(struct world *w, struct step *s, const struct enrol_action *a)
{
	unsigned fate = s->kept++ == s->fate_at ? s->fate : 0;
	struct mono now = { NOW };

	w->dead = fate > 1;
	if (fate == 1)
		enrol_on_stored(&w->hub, false, now);
	if (fate == 1 || fate == 2)
		return;
	keep_whole(w, s, a);
	enrol_on_stored(&w->hub, true, now);
	if (s->broken == BROKEN_UNCONFIRMED && a->what == ENROL_KEEP_CERT) {
		w->hub.todo = ENROL_PROMOTE;
		w->hub.wait_until.ms = 0;
	}
}

static void send_request(struct world *w, const struct enrol_action *a)
{
	if (w->net.request && !w->net.answer && w->net.request != ENROL_ASK_ROOT)
		w->late = w->net;
	w->net =
		(struct message){ .request = (uint8_t)a->request,
				  .current = true,
				  .by = a->request == ENROL_ASK_CONFIRM ? w->next : w->op,
				  .key = a->request == ENROL_ASK_EMERGENCY ? w->next : 0,
				  .epoch = a->epoch };
}

static bool is_due(const struct world *w)
{
	return !w->now || w->now_beside != w->op;
}

static void drain(struct world *w, struct step *s)
{
	struct enrol_action a;

	for (unsigned n = 0; !w->dead && n < 20; n++) {
		enrol_on_sealed(&w->hub, w->sealed);
		enrol_on_due(&w->hub, is_due(w));
		if (!enrol_next(&w->hub, 0, 100, (struct mono){ NOW }, &a))
			return;
		if (a.what == ENROL_SEND)
			send_request(w, &a);
		else if (a.what != ENROL_USE && a.what != ENROL_CALL)
			keep(w, s, &a);
	}
	if (!w->dead)
		wrong(s, "the machine does not come to rest");
}

/* --- the clinic ---------------------------------------------------------------------------------- */

static enum enrol_result result_of(const struct enrolment_answer *a)
{
	switch (enrolment_code(a)) {
	case 0x44: return ENROL_GRANTED;
	case 0x80: return ENROL_WRONG;
	case 0x89: return ENROL_STALE;
	case 0xa3: return ENROL_LATER;
	}
	return ENROL_REFUSED;
}

static bool is_known(const struct world *w, uint8_t key)
{
	return key == w->row.active.spki[0] || key == w->row.emergency.spki[0] ||
	       w->confirmed[key];
}

static enum enrol_result on_request(struct world *w, struct step *s, struct message *m)
{
	uint8_t by[PIN_LEN], key[PIN_LEN];
	struct enrolment before = w->row;
	struct enrolment_request rq = { .event = m->request == ENROL_ASK_CONFIRM
							 ? ENROLMENT_CONFIRM
							 : ENROLMENT_EMERGENCY,
					.now_ms = TODAY_MS,
					.by = by,
					.key = key,
					.key_taken = is_known(w, m->key),
					.epoch = m->epoch };
	struct enrolment_answer a;

	spki_of(m->by, by);
	spki_of(m->key, key);
	if (role(w, m->by) == ENROLMENT_ROLE_NONE)
		return ENROL_REFUSED;
	if (m->request == ENROL_ASK_ROOT)
		return ENROL_GRANTED;
	a = enrolment_on(&w->row, &rq);
	m->epoch = a.reason == ENROLMENT_OTHER_EPOCH ? a.epoch : m->epoch;
	if (a.action == ENROLMENT_ISSUE)
		w->row.emergency_issued.ends_ms = TODAY_MS + 1;
	if (a.action == ENROLMENT_ISSUE && s->broken == BROKEN_OLD_DROPPED)
		w->row.emergency = (struct enrolment_key){ 0 };
	if (a.action == ENROLMENT_ACTIVATE)
		w->confirmed[m->by] = true;
	if (memcmp(&before.active, &w->row.active, sizeof(before.active)) != 0 ||
	    memcmp(&before.issued, &w->row.issued, sizeof(before.issued)) != 0 ||
	    before.epoch != w->row.epoch || before.tries != w->row.tries)
		wrong(s, "apart");
	return result_of(&a);
}

static void deliver(struct world *w, struct step *s, struct message m)
{
	struct enrol_answer a = { .result = m.result, .epoch = m.epoch };
	bool current = m.current;

	if (!m.answer) {
		m.result = (uint8_t)on_request(w, s, &m);
		m.answer = true;
		if (current)
			w->net = m;
		return;
	}
	if (!current)
		return;
	w->net = (struct message){ 0 };
	if (m.request == ENROL_ASK_EMERGENCY && m.result == ENROL_GRANTED &&
	    m.key != w->next)
		a.result = ENROL_WRONG;
	w->came = m.key;
	enrol_on_answer(&w->hub, w->hub.number, &a);
}

/* --- events -------------------------------------------------------------------------------------- */

enum event {
	EVENT_DELIVER,
	EVENT_DROP,
	EVENT_WAITED,
	EVENT_KILL,
	EVENT_SEAL,
	/* rare */
	EVENT_DOUBLE,
	EVENT_LATE,
	EVENT_RENEWED,
	EVENT_RESET,
	EVENT_HUB_DAY,
	EVENT_CLINIC_DAY,
	EVENT_SUSPEND,
	EVENT_LOSE,
	EVENT_HELP, /* by a person at the clinic: find, resume */
	EVENTS,
};

static void person(struct world *w, enum enrolment_event e)
{
	struct enrolment_request rq = { .event = e, .now_ms = TODAY_MS };

	(void)enrolment_on(&w->row, &rq);
}

/* The operational key's way, in one step. Returns false if the clinic would not. */
static bool change_op(struct world *w, bool renewal)
{
	uint8_t by[PIN_LEN], key[PIN_LEN], fresh = new_key(w);
	struct enrolment_request rq = { .event = renewal ? ENROLMENT_RENEW
							 : ENROLMENT_ENROL,
					.now_ms = TODAY_MS,
					.by = by,
					.key = key };

	spki_of(renewal ? w->op : DEVICE, by);
	spki_of(fresh, key);
	if (enrolment_on(&w->row, &rq).action != ENROLMENT_ISSUE)
		return false;
	w->row.issued.ends_ms = TODAY_MS + 1;
	rq = (struct enrolment_request){ .event = ENROLMENT_CONFIRM,
					 .now_ms = TODAY_MS,
					 .by = key,
					 .epoch = w->row.issued.epoch };
	CHECK_INT(enrolment_on(&w->row, &rq).action, ENROLMENT_ACTIVATE);
	w->op = fresh;
	w->epoch = w->row.epoch;
	return true;
}

static bool on_reset(struct world *w)
{
	if (w->sealed || w->epoch >= 2 || !change_op(w, false))
		return false;
	w->now = w->now_beside = w->next = w->next_beside = w->next_cert = 0;
	boot(w);
	return true;
}

static bool happen(struct world *w, struct step *s, enum event e)
{
	switch (e) {
	case EVENT_DELIVER:
		if (!w->net.request)
			return false;
		deliver(w, s, w->net);
		return true;
	case EVENT_DOUBLE:
		if (!w->net.request || w->net.answer)
			return false;
		w->late = w->net;
		w->late.current = false;
		deliver(w, s, w->net);
		return true;
	case EVENT_DROP:
		if (!w->net.request)
			return false;
		w->net = (struct message){ 0 };
		return true;
	case EVENT_WAITED:
		if (w->hub.asked)
			w->hub.answer_by.ms = 0;
		w->hub.wait_until.ms = 0;
		if (s->broken == BROKEN_GIVEN_UP && w->hub.asked == ENROL_ASK_CONFIRM) {
			w->next = w->next_beside = w->next_cert = 0;
			boot(w);
			w->hub.wait_until.ms = 0;
		}
		return true;
	case EVENT_KILL: boot(w); return true;
	case EVENT_SEAL: w->sealed = !w->sealed; return true;
	case EVENT_LATE:
		if (!w->late.request)
			return false;
		w->late.current = false;
		deliver(w, s, w->late);
		w->late = (struct message){ 0 };
		return true;
	case EVENT_RENEWED:
		if (w->sealed || !change_op(w, true))
			return false;
		boot(w);
		return true;
	case EVENT_RESET: return on_reset(w);
	case EVENT_HUB_DAY:
		if (!w->hub.has_confirm_until)
			return false;
		w->hub.confirm_until.ms = 0;
		return true;
	case EVENT_CLINIC_DAY:
		if (!w->row.emergency_issued.there)
			return false;
		w->row.emergency_issued.issued_ms = TODAY_MS - ENROLMENT_ISSUED_MS;
		return true;
	case EVENT_SUSPEND: person(w, ENROLMENT_SUSPEND); return true;
	case EVENT_LOSE: person(w, ENROLMENT_LOSE); return true;
	case EVENT_HELP:
		person(w, ENROLMENT_FIND);
		person(w, ENROLMENT_RESUME);
		return true;
	case EVENTS: break;
	}
	return false;
}

/* Worlds that differ in nothing that counts are equal. */
static void canonical(struct world *w)
{
	struct enrol *e = &w->hub;
	struct enrol old = *e;

	memset(e, 0, sizeof(*e));
	e->kept = disk(w);
	e->kept.tries = old.kept.tries;
	e->todo = old.todo;
	e->epoch = old.todo ? old.epoch : 0;
	e->renewal = old.todo && old.renewal;
	e->asked = old.asked;
	e->number = 1;
	e->answer_by.ms = old.asked ? NOW + 1 : 0;
	e->wait_until.ms = old.draw || !mono_reached((struct mono){ NOW }, old.wait_until)
				   ? NOW + 1
				   : 0;
	e->refusals = old.refusals;
	e->rooted = old.rooted;
	e->again = old.again;
	e->wrong_key = old.wrong_key;
	e->doomed = old.doomed;
	e->has_confirm_until = old.has_confirm_until;
	e->confirm_until.ms = old.has_confirm_until ? NOW + 1 : 0;
	e->emergency = true;
	e->due = is_due(w);
	e->sealed = w->sealed;
	e->called = old.called;
	e->paused = old.paused;
	w->came = old.todo == ENROL_KEEP_CERT ? w->came : 0;
	if (!old.asked)
		w->net.current = false;
	if (!w->net.current)
		w->net = (struct message){ 0 };
}

/* --- what must hold ------------------------------------------------------------------------------ */

static void check_state(const struct world *w, struct step *s)
{
	unsigned emergency = 0;
	uint8_t is = w->row.emergency.spki[0];

	for (uint8_t k = 1; k < KEYS; k++)
		emergency += role(w, k) == ENROLMENT_ROLE_EMERGENCY;
	if (emergency > 1 || (is && is == w->row.active.spki[0]))
		wrong(s, "one key");
	if (w->row.state == HUB_LOST && emergency > 0)
		wrong(s, "ended");
	if (is && is != w->now && !(is == w->next && w->next_cert))
		wrong(s, "held");
	if (!enrolment_invariants(&w->row))
		wrong(s, "the clinic's own invariants");
	if (w->row.active.there && w->row.active.spki[0] != w->op)
		wrong(s, "the model's own: hub and clinic differ");
}

/* From here on nothing is lost, and people at the clinic help. */
static bool speaks(const struct world *from, bool sealed)
{
	struct step s = { 0 };
	struct world w;

	memcpy(&w, from, sizeof(w));
	w.sealed = sealed;
	person(&w, ENROLMENT_FIND);
	person(&w, ENROLMENT_RESUME);
	for (unsigned n = 0; n < STEPS_MAX; n++) {
		if (role(&w, w.now) == ENROLMENT_ROLE_EMERGENCY && w.now &&
		    (sealed || !is_due(&w)))
			return true;
		if (w.row.emergency_tries >= ENROLMENT_TRIES_MAX)
			happen(&w, &s, EVENT_CLINIC_DAY);
		if (w.hub.paused)
			w.hub.kept.tries = 0;
		if (!happen(&w, &s, EVENT_DELIVER))
			happen(&w, &s, EVENT_WAITED);
		drain(&w, &s);
		canonical(&w);
	}
	return false;
}

/* --- breadth first ------------------------------------------------------------------------------- */

static bool add(const struct world *w)
{
	const uint8_t *p = (const uint8_t *)w;
	uint64_t h = 1469598103934665603ull;
	size_t at;

	for (size_t i = 0; i < sizeof(*w); i++)
		h = (h ^ p[i]) * 1099511628211ull;
	for (at = (h ^ h >> 32) & (2 * STATES_MAX - 1); places[at];
	     at = (at + 1) & (2 * STATES_MAX - 1))
		if (memcmp(&worlds[places[at] - 1], w, sizeof(*w)) == 0)
			return false;
	CHECK(count < STATES_MAX);
	memcpy(&worlds[count], w, sizeof(*w));
	places[at] = (uint32_t)++count;
	return true;
}

static const char *try_event(const struct world *from, enum broken broken, enum event e,
			     unsigned fate, unsigned fate_at, unsigned *ret_kept)
{
	struct step s = { .broken = broken, .fate = fate, .fate_at = fate_at };
	unsigned rare = (e >= EVENT_DOUBLE ? 1u : 0u) + (fate > 0 ? 1u : 0u);
	struct world w;

	memcpy(&w, from, sizeof(w));
	*ret_kept = 0;
	if (w.rare < rare)
		return NULL;
	w.rare = (uint8_t)(w.rare - rare);
	if (!happen(&w, &s, e))
		return NULL;
	drain(&w, &s);
	*ret_kept = s.kept;
	if (w.dead) {
		boot(&w);
		s.fate = 0;
		drain(&w, &s);
	}
	canonical(&w);
	check_state(&w, &s);
	if (s.wrong || !add(&w))
		return s.wrong;
	if (w.now && !speaks(&w, true))
		return "speaks at level 3";
	return speaks(&w, false) ? NULL : "speaks";
}

static void first(struct world *w)
{
	struct step s = { 0 };

	memset(w, 0, sizeof(*w));
	w->row.device[0] = DEVICE;
	w->rare = RARE;
	person(w, ENROLMENT_CLAIM);
	CHECK(change_op(w, false));
	boot(w);
	drain(w, &s);
	canonical(w);
}

static void say(const char *bad, int e, const struct world *w)
{
	printf("'%s' fails after event %d of: op %u now %u/%u next %u/%u%s asked "
	       "%d%s%s%s "
	       "todo %d refusals %u%s; row state %d emergency %u issued %u%s; net %d%s "
	       "by %u "
	       "key %u result %d late %d by %u key %u\n",
	       bad, e, w->op, w->now, w->now_beside, w->next, w->next_beside,
	       w->next_cert ? "c" : "", w->hub.asked, w->hub.again ? " again" : "",
	       w->hub.doomed ? " doomed" : "", w->hub.wrong_key ? " wrong-key" : "",
	       w->hub.todo, w->hub.refusals, w->sealed ? " sealed" : "", w->row.state,
	       w->row.emergency.spki[0], w->row.emergency_issued.spki[0],
	       w->row.emergency_issued.there &&
			       w->row.emergency_issued.issued_ms != TODAY_MS
		       ? " ran-out"
		       : "",
	       w->net.request, w->net.answer ? " answer" : "", w->net.by, w->net.key,
	       w->net.result, w->late.request, w->late.by, w->late.key);
}

static const char *explore(enum broken broken, size_t *ret_states)
{
	const char *bad = NULL;
	struct world w;

	worlds = calloc(STATES_MAX, sizeof(*worlds));
	places = calloc(2 * (size_t)STATES_MAX, sizeof(*places));
	CHECK(worlds && places);
	count = 0;
	first(&w);
	add(&w);
	for (size_t i = 0; !bad && i < count; i++)
		for (int e = 0; !bad && e < EVENTS; e++) {
			unsigned kept, ignored;

			bad = try_event(&worlds[i], broken, (enum event)e, 0, 0, &kept);
			for (unsigned f = 1; !bad && f < 4; f++)
				for (unsigned n = 0; !bad && n < kept; n++)
					bad = try_event(&worlds[i], broken, (enum event)e,
							f, n, &ignored);
			if (bad && !broken)
				say(bad, e, &worlds[i]);
		}
	*ret_states = count;
	free(worlds);
	free(places);
	return bad;
}

static void test_all_states(void)
{
	size_t states;
	const char *bad = explore(BROKEN_NOTHING, &states);

	CHECK_STR(bad ? bad : "", "");
	printf("%zu states\n", states);
}

static void test_broken(void)
{
	static const struct {
		enum broken broken;
		const char *found;
	} controls[] = {
		{ BROKEN_OLD_DROPPED, "speaks at level 3" },
		{ BROKEN_GIVEN_UP, "held" },
		{ BROKEN_UNCONFIRMED, "confirmed" },
	};
	size_t states;

	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++) {
		const char *bad = explore(controls[i].broken, &states);

		CHECK_STR(bad ? bad : "", controls[i].found);
	}
}

TEST_MAIN("emergency_model", test_all_states, test_broken)
