/*
 * test_filing.c - whose reading is it: the table of decisions, then what the store makes of them, on either backend
 * (clinic_place.h).
 */
#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clinic/store_assign.h"
#include "clinic/store_held.h"
#include "hub/core/reading.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/test.h"

#define G ASSIGNMENT_GIVEN
#define W ASSIGNMENT_WITHDRAWN

/* --- the table ------------------------------------------------------------------------ */

#define ROWS(...)                                                                        \
	{                                                                                \
		sizeof((struct assignment[]){ __VA_ARGS__ }) /                           \
			sizeof(struct assignment),                                       \
		{                                                                        \
			__VA_ARGS__                                                      \
		}                                                                        \
	}

static const struct row {
	const char *what;
	struct assignments t;
	uint32_t assignment;
	uint64_t seq;
	uint8_t kind;
	enum hub_state state;
	bool sealed;
	enum quarantine_reason want;
} table[] = {
	{ "its only assignment", ROWS({ 1, G, 0 }), 1, 9, 1, HUB_ACTIVE, false, 0 },
	{ "suspended", ROWS({ 1, G, 0 }), 1, 9, 1, HUB_SUSPENDED, false,
	  QUARANTINE_SUSPENDED },
	{ "sealed", ROWS({ 1, G, 0 }), 1, 9, 1, HUB_ACTIVE, true, QUARANTINE_SUSPECT },
	{ "both", ROWS({ 1, G, 0 }), 1, 9, 1, HUB_SUSPENDED, true, QUARANTINE_SUSPENDED },
	{ "nothing given",
	  { 0 },
	  1,
	  9,
	  1,
	  HUB_ACTIVE,
	  false,
	  QUARANTINE_UNKNOWN_ASSIGNMENT },
	{ "above", ROWS({ 1, G, 0 }), 2, 9, 1, HUB_ACTIVE, false,
	  QUARANTINE_UNKNOWN_ASSIGNMENT },
	{ "below", ROWS({ 2, G, 0 }), 1, 9, 1, HUB_ACTIVE, false,
	  QUARANTINE_UNKNOWN_ASSIGNMENT },
	{ "no patient", ROWS({ 1, G, 0 }), 0, 9, 1, HUB_ACTIVE, false,
	  QUARANTINE_NO_PATIENT },
	{ "no patient is never given", ROWS({ 0, G, 0 }), 0, 9, 1, HUB_ACTIVE, false,
	  QUARANTINE_NO_PATIENT },
	{ "unknown goes before suspended", ROWS({ 1, G, 0 }), 7, 9, 1, HUB_SUSPENDED,
	  true, QUARANTINE_UNKNOWN_ASSIGNMENT },
	{ "withdrawn", ROWS({ 1, W, 4 }), 1, 9, 1, HUB_ACTIVE, false,
	  QUARANTINE_WITHDRAWN_ASSIGNMENT },
	{ "of two the other is withdrawn", ROWS({ 2, W, 0 }, { 1, G, 4 }), 1, 9, 1,
	  HUB_ACTIVE, false, 0 },
	{ "state from a newer program", ROWS({ 1, (enum assignment_state)3, 4 }), 1, 9, 1,
	  HUB_ACTIVE, false, QUARANTINE_WITHDRAWN_ASSIGNMENT },
	{ "the next has begun, this is before", ROWS({ 2, G, 9 }, { 1, G, 1 }), 1, 8, 1,
	  HUB_ACTIVE, false, 0 },
	{ "at its number", ROWS({ 2, G, 9 }, { 1, G, 1 }), 1, 9, 1, HUB_ACTIVE, false,
	  0 }, /* one number, two bodies: the store says so */
	{ "and behind", ROWS({ 2, G, 9 }, { 1, G, 1 }), 1, 10, 1, HUB_ACTIVE, false,
	  QUARANTINE_ENDED_ASSIGNMENT },
	{ "the next is given, not begun", ROWS({ 2, G, 0 }, { 1, G, 1 }), 1, 10, 1,
	  HUB_ACTIVE, false, 0 },
	{ "the next but one has begun", ROWS({ 3, W, 9 }, { 2, G, 0 }, { 1, G, 1 }), 1,
	  10, 1, HUB_ACTIVE, false, QUARANTINE_ENDED_ASSIGNMENT },
	{ "an earlier one began", ROWS({ 2, G, 0 }, { 1, G, 1 }), 2, 10, 1, HUB_ACTIVE,
	  false, 0 },
	{ "withdrawn and ended", ROWS({ 2, G, 9 }, { 1, W, 1 }), 1, 10, 1, HUB_ACTIVE,
	  false, QUARANTINE_WITHDRAWN_ASSIGNMENT },
	{ "a manifest is nobody's", { 0 }, 7, 9, READING_MANIFEST, HUB_ACTIVE, false, 0 },
	{ "a manifest, suspended",
	  { 0 },
	  7,
	  9,
	  READING_MANIFEST,
	  HUB_SUSPENDED,
	  false,
	  QUARANTINE_SUSPENDED },
};

