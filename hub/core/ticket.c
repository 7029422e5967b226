/*
 * ticket.c - the payload of clinic.ticket; see ticket.h.
 */
#include "hub/core/ticket.h"

#include <errno.h>
#include <string.h>

#include "hub/core/base32.h"
#include "hub/core/cbor.h"

enum ticket_key {
	KEY_VERSION = 0,
	KEY_TRUST = 1,
	KEY_CERT = 2,
	KEY_PRIVATE = 3,
	KEY_EXPIRES = 4,
	KEY_COUNT = 5,
};

static const char *const key_names[KEY_COUNT] = {
	"version", "clinic.trust", "certificate", "key", "expiry",
};

_Static_assert(BASE32_LEN(TICKET_ID_BYTES) + 1 == (int)TICKET_ID_MAX, "all of it");

int ticket_encode(const struct ticket *t, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, KEY_COUNT);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, TICKET_VERSION);
	cb_put_uint(&w, KEY_TRUST);
	cb_put_bytes(&w, t->trust, t->trust_len);
	cb_put_uint(&w, KEY_CERT);
	cb_put_bytes(&w, t->cert, t->cert_len);
	cb_put_uint(&w, KEY_PRIVATE);
	cb_put_bytes(&w, t->private, sizeof(t->private));
	cb_put_uint(&w, KEY_EXPIRES);
	cb_put_int(&w, t->expires_s);
	return writer_len(&w);
}

static void get_bytes(struct cb *c, uint8_t *ret, size_t cap, size_t *ret_len)
{
	size_t len;
	const uint8_t *p = cb_get_bytes(c, &len);

	if (!p)
		return;
	if (len == 0 || len > cap) {
		cb_fail(c, -ERANGE);
		return;
	}
	memcpy(ret, p, len);
	*ret_len = len;
}

static void get_field(struct cb *c, unsigned key, struct ticket *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != TICKET_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_TRUST:
		get_bytes(c, ret->trust, sizeof(ret->trust), &ret->trust_len);
		break;
	case KEY_CERT: get_bytes(c, ret->cert, sizeof(ret->cert), &ret->cert_len); break;
	case KEY_PRIVATE: cb_get_fixed(c, ret->private, sizeof(ret->private)); break;
	case KEY_EXPIRES:
		ret->expires_s = (int64_t)cb_get_uint_max(c, CONFIG_CHANGE_MAX_S);
		break;
	}
}

int ticket_decode(const uint8_t *buf, size_t len, struct ticket *ret,
		  const char **ret_field)
{
	struct cb cb;
	int r;

	*ret = (struct ticket){ 0 };
	cb_init(&cb, buf, len);
	*ret_field = "document";
	if (len > TICKET_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (cb_get_map(&cb, KEY_COUNT) != KEY_COUNT)
		cb_fail(&cb, -EBADMSG);
	for (unsigned key = 0; key < KEY_COUNT && !cb_error(&cb); key++) {
		*ret_field = key_names[key];
		if (cb_get_uint(&cb) != key)
			cb_fail(&cb, -EBADMSG);
		get_field(&cb, key, ret);
	}
	r = cb_error(&cb);
	if (r)
		return r;
	*ret_field = "end of document";
	return cb_finish(&cb);
}

bool ticket_expired(const struct ticket *t, int64_t floor_s)
{
	return floor_s > t->expires_s;
}

char *ticket_id(const uint8_t spki[static TRUST_HASH_LEN], char ret[static TICKET_ID_MAX])
{
	base32_encode(spki, TICKET_ID_BYTES, ret);
	return ret;
}
