/*
 * test_state.c - state.db on a real SQLCipher file: readings that were taken, memories of devices, and how
 * hub-store tells and records them.
 */
#include "storage/state.h"

#include <errno.h>

#include "hub/crypto/crypto.h"
#include "storage/queue.h"
#include "storage/store.h"
#include "temp_dir.h"
#include "test.h"

static char dir[64], path[96];
static const struct db_key key = { { 1 }, { 2 } };
static struct state *state;

/* As the process has it: one heap of fixed size for both databases. */
static void test_heap(void)
{
	CHECK_INT(db_heap_init(DB_HEAP_BYTES, NULL), 0);
}

static void again(void)
{
	state_close(state);
	CHECK_INT(state_open(dir, &key, 0, &state), 0);
}

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	state = NULL;
	again();
}

static void stop(void)
{
	state_close(state);
	temp_dir_remove(dir);
}

/* --- what identifies a reading ------------------------------------------------------------------- */

static struct reading make_reading(enum reading_kind kind)
{
	struct reading rd = { .kind = kind,
			      .characteristic = 0x2a18,
			      .raw_len = 4,
			      .raw = { 1, 2, 3, 4 },
			      .peripheral = { .num = 9 },
			      .history = 1 };

	rd.decoded.has_device_time = true;
	rd.decoded.device_time = (struct date_time){ 2026, 11, 21, 10, 30, 59 };
	return rd;
}

static struct state_mark mark(const struct reading *rd)
{
	struct state_mark m;

	CHECK(state_mark_of(state, rd, 5, &m));
	return m;
}

static bool same(const struct reading *a, const struct reading *b)
{
	struct state_mark x = mark(a), y = mark(b);

	return state_mark_same(&x, &y);
}

/* Its raw bytes carry the time: the same bytes are the same reading, whatever else was made of them. */
static void test_mark_timed(void)
{
	struct reading a, b;

	start();
	a = b = make_reading(READING_GLUCOSE);
	CHECK(same(&a, &b));
	b.history = 2;
	b.decoded.device_time.second--;
	b.decoded.has_sequence = true;
	b.decoded.sequence = 77;
	CHECK(same(&a, &b));
	b.decoded = (struct decoded){ .marks = MARK_UNDECODED };
	CHECK(same(&a, &b) && same(&b, &a));
	CHECK(!same(&b, &b)); /* never decoded: two measurements */
	b = a;
	b.raw[3]++;
	CHECK(!same(&a, &b));
	b = a;
	b.raw_len--;
	CHECK(!same(&a, &b));
	b = a;
	b.characteristic++;
	CHECK(!same(&a, &b));
	b = a;
	b.peripheral.num++;
	CHECK(!same(&a, &b));
	stop();
}

/* A CGM's raw bytes carry only an offset: equal ones of two sessions are two readings. */
static void test_mark_cgm(void)
{
	struct reading a, b;
	struct state_mark m;

	start();
	a = b = make_reading(READING_CGM);
	a.decoded.has_sequence = b.decoded.has_sequence = true;
	CHECK(same(&a, &b));
	CHECK(mark(&a).timed);
	b.decoded.device_time.year++;
	CHECK(!same(&a, &b));
	b = a;
	b.decoded.device_time.second++;
	CHECK(!same(&a, &b));
	b = a;
	b.raw[0]++;
	CHECK(!same(&a, &b));
	b.decoded = (struct decoded){ .marks = MARK_UNDECODED };
	b.raw[0]--;
	CHECK(!same(&a, &b)); /* its session is not known */
	b = a;
	b.decoded.has_device_time = false;
	b.decoded.marks = MARK_STORED;
	CHECK(!state_mark_of(state, &b, 5, &m));
	b = make_reading(READING_GLUCOSE);
	CHECK(!same(&a, &b));
	/* nor raw bytes that end in what was added to those of another: ways of hashing never meet */
	b.raw_len = 11;
	memcpy(b.raw + 4, "\x07\xea\x0b\x15\x0a\x1e\x3b", 7);
	CHECK(!same(&a, &b));
	stop();
}

/* A stored record without a time is known by its number in one life of one memory. */
static void test_mark_stored(void)
{
	struct reading a, b;
	struct state_mark x, y;

	start();
	a = make_reading(READING_GLUCOSE_CONTEXT);
	a.decoded = (struct decoded){ .has_sequence = true,
				      .sequence = 3,
				      .marks = MARK_STORED };
	b = a;
	CHECK(same(&a, &b));
	b.history++;
	CHECK(!same(&a, &b));
	CHECK(state_mark_of(state, &a, 5, &x) && state_mark_of(state, &a, 6, &y));
	CHECK(!state_mark_same(&x, &y));
	b = a;
	b.decoded.marks = 0; /* told by itself: who knows of which memory */
	CHECK(!state_mark_of(state, &b, 5, &x));
	b = a;
	b.decoded.has_sequence = false;
	CHECK(!state_mark_of(state, &b, 5, &x));
	b = make_reading(READING_GLUCOSE);
	b.raw_len = 12;
	memcpy(b.raw + 4, "\0\0\0\5\0\0\0\1", 8);
	CHECK(!same(&a, &b));
	stop();
}

