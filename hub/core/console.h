#pragma once

/*
 * console.h - what hub-console and hubd say to each other: a verb with one argument in, typed values out.
 *
 * There is no text in an answer and no type that could hold a reading, a name, an address or the time of a measurement: what
 * is not a counter, an age, one of our own words, a hash of 8 digits, a signal strength, a percentage, a version or
 * yes and no cannot be said, and hub-console, which prints it, never has it. Byte table: docs/MESSAGES.md, 'IPC'.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	CONSOLE_BYTES_MAX = 1024, /* a token, opaque to hub-console */
	CONSOLE_VALUES_MAX =
		64, /* of one message; an answer is as many messages as it needs */
	CONSOLE_CHALLENGE_LEN = 43,
};

/* The numbers are on the wire, here and below. */
enum console_type {
	CONSOLE_TYPE_NONE = 0,
	CONSOLE_COUNTER = 1,
	CONSOLE_AGE = 2,     /* seconds ago, or seconds left */
	CONSOLE_WORD = 3,    /* enum console_word */
	CONSOLE_HASH8 = 4,   /* 32 bits, as 8 hex digits */
	CONSOLE_DBM = 5,     /* -127..20, two's complement */
	CONSOLE_PERCENT = 6, /* 0..100 */
	CONSOLE_VERSION = 7, /* major, minor, patch: 16 bits each, lowest last */
	CONSOLE_YES_NO = 8,
	CONSOLE_VERB = 9, /* enum verb */
	CONSOLE_TYPE_LAST = CONSOLE_VERB,
};

/* What a value is of. */
enum console_label {
	CONSOLE_LABEL_NONE = 0,
	CONSOLE_LABEL_MODEL = 1,
	CONSOLE_LABEL_SERIAL = 2, /* four HASH8: the hub's id */
	CONSOLE_LABEL_VERSION = 3,
	CONSOLE_LABEL_LEVEL = 4,
	CONSOLE_LABEL_LIGHT = 5,
	CONSOLE_LABEL_VERB = 6,
	CONSOLE_LABEL_LEFT = 7, /* of the session */
	CONSOLE_LABEL_IDLE = 8,
	CONSOLE_LABEL_CONFIG = 9,
	CONSOLE_LABEL_IMAGE = 10,
	CONSOLE_LABEL_SBOM = 11,
	CONSOLE_LABEL_RADIO = 12,
	CONSOLE_LABEL_DISK = 13,
	CONSOLE_LABEL_NETWORK = 14,
	CONSOLE_LABEL_KEY = 15,
	CONSOLE_LABEL_CLOCK = 16,
	CONSOLE_LABEL_CONNECTED = 17,
	CONSOLE_LABEL_HANDSHAKES = 18,
	CONSOLE_LABEL_ROUND_TRIP = 19, /* ms */
	CONSOLE_LABEL_REQUESTS = 20,
	CONSOLE_LABEL_RESENT = 21,
	CONSOLE_LABEL_ENROLMENT = 22,
	CONSOLE_LABEL_UNSENT = 23,
	CONSOLE_LABEL_HIGHEST = 24,
	CONSOLE_LABEL_DELIVERED = 25, /* up to this one without a gap */
	CONSOLE_LABEL_OLDEST = 26,
	CONSOLE_LABEL_BLOCKED = 27,
	CONSOLE_LABEL_DEVICE = 28,
	CONSOLE_LABEL_STATE = 29,
	CONSOLE_LABEL_REASON = 30,
	CONSOLE_LABEL_SEEN = 31,
	CONSOLE_LABEL_READ = 32,
	CONSOLE_LABEL_BATTERY = 33,
	CONSOLE_LABEL_SIGNAL = 34,
	CONSOLE_LABEL_TRIGGER = 35,
	CONSOLE_LABEL_COUNT = 36,
	CONSOLE_LABEL_CALLS_FOR = 37,
	CONSOLE_LABEL_SIGNED = 38,
	CONSOLE_LABEL_UPTIME = 39,
	CONSOLE_LABEL_ERROR = 40,
	CONSOLE_LABEL_TEST = 41, /* what is measured is a test for so long */
	/* on a stick: records, octets */
	CONSOLE_LABEL_WRITTEN = 42,
	CONSOLE_LABEL_BYTES = 43,
	CONSOLE_LABEL_SETTING = 44, /* of the network */
	CONSOLE_LABEL_CONFIRM = 45, /* the clinic has to answer within so long */
	CONSOLE_LABEL_WINDOW = 46,  /* for pairing, open for so long */
	/* what the clinic makes of known vulnerabilities: struct config_risk */
	CONSOLE_LABEL_VULNERABLE = 47,
	CONSOLE_LABEL_ACTUAL = 48,
	CONSOLE_LABEL_INTERNAL = 49,
	CONSOLE_LABEL_UNPROVEN = 50,
	CONSOLE_LABEL_CLOSED = 51,
	CONSOLE_LABEL_INSTALLED = 52,
	CONSOLE_LABEL_LOADED = 53,
	CONSOLE_LABEL_EXPOSED = 54,
	CONSOLE_LABEL_LISTS = 55, /* are so old */
	CONSOLE_LABEL_THIS_IMAGE = 56,
	CONSOLE_LABEL_WORST = 57,
	/* erased by a reset: they are on a stick, and maybe not yet at the clinic */
	CONSOLE_LABEL_ON_STICK = 58,
	CONSOLE_LABEL_ENDS = 59, /* by what: a word from RELEASE on */
	CONSOLE_LABEL_LAST = CONSOLE_LABEL_ENDS,
};

