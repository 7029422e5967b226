/*
 * test_ingest_group.c - requests that share a COMMIT, on either backend (clinic_place.h): each gets what it would have got
 * alone, nobody is told anything before the COMMIT, and nothing that one of them does harms the others.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "clinic/store_held.h"
#include "clinic/ingest.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/killed.h"
#include "tests/unit/test.h"

enum {
	EPOCH = 3,
	HUBS = 4, /* the last is suspended */
	BYTES = 2048,
	POISON = 666, /* a record of this number is an error of the database */
};

static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };

struct home {
	struct hub hub;
	uint8_t private[P256_PRIVATE_LEN];
};

static struct home homes[HUBS];

struct clinic {
	struct place place;
	struct store *store;
	struct ingest ingest;
};

/* One request: what is sent, and what becomes of it. */
struct upload {
	uint8_t bytes[BYTES];
	size_t len;
	uint8_t spki[PIN_LEN];
	struct coap_server_response re;
	struct ingest_note note;
	struct reply reply;
};

static struct upload group[INGEST_GROUP_MAX];
static size_t count, noted;

static void make_homes(void)
{
	memset(homes, 0, sizeof(homes));
	for (unsigned i = 0; i < HUBS; i++) {
		struct hub *h = &homes[i].hub;

		h->epoch = EPOCH;
		h->state = i == HUBS - 1 ? HUB_SUSPENDED : HUB_ACTIVE;
		h->added_ms = now.ms;
		snprintf(h->name, sizeof(h->name), "hub %u", i);
		crypto_random(h->id, sizeof(h->id));
		crypto_random(h->spki, sizeof(h->spki));
		p256_generate(homes[i].private, h->sign_public);
	}
}

static void open_clinic(struct clinic *c)
{
	CHECK_INT(place_open(&c->place, &c->store), 0);
	ingest_init(&c->ingest, c->store);
}

static void close_clinic(struct clinic *c)
{
	store_close(c->store);
	c->store = NULL;
}

static void make_clinic(struct clinic *c)
{
	memset(c, 0, sizeof(*c));
	place_make(&c->place);
	CHECK_INT(place_create(&c->place, &c->store), 0);
	CHECK_INT(store_begin(c->store), 0);
	for (unsigned i = 0; i < HUBS; i++) {
		CHECK_INT(store_hub_put(c->store, &homes[i].hub), 0);
		CHECK_INT(store_assignment_give(c->store, homes[i].hub.id, EPOCH, 1), 0);
	}
	CHECK_INT(store_commit(c->store), 0);
	close_clinic(c);
	place_run(&c->place,
		  place_is_server(&c->place)
			  ? "ALTER TABLE record ADD CHECK (seq <> 666)"
			  : "CREATE TRIGGER poison BEFORE INSERT ON record WHEN NEW.seq ="
			    " 666 BEGIN SELECT RAISE(ABORT, 'poison'); END");
	open_clinic(c);
}

static void remove_clinic(struct clinic *c)
{
	close_clinic(c);
	place_remove(&c->place);
}

static struct batch empty_batch(unsigned home)
{
	struct batch b = { .epoch = EPOCH, .queued = 7, .highest = 999 };

	memcpy(b.hub, homes[home].hub.id, HUB_ID_LEN);
	return b;
}

static struct batch batch_of(unsigned home, uint64_t first, uint64_t last,
			     const char *body)
{
	struct batch b = empty_batch(home);

	for (uint64_t seq = first; seq <= last; seq++)
		b.records[b.record_count++] = (struct record){
			1, seq, CLASS_ROUTINE, 1, (const uint8_t *)body, strlen(body)
		};
	return b;
}

static struct upload upload_of(unsigned home, const struct batch *b)
{
	struct upload u = { .re.code = 77 };
	uint8_t payload[BYTES];
	int n = batch_encode(b, payload, sizeof(payload));

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_BATCH, homes[home].private, payload, (size_t)n,
		       u.bytes, sizeof(u.bytes));
	CHECK(n > 0);
	u.len = (size_t)n;
	memcpy(u.spki, homes[home].hub.spki, PIN_LEN);
	return u;
}

static struct upload simple(unsigned home, uint64_t first, uint64_t last,
			    const char *body)
{
	struct batch b = batch_of(home, first, last, body);

	return upload_of(home, &b);
}

