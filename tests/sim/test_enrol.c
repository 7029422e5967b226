/*
 * test_enrol.c - the hub's enrolment in virtual time, against the clinic's own decisions: an enrolment, its waits, and
 * three years of renewals with months offline and a clock that starts in 1970.
 */
#include <errno.h>

#include "clinic/enrolment.h"
#include "coap/enrol.h"
#include "tests/unit/test.h"

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START_MS INT64_C(1795305600000) /* 2026-11-22 */

enum { DEVICE = 0xd0, LOG_MAX = 64 };

struct world {
	struct enrol hub;
	uint64_t now;
	uint8_t current, next, made; /* keys */
	struct enrolment row;
	bool offline;	/* nobody answers */
	bool no_ingest; /* nobody takes confirmations */
	unsigned asked[ENROL_ASK_CONFIRM + 1];
	bool approval;
	int64_t floor_ms; /* what the clinic said last, and was kept; 0 */
	bool no_clock;	  /* the floor is all that is known after a start */
	uint64_t floor_at;
	struct enrol_action last; /* what was sent last */
	uint64_t sent_at, first_at;
	unsigned sent, uses, calls, promotions;
	/* of the present certificate of each key */
	int64_t ends[256];
};

static int64_t utc(const struct world *w)
{
	return START_MS + (int64_t)w->now;
}

static int64_t floor_of(const struct world *w)
{
	return w->floor_ms ? w->floor_ms + (int64_t)(w->now - w->floor_at) : 0;
}

static void clinic_says_time(struct world *w)
{
	w->floor_ms = utc(w);
	w->floor_at = w->now;
}

static struct mono mono(const struct world *w)
{
	return (struct mono){ w->now };
}

static struct world fresh(void)
{
	const struct enrol_kept nothing = { 0 };
	struct world w = { .now = 5000 };

	enrol_init(&w.hub, &nothing, 0);
	w.row.state = HUB_PREREGISTERED;
	w.row.device[0] = DEVICE;
	return w;
}

static struct enrol_answer ask_clinic(struct world *w, const struct enrol_action *a)
{
	static const enum enrolment_event events[] = {
		[ENROL_ASK_FIRST] = ENROLMENT_ENROL,
		[ENROL_ASK_RENEWAL] = ENROLMENT_RENEW,
		[ENROL_ASK_CONFIRM] = ENROLMENT_CONFIRM,
	};
	uint8_t by[PIN_LEN] = { a->bootstrap ? DEVICE : w->current };
	uint8_t key[PIN_LEN] = { w->next };
	struct enrolment_request rq = { .now_ms = utc(w),
					.by = by,
					.key = key,
					.epoch = a->epoch,
					.ask = w->approval };
	struct enrolment_answer e;
	struct enrol_answer ret = { .result = ENROL_GRANTED };

	w->asked[a->request]++;
	if (w->offline || (w->no_ingest && a->request == ENROL_ASK_CONFIRM))
		return (struct enrol_answer){ .result = ENROL_GONE };
	if (a->request == ENROL_ASK_ROOT)
		return ret;
	if (a->request == ENROL_ASK_CONFIRM)
		by[0] = w->next;
	rq.event = events[a->request];
	e = enrolment_on(&w->row, &rq);
	if (e.action == ENROLMENT_ISSUE) {
		w->row.issued.ends_ms = utc(w) + (int64_t)(ENROLMENT_DAYS * DAY);
		w->ends[w->next] = w->row.issued.ends_ms;
	}
	ret.validity = (struct enrol_validity){
		w->ends[w->next] - (int64_t)(ENROLMENT_DAYS * DAY), w->ends[w->next]
	};
	ret.max_age_s = e.max_age_s;
	ret.epoch = e.epoch;
	if (e.action == ENROLMENT_WAIT)
		ret.result = ENROL_LATER;
	else if (e.action == ENROLMENT_REFUSE)
		ret.result = e.reason == ENROLMENT_OTHER_EPOCH ? ENROL_STALE
			     : e.reason == ENROLMENT_OLD_KEY   ? ENROL_WRONG
							       : ENROL_REFUSED;
	if (ret.result == ENROL_GRANTED)
		clinic_says_time(w);
	return ret;
}

