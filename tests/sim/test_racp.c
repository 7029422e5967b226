/*
 * test_racp.c - fetching stored records from a simulated meter in virtual time: every fault, and many runs of which
 * each goes on from the mark that the one before left behind.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

#include "ble/racp.h"

static struct racp r;
static uint64_t clock_ms;

static struct mono now(void)
{
	return (struct mono){ clock_ms };
}

enum {
	IDS = 200000,
	QUEUE = 300000,
	FOREVER = 1000000,
};

struct record {
	uint32_t key, id; /* id: never used twice, the truth */
};

enum out_kind { OUT_RECORD, OUT_CONTEXT, OUT_ANSWER };

struct out {
	enum out_kind kind;
	struct record record;
	uint8_t bytes[4];
};

/* What it stores, how it behaves, what it is about to say. */
static struct meter {
	size_t count, capacity;
	uint32_t next_key, wrap_at, next_id;
	bool no_last, no_from, no_count, no_delete, reversed, contexts, late_records,
		deaf_abort;
	uint8_t refusal;	     /* code for what it does not know */
	unsigned busy, unsubscribed; /* writes refused so */
	unsigned silent_after, fail_after,
		garbage; /* records; indications before an answer */
	bool running;
	size_t head, tail;
} m;

static struct record memory[70000]; /* oldest first */
static struct out queue[QUEUE];
static uint8_t taken[IDS];   /* by id: durable */
static uint8_t pending[IDS]; /* taken in this run */

/* The hub: what is durable, and what may not be taken. */
static struct hub {
	struct racp_mark mark;
	bool import, may_delete, keyless;
	uint32_t fence_id; /* up to this one they are from before the hub */
	bool fenced;
	unsigned writes, deleted;
	bool gone_without_mark; /* the hub dies instead of losing its link */
	bool wraps;		/* keys do not tell the order */
} hub;

static void meter_store(unsigned n)
{
	while (n-- > 0) {
		if (m.count == m.capacity) {
			memmove(memory, memory + 1, (m.count - 1) * sizeof(*memory));
			m.count--;
		}
		CHECK(m.next_id < IDS);
		memory[m.count++] = (struct record){ m.next_key, m.next_id++ };
		m.next_key = m.next_key == m.wrap_at ? 0 : m.next_key + 1;
	}
}

/* Battery out: memory and numbers are gone. */
static void meter_reset(void)
{
	m.count = 0;
	m.next_key = 0;
}

static void new_world(void)
{
	memset(taken, 0, m.next_id);
	m = (struct meter){ .capacity = 500,
			    .wrap_at = 65535,
			    .next_id = 1,
			    .refusal = RACP_CODE_OPERATOR_UNSUPPORTED,
			    .silent_after = FOREVER,
			    .fail_after = FOREVER };
	hub = (struct hub){ 0 };
	clock_ms = 1000;
}

static struct out *meter_push(enum out_kind kind)
{
	CHECK(m.tail < QUEUE);
	queue[m.tail] = (struct out){ .kind = kind };
	return &queue[m.tail++];
}

static void meter_answer(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	for (unsigned i = 0; i < m.garbage; i++)
		memcpy(meter_push(OUT_ANSWER)->bytes, (uint8_t[4]){ 6, 0, 9, 1 }, 4);
	memcpy(meter_push(OUT_ANSWER)->bytes, (uint8_t[4]){ a, b, c, d }, 4);
}

static bool meter_selects(const uint8_t *req, size_t i)
{
	uint32_t key = memory[i].key, low = req[3] | (uint32_t)req[4] << 8,
		 high = req[5] | (uint32_t)req[6] << 8;

	switch (req[1]) {
	case RACP_ALL: return true;
	case RACP_FROM: return key >= low;
	case RACP_UP_TO: return key <= low;
	case RACP_RANGE: return key >= low && key <= high;
	case RACP_LAST: return i == m.count - 1;
	default: return false;
	}
}

static void meter_report(const uint8_t *req)
{
	size_t sent = 0, before = m.tail;
	uint8_t code = RACP_CODE_OK;

	if (m.late_records)
		meter_push(OUT_ANSWER);
	for (size_t n = 0; n < m.count; n++) {
		size_t i = m.reversed ? m.count - 1 - n : n;

		if (!meter_selects(req, i))
			continue;
		if (sent == m.silent_after || sent == m.fail_after)
			break;
		sent++;
		meter_push(OUT_RECORD)->record = memory[i];
		if (m.contexts)
			meter_push(OUT_CONTEXT)->record = memory[i];
	}
	if (sent == 0 && m.silent_after && m.fail_after)
		code = RACP_CODE_NO_RECORDS;
	else if (sent == m.fail_after)
		code = RACP_CODE_NOT_COMPLETED;
	if (m.late_records && sent != m.silent_after)
		memcpy(queue[before].bytes, (uint8_t[4]){ 6, 0, 1, code }, 4);
	else if (sent != m.silent_after)
		meter_answer(6, 0, 1, code);
	m.running = true;
}