static void test_decide(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct row *w = &table[i];
		struct record rec = { .assignment = w->assignment,
				      .seq = w->seq,
				      .kind = w->kind };
		struct hub_life life = { .state = w->state };
		enum quarantine_reason got = filing_decide(&rec, &w->t, &life, w->sealed);

		if (got != w->want)
			fprintf(stderr, "%s: %s\n", w->what, filing_reason_name(got));
		CHECK_INT(got, w->want);
	}
}

/* A person's word: for what was held because of the hub, and, if it is named, for an assignment; nothing else. */
static void test_release(void)
{
	struct assignments t = ROWS({ 2, G, 9 }, { 1, G, 1 });
	struct record rec = { .assignment = 1, .seq = 5, .kind = 1 };
	struct record manifest = { .assignment = 7, .seq = 5, .kind = READING_MANIFEST };

	CHECK_INT(filing_may_release(&rec, QUARANTINE_SUSPENDED, &t, 0), 0);
	CHECK_INT(filing_may_release(&rec, QUARANTINE_SUSPECT, &t, 0), 0);
	CHECK_INT(filing_may_release(&rec, QUARANTINE_SEQ_CONFLICT, &t, 1),
		  QUARANTINE_SEQ_CONFLICT);
	CHECK_INT(filing_may_release(&rec, QUARANTINE_RECOVERED, &t, 1),
		  QUARANTINE_RECOVERED);
	rec.seq = 10; /* held because of the hub, but its assignment is in doubt by now */
	CHECK_INT(filing_may_release(&rec, QUARANTINE_SUSPENDED, &t, 0),
		  QUARANTINE_ENDED_ASSIGNMENT);
	CHECK_INT(filing_may_release(&rec, QUARANTINE_SUSPENDED, &t, 2),
		  QUARANTINE_ENDED_ASSIGNMENT);
	CHECK_INT(filing_may_release(&rec, QUARANTINE_SUSPENDED, &t, 1), 0);
	rec.assignment = 0; /* a test: nobody's word makes it a reading of a patient */
	CHECK_INT(filing_may_release(&rec, QUARANTINE_NO_PATIENT, &t, 0),
		  QUARANTINE_NO_PATIENT);
	CHECK_INT(filing_may_release(&rec, QUARANTINE_NO_PATIENT, &t, 1),
		  QUARANTINE_NO_PATIENT);
	rec.assignment = 7;
	CHECK_INT(filing_may_release(&rec, QUARANTINE_UNKNOWN_ASSIGNMENT, &t, 0),
		  QUARANTINE_UNKNOWN_ASSIGNMENT);
	/* given since */
	t.rows[0].number = 7;
	CHECK_INT(filing_may_release(&rec, QUARANTINE_UNKNOWN_ASSIGNMENT, &t, 0), 0);
	CHECK_INT(filing_may_release(&manifest, QUARANTINE_SUSPENDED, &t, 0), 0);
}

static void test_taken(void)
{
	struct assignments t = ROWS({ 2, G, 0 }, { 1, G, 1 });
	struct record rec = { .assignment = 2, .seq = 5, .kind = 1 };

	CHECK(filing_taken(&t, &rec));
	CHECK_UINT(filing_find(&t, 2)->first_seq, 5);
	rec.seq = 6;
	CHECK(!filing_taken(&t, &rec));
	rec.seq = 5;
	CHECK(!filing_taken(&t, &rec));
	rec.seq = 4; /* alarms come first */
	CHECK(filing_taken(&t, &rec));
	CHECK_UINT(filing_find(&t, 2)->first_seq, 4);
	rec.seq = 3;
	rec.kind = READING_MANIFEST;
	CHECK(!filing_taken(&t, &rec));
	rec.kind = 1;
	rec.assignment = 3;
	CHECK(!filing_taken(&t, &rec));
	CHECK(!filing_find(&t, 0));
}

