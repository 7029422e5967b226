#pragma once

/*
 * visit.h - the technician's visit, from the first power to the first reading: which steps there are, what each needs, and
 * what is said of it. Pure.
 *
 * Some steps ask the technician, the others look at what the clinic knows by itself and wait for it. Nothing that is looked
 * at is a value of a reading: of one the clinic's side knows here only that it came, from which kind of device, and when.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/store.h"
#include "clinic/store_status.h"
#include "hub/core/label.h"

enum {
	VISIT_WORDS_MAX = 1600, /* something of each device */
	VISIT_HASH_LEN = 8,	/* of the config, as people compare it */
	/* a reading that came so long after it was taken had waited in the hub */
	VISIT_WAITED_MS = 15 * 1000,
};

/* The numbers are in the database. */
enum visit_step {
	VISIT_PLAN = 1,
	VISIT_CONSENT,
	VISIT_LABEL,
	VISIT_PLACE,
	VISIT_UPLINK,
	VISIT_DEVICES,
	VISIT_WALK,
	VISIT_PATIENT,
	VISIT_CARD,
	VISIT_SIGN_OFF,
	VISIT_STEPS, /* one more than the last */
};

enum visit_outcome {
	VISIT_OPEN = 0, /* not yet; never stored */
	VISIT_PASSED = 1,
	VISIT_FAILED = 2,
};

/* What is known of one device of the config. */
struct visit_device {
	uint16_t num;
	enum reading_kind kind;
	bool alone; /* no other one of its kind: any reading of this kind is its */
	bool told; /* the hub's last status has it; else bond and battery are not known */
	enum bond_state bond;
	uint8_t battery; /* percent, STATUS_BATTERY_UNKNOWN */
	bool has_clock_error;
	int32_t clock_error_s;
	int8_t signal_dbm;   /* as in struct status_device */
	int64_t reading_ms;  /* UTC, its last reading was taken; 0: none known */
	int64_t received_ms; /* UTC, the last record of its kind came; 0: none */
};

struct visit_facts {
	int64_t now_ms;
	int64_t since_ms; /* the step was begun; what was before is of no use to it */
	bool claimed;	  /* by its label */
	bool has_key;	  /* what its label says is known */
	bool is_there;	  /* a row of the hub; else nothing below counts but the config */
	enum hub_state state;
	int64_t seen_ms; /* last request, 0: never */
	bool has_config;
	uint64_t config_wanted;
	uint32_t heartbeat_s;
	bool has_status;
	uint64_t config_used;
	enum clock_quality clock;
	bool radio;
	enum store_blocked blocked;
	char code[LABEL_CODE_MAX]; /* that its light blinks when a test is ordered */
	bool may_test;		   /* there is a technician whose orders it obeys */
	int64_t test_until_ms; /* UTC: its readings are tests until then; 0: none was ordered and done */
	struct path_quality path;
	char software[STATUS_SOFTWARE_MAX + 1]; /* empty: not told */
	/* of config_wanted as it was signed, the first octets of its SHA-256 */
	bool has_hash;
	uint8_t config_hash[VISIT_HASH_LEN];
	size_t device_count;
	struct visit_device devices[CONFIG_DEVICES_MAX];
};

/* visit_name - "uplink", for programs; never changes. visit_title - for people. Static. */
const char *visit_name(enum visit_step step);
const char *visit_title(enum visit_step step);
/* visit_task - what the technician does in this step; lines of text, static. */
const char *visit_task(enum visit_step step);
/* visit_question - to be answered with yes or no when the clinic has found the step passed; in buf, or static. NULL: nothing is
 * asked. */
const char *visit_question(enum visit_step step, const struct visit_facts *f,
			   char buf[static VISIT_WORDS_MAX]);
/* visit_versions - what the hub runs on: its config with hash, its programs. Returns buf. */
const char *visit_versions(const struct visit_facts *f, char buf[static VISIT_WORDS_MAX]);

/*
 * visit_judge - a step by what is known.
 *
 * words   what was found, or what is missing and what to do; VISIT_WORDS_MAX bytes
 *
 * Returns VISIT_PASSED, or VISIT_OPEN: not (yet).
 */
enum visit_outcome visit_judge(enum visit_step step, const struct visit_facts *f,
			       char words[static VISIT_WORDS_MAX]);