/* INV-4: nothing goes that is not durable; and nothing that was there before the hub. */
static void meter_delete(const uint8_t *req)
{
	size_t kept = 0;

	for (size_t i = 0; i < m.count; i++) {
		if (meter_selects(req, i)) {
			CHECK(taken[memory[i].id]);
			CHECK(memory[i].id > hub.fence_id);
			hub.deleted++;
		} else {
			memory[kept++] = memory[i];
		}
	}
	m.count = kept;
	meter_answer(6, 0, 2, RACP_CODE_OK);
}

static void meter_abort(void)
{
	if (m.deaf_abort)
		return;
	m.busy = 0;
	m.running = false;
	m.head = m.tail = 0;
	meter_answer(6, 0, 3, RACP_CODE_OK);
}

static bool meter_knows(uint8_t opcode, uint8_t op)
{
	return !(opcode == RACP_REPORT && op == RACP_LAST && m.no_last) &&
	       !(opcode == RACP_REPORT && op == RACP_FROM && m.no_from) &&
	       !(opcode == RACP_COUNT && m.no_count) &&
	       !(opcode == RACP_DELETE && m.no_delete);
}

/* Returns what the write of a request ends in. */
static int meter_write(const struct racp_write *w)
{
	uint8_t req[RACP_REQUEST_MAX] = { 0 };

	memcpy(req, w->bytes, w->len);
	if (req[0] == RACP_ABORT) {
		meter_abort();
		return 0;
	}
	if (m.unsubscribed) {
		m.unsubscribed--;
		return -EPROTO;
	}
	if (m.busy || m.running) {
		m.busy -= m.busy > 0;
		return -EAGAIN;
	}
	m.head = m.tail = 0;
	if (!meter_knows(req[0], req[1]))
		meter_answer(6, 0, req[0], m.refusal);
	else if (req[0] == RACP_REPORT)
		meter_report(req);
	else if (req[0] == RACP_DELETE)
		meter_delete(req);
	else
		meter_answer(5, 0, (uint8_t)m.count, (uint8_t)(m.count >> 8));
	return 0;
}

static void deliver_record(const struct record *rec)
{
	bool fencing = !hub.import && !hub.keyless && hub.mark.kind == RACP_MARK_NONE;
	enum racp_verdict v = hub.keyless ? racp_on_unreadable(&r, now())
					  : racp_on_record(&r, rec->key, now());

	if (v == RACP_IGNORE)
		return;
	if (!hub.wraps && !fencing)
		CHECK(rec->id > hub.fence_id);
	pending[rec->id] = 1;
}

static void deliver(void)
{
	const struct out *o = &queue[m.head++];

	switch (o->kind) {
	case OUT_RECORD: deliver_record(&o->record); break;
	case OUT_CONTEXT: racp_on_context(&r, o->record.key, now()); break;
	case OUT_ANSWER:
		m.running = false;
		racp_on_indication(&r, o->bytes, 4, now());
		break;
	}
}

/* The fence is where it was first found, in the truth's numbers. */
static void note_fence(void)
{
	const struct racp_mark *mark = &racp_result(&r)->mark;

	if (hub.fenced || mark->kind == RACP_MARK_NONE)
		return;
	hub.fenced = true;
	for (size_t i = 0; mark->has_fence && i < m.count; i++)
		if (memory[i].key == mark->fence)
			hub.fence_id = memory[i].id;
}

/* All that was taken is durable, so the mark may be too. */
static void make_durable(void)
{
	for (size_t id = 0; id < m.next_id; id++)
		taken[id] |= pending[id];
	hub.mark = racp_result(&r)->mark;
	note_fence();
	for (size_t i = 0; i < m.count && !hub.wraps; i++)
		if (hub.mark.kind == RACP_MARK_KEY && memory[i].id > hub.fence_id &&
		    memory[i].key <= hub.mark.key)
			CHECK(taken[memory[i].id]);
}

static bool do_actions(void)
{
	struct racp_write w;
	enum racp_action a;
	int turns = 0;

	while ((a = racp_next(&r, now(), &w)) != RACP_NOTHING) {
		CHECK(++turns < 20);
		if (a == RACP_DONE)
			return true;
		if (a == RACP_SUBSCRIBE) {
			racp_on_subscribed(&r, 0, now());
			continue;
		}
		CHECK(++hub.writes <= RACP_WRITES_MAX);
		racp_on_write(&r, meter_write(&w), now());
	}
	return false;
}

