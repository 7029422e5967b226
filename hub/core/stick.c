/*
 * stick.c - see stick.h.
 *
 *   HEAD -> LENGTH <-> BATCH      in stick_read
 *           LENGTH -> END         a length of 0
 *
 * Invariants
 *   1. A reader keeps one item, at most STICK_BATCH_MAX octets of it.
 *   2. After STICK_END nothing is taken.
 */
#include "hub/core/stick.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum { MAGIC_LEN = 8, END_BODY_LEN = STICK_END_LEN - STICK_LENGTH_LEN };

static const uint8_t head_magic[MAGIC_LEN] = "HUBSTICK";
static const uint8_t end_magic[MAGIC_LEN] = "HUBSTEND";

void stick_head_encode(const struct stick_head *h, uint8_t ret[static STICK_HEAD_LEN])
{
	struct writer w;

	memset(ret, 0, STICK_HEAD_LEN);
	writer_init(&w, ret, STICK_HEAD_LEN);
	write_bytes(&w, head_magic, MAGIC_LEN);
	write_u8(&w, STICK_VERSION);
	write_u8(&w, (uint8_t)h->what);
	write_be16(&w, 0);
	write_bytes(&w, h->hub, HUB_ID_LEN);
	write_be32(&w, h->epoch);
	write_be64(&w, h->records);
	write_be64(&w, h->from);
	write_be64(&w, h->to);
}

void stick_length_encode(uint32_t len, uint8_t ret[static STICK_LENGTH_LEN])
{
	struct writer w;

	writer_init(&w, ret, STICK_LENGTH_LEN);
	write_be32(&w, len);
}

void stick_end_encode(const struct stick_end *e, uint8_t ret[static STICK_END_LEN])
{
	struct writer w;

	writer_init(&w, ret, STICK_END_LEN);
	write_be32(&w, 0);
	write_bytes(&w, end_magic, MAGIC_LEN);
	write_be64(&w, e->records);
	write_be64(&w, e->batches);
	write_be64(&w, e->first);
	write_be64(&w, e->last);
}

void stick_reader_init(struct stick_reader *r)
{
	*r = (struct stick_reader){ .wants = STICK_HEAD, .need = STICK_HEAD_LEN };
}

bool stick_at_end(const struct stick_reader *r)
{
	return r->wants == STICK_MORE;
}

static int take_head(struct stick_reader *r)
{
	struct stick_head *h = &r->head;
	uint8_t magic[MAGIC_LEN], version, what;
	struct reader in;
	uint64_t zeros;

	reader_init(&in, r->buf, STICK_HEAD_LEN);
	read_bytes(&in, magic, MAGIC_LEN);
	version = read_u8(&in);
	what = read_u8(&in);
	zeros = read_be16(&in);
	read_bytes(&in, h->hub, HUB_ID_LEN);
	h->epoch = read_be32(&in);
	h->records = read_be64(&in);
	h->from = read_be64(&in);
	h->to = read_be64(&in);
	zeros |= read_be64(&in);
	if (memcmp(magic, head_magic, MAGIC_LEN) != 0)
		return -EBADMSG;
	if (version != STICK_VERSION)
		return -ENOTSUP;
	if (!reader_done(&in) || zeros != 0)
		return -EBADMSG;
	if (what == EXPORT_NONE || what > EXPORT_WHAT_LAST || h->epoch == 0)
		return -ERANGE;
	h->what = (enum export_what)what;
	r->wants = STICK_BATCH;
	r->need = STICK_LENGTH_LEN;
	return STICK_HEAD;
}

static int take_length(struct stick_reader *r)
{
	struct reader in;
	uint32_t len;

	reader_init(&in, r->buf, STICK_LENGTH_LEN);
	len = read_be32(&in);
	if (len > STICK_BATCH_MAX)
		return -ERANGE;
	r->has_length = len > 0;
	r->wants = len ? STICK_BATCH : STICK_END;
	r->need = len ? len : END_BODY_LEN;
	return STICK_MORE;
}

static int take_batch(struct stick_reader *r)
{
	r->batch = r->buf;
	r->batch_len = r->need;
	r->batches++;
	r->has_length = false;
	r->need = STICK_LENGTH_LEN;
	return STICK_BATCH;
}

static int take_end(struct stick_reader *r)
{
	struct stick_end *e = &r->end;
	uint8_t magic[MAGIC_LEN];
	struct reader in;

	reader_init(&in, r->buf, END_BODY_LEN);
	read_bytes(&in, magic, MAGIC_LEN);
	e->records = read_be64(&in);
	e->batches = read_be64(&in);
	e->first = read_be64(&in);
	e->last = read_be64(&in);
	if (!reader_done(&in) || memcmp(magic, end_magic, MAGIC_LEN) != 0)
		return -EBADMSG;
	if (e->batches != r->batches || e->first > e->last)
		return -ERANGE;
	r->wants = STICK_MORE;
	return STICK_END;
}

static int take(struct stick_reader *r)
{
	if (r->wants == STICK_HEAD)
		return take_head(r);
	if (r->wants == STICK_END)
		return take_end(r);
	return r->has_length ? take_batch(r) : take_length(r);
}

int stick_read(struct stick_reader *r, const uint8_t *buf, size_t len, size_t *ret_used)
{
	size_t used = 0;
	int item = STICK_MORE;

	r->batch = NULL;
	r->batch_len = 0;
	while (item == STICK_MORE && used < len) {
		size_t n = r->need - r->have;

		if (stick_at_end(r)) {
			item = -EBADMSG;
			break;
		}
		if (n > len - used)
			n = len - used;
		memcpy(r->buf + r->have, buf + used, n);
		used += n;
		r->have += n;
		if (r->have < r->need)
			break;
		r->have = 0;
		item = take(r);
	}
	*ret_used = used;
	return item;
}
