/*
 * test_enrolment.c - the clinic's half of enrolment: every row that three keys, four epochs and two days can make, with
 * every event from there; then the limits one by one.
 */
#include "clinic/enrolment.h"
#include "coap/code.h"
#include "tests/unit/test.h"

enum {
	HALF_DAY_MS = 12 * 3600 * 1000,
	TIMES = 5,  /* in half days */
	EPOCHS = 3, /* 1 to 3, and 0 */
	EMERGENCY_TIMES = 3,
	EMERGENCY_EPOCHS = 2,
	KEYS = 3,
	STATES_MAX = 1 << 20,
	DEVICE = 0xd0,
	FIRST_KEY = 0xa1,
	END_MS = 3 * HALF_DAY_MS, /* of a certificate, after it was issued */
};

struct state {
	struct enrolment row;
	int64_t now_ms;
};

static struct state *states;
static size_t state_count;
static uint32_t *places; /* open addressing, number + 1 */
static uint8_t device[PIN_LEN], keys[KEYS][PIN_LEN];
/* of test_every_row: with emergency keys, and then fewer epochs and days, or there would be too many rows */
static bool with_emergency;
static uint32_t epochs;
static int times;

static void make_keys(void)
{
	memset(device, DEVICE, sizeof(device));
	for (int i = 0; i < KEYS; i++)
		memset(keys[i], FIRST_KEY + i, PIN_LEN);
}

static uint64_t hash_of(const struct state *s)
{
	const uint8_t *p = (const uint8_t *)s;
	uint64_t h = 1469598103934665603ull;

	for (size_t i = 0; i < sizeof(*s); i++)
		h = (h ^ p[i]) * 1099511628211ull;
	return h;
}

/* Rows are made from zeroed memory and copied whole: their padding is equal. */
static void add(const struct state *s)
{
	size_t at = hash_of(s) & (2 * STATES_MAX - 1);

	while (places[at]) {
		if (memcmp(&states[places[at] - 1], s, sizeof(*s)) == 0)
			return;
		at = (at + 1) & (2 * STATES_MAX - 1);
	}
	CHECK(state_count < STATES_MAX);
	states[state_count] = *s;
	places[at] = (uint32_t)++state_count;
}