/* Nothing tells two equal ones apart: never compared. */
static void test_mark_none(void)
{
	static const enum reading_kind kinds[] = { READING_DEVICE_INFORMATION,
						   READING_OXIMETRY_STREAM,
						   READING_HEART_RATE_STREAM,
						   READING_BLOOD_PRESSURE, READING_CGM };
	struct state_mark m;

	start();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct reading rd = make_reading(kinds[i]);

		rd.decoded.has_device_time = false;
		CHECK(!state_mark_of(state, &rd, 5, &m));
	}
	stop();
}

static void test_longest_raw(void)
{
	struct reading a, b;

	start();
	a = make_reading(READING_GLUCOSE_CONTEXT);
	a.raw_len = READING_RAW_MAX;
	a.decoded = (struct decoded){ .has_sequence = true, .marks = MARK_STORED };
	b = a;
	b.history++; /* the last byte of all still counts */
	CHECK(!same(&a, &b));
	stop();
}

/* --- taken --------------------------------------------------------------------------------------- */

/* Raw bytes that nobody decoded are the same reading as a decoded copy with a time, but not as each other. */
static void test_undecoded(void)
{
	struct state_mark raw = { .device = 1, .hash = { 7 } }, timed = raw, back;
	uint8_t bytes[STATE_MARK_LEN];

	timed.timed = true;
	state_mark_encode(&timed, bytes);
	state_mark_decode(bytes, &back);
	CHECK(back.timed && back.device == 1);
	CHECK_MEM(back.hash, timed.hash, STATE_HASH_LEN);
	CHECK(state_mark_same(&raw, &timed) && state_mark_same(&timed, &raw));
	CHECK(!state_mark_same(&raw, &raw));
	start();
	CHECK_INT(state_add(state, &raw, 1), 0);
	CHECK_INT(state_has(state, &raw), 0);
	CHECK_INT(state_has(state, &timed), 1);
	CHECK_INT(state_add(state, &timed, 1), 0);
	CHECK_INT(state_has(state, &raw), 1);
	CHECK_INT(state_add(state, &raw, 1), 0); /* what is known stays known */
	CHECK_INT(state_has(state, &raw), 1);
	again();
	CHECK_INT(state_has(state, &raw), 1);
	stop();
}

static struct state_mark numbered(uint16_t device, uint32_t i)
{
	struct state_mark m = { .timed = true, .device = device };

	/* spread like hashes */
	for (size_t k = 0; k < 4; k++) {
		uint32_t v = (i + 1) * 2654435761u ^ (uint32_t)k * 0x9e3779b9u;

		memcpy(m.hash + 4 * k, &v, 4);
	}
	return m;
}

static void add_numbered(uint16_t device, uint32_t from, uint32_t count)
{
	struct state_mark m[QUEUE_GROUP_MAX];

	for (uint32_t i = 0; i < count;) {
		size_t n = 0;

		while (n < QUEUE_GROUP_MAX && i < count)
			m[n++] = numbered(device, from + i++);
		CHECK_INT(state_add(state, m, n), 0);
	}
}

static void check_numbered(uint16_t device, uint32_t from, uint32_t count, int want)
{
	for (uint32_t i = 0; i < count; i++) {
		struct state_mark m = numbered(device, from + i);

		CHECK_INT(state_has(state, &m), want);
	}
}

/* Each device keeps its newest; a busy one displaces nobody else's. */
static void test_bounded(void)
{
	enum { EXTRA = 40 };
	struct state_mark two[2];

	start();
	add_numbered(2, 0, 100);
	add_numbered(1, 0, STATE_READINGS_MAX);
	check_numbered(1, 0, 1, 1);
	add_numbered(1, 0, 10); /* sent again: displaces nothing */
	check_numbered(1, 0, 1, 1);
	add_numbered(1, STATE_READINGS_MAX, EXTRA);
	check_numbered(1, 0, EXTRA, 0);
	check_numbered(1, EXTRA, STATE_READINGS_MAX, 1);
	check_numbered(2, 0, 100, 1);
	/* two devices in one group: both are trimmed */
	add_numbered(2, 100, STATE_READINGS_MAX - 100);
	two[0] = numbered(1, 2 * STATE_READINGS_MAX);
	two[1] = numbered(2, 2 * STATE_READINGS_MAX);
	CHECK_INT(state_add(state, two, 2), 0);
	check_numbered(1, EXTRA, 1, 0);
	check_numbered(1, EXTRA + 1, 1, 1);
	check_numbered(2, 0, 1, 0);
	check_numbered(2, 1, 1, 1);
	stop();
}

