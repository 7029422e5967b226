/*
 * anchor_next.c - see anchor_next.h.
 */
#include "coap/anchor_next.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "hub/crypto/trust_cross.h"

int anchor_next_add(struct anchor_next *n, const struct msg_anchor *piece)
{
	if (piece->offset == 0) {
		n->total = piece->total;
		n->so_far = 0;
		n->on_its_way.trust_len = piece->trust;
		n->on_its_way.only = piece->only;
	}
	if (piece->total != n->total || piece->offset != n->so_far ||
	    piece->trust != n->on_its_way.trust_len ||
	    piece->len > n->total - n->so_far || n->total > sizeof(n->bytes)) {
		n->total = n->so_far = 0;
		return -EPROTO;
	}
	memcpy(n->bytes + n->so_far, piece->bytes, piece->len);
	n->so_far += piece->len;
	return n->so_far == n->total;
}

int anchor_root_der(const struct anchor *a, uint8_t ret[static TRUST_ROOT_MAX])
{
	int n = !a->has_root
			? 0
			: wc_CertPemToDer((const byte *)a->root, (int)strlen(a->root),
					  ret, TRUST_ROOT_MAX, CERT_TYPE);

	return n > 0 ? n : -ENOENT;
}

/* As it was told; what is told of it was bounded by msg.c. */
static void put_together(struct anchor_next *n, struct config_root *ret)
{
	*ret = n->on_its_way;
	memcpy(ret->trust, n->bytes, ret->trust_len);
	ret->cross_len = n->total - ret->trust_len;
	memcpy(ret->cross, n->bytes + ret->trust_len, ret->cross_len);
}

static bool is_another(const struct anchor_next *n, const struct trust *t)
{
	return n->there && (n->trust.root_len != t->root_len ||
			    memcmp(n->trust.root, t->root, t->root_len) != 0);
}

static int keep(struct anchor_next *n, const struct config_root *offer,
		const struct trust *t)
{
	int len = wc_DerToPem(t->root, (word32)t->root_len, (byte *)n->root,
			      sizeof(n->root) - 1, CERT_TYPE);

	if (len <= 0)
		return -EIO;
	n->root[len] = '\0';
	n->there = true;
	n->trust = *t;
	n->len = offer->trust_len;
	memcpy(n->file, offer->trust, offer->trust_len);
	return 0;
}

int anchor_next_take(struct anchor_next *n, const struct anchor *held, struct mono now)
{
	uint8_t root[TRUST_ROOT_MAX];
	struct config_root offer;
	struct trust t;
	bool another;
	int len = anchor_root_der(held, root), what, r;

	if (len < 0)
		return len;
	put_together(n, &offer);
	what = trust_cross_offer(&offer, root, (size_t)len, &t);
	if (what < 0)
		return what;
	another = is_another(n, &t);
	r = keep(n, &offer, &t);
	if (r < 0)
		return r;
	if (what == TRUST_OFFER_SAME)
		anchors_on_same(&n->machine);
	else
		anchors_on_next(&n->machine, another, offer.only, now);
	return what;
}

const char *anchor_roots(const struct anchor_next *n, const struct anchor *held,
			 char ret[static ANCHOR_ROOTS_MAX])
{
	enum anchors_state s = anchors_state(&n->machine);

	(void)snprintf(ret, ANCHOR_ROOTS_MAX, "%s%s%s",
		       s == ANCHORS_ALONE ? "" : held->root,
		       s == ANCHORS_BESIDE ? "\n" : "", s == ANCHORS_ONE ? "" : n->root);
	return ret;
}
