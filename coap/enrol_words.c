/*
 * enrol_words.c - see enrol_words.h.
 */
#include "coap/enrol_words.h"

#include <errno.h>
#include <string.h>

#include "coap/code.h"
#include "hub/core/cbor.h"

enum { KEY_EPOCH = 1, KEY_VERSION = 2, KEY_SIGN = 3, KEY_AUDIT = 4 };
enum { KEY_DEVICE = 1 };
enum { KEY_TIME = 1, KEY_CONFIG = 2, KEY_OTHER_EPOCH = 3, MAP_MAX = 16, TIME_ITEMS = 2 };

int enrol_say_confirm(const struct msg_sign_keys *k, const char *version, uint8_t *buf,
		      size_t cap)
{
	struct writer w;

	if (!k->has_sign)
		return -EINVAL;
	writer_init(&w, buf, cap);
	cb_put_map(&w, k->has_audit ? 4 : 3);
	cb_put_uint(&w, KEY_EPOCH);
	cb_put_uint(&w, k->epoch);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_text(&w, version, strlen(version));
	cb_put_uint(&w, KEY_SIGN);
	cb_put_bytes(&w, k->sign_public, sizeof(k->sign_public));
	if (k->has_audit) {
		cb_put_uint(&w, KEY_AUDIT);
		cb_put_bytes(&w, k->audit_key, sizeof(k->audit_key));
	}
	return writer_len(&w);
}

int enrol_say_confirm_emergency(uint32_t epoch, const char *version, uint8_t *buf,
				size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, 2);
	cb_put_uint(&w, KEY_EPOCH);
	cb_put_uint(&w, epoch);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_text(&w, version, strlen(version));
	return writer_len(&w);
}

int enrol_say_claim(const uint8_t spki[static PIN_LEN], uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, 1);
	cb_put_uint(&w, KEY_DEVICE);
	cb_put_bytes(&w, spki, PIN_LEN);
	return writer_len(&w);
}

static void get_time(struct cb *c, struct wall *ret)
{
	if (cb_get_array(c, TIME_ITEMS) != TIME_ITEMS)
		cb_fail(c, -EBADMSG);
	ret->ms = cb_get_int(c);
	ret->quality = (enum clock_quality)cb_get_uint_max(c, CLOCK_QUALITY_CLINIC);
}

int enrol_hear_confirmed(const uint8_t *buf, size_t len, struct enrol_confirmed *ret)
{
	struct enrol_confirmed said = { .config_version = 0 };
	struct cb c;
	size_t n;
	int r;

	cb_init(&c, buf, len);
	n = cb_get_map(&c, MAP_MAX);
	while (n-- > 0 && !cb_error(&c)) {
		switch (cb_get_uint(&c)) {
		case KEY_TIME: get_time(&c, &said.now); break;
		case KEY_CONFIG:
			said.config_version = cb_get_uint_max(&c, INT64_MAX);
			break;
		default: cb_skip(&c);
		}
	}
	r = cb_finish(&c);
	if (r == 0)
		*ret = said;
	return r;
}

int enrol_hear_epoch(const uint8_t *buf, size_t len, uint32_t *ret)
{
	uint64_t epoch = 0;
	struct cb c;
	size_t n;
	int r;

	cb_init(&c, buf, len);
	n = cb_get_map(&c, MAP_MAX);
	while (n-- > 0 && !cb_error(&c)) {
		if (cb_get_uint(&c) == KEY_OTHER_EPOCH)
			epoch = cb_get_uint_max(&c, UINT32_MAX);
		else
			cb_skip(&c);
	}
	if (epoch == 0)
		cb_fail(&c, -ERANGE);
	r = cb_finish(&c);
	if (r == 0)
		*ret = (uint32_t)epoch;
	return r;
}

enum enrol_result enrol_hear_code(enum enrol_request asked, int code)
{
	int good = asked == ENROL_ASK_ROOT ? COAP_CODE_CONTENT : COAP_CODE_CHANGED;

	if (code == good)
		return ENROL_GRANTED;
	switch (code) {
	case COAP_CODE_UNAVAILABLE:
	case COAP_CODE_TOO_MANY: return ENROL_LATER;
	case COAP_CODE_UNAUTHORIZED:
	case COAP_CODE_FORBIDDEN: return ENROL_REFUSED;
	case COAP_CODE_BAD_REQUEST: return ENROL_WRONG;
	case COAP_CODE_CONFLICT:
		return asked == ENROL_ASK_CONFIRM ? ENROL_STALE : ENROL_GONE;
	default: return ENROL_GONE;
	}
}