static void decode(struct upload *u)
{
	if (u->re.code == COAP_CODE_CHANGED)
		CHECK_INT(reply_decode(u->re.body, u->re.len, &u->reply), 0);
	else
		CHECK_UINT(u->re.len, 0);
}

static void add(struct clinic *c, const struct upload *u)
{
	struct upload *g = &group[count++];

	*g = *u;
	ingest_add(&c->ingest, g->spki, g->bytes, g->len, now, &g->re);
	CHECK(g->re.waits);
}

static void on_note(void *arg, const struct ingest_note *note)
{
	(void)arg;
	for (size_t i = 0; i < count; i++) {
		if (group[i].re.waits || group[i].note.outcome != INGEST_NONE)
			continue;
		group[i].note = *note;
		noted++;
		return;
	}
	CHECK(false); /* a note of a request that waits */
}

/* Returns how often it took. */
static unsigned settle(struct clinic *c)
{
	unsigned turns = 0;

	noted = 0;
	while (noted < count) {
		size_t before = noted;

		ingest_settle(&c->ingest, on_note, NULL);
		CHECK(noted > before);
		turns++;
	}
	for (size_t i = 0; i < count; i++)
		decode(&group[i]);
	return turns;
}

static void check_outcome(size_t i, enum ingest_outcome want, int code)
{
	CHECK_STR(ingest_outcome_text(group[i].note.outcome), ingest_outcome_text(want));
	CHECK_INT(group[i].re.code, code);
}

static uint64_t records(struct clinic *c, unsigned home)
{
	struct store_counts n;

	CHECK_INT(store_counts(c->store, homes[home].hub.id, EPOCH, &n), 0);
	return n.records;
}

/* --- what a group does --------------------------------------------------------------- */

/* INV-4: nobody sees anything of it before, and no answer is there; one COMMIT; each has its own answer, the second of a hub knows of
 * the first. */
static void test_together(void)
{
	struct clinic c, other;
	struct upload u;

	make_clinic(&c);
	other = c;
	open_clinic(&other);
	count = 0;
	u = simple(0, 1, 3, "a");
	add(&c, &u);
	u = simple(1, 5, 6, "b");
	add(&c, &u);
	u = simple(0, 4, 4, "c");
	add(&c, &u);
	u = simple(0, 3, 4, "a"); /* 3 again, 4 with another body */
	add(&c, &u);
	u = simple(3, 1, 1, "held");
	add(&c, &u);
	CHECK_UINT(records(&other, 0), 0);
	CHECK_UINT(settle(&c), 1);
	CHECK_UINT(records(&other, 0), 4);
	CHECK_UINT(records(&other, 1), 2);
	CHECK_UINT(records(&other, 3), 0);
	for (size_t i = 0; i < count; i++)
		check_outcome(i, INGEST_STORED, COAP_CODE_CHANGED);
	CHECK_UINT(group[0].reply.contig, 3);
	CHECK_UINT(group[1].reply.contig, 0);
	CHECK_UINT(group[1].reply.range_count, 1);
	CHECK_UINT(group[2].reply.contig, 4);
	CHECK_UINT(group[3].note.duplicate, 1);
	CHECK_UINT(group[3].note.conflict, 1);
	CHECK_UINT(group[4].note.held, 1);
	CHECK(group[0].note.commit_us > 0);
	for (size_t i = 1; i < count; i++)
		CHECK_UINT(group[i].note.commit_us, 0);
	CHECK_UINT(c.ingest.count[INGEST_STORED], 5);
	CHECK_UINT(c.ingest.repeated, 0);
	close_clinic(&other);
	remove_clinic(&c);
}

