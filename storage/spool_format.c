/*
 * spool_format.c - bytes of the spool; see spool_format.h.
 */
#include "storage/spool_format.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

static const uint8_t header_magic[4] = { 'H', 'S', 'P', 'L' };
static const uint8_t commit_magic[4] = { 'H', 'S', 'P', 'C' };

enum record_flag { RECORD_HAS_MARK = 1 << 0 };

enum { MAC_LEN = SPOOL_HASH_LEN };

/* --- header ------------------------------------------------------------------------- */

void spool_header_encode(const struct spool_header *h, spool_hash *hash,
			 uint8_t buf[static SPOOL_BLOCK])
{
	struct writer w;

	memset(buf, 0, SPOOL_BLOCK);
	writer_init(&w, buf, SPOOL_BLOCK);
	write_bytes(&w, header_magic, sizeof(header_magic));
	write_u8(&w, SPOOL_VERSION);
	write_bytes(&w, h->owner.hub, HUB_ID_LEN);
	write_be32(&w, h->owner.epoch);
	write_be32(&w, h->first_serial);
	write_be32(&w, h->serial);
	write_be32(&w, h->generation);
	write_be64(&w, h->first_seq);
	write_bytes(&w, h->prev, SPOOL_HASH_LEN);
	hash(buf, SPOOL_HEADER_LEN - SPOOL_HASH_LEN,
	     buf + SPOOL_HEADER_LEN - SPOOL_HASH_LEN);
}

int spool_header_decode(const uint8_t buf[static SPOOL_BLOCK], spool_hash *hash,
			struct spool_header *ret)
{
	uint8_t got[sizeof(header_magic)], want[SPOOL_HASH_LEN], version;
	struct spool_header h = { 0 };
	struct reader r;

	hash(buf, SPOOL_HEADER_LEN - SPOOL_HASH_LEN, want);
	if (memcmp(want, buf + SPOOL_HEADER_LEN - SPOOL_HASH_LEN, SPOOL_HASH_LEN) != 0)
		return -EBADMSG;
	reader_init(&r, buf, SPOOL_HEADER_LEN);
	read_bytes(&r, got, sizeof(got));
	version = read_u8(&r);
	read_bytes(&r, h.owner.hub, HUB_ID_LEN);
	h.owner.epoch = read_be32(&r);
	h.first_serial = read_be32(&r);
	h.serial = read_be32(&r);
	h.generation = read_be32(&r);
	h.first_seq = read_be64(&r);
	read_bytes(&r, h.prev, SPOOL_HASH_LEN);
	if (memcmp(got, header_magic, sizeof(got)) != 0)
		return -EBADMSG;
	if (version != SPOOL_VERSION)
		return -ENOTSUP;
	if (h.first_serial == 0 || h.first_serial > h.serial || h.serial == UINT32_MAX ||
	    h.generation == UINT32_MAX || h.first_seq == 0 || h.first_seq > INT64_MAX)
		return -ERANGE;
	*ret = h;
	return 0;
}

/* --- record ------------------------------------------------------------------------- */

static bool is_class(unsigned class)
{
	return class == CLASS_ROUTINE || class == CLASS_ALARM;
}

