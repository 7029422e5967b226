/*
 * store_resync.c - the clinic has less than it had: it was restored from an older backup, or it lies; see
 * store_inside.h.
 *
 *   asks for numbers again    they are unsent again, at most every RESYNC_MS; copies that are gone become tombstones
 *   has less and does not ask told, and nothing else: batches under way may overtake each other, but none says less
 *                             than the batch that it answers
 *   after a reset is asked    not now
 *   names what never was      not here: such a reply is taken over by nobody (store.c)
 *
 * What the same reply names as durable is taken over afterwards, so that it does not go again.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <inttypes.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"

static bool is_due(const struct store *s, struct mono now)
{
	return !s->resynced || mono_since(now, s->resynced_at) >= RESYNC_MS;
}

static void tell(struct store *s, uint64_t from, const struct queue_resync *done)
{
	log_warn("clinic-restored",
		 "from=%" PRIu64 " again=%" PRIu64 " gone=%" PRIu64
		 " note=\"the clinic asks for what it had: an older backup\"",
		 from, done->again, done->gone);
	if (done->gone)
		store_audit_lost(s, "delivered, no longer kept", done->gone_first,
				 done->gone_last);
}

static void send_again(struct store *s, uint64_t from, struct mono now)
{
	struct queue_resync done = { 0 };
	int err;

	store_retire_on_stick(s, 0); /* what is unsent again is not there */
	err = records_resync(s->records, from, &done);
	if (err == -EAGAIN)
		return; /* not now: it is asked again */
	if (err) {
		log_err("resync-failed", "from=%" PRIu64 " error=\"%s\"", from,
			err_text(err));
		store_report(s, INCIDENT_STORAGE, 0);
		return;
	}
	s->resynced = true;
	s->resynced_at = now;
	s->saved = true; /* counts have changed */
	handover_rewind(&s->handover);
	store_report(s, INCIDENT_RESTORED, 0);
	tell(s, from, &done);
}

void store_on_older_clinic(struct store *s, const struct reply *r, uint64_t acked,
			   struct mono now)
{
	uint64_t from = r->resync_from > r->contig ? r->resync_from : r->contig + 1;

	if (!r->has_contig || reply_highest(r) > records_highest(s->records))
		return;
	if (!r->resync_from) {
		if (r->contig < acked) {
			log_warn("clinic-went-back", "acked=%" PRIu64 " contig=%" PRIu64,
				 acked, r->contig);
			store_report(s, INCIDENT_RESTORED, 1);
		}
		return;
	}
	if (from > records_contig(s->records) || s->retiring.asked)
		return; /* asked by a batch of before: it is under way; or the end is near */
	if (is_due(s, now))
		send_again(s, from, now);
	else
		log_warn("resync-too-often", "from=%" PRIu64, from);
}