/* Device numbers without end use up the quota: the registry starts anew, and memories stay. */
static void test_quota(void)
{
	struct msg_memory row = { .num = 1, .service = 0x1808, .history = 3, .mark = 8 },
			  got[STATE_MEMORIES_MAX];
	struct state_mark m[QUEUE_GROUP_MAX];
	bool emptied = false;
	size_t count;

	start();
	state_close(state);
	CHECK_INT(state_open(dir, &key, 200, &state), 0);
	CHECK_INT(state_remember(state, 5, &row), 0);
	for (uint16_t i = 0; i < 600; i++) {
		m[0] = numbered(0, 0);
		if (i && state_has(state, &m[0]) == 0)
			emptied = true;
		for (size_t k = 0; k < QUEUE_GROUP_MAX; k++)
			m[k] = numbered((uint16_t)(i * 7), i * 32u + (uint32_t)k);
		CHECK_INT(state_add(state, m, QUEUE_GROUP_MAX), 0);
		CHECK_INT(state_has(state, &m[0]), 1);
	}
	CHECK(emptied);
	CHECK_INT(state_memories(state, 5, got, &count), 0);
	CHECK_UINT(count, 1);
	CHECK_UINT(got[0].mark, 8);
	stop();
}

/* --- memory -------------------------------------------------------------------------------------- */

static struct msg_memory rows[STATE_MEMORIES_MAX];

static size_t memories(uint32_t assignment)
{
	size_t count;

	CHECK_INT(state_memories(state, assignment, rows, &count), 0);
	return count;
}

static void tell(uint32_t assignment, struct msg_memory m)
{
	CHECK_INT(state_remember(state, assignment, &m), 0);
	CHECK_INT(state_flush(state), 0);
}

/* The row after it was told this, too. */
static struct msg_memory after(struct msg_memory m)
{
	m.num = 4;
	m.service = 0x1808;
	tell(5, m);
	CHECK_UINT(memories(5), 1);
	return rows[0];
}

static void test_memory_monotone(void)
{
	struct msg_memory r;

	start();
	CHECK_UINT(memories(5), 0);
	r = after((struct msg_memory){
		.history = 2, .anchor = UINT64_MAX, .empty = true, .mark = 9 });
	CHECK_UINT(r.num, 4);
	CHECK_UINT(r.service, 0x1808);
	CHECK_UINT(r.history, 2);
	CHECK_UINT(r.anchor, UINT64_MAX);
	CHECK(r.empty && !r.has_fence);
	CHECK_UINT(r.mark, 0); /* there is none */
	r = after((struct msg_memory){ .history = 2, .anchor = UINT64_MAX });
	CHECK(!r.empty); /* mark 0 is more than none */
	CHECK_UINT(r.mark, 0);
	r = after((struct msg_memory){
		.history = 2, .anchor = UINT64_MAX, .mark = UINT32_MAX });
	CHECK_UINT(r.mark, UINT32_MAX);
	r = after((struct msg_memory){ .history = 2, .anchor = UINT64_MAX, .mark = 6 });
	CHECK_UINT(r.mark, UINT32_MAX);
	r = after(
		(struct msg_memory){ .history = 2, .anchor = UINT64_MAX, .empty = true });
	CHECK(!r.empty);
	CHECK_UINT(r.mark, UINT32_MAX);
	r = after((struct msg_memory){ .history = 1, .anchor = UINT64_MAX, .mark = 7 });
	CHECK_UINT(r.history, 2);
	CHECK_UINT(r.mark, UINT32_MAX);
	r = after((struct msg_memory){ .history = 2, .anchor = 3, .mark = 7 });
	CHECK_UINT(r.anchor, 3); /* another memory */
	CHECK_UINT(r.mark, 7);
	r = after((struct msg_memory){ .history = 3, .anchor = 3, .empty = true });
	CHECK_UINT(r.history, 3); /* another life */
	CHECK(r.empty);
	CHECK_UINT(r.mark, 0);
	r = after((struct msg_memory){ .history = UINT32_MAX, .anchor = 3, .mark = 1 });
	CHECK_UINT(r.history, UINT32_MAX);
	stop();
}

