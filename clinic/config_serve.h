#pragma once

/*
 * config_serve.h - a hub asks for the config that it shall have: which bytes it gets, or why none.
 *
 * It signs nothing and looks at no word of the config: that is the matter of clinicctl, before, and of the hub, after.
 */
#include "clinic/store.h"
#include "coap/server.h"

/* All zero is a good start. Fields are private. */
struct config_serve {
	uint8_t cose[CONFIG_BYTES_MAX]; /* passkeys are in it */
};

/* What became of a question, for the log and the counters. */
enum config_answer {
	CONFIG_ANSWER_GIVEN = 1,
	CONFIG_ANSWER_NONE = 2,	     /* no other path, nothing was signed: 4.04 */
	CONFIG_ANSWER_FORBIDDEN = 3, /* no row, or its state allows none: 4.03 */
	CONFIG_ANSWER_DOWN = 4,	     /* the store cannot be asked: 5.03 */
	CONFIG_ANSWER_MAILBOX =
		5, /* it is a hub's emergency key, which may ask for nothing: 4.03 */
};

/*
 * config_serve_get - one GET of "hub/cfg" by the key spki.
 *
 * ret        filled always; its content is borrowed from c until the next call
 * ret_hub    the row; filled unless there is none
 * ret_err    of the store, with CONFIG_ANSWER_DOWN
 */
enum config_answer config_serve_get(struct config_serve *c, struct store *store,
				    const uint8_t spki[static PIN_LEN],
				    struct coap_server_content *ret, struct hub *ret_hub,
				    int *ret_err);

/* config_serve_tag - names the bytes, ETAG_LEN of it: other bytes have another name. */
enum { CONFIG_TAG_LEN = 8 };
void config_serve_tag(const uint8_t *cose, size_t len,
		      uint8_t ret[static CONFIG_TAG_LEN]);
