/*
 * test_ble_handover.c - hub-ble's link to hub-store against a scripted hub-store at the other end of a real socket,
 * both in one loop.
 */
#include "ble/handover.h"

#include "hub/rt/log.h"
#include "tests/io/until.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

enum { LIMIT_MS = 10000, TICK_MS = 2, N = 400 };

static char run_dir[64];

static struct handover *h;
static struct ipc *store; /* the scripted end */

/* What hub-store has heard. */
static struct {
	unsigned raw[N], decoded[N], discard[N];
	bool unverified[N];
	struct msg_memory memory[N];
	size_t memories;
	bool up, silent, auto_durable;
	enum store_blocked blocked;
} heard;

/* What hub-ble was told. */
static struct {
	uint64_t durable[N]; /* captures */
	size_t device[N];
	size_t durables;
	struct msg_memory memory;
	unsigned memories, changed;
} told;

static void say(const struct msg *m)
{
	CHECK_INT(ipc_send(store, m), 0);
}

static void say_state(enum store_blocked blocked)
{
	const struct msg m = { .kind = MSG_STORE_STATE, .store_state = { blocked } };

	heard.blocked = blocked;
	say(&m);
}

static void say_durable(uint64_t capture, bool durable, enum store_blocked why)
{
	const struct msg m = { .kind = MSG_DURABLE,
			       .durable = { capture, durable, why } };

	say(&m);
}

static void on_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	heard.up = true;
	if (!heard.silent)
		say_state(heard.blocked);
}

static void on_down(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	heard.up = false;
}

static void on_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_RAW) {
		heard.raw[m->raw.capture]++;
		heard.unverified[m->raw.capture] = m->raw.unverified;
	} else if (m->kind == MSG_DECODED) {
		CHECK(heard.raw[m->decoded.capture] > heard.decoded[m->decoded.capture]);
		heard.decoded[m->decoded.capture]++;
		if (heard.auto_durable)
			say_durable(m->decoded.capture, true, STORE_READY);
	} else if (m->kind == MSG_DISCARD) {
		CHECK(heard.raw[m->discard.capture]);
		heard.discard[m->discard.capture]++;
	} else if (m->kind == MSG_MEMORY) {
		heard.memory[heard.memories++] = m->memory;
	}
}

static void on_changed(void *arg)
{
	(void)arg;
	told.changed++;
}

static void on_durable(void *arg, const struct backlog_entry *e)
{
	(void)arg;
	CHECK(!handover_is_empty(h)); /* it is still here, for this call */
	told.durable[told.durables] = e->raw.capture;
	told.device[told.durables++] = e->device;
}

static void on_memory(void *arg, const struct msg_memory *m)
{
	(void)arg;
	told.memories++;
	told.memory = *m;
}

static void on_violation(void *arg, unsigned count)
{
	(void)arg, (void)count;
	CHECK(false);
}

static void open_store(void)
{
	static const struct ipc_handlers hs = { .up = on_up,
						.down = on_down,
						.message = on_message };
	const struct ipc_config c = { .self = ROLE_STORE,
				      .peer = ROLE_BLE,
				      .run_dir = run_dir,
				      .same_user = true };

	CHECK_INT(ipc_listen(rt, &c, &hs, NULL, &store), 0);
}

static void close_store(void)
{
	ipc_free(store);
	store = NULL;
	heard.up = false;
}

static void start(void)
{
	static const struct handover_handlers hb = { .changed = on_changed,
						     .durable = on_durable,
						     .memory = on_memory,
						     .violation = on_violation };
	const struct options o = { .run_dir = run_dir, .same_user = true };

	log_init("test-ble-handover");
	memset(&heard, 0, sizeof(heard));
	memset(&told, 0, sizeof(told));
	temp_dir_make(run_dir, sizeof(run_dir));
	rt = rt_new();
	until_start(LIMIT_MS, TICK_MS);
	open_store();
	CHECK_INT(handover_new(rt, &o, &hb, NULL, &h), 0);
	CHECK(!handover_is_ready(h));
	UNTIL(handover_is_ready(h));
}

static void stop(void)
{
	handover_free(h);
	close_store();
	rt_timer_free(tick);
	rt_free(rt);
	temp_dir_remove(run_dir);
}

