/*
 * visit.c - the steps of a technician's visit; see visit.h.
 */
#include "clinic/visit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/reading.h"

enum { TRIP_GOOD_MS = 500 };

static const struct {
	const char *name, *title, *task, *question;
} steps[VISIT_STEPS] = {
	[VISIT_PLAN] = { "plan", "Before the visit",
			 "The hub's configuration is made, with its devices.", NULL },
	[VISIT_CONSENT] = { "consent", "Who it is for",
			    "Make sure that you are with the right person, and that the "
			    "consent is signed.",
			    "Is it the right person, and is the consent signed?" },
	[VISIT_LABEL] = { "label", "The right hub",
			  "Switch the hub on. Compare its label with what stands here, "
			  "and its light with the\ncode: order a test, and it flashes "
			  "so often, with pauses between, for five minutes\nor until "
			  "something is measured.",
			  "Does the label on the hub in your hand begin so?" },
	[VISIT_PLACE] = { "place", "Where it stands",
			  "Mains power that nobody switches off, a stable surface, dry, "
			  "near where the patient\nmeasures, and accepted by the "
			  "patient.",
			  "Does it stand well?" },
	[VISIT_UPLINK] = { "uplink", "The way to the clinic",
			   "Connect the network and wait until the hub has called the "
			   "clinic.",
			   NULL },
	[VISIT_DEVICES] = { "devices", "Each device",
			    "Pair each device, then take one test reading with each, "
			    "where "
			    "the patient usually\nmeasures.",
			    NULL },
	[VISIT_WALK] = { "walk", "Without the network",
			 "Unplug the hub's network. Take one reading: the light says "
			 "'saved'. Wait half a\nminute. Plug the network in again: the "
			 "light says 'reached the clinic'.",
			 "Did the light say 'saved', and later 'reached the clinic'?" },
	[VISIT_PATIENT] = { "patient", "The patient alone",
			    "The patient takes one reading without help, and explains "
			    "the "
			    "lights to you.",
			    "Did it go well without your help?" },
	[VISIT_CARD] = { "card", "What stays there",
			 "Leave the card that explains the lights, with the clinic's "
			 "phone "
			 "number on it.",
			 "Did you leave it?" },
	[VISIT_SIGN_OFF] = { "sign-off", "Sign-off", "Look through the list above.",
			     "Do you sign this off?" },
};

const char *visit_name(enum visit_step step)
{
	return steps[step].name;
}

const char *visit_title(enum visit_step step)
{
	return steps[step].title;
}

const char *visit_task(enum visit_step step)
{
	return steps[step].task;
}

static bool is_testing(const struct visit_facts *f)
{
	return f->test_until_ms > f->now_ms;
}

const char *visit_question(enum visit_step step, const struct visit_facts *f,
			   char buf[static VISIT_WORDS_MAX])
{
	if (step != VISIT_LABEL || !is_testing(f))
		return steps[step].question;
	(void)snprintf(buf, VISIT_WORDS_MAX,
		       "Does the label on the hub in your hand begin so, and does its "
		       "light flash %s?",
		       f->code);
	return buf;
}

