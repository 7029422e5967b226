/*
 * filing.c - see filing.h.
 */
#include "clinic/filing.h"

#include <string.h>

#include "hub/core/reading.h"

static const struct reason {
	const char *name, *text;
} reasons[QUARANTINE_REASONS] = {
	[QUARANTINE_SEQ_CONFLICT] = { "conflict",
				      "their number has another reading already" },
	[QUARANTINE_RECOVERED] = { "recovered",
				   "they are from the hub's card and not signed" },
	[QUARANTINE_SUSPENDED] = { "suspended", "they came while the hub was suspended" },
	[QUARANTINE_SUSPECT] = { "suspect", "the hub had sealed itself (level 3): it was "
					    "tampered with" },
	[QUARANTINE_UNKNOWN_ASSIGNMENT] = { "unknown-assignment",
					    "their assignment is not known here" },
	[QUARANTINE_WITHDRAWN_ASSIGNMENT] = { "withdrawn-assignment",
					      "their assignment is withdrawn" },
	[QUARANTINE_ENDED_ASSIGNMENT] = { "ended-assignment",
					  "they were taken after their assignment had "
					  "ended" },
	[QUARANTINE_NO_PATIENT] = { "no-assignment",
				    "they were taken while the hub had no patient, as "
				    "tests" },
	[QUARANTINE_EMERGENCY] = { "emergency",
				   "the hub was sealed and sent them by its emergency "
				   "identity" },
};

static const struct assignment *find(const struct assignments *t, uint32_t number)
{
	for (size_t i = 0; number != 0 && i < t->count; i++)
		if (t->rows[i].number == number)
			return &t->rows[i];
	return NULL;
}

struct assignment *filing_find(struct assignments *t, uint32_t number)
{
	const struct assignment *a = find(t, number);

	return a ? &t->rows[a - t->rows] : NULL;
}

/* Has a later assignment begun before this number? */
static bool ended_before(const struct assignments *t, const struct record *rec)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct assignment *a = &t->rows[i];

		if (a->number > rec->assignment && a->first_seq != 0 &&
		    a->first_seq < rec->seq)
			return true;
	}
	return false;
}

static enum quarantine_reason doubt_patient(const struct record *rec,
					    const struct assignments *t)
{
	const struct assignment *a = find(t, rec->assignment);

	if (reading_is_hubs(rec->kind))
		return QUARANTINE_NONE;
	if (rec->assignment == 0)
		return QUARANTINE_NO_PATIENT;
	if (!a)
		return QUARANTINE_UNKNOWN_ASSIGNMENT;
	if (a->state != ASSIGNMENT_GIVEN)
		return QUARANTINE_WITHDRAWN_ASSIGNMENT;
	return ended_before(t, rec) ? QUARANTINE_ENDED_ASSIGNMENT : QUARANTINE_NONE;
}

enum quarantine_reason filing_decide(const struct record *rec,
				     const struct assignments *t,
				     const struct hub_life *life, bool sealed)
{
	enum quarantine_reason why = doubt_patient(rec, t);

	if (why != QUARANTINE_NONE)
		return why;
	if (life->by_emergency)
		return QUARANTINE_EMERGENCY;
	if (!life_files(life, rec->seq))
		return QUARANTINE_SUSPENDED;
	return sealed ? QUARANTINE_SUSPECT : QUARANTINE_NONE;
}

bool filing_taken(struct assignments *t, const struct record *rec)
{
	struct assignment *a = filing_find(t, rec->assignment);

	if (!a || reading_is_hubs(rec->kind) ||
	    (a->first_seq != 0 && a->first_seq <= rec->seq))
		return false;
	a->first_seq = rec->seq;
	return true;
}

bool filing_of_assignment(enum quarantine_reason why)
{
	return why >= QUARANTINE_UNKNOWN_ASSIGNMENT && why <= QUARANTINE_NO_PATIENT;
}

bool filing_holds_number(enum quarantine_reason why)
{
	return why >= QUARANTINE_SUSPENDED && why <= QUARANTINE_EMERGENCY;
}

enum quarantine_reason filing_may_release(const struct record *rec,
					  enum quarantine_reason why,
					  const struct assignments *t, uint32_t accepted)
{
	if (!filing_holds_number(why))
		return why;
	if (accepted != 0 && accepted == rec->assignment)
		return QUARANTINE_NONE;
	return doubt_patient(rec, t);
}

static const struct reason *reason(enum quarantine_reason why)
{
	static const struct reason none = { "?", "?" };

	return why > QUARANTINE_NONE && why < QUARANTINE_REASONS ? &reasons[why] : &none;
}

const char *filing_reason_name(enum quarantine_reason why)
{
	return reason(why)->name;
}

const char *filing_reason_text(enum quarantine_reason why)
{
	return reason(why)->text;
}

enum quarantine_reason filing_reason_of(const char *name)
{
	for (int why = QUARANTINE_NONE + 1; why < QUARANTINE_REASONS; why++)
		if (strcmp(reasons[why].name, name) == 0)
			return (enum quarantine_reason)why;
	return QUARANTINE_NONE;
}