static struct backlog_entry *give(size_t device, bool unverified)
{
	const struct msg_raw raw = { .kind = READING_BLOOD_PRESSURE,
				     .characteristic = 0x2a35,
				     .unverified = unverified,
				     .raw_len = 1 };

	return handover_raw(h, device, &raw);
}

static void finish(struct backlog_entry *e)
{
	const struct msg_decoded d = { .class = CLASS_ROUTINE };

	handover_finish(h, e, &d);
}

static void test_durable(void)
{
	struct backlog_entry *one, *two;

	start();
	one = give(5, false);
	two = give(6, true);
	CHECK(handover_unfinished(h, NULL) == one);
	CHECK(handover_unfinished(h, one) == two);
	UNTIL(heard.raw[2]);
	CHECK(heard.unverified[2] && !heard.unverified[1]);
	finish(two);
	UNTIL(heard.decoded[2]);
	CHECK(!heard.decoded[1]);
	CHECK(!handover_unfinished(h, one));
	say_durable(2, true, STORE_READY);
	UNTIL(told.durables == 1);
	CHECK_UINT(told.durable[0], 2);
	CHECK_UINT(told.device[0], 6);
	say_durable(2, true, STORE_READY); /* twice: nothing */
	say_durable(99, true, STORE_READY);
	say_durable(1, true, STORE_READY); /* undecoded: hub-store did not wait */
	UNTIL(told.durables == 2);
	CHECK_UINT(told.device[1], 5);
	CHECK(handover_is_empty(h));
	CHECK(!handover_unfinished(h, NULL));
	stop();
}

/* A new hub-store has not said yet whether it takes readings: nothing is sent. */
static void test_not_heard(void)
{
	start();
	close_store();
	UNTIL(!handover_is_ready(h));
	finish(give(1, false));
	heard.silent = true;
	open_store();
	UNTIL(heard.up);
	finish(give(1, false));
	pass_ms(20);
	CHECK(!heard.raw[1] && !heard.raw[2] && !handover_is_ready(h));
	say_state(STORE_READY);
	UNTIL(heard.decoded[1] && heard.decoded[2]);
	stop();
}

static void test_discard(void)
{
	struct backlog_entry *e;

	start();
	e = give(1, true);
	UNTIL(heard.raw[1]);
	handover_discard(h, e);
	UNTIL(heard.discard[1]);
	CHECK(handover_is_empty(h));
	say_durable(1, true,
		    STORE_READY); /* it was in before that word came: nobody's concern */
	e = give(1, true);
	UNTIL(heard.raw[2]);
	close_store();
	UNTIL(!handover_is_ready(h));
	handover_discard(h, e);
	open_store();
	UNTIL(handover_is_ready(h));
	pass_ms(20);
	CHECK_UINT(heard.discard[2], 0);
	CHECK_UINT(heard.raw[2], 1);
	CHECK_UINT(told.durables, 0);
	stop();
}

/* While hub-store takes nothing new it still hears what became of what it has. */
static void test_blocked(void)
{
	struct backlog_entry *one, *two, *three;

	start();
	one = give(1, true);
	two = give(1, true);
	UNTIL(heard.raw[2]);
	say_state(STORE_FULL);
	UNTIL(!handover_is_ready(h));
	three = give(1, false);
	finish(three);
	finish(one);
	handover_discard(h, two);
	UNTIL(heard.decoded[1] && heard.discard[2]);
	CHECK(!heard.raw[3] && !heard.decoded[3]);
	say_state(STORE_READY);
	UNTIL(heard.decoded[3]);
	CHECK_UINT(heard.raw[1], 1);
	say_durable(3, false, STORE_READY); /* not now */
	UNTIL(heard.raw[3] == 2 && heard.decoded[3] == 2);
	say_durable(3, false, STORE_NO_CONFIG);
	UNTIL(!handover_is_ready(h));
	heard.auto_durable = true;
	say_state(STORE_READY);
	UNTIL(told.durables == 1);
	CHECK_UINT(told.durable[0], 3);
	stop();
}

