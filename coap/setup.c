/*
 * setup.c - see setup.h.
 */
#include "coap/setup.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/trust_sign.h"
#include "hub/rt/file.h"

#define TRUST_FILE "clinic.trust"

/* Returns the length, or what is wrong: then it is in *ret, too. */
static int look(const char *dir, uint8_t buf[static IDENTITY_TRUST_MAX],
		struct setup_trust_file *ret)
{
	uint8_t hash[TRUST_HASH_LEN];
	int n = file_read(dir, TRUST_FILE, buf, IDENTITY_TRUST_MAX), r;

	*ret = (struct setup_trust_file){ .err = n };
	if (n < 0)
		return n;
	r = trust_open(buf, (size_t)n, &ret->trust, hash, &ret->field);
	ret->err = r;
	if (r < 0)
		return r;
	ret->field = NULL;
	trust_fingerprint(hash, ret->fingerprint);
	return n;
}

/* A damaged clinic.trust is as none, as long as nothing came of it. */
static bool knows_a_clinic(const struct enrol_kept *k,
			   const struct setup_trust_file *held)
{
	return k->has_current || k->has_key || (k->trusted && held->err >= 0);
}

static bool is_same(const uint8_t *a, int a_len, const uint8_t *b, int b_len)
{
	return a_len > 0 && a_len == b_len && memcmp(a, b, (size_t)a_len) == 0;
}

enum setup_trust setup_take_trust(struct identity_store *s, const char *boot,
				  int64_t now_s, struct setup_trust_file *ret)
{
	static const struct enrol_action keep = { .what = ENROL_KEEP_TRUST };
	uint8_t found[IDENTITY_TRUST_MAX], kept[IDENTITY_TRUST_MAX];
	const struct enrol_kept k = identity_store_kept(s);
	struct setup_trust_file held;
	int len, held_len;

	if (file_is_gone(boot, TRUST_FILE))
		return SETUP_TRUST_NONE;
	held_len = look(identity_store_dir(s), kept, &held);
	len = look(boot, found, ret);
	if (is_same(found, len, kept, held_len))
		return SETUP_TRUST_SAME;
	if (knows_a_clinic(&k, &held))
		return SETUP_TRUST_IGNORED;
	if (len > 0 && trust_expired(&ret->trust, now_s))
		ret->err = -ESTALE;
	if (ret->err)
		return SETUP_TRUST_REFUSED;
	ret->err = identity_store_do(s, &keep, found, (size_t)len);
	return ret->err ? SETUP_TRUST_UNKEPT : SETUP_TRUST_TAKEN;
}

bool setup_held_trust(const char *dir, struct setup_trust_file *ret)
{
	uint8_t buf[IDENTITY_TRUST_MAX];

	if (file_is_gone(dir, TRUST_FILE))
		return false;
	(void)look(dir, buf, ret);
	return true;
}

const char *setup_refusal(int err)
{
	switch (err) {
	case -EKEYREJECTED: return "not signed by the clinic that it names";
	case -ESTALE: return "its time to be put in is over";
	case -ENOTSUP: return "of a newer form, or its root is none that a hub takes";
	case -EIO:
	case -EACCES: return "the boot partition cannot be read";
	}
	return "not a clinic.trust, or damaged";
}

const char *setup_advice(int err)
{
	switch (err) {
	case -ESTALE: return "have the clinic make another one: clinicctl trust";
	case -ENOTSUP: return "update the hub, or ask the clinic";
	case -EIO:
	case -EACCES: return "write the card again, or use another one";
	}
	return "copy it anew from the clinic and compare: clinicctl trust show FILE";
}
