/*
 * test_fence.c - the hand-over to another assignment, explored: hubd's machine and hub-ble's, with a hub-store, a device
 * and those who use it as a model.
 *
 * From the start every order of events is tried: messages that wait, are delivered or go with their connection; each
 * process killed anywhere, hubd also just before and just after each write; configs that come meanwhile; a device that
 * measures, stores, connects and is paired. In each state that is found:
 *   - a reading is attributed to the assignment of the patient who used the device when it measured, or it is left out;
 *   - hub-store got no reading of an assignment after one of a later one;
 *   - from here on without faults the config's assignment comes into force.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/parting.h"
#include "hub/fence.h"

enum {
	CHANNEL_MAX = 3,
	VALUES_MAX = 2,
	EPOCH = 1,
	PACKED = 120,
	TABLE = 1 << 24,
};

/* What goes through a channel. */
enum note_kind {
	NOTE_NONE = 0,
	NOTE_CONFIG, /* a: assignment */
	NOTE_FENCE,  /* FENCE or FENCED */
	NOTE_RAW,    /* a: stamped, b: who measured */
	NOTE_DURABLE,
	NOTE_MEMORY, /* a: assignment */
};

struct note {
	uint8_t kind, a, b;
	struct msg_fence fence;
};

struct channel {
	uint8_t count;
	struct note at[CHANNEL_MAX];
};

enum way { HUBD_BLE, BLE_HUBD, HUBD_STORE, STORE_HUBD, BLE_STORE, STORE_BLE, WAYS };

struct taken {
	uint8_t stamp, who;
};

struct world {
	/* hubd */
	bool hubd_up;
	struct fence fence;
	struct fence_held disk;
	uint8_t config;		       /* assignment that the clinic wants */
	bool unsent_ble, unsent_store; /* their configs did not go */
	/* hub-ble, and bluetoothd, which outlives it */
	bool ble_up, configured, want, radio;
	uint8_t bond; /* under which it was made, 0: none */
	struct parting parting;
	uint8_t stamp; /* of what is captured */
	uint8_t value_count;
	struct taken values[VALUES_MAX]; /* not durable yet, as far as hub-ble knows */
	uint8_t sent;			 /* of them */
	uint8_t marks; /* bits: under which assignment its memory is known */
	/* the device */
	uint8_t who, stored; /* who uses it; of whom it keeps a record, 0: none */
	/* hub-store */
	bool store_up, has_config;
	uint8_t store_stamp;
	struct msg_fence asked; /* step FENCE_SETTLED: nothing */
	uint8_t capture_count;
	struct taken captures[VALUES_MAX * 2];
	uint8_t rows;	/* bits: marks that are kept */
	uint8_t newest; /* highest assignment of a durable reading */
	bool went_back; /* the clinic took an order back */
	struct channel ways[WAYS];
	/* how much more may happen */
	uint8_t crashes, configs, measures;
};

static struct world w;

/* --- what happens to readings ------------------------------------------------------------------- */

static void commit(void)
{
	for (unsigned i = 0; i < w.capture_count; i++) {
		const struct taken *v = &w.captures[i];

		CHECK_UINT(v->stamp, v->who);
		CHECK(w.went_back || v->stamp >= w.newest);
		if (v->stamp > w.newest)
			w.newest = v->stamp;
	}
	w.capture_count = 0;
}

/* --- channels --------------------------------------------------------------------------------------- */

/* Full: it is lost, as a send that fails. */
static bool send(enum way way, struct note n)
{
	struct channel *c = &w.ways[way];

	if (c->count == CHANNEL_MAX)
		return false;
	c->at[c->count++] = n;
	return true;
}

static struct note take(enum way way)
{
	struct channel *c = &w.ways[way];
	struct note n = c->at[0];

	c->count--;
	memmove(&c->at[0], &c->at[1], sizeof(c->at[0]) * c->count);
	memset(&c->at[c->count], 0, sizeof(c->at[0]));
	return n;
}

static void drop(enum way way)
{
	memset(&w.ways[way], 0, sizeof(w.ways[way]));
}

/* --- hubd ------------------------------------------------------------------------------------------- */

