/*
 * test_enrolment_model.c - every state that a hub and its clinic can get into between factory and retirement.
 *
 * Breadth first over enrolment_world.h. Without limit: messages lost, waits that end, uploads, starts of the hub, claims,
 * resumptions. And up to RARE of all else, in any order: messages doubled and those of an earlier conversation, a kill
 * before, inside and after each thing that is kept, no space for it, keys lost, factory reset, another clinic, another
 * card, days gone by, certificates that end, a row suspended, retired, lost, cancelled. Seen states are known by 128 bits
 * of their hash.
 *
 * In each state:
 *   one key      at most one key of the hub may upload
 *   ended        a row in LOST or RETIRED takes no upload, from whatever key
 *   held         the clinic's active key is one that the hub has, if nothing took it away
 *                and uploads with, or is about to confirm
 *   confirmed    a credential is used when the clinic has confirmed it, not before
 *   kept         no message and no date takes the credential from the uplink
 *   late         an answer that the hub does not wait for changes nothing
 *   fits         a certificate is for the key beside it
 *   same answer  one certificate for one request
 *   one ticket   a ticket lets one hub in, ours or whoever has copied it, whoever confirms first
 *   epochs       no two lives of a seq counter have one epoch, at no clinic
 *   way back     when no more messages are lost, the hub uploads again: by itself, or after what a person at the
 *                clinic can do (claim, approve, resume, find), or at the hub (trust, try again); a lost one after a
 *                factory reset is in FACTORY
 *
 * Each of these fails for one of the broken variants, which are looked for at the end.
 */
#include <errno.h>

#include "tests/sim/enrolment_world.h"
#include "tests/unit/test.h"

/* --- the hub's shell: a disk, and what is sent --------------------------------------------------- */

static void wrong(struct step *s, const char *what)
{
	if (!s->wrong)
		s->wrong = what;
}

static void boot(struct world *w)
{
	struct enrol_kept kept = enrol_kept(&w->hub);

	w->dead = false;
	enrol_init(&w->hub, &kept, 0);
}

static uint8_t new_key(const struct world *w)
{
	for (uint8_t k = 1; k < KEYS_MAX; k++) {
		bool used = k == w->late.by || k == w->late.key || k == w->current ||
			    k == w->next || k == w->next_cert ||
			    k == w->row.active.spki[0] || k == w->row.issued.spki[0] ||
			    k == w->old || w->keys[k].known;

		for (size_t i = 0; !used && i < NET_MAX; i++)
			used = w->net[i].by == k || w->net[i].key == k;
		if (!used)
			return k;
	}
	fprintf(stderr, "more keys than KEYS_MAX\n");
	abort();
}

static void begin_life(struct world *w, struct step *s, uint32_t epoch)
{
	if (epoch <= w->lived)
		wrong(s, "epochs");
	w->lived = epoch;
	w->counting = true;
}

/* The disk after it was kept whole; the machine's own copy follows when it hears of it. */
static void keep_whole(struct world *w, struct step *s, const struct enrol_action *a)
{
	switch (a->what) {
	case ENROL_MAKE_KEY:
		w->next = new_key(w);
		w->keys[w->next] = (struct key_facts){ 0 };
		w->next_cert = 0;
		break;
	case ENROL_PROMOTE:
		if (!w->keys[w->next].confirmed)
			wrong(s, "confirmed");
		if (!w->counting || w->hub.kept.next_epoch != w->lived)
			begin_life(w, s, w->hub.kept.next_epoch);
		w->current = w->next;
		w->next = w->next_cert = 0;
		break;
	case ENROL_FORGET:
		w->keys[w->current].lost = w->keys[w->next].lost = true;
		w->current = w->next = w->next_cert = 0;
		w->counting = false;
		s->excused = true;
		break;
	case ENROL_KEEP_CERT: w->next_cert = w->came; break;
	case ENROL_KEEP_TRUST:
	case ENROL_KEEP_EPOCH:
	case ENROL_NOTHING:
	case ENROL_SEND:
	case ENROL_USE:
	case ENROL_CALL: break;
	}
}

static void keep(struct world *w, struct step *s, const struct enrol_action *a)
{
	enum fate fate = s->kept++ == s->fate_at ? s->fate : FATE_KEPT;
	uint32_t epoch = w->hub.kept.epoch;
	struct mono now = { NOW };

	if (fate == FATE_FAILED) {
		enrol_on_stored(&w->hub, false, now);
		return;
	}
	w->dead = fate != FATE_KEPT;
	if (fate == FATE_KILL_BETWEEN && a->what == ENROL_MAKE_KEY)
		w->hub.kept.tries = a->tries;
	if (fate == FATE_KILL_BETWEEN && a->what == ENROL_PROMOTE)
		w->hub.kept.epoch = a->epoch > epoch ? a->epoch : epoch;
	if (fate == FATE_KILL_BEFORE || fate == FATE_KILL_BETWEEN)
		return;
	keep_whole(w, s, a);
	enrol_on_stored(&w->hub, true, now);
	if (s->broken == BROKEN_EPOCH_FORGOTTEN && a->what == ENROL_FORGET)
		w->hub.kept.epoch = 0;
	if (s->broken == BROKEN_USED_AT_ONCE && a->what == ENROL_KEEP_CERT) {
		w->hub.todo = ENROL_PROMOTE;
		w->hub.wait_until.ms = 0;
	}
}

static bool is_same(const struct message *a, const struct message *b)
{
	return a->request == b->request && a->answer == b->answer &&
	       a->current == b->current && a->by == b->by && a->key == b->key &&
	       a->result == b->result && a->epoch == b->epoch;
}

/* One of each is enough: any may arrive again. */
static void put(struct world *w, const struct message *m)
{
	for (size_t i = 0; i < NET_MAX; i++)
		if (is_same(&w->net[i], m))
			return;
	for (size_t i = 0; i < NET_MAX; i++)
		if (!w->net[i].request) {
			w->net[i] = *m;
			return;
		}
	/* no room: it is lost */
}