/* Runs to its end, or until the link is lost after that many events. Returns events left. */
static unsigned drive(unsigned events)
{
	while (!do_actions()) {
		if (events-- == 0) {
			racp_on_gone(&r, now());
			CHECK(do_actions());
			return 0;
		}
		if (m.head < m.tail) {
			clock_ms += 5;
			deliver();
			continue;
		}
		CHECK(racp_deadline(&r).ms > clock_ms);
		CHECK(racp_deadline(&r).ms <= clock_ms + RACP_ANSWER_MS);
		clock_ms = racp_deadline(&r).ms;
	}
	return events;
}

static enum racp_outcome run(unsigned events)
{
	const struct racp_config cfg = { .key_bits = hub.keyless ? 0 : 16,
					 .filter = RACP_FILTER_KEY,
					 .import = hub.import,
					 .may_delete = hub.may_delete,
					 .mark = hub.mark };
	enum racp_outcome outcome;

	hub.writes = 0;
	memset(pending, 0, m.next_id);
	racp_init(&r, &cfg);
	racp_start(&r, now());
	events = drive(events);
	outcome = racp_result(&r)->outcome;
	while (m.head < m.tail && events && !racp_result(&r)->hung) /* link still up */
		deliver();
	if (!hub.gone_without_mark) {
		make_durable();
		if (events && racp_delete(&r, now()) == 0)
			drive(events);
	}
	m.running = false; /* a disconnect ends what is in progress */
	m.head = m.tail = 0;
	clock_ms += 60000;
	return outcome;
}

/* All that is ours was taken, and nothing else. */
static void check_all_taken(void)
{
	for (size_t i = 0; i < m.count; i++)
		CHECK(memory[i].id <= hub.fence_id || taken[memory[i].id]);
	for (uint32_t id = 1; id <= hub.fence_id; id++)
		CHECK(!taken[id]);
}

static unsigned count_taken(void)
{
	unsigned n = 0;

	for (size_t id = 0; id < m.next_id; id++)
		n += taken[id];
	return n;
}

/* 0, 1, 500 and 65,535 stored records; fenced or imported, and some new ones. */
static void test_sizes(void)
{
	static const unsigned sizes[] = { 0, 1, 500, 65535 };

	for (int i = 0; i < 8; i++) {
		unsigned n = sizes[i / 2];

		new_world();
		m.capacity = 66000;
		m.contexts = true;
		hub.import = i % 2;
		meter_store(n);
		CHECK_INT(run(FOREVER), RACP_COMPLETE);
		CHECK_UINT(count_taken(), hub.import ? n : 0);
		if (!hub.import)
			CHECK_UINT(racp_result(&r)->ignored, n);
		meter_store(1);
		CHECK_INT(run(FOREVER), RACP_COMPLETE);
		CHECK_UINT(count_taken(), hub.import ? n + 1 : 1);
		CHECK_INT(run(FOREVER), RACP_COMPLETE);
		CHECK_UINT(racp_result(&r)->taken, 0);
		check_all_taken();
	}
}

/* The link is lost, or the hub dies, after each event of the first runs; then all goes well. */
static void test_lost_at_each_step(void)
{
	for (int variant = 0; variant < 16; variant++) {
		for (unsigned at = 0; at < 60; at++) {
			new_world();
			hub.import = variant & 1;
			m.reversed = variant & 2;
			m.no_last = variant & 4;
			m.no_from = variant & 8;
			m.contexts = at & 1;
			meter_store(5);
			run(at);
			meter_store(7);
			hub.gone_without_mark = at & 2;
			run(at);
			hub.gone_without_mark = false;
			run(at / 2);
			for (int i = 0; i < 2; i++)
				CHECK_INT(run(FOREVER), RACP_COMPLETE);
			check_all_taken();
			CHECK(hub.import == (count_taken() == 12));
		}
	}
}

/* Code 8 and silence after each record; the next run begins at the mark again. */
static void test_fails_after_each(void)
{
	for (unsigned n = 0; n < 12; n++) {
		for (int i = 0; i < 4; i++) {
			new_world();
			meter_store(3);
			CHECK_INT(run(FOREVER), RACP_COMPLETE);
			meter_store(10);
			m.reversed = i & 2;
			m.deaf_abort = n & 1;
			*(i & 1 ? &m.silent_after : &m.fail_after) = n;
			CHECK_INT(run(FOREVER), n > 10 ? RACP_COMPLETE : RACP_INCOMPLETE);
			CHECK_UINT(hub.mark.key, n > 10 ? 12 : 2);
			CHECK_UINT(count_taken(), n > 10 ? 10 : n);
			m.silent_after = m.fail_after = FOREVER;
			CHECK_INT(run(FOREVER), RACP_COMPLETE);
			CHECK_UINT(count_taken(), 10);
		}
	}
}