/* A download faster than the disk: full is not 'not ready', and each value arrives once. */
static void test_full(void)
{
	size_t given = 0;

	start();
	while (!handover_is_full(h)) {
		finish(give(1, false));
		given++;
	}
	CHECK_UINT(given, BACKLOG_HIGH);
	CHECK(handover_is_ready(h));
	while (given < BACKLOG_MAX) { /* what one last value may bring */
		finish(give(1, false));
		given++;
	}
	CHECK(!give(1, false));
	UNTIL(heard.decoded[BACKLOG_FLIGHT_MAX]);
	pass_ms(20);
	CHECK(!heard.raw[BACKLOG_FLIGHT_MAX + 1]);
	heard.auto_durable = true;
	for (uint64_t i = 1; i <= BACKLOG_FLIGHT_MAX; i++)
		say_durable(i, true, STORE_READY);
	UNTIL(handover_is_empty(h));
	CHECK(!handover_is_full(h));
	CHECK_UINT(told.durables, BACKLOG_MAX);
	for (size_t i = 0; i < BACKLOG_MAX; i++) {
		CHECK_UINT(told.durable[i], i + 1);
		CHECK_UINT(heard.raw[i + 1], 1);
		CHECK_UINT(heard.decoded[i + 1], 1);
	}
	stop();
}

static void tell_memory(uint16_t num, uint16_t service, uint32_t mark)
{
	const struct msg_memory m = { .num = num, .service = service, .mark = mark };

	handover_memory(h, &m);
}

static void test_memory(void)
{
	const struct msg m = { .kind = MSG_MEMORY,
			       .memory = { .num = 4, .service = 5, .mark = 6 } };

	start();
	say(&m);
	UNTIL(told.memories == 1);
	CHECK_UINT(told.memory.num, 4);
	CHECK_UINT(told.memory.mark, 6);
	tell_memory(1, 1, 10);
	UNTIL(heard.memories == 1);
	CHECK_UINT(heard.memory[0].mark, 10);
	close_store();
	UNTIL(!handover_is_ready(h));
	tell_memory(1, 1, 11);
	tell_memory(2, 1, 20);
	tell_memory(1, 2, 30);
	tell_memory(1, 1, 12);	    /* the last of each counts */
	heard.blocked = STORE_FULL; /* also while it takes no readings */
	open_store();
	UNTIL(heard.memories == 4);
	pass_ms(20);
	CHECK_UINT(heard.memories, 4);
	CHECK_UINT(heard.memory[1].mark, 20);
	CHECK_UINT(heard.memory[2].mark, 30);
	CHECK_UINT(heard.memory[3].mark, 12);
	close_store(); /* what was sent is not sent again */
	UNTIL(!handover_is_ready(h));
	pass_ms(20);
	for (uint16_t i = 1; i <= HANDOVER_MEMORIES_MAX + 3; i++)
		tell_memory(i, 1, i);
	heard.memories = 0;
	open_store();
	UNTIL(heard.memories == HANDOVER_MEMORIES_MAX);
	pass_ms(20);
	CHECK_UINT(heard.memories, HANDOVER_MEMORIES_MAX);
	CHECK_UINT(heard.memory[0].num, 4);
	stop();
}

/* hub-store comes and goes while values come: each is durable once, in spite of all offers. */
static void test_random_run(void)
{
	uint64_t given = 0, gone = 0;

	start();
	heard.auto_durable = true;
	while (given < N - 2) {
		struct backlog_entry *e;

		switch (test_random() % 8) {
		case 0:
		case 1:
		case 2:
			if (handover_is_full(h))
				break;
			e = give(1, test_random() % 3 == 0);
			given = e->raw.capture;
			if (test_random() % 2)
				finish(e);
			break;
		case 3:
		case 4:
			e = handover_unfinished(h, NULL);
			if (e && e->raw.unverified && test_random() % 2) {
				handover_discard(h, e);
				gone++;
			} else if (e) {
				finish(e);
			}
			break;
		case 5:
			if (store && heard.up)
				say_state(test_random() % 2 ? STORE_READY : STORE_FULL);
			break;
		case 6:
			if (test_random() % 10)
				break;
			if (store)
				close_store();
			else
				open_store();
			break;
		default: pass_ms(test_random() % 5);
		}
	}
	if (!store)
		open_store();
	heard.blocked = STORE_READY;
	UNTIL(heard.up);
	say_state(STORE_READY);
	for (struct backlog_entry *e; (e = handover_unfinished(h, NULL));)
		finish(e);
	UNTIL(handover_is_empty(h));
	CHECK_UINT(told.durables + gone, given);
	stop();
}

TEST_MAIN("ble_handover", test_durable, test_not_heard, test_discard, test_blocked,
	  test_full, test_memory, test_random_run)
