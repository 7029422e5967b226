/*
 * handing.c - see handing.h.
 */
#include "hub/measure/handing.h"

#include <string.h>

void handing_begin(struct handing *h, uint64_t number, const uint8_t *bytes, size_t len)
{
	*h = (struct handing){ .number = number, .bytes = bytes, .len = len };
}

void handing_on_link(struct handing *h)
{
	h->sent = h->there = 0;
}

bool handing_on_taken(struct handing *h, const struct msg_snapshot_taken *m)
{
	if (!handing_waits(h) || m->number != h->number || m->count > h->sent)
		return false;
	/* hub-store counts its own part, too, once all of this one is there */
	if (m->count > h->there)
		h->there = m->count;
	h->whole = m->whole;
	return true;
}

bool handing_next(const struct handing *h, struct msg_snapshot *ret)
{
	struct snapshot_piece p;

	if (!handing_waits(h) || h->sent == snapshot_pieces(h->len) ||
	    h->sent - h->there >= SNAPSHOT_AHEAD)
		return false;
	p = snapshot_piece_of(h->number, SNAPSHOT_ITEM_TEXTS, h->bytes, h->len, h->sent);
	ret->number = p.number;
	ret->index = (uint16_t)p.index;
	ret->total = (uint16_t)p.total;
	ret->len = (uint16_t)p.len;
	memcpy(ret->bytes, p.bytes, p.len);
	return true;
}

void handing_on_sent(struct handing *h)
{
	h->sent++;
}

bool handing_waits(const struct handing *h)
{
	return h->number > 0 && !h->whole;
}