/* The hub waits for its answer no more. Of requests that may come late the last one is remembered, if it changes
 * anything. */
static void outdate(struct world *w, struct message *m)
{
	if (!m->current)
		return;
	m->current = false;
	if (m->answer)
		return;
	if (m->request != ENROL_ASK_ROOT)
		w->late = *m;
	memset(m, 0, sizeof(*m));
}

static void send_request(struct world *w, const struct enrol_action *a)
{
	struct message m = { .request = (uint8_t)a->request,
			     .current = true,
			     .by = a->bootstrap ? DEVICE_KEY : w->current,
			     .key = w->next,
			     .epoch = a->epoch };

	for (size_t i = 0; i < NET_MAX; i++)
		outdate(w, &w->net[i]);
	if (a->request == ENROL_ASK_ROOT)
		m.key = 0;
	if (a->request == ENROL_ASK_CONFIRM) {
		m.by = w->next;
	}
	if (a->request == ENROL_ASK_CLAIM) {
		m.by = TICKET_KEY;
		m.key = 0;
		m.epoch = 0;
	}
	put(w, &m);
}

static int64_t floor_of(const struct world *w)
{
	return w->current && w->keys[w->current].age > 0 ? 250 : 100;
}

/* All that the machine wants now. */
static void drain(struct world *w, struct step *s)
{
	struct enrol_action a;

	for (unsigned n = 0; !w->dead && n < 20; n++) {
		w->hub.kept.current = (struct enrol_validity){ 0, 300 };
		if (!enrol_next(&w->hub, 0, floor_of(w), (struct mono){ NOW }, &a))
			return;
		if (a.what == ENROL_SEND)
			send_request(w, &a);
		else if (a.what != ENROL_USE && a.what != ENROL_CALL)
			keep(w, s, &a);
	}
	if (!w->dead)
		wrong(s, "the hub's machine does not come to rest");
}

static void take_answer(struct world *w, struct step *s, const struct message *m)
{
	struct enrol_answer a = { .result = m->result, .epoch = m->epoch };
	uint32_t number = m->current ? w->hub.number : w->hub.number + 1;
	bool certificate =
		m->request == ENROL_ASK_FIRST || m->request == ENROL_ASK_RENEWAL;

	if (s->broken == BROKEN_ANY_ANSWER)
		number = w->hub.number;
	if (!w->hub.asked || number != w->hub.number)
		certificate = false;
	if (certificate && m->result == ENROL_GRANTED) {
		if (m->key != w->next && s->broken != BROKEN_ANY_ANSWER)
			a.result = ENROL_WRONG;
	}
	enrol_on_answer(&w->hub, number, &a);
	if (w->hub.todo == ENROL_KEEP_CERT && certificate) {
		w->came = m->key;
	}
}

/* --- the clinic's shell -------------------------------------------------------------------------- */

static bool may_upload(const struct world *w, uint8_t key)
{
	uint8_t spki[PIN_LEN] = { key };

	return key && (enrolment_role(&w->row, spki, TODAY_MS) == ENROLMENT_ROLE_ACTIVE ||
		       key == w->old);
}

static void on_issue(struct world *w, const struct step *s, uint8_t key)
{
	struct key_facts *k = &w->keys[key];

	k->known = true;
	k->age = 0;
	w->row.issued.ends_ms = TODAY_MS + 1;
	if (s->broken == BROKEN_CONFIRM_NOT_NEEDED) {
		w->row.active = w->row.issued;
		w->row.epoch = w->row.issued.epoch;
		w->row.issued = (struct enrolment_key){ 0 };
		w->row.state = HUB_ACTIVE;
	}
}

static enum enrol_result result_of(const struct enrolment_answer *a)
{
	switch (enrolment_code(a)) {
	case 0x44: return ENROL_GRANTED; /* 2.04 */
	case 0x80: return ENROL_WRONG;	 /* 4.00 */
	case 0x89: return ENROL_STALE;	 /* 4.09 */
	case 0xa3: return ENROL_LATER;	 /* 5.03 */
	}
	return ENROL_REFUSED;
}

/* Who gets through the handshake at the door for enrolment, by the row alone. */
static bool is_let_in(const struct world *w, uint8_t by)
{
	uint8_t spki[PIN_LEN] = { by };

	return w->row.state != HUB_NONE && w->row.state != HUB_RETIRED &&
	       w->row.state != HUB_LOST &&
	       enrolment_role(&w->row, spki, TODAY_MS) != ENROLMENT_ROLE_NONE;
}

/* --- tickets ------------------------------------------------------------------------------------ */

static const uint8_t our_hub[HUB_ID_LEN] = { 1 }, thiefs_hub[HUB_ID_LEN] = { 2 };

static enum ticket_result on_ticket(struct world *w, const struct step *s,
				    enum ticket_event event, const uint8_t *hub)
{
	const struct ticket_request rq = { .event = event,
					   .now_ms = TODAY_MS,
					   .hub = hub };
	struct ticket_row before = w->ticket;
	enum ticket_result r = ticket_on(&w->ticket, &rq);

	if (s->broken == BROKEN_TICKET_STAYS && event == TICKET_CONFIRM)
		w->ticket = before;
	return r;
}

/* Ours, if a ticket has made it and it has not enrolled yet. */
static void drop_claim(struct world *w)
{
	bool enrolled = w->row.state != HUB_PREREGISTERED && w->row.state != HUB_ISSUED;

	if (!w->made || enrolled)
		return;
	memset(&w->row, 0, sizeof(w->row));
	w->row.device[0] = DEVICE_KEY;
	w->made = w->linked = false;
}

static enum enrol_result claim_by_ticket(struct world *w, const struct step *s)
{
	struct enrolment_request rq = { .event = ENROLMENT_CLAIM, .now_ms = TODAY_MS };

