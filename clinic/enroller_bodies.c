/*
 * enroller_bodies.c - what hubs that enrol say and hear beside certificates, in CBOR; see enroller.h. Pure.
 */
#include <errno.h>
#include <string.h>

#include "clinic/enroller.h"
#include "hub/core/cbor.h"

enum {
	BODY_MAP_MAX = 16,
	VERSION_TEXT_MAX = 64,
};

int enroller_said_decode(const uint8_t *body, size_t len, struct enrol_said *ret)
{
	struct enrol_said said = { 0 };
	unsigned seen = 0;
	size_t n, text_len;
	struct cb c;
	int r;

	cb_init(&c, body, len);
	n = cb_get_map(&c, BODY_MAP_MAX);
	while (n-- > 0) {
		uint64_t key = cb_get_uint(&c);

		if (key < 5 && (seen & 1U << key))
			cb_fail(&c, -EBADMSG);
		seen |= key < 5 ? 1U << key : 0;
		switch (key) {
		case 1: said.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX); break;
		case 2:
			cb_get_text(&c, &text_len);
			if (text_len > VERSION_TEXT_MAX)
				cb_fail(&c, -ERANGE);
			break;
		case 3:
			said.has_sign = true;
			cb_get_fixed(&c, said.sign_public, P256_PUBLIC_LEN);
			break;
		case 4:
			said.has_audit = true;
			cb_get_fixed(&c, said.audit_key, KEY_LEN);
			break;
		default: cb_skip(&c);
		}
	}
	if (said.epoch == 0 || (said.has_sign && said.sign_public[0] != 0x04))
		cb_fail(&c, -ERANGE);
	if ((seen & 0x06) != 0x06 || (said.has_audit && !said.has_sign))
		cb_fail(&c, -EBADMSG);
	r = cb_finish(&c);
	if (r == 0)
		*ret = said;
	crypto_wipe(&said, sizeof(said));
	return r;
}

int enroller_confirm_answer(struct wall now, uint64_t config_version, uint8_t *buf,
			    size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, config_version ? 2 : 1);
	cb_put_uint(&w, 1);
	cb_put_array(&w, 2);
	cb_put_int(&w, now.ms);
	cb_put_uint(&w, now.quality);
	if (config_version) {
		cb_put_uint(&w, 2);
		cb_put_uint(&w, config_version);
	}
	return writer_len(&w);
}

int enroller_epoch_answer(uint32_t epoch, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, 1);
	cb_put_uint(&w, 3);
	cb_put_uint(&w, epoch);
	return writer_len(&w);
}

int enroller_claim_decode(const uint8_t *body, size_t len, uint8_t ret[static PIN_LEN])
{
	uint8_t device[PIN_LEN] = { 0 };
	bool seen = false;
	struct cb c;
	size_t n;
	int r;

	cb_init(&c, body, len);
	n = cb_get_map(&c, BODY_MAP_MAX);
	while (n-- > 0 && !cb_error(&c)) {
		if (cb_get_uint(&c) != 1) {
			cb_skip(&c);
			continue;
		}
		if (seen)
			cb_fail(&c, -EBADMSG);
		seen = true;
		cb_get_fixed(&c, device, PIN_LEN);
	}
	if (!seen)
		cb_fail(&c, -EBADMSG);
	r = cb_finish(&c);
	if (r == 0)
		memcpy(ret, device, PIN_LEN);
	return r;
}