static void config_ble(void)
{
	w.unsent_ble = w.ble_up && fence_for_ble(&w.fence) &&
		       !send(HUBD_BLE, (struct note){ NOTE_CONFIG, w.config, 0, { 0 } });
}

static void config_store(void)
{
	uint32_t a;

	w.unsent_store =
		w.store_up && fence_for_store(&w.fence, &a) &&
		!send(HUBD_STORE, (struct note){ NOTE_CONFIG, (uint8_t)a, 0, { 0 } });
}

static void use_config(void)
{
	fence_on_config(&w.fence, EPOCH, w.config);
	config_store();
}

static void hubd_start(void)
{
	w.hubd_up = true;
	fence_init(&w.fence, &w.disk);
	use_config();
	if (w.ble_up) {
		fence_on_link(&w.fence, ROLE_BLE, true);
		config_ble();
	}
	if (w.store_up) {
		fence_on_link(&w.fence, ROLE_STORE, true);
		config_store();
	}
}

static void hubd_crash(void)
{
	w.hubd_up = w.unsent_ble = w.unsent_store = false;
	memset(&w.fence, 0, sizeof(w.fence));
	drop(HUBD_BLE);
	drop(BLE_HUBD);
	drop(HUBD_STORE);
	drop(STORE_HUBD);
	w.asked.step = FENCE_SETTLED;
}

static void hubd_again(void)
{
	fence_again(&w.fence);
	if (w.unsent_ble)
		config_ble();
	if (w.unsent_store)
		config_store();
}

enum fault { WELL, FAILS, CRASH_AFTER };

static bool hubd_step(enum fault fault)
{
	struct fence_action a;

	fence_next(&w.fence, &a);
	if (a.kind != FENCE_REMEMBER && fault != WELL)
		return false;
	switch (a.kind) {
	case FENCE_NOTHING: return false;
	case FENCE_REMEMBER:
		if (fault != FAILS)
			w.disk = a.held;
		if (fault == CRASH_AFTER)
			hubd_crash();
		else if (fault == WELL)
			fence_on_saved(&w.fence);
		break;
	case FENCE_CLOSE: break;
	case FENCE_ASK:
		if (a.ask.step == FENCE_SEAL)
			config_store();
		send(a.role == ROLE_BLE ? HUBD_BLE : HUBD_STORE,
		     (struct note){ NOTE_FENCE, 0, 0, a.ask });
		break;
	case FENCE_USE: config_ble(); break;
	}
	return true;
}

static void hubd_hears(enum way way)
{
	struct note n = take(way);

	fence_on_done(&w.fence, way == BLE_HUBD ? ROLE_BLE : ROLE_STORE, &n.fence);
}

/* --- hub-ble ---------------------------------------------------------------------------------------- */

static void link_ble_store(void)
{
	w.sent = 0;
	if (w.has_config && w.rows & 1 << w.store_stamp)
		send(STORE_BLE, (struct note){ NOTE_MEMORY, w.store_stamp, 0, { 0 } });
}

static void ble_start(void)
{
	w.ble_up = true;
	if (w.hubd_up) {
		fence_on_link(&w.fence, ROLE_BLE, true);
		config_ble();
	}
	if (w.store_up)
		link_ble_store();
}

/* Its socket to hub-store may still be read. The radio goes off before the next one starts. */
static void ble_crash(bool read)
{
	w.ble_up = w.configured = w.want = w.radio = false;
	memset(&w.parting, 0, sizeof(w.parting));
	memset(w.values, 0, sizeof(w.values));
	w.stamp = w.value_count = w.sent = w.marks = 0;
	drop(HUBD_BLE);
	drop(BLE_HUBD);
	drop(STORE_BLE);
	if (!read)
		drop(BLE_STORE);
	if (w.hubd_up)
		fence_on_link(&w.fence, ROLE_BLE, false);
}

static void ble_hears_hubd(void)
{
	struct note n = take(HUBD_BLE);

	if (n.kind == NOTE_FENCE) {
		parting_on_fence(&w.parting, &n.fence);
		return;
	}
	parting_on_config(&w.parting);
	w.configured = true;
	if (w.stamp != n.a)
		w.marks &= (uint8_t)(1 << n.a);
	w.stamp = n.a;
}