static void test_reset_and_wrap(void)
{
	new_world();
	meter_store(20);
	run(FOREVER);
	meter_store(20);
	run(FOREVER);
	meter_reset();
	meter_store(15);
	CHECK_INT(run(FOREVER), RACP_COMPLETE);
	CHECK_UINT(hub.mark.history, 1);
	CHECK_UINT(hub.mark.key, 14);
	check_all_taken();
	meter_store(5);
	CHECK_INT(run(FOREVER), RACP_COMPLETE);
	CHECK_UINT(racp_result(&r)->taken, 5);
	new_world();
	hub.wraps = hub.import = true;
	m.next_key = 65500;
	meter_store(30);
	run(FOREVER);
	meter_store(20); /* 65530..65535, 0..13 */
	for (int i = 0; i < 2; i++)
		CHECK_INT(run(FOREVER), RACP_COMPLETE);
	check_all_taken();
	m.count = 0;
	meter_store(600); /* the old ones are pushed out */
	for (int i = 0; i < 2; i++)
		CHECK_INT(run(FOREVER), RACP_COMPLETE);
	check_all_taken();
}

static void test_emptied(void)
{
	new_world();
	meter_store(20);
	run(FOREVER);
	m.count = 0; /* by hand; it goes on counting */
	CHECK_INT(run(FOREVER), RACP_COMPLETE);
	CHECK_UINT(hub.mark.key, 19);
	meter_store(3);
	CHECK_INT(run(FOREVER), RACP_COMPLETE);
	CHECK_UINT(hub.mark.history, 0);
	CHECK_UINT(count_taken(), 3);
}

/* What was fetched is deleted, what was there before the hub never. */
static void test_delete_world(void)
{
	new_world();
	hub.may_delete = true;
	meter_store(20);
	run(FOREVER);
	for (int i = 0; i < 5; i++) {
		meter_store(4);
		CHECK_INT(run(FOREVER), RACP_COMPLETE);
		CHECK_UINT(m.count, 20);
	}
	CHECK_UINT(hub.deleted, 20);
	CHECK_UINT(count_taken(), 20);
}

static void test_no_keys_world(void)
{
	new_world();
	hub.keyless = true;
	meter_store(9);
	CHECK_INT(run(FOREVER), RACP_COMPLETE);
	CHECK_UINT(count_taken(), 9);
	meter_store(1);
	CHECK_INT(run(FOREVER), RACP_COMPLETE);
	CHECK_UINT(racp_result(&r)->taken, 10);
}

static bool chance(unsigned one_in)
{
	return test_random() % one_in == 0;
}

static unsigned up_to(unsigned n)
{
	return (unsigned)(test_random() % n);
}

/* What stays: a model. */
static void random_model(void)
{
	static const uint8_t codes[] = { 3, 4, 5, 9 };

	new_world();
	hub.import = chance(3);
	hub.may_delete = chance(3);
	m.no_last = chance(4);
	m.no_from = chance(4);
	m.no_count = chance(3);
	m.no_delete = chance(4);
	m.contexts = chance(2);
	m.refusal = codes[up_to(4)];
	m.capacity = chance(4) ? 5 + up_to(10) : 500;
	if (chance(4)) {
		hub.import = hub.wraps = true;
		hub.may_delete = false;
		m.next_key = 65536 - up_to(40) - 1;
	}
	meter_store(up_to(30));
}

/* What changes from run to run. */
static void random_faults(bool any)
{
	m.reversed = any && chance(3);
	m.late_records = any && chance(4);
	m.deaf_abort = any && chance(4);
	m.busy = any && chance(4) ? up_to(3) : 0;
	m.unsubscribed = any && chance(5) ? up_to(3) : 0;
	m.silent_after = any && chance(4) ? up_to(20) : FOREVER;
	m.fail_after = any && chance(5) ? up_to(20) : FOREVER;
	m.garbage = any && chance(4) ? up_to(3) : 0;
	hub.gone_without_mark = any && chance(4);
}

/* Some measurements; or a new battery, and fewer than before: a memory that grew beyond the
 * mark is what the keys cannot tell. */