static void keep(struct world *w, const struct enrol_action *a)
{
	if (a->what == ENROL_MAKE_KEY) {
		w->next = ++w->made;
	} else if (a->what == ENROL_PROMOTE) {
		w->current = w->next;
		w->next = 0;
		w->promotions++;
	} else if (a->what == ENROL_FORGET) {
		w->current = w->next = 0;
	}
	enrol_on_stored(&w->hub, true, mono(w));
}

static void drain(struct world *w)
{
	struct enrol_action a;

	while (enrol_next(&w->hub, (uint32_t)test_random(), floor_of(w), mono(w), &a)) {
		struct enrol_answer said;

		if (a.what == ENROL_USE) {
			w->uses++;
		} else if (a.what == ENROL_CALL) {
			w->calls++;
		} else if (a.what == ENROL_SEND) {
			w->last = a;
			w->sent_at = w->now;
			w->sent++;
			said = ask_clinic(w, &a);
			enrol_on_answer(&w->hub, a.number, &said);
		} else {
			keep(w, &a);
		}
	}
}

/* Time goes on, from deadline to deadline. */
static void run_until(struct world *w, uint64_t end)
{
	for (drain(w); w->now < end; drain(w)) {
		struct mono next = enrol_deadline(&w->hub, mono(w));

		CHECK(next.ms > w->now);
		w->now = next.ms < end ? next.ms : end;
	}
}

static void trust(struct world *w)
{
	CHECK_INT(enrol_on_trust(&w->hub), 0);
	drain(w);
}

static void test_enrolment(void)
{
	struct world w = fresh();

	CHECK_STR(enrol_state_text(enrol_state(&w.hub)), "factory");
	run_until(&w, w.now + DAY);
	CHECK_UINT(w.sent, 0);
	trust(&w);
	CHECK_INT(enrol_on_trust(&w.hub), -EACCES);
	run_until(&w, w.now + MINUTE);
	CHECK_INT(enrol_state(&w.hub), ENROL_ACTIVE);
	CHECK_UINT(w.sent, 3); /* root, request, confirmation */
	CHECK_UINT(w.uses, 1);
	CHECK_INT(w.row.state, HUB_ACTIVE);
	CHECK_UINT(w.row.active.spki[0], w.current);
	CHECK_UINT(w.row.epoch, 1);
	CHECK_INT(enrol_on_trust(&w.hub), -EACCES);
	enrol_on_reset(&w.hub);
	drain(&w);
	CHECK_INT(enrol_state(&w.hub), ENROL_FACTORY);
	CHECK_UINT(w.uses, 2);
	trust(&w);
	run_until(&w, w.now + MINUTE);
	CHECK_UINT(w.row.epoch, 2);
}

/* An answer moves the machine once, and only the one that is awaited. */
static void test_answers(void)
{
	const struct enrol_answer yes = { .result = ENROL_GRANTED };
	struct world w = fresh();
	struct enrol before;

	trust(&w);
	w.offline = true;
	run_until(&w, w.now + HOUR);
	before = w.hub;
	enrol_on_answer(&w.hub, w.last.number, &yes); /* nothing is asked now */
	CHECK_MEM(&w.hub, &before, sizeof(before));
	enrol_on_stored(&w.hub, true, mono(&w));
	CHECK_MEM(&w.hub, &before, sizeof(before));
}

