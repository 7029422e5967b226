/*
 * setup.c - see setup.h.
 */
#include "coap/setup.h"

#include <errno.h>
#include <string.h>

#include "coap/anchor.h"
#include "hub/crypto/ticket_sign.h"
#include "hub/crypto/trust_sign.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

#define TRUST_FILE "clinic.trust"
#define TICKET_FILE "clinic.ticket"

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

/* A hub that was added by hand, before its bundle had a clinic.trust: one of the clinic that it belongs to, by the root. */
static bool belongs_there(const struct identity_store *s, const struct enrol_kept *k,
			  const struct setup_trust_file *found)
{
	struct anchor held;

	if (found->err || !k->has_current || k->has_key || k->trusted)
		return false;
	anchor_look(identity_store_dir(s), false, 0, &held);
	return anchor_is_root(&held, &found->trust);
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
	if (knows_a_clinic(&k, &held) && !belongs_there(s, &k, ret))
		return SETUP_TRUST_IGNORED;
	if (len > 0 && trust_expired(&ret->trust, now_s))
		ret->err = -ESTALE;
	if (ret->err)
		return SETUP_TRUST_REFUSED;
	if (identity_store_left(s, found, (size_t)len))
		return SETUP_TRUST_LEFT;
	ret->err = identity_store_do(s, &keep, found, (size_t)len);
	return ret->err ? SETUP_TRUST_UNKEPT : SETUP_TRUST_TAKEN;
}

/* Whose ticket this hub takes: of any clinic if it knows none, else of that one. */
static bool may_take(const struct enrol_kept *k, const struct setup_trust_file *held,
		     const struct trust *t)
{
	if (k->has_current)
		return false;
	if (!knows_a_clinic(k, held))
		return true;
	return k->trusted && held->err >= 0 && held->trust.root_len == t->root_len &&
	       memcmp(held->trust.root, t->root, t->root_len) == 0;
}

/* The key first: a hub with a clinic.trust and without it would be turned away until the next start. */
static int keep_ticket(struct identity_store *s, const struct ticket *t, bool has_clinic)
{
	static const struct enrol_action keep = { .what = ENROL_KEEP_TRUST };
	int r = 0;

	if (!identity_store_has_ticket(s, t->cert, t->cert_len))
		r = identity_store_keep_ticket(s, t->private, t->cert, t->cert_len);
	FAILPOINT("identity.ticket.between");
	if (r == 0 && !has_clinic)
		r = identity_store_do(s, &keep, t->trust, t->trust_len);
	return r;
}

static enum setup_trust take_ticket(struct identity_store *s, const struct ticket *t,
				    int64_t now_s, struct setup_trust_file *ret)
{
	const struct enrol_kept k = identity_store_kept(s);
	uint8_t kept[IDENTITY_TRUST_MAX];
	struct setup_trust_file held;
	bool same = identity_store_has_ticket(s, t->cert, t->cert_len);

	(void)look(identity_store_dir(s), kept, &held);
	if (!may_take(&k, &held, &ret->trust))
		return SETUP_TRUST_IGNORED;
	if (!same && ticket_expired(t, now_s))
		ret->err = -ESTALE;
	if (ret->err)
		return SETUP_TRUST_REFUSED;
	ret->err = keep_ticket(s, t, knows_a_clinic(&k, &held));
	return ret->err ? SETUP_TRUST_UNKEPT
	       : same	? SETUP_TRUST_SAME
			: SETUP_TRUST_TAKEN;
}

/* Opens what was read, and judges it. */
static enum setup_trust judge_ticket(struct identity_store *s, const uint8_t *file,
				     int len, int64_t now_s, struct setup_trust_file *ret,
				     char ret_id[static TICKET_ID_MAX])
{
	const struct enrol_kept k = identity_store_kept(s);
	struct ticket_facts facts;
	struct ticket t = { 0 };
	enum setup_trust r;

	ret->err =
		len < 0 ? len : ticket_open(file, (size_t)len, &t, &facts, &ret->field);
	if (ret->err) {
		r = k.has_current ? SETUP_TRUST_IGNORED : SETUP_TRUST_REFUSED;
	} else {
		ret->field = NULL;
		ret->trust = facts.trust;
		trust_fingerprint(facts.trust_hash, ret->fingerprint);
		ticket_id(facts.spki, ret_id);
		r = take_ticket(s, &t, now_s, ret);
	}
	crypto_wipe(&t, sizeof(t));
	return r;
}

enum setup_trust setup_take_ticket(struct identity_store *s, const char *boot,
				   int64_t now_s, struct setup_trust_file *ret,
				   char ret_id[static TICKET_ID_MAX], bool *ret_left)
{
	uint8_t file[TICKET_FILE_MAX];
	enum setup_trust r;
	int len;

	*ret = (struct setup_trust_file){ .err = 0 };
	*ret_id = '\0';
	*ret_left = false;
	if (file_is_gone(boot, TICKET_FILE))
		return SETUP_TRUST_NONE;
	len = file_read(boot, TICKET_FILE, file, sizeof(file));
	r = judge_ticket(s, file, len, now_s, ret, ret_id);
	crypto_wipe(file, sizeof(file));
	*ret_left = true;
	if (r == SETUP_TRUST_TAKEN || r == SETUP_TRUST_SAME)
		*ret_left = file_erase(boot, TICKET_FILE) != 0;
	return r;
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