/* Our own words; their texts stand in hub/console/format.c. */
enum console_word {
	CONSOLE_WORD_NONE = 0,
	CONSOLE_WORD_GOOD = 1,
	CONSOLE_WORD_BAD = 2,
	CONSOLE_WORD_UNKNOWN = 3,
	CONSOLE_WORD_HUB = 4, /* model */
	/* levels, in their order */
	CONSOLE_WORD_NORMAL = 5,
	CONSOLE_WORD_GUARDED = 6,
	CONSOLE_WORD_QUARANTINED = 7,
	CONSOLE_WORD_SEALED = 8,
	CONSOLE_WORD_RETIRED = 9,
	/* the light, as enum indicator_light from 1 on */
	CONSOLE_WORD_READY = 10,
	CONSOLE_WORD_SAVED = 11,
	CONSOLE_WORD_REACHED = 12,
	CONSOLE_WORD_NEEDS_YOU = 13,
	CONSOLE_WORD_CODE = 14,
	CONSOLE_WORD_OFF = 15,
	/* clocks, as enum clock_quality */
	CONSOLE_WORD_NO_CLOCK = 16,
	CONSOLE_WORD_NOT_SYNCHRONISED = 17,
	CONSOLE_WORD_NTP = 18,
	CONSOLE_WORD_CLINIC = 19,
	/* devices, as enum device_state */
	CONSOLE_WORD_UNBONDED = 20,
	CONSOLE_WORD_PAIRING = 21,
	CONSOLE_WORD_BONDED = 22,
	CONSOLE_WORD_CONNECTED = 23,
	CONSOLE_WORD_BOND_LOST = 24,
	CONSOLE_WORD_PAIRING_FAILED = 25,
	/* why a device is silent, as enum silence_reason */
	CONSOLE_WORD_REASON_NONE = 26,
	CONSOLE_WORD_UNSEEN = 27,
	CONSOLE_WORD_DEVICE_FORGOT = 28,
	CONSOLE_WORD_HUB_FORGOT = 29,
	CONSOLE_WORD_TAKEN = 30,
	CONSOLE_WORD_CHANGED = 31,
	CONSOLE_WORD_SERVICES = 32,
	CONSOLE_WORD_ADAPTER = 33,
	CONSOLE_WORD_WEAK = 34,
	CONSOLE_WORD_PASSKEY = 35,
	CONSOLE_WORD_KEY_SHORT = 36,
	CONSOLE_WORD_CONSENT = 37,
	/* what was noticed: this and enum trigger, 1..16 */
	CONSOLE_WORD_TRIGGER = 40,
	CONSOLE_WORD_TRIGGER_LAST = 56,
	/* enrolment: this and enum enrol_state */
	CONSOLE_WORD_ENROL = 60,
	CONSOLE_WORD_ENROL_LAST = 65,
	/* of storage, this and enum store_blocked */
	CONSOLE_WORD_BLOCKED = 70,
	CONSOLE_WORD_BLOCKED_LAST = 73,
	/* of the network: this and enum network_kind; what became of the last 'net set': this and enum network_trial */
	CONSOLE_WORD_NETWORK = 74,
	CONSOLE_WORD_NETWORK_LAST = 75,
	CONSOLE_WORD_TRIAL = 76,
	CONSOLE_WORD_TRIAL_LAST = 79,
	CONSOLE_WORD_OLD = 80,
	/* how what was noticed ends */
	CONSOLE_WORD_RELEASE = 81,
	CONSOLE_WORD_ITSELF = 82,
	CONSOLE_WORD_LAST = CONSOLE_WORD_ITSELF,
};

/* One of an answer. Those of one row stand on one line. */
struct console_value {
	uint8_t row;
	enum console_label label;
	enum console_type type;
	uint64_t value;
};