static void test_words(void)
{
	for (int why = QUARANTINE_NONE + 1; why < QUARANTINE_REASONS; why++) {
		const char *name = filing_reason_name((enum quarantine_reason)why);

		CHECK_INT(filing_reason_of(name), why);
		CHECK(strlen(filing_reason_text((enum quarantine_reason)why)) > 8);
		CHECK_INT(filing_of_assignment((enum quarantine_reason)why),
			  strstr(name, "assignment") != NULL);
		CHECK_INT(filing_holds_number((enum quarantine_reason)why), why >= 3);
	}
	CHECK_INT(filing_reason_of("?"), QUARANTINE_NONE);
	CHECK_STR(filing_reason_name(QUARANTINE_NONE), "?");
	CHECK_STR(filing_reason_text(QUARANTINE_REASONS), "?");
	CHECK(!filing_of_assignment(QUARANTINE_REASONS));
	CHECK(!filing_holds_number(QUARANTINE_REASONS));
}

/* --- the store ------------------------------------------------------------------------ */

enum { EPOCH = 3 };

static struct place place;
static struct store *store;
static struct hub hub = {
	.id = { 7 }, .name = "kitchen", .epoch = EPOCH, .state = HUB_ACTIVE, .spki = { 8 }
};

static void set_up(void)
{
	CHECK_INT(crypto_init(), 0);
	hub.state = HUB_ACTIVE;
	place_make(&place);
	CHECK_INT(place_create(&place, &store), 0);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_put(store, &hub), 0);
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, 1), 0);
	CHECK_INT(store_commit(store), 0);
}

static void tear_down(void)
{
	store_close(store);
	place_remove(&place);
	crypto_done();
}

/* A record of this number; 'body' NULL: the number. */
static void add(struct batch *b, uint32_t assignment, uint64_t seq, const char *body)
{
	static char text[BATCH_RECORDS_MAX][24];
	struct record *rec = &b->records[b->record_count];

	(void)snprintf(text[b->record_count], sizeof(text[0]), "%s%llu", body ? body : "",
		       (unsigned long long)seq);
	b->record_count++;
	*rec = (struct record){ assignment,
				seq,
				CLASS_ROUTINE,
				1,
				(const uint8_t *)text[b->record_count - 1],
				strlen(text[b->record_count - 1]) };
}

static struct batch empty(void)
{
	struct batch b = { .epoch = EPOCH };

	memcpy(b.hub, hub.id, HUB_ID_LEN);
	return b;
}

/* What becomes of each record, a letter: stored, duplicate, conflict; held by reason, '3' to '7'. */
static const char *file_all(const struct batch *b)
{
	static char text[BATCH_RECORDS_MAX + 1];
	enum quarantine_reason why[BATCH_RECORDS_MAX];
	enum insert_result result[BATCH_RECORDS_MAX];
	uint64_t contig;

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_file_batch(store, &hub, b, 1000, why, result), 0);
	CHECK_INT(store_record_contig(store, hub.id, EPOCH, &contig), 0);
	CHECK_INT(store_commit(store), 0);
	for (size_t i = 0; i < b->record_count; i++) {
		text[i] = "?sdc"[result[i]];
		if (result[i] == INSERT_STORED && why[i] != QUARANTINE_NONE)
			text[i] = "0123456789"[why[i]];
	}
	text[b->record_count] = '\0';
	return text;
}

static const char *file_one(uint32_t assignment, uint64_t seq)
{
	struct batch b = empty();

	add(&b, assignment, seq, NULL);
	return file_all(&b);
}

static struct store_counts counts(void)
{
	struct store_counts c;

	CHECK_INT(store_counts(store, hub.id, EPOCH, &c), 0);
	return c;
}