	if (on_ticket(w, s, TICKET_CLAIM, our_hub) != TICKET_GOOD)
		return ENROL_REFUSED;
	w->linked = true;
	if (w->row.state == HUB_NONE) {
		enrolment_on(&w->row, &rq);
		w->made = true;
	}
	return ENROL_GRANTED;
}

/* A key of ours is about to be active, by our word. False: it must not be, and we are claimed no more. */
static bool confirm_by_ticket(struct world *w, const struct step *s, bool first)
{
	if (!w->linked)
		return true;
	if (on_ticket(w, s, TICKET_CONFIRM, our_hub) == TICKET_GOOD) {
		w->thief = w->thief == THIEF_CLAIMED ? THIEF_NONE : w->thief;
		w->in_by_it = w->in_by_it || w->made;
		return true;
	}
	return !w->made || !first;
}

static bool on_thief(struct world *w, const struct step *s)
{
	if (!w->tickets || w->thief == THIEF_ACTIVE)
		return false;
	if (w->thief == THIEF_NONE) {
		if (on_ticket(w, s, TICKET_CLAIM, thiefs_hub) != TICKET_GOOD)
			return false;
		w->thief = THIEF_CLAIMED;
		return true;
	}
	if (on_ticket(w, s, TICKET_CONFIRM, thiefs_hub) != TICKET_GOOD) {
		w->thief = THIEF_NONE;
		return true;
	}
	w->thief = THIEF_ACTIVE;
	drop_claim(w);
	return true;
}

static bool on_revoke(struct world *w, const struct step *s)
{
	if (!w->tickets || w->ticket.state != TICKET_STATE_OPEN)
		return false;
	on_ticket(w, s, TICKET_REVOKE, NULL);
	w->thief = w->thief == THIEF_CLAIMED ? THIEF_NONE : w->thief;
	drop_claim(w);
	return true;
}

static bool on_ticket_over(struct world *w)
{
	if (!w->tickets || w->ticket.state != TICKET_STATE_OPEN ||
	    w->ticket.expires_ms <= TODAY_MS)
		return false;
	w->ticket.expires_ms = TODAY_MS;
	return true;
}

/* --- requests ----------------------------------------------------------------------------------- */

static void decide(struct world *w, struct step *s, const struct message *m,
		   struct message *ret)
{
	static const enum enrolment_event events[] = {
		[ENROL_ASK_FIRST] = ENROLMENT_ENROL,
		[ENROL_ASK_RENEWAL] = ENROLMENT_RENEW,
		[ENROL_ASK_CONFIRM] = ENROLMENT_CONFIRM,
	};
	uint8_t by[PIN_LEN] = { m->by }, key[PIN_LEN] = { m->key };
	struct enrolment_key before = w->row.issued, active = w->row.active;
	bool first = w->row.state == HUB_ISSUED;
	struct enrolment row;
	struct enrolment_request rq = { .event = events[m->request],
					.now_ms = TODAY_MS,
					.by = by,
					.key = key,
					.epoch = m->epoch,
					.ask = s->approval,
					.key_taken = w->keys[m->key].known };
	struct enrolment_answer a;

	if (s->broken == BROKEN_NO_DOOR && w->row.state == HUB_ACTIVE &&
	    m->request == ENROL_ASK_FIRST) {
		ret->result = ENROL_REFUSED;
		return;
	}
	memcpy(&row, &w->row, sizeof(row));
	a = enrolment_on(&w->row, &rq);
	if (a.action == ENROLMENT_ACTIVATE && !w->row.active.renewal &&
	    !confirm_by_ticket(w, s, first)) {
		memcpy(&w->row, &row, sizeof(row));
		drop_claim(w);
		ret->result = ENROL_REFUSED;
		return;
	}
	ret->result = (uint8_t)result_of(&a);
	ret->epoch = a.epoch;
	if (a.action == ENROLMENT_SEND_ISSUED && s->broken == BROKEN_NOT_IDEMPOTENT)
		a.action = ENROLMENT_ISSUE;
	if (a.action == ENROLMENT_ISSUE && before.there && before.spki[0] == m->key &&
	    before.issued_ms == TODAY_MS &&
	    before.renewal == (m->request == ENROL_ASK_RENEWAL))
		wrong(s, "same answer");
	if (a.action == ENROLMENT_ISSUE)
		on_issue(w, s, m->key);
	if (a.action == ENROLMENT_ACTIVATE && s->broken == BROKEN_OLD_KEY_KEPT)
		w->old = active.spki[0];
	if (a.action == ENROLMENT_ACTIVATE || a.action == ENROLMENT_CONFIRMED)
		w->keys[m->by].confirmed = true;
}

static void serve(struct world *w, struct step *s, const struct message *m)
{
	struct message answer = *m;

	answer.answer = true;
	answer.epoch = 0;
	answer.by = 0;
	if (m->request == ENROL_ASK_CLAIM)
		answer.result = (uint8_t)claim_by_ticket(w, s);
	else if (m->request != ENROL_ASK_CONFIRM && !is_let_in(w, m->by))
		answer.result = ENROL_REFUSED;
	else if (m->request == ENROL_ASK_ROOT)
		answer.result = ENROL_GRANTED;
	else
		decide(w, s, m, &answer);
	if (answer.result != ENROL_GRANTED || m->request == ENROL_ASK_CONFIRM)
		answer.key = 0;
	put(w, &answer);
}

static void person(struct world *w, struct step *s, enum enrolment_event e)
{
	struct enrolment_request rq = { .event = e, .now_ms = TODAY_MS };
	struct enrolment_key active = w->row.active;

	enrolment_on(&w->row, &rq);
	if (w->row.state == HUB_NONE) /* a claim was taken back */
		w->made = w->linked = false;
	if (w->row.state == HUB_LOST)
		w->keys[active.spki[0]].lost =
			true; /* nobody answers the hub, and it makes others */
	if (w->row.state == HUB_RETIRED || w->row.state == HUB_LOST)
		w->old = s->broken == BROKEN_LOST_KEEPS_KEYS ? active.spki[0] : 0;
}