/* How long after 'sent' requests the next one comes, with answers of one kind. */
static uint64_t wait_after(enum enrol_result result, uint32_t max_age_s, unsigned sent)
{
	struct world w = fresh();
	struct enrol_answer said = { .result = result, .max_age_s = max_age_s };
	struct enrol_action a;
	uint64_t last = 0;

	trust(&w);
	for (unsigned n = 0; n <= sent;) {
		while (!enrol_next(&w.hub, (uint32_t)test_random(), 0, mono(&w), &a)) {
			uint64_t next = enrol_deadline(&w.hub, mono(&w)).ms;

			CHECK(next > w.now && next < UINT64_MAX);
			w.now = next;
		}
		if (a.what != ENROL_SEND) {
			keep(&w, &a);
			continue;
		}
		if (n++ == sent)
			return w.now - last;
		last = w.now;
		enrol_on_answer(&w.hub, a.number, &said);
	}
	return 0;
}

static void check_wait(enum enrol_result result, uint32_t max_age_s, unsigned sent,
		       uint64_t least, uint64_t most)
{
	for (unsigned i = 0; i < 200; i++) {
		uint64_t ms = wait_after(result, max_age_s, sent);

		CHECK(ms >= least && ms <= most);
	}
}

static void test_waits(void)
{
	check_wait(ENROL_GONE, 0, 1, 500, 1500);
	check_wait(ENROL_GONE, 0, 2, 1000, 3000);
	check_wait(ENROL_GONE, 0, 10, 256000, 768000);
	check_wait(ENROL_GONE, 0, 30, ENROL_PAUSE_MAX_MS / 2, ENROL_PAUSE_MAX_MS * 3 / 2);
	check_wait(ENROL_REFUSED, 0, 1, 5000, 15000);
	check_wait(ENROL_REFUSED, 0, 30, HOUR / 2, HOUR * 3 / 2);
	check_wait(ENROL_LATER, 0, 1, 1000, 1200);
	check_wait(ENROL_LATER, 1, 3, 1000, 1200);
	check_wait(ENROL_LATER, 300, 20, 300000, 360000);
	check_wait(ENROL_LATER, 3600, 1, HOUR, HOUR * 6 / 5);
	check_wait(ENROL_LATER, 3601, 1, HOUR, HOUR * 6 / 5);
	check_wait(ENROL_LATER, UINT32_MAX, 1, HOUR, HOUR * 6 / 5);
}

/* No answer at all: the next try comes when the time for an answer is over. */
static void test_silence(void)
{
	struct world w = fresh();
	struct enrol_action a;

	trust(&w);
	while (!enrol_next(&w.hub, 0, 0, mono(&w), &a) || a.what != ENROL_SEND) {
		if (w.hub.storing)
			keep(&w, &a);
		w.now = enrol_deadline(&w.hub, mono(&w)).ms;
	}
	CHECK_UINT(enrol_deadline(&w.hub, mono(&w)).ms, w.now + ENROL_ANSWER_MS);
	w.now += ENROL_ANSWER_MS - 1;
	CHECK(!enrol_next(&w.hub, 0, 0, mono(&w), &a));
	w.now += ENROL_PAUSE_MIN_MS + 1;
	CHECK(!enrol_next(&w.hub, 0, 0, mono(&w), &a)); /* now the wait began */
	w.now += ENROL_PAUSE_MIN_MS;
	CHECK(enrol_next(&w.hub, 0, 0, mono(&w), &a));
	CHECK_INT(a.what, ENROL_SEND);
	/* a way to the network cuts a wait short */
	enrol_on_answer(&w.hub, a.number,
			&(struct enrol_answer){ .result = ENROL_REFUSED });
	enrol_on_route(&w.hub);
	enrol_next(&w.hub, UINT32_MAX, 0, mono(&w), &a);
	CHECK(enrol_deadline(&w.hub, mono(&w)).ms <= w.now + ENROL_ROUTE_JITTER_MS);
}