/* What was there before us is never deleted: the fence does not sink and is not forgotten. */
static void test_memory_fence(void)
{
	struct msg_memory r;

	start();
	r = after((struct msg_memory){ .history = 1, .mark = 20 });
	CHECK(!r.has_fence);
	r = after((struct msg_memory){
		.history = 1, .mark = 20, .has_fence = true, .fence = 10 });
	CHECK(r.has_fence);
	CHECK_UINT(r.fence, 10);
	r = after((struct msg_memory){ .history = 1, .mark = 21 });
	CHECK(r.has_fence);
	CHECK_UINT(r.fence, 10);
	CHECK_UINT(r.mark, 21);
	r = after((struct msg_memory){
		.history = 1, .mark = 5, .has_fence = true, .fence = 12 });
	CHECK_UINT(r.fence, 12);
	CHECK_UINT(r.mark, 21);
	r = after((struct msg_memory){
		.history = 1, .mark = 22, .has_fence = true, .fence = 11 });
	CHECK_UINT(r.fence, 12);
	CHECK_UINT(r.mark, 22);
	r = after((struct msg_memory){ .history = 2, .mark = 1 });
	CHECK(!r.has_fence);
	CHECK_UINT(r.fence, 0);
	r = after((struct msg_memory){ .history = 2, .mark = 1, .has_fence = true });
	CHECK(r.has_fence); /* fence 0 is a fence */
	stop();
}

/* A row belongs to its assignment epoch; the next one starts with nothing. */
static void test_memory_assignment(void)
{
	struct msg_memory m = { .num = 4, .service = 0x1808, .history = 7, .mark = 50 };

	start();
	tell(5, m);
	m.service = 0x1810;
	tell(5, m);
	m.num = 3;
	tell(5, m);
	again();
	CHECK_UINT(memories(5), 3);
	CHECK_UINT(memories(6), 0);
	m.history = 1; /* lower, but of a new epoch */
	tell(6, m);
	CHECK_UINT(memories(6), 1);
	CHECK_UINT(rows[0].history, 1);
	CHECK_UINT(memories(5), 0);
	stop();
}

static void test_memory_bounded(void)
{
	start();
	for (uint16_t i = 1; i <= STATE_MEMORIES_MAX + 10; i++)
		tell(5, (struct msg_memory){ .num = i, .service = 1, .mark = i });
	CHECK_UINT(memories(5), STATE_MEMORIES_MAX);
	tell(5,
	     (struct msg_memory){ .num = STATE_MEMORIES_MAX, .service = 1, .mark = 999 });
	CHECK_UINT(memories(5), STATE_MEMORIES_MAX);
	CHECK_UINT(rows[STATE_MEMORIES_MAX - 1].num, STATE_MEMORIES_MAX);
	CHECK_UINT(rows[STATE_MEMORIES_MAX - 1].mark, 999); /* those that are in go on */
	tell(6, (struct msg_memory){ .num = 500, .service = 1 });
	CHECK_UINT(memories(6), 1); /* the places of an old epoch are free */
	stop();
}

/* Told many times between two writes: in their order, none lost; with a group, or alone. */
static void test_memory_gathered(void)
{
	struct state_mark m = numbered(1, 1);

	start();
	for (uint32_t i = 1; i <= 200; i++) {
		struct msg_memory row = { .num = (uint16_t)(1 + i % 3),
					  .service = 1,
					  .history = 1,
					  .mark = i };

		CHECK_INT(state_remember(state, 5, &row), 0);
		CHECK(i < 199 || memories(5) == 3); /* there are not places for all */
	}
	CHECK_INT(state_add(state, &m, 1), 0); /* takes them along */
	again();
	CHECK_UINT(memories(5), 3);
	CHECK_UINT(rows[0].mark + rows[1].mark + rows[2].mark, 200 + 199 + 198);
	CHECK_INT(state_flush(state), 0);
	stop();
}

