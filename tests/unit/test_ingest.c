/*
 * test_ingest.c - uploads against a real store, on either backend (clinic_place.h): what is stored,
 * what is said, what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "clinic/ingest.h"
#include "clinic/store_config.h"
#include "clinic/store_held.h"
#include "clinic/store_mailbox.h"
#include "clinic/store_status.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/killed.h"
#include "tests/unit/test.h"

enum { BYTES = 40000, EPOCH = 3 };

static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };

/* One clinic with one hub. */
struct bench {
	struct place place;
	struct store *store;
	struct ingest ingest;
	struct hub hub;
	uint8_t private[P256_PRIVATE_LEN];
	struct coap_server_response re;
	struct ingest_note note;
	struct reply reply;
};

static struct bench t;

static void set_up(void)
{
	memset(&t, 0, sizeof(t));
	place_make(&t.place);
	CHECK_INT(place_create(&t.place, &t.store), 0);
	t.hub.epoch = EPOCH;
	t.hub.state = HUB_ACTIVE;
	t.hub.added_ms = now.ms;
	snprintf(t.hub.name, sizeof(t.hub.name), "kitchen");
	crypto_random(t.hub.id, sizeof(t.hub.id));
	crypto_random(t.hub.spki, sizeof(t.hub.spki));
	p256_generate(t.private, t.hub.sign_public);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_put(t.store, &t.hub), 0);
	CHECK_INT(store_assignment_give(t.store, t.hub.id, EPOCH, 1), 0);
	CHECK_INT(store_commit(t.store), 0);
	ingest_init(&t.ingest, t.store);
}

static void tear_down(void)
{
	store_close(t.store);
	place_remove(&t.place);
}

static void reopen(void)
{
	store_close(t.store);
	CHECK_INT(place_open(&t.place, &t.store), 0);
	ingest_init(&t.ingest, t.store);
}

static struct batch empty_batch(void)
{
	struct batch b = { .epoch = EPOCH, .queued = 7, .highest = 99 };

	memcpy(b.hub, t.hub.id, HUB_ID_LEN);
	return b;
}

/* Bodies differ by text; the store never looks into them. */
static void add(struct batch *b, uint64_t seq, const char *body)
{
	b->records[b->record_count++] = (struct record){
		.assignment = 1,
		.seq = seq,
		.class = CLASS_ROUTINE,
		.kind = 1,
		.body = (const uint8_t *)body,
		.body_len = strlen(body),
	};
}

static size_t sign(const struct batch *b, uint8_t buf[static BYTES])
{
	static uint8_t payload[BYTES];
	int n = batch_encode(b, payload, sizeof(payload));

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_BATCH, t.private, payload, (size_t)n, buf, BYTES);
	CHECK(n > 0);
	return (size_t)n;
}

static void send_bytes(const uint8_t *spki, const uint8_t *buf, size_t len)
{
	memset(&t.re, 0xee, sizeof(t.re));
	memset(&t.reply, 0, sizeof(t.reply));
	ingest_handle(&t.ingest, spki, buf, len, now, &t.re, &t.note);
	if (t.re.code == COAP_CODE_CHANGED)
		CHECK_INT(reply_decode(t.re.body, t.re.len, &t.reply), 0);
	else
		CHECK_UINT(t.re.len, 0);
}

static void send(const struct batch *b)
{
	static uint8_t buf[BYTES];

	send_bytes(t.hub.spki, buf, sign(b, buf));
}

static struct store_counts counts(void)
{
	struct store_counts c;

	CHECK_INT(store_counts(t.store, t.hub.id, EPOCH, &c), 0);
	return c;
}

static void check_refused(int code, enum ingest_outcome outcome)
{
	struct hub h;

	CHECK_INT(t.re.code, code);
	CHECK_STR(ingest_outcome_text(t.note.outcome), ingest_outcome_text(outcome));
	CHECK_UINT(counts().records, 0);
	CHECK_UINT(counts().quarantined, 0);
	CHECK_INT(store_hub_by_spki(t.store, t.hub.spki, &h), 0);
	CHECK_INT(h.seen_ms, 0);
}

static void test_stored(void)
{
	struct batch b;
	struct hub h;

	set_up();
	b = empty_batch();
	b.flags = BATCH_WANT_TIME;
	add(&b, 1, "one");
	add(&b, 2, "two");
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK(t.reply.has_contig);
	CHECK_UINT(t.reply.contig, 2);
	CHECK_UINT(t.reply.range_count, 0);
	CHECK(t.reply.has_time);
	CHECK_INT(t.reply.utc_ms, now.ms);
	CHECK_INT(t.reply.time_quality, CLOCK_QUALITY_NTP);
	CHECK_UINT(t.note.stored, 2);
	reopen();
	CHECK_UINT(counts().records, 2);
	CHECK_UINT(counts().contig, 2);
	CHECK_INT(store_hub_by_spki(t.store, t.hub.spki, &h), 0);
	CHECK_INT(h.seen_ms, now.ms);
	CHECK_UINT(h.queued, 7);
	CHECK_UINT(h.highest, 99);
	CHECK(!h.rolled_back);
	tear_down();
}

/* A steady-state reply is at most 10 bytes: more costs the hub's uplink (and says nothing). */
static void test_small_reply(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK(t.reply.has_contig);
	CHECK_UINT(t.reply.contig, 0);
	CHECK(!t.reply.has_time);
	add(&b, 1, "one");
	send(&b);
	CHECK_UINT(t.reply.contig, 1);
	CHECK(t.re.len <= 10);
	for (uint64_t seq = 2; seq <= 300; seq++) { /* whatever comes in order */
		b.acked = seq - 1;
		b.record_count = 0;
		add(&b, seq, "next");
		send(&b);
		CHECK_UINT(t.reply.contig, seq);
		CHECK(t.re.len <= 12);
	}
	tear_down();
}

static void test_duplicate(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	send(&b);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.note.duplicate, 1);
	CHECK_UINT(t.note.stored, 0);
	CHECK_UINT(t.reply.contig, 1);
	CHECK_UINT(counts().records, 1);
	tear_down();
}

static void test_conflict(void)
{
	struct batch b, other;
	struct hub h;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	send(&b);
	other = empty_batch();
	add(&other, 1, "another");
	add(&other, 2, "two");
	for (int i = 0; i < 2; i++) { /* again: kept once */
		send(&other);
		CHECK_INT(t.re.code, COAP_CODE_CHANGED);
		CHECK_UINT(t.note.conflict, 1);
		CHECK_UINT(t.reply.contig, 2);
		CHECK_UINT(counts().records, 2);
		CHECK_UINT(counts().quarantined, 1);
	}
	CHECK_INT(store_hub_by_spki(t.store, t.hub.spki, &h), 0);
	CHECK(h.rolled_back);
	send(&b); /* the first body stayed */
	CHECK_UINT(t.note.duplicate, 1);
	tear_down();
}