/* Refused for what they are: they harm nobody, and leave no lock behind if they are all. */
static void test_refused(void)
{
	struct clinic c, other;
	struct upload u;

	make_clinic(&c);
	other = c;
	open_clinic(&other);
	for (int with_good = 0; with_good < 2; with_good++) {
		count = 0;
		u = simple(0, 1, 1, "a");
		u.spki[0] ^= 1;
		add(&c, &u);
		u = simple(0, 1, 1, "a");
		u.bytes[u.len - 1] ^= 1;
		add(&c, &u);
		if (with_good) {
			u = simple(1, 1, 1, "good");
			add(&c, &u);
		}
		u = simple(0, 1, 1, "a");
		memcpy(u.spki, homes[2].hub.spki, PIN_LEN);
		add(&c, &u);
		u = simple(0, 1, 1, "a");
		u.len = 0;
		add(&c, &u);
		CHECK_UINT(settle(&c), 1);
		check_outcome(0, INGEST_UNKNOWN_HUB, COAP_CODE_FORBIDDEN);
		check_outcome(1, INGEST_BAD_SIGNATURE, COAP_CODE_FORBIDDEN);
		if (with_good)
			check_outcome(2, INGEST_STORED, COAP_CODE_CHANGED);
		check_outcome(count - 2, INGEST_BAD_SIGNATURE, COAP_CODE_FORBIDDEN);
		check_outcome(count - 1, INGEST_MALFORMED, COAP_CODE_BAD_REQUEST);
		CHECK_INT(store_begin(other.store), 0);
		store_rollback(other.store);
	}
	CHECK_UINT(records(&c, 0), 0);
	CHECK_UINT(records(&c, 1), 1);
	close_clinic(&other);
	remove_clinic(&c);
}

/* An error of the database with one of them, wherever it stands: the others are stored. */
static void test_one_fails(void)
{
	struct clinic c;
	struct upload u;

	for (size_t at = 0; at < 4; at++) {
		make_clinic(&c);
		count = 0;
		for (unsigned i = 0; i < 4; i++) {
			u = i == at ? simple(i % 3, POISON, POISON, "x")
				    : simple(i % 3, i + 1, i + 1, "y");
			add(&c, &u);
		}
		CHECK_UINT(settle(&c), 4); /* each alone */
		for (size_t i = 0; i < 4; i++) {
			if (i == at)
				check_outcome(i, INGEST_STORE_DOWN,
					      COAP_CODE_UNAVAILABLE);
			else
				check_outcome(i, INGEST_STORED, COAP_CODE_CHANGED);
		}
		CHECK_UINT(c.ingest.repeated, 1);
		CHECK_UINT(records(&c, 0) + records(&c, 1) + records(&c, 2), 3);
		count = 0; /* and the next group is one again */
		u = simple(0, 10, 10, "z");
		add(&c, &u);
		u = simple(1, 10, 10, "z");
		add(&c, &u);
		CHECK_UINT(settle(&c), 1);
		remove_clinic(&c);
	}
}

/* --- the same as one after the other --------------------------------------------------- */

static struct upload random_upload(void)
{
	unsigned home = (unsigned)(test_random() % HUBS);
	uint64_t first = 1 + test_random() % 40;
	struct batch b = batch_of(home, first, first + test_random() % 4,
				  test_random() % 4 ? "body" : "other body");
	struct upload u;

	if (test_random() % 8 == 0)
		b.record_count = 0;
	if (test_random() % 16 == 0)
		b = batch_of(home, POISON, POISON, "body");
	if (test_random() % 8 == 0)
		b.flags |= BATCH_SUSPECT;
	u = upload_of(home, &b);
	if (test_random() % 16 == 0)
		u.spki[3] ^= 0x55;
	if (test_random() % 16 == 0)
		u.bytes[u.len / 2] ^= 1;
	return u;
}

static void check_same(const struct upload *a, const struct upload *b)
{
	CHECK_INT(a->re.code, b->re.code);
	CHECK_INT(a->note.outcome, b->note.outcome);
	CHECK_UINT(a->note.stored, b->note.stored);
	CHECK_UINT(a->note.duplicate, b->note.duplicate);
	CHECK_UINT(a->note.conflict, b->note.conflict);
	CHECK_UINT(a->note.held, b->note.held);
	CHECK_UINT(a->reply.contig, b->reply.contig);
	CHECK_UINT(a->reply.resync_from, b->reply.resync_from);
	CHECK_UINT(a->reply.range_count, b->reply.range_count);
	for (size_t i = 0; i < a->reply.range_count; i++) {
		CHECK_UINT(a->reply.ranges[i].first, b->reply.ranges[i].first);
		CHECK_UINT(a->reply.ranges[i].last, b->reply.ranges[i].last);
	}
}