static void random_day(void)
{
	bool has_mark = hub.mark.kind == RACP_MARK_KEY && hub.mark.key > 0;
	unsigned n = has_mark ? 1 + up_to(hub.mark.key < 10 ? hub.mark.key : 10) : 0;
	/* nor one that grew to just where deleting would have left it */
	bool like_deleted =
		hub.may_delete && hub.mark.has_fence && n == hub.mark.fence + 1;

	if (has_mark && !hub.wraps && !like_deleted && chance(8)) {
		meter_reset();
		meter_store(n);
		for (int i = 0; i < 2; i++)
			CHECK_INT(run(FOREVER), RACP_COMPLETE);
		check_all_taken();
	} else {
		meter_store(up_to(8));
	}
}

static void test_random_worlds(void)
{
	unsigned complete = 0, incomplete = 0, deleted = 0;

	for (int world = 0; world < 20000; world++) {
		random_model();
		for (int day = 0; day < 8; day++) {
			random_faults(true);
			if (run(chance(3) ? up_to(60) : FOREVER) == RACP_COMPLETE)
				complete++;
			else
				incomplete++;
			random_faults(false);
			random_day();
		}
		for (int i = 0; i < 3; i++)
			CHECK_INT(run(FOREVER), RACP_COMPLETE);
		check_all_taken();
		deleted += hub.deleted;
	}
	CHECK(complete > 1000 && incomplete > 1000 && deleted > 1000);
}

static void random_event(uint32_t *ret_highest, bool *ret_seen)
{
	uint8_t buf[8] = { 6, 0, (uint8_t)(1 + up_to(4)), (uint8_t)up_to(11) };
	uint32_t key = up_to(200);

	switch (up_to(8)) {
	case 0: racp_on_write(&r, -(int)up_to(2) * EAGAIN, now()); break;
	case 1: racp_on_write(&r, chance(2) ? -EPROTO : 0, now()); break;
	case 2: racp_on_subscribed(&r, chance(8) ? -EIO : 0, now()); break;
	case 3:
	case 4:
		racp_on_record(&r, key, now());
		*ret_highest = !*ret_seen || key > *ret_highest ? key : *ret_highest;
		*ret_seen = true;
		break;
	case 5: racp_on_context(&r, 1000, now()); break;
	case 6:
		buf[0] = (uint8_t)(5 + up_to(2));
		racp_on_indication(&r, buf, chance(8) ? up_to(8) : 4, now());
		break;
	case 7:
		if (chance(20))
			racp_on_gone(&r, now());
		break;
	}
}

/* A device that says anything at any time cannot make a run longer, nor mark what it did not send. */
static void test_nonsense(void)
{
	for (int i = 0; i < 20000; i++) {
		struct racp_config cfg = { .key_bits = (uint8_t)(16 * up_to(3)),
					   .filter = 1,
					   .import = chance(2),
					   .may_delete = chance(2),
					   .mark = { (enum racp_mark_kind)up_to(3),
						     up_to(200), chance(2), 0, 3 } };
		unsigned writes = 0, dones = 0, steps = 0;
		uint32_t highest = 0;
		bool seen = false;
		struct racp_write w;

		cfg.mark.fence = cfg.mark.key ? up_to(cfg.mark.key) : 0;
		clock_ms = 1000;
		racp_init(&r, &cfg);
		racp_start(&r, now());
		while (r.state != RACP_STATE_ENDED) {
			enum racp_action a = racp_next(&r, now(), &w);

			writes += a == RACP_WRITE;
			dones += a == RACP_DONE;
			CHECK(writes <= RACP_WRITES_MAX);
			CHECK(++steps < 2000);
			if (a != RACP_NOTHING)
				continue;
			CHECK(racp_deadline(&r).ms > clock_ms);
			CHECK(racp_deadline(&r).ms <= clock_ms + RACP_ANSWER_MS);
			if (steps > 1000 || chance(8))
				clock_ms = racp_deadline(&r).ms;
			else
				random_event(&highest, &seen);
		}
		dones += racp_next(&r, now(), &w) == RACP_DONE;
		CHECK_UINT(dones, 1);
		CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
		CHECK(racp_result(&r)->outcome != RACP_RUNNING);
		if (racp_result(&r)->mark.kind == RACP_MARK_KEY)
			CHECK(racp_result(&r)->mark.key == cfg.mark.key ||
			      (seen && racp_result(&r)->mark.key <= highest));
		CHECK(racp_result(&r)->mark.history - cfg.mark.history <= 1);
	}
}

TEST_MAIN("racp", test_sizes, test_lost_at_each_step, test_fails_after_each,
	  test_reset_and_wrap, test_emptied, test_delete_world, test_no_keys_world,
	  test_random_worlds, test_nonsense)
