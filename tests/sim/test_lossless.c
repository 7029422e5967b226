/*
 * test_lossless.c - nothing is lost silently: the real queue and the clinic's real store with a network between
 * them that loses answers, a quota of some pages, refusals, and a hub that is restarted at any time. Some records are
 * evidence, which goes before readings.
 *
 * At the end each number that the hub ever gave is at the clinic exactly once, as a record or in a tombstone,
 * and no record that the hub had made durable is missing without one.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/ingest.h"
#include "clinic/store_held.h"
#include "hub/core/cose.h"
#include "hub/core/reading.h"
#include "storage/handover.h"
#include "tests/unit/records_world.h"
#include "tests/unit/temp_dir.h"

enum {
	EPOCH = 3,
	PAGES = 40, /* the hub's quota */
	RECORDS = 1500,
	SEQ_MAX = 4000,
	BODY_MAX = 700,
	ROUNDS_MAX = 100000,
};

static const uint8_t store_key[STORE_KEY_LEN] = { 1, 2, 3 };
static const struct wall utc = { 1795246265000, 500, CLOCK_QUALITY_NTP };

static struct {
	char dir[64], path[128];
	struct records *queue;
	struct handover handover;
	struct store *store;
	struct ingest ingest;
	struct hub hub;
	uint8_t private[P256_PRIVATE_LEN];
	struct mono now;
	uint8_t body[BODY_MAX];
	/* by seq: the hub has said that it is durable; how it was last heard of */
	bool durable[SEQ_MAX];
	bool refuse[SEQ_MAX]; /* what the clinic makes of it when it comes */
	bool evidence[SEQ_MAX];
	unsigned evicted, evicted_evidence, refused, lost, restarts, sent;
	size_t most_tombstones;
} w;

static void open_hub(void)
{
	w.queue = world_open(w.dir, PAGES, w.restarts == 0);
	CHECK_INT(records_set_owner(w.queue, w.hub.id, EPOCH, 1), 0);
	handover_init(&w.handover, (uint32_t)test_random());
	handover_set_key(&w.handover, w.private);
}

