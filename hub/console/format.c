/*
 * format.c - see format.h.
 */
#include "hub/console/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/network.h"
#include "hub/core/token.h"
#include "hub/core/verbs.h"

static const char *const labels[CONSOLE_LABEL_LAST + 1] = {
	[CONSOLE_LABEL_MODEL] = "model",
	[CONSOLE_LABEL_SERIAL] = "serial",
	[CONSOLE_LABEL_VERSION] = "version",
	[CONSOLE_LABEL_LEVEL] = "level",
	[CONSOLE_LABEL_LIGHT] = "light",
	[CONSOLE_LABEL_VERB] = "verb",
	[CONSOLE_LABEL_LEFT] = "session ends in",
	[CONSOLE_LABEL_IDLE] = "or if idle for",
	[CONSOLE_LABEL_CONFIG] = "config",
	[CONSOLE_LABEL_IMAGE] = "image",
	[CONSOLE_LABEL_SBOM] = "sbom",
	[CONSOLE_LABEL_RADIO] = "ble",
	[CONSOLE_LABEL_DISK] = "disk",
	[CONSOLE_LABEL_NETWORK] = "net",
	[CONSOLE_LABEL_KEY] = "key",
	[CONSOLE_LABEL_CLOCK] = "clock",
	[CONSOLE_LABEL_CONNECTED] = "connected to the clinic",
	[CONSOLE_LABEL_HANDSHAKES] = "handshakes",
	[CONSOLE_LABEL_ROUND_TRIP] = "round trip ms",
	[CONSOLE_LABEL_REQUESTS] = "requests",
	[CONSOLE_LABEL_RESENT] = "sent more than once",
	[CONSOLE_LABEL_ENROLMENT] = "enrolment",
	[CONSOLE_LABEL_UNSENT] = "unsent",
	[CONSOLE_LABEL_HIGHEST] = "highest number",
	[CONSOLE_LABEL_DELIVERED] = "delivered without a gap to",
	[CONSOLE_LABEL_OLDEST] = "oldest",
	[CONSOLE_LABEL_BLOCKED] = "storage",
	[CONSOLE_LABEL_DEVICE] = "device",
	[CONSOLE_LABEL_STATE] = "state",
	[CONSOLE_LABEL_REASON] = "reason",
	[CONSOLE_LABEL_SEEN] = "seen",
	[CONSOLE_LABEL_READ] = "last value",
	[CONSOLE_LABEL_BATTERY] = "battery",
	[CONSOLE_LABEL_SIGNAL] = "signal",
	[CONSOLE_LABEL_TRIGGER] = "noticed",
	[CONSOLE_LABEL_COUNT] = "count",
	[CONSOLE_LABEL_CALLS_FOR] = "calls for level",
	[CONSOLE_LABEL_SIGNED] = "signed",
	[CONSOLE_LABEL_UPTIME] = "running for",
	[CONSOLE_LABEL_ERROR] = "wrong by",
	[CONSOLE_LABEL_TEST] = "measure now: it is a test for",
	[CONSOLE_LABEL_WRITTEN] = "records written",
	[CONSOLE_LABEL_BYTES] = "bytes",
	[CONSOLE_LABEL_SETTING] = "network",
	[CONSOLE_LABEL_WINDOW] = "switch the device on: it can be paired for",
	[CONSOLE_LABEL_VULNERABLE] = "known vulnerabilities",
	[CONSOLE_LABEL_ACTUAL] = "actual",
	[CONSOLE_LABEL_INTERNAL] = "internal",
	[CONSOLE_LABEL_UNPROVEN] = "unproven",
	[CONSOLE_LABEL_CLOSED] = "closed",
	[CONSOLE_LABEL_INSTALLED] = "components installed",
	[CONSOLE_LABEL_LOADED] = "loaded",
	[CONSOLE_LABEL_EXPOSED] = "exposed",
	[CONSOLE_LABEL_LISTS] = "as of",
	[CONSOLE_LABEL_THIS_IMAGE] = "of this image",
	[CONSOLE_LABEL_WORST] = "worst",
	[CONSOLE_LABEL_ON_STICK] = "erased here, on the stick only: records",
	[CONSOLE_LABEL_ENDS] = "ends by",
	[CONSOLE_LABEL_CONFIRM] = "goes back unless the clinic answers within",
};

