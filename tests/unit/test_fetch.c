/*
 * test_fetch.c - what is asked of the clinic and when, what goes to hubd, and what is left alone; then at random, with a
 * clinic that changes its mind and a way that loses and doubles.
 */
#include "tests/unit/test.h"

#include "coap/code.h"
#include "coap/fetch.h"
#include "hub/core/err.h"

enum { DICE = 1u << 31 };

static struct fetch f;
static struct mono now;
static struct fetch_action a;
static uint8_t doc[CONFIG_BYTES_MAX + 2048];

/* Session, hubd, version 5 in use; settled. */
static void begin(void)
{
	now = (struct mono){ 1000000 };
	fetch_init(&f);
	for (size_t i = 0; i < sizeof(doc); i++)
		doc[i] = (uint8_t)(i * 31 >> 3);
	fetch_on_hubd(&f, true, DICE, now);
	fetch_on_session(&f, true);
	fetch_on_config(&f, 5, now);
	now.ms += FETCH_SETTLE_MS;
}

static bool next(void)
{
	return fetch_next(&f, DICE, now, &a);
}

static void want(uint64_t version)
{
	fetch_on_wanted(&f, version, now);
}

static void check_get(uint32_t num, uint8_t szx)
{
	CHECK(next());
	CHECK_INT(a.what, FETCH_GET);
	CHECK_UINT(a.block.num, num);
	CHECK_UINT(a.block.szx, szx);
	CHECK(!a.block.more);
	CHECK(a.token > FETCH_TOKEN_FIRST);
	CHECK(!next());
}

/* The block that was asked for, of a document of len octets; tag is its ETag. */
static struct fetch_part part_of(size_t len, uint8_t tag)
{
	struct fetch_part p = { .token = a.token,
				.code = COAP_CODE_CONTENT,
				.max_age_s = 60,
				.format = COAP_FORMAT_SIGN1,
				.etag = { tag },
				.etag_len = 1,
				.has_block = true,
				.block = a.block };
	struct block_part part;

	CHECK_INT(block_find(&a.block, len, &part), 0);
	p.block.more = part.more;
	p.body = doc + part.offset;
	p.len = part.len;
	return p;
}

static void answer(const struct fetch_part *p)
{
	CHECK(fetch_on_part(&f, p, DICE, now));
}

static void give(size_t len, uint8_t tag)
{
	struct fetch_part p = part_of(len, tag);

	answer(&p);
}

/* All pieces; returns how many octets. */
static size_t take_offer(uint64_t version)
{
	size_t at = 0;

	do {
		CHECK(next());
		CHECK_INT(a.what, FETCH_OFFER);
		CHECK_UINT(a.offer.version, version);
		CHECK_UINT(a.offer.offset, at);
		CHECK_UINT(a.offer.id, f.id);
		CHECK_MEM(a.offer.bytes, doc + at, a.offer.len);
		at += a.offer.len;
	} while (at < a.offer.total);
	CHECK_UINT(at, a.offer.total);
	CHECK(!next());
	return at;
}

static bool judge(enum offer_outcome outcome)
{
	const struct msg_verdict v = { f.id, outcome,
				       outcome == OFFER_REFUSED ? REFUSAL_OLDER
								: REFUSAL_NONE };

	return fetch_on_verdict(&f, &v, DICE, now);
}

static void fetch_whole(uint64_t version, size_t len, uint8_t tag)
{
	size_t blocks = (len + 1023) / 1024;

	want(version);
	for (size_t i = 0; i < blocks; i++) {
		check_get((uint32_t)i, 6);
		give(len, tag);
	}
	CHECK_UINT(take_offer(version), len);
}

/* Until something is done: how long that was. */
static uint64_t wait_next(void)
{
	uint64_t begin_ms = now.ms;

	CHECK(!next());
	now = fetch_deadline(&f, now);
	CHECK(now.ms > begin_ms);
	CHECK(now.ms != UINT64_MAX);
	return now.ms - begin_ms;
}

static void test_one(void)
{
	begin();
	CHECK(!next());
	CHECK_UINT(fetch_deadline(&f, now).ms, UINT64_MAX);
	want(0);
	CHECK(!fetch_has_work(&f, now));
	want(6);
	CHECK(fetch_has_work(&f, now));
	check_get(0, 6);
	CHECK(fetch_is_owed(&f));
	CHECK_UINT(a.etag_len, 0);
	give(700, 1);
	CHECK(!fetch_is_owed(&f));
	CHECK_UINT(take_offer(6), 700);
	CHECK(judge(OFFER_TAKEN));
	CHECK(!judge(OFFER_TAKEN)); /* said once */
	fetch_on_config(&f, 6, now);
	CHECK(!next());
	CHECK_UINT(fetch_deadline(&f, now).ms, UINT64_MAX);
	for (size_t i = 0; i < sizeof(f.bytes); i++)
		CHECK_UINT(f.bytes[i], 0); /* wiped */
}