static void ble_hears_store(void)
{
	struct note n = take(STORE_BLE);

	if (n.kind == NOTE_MEMORY) {
		w.marks |= (uint8_t)(1 << n.a);
	} else if (w.value_count) {
		w.value_count--;
		w.sent = (uint8_t)(w.sent ? w.sent - 1 : 0);
		memmove(&w.values[0], &w.values[1], sizeof(w.values[0]) * w.value_count);
		memset(&w.values[w.value_count], 0, sizeof(w.values[0]));
	}
}

static void clear(void)
{
	w.configured = false;
	w.marks = 0;
}

static void ble_turn(void)
{
	struct parting_view v = { .off = !w.radio,
				  .empty = w.value_count == 0,
				  .bare = w.bond == 0 };
	struct parting_orders o;

	w.want = w.configured && w.store_up && w.has_config;
	if (w.store_up && w.sent < w.value_count &&
	    send(BLE_STORE,
		 (struct note){
			 NOTE_RAW, w.values[w.sent].stamp, w.values[w.sent].who, { 0 } }))
		w.sent++;
	if (!parting_is_on(&w.parting))
		return;
	o = parting_turn(&w.parting, v);
	w.want = o.power;
	if (o.purge && w.radio)
		w.bond = 0;
	if (o.clear)
		clear();
	if (o.say && w.hubd_up &&
	    send(BLE_HUBD, (struct note){ NOTE_FENCE, 0, 0, o.fenced }))
		parting_said(&w.parting);
}

/* The device is used by whose assignment it is paired under. What it keeps from before stays out: first contact. */
static void pair(void)
{
	w.bond = w.who = w.stamp;
	w.stored = 0;
	w.marks = (uint8_t)(1 << w.stamp);
	if (w.store_up)
		send(BLE_STORE, (struct note){ NOTE_MEMORY, w.stamp, 0, { 0 } });
}

static void capture(uint8_t who)
{
	if (!w.configured)
		return; /* hub-ble anew in FORGET knows of no device: confirmed, and lost with the bond */
	w.values[w.value_count++] = (struct taken){ w.stamp, who };
}

/* What is asked for: all of it if the memory is known, else nothing (first contact). */
static void fetch(void)
{
	if (w.marks & 1 << w.stamp)
		capture(w.stored);
	w.marks |= (uint8_t)(1 << w.stamp);
	w.stored = 0;
}

/* --- hub-store -------------------------------------------------------------------------------------- */

static void store_start(void)
{
	w.store_up = true;
	w.has_config = false;
	if (w.hubd_up) {
		fence_on_link(&w.fence, ROLE_STORE, true);
		config_store();
	}
	if (w.ble_up)
		link_ble_store();
}

static void store_crash(void)
{
	w.store_up = w.has_config = false;
	w.store_stamp = 0;
	memset(&w.asked, 0, sizeof(w.asked));
	w.capture_count = 0;
	memset(w.captures, 0, sizeof(w.captures));
	drop(HUBD_STORE);
	drop(STORE_HUBD);
	drop(BLE_STORE);
	drop(STORE_BLE);
	w.sent = 0;
	if (w.hubd_up)
		fence_on_link(&w.fence, ROLE_STORE, false);
}

static void store_hears_hubd(void)
{
	struct note n = take(HUBD_STORE);

	if (n.kind == NOTE_FENCE) {
		w.asked = n.fence;
		return;
	}
	w.has_config = true;
	w.store_stamp = n.a;
}

static void store_hears_ble(void)
{
	struct note n = take(BLE_STORE);

	if (n.kind == NOTE_MEMORY)
		w.rows |= (uint8_t)(1 << n.a);
	else
		w.captures[w.capture_count++] = (struct taken){ n.a, n.b };
}

static void store_commit(void)
{
	unsigned n = w.capture_count;

	commit();
	memset(w.captures, 0, sizeof(w.captures));
	while (w.ble_up && n-- > 0)
		send(STORE_BLE, (struct note){ NOTE_DURABLE, 0, 0, { 0 } });
}

static bool store_may_answer(void)
{
	if (w.asked.step == FENCE_SETTLED || w.capture_count || !w.hubd_up)
		return false;
	return w.asked.step != FENCE_SEAL ||
	       (w.has_config && w.store_stamp == w.asked.assignment);
}