static void start(void)
{
	memset(&w, 0, sizeof(w));
	w.now.ms = 1000;
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(w.dir, sizeof(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/clinic.db", w.dir);
	CHECK_INT(store_create(w.path, store_key, &w.store), 0);
	w.hub = (struct hub){ .id = { 7 },
			      .name = "home",
			      .epoch = EPOCH,
			      .state = HUB_ACTIVE,
			      .spki = { 8 } };
	p256_generate(w.private, w.hub.sign_public);
	CHECK_INT(store_begin(w.store), 0);
	CHECK_INT(store_hub_put(w.store, &w.hub), 0);
	CHECK_INT(store_assignment_give(w.store, w.hub.id, EPOCH, 1), 0);
	CHECK_INT(store_commit(w.store), 0);
	ingest_init(&w.ingest, w.store);
	open_hub();
}

static void stop(void)
{
	world_close(w.queue);
	store_close(w.store);
	temp_dir_remove(w.dir);
	crypto_done();
}

/* --- the hub -------------------------------------------------------------------------------- */

/* A group of readings; what has no space makes the oldest go, and is never refused. */
static void capture(size_t count)
{
	struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };
	uint64_t first = records_next_seq(w.queue);
	struct queue_evicted ev;
	int r;

	for (size_t i = 0; i < count; i++) {
		e[i].record = (struct record){ .assignment = 1,
					       .seq = first + i,
					       .class = test_random() % 8 ? CLASS_ROUTINE
									  : CLASS_ALARM,
					       .kind = READING_BLOOD_PRESSURE,
					       .body = w.body,
					       .body_len = 100 + test_random() % 600 };
		w.evidence[first + i] =
			e[i].record.class == CLASS_ROUTINE && first / 100 % 5 == 0;
		if (w.evidence[first + i])
			e[i].record.kind = READING_EVIDENCE;
		e[i].instance = 1;
		e[i].capture = first + i;
		w.refuse[first + i] = test_random() % 40 == 0;
	}
	while ((r = records_insert(w.queue, e, count)) == -ENOSPC) {
		CHECK_INT(records_evict(w.queue, 1 + (unsigned)(test_random() % 64), &ev),
			  0);
		CHECK(ev.kept + ev.parked + queue_evicted_records(&ev) > 0);
		w.evicted += ev.routine + ev.alarm;
		w.evicted_evidence += ev.evidence;
	}
	CHECK_INT(r, 0);
	CHECK_UINT(records_highest(w.queue), first + count - 1);
	for (size_t i = 0; i < count; i++)
		w.durable[first + i] = true;
}

static void restart(void)
{
	uint64_t highest = records_highest(w.queue), unsent = records_unsent(w.queue);

	world_close(w.queue);
	open_hub();
	CHECK_UINT(records_highest(w.queue), highest);
	CHECK_UINT(records_unsent(w.queue), unsent);
	w.restarts++;
}

/* --- the way ---------------------------------------------------------------------------------- */

static struct batch open_batch(const struct msg_batch *m)
{
	const uint8_t *payload;
	struct batch b;
	size_t len;

	CHECK_INT(sign1_open(SIGN_CONTEXT_BATCH, w.hub.sign_public, m->bytes, m->len,
			     &payload, &len),
		  0);
	CHECK_INT(batch_decode(payload, len, &b), 0);
	return b;
}

/* What this clinic cannot take: answered as hub-coap answers a 4.00, the culprit named if it is alone. */
static bool refuse(const struct msg_batch *m, struct reply *ret)
{
	struct batch b = open_batch(m);
	bool bad = false;

	for (size_t i = 0; i < b.record_count; i++)
		bad |= w.refuse[b.records[i].seq];
	if (!bad)
		return false;
	*ret = (struct reply){ 0 };
	if (m->first == m->last) {
		ret->refused_count = 1;
		ret->refused[0] = (struct refused){ m->first, REFUSED_MALFORMED };
		w.refused++;
	}
	return true;
}

static bool deliver(const struct msg_batch *m, struct reply *ret)
{
	struct coap_server_response re;
	struct ingest_note note;

	if (refuse(m, ret))
		return true;
	ingest_handle(&w.ingest, w.hub.spki, m->bytes, m->len, utc, &re, &note);
	CHECK_INT(re.code, COAP_CODE_CHANGED);
	CHECK_INT(reply_decode(re.body, re.len, ret), 0);
	CHECK_UINT(note.conflict, 0);
	return true;
}

/* One batch on its way; the answer may be lost, and while it is under way the hub goes on. */
static void exchange(bool heartbeat, bool lossy)
{
	struct msg_want want = { .batches = 1, .heartbeat = heartbeat };
	struct msg_ack ack = { 0 };
	struct queue_ack done;
	struct msg_batch m;
	int r;

	handover_on_want(&w.handover, &want);
	r = handover_make(&w.handover, w.queue, 0, w.now, &m);
	CHECK(r >= 0);
	if (r == 0)
		return;
	w.sent++;
	ack.batch = m.id;
	if (open_batch(&m).tombstone_count > w.most_tombstones)
		w.most_tombstones = open_batch(&m).tombstone_count;
	CHECK(deliver(&m, &ack.reply));
	if (lossy && test_random() % 4 == 0)
		capture(1 + test_random() % 20); /* may evict what is under way */
	if (lossy && test_random() % 5 == 0) {
		handover_on_down(&w.handover);
		w.lost++;
		return;
	}
	CHECK_INT(records_acknowledge(w.queue, &ack.reply, NULL, 0, &done), 0);
	CHECK_INT(handover_on_ack(&w.handover, &ack, w.now), 0);
}

/* --- what is where ------------------------------------------------------------------------------ */

static uint8_t records[SEQ_MAX], given_up[SEQ_MAX][TOMBSTONE_CAUSES];

static int see_record(void *arg, const struct sealed *rec)
{
	(void)arg;
	CHECK(rec->record.seq < SEQ_MAX);
	records[rec->record.seq]++;
	return 0;
}

static int see_given_up(void *arg, const struct tombstone *t)
{
	(void)arg;
	CHECK(t->first >= 1 && t->first <= t->last && t->last < SEQ_MAX);
	for (uint64_t seq = t->first; seq <= t->last; seq++)
		given_up[seq][t->cause]++;
	return 0;
}

static void look(void)
{
	memset(records, 0, sizeof(records));
	memset(given_up, 0, sizeof(given_up));
	CHECK_INT(store_record_each(w.store, w.hub.id, see_record, NULL), 0);
	CHECK_INT(store_given_up_each(w.store, w.hub.id, EPOCH, see_given_up, NULL), 0);
}

static void check_all(void)
{
	uint64_t highest = records_highest(w.queue), n[TOMBSTONE_CAUSES] = { 0 }, all = 0;
	struct store_counts c;

	look();
	for (uint64_t seq = 1; seq <= highest; seq++) {
		unsigned times = records[seq];

		CHECK(w.durable[seq]);
		for (int cause = 0; cause < TOMBSTONE_CAUSES; cause++) {
			times += given_up[seq][cause];
			n[cause] += given_up[seq][cause];
		}
		all += records[seq];
		CHECK_UINT(times, 1);
		/* a reading is never told as evidence, nor the other way round */
		CHECK_UINT(given_up[seq][w.evidence[seq] ? TOMBSTONE_EVICTED
							 : TOMBSTONE_EVIDENCE],
			   0);
		if (w.refuse[seq])
			CHECK_UINT(records[seq], 0);
		else
			CHECK_UINT(given_up[seq][TOMBSTONE_REFUSED], 0);
	}
	CHECK_INT(store_counts(w.store, w.hub.id, EPOCH, &c), 0);
	CHECK_UINT(c.contig, highest);
	CHECK_UINT(c.highest, highest);
	CHECK_UINT(c.records, all);
	CHECK_UINT(c.quarantined, 0);
	for (int cause = 0; cause < TOMBSTONE_CAUSES; cause++)
		CHECK_UINT(c.given_up[cause], n[cause]);
	CHECK_UINT(n[TOMBSTONE_EVICTED] + n[TOMBSTONE_EVIDENCE] + n[TOMBSTONE_REFUSED] +
			   all,
		   highest);
	/* what was evicted while it was under way came all the same, so not all of them */
	CHECK(n[TOMBSTONE_EVICTED] > 0 && n[TOMBSTONE_EVICTED] <= w.evicted);
	CHECK(n[TOMBSTONE_EVIDENCE] > 0 && n[TOMBSTONE_EVIDENCE] <= w.evicted_evidence);
	CHECK(n[TOMBSTONE_REFUSED] > 0);
	CHECK_UINT(records_contig(w.queue), highest);
}

/* At no time does the clinic say that it has what it has not, or the hub forget what it has not. */
static void check_midway(void)
{
	struct store_counts c;

	look();
	CHECK_INT(store_counts(w.store, w.hub.id, EPOCH, &c), 0);
	CHECK(records_contig(w.queue) <= c.contig);
	for (uint64_t seq = 1; seq <= c.contig; seq++) {
		unsigned times = records[seq];

		for (int cause = 0; cause < TOMBSTONE_CAUSES; cause++)
			times += given_up[seq][cause];
		CHECK_UINT(times, 1);
	}
}

static void test_random_run(void)
{
	unsigned round = 0;

	start();
	while (records_highest(w.queue) < RECORDS) {
		bool away = round / 20 % 3 == 0; /* for a while there is no network */

		CHECK(round++ < ROUNDS_MAX);
		w.now.ms += test_random() % 5000;
		capture(1 + test_random() % QUEUE_GROUP_MAX);
		for (uint64_t i = test_random() % 8; i > 0 && !away; i--)
			exchange(test_random() % 4 == 0, true);
		if (test_random() % 10 == 0)
			restart();
		if (round % 25 == 0)
			check_midway();
	}
	for (round = 0; records_contig(w.queue) < records_highest(w.queue); round++) {
		CHECK(round < ROUNDS_MAX);
		w.now.ms += HANDOVER_PAUSE_MS;
		exchange(true, false);
	}
	check_all();
	CHECK(w.evicted > 0 && w.refused > 0 && w.lost > 0 && w.restarts > 0);
	CHECK(w.most_tombstones == BATCH_TOMBSTONES_MAX);
	stop();
}

TEST_MAIN("lossless", test_random_run)
