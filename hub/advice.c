/*
 * advice.c - see advice.h.
 */
#include "hub/advice.h"

static const struct {
	const char *meaning, *advice;
	bool person;
} reasons[SILENCE_REASON_LAST + 1] = {
	[SILENCE_NONE] = { "the device is all right", "", false },
	[SILENCE_UNSEEN] = { "no sign of the device: nobody measures, or it is out of "
			     "range",
			     "measure once beside the hub if a reading was expected",
			     false },
	[SILENCE_DEVICE_FORGOT] = { "the device no longer knows the hub, or a copy of it "
				    "is near",
				    "order a window for this device: clinicctl hub "
				    "pair-window "
				    "--repair",
				    true },
	[SILENCE_HUB_FORGOT] = { "the hub is not paired with the device",
				 "order a window for this device: clinicctl hub "
				 "pair-window",
				 true },
	[SILENCE_TAKEN] = { "the device drops the hub at once: it belongs to a phone now",
			    "remove it from the phone, then order a window with --repair",
			    true },
	[SILENCE_CHANGED] = { "it is not the device that was paired: replaced, or copied",
			      "look at the device; if it was replaced on purpose, order "
			      "a "
			      "window with --repair",
			      true },
	[SILENCE_SERVICES] = { "the device does not show what it should, as after an "
			       "update",
			       "switch it off and on; if that does not help, order a "
			       "window "
			       "with --repair",
			       true },
	[SILENCE_ADAPTER] = { "the hub has no Bluetooth adapter, or it hears nothing at "
			      "all",
			      "switch the hub off and on; if that does not help, replace "
			      "it",
			      true },
	[SILENCE_WEAK] = { "its battery is low or its signal weak",
			   "new batteries, and closer to the hub", true },
	[SILENCE_PASSKEY] = { "the passkey is wrong, or none is configured",
			      "add the hub again with the passkey of the label, or with "
			      "justworks",
			      true },
	[SILENCE_KEY_SHORT] = { "the device offers a key that is too short; it was "
				"refused",
				"use another device", true },
	[SILENCE_CONSENT] = { "the scale refuses the consent code; it was not tried "
			      "again",
			      "give the code that the scale shows for this person",
			      true },
};

static bool known(enum silence_reason r)
{
	return (unsigned)r <= SILENCE_REASON_LAST;
}

const char *advice_meaning(enum silence_reason r)
{
	return known(r) ? reasons[r].meaning : "?";
}

const char *advice_reason(enum silence_reason r)
{
	return known(r) ? reasons[r].advice : "";
}

bool advice_needs_person(enum silence_reason r)
{
	return known(r) && reasons[r].person;
}

const char *advice_window_text(enum window_state s)
{
	switch (s) {
	case WINDOW_OPEN: return "open";
	case WINDOW_DONE: return "done";
	case WINDOW_OVER: return "over";
	case WINDOW_TWO_CANDIDATES: return "two-candidates";
	}
	return "closed";
}

const char *advice_window(enum window_state s)
{
	switch (s) {
	case WINDOW_OPEN: return "switch the device on, near the hub, and measure once";
	case WINDOW_DONE: return "nothing: paired, and a reading came";
	case WINDOW_OVER:
		return "if a device is not paired yet, order another window: clinicctl "
		       "hub pair-window";
	case WINDOW_TWO_CANDIDATES:
		return "two devices that could be meant are near, none was paired: take "
		       "one away and order another window";
	}
	return "nothing: it opens again when the hub may pair, or another one is ordered";
}
