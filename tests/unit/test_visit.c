/*
 * test_visit.c - what each step of a visit needs, at its limits, and that a visit is kept as it was; on either backend
 * (clinic_place.h).
 */
#include "clinic/store_visit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_claim.h"
#include "test.h"
#include "tests/unit/clinic_place.h"

enum { NOW = 1000000, SINCE = NOW - 60000 };

static char words[VISIT_WORDS_MAX];

/* All is well with a hub that has two cuffs and a scale. */
static struct visit_facts good(void)
{
	static const enum reading_kind kinds[] = { READING_BLOOD_PRESSURE, READING_WEIGHT,
						   READING_BLOOD_PRESSURE };
	struct visit_facts f = { .now_ms = NOW,
				 .since_ms = SINCE,
				 .is_there = true,
				 .state = HUB_ACTIVE,
				 .seen_ms = SINCE,
				 .has_config = true,
				 .config_wanted = 7,
				 .config_used = 7,
				 .has_status = true,
				 .clock = CLOCK_QUALITY_NTP,
				 .radio = true,
				 .code = "3-1-4",
				 .may_test = true,
				 .test_until_ms = NOW + 1,
				 .path = { 120, STATUS_LOSSY_FEW, 0 },
				 .software = "1.2.3",
				 .has_hash = true,
				 .config_hash = { 0xab, 1, 2, 3, 4, 5, 6, 0xcd },
				 .device_count = 3 };

	for (size_t i = 0; i < 3; i++)
		f.devices[i] = (struct visit_device){ .num = (uint16_t)(i + 1),
						      .kind = kinds[i],
						      .alone = i == 1,
						      .told = true,
						      .bond = BOND_GOOD,
						      .battery = STATUS_BATTERY_LOW,
						      .signal_dbm = STATUS_SIGNAL_WEAK,
						      .reading_ms = SINCE,
						      .received_ms = SINCE };
	return f;
}

/* Passed as it is; 'change' makes it not so, and the words say why. */
#define NEEDS(step, change, text)                                                        \
	do {                                                                             \
		struct visit_facts f = good();                                           \
		CHECK_INT(visit_judge(step, &f, words), VISIT_PASSED);                   \
		change;                                                                  \
		CHECK_INT(visit_judge(step, &f, words), VISIT_OPEN);                     \
		if (!strstr(words, text))                                                \
			printf("%s\n", words);                                           \
		CHECK(strstr(words, text) != NULL);                                      \
	} while (0)

/* And this does not. */
#define STANDS(step, change)                                                             \
	do {                                                                             \
		struct visit_facts f = good();                                           \
		change;                                                                  \
		CHECK_INT(visit_judge(step, &f, words), VISIT_PASSED);                   \
	} while (0)

static void test_steps(void)
{
	NEEDS(VISIT_PLAN, f.has_config = false, "no configuration");
	NEEDS(VISIT_PLAN, f.device_count = 0, "no devices");
	NEEDS(VISIT_LABEL, f.state = HUB_SUSPENDED, "suspended");
	NEEDS(VISIT_LABEL, f.is_there = false, "nobody has claimed");
	NEEDS(VISIT_LABEL, (f.is_there = false, f.claimed = true), "never contacted");
	NEEDS(VISIT_LABEL, f.test_until_ms = NOW, "order a test");
	STANDS(VISIT_LABEL, (f.may_test = false, f.test_until_ms = 0));
	NEEDS(VISIT_UPLINK, f.path.again = 1, "the way to the clinic is bad");
	STANDS(VISIT_UPLINK, (f.path.again = 1, f.path.requests++));
	NEEDS(VISIT_UPLINK, f.path.trip_ms = STATUS_TRIP_SLOW_MS,
	      "3000 ms there and back");
	STANDS(VISIT_UPLINK, f.path.trip_ms = STATUS_TRIP_SLOW_MS - 1);
	STANDS(VISIT_UPLINK, (f.path.trip_ms = UINT16_MAX, f.path.requests = 0));
	NEEDS(VISIT_UPLINK, f.seen_ms = SINCE - 1, "nothing was heard");
	NEEDS(VISIT_UPLINK, f.is_there = false, "nothing was heard");
	NEEDS(VISIT_UPLINK, f.has_status = false, "said nothing of itself");
	NEEDS(VISIT_UPLINK, f.config_used = 6, "configuration 6, not 7");
	STANDS(VISIT_UPLINK, f.config_used = 8);
	NEEDS(VISIT_UPLINK, f.clock = CLOCK_QUALITY_NTP - 1, "time");
	NEEDS(VISIT_UPLINK, f.blocked = STORE_FULL, "takes no readings");
	for (enum visit_step s = VISIT_PLAN; s < VISIT_STEPS; s++) {
		CHECK(*visit_name(s) && *visit_title(s) && *visit_task(s));
		CHECK(strlen(visit_title(s)) < 40);
	}
}

