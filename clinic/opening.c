/*
 * opening.c - opens one seal; see opening.h. The body in clear is wiped before return;
 * *ret is the caller's.
 */
#include "clinic/opening.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/manifest_sign.h"

const uint8_t *opening_private(const struct opening_key *key, int id)
{
	if (id == key->id)
		return key->private;
	for (size_t i = 0; i < key->other_count; i++)
		if (id == key->others[i].id)
			return key->others[i].private;
	return NULL;
}

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
	const uint8_t *private = opening_private(key, id);

	if (id < 0 || r->body_len > SEALED_BODY_MAX) {
		*ret_why = "not a sealed body of a form this program knows";
		return -ENOTSUP;
	}
	if (!private) {
		*ret_why = "sealed to another key than seal.key and those before it";
		return -EKEYREJECTED;
	}
	memcpy(e.hub, rec->hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	if (unseal(private, ad, sizeof(ad), r->body, r->body_len, body) < 0) {
		*ret_why = "the seal does not open: damaged, changed, or sealed to "
			   "another key";
		return -EKEYREJECTED;
	}
	return 0;
}

int opening_body(const struct opening_key *key, const struct sealed *rec, uint8_t *body,
		 size_t *ret_len, const char **ret_why)
{
	int r = open_body(key, rec, body, ret_why);

	if (r == 0)
		*ret_len = rec->record.body_len - SEALED_LEN(0);
	return r;
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

int opening_manifest(const struct opening_key *key, const struct sealed *rec,
		     const uint8_t sign_public[static P256_PUBLIC_LEN],
		     struct manifest *ret, const char **ret_why)
{
	uint8_t body[SEALED_BODY_MAX];
	struct manifest m;
	int r = open_body(key, rec, body, ret_why);

	if (r < 0)
		return r;
	r = manifest_open(sign_public, body, rec->record.body_len - SEALED_LEN(0), &m);
	crypto_wipe(body, sizeof(body));
	if (r == -EKEYREJECTED)
		*ret_why = "its signature is not this hub's";
	else if (r == -ENOTSUP)
		*ret_why = "written in a newer form; update this program";
	else if (r < 0)
		*ret_why = "not a manifest";
	if (r < 0)
		return r;
	if (memcmp(m.hub, rec->hub, HUB_ID_LEN) != 0 || m.epoch != rec->epoch ||
	    m.last + 1 != rec->record.seq) {
		*ret_why = "a manifest of another hub, enrolment or number than it came "
			   "under";
		return -EPROTO;
	}
	*ret = m;
	return 0;
}