/* Lengths at the limits of a block, a piece and the whole. */
static void test_lengths(void)
{
	static const size_t lens[] = { 1,
				       1023,
				       1024,
				       1025,
				       3071,
				       3072,
				       3073,
				       CONFIG_BYTES_MAX - 1,
				       CONFIG_BYTES_MAX };

	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		begin();
		fetch_whole(6, lens[i], 1);
		CHECK(judge(OFFER_TAKEN));
	}
	begin(); /* one octet more */
	want(6);
	for (uint32_t i = 0; i < 32; i++) {
		check_get(i, 6);
		give(CONFIG_BYTES_MAX + 1, 1);
	}
	CHECK(!next() || a.what == FETCH_GET);
	if (a.what == FETCH_GET && f.state == FETCH_ASKED)
		give(CONFIG_BYTES_MAX + 1, 1);
	CHECK_INT(f.state, FETCH_IDLE);
	CHECK_UINT(f.len, 0);
}

static void test_not_wanted(void)
{
	begin();
	want(5);
	CHECK(!next());
	want(4); /* restored from an older backup */
	CHECK(!next());
	want(6);
	fetch_on_session(&f, false);
	CHECK(!next());
	CHECK(fetch_has_work(&f, now)); /* but a session is worth it */
	fetch_on_session(&f, true);
	fetch_on_hubd(&f, false, DICE, now);
	CHECK(!next());
	CHECK(!fetch_has_work(&f, now));
	fetch_on_hubd(&f, true, DICE, now);
	CHECK(!next()); /* what it has in use it has not said */
	fetch_on_config(&f, 5, now);
	CHECK_UINT(wait_next(), FETCH_SETTLE_MS);
	check_get(0, 6);
	/* by hand meanwhile: what comes is not asked for on */
	give(2000, 1);
	fetch_on_config(&f, 6, now);
	CHECK(!next());
	CHECK_UINT(f.len, 0);
}

static void test_refused(void)
{
	begin();
	fetch_whole(6, 100, 9);
	CHECK(judge(OFFER_REFUSED));
	CHECK(!next());
	CHECK_UINT(fetch_deadline(&f, now).ms, UINT64_MAX);
	want(6);
	CHECK(!next());
	now.ms += 1000000000;
	CHECK(!next());
	/* another version: the bytes that were refused are named */
	want(7);
	CHECK(next());
	CHECK_UINT(a.etag_len, 1);
	CHECK_UINT(a.etag[0], 9);
	struct fetch_part p = { .token = a.token, .code = COAP_CODE_VALID };
	answer(&p); /* there are no others */
	CHECK(!next());
	CHECK_UINT(fetch_deadline(&f, now).ms, UINT64_MAX);
	/* a new hubd knows nothing of it, and shall */
	fetch_on_hubd(&f, true, DICE, now);
	fetch_on_config(&f, 5, now);
	now.ms += FETCH_GAP_MS;
	check_get(0, 6);
	CHECK_UINT(a.etag_len, 0);
}

static void test_other_verdicts(void)
{
	static const enum offer_outcome all[] = { OFFER_LATER, OFFER_KNOWN };

	for (size_t i = 0; i < 2; i++) {
		begin();
		fetch_whole(6, 100, 1);
		CHECK(!judge(all[i]));
		CHECK(wait_next() >= FETCH_BACKOFF_MIN_MS);
		if (mono_reached(now, f.gap_until))
			check_get(0, 6);
	}
	begin(); /* of another offer */
	fetch_whole(6, 100, 1);
	f.id++;
	const struct msg_verdict v = { f.id - 1, OFFER_TAKEN, REFUSAL_NONE };
	CHECK(!fetch_on_verdict(&f, &v, DICE, now));
	CHECK_INT(f.state, FETCH_JUDGED);
	CHECK_UINT(wait_next(), FETCH_VERDICT_MS); /* and none comes */
	CHECK(!next());
	CHECK_INT(f.state, FETCH_IDLE);
	begin(); /* hubd dies of it, again and again */
	want(6);
	uint64_t waited = 0;
	for (int i = 0; i < 13; i++) {
		uint64_t ms = 0;

		while (!next())
			ms += wait_next();
		CHECK(ms >= waited || ms >= FETCH_BACKOFF_MAX_MS);
		waited = ms;
		give(100, 1);
		(void)take_offer(6);
		fetch_on_hubd(&f, false, DICE, now);
		fetch_on_hubd(&f, true, DICE, now);
		fetch_on_config(&f, 5, now);
	}
	CHECK(waited >= FETCH_BACKOFF_MAX_MS);
	CHECK(waited <= FETCH_BACKOFF_MAX_MS * 6 / 5);
}

