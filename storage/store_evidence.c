/*
 * store_evidence.c - hub-measure's evidence: its pieces become records among the others, all of them in one commit.
 *
 * They are opaque here, and nobody's reading: hub-store seals and numbers them, as the day's account. That it was taken is in
 * the audit log.
 */
#include "storage/store_inside.h"

#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"

static bool is_ready(const struct store *s)
{
	return s->can_sign && s->has_config && s->has_owner && !s->foreign && !s->full &&
	       !s->broken && s->config.level < LEVEL_RETIRED &&
	       !intake_holds(&s->intake) && records_ready(s->records);
}

static int seal_piece(struct store *s, size_t i, uint64_t seq, struct queue_entry *ret)
{
	const struct evidence_held *h = &s->evidence;
	struct envelope e = { .epoch = s->config.epoch,
			      .assignment = s->config.assignment,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = READING_EVIDENCE,
			      .body_len = (uint32_t)SEALED_LEN((size_t)h->len[i]) };
	uint8_t ad[ENVELOPE_LEN];
	uint8_t *body = s->evidence.sealed[i];
	int r;

	memcpy(e.hub, s->config.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	r = seal(s->config.seal_key_id, s->config.seal_public, ad, sizeof(ad),
		 h->bytes[i], h->len[i], body);
	if (r)
		return r;
	*ret = (struct queue_entry){ .record = { .assignment = e.assignment,
						 .seq = e.seq,
						 .class = e.class,
						 .kind = e.kind,
						 .body = body,
						 .body_len = e.body_len } };
	return 0;
}

static int insert(struct store *s)
{
	struct queue_entry entries[EVIDENCE_PIECES_MAX];
	uint64_t seq;
	int r = 0;

	records_reserve(s->records, s->evidence.total);
	seq = records_next_seq(s->records);
	for (size_t i = 0; i < s->evidence.total && r == 0; i++)
		r = seal_piece(s, i, seq + i, &entries[i]);
	return r ? r : records_insert(s->records, entries, s->evidence.total);
}

void store_on_evidence(struct store *s, const struct msg_evidence *m)
{
	struct evidence_held *h = &s->evidence;

	if (m->index == 0)
		*h = (struct evidence_held){ .counter = m->counter,
					     .total = m->total,
					     .findings = m->findings };
	/* a piece that is out of its order belongs to nothing; hub-measure begins anew */
	if (m->counter != h->counter || m->total != h->total || m->index != h->count)
		return;
	memcpy(h->bytes[h->count], m->bytes, m->len);
	h->len[h->count++] = m->len;
}

static void answer(struct store *s)
{
	const struct msg m = { .kind = MSG_EVIDENCE_TAKEN,
			       .evidence_taken = { s->evidence.counter } };

	/* not there any more: it tells it again */
	(void)store_send(s, ROLE_MEASURE, &m);
	s->evidence.total = s->evidence.count = 0;
}

void store_run_evidence(struct store *s, struct mono now)
{
	struct evidence_held *h = &s->evidence;
	int r;

	if (h->total == 0 || h->count < h->total || !is_ready(s) ||
	    !mono_reached(now, h->retry_at))
		return;
	r = insert(s);
	if (r) {
		h->retry_at = mono_add(now, RETRY_MS);
		log_warn("evidence-not-taken", "error=\"%s\"", err_text(r));
		return;
	}
	s->saved = true;
	store_audit_evidence(s, h->counter, h->findings);
	answer(s);
}

struct mono store_evidence_deadline(const struct store *s)
{
	const struct evidence_held *h = &s->evidence;

	return h->total > 0 && h->count == h->total && is_ready(s) ? h->retry_at
								   : MONO_NEVER;
}

void store_on_measure_link(struct store *s, bool up)
{
	if (!up) /* who does not wait for an answer has not delivered */
		s->evidence.total = s->evidence.count = 0;
}
