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

_Static_assert((int)EVIDENCE_PIECES_MAX <= (int)OWN_GROUP_MAX, "one commit");

static int insert(struct store *s)
{
	const struct evidence_held *h = &s->evidence;
	const uint8_t *body[EVIDENCE_PIECES_MAX];

	for (size_t i = 0; i < h->total; i++)
		body[i] = h->bytes[i];
	return store_own_insert(s, READING_EVIDENCE, body, h->len, h->total);
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
			       .evidence_taken = { s->evidence.counter,
						   store_snapshot_wanted(s) } };

	/* not there any more: it tells it again */
	(void)store_send(s, ROLE_MEASURE, &m);
	s->evidence.total = s->evidence.count = 0;
}

void store_run_evidence(struct store *s, struct mono now)
{
	struct evidence_held *h = &s->evidence;
	int r;

	if (h->total == 0 || h->count < h->total || !store_own_ready(s) ||
	    !mono_reached(now, h->retry_at))
		return;
	r = insert(s);
	if (r) {
		h->retry_at = mono_add(now, RETRY_MS);
		log_warn("evidence-not-taken", "error=\"%s\"", err_text(r));
		return;
	}
	store_audit_evidence(s, h->counter, h->findings);
	answer(s);
}

struct mono store_evidence_deadline(const struct store *s)
{
	const struct evidence_held *h = &s->evidence;

	return h->total > 0 && h->count == h->total && store_own_ready(s) ? h->retry_at
									  : MONO_NEVER;
}

void store_on_measure_link(struct store *s, bool up)
{
	if (up)
		return;
	/* who does not wait for an answer has not delivered */
	s->evidence.total = s->evidence.count = 0;
	if (!s->snapshot.asked)
		store_snapshot_drop(s);
}