static bool same_row(const struct enrolment *a, const struct enrolment *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_key(const struct enrolment_key *a, const struct enrolment_key *b)
{
	return a->there == b->there && memcmp(a->spki, b->spki, PIN_LEN) == 0 &&
	       a->epoch == b->epoch;
}

static bool of_hub(enum enrolment_event e)
{
	return e == ENROLMENT_ENROL || e == ENROLMENT_RENEW || e == ENROLMENT_CONFIRM ||
	       e == ENROLMENT_EMERGENCY;
}

/* Nothing about the emergency identity changes anything else, and only an active key may ask for one. */
static void check_emergency(const struct enrolment *was,
			    const struct enrolment_request *rq,
			    const struct enrolment *is, const struct enrolment_answer *a)
{
	struct enrolment other = *was;

	CHECK(rq->event == ENROLMENT_EMERGENCY || rq->event == ENROLMENT_CONFIRM);
	other.emergency = is->emergency;
	other.emergency_issued = is->emergency_issued;
	other.emergency_tries = is->emergency_tries;
	CHECK(same_row(&other, is));
	if (rq->event == ENROLMENT_EMERGENCY) {
		CHECK(same_key(&was->emergency, &is->emergency));
		CHECK_MEM(was->active.spki, rq->by, PIN_LEN);
		CHECK(rq->now_ms < was->active.ends_ms);
	}
	if (a->action == ENROLMENT_ISSUE)
		CHECK(!rq->key_taken ||
		      memcmp(was->emergency_issued.spki, rq->key, PIN_LEN) == 0);
	if (a->action == ENROLMENT_ACTIVATE) {
		CHECK_MEM(was->emergency_issued.spki, rq->by, PIN_LEN);
		CHECK_MEM(is->emergency.spki, rq->by, PIN_LEN);
		CHECK(!is->emergency_issued.there);
		CHECK(rq->now_ms - was->emergency_issued.issued_ms < ENROLMENT_ISSUED_MS);
	}
}

/* What must be true of one step, whatever the row. */
static void check_step(const struct enrolment *was, const struct enrolment_request *rq,
		       const struct enrolment *is, const struct enrolment_answer *a)
{
	bool may_end = rq->event == ENROLMENT_RETIRE || rq->event == ENROLMENT_LOSE;

	CHECK(enrolment_invariants(is));
	CHECK(is->epoch >= was->epoch);
	CHECK((a->reason == ENROLMENT_FINE) ==
	      (a->action != ENROLMENT_REFUSE && a->action != ENROLMENT_WAIT));
	if (a->action == ENROLMENT_REFUSE || a->action == ENROLMENT_SEND_ISSUED ||
	    a->action == ENROLMENT_SEND_ACTIVE || a->action == ENROLMENT_CONFIRMED)
		CHECK(same_row(was, is));
	if (!same_key(&was->active, &is->active))
		CHECK((a->action == ENROLMENT_ACTIVATE && !a->emergency) || may_end);
	if (!same_key(&was->emergency, &is->emergency) && is->emergency.there)
		CHECK(a->action == ENROLMENT_ACTIVATE && a->emergency);
	if (was->emergency.there && !is->emergency.there)
		CHECK(may_end || is->epoch > was->epoch);
	if (a->emergency)
		check_emergency(was, rq, is, a);
	else
		CHECK(same_key(&was->emergency_issued, &is->emergency_issued) ||
		      !is->emergency_issued.there);
	if (of_hub(rq->event) && (was->state == HUB_NONE || was->state == HUB_RETIRED ||
				  was->state == HUB_LOST))
		CHECK(same_row(was, is) && enrolment_code(a) == COAP_CODE_FORBIDDEN);
	if (was->state == HUB_LOST)
		CHECK(is->state ==
		      (rq->event == ENROLMENT_FIND ? HUB_SUSPENDED : HUB_LOST));
	if (a->action == ENROLMENT_ACTIVATE && !a->emergency) {
		CHECK(was->issued.there && is->active.there && !is->issued.there);
		CHECK_MEM(was->issued.spki, rq->by, PIN_LEN);
		CHECK_MEM(is->active.spki, rq->by, PIN_LEN);
		CHECK(rq->now_ms - was->issued.issued_ms < ENROLMENT_ISSUED_MS);
		CHECK(was->issued.renewal ? is->epoch == was->epoch
					  : is->epoch > was->epoch);
	}
	if (a->action == ENROLMENT_ISSUE && !a->emergency) {
		CHECK(!rq->key_taken || memcmp(was->issued.spki, rq->key, PIN_LEN) == 0);
		CHECK(!rq->ask || was->approved || rq->event == ENROLMENT_RENEW ||
		      was->issued.there);
		CHECK(is->tries >= was->tries && is->tries <= was->tries + 1);
	}
}

/* The same event again has the same answer, and changes nothing more. */
static void check_again(const struct enrolment *is, const struct enrolment_request *rq,
			const struct enrolment_answer *a)
{
	struct enrolment row = *is;
	struct enrolment_answer b = enrolment_on(&row, rq);

	if (a->action == ENROLMENT_ISSUE)
		CHECK_INT(b.action, ENROLMENT_SEND_ISSUED);
	else if (a->action == ENROLMENT_ACTIVATE)
		CHECK_INT(b.action, ENROLMENT_CONFIRMED);
	else
		CHECK_INT(b.action, a->action);
	CHECK_INT(b.reason, a->reason);
	CHECK(same_row(&row, is));
}

static void step(const struct state *s, struct enrolment_request rq)
{
	struct state next = *s;
	struct enrolment_answer a;

	rq.now_ms = s->now_ms;
	a = enrolment_on(&next.row, &rq);
	check_step(&s->row, &rq, &next.row, &a);
	check_again(&next.row, &rq, &a);
	if (a.action == ENROLMENT_ISSUE && !a.emergency)
		next.row.issued.ends_ms = s->now_ms + END_MS;
	add(&next);
}

static void try_hub(const struct state *s)
{
	const uint8_t *by[] = { device, keys[0], keys[1], keys[2] };

	for (size_t b = 0; b < sizeof(by) / sizeof(*by); b++) {
		for (uint32_t epoch = 0; epoch <= epochs; epoch++)
			step(s, (struct enrolment_request){ .event = ENROLMENT_CONFIRM,
							    .by = by[b],
							    .epoch = epoch });
		for (unsigned k = 0; k < 4 * KEYS; k++) {
			struct enrolment_request rq = { .event = ENROLMENT_ENROL,
							.by = by[b],
							.key = keys[k % KEYS],
							.key_taken = k / KEYS & 1,
							.ask = k / KEYS & 2 };

			if (s->row.epoch < epochs)
				step(s, rq);
			rq.event = ENROLMENT_RENEW;
			step(s, rq);
			rq.event = ENROLMENT_EMERGENCY;
			if (with_emergency)
				step(s, rq);
		}
	}
}

/* Invariant: whatever happened, a person and a hub with a new key get it to work, unless it is lost. */
static void check_way_out(const struct state *s)
{
	static const enum enrolment_event words[] = { ENROLMENT_CLAIM, ENROLMENT_RESUME,
						      ENROLMENT_APPROVE };
	struct enrolment row = s->row;
	uint8_t fresh[PIN_LEN] = { 7 };
	struct enrolment_request rq = { .now_ms = s->now_ms, .by = device, .key = fresh };

	if (row.state == HUB_LOST)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		rq.event = words[i];
		enrolment_on(&row, &rq);
	}
	rq.event = ENROLMENT_ENROL;
	rq.ask = true;
	CHECK_INT(enrolment_on(&row, &rq).action, ENROLMENT_ISSUE);
	rq = (struct enrolment_request){ .event = ENROLMENT_CONFIRM,
					 .now_ms = s->now_ms,
					 .by = fresh,
					 .epoch = row.issued.epoch };
	CHECK_INT(enrolment_on(&row, &rq).action, ENROLMENT_ACTIVATE);
	CHECK_INT(row.state, HUB_ACTIVE);
}

