/*
 * ticket_row.c - see ticket_row.h.
 */
#include "clinic/ticket_row.h"

#include <string.h>

const char *ticket_result_name(enum ticket_result r)
{
	static const char *const names[TICKET_RESULTS] = {
		[TICKET_GOOD] = "fine",
		[TICKET_WAS_USED] = "ticket-used",
		[TICKET_WAS_REVOKED] = "ticket-revoked",
		[TICKET_IS_OVER] = "ticket-expired",
		[TICKET_TOO_MANY_HUBS] = "ticket-too-many-hubs",
		[TICKET_OTHER_CLAIM] = "ticket-hub-known",
	};

	return r < TICKET_RESULTS ? names[r] : "?";
}

static bool is_over(const struct ticket_row *row, int64_t now_ms)
{
	return now_ms >= row->expires_ms;
}

const char *ticket_state_text(const struct ticket_row *row, int64_t now_ms)
{
	switch (row->state) {
	case TICKET_STATE_OPEN: return is_over(row, now_ms) ? "expired" : "open";
	case TICKET_STATE_USED: return "used";
	case TICKET_STATE_REVOKED: return "revoked";
	case TICKET_STATE_NONE:
	case TICKET_STATES: break;
	}
	return "?";
}

/* What stands against it whatever the event is. */
static enum ticket_result judge(const struct ticket_row *row,
				const struct ticket_request *rq)
{
	switch (row->state) {
	case TICKET_STATE_OPEN:
		return rq->hub && is_over(row, rq->now_ms) ? TICKET_IS_OVER : TICKET_GOOD;
	case TICKET_STATE_USED:
		return rq->hub && memcmp(row->hub, rq->hub, HUB_ID_LEN) == 0
			       ? TICKET_GOOD
			       : TICKET_WAS_USED;
	case TICKET_STATE_REVOKED: return rq->hub ? TICKET_WAS_REVOKED : TICKET_GOOD;
	case TICKET_STATE_NONE:
	case TICKET_STATES: break;
	}
	return TICKET_WAS_REVOKED;
}

enum ticket_result ticket_on(struct ticket_row *row, const struct ticket_request *rq)
{
	enum ticket_result r = judge(row, rq);

	if (r != TICKET_GOOD || row->state != TICKET_STATE_OPEN)
		return r;
	switch (rq->event) {
	case TICKET_CLAIM:
		return rq->others < TICKET_HUBS_MAX ? TICKET_GOOD : TICKET_TOO_MANY_HUBS;
	case TICKET_CONFIRM:
		row->state = TICKET_STATE_USED;
		memcpy(row->hub, rq->hub, HUB_ID_LEN);
		break;
	case TICKET_REVOKE: row->state = TICKET_STATE_REVOKED; break;
	}
	return TICKET_GOOD;
}