static void test_out_of_order(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 3, "three");
	add(&b, 4, "four");
	add(&b, 7, "seven");
	send(&b);
	CHECK_UINT(t.reply.contig, 0);
	CHECK_UINT(t.reply.range_count, 2);
	CHECK_UINT(t.reply.ranges[0].first, 3);
	CHECK_UINT(t.reply.ranges[0].last, 4);
	CHECK_UINT(t.reply.ranges[1].first, 7);
	CHECK_UINT(t.reply.ranges[1].last, 7);
	b = empty_batch();
	add(&b, 2, "two");
	send(&b);
	CHECK_UINT(t.reply.contig, 0);
	CHECK(reply_covers(&t.reply, 2));
	CHECK(!reply_covers(&t.reply, 1));
	b = empty_batch();
	add(&b, 1, "one");
	send(&b);
	CHECK_UINT(t.reply.contig, 4);
	CHECK_UINT(t.reply.range_count, 0);
	CHECK_UINT(counts().contig, 4);
	b = empty_batch();
	add(&b, 5, "five");
	add(&b, 6, "six");
	send(&b);
	CHECK_UINT(t.reply.contig, 7);
	tear_down();
}

static void bury(struct batch *b, uint64_t first, uint64_t last,
		 enum tombstone_cause cause)
{
	b->tombstones[b->tombstone_count++] =
		(struct tombstone){ first, last, CLASS_ROUTINE, cause };
}

/* What will not come counts as if it had, and the hub hears of it like of a record. */
/* What a hub says of itself is kept with the records beside it; what is wrong with it is no reason to refuse them. */
static void test_status(void)
{
	static const uint8_t good[] = { 0xa1, 3, 1 }, bad[] = { 0xa1, 3, 9 };
	struct hub_status got;
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	b.status = bad;
	b.status_len = sizeof(bad);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.reply.contig, 1);
	CHECK(t.note.bad_status);
	CHECK_INT(store_status_get(t.store, b.hub, b.epoch, &got), -ENOENT);
	b.status = good;
	send(&b);
	CHECK(!t.note.bad_status);
	CHECK_INT(store_status_get(t.store, b.hub, b.epoch, &got), 0);
	CHECK(got.status.radio);
	b = empty_batch(); /* one without is no news */
	send(&b);
	CHECK_INT(store_status_get(t.store, b.hub, b.epoch, &got), 0);
	CHECK(got.status.radio);
	tear_down();
}

/* What the hub is told of its config: nothing as long as it has the one that was signed last. */
static void test_config_version(void)
{
	struct config c = { .epoch = EPOCH, .version = 2 };
	struct status st = { .config_version = 1 };
	uint8_t status[BATCH_STATUS_MAX];
	struct batch b;
	struct hub h;

	set_up();
	b = empty_batch();
	memcpy(c.hub, t.hub.id, HUB_ID_LEN);
	send(&b);
	CHECK_UINT(t.reply.config_version, 0); /* none was signed */
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_config_offer(t.store, &c, (const uint8_t *)"cose", 4, 1), 0);
	CHECK_INT(store_commit(t.store), 0);
	send(&b);
	CHECK_UINT(t.reply.config_version, 2); /* the hub has said nothing of itself */
	b.status = status;
	b.status_len = (size_t)status_encode(&st, status, sizeof(status));
	send(&b);
	CHECK_UINT(t.reply.config_version, 2);
	CHECK_INT(store_hub_by_spki(t.store, t.hub.spki, &h), 0);
	CHECK_UINT(h.config_wanted, 2);
	CHECK_UINT(h.config_used, 1);
	st.config_version = 2;
	b.status_len = (size_t)status_encode(&st, status, sizeof(status));
	send(&b);
	CHECK_UINT(t.reply.config_version, 0); /* in the same answer */
	b.status_len = 0;
	send(&b);
	CHECK_UINT(t.reply.config_version, 0);
	CHECK(t.re.len <= 10); /* the steady state */
	/* ahead of us: told, and up to the hub to take no notice */
	st.config_version = 3;
	b.status_len = (size_t)status_encode(&st, status, sizeof(status));
	send(&b);
	CHECK_UINT(t.reply.config_version, 2);
	/* a status that is none changes nothing */
	b.status = (const uint8_t *)"x";
	b.status_len = 1;
	send(&b);
	CHECK_UINT(t.reply.config_version, 2);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_state(t.store, t.hub.id, HUB_SUSPENDED), 0);
	CHECK_INT(store_commit(t.store), 0);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.reply.config_version, 0); /* a suspended one is told of none */
	tear_down();
}

static void test_tombstones(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	bury(&b, 1, 3, TOMBSTONE_EVICTED);
	bury(&b, 6, 6, TOMBSTONE_REFUSED);
	add(&b, 5, "five");
	add(&b, 9, "nine");
	bury(&b, 7, 8, TOMBSTONE_DAMAGED);
	for (int i = 0; i < 2; i++) { /* the same again is nothing new */
		send(&b);
		CHECK_INT(t.re.code, COAP_CODE_CHANGED);
		CHECK_UINT(t.reply.contig, 3);
		CHECK_UINT(t.reply.range_count, 1);
		CHECK_UINT(t.reply.ranges[0].first, 5);
		CHECK_UINT(t.reply.ranges[0].last, 9);
		CHECK_UINT(counts().contig, 3);
		CHECK_UINT(counts().highest, 9);
		CHECK_UINT(counts().records, 2);
		CHECK_UINT(counts().given_up[TOMBSTONE_EVICTED], 3);
		CHECK_UINT(counts().given_up[TOMBSTONE_REFUSED], 1);
		CHECK_UINT(counts().given_up[TOMBSTONE_DAMAGED], 2);
		reopen();
	}
	b = empty_batch();
	bury(&b, 4, 4, TOMBSTONE_SKIPPED);
	bury(&b, 12, 99, TOMBSTONE_DISCARDED);
	send(&b); /* a heartbeat brings them too */
	CHECK_UINT(t.reply.contig, 9);
	CHECK_UINT(t.reply.range_count, 1);
	CHECK_UINT(t.reply.ranges[0].first, 12);
	CHECK_UINT(t.reply.ranges[0].last, 99);
	tear_down();
}