/* Whatever it was, an active hub gets an emergency identity, by itself, after a day at most. */
static void check_way_to_emergency(const struct state *s)
{
	struct enrolment row = s->row;
	uint8_t fresh[PIN_LEN] = { 7 };
	struct enrolment_request rq = { .event = ENROLMENT_EMERGENCY,
					.now_ms = s->now_ms + ENROLMENT_ISSUED_MS,
					.by = row.active.spki,
					.key = fresh };
	struct enrolment_answer a;

	if (row.state != HUB_ACTIVE || rq.now_ms >= row.active.ends_ms)
		return;
	a = enrolment_on(&row, &rq);
	CHECK(a.emergency && a.action == ENROLMENT_ISSUE);
	rq = (struct enrolment_request){ .event = ENROLMENT_CONFIRM,
					 .now_ms = rq.now_ms,
					 .by = fresh,
					 .epoch = row.active.epoch };
	a = enrolment_on(&row, &rq);
	CHECK(a.emergency && a.action == ENROLMENT_ACTIVATE);
	CHECK_INT(enrolment_role(&row, fresh, rq.now_ms), ENROLMENT_ROLE_EMERGENCY);
}

static void every_row(void)
{
	struct state s;
	size_t seen[HUB_LOST + 1] = { 0 };

	make_keys();
	states = calloc(STATES_MAX, sizeof(*states));
	places = calloc(2 * STATES_MAX, sizeof(*places));
	CHECK(states && places);
	memset(&s, 0, sizeof(s));
	memcpy(s.row.device, device, PIN_LEN);
	add(&s);
	for (size_t i = 0; i < state_count; i++) {
		s = states[i];
		seen[s.row.state]++;
		for (int e = ENROLMENT_CLAIM; e < ENROLMENT_EVENTS; e++)
			step(&s, (struct enrolment_request){
					 .event = (enum enrolment_event)e });
		try_hub(&s);
		check_way_out(&s);
		check_way_to_emergency(&s);
		if (s.now_ms < (times - 1) * HALF_DAY_MS) {
			s.now_ms += HALF_DAY_MS;
			add(&s);
		}
	}
	for (int i = HUB_NONE; i <= HUB_LOST; i++)
		CHECK(seen[i] > 0);
	printf("%zu rows\n", state_count);
	free(states);
	free(places);
	state_count = 0;
}