int spool_record_encode(const struct queue_entry *e, uint32_t epoch,
			const uint8_t prev[static SPOOL_HASH_LEN],
			const struct spool_mac *mac, uint8_t *buf, size_t cap)
{
	static const uint8_t no_mac[MAC_LEN];
	const struct record *rec = &e->record;
	size_t mark_len = e->has_mark ? QUEUE_MARK_LEN : 0;
	size_t len = SPOOL_RECORD_OVERHEAD + mark_len + rec->body_len;
	struct writer w;

	if (rec->body_len == 0 || rec->body_len > SEALED_BODY_MAX ||
	    !is_class(rec->class) || rec->seq == 0 || rec->seq > INT64_MAX)
		return -ERANGE;
	writer_init(&w, buf, cap);
	write_be32(&w, (uint32_t)len);
	write_be64(&w, rec->seq);
	write_be32(&w, epoch);
	write_be32(&w, rec->assignment);
	write_u8(&w, (uint8_t)rec->class);
	write_u8(&w, rec->kind);
	write_be16(&w, e->has_mark ? RECORD_HAS_MARK : 0);
	write_be64(&w, e->instance);
	write_be64(&w, e->capture);
	write_bytes(&w, prev, SPOOL_HASH_LEN);
	write_bytes(&w, e->mark, mark_len);
	write_bytes(&w, rec->body, rec->body_len);
	write_bytes(&w, no_mac, MAC_LEN);
	if (mac && writer_len(&w) > 0)
		mac->make(mac->key, buf, len - MAC_LEN, buf + len - MAC_LEN);
	return writer_len(&w);
}

/* The fields between length and body. *ret_body_len: what is left for the body. */
static int read_fields(struct reader *r, struct spool_record *rec)
{
	struct queue_entry *e = &rec->entry;
	uint16_t flags;
	uint8_t class;

	e->record.seq = read_be64(r);
	rec->epoch = read_be32(r);
	e->record.assignment = read_be32(r);
	class = read_u8(r);
	e->record.kind = read_u8(r);
	flags = read_be16(r);
	e->instance = read_be64(r);
	e->capture = read_be64(r);
	rec->prev = read_span(r, SPOOL_HASH_LEN);
	if (!reader_ok(r))
		return -EBADMSG;
	if (flags & ~RECORD_HAS_MARK)
		return -ENOTSUP;
	if (!is_class(class) || e->record.seq == 0 || e->record.seq > INT64_MAX)
		return -ERANGE;
	e->record.class = (enum record_class) class;
	e->has_mark = flags & RECORD_HAS_MARK;
	if (e->has_mark)
		read_bytes(r, e->mark, QUEUE_MARK_LEN);
	return 0;
}

int spool_record_decode(const uint8_t *buf, size_t len, struct spool_record *ret)
{
	struct spool_record rec = { .bytes = buf };
	struct reader r;
	int err;

	reader_init(&r, buf, len);
	rec.len = read_be32(&r);
	if (!reader_ok(&r) || rec.len > len)
		return -EBADMSG;
	if (rec.len < SPOOL_RECORD_OVERHEAD || rec.len > SPOOL_RECORD_MAX)
		return -ERANGE;
	reader_init(&r, buf + 4, rec.len - 4);
	err = read_fields(&r, &rec);
	if (err)
		return err;
	if (reader_left(&r) <= MAC_LEN || reader_left(&r) > SEALED_BODY_MAX + MAC_LEN)
		return -ERANGE;
	rec.entry.record.body_len = reader_left(&r) - MAC_LEN;
	rec.entry.record.body = read_span(&r, rec.entry.record.body_len);
	rec.mac = read_span(&r, MAC_LEN);
	if (!reader_done(&r))
		return -EBADMSG;
	*ret = rec;
	return 0;
}

/* --- commit ------------------------------------------------------------------------- */

/* len: of head and records. */
static void digest(const uint8_t *buf, size_t len, const struct spool_owner *owner,
		   spool_hash *hash, uint8_t ret[static SPOOL_HASH_LEN])
{
	uint8_t outer[SPOOL_HASH_LEN + HUB_ID_LEN + 4];
	struct writer w;

	hash(buf + SPOOL_HASH_LEN, len - SPOOL_HASH_LEN, outer);
	writer_init(&w, outer + SPOOL_HASH_LEN, sizeof(outer) - SPOOL_HASH_LEN);
	write_bytes(&w, owner->hub, HUB_ID_LEN);
	write_be32(&w, owner->epoch);
	hash(outer, sizeof(outer), ret);
}

