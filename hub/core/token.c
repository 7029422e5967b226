/*
 * token.c - see token.h.
 *
 * Payload: {0: version, 1: hub, 2: lock epoch, 3: nonce, 4: level, 5: verbs, 6: seconds, 7: technician, 8: share or null}, exactly
 * these, and 9: {verb: argument} if there is an order beside a verb. CRC-16: paste.h.
 *
 * Invariant (INV-9): there is one hub in a token, of exactly HUB_ID_LEN octets, one nonce, and no verb outside of the table.
 */
#include "hub/core/token.h"

#include <errno.h>
#include <string.h>

#include "hub/core/base32.h"
#include "hub/core/cbor.h"
#include "hub/core/paste.h"

enum token_key {
	KEY_VERSION = 0,
	KEY_HUB,
	KEY_LOCK_EPOCH,
	KEY_NONCE,
	KEY_LEVEL,
	KEY_VERBS,
	KEY_SECONDS,
	KEY_TECHNICIAN,
	KEY_SHARE,
	KEY_ORDERS,
	KEY_COUNT,
};

enum { CRC_LEN = PASTE_CRC_LEN, LEVEL_RETIRED = 4, LEVEL_GUARDED = 1 };

static const char prefix[] = "HT1:";

_Static_assert(BASE32_LEN(CHALLENGE_LEN) == CHALLENGE_TEXT_LEN, "all of it");
_Static_assert((int)TOKEN_BYTES_MAX <= (int)PASTE_BYTES_MAX, "room");
_Static_assert((int)TOKEN_TEXT_MAX == PASTE_TEXT_MAX((int)TOKEN_BYTES_MAX), "the same");
_Static_assert((int)CHALLENGE_NONCE_LEN == (int)COMMAND_NONCE_LEN, "one kind of nonce");

/* --- challenge -------------------------------------------------------------------------------- */

void challenge_encode(const struct challenge *c, uint8_t ret[static CHALLENGE_LEN])
{
	struct writer w;

	writer_init(&w, ret, CHALLENGE_LEN);
	write_bytes(&w, c->hub, CHALLENGE_HUB_LEN);
	write_be32(&w, c->lock_epoch);
	write_bytes(&w, c->nonce, CHALLENGE_NONCE_LEN);
	write_u8(&w, c->level);
	write_bytes(&w, c->digest, CHALLENGE_DIGEST_LEN);
	write_be32(&w, c->queued);
	write_be16(&w, paste_crc16(ret, CHALLENGE_LEN - CRC_LEN));
}

int challenge_decode(const uint8_t buf[static CHALLENGE_LEN], struct challenge *ret)
{
	struct challenge c = { 0 };
	struct reader r;

	reader_init(&r, buf, CHALLENGE_LEN);
	read_bytes(&r, c.hub, CHALLENGE_HUB_LEN);
	c.lock_epoch = read_be32(&r);
	read_bytes(&r, c.nonce, CHALLENGE_NONCE_LEN);
	c.level = read_u8(&r);
	read_bytes(&r, c.digest, CHALLENGE_DIGEST_LEN);
	c.queued = read_be32(&r);
	if (read_be16(&r) != paste_crc16(buf, CHALLENGE_LEN - CRC_LEN))
		return -EBADMSG;
	if (c.level > LEVEL_RETIRED)
		return -ERANGE;
	*ret = c;
	return 0;
}

char *challenge_text(const struct challenge *c, char ret[static CHALLENGE_TEXT_MAX])
{
	uint8_t buf[CHALLENGE_LEN];

	challenge_encode(c, buf);
	base32_encode(buf, sizeof(buf), ret);
	return ret;
}

int challenge_parse(const char *text, size_t len, struct challenge *ret)
{
	char dense[CHALLENGE_TEXT_LEN];
	uint8_t buf[CHALLENGE_LEN];

	if (paste_dense(text, len, true, dense, sizeof(dense)) != CHALLENGE_TEXT_LEN)
		return -EMSGSIZE;
	if (base32_decode(dense, buf, sizeof(buf)))
		return -EBADMSG;
	return challenge_decode(buf, ret);
}

/* --- payload ---------------------------------------------------------------------------------- */

uint32_t access_token_order(const struct access_token *t, enum verb v)
{
	for (size_t i = 0; i < t->order_count; i++)
		if (t->orders[i].verb == v)
			return t->orders[i].argument;
	return 0;
}

static bool orders_good(const struct access_token *t)
{
	enum verb before = VERB_NONE;

	if (t->order_count > TOKEN_ORDERS_MAX)
		return false;
	for (size_t i = 0; i < t->order_count; i++) {
		const struct token_order *o = &t->orders[i];

		if (o->verb <= before || !(t->verbs & VERB_BIT(o->verb)) ||
		    o->argument == 0 || o->argument > verb_order_max(o->verb))
			return false;
		before = o->verb;
	}
	return true;
}

static bool values_good(const struct access_token *t)
{
	return t->level <= TOKEN_LEVEL_LAST && t->level != LEVEL_GUARDED &&
	       t->seconds >= 1 && t->seconds <= TOKEN_SECONDS_MAX && t->technician >= 1 &&
	       orders_good(t);
}

static void put_orders(struct writer *w, const struct access_token *t)
{
	cb_put_uint(w, KEY_ORDERS);
	cb_put_map(w, t->order_count);
	for (size_t i = 0; i < t->order_count; i++) {
		cb_put_uint(w, (uint64_t)t->orders[i].verb);
		cb_put_uint(w, t->orders[i].argument);
	}
}