static void test_every_row(void)
{
	epochs = EPOCHS;
	times = TIMES;
	every_row();
	with_emergency = true;
	epochs = EMERGENCY_EPOCHS;
	times = EMERGENCY_TIMES;
	every_row();
}

/* --- one by one ------------------------------------------------------------------------ */

static struct enrolment_answer hub(struct enrolment *row, enum enrolment_event e,
				   const uint8_t *by, const uint8_t *key, uint32_t epoch,
				   int64_t now_ms)
{
	struct enrolment_request rq = {
		.event = e, .by = by, .key = key, .epoch = epoch, .now_ms = now_ms
	};
	struct enrolment_answer a = enrolment_on(row, &rq);

	if (a.action == ENROLMENT_ISSUE)
		row->issued.ends_ms = now_ms + 90LL * 86400 * 1000;
	return a;
}

static void person(struct enrolment *row, enum enrolment_event e)
{
	struct enrolment_request rq = { .event = e };

	CHECK_INT(enrolment_on(row, &rq).action, ENROLMENT_CHANGED);
}

static struct enrolment claimed(void)
{
	struct enrolment row = { 0 };

	make_keys();
	memcpy(row.device, device, PIN_LEN);
	person(&row, ENROLMENT_CLAIM);
	return row;
}

static struct enrolment active(int64_t now_ms)
{
	struct enrolment row = claimed();

	hub(&row, ENROLMENT_ENROL, device, keys[0], 0, now_ms);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[0], NULL, 1, now_ms).action,
		  ENROLMENT_ACTIVATE);
	return row;
}

static void test_tries(void)
{
	struct enrolment row = claimed();
	struct enrolment_answer a;
	uint8_t key[PIN_LEN] = { 1 };

	for (int i = 0; i <= ENROLMENT_TRIES_MAX; i++) {
		key[1] = (uint8_t)i;
		CHECK_INT(hub(&row, ENROLMENT_ENROL, device, key, 0, i).action,
			  ENROLMENT_ISSUE);
		CHECK_UINT(row.tries, i);
	}
	key[1]++;
	a = hub(&row, ENROLMENT_ENROL, device, key, 0, 10);
	CHECK_INT(a.action, ENROLMENT_WAIT);
	CHECK_INT(a.reason, ENROLMENT_TOO_MANY_KEYS);
	CHECK_UINT(a.max_age_s, ENROLMENT_TRIES_WAIT_S);
	key[1]--; /* the last one is still good */
	CHECK_INT(hub(&row, ENROLMENT_ENROL, device, key, 0, 10).action,
		  ENROLMENT_SEND_ISSUED);
	key[1]++;
	person(&row, ENROLMENT_APPROVE);
	CHECK_INT(hub(&row, ENROLMENT_ENROL, device, key, 0, 11).action, ENROLMENT_ISSUE);
}

static void test_time(void)
{
	const int64_t at = 1000, last = at + ENROLMENT_ISSUED_MS - 1;
	struct enrolment row = claimed(), other;
	struct enrolment_request rq = {
		.event = ENROLMENT_ENROL, .by = device, .key = keys[0], .key_taken = true
	};

	hub(&row, ENROLMENT_ENROL, device, keys[0], 0, at);
	other = row;
	CHECK_INT(enrolment_role(&row, keys[0], last), ENROLMENT_ROLE_ISSUED);
	CHECK_INT(enrolment_role(&row, keys[0], last + 1), ENROLMENT_ROLE_NONE);
	CHECK_INT(hub(&other, ENROLMENT_CONFIRM, keys[0], NULL, 1, last).action,
		  ENROLMENT_ACTIVATE);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[0], NULL, 1, last + 1).reason,
		  ENROLMENT_RAN_OUT);
	/* the same key once more, though it is known by now, and nothing was replaced */
	rq.now_ms = last + 1;
	CHECK_INT(enrolment_on(&row, &rq).action, ENROLMENT_ISSUE);
	CHECK_UINT(row.tries, 0);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[0], NULL, 1, last + 2).action,
		  ENROLMENT_ACTIVATE);
}

