/*
 * enrolled.c - words for enrolled.h.
 */
#include "hub/core/enrolled.h"

const char *enrol_state_text(enum enrol_state s)
{
	switch (s) {
	case ENROL_NONE: break;
	case ENROL_FACTORY: return "factory";
	case ENROL_TRUSTED: return "trusted";
	case ENROL_ENROLLING: return "enrolling";
	case ENROL_CONFIRMING: return "confirming";
	case ENROL_ACTIVE: return "active";
	}
	return "none";
}

const char *enrol_trouble_text(enum enrol_trouble t)
{
	switch (t) {
	case ENROL_FINE: break;
	case ENROL_BAD_TRUST: return "bad-trust";
	case ENROL_OLD_TRUST: return "old-trust";
	case ENROL_NO_ANSWER: return "no-answer";
	case ENROL_OTHER_SERVER: return "other-server";
	case ENROL_OTHER_ROOT: return "other-root";
	case ENROL_TURNED_AWAY: return "turned-away";
	case ENROL_MUST_WAIT: return "must-wait";
	case ENROL_NOT_UNDERSTOOD: return "not-understood";
	case ENROL_NOT_KEPT: return "not-kept";
	case ENROL_NO_KEYS: return "no-keys";
	case ENROL_NEEDS_PERSON: return "needs-person";
	}
	return "none";
}
