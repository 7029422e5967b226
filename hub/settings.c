/*
 * settings.c - see settings.h.
 */
#include "hub/settings.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/crypto/trust_cross.h"
#include "hub/escrow_file.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

#define FILE_SHARE "engine.share"

enum { FILE_MAX = CONFIG_BYTES_MAX };

static int open_share(struct settings *s)
{
	int n = file_read(s->dir, FILE_SHARE, s->share, sizeof(s->share));

	if (n == -ENOENT && escrow_file_exists(s->dir))
		return 0;
	if (n == -ENOENT) {
		crypto_random(s->share, sizeof(s->share));
		n = file_replace(s->dir, FILE_SHARE, s->share, sizeof(s->share));
		s->has_share = n == 0;
		return n;
	}
	s->has_share = n == ENGINE_SHARE_LEN;
	if (n >= 0 && n != ENGINE_SHARE_LEN)
		return -EMSGSIZE;
	return n < 0 ? n : 0;
}

int settings_erase_share(struct settings *s)
{
	s->has_share = false;
	crypto_wipe(s->share, sizeof(s->share));
	return file_erase(s->dir, FILE_SHARE);
}

int settings_put_share(struct settings *s, const uint8_t share[static ENGINE_SHARE_LEN])
{
	int r = file_replace(s->dir, FILE_SHARE, share, ENGINE_SHARE_LEN);

	if (r)
		return r;
	memcpy(s->share, share, ENGINE_SHARE_LEN);
	s->has_share = true;
	return 0;
}

/* Verify, then parse. *ret_refusal: what is wrong with the bytes, REFUSAL_NONE if it is not they. */
static int open_config(const struct settings *s, const uint8_t *buf, size_t len,
		       struct config *ret, const char **ret_why,
		       enum refusal *ret_refusal)
{
	uint8_t public[P256_PUBLIC_LEN + 1];
	const uint8_t *payload;
	size_t payload_len;
	int r = file_read(s->dir, "clinic.pub", public, sizeof(public));

	*ret_refusal = REFUSAL_NONE;
	if (r != P256_PUBLIC_LEN) {
		*ret_why = "clinic.pub is missing or not 65 bytes: copy the bundle again";
		return r < 0 ? r : -EMSGSIZE;
	}
	r = sign1_open(SIGN_CONTEXT_CONFIG, public, buf, len, &payload, &payload_len);
	if (r) {
		*ret_refusal =
			r == -EKEYREJECTED ? REFUSAL_SIGNATURE : REFUSAL_NOT_SIGNED;
		*ret_why = r == -EKEYREJECTED ? "not signed by this hub's clinic"
					      : "not a signed document";
		return r;
	}
	r = config_decode(payload, payload_len, ret, ret_why);
	if (r)
		*ret_refusal = refusal_of_field(*ret_why);
	return r;
}

static int read_config(const struct settings *s, const char *name, uint8_t *buf,
		       int *ret_len, struct config *ret, const char **ret_why)
{
	enum refusal refusal;

	*ret_len = file_read(s->dir, name, buf, FILE_MAX);
	if (*ret_len < 0) {
		*ret_why =
			*ret_len == -ENOENT
				? "no such file: copy the bundle of 'clinicctl hub add'"
				: "cannot be read, or is too large";
		return *ret_len;
	}
	return open_config(s, buf, (size_t)*ret_len, ret, ret_why, &refusal);
}

/* What was proven in another enrolment leads to another clinic. */
static void forget_foreign(struct settings *s)
{
	if (s->has_proven && s->loaded &&
	    (memcmp(s->proven.hub, s->config.hub, HUB_ID_LEN) != 0 ||
	     s->proven.epoch != s->config.epoch))
		s->has_proven = false;
}

int settings_open(struct settings *s, const char *dir)
{
	static uint8_t buf[FILE_MAX];
	const char *why;
	int len, r;

	*s = (struct settings){ .dir = dir };
	r = open_share(s);
	s->loaded = read_config(s, "config.good", buf, &len, &s->config, &why) == 0;
	s->has_proven = read_config(s, "config.proven", buf, &len, &s->proven, &why) == 0;
	forget_foreign(s);
	return r;
}

