/*
 * config_serve.c - see config_serve.h.
 */
#include "clinic/config_serve.h"

#include <errno.h>
#include <string.h>

#include "clinic/ingest.h"
#include "clinic/store_config.h"
#include "clinic/store_mailbox.h"

_Static_assert((int)CONFIG_TAG_LEN <= (int)COAP_SERVER_ETAG_MAX, "it is the ETag");

void config_serve_tag(const uint8_t *cose, size_t len, uint8_t ret[static CONFIG_TAG_LEN])
{
	uint8_t hash[SHA256_LEN];

	crypto_sha256(cose, len, hash);
	memcpy(ret, hash, CONFIG_TAG_LEN);
}

static enum config_answer down(int err, struct coap_server_content *ret, int *ret_err)
{
	*ret_err = err;
	ret->code = COAP_CODE_UNAVAILABLE;
	ret->max_age_s = INGEST_RETRY_S;
	return CONFIG_ANSWER_DOWN;
}

/* A suspended hub goes on as it is: a config does not end that state. */
enum config_answer config_serve_get(struct config_serve *c, struct store *store,
				    const uint8_t spki[static PIN_LEN],
				    struct coap_server_content *ret, struct hub *ret_hub,
				    int *ret_err)
{
	struct hub_life life;
	uint64_t version;
	int r = store_hub_by_spki(store, spki, ret_hub);

	*ret = (struct coap_server_content){ .code = COAP_CODE_FORBIDDEN };
	if (r == -ENOENT && store_mailbox_hub(store, spki, ret_hub) == 0)
		return CONFIG_ANSWER_MAILBOX;
	if (r == -ENOENT)
		return CONFIG_ANSWER_FORBIDDEN;
	if (r < 0)
		return down(r, ret, ret_err);
	life = hub_life_of(ret_hub);
	if (!life_may(&life, LIFE_MAY_CONFIG))
		return CONFIG_ANSWER_FORBIDDEN;
	r = store_config_signed(store, ret_hub->id, ret_hub->epoch, c->cose, &version);
	if (r < 0 && r != -ENOENT)
		return down(r, ret, ret_err);
	ret->code = COAP_CODE_NOT_FOUND;
	if (r < 0)
		return CONFIG_ANSWER_NONE;
	ret->code = COAP_CODE_CONTENT;
	ret->format = COAP_FORMAT_SIGN1;
	ret->body = c->cose;
	ret->len = (size_t)r;
	ret->etag_len = CONFIG_TAG_LEN;
	config_serve_tag(c->cose, ret->len, ret->etag);
	return CONFIG_ANSWER_GIVEN;
}