int access_token_encode(const struct access_token *t, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!values_good(t) || t->verbs & ~verbs_all())
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_map(&w, t->order_count ? KEY_COUNT : KEY_ORDERS);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, TOKEN_VERSION);
	cb_put_uint(&w, KEY_HUB);
	cb_put_bytes(&w, t->hub, HUB_ID_LEN);
	cb_put_uint(&w, KEY_LOCK_EPOCH);
	cb_put_uint(&w, t->lock_epoch);
	cb_put_uint(&w, KEY_NONCE);
	cb_put_bytes(&w, t->nonce, CHALLENGE_NONCE_LEN);
	cb_put_uint(&w, KEY_LEVEL);
	cb_put_uint(&w, t->level);
	cb_put_uint(&w, KEY_VERBS);
	cb_put_uint(&w, t->verbs);
	cb_put_uint(&w, KEY_SECONDS);
	cb_put_uint(&w, t->seconds);
	cb_put_uint(&w, KEY_TECHNICIAN);
	cb_put_uint(&w, t->technician);
	cb_put_uint(&w, KEY_SHARE);
	if (t->has_share)
		cb_put_bytes(&w, t->share, sizeof(t->share));
	else
		cb_put_null(&w);
	if (t->order_count)
		put_orders(&w, t);
	return writer_len(&w);
}

static void get_orders(struct cb *c, struct access_token *ret)
{
	size_t count = cb_get_map(c, TOKEN_ORDERS_MAX);

	if (!cb_error(c) && count == 0)
		cb_fail(c, -EBADMSG); /* then the key is left out */
	for (size_t i = 0; i < count && !cb_error(c); i++) {
		struct token_order *o = &ret->orders[ret->order_count++];

		o->verb = (enum verb)cb_get_uint_max(c, VERB_LAST);
		o->argument = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	}
}

static void get_field(struct cb *c, unsigned key, struct access_token *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != TOKEN_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_HUB: cb_get_fixed(c, ret->hub, HUB_ID_LEN); break;
	case KEY_LOCK_EPOCH:
		ret->lock_epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_NONCE: cb_get_fixed(c, ret->nonce, CHALLENGE_NONCE_LEN); break;
	case KEY_LEVEL: ret->level = (uint8_t)cb_get_uint_max(c, TOKEN_LEVEL_LAST); break;
	case KEY_VERBS:
		ret->verbs = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		if (ret->verbs & ~verbs_all())
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_SECONDS:
		ret->seconds = (uint32_t)cb_get_uint_max(c, TOKEN_SECONDS_MAX);
		break;
	case KEY_TECHNICIAN:
		ret->technician = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_SHARE:
		ret->has_share = !cb_take_null(c);
		if (ret->has_share)
			cb_get_fixed(c, ret->share, sizeof(ret->share));
		break;
	case KEY_ORDERS: get_orders(c, ret); break;
	}
}

int access_token_decode(const uint8_t *buf, size_t len, struct access_token *ret)
{
	struct access_token t = { 0 };
	size_t keys;
	struct cb c;

	cb_init(&c, buf, len);
	keys = cb_get_map(&c, KEY_COUNT);
	if (keys < KEY_ORDERS)
		cb_fail(&c, -EBADMSG);
	for (unsigned key = 0; key < keys && !cb_error(&c); key++) {
		if (cb_get_uint(&c) != key)
			cb_fail(&c, -EBADMSG);
		get_field(&c, key, &t);
	}
	if (!cb_error(&c) && !values_good(&t))
		cb_fail(&c, -ERANGE);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = t;
	return 0;
}

/* --- signatures and text ---------------------------------------------------------------------- */

int access_token_frame(const struct command_order *o, uint8_t *buf, size_t cap)
{
	return command_frame_encode(o, TOKEN_SIGNED_MAX, buf, cap);
}

int access_token_unframe(const uint8_t *buf, size_t len, struct command_order *ret)
{
	return command_frame_decode(buf, len, TOKEN_SIGNED_MAX, ret);
}

int access_token_text(const uint8_t *buf, size_t len, char ret[static TOKEN_TEXT_MAX])
{
	return len > TOKEN_BYTES_MAX ? -ERANGE : paste_text(prefix, buf, len, ret);
}

int access_token_parse(const char *text, size_t len, uint8_t ret[static TOKEN_BYTES_MAX])
{
	return paste_parse(prefix, text, len, ret, TOKEN_BYTES_MAX);
}

/* --- code ------------------------------------------------------------------------------------- */

void token_code_digits(const uint8_t mac[static TOKEN_CODE_MAC_LEN],
		       char ret[static TOKEN_CODE_DIGITS + 1])
{
	uint8_t rest[TOKEN_CODE_MAC_LEN];

	memcpy(rest, mac, sizeof(rest));
	ret[TOKEN_CODE_DIGITS] = '\0';
	for (size_t d = TOKEN_CODE_DIGITS; d-- > 0;) { /* the last one first */
		unsigned carry = 0;

		for (size_t i = 0; i < sizeof(rest); i++) {
			carry = carry << 8 | rest[i];
			rest[i] = (uint8_t)(carry / 10);
			carry %= 10;
		}
		ret[d] = (char)('0' + carry);
	}
}

int token_code_parse(const char *text, size_t len, char ret[static TOKEN_CODE_DIGITS + 1])
{
	char dense[TOKEN_CODE_DIGITS];

	if (paste_dense(text, len, true, dense, sizeof(dense)) != TOKEN_CODE_DIGITS)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(dense); i++)
		if (dense[i] < '0' || dense[i] > '9')
			return -EBADMSG;
	memcpy(ret, dense, sizeof(dense));
	ret[TOKEN_CODE_DIGITS] = '\0';
	return 0;
}
