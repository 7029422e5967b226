/*
 * triggers_file.c - see triggers_file.h.
 */
#include "hub/triggers_file.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "hub/rt/file.h"

static const uint8_t magic[4] = { 'H', 'T', 'R', 'G' };
static const char file_name[] = "triggers";

enum { FILE_VERSION = 1 };

static void put_bucket(struct writer *w, const struct trigger_bucket *b)
{
	write_u8(w, (uint8_t)b->id);
	write_be16(w, b->peer);
	write_u8(w, b->by);
	write_be32(w, b->count);
	write_be64(w, b->empty_ms);
	write_be64(w, b->last_ms);
	write_be64(w, b->over_ms);
	write_be32(w, b->lock_epoch);
}

size_t triggers_file_encode(const struct triggers_held *h,
			    uint8_t ret[static TRIGGERS_FILE_MAX])
{
	size_t body = TRIGGERS_HEAD_LEN + h->bucket_count * (size_t)TRIGGERS_BUCKET_LEN;
	struct writer w;

	writer_init(&w, ret, body);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, FILE_VERSION);
	write_bytes(&w, h->boot, sizeof(h->boot));
	write_be64(&w, h->mono_ms);
	write_be64(&w, h->powered_ms);
	write_u8(&w, h->stopped);
	write_u8(&w, h->bucket_count);
	for (size_t i = 0; i < h->bucket_count; i++)
		put_bucket(&w, &h->buckets[i]);
	crypto_sha256(ret, body, ret + body);
	return body + SHA256_LEN;
}

/* Returns false for one that triggers.c never makes. */
static bool get_bucket(struct reader *r, struct trigger_bucket *ret)
{
	ret->id = (enum trigger)read_u8(r);
	ret->peer = read_be16(r);
	ret->by = read_u8(r);
	ret->count = read_be32(r);
	ret->empty_ms = read_be64(r);
	ret->last_ms = read_be64(r);
	ret->over_ms = read_be64(r);
	ret->lock_epoch = read_be32(r);
	return trigger_row(ret->id) && ret->empty_ms <= INT64_MAX &&
	       ret->last_ms <= INT64_MAX && ret->over_ms <= INT64_MAX;
}

static int get_held(struct reader *r, struct triggers_held *h)
{
	uint8_t head[sizeof(magic)], version, stopped;
	bool good = true;

	read_bytes(r, head, sizeof(head));
	version = read_u8(r);
	read_bytes(r, h->boot, sizeof(h->boot));
	h->mono_ms = read_be64(r);
	h->powered_ms = read_be64(r);
	stopped = read_u8(r);
	h->stopped = stopped == 1;
	h->bucket_count = read_u8(r);
	if (!reader_ok(r) || memcmp(head, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (version != FILE_VERSION)
		return -ENOTSUP;
	if (h->bucket_count > TRIGGER_ROWS_MAX || stopped > 1 ||
	    h->powered_ms > INT64_MAX)
		return -ERANGE;
	for (size_t i = 0; i < h->bucket_count; i++)
		good &= get_bucket(r, &h->buckets[i]);
	if (!reader_done(r))
		return -EBADMSG;
	return good ? 0 : -ERANGE;
}

int triggers_file_decode(const uint8_t *buf, size_t len, struct triggers_held *ret)
{
	struct triggers_held h = { 0 };
	uint8_t hash[SHA256_LEN];
	struct reader r;
	int err;

	if (len < TRIGGERS_HEAD_LEN + SHA256_LEN || len > TRIGGERS_FILE_MAX)
		return -EMSGSIZE;
	len -= SHA256_LEN;
	crypto_sha256(buf, len, hash);
	if (memcmp(hash, buf + len, sizeof(hash)) != 0)
		return -EBADMSG;
	reader_init(&r, buf, len);
	err = get_held(&r, &h);
	if (err == 0)
		*ret = h;
	return err;
}

int triggers_file_load(const char *dir, struct triggers_held *ret)
{
	uint8_t buf[TRIGGERS_FILE_MAX];
	int n = file_read(dir, file_name, buf, sizeof(buf));

	return n < 0 ? n : triggers_file_decode(buf, (size_t)n, ret);
}

int triggers_file_save(const char *dir, const struct triggers_held *h)
{
	uint8_t buf[TRIGGERS_FILE_MAX];

	return file_replace(dir, file_name, buf, triggers_file_encode(h, buf));
}