/* --- worlds that are equal ----------------------------------------------------------------------- */

static uint8_t rename_key(uint8_t *map, uint8_t *count, uint8_t key)
{
	if (key == 0 || key == DEVICE_KEY || key == TICKET_KEY)
		return key;
	if (!map[key])
		map[key] = ++*count;
	return map[key];
}

/* Counts that wait for a limit: none yet, one more is needed, or reached. */
static int few_or_enough(int n, int limit)
{
	return n > 0 && n < limit ? limit - 1 : n;
}

/* Times to what they mean. */
static void canonical_row(struct world *w)
{
	struct enrolment *r = &w->row;

	r->active.issued_ms = 0;
	r->tries = (unsigned)few_or_enough((int)r->tries, ENROLMENT_TRIES_MAX);
	if (r->active.there)
		r->active.ends_ms =
			w->keys[r->active.spki[0]].age < 2 ? TODAY_MS + 1 : TODAY_MS - 1;
}

static void rename_keys(struct world *w)
{
	uint8_t map[KEYS_MAX] = { 0 }, count = 0;
	struct key_facts facts[KEYS_MAX] = { 0 };

	w->current = rename_key(map, &count, w->current);
	w->next = rename_key(map, &count, w->next);
	w->next_cert = rename_key(map, &count, w->next_cert);
	w->came = rename_key(map, &count, w->came);
	w->row.active.spki[0] = rename_key(map, &count, w->row.active.spki[0]);
	w->row.issued.spki[0] = rename_key(map, &count, w->row.issued.spki[0]);
	w->old = rename_key(map, &count, w->old);
	for (size_t i = 0; i < NET_MAX; i++) {
		w->net[i].by = rename_key(map, &count, w->net[i].by);
		w->net[i].key = rename_key(map, &count, w->net[i].key);
	}
	w->late.by = rename_key(map, &count, w->late.by);
	w->late.key = rename_key(map, &count, w->late.key);
	for (size_t k = 1; k < KEYS_MAX; k++)
		if (map[k])
			facts[map[k]] = w->keys[k];
	memcpy(w->keys, facts, sizeof(facts));
}

static int by_content(const void *a, const void *b)
{
	return memcmp(b, a, sizeof(struct message));
}

static void canonical_hub(struct world *w)
{
	struct enrol *e = &w->hub;

	if (e->todo != ENROL_KEEP_CERT)
		w->came = 0;
	e->kept.current = e->kept.next = e->came = (struct enrol_validity){ 0, 0 };
	if (e->todo == ENROL_NOTHING)
		e->epoch = 0;
	e->renewal = e->todo != ENROL_NOTHING && e->renewal;
	if (!e->kept.has_key) {
		e->kept.next_epoch = 0;
		e->kept.next_renewal = false;
	}
	e->number = 1;
	e->answer_by.ms = e->asked ? NOW + 1 : 0;
	e->wait_until.ms = e->wait_until.ms > NOW ? NOW + 1 : 0;
	e->confirm_until.ms = !e->has_confirm_until	  ? 0
			      : e->confirm_until.ms > NOW ? NOW + 1
							  : NOW;
	e->refused_since.ms = e->refused ? NOW : 0;
	e->pause_ms = e->jitter_ms = 0;
	e->failures = 0;
	e->refusals = (unsigned)few_or_enough((int)e->refusals, ENROL_REFUSALS);
	e->kept.tries = (uint8_t)few_or_enough(e->kept.tries, ENROL_TRIES);
}

static void add_epoch(uint32_t **list, size_t *count, uint32_t *epoch)
{
	size_t i = (*count)++;

	for (; i > 0 && *list[i - 1] > *epoch; i--)
		list[i] = list[i - 1];
	list[i] = epoch;
}

/*
 * Epochs are compared and raised by one, at neither end for their own sake. So what counts is their order, and whether
 * the next one is taken: a gap is as good as a longer one.
 */
static void canonical_epochs(struct world *w)
{
	struct enrol_kept *k = &w->hub.kept;
	uint32_t *list[16] = { 0 }, last = 0, renamed = 0;
	size_t count = 0;

	for (size_t i = 0; i < NET_MAX; i++)
		add_epoch(list, &count, &w->net[i].epoch);
	add_epoch(list, &count, &w->late.epoch);
	add_epoch(list, &count, &w->row.epoch);
	add_epoch(list, &count, &w->row.active.epoch);
	add_epoch(list, &count, &w->row.issued.epoch);
	add_epoch(list, &count, &k->epoch);
	add_epoch(list, &count, &k->current_epoch);
	add_epoch(list, &count, &k->next_epoch);
	add_epoch(list, &count, &w->hub.epoch);
	add_epoch(list, &count, &w->lived);
	for (size_t i = 0; i < count; i++) {
		uint32_t gap = *list[i] - last;

		last = *list[i];
		renamed += gap > 2 ? 2 : gap;
		*list[i] = renamed;
	}
}

/* A late answer changes nothing, and need not be remembered. */
static void drop_late(struct world *w, struct step *s, const struct message *m)
{
	struct world copy;

	memcpy(&copy, w, sizeof(copy));
	take_answer(&copy, s, m);
	if (memcmp(&copy.hub, &w->hub, sizeof(w->hub)) != 0)
		wrong(s, "late");
}

