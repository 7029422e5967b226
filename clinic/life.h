#pragma once

/*
 * life.h - the life of a hub at its clinic: which state it is in, what leads to another one and who may say so, and what a
 * hub may do in each. Pure. Everything that asks 'may this hub' asks here.
 *
 *	NONE -claim-> PREREGISTERED -issue-> ISSUED -confirm-> ACTIVE
 *	  ^------ cancel ----------/-----------/
 *	ACTIVE -suspend-> SUSPENDED (quarantine) -resume-> ACTIVE
 *	ACTIVE, SUSPENDED -replace-> SUSPENDED (drain) -drained-> RETIRED      resume, until it is taken over
 *	ACTIVE, SUSPENDED -retire-> SUSPENDED (drain) -drained-> RETIRED       keep, until the hub says that it is at its end
 *	ACTIVE, SUSPENDED -discard-> RETIRED -claim-> PREREGISTERED
 *	ACTIVE, SUSPENDED -lose-> LOST -find-> SUSPENDED (quarantine)
 *
 * Before it was ACTIVE a hub has nothing that could be lost: its claim is taken back. RETIRED, nothing of it is taken anyway.
 *
 *	                       enrol port  confirm  upload                         config  command       its devices
 *	PREREGISTERED, ISSUED  yes         yes      no                             no      none          -
 *	ACTIVE                 yes         yes      filed                          yes     all           its own
 *	SUSPENDED, quarantine  renewal     renewal  held                           no      that end it   its own
 *	SUSPENDED, drain       renewal     renewal  filed up to 'upto', then held  no      that end it   free
 *	RETIRED, LOST          no          no       no                             no      none          free
 *
 * Invariants
 *   1. Nothing leads from LOST to ACTIVE but two words of people: find, then resume.
 *   2. In RETIRED and LOST nothing of a hub is taken, from whatever key.
 *   3. A drain only ends in RETIRED when each number that the hub has ever told of is accounted for (life_drained), or by
 *      the word of two people (discard), who are told what is not. One that two people have ordered to retire says itself when
 *      it is at its end: until then it has to be heard.
 *   4. A hub whose place was taken is not resumed: its devices are another one's by then.
 */
#include <stdbool.h>
#include <stdint.h>

/* The numbers are in the database. */
enum hub_state {
	HUB_NONE = 0,
	HUB_PREREGISTERED = 1,
	HUB_ISSUED = 2,
	HUB_ACTIVE = 3,
	HUB_SUSPENDED = 4,
	HUB_RETIRED = 5,
	HUB_LOST = 6,
	HUB_STATES,
};

const char *hub_state_text(enum hub_state s);

/* Why a suspended hub is to empty its queue. The numbers are in the database. */
enum life_drain_kind {
	LIFE_DRAIN_NONE = 0, /* it is not: all that comes is held */
	LIFE_DRAIN_REPLACED = 1,
	LIFE_DRAIN_RETIRING = 2,
};

/* "replaced", "retiring", "no". */
const char *life_drain_text(enum life_drain_kind k);

/* All zero but in SUSPENDED, and in RETIRED after it. */
struct life_drain {
	enum life_drain_kind kind;
	uint64_t upto;	  /* numbers up to this one are filed, those above are held */
	int64_t since_ms; /* UTC, a person said so */
	/* UTC, not retired before; 0: not until it is said. Of RETIRING: when the hub ends at the earliest, for people */
	int64_t end_ms;
};

struct hub_life {
	enum hub_state state;
	struct life_drain drain;
	/* it speaks by its emergency identity: it may upload, what comes is held, and it may do and be told nothing else */
	bool by_emergency;
};

enum life_event {
	LIFE_NOTHING = 0,
	/* by the hub */
	LIFE_ISSUE,   /* it got a certificate */
	LIFE_CONFIRM, /* and has confirmed it */
	/* by a person; those from LIFE_SUSPEND on with a reason */
	LIFE_CLAIM,
	LIFE_CANCEL, /* of a claim */
	LIFE_RESUME,
	LIFE_SUSPEND,
	LIFE_REPLACE,
	LIFE_TAKEN_OVER, /* the one in its place has its patient and its devices */
	LIFE_RETIRE,	 /* an order that two people have signed */
	LIFE_KEEP,	 /* it is taken back */
	LIFE_DISCARD,	 /* retire, whatever is still on it; two people */
	LIFE_LOSE,
	LIFE_FIND, /* it was not lost */
	/* by clinicd */
	LIFE_DRAINED,
	LIFE_EVENTS,
};

enum life_by {
	LIFE_BY_NOBODY = 0,
	LIFE_BY_HUB,
	LIFE_BY_PERSON,
	LIFE_BY_TWO,
	LIFE_BY_CLINICD,
};

/* life_needs - who may say this. */
enum life_by life_needs(enum life_event e);

struct life_request {
	enum life_event event;
	int64_t now_ms;
	uint64_t told; /* REPLACE, RETIRE: the highest number that the hub ever told of */
	int64_t end_ms; /* RETIRE, TAKEN_OVER: as in struct life_drain */
};

enum life_result {
	LIFE_REFUSED = 0, /* nothing is changed */
	LIFE_SAME,	  /* it is so already */
	LIFE_CHANGED,
};

/* life_on - one event. l is changed with LIFE_CHANGED only. Pure. */
enum life_result life_on(struct hub_life *l, const struct life_request *rq);

/* What a hub may do. */
enum life_right {
	LIFE_MAY_ENROL = 1 << 0,   /* talk to the enrol port */
	LIFE_MAY_CONFIRM = 1 << 1, /* a certificate that was issued */
	LIFE_MAY_UPLOAD = 1 << 2,  /* what comes of it: life_files */
	LIFE_MAY_CONFIG = 1 << 3,  /* be told of one, and fetch it */
	LIFE_MAY_COMMAND = 1 << 4, /* be given any command */
	LIFE_MAY_BE_ENDED =
		1 << 5, /* be given those that end its state: release, retire */
	LIFE_MAY_BE_ASSIGNED = 1 << 6,
	LIFE_HAS_DEVICES = 1 << 7, /* those in its config are nobody else's */
};

bool life_may(const struct hub_life *l, enum life_right right);

/* life_files - is a record of this number filed, if nothing else stands against it? Else it is held. */
bool life_files(const struct hub_life *l, uint64_t seq);

/* What the clinic knows when it has stored a batch. */
struct life_ledger {
	uint64_t
		contig; /* its mark: each number up to it is here, held, or was given up */
	uint64_t highest; /* that the hub ever told of */
	uint64_t queued;  /* that wait on it, as it says now */
	bool rolled_back; /* it was set back or copied: a person looks at it first */
	bool at_end; /* it says that it has carried out the order to retire, and has nothing more */
	int64_t now_ms;
};

/* life_drained - has it come to the end of its drain? */
bool life_drained(const struct hub_life *l, const struct life_ledger *k);