static size_t whole_blocks(size_t len)
{
	return (len + SPOOL_BLOCK - 1) / SPOOL_BLOCK * SPOOL_BLOCK;
}

void spool_draft_init(struct spool_draft *d, uint8_t buf[static SPOOL_COMMIT_MAX])
{
	*d = (struct spool_draft){ .buf = buf, .used = SPOOL_COMMIT_HEAD_LEN };
}

int spool_draft_add(struct spool_draft *d, const uint8_t *record, size_t len)
{
	if (d->count == QUEUE_GROUP_MAX || len > SPOOL_COMMIT_MAX - d->used)
		return -ENOSPC;
	memcpy(d->buf + d->used, record, len);
	d->used += len;
	d->count++;
	return 0;
}

size_t spool_draft_finish(struct spool_draft *d, const struct spool_owner *owner,
			  uint32_t serial, uint32_t block, spool_hash *hash)
{
	size_t len = whole_blocks(d->used);
	struct writer w;

	memset(d->buf + d->used, 0, len - d->used);
	writer_init(&w, d->buf + SPOOL_HASH_LEN, SPOOL_COMMIT_HEAD_LEN - SPOOL_HASH_LEN);
	write_bytes(&w, commit_magic, sizeof(commit_magic));
	write_be32(&w, serial);
	write_be32(&w, block);
	write_be16(&w, d->count);
	write_be32(&w, (uint32_t)(d->used - SPOOL_COMMIT_HEAD_LEN));
	digest(d->buf, d->used, owner, hash, d->buf);
	return len;
}

/* What of a commit's head can be checked without its records. ret_block: where it says it lies. */
static int read_head(const uint8_t *buf, size_t len, struct spool_commit *ret,
		     uint32_t *ret_block)
{
	uint8_t got[sizeof(commit_magic)];
	struct spool_commit c = { .records = buf + SPOOL_COMMIT_HEAD_LEN };
	struct reader r;

	reader_init(&r, buf, len);
	(void)read_span(&r, SPOOL_HASH_LEN);
	read_bytes(&r, got, sizeof(got));
	c.serial = read_be32(&r);
	*ret_block = read_be32(&r);
	c.count = read_be16(&r);
	c.len = read_be32(&r);
	if (!reader_ok(&r) || memcmp(got, commit_magic, sizeof(got)) != 0 ||
	    c.count == 0 || c.count > QUEUE_GROUP_MAX ||
	    c.len > SPOOL_COMMIT_MAX - SPOOL_COMMIT_HEAD_LEN)
		return -EBADMSG;
	*ret = c;
	return 0;
}

int spool_commit_size(const uint8_t buf[static SPOOL_BLOCK])
{
	struct spool_commit c;
	uint32_t block;
	int r = read_head(buf, SPOOL_BLOCK, &c, &block);

	return r ? r : (int)whole_blocks(SPOOL_COMMIT_HEAD_LEN + c.len);
}

int spool_commit_decode(const uint8_t *buf, size_t len, const struct spool_owner *owner,
			uint32_t block, spool_hash *hash, struct spool_commit *ret)
{
	uint8_t want[SPOOL_HASH_LEN];
	struct spool_commit c;
	uint32_t at;

	if (read_head(buf, len, &c, &at) || at != block ||
	    len != whole_blocks(SPOOL_COMMIT_HEAD_LEN + c.len))
		return -EBADMSG;
	digest(buf, SPOOL_COMMIT_HEAD_LEN + c.len, owner, hash, want);
	if (memcmp(want, buf, sizeof(want)) != 0)
		return -EBADMSG;
	*ret = c;
	return 0;
}

int spool_commit_next(const struct spool_commit *c, size_t *at, struct spool_record *ret)
{
	int r;

	if (*at == c->len)
		return 0;
	r = spool_record_decode(c->records + *at, c->len - *at, ret);
	if (r)
		return r;
	*at += ret->len;
	return 1;
}
