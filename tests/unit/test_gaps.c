/*
 * test_gaps.c - what became of each number, against an oracle that looks at them one by one; manifests that agree,
 * are missing or contradict; and all of it read from a store.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/gaps_load.h"
#include "hub/crypto/manifest_sign.h"
#include "tests/unit/temp_dir.h"

/* --- numbers against an oracle --------------------------------------------------------------------- */

enum { N = 70 };

/* What is known of the numbers 1..N, one by one. */
struct numbers {
	bool stored[N + 2], given_up[N + 2], recovered[N + 2];
	enum tombstone_cause cause[N + 2];
	enum record_class class[N + 2];
	uint64_t contig, told_highest, told_acked, told_queued;
};

static bool known(const struct numbers *n, uint64_t i)
{
	return n->stored[i] || n->given_up[i];
}

static struct numbers generate(void)
{
	struct numbers n = { .told_highest = test_random() % (N + 1) };
	unsigned hole = 1 + (unsigned)(test_random() % 30);

	for (uint64_t i = 1; i <= n.told_highest; i++) {
		n.stored[i] = test_random() % hole != 0;
		n.given_up[i] = !n.stored[i] && test_random() % 2;
		n.cause[i] = (enum tombstone_cause)(1 + test_random() %
								(TOMBSTONE_CAUSES - 1));
		n.class[i] = (enum record_class)(test_random() % 3);
		n.recovered[i] = test_random() % 20 == 0;
	}
	while (n.contig < n.told_highest && known(&n, n.contig + 1))
		n.contig++;
	n.told_acked = test_random() % (n.contig + 1);
	for (uint64_t i = n.contig + 1; i <= n.told_highest; i++)
		n.told_queued += !known(&n, i);
	/* what may be wrong, each now and then */
	if (test_random() % 3 == 0 && n.told_queued)
		n.told_queued -= 1 + test_random() % n.told_queued;
	if (test_random() % 3 == 0)
		n.told_acked = test_random() % (n.told_highest + 1);
	if (test_random() % 3 == 0 && n.told_highest)
		n.stored[1 + test_random() % n.told_highest] = false;
	if (test_random() % 4 == 0)
		n.told_highest = test_random() % (n.told_highest + 1);
	return n;
}

static uint64_t highest(const struct numbers *n)
{
	uint64_t h = n->told_highest;

	for (uint64_t i = 1; i <= N; i++)
		if (n->stored[i] || n->given_up[i] || n->recovered[i])
			h = i > h ? i : h;
	h = n->told_acked > h ? n->told_acked : h;
	return n->contig > h ? n->contig : h;
}

static enum gaps_state simple(const struct numbers *n, uint64_t i)
{
	if (n->stored[i])
		return GAPS_STORED;
	if (n->given_up[i])
		return n->cause[i] == TOMBSTONE_DELIVERED ? GAPS_LOST : GAPS_GIVEN_UP;
	if (n->recovered[i])
		return GAPS_RECOVERED;
	if (i <= n->contig || i <= n->told_acked)
		return GAPS_LOST;
	return i <= n->told_highest ? GAPS_WAITING : GAPS_UNEXPLAINED;
}

static enum gaps_state oracle(const struct numbers *n, uint64_t i)
{
	uint64_t missing = 0;

	if (simple(n, i) != GAPS_WAITING)
		return simple(n, i);
	for (uint64_t k = 1; k <= N; k++)
		missing += simple(n, k) == GAPS_WAITING;
	return missing > n->told_queued ? GAPS_UNEXPLAINED : GAPS_WAITING;
}

static void feed(const struct numbers *n, struct gaps *g)
{
	gaps_init(g, n->told_highest, n->told_acked, n->told_queued, n->contig);
	for (uint64_t i = 1; i <= N; i++)
		if (n->stored[i])
			CHECK_INT(gaps_add_stored(g, i, i), 0);
	for (uint64_t i = 1; i <= N; i++) {
		const struct tombstone t = { i, i, n->class[i], n -> cause[i] };

		if (n->given_up[i] && !n->stored[i])
			CHECK_INT(gaps_add_given_up(g, &t), 0);
	}
	for (uint64_t i = 1; i <= N; i++)
		if (n->recovered[i]) {
			CHECK_INT(gaps_add_recovered(g, i, i), 0);
		}
}

