/*
 * fuzz_spool.c - header, commit and record: whatever decodes must encode to the same bytes.
 *
 * First octet: 0 a header, 1 a record, else a commit. The hash is a cheap one, so that a digest can be hit: it is
 * zeros for everything whose octets add up to 0 modulo 4.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct spool_owner owner = { { 0 }, 0 };

static void cheap_hash(const uint8_t *buf, size_t len, uint8_t ret[static SPOOL_HASH_LEN])
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += buf[i];
	memset(ret, 0, SPOOL_HASH_LEN);
	ret[0] = sum & 3;
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_record(const struct spool_record *rec)
{
	uint8_t again[SPOOL_RECORD_MAX];
	int n = spool_record_encode(&rec->entry, rec->epoch, rec->prev, NULL, again,
				    sizeof(again));

	check(n > 0 && (size_t)n == rec->len);
	/* MAC apart: it is the caller's */
	check(memcmp(again, rec->bytes, rec->len - SPOOL_HASH_LEN) == 0);
	check(rec->mac + SPOOL_HASH_LEN == rec->bytes + rec->len);
}

static void one_header(const uint8_t block[static SPOOL_BLOCK])
{
	uint8_t again[SPOOL_BLOCK];
	struct spool_header h;

	if (spool_header_decode(block, cheap_hash, &h))
		return;
	spool_header_encode(&h, cheap_hash, again);
	check(memcmp(again, block, SPOOL_HEADER_LEN) == 0);
}

static void one_commit(const uint8_t *buf, uint32_t block)
{
	static uint8_t again[SPOOL_COMMIT_MAX];
	struct spool_draft d;
	struct spool_commit c;
	struct spool_record rec;
	size_t at = 0;
	int len = spool_commit_size(buf), r;

	if (len < 0)
		return;
	check(len > 0 && len % SPOOL_BLOCK == 0 && len <= SPOOL_COMMIT_MAX);
	if (spool_commit_decode(buf, (size_t)len, &owner, block, cheap_hash, &c))
		return;
	spool_draft_init(&d, again);
	while ((r = spool_commit_next(&c, &at, &rec)) == 1) {
		check_record(&rec);
		if (spool_draft_add(&d, rec.bytes, rec.len))
			return; /* more than count says */
	}
	if (r || d.count != c.count)
		return;
	check(spool_draft_finish(&d, &owner, c.serial, block, cheap_hash) == (size_t)len);
	check(memcmp(again, buf, SPOOL_COMMIT_HEAD_LEN + c.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[SPOOL_COMMIT_MAX];
	struct spool_record rec;

	if (size == 0 || size > sizeof(buf))
		return 0;
	memset(buf, 0, sizeof(buf));
	memcpy(buf, data + 1, size - 1);
	if (data[0] == 0)
		one_header(buf);
	else if (data[0] == 1 && spool_record_decode(data + 1, size - 1, &rec) == 0)
		check_record(&rec);
	else if (data[0] > 1)
		one_commit(buf, data[0]);
	return 0;
}