/* From now on it is the one in use. */
static int take(struct settings *s, const struct config *c, const uint8_t *buf,
		size_t len)
{
	int r = file_replace(s->dir, "config.good", buf, len);

	if (r)
		return r;
	FAILPOINT("hubd.config.taken");
	s->config = *c;
	s->loaded = true;
	forget_foreign(s);
	return 0;
}

/* Another root than the one that this hub has needs the word of that one. */
static bool root_good(const struct settings *s, const struct config *c)
{
	const struct trusted *t = s->trusted;
	struct trust next;

	return !t || c->root.trust_len == 0 ||
	       trust_cross_offer(&c->root, t->known ? t->trust.root : NULL,
				 t->trust.root_len, &next) > 0;
}

int settings_load(struct settings *s, const char **ret_why)
{
	static uint8_t buf[FILE_MAX];
	struct config c;
	int len, r = read_config(s, "config.cose", buf, &len, &c, ret_why);

	if (r)
		return r;
	if (s->loaded && memcmp(c.hub, s->config.hub, HUB_ID_LEN) != 0) {
		*ret_why = "made for another hub";
		return -EKEYREJECTED;
	}
	if (s->loaded && (c.epoch < s->config.epoch || (c.epoch == s->config.epoch &&
							c.version < s->config.version))) {
		*ret_why = "older than the one in use";
		return -ESTALE;
	}
	if (s->loaded && c.epoch == s->config.epoch && c.version == s->config.version)
		return 0;
	if (!root_good(s, &c)) {
		*ret_why = "root";
		return -EKEYREJECTED;
	}
	r = take(s, &c, buf, (size_t)len);
	if (r)
		*ret_why = "config.good cannot be written";
	return r ? r : 1;
}

void settings_expect(struct settings *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch)
{
	s->expects = true;
	memcpy(s->expected_hub, hub, HUB_ID_LEN);
	s->expected_epoch = epoch;
}

/* Whose it must be: an enrolment that is newer than the config in use decides. */
static enum refusal judge(const struct settings *s, const struct config *c)
{
	bool fresh = s->expects && (!s->loaded || s->expected_epoch > s->config.epoch);
	const uint8_t *hub = fresh ? s->expected_hub : s->config.hub;

	if (memcmp(c->hub, hub, HUB_ID_LEN) != 0)
		return REFUSAL_OTHER_HUB;
	if (c->epoch != (fresh ? s->expected_epoch : s->config.epoch))
		return REFUSAL_OTHER_EPOCH;
	if (!fresh && c->version < s->config.version)
		return REFUSAL_OLDER;
	return root_good(s, c) ? REFUSAL_NONE : refusal_of_field("root");
}

int settings_offer(struct settings *s, const uint8_t *buf, size_t len,
		   enum refusal *ret_why)
{
	struct config c;
	const char *why;
	int r;

	*ret_why = REFUSAL_NONE;
	if (!s->loaded && !s->expects)
		return -EAGAIN;
	r = open_config(s, buf, len, &c, &why, ret_why);
	if (r)
		return r;
	*ret_why = judge(s, &c);
	if (*ret_why != REFUSAL_NONE)
		return *ret_why == REFUSAL_OLDER ? -ESTALE : -EKEYREJECTED;
	if (s->loaded && c.epoch == s->config.epoch && c.version == s->config.version)
		return 0;
	r = file_replace(s->dir, "config.cose", buf, len);
	if (r)
		return r;
	FAILPOINT("hubd.config.staged");
	r = take(s, &c, buf, len);
	return r ? r : 1;
}

uint64_t settings_fallback(const struct settings *s)
{
	return s->has_proven && s->proven.version != s->config.version ? s->proven.version
								       : 0;
}

int settings_prove(struct settings *s, uint64_t version)
{
	static uint8_t buf[FILE_MAX];
	int n, r;

	if (!s->loaded || version != s->config.version ||
	    (s->has_proven && s->proven.version == version))
		return 0;
	n = file_read(s->dir, "config.good", buf, sizeof(buf));
	r = n < 0 ? n : file_replace(s->dir, "config.proven", buf, (size_t)n);
	if (r < 0)
		return r;
	FAILPOINT("hubd.config.proven");
	s->proven = s->config;
	s->has_proven = true;
	return 1;
}