/* Whatever is not compared field by field has zeros for padding: it is copied with memcpy only. */
static void canonical(struct world *w, struct step *s)
{
	for (size_t i = 0; i < NET_MAX; i++) {
		struct message m = w->net[i];

		if (!w->hub.asked)
			outdate(w, &w->net[i]);
		if (m.answer && !w->net[i].current && s->broken != BROKEN_ANY_ANSWER) {
			drop_late(w, s, &w->net[i]);
			memset(&w->net[i], 0, sizeof(m));
		}
	}
	canonical_row(w);
	canonical_hub(w);
	canonical_epochs(w);
	rename_keys(w);
	qsort(w->net, NET_MAX, sizeof(w->net[0]), by_content);
}

/* --- what may happen ----------------------------------------------------------------------------- */

enum event_kind {
	EVENT_DELIVER, /* and it is gone from the net */
	EVENT_DOUBLE,  /* and it is not */
	EVENT_DROP,
	EVENT_LATE, /* an earlier request arrives; it may do so again and again, or never */
	EVENT_WAITED, /* the hub's wait is over, or nobody answered */
	EVENT_HUB_DAY,
	EVENT_CLINIC_DAY,
	EVENT_AGE,    /* the active certificate gets old, then ends */
	EVENT_UPLOAD, /* tried; for an hour, if it is refused */
	EVENT_KILL,
	EVENT_TRUST,
	EVENT_TRY_AGAIN, /* the technician at the hub */
	EVENT_RESET,
	EVENT_LOSE_CURRENT, /* from here on with a budget */
	EVENT_LOSE_NEXT,
	EVENT_CARD, /* nothing is left but the device key, which is in a chip of its own */
	EVENT_MOVE,   /* to another clinic */
	EVENT_THIEF,  /* does the next thing with a copy of the ticket */
	EVENT_REVOKE, /* the ticket */
	EVENT_OVER,   /* it is */
	EVENT_PERSON, /* + enum enrolment_event */
	EVENTS = EVENT_PERSON + ENROLMENT_EVENTS,
};

static bool on_net(struct world *w, struct step *s, unsigned kind, size_t at)
{
	struct message m = w->net[at];

	if (!m.request)
		return false;
	if (kind != EVENT_DOUBLE)
		memset(&w->net[at], 0, sizeof(m));
	if (kind == EVENT_DROP)
		return true;
	if (m.answer)
		take_answer(w, s, &m);
	else
		serve(w, s, &m);
	return true;
}

static bool on_late(struct world *w, struct step *s)
{
	struct message m = w->late;

	if (m.request)
		serve(w, s, &m);
	return m.request != 0;
}

static bool on_time(struct world *w, const struct step *s, unsigned kind)
{
	struct enrol *e = &w->hub;
	uint8_t active = w->row.active.spki[0];

	switch (kind) {
	case EVENT_WAITED:
		if (!e->asked && e->wait_until.ms <= NOW)
			return false;
		if (s->broken == BROKEN_GIVEN_UP && e->asked == ENROL_ASK_CONFIRM) {
			e->kept.has_key = e->kept.has_next = false;
			w->next = w->next_cert = 0;
		}
		e->wait_until.ms = 0;
		e->answer_by.ms = NOW;
		return true;
	case EVENT_HUB_DAY:
		if (!e->has_confirm_until || e->confirm_until.ms <= NOW)
			return false;
		e->confirm_until.ms = NOW;
		return true;
	case EVENT_CLINIC_DAY:
		if (!w->row.issued.there || w->row.issued.issued_ms != TODAY_MS)
			return false;
		w->row.issued.issued_ms = TODAY_MS - ENROLMENT_ISSUED_MS;
		return true;
	default:
		if (!active || w->keys[active].age == 2)
			return false;
		w->keys[active].age++;
		return true;
	}
}

static bool on_upload(struct world *w)
{
	struct enrol *e = &w->hub;

	if (!w->current)
		return false;
	enrol_on_uplink(e, !may_upload(w, w->current), (struct mono){ NOW });
	if (e->refused)
		enrol_on_uplink(e, true, (struct mono){ NOW + ENROL_DOUBT_MS });
	return true;
}

/* What a start finds: a torn file is as none. */
static bool lose(struct world *w, struct step *s, unsigned kind)
{
	struct enrol_kept *k = &w->hub.kept;

	if (kind == EVENT_CARD	      ? w->moves
	    : kind == EVENT_LOSE_NEXT ? !w->next
				      : !w->current)
		return false;
	s->excused = true;
	if (kind != EVENT_LOSE_NEXT) {
		w->keys[w->current].lost = true;
		w->current = 0;
		k->has_current = false;
		k->current_epoch = 0;
	}
	if (kind != EVENT_LOSE_CURRENT) {
		w->keys[w->next].lost = true;
		w->next = w->next_cert = 0;
		k->has_key = k->has_next = false;
		k->next_epoch = 0;
	}
	if (kind == EVENT_CARD) {
		*k = (struct enrol_kept){ 0 };
		w->counting = false;
	}
	boot(w);
	return true;
}

static bool on_reset(struct world *w)
{
	enrol_on_reset(&w->hub);
	return true;
}

static void new_clinic(struct world *w)
{
	memset(&w->row, 0, sizeof(w->row));
	w->row.device[0] = DEVICE_KEY;
	w->old = 0;
}

static bool on_move(struct world *w)
{
	if (!w->moves || enrol_state(&w->hub) != ENROL_FACTORY)
		return false;
	new_clinic(w);
	memset(w->net, 0, sizeof(w->net));
	memset(&w->late, 0, sizeof(w->late));
	return true;
}

/* Messages are lost, waits end, uploads are tried and a start is made without limit; the rest is rare. */
static bool is_rare(unsigned event)
{
	switch (event) {
	case EVENT_DELIVER:
	case EVENT_DROP:
	case EVENT_WAITED:
	case EVENT_UPLOAD:
	case EVENT_KILL:
	case EVENT_TRUST:
	case EVENT_THIEF:
	case EVENT_REVOKE:
	case EVENT_OVER:
	case EVENT_PERSON + ENROLMENT_CLAIM:
	case EVENT_PERSON + ENROLMENT_APPROVE:
	case EVENT_PERSON + ENROLMENT_RESUME: return false;
	default: return true;
	}
}

