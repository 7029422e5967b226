/*
 * test_backlog.c - values on their way to hub-store, against a hub-store that is a plain model.
 */
#include "ble/backlog.h"

#include "test.h"

static struct backlog b;

static struct msg_raw make_raw(uint8_t value, bool unverified)
{
	struct msg_raw m = { .kind = READING_BLOOD_PRESSURE,
			     .characteristic = 0x2a35,
			     .unverified = unverified,
			     .raw_len = 1,
			     .raw = { value } };

	return m;
}

static struct backlog_entry *add(bool unverified)
{
	struct msg_raw m = make_raw((uint8_t)(b.last + 1), unverified);

	return backlog_add(&b, 3, &m);
}

static void finish(struct backlog_entry *e, bool unverified)
{
	struct msg_decoded d = { .class = CLASS_ROUTINE,
				 .history = (uint32_t)e->raw.capture,
				 .link = unverified ? LINK_UNKNOWN
						    : LINK_SC_AUTHENTICATED,
				 .unverified = unverified };

	backlog_finish(e, &d);
}

/* The next message, taken. Returns its kind, MSG_NONE if there is none. */
static struct msg got;

static enum msg_kind take(bool raws)
{
	if (!backlog_next(&b, raws, &got))
		return MSG_NONE;
	backlog_sent(&b, &got);
	return got.kind;
}

static void test_in_order(void)
{
	struct backlog_entry *one, *two;

	backlog_init(&b, 77);
	CHECK_INT(take(true), MSG_NONE);
	one = add(false);
	two = add(false);
	CHECK_UINT(one->device, 3);
	CHECK_UINT(one->raw.instance, 77);
	CHECK_UINT(one->raw.capture, 1);
	CHECK_UINT(two->raw.capture, 2);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 1);
	CHECK_UINT(got.raw.instance, 77);
	CHECK_UINT(got.raw.raw[0], 1);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 2);
	CHECK_INT(take(true), MSG_NONE);
	finish(two, false); /* the first one is not finished: holds back nobody */
	CHECK_INT(take(true), MSG_DECODED);
	CHECK_UINT(got.decoded.capture, 2);
	CHECK_UINT(got.decoded.history, 2);
	CHECK_INT(take(true), MSG_NONE);
	finish(one, false);
	CHECK_INT(take(true), MSG_DECODED);
	CHECK_UINT(got.decoded.capture, 1);
	CHECK_INT(take(true), MSG_NONE);
	CHECK(backlog_find(&b, 1) == one);
	backlog_remove(&b, one);
	CHECK(!backlog_find(&b, 1));
	CHECK(backlog_find(&b, 2) == two);
	CHECK_UINT(two->raw.raw[0], 2); /* stays at its place */
	CHECK_UINT(b.count, 1);
}

static void test_iterate(void)
{
	struct backlog_entry *e[4], *at = NULL;

	backlog_init(&b, 77);
	CHECK(!backlog_after(&b, NULL));
	for (size_t i = 0; i < 4; i++)
		e[i] = add(false);
	for (size_t i = 0; i < 4; i++)
		CHECK((at = backlog_after(&b, at)) == e[i]);
	CHECK(!backlog_after(&b, at));
	backlog_remove(&b, e[1]);
	CHECK(backlog_after(&b, e[0]) == e[2]);
	backlog_remove(&b, e[0]);
	CHECK(backlog_after(&b, NULL) == e[2]);
	CHECK(backlog_after(&b, e[2]) == e[3]);
	CHECK(!backlog_after(&b, e[3]));
	CHECK(add(false) != e[2]);
}

static void test_refused(void)
{
	struct backlog_entry *e;

	backlog_init(&b, 77);
	e = add(false);
	finish(e, false);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_INT(take(true), MSG_DECODED);
	backlog_refused(&b, 1);
	backlog_refused(&b, 9); /* no such: nothing */
	CHECK_INT(take(true), MSG_RAW);
	CHECK_INT(take(true), MSG_DECODED);
	backlog_offer_again(&b);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 1); /* under the same number */
	CHECK_INT(take(true), MSG_DECODED);
	CHECK_INT(take(true), MSG_NONE);
}

/* While hub-store takes nothing new, what it has already is finished and discarded. */
static void test_blocked(void)
{
	struct backlog_entry *one, *two;

	backlog_init(&b, 77);
	one = add(true);
	two = add(true);
	CHECK_INT(take(false), MSG_NONE);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_INT(take(true), MSG_RAW);
	add(false);
	finish(backlog_after(&b, two), false);
	CHECK_INT(take(false), MSG_NONE);
	finish(one, false);
	CHECK_INT(take(false), MSG_DECODED);
	CHECK_UINT(got.decoded.capture, 1);
	backlog_discard(&b, two);
	CHECK_INT(take(false), MSG_DISCARD);
	CHECK_UINT(got.discard.capture, 2);
	CHECK_INT(take(false), MSG_NONE);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 3);
	CHECK_INT(take(true), MSG_DECODED);
}