static struct held_done settle(struct held_choice c, enum journal_act act)
{
	struct journal_entry e = {
		.at_ms = 5000, .act = act, .who = "nurse", .why = "looked at"
	};
	struct held_done done;
	struct hub h;

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_lock(store, "kitchen", &h), 0);
	CHECK_INT(store_journal_next(store, h.id, &e.number), 0);
	c.journal = e.number;
	CHECK_INT(store_held_settle(store, h.id, &c, &done), 0);
	e.count = done.done;
	if (done.done > 0)
		CHECK_INT(store_journal_add(store, h.id, &e), 0);
	CHECK_INT(store_commit(store), 0);
	return done;
}

static uint64_t contig(void)
{
	uint64_t n = 0;

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_record_contig(store, hub.id, EPOCH, &n), 0);
	CHECK_INT(store_commit(store), 0);
	return n;
}

/* In one batch and over several: filed, held, and what comes again. */
static void test_batches(void)
{
	struct batch b = empty();
	struct assignments t;

	set_up();
	for (uint64_t seq = 1; seq <= 3; seq++)
		add(&b, seq == 2 ? 9 : 1, seq, NULL);
	CHECK_STR(file_all(&b), "s5s");
	CHECK_STR(file_all(&b), "ddd");
	CHECK_UINT(counts().contig, 3);
	CHECK_UINT(counts().records, 2);
	CHECK_UINT(counts().held, 1);
	CHECK_UINT(counts().held_unassigned, 1);
	b.records[1].body = (const uint8_t *)"other";
	b.records[1].body_len = 5;
	CHECK_STR(file_all(&b), "dcd");
	CHECK_UINT(counts().quarantined, 1);
	/* the next patient's, and one of the first that is taken after it */
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, 2), 0);
	b = empty();
	add(&b, 1, 5, NULL);
	add(&b, 2, 6, NULL);
	add(&b, 1, 7, NULL);
	CHECK_STR(file_all(&b), "ss7");
	CHECK_INT(store_assignments(store, hub.id, EPOCH, &t), 0);
	CHECK_UINT(t.count, 2);
	CHECK_UINT(t.rows[0].number, 2);
	CHECK_UINT(t.rows[0].first_seq, 6);
	CHECK_UINT(t.rows[1].first_seq, 1);
	CHECK_STR(file_one(1, 8), "7");
	CHECK_STR(file_one(1, 4), "s"); /* late, and that patient's */
	CHECK_UINT(counts().contig, 8);
	/* the assignment becomes known: what is held stays so until a person decides */
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, 9), 0);
	CHECK_STR(file_one(9, 2), "d");
	CHECK_STR(file_one(9, 9), "s");
	tear_down();
}

/* A config that is kept makes its assignment known; of none it says nothing. */
static void test_given_by_config(void)
{
	struct config c = { .epoch = EPOCH,
			    .version = 1,
			    .assignment = 5,
			    .heartbeat_s = 300,
			    .endpoint_count = 1 };
	struct assignments t;

	set_up();
	memcpy(c.hub, hub.id, HUB_ID_LEN);
	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	CHECK_STR(file_one(5, 1), "5");
	CHECK_INT(store_config_put(store, &c), 0);
	CHECK_STR(file_one(5, 2), "s");
	CHECK_INT(store_assignment_set(store, hub.id, EPOCH, 5, ASSIGNMENT_WITHDRAWN), 0);
	c.version = 2;
	CHECK_INT(store_config_put(store, &c), 0); /* does not give it again */
	CHECK_STR(file_one(5, 3), "6");
	c.assignment = 0;
	CHECK_INT(store_config_put(store, &c), 0);
	CHECK_INT(store_assignments(store, hub.id, EPOCH, &t), 0);
	CHECK_UINT(t.count, 2);
	CHECK_INT(store_assignment_set(store, hub.id, EPOCH, 6, ASSIGNMENT_WITHDRAWN),
		  -ENOENT);
	CHECK_INT(store_assignment_set(store, hub.id, EPOCH + 1, 5, ASSIGNMENT_GIVEN),
		  -ENOENT);
	tear_down();
}

