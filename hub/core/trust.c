/*
 * trust.c - the payload of clinic.trust; see trust.h.
 */
#include "hub/core/trust.h"

#include <errno.h>
#include <string.h>

#include "hub/core/base32.h"
#include "hub/core/cbor.h"

_Static_assert((int)TRUST_FILE_MAX == (int)CONFIG_TRUST_MAX, "one file");

enum { FINGERPRINT_BYTES = 10, GROUP = 4, GROUPS = 4 };

enum trust_key {
	KEY_VERSION = 0,
	KEY_CLINIC = 1,
	KEY_ENDPOINTS = 2,
	KEY_ENROL = 3,
	KEY_ROOT = 4,
	KEY_CONFIG_PUBLIC = 5,
	KEY_SEAL = 6,
	KEY_EXPIRES = 7,
	KEY_COUNT = 8,
};

static const char *const key_names[KEY_COUNT] = {
	"version", "clinic", "endpoints", "enrol", "root", "config key", "seal", "expiry",
};

int trust_encode(const struct trust *t, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, KEY_COUNT);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, TRUST_VERSION);
	cb_put_uint(&w, KEY_CLINIC);
	cb_put_text(&w, t->clinic, strlen(t->clinic));
	cb_put_uint(&w, KEY_ENDPOINTS);
	cb_put_array(&w, t->endpoint_count);
	for (size_t i = 0; i < t->endpoint_count && i < CONFIG_ENDPOINTS_MAX; i++)
		config_put_endpoint(&w, &t->endpoints[i]);
	cb_put_uint(&w, KEY_ENROL);
	config_put_endpoint(&w, &t->enrol);
	cb_put_uint(&w, KEY_ROOT);
	cb_put_bytes(&w, t->root, t->root_len);
	cb_put_uint(&w, KEY_CONFIG_PUBLIC);
	cb_put_bytes(&w, t->config_public, sizeof(t->config_public));
	cb_put_uint(&w, KEY_SEAL);
	cb_put_array(&w, 2);
	cb_put_uint(&w, t->seal_key_id);
	cb_put_bytes(&w, t->seal_public, sizeof(t->seal_public));
	cb_put_uint(&w, KEY_EXPIRES);
	cb_put_int(&w, t->expires_s);
	return writer_len(&w);
}

/* Length of the UTF-8 character that begins at s (RFC 3629), 0 if it is none or a control character. */
static size_t character_len(const uint8_t *s, size_t left)
{
	/* what the second byte may be depends on the first: no longer form than needed, no surrogate, no more than
	 * U+10FFFF, and here no U+0080..9F */
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] >= 0x20 && s[0] < 0x7f)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	switch (s[0]) {
	case 0xc2:
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	}
	if (n > left || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

static bool is_line(const char *text, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = character_len((const uint8_t *)text + i, len - i);
		if (n == 0)
			return false;
	}
	return len > 0;
}

static void get_clinic(struct cb *c, struct trust *ret)
{
	size_t len;
	const char *text = cb_get_text(c, &len);

	if (!text)
		return;
	if (len > TRUST_CLINIC_MAX || !is_line(text, len)) {
		cb_fail(c, -ERANGE);
		return;
	}
	memcpy(ret->clinic, text, len);
}

static void get_endpoints(struct cb *c, struct trust *ret)
{
	ret->endpoint_count = cb_get_array(c, CONFIG_ENDPOINTS_MAX);
	if (!cb_error(c) && ret->endpoint_count == 0)
		cb_fail(c, -ERANGE);
	for (size_t i = 0; i < ret->endpoint_count; i++)
		config_get_endpoint(c, &ret->endpoints[i]);
}

static void get_enrol(struct cb *c, struct trust *ret)
{
	config_get_endpoint(c, &ret->enrol);
	if (ret->enrol.weight != 0)
		cb_fail(c, -ERANGE);
}

/* One DER SEQUENCE and nothing behind it; what is in it, trust_open looks at. A certificate has more than 255 bytes. */
static bool is_sequence(const uint8_t *p, size_t len)
{
	struct reader r;
	bool head;

	reader_init(&r, p, len);
	head = read_be16(&r) == 0x3082;
	return head && read_be16(&r) == reader_left(&r) && reader_ok(&r);
}

static void get_root(struct cb *c, struct trust *ret)
{
	const uint8_t *p = cb_get_bytes(c, &ret->root_len);

	if (!p)
		return;
	if (ret->root_len > TRUST_ROOT_MAX || !is_sequence(p, ret->root_len)) {
		cb_fail(c, -ERANGE);
		return;
	}
	memcpy(ret->root, p, ret->root_len);
}

static void get_config_public(struct cb *c, struct trust *ret)
{
	cb_get_fixed(c, ret->config_public, sizeof(ret->config_public));
	if (ret->config_public[0] != 4)
		cb_fail(c, -ERANGE);
}

static void get_seal(struct cb *c, struct trust *ret)
{
	if (cb_get_array(c, 2) != 2)
		cb_fail(c, -EBADMSG);
	ret->seal_key_id = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	cb_get_fixed(c, ret->seal_public, sizeof(ret->seal_public));
}

static void get_field(struct cb *c, unsigned key, struct trust *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != TRUST_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_CLINIC: get_clinic(c, ret); break;
	case KEY_ENDPOINTS: get_endpoints(c, ret); break;
	case KEY_ENROL: get_enrol(c, ret); break;
	case KEY_ROOT: get_root(c, ret); break;
	case KEY_CONFIG_PUBLIC: get_config_public(c, ret); break;
	case KEY_SEAL: get_seal(c, ret); break;
	case KEY_EXPIRES:
		ret->expires_s = (int64_t)cb_get_uint_max(c, CONFIG_CHANGE_MAX_S);
		break;
	}
}

int trust_decode(const uint8_t *buf, size_t len, struct trust *ret,
		 const char **ret_field)
{
	struct trust t = { 0 };
	struct cb cb;
	int r;

	cb_init(&cb, buf, len);
	*ret_field = "document";
	if (len > TRUST_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (cb_get_map(&cb, KEY_COUNT) != KEY_COUNT)
		cb_fail(&cb, -EBADMSG);
	for (unsigned key = 0; key < KEY_COUNT && !cb_error(&cb); key++) {
		*ret_field = key_names[key];
		if (cb_get_uint(&cb) != key)
			cb_fail(&cb, -EBADMSG);
		get_field(&cb, key, &t);
	}
	r = cb_error(&cb);
	if (!r) {
		*ret_field = "end of document";
		r = cb_finish(&cb);
	}
	if (!r)
		*ret = t;
	return r;
}

bool trust_expired(const struct trust *t, int64_t floor_s)
{
	return floor_s > t->expires_s;
}

char *trust_fingerprint(const uint8_t hash[static TRUST_HASH_LEN],
			char ret[static TRUST_FINGERPRINT_MAX])
{
	char text[BASE32_LEN(FINGERPRINT_BYTES) + 1];

	base32_encode(hash, FINGERPRINT_BYTES, text);
	for (size_t i = 0; i < GROUPS; i++) {
		memcpy(ret + i * (GROUP + 1), text + i * GROUP, GROUP);
		ret[i * (GROUP + 1) + GROUP] = i + 1 < GROUPS ? ' ' : '\0';
	}
	return ret;
}