static void store_answer(void)
{
	if (send(STORE_HUBD, (struct note){ NOTE_FENCE, 0, 0, w.asked }))
		memset(&w.asked, 0, sizeof(w.asked));
}

/* --- events ------------------------------------------------------------------------------------------ */

enum event {
	/* without these it goes on, too */
	EVENT_CONFIG_UP,
	EVENT_CONFIG_BACK,
	EVENT_HUBD_CRASH,
	EVENT_BLE_CRASH,
	EVENT_BLE_CRASH_READ,
	EVENT_STORE_CRASH,
	EVENT_WRITE_FAILS,
	EVENT_WRITE_CRASH,
	EVENT_PAIR,
	EVENT_MEASURE,
	EVENT_STORES,
	EVENT_FETCH,
	/* from here on what must happen in the end */
	EVENT_FAIR,
	EVENT_HUBD_START = EVENT_FAIR,
	EVENT_BLE_START,
	EVENT_STORE_START,
	EVENT_TO_BLE,
	EVENT_FROM_BLE,
	EVENT_TO_STORE,
	EVENT_FROM_STORE,
	EVENT_RAW,
	EVENT_DURABLE,
	EVENT_COMMIT,
	EVENT_ANSWER,
	EVENT_BLE_TURN,
	EVENT_RADIO,
	EVENT_HUBD_STEP,
	EVENT_AGAIN,
	EVENTS
};

static bool fault(void)
{
	if (!w.crashes)
		return false;
	w.crashes--;
	return true;
}

static bool new_config(uint8_t assignment)
{
	w.configs--;
	w.went_back |= assignment < w.config;
	w.config = assignment;
	use_config();
	return true;
}

static bool has(enum way way, bool up)
{
	return up && w.ways[way].count > 0;
}

/* A device that is bonded connects when the radio is on. */
static bool on_air(void)
{
	return w.ble_up && w.radio && w.bond;
}

static bool unfair(enum event e)
{
	switch ((int)e) {
	case EVENT_CONFIG_UP:
		return w.hubd_up && w.configs && w.config < 3 &&
		       new_config((uint8_t)(w.config + 1));
	case EVENT_CONFIG_BACK:
		return w.hubd_up && w.configs && w.config == 2 && new_config(1);
	case EVENT_HUBD_CRASH: return w.hubd_up && fault() && (hubd_crash(), true);
	case EVENT_BLE_CRASH: return w.ble_up && fault() && (ble_crash(false), true);
	case EVENT_BLE_CRASH_READ:
		return w.ble_up && w.ways[BLE_STORE].count && fault() &&
		       (ble_crash(true), true);
	case EVENT_STORE_CRASH: return w.store_up && fault() && (store_crash(), true);
	case EVENT_WRITE_FAILS: return w.hubd_up && fault() && hubd_step(FAILS);
	case EVENT_WRITE_CRASH: return w.hubd_up && fault() && hubd_step(CRASH_AFTER);
	case EVENT_PAIR:
		return w.ble_up && w.configured && w.radio && !w.bond &&
		       !parting_is_on(&w.parting) && (pair(), true);
	case EVENT_MEASURE:
		return on_air() && w.measures && w.value_count < VALUES_MAX &&
		       (w.measures--, capture(w.who), true);
	case EVENT_STORES:
		return w.who && w.measures && !w.stored &&
		       (w.measures--, w.stored = w.who, true);
	case EVENT_FETCH:
		return on_air() && w.stored && w.configured &&
		       !parting_is_on(&w.parting) && w.value_count < VALUES_MAX &&
		       (fetch(), true);
	}
	return false;
}

