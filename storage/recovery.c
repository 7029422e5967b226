/*
 * recovery.c - the recovery file's bytes; see recovery.h.
 */
#include "storage/recovery.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

static const uint8_t magic[4] = { 'H', 'R', 'E', 'C' };
/* An envelope begins with its version, 1: no reading's seal opens as a key, nor the other way. */
static const char label[] = "hub/v1/recovery";

_Static_assert(sizeof(label) - 1 + HUB_ID_LEN + 4 + 1 + 4 + 8 == RECOVERY_AD_LEN,
	       "as recovery_ad writes it");

void recovery_ad(const struct recovery *r, const struct recovery_entry *e,
		 uint8_t ret[static RECOVERY_AD_LEN])
{
	struct writer w;

	writer_init(&w, ret, RECOVERY_AD_LEN);
	write_bytes(&w, (const uint8_t *)label, sizeof(label) - 1);
	write_bytes(&w, r->hub, sizeof(r->hub));
	write_be32(&w, r->epoch);
	write_u8(&w, (uint8_t)e->purpose);
	write_be32(&w, e->segment);
	write_be64(&w, e->generation);
}

int recovery_encode(const struct recovery *r, uint8_t *buf, size_t cap)
{
	uint8_t hash[SHA256_LEN];
	struct writer w;
	int n;

	if (r->count > RECOVERY_ENTRIES_MAX)
		return -ENOSPC;
	writer_init(&w, buf, cap);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, RECOVERY_VERSION);
	write_bytes(&w, r->hub, sizeof(r->hub));
	write_be32(&w, r->epoch);
	write_be64(&w, r->generation);
	write_bytes(&w, r->public, sizeof(r->public));
	write_u8(&w, (uint8_t)r->count);
	for (size_t i = 0; i < r->count; i++) {
		const struct recovery_entry *e = &r->entries[i];

		write_u8(&w, (uint8_t)e->purpose);
		write_be32(&w, e->segment);
		write_be64(&w, e->generation);
		write_bytes(&w, e->sealed, sizeof(e->sealed));
	}
	n = writer_len(&w);
	if (n < 0)
		return n;
	crypto_sha256(buf, (size_t)n, hash);
	write_bytes(&w, hash, sizeof(hash));
	return writer_len(&w);
}

const struct recovery_entry *recovery_find(const struct recovery *r,
					   enum slot_purpose purpose, uint32_t segment)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->entries[i].purpose == purpose && r->entries[i].segment == segment)
			return &r->entries[i];
	return NULL;
}

static int read_entries(struct reader *rd, size_t count, struct recovery *r)
{
	for (size_t i = 0; i < count; i++) {
		struct recovery_entry *e = &r->entries[i];
		uint8_t purpose = read_u8(rd);

		e->segment = read_be32(rd);
		e->generation = read_be64(rd);
		read_bytes(rd, e->sealed, sizeof(e->sealed));
		if (!reader_ok(rd))
			return -EBADMSG;
		if (purpose != SLOT_QUEUE && purpose != SLOT_STATE)
			return -ERANGE;
		e->purpose = (enum slot_purpose)purpose;
		if (recovery_find(r, e->purpose, e->segment))
			return -EBADMSG;
		r->count++;
	}
	return 0;
}

int recovery_decode(const uint8_t *buf, size_t len, struct recovery *ret)
{
	struct recovery r = { 0 };
	uint8_t got[sizeof(magic)], hash[SHA256_LEN], told[SHA256_LEN], version, count;
	struct reader rd;
	int err;

	reader_init(&rd, buf, len);
	read_bytes(&rd, got, sizeof(got));
	version = read_u8(&rd);
	read_bytes(&rd, r.hub, sizeof(r.hub));
	r.epoch = read_be32(&rd);
	r.generation = read_be64(&rd);
	read_bytes(&rd, r.public, sizeof(r.public));
	count = read_u8(&rd);
	if (!reader_ok(&rd) || memcmp(got, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (version != RECOVERY_VERSION)
		return -ENOTSUP;
	if (count > RECOVERY_ENTRIES_MAX)
		return -ERANGE;
	err = read_entries(&rd, count, &r);
	if (err)
		return err;
	read_bytes(&rd, told, sizeof(told));
	if (!reader_done(&rd))
		return -EBADMSG;
	crypto_sha256(buf, len - SHA256_LEN, hash);
	if (memcmp(hash, told, sizeof(hash)) != 0)
		return -EBADMSG;
	*ret = r;
	return 0;
}
