#pragma once

/*
 * filing.h - may a record be filed for the patient whose assignment it names, or has a person to decide first? Pure.
 *
 * The clinic knows the assignments that it has signed into a config of the hub (store_config_put). Numbers grow: who
 * gets the hub next gets the next number. When a reading was taken stands inside its seal, so nothing here knows the
 * time; but a hub gives its numbers in the order in which it took the readings, so a reading that follows one of a
 * later assignment was taken after its own had ended.
 *
 * Invariants
 *   1. Never filed without a person: a record whose assignment is not known, is withdrawn, or had ended.
 *   2. A late reading of an assignment that has ended, taken before the end, is filed: it is that patient's.
 *   3. A reading of a hub without a patient is nobody's, and never filed: it is held as what it is, a test. That it came is
 *      what a technician's visit looks at (store_visit.h).
 *   4. What comes by a hub's emergency identity is held, whatever else is known of the hub.
 *   5. A manifest is an account of numbers and nobody's reading: its assignment does not matter.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/store.h"

/* The numbers are in the database. */
enum assignment_state {
	ASSIGNMENT_NONE = 0,
	ASSIGNMENT_GIVEN = 1,
	ASSIGNMENT_WITHDRAWN =
		2, /* nothing that comes from now on is known to be this patient's */
};

struct assignment {
	uint32_t number;
	enum assignment_state state;
	uint64_t first_seq; /* lowest number filed under it; 0: none yet */
};

/* Of more the lowest ones are not known any more: what comes under them is held. */
enum { ASSIGNMENTS_MAX = 64 };

/* What one (hub, epoch) had. */
struct assignments {
	size_t count;
	struct assignment rows[ASSIGNMENTS_MAX];
};

/* NULL: not known. */
struct assignment *filing_find(struct assignments *t, uint32_t number);

/*
 * filing_decide - why this record is to be held, or QUARANTINE_NONE: it is filed.
 *
 * life      of the hub
 * sealed    the hub says of itself that it is (level 3): it was tampered with. One that is suspect (level 2) goes on being
 *           filed, marked (struct sealed): a lock must not keep a reading from who looks after the patient
 *
 * A doubt about the patient goes before one about the hub: who lets the hub's readings pass has said nothing of the former.
 */
enum quarantine_reason filing_decide(const struct record *rec,
				     const struct assignments *t,
				     const struct hub_life *life, bool sealed);

/* filing_taken - the record is filed: what follows from its number for those that come. Returns true if its
 * assignment's row has changed. */
bool filing_taken(struct assignments *t, const struct record *rec);

/* Is it the patient that is in doubt? */
bool filing_of_assignment(enum quarantine_reason why);
/* Does such a record hold its number, as one that has come? */
bool filing_holds_number(enum quarantine_reason why);

/*
 * filing_may_release - may a person's word file this record, that is held?
 *
 * why       for which it is held
 * accepted  an assignment that the person names, to be believed whatever is known of it; 0: none
 *
 * Returns QUARANTINE_NONE (yes), or what still stands against it.
 */
enum quarantine_reason filing_may_release(const struct record *rec,
					  enum quarantine_reason why,
					  const struct assignments *t, uint32_t accepted);

/* For programs: "suspended". filing_reason_of: QUARANTINE_NONE if there is none of that name. */
const char *filing_reason_name(enum quarantine_reason why);
enum quarantine_reason filing_reason_of(const char *name);
/* For people: "they came while the hub was suspended". */
const char *filing_reason_text(enum quarantine_reason why);
