/*
 * test_ingest.c - uploads against a real store in a temporary folder: what is stored,
 * what is said, what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clinic/files.h"
#include "clinic/ingest.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "tests/unit/test.h"

enum { BYTES = 40000, EPOCH = 3 };

static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };
static const uint8_t store_key[STORE_KEY_LEN] = { 1, 2, 3 };

/* One clinic with one hub. */
struct bench {
	char dir[64], path[128];
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
	snprintf(t.dir, sizeof(t.dir), "/tmp/test_ingest.XXXXXX");
	CHECK(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/clinic.db", t.dir);
	CHECK_INT(store_create(t.path, store_key, &t.store), 0);
	t.hub.epoch = EPOCH;
	t.hub.state = HUB_ACTIVE;
	t.hub.added_ms = now.ms;
	snprintf(t.hub.name, sizeof(t.hub.name), "kitchen");
	crypto_random(t.hub.id, sizeof(t.hub.id));
	crypto_random(t.hub.spki, sizeof(t.hub.spki));
	p256_generate(t.private, t.hub.sign_public);
	CHECK_INT(store_begin(t.store), 0);
	CHECK_INT(store_hub_put(t.store, &t.hub), 0);
	CHECK_INT(store_commit(t.store), 0);
	ingest_init(&t.ingest, t.store);
}

static void tear_down(void)
{
	store_close(t.store);
	files_discard(t.dir);
}

static void reopen(void)
{
	store_close(t.store);
	CHECK_INT(store_open(t.path, store_key, &t.store), 0);
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

/* Every state but ACTIVE: no handshake, and 4.03 on a connection that is still there. */
static void test_states(void)
{
	static uint8_t buf[BYTES];
	enum hub_state states[] = { HUB_NONE,	   HUB_PREREGISTERED, HUB_ISSUED,
				    HUB_SUSPENDED, HUB_RETIRED,	      HUB_LOST };

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
	tear_down();
}

/* Another program holds the write lock: 5.03, nothing
 * stored; when it lets go, the same bytes are stored. */
static void test_locked(void)
{
	struct store *other;
	struct batch b;

	set_up();
	CHECK_INT(store_open(t.path, store_key, &other), 0);
	CHECK_INT(store_begin(other), 0);
	b = empty_batch();
	add(&b, 1, "one");
	send(&b);
	CHECK_INT(t.re.code, COAP_CODE_UNAVAILABLE);
	CHECK_UINT(t.re.max_age_s, INGEST_RETRY_BUSY_S);
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
	struct sql;
	struct batch b;
	int fd;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	store_close(t.store);
	/* Pages of the tables overwritten: SQLCipher finds that their MAC is wrong. */
	fd = open(t.path, O_WRONLY);
	CHECK(fd >= 0);
	CHECK(pwrite(fd, "garbage", 7, 3 * 4096 + 100) == 7);
	CHECK(pwrite(fd, "garbage", 7, 4 * 4096 + 100) == 7);
	CHECK(pwrite(fd, "garbage", 7, 5 * 4096 + 100) == 7);
	CHECK(pwrite(fd, "garbage", 7, 6 * 4096 + 100) == 7);
	close(fd);
	if (store_open(t.path, store_key, &t.store) == 0) {
		ingest_init(&t.ingest, t.store);
		send(&b);
		CHECK(t.re.code == 0 || t.re.code == COAP_CODE_UNAVAILABLE);
	} else {
		t.store = NULL;
	}
	tear_down();
}

/* Killed between COMMIT and reply, and killed before COMMIT: sent again, stored once. */
static void kill_at(const char *point, unsigned want_before)
{
	char once[128];
	struct batch b;
	int status;
	pid_t pid;

	set_up();
	b = empty_batch();
	add(&b, 1, "one");
	store_close(t.store);
	t.store = NULL;
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		snprintf(once, sizeof(once), "%s/once", t.dir);
		setenv("HUB_FAILPOINT", point, 1);
		setenv("HUB_FAILPOINT_ONCE", once, 1);
		reopen();
		send(&b);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
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
	CHECK_INT(store_create(t.path, store_key, &s), -EEXIST);
	CHECK_INT(stat(t.path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	store_close(t.store);
	t.store = NULL;
	CHECK_INT(store_open(t.path, wrong, &s), -EKEYREJECTED);
	CHECK_INT(store_open("/tmp/no-such-folder/clinic.db", store_key, &s), -ENOENT);
	CHECK_INT(store_open(t.path, store_key, &t.store), 0);
	CHECK_INT(store_begin(t.store), 0);
	t.hub.name[0] = 'K';
	CHECK_INT(store_hub_put(t.store, &t.hub), -EEXIST);
	store_rollback(t.store);
	tear_down();
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = {
		test_stored,	    test_small_reply,
		test_duplicate,	    test_conflict,
		test_out_of_order,  test_many_islands,
		test_tombstones,    test_record_and_tombstone,
		test_bad_tombstone, test_many_tombstones,
		test_random_order,  test_foreign,
		test_states,	    test_bad_signature,
		test_damaged,	    test_signed_nonsense,
		test_largest,	    test_behind,
		test_locked,	    test_broken_store,
		test_killed,	    test_store_files,
	};

	CHECK_INT(crypto_init(), 0);
	return test_main(argc, argv, "ingest", tests, "", sizeof(tests) / sizeof(*tests));
}
