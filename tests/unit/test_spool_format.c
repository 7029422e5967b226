/*
 * test_spool_format.c - header, record and commit: layouts by hand, limits, every bit flipped.
 */
#include "storage/spool_format.h"

#include <errno.h>

#include "hub/core/cursor.h"
#include "hub/crypto/crypto.h"
#include "test.h"

static const struct spool_owner owner = { { 0xa0, 0xa1, 0xa2 }, 0x01020304 };
static uint8_t body[SEALED_BODY_MAX + 1];
static const uint8_t prev[SPOOL_HASH_LEN] = { 0x77, 0x78 };

static struct queue_entry entry(uint64_t seq, size_t body_len)
{
	return (struct queue_entry){ .record = { .assignment = 0x11121314,
						 .seq = seq,
						 .class = CLASS_ALARM,
						 .kind = 9,
						 .body = body,
						 .body_len = body_len },
				     .instance = UINT64_C(0x2122232425262728),
				     .capture = UINT64_C(0x3132333435363738) };
}

/* --- header ---------------------------------------------------------------------------- */

static struct spool_header header(void)
{
	struct spool_header h = { .owner = owner,
				  .first_serial = 4,
				  .serial = 6,
				  .generation = 2,
				  .first_seq = 99 };

	memcpy(h.prev, prev, sizeof(prev));
	return h;
}

static int header_again(const struct spool_header *h, struct spool_header *ret)
{
	uint8_t buf[SPOOL_BLOCK];

	spool_header_encode(h, crypto_sha256, buf);
	return spool_header_decode(buf, crypto_sha256, ret);
}

static void test_header(void)
{
	struct spool_header h = header(), got;
	uint8_t buf[SPOOL_BLOCK];

	spool_header_encode(&h, crypto_sha256, buf);
	CHECK_MEM(buf, "HSPL\x01\xa0\xa1\xa2", 8);
	CHECK_MEM(buf + 21, "\x01\x02\x03\x04\0\0\0\x04\0\0\0\x06\0\0\0\x02", 16);
	CHECK_MEM(buf + 37, "\0\0\0\0\0\0\0\x63\x77\x78", 10);
	CHECK_UINT(SPOOL_HEADER_LEN, 109);
	for (size_t i = SPOOL_HEADER_LEN; i < SPOOL_BLOCK; i++)
		CHECK_INT(buf[i], 0);
	CHECK_INT(spool_header_decode(buf, crypto_sha256, &got), 0);
	CHECK_MEM(&got.owner, &owner, sizeof(owner));
	CHECK_UINT(got.first_serial, 4);
	CHECK_UINT(got.serial, 6);
	CHECK_UINT(got.generation, 2);
	CHECK_UINT(got.first_seq, 99);
	CHECK_MEM(got.prev, prev, sizeof(prev));
	for (size_t i = 0; i < SPOOL_HEADER_LEN; i++) {
		buf[i] ^= 4;
		CHECK_INT(spool_header_decode(buf, crypto_sha256, &got), -EBADMSG);
		buf[i] ^= 4;
	}
}

static void test_header_limits(void)
{
	struct spool_header h = header(), got;
	uint8_t buf[SPOOL_BLOCK];

	h.first_serial = 6;
	CHECK_INT(header_again(&h, &got), 0);
	h.first_serial = 7;
	CHECK_INT(header_again(&h, &got), -ERANGE);
	h.first_serial = 0;
	CHECK_INT(header_again(&h, &got), -ERANGE);
	h = header();
	h.first_seq = 0;
	CHECK_INT(header_again(&h, &got), -ERANGE);
	h.first_seq = (uint64_t)INT64_MAX + 1;
	CHECK_INT(header_again(&h, &got), -ERANGE);
	h = header();
	h.serial = UINT32_MAX;
	CHECK_INT(header_again(&h, &got), -ERANGE);
	h = header();
	h.generation = UINT32_MAX;
	CHECK_INT(header_again(&h, &got), -ERANGE);
	h = header();
	spool_header_encode(&h, crypto_sha256, buf);
	buf[4] = SPOOL_VERSION + 1;
	crypto_sha256(buf, SPOOL_HEADER_LEN - 32, buf + SPOOL_HEADER_LEN - 32);
	CHECK_INT(spool_header_decode(buf, crypto_sha256, &got), -ENOTSUP);
	buf[0] = 'X';
	crypto_sha256(buf, SPOOL_HEADER_LEN - 32, buf + SPOOL_HEADER_LEN - 32);
	CHECK_INT(spool_header_decode(buf, crypto_sha256, &got), -EBADMSG);
}

/* --- record ---------------------------------------------------------------------------- */

