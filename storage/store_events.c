/*
 * store_events.c - what becomes of segments, spool and numbers, for the log, for hubd and for hand-over; see
 * records.h and store_inside.h.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <inttypes.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"

static void on_segment(struct store *s, const struct records_event *e)
{
	store_audit_key(s, e->kind == RECORDS_SEGMENT_GONE, SLOT_QUEUE, e->segment);
	if (e->kind == RECORDS_SEGMENT_BEGUN)
		log_info("segment-begun", "segment=%" PRIu32 " first=%" PRIu64,
			 e->segment, e->a);
	else
		log_info("segment-gone",
			 "segment=%" PRIu32 " note=\"delivered; file and key erased\"",
			 e->segment);
}

/* Something is wrong with the disk or with what lies on it. */
static void on_fault(struct store *s, const struct records_event *e)
{
	if (e->kind == RECORDS_SEGMENT_ASIDE)
		log_err("segment-aside",
			"segment=%" PRIu32 " error=\"%s\" note=\"kept as "
			"queue-*.db.aside; what it holds is read into a new one\"",
			e->segment, err_text(e->err));
	else if (e->kind == RECORDS_SPOOL_FAULT)
		log_err("spool-fault",
			"error=\"%s\" note=\"should the queue fail, readings are "
			"refused\"",
			err_text(e->err));
	else if (e->kind == RECORDS_SPOOL_DAMAGED)
		log_err("spool-damaged", "lost=%" PRIu64 " bytes=%" PRIu64, e->a, e->b);
	else if (e->kind == RECORDS_SEQ_FAULT)
		log_err("numbers-not-reserved", "error=\"%s\"", err_text(e->err));
	else
		log_err("segment-not-begun", "error=\"%s\"", err_text(e->err));
	if (e->kind == RECORDS_SEGMENT_ASIDE)
		store_audit_aside(s, e->segment, e->err);
	else
		store_audit_fault(s, "records", e->err);
	store_report(s, INCIDENT_STORAGE, 0);
}

static void on_salvaged(struct store *s, const struct records_event *e)
{
	if (e->b)
		log_err("segment-salvaged",
			"segment=%" PRIu32 " found=%" PRIu64 " lost=%" PRIu64
			" note=\"the clinic is told which\"",
			e->segment, e->a, e->b);
	else
		log_warn("segment-salvaged",
			 "segment=%" PRIu32 " found=%" PRIu64 " lost=0", e->segment,
			 e->a);
	handover_rewind(&s->handover);
}

static void on_spool(struct store *s, const struct records_event *e)
{
	store_audit_spool(s, e->kind == RECORDS_SPOOL_BEGUN, e->a);
	if (e->kind == RECORDS_SPOOL_BEGUN) {
		log_warn("spool-begun",
			 "error=\"%s\" note=\"readings are kept sealed beside "
			 "the queue\"",
			 e->err ? err_text(e->err) : "none");
		store_report(s, INCIDENT_STORAGE, 0);
		return;
	}
	log_info("spool-ended", "moved=%" PRIu64, e->a);
	if (s->state && !s->state_broken && store_catch_up(s))
		store_on_state_failed(s, -EIO);
}

void store_on_records(void *arg, const struct records_event *e)
{
	struct store *s = arg;

	s->step_at = (struct mono){ 0 };
	switch (e->kind) {
	case RECORDS_SEGMENT_BEGUN:
	case RECORDS_SEGMENT_GONE: on_segment(s, e); break;
	case RECORDS_SEGMENT_ASIDE:
	case RECORDS_SPOOL_FAULT:
	case RECORDS_SPOOL_DAMAGED:
	case RECORDS_SEQ_FAULT:
	case RECORDS_ROTATE_FAILED: on_fault(s, e); break;
	case RECORDS_SALVAGED: on_salvaged(s, e); break;
	case RECORDS_SPOOL_BEGUN:
	case RECORDS_SPOOL_ENDED: on_spool(s, e); break;
	case RECORDS_SKIPPED:
		store_audit_lost(s, "never used", e->a, e->b);
		log_warn("numbers-skipped", "first=%" PRIu64 " last=%" PRIu64, e->a,
			 e->b);
		break;
	case RECORDS_LOST: store_audit_lost(s, "damaged", e->a, e->b); break;
	case RECORDS_ROLLED_BACK:
		store_audit_fault(s, "disk-rolled-back", 0);
		log_err("disk-rolled-back",
			"highest=%" PRIu64 " clinic=%" PRIu64
			" note=\"this disk is older than it was; counting goes on "
			"above\"",
			e->a, e->b);
		break;
	}
}