/* A number that came is a record, whatever was said of it before or is said after. */
static void test_record_and_tombstone(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	bury(&b, 1, 6, TOMBSTONE_EVICTED);
	send(&b);
	CHECK_UINT(t.reply.contig, 6);
	b = empty_batch();
	add(&b, 1, "one");
	add(&b, 4, "four");
	add(&b, 7, "seven");
	send(&b);
	CHECK_UINT(t.note.stored, 3);
	CHECK_UINT(t.reply.contig, 7);
	b = empty_batch();
	bury(&b, 7, 7, TOMBSTONE_EVICTED); /* it was under way when it was given up */
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(counts().records, 3);
	CHECK_UINT(counts().given_up[TOMBSTONE_EVICTED], 4);
	CHECK_UINT(counts().highest, 7);
	b = empty_batch();
	add(&b, 10, "ten");
	bury(&b, 9, 11, TOMBSTONE_EVICTED); /* both at once */
	send(&b);
	CHECK_UINT(t.reply.range_count, 1);
	CHECK_UINT(t.reply.ranges[0].first, 9);
	CHECK_UINT(t.reply.ranges[0].last, 11);
	CHECK_UINT(counts().given_up[TOMBSTONE_EVICTED], 6);
	tear_down();
}

/* Refused as a whole: a tombstone of a number that the hub never gave. */
static void test_bad_tombstone(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	bury(&b, 5, b.highest + 1, TOMBSTONE_EVICTED);
	send(&b);
	check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	tear_down();
}

/* Tombstones beyond what a reply can name are stored all the same. */
static void test_many_tombstones(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	b.highest = 1000;
	for (uint64_t i = 0; i < 12; i++)
		add(&b, 2 + 4 * i, "x");
	for (uint64_t i = 0; i < BATCH_TOMBSTONES_MAX; i++)
		bury(&b, 4 + 4 * i, 4 + 4 * i, TOMBSTONE_EVICTED);
	send(&b);
	CHECK_UINT(t.reply.range_count, REPLY_RANGES_MAX);
	for (size_t i = 0; i < REPLY_RANGES_MAX; i++)
		CHECK_UINT(t.reply.ranges[i].first, 2 + 2 * i);
	CHECK_UINT(counts().given_up[TOMBSTONE_EVICTED], BATCH_TOMBSTONES_MAX);
	tear_down();
}

/* More islands than a reply can name: the rest is stored,
 * not acknowledged, and a duplicate next time. */
static void test_many_islands(void)
{
	struct batch b, rest;

	set_up();
	b = empty_batch();
	for (uint64_t i = 0; i < BATCH_RECORDS_MAX; i++)
		add(&b, 2 + 2 * i, "x");
	send(&b);
	CHECK_UINT(t.note.stored, BATCH_RECORDS_MAX);
	CHECK_UINT(t.reply.range_count, REPLY_RANGES_MAX);
	CHECK(!reply_covers(&t.reply, 2 * BATCH_RECORDS_MAX));
	rest = empty_batch();
	for (size_t i = REPLY_RANGES_MAX; i < BATCH_RECORDS_MAX; i++)
		rest.records[rest.record_count++] = b.records[i];
	send(&rest);
	CHECK_UINT(t.note.duplicate, BATCH_RECORDS_MAX - REPLY_RANGES_MAX);
	CHECK(reply_covers(&t.reply, 2 * BATCH_RECORDS_MAX));
	tear_down();
}

/* Random orders, doubled and lost: in the end all is
 * there once, and nothing was ever acknowledged early. */
static void test_random_order(void)
{
	static char bodies[200][16];
	bool stored[201] = { false };
	uint64_t contig = 0;

	set_up();
	for (int i = 0; i < 200; i++)
		snprintf(bodies[i], sizeof(bodies[i]), "body %d", i + 1);
	while (contig < 200) {
		struct batch b = empty_batch();
		uint64_t seq = test_random() % 200;

		while (seq < 200 && b.record_count < 8) {
			stored[seq + 1] = true;
			add(&b, seq + 1, bodies[seq]);
			seq += 1 + test_random() % 3;
		}
		send(&b);
		CHECK_INT(t.re.code, COAP_CODE_CHANGED);
		CHECK(t.reply.contig >= contig);
		contig = t.reply.contig;
		for (uint64_t s = 1; s <= 200; s++)
			CHECK(stored[s] || !reply_covers(&t.reply, s));
		for (size_t i = 0; i < b.record_count; i++)
			CHECK(reply_covers(&t.reply, b.records[i].seq));
	}
	CHECK_UINT(counts().records, 200);
	CHECK_UINT(counts().quarantined, 0);
	tear_down();
}

static void test_foreign(void)
{
	uint8_t other[PIN_LEN] = { 9 };
	static uint8_t buf[BYTES];
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	b.hub[0] ^= 1;
	send(&b);
	check_refused(COAP_CODE_FORBIDDEN, INGEST_FOREIGN);
	b = empty_batch();
	add(&b, 1, "one");
	b.epoch++;
	send(&b);
	check_refused(COAP_CODE_FORBIDDEN, INGEST_FOREIGN);
	b = empty_batch();
	add(&b, 1, "one");
	send_bytes(other, buf, sign(&b, buf));
	check_refused(COAP_CODE_FORBIDDEN, INGEST_UNKNOWN_HUB);
	CHECK(!ingest_admit(&t.ingest, other));
	CHECK(ingest_admit(&t.ingest, t.hub.spki));
	CHECK_UINT(t.ingest.count[INGEST_FOREIGN], 2);
	tear_down();
}

/* Every state but ACTIVE and SUSPENDED: no handshake, and 4.03 on a connection that is still there. */
static void test_states(void)
{
	static uint8_t buf[BYTES];
	enum hub_state states[] = { HUB_NONE, HUB_PREREGISTERED, HUB_ISSUED, HUB_RETIRED,
				    HUB_LOST };

	set_up();
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		struct hub h = t.hub;
		struct batch b = empty_batch();

		h.state = states[i];
		h.id[0] = (uint8_t)(h.id[0] + 1 + i);
		h.spki[0] = (uint8_t)(h.spki[0] + 1 + i);
		snprintf(h.name, sizeof(h.name), "hub %zu", i);
		CHECK_INT(store_begin(t.store), 0);
		CHECK_INT(store_hub_put(t.store, &h), 0);
		CHECK_INT(store_commit(t.store), 0);
		memcpy(b.hub, h.id, HUB_ID_LEN);
		add(&b, 1, "one");
		send_bytes(h.spki, buf, sign(&b, buf));
		CHECK_INT(t.re.code, COAP_CODE_FORBIDDEN);
		CHECK_INT(t.note.outcome, INGEST_UNKNOWN_HUB);
		CHECK(!ingest_admit(&t.ingest, h.spki));
	}
	tear_down();
}