static void test_end_of_certificate(void)
{
	struct enrolment row = active(0), other;
	int64_t end = row.active.ends_ms;

	CHECK_INT(enrolment_role(&row, keys[0], end - 1), ENROLMENT_ROLE_ACTIVE);
	CHECK_INT(enrolment_role(&row, keys[0], end), ENROLMENT_ROLE_ENDED);
	CHECK_INT(enrolment_role(&row, device, end), ENROLMENT_ROLE_DEVICE);
	other = row;
	CHECK_INT(hub(&other, ENROLMENT_RENEW, keys[0], keys[1], 0, end).action,
		  ENROLMENT_ISSUE);
	CHECK_UINT(other.issued.epoch, 1);
	person(&row, ENROLMENT_SUSPEND);
	other = row;
	CHECK_INT(hub(&other, ENROLMENT_RENEW, keys[0], keys[1], 0, end - 1).action,
		  ENROLMENT_ISSUE);
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], keys[1], 0, end).reason,
		  ENROLMENT_IS_SUSPENDED);
}

static void test_epochs(void)
{
	struct enrolment row = active(0), other;
	struct enrolment_answer a;
	const uint32_t far = 1 + ENROLMENT_EPOCHS_AHEAD;

	/* renewal: the same, and no other */
	other = row;
	hub(&other, ENROLMENT_RENEW, keys[0], keys[1], 0, 1);
	a = hub(&other, ENROLMENT_CONFIRM, keys[1], NULL, 2, 2);
	CHECK_INT(enrolment_code(&a), COAP_CODE_CONFLICT);
	CHECK_UINT(a.epoch, 1);
	CHECK_INT(hub(&other, ENROLMENT_CONFIRM, keys[1], NULL, 1, 3).action,
		  ENROLMENT_ACTIVATE);
	CHECK_INT(enrolment_role(&other, keys[0], 4), ENROLMENT_ROLE_NONE);
	CHECK_INT(hub(&other, ENROLMENT_RENEW, keys[0], keys[2], 0, 4).reason,
		  ENROLMENT_UNKNOWN_KEY);
	/* after a factory reset: a higher one, up to a limit */
	hub(&row, ENROLMENT_ENROL, device, keys[1], far, 1);
	CHECK_UINT(row.issued.epoch, far);
	a = hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, 1, 2);
	CHECK_INT(a.reason, ENROLMENT_OTHER_EPOCH);
	CHECK_UINT(a.epoch, 2);
	a = hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, far + 1, 2);
	CHECK_INT(a.reason, ENROLMENT_OTHER_EPOCH);
	CHECK_INT(enrolment_role(&row, keys[0], 2), ENROLMENT_ROLE_ACTIVE);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, far, 2).action,
		  ENROLMENT_ACTIVATE);
	CHECK_UINT(row.epoch, far);
	/* beyond the limit the wish is not followed */
	hub(&row, ENROLMENT_ENROL, device, keys[2], 2 * far + 1, 3);
	CHECK_UINT(row.issued.epoch, far + 1);
}

static void test_old_keys(void)
{
	struct enrolment row = active(0);

	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], keys[0], 0, 1).reason,
		  ENROLMENT_OLD_KEY);
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], device, 0, 1).reason,
		  ENROLMENT_OLD_KEY);
	/* a request that enrolled it comes late */
	CHECK_INT(hub(&row, ENROLMENT_ENROL, device, keys[0], 0, 1).action,
		  ENROLMENT_SEND_ACTIVE);
	CHECK_INT(hub(&row, ENROLMENT_ENROL, keys[0], keys[1], 0, 1).reason,
		  ENROLMENT_UNKNOWN_KEY);
	CHECK_INT(hub(&row, ENROLMENT_RENEW, device, keys[1], 0, 1).reason,
		  ENROLMENT_UNKNOWN_KEY);
	hub(&row, ENROLMENT_RENEW, keys[0], keys[1], 0, 1);
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[1], keys[2], 0, 1).reason,
		  ENROLMENT_NOT_CONFIRMED);
	CHECK_INT(hub(&row, ENROLMENT_ENROL, keys[1], keys[2], 0, 1).reason,
		  ENROLMENT_NOT_CONFIRMED);
}