static const char *const words[CONSOLE_WORD_LAST + 1] = {
	[CONSOLE_WORD_GOOD] = "good",
	[CONSOLE_WORD_BAD] = "bad",
	[CONSOLE_WORD_UNKNOWN] = "unknown",
	[CONSOLE_WORD_HUB] = "telehealth-hub",
	[CONSOLE_WORD_NORMAL] = "0 normal",
	[CONSOLE_WORD_GUARDED] = "1 guarded",
	[CONSOLE_WORD_QUARANTINED] = "2 quarantined",
	[CONSOLE_WORD_SEALED] = "3 sealed",
	[CONSOLE_WORD_RETIRED] = "4 retired",
	[CONSOLE_WORD_READY] = "ready",
	[CONSOLE_WORD_SAVED] = "saved",
	[CONSOLE_WORD_REACHED] = "reached-the-clinic",
	[CONSOLE_WORD_NEEDS_YOU] = "needs-you",
	[CONSOLE_WORD_CODE] = "code",
	[CONSOLE_WORD_OFF] = "off",
	[CONSOLE_WORD_NO_CLOCK] = "none",
	[CONSOLE_WORD_NOT_SYNCHRONISED] = "not-synchronised",
	[CONSOLE_WORD_NTP] = "ntp",
	[CONSOLE_WORD_CLINIC] = "clinic",
	[CONSOLE_WORD_UNBONDED] = "not-paired",
	[CONSOLE_WORD_PAIRING] = "pairing",
	[CONSOLE_WORD_BONDED] = "paired",
	[CONSOLE_WORD_CONNECTED] = "connected",
	[CONSOLE_WORD_BOND_LOST] = "bond-lost",
	[CONSOLE_WORD_PAIRING_FAILED] = "pairing-failed",
	[CONSOLE_WORD_REASON_NONE] = "none",
	[CONSOLE_WORD_UNSEEN] = "unseen",
	[CONSOLE_WORD_DEVICE_FORGOT] = "device-forgot",
	[CONSOLE_WORD_HUB_FORGOT] = "hub-forgot",
	[CONSOLE_WORD_TAKEN] = "taken-by-another",
	[CONSOLE_WORD_CHANGED] = "changed",
	[CONSOLE_WORD_SERVICES] = "services",
	[CONSOLE_WORD_ADAPTER] = "adapter",
	[CONSOLE_WORD_WEAK] = "weak",
	[CONSOLE_WORD_PASSKEY] = "passkey",
	[CONSOLE_WORD_KEY_SHORT] = "key-short",
	[CONSOLE_WORD_CONSENT] = "consent",
	[CONSOLE_WORD_TRIGGER + 1] = "T1 wrong-tokens",
	[CONSOLE_WORD_TRIGGER + 2] = "T2 radio",
	[CONSOLE_WORD_TRIGGER + 3] = "T3 impostor",
	[CONSOLE_WORD_TRIGGER + 4] = "T4 server",
	[CONSOLE_WORD_TRIGGER + 5] = "T5 handshakes",
	[CONSOLE_WORD_TRIGGER + 6] = "T6 clocks",
	[CONSOLE_WORD_TRIGGER + 7] = "T7 decoder",
	[CONSOLE_WORD_TRIGGER + 8] = "T8 storage",
	[CONSOLE_WORD_TRIGGER + 9] = "T9 power",
	[CONSOLE_WORD_TRIGGER + 10] = "T10 usb",
	[CONSOLE_WORD_TRIGGER + 11] = "T11 case",
	[CONSOLE_WORD_TRIGGER + 12] = "T12 code",
	[CONSOLE_WORD_TRIGGER + 13] = "T13 rules",
	[CONSOLE_WORD_TRIGGER + 14] = "T14 audit-log",
	[CONSOLE_WORD_TRIGGER + 15] = "T15 old-state",
	[CONSOLE_WORD_TRIGGER + 16] = "T16 open-port",
	[CONSOLE_WORD_ENROL + ENROL_NONE] = "unknown",
	[CONSOLE_WORD_ENROL + ENROL_FACTORY] = "factory",
	[CONSOLE_WORD_ENROL + ENROL_TRUSTED] = "trusted",
	[CONSOLE_WORD_ENROL + ENROL_ENROLLING] = "enrolling",
	[CONSOLE_WORD_ENROL + ENROL_CONFIRMING] = "confirming",
	[CONSOLE_WORD_ENROL + ENROL_ACTIVE] = "active",
	[CONSOLE_WORD_BLOCKED + STORE_READY] = "ready",
	[CONSOLE_WORD_BLOCKED + STORE_NO_CONFIG] = "no-config",
	[CONSOLE_WORD_BLOCKED + STORE_FULL] = "full",
	[CONSOLE_WORD_BLOCKED + STORE_FAULT] = "fault",
	[CONSOLE_WORD_NETWORK + NETWORK_DHCP] = "dhcp",
	[CONSOLE_WORD_NETWORK + NETWORK_STATIC] = "static",
	[CONSOLE_WORD_TRIAL + NETWORK_NO_TRIAL] = "never-set",
	[CONSOLE_WORD_TRIAL + NETWORK_ON_TRIAL] = "on-trial",
	[CONSOLE_WORD_TRIAL + NETWORK_KEPT] = "kept",
	[CONSOLE_WORD_TRIAL + NETWORK_WENT_BACK] = "went-back",
	[CONSOLE_WORD_OLD] = "old",
	[CONSOLE_WORD_RELEASE] = "release",
	[CONSOLE_WORD_ITSELF] = "itself",
};