/* Returns false if it cannot happen, or changes nothing. */
static bool happen(enum event e)
{
	switch ((int)e) {
	case EVENT_HUBD_START: return !w.hubd_up && (hubd_start(), true);
	case EVENT_BLE_START:
		/* what the old one sent is read first: one connection at a time */
		return !w.ble_up && !w.ways[BLE_STORE].count && (ble_start(), true);
	case EVENT_STORE_START: return !w.store_up && (store_start(), true);
	case EVENT_TO_BLE: return has(HUBD_BLE, w.ble_up) && (ble_hears_hubd(), true);
	case EVENT_FROM_BLE:
		return has(BLE_HUBD, w.hubd_up) && (hubd_hears(BLE_HUBD), true);
	case EVENT_TO_STORE:
		return has(HUBD_STORE, w.store_up) && (store_hears_hubd(), true);
	case EVENT_FROM_STORE:
		return has(STORE_HUBD, w.hubd_up) && (hubd_hears(STORE_HUBD), true);
	case EVENT_RAW:
		return has(BLE_STORE, w.store_up && w.has_config) &&
		       w.capture_count < VALUES_MAX && (store_hears_ble(), true);
	case EVENT_DURABLE: return has(STORE_BLE, w.ble_up) && (ble_hears_store(), true);
	case EVENT_COMMIT: return w.capture_count && (store_commit(), true);
	case EVENT_ANSWER:
		return w.store_up && store_may_answer() && (store_answer(), true);
	case EVENT_BLE_TURN: return w.ble_up && (ble_turn(), true);
	case EVENT_RADIO:
		return w.ble_up && w.radio != w.want && (w.radio = w.want, true);
	case EVENT_HUBD_STEP: return w.hubd_up && hubd_step(WELL);
	case EVENT_AGAIN:
		/* a timer: what it finds on its way is old */
		return w.hubd_up && !w.ways[HUBD_BLE].count &&
		       !w.ways[HUBD_STORE].count && (hubd_again(), true);
	}
	return unfair(e);
}

/* --- states ------------------------------------------------------------------------------------------ */

/* Asks are only compared: what counts is how far back one is. */
static uint8_t ask_of(const struct msg_fence *f)
{
	uint32_t back = w.fence.last_ask - f->ask;

	return f->step == FENCE_SETTLED ? 0 : back < 4 ? (uint8_t)(back + 1) : 5;
}

static void put(uint8_t **at, int v)
{
	*(*at)++ = (uint8_t)v;
}

static void put_fence(uint8_t **at, const struct msg_fence *f)
{
	put(at, (int)f->step);
	put(at, ask_of(f));
	put(at, f->step == FENCE_SETTLED ? 0 : (int)f->assignment);
}

static void pack(uint8_t buf[static PACKED])
{
	const struct fence *f = &w.fence;
	uint8_t *at = buf;

	memset(buf, 0, PACKED);
	put(&at, f->held.known | f->unsaved << 1 | f->writing << 3 | f->has_config << 4 |
			 f->asked << 5 | f->close << 6 | f->use << 7);
	put(&at, w.hubd_up | f->ble_up << 1 | f->store_up << 2 | w.disk.known << 3 |
			 w.ble_up << 4 | w.configured << 5 | w.want << 6 | w.radio << 7);
	put(&at, (int)f->held.assignment | (int)f->held.step << 4);
	put(&at, (int)f->assignment | (int)f->step << 4);
	put(&at, (int)w.disk.assignment | (int)w.disk.step << 4);
	put(&at, w.config | w.stamp << 2 | w.bond << 4 | w.who << 6);
	put(&at, w.parting.bare | w.parting.finished << 1 | w.parting.done << 2 |
			 w.parting.said << 3 | w.store_up << 4 | w.has_config << 5 |
			 w.went_back << 6);
	put_fence(&at, &w.parting.ask);
	put_fence(&at, &w.asked);
	put(&at, w.value_count | w.sent << 4);
	put(&at, w.marks | w.rows << 4);
	put(&at, w.stored | w.store_stamp << 2 | w.newest << 4);
	put(&at, w.capture_count | w.crashes << 3 | w.configs << 5);
	put(&at, w.measures | w.unsent_ble << 4 | w.unsent_store << 5);
	for (unsigned i = 0; i < VALUES_MAX; i++)
		put(&at, w.values[i].stamp | w.values[i].who << 4);
	for (unsigned i = 0; i < w.capture_count; i++)
		put(&at, w.captures[i].stamp | w.captures[i].who << 4);
	for (unsigned k = 0; k < WAYS; k++) {
		put(&at, w.ways[k].count);
		for (unsigned i = 0; i < w.ways[k].count; i++) {
			put(&at, w.ways[k].at[i].kind | w.ways[k].at[i].a << 3 |
					 w.ways[k].at[i].b << 5);
			if (w.ways[k].at[i].kind == NOTE_FENCE)
				put_fence(&at, &w.ways[k].at[i].fence);
		}
	}
	CHECK(at <= buf + PACKED);
}

