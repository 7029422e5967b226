/*
 * test_hub_window.c - the pairing window in virtual time: opened once, told again, served for good.
 */
#include "tests/unit/test.h"

#include "hub/advice.h"
#include "hub/core/err.h"
#include "hub/window.h"

enum { MINUTE = 60000 };

static struct window w;
static struct mono now;

/* What the last event led to. */
static struct {
	unsigned remembered, said, told;
	struct window_served served;
	uint32_t said_id;
	enum window_state state;
	struct msg_window tell;
} did;

static void drain(void)
{
	struct window_action a;
	bool told = false;

	memset(&did, 0, sizeof(did));
	for (window_next(&w, now, &a); a.kind; window_next(&w, now, &a)) {
		if (a.kind == WINDOW_REMEMBER) {
			CHECK(!told && !did.said); /* before anything else */
			did.remembered++;
			did.served = a.served;
		} else if (a.kind == WINDOW_SAY) {
			did.said++;
			did.said_id = a.id;
			did.state = a.state;
		} else {
			told = true;
			did.told++;
			did.tell = a.tell;
		}
	}
}

static void quiet(void)
{
	drain();
	CHECK_UINT(did.remembered + did.said + did.told, 0);
}

static const struct config_window none, first = { 1, 0, 10, false },
					second = { 2, 3, 5, true };

static void config(const struct config_window *order)
{
	window_on_config(&w, 1, order, now);
	drain();
}

static void adapter(bool usable)
{
	window_on_adapter(&w, usable, now);
	drain();
}

static void level(uint8_t l)
{
	window_on_level(&w, l, now);
	drain();
}

static void status(uint32_t id, enum window_state s)
{
	window_on_status(&w, id, s);
	drain();
}

static void begin(const struct window_served *served)
{
	now.ms = 5000;
	window_init(&w, served);
	quiet();
}

static const struct window_served nothing;

static void test_opens(void)
{
	begin(&nothing);
	config(&first);
	CHECK_UINT(did.said + did.told, 0); /* no adapter yet */
	CHECK_UINT(window_deadline(&w).ms, MONO_NEVER.ms);
	now.ms += 100 * MINUTE; /* nor does time run */
	quiet();
	adapter(true);
	CHECK_UINT(did.said, 1);
	CHECK_INT(did.state, WINDOW_OPEN);
	CHECK_UINT(did.told, 1);
	CHECK_UINT(did.tell.id, 1);
	CHECK_UINT(did.tell.device, 0);
	CHECK_UINT(did.tell.ms_left, 10 * MINUTE);
	CHECK(!did.tell.repair);
	CHECK_UINT(window_deadline(&w).ms, now.ms + 10 * MINUTE);
	status(1, WINDOW_OPEN);
	config(&first); /* the same config again */
	quiet();
}

static void test_done(void)
{
	static const enum window_state ends[] = { WINDOW_DONE, WINDOW_OVER,
						  WINDOW_TWO_CANDIDATES };

	for (size_t i = 0; i < 3; i++) {
		begin(&nothing);
		config(&first);
		adapter(true);
		status(2, ends[i]); /* another one's */
		CHECK_UINT(did.remembered, 0);
		status(1, ends[i]);
		CHECK_UINT(did.remembered, 1);
		CHECK_UINT(did.served.epoch, 1);
		CHECK_UINT(did.served.id, 1);
		CHECK_INT(did.state, ends[i]);
		CHECK_UINT(did.told, 1);
		CHECK_UINT(did.tell.id, 0); /* closed */
		CHECK_UINT(window_deadline(&w).ms, MONO_NEVER.ms);
		status(1, ends[i]);
		CHECK_UINT(did.remembered, 0);
		config(&first);
		adapter(true);
		quiet();
	}
}

static void test_time_is_up(void)
{
	begin(&nothing);
	config(&first);
	adapter(true);
	now.ms += 10 * MINUTE - 1;
	quiet();
	now.ms++;
	drain();
	CHECK_UINT(did.remembered, 1);
	CHECK_UINT(did.served.id, 1);
	CHECK_INT(did.state, WINDOW_OVER);
	CHECK_UINT(did.tell.id, 0);
}

static void test_ble_comes_back(void)
{
	begin(&nothing);
	config(&second);
	adapter(true);
	now.ms += MINUTE;
	window_on_ble(&w); /* gone */
	quiet();
	now.ms += MINUTE;
	window_on_ble(&w); /* back, and has not said anything yet */
	quiet();
	adapter(false);
	quiet();
	adapter(true);
	CHECK_UINT(did.said, 0);
	CHECK_UINT(did.told, 1);
	CHECK_UINT(did.tell.id, 2);
	CHECK_UINT(did.tell.device, 3);
	CHECK(did.tell.repair);
	CHECK_UINT(did.tell.ms_left, 3 * MINUTE);
	adapter(false); /* a moment without: hub-ble still knows of the window */
	adapter(true);
	CHECK_UINT(did.told, 0);
	window_on_ble(&w);
	now.ms += 3 * MINUTE; /* ended while hub-ble was away */
	drain();
	CHECK_INT(did.state, WINDOW_OVER);
	CHECK_UINT(did.told, 0);
	window_on_ble(&w);
	adapter(true);
	CHECK_UINT(did.told, 0);
}