/* As clinicctl import brings it. */
static enum ingest_outcome carry(const uint8_t *hub, const struct batch *b)
{
	static uint8_t buf[BYTES];

	return ingest_carried(&t.ingest, hub, buf, sign(b, buf), now.ms + 1, &t.note);
}

/* Filed as an upload is; what the hub says of itself when it calls stays, but that there are higher numbers. */
static void test_carried(void)
{
	struct batch b, other;
	struct hub h;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	send(&b);
	b = empty_batch();
	b.queued = 50;
	b.acked = 1;
	b.highest = 120;
	add(&b, 1, "one");
	bury(&b, 2, 3, TOMBSTONE_EVICTED);
	add(&b, 4, "four");
	CHECK_INT(carry(t.hub.id, &b), INGEST_STORED);
	CHECK_UINT(t.note.stored, 1);
	CHECK_UINT(t.note.duplicate, 1);
	reopen();
	CHECK_UINT(counts().records, 2);
	CHECK_UINT(counts().given_up[TOMBSTONE_EVICTED], 2);
	CHECK_INT(store_hub_by_id(t.store, t.hub.id, &h), 0);
	CHECK_INT(h.seen_ms, now.ms);
	CHECK_UINT(h.queued, 7);
	CHECK_UINT(h.acked, 0);
	CHECK_UINT(h.highest, 120);
	other = empty_batch();
	add(&other, 4, "another");
	CHECK_INT(carry(t.hub.id, &other), INGEST_STORED);
	CHECK_UINT(t.note.conflict, 1);
	CHECK_UINT(counts().records, 2);
	CHECK_INT(store_hub_by_id(t.store, t.hub.id, &h), 0);
	CHECK_UINT(h.highest, 120);
	b = empty_batch();
	add(&b, 4, "four");
	send(&b);
	CHECK_UINT(t.note.duplicate, 1);
	CHECK_UINT(t.reply.contig, 4);
	tear_down();
}

/* The row was read, and before it was taken the hub called: what it said then stays. */
static void test_carried_meanwhile(void)
{
	struct batch b, old;
	struct hub h;

	set_up();
	CHECK_INT(store_hub_by_id(t.store, t.hub.id, &h), 0);
	h.carried = true;
	b = empty_batch();
	b.acked = 5;
	add(&b, 1, "one");
	send(&b);
	old = empty_batch();
	old.highest = 40;
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_take(t.store, &h, &old, now.ms + 1), 0);
	CHECK_INT(store_commit(t.store), 0);
	CHECK_INT(store_hub_by_id(t.store, t.hub.id, &h), 0);
	CHECK_INT(h.seen_ms, now.ms);
	CHECK_UINT(h.queued, 7);
	CHECK_UINT(h.acked, 5);
	CHECK_UINT(h.highest, 99);
	tear_down();
}

static void set_state(enum hub_state state)
{
	char text[96];

	snprintf(text, sizeof(text), "UPDATE hub SET state = %d WHERE name = 'kitchen'",
		 state);
	place_run(&t.place, text);
}

/* A file of somebody else's, of another enrolment, changed, or of a hub that is retired: nothing is taken. */
static void test_carried_refused(void)
{
	static uint8_t buf[BYTES];
	uint8_t other[HUB_ID_LEN];
	struct batch b;
	size_t len;

	set_up();
	memcpy(other, t.hub.id, sizeof(other));
	other[0] ^= 1;
	b = empty_batch();
	add(&b, 1, "one");
	CHECK_INT(carry(other, &b), INGEST_UNKNOWN_HUB);
	len = sign(&b, buf);
	buf[len - 1] ^= 1;
	CHECK_INT(ingest_carried(&t.ingest, t.hub.id, buf, len, now.ms, &t.note),
		  INGEST_BAD_SIGNATURE);
	b.epoch++;
	CHECK_INT(carry(t.hub.id, &b), INGEST_FOREIGN);
	b.epoch--;
	b.hub[0] ^= 1;
	CHECK_INT(carry(t.hub.id, &b), INGEST_FOREIGN);
	b.hub[0] ^= 1;
	set_state(HUB_RETIRED);
	CHECK_INT(carry(t.hub.id, &b), INGEST_UNKNOWN_HUB);
	CHECK_UINT(t.note.stored, 0);
	CHECK_UINT(counts().highest, 0);
	tear_down();
}

/* A suspended hub empties its queue: all of it is held, acknowledged, and no record. */
static void test_suspended(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	send(&b);
	set_state(HUB_SUSPENDED);
	CHECK(ingest_admit(&t.ingest, t.hub.spki));
	send(&b); /* it is a record already */
	CHECK_UINT(t.note.duplicate, 1);
	b = empty_batch();
	add(&b, 2, "two");
	add(&b, 4, "four");
	send(&b);
	CHECK_INT(t.note.outcome, INGEST_STORED);
	CHECK_UINT(t.note.held, 2);
	CHECK_UINT(t.note.stored, 0);
	CHECK_UINT(t.reply.contig, 2);
	CHECK_UINT(t.reply.range_count, 1);
	CHECK_UINT(t.reply.ranges[0].first, 4);
	b = empty_batch();
	add(&b, 2, "two");
	add(&b, 3, "three");
	add(&b, 4, "other");
	send(&b);
	CHECK_UINT(t.note.duplicate, 1);
	CHECK_UINT(t.note.held, 1);
	CHECK_UINT(t.note.conflict, 1);
	CHECK_UINT(t.reply.contig, 4);
	CHECK_UINT(counts().records, 1);
	CHECK_UINT(counts().held, 3);
	CHECK_UINT(counts().quarantined, 1);
	CHECK_INT(store_hub_by_spki(t.store, t.hub.spki, &t.hub), 0);
	CHECK(t.hub.rolled_back);
	reopen();
	set_state(HUB_ACTIVE);
	b = empty_batch();
	add(&b, 5, "five");
	send(&b);
	CHECK_UINT(t.note.stored, 1);
	CHECK_UINT(t.reply.contig, 5);
	set_state(HUB_LOST);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_FORBIDDEN);
	CHECK(!ingest_admit(&t.ingest, t.hub.spki));
	tear_down();
}

static int note_mark(void *arg, const struct sealed *rec)
{
	*(uint64_t *)arg |= (uint64_t)rec->suspect << rec->record.seq;
	return 0;
}

/* A bit for each record that is marked, by number. */
static uint64_t marked(void)
{
	uint64_t bits = 0;

	CHECK_INT(store_record_each(t.store, t.hub.id, note_mark, &bits), 0);
	return bits;
}