/* The newest are known; of more than fit the lowest are held, and nothing breaks. */
static void test_many_assignments(void)
{
	struct assignments t;

	set_up();
	for (uint32_t n = 2; n <= ASSIGNMENTS_MAX; n++)
		CHECK_INT(store_assignment_give(store, hub.id, EPOCH, n), 0);
	CHECK_INT(store_assignments(store, hub.id, EPOCH, &t), 0);
	CHECK_UINT(t.count, ASSIGNMENTS_MAX);
	CHECK_STR(file_one(1, 1), "s");
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, ASSIGNMENTS_MAX + 1), 0);
	CHECK_INT(store_assignments(store, hub.id, EPOCH, &t), 0);
	CHECK_UINT(t.count, ASSIGNMENTS_MAX);
	CHECK_UINT(t.rows[ASSIGNMENTS_MAX - 1].number, 2);
	CHECK_STR(file_one(1, 2), "5");
	CHECK_STR(file_one(2, 3), "s");
	tear_down();
}

static int count_body(void *arg, const struct sealed *rec)
{
	unsigned *seen = arg;

	if (rec->record.body_len == 2 && memcmp(rec->record.body, "10", 2) == 0)
		++*seen;
	return 0;
}

/* Released once and filed once, whatever comes again; what is not chosen or still in doubt stays. */
static void test_settle_release(void)
{
	struct held_done d;
	unsigned seen = 0;

	set_up();
	hub.state = HUB_SUSPENDED;
	CHECK_STR(file_one(1, 10), "3");
	CHECK_STR(file_one(1, 11), "3");
	CHECK_STR(file_one(9, 12), "5");
	CHECK_STR(file_one(8, 13), "5");
	hub.state = HUB_ACTIVE;
	CHECK_STR(file_one(1, 10), "d"); /* not filed by coming again */
	CHECK_UINT(counts().records, 0);
	d = settle(
		(struct held_choice){ .verdict = HELD_RELEASED, .first = 10, .last = 10 },
		JOURNAL_RELEASE);
	CHECK_UINT(d.done, 1);
	CHECK_UINT(counts().records, 1);
	CHECK_UINT(counts().held, 3);
	CHECK_UINT(counts().highest, 13);
	d = settle((struct held_choice){ .verdict = HELD_RELEASED, .only = 4 },
		   JOURNAL_RELEASE);
	CHECK_UINT(d.done, 0);
	d = settle((struct held_choice){ .verdict = HELD_RELEASED }, JOURNAL_RELEASE);
	CHECK_UINT(d.done, 1);
	CHECK_UINT(d.left[QUARANTINE_UNKNOWN_ASSIGNMENT], 2);
	d = settle((struct held_choice){ .verdict = HELD_RELEASED, .accepted = 9 },
		   JOURNAL_RELEASE);
	CHECK_UINT(d.done, 1);
	CHECK_UINT(d.left[QUARANTINE_UNKNOWN_ASSIGNMENT], 1);
	d = settle((struct held_choice){ .verdict = HELD_RELEASED, .accepted = 9 },
		   JOURNAL_RELEASE);
	CHECK_UINT(d.done, 0);
	CHECK_STR(file_one(1, 10), "d");
	CHECK_STR(file_one(9, 12), "d");
	CHECK_INT(store_record_each(store, hub.id, count_body, &seen), 0);
	CHECK_UINT(seen, 1);
	CHECK_UINT(counts().records, 3);
	CHECK_UINT(counts().held, 1);
	CHECK_UINT(counts().discarded, 0);
	tear_down();
}

/* Nothing is deleted, the number counts as come, and coming again files nothing. */
static void test_settle_discard(void)
{
	struct held_done d;

	set_up();
	CHECK_STR(file_one(9, 1), "5");
	CHECK_STR(file_one(9, 2), "5");
	CHECK_STR(file_one(1, 3), "s");
	d = settle((struct held_choice){ .verdict = HELD_DISCARDED,
					 .only = QUARANTINE_UNKNOWN_ASSIGNMENT,
					 .last = 1 },
		   JOURNAL_DISCARD);
	CHECK_UINT(d.done, 1);
	CHECK_UINT(counts().held, 1);
	CHECK_UINT(counts().held_unassigned, 1);
	CHECK_UINT(counts().discarded, 1);
	CHECK_UINT(contig(), 3);
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, 9), 0);
	CHECK_STR(file_one(9, 1), "d");
	d = settle((struct held_choice){ .verdict = HELD_RELEASED }, JOURNAL_RELEASE);
	CHECK_UINT(d.done, 1); /* the other one: its assignment is known by now */
	CHECK_UINT(counts().records, 2);
	CHECK_UINT(counts().discarded, 1);
	tear_down();
}