static void test_suspended(void)
{
	struct enrolment row = active(0);

	hub(&row, ENROLMENT_ENROL, device, keys[1], 0, 1);
	hub(&row, ENROLMENT_ENROL, device, keys[2], 0, 1);
	person(&row, ENROLMENT_SUSPEND);
	CHECK_INT(hub(&row, ENROLMENT_ENROL, device, keys[2], 0, 1).reason,
		  ENROLMENT_IS_SUSPENDED);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[2], NULL, 2, 1).reason,
		  ENROLMENT_IS_SUSPENDED);
	/* a renewal takes the place of it, and is no way out */
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], keys[2], 0, 1).action,
		  ENROLMENT_ISSUE);
	CHECK_UINT(row.tries, 2);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[2], NULL, 1, 1).action,
		  ENROLMENT_ACTIVATE);
	CHECK_INT(row.state, HUB_SUSPENDED);
	CHECK_UINT(row.tries, 0);
	person(&row, ENROLMENT_RESUME);
	CHECK_INT(row.state, HUB_ACTIVE);
}

static void test_end_of_hub(void)
{
	struct enrolment row = active(0);
	struct enrolment_request claim = { .event = ENROLMENT_CLAIM };

	person(&row, ENROLMENT_RETIRE);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[0], NULL, 1, 1).reason,
		  ENROLMENT_IS_RETIRED);
	person(&row, ENROLMENT_CLAIM);
	hub(&row, ENROLMENT_ENROL, device, keys[1], 0, 1);
	CHECK_UINT(row.issued.epoch, 2);
	person(&row, ENROLMENT_CANCEL);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, 2, 1).reason,
		  ENROLMENT_NOT_CLAIMED);
	row = active(0);
	person(&row, ENROLMENT_LOSE);
	CHECK_INT(enrolment_on(&row, &claim).reason, ENROLMENT_IS_LOST);
	CHECK_INT(enrolment_role(&row, row.active.spki, 1), ENROLMENT_ROLE_NONE);
	CHECK_INT(enrolment_role(&row, device, 1), ENROLMENT_ROLE_NONE);
	/* its key is good again when it is found, and what it sends is held */
	person(&row, ENROLMENT_FIND);
	CHECK_INT(row.state, HUB_SUSPENDED);
	CHECK_INT(enrolment_role(&row, row.active.spki, 1), ENROLMENT_ROLE_ACTIVE);
}

static void test_approval(void)
{
	struct enrolment row = claimed();
	struct enrolment_request rq = {
		.event = ENROLMENT_ENROL, .by = device, .key = keys[0], .ask = true
	};
	struct enrolment_answer a = enrolment_on(&row, &rq);

	CHECK_INT(enrolment_code(&a), COAP_CODE_UNAVAILABLE);
	CHECK_UINT(a.max_age_s, ENROLMENT_ASK_S);
	CHECK(row.asked && row.state == HUB_PREREGISTERED);
	person(&row, ENROLMENT_APPROVE);
	CHECK(!row.asked);
	CHECK_INT(enrolment_on(&row, &rq).action, ENROLMENT_ISSUE);
	rq.key = keys[1]; /* the same enrolment with another key */
	CHECK_INT(enrolment_on(&row, &rq).action, ENROLMENT_ISSUE);
	hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, 1, 0);
	/* the word was for one enrolment */
	rq.key = keys[2];
	CHECK_INT(enrolment_on(&row, &rq).action, ENROLMENT_WAIT);
}

