/*
 * indicator_words.c - what the indicator says in words: to programs, and to the patient. Devices are named by what they
 * measure; nothing that was measured is said.
 */
#include <stdio.h>

#include "hub/indicator_inside.h"

const char *indicator_text(enum indicator_light l)
{
	switch (l) {
	case LIGHT_NONE: break;
	case LIGHT_READY: return "ready";
	case LIGHT_WAITING: return "saved";
	case LIGHT_REACHED: return "reached-the-clinic";
	case LIGHT_NEEDS_YOU: return "needs-you";
	case LIGHT_CODE: return "code";
	case LIGHT_SAVED: return "saved-now";
	case LIGHT_PAIRING: return "pairing";
	case LIGHT_LOCKED: return "locked";
	case LIGHT_SEALED: return "sealed";
	case LIGHT_OFF: return "off";
	case LIGHT_CONSOLE: return "console";
	}
	return "?";
}

static const char *name(enum reading_kind k)
{
	switch (k) {
	case READING_BLOOD_PRESSURE: return "Blood pressure cuff";
	case READING_WEIGHT:
	case READING_BODY_COMPOSITION: return "Scale";
	case READING_OXIMETRY:
	case READING_OXIMETRY_STREAM: return "Finger clip";
	case READING_TEMPERATURE: return "Thermometer";
	case READING_GLUCOSE:
	case READING_GLUCOSE_CONTEXT: return "Glucose meter";
	case READING_CGM: return "Glucose sensor";
	case READING_HEART_RATE_STREAM: return "Heart rate belt";
	case READING_NONE:
	case READING_GENERIC:
	case READING_DEVICE_INFORMATION:
	case READING_CONSOLE:
	case READING_EVIDENCE:
	case READING_MANIFEST:
	case READING_SNAPSHOT:
	case READING_TOMBSTONE: break;
	}
	return "A device";
}

static const char *what_a_device_needs(const struct indicator_device *d)
{
	if (d->battery)
		return "needs a new battery.";
	if (d->reason == SILENCE_WEAK)
		return "needs a new battery, or is too far from the hub.";
	if (d->reason == SILENCE_SERVICES)
		return "please switch it off and on.";
	if (d->lost || d->reason != SILENCE_NONE)
		return "does not reach the hub any more. Call your clinic.";
	return "please measure.";
}

static void say_needs(const struct indicator *i, struct mono now,
		      char ret[static INDICATOR_WORDS_MAX])
{
	size_t n = indicator_needy(i);
	const struct indicator_device *d = &i->devices[n < INDICATOR_DEVICES ? n : 0];

	if (indicator_cannot_save(i, now))
		snprintf(ret, INDICATOR_WORDS_MAX,
			 "Readings cannot be saved now. Call your clinic.");
	else if (i->window == WINDOW_TWO_CANDIDATES)
		snprintf(ret, INDICATOR_WORDS_MAX,
			 "Two devices answer. Take one away. Call your clinic.");
	else if (n == INDICATOR_DEVICES)
		ret[0] = '\0'; /* it is shown a little longer than it holds */
	else if (d->reason == SILENCE_ADAPTER)
		snprintf(ret, INDICATOR_WORDS_MAX,
			 "The hub hears no device. Switch it off and on.");
	else
		snprintf(ret, INDICATOR_WORDS_MAX, "%s: %s", name(d->kind),
			 what_a_device_needs(d));
}

static const char *sentence(enum indicator_light l)
{
	switch (l) {
	case LIGHT_SAVED: return "Reading saved.";
	case LIGHT_REACHED: return "Your clinic has it.";
	case LIGHT_WAITING: return "Saved. Will be sent later.";
	case LIGHT_PAIRING: return "Switch on the new device now.";
	case LIGHT_LOCKED: return "Keep measuring. Readings are saved.";
	case LIGHT_SEALED: return "Readings are saved. Call your clinic.";
	case LIGHT_CONSOLE: return "A technician is at work.";
	case LIGHT_NONE:
	case LIGHT_READY:
	case LIGHT_OFF:
	case LIGHT_NEEDS_YOU:
	case LIGHT_CODE: break;
	}
	return "";
}

char *indicator_words(const struct indicator *i, enum indicator_light l, const char *code,
		      struct mono now, char ret[static INDICATOR_WORDS_MAX])
{
	if (l == LIGHT_NEEDS_YOU)
		say_needs(i, now, ret);
	else if (l == LIGHT_CODE)
		snprintf(ret, INDICATOR_WORDS_MAX, "This hub: %s", code);
	else
		snprintf(ret, INDICATOR_WORDS_MAX, "%s", sentence(l));
	return ret;
}