static void check_numbers(const struct numbers *n, const struct gaps *g)
{
	uint64_t next = 1, count[GAPS_STATES] = { 0 };
	bool older = false, losses = false;

	CHECK_UINT(g->highest, highest(n));
	for (size_t i = 0; i < g->all.count; i++) {
		const struct gaps_range *r = &g->all.ranges[i], *b = r - 1;

		CHECK_UINT(r->first, next);
		CHECK(r->last >= r->first);
		CHECK(i == 0 || b->state != r->state || b->cause != r->cause ||
		      b->class != r->class);
		for (; next <= r->last; next++) {
			CHECK_INT(r->state, oracle(n, next));
			count[r->state]++;
			if (r->state != GAPS_GIVEN_UP)
				continue;
			CHECK_INT(r->cause, n->cause[next]);
			CHECK_INT(r->class, n->class[next]);
			losses = losses || r->cause != TOMBSTONE_SKIPPED;
		}
	}
	CHECK_UINT(next, g->highest + 1);
	for (int i = 0; i < GAPS_STATES; i++)
		CHECK_UINT(g->count[i], count[i]);
	for (uint64_t i = n->told_highest + 1; i <= N; i++)
		older = older || known(n, i);
	CHECK_UINT(g->problem_count, older);
	if (older || count[GAPS_LOST] || count[GAPS_UNEXPLAINED])
		CHECK_INT(g->verdict, GAPS_NOT_COMPLETE);
	else
		CHECK_INT(g->verdict, losses || count[GAPS_RECOVERED] ? GAPS_TOLD_LOSSES
								      : GAPS_COMPLETE);
}

static void test_oracle(void)
{
	unsigned verdicts[3] = { 0 };

	for (int i = 0; i < 20000; i++) {
		struct numbers n = generate();
		struct gaps g;

		feed(&n, &g);
		CHECK_INT(gaps_explain(&g), 0);
		check_numbers(&n, &g);
		verdicts[g.verdict]++;
		gaps_free(&g);
	}
	CHECK(verdicts[0] > 100 && verdicts[1] > 100 && verdicts[2] > 100);
}

static void test_nothing(void)
{
	struct gaps g;

	gaps_init(&g, 0, 0, 0, 0);
	CHECK_INT(gaps_explain(&g), 0);
	CHECK_UINT(g.highest, 0);
	CHECK_UINT(g.all.count, 0);
	CHECK_INT(g.verdict, GAPS_COMPLETE);
	gaps_free(&g);
}

static void test_largest(void)
{
	const struct tombstone t = { 1, INT64_MAX - 1, CLASS_NONE, TOMBSTONE_SKIPPED };
	struct gaps g;

	gaps_init(&g, INT64_MAX, 0, 0, INT64_MAX);
	CHECK_INT(gaps_add_stored(&g, INT64_MAX, INT64_MAX), 0);
	CHECK_INT(gaps_add_given_up(&g, &t), 0);
	CHECK_INT(gaps_explain(&g), 0);
	CHECK_UINT(g.all.count, 2);
	CHECK_UINT(g.count[GAPS_GIVEN_UP], INT64_MAX - 1);
	CHECK_INT(g.verdict, GAPS_COMPLETE);
	gaps_free(&g);
}

/* --- manifests -------------------------------------------------------------------------------------- */

/* Numbers 1..30 are here, 8, 20 and 30 are manifests 1 to 3 for the days 100, 101 and 102 to 103. */
static struct gaps_manifest manifests[3];
static struct gaps g;

static void prepare(void)
{
	static const struct manifest ms[3] = {
		{ .epoch = 1,
		  .counter = 1,
		  .first = 1,
		  .last = 7,
		  .has_days = true,
		  .from_day = 100,
		  .to_day = 100 },
		{ .epoch = 1,
		  .counter = 2,
		  .first = 9,
		  .last = 19,
		  .acked = 9,
		  .has_days = true,
		  .from_day = 101,
		  .to_day = 101 },
		{ .epoch = 1,
		  .counter = 3,
		  .first = 21,
		  .last = 29,
		  .acked = 22,
		  .has_days = true,
		  .from_day = 102,
		  .to_day = 103 },
	};

	gaps_init(&g, 30, 25, 0, 30);
	for (int i = 0; i < 3; i++)
		manifests[i] = (struct gaps_manifest){ ms[i].last + 1, GAPS_OPENED, NULL,
						       ms[i] };
}