static void check_same_store(struct clinic *a, struct clinic *b)
{
	struct store_counts x, y;

	for (unsigned i = 0; i < HUBS; i++) {
		memset(&x, 0, sizeof(x));
		memset(&y, 0, sizeof(y));
		CHECK_INT(store_counts(a->store, homes[i].hub.id, EPOCH, &x), 0);
		CHECK_INT(store_counts(b->store, homes[i].hub.id, EPOCH, &y), 0);
		CHECK_MEM(&x, &y, sizeof(x));
	}
}

static void test_as_one_by_one(void)
{
	struct clinic together, alone;
	struct upload one[INGEST_GROUP_MAX];

	make_clinic(&together);
	make_clinic(&alone);
	for (int round = 0; round < 60; round++) {
		size_t n = round == 30 ? INGEST_GROUP_MAX : 1 + test_random() % 8;

		count = 0;
		for (size_t i = 0; i < n; i++) {
			one[i] = random_upload();
			add(&together, &one[i]);
			ingest_handle(&alone.ingest, one[i].spki, one[i].bytes,
				      one[i].len, now, &one[i].re, &one[i].note);
			decode(&one[i]);
		}
		settle(&together);
		for (size_t i = 0; i < n; i++)
			check_same(&group[i], &one[i]);
	}
	check_same_store(&together, &alone);
	remove_clinic(&together);
	remove_clinic(&alone);
}

/* --- COMMIT ---------------------------------------------------------------------------- */

static void add_three(struct clinic *c)
{
	struct upload u;

	count = 0;
	for (unsigned i = 0; i < 3; i++) {
		u = simple(i, 1, 2, "three");
		add(c, &u);
	}
}

static uint64_t records_of_three(struct clinic *c)
{
	return records(c, 0) + records(c, 1) + records(c, 2);
}

/* As its transaction changes rows of it. */
static void end_session(const struct place *p)
{
	char text[400];

	snprintf(text, sizeof(text),
		 "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class k"
		 " ON k.oid = l.relation JOIN pg_namespace n ON n.oid = k.relnamespace"
		 " WHERE n.nspname = '%s' AND k.relname = 'hub'"
		 " AND l.mode = 'RowExclusiveLock'",
		 p->schema);
	place_run(p, text);
}

/* Nobody knows what became of the COMMIT: none gets an answer; the same bytes are stored later. */
static void test_in_doubt(void)
{
	struct rlimit before, none;
	struct clinic c;

	make_clinic(&c);
	add_three(&c);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	if (place_is_server(&c.place))
		end_session(&c.place);
	else
		CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
	CHECK_UINT(settle(&c), 1);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	for (size_t i = 0; i < count; i++) {
		check_outcome(i, INGEST_IN_DOUBT, 0);
		CHECK_INT(group[i].note.err,
			  place_is_server(&c.place) ? -ECONNRESET : -EIO);
		CHECK_UINT(group[i].note.stored, 0);
	}
	CHECK_UINT(c.ingest.count[INGEST_IN_DOUBT], 3);
	CHECK_UINT(c.ingest.count[INGEST_STORED], 0);
	close_clinic(&c);
	open_clinic(&c);
	CHECK_UINT(records_of_three(&c), 0);
	add_three(&c);
	CHECK_UINT(settle(&c), 1);
	CHECK_UINT(records_of_three(&c), 6);
	remove_clinic(&c);
}

/* A COMMIT that certainly did nothing: each alone. Only a server says so. */
static void test_rolled_back(void)
{
	struct clinic c;

	make_clinic(&c);
	if (!place_is_server(&c.place)) {
		remove_clinic(&c);
		return;
	}
	place_run(&c.place,
		  "CREATE FUNCTION one_hub() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
		  " IF (SELECT count(DISTINCT hub_id) FROM record WHERE xmin ="
		  " pg_current_xact_id()::xid) > 1 THEN RAISE 'two' USING ERRCODE ="
		  " '40001'; END IF; RETURN NULL; END$$;"
		  "CREATE CONSTRAINT TRIGGER one_hub AFTER INSERT ON record DEFERRABLE"
		  " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION one_hub()");
	add_three(&c);
	CHECK_UINT(settle(&c), 3);
	for (size_t i = 0; i < count; i++)
		check_outcome(i, INGEST_STORED, COAP_CODE_CHANGED);
	CHECK_UINT(c.ingest.repeated, 1);
	CHECK_UINT(records_of_three(&c), 6);
	remove_clinic(&c);
}