/* Whatever hub-ble tells, in whichever order: each row is the best of what was told of it. */
static void test_memory_random(void)
{
	enum { PAIRS = 6 };
	struct msg_memory want[PAIRS];
	bool known[PAIRS] = { false };
	uint32_t assignment = 1;

	start();
	for (int step = 0; step < 3000; step++) {
		size_t p = test_random() % PAIRS;
		struct msg_memory m = { .num = (uint16_t)(1 + p / 2),
					.service = (uint16_t)(1 + p % 2),
					.history = (uint32_t)(test_random() % 4),
					.anchor = test_random() % 2,
					.empty = test_random() % 4 == 0,
					.has_fence = test_random() % 4 == 0 };
		struct msg_memory *w = &want[p];

		m.mark = m.empty ? 0 : (uint32_t)(test_random() % 50);
		m.fence = m.has_fence ? (uint32_t)(test_random() % 50) : 0;
		if (step % 500 == 499) {
			assignment++;
			memset(known, 0, sizeof(known));
		}
		if (step % 97 == 0) {
			CHECK_INT(state_flush(state), 0);
			again();
		}
		CHECK_INT(state_remember(state, assignment, &m), 0);
		if (!known[p] || m.history > w->history ||
		    (m.history == w->history && m.anchor != w->anchor)) {
			*w = m;
		} else if (m.history == w->history) {
			w->empty = w->empty && m.empty;
			w->mark = m.mark > w->mark ? m.mark : w->mark;
			w->has_fence = w->has_fence || m.has_fence;
			w->fence = m.fence > w->fence ? m.fence : w->fence;
		}
		known[p] = true;
		if (test_random() % 4)
			CHECK_INT(state_flush(state), 0);
		else
			continue;
		for (size_t i = memories(assignment); i-- > 0;) {
			size_t k = (rows[i].num - 1u) * 2u + rows[i].service - 1u;

			CHECK(known[k]);
			CHECK_UINT(rows[i].history, want[k].history);
			CHECK_UINT(rows[i].anchor, want[k].anchor);
			CHECK_INT(rows[i].empty, want[k].empty);
			CHECK_UINT(rows[i].mark, want[k].mark);
			CHECK_INT(rows[i].has_fence, want[k].has_fence);
			CHECK_UINT(rows[i].fence, want[k].fence);
		}
	}
	stop();
}

/* --- versions of the file ------------------------------------------------------------------------ */

/* As version 0.1.0 of the hub wrote it. */
static const char schema_1[] =
	"CREATE TABLE meta (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE taken (n INTEGER PRIMARY KEY, device INTEGER NOT NULL, hash BLOB "
	"NOT NULL,"
	" timed INTEGER NOT NULL, UNIQUE (device, hash)) STRICT;";

static void open_with(const char *sql, int version)
{
	struct db_options o = { .path = path,
				.key = &key,
				.create = true,
				.cache_pages = 32,
				.checkpoint_pages = 100,
				.schema = sql,
				.schema_version = version };
	struct db_stmt *st;
	struct db *db;

	CHECK_INT(db_open(&o, &db), 0);
	CHECK_INT(db_prepare(db, "INSERT INTO meta VALUES ('hash_key', ?1)", &st), 0);
	db_bind_blob(st, 1, key.key, KEY_LEN);
	CHECK_INT(db_run(st), 0);
	db_stmt_free(st);
	CHECK_INT(db_prepare(db,
			     "INSERT INTO taken (device, hash, timed) VALUES (?1, ?2, 1)",
			     &st),
		  0);
	for (uint32_t i = 0; i < 4096; i++) {
		struct state_mark m = numbered((uint16_t)(1 + i % 3), i);

		db_bind_u64(st, 1, m.device);
		db_bind_blob(st, 2, m.hash, STATE_HASH_LEN);
		CHECK_INT(db_run(st), 0);
	}
	db_stmt_free(st);
	db_close(db);
}

static void test_upgrade(void)
{
	/* HKDF-SHA256 of key, characteristic and value: what version 1 would have written */
	struct reading rd = make_reading(READING_BLOOD_PRESSURE);
	uint8_t in[KEY_LEN + 2 + 4] = { 0 }, hash[KEY_LEN];
	struct state_mark m;

	start();
	state_close(state);
	temp_dir_remove(dir);
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	open_with(schema_1, 1);
	CHECK_INT(state_open(dir, &key, 0, &state), 0);
	for (uint32_t i = 0; i < 4096; i++)
		check_numbered((uint16_t)(1 + i % 3), i, 1, 1);
	check_numbered(1, 1, 1, 0);
	m = mark(&rd);
	memcpy(in, key.key, KEY_LEN);
	memcpy(in + KEY_LEN, "\x2a\x18\1\2\3\4", 6);
	crypto_derive(in, sizeof(in), "hub/v1/taken", hash);
	CHECK_MEM(m.hash, hash, STATE_HASH_LEN); /* known readings stay known */
	CHECK_UINT(memories(5), 0);
	tell(5, (struct msg_memory){ .num = 1, .service = 2, .mark = 3 });
	add_numbered(1, 10000, 50);
	again(); /* and not upgraded twice */
	CHECK_UINT(memories(5), 1);
	check_numbered(1, 0, 1, 1);
	check_numbered(1, 10000, 50, 1);
	stop();
}