/* What to do next. */
static const char *const next[CONSOLE_WHY_LAST + 1] = {
	[CONSOLE_WHY_NONE] = "try again",
	[CONSOLE_WHY_LOGIN] = "type 'challenge', send it to the clinic, paste the token",
	[CONSOLE_WHY_GRANT] = "ask the clinic for a token with this verb",
	[CONSOLE_WHY_LEVEL] = "type 'help' for what works now",
	[CONSOLE_WHY_SECOND] = "ask the clinic for a token that two people signed",
	[CONSOLE_WHY_BUTTON] = "type it again and press the button within 10s",
	[CONSOLE_WHY_TOKEN] = "type 'challenge' and ask the clinic for another one",
	[CONSOLE_WHY_STALE] = "type 'challenge' and ask the clinic for another one",
	[CONSOLE_WHY_ARGUMENT] = "type 'help'",
	[CONSOLE_WHY_BUSY] = "try again in a minute",
	[CONSOLE_WHY_UNSENT] =
		"wait for the clinic ('queue'), or take a stick ('export-queue')",
	[CONSOLE_WHY_EARLY] = "a lock lasts half an hour at least: try again later",
	[CONSOLE_WHY_MEASURE] =
		"find the cause; wait for two clean measurements, ten minutes apart",
	[CONSOLE_WHY_CONFIG] = "enrol this hub at a clinic first",
	[CONSOLE_WHY_FAILED] = "type 'diagnose' and tell the clinic",
	[CONSOLE_WHY_UNKNOWN] = "type 'help'",
	[CONSOLE_WHY_RETIRING] = "set this hub up anew",
	[CONSOLE_WHY_TEMPLATE] = "ask the clinic for another one for this hub",
	[CONSOLE_WHY_OLD] = "ask the clinic for one that is newer",
	[CONSOLE_WHY_ROLE] = "ask the clinic for a token of somebody who may",
	[CONSOLE_WHY_PAIRED] = "type 'unpair' and its 8 digits first",
	[CONSOLE_WHY_DEVICE] = "type 'ble list': the digits are of this session",
	[CONSOLE_WHY_NO_STICK] = "plug in a USB stick with FAT or exFAT, type it again",
	[CONSOLE_WHY_STICK_FULL] = "take another stick, or make room on this one",
	[CONSOLE_WHY_NOTHING] = "the clinic has all: pull the stick",
};

struct out {
	char *p;
	size_t len, cap;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	size_t left = o->cap - o->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->p + o->len, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->len += (size_t)n < left ? (size_t)n : left - 1;
}

static const char *text_of(const char *const *table, size_t count, uint64_t i)
{
	return i < count && table[i] ? table[i] : "?";
}

static void put_age(struct out *o, uint64_t s)
{
	if (s < 120)
		put(o, "%" PRIu64 "s", s);
	else if (s < UINT64_C(2) * 3600)
		put(o, "%" PRIu64 "min", s / 60);
	else if (s < UINT64_C(2) * 86400)
		put(o, "%" PRIu64 "h", s / 3600);
	else
		put(o, "%" PRIu64 "d", s / 86400);
}

static void put_version(struct out *o, uint64_t v)
{
	put(o, "%u.%u.%u", (unsigned)(v >> 32 & UINT16_MAX),
	    (unsigned)(v >> 16 & UINT16_MAX), (unsigned)(v & UINT16_MAX));
}

static void put_verb(struct out *o, uint64_t v)
{
	const struct verb_row *r = v <= VERB_LAST ? verb_row((enum verb)v) : NULL;

	put(o, "%s", r ? r->name : "?");
}