/* 64 bits of two states are not equal by chance in the lifetime of this project. */
static uint64_t hash(void)
{
	uint8_t buf[PACKED];
	uint64_t h = 1469598103934665603u;

	pack(buf);
	for (unsigned i = 0; i < PACKED; i++) {
		h = (h ^ buf[i]) * 1099511628211u;
		h ^= h >> 29;
	}
	return h ? h : 1;
}

static uint64_t *seen;

static bool is_new(uint64_t h)
{
	size_t i = (size_t)(h >> 20) % TABLE;

	while (seen[i] && seen[i] != h)
		i = (i + 1) % TABLE;
	if (seen[i] == h)
		return false;
	seen[i] = h;
	return true;
}

/* --- liveness ---------------------------------------------------------------------------------------- */

static bool is_over(void)
{
	return w.hubd_up && w.ble_up && w.store_up && fence_for_ble(&w.fence) &&
	       w.fence.held.assignment == w.config && w.configured &&
	       !parting_is_on(&w.parting) && w.stamp == w.config && w.has_config &&
	       w.store_stamp == w.config && !w.value_count;
}

/* Everybody is up, and nothing goes wrong any more. */
static void check_comes_to_an_end(void)
{
	for (unsigned round = 0; round < 200; round++) {
		if (is_over())
			return;
		for (int e = EVENT_FAIR; e < EVENTS; e++)
			while (e != EVENT_AGAIN && e != EVENT_BLE_TURN &&
			       happen((enum event)e))
				;
		happen(EVENT_BLE_TURN);
		if (round % 8 == 7)
			happen(EVENT_AGAIN);
	}
	fprintf(stderr,
		"stuck: step %s, in force %u, wanted %u, ble %u, store %u, values %u\n",
		fence_step_text(fence_at(&w.fence)), fence_in_force(&w.fence), w.config,
		w.stamp, w.store_stamp, w.value_count);
	CHECK(false);
}

/* --- exploring --------------------------------------------------------------------------------------- */

static struct world *queue;
static size_t queue_len, queue_cap, visited;

static void push(void)
{
	if (queue_len == queue_cap) {
		struct world *more;

		queue_cap = queue_cap ? 2 * queue_cap : 1024;
		more = realloc(queue, queue_cap * sizeof(*queue));
		CHECK(more != NULL);
		queue = more;
	}
	queue[queue_len++] = w;
}

/* Depth first: the order does not matter, and the list stays short. */
static void explore(uint8_t crashes, uint8_t configs, uint8_t measures)
{
	memset(seen, 0, sizeof(*seen) * TABLE);
	memset(&w, 0, sizeof(w));
	w.config = 1;
	w.crashes = crashes;
	w.configs = configs;
	w.measures = measures;
	queue_len = visited = 0;
	is_new(hash());
	push();
	while (queue_len > 0) {
		const struct world from = queue[--queue_len];

		visited++;
		CHECK(visited < TABLE / 2);
		w = from;
		check_comes_to_an_end();
		for (int e = 0; e < EVENTS; e++) {
			w = from;
			if (happen((enum event)e) && is_new(hash()))
				push();
		}
	}
	printf("%u crashes, %u configs, %u measurements: %zu states\n", crashes, configs,
	       measures, visited);
}

static void test_no_faults(void)
{
	seen = malloc(sizeof(*seen) * TABLE);
	CHECK(seen != NULL);
	explore(0, 2, 2);
}

static void test_one_fault(void)
{
	explore(1, 1, 2);
	explore(1, 2, 1);
	explore(2, 1, 1);
}

/* --- one at a time ------------------------------------------------------------------------------------ */

static struct fence f;

static enum fence_action_kind next(void)
{
	struct fence_action a;

	fence_next(&f, &a);
	if (a.kind == FENCE_REMEMBER)
		fence_on_saved(&f);
	return a.kind;
}

