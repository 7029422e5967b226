#pragma once

/*
 * enrolled.h - how far a hub is with its enrolment, and what keeps it from getting further: what hub-coap says of itself.
 *
 * The numbers are on the wire and in statuses.
 */

enum enrol_state {
	ENROL_NONE = 0,
	ENROL_FACTORY = 1,    /* knows no clinic */
	ENROL_TRUSTED = 2,    /* has clinic.trust */
	ENROL_ENROLLING = 3,  /* has an operational key */
	ENROL_CONFIRMING = 4, /* has a certificate for it, which nobody has confirmed */
	ENROL_ACTIVE = 5,     /* has a credential in use; may be renewing it */
	ENROL_STATE_LAST = ENROL_ACTIVE,
};

/* What stands in the way now; of a renewal, too. */
enum enrol_trouble {
	ENROL_FINE = 0,
	ENROL_BAD_TRUST = 1,	/* clinic.trust is damaged, or not signed by its root */
	ENROL_OLD_TRUST = 2,	/* it had to be put in by a day that is over */
	ENROL_NO_ANSWER = 3,	/* nobody answers, or there is no way to the network */
	ENROL_OTHER_SERVER = 4, /* who answers is not whom clinic.trust names */
	ENROL_OTHER_ROOT = 5,	/* it has another root than clinic.trust */
	ENROL_TURNED_AWAY = 6, /* the clinic does not know this hub, or does not let it */
	ENROL_MUST_WAIT = 7,   /* the clinic says later: a person has to approve there */
	ENROL_NOT_UNDERSTOOD =
		8, /* the clinic takes the request for wrong, or answers with what does not fit */
	ENROL_NOT_KEPT = 9,	 /* the disk takes nothing */
	ENROL_NO_KEYS = 10,	 /* hub-store does not say what it signs with */
	ENROL_NEEDS_PERSON = 11, /* too many keys were used up */
	ENROL_TROUBLE_LAST = ENROL_NEEDS_PERSON,
};

/* For people: "confirming", "other-root". Pure. */
const char *enrol_state_text(enum enrol_state s);
const char *enrol_trouble_text(enum enrol_trouble t);