/* Of a number that has a record the second body is never filed; it can be discarded. */
static void test_settle_conflict(void)
{
	struct batch b = empty();
	struct held_done d;

	set_up();
	hub.state = HUB_SUSPENDED;
	add(&b, 1, 1, NULL);
	CHECK_STR(file_all(&b), "3");
	b.record_count = 0;
	add(&b, 1, 1, "other");
	CHECK_STR(file_all(&b), "c");
	d = settle((struct held_choice){ .verdict = HELD_RELEASED, .accepted = 1 },
		   JOURNAL_RELEASE);
	CHECK_UINT(d.done, 1);
	CHECK_UINT(d.left[QUARANTINE_SEQ_CONFLICT], 1);
	CHECK_UINT(counts().quarantined, 1);
	/* an older program has filed another body beside one that is held */
	CHECK_STR(file_one(1, 2), "3");
	b.record_count = 0;
	add(&b, 1, 2, "odd");
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_record_insert_batch(store, &b, 1, (enum insert_result[1]){ 0 }),
		  0);
	CHECK_INT(store_commit(store), 0);
	d = settle((struct held_choice){ .verdict = HELD_RELEASED }, JOURNAL_RELEASE);
	CHECK_UINT(d.done, 0);
	CHECK_UINT(d.left[QUARANTINE_SEQ_CONFLICT], 2);
	d = settle((struct held_choice){ .verdict = HELD_DISCARDED }, JOURNAL_DISCARD);
	CHECK_UINT(d.done, 2);
	CHECK_UINT(counts().quarantined, 0);
	CHECK_UINT(counts().records, 2);
	tear_down();
}

static int sum_groups(void *arg, const struct held_group *g)
{
	struct held_group *all = arg;

	all->count += g->count;
	all->epoch = g->epoch;
	all->why = g->why;
	all->assignment = g->assignment;
	all->first = g->first;
	all->last = g->last;
	all->since_ms = g->since_ms;
	return 0;
}

static int count_one(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	CHECK_INT(why, QUARANTINE_UNKNOWN_ASSIGNMENT);
	CHECK_UINT(rec->epoch, EPOCH);
	++*(unsigned *)arg;
	return 0;
}

static int check_line(void *arg, const struct journal_entry *e)
{
	uint64_t *n = arg;

	CHECK_UINT(e->number, ++*n);
	CHECK_INT(e->act, *n == 1 ? JOURNAL_RELEASE : JOURNAL_DISCARD);
	CHECK_UINT(e->count, *n == 1 ? 100 : 31);
	CHECK_INT(e->at_ms, 5000);
	CHECK_STR(e->who, "nurse");
	CHECK_STR(e->why, "looked at");
	return 0;
}