static void settle_at(uint32_t assignment)
{
	const struct fence_held held = { true, EPOCH, assignment, FENCE_SETTLED };

	fence_init(&f, &held);
	fence_on_link(&f, ROLE_BLE, true);
	fence_on_link(&f, ROLE_STORE, true);
	fence_on_config(&f, EPOCH, assignment);
}

static void test_same_assignment(void)
{
	settle_at(4);
	CHECK_INT(next(), FENCE_USE);
	CHECK_INT(next(), FENCE_NOTHING);
	fence_on_config(&f, EPOCH, 4); /* another version of it */
	CHECK(fence_for_ble(&f));
	CHECK_INT(next(), FENCE_USE);
	CHECK_INT(next(), FENCE_NOTHING);
}

static void answer(enum role from, enum fence_step step, uint32_t assignment)
{
	const struct msg_fence m = { f.last_ask, step, assignment };

	fence_on_done(&f, from, &m);
}

/* Only the answer to the last ask counts, from whom it is due. */
static void test_wrong_answers(void)
{
	struct msg_fence old;

	settle_at(4);
	fence_on_config(&f, EPOCH, 5);
	CHECK(!fence_for_ble(&f));
	CHECK_INT(next(), FENCE_CLOSE);
	CHECK_INT(next(), FENCE_ASK);
	answer(ROLE_STORE, FENCE_QUIET, 5);
	answer(ROLE_BLE, FENCE_FORGET, 5);
	answer(ROLE_BLE, FENCE_QUIET, 4);
	CHECK_INT(fence_at(&f), FENCE_QUIET);
	old = (struct msg_fence){ f.last_ask, FENCE_QUIET, 5 };
	fence_again(&f);
	fence_on_done(&f, ROLE_BLE, &old);
	CHECK_INT(fence_at(&f), FENCE_QUIET);
	CHECK_INT(next(), FENCE_ASK);
	fence_on_done(&f, ROLE_BLE, &old);
	CHECK_INT(fence_at(&f), FENCE_QUIET);
	answer(ROLE_BLE, FENCE_QUIET, 5);
	CHECK_INT(fence_at(&f), FENCE_SAVED);
	fence_on_config(&f, EPOCH, 4); /* nothing is gone yet */
	CHECK_INT(next(), FENCE_USE);
	CHECK(fence_for_ble(&f));
}

/* Who comes back is asked at once, not only when the timer runs; so is hub-store if the config changes under it. */
static void test_asks_at_once(void)
{
	settle_at(4);
	fence_on_config(&f, EPOCH, 5);
	CHECK_INT(next(), FENCE_CLOSE);
	CHECK_INT(next(), FENCE_ASK);
	CHECK_INT(next(), FENCE_NOTHING);
	fence_on_link(&f, ROLE_STORE, false); /* is not asked now */
	CHECK_INT(next(), FENCE_NOTHING);
	fence_on_link(&f, ROLE_BLE, false);
	CHECK_INT(next(), FENCE_NOTHING);
	fence_on_link(&f, ROLE_BLE, true);
	CHECK_INT(next(), FENCE_ASK);
	fence_on_link(&f, ROLE_STORE, true);
	answer(ROLE_BLE, FENCE_QUIET, 5);
	CHECK_INT(next(), FENCE_ASK);
	answer(ROLE_STORE, FENCE_SAVED, 5);
	CHECK_INT(next(), FENCE_REMEMBER);
	CHECK_INT(next(), FENCE_ASK);
	answer(ROLE_BLE, FENCE_FORGET, 5);
	CHECK_INT(next(), FENCE_ASK);
	answer(ROLE_STORE, FENCE_CLEARED, 5);
	CHECK_INT(next(), FENCE_REMEMBER);
	CHECK_INT(f.held.step, FENCE_SEAL);
	CHECK_INT(next(), FENCE_ASK);
	CHECK_INT(next(), FENCE_NOTHING);
	fence_on_config(&f, EPOCH, 6);
	CHECK_INT(next(), FENCE_ASK);
	answer(ROLE_STORE, FENCE_SEAL, 6);
	CHECK(!fence_for_ble(&f));
	CHECK_INT(next(), FENCE_REMEMBER);
	CHECK(fence_for_ble(&f));
	CHECK_INT(next(), FENCE_USE);
	CHECK_UINT(fence_in_force(&f), 6);
}