static void put_value(struct out *o, const struct console_value *v)
{
	int64_t number = (int64_t)v->value;

	switch (v->type) {
	case CONSOLE_TYPE_NONE: put(o, "?"); break;
	case CONSOLE_COUNTER: put(o, "%" PRIu64, v->value); break;
	case CONSOLE_AGE: put_age(o, v->value); break;
	case CONSOLE_WORD:
		put(o, "%s", text_of(words, CONSOLE_WORD_LAST + 1, v->value));
		break;
	case CONSOLE_HASH8: put(o, "%08" PRIx32, (uint32_t)v->value); break;
	case CONSOLE_DBM:
		if (number >= -127 && number <= 20)
			put(o, "%ddBm", (int)number);
		else
			put(o, "?");
		break;
	case CONSOLE_PERCENT:
		if (v->value <= 100)
			put(o, "%u%%", (unsigned)v->value);
		else
			put(o, "?");
		break;
	case CONSOLE_VERSION: put_version(o, v->value); break;
	case CONSOLE_YES_NO: put(o, "%s", v->value ? "yes" : "no"); break;
	case CONSOLE_VERB: put_verb(o, v->value); break;
	}
}

char *format_value(const struct console_value *v, char ret[static FORMAT_VALUE_MAX])
{
	struct out o = { ret, 0, FORMAT_VALUE_MAX };

	put_value(&o, v);
	return ret;
}

/* "device 1a2b3c4d, state paired": a label once for neighbours that have the same. */
static void put_values(struct out *o, const struct msg_console_answer *a)
{
	for (size_t i = 0; i < a->count && i < CONSOLE_VALUES_MAX; i++) {
		const struct console_value *v = &a->values[i];
		bool first = i == 0 || v[-1].row != v->row;
		bool last = i + 1 >= a->count || v[1].row != v->row;

		if (!first && v[-1].label == v->label)
			put(o, " ");
		else
			put(o, "%s%s ", first ? "" : ", ",
			    text_of(labels, CONSOLE_LABEL_LAST + 1, v->label));
		put_value(o, v);
		if (last)
			put(o, "\r\n");
	}
}

static void put_challenge(struct out *o, const struct msg_console_answer *a)
{
	struct challenge c;
	char text[CHALLENGE_TEXT_MAX];

	if (challenge_decode(a->challenge, &c) == 0)
		put(o, "%s\r\n", challenge_text(&c, text));
}

static const char *end_text(enum console_end e)
{
	switch (e) {
	case CONSOLE_END_NONE: break;
	case CONSOLE_END_LOGOUT: return "logged out";
	case CONSOLE_END_IDLE: return "nobody typed anything";
	case CONSOLE_END_OVER: return "its time is over";
	case CONSOLE_END_CABLE: return "the cable was pulled";
	case CONSOLE_END_LEVEL: return "the level has changed";
	}
	return "";
}

static void put_last(struct out *o, const struct msg_console_answer *a)
{
	unsigned why = a->why;

	if (a->end != CONSOLE_END_NONE)
		put(o, "Session closed: %s.\r\n", end_text(a->end));
	if (a->outcome == CONSOLE_OK)
		put(o, "OK\r\n");
	else if (a->outcome == CONSOLE_WAIT)
		put(o, "WAIT %" PRIu32 "s. Next: wait, then type it again.\r\n",
		    a->wait_s);
	else if (a->outcome == CONSOLE_NO && why <= CONSOLE_WHY_LAST)
		put(o, "NO %s. Next: %s.\r\n", console_why_text(why), next[why]);
}

size_t format_answer(const struct msg_console_answer *a,
		     char ret[static FORMAT_BYTES_MAX])
{
	struct out o = { ret, 0, FORMAT_BYTES_MAX };

	ret[0] = '\0';
	put_values(&o, a);
	if (a->challenged)
		put_challenge(&o, a);
	if (!a->more)
		put_last(&o, a);
	return o.len;
}

const char *format_note(enum format_note n)
{
	switch (n) {
	case FORMAT_UNKNOWN: return "NO unknown-verb. Next: type 'help'.\r\n";
	case FORMAT_TOO_LONG:
		return "NO too-long. Next: at most 256 characters on a line.\r\n";
	case FORMAT_MORE_TOKEN: return "";
	case FORMAT_BAD_TOKEN: return "NO damaged-token. Next: paste it again.\r\n";
	case FORMAT_NO_HUBD: return "WAIT 10s. Next: wait, then type it again.\r\n";
	case FORMAT_BUSY: return "NO busy. Next: wait for the answer.\r\n";
	case FORMAT_BUTTON: return "Press the button on the hub within 10s.\r\n";
	}
	return "";
}

const char *format_prompt(bool open)
{
	return open ? "hub# " : "hub> ";
}
