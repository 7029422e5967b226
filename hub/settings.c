/*
 * settings.c - see settings.h.
 */
#include "hub/settings.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { FILE_MAX = CONFIG_BYTES_MAX };

static int open_share(struct settings *s)
{
	int n = file_read(s->dir, "engine.share", s->share, sizeof(s->share));

	if (n == -ENOENT) {
		crypto_random(s->share, sizeof(s->share));
		return file_replace(s->dir, "engine.share", s->share, sizeof(s->share));
	}
	if (n >= 0 && n != ENGINE_SHARE_LEN)
		return -EMSGSIZE;
	return n < 0 ? n : 0;
}

/* Verify, then parse. */
static int open_config(const struct settings *s, const uint8_t *buf, size_t len,
		       struct config *ret, const char **ret_why)
{
	uint8_t public[P256_PUBLIC_LEN + 1];
	const uint8_t *payload;
	size_t payload_len;
	int r = file_read(s->dir, "clinic.pub", public, sizeof(public));

	if (r != P256_PUBLIC_LEN) {
		*ret_why = "clinic.pub is missing or not 65 bytes: copy the bundle again";
		return r < 0 ? r : -EMSGSIZE;
	}
	r = sign1_open(SIGN_CONTEXT_CONFIG, public, buf, len, &payload, &payload_len);
	if (r) {
		*ret_why = r == -EKEYREJECTED ? "not signed by this hub's clinic"
					      : "not a signed document";
		return r;
	}
	return config_decode(payload, payload_len, ret, ret_why);
}

static int read_config(const struct settings *s, const char *name, uint8_t *buf,
		       int *ret_len, struct config *ret, const char **ret_why)
{
	*ret_len = file_read(s->dir, name, buf, FILE_MAX);
	if (*ret_len < 0) {
		*ret_why =
			*ret_len == -ENOENT
				? "no such file: copy the bundle of 'clinicctl hub add'"
				: "cannot be read, or is too large";
		return *ret_len;
	}
	return open_config(s, buf, (size_t)*ret_len, ret, ret_why);
}

int settings_open(struct settings *s, const char *dir)
{
	static uint8_t buf[FILE_MAX];
	const char *why;
	int len, r;

	*s = (struct settings){ .dir = dir };
	r = open_share(s);
	if (r)
		return r;
	s->loaded = read_config(s, "config.good", buf, &len, &s->config, &why) == 0;
	return 0;
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
	r = file_replace(s->dir, "config.good", buf, (size_t)len);
	if (r) {
		*ret_why = "config.good cannot be written";
		return r;
	}
	s->config = c;
	s->loaded = true;
	return 1;
}
