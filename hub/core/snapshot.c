/*
 * snapshot.c - the bytes of a snapshot; see snapshot.h.
 *
 * Invariant: snapshot_decode takes nothing that snapshot_encode would not write again to the same bytes.
 */
#include "hub/core/snapshot.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum {
	FIELDS = 6,
	TEXT_FIELDS = 3,
	PIECE_FIELDS = 6,
	LEVEL_FIRST = 2, /* the hub is locked */
	LEVEL_BITS = 3,
};

uint64_t snapshot_number(uint32_t lock_epoch, unsigned level)
{
	return level < LEVEL_FIRST || level >= 1u << LEVEL_BITS
		       ? 0
		       : (uint64_t)lock_epoch << LEVEL_BITS | level;
}

uint64_t snapshot_asked_number(uint32_t lock_epoch, unsigned level)
{
	uint64_t n = snapshot_number(lock_epoch, level);

	return n ? n : (uint64_t)lock_epoch << LEVEL_BITS | (LEVEL_FIRST - 1);
}

static bool is_name(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(p[i] >= 'a' && p[i] <= 'z') && !(p[i] >= '0' && p[i] <= '9') &&
		    p[i] != '-')
			return false;
	return len > 0 && len <= SNAPSHOT_NAME_MAX;
}

static bool is_text(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((p[i] < ' ' || p[i] > '~') && p[i] != '\n' && p[i] != '\t')
			return false;
	return len <= SNAPSHOT_TEXT_MAX;
}

/* Names are files of a folder for who reads it: each one once. */
static bool is_good(const struct snapshot *s)
{
	bool good = s->number > 0 && s->count <= SNAPSHOT_TEXTS_MAX;

	for (size_t i = 0; good && i < s->count; i++) {
		const struct snapshot_text *t = &s->texts[i];

		good = is_name(t->name, t->name_len) && is_text(t->bytes, t->len);
		for (size_t j = 0; good && j < i; j++)
			good = t->name_len != s->texts[j].name_len ||
			       memcmp(t->name, s->texts[j].name, t->name_len) != 0;
	}
	return good;
}

int snapshot_encode(const struct snapshot *s, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!is_good(s))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, SNAPSHOT_VERSION);
	cb_put_uint(&w, s->number);
	cb_put_int(&w, s->made_s);
	cb_put_bytes(&w, s->boot, sizeof(s->boot));
	cb_put_bytes(&w, s->public_key, sizeof(s->public_key));
	cb_put_array(&w, s->count);
	for (size_t i = 0; i < s->count; i++) {
		const struct snapshot_text *t = &s->texts[i];

		cb_put_array(&w, TEXT_FIELDS);
		cb_put_text(&w, t->name, t->name_len);
		cb_put_bytes(&w, t->bytes, t->len);
		cb_put_uint(&w, t->cut);
	}
	return writer_len(&w);
}

static void want_array(struct cb *c, size_t items)
{
	if (cb_get_array(c, items) != items)
		cb_fail(c, -EBADMSG);
}

int snapshot_decode(const uint8_t *buf, size_t len, struct snapshot *ret)
{
	struct cb c;

	if (len > SNAPSHOT_PAYLOAD_MAX)
		return -EMSGSIZE;
	*ret = (struct snapshot){ 0 };
	cb_init(&c, buf, len);
	want_array(&c, FIELDS);
	if (cb_get_uint(&c) != SNAPSHOT_VERSION)
		cb_fail(&c, -ENOTSUP);
	ret->number = cb_get_uint(&c);
	ret->made_s = cb_get_int(&c);
	cb_get_fixed(&c, ret->boot, sizeof(ret->boot));
	cb_get_fixed(&c, ret->public_key, sizeof(ret->public_key));
	ret->count = cb_get_array(&c, SNAPSHOT_TEXTS_MAX);
	for (size_t i = 0; i < ret->count; i++) {
		struct snapshot_text *t = &ret->texts[i];

		want_array(&c, TEXT_FIELDS);
		t->name = cb_get_text(&c, &t->name_len);
		t->bytes = cb_get_bytes(&c, &t->len);
		t->cut = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	}
	if (cb_finish(&c))
		return cb_finish(&c);
	return is_good(ret) ? 0 : -ERANGE;
}

/* --- pieces -------------------------------------------------------------------------------------- */

size_t snapshot_pieces(size_t len)
{
	return (len + SNAPSHOT_PIECE_MAX - 1) / SNAPSHOT_PIECE_MAX;
}

struct snapshot_piece snapshot_piece_of(uint64_t number, uint32_t item,
					const uint8_t *bytes, size_t len, uint32_t index)
{
	size_t at = (size_t)index * SNAPSHOT_PIECE_MAX, left = at < len ? len - at : 0;

	return (struct snapshot_piece){ number,
					item,
					index,
					(uint32_t)snapshot_pieces(len),
					bytes + (left ? at : 0),
					left < SNAPSHOT_PIECE_MAX ? left
								  : SNAPSHOT_PIECE_MAX };
}

static bool piece_good(const struct snapshot_piece *p)
{
	return p->number > 0 && p->item < SNAPSHOT_ITEMS_MAX && p->total > 0 &&
	       p->total <= SNAPSHOT_PIECES_MAX && p->index < p->total && p->len > 0 &&
	       p->len <= SNAPSHOT_PIECE_MAX;
}

int snapshot_piece_encode(const struct snapshot_piece *p, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!piece_good(p))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, PIECE_FIELDS);
	cb_put_uint(&w, SNAPSHOT_VERSION);
	cb_put_uint(&w, p->number);
	cb_put_uint(&w, p->item);
	cb_put_uint(&w, p->index);
	cb_put_uint(&w, p->total);
	cb_put_bytes(&w, p->bytes, p->len);
	return writer_len(&w);
}

int snapshot_piece_decode(const uint8_t *buf, size_t len, struct snapshot_piece *ret)
{
	struct snapshot_piece p = { 0 };
	struct cb c;

	if (len > SNAPSHOT_PIECE_BODY_MAX)
		return -EMSGSIZE;
	cb_init(&c, buf, len);
	want_array(&c, PIECE_FIELDS);
	if (cb_get_uint(&c) != SNAPSHOT_VERSION)
		cb_fail(&c, -ENOTSUP);
	p.number = cb_get_uint(&c);
	p.item = (uint32_t)cb_get_uint_max(&c, SNAPSHOT_ITEMS_MAX);
	p.index = (uint32_t)cb_get_uint_max(&c, SNAPSHOT_PIECES_MAX);
	p.total = (uint32_t)cb_get_uint_max(&c, SNAPSHOT_PIECES_MAX);
	p.bytes = cb_get_bytes(&c, &p.len);
	if (cb_finish(&c))
		return cb_finish(&c);
	if (!piece_good(&p))
		return -ERANGE;
	*ret = p;
	return 0;
}
