/*
 * trusted.c - see trusted.h.
 */
#include "hub/trusted.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/trust_sign.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

#define FILE_TRUST "clinic.trust"
#define FILE_KEY "clinic.pub"

_Static_assert((int)ENROLMENT_TRUST_MAX == (int)TRUST_FILE_MAX, "one file");

/* The key is what settings.c looks for; a cut between the two files is mended at the next start. One that is there stays: it
 * may be a later one of the same clinic. */
static int keep_key(const struct trusted *t, const struct trust *trust)
{
	if (!file_is_gone(t->dir, FILE_KEY))
		return 0;
	return file_replace(t->dir, FILE_KEY, trust->config_public, TRUST_CONFIG_KEY_LEN);
}

int trusted_open(struct trusted *t, const char *dir)
{
	const char *field;
	int n, r;

	*t = (struct trusted){ .dir = dir };
	n = file_read(dir, FILE_TRUST, t->bytes, sizeof(t->bytes));
	r = n < 0 ? n : trust_open(t->bytes, (size_t)n, &t->trust, t->hash, &field);
	if (r == 0)
		r = keep_key(t, &t->trust);
	t->known = r == 0;
	return r;
}

int trusted_add(struct trusted *t, const struct msg_enrolment *piece)
{
	if (piece->offset == 0) {
		t->total = piece->total;
		t->len = 0;
	}
	if (piece->total != t->total || piece->offset != t->len ||
	    piece->len > t->total - t->len || t->total > sizeof(t->bytes)) {
		t->total = t->len = 0;
		return -EPROTO;
	}
	memcpy(t->bytes + t->len, piece->bytes, piece->len);
	t->len += piece->len;
	return t->len == t->total && t->total > 0;
}

static bool is_same_key(const struct trusted *t, const struct trust *trust)
{
	uint8_t kept[TRUST_CONFIG_KEY_LEN + 1];

	return file_read(t->dir, FILE_KEY, kept, sizeof(kept)) == TRUST_CONFIG_KEY_LEN &&
	       memcmp(kept, trust->config_public, TRUST_CONFIG_KEY_LEN) == 0;
}

/* Nothing that is here says which clinic it is; or only the key does, because the file was damaged. */
static bool may_take(const struct trusted *t, const struct trust *trust)
{
	if (t->known)
		return false;
	if (file_is_gone(t->dir, FILE_KEY))
		return true;
	return !file_is_gone(t->dir, FILE_TRUST) && is_same_key(t, trust);
}

int trusted_take(struct trusted *t)
{
	uint8_t hash[TRUST_HASH_LEN];
	struct trust trust;
	const char *field;
	int r = trust_open(t->bytes, t->len, &trust, hash, &field);

	if (r)
		return r;
	if (t->known && memcmp(hash, t->hash, sizeof(hash)) == 0)
		return 0;
	if (!may_take(t, &trust))
		return -EACCES;
	r = file_replace(t->dir, FILE_TRUST, t->bytes, t->len);
	FAILPOINT("hubd.trust.between");
	if (r == 0)
		r = keep_key(t, &trust);
	if (r)
		return r;
	t->trust = trust;
	memcpy(t->hash, hash, sizeof(hash));
	t->known = true;
	return 1;
}

int trusted_follow(struct trusted *t, const uint8_t *file, size_t len)
{
	uint8_t hash[TRUST_HASH_LEN];
	struct trust trust;
	const char *field;
	int r = trust_open(file, len, &trust, hash, &field);

	if (r)
		return r;
	if (t->known && t->trust.root_len == trust.root_len &&
	    memcmp(t->trust.root, trust.root, trust.root_len) == 0)
		return 0;
	FAILPOINT("hubd.trust.follow");
	r = file_replace(t->dir, FILE_TRUST, file, len);
	if (r)
		return r;
	t->trust = trust;
	memcpy(t->hash, hash, sizeof(hash));
	t->known = true;
	return 1;
}

void trusted_config(const struct trust *t, const uint8_t hub[static HUB_ID_LEN],
		    uint32_t epoch, struct config *ret)
{
	*ret = (struct config){ .epoch = epoch,
				.heartbeat_s = TRUSTED_HEARTBEAT_S,
				.seal_key_id = t->seal_key_id,
				.endpoint_count = t->endpoint_count };
	memcpy(ret->hub, hub, HUB_ID_LEN);
	memcpy(ret->seal_public, t->seal_public, SEAL_PUBLIC_LEN);
	memcpy(ret->endpoints, t->endpoints, sizeof(ret->endpoints));
}
