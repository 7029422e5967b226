/*
 * replies.c - a ring of the last replies to one peer.
 *
 * Invariant: a slot with code 0 is empty and has no body.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/replies.h"

static bool is_same(const struct replies_key *a, const struct replies_key *b)
{
	return a->mid == b->mid && a->token_len == b->token_len &&
	       memcmp(a->token, b->token, a->token_len) == 0;
}

static void forget(struct replies_slot *s)
{
	free(s->body);
	*s = (struct replies_slot){ 0 };
}

bool replies_find(const struct replies *r, const struct replies_key *key, struct mono now,
		  struct coap_server_response *ret)
{
	for (size_t i = 0; i < REPLIES_KEPT; i++) {
		const struct replies_slot *s = &r->slots[i];

		if (s->code == 0 || !is_same(&s->key, key) ||
		    mono_since(now, s->at) >= REPLIES_LIFETIME_MS)
			continue;
		*ret = (struct coap_server_response){ .code = s->code,
						      .max_age_s = s->max_age_s,
						      .kind = s->kind,
						      .len = s->len };
		if (s->len)
			memcpy(ret->body, s->body, s->len);
		return true;
	}
	return false;
}

void replies_keep(struct replies *r, const struct replies_key *key, struct mono now,
		  const struct coap_server_response *answer)
{
	struct replies_slot *s = &r->slots[r->next];
	uint8_t *body = NULL;

	if (answer->code == 0 || answer->len > sizeof(answer->body))
		return;
	if (answer->len) {
		body = malloc(answer->len);
		if (!body)
			return;
		memcpy(body, answer->body, answer->len);
	}
	forget(s);
	*s = (struct replies_slot){ .key = *key,
				    .at = now,
				    .code = answer->code,
				    .max_age_s = answer->max_age_s,
				    .kind = answer->kind,
				    .len = (uint16_t)answer->len,
				    .body = body };
	r->next = (r->next + 1) % REPLIES_KEPT;
}

void replies_done(struct replies *r)
{
	for (size_t i = 0; i < REPLIES_KEPT; i++)
		forget(&r->slots[i]);
	r->next = 0;
}
