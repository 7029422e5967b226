#pragma once

/*
 * trigger.h - the table of triggers: who may see which, how many of them count, how far each may raise the level, and what ends it. Pure data.
 *
 * The class says who can cause a signal, and with it how far that signal may go. Before a row is added ask: could an outsider without a credential cause this? If yes it is of TRIGGER_CLASS_OUTSIDER.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"

/* The numbers are on the wire and in files; those of struct msg_incident are the same. */
enum trigger {
	TRIGGER_NONE = 0,
	TRIGGER_TOKEN = 1,    /* console: bad or stale token */
	TRIGGER_RADIO = 2,    /* malformed or forbidden things from a peripheral */
	TRIGGER_IMPOSTOR = 3, /* a bonded address without the bond's key */
	TRIGGER_SERVER = 4,   /* chain good, name or pin wrong */
	TRIGGER_HANDSHAKE = 5,
	TRIGGER_TIME = 6,    /* clocks disagree */
	TRIGGER_DECODER = 7, /* a decoder died on a device's value */
	TRIGGER_STORAGE = 8, /* disk, quota, database or key */
	TRIGGER_POWER = 9,   /* the power went without a stop */
	TRIGGER_USB = 10,
	TRIGGER_CASE = 11,     /* case opened; card or boot mode changed */
	TRIGGER_CODE = 12,     /* code that the manifest does not know */
	TRIGGER_IPC = 13,      /* a well-formed message that the table forbids */
	TRIGGER_AUDIT = 14,    /* the audit log's chain is broken, not by a torn tail */
	TRIGGER_ROLLBACK = 15, /* state older than the clinic or the log has seen */
	TRIGGER_SOCKET = 16,   /* a process listens, or sends where it must not */
	TRIGGER_LAST = TRIGGER_SOCKET, /* 17, 18: orders of people, see command.h */
};

enum trigger_class {
	TRIGGER_CLASS_OUTSIDER = 1, /* anyone in reach: level 1, that channel */
	TRIGGER_CLASS_FAULT,	    /* nature, wear, bugs: level 1 and repair */
	TRIGGER_CLASS_POSSESSION,   /* somebody with the box in hand: level 2 */
	TRIGGER_CLASS_MEASUREMENT, /* a measurement contradicts signed state: level 2; two that are independent, 3 */
};

/* What ends the effect of a trigger. */
enum trigger_end {
	TRIGGER_END_RELEASE = 0, /* a verified release, and nothing else */
	TRIGGER_END_QUIET, /* bucket at a quarter or less and .end_ms without a signal */
	TRIGGER_END_AFTER, /* .end_ms since it overflowed */
	TRIGGER_END_GOOD,  /* triggers_on_good: the thing that failed went well */
};

struct trigger_row {
	enum trigger id;
	enum trigger_class class;
	unsigned seen_by;  /* set of 1 << enum role: who may report it */
	uint32_t capacity; /* the signal that makes it so many overflows */
	uint32_t leak_ms;  /* one unit less after so long, powered on */
	uint8_t to;	   /* level of the overflow, 0: it is counted and told, no more */
	enum trigger_end end;
	uint32_t
		end_ms; /* with TRIGGER_END_GOOD: without a signal for so long, it ends, too */
};

/* trigger_row - Returns NULL of what no machine sees. Pure. */
const struct trigger_row *trigger_row(enum trigger id);
/* trigger_row_of - of one that there is: aborts if there is none. Pure. */
const struct trigger_row *trigger_row_of(enum trigger id);
/* For people and logs: "radio". */
const char *trigger_text(enum trigger id);
/* trigger_may_report - does this process see such a thing? Pure. */
bool trigger_may_report(enum trigger id, enum role by);