/* What became known of the link counts for the RAW, if that is offered again. */
static void test_verified_later(void)
{
	struct backlog_entry *e;

	backlog_init(&b, 77);
	e = add(true);
	CHECK_INT(take(true), MSG_RAW);
	CHECK(got.raw.unverified);
	finish(e, false);
	CHECK_INT(take(true), MSG_DECODED);
	CHECK(!got.decoded.unverified);
	CHECK_INT(got.decoded.link, LINK_SC_AUTHENTICATED);
	backlog_offer_again(&b);
	CHECK_INT(take(true), MSG_RAW);
	CHECK(!got.raw.unverified);
	CHECK_INT(got.raw.link, LINK_SC_AUTHENTICATED);
	e = add(true);
	finish(e, true); /* never known */
	CHECK_INT(take(true), MSG_DECODED);
	CHECK_INT(take(true), MSG_RAW);
	CHECK(got.raw.unverified);
	CHECK_INT(take(true), MSG_DECODED);
	CHECK(got.decoded.unverified);
}

static void test_discard(void)
{
	static const struct backlog_entry zero;
	struct backlog_entry *e;

	backlog_init(&b, 77);
	e = add(true);
	backlog_discard(&b, e); /* hub-store has never had it */
	CHECK_MEM(e, &zero, sizeof(zero));
	CHECK_INT(take(true), MSG_NONE);
	e = add(true);
	CHECK_INT(take(true), MSG_RAW);
	add(false);
	backlog_discard(&b, e);
	CHECK_INT(take(true), MSG_DISCARD); /* before any other RAW */
	CHECK_UINT(got.discard.capture, 2);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 3);
	CHECK_INT(take(true), MSG_NONE);
	e = add(true);
	CHECK_INT(take(true), MSG_RAW);
	backlog_offer_again(&b); /* the link was lost: it is in as unverified */
	backlog_discard(&b, e);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 3);
	CHECK_INT(take(true), MSG_NONE);
	e = add(true);
	CHECK_INT(take(true), MSG_RAW);
	backlog_discard(&b, e); /* not yet told ... */
	backlog_offer_again(&b);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 3);
	CHECK_INT(take(true), MSG_NONE); /* ... and no more to be told */
}

/* Another device comes to the place of an old one: what is under way belongs to nobody there. */
static void test_disown(void)
{
	struct backlog_entry *e;

	backlog_init(&b, 1);
	add(false);
	e = add(false);
	e->device = 4;
	backlog_disown(&b, 3);
	CHECK(backlog_find(&b, 1)->device == BACKLOG_NOBODY);
	CHECK_UINT(backlog_find(&b, 2)->device, 4);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_INT(take(true), MSG_RAW);
}

static void test_limits(void)
{
	static const struct backlog_entry zero;
	struct backlog_entry *e;

	backlog_init(&b, 77);
	for (size_t i = 1; i <= BACKLOG_MAX; i++) {
		CHECK_INT(backlog_is_high(&b), i - 1 >= BACKLOG_HIGH);
		CHECK(add(false));
	}
	CHECK(!add(false));
	CHECK_UINT(b.last, BACKLOG_MAX); /* no number is used up */
	/* below 'high' there was room for a value of as many records as can be */
	CHECK_UINT(BACKLOG_MAX - (BACKLOG_HIGH - 1), READING_RAW_MAX / 6);
	for (size_t i = 1; i <= BACKLOG_FLIGHT_MAX; i++)
		CHECK_INT(take(true), MSG_RAW);
	CHECK_INT(take(true), MSG_NONE);
	backlog_remove(&b, backlog_find(&b, 5));
	CHECK_INT(take(true), MSG_RAW); /* one less in flight, one more */
	CHECK_UINT(got.raw.capture, BACKLOG_FLIGHT_MAX + 1);
	CHECK_INT(take(true), MSG_NONE);
	backlog_refused(&b, 7);
	CHECK_INT(take(true), MSG_RAW);
	CHECK_UINT(got.raw.capture, 7);
	CHECK_INT(take(true), MSG_NONE);
	while ((e = backlog_after(&b, NULL)))
		backlog_remove(&b, e);
	for (size_t i = 0; i < BACKLOG_MAX; i++)
		CHECK_MEM(&b.places[i], &zero, sizeof(zero));
}