/* A step of the upgrade that fails leaves the file as it was. */
static void test_upgrade_fails(void)
{
	char *spoilt = NULL;

	start();
	state_close(state);
	temp_dir_remove(dir);
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	CHECK(asprintf(&spoilt, "%s CREATE TABLE memory (x INTEGER) STRICT;", schema_1) >
	      0);
	open_with(spoilt, 1);
	free(spoilt);
	for (int i = 0; i < 2; i++) {
		CHECK(state_open(dir, &key, 0, &state) < 0);
		state = NULL;
	}
	{
		struct db_options o = { .path = path,
					.key = &key,
					.cache_pages = 32,
					.checkpoint_pages = 100,
					.schema_version = 1 };
		struct db_stmt *st;
		struct db *db;

		CHECK_INT(db_open(&o, &db), 0); /* it is version 1 still */
		CHECK_INT(db_prepare(db, "SELECT count(rowid) FROM taken", &st), 0);
		CHECK_INT(db_step(st), 1);
		CHECK_INT(db_i64(st, 0), 4096);
		db_stmt_free(st);
		db_close(db);
	}
	stop();
}

static void test_newer_version(void)
{
	struct db_options o = { .path = path,
				.key = &key,
				.cache_pages = 32,
				.checkpoint_pages = 100,
				.schema_version = 3 };
	static const char *const up[] = { "", "" };
	struct db *db;

	start();
	state_close(state);
	CHECK_INT(db_open(&o, &db), -ENOTSUP); /* older, and nothing to upgrade it with */
	o.create = true;
	CHECK_INT(db_open(&o, &db), -ENOTSUP);
	o.upgrades = up;
	o.create = false;
	CHECK_INT(db_open(&o, &db), -ENOTSUP); /* a reader does not upgrade */
	o.create = true;
	CHECK_INT(db_open(&o, &db), 0);
	db_close(db);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(state_open(dir, &key, 0, &state), -ENOTSUP);
		state = NULL;
	}
	stop();
}

/* --- hub-store ----------------------------------------------------------------------------------- */

static struct store *store;
static struct mono now = { 10000 };
static struct msg sent[400]; /* to hub-ble */
static size_t sent_count;
static bool ble_up;
static bool hubd_up;
static unsigned fenced; /* FENCED that hubd has heard */
static struct msg_fence fence;

static int on_send(void *arg, enum role to, const struct msg *m)
{
	(void)arg;
	if (to == ROLE_HUBD && hubd_up && m->kind == MSG_FENCED) {
		fenced++;
		fence = m->fence;
		return 0;
	}
	if (to != ROLE_BLE)
		return -EAGAIN;
	if (!ble_up)
		return -EAGAIN;
	CHECK(sent_count < sizeof(sent) / sizeof(sent[0]));
	sent[sent_count++] = *m;
	return 0;
}

static void run(void)
{
	store_run(store, now);
}

static void tell_store(const struct msg *m)
{
	store_on_message(store, m, now);
	run();
}

static uint32_t assigned; /* as configured last */

static void configure(uint32_t assignment, bool share)
{
	struct msg m = { .kind = MSG_STORE_CONFIG,
			 .store_config = { .hub = { 5 },
					   .epoch = 2,
					   .assignment = assignment,
					   .seal_key_id = 1,
					   .level = share ? 0 : 2,
					   .has_share = share,
					   .share = { 77 } } };
	uint8_t private[X25519_LEN] = { 0 };

	assigned = assignment;
	x25519_generate(private, m.store_config.seal_public);
	tell_store(&m);
}

static void link_ble(bool up)
{
	ble_up = up;
	store_on_link(store, ROLE_BLE, up, now);
	run();
}

static void restart_store(void)
{
	const struct store_host host = { NULL, on_send };

	store_free(store);
	sent_count = 0;
	ble_up = false;
	store = store_new(dir, &host, now);
	CHECK(store);
}

static void start_store(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	store = NULL;
	restart_store();
}

static void stop_store(void)
{
	store_free(store);
	store = NULL;
	temp_dir_remove(dir);
}

/* Nothing to do is nothing to do: the next turn is later, with and without a configuration, and of another hub. */
static void test_no_busy_waiting(void)
{
	start_store();
	for (int i = 0; i < 6; i++) {
		if (i == 2)
			configure(7, true);
		if (i == 3)
			restart_store(); /* and hubd says nothing for long */
		for (int k = 0; k < 100 && store_deadline(store, now).ms <= now.ms; k++)
			run();
		CHECK(store_deadline(store, now).ms > now.ms);
		now = mono_add(now, 60000);
		run();
	}
	stop_store();
}

static size_t count_sent(enum msg_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < sent_count; i++)
		n += sent[i].kind == kind;
	return n;
}