/* More than are read at once, one less and as many; then what people are shown of them. */
static void test_pages(void)
{
	struct held_group g = { 0 };
	struct held_done d;
	uint64_t lines = 0;
	unsigned seen = 0;
	struct hub h;

	set_up();
	for (uint64_t seq = 1; seq <= 131; seq++)
		CHECK_STR(file_one(9, seq), "5");
	CHECK_INT(store_held_groups(store, hub.id, sum_groups, &g), 0);
	CHECK_UINT(g.count, 131);
	CHECK_UINT(g.first, 1);
	CHECK_UINT(g.last, 131);
	CHECK_UINT(g.assignment, 9);
	CHECK_UINT(g.epoch, EPOCH);
	CHECK_INT(g.since_ms, 1000);
	CHECK_INT(store_held_each(store, hub.id, count_one, &seen), 0);
	CHECK_UINT(seen, 131);
	for (uint64_t last = 63; last <= 65; last++) {
		d = settle((struct held_choice){ .verdict = HELD_RELEASED,
						 .first = 1,
						 .last = last },
			   JOURNAL_RELEASE);
		CHECK_UINT(d.left[QUARANTINE_UNKNOWN_ASSIGNMENT], last);
	}
	d = settle((struct held_choice){ .verdict = HELD_RELEASED,
					 .accepted = 9,
					 .last = 100 },
		   JOURNAL_RELEASE);
	CHECK_UINT(d.done, 100);
	d = settle((struct held_choice){ .verdict = HELD_DISCARDED }, JOURNAL_DISCARD);
	CHECK_UINT(d.done, 31);
	CHECK_UINT(counts().records, 100);
	CHECK_UINT(counts().discarded, 31);
	CHECK_UINT(contig(), 131);
	CHECK_INT(store_journal_each(store, hub.id, check_line, &lines), 0);
	CHECK_UINT(lines, 2);
	g.count = 0;
	CHECK_INT(store_held_groups(store, hub.id, sum_groups, &g), 0);
	CHECK_UINT(g.count, 0);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_lock(store, "nobody", &h), -ENOENT);
	store_rollback(store);
	CHECK_INT(store_hub_state(store, hub.id, HUB_SUSPENDED), 0);
	CHECK_INT(store_hub_by_name(store, "kitchen", &h), 0);
	CHECK_INT(h.state, HUB_SUSPENDED);
	tear_down();
}

/* --- patients ------------------------------------------------------------------------- */

static unsigned rows;
static struct assigned row[8];

static int keep_row(void *arg, const struct assigned *a)
{
	(void)arg;
	row[rows++ % 8] = *a;
	return 0;
}

static void test_patients(void)
{
	char longest[PATIENT_TEXT_MAX + 2];
	struct assigned a;
	uint32_t n = 0;

	memset(longest, 'p', sizeof(longest));
	longest[PATIENT_TEXT_MAX + 1] = '\0';
	CHECK(!store_assigned_is_patient(longest));
	longest[PATIENT_TEXT_MAX] = '\0';
	CHECK(store_assigned_is_patient(longest) && store_assigned_is_patient("!~"));
	CHECK(!store_assigned_is_patient("") && !store_assigned_is_patient("a b") &&
	      !store_assigned_is_patient("a\n") && !store_assigned_is_patient("\x7f"));
	set_up();
	CHECK_INT(store_assigned_add(store, hub.id, EPOCH, longest, 500, &n), 0);
	CHECK_UINT(n, 2);
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, 2), 0); /* stays */
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, UINT32_MAX - 1), 0);
	CHECK_INT(store_assigned_add(store, hub.id, EPOCH, "q", 600, &n), 0);
	CHECK_UINT(n, UINT32_MAX);
	CHECK_INT(store_assigned_add(store, hub.id, EPOCH, "r", 700, &n), -ERANGE);
	CHECK_UINT(n, UINT32_MAX);
	CHECK_INT(store_assigned_add(store, hub.id, EPOCH + 1, "q", 600, &n), 0);
	CHECK_UINT(n, 1); /* another enrolment */
	rows = 0;
	CHECK_INT(store_assigned_each(store, hub.id, EPOCH, keep_row, NULL), 0);
	CHECK_UINT(rows, 4);
	CHECK_UINT(row[0].number, 1);
	CHECK_STR(row[0].patient, "");
	CHECK_INT(row[0].since_ms, 0);
	CHECK_STR(row[1].patient, longest);
	CHECK_INT(row[1].since_ms, 500);
	CHECK_INT(row[1].state, ASSIGNMENT_GIVEN);
	CHECK_INT(store_assigned_get(store, hub.id, EPOCH, 2, &a), 0);
	CHECK_STR(a.patient, longest);
	CHECK_INT(store_assigned_get(store, hub.id, EPOCH, 3, &a), -ENOENT);
	CHECK_INT(store_assigned_get(store, hub.id, EPOCH, 0, &a), -ENOENT);
	tear_down();
}