static void explain(void)
{
	for (uint64_t i = 1; i <= 30; i++)
		CHECK_INT(gaps_add_stored(&g, i, i), 0);
	for (int i = 0; i < 3; i++)
		if (manifests[i].seq)
			CHECK_INT(gaps_add_manifest(&g, &manifests[i]), 0);
	CHECK_INT(gaps_explain(&g), 0);
}

static void check_problem(enum gaps_problem_kind kind, uint64_t a, uint64_t b)
{
	explain();
	/* what follows a wrong one may look wrong, too */
	CHECK(kind ? g.problem_count >= 1 : g.problem_count == 0);
	CHECK_INT(g.verdict, kind ? GAPS_NOT_COMPLETE : GAPS_COMPLETE);
	if (kind) {
		CHECK_INT(g.problems[0].kind, kind);
		CHECK_UINT(g.problems[0].a, a);
		CHECK_UINT(g.problems[0].b, b);
	}
	gaps_free(&g);
}

#define PROBLEM(change, kind, a, b)                                                      \
	do {                                                                             \
		prepare();                                                               \
		change;                                                                  \
		check_problem(kind, a, b);                                               \
	} while (0)

static void test_manifests(void)
{
	prepare();
	explain();
	CHECK_UINT(g.manifests_good, 3);
	CHECK_UINT(g.manifests_empty, 0);
	CHECK(g.has_days);
	CHECK_UINT(g.from_day, 100);
	CHECK_UINT(g.to_day, 103);
	CHECK_UINT(g.note_count, 0);
	CHECK_INT(g.verdict, GAPS_COMPLETE);
	gaps_free(&g);

	PROBLEM(manifests[1].opened = GAPS_BAD, GAPS_PROBLEM_BAD, 20, 0);
	PROBLEM(manifests[1].manifest.counter = 1, GAPS_PROBLEM_COUNTER, 20, 1);
	PROBLEM(manifests[2].manifest.counter = 2, GAPS_PROBLEM_COUNTER, 30, 2);
	PROBLEM(manifests[2].manifest.first = 22, GAPS_PROBLEM_SPAN, 30, 22);
	PROBLEM(manifests[2].manifest.first = 20, GAPS_PROBLEM_SPAN, 30, 20);
	PROBLEM(manifests[0].manifest.first = 2, GAPS_PROBLEM_SPAN, 8, 2);
	PROBLEM(manifests[2].manifest.from_day = 101, GAPS_PROBLEM_DAYS, 30, 101);
	PROBLEM(manifests[2].manifest.from_day = 103, GAPS_PROBLEM_DAYS, 30, 103);
	PROBLEM(manifests[2].manifest.has_days = false, GAPS_PROBLEM_NONE, 0, 0);
	PROBLEM(g.told_highest = 29, GAPS_PROBLEM_OLDER, 29, 30);
	PROBLEM(g.told_acked = 21, GAPS_PROBLEM_ACKED, 21, 22);
	PROBLEM(g.told_acked = 22, GAPS_PROBLEM_NONE, 0, 0);
	/* manifest 2 would have number 20, which is a reading */
	PROBLEM(manifests[1].seq = 0, GAPS_PROBLEM_NO_MANIFEST, 20, 2);
	PROBLEM(CHECK_INT(gaps_add_conflict(&g, 5), 0);
		CHECK_INT(gaps_add_conflict(&g, 5), 0), GAPS_PROBLEM_CONFLICT, 5, 0);
	/* too many between for the numbers that are there */
	PROBLEM(manifests[1].seq = 0; manifests[2].manifest.counter = 14;
		manifests[2].manifest.first = 21, GAPS_PROBLEM_NO_MANIFEST, 20, 13);
	PROBLEM(manifests[1].seq = 0;
		manifests[2].manifest.counter = 15, GAPS_PROBLEM_SPAN, 30, 21);
}