/* Each thing that is wrong with a part drops all of it, and is asked again later. */
static void test_bad_parts(void)
{
#define BAD(first, change)                                                               \
	do {                                                                             \
		struct fetch_part p;                                                     \
		begin();                                                                 \
		want(6);                                                                 \
		check_get(0, 6);                                                         \
		if (!(first)) {                                                          \
			give(2500, 1);                                                   \
			check_get(1, 6);                                                 \
		}                                                                        \
		p = part_of(2500, 1);                                                    \
		change;                                                                  \
		answer(&p);                                                              \
		CHECK_UINT(f.len, 0);                                                    \
		CHECK_INT(f.state, FETCH_IDLE);                                          \
		CHECK(!next());                                                          \
		CHECK(fetch_deadline(&f, now).ms >= now.ms + FETCH_BACKOFF_MIN_MS);      \
	} while (0)
	BAD(true, p.etag_len = 0);
	BAD(false, p.etag[0] = 2);
	BAD(false, p.etag_len = 2);
	BAD(true, p.format = COAP_FORMAT_CBOR);
	BAD(true, p.format = -1);
	BAD(true, p.len = 0);
	BAD(true, p.len--);
	BAD(false, p.len++);
	BAD(true, p.block.num = 1);
	BAD(false, p.block.num = 0);
	BAD(false, p.block.num = 2);
	BAD(true, (p.block.szx = 3, p.len = 128)); /* so many requests for so little */
	BAD(false, p.has_block = false);
	BAD(true, p.code = COAP_CODE_NOT_FOUND);
	BAD(true, p.code = COAP_CODE_FORBIDDEN);
	BAD(false, p.code = COAP_CODE_BAD_REQUEST);
	BAD(true, p.code = COAP_CODE_CHANGED);
	BAD(true, p.code = COAP_CODE_VALID); /* of what? */
#undef BAD
}

static void test_smaller_blocks(void)
{
	struct fetch_part p;

	begin();
	want(6);
	check_get(0, 6);
	p = part_of(1500, 1);
	p.block.szx = 4; /* as the server has it */
	p.len = 256;
	answer(&p);
	for (uint32_t i = 1; i < 6; i++) {
		check_get(i, 4);
		give(1500, 1);
	}
	CHECK_UINT(take_offer(6), 1500);

	begin(); /* without blocks, in one message */
	want(6);
	check_get(0, 6);
	p = part_of(900, 1);
	p.has_block = false;
	answer(&p);
	CHECK_UINT(take_offer(6), 900);
}

/* Where large datagrams get lost; what is here already stays. */
static void test_undelivered(void)
{
	uint32_t token;

	begin();
	want(6);
	check_get(0, 6);
	give(3000, 1);
	check_get(1, 6);
	CHECK(!fetch_on_undelivered(&f, 300, DICE, now)); /* a batch's */
	CHECK(fetch_on_undelivered(&f, a.token, DICE, now));
	wait_next();
	check_get(2, 5);
	CHECK(fetch_on_undelivered(&f, a.token, DICE, now));
	wait_next();
	check_get(4, 4);
	CHECK(fetch_on_undelivered(&f, a.token, DICE, now));
	wait_next();
	check_get(4, 4);
	token = a.token;
	CHECK_UINT(fetch_deadline(&f, now).ms, now.ms + FETCH_REPLY_MS);
	now.ms += FETCH_REPLY_MS; /* nothing at all comes */
	CHECK(!next());
	wait_next();
	check_get(4, 4);
	CHECK(a.token != token);
	struct fetch_part late = part_of(3000, 1);
	late.token = token;
	CHECK(!fetch_on_part(&f, &late, DICE, now));
	/* another session goes on at once */
	fetch_on_session(&f, false);
	CHECK(!fetch_is_owed(&f));
	fetch_on_session(&f, true);
	check_get(4, 4);
	while (f.state == FETCH_ASKED) {
		give(3000, 1);
		if (f.state == FETCH_IDLE)
			CHECK(next());
	}
	CHECK_UINT(take_offer(6), 3000);
	CHECK(judge(OFFER_TAKEN));
	fetch_on_config(&f, 6, now);
	want(7);
	now.ms += FETCH_GAP_MS;
	check_get(0, 6); /* large ones again */
}

