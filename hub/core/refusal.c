/*
 * refusal.c - see refusal.h.
 */
#include "hub/core/refusal.h"

_Static_assert((int)REFUSAL_FIELD + (int)CONFIG_FIELDS <= (int)REFUSAL_DOCUMENT,
	       "room for the keys");

/* Of a field: the words are the field's name behind what is said of all of them. */
static const char *const fields[CONFIG_FIELDS] = {
	"its format version is not known to this hub",
	"its field 'hub' is bad",
	"its field 'epoch' is bad",
	"its field 'config version' is bad",
	"its field 'assignment' is bad",
	"its field 'utc offset' is bad",
	"its field 'heartbeat' is bad",
	"its field 'sealing key' is bad",
	"its field 'devices' is bad",
	"its field 'endpoints' is bad",
	"its field 'pairing window' is bad",
	"its field 'change of the utc offset' is bad",
	"its field 'signers' is bad",
	[13] = "its field 'next sealing key' is bad",
	/* no root that this hub has says that it is the clinic's */
	[14] = "its field 'root' is bad: it is not vouched for",
	[15] = "its field 'plan' is bad",
	[16] = "its field 'asking' is bad",
	[17] = "its field 'quiet hours' is bad",
	[18] = "its field 'limits' is bad",
	[19] = "its field 'release authority' is bad",
	[20] = "its field 'risk' is bad",
};

enum refusal refusal_of_field(const char *field)
{
	unsigned key = config_field_key(field);

	return key < CONFIG_FIELDS ? (enum refusal)(REFUSAL_FIELD + key)
				   : REFUSAL_DOCUMENT;
}

const char *refusal_text(enum refusal r)
{
	unsigned key = (unsigned)r - REFUSAL_FIELD;

	if (r > REFUSAL_FIELD - 1 && key < CONFIG_FIELDS && fields[key])
		return fields[key];
	if (r == REFUSAL_DOCUMENT)
		return "it is not a configuration of this format";
	if (r == REFUSAL_NONE)
		return "none";
	if (r == REFUSAL_NOT_SIGNED)
		return "it is not a signed document";
	if (r == REFUSAL_SIGNATURE)
		return "it is not signed by this hub's clinic";
	if (r == REFUSAL_OTHER_HUB)
		return "it was made for another hub";
	if (r == REFUSAL_OTHER_EPOCH)
		return "it was made for another enrolment of this hub";
	if (r == REFUSAL_OLDER)
		return "it is older than the one in use";
	if (r == REFUSAL_TOO_LARGE)
		return "it is too large";
	return "for a reason that this program does not know";
}

const char *trial_text(enum trial t)
{
	switch (t) {
	case TRIAL_NONE: break;
	case TRIAL_SILENT: return "nobody answers there";
	case TRIAL_REFUSED: return "no connection comes about with who is there";
	case TRIAL_IDENTITY:
		return "who is there has another key than is pinned, or another name";
	}
	return "no reason is known yet";
}
