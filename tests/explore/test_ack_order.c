/*
 * test_ack_order.c - INV-4: what is confirmed is on the disk. By the order of system calls: when hub-store tells hub-ble that a
 * capture is durable, and when a clinic has an answer for a hub, nothing that was written to their databases waits for a sync.
 *
 * The same is asked at each answer in every run of explore (work_store.c), and what a power cut leaves then. That
 * nothing is deleted from a device before: tests/sim/test_racp.c. That no answer is there before COMMIT, whatever becomes of it:
 * tests/unit/test_ingest_group.c.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/ingest.h"
#include "clinic/store_held.h"
#include "hub/crypto/crypto.h"
#include "tests/explore/disk.h"
#include "tests/explore/folder.h"
#include "tests/explore/record.h"
#include "tests/explore/workload.h"
#include "tests/unit/clinic_place.h"

enum { BYTES = 8192, EPOCH = 3, UPLOADS = 12, SEEDS = 3 };

static struct log written;

/* --- hub-store ---------------------------------------------------------------------------------- */

static const struct setting_rule normal[] = {
	{ "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL", "PRAGMA synchronous",
	  "SELECT 2" },
};

/* A day of hub-store, with a hub-ble and a clinic. Returns what is wrong, or NULL. */
static const char *work(uint64_t seed, const struct settings *s,
			const struct spoil *spoil)
{
	void *world = calloc(1, store_short_workload.world_bytes);
	char dir[FOLDER_BYTES];
	const char *wrong;

	CHECK(world != NULL);
	folder_make(dir);
	record_seed(seed);
	settings_use(s);
	record_start(&written, dir);
	record_spoil(spoil);
	wrong = store_short_workload.run(world, dir, seed);
	record_spoil(NULL);
	record_stop();
	settings_use(NULL);
	library_forget();
	folder_remove(dir);
	free(world);
	return wrong;
}

static void test_hub_store(void)
{
	const struct settings lazy = { .rules = normal, .rule_count = 1 };
	const struct spoil lost = { .forget = RECORD_FORGET_DATA, .only = "queue-" };
	const char *wrong;

	CHECK_INT(crypto_init(), 0);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		wrong = work(seed, NULL, NULL);
		if (wrong)
			fprintf(stderr, "%s\n", wrong);
		CHECK(wrong == NULL);
		CHECK(written.count > 100);
	}
	/* and it is found if it is not so */
	wrong = work(1, &lazy, NULL);
	CHECK(wrong && strncmp(wrong, "INV-4", 5) == 0);
	wrong = work(1, NULL, &lost);
	CHECK(wrong && strncmp(wrong, "INV-4", 5) == 0);
}

/* --- the clinic --------------------------------------------------------------------------------- */

static struct clinic {
	struct place place;
	struct store *store;
	struct ingest ingest;
	struct hub hub;
	uint8_t private[P256_PRIVATE_LEN];
	unsigned answered,
		early; /* answers; those with something that waits for a sync */
} c;

static void open_clinic(void)
{
	memset(&c, 0, sizeof(c));
	place_make(&c.place);
	CHECK_INT(place_create(&c.place, &c.store), 0);
	c.hub.epoch = EPOCH;
	c.hub.state = HUB_ACTIVE;
	snprintf(c.hub.name, sizeof(c.hub.name), "kitchen");
	crypto_random(c.hub.id, sizeof(c.hub.id));
	crypto_random(c.hub.spki, sizeof(c.hub.spki));
	p256_generate(c.private, c.hub.sign_public);
	CHECK_INT(store_begin(c.store), 0);
	CHECK_INT(store_hub_put(c.store, &c.hub), 0);
	CHECK_INT(store_assignment_give(c.store, c.hub.id, EPOCH, 1), 0);
	CHECK_INT(store_commit(c.store), 0);
	store_close(c.store);
	/* from its start on, as all is on the disk then */
	record_start(&written, c.place.dir);
	CHECK_INT(place_open(&c.place, &c.store), 0);
	ingest_init(&c.ingest, c.store);
}

static void close_clinic(void)
{
	record_stop();
	store_close(c.store);
	place_remove(&c.place);
}

static size_t make_upload(uint64_t seq, uint8_t buf[static BYTES])
{
	static uint8_t body[600], payload[BYTES];
	struct batch b = { .epoch = EPOCH, .highest = seq, .record_count = 1 };
	int n;

	crypto_random(body, sizeof(body));
	memcpy(b.hub, c.hub.id, HUB_ID_LEN);
	b.records[0] = (struct record){ .assignment = 1,
					.seq = seq,
					.class = CLASS_ROUTINE,
					.kind = 1,
					.body = body,
					.body_len = sizeof(body) };
	n = batch_encode(&b, payload, sizeof(payload));
	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_BATCH, c.private, payload, (size_t)n, buf, BYTES);
	CHECK(n > 0);
	return (size_t)n;
}

/* An answer is there: it may be sent at once. */
static void on_answer(void *arg, const struct ingest_note *note)
{
	(void)arg;
	CHECK_INT(note->outcome, INGEST_STORED);
	c.answered++;
	c.early += record_unsynced("clinic.db") != NULL;
}

static void upload_all(void)
{
	static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };
	static uint8_t buf[2][BYTES];
	struct coap_server_response re[2] = { 0 };
	struct ingest_note note;

	for (uint64_t seq = 1; seq <= UPLOADS; seq += 3) {
		size_t len = make_upload(seq, buf[0]);

		ingest_handle(&c.ingest, c.hub.spki, buf[0], len, now, &re[0], &note);
		CHECK_INT(re[0].code, COAP_CODE_CHANGED);
		on_answer(NULL, &note);
		for (uint64_t i = 0; i < 2; i++) { /* two together */
			len = make_upload(seq + 1 + i, buf[i]);
			ingest_add(&c.ingest, c.hub.spki, buf[i], len, now, &re[i]);
		}
		ingest_settle(&c.ingest, on_answer, NULL);
	}
	CHECK_UINT(c.answered, UPLOADS);
}

static void test_clinic(void)
{
	const struct spoil lost = { .forget = RECORD_FORGET_DATA, .only = "clinic.db" };

	open_clinic();
	upload_all();
	CHECK_UINT(c.early, 0);
	close_clinic();
	open_clinic();
	record_spoil(&lost);
	upload_all();
	CHECK_UINT(c.early, UPLOADS);
	record_spoil(NULL);
	close_clinic();
	log_free(&written);
}

TEST_MAIN("ack-order", test_hub_store, test_clinic)
