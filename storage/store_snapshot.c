/*
 * store_snapshot.c - what a locked hub looked like: hub-measure's texts and the newest files of the audit log become records
 * among the others.
 *
 *   pieces of hub-measure's, in groups: each group one commit, then SNAPSHOT_TAKEN -> the files of the audit log, a group in
 *   each turn -> SNAPSHOT_TAKEN, whole
 *
 * Nothing of it is kept here beyond the records. What is interrupted is begun anew by hub-measure, which remembers the last
 * snapshot that was whole; the clinic may have an item twice then. Readings go first: a queue that is half full takes none.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"

_Static_assert((int)SNAPSHOT_AHEAD <= (int)OWN_GROUP_MAX, "one commit");

enum { FILL_MAX_PERCENT = 50, AUDIT_FILES_MAX = 2 };

uint64_t store_snapshot_wanted(const struct store *s)
{
	const struct msg_health *h = &s->status.health;

	return s->status.has_health ? snapshot_number(h->lock_epoch, h->level) : 0;
}

void store_snapshot_drop(struct store *s)
{
	free(s->snapshot.dense);
	s->snapshot = (struct snapshot_held){ 0 };
}

void store_on_snapshot(struct store *s, const struct msg_snapshot *m)
{
	struct snapshot_held *h = &s->snapshot;

	if (m->index == 0) {
		store_snapshot_drop(s);
		h->number = m->number;
		h->total = m->total;
	}
	/* out of its order, or too far ahead: it belongs to nothing, hub-measure begins anew */
	if (m->number != h->number || m->total != h->total || h->audit ||
	    m->index != h->done + h->count || h->count == SNAPSHOT_AHEAD)
		return;
	memcpy(h->bytes[h->count], m->bytes, m->len);
	h->len[h->count++] = m->len;
}

static void answer(struct store *s, bool whole)
{
	const struct snapshot_held *h = &s->snapshot;
	const struct msg m = { .kind = MSG_SNAPSHOT_TAKEN,
			       .snapshot_taken = { h->number, (uint16_t)h->done,
						   whole } };

	/* not there any more: it begins anew */
	(void)store_send(s, ROLE_MEASURE, &m);
}

static int insert(struct store *s, const struct snapshot_piece *pieces, size_t n)
{
	static uint8_t frames[SNAPSHOT_AHEAD][SNAPSHOT_PIECE_BODY_MAX];
	const uint8_t *body[SNAPSHOT_AHEAD];
	size_t len[SNAPSHOT_AHEAD];

	for (size_t i = 0; i < n; i++) {
		int r = snapshot_piece_encode(&pieces[i], frames[i], sizeof(frames[i]));

		if (r < 0)
			return r;
		body[i] = frames[i];
		len[i] = (size_t)r;
	}
	return store_own_insert(s, READING_SNAPSHOT, body, len, n);
}

/* --- hub-measure's ------------------------------------------------------------------------------- */

static bool has_group(const struct snapshot_held *h)
{
	return h->count > 0 &&
	       (h->count == SNAPSHOT_AHEAD || h->done + h->count == h->total);
}

static void begin_audit(struct store *s)
{
	struct snapshot_held *h = &s->snapshot;

	h->audit = true;
	h->file = store_audit_files(s);
	h->file -= h->file < AUDIT_FILES_MAX ? h->file : AUDIT_FILES_MAX;
	h->done = h->total = 0;
	h->item = SNAPSHOT_ITEM_TEXTS;
}

static int run_texts(struct store *s)
{
	struct snapshot_held *h = &s->snapshot;
	struct snapshot_piece p[SNAPSHOT_AHEAD];
	int r;

	for (size_t i = 0; i < h->count; i++)
		p[i] = (struct snapshot_piece){
			h->number, SNAPSHOT_ITEM_TEXTS, h->done + (uint32_t)i,
			h->total,  h->bytes[i],		h->len[i]
		};
	r = insert(s, p, h->count);
	if (r)
		return r;
	h->done += (uint32_t)h->count;
	h->count = 0;
	answer(s, false);
	if (h->done < h->total)
		return 0;
	begin_audit(s);
	return 0;
}

/* --- the audit log's ----------------------------------------------------------------------------- */

/* The next file that can be read and is not too long. Returns 1 with it at hand, 0: there is none. */
static int next_file(struct store *s)
{
	struct snapshot_held *h = &s->snapshot;

	while (h->file < store_audit_files(s)) {
		int n = store_audit_file(s, h->file++, &h->dense);

		if (n > 0 && n <= SNAPSHOT_ITEM_MAX) {
			h->dense_len = (size_t)n;
			h->total = (uint32_t)snapshot_pieces(h->dense_len);
			h->done = 0;
			h->item++;
			return 1;
		}
		log_warn("audit-not-in-snapshot", "error=\"%s\"",
			 n < 0 ? err_text(n) : "too long");
		free(h->dense);
		h->dense = NULL;
	}
	return 0;
}

static int run_audit(struct store *s)
{
	struct snapshot_held *h = &s->snapshot;
	struct snapshot_piece p[SNAPSHOT_AHEAD];
	size_t n = 0;
	int r;

	if (!h->dense && next_file(s) == 0) {
		log_info("snapshot", "number=%llu", (unsigned long long)h->number);
		if (!h->asked)
			answer(s, true);
		store_snapshot_drop(s);
		return 0;
	}
	for (; n < SNAPSHOT_AHEAD && h->done + n < h->total; n++)
		p[n] = snapshot_piece_of(h->number, h->item, h->dense, h->dense_len,
					 h->done + (uint32_t)n);
	r = insert(s, p, n);
	if (r)
		return r;
	h->done += (uint32_t)n;
	if (h->done == h->total) {
		free(h->dense);
		h->dense = NULL;
	}
	return 0;
}

/* --- turns --------------------------------------------------------------------------------------- */

static bool is_due(const struct store *s)
{
	const struct snapshot_held *h = &s->snapshot;

	return h->number > 0 && (h->audit || has_group(h)) && store_own_ready(s);
}

void store_run_snapshot(struct store *s, struct mono now)
{
	struct snapshot_held *h = &s->snapshot;
	int r;

	if (!is_due(s) || !mono_reached(now, h->retry_at))
		return;
	if (records_fill_percent(s->records) >= FILL_MAX_PERCENT)
		r = -ENOSPC;
	else
		r = h->audit ? run_audit(s) : run_texts(s);
	if (r == 0)
		return;
	h->retry_at = mono_add(now, RETRY_MS);
	log_warn("snapshot-not-taken", "error=\"%s\"", err_text(r));
}

struct mono store_snapshot_deadline(const struct store *s)
{
	return is_due(s) ? s->snapshot.retry_at : MONO_NEVER;
}

void store_snapshot_ask(struct store *s)
{
	const struct msg_health *h = &s->status.health;

	if (s->snapshot.number > 0 || !store_own_ready(s) ||
	    records_fill_percent(s->records) >= FILL_MAX_PERCENT)
		return;
	s->snapshot.number =
		snapshot_asked_number(s->status.has_health ? h->lock_epoch : 0, h->level);
	s->snapshot.asked = true;
	begin_audit(s);
}

bool store_snapshot_is_busy(const struct store *s, struct mono now)
{
	return s->snapshot.number > 0 && store_own_ready(s) &&
	       mono_reached(now, s->snapshot.retry_at);
}