/* What is written down beside 'passed'. */
static void test_words(void)
{
	struct visit_facts f = good();
	char buf[VISIT_WORDS_MAX];

	CHECK_INT(visit_judge(VISIT_LABEL, &f, words), VISIT_PASSED);
	CHECK(strstr(words, "code is 3-1-4") != NULL);
	CHECK(strstr(visit_question(VISIT_LABEL, &f, buf), "flash 3-1-4?") != NULL);
	f.test_until_ms = NOW;
	CHECK(strstr(visit_question(VISIT_LABEL, &f, buf), "3-1-4") == NULL);
	CHECK(visit_question(VISIT_UPLINK, &f, buf) == NULL);
	CHECK_INT(visit_judge(VISIT_UPLINK, &f, words), VISIT_PASSED);
	CHECK(strstr(words, "the way is good: 120 ms there and back, 0 of 5") != NULL);
	f.path = (struct path_quality){ 120, 20, 3 };
	CHECK_INT(visit_judge(VISIT_UPLINK, &f, words), VISIT_PASSED);
	CHECK(strstr(words, "the way is fair: 120 ms there and back, 3 of 20") != NULL);
	f.path.requests = 0;
	CHECK_INT(visit_judge(VISIT_UPLINK, &f, words), VISIT_PASSED);
	CHECK(strstr(words, "is not known yet") != NULL);
	f.devices[0].has_clock_error = true;
	f.devices[1].battery = STATUS_BATTERY_UNKNOWN;
	f.devices[1].signal_dbm = 0;
	f.devices[0].clock_error_s = -61;
	CHECK_INT(visit_judge(VISIT_DEVICES, &f, words), VISIT_PASSED);
	CHECK_STR(words, "3 paired, and a reading of each has come; device 1: -80 dBm, "
			 "battery 20 %, clock 61 s fast; device 2: signal not known, "
			 "battery not known, clock not known; device 3: -80 dBm, battery "
			 "20 %, clock not known");
	CHECK_STR(visit_versions(&f, buf),
		  "configuration 7 with hash ab010203040506cd, software 1.2.3");
	f.config_used = 6;
	f.software[0] = '\0';
	CHECK_STR(visit_versions(&f, buf), "configuration 6, software not known");
	/* as much as there can be */
	f = good();
	f.device_count = CONFIG_DEVICES_MAX;
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
		f.devices[i] = f.devices[0];
		f.devices[i].num = (uint16_t)(UINT16_MAX - i);
		f.devices[i].battery = 100;
		f.devices[i].has_clock_error = true;
		f.devices[i].clock_error_s = STATUS_CLOCK_WRONG_S - 1;
	}
	CHECK_INT(visit_judge(VISIT_DEVICES, &f, words), VISIT_PASSED);
	CHECK(strlen(words) < VISIT_WORDS_MAX - 1 &&
	      strcmp(words + strlen(words) - 5, " slow") == 0);
}

static void test_devices(void)
{
	NEEDS(VISIT_DEVICES, f.devices[2].signal_dbm = STATUS_SIGNAL_WEAK - 1, "-81 dBm");
	STANDS(VISIT_DEVICES, f.devices[2].signal_dbm = 0);
	NEEDS(VISIT_DEVICES, (f.devices[1].signal_dbm = 0, f.devices[1].reading_ms = 0),
	      "not said yet how well it hears device 2");
	STANDS(VISIT_DEVICES, (f.devices[1].signal_dbm = 0, f.devices[1].reading_ms = 0,
			       f.software[0] = '\0'));
	NEEDS(VISIT_DEVICES, f.radio = false, "Bluetooth");
	NEEDS(VISIT_DEVICES, f.devices[2].bond = BOND_LOST, "device 3");
	STANDS(VISIT_DEVICES, f.devices[2].bond = BOND_UNKNOWN);
	NEEDS(VISIT_DEVICES, f.devices[1].told = false,
	      "device 2 (weight) is not paired");
	NEEDS(VISIT_DEVICES, f.devices[0].battery = STATUS_BATTERY_LOW - 1, "19 %");
	STANDS(VISIT_DEVICES, f.devices[0].battery = STATUS_BATTERY_UNKNOWN);
	NEEDS(VISIT_DEVICES,
	      (f.devices[0].has_clock_error = true,
	       f.devices[0].clock_error_s = -STATUS_CLOCK_WRONG_S),
	      "clock of device 1");
	STANDS(VISIT_DEVICES, (f.devices[0].has_clock_error = true,
			       f.devices[0].clock_error_s = STATUS_CLOCK_WRONG_S - 1));
	NEEDS(VISIT_DEVICES, f.devices[2].reading_ms = SINCE - 1,
	      "no reading of device 3");
	/* the only scale: any weight is its */
	STANDS(VISIT_DEVICES, f.devices[1].reading_ms = 0);
	NEEDS(VISIT_DEVICES, f.devices[1].received_ms = SINCE - 1, "device 2");
	NEEDS(VISIT_DEVICES, f.devices[0].received_ms = SINCE - 1, "has not reached");
}