static void release_held(void)
{
	struct held_choice c = { .verdict = HELD_RELEASED, .journal = 1 };
	struct held_done done;

	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_held_settle(t.store, t.hub.id, &c, &done), 0);
	CHECK_INT(store_commit(t.store), 0);
	CHECK_UINT(done.done, 1);
}

/* By its emergency key a hub uploads what is held, once with what came before, and is told nothing. */
static void test_emergency(void)
{
	static uint8_t buf[BYTES];
	struct pki_cert cert = { .len = 3, .ends_ms = now.ms + 1 };
	const uint8_t emergency[PIN_LEN] = { 0xe0, 1 };
	struct batch b;
	struct hub h;

	set_up();
	CHECK(!ingest_admit(&t.ingest, emergency));
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_mailbox_add(t.store, &t.hub, emergency, &cert), 0);
	CHECK_INT(store_commit(t.store), 0);
	CHECK(ingest_admit(&t.ingest, emergency));
	CHECK_INT(store_hub_by_spki(t.store, emergency, &h), -ENOENT);
	place_run(&t.place, "UPDATE hub SET config_wanted = 7");
	b = empty_batch();
	b.flags = BATCH_WANT_TIME;
	add(&b, 1, "one");
	send(&b);
	CHECK_UINT(t.note.stored, 1);
	CHECK_UINT(t.reply.config_version, 7);
	add(&b, 2, "two");
	send_bytes(emergency, buf, sign(&b, buf));
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.note.held, 1);
	CHECK(t.note.by_emergency);
	CHECK_UINT(t.note.duplicate, 1);
	CHECK_UINT(t.reply.contig, 2);
	CHECK(t.reply.has_time);
	CHECK_UINT(t.reply.config_version, 0);
	CHECK_UINT(t.reply.command_len, 0);
	CHECK_UINT(counts().records, 1);
	CHECK_UINT(counts().held, 1);
	/* what was held comes again under the other identity, and stays where it is */
	send(&b);
	CHECK_UINT(t.note.duplicate, 2);
	CHECK_UINT(counts().records, 1);
	CHECK_UINT(counts().held, 1);
	/* of an enrolment that is over it is nobody's; of a hub that is lost neither */
	place_run(&t.place, "UPDATE hub SET state = 6");
	CHECK(!ingest_admit(&t.ingest, emergency));
	place_run(&t.place, "UPDATE hub SET state = 4");
	CHECK(ingest_admit(&t.ingest, emergency));
	place_run(&t.place, "UPDATE hub SET epoch = 4");
	CHECK(!ingest_admit(&t.ingest, emergency));
	send_bytes(emergency, buf, sign(&b, buf));
	CHECK_INT(t.re.code, COAP_CODE_FORBIDDEN);
	tear_down();
}

static int note_seq(void *arg, const struct sealed *rec)
{
	*(uint64_t *)arg |= UINT64_C(1) << rec->record.seq;
	return 0;
}

/* A bit for each piece of evidence, by number. */
static uint64_t evidence(void)
{
	uint64_t bits = 0;

	CHECK_INT(store_kind_page(t.store, t.hub.id, EPOCH, 0, READING_EVIDENCE, 10,
				  note_seq, &bits),
		  0);
	return bits;
}

/* What a sealed hub says of itself is held as all else is; who decides about it must see it before. */
static void test_evidence_of_sealed(void)
{
	struct held_choice c = { .verdict = HELD_DISCARDED, .journal = 1 };
	struct held_done done;
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	b.records[0].kind = READING_EVIDENCE;
	send(&b);
	CHECK_UINT(evidence(), 1 << 1);
	b.flags = BATCH_SUSPECT | BATCH_SEALED;
	b.records[0].seq = 2;
	send(&b);
	CHECK_UINT(t.note.held, 1);
	CHECK_UINT(evidence(), 1 << 1 | 1 << 2);
	release_held();
	CHECK_UINT(evidence(), 1 << 1 | 1 << 2);
	b.records[0].seq = 3;
	send(&b);
	CHECK_UINT(evidence(), 1 << 1 | 1 << 2 | 1 << 3);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_held_settle(t.store, t.hub.id, &c, &done), 0);
	CHECK_INT(store_commit(t.store), 0);
	CHECK_UINT(evidence(), 1 << 1 | 1 << 2);
	tear_down();
}

/* A locked hub is filed with its mark; a sealed one is held; both as far as they say so. */
static void test_suspect(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	b.flags = BATCH_SUSPECT;
	add(&b, 1, "one");
	send(&b);
	CHECK_UINT(t.note.stored, 1);
	CHECK_UINT(t.note.held, 0);
	b.flags = BATCH_SUSPECT | BATCH_SEALED;
	b.records[0].seq = 2;
	send(&b);
	CHECK_UINT(t.note.held, 1);
	CHECK_UINT(t.reply.contig, 2);
	CHECK_UINT(counts().records, 1);
	b.flags = 0;
	send(&b); /* it comes again, without a word of it: held it stays */
	CHECK_UINT(counts().records, 1);
	b.records[0].seq = 3;
	send(&b);
	CHECK_UINT(t.note.stored, 1);
	CHECK_UINT(t.reply.contig, 3);
	CHECK_UINT(counts().held, 1);
	CHECK_UINT(marked(), 1u << 1);
	release_held();
	CHECK_UINT(marked(), 1u << 1 | 1u << 2); /* released it keeps its mark */
	b.records[0].seq = 1;
	send(&b); /* and what comes again without it, too */
	CHECK_UINT(t.note.duplicate, 1);
	CHECK_UINT(marked(), 1u << 1 | 1u << 2);
	tear_down();
}

/* The row is changed between a look at it and the transaction: it is looked at again. */
static void test_row_changes(void)
{
	struct batch b;
	struct hub old;

	set_up();
	old = t.hub;
	b = empty_batch();
	old.epoch++;
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_take(t.store, &old, &b, now.ms), -ESTALE);
	store_rollback(t.store);
	old = t.hub;
	old.spki[0] ^= 1;
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_take(t.store, &old, &b, now.ms), -ESTALE);
	store_rollback(t.store);
	old = t.hub;
	old.sign_public[64] ^= 1;
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_take(t.store, &old, &b, now.ms), -ESTALE);
	store_rollback(t.store);
	old = t.hub;
	old.id[0] ^= 1;
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_take(t.store, &old, &b, now.ms), -ESTALE);
	store_rollback(t.store);
	set_state(HUB_RETIRED);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_take(t.store, &t.hub, &b, now.ms), -ESTALE);
	store_rollback(t.store);
	tear_down();
}

