#pragma once

/*
 * show.h - one reading on stdout, for a person or for a program.
 */
#include <stdbool.h>

#include "clinic/store.h"
#include "hub/core/reading.h"

struct shown {
	const struct hub *hub;
	const struct sealed *rec;
	const struct reading *reading; /* NULL: it could not be opened */
	const char *why;	       /* then the reason */
	/* what belongs to this glucose, and its number; NULL: nothing */
	const struct reading *context;
	uint64_t context_seq;
	/* not a signed record: from this file of a hub's card, or "card"; NULL: a record */
	const char *recovered_from;
	/* why it is held and not filed, as filing_reason_name; NULL: it is filed */
	const char *held_for;
	/* it, or its context, came from a hub that said of itself that it may have been tampered with */
	bool suspect;
	bool with_raw;
};

/* Lines for a person; first: with a heading. */
void show_text(const struct shown *s, bool first);

/*
 * show_json - one object on one line. Numbers of the device keep its digits: raw JSON
 * numbers, never a double.
 */
void show_json(const struct shown *s);