static void test_emergency(void)
{
	struct enrolment row = active(0), was;
	struct enrolment_answer a;

	/* by nobody but the active key, and for a key that is nothing else */
	CHECK_INT(hub(&row, ENROLMENT_EMERGENCY, device, keys[1], 0, 0).reason,
		  ENROLMENT_UNKNOWN_KEY);
	CHECK_INT(hub(&row, ENROLMENT_EMERGENCY, keys[0], keys[0], 0, 0).reason,
		  ENROLMENT_OLD_KEY);
	CHECK_INT(hub(&row, ENROLMENT_EMERGENCY, keys[0], device, 0, 0).reason,
		  ENROLMENT_OLD_KEY);
	a = hub(&row, ENROLMENT_EMERGENCY, keys[0], keys[1], 0, 0);
	CHECK(a.emergency && a.action == ENROLMENT_ISSUE);
	CHECK_INT(enrolment_role(&row, keys[1], 0), ENROLMENT_ROLE_EMERGENCY_ISSUED);
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], keys[1], 0, 0).reason,
		  ENROLMENT_OLD_KEY);
	/* nothing but its confirmation, in the epoch of the active one */
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[1], keys[2], 0, 0).reason,
		  ENROLMENT_MAILBOX_ONLY);
	a = hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, 2, 0);
	CHECK_INT(a.reason, ENROLMENT_OTHER_EPOCH);
	CHECK_UINT(a.epoch, 1);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, 1, ENROLMENT_ISSUED_MS)
			  .reason,
		  ENROLMENT_RAN_OUT);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[1], NULL, 1, 0).action,
		  ENROLMENT_ACTIVATE);
	CHECK_INT(enrolment_role(&row, keys[1], 1 << 30), ENROLMENT_ROLE_EMERGENCY);
	for (int e = ENROLMENT_ENROL; e <= ENROLMENT_EMERGENCY; e++)
		if (e != ENROLMENT_CONFIRM)
			CHECK_INT(
				hub(&row, (enum enrolment_event)e, keys[1], keys[2], 1, 0)
					.reason,
				ENROLMENT_MAILBOX_ONLY);
	/* a renewal leaves it in use, until the next one is confirmed; a new epoch does not */
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], keys[2], 0, 0).action,
		  ENROLMENT_ISSUE);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[2], NULL, 1, 0).action,
		  ENROLMENT_ACTIVATE);
	CHECK_INT(enrolment_role(&row, keys[1], 0), ENROLMENT_ROLE_EMERGENCY);
	was = row;
	person(&row, ENROLMENT_LOSE);
	CHECK_INT(enrolment_role(&row, keys[1], 0), ENROLMENT_ROLE_NONE);
	row = was;
	CHECK_INT(hub(&row, ENROLMENT_ENROL, device, keys[0], 0, 0).action,
		  ENROLMENT_ISSUE);
	CHECK_INT(hub(&row, ENROLMENT_CONFIRM, keys[0], NULL, 2, 0).action,
		  ENROLMENT_ACTIVATE);
	CHECK_INT(enrolment_role(&row, keys[1], 0), ENROLMENT_ROLE_NONE);
}

static void test_emergency_tries(void)
{
	struct enrolment row = active(0);
	uint8_t fresh[PIN_LEN] = { 0x20 };

	for (int i = 0; i <= ENROLMENT_TRIES_MAX; i++) {
		fresh[1] = (uint8_t)i;
		CHECK_INT(hub(&row, ENROLMENT_EMERGENCY, keys[0], fresh, 0, 0).action,
			  ENROLMENT_ISSUE);
	}
	fresh[1] = 99;
	CHECK_INT(hub(&row, ENROLMENT_EMERGENCY, keys[0], fresh, 0, 0).reason,
		  ENROLMENT_TOO_MANY_KEYS);
	/* a renewal has its own count, and a day later nobody waits */
	CHECK_INT(hub(&row, ENROLMENT_RENEW, keys[0], keys[2], 0, 0).action,
		  ENROLMENT_ISSUE);
	CHECK_INT(hub(&row, ENROLMENT_EMERGENCY, keys[0], fresh, 0, ENROLMENT_ISSUED_MS)
			  .action,
		  ENROLMENT_ISSUE);
}

static void test_codes(void)
{
	for (int i = 0; i < ENROLMENT_REASONS; i++) {
		struct enrolment_answer a = { .reason = (enum enrolment_reason)i };

		CHECK(enrolment_code(&a) != 0);
		CHECK(strlen(enrolment_reason_name(a.reason)) > 1);
		for (int k = 0; k < i; k++)
			CHECK(strcmp(enrolment_reason_name(a.reason),
				     enrolment_reason_name((enum enrolment_reason)k)) !=
			      0);
	}
}

TEST_MAIN("enrolment", test_every_row, test_emergency, test_emergency_tries, test_tries,
	  test_time, test_end_of_certificate, test_epochs, test_old_keys, test_suspended,
	  test_end_of_hub, test_approval, test_codes)