/* What a manifest says was acknowledged, and is not here, the clinic has lost. */
static void test_lost_by_manifest(void)
{
	prepare();
	g.told_acked = 0;
	g.contig = 0;
	g.told_queued = 30;
	manifests[2].manifest.acked = 12;
	for (uint64_t i = 1; i <= 30; i++)
		if (i != 12 && i != 13)
			CHECK_INT(gaps_add_stored(&g, i, i), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(gaps_add_manifest(&g, &manifests[i]), 0);
	CHECK_INT(gaps_explain(&g), 0);
	CHECK_UINT(g.all.count, 4);
	CHECK_INT(g.all.ranges[1].state, GAPS_LOST);
	CHECK_UINT(g.all.ranges[1].last, 12);
	CHECK_INT(g.all.ranges[2].state, GAPS_WAITING);
	CHECK_UINT(g.problem_count, 1);
	CHECK_INT(g.problems[0].kind, GAPS_PROBLEM_ACKED);
	gaps_free(&g);
}

static void test_missing_manifest(void)
{
	const struct tombstone t = { 20, 20, CLASS_ROUTINE, TOMBSTONE_EVICTED };

	prepare();
	for (uint64_t i = 1; i <= 30; i++)
		if (i != 20)
			CHECK_INT(gaps_add_stored(&g, i, i), 0);
	CHECK_INT(gaps_add_given_up(&g, &t), 0);
	CHECK_INT(gaps_add_manifest(&g, &manifests[0]), 0);
	CHECK_INT(gaps_add_manifest(&g, &manifests[2]), 0);
	CHECK_INT(gaps_explain(&g), 0);
	CHECK_UINT(g.problem_count, 0);
	CHECK_UINT(g.note_count, 1);
	CHECK_INT(g.notes[0].kind, GAPS_NOTE_MISSING);
	CHECK_UINT(g.notes[0].a, 2);
	CHECK_UINT(g.notes[0].b, 2);
	CHECK_INT(g.verdict, GAPS_TOLD_LOSSES);
	gaps_free(&g);
	/* here, but of a key that is not at hand: neither missing nor wrong */
	prepare();
	manifests[1].opened = GAPS_NOT_OPENED;
	explain();
	CHECK_UINT(g.problem_count, 0);
	CHECK_UINT(g.note_count, 0);
	CHECK_UINT(g.manifests_unread, 1);
	CHECK_UINT(g.manifests_good, 2);
	gaps_free(&g);
}

static void test_account_anew(void)
{
	prepare();
	manifests[2].manifest.counter = 1;
	manifests[2].manifest.first = 1;
	manifests[2].manifest.from_day = 90; /* it knows nothing of what it told */
	explain();
	CHECK_UINT(g.problem_count, 0);
	CHECK_UINT(g.note_count, 1);
	CHECK_INT(g.notes[0].kind, GAPS_NOTE_ANEW);
	CHECK_UINT(g.notes[0].a, 30);
	CHECK_UINT(g.from_day, 90);
	gaps_free(&g);
	/* nor does its next one, if the first told no day */
	prepare();
	manifests[1].manifest.counter = 1;
	manifests[1].manifest.first = 1;
	manifests[1].manifest.has_days = false;
	manifests[2].manifest.counter = 2;
	manifests[2].manifest.from_day = 90;
	explain();
	CHECK_UINT(g.problem_count, 0);
	gaps_free(&g);
}

static void test_empty_day(void)
{
	prepare();
	manifests[1].seq = 9;
	manifests[1].manifest.last = 8;
	manifests[2].manifest.first = 10;
	explain();
	CHECK_UINT(g.problem_count, 0);
	CHECK_UINT(g.manifests_empty, 1);
	gaps_free(&g);
}

/* --- from a store ------------------------------------------------------------------------------------ */

static struct store *store;
static struct hub hub = {
	.id = { 0xaa }, .name = "kitchen", .epoch = 3, .state = HUB_ACTIVE
};
static uint8_t sign_private[P256_PRIVATE_LEN], seal_public[X25519_LEN];
static struct opening_key key = { .id = 7 };

static void insert(struct batch *b, uint64_t seq, uint8_t kind, const uint8_t *plain,
		   size_t len, uint8_t key_id)
{
	static uint8_t sealed[SEALED_BODY_MAX];
	enum insert_result result;
	struct envelope e = { .epoch = hub.epoch,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = kind,
			      .body_len = (uint32_t)SEALED_LEN(len) };
	uint8_t ad[ENVELOPE_LEN];

	memcpy(e.hub, hub.id, HUB_ID_LEN);
	envelope_encode(&e, ad);
	CHECK_INT(seal(key_id, seal_public, ad, sizeof(ad), plain, len, sealed), 0);
	b->record_count = 1;
	b->records[0] =
		(struct record){ 0, seq, CLASS_ROUTINE, kind, sealed, e.body_len };
	CHECK_INT(store_record_insert_batch(store, b, 1, &result), 0);
}

static struct manifest day(uint64_t counter, uint64_t first, uint64_t last)
{
	struct manifest m = { .epoch = hub.epoch,
			      .counter = counter,
			      .first = first,
			      .last = last,
			      .has_days = true,
			      .from_day = 100 + (uint32_t)counter,
			      .to_day = 100 + (uint32_t)counter,
			      .made = { .wall = { 1, 1, CLOCK_QUALITY_CLINIC } } };

	memcpy(m.hub, hub.id, HUB_ID_LEN);
	return m;
}

static void insert_manifest(struct batch *b, const struct manifest *m, uint64_t seq,
			    const uint8_t *private, uint8_t key_id)
{
	uint8_t body[MANIFEST_BODY_MAX];
	int n = manifest_make(m, private, body, sizeof(body));

	CHECK(n > 0);
	insert(b, seq, READING_MANIFEST, body, (size_t)n, key_id);
}

/* 1-5 readings, 6 given up, 7 manifest 1 of another's signature, 8 of another key id, 9 says it is 10, 10 no manifest,
 * 11 twice, 12 from a card, 13 manifest 2; the hub has given 14. */
static void fill(void)
{
	uint8_t other[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct batch b = { .epoch = hub.epoch, .highest = 14, .acked = 6, .queued = 1 };
	struct sealed aside = { .epoch = hub.epoch, .received_ms = 1 };
	struct manifest m = day(1, 1, 6);
	uint64_t contig;

	memcpy(b.hub, hub.id, HUB_ID_LEN);
	memcpy(aside.hub, hub.id, HUB_ID_LEN);
	p256_generate(other, public);
	for (uint64_t i = 1; i <= 5; i++)
		insert(&b, i, READING_WEIGHT, (const uint8_t *)"x", 1, 7);
	insert_manifest(&b, &m, 7, other, 7);
	m = day(1, 1, 7);
	insert_manifest(&b, &m, 8, sign_private, 8);
	m = day(1, 1, 9);
	insert_manifest(&b, &m, 9, sign_private, 7);
	insert(&b, 10, READING_MANIFEST, (const uint8_t *)"x", 1, 7);
	insert(&b, 11, READING_WEIGHT, (const uint8_t *)"x", 1, 7);
	aside.record =
		(struct record){ 0, 11, CLASS_ROUTINE, 2, (const uint8_t *)"y", 1 };
	CHECK_INT(store_quarantine_put(store, &aside, QUARANTINE_SEQ_CONFLICT), 0);
	aside.record.seq = 12;
	CHECK_INT(store_quarantine_put(store, &aside, QUARANTINE_RECOVERED), 0);
	m = day(1, 1, 12);
	insert_manifest(&b, &m, 13, sign_private, 7);
	b.tombstone_count = 1;
	b.tombstones[0] = (struct tombstone){ 5, 6, CLASS_ALARM, TOMBSTONE_DAMAGED };
	CHECK_INT(store_tombstones_put(store, &b, 1), 0);
	CHECK_INT(store_record_contig(store, hub.id, hub.epoch, &contig), 0);
	CHECK_UINT(contig, 11);
	/* another life of the hub does not count */
	b.epoch = 2;
	b.tombstone_count = 0;
	insert(&b, 40, READING_WEIGHT, (const uint8_t *)"x", 1, 7);
	CHECK_INT(store_hub_take(store, &hub, &b, 5), 0);
}

static void check_loaded(void)
{
	static const struct gaps_range want[] = {
		{ 1, 5, GAPS_STORED, CLASS_NONE, TOMBSTONE_NONE },
		{ 6, 6, GAPS_GIVEN_UP, CLASS_ALARM, TOMBSTONE_DAMAGED },
		{ 7, 11, GAPS_STORED, CLASS_NONE, TOMBSTONE_NONE },
		{ 12, 12, GAPS_RECOVERED, CLASS_NONE, TOMBSTONE_NONE },
		{ 13, 13, GAPS_STORED, CLASS_NONE, TOMBSTONE_NONE },
		{ 14, 14, GAPS_WAITING, CLASS_NONE, TOMBSTONE_NONE },
	};

	CHECK_UINT(g.all.count, 6);
	for (size_t i = 0; i < 6; i++) {
		CHECK_UINT(g.all.ranges[i].first, want[i].first);
		CHECK_UINT(g.all.ranges[i].last, want[i].last);
		CHECK_INT(g.all.ranges[i].state, want[i].state);
		CHECK_INT(g.all.ranges[i].class, want[i].class);
		CHECK_INT(g.all.ranges[i].cause, want[i].cause);
	}
	CHECK_UINT(g.manifest_count, 5);
}

/* A store is asked number by number. */
struct one_by_one {
	gaps_numbers_fn *fn;
	void *arg;
};

static int on_number(void *arg, uint64_t seq)
{
	const struct one_by_one *o = arg;

	return o->fn(o->arg, seq, seq);
}

static int ask_numbers(void *arg, enum store_numbers what, gaps_numbers_fn *fn,
		       void *fn_arg)
{
	struct one_by_one o = { fn, fn_arg };

	(void)arg;
	return store_number_each(store, hub.id, hub.epoch, what, 0, on_number, &o);
}

static int ask_manifests(void *arg, store_record_fn *fn, void *fn_arg)
{
	(void)arg;
	return store_kind_page(store, hub.id, hub.epoch, 0, READING_MANIFEST, 1000, fn,
			       fn_arg);
}

static int ask_given_up(void *arg, store_given_up_fn *fn, void *fn_arg)
{
	(void)arg;
	return store_given_up_each(store, hub.id, hub.epoch, fn, fn_arg);
}

static const struct gaps_source source = { ask_numbers, ask_manifests, ask_given_up,
					   NULL };

static void test_store(void)
{
	static const uint8_t db_key[STORE_KEY_LEN] = { 1 };
	static const enum gaps_opened opened[] = { GAPS_BAD, GAPS_NOT_OPENED, GAPS_BAD,
						   GAPS_BAD, GAPS_OPENED };
	struct store_counts c, later;
	char dir[64], path[128];

	CHECK_INT(crypto_init(), 0);
	p256_generate(sign_private, hub.sign_public);
	x25519_generate(key.private, seal_public);
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/clinic.db", dir);
	CHECK_INT(store_create(path, db_key, &store), 0);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_put(store, &hub), 0);
	fill();
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(store_hub_by_name(store, "kitchen", &hub), 0);
	CHECK_INT(store_begin_read(store), 0);
	CHECK_INT(store_counts(store, hub.id, hub.epoch, &c), 0);
	CHECK_INT(gaps_load(&source, &hub, &c, &key, &g), 0);
	check_loaded();
	for (size_t i = 0; i < 5; i++)
		CHECK_INT(g.manifests[i].opened, opened[i]);
	CHECK_STR(g.manifests[0].why, "its signature is not this hub's");
	CHECK_UINT(g.problem_count, 4); /* 7, 9 and 10; 11 has two bodies */
	CHECK_UINT(g.manifests_good, 1);
	CHECK_INT(g.verdict, GAPS_NOT_COMPLETE);
	gaps_free(&g);
	/* without the key the numbers are the same, and the manifests say nothing */
	CHECK_INT(gaps_load(&source, &hub, &c, NULL, &g), 0);
	check_loaded();
	CHECK_UINT(g.manifests_unread, 5);
	CHECK_UINT(g.problem_count, 1);
	gaps_free(&g);
	/* what came after the counts is no part of the account */
	later = c;
	later.highest = hub.highest = 12;
	CHECK_INT(gaps_load(&source, &hub, &later, &key, &g), 0);
	CHECK_UINT(g.highest, 12);
	CHECK_UINT(g.all.ranges[g.all.count - 1].last, 12);
	gaps_free(&g);
	CHECK_UINT(c.records, 11);
	CHECK_UINT(c.manifests, 5);
	CHECK_UINT(c.quarantined, 1);
	CHECK_UINT(c.recovered, 1);
	CHECK_INT(store_record_has(store, hub.id, hub.epoch, 11), 1);
	CHECK_INT(store_record_has(store, hub.id, hub.epoch, 12), 0);
	CHECK_INT(store_record_has(store, hub.id, hub.epoch, UINT64_MAX), 0);
	store_rollback(store);
	store_close(store);
	temp_dir_remove(dir);
}

TEST_MAIN("gaps", test_nothing, test_largest, test_oracle, test_manifests,
	  test_lost_by_manifest, test_missing_manifest, test_account_anew, test_empty_day,
	  test_store)