/* Returns false if it cannot happen here. */
static bool happen(struct world *w, struct step *s, unsigned event, size_t at)
{
	switch (event) {
	case EVENT_DELIVER:
	case EVENT_DOUBLE:
	case EVENT_DROP: return on_net(w, s, event, at);
	case EVENT_LATE: return on_late(w, s);
	case EVENT_WAITED:
	case EVENT_HUB_DAY:
	case EVENT_CLINIC_DAY:
	case EVENT_AGE: return on_time(w, s, event);
	case EVENT_UPLOAD: return on_upload(w);
	case EVENT_KILL: boot(w); return true;
	case EVENT_TRUST:
		if (enrol_on_trust(&w->hub) != 0)
			return false;
		w->hub.kept.has_ticket = w->tickets; /* kept before clinic.trust is */
		return true;
	case EVENT_TRY_AGAIN: enrol_on_person(&w->hub); return true;
	case EVENT_RESET: return on_reset(w);
	case EVENT_LOSE_CURRENT:
	case EVENT_LOSE_NEXT:
	case EVENT_CARD: return lose(w, s, event);
	case EVENT_MOVE: return on_move(w);
	case EVENT_THIEF: return on_thief(w, s);
	case EVENT_REVOKE: return on_revoke(w, s);
	case EVENT_OVER: return on_ticket_over(w);
	default: break;
	}
	if (event < EVENT_PERSON + ENROLMENT_CLAIM)
		return false;
	if (event - EVENT_PERSON == ENROLMENT_APPROVE && !s->approval)
		return false;
	person(w, s, (enum enrolment_event)(event - EVENT_PERSON));
	return true;
}

/* --- what must hold ------------------------------------------------------------------------------ */

static void check_state(const struct world *w, struct step *s)
{
	const struct enrol_kept *k = &w->hub.kept;
	uint8_t active = w->row.active.spki[0];
	unsigned uploaders = 0;

	for (uint8_t key = 1; key < KEYS_MAX; key++)
		uploaders += may_upload(w, key);
	if (uploaders > 1)
		wrong(s, "one key");
	if (uploaders > 0 && w->row.state != HUB_ACTIVE && w->row.state != HUB_SUSPENDED)
		wrong(s, "ended");
	if (w->in_by_it && w->thief == THIEF_ACTIVE)
		wrong(s, "one ticket");
	if (k->has_next && w->next_cert != w->next)
		wrong(s, "fits");
	if (active && !w->keys[active].lost && active != w->current &&
	    !(active == w->next && k->has_next))
		wrong(s, "held");
	if (!s->broken && !enrolment_invariants(&w->row))
		wrong(s, "the clinic's own invariants");
	if (k->has_current != (w->current != 0) || k->has_key != (w->next != 0))
		wrong(s, "the model's own: disk and machine differ");
}

/* --- sets of worlds ------------------------------------------------------------------------------ */

/* 128 bits of a world's hash; all zero: none. */
struct mark {
	uint64_t a, b;
};

struct set {
	struct mark *at;
	size_t cap, count;
};

static struct set seen, well;