static void put_config(const struct hub *h, uint32_t assignment, enum addr_type type)
{
	struct config c = { .epoch = EPOCH,
			    .version = 1,
			    .assignment = assignment,
			    .heartbeat_s = 300,
			    .device_count = 1,
			    .endpoint_count = 1 };

	memcpy(c.hub, h->id, HUB_ID_LEN);
	c.devices[0] = (struct config_device){ .num = 1,
					       .kind = READING_WEIGHT,
					       .has_addr = true,
					       .addr = { 1, 2, 3, 4, 5, 6 },
					       .addr_type = type,
					       .passkey = CONFIG_NO_PASSKEY,
					       .just_works = true };
	(void)snprintf(c.endpoints[0].name, sizeof(c.endpoints[0].name),
		       "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	CHECK_INT(store_config_put(store, &c), 0);
}

static int user_of(enum addr_type type, char name[static HUB_NAME_MAX + 1], size_t *at)
{
	struct config_device d[2] = { { .num = 9 },
				      { .num = 1,
					.has_addr = true,
					.addr = { 1, 2, 3, 4, 5, 6 },
					.addr_type = type } };

	return store_device_user(store, hub.id, d, 2, name, at);
}

static void test_device_user(void)
{
	struct hub other = {
		.id = { 9 }, .name = "hall", .epoch = EPOCH, .state = HUB_SUSPENDED
	};
	char name[HUB_NAME_MAX + 1] = "";
	size_t at = 0;

	set_up();
	other.spki[0] = 9;
	CHECK_INT(store_hub_put(store, &other), 0);
	put_config(&hub, 1, ADDR_RANDOM);
	CHECK_INT(user_of(ADDR_RANDOM, name, &at), 0); /* its own */
	put_config(&other, 4, ADDR_RANDOM);
	CHECK_INT(user_of(ADDR_RANDOM, name, &at), 1);
	CHECK_STR(name, "hall");
	CHECK_UINT(at, 1);
	CHECK_INT(user_of(ADDR_PUBLIC, name, &at), 0); /* another device */
	put_config(&other, 0, ADDR_RANDOM);
	CHECK_INT(user_of(ADDR_RANDOM, name, &at), 0);
	put_config(&other, 5, ADDR_RANDOM);
	CHECK_INT(user_of(ADDR_RANDOM, name, &at), 1);
	CHECK_INT(store_hub_state(store, other.id, HUB_RETIRED), 0);
	CHECK_INT(user_of(ADDR_RANDOM, name, &at), 0);
	tear_down();
}

/* A process of its own, begun before any database is open: SQLite must not be taken through a fork. It waits to be told
 * where the store is, and asks there who has the device. */
static int ask_meanwhile(int from, const uint8_t id[static HUB_ID_LEN])
{
	struct config_device d = { .has_addr = true,
				   .addr = { 1, 2, 3, 4, 5, 6 },
				   .addr_type = ADDR_RANDOM };
	char name[HUB_NAME_MAX + 1];
	struct store *s = NULL;
	size_t at;
	int r = read(from, &place, sizeof(place)) == sizeof(place) ? 0 : -EIO;

	if (r == 0)
		r = place_open(&place, &s);
	if (r == 0)
		r = store_begin(s);
	return r < 0 ? 2 : store_device_user(s, id, &d, 1, name, &at);
}

/* Of two people who assign at once one is told of the other. */
static void test_two_at_once(void)
{
	struct hub other = {
		.id = { 9 }, .name = "hall", .epoch = EPOCH, .state = HUB_ACTIVE
	};
	struct timespec while_ = { .tv_nsec = 300000000 };
	char name[HUB_NAME_MAX + 1];
	size_t at;
	int status, way[2];
	pid_t child;

	CHECK_INT(pipe(way), 0);
	child = fork();
	if (child == 0)
		_exit(ask_meanwhile(way[0], other.id));
	set_up();
	other.spki[0] = 9;
	CHECK_INT(store_hub_put(store, &other), 0);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(user_of(ADDR_RANDOM, name, &at), 0);
	put_config(&hub, 1, ADDR_RANDOM);
	CHECK_INT(write(way[1], &place, sizeof(place)), sizeof(place));
	nanosleep(&while_, NULL); /* it asks while nothing is committed yet; or later */
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 1);
	close(way[0]);
	close(way[1]);
	tear_down();
}

TEST_MAIN("filing", test_decide, test_release, test_taken, test_words, test_batches,
	  test_given_by_config, test_many_assignments, test_settle_release,
	  test_settle_discard, test_settle_conflict, test_pages, test_patients,
	  test_device_user, test_two_at_once)
