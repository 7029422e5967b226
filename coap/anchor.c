/*
 * anchor.c - see anchor.h.
 */
#include "coap/anchor.h"

#include <errno.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

static void use_pem(const uint8_t *der, size_t len, struct anchor *a)
{
	int n = wc_DerToPem(der, (word32)len, (byte *)a->root, sizeof(a->root) - 1,
			    CERT_TYPE);

	a->has_root = n > 0;
	a->root[n > 0 ? n : 0] = '\0';
}

bool anchor_is_root(const struct anchor *a, const struct trust *t)
{
	uint8_t der[TRUST_ROOT_MAX];
	int n = !a->has_root
			? 0
			: wc_CertPemToDer((const byte *)a->root, (int)strlen(a->root),
					  der, sizeof(der), CERT_TYPE);

	return n > 0 && (size_t)n == t->root_len &&
	       memcmp(der, t->root, t->root_len) == 0;
}

static enum enrol_trouble judge(const struct anchor *a, const struct trust *t, bool fresh,
				int64_t floor_s)
{
	if (a->has_root && !anchor_is_root(a, t))
		return ENROL_OTHER_ROOT;
	return fresh && trust_expired(t, floor_s) ? ENROL_OLD_TRUST : ENROL_FINE;
}

static void look_at_trust(const char *dir, bool fresh, int64_t floor_s, struct anchor *a)
{
	uint8_t hash[TRUST_HASH_LEN];
	struct trust t;
	const char *field = "file";
	int n = file_read(dir, "clinic.trust", a->file, sizeof(a->file)), r;

	if (n == -ENOENT)
		return;
	r = n < 0 ? n : trust_open(a->file, (size_t)n, &t, hash, &field);
	a->trouble = r < 0 ? ENROL_BAD_TRUST : judge(a, &t, fresh, floor_s);
	if (r < 0)
		log_debug("trust-bad", "error=\"%s\" what=%s", err_text(r), field);
	if (a->trouble != ENROL_FINE)
		return;
	a->has_trust = true;
	a->trust = t;
	a->len = (size_t)n;
	use_pem(t.root, t.root_len, a);
}

void anchor_look(const char *dir, bool fresh, int64_t floor_s, struct anchor *ret)
{
	int n;

	*ret = (struct anchor){ .has_trust = false };
	n = file_read(dir, "root.crt", (uint8_t *)ret->root, sizeof(ret->root) - 1);
	ret->has_root = n > 0;
	ret->root[n > 0 ? n : 0] = '\0';
	look_at_trust(dir, fresh, floor_s, ret);
}
