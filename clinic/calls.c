/*
 * calls.c - see calls.h.
 */
#include "clinic/calls.h"

#include <stdio.h>
#include <string.h>

#include "clinic/enrol_store.h"
#include "hub/core/err.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

/* Of one hub the last call counts, and how many there were. Of more hubs than there is room for only the log tells. */
static void add(struct calls *c, const uint8_t hub[static HUB_ID_LEN], const char *from)
{
	struct refused_call *call;
	size_t i = 0;

	while (i < c->count && memcmp(c->at[i].hub, hub, HUB_ID_LEN) != 0)
		i++;
	if (i == CALLS_KEPT)
		return;
	call = &c->at[i].call;
	if (i == c->count) {
		c->count++;
		call->calls = 0;
		memcpy(c->at[i].hub, hub, HUB_ID_LEN);
	}
	call->at_ms = rt_wall().ms;
	call->calls++;
	snprintf(call->address, sizeof(call->address), "%s", from);
}

void calls_note(struct calls *c, struct store *s, const uint8_t spki[static PIN_LEN],
		const char *from)
{
	struct enrol_row row;

	if (enrol_store_find(s, spki, &row) != 0)
		return;
	if (enrolment_role(&row.e, spki, rt_wall().ms) == ENROLMENT_ROLE_EMERGENCY)
		log_warn("mailbox-only", "hub=%02x%02x%02x%02x asked=enrol from=%s",
			 row.hub[0], row.hub[1], row.hub[2], row.hub[3],
			 *from ? from : "-");
	if (row.e.state != HUB_RETIRED && row.e.state != HUB_LOST)
		return;
	log_warn("ended-hub-called", "hub=%02x%02x%02x%02x state=%s from=%s", row.hub[0],
		 row.hub[1], row.hub[2], row.hub[3], hub_state_text(row.e.state),
		 *from ? from : "-");
	add(c, row.hub, from);
}

void calls_keep(struct calls *c, struct store *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = store_call_add(s, c->at[i].hub, &c->at[i].call);
	if (r < 0)
		log_warn("calls-not-kept", "error=\"%s\"", err_text(r));
	c->count = 0;
}