static void test_wait(void)
{
	static const uint32_t ages[][2] = {
		{ 0, 1 }, { 1, 1 }, { 3600, 3600 }, { 3601, 3600 }, { UINT32_MAX, 3600 }
	};

	for (size_t i = 0; i < 5; i++) {
		begin();
		want(6);
		check_get(0, 6);
		struct fetch_part p = { .token = a.token,
					.code = i % 2 ? COAP_CODE_TOO_MANY
						      : COAP_CODE_UNAVAILABLE,
					.max_age_s = ages[i][0] };
		answer(&p);
		CHECK(!fetch_has_work(&f, now));
		CHECK(f.not_before.ms >= now.ms + ages[i][1] * 1000);
		CHECK(f.not_before.ms <= now.ms + ages[i][1] * 1200);
	}
}

/* A clinic that wants another one with every answer. */
static void test_gap(void)
{
	unsigned begun = 0;
	uint64_t end_ms;

	begin();
	end_ms = now.ms + 600 * 1000;
	for (uint64_t version = 6; now.ms < end_ms; version++) {
		want(version);
		if (next()) {
			begun++;
			give(10, 1);
			(void)take_offer(version);
			CHECK(judge(OFFER_REFUSED));
		}
		now.ms += 10;
	}
	CHECK(begun <= 600 / 5 + 1);
	CHECK(begun >= 100);
}

/* --- at random ------------------------------------------------------------------------------ */

/* What the clinic has: version and length of it say what its octets are. */
static struct {
	uint64_t version;
	size_t len;
	uint8_t tag;
} clinic;

static void sign_another(void)
{
	clinic.version += 1 + test_random() % 3;
	clinic.len = 1 + test_random() % 5000;
	clinic.tag++;
	doc[0] = clinic.tag;
}

static void random_answer(void)
{
	struct fetch_part p = { .token = a.token, .code = COAP_CODE_NOT_FOUND };
	struct block_part part;

	if (block_find(&a.block, clinic.len, &part) == 0)
		p = part_of(clinic.len, clinic.tag);
	else
		p.code = COAP_CODE_BAD_REQUEST;
	if (test_random() % 8 == 0)
		p.code = COAP_CODE_UNAVAILABLE;
	if (test_random() % 8 == 0)
		(void)fetch_on_undelivered(&f, a.token, DICE, now);
	(void)fetch_on_part(&f, &p, DICE, now);
	if (test_random() % 4 == 0)
		CHECK(!fetch_on_part(&f, &p, DICE, now)); /* again */
}

/* Octets of one document only, all of them, in order; then its version is in use, or refused. */
static void random_offer(uint64_t *used, size_t *at, uint8_t *tag)
{
	uint64_t dice = test_random() % 10;
	size_t first = a.offer.offset == 0; /* that octet is the document's number */

	if (a.offer.offset == 0) {
		*at = 0;
		*tag = a.offer.bytes[0];
	}
	CHECK_UINT(a.offer.offset, *at);
	CHECK_MEM(a.offer.bytes + first, doc + *at + first, a.offer.len - first);
	*at += a.offer.len;
	if (*at < a.offer.total)
		return;
	if (*tag == clinic.tag)
		CHECK_UINT(*at, clinic.len);
	CHECK(a.offer.version > *used);
	if (dice < 6) {
		*used = a.offer.version > clinic.version ? clinic.version
							 : a.offer.version;
		(void)judge(OFFER_TAKEN);
		fetch_on_config(&f, *used, now);
	} else if (dice < 8) {
		(void)judge(OFFER_LATER);
	} else {
		fetch_on_hubd(&f, false, DICE, now);
		fetch_on_hubd(&f, true, DICE, now);
		fetch_on_config(&f, *used, now);
	}
}

static void test_random_runs(void)
{
	for (int run = 0; run < 100; run++) {
		uint64_t used = 5, asked = 0;
		uint8_t tag = 0;
		size_t at = 0;

		begin();
		clinic.version = 5;
		sign_another();
		for (int step = 0; step < 1500; step++) {
			if (step < 1000 && test_random() % 100 == 0)
				sign_another();
			if (test_random() % 50 == 0) {
				fetch_on_session(&f, false);
				fetch_on_session(&f, true);
			}
			if (test_random() % 5 == 0)
				want(clinic.version);
			CHECK(f.len <= CONFIG_BYTES_MAX);
			if (!next()) {
				struct mono d = fetch_deadline(&f, now);

				now.ms = d.ms == UINT64_MAX ? now.ms + 1000 : d.ms;
				continue;
			}
			asked += a.what == FETCH_GET;
			if (a.what == FETCH_GET)
				random_answer();
			else
				random_offer(&used, &at, &tag);
		}
		CHECK(asked > 0);
		CHECK_UINT(used, clinic.version); /* in the end it is there */
	}
}

TEST_MAIN("fetch", test_one, test_lengths, test_not_wanted, test_refused,
	  test_other_verdicts, test_bad_parts, test_smaller_blocks, test_undelivered,
	  test_wait, test_gap, test_random_runs)