/* All that is in flight is discarded before one word of it can be sent: there is a place for each. */
static void test_discard_all(void)
{
	struct backlog_entry *e;

	backlog_init(&b, 77);
	for (int round = 0; round < 3; round++) {
		while (add(true))
			;
		for (int i = 0; i < BACKLOG_FLIGHT_MAX; i++)
			CHECK_INT(take(true), MSG_RAW);
		while ((e = backlog_after(&b, NULL)))
			backlog_discard(&b, e);
		while (add(true))
			;
		while ((e = backlog_after(&b, NULL)))
			backlog_discard(&b, e); /* never sent: nothing to say */
		for (int i = 0; i < BACKLOG_FLIGHT_MAX; i++)
			CHECK_INT(take(i % 2), MSG_DISCARD);
		CHECK_INT(take(true), MSG_NONE);
	}
}

/* --- random run: hub-store as a model, which loses what it has when the link goes ----------------- */

enum { N = 20000 };

static struct {
	bool here[N];	 /* RAW taken, no answer yet */
	bool decoded[N]; /* and its DECODED */
	bool durable[N];
	bool discarded[N];
	size_t count;
} store;

static void store_hears(void)
{
	enum msg_kind kind = take(true);

	if (kind == MSG_RAW) {
		uint64_t k = got.raw.capture;

		CHECK(!store.here[k] && !store.durable[k] && !store.discarded[k]);
		store.here[k] = true;
		store.decoded[k] = false;
		store.count++;
	} else if (kind == MSG_DECODED) {
		CHECK(store.here[got.decoded.capture]);
		CHECK(!store.decoded[got.decoded.capture]);
		store.decoded[got.decoded.capture] = true;
	} else if (kind == MSG_DISCARD) {
		CHECK(store.here[got.discard.capture]);
		store.here[got.discard.capture] = false;
		store.discarded[got.discard.capture] = true;
		store.count--;
	}
	CHECK(store.count <= BACKLOG_FLIGHT_MAX);
}

/* A random one of those that are here, or NULL. */
static struct backlog_entry *any(void)
{
	struct backlog_entry *e = NULL;
	size_t n = b.count ? test_random() % b.count + 1 : 0;

	while (n-- > 0)
		e = backlog_after(&b, e);
	return e;
}

static void store_answers(void)
{
	uint64_t k = b.last - test_random() % (b.last < 200 ? b.last : 200);
	struct backlog_entry *e;

	if (!store.here[k])
		return;
	e = backlog_find(&b, k);
	store.here[k] = false;
	store.count--;
	if (test_random() % 8 == 0) {
		backlog_refused(&b, k);
		return;
	}
	store.durable[k] = true;
	if (e) /* none: it was discarded, and that message is on its way */
		backlog_remove(&b, e);
	else
		store.discarded[k] = true;
}

static void check_iteration(void)
{
	struct backlog_entry *e = NULL;
	uint64_t before = 0;
	size_t n = 0;

	while ((e = backlog_after(&b, e))) {
		CHECK(e->raw.capture > before);
		CHECK(!store.durable[e->raw.capture]);
		before = e->raw.capture;
		n++;
	}
	CHECK_UINT(n, b.count);
}

static void test_random_run(void)
{
	uint64_t forgotten = 0;

	memset(&store, 0, sizeof(store));
	backlog_init(&b, 77);
	while (b.last < N - 1) {
		struct backlog_entry *e = any();

		switch (test_random() % 9) {
		case 0:
		case 1: (void)add(test_random() % 2); break;
		case 2:
			if (e && !e->ready)
				finish(e, test_random() % 8 == 0);
			break;
		case 3:
			if (e && e->raw.unverified && !e->ready) {
				forgotten++;
				if (!e->raw_sent)
					store.discarded[e->raw.capture] = true;
				backlog_discard(&b, e);
			}
			break;
		case 4:
		case 5:
		case 6:
			/* an answer to one whose DISCARD is on its way would come first */
			if (b.discard_count == 0 && b.last)
				store_answers();
			break;
		case 7:
			if (test_random() % 500)
				break;
			backlog_offer_again(
				&b); /* the link was lost, and what it had not saved */
			memset(store.here, 0, sizeof(store.here));
			store.count = 0;
			break;
		default:
			for (uint64_t n = test_random() % 8; n > 0; n--)
				store_hears();
		}
		check_iteration();
	}
	while (b.count) {
		struct backlog_entry *e = backlog_after(&b, NULL);

		while (backlog_next(&b, true, &got))
			store_hears();
		CHECK(store.here[e->raw.capture]);
		store.here[e->raw.capture] = false;
		store.count--;
		store.durable[e->raw.capture] = true;
		backlog_remove(&b, e);
	}
	CHECK(forgotten > 100);
	CHECK_UINT(store.count, 0);
}

TEST_MAIN("backlog", test_in_order, test_iterate, test_refused, test_blocked,
	  test_verified_later, test_discard, test_disown, test_limits, test_discard_all,
	  test_random_run)