static void test_record(void)
{
	uint8_t key[32] = { 0xee }, buf[SPOOL_RECORD_MAX], want[32], zeros[32] = { 0 };
	const struct spool_mac mac = { crypto_hmac, key };
	struct queue_entry e = entry(0x4142, 5);
	struct spool_record got;
	int n;

	memcpy(body, "sealed", 6);
	CHECK_UINT(SPOOL_RECORD_OVERHEAD, 104);
	n = spool_record_encode(&e, owner.epoch, prev, NULL, buf, sizeof(buf));
	CHECK_INT(n, 109);
	CHECK_MEM(buf, "\0\0\0\x6d\0\0\0\0\0\0\x41\x42\x01\x02\x03\x04\x11\x12\x13\x14",
		  20);
	CHECK_MEM(buf + 20, "\x02\x09\0\0\x21\x22\x23\x24\x25\x26\x27\x28\x31\x32", 14);
	CHECK_MEM(buf + 40, prev, 32);
	CHECK_MEM(buf + 72, "seale", 5);
	CHECK_MEM(buf + 77, zeros, 32);
	e.has_mark = true;
	memset(e.mark, 0x5c, sizeof(e.mark));
	n = spool_record_encode(&e, owner.epoch, prev, &mac, buf, sizeof(buf));
	CHECK_INT(n, 109 + QUEUE_MARK_LEN);
	CHECK_INT(buf[23], 1);
	CHECK_MEM(buf + 72, e.mark, QUEUE_MARK_LEN);
	CHECK_MEM(buf + 91, "seale", 5);
	crypto_hmac(key, buf, (size_t)n - 32, want);
	CHECK_MEM(buf + n - 32, want, 32);
	CHECK_INT(spool_record_decode(buf, sizeof(buf), &got), 0);
	CHECK_UINT(got.len, (size_t)n);
	CHECK(got.bytes == buf);
	CHECK(got.mac == buf + n - 32);
	CHECK_MEM(got.prev, prev, 32);
	CHECK_UINT(got.epoch, owner.epoch);
	CHECK_UINT(got.entry.record.seq, 0x4142);
	CHECK_UINT(got.entry.record.assignment, 0x11121314);
	CHECK_INT(got.entry.record.class, CLASS_ALARM);
	CHECK_INT(got.entry.record.kind, 9);
	CHECK_UINT(got.entry.record.body_len, 5);
	CHECK_MEM(got.entry.record.body, "seale", 5);
	CHECK_UINT(got.entry.instance, UINT64_C(0x2122232425262728));
	CHECK_UINT(got.entry.capture, UINT64_C(0x3132333435363738));
	CHECK(got.entry.has_mark);
	CHECK_MEM(got.entry.mark, e.mark, QUEUE_MARK_LEN);
}

/* The clinic rebuilds the seal's associated data from what goes up: it must not change on the way. */
static void test_envelope(void)
{
	struct queue_entry e = entry(INT64_MAX, SEALED_BODY_MAX);
	struct envelope a = { .epoch = owner.epoch,
			      .assignment = e.record.assignment,
			      .seq = e.record.seq,
			      .class = e.record.class,
			      .kind = e.record.kind,
			      .body_len = SEALED_BODY_MAX },
			b = { 0 };
	uint8_t rec[SPOOL_RECORD_MAX], head[SPOOL_BLOCK], ad[2][ENVELOPE_LEN];
	struct spool_header h = header(), got_header;
	struct spool_record got;

	memcpy(a.hub, owner.hub, HUB_ID_LEN);
	CHECK(spool_record_encode(&e, owner.epoch, prev, NULL, rec, sizeof(rec)) > 0);
	CHECK_INT(spool_record_decode(rec, sizeof(rec), &got), 0);
	spool_header_encode(&h, crypto_sha256, head);
	CHECK_INT(spool_header_decode(head, crypto_sha256, &got_header), 0);
	memcpy(b.hub, got_header.owner.hub, HUB_ID_LEN);
	b.epoch = got.epoch;
	b.assignment = got.entry.record.assignment;
	b.seq = got.entry.record.seq;
	b.class = got.entry.record.class;
	b.kind = got.entry.record.kind;
	b.body_len = (uint32_t)got.entry.record.body_len;
	envelope_encode(&a, ad[0]);
	envelope_encode(&b, ad[1]);
	CHECK_MEM(ad[1], ad[0], ENVELOPE_LEN);
}

static int encode_with(uint64_t seq, size_t body_len, int class, size_t cap)
{
	uint8_t buf[SPOOL_RECORD_MAX];
	struct queue_entry e = entry(seq, body_len);

	e.record.class = (enum record_class) class;
	e.has_mark = true;
	return spool_record_encode(&e, 1, prev, NULL, buf, cap);
}

