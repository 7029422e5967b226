/*
 * offer.c - see offer.h.
 */
#include "hub/offer.h"

#include <string.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

static void drop(struct offer *o)
{
	crypto_wipe(o->bytes, o->len);
	o->total = o->len = 0;
}

int offer_add(struct offer *o, const struct msg_offer *piece)
{
	if (piece->offset == 0) {
		drop(o);
		o->id = piece->id;
		o->version = piece->version;
		o->total = piece->total;
	}
	if (piece->id != o->id || piece->total != o->total || piece->offset != o->len ||
	    piece->len > o->total - o->len || o->total > sizeof(o->bytes)) {
		drop(o);
		return -EPROTO;
	}
	memcpy(o->bytes + o->len, piece->bytes, piece->len);
	o->len += piece->len;
	return o->len == o->total;
}

int offer_judge(struct offer *o, struct settings *s, uint8_t level,
		struct msg_verdict *ret)
{
	enum refusal why = REFUSAL_NONE;
	int r = level > OFFER_LEVEL_MAX ? -EACCES
					: settings_offer(s, o->bytes, o->len, &why);

	*ret = (struct msg_verdict){ .id = o->id, .why = why };
	drop(o);
	if (why != REFUSAL_NONE)
		ret->outcome = OFFER_REFUSED;
	else if (r < 0)
		ret->outcome = OFFER_LATER;
	else
		ret->outcome = r > 0 ? OFFER_TAKEN : OFFER_KNOWN;
	return ret->outcome == OFFER_LATER ? r : 0;
}