static const struct msg_memory glucose = { .num = 4,
					   .service = 0x1808,
					   .history = 2,
					   .anchor = 1,
					   .mark = 70,
					   .has_fence = true,
					   .fence = 12 };

static void tell_memory(uint32_t mark)
{
	struct msg m = { .kind = MSG_MEMORY, .memory = glucose };

	m.memory.mark = mark;
	m.memory.assignment = assigned;
	tell_store(&m);
}

/* What was recorded is told at each connection and each opening, before readings may come. */
static void test_store_memory(void)
{
	start_store();
	link_ble(true);
	configure(8, true);
	CHECK_UINT(count_sent(MSG_MEMORY), 0);
	tell_memory(70);
	CHECK_UINT(count_sent(MSG_MEMORY), 0); /* no answer */
	link_ble(false);
	sent_count = 0;
	link_ble(true);
	CHECK_UINT(sent_count, 2);
	CHECK_INT(sent[0].kind, MSG_MEMORY);
	CHECK_INT(sent[1].kind, MSG_STORE_STATE);
	CHECK_UINT(sent[0].memory.num, 4);
	CHECK_UINT(sent[0].memory.service, 0x1808);
	CHECK_UINT(sent[0].memory.history, 2);
	CHECK_UINT(sent[0].memory.anchor, 1);
	CHECK_UINT(sent[0].memory.assignment, 8);
	CHECK_UINT(sent[0].memory.mark, 70);
	CHECK(sent[0].memory.has_fence && !sent[0].memory.empty);
	CHECK_UINT(sent[0].memory.fence, 12);
	restart_store();
	link_ble(true);
	CHECK_UINT(count_sent(MSG_MEMORY), 0); /* not open yet */
	sent_count = 0;
	configure(8, true);
	CHECK_UINT(sent_count, 2);
	CHECK_INT(sent[0].kind, MSG_MEMORY);
	CHECK_INT(sent[1].kind, MSG_STORE_STATE);
	CHECK_INT(sent[1].store_state.blocked, STORE_READY);
	restart_store();
	configure(9, true); /* another patient's time */
	link_ble(true);
	CHECK_UINT(count_sent(MSG_MEMORY), 0);
	stop_store();
}

/* While state.db is closed nothing is told and nothing recorded. */
static void test_store_locked(void)
{
	start_store();
	link_ble(true);
	configure(8, true);
	tell_memory(70);
	configure(8, false);
	sent_count = 0;
	tell_memory(90);
	link_ble(false);
	link_ble(true);
	CHECK_UINT(count_sent(MSG_MEMORY), 0);
	configure(8, true);
	CHECK_UINT(count_sent(MSG_MEMORY), 1);
	for (size_t i = 0; i < sent_count; i++)
		if (sent[i].kind == MSG_MEMORY)
			CHECK_UINT(sent[i].memory.mark, 70);
	stop_store();
}

static struct msg make_raw(uint64_t capture, bool unverified)
{
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = 42,
				  .capture = capture,
				  .assignment = assigned,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2a35,
				  .peripheral = { .num = 1 },
				  .unverified = unverified,
				  .raw_len = 2,
				  .raw = { 1, (uint8_t)capture } } };

	return m;
}

static void tell_raw(uint64_t capture, bool unverified)
{
	struct msg m = make_raw(capture, unverified);

	tell_store(&m);
}

static void tell_decoded(uint64_t capture, bool unverified)
{
	struct msg m = { .kind = MSG_DECODED,
			 .decoded = { .capture = capture,
				      .class = CLASS_ROUTINE,
				      .unverified = unverified } };

	tell_store(&m);
}

static void tell_discard(uint64_t capture)
{
	struct msg m = { .kind = MSG_DISCARD, .discard = { capture } };

	tell_store(&m);
}

/* The last thing said of a capture: -1 nothing, 0 refused, 1 durable. */
static int answer_to(uint64_t capture)
{
	for (size_t i = sent_count; i-- > 0;)
		if (sent[i].kind == MSG_DURABLE && sent[i].durable.capture == capture)
			return sent[i].durable.durable;
	return -1;
}

/* Space is reserved in steps; afterwards nothing but what is tested has a deadline. */
static void let_reserve(void)
{
	while (store_deadline(store, now).ms <= now.ms + 1000) {
		now.ms += 200;
		store_run(store, now);
	}
}