/* hub-ble: radio off before it says anything; devices are forgotten once, and only then. */
static void test_parting(void)
{
	static const struct msg_fence quiet = { 1, FENCE_QUIET, 5 };
	static const struct msg_fence forget = { 2, FENCE_FORGET, 5 };
	static const struct msg_fence other = { 3, FENCE_SEAL, 5 };
	struct parting p = { .ask = { .step = FENCE_SETTLED } };
	struct parting_orders o;

	parting_on_fence(&p, &other);
	CHECK(!parting_is_on(&p));
	parting_on_fence(&p, &quiet);
	o = parting_turn(&p, (struct parting_view){ .empty = true });
	CHECK(!o.power && !o.purge && !o.finish && !o.say);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(o.finish && !o.say); /* that may bring more */
	o = parting_turn(&p, (struct parting_view){ .off = true });
	CHECK(!o.finish && !o.say);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(o.say && !o.clear && o.fenced.ask == 1);
	parting_said(&p);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(!o.say);
	parting_on_fence(&p, &forget);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(o.power && o.purge && !o.say);
	o = parting_turn(&p, (struct parting_view){ .empty = true });
	CHECK(o.power && o.purge && !o.say);
	o = parting_turn(&p, (struct parting_view){ .empty = true, .bare = true });
	CHECK(!o.power && !o.clear && !o.say);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(o.finish && !o.clear);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(o.clear && o.say && o.fenced.ask == 2);
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(!o.clear && o.say); /* it did not go */
	parting_on_config(&p);
	CHECK(!parting_is_on(&p));
	o = parting_turn(&p, (struct parting_view){ .off = true, .empty = true });
	CHECK(!o.say && !o.power && !o.finish);
}

/* hub-store must not seal old readings under another epoch. */
static void test_epoch(void)
{
	uint32_t a = 0;

	settle_at(4);
	fence_on_config(&f, EPOCH, 5);
	CHECK(fence_for_store(&f, &a));
	CHECK_UINT(a, 4);
	fence_on_config(&f, EPOCH + 1, 4);
	CHECK(!fence_for_ble(&f));
	CHECK(!fence_for_store(&f, &a));
}

static void test_file(void)
{
	static const enum fence_step steps[] = { FENCE_SETTLED, FENCE_FORGET,
						 FENCE_SEAL };
	struct fence_held h = { true, UINT32_MAX, UINT32_MAX, FENCE_SEAL }, back;
	uint8_t buf[FENCE_BYTES_MAX], bad[FENCE_BYTES_MAX];
	int n;

	for (unsigned i = 0; i < 3; i++) {
		h.step = steps[i];
		n = fence_encode(&h, buf);
		CHECK(n > 0);
		memset(&back, 0, sizeof(back));
		CHECK_INT(fence_decode(buf, (size_t)n, &back), 0);
		CHECK(back.known && back.step == h.step);
		CHECK_UINT(back.epoch, UINT32_MAX);
		CHECK_UINT(back.assignment, UINT32_MAX);
	}
	for (int len = 0; len < n; len++)
		CHECK_INT(fence_decode(buf, (size_t)len, &back), -EBADMSG);
	for (int i = 0; i < n; i++)
		for (unsigned v = 0; v < 256; v++) {
			memcpy(bad, buf, sizeof(bad));
			bad[i] = (uint8_t)v;
			if (fence_decode(bad, (size_t)n, &back) == 0)
				CHECK(back.step == FENCE_SETTLED ||
				      back.step == FENCE_FORGET ||
				      back.step == FENCE_SEAL);
		}
	h.step = FENCE_SAVED; /* is never remembered */
	n = fence_encode(&h, buf);
	CHECK_INT(fence_decode(buf, (size_t)n, &back), -ERANGE);
	buf[1] = 2;
	CHECK_INT(fence_decode(buf, (size_t)n, &back), -ENOTSUP);
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = { test_same_assignment, test_wrong_answers,
					  test_asks_at_once,	test_parting,
					  test_epoch,		test_file,
					  test_no_faults,	test_one_fault };

	return test_main(argc, argv, "fence", tests, "", sizeof(tests) / sizeof(*tests));
}