/* Served: never again. Not served: again, after a restart of hubd or a power cut. */
static void test_restart(void)
{
	static const struct window_served one = { 1, 1 }, three = { 1, 3 },
					  old_epoch = { 9, 7 };

	begin(&one);
	config(&first);
	adapter(true);
	quiet();
	config(&second); /* while it runs */
	CHECK_UINT(did.tell.id, 2);
	begin(&three); /* an older order than the last served */
	config(&second);
	adapter(true);
	quiet();
	begin(&old_epoch);
	config(&first);
	adapter(true);
	CHECK_UINT(did.tell.id, 1);
	CHECK_UINT(did.tell.ms_left, 10 * MINUTE);
	/* hub-ble tells its last word again when hubd comes back: that too serves the order */
	begin(&nothing);
	config(&first);
	status(1, WINDOW_DONE);
	CHECK_UINT(did.served.id, 1);
	CHECK_UINT(did.told, 0);
	adapter(true);
	quiet();
}

static void test_doubt(void)
{
	begin(NULL);
	config(&first);
	CHECK_UINT(did.remembered, 1);
	CHECK_UINT(did.served.id, 1);
	adapter(true);
	quiet();
	config(&second);
	CHECK_UINT(did.tell.id, 2);
	begin(NULL);
	config(&none);
	CHECK_UINT(did.remembered, 1);
	CHECK_UINT(did.served.id, 0);
	adapter(true);
	config(&first); /* a new order */
	CHECK_UINT(did.tell.id, 1);
}

static void test_levels(void)
{
	begin(&nothing);
	level(WINDOW_LEVEL);
	config(&first);
	adapter(true);
	CHECK_UINT(did.said + did.told, 0);
	now.ms += 100 * MINUTE; /* nor does time run */
	quiet();
	level(WINDOW_LEVEL - 1);
	CHECK_UINT(did.tell.ms_left, 10 * MINUTE);
	CHECK_UINT(did.tell.id, 1);
	CHECK_INT(did.state, WINDOW_OPEN);
	now.ms += 4 * MINUTE;
	level(WINDOW_LEVEL);
	CHECK_INT(did.state, 0);
	CHECK_UINT(did.said, 1);
	CHECK_UINT(did.told, 1);
	CHECK_UINT(did.tell.id, 0);
	CHECK_UINT(did.remembered, 0); /* not served */
	now.ms += MINUTE;
	level(4);
	quiet();
	level(0);
	CHECK_UINT(did.tell.id, 1);
	CHECK_UINT(did.tell.ms_left, 5 * MINUTE);
	level(3);
	now.ms += 5 * MINUTE;
	drain();
	CHECK_INT(did.state, WINDOW_OVER);
	CHECK_UINT(did.told, 0);
	level(0);
	quiet();
}

static void test_orders_change(void)
{
	begin(&nothing);
	config(&first);
	adapter(true);
	now.ms += MINUTE;
	config(&second);
	CHECK_INT(did.state, WINDOW_OPEN);
	CHECK_UINT(did.said_id, 2);
	CHECK_UINT(did.told, 1);
	CHECK_UINT(did.tell.id, 2);
	CHECK_UINT(did.tell.ms_left, 5 * MINUTE);
	status(1, WINDOW_DONE);
	CHECK_UINT(did.remembered, 0);
	config(&none); /* withdrawn */
	CHECK_INT(did.state, 0);
	CHECK_UINT(did.said_id, 2);
	CHECK_UINT(did.told, 1);
	CHECK_UINT(did.tell.id, 0);
	window_on_config(&w, 2, &first, now); /* enrolled anew */
	drain();
	CHECK_UINT(did.tell.id, 1);
	now.ms += 10 * MINUTE;
	drain();
	CHECK_UINT(did.served.epoch, 2);
}

/* Whatever happens: never open at a level, never more than its time, never twice. */
static void test_random_run(void)
{
	struct window_served served = { 0 };
	uint32_t known = 0; /* what hub-ble knows of */
	uint32_t ordered = 0, last_served = 0;
	uint8_t at = 0;
	uint64_t opened = 0;

	begin(&nothing);
	for (int round = 0; round < 20000; round++) {
		struct config_window order = { ordered, 0, 3, false };
		struct window_action a;

		now.ms += test_random() % (MINUTE / 2);
		switch (test_random() % 8) {
		case 0: ordered += test_random() % 4 == 0; break;
		case 1: window_on_adapter(&w, test_random() % 2, now); break;
		case 2: window_on_ble(&w), known = 0; break;
		case 3: window_on_level(&w, at = test_random() % 4, now); break;
		case 4:
			window_on_status(&w, test_random() % 2 ? ordered : ordered - 1,
					 test_random() % 6);
			break;
		case 5: window_init(&w, &served), known = 0; break;
		}
		order.id = ordered;
		window_on_level(&w, at, now);
		window_on_config(&w, 1, &order, now);
		for (window_next(&w, now, &a); a.kind; window_next(&w, now, &a)) {
			if (a.kind == WINDOW_REMEMBER) {
				CHECK(a.served.id > last_served);
				served = a.served;
				last_served = served.id;
			} else if (a.kind == WINDOW_TELL) {
				if (a.tell.id) {
					CHECK(at < WINDOW_LEVEL);
					CHECK_UINT(a.tell.id, ordered);
					CHECK(a.tell.id > last_served);
					CHECK(a.tell.ms_left > 0);
					CHECK(a.tell.ms_left <= 3 * MINUTE);
					opened = now.ms;
				}
				known = a.tell.id;
			}
		}
		if (at >= WINDOW_LEVEL || now.ms - opened > 3 * MINUTE)
			CHECK_UINT(known, 0);
	}
	CHECK(last_served > 5);
}