static void test_store_quarantine(void)
{
	start_store();
	link_ble(true);
	configure(8, false);
	let_reserve();
	tell_raw(1, true);
	tell_raw(2, true);
	tell_raw(3, false);
	CHECK_INT(answer_to(3), -1);
	tell_decoded(3, false);
	CHECK_INT(answer_to(3), 1); /* 1 and 2 hold it back no more */
	CHECK_INT(answer_to(1), -1);
	CHECK_UINT(store_deadline(store, now).ms, now.ms + 35000);
	tell_discard(1);
	tell_discard(3); /* durable already: nothing */
	tell_discard(99);
	CHECK_INT(answer_to(1), -1);
	tell_decoded(2, true);
	CHECK_INT(answer_to(2), 1);
	tell_raw(1, true); /* offered again: it is not known here, and taken anew */
	CHECK_INT(answer_to(1), -1);
	tell_raw(1, true);
	tell_raw(4, true);
	tell_raw(6, true);
	tell_discard(6);
	now = mono_add(now, 35000);
	run();
	CHECK_INT(answer_to(6), -1);
	CHECK_INT(answer_to(1), 1); /* nobody has said a word for 35 s */
	CHECK_INT(answer_to(4), 1);
	tell_discard(4);
	tell_raw(5, true);
	link_ble(false); /* hub-ble is gone: in at once */
	sent_count = 0;
	link_ble(true);
	tell_raw(5, true);
	CHECK_INT(answer_to(5), 1);
	CHECK_UINT(sent_count, 2); /* STORE_STATE, and from the queue's memory */
	stop_store();
}

/* No place free is no state of hub-store: the capture is to be offered again, and no word of FULL. */
static void test_store_not_now(void)
{
	start_store();
	link_ble(true);
	configure(8, false);
	for (uint64_t i = 1; i <= 64; i++)
		tell_raw(i, false);
	sent_count = 0;
	tell_raw(65, false);
	CHECK_UINT(sent_count, 1);
	CHECK_INT(answer_to(65), 0);
	CHECK_INT(sent[0].durable.blocked, STORE_READY);
	for (uint64_t i = 1; i <= 64; i++)
		tell_decoded(i, false);
	tell_raw(65, false);
	tell_decoded(65, false);
	CHECK_INT(answer_to(65), 1);
	CHECK_UINT(sent_count, 66);
	stop_store();
}

static void ask(uint32_t number, enum fence_step step, uint32_t assignment)
{
	const struct msg m = { .kind = MSG_FENCE, .fence = { number, step, assignment } };

	tell_store(&m);
}

/* The hand-over: said to be done when nothing is here that is not durable, and sealed under what was asked. */
static void test_store_fence(void)
{
	start_store();
	configure(8, true);
	link_ble(true);
	hubd_up = true;
	fenced = 0;
	tell_raw(1, false);
	tell_raw(2, true);
	ask(1, FENCE_SAVED, 9);
	CHECK_UINT(fenced, 0);
	tell_decoded(1, false);
	CHECK_INT(answer_to(1), 1);
	CHECK_UINT(fenced, 0); /* one is in quarantine */
	link_ble(false);       /* nobody will say more of it */
	CHECK_UINT(fenced, 1);
	CHECK_UINT(fence.ask, 1);
	CHECK_INT(fence.step, FENCE_SAVED);
	run();
	CHECK_UINT(fenced, 1); /* once */
	ask(2, FENCE_SAVED, 9);
	CHECK_UINT(fenced, 2); /* again if it is asked again */
	ask(3, FENCE_SEAL, 9);
	CHECK_UINT(fenced, 2);
	configure(9, true);
	CHECK_UINT(fenced, 3);
	CHECK_INT(fence.step, FENCE_SEAL);
	CHECK_UINT(fence.assignment, 9);
	/* hubd gone: what it asked is void */
	ask(4, FENCE_SEAL, 10);
	store_on_link(store, ROLE_HUBD, false, now);
	configure(10, true);
	CHECK_UINT(fenced, 3);
	/* no answer to what did not go; hubd asks again */
	hubd_up = false;
	ask(5, FENCE_SEAL, 10);
	hubd_up = true;
	run();
	CHECK_UINT(fenced, 3);
	ask(6, FENCE_SEAL, 10);
	CHECK_UINT(fenced, 4);
	hubd_up = false;
	stop_store();
}

TEST_MAIN("state", test_heap, test_no_busy_waiting, test_mark_timed, test_mark_cgm,
	  test_mark_stored, test_mark_none, test_longest_raw, test_undecoded,
	  test_bounded, test_quota, test_memory_monotone, test_memory_fence,
	  test_memory_assignment, test_memory_bounded, test_memory_gathered,
	  test_memory_random, test_upgrade, test_upgrade_fails, test_newer_version,
	  test_store_memory, test_store_locked, test_store_quarantine, test_store_not_now,
	  test_store_fence)