const char *visit_versions(const struct visit_facts *f, char buf[static VISIT_WORDS_MAX])
{
	bool same = f->has_hash && f->config_used == f->config_wanted;
	char hash[2 * VISIT_HASH_LEN + 1] = "";

	for (size_t i = 0; same && i < VISIT_HASH_LEN; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", f->config_hash[i]);
	(void)snprintf(buf, VISIT_WORDS_MAX, "configuration %" PRIu64 "%s%s, software %s",
		       f->config_used, same ? " with hash " : "", hash,
		       *f->software ? f->software : "not known");
	return buf;
}

__attribute__((format(printf, 3, 4))) static enum visit_outcome
say(enum visit_outcome outcome, char words[static VISIT_WORDS_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, VISIT_WORDS_MAX, fmt, ap);
	va_end(ap);
	return outcome;
}

static enum visit_outcome judge_plan(const struct visit_facts *f,
				     char words[static VISIT_WORDS_MAX])
{
	if (!f->has_config)
		return say(VISIT_OPEN, words,
			   "this hub has no configuration yet: make one");
	if (f->device_count == 0)
		return say(VISIT_OPEN, words,
			   "its configuration has no devices: add them");
	return say(VISIT_PASSED, words, "configuration %" PRIu64 " with %zu device%s",
		   f->config_wanted, f->device_count, f->device_count == 1 ? "" : "s");
}

static enum visit_outcome judge_label(const struct visit_facts *f,
				      char words[static VISIT_WORDS_MAX])
{
	if (!f->is_there)
		return f->claimed ? say(VISIT_OPEN, words,
					"claimed, and it has never contacted "
					"the clinic: is it switched on, has "
					"it a network, and this clinic's file "
					"clinic.trust?")
				  : say(VISIT_OPEN, words,
					"nobody has claimed this hub: "
					"'clinicctl claim'");
	if (f->state != HUB_ACTIVE)
		return say(VISIT_OPEN, words, "the hub is %s here, not active",
			   hub_state_text(f->state));
	if (!f->may_test)
		return say(VISIT_PASSED, words,
			   "the hub is active here; nobody may order its light to show "
			   "which one it is: 'clinicctl signer add'");
	if (!is_testing(f))
		return say(VISIT_OPEN, words,
			   "order a test, so that its light flashes a code: 'clinicctl "
			   "test', --minutes 30");
	return say(VISIT_PASSED, words, "the hub is active here, its code is %s",
		   f->code);
}

/* How good the way is, behind what was said. */
static void say_path(const struct path_quality *p, char words[static VISIT_WORDS_MAX])
{
	size_t n = strlen(words);

	if (p->requests == 0)
		(void)snprintf(words + n, VISIT_WORDS_MAX - n,
			       "; how good the way is, is not known yet");
	else
		(void)snprintf(words + n, VISIT_WORDS_MAX - n,
			       "; the way is %s: %u ms there and back, %u of %u requests "
			       "sent more than once",
			       p->trip_ms < TRIP_GOOD_MS && p->again == 0 ? "good"
									  : "fair",
			       p->trip_ms, p->again, p->requests);
}

static enum visit_outcome judge_uplink(const struct visit_facts *f,
				       char words[static VISIT_WORDS_MAX])
{
	int64_t ago_s = (f->now_ms - f->seen_ms) / 1000;

	if (!f->is_there || f->seen_ms < f->since_ms)
		return say(VISIT_OPEN, words,
			   "nothing was heard of the hub since you began this "
			   "step: look at the cable, the router and the light");
	if (!f->has_status)
		return say(VISIT_OPEN, words,
			   "it has called, and said nothing of itself yet");
	if (f->config_used < f->config_wanted)
		return say(VISIT_OPEN, words,
			   "it still uses configuration %" PRIu64 ", not %" PRIu64,
			   f->config_used, f->config_wanted);
	if (f->clock < CLOCK_QUALITY_NTP)
		return say(VISIT_OPEN, words, "it does not know the time yet");
	if (f->blocked != STORE_READY)
		return say(VISIT_OPEN, words,
			   "it takes no readings: its storage is full or "
			   "broken; change the hub");
	if (status_path_bad(&f->path))
		return say(VISIT_OPEN, words,
			   "the way to the clinic is bad: %u ms there and back, %u of %u "
			   "requests sent more than once; put the hub near a window or "
			   "the router, or take a cable",
			   f->path.trip_ms, f->path.again, f->path.requests);
	(void)say(VISIT_PASSED, words,
		  "heard %" PRId64 " s ago, with the right time and configuration "
		  "%" PRIu64,
		  ago_s > 0 ? ago_s : 0, f->config_used);
	say_path(&f->path, words);
	return VISIT_PASSED;
}

/* A reading of this device was taken since; the hub tells that with its heartbeats only. */
static bool has_read(const struct visit_facts *f, const struct visit_device *d)
{
	return d->reading_ms >= f->since_ms ||
	       (d->alone && d->received_ms >= f->since_ms);
}

static enum visit_outcome judge_device(const struct visit_facts *f,
				       const struct visit_device *d,
				       char words[static VISIT_WORDS_MAX])
{
	const char *kind = reading_kind_text(d->kind);

	if (!d->told || (d->bond != BOND_GOOD && d->bond != BOND_UNKNOWN))
		return say(VISIT_OPEN, words, "device %u (%s) is not paired", d->num,
			   kind);
	if (d->battery < STATUS_BATTERY_LOW)
		return say(VISIT_OPEN, words,
			   "device %u (%s) has %u %% of its battery left: change it",
			   d->num, kind, d->battery);
	if (d->has_clock_error && (d->clock_error_s >= STATUS_CLOCK_WRONG_S ||
				   d->clock_error_s <= -STATUS_CLOCK_WRONG_S))
		return say(VISIT_OPEN, words,
			   "the clock of device %u (%s) is wrong by a day or "
			   "more: set it",
			   d->num, kind);
	if (!has_read(f, d))
		return say(VISIT_OPEN, words,
			   "no reading of device %u (%s) was taken yet", d->num, kind);
	if (d->received_ms < f->since_ms)
		return say(VISIT_OPEN, words,
			   "the reading of device %u (%s) has not reached the "
			   "clinic yet",
			   d->num, kind);
	if (*f->software && d->signal_dbm == 0 && d->reading_ms < f->since_ms)
		return say(VISIT_OPEN, words,
			   "the hub has not said yet how well it hears device %u (%s)",
			   d->num, kind);
	if (d->signal_dbm < STATUS_SIGNAL_WEAK)
		return say(VISIT_OPEN, words,
			   "the hub hears device %u (%s) with %d dBm only, where it was "
			   "used, and needs %d: put the hub nearer",
			   d->num, kind, d->signal_dbm, STATUS_SIGNAL_WEAK);
	return say(VISIT_PASSED, words, "%s", "");
}

/* What is known of one that is as it should be, behind what was said. */
static void say_device(const struct visit_device *d, char words[static VISIT_WORDS_MAX])
{
	char signal[24] = "signal not known", battery[24] = "battery not known",
	     clock[40] = "clock not known";
	size_t n = strlen(words);

	if (d->signal_dbm < 0)
		(void)snprintf(signal, sizeof(signal), "%d dBm", d->signal_dbm);
	if (d->battery != STATUS_BATTERY_UNKNOWN)
		(void)snprintf(battery, sizeof(battery), "battery %u %%", d->battery);
	if (d->has_clock_error)
		(void)snprintf(clock, sizeof(clock), "clock %" PRId64 " s %s",
			       d->clock_error_s < 0 ? -(int64_t)d->clock_error_s
						    : d->clock_error_s,
			       d->clock_error_s < 0 ? "fast" : "slow");
	(void)snprintf(words + n, VISIT_WORDS_MAX - n, "; device %u: %s, %s, %s", d->num,
		       signal, battery, clock);
}

static enum visit_outcome judge_devices(const struct visit_facts *f,
					char words[static VISIT_WORDS_MAX])
{
	if (f->has_status && !f->radio)
		return say(VISIT_OPEN, words,
			   "the hub's Bluetooth does not work: switch the hub "
			   "off and on; if that does not help, change it");
	for (size_t i = 0; i < f->device_count; i++) {
		const struct visit_device *d = &f->devices[i];
		if (judge_device(f, d, words) != VISIT_PASSED)
			return VISIT_OPEN;
	}
	(void)say(VISIT_PASSED, words, "%zu paired, and a %sreading of each has come",
		  f->device_count, is_testing(f) ? "test " : "");
	for (size_t i = 0; i < f->device_count; i++)
		say_device(&f->devices[i], words);
	return VISIT_PASSED;
}

static bool has_waited(const struct visit_facts *f, const struct visit_device *d)
{
	return d->reading_ms >= f->since_ms && d->received_ms >= f->since_ms &&
	       d->received_ms - d->reading_ms >= VISIT_WAITED_MS;
}

static enum visit_outcome judge_walk(const struct visit_facts *f,
				     char words[static VISIT_WORDS_MAX])
{
	for (size_t i = 0; i < f->device_count; i++) {
		const struct visit_device *d = &f->devices[i];

		if (has_waited(f, d))
			return say(VISIT_PASSED, words,
				   "a reading of device %u (%s) waited %" PRId64
				   " s in the hub, and then came",
				   d->num, reading_kind_text(d->kind),
				   (d->received_ms - d->reading_ms) / 1000);
	}
	return say(VISIT_OPEN, words,
		   "no reading came that had waited in the hub for %d s",
		   VISIT_WAITED_MS / 1000);
}

static enum visit_outcome judge_patient(const struct visit_facts *f,
					char words[static VISIT_WORDS_MAX])
{
	for (size_t i = 0; i < f->device_count; i++) {
		const struct visit_device *d = &f->devices[i];

		if (has_read(f, d) && d->received_ms >= f->since_ms)
			return say(VISIT_PASSED, words,
				   "a reading of device %u (%s) came", d->num,
				   reading_kind_text(d->kind));
	}
	return say(VISIT_OPEN, words, "no reading has come since");
}

enum visit_outcome visit_judge(enum visit_step step, const struct visit_facts *f,
			       char words[static VISIT_WORDS_MAX])
{
	switch (step) {
	case VISIT_PLAN: return judge_plan(f, words);
	case VISIT_LABEL: return judge_label(f, words);
	case VISIT_UPLINK: return judge_uplink(f, words);
	case VISIT_DEVICES: return judge_devices(f, words);
	case VISIT_WALK: return judge_walk(f, words);
	case VISIT_PATIENT: return judge_patient(f, words);
	case VISIT_CONSENT:
	case VISIT_PLACE:
	case VISIT_CARD:
	case VISIT_SIGN_OFF:
	case VISIT_STEPS: break;
	}
	return say(VISIT_PASSED, words, "%s", "");
}
