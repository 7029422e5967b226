/*
 * words_enrol.c - what a hub says of its enrolment, in words; see words.h.
 */
#include "clinic/words.h"

const char *words_enrol_trouble(enum enrol_trouble t)
{
	switch (t) {
	case ENROL_FINE: break;
	case ENROL_BAD_TRUST:
		return "its clinic.trust is damaged, or not signed by its root: put it "
		       "in anew ('clinicctl trust')";
	case ENROL_OLD_TRUST:
		return "its clinic.trust had to be put in by a day that is over: make "
		       "a new one ('clinicctl trust')";
	case ENROL_NO_ANSWER:
		return "nobody answers where it asks for certificates: is the port "
		       "'enrol' of clinic.conf open to hubs, and clinicd running there?";
	case ENROL_OTHER_SERVER:
		return "who answers where it asks for certificates is not this clinic's "
		       "server: is another machine at that address?";
	case ENROL_OTHER_ROOT:
		return "who answers where it asks for certificates has another root than "
		       "its clinic.trust: is another clinic at that address?";
	case ENROL_TURNED_AWAY:
		return "the clinic turns it away: 'clinicctl hub show' says whether it "
		       "is "
		       "claimed, suspended or lost";
	case ENROL_MUST_WAIT: return "it waits for a person: 'clinicctl enrol approve'";
	case ENROL_NOT_UNDERSTOOD:
		return "it and clinicd do not understand each other: is one of them of "
		       "an older version?";
	case ENROL_NOT_KEPT:
		return "its disk takes nothing: a new key or certificate could not be "
		       "kept";
	case ENROL_NO_KEYS: return "its hub-store does not say what it signs with";
	case ENROL_NEEDS_PERSON:
		return "it has used up too many keys: look at it, then 'clinicctl enrol "
		       "approve'";
	}
	return NULL;
}