static void test_file(void)
{
	const struct window_served in = { UINT32_MAX, 70000 };
	struct window_served out;
	uint8_t b[WINDOW_BYTES_MAX + 1];
	int n = window_encode(&in, b);

	CHECK(n > 0);
	CHECK_INT(window_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.epoch, UINT32_MAX);
	CHECK_UINT(out.id, 70000);
	for (int cut = 0; cut < n; cut++)
		CHECK_INT(window_decode(b, (size_t)cut, &out), -EBADMSG);
	b[n] = 0;
	CHECK_INT(window_decode(b, (size_t)n + 1, &out), -EBADMSG);
	b[1] = 2;
	CHECK_INT(window_decode(b, (size_t)n, &out), -ENOTSUP);
}

static void test_advice(void)
{
	for (int r = 0; r <= SILENCE_REASON_LAST; r++) {
		enum silence_reason reason = (enum silence_reason)r;

		CHECK(strlen(advice_meaning(reason)) > 10);
		CHECK(!advice_needs_person(reason) || strlen(advice_reason(reason)) > 10);
		CHECK(strcmp(silence_reason_text(reason), "?") != 0);
	}
	CHECK_STR(advice_meaning((enum silence_reason)99), "?");
	CHECK_STR(silence_reason_text((enum silence_reason)99), "?");
	CHECK(!advice_needs_person((enum silence_reason)99));
	CHECK(!advice_needs_person(SILENCE_UNSEEN));
	CHECK_STR(advice_window_text(WINDOW_TWO_CANDIDATES), "two-candidates");
	CHECK_STR(advice_window_text(0), "closed");
	for (int s = 0; s <= WINDOW_TWO_CANDIDATES; s++)
		CHECK(strlen(advice_window((enum window_state)s)) > 10);
}

/* One that is opened at the hub: no other one is open, it is in no memory, and a config ends it. */
static void test_opened_here(void)
{
	static const struct window_served one = { 1, 1 };
	uint32_t id;

	begin(&one);
	config(&first);
	CHECK(!window_on_console(&w, 3, 10, now)); /* hub-ble cannot */
	adapter(true);
	level(2);
	CHECK(!window_on_console(&w, 3, 10, now));
	level(1);
	CHECK(window_on_console(&w, 3, 10, now));
	CHECK(!window_on_console(&w, 2, 10, now));
	drain();
	CHECK_UINT(did.told, 1);
	CHECK_UINT(did.tell.device, 3);
	CHECK_UINT(did.tell.ms_left, 10 * MINUTE);
	CHECK(!did.tell.repair);
	CHECK_INT(did.state, WINDOW_OPEN);
	id = did.tell.id;
	CHECK(id > UINT16_MAX);
	window_on_ble(&w);
	adapter(true);
	CHECK_UINT(did.tell.id, id); /* told again */
	status(id, WINDOW_DONE);
	CHECK_UINT(did.remembered, 0);
	CHECK_INT(did.state, WINDOW_DONE);
	CHECK_UINT(did.tell.id, 0);
	now.ms++;
	CHECK(window_on_console(&w, 3, 10, now));
	drain();
	CHECK(did.tell.id != id); /* hub-ble takes no id twice */
	now.ms += 10 * MINUTE;
	drain();
	CHECK_INT(did.state, WINDOW_OVER);
	CHECK_UINT(did.remembered, 0);
	CHECK(window_on_console(&w, 3, 10, now));
	drain();
	config(&second);
	CHECK_UINT(did.tell.id, second.id);
	CHECK(!window_on_console(&w, 3, 10, now)); /* the clinic's is open */
	status(second.id, WINDOW_DONE);
	CHECK_UINT(did.served.id, second.id);
	CHECK(window_on_console(&w, 3, 10, now));
	drain();
	config(&none); /* a hand-over closes it */
	CHECK_UINT(did.tell.id, 0);
	CHECK_UINT(did.remembered, 0);
}

TEST_MAIN("hub_window", test_opens, test_done, test_time_is_up, test_ble_comes_back,
	  test_restart, test_doubt, test_levels, test_orders_change, test_random_run,
	  test_file, test_advice, test_opened_here)