static void test_record_limits(void)
{
	CHECK_INT(encode_with(1, 1, 1, SPOOL_RECORD_MAX), 105 + QUEUE_MARK_LEN);
	CHECK_INT(encode_with(1, 0, 1, SPOOL_RECORD_MAX), -ERANGE);
	CHECK_INT(encode_with(1, SEALED_BODY_MAX, 1, SPOOL_RECORD_MAX), SPOOL_RECORD_MAX);
	CHECK_INT(encode_with(1, SEALED_BODY_MAX, 1, SPOOL_RECORD_MAX - 1), -ENOSPC);
	CHECK_INT(encode_with(1, SEALED_BODY_MAX + 1, 1, SPOOL_RECORD_MAX), -ERANGE);
	CHECK_INT(encode_with(0, 1, 1, SPOOL_RECORD_MAX), -ERANGE);
	CHECK_INT(encode_with(INT64_MAX, 1, 2, SPOOL_RECORD_MAX), 105 + QUEUE_MARK_LEN);
	CHECK_INT(encode_with((uint64_t)INT64_MAX + 1, 1, 2, SPOOL_RECORD_MAX), -ERANGE);
	CHECK_INT(encode_with(1, 1, CLASS_NONE, SPOOL_RECORD_MAX), -ERANGE);
	CHECK_INT(encode_with(1, 1, CLASS_ALARM + 1, SPOOL_RECORD_MAX), -ERANGE);
}

static int decode_with(size_t at, const char *bytes, size_t n, size_t len)
{
	uint8_t buf[SPOOL_RECORD_MAX];
	struct queue_entry e = entry(1, 20);
	struct spool_record got;

	e.has_mark = true;
	CHECK_INT(spool_record_encode(&e, 1, prev, NULL, buf, sizeof(buf)), 143);
	memcpy(buf + at, bytes, n);
	return spool_record_decode(buf, len, &got);
}

static void test_record_garbage(void)
{
	CHECK_INT(decode_with(0, "", 0, 143), 0);
	for (size_t len = 0; len < 143; len++)
		CHECK_INT(decode_with(0, "", 0, len), -EBADMSG);
	CHECK_INT(decode_with(0, "\0\0\0\x67", 4, 143), -ERANGE); /* 103 */
	CHECK_INT(decode_with(0, "\0\0\0\x7b", 4, 143), -ERANGE); /* no body is left */
	CHECK_INT(decode_with(0, "\0\0\0\x7c", 4, 143), 0);	  /* one octet */
	CHECK_INT(decode_with(0, "\0\0\0\x68", 4, 143), -ERANGE); /* mark is cut */
	CHECK_INT(decode_with(0, "\xff\xff\xff\xff", 4, 143), -EBADMSG);
	CHECK_INT(decode_with(4, "\0\0\0\0\0\0\0\0", 8, 143), -ERANGE);
	CHECK_INT(decode_with(4, "\x80", 1, 143), -ERANGE);
	CHECK_INT(decode_with(20, "\0", 1, 143), -ERANGE);
	CHECK_INT(decode_with(20, "\x03", 1, 143), -ERANGE);
	CHECK_INT(decode_with(22, "\0\x02", 2, 143), -ENOTSUP);
	CHECK_INT(decode_with(22, "\x80\x01", 2, 143), -ENOTSUP);
}

/* --- commit ---------------------------------------------------------------------------- */

/* count records of a body length; returns the bytes of the commit. */
static size_t make_commit(uint8_t buf[static SPOOL_COMMIT_MAX], size_t count,
			  size_t body_len, bool mark)
{
	uint8_t rec[SPOOL_RECORD_MAX];
	struct spool_draft d;

	memset(buf, 0xcc, SPOOL_COMMIT_MAX);
	spool_draft_init(&d, buf);
	for (size_t i = 0; i < count; i++) {
		struct queue_entry e = entry(100 + i, body_len);
		int n;

		e.has_mark = mark;
		n = spool_record_encode(&e, owner.epoch, prev, NULL, rec, sizeof(rec));
		CHECK_INT(spool_draft_add(&d, rec, (size_t)n), 0);
	}
	return spool_draft_finish(&d, &owner, 6, 17, crypto_sha256);
}

