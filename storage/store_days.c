/*
 * store_days.c - the day's account of the numbers that were given, as a record among the others; see days.h.
 *
 * It is made when nothing waits for its commit and the queue itself takes records: what was told last persists in
 * the transaction of the record. A hub that has never had a reading tells nothing.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"
#include "storage/days_record.h"

/* Returns false if none can be made just now, whatever the time. */
static bool look_at_time(const struct store *s, struct mono now, struct days_now *ret)
{
	*ret = (struct days_now){ .mono = now,
				  .highest = records_highest(s->records),
				  .acked = records_contig(s->records) };
	memcpy(ret->boot, s->boot, sizeof(ret->boot));
	ret->wall = days_wall(s->has_time ? &s->time : NULL, now, rt_wall());
	return s->can_sign && s->has_config && s->has_owner && !s->foreign && !s->full &&
	       !s->broken && ret->highest > 0 && !store_ends(s) &&
	       !intake_holds(&s->intake) && records_has_queue(s->records) &&
	       !records_is_spooling(s->records);
}

/* What was told last; one that does not read is none: the account begins anew, and the clinic sees that. */
static struct days_last last_day(const struct store *s)
{
	struct days_last last = { 0 };
	const uint8_t *note;
	size_t len = records_note(s->records, &note);

	if (len && days_last_decode(note, len, &last))
		last = (struct days_last){ 0 };
	return last;
}

static int tell_day(struct store *s, const struct days_last *last,
		    const struct days_now *at)
{
	struct intake_target t = { .epoch = s->config.epoch,
				   .assignment = s->config.assignment,
				   .seal_key_id = s->config.seal_key_id };
	uint8_t body[SEALED_BODY_MAX], note[DAYS_LAST_LEN];
	struct queue_entry e;
	struct days_last after;
	int r;

	memcpy(t.hub, s->config.hub, sizeof(t.hub));
	memcpy(t.seal_public, s->config.seal_public, sizeof(t.seal_public));
	records_reserve(s->records, 1);
	r = days_record_make(last, at, &t, s->handover.sign_private, NULL, body, &e,
			     &after);
	if (r)
		return r;
	days_last_encode(&after, note);
	return records_insert_noted(s->records, &e, note, sizeof(note));
}

void store_run_days(struct store *s, struct mono now)
{
	const struct days_last last = last_day(s);
	struct days_now at;
	int r;

	if (!mono_reached(now, s->day_at))
		return;
	if (!look_at_time(s, now, &at) || !days_due(&last, &at))
		return;
	r = tell_day(s, &last, &at);
	if (r) {
		s->day_at = mono_add(now, DAY_RETRY_MS); /* it loses nothing by waiting */
		log_warn("day-not-told", "error=\"%s\"", err_text(r));
		return;
	}
	s->saved = true;
}

struct mono store_day_deadline(const struct store *s, struct mono now)
{
	const struct days_last last = last_day(s);
	struct days_now at;
	struct mono next;

	if (!look_at_time(s, now, &at))
		return MONO_NEVER;
	next = days_next(&last, &at);
	return next.ms < s->day_at.ms ? s->day_at : next;
}