/* Slow commits: hubs are told to keep less in flight; quick ones again: they are not. */
static void test_window(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	send(&b);
	CHECK(t.note.commit_us > 0);
	CHECK_UINT(t.reply.window, 0);
	for (int i = 0; i < PACE_SAMPLES; i++)
		pace_on_commit(&t.ingest.pace, 250000);
	send(&b);
	CHECK_UINT(t.reply.window, 1);
	for (int i = 0; i < PACE_SAMPLES; i++)
		pace_on_commit(&t.ingest.pace, 1000);
	send(&b);
	CHECK_UINT(t.reply.window, 0);
	tear_down();
}

static void test_bad_signature(void)
{
	static uint8_t buf[BYTES];
	struct batch b;
	size_t len;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	len = sign(&b, buf);
	buf[len - 1] ^= 1;
	send_bytes(t.hub.spki, buf, len);
	check_refused(COAP_CODE_FORBIDDEN, INGEST_BAD_SIGNATURE);
	/* signed for another purpose with the right key */
	{
		static uint8_t payload[BYTES];
		int n = batch_encode(&b, payload, sizeof(payload));

		n = sign1_make(SIGN_CONTEXT_CONFIG, t.private, payload, (size_t)n, buf,
			       BYTES);
		send_bytes(t.hub.spki, buf, (size_t)n);
		check_refused(COAP_CODE_FORBIDDEN, INGEST_BAD_SIGNATURE);
	}
	tear_down();
}

/* Each byte changed, each length cut: nothing is stored, nothing crashes, no acknowledgement. */
static void test_damaged(void)
{
	static uint8_t buf[BYTES], bad[BYTES];
	struct batch b;
	size_t len;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	add(&b, 2, "two");
	len = sign(&b, buf);
	for (size_t i = 0; i < len; i++) {
		memcpy(bad, buf, len);
		bad[i] = (uint8_t)(bad[i] ^ (1 + test_random() % 255));
		send_bytes(t.hub.spki, bad, len);
		CHECK(t.re.code == COAP_CODE_FORBIDDEN ||
		      t.re.code == COAP_CODE_BAD_REQUEST ||
		      t.re.code == COAP_CODE_UNSUPPORTED_FORMAT);
	}
	for (size_t n = 0; n < len; n++) {
		send_bytes(t.hub.spki, buf, n);
		check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	}
	for (int i = 0; i < 2000; i++) {
		size_t n = test_random() % 300;

		for (size_t k = 0; k < n; k++)
			bad[k] = (uint8_t)test_random();
		send_bytes(t.hub.spki, bad, n);
		CHECK(t.re.code != COAP_CODE_CHANGED);
	}
	check_refused(t.re.code, INGEST_MALFORMED);
	tear_down();
}

/* Well signed, but not a batch. */
static void send_payload(const uint8_t *payload, size_t len)
{
	static uint8_t buf[BYTES];
	int n = sign1_make(SIGN_CONTEXT_BATCH, t.private, payload, len, buf, BYTES);

	CHECK(n > 0);
	send_bytes(t.hub.spki, buf, (size_t)n);
}

static void test_signed_nonsense(void)
{
	static const uint8_t deep[] = { 0x88, 0x02, 0x9f, 0x9f, 0x9f,
					0x9f, 0x9f, 0x9f, 0x9f };
	static const uint8_t huge[] = { 0x88, 0x02, 0x5b, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0xff };
	static uint8_t payload[BYTES];
	struct batch b;
	int n;

	set_up();
	send_payload(deep, sizeof(deep));
	check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	send_payload(huge, sizeof(huge));
	check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	send_payload(payload, 0);
	check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	b = empty_batch();
	add(&b, 1, "one");
	n = batch_encode(&b, payload, sizeof(payload));
	payload[n] = 0;
	send_payload(payload, (size_t)n + 1); /* a byte too many */
	check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	payload[1] = BATCH_VERSION + 1;
	send_payload(payload, (size_t)n);
	check_refused(COAP_CODE_UNSUPPORTED_FORMAT, INGEST_MALFORMED);
	b.record_count = 0;
	add(&b, 2, "two");
	add(&b, 2, "two");
	n = batch_encode(&b, payload, sizeof(payload));
	send_payload(payload, (size_t)n);
	check_refused(COAP_CODE_BAD_REQUEST, INGEST_MALFORMED);
	memset(payload, 0, sizeof(payload));
	send_bytes(t.hub.spki, payload, INGEST_BODY_MAX + 1);
	check_refused(COAP_CODE_TOO_LARGE, INGEST_MALFORMED);
	tear_down();
}

/* A full batch of the largest bodies is stored: the clinic does not refuse what it can keep. */
static void test_largest(void)
{
	static char body[SEALED_BODY_MAX + 1];
	struct batch b;

	set_up();
	memset(body, 'x', SEALED_BODY_MAX);
	b = empty_batch();
	for (uint64_t i = 1; i <= BATCH_RECORDS_MAX; i++)
		add(&b, i, body);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.reply.contig, BATCH_RECORDS_MAX);
	tear_down();
}

/* The clinic was restored from a backup: it says what it has, and notices. */
static void test_behind(void)
{
	struct batch b;

	set_up();
	b = empty_batch();
	b.acked = 40;
	add(&b, 41, "x");
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.reply.contig, 0);
	CHECK(t.note.behind);
	CHECK_UINT(t.reply.resync_from, 1);
	add(&b, 1, "y"); /* the mark alone tells what is missing */
	b.records[0] = b.records[1];
	b.record_count = 1;
	send(&b);
	CHECK_UINT(t.reply.contig, 1);
	CHECK_UINT(t.reply.resync_from, 2);
	b.acked = 2;
	b.records[0].seq = 2;
	send(&b);
	CHECK_UINT(t.reply.contig, 2);
	CHECK_UINT(t.reply.resync_from, 0);
	CHECK(!t.note.behind);
	b.acked = 3; /* one more than is here */
	send(&b);
	CHECK_UINT(t.reply.resync_from, 3);
	tear_down();
}

/* A hub whose store is an old copy says that it gave fewer numbers than are here. A batch that was only slow on its
 * way says so, too, but brings something. */
static void test_older(void)
{
	struct batch b, slow;

	set_up();
	slow = empty_batch();
	slow.highest = 2;
	add(&slow, 1, "1");
	add(&slow, 2, "2");
	b = empty_batch();
	b.highest = 4;
	add(&b, 3, "3");
	add(&b, 4, "4");
	send(&b);
	CHECK(!t.note.older);
	send(&slow);
	CHECK_UINT(t.reply.contig, 4);
	CHECK(!t.note.older);
	b = empty_batch(); /* heartbeats */
	b.highest = 4;
	send(&b);
	CHECK(!t.note.older);
	b.highest = 3;
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK(t.note.older);
	send(&slow); /* all of it is known */
	CHECK(t.note.older);
	tear_down();
}