enum console_outcome {
	CONSOLE_OUTCOME_NONE = 0,
	CONSOLE_OK = 1,
	CONSOLE_WAIT = 2, /* .wait_s, and then again */
	CONSOLE_NO = 3,	  /* .why */
	CONSOLE_OUTCOME_LAST = CONSOLE_NO,
};

/* Why not. */
enum console_why {
	CONSOLE_WHY_NONE = 0,
	CONSOLE_WHY_LOGIN = 1,	/* somebody has to log in first */
	CONSOLE_WHY_GRANT = 2,	/* the token does not name this verb */
	CONSOLE_WHY_LEVEL = 3,	/* not at the level the hub is at */
	CONSOLE_WHY_SECOND = 4, /* a second signature, of another role, is needed */
	CONSOLE_WHY_BUTTON = 5, /* nobody pressed it */
	CONSOLE_WHY_TOKEN =
		6, /* not good: form, signature, signer, or of something else */
	CONSOLE_WHY_STALE = 7,	  /* a token for another challenge, or it has run out */
	CONSOLE_WHY_ARGUMENT = 8, /* of the verb */
	CONSOLE_WHY_BUSY = 9,	 /* a session is open, or hubd has something else to do */
	CONSOLE_WHY_UNSENT = 10, /* readings are unsent */
	CONSOLE_WHY_EARLY = 11,	 /* not long enough at this level */
	CONSOLE_WHY_MEASURE = 12,  /* two clean measurements are missing */
	CONSOLE_WHY_CONFIG = 13,   /* there is no configuration: nobody's token counts */
	CONSOLE_WHY_FAILED = 14,   /* it could not be done */
	CONSOLE_WHY_ROLE = 15,	   /* somebody of this role may not */
	CONSOLE_WHY_UNKNOWN = 16,  /* no such verb */
	CONSOLE_WHY_RETIRING = 17, /* the hub is retired, or about to be */
	/* of an export */
	CONSOLE_WHY_NO_STICK =
		18, /* none is in a port, or no file system that is known is on it */
	CONSOLE_WHY_STICK_FULL = 19,
	CONSOLE_WHY_NOTHING = 20, /* to write */
	/* of a template for the network */
	CONSOLE_WHY_TEMPLATE = 21, /* not good: form, signature, or of another hub */
	CONSOLE_WHY_OLD = 22,	   /* not newer than the last one */
	/* of pair and unpair */
	CONSOLE_WHY_PAIRED = 23, /* it is */
	CONSOLE_WHY_DEVICE = 24, /* none of these digits */
	CONSOLE_WHY_LAST = CONSOLE_WHY_DEVICE,
};

/* console_why_text - "no-stick"; "?" for a number that is none. Pure. */
const char *console_why_text(unsigned why);

/* Ends a session, or says that it ended by itself. */
enum console_end {
	CONSOLE_END_NONE = 0,
	CONSOLE_END_LOGOUT = 1,
	CONSOLE_END_IDLE = 2,
	CONSOLE_END_OVER = 3, /* the session's or the token's time */
	CONSOLE_END_CABLE = 4,
	CONSOLE_END_LEVEL =
		5, /* the hub's level changed, by something else than this session */
	CONSOLE_END_LAST = CONSOLE_END_LEVEL,
};

/* What the bytes of a line are, in .number. */
enum console_form {
	CONSOLE_PASTED = 1,   /* a token */
	CONSOLE_READ_OUT = 2, /* 20 digits */
	CONSOLE_TEMPLATE = 3, /* of 'net set': hub/core/network.h */
};

/* hub-console -> hubd: one line. */
struct msg_console_ask {
	uint32_t ask; /* comes back in the answer */
	uint8_t verb; /* enum verb */
	uint64_t
		number; /* enum console_form, if there are bytes; else the argument (typed.h) */
	uint16_t len;
	uint8_t bytes[CONSOLE_BYTES_MAX]; /* a token, digits, or a template */
};

/* hubd -> hub-console. Messages of one answer come one after the other; the last has 'more' false. */
struct msg_console_answer {
	uint32_t ask;	   /* 0: nobody asked: the session ended */
	bool more, open;   /* a session is open after it */
	bool wants_button; /* the answer follows when the button was pressed, or not */
	enum console_outcome outcome; /* NONE while more */
	enum console_why why;
	enum console_end end;
	uint32_t wait_s;
	bool challenged;
	uint8_t challenge[CONSOLE_CHALLENGE_LEN];
	uint8_t count;
	struct console_value values[CONSOLE_VALUES_MAX];
};

/* hub-console -> hubd: somebody is at the line, or is gone. */
struct msg_console_cable {
	bool there;
	bool senses; /* the line can tell when it is pulled */
};
