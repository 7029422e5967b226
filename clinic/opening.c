/*
 * opening.c - opens one seal; see opening.h. The body in clear is wiped before return;
 * *ret is the caller's.
 */
#include "clinic/opening.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"

static int open_body(const struct opening_key *key, const struct sealed *rec,
		     uint8_t body[static SEALED_BODY_MAX], const char **ret_why)
{
	const struct record *r = &rec->record;
	struct envelope e = {
		.epoch = rec->epoch,
		.assignment = r->assignment,
		.seq = r->seq,
		.class = r->class,
		.kind = r->kind,
		.body_len = (uint32_t)r->body_len,
	};
	uint8_t ad[ENVELOPE_LEN];
	int id = sealed_key_id(r->body, r->body_len);

	if (id < 0 || r->body_len > SEALED_BODY_MAX) {
		*ret_why = "not a sealed body of a form this program knows";
		return -ENOTSUP;
	}
	if (id != key->id) {
		*ret_why = "sealed to another key than seal.key";
		return -EKEYREJECTED;
	}
	memcpy(e.hub, rec->hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	if (unseal(key->private, ad, sizeof(ad), r->body, r->body_len, body) < 0) {
		*ret_why = "the seal does not open: damaged, changed, or sealed to "
			   "another key";
		return -EKEYREJECTED;
	}
	return 0;
}

int opening_open(const struct opening_key *key, const struct sealed *rec,
		 struct reading *ret, const char **ret_why)
{
	uint8_t body[SEALED_BODY_MAX];
	int r = open_body(key, rec, body, ret_why);

	if (r < 0)
		return r;
	r = reading_decode(body, rec->record.body_len - SEALED_LEN(0), ret);
	crypto_wipe(body, sizeof(body));
	if (r == -ENOTSUP)
		*ret_why = "opened, but written in a newer form; update this program";
	else if (r < 0)
		*ret_why = "opened, but not a reading; the raw record is kept";
	return r;
}