static void test_walk(void)
{
	struct visit_facts f = good();

	CHECK_INT(visit_judge(VISIT_WALK, &f, words), VISIT_OPEN);
	f.devices[1].received_ms = SINCE + VISIT_WAITED_MS - 1;
	CHECK_INT(visit_judge(VISIT_WALK, &f, words), VISIT_OPEN);
	f.devices[1].received_ms++;
	CHECK_INT(visit_judge(VISIT_WALK, &f, words), VISIT_PASSED);
	CHECK(strstr(words, "waited 15 s") != NULL);
	f.devices[1].reading_ms--; /* taken before this step */
	CHECK_INT(visit_judge(VISIT_WALK, &f, words), VISIT_OPEN);
	f = good();
	CHECK_INT(visit_judge(VISIT_PATIENT, &f, words), VISIT_PASSED);
	for (size_t i = 0; i < 3; i++)
		f.devices[i].received_ms = SINCE - 1;
	CHECK_INT(visit_judge(VISIT_PATIENT, &f, words), VISIT_OPEN);
	f.device_count = 0;
	CHECK_INT(visit_judge(VISIT_WALK, &f, words), VISIT_OPEN);
	CHECK_INT(visit_judge(VISIT_PATIENT, &f, words), VISIT_OPEN);
}

static unsigned seen;

static int on_entry(void *arg, const struct visit_entry *e)
{
	(void)arg;
	CHECK_UINT(e->number, ++seen);
	CHECK_INT(e->step, (int)seen);
	CHECK_INT(e->outcome, seen == 2 ? VISIT_FAILED : VISIT_PASSED);
	CHECK_STR(e->who, "Anna");
	CHECK_STR(e->words, seen == 2 ? "not signed" : "");
	return 0;
}

static void test_kept(void)
{
	const uint8_t other[HUB_ID_LEN] = "another";
	struct claim c = { .spki = "a key of the device", .name = "kitchen", .by = "Bo" };
	struct claim no;
	struct visit_facts f = { .now_ms = NOW };
	uint8_t id[HUB_ID_LEN], spki[PIN_LEN];
	struct place place;
	struct store *s;

	place_make(&place);
	CHECK_INT(place_create(&place, &s), 0);
	CHECK_INT(store_visit_facts(s, "kitchen", &f, id, spki), -ENOENT);
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(claim_put(s, &c, &no), CLAIM_DONE);
	CHECK_INT(store_commit(s), 0);
	CHECK_INT(store_visit_facts(s, "kitchen", &f, id, spki), 0);
	CHECK(f.has_key && f.claimed && !f.is_there && !f.has_config &&
	      f.device_count == 0);
	CHECK_MEM(spki, c.spki, PIN_LEN);
	CHECK_MEM(id, c.spki, HUB_ID_LEN);
	CHECK_INT(store_begin(s), 0);
	for (int i = 1; i <= 3; i++) {
		struct visit_entry e = { .at_ms = NOW + i,
					 .step = (enum visit_step)i,
					 .outcome = i == 2 ? VISIT_FAILED : VISIT_PASSED,
					 .who = "Anna" };

		if (i == 2)
			snprintf(e.words, sizeof(e.words), "not signed");
		CHECK_INT(store_visit_add(s, id, &e), 0);
		CHECK_UINT(e.number, (unsigned)i);
	}
	CHECK_INT(store_commit(s), 0);
	CHECK_INT(store_visit_each(s, id, on_entry, NULL), 0);
	CHECK_UINT(seen, 3);
	CHECK_INT(store_visit_each(s, other, on_entry, NULL), 0);
	CHECK_UINT(seen, 3);
	store_close(s);
	place_remove(&place);
}

TEST_MAIN("visit", test_steps, test_words, test_devices, test_walk, test_kept)