/* The clinic will not have the keys: five, then a person; with a credential in use five a day. */
static void test_tries(void)
{
	const struct enrol_answer yes = { .result = ENROL_GRANTED };
	const struct enrol_answer no = { .result = ENROL_WRONG };
	struct enrol_kept active = { .trusted = true,
				     .epoch = 3,
				     .has_current = true,
				     .current_epoch = 3,
				     .current = { 1, 2000 } };

	for (int renewal = 0; renewal < 2; renewal++) {
		struct world w = fresh();
		struct enrol_action a;
		unsigned keys = 0, calls = 0;

		if (renewal)
			enrol_init(&w.hub, &active, 0);
		else
			trust(&w);
		for (uint64_t end = w.now + DAY; w.now < end;) {
			if (!enrol_next(&w.hub, 0, 1999, mono(&w), &a)) {
				uint64_t next = enrol_deadline(&w.hub, mono(&w)).ms;

				w.now = next < end ? next : end;
				continue;
			}
			keys += a.what == ENROL_MAKE_KEY;
			calls += a.what == ENROL_CALL;
			CHECK(a.what != ENROL_USE);
			if (a.what == ENROL_KEEP_TRUST) {
				keep(&w, &a);
			} else if (a.what == ENROL_MAKE_KEY) {
				CHECK_UINT(a.tries, (keys - 1) % ENROL_TRIES + 1);
				CHECK_UINT(a.epoch, renewal ? 3 : 1);
				keep(&w, &a);
			} else if (a.what == ENROL_SEND) {
				enrol_on_answer(&w.hub, a.number,
						a.request == ENROL_ASK_ROOT ? &yes : &no);
			}
		}
		CHECK_UINT(calls, 1);
		CHECK(keys >= ENROL_TRIES && keys <= 2 * ENROL_TRIES);
		if (renewal)
			continue;
		CHECK_UINT(keys, ENROL_TRIES);
		CHECK_UINT(enrol_deadline(&w.hub, mono(&w)).ms, UINT64_MAX);
		enrol_on_person(&w.hub);
		CHECK(enrol_next(&w.hub, 0, 0, mono(&w), &a));
		CHECK_INT(a.what, ENROL_MAKE_KEY);
		CHECK_UINT(a.tries, 1);
	}
}

/* What was issued and could not be confirmed for a day is asked for again, with the same key. */
static void test_run_out(void)
{
	struct world w = fresh();

	trust(&w);
	w.no_ingest = true;
	run_until(&w, w.now + DAY - MINUTE);
	CHECK_INT(enrol_state(&w.hub), ENROL_CONFIRMING);
	CHECK_UINT(w.asked[ENROL_ASK_FIRST], 1);
	run_until(&w, w.now + HOUR);
	CHECK_UINT(w.asked[ENROL_ASK_FIRST], 2);
	w.no_ingest = false;
	run_until(&w, w.now + HOUR);
	CHECK_INT(enrol_state(&w.hub), ENROL_ACTIVE);
	CHECK_UINT(w.current, 1);
	CHECK_UINT(w.made, 1);
	CHECK_UINT(w.row.epoch, 1);
}

/* A hub in epoch 3 whose next key has a certificate that is not confirmed. */
static struct world confirming(bool current, bool renewal)
{
	const struct enrol_kept kept = { .trusted = true,
					 .epoch = 3,
					 .has_current = current,
					 .current_epoch = current ? 3 : 0,
					 .current = { 1, 2000 },
					 .has_key = true,
					 .has_next = true,
					 .next_renewal = renewal,
					 .next_epoch = renewal ? 3 : 4,
					 .next = { 1, 2000 } };
	struct world w = fresh();

	enrol_init(&w.hub, &kept, 0);
	return w;
}

/* The next thing that it does, whenever that is; kept at once. */
static struct enrol_action next_action(struct world *w)
{
	struct enrol_action a;

	while (!enrol_next(&w->hub, 0, 0, mono(w), &a)) {
		CHECK(enrol_deadline(&w->hub, mono(w)).ms > w->now);
		w->now = enrol_deadline(&w->hub, mono(w)).ms;
	}
	if (w->hub.storing)
		keep(w, &a);
	return a;
}