static uint64_t mixed(const struct world *w, uint64_t h)
{
	const uint8_t *p = (const uint8_t *)w;
	size_t len = sizeof(*w);
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

static struct mark *slot_of(struct mark *at, size_t cap, struct mark m)
{
	size_t i = m.a & (cap - 1);

	while ((at[i].a | at[i].b) && (at[i].a != m.a || at[i].b != m.b))
		i = (i + 1) & (cap - 1);
	return &at[i];
}

static void set_grow(struct set *s)
{
	size_t cap = s->cap ? s->cap * 2 : 1 << 16;
	struct mark *at = calloc(cap, sizeof(*at));

	CHECK(at);
	for (size_t i = 0; i < s->cap; i++)
		if (s->at[i].a | s->at[i].b)
			*slot_of(at, cap, s->at[i]) = s->at[i];
	free(s->at);
	s->at = at;
	s->cap = cap;
}

static void set_clear(struct set *s)
{
	free(s->at);
	*s = (struct set){ 0 };
}

static bool set_has(const struct set *s, const struct world *w)
{
	struct mark m = { mixed(w, 1), mixed(w, 2) };
	const struct mark *slot = s->cap ? slot_of(s->at, s->cap, m) : NULL;

	return slot && (slot->a | slot->b);
}

/* True if it was not in it. */
static bool set_add(struct set *s, const struct world *w)
{
	struct mark m = { mixed(w, 1), mixed(w, 2) };
	struct mark *slot;

	if (2 * (s->count + 1) > s->cap)
		set_grow(s);
	slot = slot_of(s->at, s->cap, m);
	if (slot->a | slot->b)
		return false;
	*slot = m;
	s->count++;
	return true;
}

/* --- the way back -------------------------------------------------------------------------------- */

/* What people do when all is quiet and the hub does not upload. False: nothing is left to do. */
static bool help(struct world *w, struct step *s)
{
	if (w->row.state == HUB_NONE || w->row.state == HUB_RETIRED)
		person(w, s, ENROLMENT_CLAIM);
	else if (w->row.state == HUB_LOST)
		person(w, s, ENROLMENT_FIND);
	else if (w->row.state == HUB_SUSPENDED)
		person(w, s, ENROLMENT_RESUME);
	else if (w->row.asked || w->row.tries >= ENROLMENT_TRIES_MAX)
		person(w, s, ENROLMENT_APPROVE);
	else if (enrol_state(&w->hub) == ENROL_FACTORY && w->hub.todo == ENROL_NOTHING)
		return happen(w, s, EVENT_TRUST, 0);
	else if (w->hub.called && !w->hub.kept.has_current)
		enrol_on_person(&w->hub);
	else if (w->current && !may_upload(w, w->current) && !w->hub.doubt)
		return happen(w, s, EVENT_UPLOAD, 0);
	else
		return happen(w, s, EVENT_WAITED, 0);
	return true;
}

static bool is_well(const struct world *w)
{
	return w->row.state == HUB_ACTIVE && may_upload(w, w->current);
}

/* One step of a world in which nothing is lost any more. */
static bool recover(struct world *w, struct step *s)
{
	size_t at = 0;

	while (at < NET_MAX && !w->net[at].request)
		at++;
	if (at < NET_MAX ? !happen(w, s, EVENT_DELIVER, at) : !help(w, s))
		return false;
	drain(w, s);
	canonical(w, s);
	return true;
}

/* A hub that is lost has no way back but to the factory. */
static bool reaches_factory(const struct world *from, struct step *s)
{
	struct world w;

	memcpy(&w, from, sizeof(w));
	enrol_on_reset(&w.hub);
	drain(&w, s);
	return enrol_state(&w.hub) == ENROL_FACTORY;
}

static bool has_way_back(const struct world *from, struct step *s)
{
	enum { WAY_MAX = 200 };
	static struct world way[WAY_MAX];
	size_t n = 0;
	bool ok;

	if (from->row.state == HUB_LOST && !reaches_factory(from, s))
		return false;
	memcpy(&way[0], from, sizeof(*from));
	while (!(ok = is_well(&way[n]) || set_has(&well, &way[n])) && n + 1 < WAY_MAX) {
		memcpy(&way[n + 1], &way[n], sizeof(*way));
		if (!recover(&way[++n], s))
			break;
	}
	for (size_t i = 0; ok && i < n; i++)
		set_add(&well, &way[i]);
	return ok;
}

/* --- breadth first ------------------------------------------------------------------------------- */

/* In blocks, so that what was looked at is given back. */
struct block {
	struct block *next;
	size_t used;
	struct world at[256];
};

static struct {
	struct block *first, *last;
	size_t read;
} queue;

static void queue_put(const struct world *w)
{
	struct block *b = queue.last;

	if (!b || b->used == sizeof(b->at) / sizeof(*b->at)) {
		b = calloc(1, sizeof(*b));
		CHECK(b);
		if (queue.last)
			queue.last->next = b;
		else
			queue.first = b;
		queue.last = b;
	}
	memcpy(&b->at[b->used++], w, sizeof(*w));
}

static bool queue_get(struct world *ret)
{
	struct block *b = queue.first;

	if (b && queue.read == b->used) {
		queue.first = b->next;
		queue.read = 0;
		if (!queue.first)
			queue.last = NULL;
		free(b);
		b = queue.first;
	}
	if (!b)
		return false;
	memcpy(ret, &b->at[queue.read++], sizeof(*ret));
	return true;
}

struct run {
	const char *name;
	enum broken broken;
	bool approval;
	bool moves;   /* to another clinic; else another card may be put in */
	bool tickets; /* clinic.trust comes with a ticket, of which there is a copy */
	uint8_t rare; /* so many of what is rare may happen */
};

static const char *event_text(unsigned event)
{
	static const char *const texts[EVENTS] = {
		[EVENT_DELIVER] = "a message arrives",
		[EVENT_DOUBLE] = "a message arrives and comes again",
		[EVENT_DROP] = "a message is lost",
		[EVENT_LATE] = "an earlier request arrives",
		[EVENT_WAITED] = "the hub has waited",
		[EVENT_HUB_DAY] = "a day since the certificate, by the hub",
		[EVENT_CLINIC_DAY] = "a day since it was issued, by the clinic",
		[EVENT_AGE] = "the certificate gets older",
		[EVENT_UPLOAD] = "an upload",
		[EVENT_KILL] = "the hub is started again",
		[EVENT_TRUST] = "clinic.trust",
		[EVENT_TRY_AGAIN] = "the technician says 'again'",
		[EVENT_RESET] = "factory reset",
		[EVENT_LOSE_CURRENT] = "the key in use is lost",
		[EVENT_LOSE_NEXT] = "the next key is lost",
		[EVENT_CARD] = "another card",
		[EVENT_MOVE] = "another clinic",
		[EVENT_THIEF] = "a copy of the ticket is used",
		[EVENT_REVOKE] = "the ticket is revoked",
		[EVENT_OVER] = "the ticket is over",
	};

	return event < EVENT_PERSON ? texts[event] : "a person at the clinic";
}

static void say(const char *when, const struct world *w)
{
	static const char *const rows[] = { "none",   "preregistered", "issued",
					    "active", "suspended",     "retired",
					    "lost" };
	const struct enrol_kept *k = &w->hub.kept;

	printf("  %s: hub %s current %u/%u next %u/%u%s%s epoch %u tries %u asked "
	       "%d%s%s%s%s "
	       "todo %d refusals %u; row %s active %u/%u issued %u/%u%s%s epoch %u tries "
	       "%u\n",
	       when, enrol_state_text(enrol_state(&w->hub)), w->current, k->current_epoch,
	       w->next, k->next_epoch, k->has_next ? "c" : "",
	       k->trusted ? "" : " untrusted", k->epoch, k->tries, w->hub.asked,
	       w->hub.again ? " again" : "", w->hub.door ? " door" : "",
	       w->hub.doomed ? " doomed" : "", w->hub.wrong_key ? " wrong-key" : "",
	       w->hub.todo, w->hub.refusals, rows[w->row.state], w->row.active.spki[0],
	       w->row.active.epoch, w->row.issued.spki[0], w->row.issued.epoch,
	       w->row.issued.renewal ? "r" : "",
	       w->row.issued.there && w->row.issued.issued_ms != TODAY_MS ? " ran-out"
									  : "",
	       w->row.epoch, w->row.tries);
	for (size_t i = 0; i < NET_MAX; i++)
		if (w->net[i].request)
			printf("    %s %d %s by %u key %u result %d epoch %u\n",
			       w->net[i].answer ? "answer" : "request", w->net[i].request,
			       w->net[i].current ? "awaited" : "late", w->net[i].by,
			       w->net[i].key, w->net[i].result, w->net[i].epoch);
}

/* One event with one fate. Returns what is wrong, or NULL; *ret_kept: how many things were to be kept. */
static const char *try_event(const struct world *from, const struct run *run,
			     unsigned event, size_t at, enum fate fate, unsigned fate_at,
			     unsigned *ret_kept)
{
	struct step s = { .broken = run->broken,
			  .approval = run->approval,
			  .fate = fate,
			  .fate_at = fate_at };
	struct step later = { .broken = run->broken, .approval = run->approval };
	struct world w;
	int rare;

	memcpy(&w, from, sizeof(w));
	*ret_kept = 0;
	rare = is_rare(event) + (fate != FATE_KEPT);
	if (w.rare < rare)
		return NULL;
	w.rare = (uint8_t)(w.rare - rare);
	if (!happen(&w, &s, event, at))
		return NULL;
	drain(&w, &s);
	if (w.dead) {
		boot(&w);
		drain(&w, &later);
	}
	*ret_kept = s.kept;
	canonical(&w, &s);
	if (from->current && !w.current && !s.excused)
		wrong(&s, "kept");
	check_state(&w, &s);
	if (!s.wrong && set_add(&seen, &w)) {
		if (!has_way_back(&w, &later))
			s.wrong = later.wrong ? later.wrong : "way back";
		queue_put(&w);
	}
	if (s.wrong && !run->broken) {
		printf("%s: %s fails after: %s, fate %d\n", run->name, s.wrong,
		       event_text(event), fate);
		say("before", from);
		say("after", &w);
	}
	return s.wrong;
}

static const char *expand(const struct world *from, const struct run *run)
{
	for (unsigned event = 0; event < EVENTS; event++) {
		size_t places = event <= EVENT_DROP ? NET_MAX : 1;

		for (size_t at = 0; at < places; at++) {
			unsigned kept, ignored;
			const char *bad =
				try_event(from, run, event, at, FATE_KEPT, 0, &kept);

			for (unsigned i = 0; !bad && i < kept; i++)
				for (enum fate f = FATE_FAILED; !bad && f < FATES; f++)
					bad = try_event(from, run, event, at, f, i,
							&ignored);
			if (bad)
				return bad;
		}
	}
	return NULL;
}

/* Returns what does not hold, or NULL after all states. */
static const char *explore(const struct run *run, size_t *ret_states)
{
	const struct enrol_kept nothing = { 0 };
	struct step s = { 0 };
	const char *bad = NULL;
	struct world w;

	memset(&w, 0, sizeof(w));
	enrol_init(&w.hub, &nothing, 0);
	new_clinic(&w);
	w.rare = run->rare;
	w.moves = run->moves;
	w.tickets = run->tickets;
	if (w.tickets) {
		w.ticket.state = TICKET_STATE_OPEN;
		w.ticket.expires_ms = TODAY_MS + 1;
	}
	canonical(&w, &s);
	set_add(&seen, &w);
	queue_put(&w);
	while (!bad && queue_get(&w))
		bad = expand(&w, run);
	*ret_states = seen.count;
	while (queue_get(&w)) {
	}
	set_clear(&seen);
	set_clear(&well);
	return bad;
}

static void test_all_states(void)
{
	enum { RARE = 3, TICKET_RARE = 1 };
	static const struct run runs[] = {
		{ .name = "one clinic", .rare = RARE },
		{ .name = "another clinic", .rare = RARE, .moves = true },
		{ .name = "a person approves", .rare = RARE - 1, .approval = true },
		{ .name = "a ticket", .rare = TICKET_RARE, .tickets = true },
	};
	size_t states, all = 0;

	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		const char *bad = explore(&runs[i], &states);

		printf("%s: %zu states\n", runs[i].name, states);
		CHECK_STR(bad ? bad : "", "");
		all += states;
	}
	printf("%zu states in all\n", all);
}

