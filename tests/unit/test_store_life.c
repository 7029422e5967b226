/*
 * test_store_life.c - the last batch of a hub that is to be retired: its readings, the end of its life, the end of its keys and
 * the line in the journal are one transaction, wherever clinicd is killed. On either backend (clinic_place.h).
 */
#include <errno.h>

#include "clinic/ingest.h"
#include "clinic/store_held.h"
#include "clinic/store_life.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/killed.h"

enum { EPOCH = 1, BYTES = BATCH_BYTES_MAX + 200 };

static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };

static struct place place;
static struct store *store;
static struct ingest ingest;
static struct hub hub;
static uint8_t private[P256_PRIVATE_LEN];
static struct coap_server_response re;

static void open_all(void)
{
	CHECK_INT(place_open(&place, &store), 0);
	ingest_init(&ingest, store);
}

static void close_all(void)
{
	store_close(store);
	store = NULL;
}

static int upload(uint64_t first, uint64_t last)
{
	static uint8_t payload[BYTES], buf[BYTES];
	struct batch b = { .epoch = EPOCH, .highest = last };
	struct ingest_note note;
	int n;

	memcpy(b.hub, hub.id, HUB_ID_LEN);
	for (uint64_t seq = first; seq <= last; seq++)
		b.records[b.record_count++] = (struct record){ .assignment = 1,
							       .seq = seq,
							       .class = CLASS_ROUTINE,
							       .kind = 1,
							       .body = (uint8_t *)"body",
							       .body_len = 4 };
	n = batch_encode(&b, payload, sizeof(payload));
	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_BATCH, private, payload, (size_t)n, buf, sizeof(buf));
	CHECK(n > 0);
	ingest_handle(&ingest, hub.spki, buf, (size_t)n, now, &re, &note);
	return re.code;
}

static struct hub row(void)
{
	struct hub h;

	CHECK_INT(store_hub_by_id(store, hub.id, &h), 0);
	return h;
}

/* Three numbers are told of, two are here, another hub is in its place: it may be retired from now on. */
static void begin(void)
{
	struct life_request rq = { .event = LIFE_REPLACE,
				   .now_ms = now.ms - 2,
				   .told = 3,
				   .end_ms = now.ms - 1 };

	memset(&hub, 0, sizeof(hub));
	place_make(&place);
	CHECK_INT(place_create(&place, &store), 0);
	hub.epoch = EPOCH;
	hub.state = HUB_ACTIVE;
	snprintf(hub.name, sizeof(hub.name), "kitchen");
	crypto_random(hub.id, sizeof(hub.id));
	crypto_random(hub.spki, sizeof(hub.spki));
	p256_generate(private, hub.sign_public);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_put(store, &hub), 0);
	CHECK_INT(store_assignment_give(store, hub.id, EPOCH, 1), 0);
	CHECK_INT(store_commit(store), 0);
	ingest_init(&ingest, store);
	CHECK_INT(upload(1, 2), COAP_CODE_CHANGED);
	hub = row();
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_life_on(store, &hub, &rq), LIFE_CHANGED);
	rq.event = LIFE_TAKEN_OVER;
	CHECK_INT(store_life_on(store, &hub, &rq), LIFE_CHANGED);
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(row().state, HUB_SUSPENDED);
	CHECK_UINT(row().drain.upto, 3);
}

static void end(void)
{
	close_all();
	place_remove(&place);
}

static int count_drained(void *arg, const struct journal_entry *e)
{
	*(unsigned *)arg += e->act == JOURNAL_DRAINED;
	return 0;
}

/* It is retired with all that belongs to it, or there is nothing of it. */
static void check(bool retired)
{
	struct store_counts c;
	unsigned lines = 0;

	CHECK_INT(row().state, retired ? HUB_RETIRED : HUB_SUSPENDED);
	CHECK_INT(store_counts(store, hub.id, EPOCH, &c), 0);
	CHECK_UINT(c.records, retired ? 3 : 2);
	CHECK_UINT(c.contig, retired ? 3 : 2);
	CHECK_INT(store_journal_each(store, hub.id, count_drained, &lines), 0);
	CHECK_UINT(lines, retired);
}

static int last_batch(void *arg)
{
	(void)arg;
	open_all();
	return upload(3, 3) == COAP_CODE_CHANGED ? 0 : -EIO;
}

static void test_drained(void)
{
	begin();
	CHECK_INT(upload(3, 3), COAP_CODE_CHANGED);
	check(true);
	CHECK_INT(upload(3, 3), COAP_CODE_FORBIDDEN);
	check(true);
	end();
}

static void test_killed_at_each_write(void)
{
	unsigned writes = 0;

	begin();
	close_all();
	while (killed_after(place.dir, "clinic.sql.written", writes, last_batch, NULL)) {
		open_all();
		check(false);
		close_all();
		writes++;
	}
	open_all();
	check(true); /* the one that was not killed */
#ifdef HUB_FAILPOINTS
	CHECK(writes >= 4); /* mark, row, keys, journal */
#else
	printf("SKIP kills: built without FAILPOINTS=1\n");
#endif
	end();
}

/* Nobody has heard that it is done: the hub says it once more, and is told that it is not wanted any more. */
static void test_killed_after_commit(void)
{
#ifdef HUB_FAILPOINTS
	begin();
	close_all();
	CHECK(killed_at(place.dir, "clinic.sql.committed", last_batch, NULL));
	open_all();
	check(true);
	CHECK_INT(upload(3, 3), COAP_CODE_FORBIDDEN);
	check(true);
	end();
#endif
}

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
}

TEST_MAIN("store_life", test_start, test_drained, test_killed_at_each_write,
	  test_killed_after_commit)