/* Another program has the file, or the hub: 5.03, nothing
 * stored; when it lets go, the same bytes are stored. */
static void test_locked(void)
{
	struct store *other;
	struct batch b;

	set_up();
	CHECK_INT(place_open(&t.place, &other), 0);
	CHECK_INT(store_begin(other), 0);
	b = empty_batch();
	add(&b, 1, "one");
	CHECK_INT(store_hub_take(other, &t.hub, &b, now.ms), 0);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_UNAVAILABLE);
	CHECK(t.re.max_age_s >= INGEST_RETRY_BUSY_S);
	CHECK(t.re.max_age_s <= INGEST_RETRY_BUSY_S * 3 / 2);
	CHECK_INT(t.note.outcome, INGEST_STORE_DOWN);
	store_rollback(other);
	CHECK_UINT(counts().records, 0);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	store_close(other);
	tear_down();
}

/* The tables are gone: no acknowledgement, and no lock left behind. */
static void test_broken_store(void)
{
	struct batch b;
	int fd;

	set_up();
	if (place_is_server(&t.place)) { /* test_postgres.c has what is damaged there */
		tear_down();
		return;
	}
	b = empty_batch();
	add(&b, 1, "one");
	store_close(t.store);
	/* Pages of the tables overwritten: SQLCipher finds that their MAC is wrong. */
	fd = open(t.place.path, O_WRONLY);
	CHECK(fd >= 0);
	CHECK(pwrite(fd, "garbage", 7, 3 * 4096 + 100) == 7);
	CHECK(pwrite(fd, "garbage", 7, 4 * 4096 + 100) == 7);
	CHECK(pwrite(fd, "garbage", 7, 5 * 4096 + 100) == 7);
	CHECK(pwrite(fd, "garbage", 7, 6 * 4096 + 100) == 7);
	close(fd);
	if (place_open(&t.place, &t.store) == 0) {
		ingest_init(&t.ingest, t.store);
		send(&b);
		CHECK(t.re.code == 0 || t.re.code == COAP_CODE_UNAVAILABLE);
	} else {
		t.store = NULL;
	}
	tear_down();
}

static int send_anew(void *arg)
{
	reopen();
	send(arg);
	return 0;
}

/* INV-4: killed between COMMIT and reply, and killed before COMMIT: sent again, stored once. */
static void kill_at(const char *point, unsigned want_before)
{
	struct batch b;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	store_close(t.store);
	t.store = NULL;
	CHECK(killed_at(t.place.dir, point, send_anew, &b));
	reopen();
	CHECK_UINT(counts().records, want_before);
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_CHANGED);
	CHECK_UINT(t.reply.contig, 1);
	CHECK_UINT(t.note.duplicate, want_before);
	CHECK_UINT(counts().records, 1);
	tear_down();
}

static void test_killed(void)
{
#ifdef HUB_FAILPOINTS
	kill_at("clinic.request.received", 0);
	kill_at("clinic.commit.before", 0);
	kill_at("clinic.commit.after", 1);
#else
	(void)kill_at;
	printf("SKIP test_killed: built without FAILPOINTS=1\n");
#endif
}

