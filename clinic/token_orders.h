#pragma once

/*
 * token_orders.h - what a token of 'clinicctl token' orders beside its verbs: which device is paired or forgotten, what becomes of
 * readings when the hub is retired.
 */
#include "clinic/ctl.h"
#include "clinic/json.h"
#include "hub/core/config.h"
#include "hub/core/token.h"

/* As they were said. */
struct token_orders {
	size_t count;
	struct token_order one[TOKEN_ORDERS_MAX];
};

/* token_orders_take - an option of this verb's. Returns CTL_OK, or CTL_USAGE when it was complained. */
int token_orders_take(struct token_orders *o, enum verb v, const char *text);

/* token_orders_missing - is a verb of this set without the order that it needs? */
bool token_orders_missing(const struct token_orders *o, uint32_t verbs);

/*
 * token_orders_put - into a token, with the verbs.
 *
 * c     the config that the hub has, or will have: it names the devices
 * hub   its name, for who reads
 *
 * Returns CTL_OK, or CTL_NO_INPUT when it was complained: there is no such device.
 */
int token_orders_put(const struct token_orders *o, const struct config *c,
		     const char *hub, struct access_token *t);

/* token_orders_text - "; pair 2; retire discard"; "" if it orders nothing. Returns buf. */
enum { TOKEN_ORDERS_TEXT_MAX = 128 };
char *token_orders_text(const struct access_token *t,
			char buf[static TOKEN_ORDERS_TEXT_MAX]);

/* token_orders_json - {"pair": 2, "retire": "drain"}; nothing if it orders nothing. */
void token_orders_json(cJSON *o, const struct access_token *t);
