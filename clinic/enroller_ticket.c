/*
 * enroller_ticket.c - see enroller_ticket.h.
 */
#include "clinic/enroller_ticket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_ticket.h"
#include "hub/core/label.h"

/* Who was there before, or will come after, knows it by this. */
static int raise_alarm(struct store *s, struct store_ticket *t,
		       const uint8_t hub[static HUB_ID_LEN], int64_t now_ms)
{
	t->alarms++;
	t->alarm_ms = now_ms;
	memcpy(t->alarm_hub, hub, HUB_ID_LEN);
	return store_ticket_put(s, t);
}

/* As 'clinicctl claim' names a hub that nobody names: what stands first on the label. */
static void name_by_label(struct claim *c)
{
	char label[LABEL_TEXT_MAX];

	label_encode(c->spki, label);
	snprintf(c->name, sizeof(c->name), "hub-%.*s", LABEL_GROUP_CHARS, label + 5);
	for (char *p = c->name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
}

/* Returns an enum claim_result. */
static int put_claim(struct store *s, const struct store_ticket *t,
		     const uint8_t device[static PIN_LEN], int64_t now_ms)
{
	struct claim c = { .at_ms = now_ms }, other;
	int r = CLAIM_NAME;

	memcpy(c.spki, device, PIN_LEN);
	memcpy(c.site, t->site, sizeof(c.site));
	snprintf(c.by, sizeof(c.by), "ticket %s of %.*s", t->id,
		 (int)(sizeof(c.by) - sizeof("ticket  of ") - TICKET_ID_MAX), t->by);
	if (*t->name) {
		memcpy(c.name, t->name, sizeof(c.name));
		r = claim_put(s, &c, &other);
	}
	if (r != CLAIM_NAME)
		return r;
	name_by_label(&c);
	return claim_put(s, &c, &other);
}

static void note_hub(struct enroller_note *note, const struct store_ticket *t,
		     const uint8_t hub[static HUB_ID_LEN])
{
	memcpy(note->ticket, t->id, sizeof(note->ticket));
	memcpy(note->hub, hub, HUB_ID_LEN);
	note->has_hub = true;
}

/* It may be claimed by it. */
static int claim(struct store *s, struct store_ticket *t,
		 const uint8_t device[static PIN_LEN], int64_t now_ms)
{
	int r = put_claim(s, t, device, now_ms);

	if (r == CLAIM_DONE || r == CLAIM_THERE) {
		r = ticket_use_put(s, device, t->spki, r == CLAIM_DONE, now_ms);
		return r < 0 ? r : (int)TICKET_GOOD;
	}
	return r < 0 ? r : (int)TICKET_OTHER_CLAIM;
}

int enroller_ticket_claim(struct store *s, const uint8_t by[static PIN_LEN],
			  const uint8_t device[static PIN_LEN], int64_t now_ms,
			  struct enroller_note *note)
{
	struct ticket_request rq = { .event = TICKET_CLAIM,
				     .now_ms = now_ms,
				     .hub = device }; /* the id is its first half */
	struct store_ticket t;
	struct ticket_use use;
	bool again;
	int r = store_ticket_take(s, by, &t), others;

	if (r < 0)
		return r;
	note_hub(note, &t, device);
	others = ticket_uses_other(s, by, device);
	r = others < 0 ? others : ticket_use_get(s, device, &use);
	again = r == 0 && memcmp(use.spki, by, PIN_LEN) == 0;
	if (r < 0 && r != -ENOENT)
		return r;
	rq.others = again ? 0 : (unsigned)others;
	r = (int)ticket_on(&t.row, &rq);
	if (r == TICKET_GOOD)
		r = claim(s, &t, device, now_ms);
	if (r < 0)
		return r;
	note->copied = others > 0 && !again;
	if (r != TICKET_GOOD || note->copied)
		others = raise_alarm(s, &t, device, now_ms);
	return others < 0 ? others : r;
}

/* Its first confirmation: the ticket is used up. Who else was claimed by it is not, any more. */
static int use_up(struct store *s, struct store_ticket *t, int64_t now_ms)
{
	int r;

	t->ended_ms = now_ms;
	r = store_ticket_put(s, t);
	return r < 0 ? r
		     : ticket_drop_claims(s, t->spki, t->row.hub, now_ms, "the clinic",
					  "another hub had come with the same ticket");
}

/* Nobody scanned its label, and the ticket lets nobody in. */
static int turn_away(struct store *s, struct store_ticket *t,
		     const uint8_t hub[static HUB_ID_LEN], int64_t now_ms)
{
	struct claim c;
	int r = raise_alarm(s, t, hub, now_ms);

	if (r == 0)
		r = claim_by_hub(s, hub, &c);
	if (r == 0)
		r = claim_cancel(s, c.spki, now_ms, "the clinic",
				 "its ticket was used, revoked, or is over");
	return r < 0 && r != -ENOENT ? r : 0;
}

int enroller_ticket_confirm(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			    bool first, int64_t now_ms, struct enroller_note *note)
{
	const struct ticket_request rq = { .event = TICKET_CONFIRM,
					   .now_ms = now_ms,
					   .hub = hub };
	struct store_ticket t;
	struct ticket_use use;
	enum ticket_result result;
	int r = ticket_use_get(s, hub, &use);

	if (r == 0)
		r = store_ticket_take(s, use.spki, &t);
	if (r < 0)
		return r == -ENOENT ? (int)TICKET_GOOD : r;
	note_hub(note, &t, hub);
	result = ticket_on(&t.row, &rq);
	if (result == TICKET_GOOD)
		r = t.ended_ms ? 0 : use_up(s, &t, now_ms);
	else if (!first || !use.made)
		return TICKET_GOOD; /* it may come in without */
	else
		r = turn_away(s, &t, hub, now_ms);
	return r < 0 ? r : (int)result;
}