static void answer(struct world *w, const struct enrol_action *a, enum enrol_result what,
		   uint32_t epoch)
{
	const struct enrol_answer r = { .result = what, .epoch = epoch };

	CHECK_INT(a->what, ENROL_SEND);
	enrol_on_answer(&w->hub, a->number, &r);
}

/* Which epochs the clinic may name: the others are as a refusal. */
static void test_epochs(void)
{
	static const struct {
		bool current, renewal, taken;
		uint32_t epoch;
	} cases[] = {
		{ true, true, false, 2 },   { true, true, true, 3 },
		{ true, true, true, 4 },    { true, false, false, 3 },
		{ true, false, true, 4 },   { true, false, true, 9 },
		{ false, false, false, 1 }, { false, false, false, 3 },
		{ false, false, true, 4 },  { false, true, true, 3 },
		{ false, true, false, 2 },  { false, false, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w = confirming(cases[i].current, cases[i].renewal);
		struct enrol_action a = next_action(&w);

		CHECK_INT(a.request, ENROL_ASK_CONFIRM);
		answer(&w, &a, ENROL_STALE, cases[i].epoch);
		a = next_action(&w);
		CHECK_INT(a.what, cases[i].taken ? ENROL_KEEP_EPOCH : ENROL_SEND);
		if (cases[i].taken)
			a = next_action(&w);
		CHECK_INT(a.request, ENROL_ASK_CONFIRM);
		CHECK_UINT(a.epoch, cases[i].taken     ? cases[i].epoch
				    : cases[i].renewal ? 3
						       : 4);
	}
}

static struct enrol_action refuse_confirmations(struct world *w)
{
	struct enrol_action a;

	for (int i = 0; i < ENROL_REFUSALS; i++) {
		a = next_action(w);
		CHECK_INT(a.request, ENROL_ASK_CONFIRM);
		answer(w, &a, ENROL_REFUSED, 0);
	}
	a = next_action(w);
	CHECK_INT(a.request, ENROL_ASK_ROOT);
	return a;
}

/* A confirmation that is refused asks for the certificate again; if nobody is there, it confirms. */
static void test_again(void)
{
	struct world w = confirming(true, true);
	struct enrol_action a = refuse_confirmations(&w);

	CHECK(!a.bootstrap);
	answer(&w, &a, ENROL_GONE, 0);
	a = next_action(&w);
	CHECK_INT(a.request, ENROL_ASK_CONFIRM);
}

/* With readings refused too it goes to the door for new hubs, and begins an epoch there. */
static void test_door(void)
{
	struct world w = confirming(true, true);
	struct enrol_action a;

	enrol_on_uplink(&w.hub, true, mono(&w));
	w.now += ENROL_DOUBT_MS;
	enrol_on_uplink(&w.hub, true, mono(&w));
	a = refuse_confirmations(&w);
	for (int i = 0; i < ENROL_REFUSALS; i++) {
		CHECK(!a.bootstrap);
		answer(&w, &a, ENROL_REFUSED, 0);
		a = next_action(&w);
	}
	CHECK_INT(a.request, ENROL_ASK_ROOT);
	CHECK(a.bootstrap);
	answer(&w, &a, ENROL_GRANTED, 0);
	a = next_action(&w);
	CHECK_INT(a.request, ENROL_ASK_FIRST);
	answer(&w, &a, ENROL_GRANTED, 0);
	a = next_action(&w);
	CHECK_INT(a.what, ENROL_KEEP_CERT);
	CHECK_UINT(a.epoch, 4);
	CHECK(!a.renewal);
	CHECK_INT(enrol_state(&w.hub), ENROL_ACTIVE);
	CHECK_UINT(w.uses, 0);
}

static void test_renewal_date(void)
{
	const struct enrol_validity v = { START_MS, START_MS + (int64_t)(90 * DAY) };

	CHECK_INT(enrol_renewal_ms(&v, 0), START_MS + (int64_t)(60 * DAY));
	CHECK(enrol_renewal_ms(&v, UINT32_MAX) > START_MS + (int64_t)(65 * DAY));
	CHECK(enrol_renewal_ms(&v, UINT32_MAX) < START_MS + (int64_t)(66 * DAY));
}

/* One upload; the clinic judges the certificate by its own clock. */
static bool upload(struct world *w)
{
	uint8_t spki[PIN_LEN] = { w->current };
	bool ok;

	if (w->offline)
		return false;
	ok = w->current && w->row.state == HUB_ACTIVE &&
	     enrolment_role(&w->row, spki, utc(w)) == ENROLMENT_ROLE_ACTIVE;
	enrol_on_uplink(&w->hub, !ok, mono(w));
	if (ok)
		clinic_says_time(w);
	return ok;
}

/* The machine is started again: with no clock of its own it knows the floor that was kept. */
static void restart(struct world *w)
{
	struct enrol_kept kept = enrol_kept(&w->hub);

	enrol_init(&w->hub, &kept, (uint32_t)test_random());
	if (w->no_clock)
		w->floor_at = w->now;
}

/* Three years, an upload each quarter of an hour. Returns the longest time without one while the clinic could be reached. */
static uint64_t three_years(struct world *w, bool absences)
{
	uint64_t end = w->now + 3 * 365 * DAY, since = w->now, worst = 0;
	uint64_t change = w->now + 100 * DAY;

	while (w->now < end) {
		run_until(w, w->now + 15 * MINUTE);
		if (absences && w->now >= change) {
			w->offline = !w->offline;
			/* up to seven months away, one to three at home */
			change = w->now + (w->offline ? 20 + test_random() % 190
						      : 30 + test_random() % 60) *
						  DAY;
			restart(w);
		}
		if (test_random() % 500 == 0)
			restart(w);
		if (upload(w) || w->offline)
			since = w->now;
		else if (w->now - since > worst)
			worst = w->now - since;
	}
	return worst;
}

static void test_three_years(void)
{
	for (int form = 0; form < 4; form++) {
		struct world w = fresh();
		uint64_t worst;

		w.no_clock = form & 1;
		trust(&w);
		run_until(&w, w.now + MINUTE);
		CHECK_INT(enrol_state(&w.hub), ENROL_ACTIVE);
		worst = three_years(&w, form & 2);
		/* an ended certificate is found out by an hour of refusals; a renewal beside the uplink costs nothing */
		CHECK(worst <= (form & 2 ? 8 * HOUR : 0));
		CHECK(w.promotions >= (form & 2 ? 4 : 16) && w.promotions <= 20);
		CHECK_UINT(w.uses, w.promotions);
		CHECK_UINT(w.row.epoch, 1);
		CHECK_UINT(w.calls, 0);
	}
}

/* A mistaken suspension, months of it, and its end: nothing but the row has changed. */
static void test_mistake(void)
{
	struct world w = fresh();
	uint8_t key;

	trust(&w);
	run_until(&w, w.now + MINUTE);
	CHECK(upload(&w));
	key = w.current;
	for (int day = 0; day < 200; day++) {
		struct enrolment_request rq = { .event = day == 100 ? ENROLMENT_RESUME
								    : ENROLMENT_SUSPEND,
						.now_ms = utc(&w) };

		if (day <= 100)
			enrolment_on(&w.row, &rq);
		run_until(&w, w.now + DAY);
		upload(&w);
	}
	CHECK(upload(&w));
	CHECK_INT(w.row.state, HUB_ACTIVE);
	CHECK(w.current != key);
	CHECK_UINT(w.calls, 0);
}

TEST_MAIN("enrol", test_enrolment, test_answers, test_waits, test_silence, test_tries,
	  test_run_out, test_epochs, test_again, test_door, test_renewal_date,
	  test_three_years, test_mistake)
