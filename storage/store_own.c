/*
 * store_own.c - records that are nobody's reading: the hub's accounts of itself, sealed and numbered as readings are.
 */
#include "storage/store_inside.h"

#include <string.h>

_Static_assert((int)OWN_GROUP_MAX <= (int)QUEUE_GROUP_MAX, "one commit");

bool store_own_ready(const struct store *s)
{
	return s->can_sign && s->has_config && s->has_owner && !s->foreign && !s->full &&
	       !s->broken && !store_ends(s) && !intake_holds(&s->intake) &&
	       records_has_queue(s->records) && !records_is_spooling(s->records);
}

static int seal_one(struct store *s, enum reading_kind kind, uint64_t seq,
		    const uint8_t *body, size_t len, uint8_t *sealed,
		    struct queue_entry *ret)
{
	struct envelope e = { .epoch = s->config.epoch,
			      .assignment = s->config.assignment,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = (uint8_t)kind,
			      .body_len = (uint32_t)SEALED_LEN(len) };
	uint8_t ad[ENVELOPE_LEN];
	int r;

	memcpy(e.hub, s->config.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	r = seal(s->config.seal_key_id, s->config.seal_public, ad, sizeof(ad), body, len,
		 sealed);
	if (r)
		return r;
	*ret = (struct queue_entry){ .record = { .assignment = e.assignment,
						 .seq = e.seq,
						 .class = e.class,
						 .kind = e.kind,
						 .body = sealed,
						 .body_len = e.body_len } };
	return 0;
}

int store_own_insert(struct store *s, enum reading_kind kind, const uint8_t *const *body,
		     const size_t *len, size_t n)
{
	static uint8_t sealed[OWN_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry entries[OWN_GROUP_MAX];
	uint64_t seq;
	int r = 0;

	records_reserve(s->records, n);
	seq = records_next_seq(s->records);
	for (size_t i = 0; i < n && r == 0; i++)
		r = seal_one(s, kind, seq + i, body[i], len[i], sealed[i], &entries[i]);
	if (r == 0)
		r = records_insert_own(s->records, entries, n);
	s->saved |= r == 0;
	return r;
}
