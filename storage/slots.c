/*
 * slots.c - the key file's bytes; see slots.h.
 */
#include "storage/slots.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

static const uint8_t magic[4] = { 'H', 'S', 'L', 'T' };

/* What a file of each version may hold. */
static const struct limits {
	enum slot_purpose purpose_max;
	uint8_t wrapped_max;
} limits[SLOTS_VERSION + 1] = {
	[1] = { SLOT_HALF, 96 },
	[2] = { SLOT_HALF, 96 },
	[3] = { SLOT_AUDIT, SLOT_WRAPPED_MAX },
};

void slot_ad(const struct slot *s, uint8_t ret[static SLOT_AD_LEN])
{
	struct writer w;

	writer_init(&w, ret, SLOT_AD_LEN);
	write_u8(&w, (uint8_t)s->purpose);
	write_be32(&w, s->segment);
	write_be64(&w, s->generation);
}

int slots_encode(const struct slots *s, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (s->count > SLOTS_MAX)
		return -ENOSPC;
	writer_init(&w, buf, cap);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, SLOTS_VERSION);
	write_u8(&w, (uint8_t)s->root);
	write_be64(&w, s->generation);
	write_u8(&w, (uint8_t)s->count);
	for (size_t i = 0; i < s->count; i++) {
		uint8_t ad[SLOT_AD_LEN];

		slot_ad(&s->slots[i], ad);
		write_bytes(&w, ad, sizeof(ad));
		write_u8(&w, s->slots[i].wrapped_len);
		write_bytes(&w, s->slots[i].wrapped, s->slots[i].wrapped_len);
	}
	return writer_len(&w);
}

static int read_slot(struct reader *r, const struct limits *l, struct slot *ret)
{
	uint8_t purpose = read_u8(r);

	ret->segment = read_be32(r);
	ret->generation = read_be64(r);
	ret->wrapped_len = read_u8(r);
	if (!reader_ok(r))
		return -EBADMSG;
	if (purpose == SLOT_NONE || purpose > l->purpose_max ||
	    ret->wrapped_len <= WRAP_OVERHEAD || ret->wrapped_len > l->wrapped_max)
		return -ERANGE;
	ret->purpose = (enum slot_purpose)purpose;
	read_bytes(r, ret->wrapped, ret->wrapped_len);
	return reader_ok(r) ? 0 : -EBADMSG;
}

struct slot *slots_find(struct slots *s, enum slot_purpose purpose, uint32_t segment)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->slots[i].purpose == purpose && s->slots[i].segment == segment)
			return &s->slots[i];
	return NULL;
}

static int read_slots(struct reader *r, size_t count, struct slots *s)
{
	for (size_t i = 0; i < count; i++) {
		int err = read_slot(r, &limits[s->version], &s->slots[i]);

		if (err)
			return err;
		if (slots_find(s, s->slots[i].purpose, s->slots[i].segment))
			return -EBADMSG;
		s->count++;
	}
	return 0;
}

/* From the version to the number of slots. */
static int read_head(struct reader *r, struct slots *s, uint8_t *ret_count)
{
	uint8_t root = ROOT_FILE;

	s->version = read_u8(r);
	if (reader_ok(r) && (s->version == 0 || s->version > SLOTS_VERSION))
		return -ENOTSUP;
	if (s->version != 1)
		root = read_u8(r);
	s->generation = read_be64(r);
	*ret_count = read_u8(r);
	if (!reader_ok(r))
		return -EBADMSG;
	if (*ret_count > SLOTS_MAX || root == ROOT_NONE || root >= ROOT_KINDS)
		return -ERANGE;
	s->root = (enum root_kind)root;
	return 0;
}

int slots_decode(const uint8_t *buf, size_t len, struct slots *ret, size_t *ret_covered)
{
	struct slots s = { 0 };
	uint8_t got[sizeof(magic)], count;
	struct reader r;
	int err;

	reader_init(&r, buf, len);
	read_bytes(&r, got, sizeof(got));
	if (!reader_ok(&r) || memcmp(got, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	err = read_head(&r, &s, &count);
	if (err)
		return err;
	err = read_slots(&r, count, &s);
	if (err)
		return err;
	read_bytes(&r, s.tag, sizeof(s.tag));
	if (!reader_done(&r))
		return -EBADMSG;
	*ret = s;
	*ret_covered = len - sizeof(s.tag);
	return 0;
}
