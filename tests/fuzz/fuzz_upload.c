/*
 * fuzz_upload.c - what a hub may send, without a store: COSE frame, batch, and the decision on them.
 *
 * The first byte chooses: 0 the bytes as they are sent, 1 the bytes as a batch that is signed well.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/ingest.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hub hub;
static uint8_t private[P256_PRIVATE_LEN];

static void once(void)
{
	if (hub.state == HUB_ACTIVE)
		return;
	if (crypto_init() < 0)
		abort();
	p256_generate(private, hub.sign_public);
	hub.epoch = 1;
	hub.state = HUB_ACTIVE;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* All of it is named if there is room, and nothing else above the mark. */
static void check_named(const struct batch *b, const struct reply *r)
{
	bool all = r->range_count < REPLY_RANGES_MAX;
	uint64_t first = UINT64_MAX, last = 0;

	for (size_t i = 0; i < b->record_count; i++) {
		check(!all || reply_covers(r, b->records[i].seq));
		first = b->records[i].seq < first ? b->records[i].seq : first;
		last = b->records[i].seq > last ? b->records[i].seq : last;
	}
	for (size_t i = 0; i < b->tombstone_count; i++) {
		const struct tombstone *t = &b->tombstones[i];

		check(!all || (reply_covers(r, t->first) && reply_covers(r, t->last)));
		first = t->first < first ? t->first : first;
		last = t->last > last ? t->last : last;
	}
	for (size_t i = 0; i < r->range_count; i++)
		check(r->ranges[i].last <= last && (r->ranges[i].first >= first ||
						    r->ranges[i].first == r->contig + 1));
}

/* What is judged good must hold what the store relies on, and make a reply that a hub can read. */
static void check_batch(const struct batch *b)
{
	struct wall now = { 1, 1, CLOCK_QUALITY_NTP };
	struct reply r = ingest_reply(b, 5, now), back;
	uint8_t buf[COAP_SERVER_REPLY_MAX];
	uint64_t above = 0;
	int n = reply_encode(&r, buf, sizeof(buf));

	check(b->record_count <= BATCH_RECORDS_MAX && b->epoch == hub.epoch);
	for (size_t i = 0; i < b->record_count; i++) {
		check(b->records[i].seq > above && b->records[i].seq <= INT64_MAX);
		check(b->records[i].body_len >= 1 &&
		      b->records[i].body_len <= SEALED_BODY_MAX);
		above = b->records[i].seq;
	}
	check(b->tombstone_count <= BATCH_TOMBSTONES_MAX);
	above = 0;
	for (size_t i = 0; i < b->tombstone_count; i++) {
		const struct tombstone *t = &b->tombstones[i];

		check(t->first > above && t->first <= t->last && t->last <= b->highest);
		check(t->cause > TOMBSTONE_NONE && t->cause < TOMBSTONE_CAUSES);
		above = t->last;
	}
	check(b->checkpoint_len <= BATCH_CHECKPOINT_MAX);
	check(n > 0 && n <= REPLY_BYTES_MAX && reply_decode(buf, (size_t)n, &back) == 0);
	check_named(b, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t cose[INGEST_BODY_MAX];
	enum ingest_outcome outcome;
	struct cose_sign1 frame;
	struct batch b;
	int code, n;

	once();
	if (size < 1 || size > 4096)
		return 0;
	if (data[0] != 1) {
		(void)cose_parse(data + 1, size - 1, &frame);
		outcome = ingest_judge(&hub, data + 1, size - 1, &b, &code);
		check(outcome != INGEST_STORED && code != COAP_CODE_CHANGED);
		return 0;
	}
	n = sign1_make(SIGN_CONTEXT_BATCH, private, data + 1, size - 1, cose,
		       sizeof(cose));
	check(n > 0);
	outcome = ingest_judge(&hub, cose, (size_t)n, &b, &code);
	check((outcome == INGEST_STORED) == (code == COAP_CODE_CHANGED));
	check(outcome != INGEST_BAD_SIGNATURE);
	if (outcome == INGEST_STORED)
		check_batch(&b);
	return 0;
}