static void test_commit(void)
{
	static uint8_t buf[SPOOL_COMMIT_MAX];
	struct spool_commit c;
	struct spool_record rec;
	size_t at = 0, len = make_commit(buf, QUEUE_GROUP_MAX, 150, false);

	CHECK_UINT(SPOOL_COMMIT_HEAD_LEN, 50);
	CHECK_UINT(len, 2 * SPOOL_BLOCK); /* 32 readings of 100 bytes, sealed */
	CHECK_MEM(buf + 32, "HSPC\0\0\0\x06\0\0\0\x11\0\x20\0\0\x1f\xc0", 18);
	for (size_t i = 50 + 8128; i < len; i++)
		CHECK_INT(buf[i], 0);
	CHECK_INT(spool_commit_size(buf), len);
	CHECK_INT(spool_commit_decode(buf, len, &owner, 17, crypto_sha256, &c), 0);
	CHECK_UINT(c.serial, 6);
	CHECK_UINT(c.count, QUEUE_GROUP_MAX);
	for (size_t i = 0; i < QUEUE_GROUP_MAX; i++) {
		CHECK_INT(spool_commit_next(&c, &at, &rec), 1);
		CHECK_UINT(rec.entry.record.seq, 100 + i);
	}
	CHECK_INT(spool_commit_next(&c, &at, &rec), 0);
}

static void test_commit_limits(void)
{
	static uint8_t buf[SPOOL_COMMIT_MAX];
	struct spool_draft d;

	/* the longest group that can be has its place, and not one record more */
	CHECK_UINT(make_commit(buf, QUEUE_GROUP_MAX, SEALED_BODY_MAX, true),
		   SPOOL_COMMIT_MAX);
	CHECK_INT(spool_commit_size(buf), SPOOL_COMMIT_MAX);
	CHECK_UINT(make_commit(buf, 1, 1, false), SPOOL_BLOCK);
	spool_draft_init(&d, buf);
	for (size_t i = 0; i < QUEUE_GROUP_MAX; i++)
		CHECK_INT(spool_draft_add(&d, body, 10), 0);
	CHECK_INT(spool_draft_add(&d, body, 10), -ENOSPC);
	/* a commit that just fills its block */
	CHECK_UINT(make_commit(buf, 4, (SPOOL_BLOCK - 50) / 4 - 104, false), SPOOL_BLOCK);
	CHECK_UINT(make_commit(buf, 4, (SPOOL_BLOCK - 50) / 4 - 103, false),
		   2 * SPOOL_BLOCK);
}

static void test_commit_bound(void)
{
	static uint8_t buf[SPOOL_COMMIT_MAX];
	size_t len = make_commit(buf, 3, 40, true);
	struct spool_owner other = owner;
	struct spool_commit c;

	CHECK_INT(spool_commit_decode(buf, len, &owner, 17, crypto_sha256, &c), 0);
	CHECK_INT(spool_commit_decode(buf, len, &owner, 18, crypto_sha256, &c), -EBADMSG);
	CHECK_INT(spool_commit_decode(buf, 2 * len, &owner, 17, crypto_sha256, &c),
		  -EBADMSG);
	other.epoch++;
	CHECK_INT(spool_commit_decode(buf, len, &other, 17, crypto_sha256, &c), -EBADMSG);
	other = owner;
	other.hub[15] = 1;
	CHECK_INT(spool_commit_decode(buf, len, &other, 17, crypto_sha256, &c), -EBADMSG);
	for (size_t i = 0; i < 50 + 3 * (104 + 40 + QUEUE_MARK_LEN); i++)
		for (int bit = 0; bit < 8; bit++) {
			buf[i] ^= (uint8_t)(1 << bit);
			CHECK_INT(spool_commit_decode(buf, len, &owner, 17, crypto_sha256,
						      &c),
				  -EBADMSG);
			buf[i] ^= (uint8_t)(1 << bit);
		}
}

static int size_with(size_t at, const char *bytes, size_t n)
{
	static uint8_t buf[SPOOL_COMMIT_MAX];

	make_commit(buf, 1, 40, false);
	memcpy(buf + at, bytes, n);
	return spool_commit_size(buf);
}

static void test_commit_garbage(void)
{
	uint8_t zeros[SPOOL_BLOCK] = { 0 };

	CHECK_INT(spool_commit_size(zeros), -EBADMSG);
	CHECK_INT(size_with(32, "X", 1), -EBADMSG);
	CHECK_INT(size_with(44, "\0\0", 2), -EBADMSG);
	CHECK_INT(size_with(44, "\0\x20", 2), SPOOL_BLOCK);
	CHECK_INT(size_with(44, "\0\x21", 2), -EBADMSG);
	CHECK_INT(size_with(46, "\0\0\x8f\xce", 4), SPOOL_COMMIT_MAX);
	CHECK_INT(size_with(46, "\0\0\x8f\xcf", 4), -EBADMSG);
	CHECK_INT(size_with(46, "\xff\xff\xff\xff", 4), -EBADMSG);
}

TEST_MAIN("spool_format", test_header, test_header_limits, test_record, test_envelope,
	  test_record_limits, test_record_garbage, test_commit, test_commit_limits,
	  test_commit_bound, test_commit_garbage)
