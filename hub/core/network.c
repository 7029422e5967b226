/*
 * network.c - see network.h.
 *
 * Setting: null (DHCP), or [address 4, prefix, gateway 4, [name server 4, ...]].
 * Template: {0: version, 1: hub, 2: epoch, 3: number, 4: seconds to confirm in, 5: setting}, exactly these.
 *
 * Invariant: a setting that does not pass network_setting_good is neither written nor returned.
 */
#include "hub/core/network.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum { STATIC_ITEMS = 4 };

enum template_key {
	KEY_VERSION = 0,
	KEY_HUB,
	KEY_EPOCH,
	KEY_NUMBER,
	KEY_CONFIRM,
	KEY_SETTING,
	KEY_COUNT,
};

static uint32_t number_of(const uint8_t a[static NETWORK_ADDR_LEN])
{
	return (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
}

/* Of one host: not this network, not this machine, no group. */
static bool is_unicast(uint32_t a)
{
	uint32_t first = a >> 24;

	return first != 0 && first != 127 && first < 224;
}

/* Neither the network itself nor all of it. */
static bool is_host(uint32_t a, uint32_t mask)
{
	return (a & ~mask) != 0 && (a & ~mask) != ~mask;
}

static bool is_zero(const struct network_setting *s)
{
	static const struct network_setting none;

	return network_setting_same(s, &none);
}

bool network_setting_good(const struct network_setting *s)
{
	uint32_t address = number_of(s->address), gateway = number_of(s->gateway), mask;

	if (s->kind == NETWORK_DHCP)
		return is_zero(s);
	if (s->kind != NETWORK_STATIC || s->prefix < NETWORK_PREFIX_MIN ||
	    s->prefix > NETWORK_PREFIX_MAX || s->name_count > NETWORK_NAMES_MAX)
		return false;
	mask = UINT32_MAX << (32 - s->prefix);
	for (size_t i = 0; i < s->name_count; i++)
		if (!is_unicast(number_of(s->names[i])))
			return false;
	return is_unicast(address) && is_unicast(gateway) && address != gateway &&
	       ((address ^ gateway) & mask) == 0 && is_host(address, mask) &&
	       is_host(gateway, mask);
}

bool network_setting_same(const struct network_setting *a,
			  const struct network_setting *b)
{
	return a->kind == b->kind && a->prefix == b->prefix &&
	       a->name_count == b->name_count &&
	       memcmp(a->address, b->address, NETWORK_ADDR_LEN) == 0 &&
	       memcmp(a->gateway, b->gateway, NETWORK_ADDR_LEN) == 0 &&
	       memcmp(a->names, b->names, sizeof(a->names)) == 0;
}

void network_put_setting(struct writer *w, const struct network_setting *s)
{
	if (s->kind == NETWORK_DHCP) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, STATIC_ITEMS);
	cb_put_bytes(w, s->address, NETWORK_ADDR_LEN);
	cb_put_uint(w, s->prefix);
	cb_put_bytes(w, s->gateway, NETWORK_ADDR_LEN);
	cb_put_array(w, s->name_count);
	for (size_t i = 0; i < s->name_count; i++)
		cb_put_bytes(w, s->names[i], NETWORK_ADDR_LEN);
}

void network_get_setting(struct cb *c, struct network_setting *ret)
{
	struct network_setting s = { 0 };

	if (!cb_take_null(c)) {
		s.kind = NETWORK_STATIC;
		if (cb_get_array(c, STATIC_ITEMS) != STATIC_ITEMS)
			cb_fail(c, -EBADMSG);
		cb_get_fixed(c, s.address, NETWORK_ADDR_LEN);
		s.prefix = (uint8_t)cb_get_uint_max(c, NETWORK_PREFIX_MAX);
		cb_get_fixed(c, s.gateway, NETWORK_ADDR_LEN);
		s.name_count = cb_get_array(c, NETWORK_NAMES_MAX);
		for (size_t i = 0; i < s.name_count; i++)
			cb_get_fixed(c, s.names[i], NETWORK_ADDR_LEN);
	}
	if (!cb_error(c) && !network_setting_good(&s))
		cb_fail(c, -ERANGE);
	if (!cb_error(c))
		*ret = s;
}

int network_setting_encode(const struct network_setting *s, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!network_setting_good(s))
		return -ERANGE;
	writer_init(&w, buf, cap);
	network_put_setting(&w, s);
	return writer_len(&w);
}

int network_setting_decode(const uint8_t *buf, size_t len, struct network_setting *ret)
{
	struct network_setting s = { 0 };
	struct cb c;

	cb_init(&c, buf, len);
	network_get_setting(&c, &s);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = s;
	return 0;
}

/* --- template --------------------------------------------------------------------------------- */

static bool values_good(const struct network_template *t)
{
	return t->epoch >= 1 && t->number >= 1 && t->confirm_s >= NETWORK_CONFIRM_MIN_S &&
	       t->confirm_s <= NETWORK_CONFIRM_MAX_S;
}

int network_template_encode(const struct network_template *t, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!values_good(t) || !network_setting_good(&t->setting))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_map(&w, KEY_COUNT);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, NETWORK_VERSION);
	cb_put_uint(&w, KEY_HUB);
	cb_put_bytes(&w, t->hub, HUB_ID_LEN);
	cb_put_uint(&w, KEY_EPOCH);
	cb_put_uint(&w, t->epoch);
	cb_put_uint(&w, KEY_NUMBER);
	cb_put_uint(&w, t->number);
	cb_put_uint(&w, KEY_CONFIRM);
	cb_put_uint(&w, t->confirm_s);
	cb_put_uint(&w, KEY_SETTING);
	network_put_setting(&w, &t->setting);
	return writer_len(&w);
}

static void get_field(struct cb *c, unsigned key, struct network_template *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != NETWORK_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_HUB: cb_get_fixed(c, ret->hub, HUB_ID_LEN); break;
	case KEY_EPOCH: ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX); break;
	case KEY_NUMBER: ret->number = cb_get_uint(c); break;
	case KEY_CONFIRM:
		ret->confirm_s = (uint32_t)cb_get_uint_max(c, NETWORK_CONFIRM_MAX_S);
		break;
	case KEY_SETTING: network_get_setting(c, &ret->setting); break;
	}
}

int network_template_decode(const uint8_t *buf, size_t len, struct network_template *ret)
{
	struct network_template t = { 0 };
	struct cb c;

	cb_init(&c, buf, len);
	if (cb_get_map(&c, KEY_COUNT) != KEY_COUNT)
		cb_fail(&c, -EBADMSG);
	for (unsigned key = 0; key < KEY_COUNT && !cb_error(&c); key++) {
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

int network_text(const uint8_t *buf, size_t len, char ret[static NETWORK_TEXT_MAX])
{
	return len > NETWORK_BYTES_MAX ? -ERANGE
				       : paste_text(NETWORK_PREFIX_TEXT, buf, len, ret);
}

int network_parse(const char *text, size_t len, uint8_t ret[static NETWORK_BYTES_MAX])
{
	return paste_parse(NETWORK_PREFIX_TEXT, text, len, ret, NETWORK_BYTES_MAX);
}