/* The session ends while they are added: nothing of it is there, and nobody is told that it is. */
static void test_session_ends(void)
{
	struct upload u = simple(2, 3, 3, "late");
	struct clinic c;

	make_clinic(&c);
	if (place_is_server(&c.place)) {
		add_three(&c);
		end_session(&c.place);
		add(&c, &u);
		CHECK_UINT(settle(&c), 4);
		for (size_t i = 0; i < count; i++)
			check_outcome(i, INGEST_STORED, COAP_CODE_CHANGED);
		CHECK_UINT(records_of_three(&c), 7);
	}
	remove_clinic(&c);
}

/* Another program has the file: 5.03, as alone. */
static void test_locked(void)
{
	struct clinic c, other;

	make_clinic(&c);
	other = c;
	open_clinic(&other);
	if (!place_is_server(&c.place)) {
		CHECK_INT(store_begin(other.store), 0);
		add_three(&c);
		CHECK_UINT(settle(&c), 1);
		for (size_t i = 0; i < count; i++)
			check_outcome(i, INGEST_STORE_DOWN, COAP_CODE_UNAVAILABLE);
		store_rollback(other.store);
		add_three(&c);
		CHECK_UINT(settle(&c), 1);
		CHECK_UINT(records_of_three(&c), 6);
	}
	close_clinic(&other);
	remove_clinic(&c);
}

/* Two programs that take the hubs in different orders, against the rule: it costs time, and no request. */
static void test_two_orders(void)
{
	int there[2], here[2], status;
	struct clinic c;
	struct upload u;
	pid_t pid;
	char byte;

	make_clinic(&c);
	if (!place_is_server(&c.place)) {
		remove_clinic(&c);
		return;
	}
	close_clinic(&c);
	CHECK(pipe(there) == 0 && pipe(here) == 0);
	pid = fork();
	CHECK(pid >= 0);
	open_clinic(&c);
	count = 0;
	u = simple(pid ? 0 : 1, 1, 1, "first");
	add(&c, &u);
	CHECK(write(pid ? there[1] : here[1], "x", 1) == 1);
	CHECK(read(pid ? here[0] : there[0], &byte, 1) == 1);
	u = simple(pid ? 1 : 0, 2, 2, "second");
	add(&c, &u);
	settle(&c);
	for (size_t i = 0; i < count; i++)
		check_outcome(i, INGEST_STORED, COAP_CODE_CHANGED);
	if (pid == 0) {
		close_clinic(&c);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK_UINT(records(&c, 0), 2);
	CHECK_UINT(records(&c, 1), 2);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(here[i]);
	}
	remove_clinic(&c);
}

static int settle_three(void *arg)
{
	struct clinic *c = arg;

	open_clinic(c);
	add_three(c);
	settle(c);
	return 0;
}

/* Killed before COMMIT, and between COMMIT and the answers: sent again, stored once. */
static void kill_at(const char *point, uint64_t want_before)
{
	struct clinic c;

	make_clinic(&c);
	close_clinic(&c);
	CHECK(killed_at(c.place.dir, point, settle_three, &c));
	open_clinic(&c);
	CHECK_UINT(records_of_three(&c), want_before);
	add_three(&c);
	CHECK_UINT(settle(&c), 1);
	for (size_t i = 0; i < count; i++) {
		check_outcome(i, INGEST_STORED, COAP_CODE_CHANGED);
		CHECK_UINT(group[i].note.duplicate, want_before / 3);
		CHECK_UINT(group[i].reply.contig, 2);
	}
	CHECK_UINT(records_of_three(&c), 6);
	remove_clinic(&c);
}

static void test_killed(void)
{
#ifdef HUB_FAILPOINTS
	kill_at("clinic.commit.before", 0);
	kill_at("clinic.commit.after", 6);
#else
	(void)kill_at;
	printf("SKIP test_killed: built without FAILPOINTS=1\n");
#endif
}

static void test_all(void)
{
	CHECK_INT(crypto_init(), 0);
	make_homes();
	test_together();
	test_refused();
	test_one_fails();
	test_as_one_by_one();
	test_in_doubt();
	test_rolled_back();
	test_session_ends();
	test_locked();
	test_two_orders();
	test_killed();
}

TEST_MAIN("ingest-group", test_all)