static void test_store_files(void)
{
	uint8_t wrong[STORE_KEY_LEN] = { 9 };
	struct store *s;
	struct stat st;

	set_up();
	CHECK_INT(place_create(&t.place, &s), -EEXIST);
	if (place_is_server(&t.place)) {
		tear_down();
		return;
	}
	CHECK_INT(stat(t.place.path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	store_close(t.store);
	t.store = NULL;
	CHECK_INT(store_open(t.place.path, wrong, &s), -EKEYREJECTED);
	CHECK_INT(store_open("/tmp/no-such-folder/clinic.db", place_key, &s), -ENOENT);
	CHECK_INT(place_open(&t.place, &t.store), 0);
	CHECK_INT(store_begin(t.store), 0);
	t.hub.name[0] = 'K';
	CHECK_INT(store_hub_put(t.store, &t.hub), -EEXIST);
	store_rollback(t.store);
	tear_down();
}

/* --- the hub's audit log --------------------------------------------------------------- */

/* A log of so many records; log: which one of that size. */
static struct audit_checkpoint log_of(uint64_t size, uint8_t log)
{
	struct audit_checkpoint c = {
		.enrolment = EPOCH, .size = size, .boot = 3, .highest_seq = 50
	};

	memcpy(c.hub, t.hub.id, HUB_ID_LEN);
	memset(c.root, log, sizeof(c.root));
	memset(c.head, log + 1, sizeof(c.head));
	return c;
}

static size_t sign_checkpoint(const struct audit_checkpoint *c, const uint8_t *private,
			      uint8_t buf[static BATCH_CHECKPOINT_MAX])
{
	uint8_t payload[AUDIT_CHECKPOINT_MAX];
	int n = audit_checkpoint_encode(c, payload, sizeof(payload));

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_CHECKPOINT, private, payload, (size_t)n, buf,
		       BATCH_CHECKPOINT_MAX);
	CHECK(n > 0);
	return (size_t)n;
}

/* With a heartbeat. Returns the receipt's size, 0: none; its hash was checked. */
static uint64_t send_checkpoint(const struct audit_checkpoint *c)
{
	uint8_t bytes[BATCH_CHECKPOINT_MAX], hash[SHA256_LEN];
	struct batch b = empty_batch();

	b.checkpoint = bytes;
	b.checkpoint_len = sign_checkpoint(c, t.private, bytes);
	send(&b);
	CHECK_INT(t.note.outcome, INGEST_STORED);
	crypto_sha256(bytes, b.checkpoint_len, hash);
	if (t.reply.receipt_size)
		CHECK_MEM(t.reply.receipt_hash, hash, sizeof(hash));
	return t.reply.receipt_size;
}

static struct witness_state witnessed(void)
{
	struct witness_state w;

	CHECK_INT(witness_state(t.store, t.hub.id, EPOCH, &w), 0);
	return w;
}

struct seen {
	uint64_t sizes[8];
	size_t count;
};

static int on_witnessed(void *arg, const struct audit_checkpoint *c)
{
	struct seen *s = arg;

	CHECK(s->count < 8);
	s->sizes[s->count++] = c->size;
	return s->count == 7 ? 7 : 0;
}

/* Stored, said so, found again; the same once more, or with another signature, is the same. */
static void test_checkpoint(void)
{
	struct audit_checkpoint c;
	struct seen seen = { 0 };
	struct batch b;

	set_up();
	b = empty_batch();
	send(&b);
	CHECK_INT(t.note.checkpoint, WITNESS_NONE);
	CHECK_UINT(t.reply.receipt_size, 0);
	CHECK_UINT(witnessed().size, 0);
	for (uint64_t size = 1; size <= 3; size++) {
		c = log_of(size * 10, (uint8_t)size);
		for (int i = 0; i < 3; i++) {
			CHECK_UINT(send_checkpoint(&c), size * 10);
			CHECK_INT(t.note.checkpoint, WITNESS_STORED);
		}
		CHECK_UINT(witnessed().size, size * 10);
		reopen();
	}
	CHECK(!witnessed().distrusted && witnessed().received_ms == now.ms);
	CHECK_INT(witness_each(t.store, &t.hub, on_witnessed, &seen), 0);
	CHECK_UINT(seen.count, 3);
	CHECK_UINT(seen.sizes[0], 10);
	CHECK_UINT(seen.sizes[2], 30);
	seen.count = 6;
	CHECK_INT(witness_each(t.store, &t.hub, on_witnessed, &seen), 7);
	CHECK_UINT(witnessed().size, 30);
	tear_down();
}

/* What goes back is told once, gets no receipt, and nothing after it does: each field by itself. */
static void test_checkpoint_rollback(void)
{
	for (int i = 0; i < 5; i++) {
		struct audit_checkpoint c, good;
		struct batch b;

		set_up();
		good = c = log_of(100, 1);
		CHECK_UINT(send_checkpoint(&c), 100);
		switch (i) {
		case 0: c.size--; break;
		case 1: c.root[31] ^= 1; break;
		case 2: c.head[0] ^= 1; break;
		case 3:
			c.size++;
			c.boot--;
			break;
		default: c.size++; c.highest_seq--;
		}
		CHECK_UINT(send_checkpoint(&c), 0);
		CHECK_INT(t.note.checkpoint,
			  i == 1 || i == 2 ? WITNESS_FORKED : WITNESS_OLDER);
		CHECK(witnessed().distrusted);
		CHECK_UINT(witnessed().distrusted_size, c.size);
		reopen();
		good.size = 200;
		CHECK_UINT(send_checkpoint(&good), 0);
		CHECK_INT(t.note.checkpoint, WITNESS_DISTRUSTED);
		CHECK_UINT(witnessed().size, 100);
		/* readings go on */
		b = empty_batch();
		add(&b, 1, "one");
		send(&b);
		CHECK_UINT(t.reply.contig, 1);
		tear_down();
	}
}

/* Nothing is written for what this hub did not sign for itself; the readings beside it are stored. */
static void test_checkpoint_bad(void)
{
	uint8_t bytes[BATCH_CHECKPOINT_MAX], other[P256_PRIVATE_LEN],
		public[P256_PUBLIC_LEN];
	struct audit_checkpoint c;
	uint64_t seq = 0;

	set_up();
	p256_generate(other, public);
	for (int i = 0; i < 6; i++) {
		struct batch b = empty_batch();

		c = log_of(100, 1);
		c.enrolment += i == 0;
		c.hub[15] ^= i == 1;
		c.size = i == 5 ? (uint64_t)INT64_MAX + 1 : 100;
		b.checkpoint = bytes;
		b.checkpoint_len = sign_checkpoint(&c, i == 2 ? other : t.private, bytes);
		bytes[40] ^= i == 3;
		b.checkpoint_len -= i == 4;
		add(&b, ++seq, "reading");
		send(&b);
		CHECK_INT(t.note.checkpoint, WITNESS_BAD);
		CHECK_UINT(t.reply.receipt_size, 0);
		CHECK_UINT(t.reply.contig, seq);
		CHECK(!witnessed().distrusted && witnessed().size == 0);
	}
	tear_down();
}

/* No receipt without COMMIT. */
static void test_checkpoint_not_committed(void)
{
	struct audit_checkpoint c;
	struct batch b;
	uint8_t bytes[BATCH_CHECKPOINT_MAX];

	set_up();
	c = log_of(100, 1);
	b = empty_batch();
	b.checkpoint = bytes;
	b.checkpoint_len = sign_checkpoint(&c, t.private, bytes);
	b.epoch++;
	send(&b); /* foreign */
	CHECK_INT(t.note.outcome, INGEST_FOREIGN);
	CHECK_INT(t.note.checkpoint, WITNESS_NONE);
	CHECK_UINT(witnessed().size, 0);
	tear_down();
}

static void test_audit_key(void)
{
	uint8_t key0[KEY_LEN], got[KEY_LEN];

	set_up();
	crypto_random(key0, sizeof(key0));
	CHECK_INT(witness_key_get(t.store, t.hub.id, EPOCH, got), -ENOENT);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(witness_key_put(t.store, t.hub.id, EPOCH, key0), 0);
	CHECK_INT(witness_key_put(t.store, t.hub.id, EPOCH, key0), -EEXIST);
	store_rollback(t.store);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(witness_key_put(t.store, t.hub.id, EPOCH, key0), 0);
	CHECK_INT(store_commit(t.store), 0);
	reopen();
	CHECK_INT(witness_key_get(t.store, t.hub.id, EPOCH, got), 0);
	CHECK_MEM(got, key0, sizeof(got));
	CHECK_INT(witness_key_get(t.store, t.hub.id, EPOCH + 1, got), -ENOENT);
	tear_down();
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = {
		test_stored,	      test_status,
		test_config_version,  test_small_reply,
		test_duplicate,	      test_conflict,
		test_out_of_order,    test_many_islands,
		test_tombstones,      test_record_and_tombstone,
		test_bad_tombstone,   test_many_tombstones,
		test_random_order,    test_foreign,
		test_carried,	      test_carried_meanwhile,
		test_carried_refused, test_states,
		test_suspended,	      test_suspect,
		test_emergency,	      test_evidence_of_sealed,
		test_row_changes,     test_window,
		test_bad_signature,   test_damaged,
		test_signed_nonsense, test_largest,
		test_behind,	      test_older,
		test_locked,	      test_broken_store,
		test_killed,	      test_store_files,
		test_checkpoint,      test_checkpoint_rollback,
		test_checkpoint_bad,  test_checkpoint_not_committed,
		test_audit_key,
	};

	CHECK_INT(crypto_init(), 0);
	return test_main(argc, argv, "ingest", tests, "", sizeof(tests) / sizeof(*tests));
}