static void test_broken(void)
{
	static const struct {
		struct run run;
		const char *found;
	} controls[] = {
		{ { .name = "confirmation not needed",
		    .broken = BROKEN_CONFIRM_NOT_NEEDED },
		  "held" },
		{ { .name = "old key kept", .broken = BROKEN_OLD_KEY_KEPT }, "one key" },
		{ { .name = "not idempotent", .broken = BROKEN_NOT_IDEMPOTENT },
		  "same answer" },
		{ { .name = "lost keeps keys", .broken = BROKEN_LOST_KEEPS_KEYS },
		  "ended" },
		{ { .name = "used at once", .broken = BROKEN_USED_AT_ONCE },
		  "confirmed" },
		{ { .name = "given up", .broken = BROKEN_GIVEN_UP }, "held" },
		{ { .name = "epoch forgotten",
		    .broken = BROKEN_EPOCH_FORGOTTEN,
		    .moves = true },
		  "epochs" },
		{ { .name = "any answer", .broken = BROKEN_ANY_ANSWER }, "fits" },
		{ { .name = "no door", .broken = BROKEN_NO_DOOR }, "way back" },
		{ { .name = "ticket stays",
		    .broken = BROKEN_TICKET_STAYS,
		    .tickets = true },
		  "one ticket" },
	};
	size_t states;

	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++) {
		struct run run = controls[i].run;
		const char *bad;

		run.rare = 2;
		bad = explore(&run, &states);
		printf("broken, %s: '%s' fails after %zu states\n", controls[i].run.name,
		       bad ? bad : "nothing", states);
		CHECK_STR(bad ? bad : "", controls[i].found);
	}
}

TEST_MAIN("enrolment_model", test_all_states, test_broken)
