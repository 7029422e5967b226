/*
 * test_status.c - what a hub says of itself: its bytes, garbage, what counts as news; and how hubd gathers it.
 */
#include "tests/unit/test.h"

#include "hub/core/batch.h"
#include "hub/core/err.h"
#include "hub/core/status.h"
#include "hub/health.h"

/* The longest there can be. */
static struct status largest(void)
{
	struct status s = {
		.level = STATUS_LEVEL_MAX,
		.clock = CLOCK_QUALITY_CLINIC,
		.radio = true,
		.blocked = STORE_FAULT,
		.config_version = INT64_MAX,
		.has_made = true,
		.made_ms = INT64_MIN + 1,
		.waiting = true,
		.waiting_s = UINT32_MAX,
		.spool = true,
		.refused = INT64_MAX,
		.has_assignment = true,
		.assignment = UINT32_MAX,
		.fence = FENCE_STEP_LAST,
		.enrolment = ENROL_STATE_LAST,
		.trouble = ENROL_TROUBLE_LAST,
		.light = STATUS_LIGHT_MAX,
		.refused_version = INT64_MAX,
		.refusal = REFUSAL_LAST,
		.proven_version = INT64_MAX - 1,
		.trial = TRIAL_LAST,
		.trigger_count = HEALTH_TRIGGERS_MAX,
		.command = { INT64_MAX, COMMAND_RESULT_LAST },
		.retiring = true,
		.challenged = true,
		.lock_epoch = UINT32_MAX,
		.path = { PATH_TRIP_MAX_MS, PATH_REQUESTS_MAX, PATH_REQUESTS_MAX },
		.escrow = { .there = true, .lock_epoch = UINT32_MAX, .bytes = { 1, 2 } },
		.software = "10.20.300-rc.40",
		.device_count = STATUS_DEVICES_MAX
	};

	for (size_t i = 0; i < HEALTH_TRIGGERS_MAX; i++)
		s.triggers[i] = (struct health_trigger){ HEALTH_TRIGGER_LAST, UINT16_MAX,
							 UINT32_MAX - (uint32_t)i, 3 };
	for (size_t i = 0; i < STATUS_DEVICES_MAX; i++)
		s.devices[i] = (struct status_device){
			.num = (uint16_t)(UINT16_MAX - STATUS_DEVICES_MAX + 1 + i),
			.bond = BOND_FAILED,
			.cause = SILENCE_REASON_LAST,
			.seen = true,
			.read = true,
			.seen_s = UINT32_MAX,
			.read_s = UINT32_MAX - 1,
			.battery = 100,
			.has_clock_error = true,
			.clock_error_s = INT32_MIN,
			.signal_dbm = SIGNAL_MIN_DBM,
		};
	return s;
}

static void test_round_trip(void)
{
	const struct status all[] = {
		largest(),
		{ .blocked = STORE_READY },
		{ .has_assignment = true },
		{ .escrow = { true, 0, { 9 } } },
		{ .has_assignment = true, .fence = FENCE_QUIET },
		{ .enrolment = ENROL_ACTIVE },
		{ .enrolment = ENROL_ACTIVE, .trouble = ENROL_TURNED_AWAY },
		{ .radio = true,
		  .device_count = 1,
		  .devices = { { .num = 1, .battery = STATUS_BATTERY_UNKNOWN } } },
		{ .device_count = 1,
		  .devices = { { .num = 1, .seen = true, .battery = 0 } } }
	};
	uint8_t a[BATCH_STATUS_MAX + 1], b[BATCH_STATUS_MAX];

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct status out;
		int n = status_encode(&all[i], a, BATCH_STATUS_MAX);

		CHECK(n > 0);
		CHECK_INT(status_decode(a, (size_t)n, &out), 0);
		CHECK_INT(status_encode(&out, b, sizeof(b)), n);
		CHECK_MEM(a, b, (size_t)n);
		CHECK(status_same(&all[i], &out));
		for (int cut = 0; cut < n; cut++)
			CHECK(status_decode(a, (size_t)cut, &out) < 0);
		a[n] = 0;
		CHECK_INT(status_decode(a, (size_t)n + 1, &out), -EBADMSG);
		CHECK_INT(status_encode(&all[i], a, (size_t)n - 1), -ENOSPC);
	}
	for (size_t i = 2; i < 6; i++)
		CHECK(!status_same(&all[1], &all[i]));
	CHECK(!status_same(&all[5], &all[6]));
	a[0] = 0xa0; /* a hub that knows nothing */
	CHECK_INT(status_encode(&all[1], b, sizeof(b)), 1);
	CHECK_MEM(a, b, 1);
}

/* That what comes out is what went in. */
static void test_fields(void)
{
	struct status in = largest(), out;
	uint8_t b[BATCH_STATUS_MAX];
	int n = status_encode(&in, b, sizeof(b));

	CHECK_INT(status_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.level, 4);
	CHECK_INT(out.clock, CLOCK_QUALITY_CLINIC);
	CHECK_INT(out.blocked, STORE_FAULT);
	CHECK(out.radio && out.has_made && out.waiting && out.spool);
	CHECK_UINT(out.config_version, INT64_MAX);
	CHECK_INT(out.made_ms, INT64_MIN + 1);
	CHECK_UINT(out.waiting_s, UINT32_MAX);
	CHECK_UINT(out.refused, INT64_MAX);
	CHECK_UINT(out.light, STATUS_LIGHT_MAX);
	CHECK_UINT(out.refused_version, INT64_MAX);
	CHECK_INT(out.refusal, REFUSAL_LAST);
	CHECK_UINT(out.proven_version, INT64_MAX - 1);
	CHECK_INT(out.trial, TRIAL_LAST);
	CHECK_MEM(&out.escrow, &in.escrow, sizeof(in.escrow));
	CHECK(out.has_assignment);
	CHECK_UINT(out.assignment, UINT32_MAX);
	CHECK_INT(out.fence, FENCE_STEP_LAST);
	CHECK_INT(out.enrolment, ENROL_STATE_LAST);
	CHECK_INT(out.trouble, ENROL_TROUBLE_LAST);
	CHECK_UINT(out.device_count, STATUS_DEVICES_MAX);
	CHECK_UINT(out.devices[15].num, UINT16_MAX);
	CHECK_INT(out.devices[15].bond, BOND_FAILED);
	CHECK_INT(out.devices[15].cause, SILENCE_REASON_LAST);
	CHECK_UINT(out.devices[15].seen_s, UINT32_MAX);
	CHECK_UINT(out.devices[15].read_s, UINT32_MAX - 1);
	CHECK_UINT(out.devices[15].battery, 100);
	CHECK_INT(out.devices[15].clock_error_s, INT32_MIN);
	CHECK_INT(out.devices[15].signal_dbm, SIGNAL_MIN_DBM);
	CHECK_UINT(out.path.trip_ms, PATH_TRIP_MAX_MS);
	CHECK_UINT(out.path.requests, PATH_REQUESTS_MAX);
	CHECK_UINT(out.path.again, PATH_REQUESTS_MAX);
	CHECK_STR(out.software, "10.20.300-rc.40");
	in.device_count++;
	CHECK_INT(status_encode(&in, b, sizeof(b)), -ENOSPC);
}

static int decode(const char *hex)
{
	struct status out;
	uint8_t b[256];
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned v;

		CHECK_INT(sscanf(hex, "%2x", &v), 1);
		b[n++] = (uint8_t)v;
	}
	return status_decode(b, n, &out);
}

static void test_garbage(void)
{
	CHECK_INT(decode("a0"), 0);
	CHECK_INT(decode(""), -EBADMSG);
	CHECK_INT(decode("80"), -EBADMSG);
	CHECK_INT(decode("bf0101ff"), -EBADMSG);	       /* indefinite */
	CHECK_INT(decode("a201010101"), -EBADMSG);	       /* twice */
	CHECK_INT(decode("a202010100"), -EBADMSG);	       /* not ascending */
	CHECK_INT(decode("bbffffffffffffffff"), -ERANGE);      /* 2^64 pairs */
	CHECK_INT(decode("a11bffffffffffffffff00"), -EBADMSG); /* key 2^64 - 1 */
	CHECK_INT(decode("a10104"), 0);			       /* level */
	CHECK_INT(decode("a10105"), -ERANGE);
	CHECK_INT(decode("a10203"), 0); /* clock */
	CHECK_INT(decode("a10204"), -ERANGE);
	CHECK_INT(decode("a10301"), 0); /* radio */
	CHECK_INT(decode("a10302"), -ERANGE);
	CHECK_INT(decode("a10403"), 0); /* blocked */
	CHECK_INT(decode("a10404"), -ERANGE);
	CHECK_INT(decode("a10802"), -ERANGE);
	CHECK_INT(decode("a10a0f"), 0); /* light */
	CHECK_INT(decode("a10f820500"), 0);
	CHECK_INT(decode("a10f820600"), -ERANGE);
	CHECK_INT(decode("a10f82050c"), -ERANGE);
	CHECK_INT(decode("a10f820000"), -ERANGE);
	CHECK_INT(decode("a10f8105"), -EBADMSG);
	CHECK_INT(decode("a10a10"), -ERANGE);
	/* keys of a later program, with anything in them */
	CHECK_INT(decode("a2010118638201a1024101"), 0);
	CHECK_INT(decode("a10b80"), 0);
	CHECK_INT(decode("a10b81a0"), -ERANGE);		  /* a device without a number */
	CHECK_INT(decode("a10b81a10100"), -ERANGE);	  /* number 0 */
	CHECK_INT(decode("a10b82a10102a10101"), -ERANGE); /* not ascending */
	CHECK_INT(decode("a10b82a10101a10101"), -ERANGE); /* twice */
	CHECK_INT(decode("a10b82a10101a10102"), 0);
	CHECK_INT(decode("a10b81a2010118638101"), 0); /* a device's key of later */
	CHECK_INT(decode("a10b81a2010119ffff"), -EBADMSG);
	CHECK_INT(decode("a10b81a201010206"), -ERANGE); /* bond */
	CHECK_INT(decode("a10b81a20101030c"), -ERANGE); /* cause */
	CHECK_INT(decode("a10b81a20101030b"), 0);
	CHECK_INT(decode("a10b81a20101061864"), 0); /* battery */
	CHECK_INT(decode("a10b81a20101061865"), -ERANGE);
	CHECK_INT(decode("a10b81a20101041affffffff"), 0); /* seen */
	CHECK_INT(decode("a10b81a20101041b0000000100000000"), -ERANGE);
	CHECK_INT(decode("a10b81a20101073a7fffffff"), 0); /* clock */
	CHECK_INT(decode("a10b81a20101073a80000000"), -ERANGE);
	CHECK_INT(decode("a10b81a20101071a80000000"), -ERANGE);
	CHECK_INT(decode("a10b81a201010820"), 0); /* signal: -1 dBm */
	CHECK_INT(decode("a10b81a20101083827"), 0);
	CHECK_INT(decode("a10b81a2010108387e"), 0);
	CHECK_INT(decode("a10b81a2010108387f"), -ERANGE);
	CHECK_INT(decode("a10b81a201010800"), -ERANGE);
	CHECK_INT(decode("a10b91"), -ERANGE);	  /* 17 devices */
	CHECK_INT(decode("a11383190100140a"), 0); /* the way */
	CHECK_INT(decode("a11383000101"), 0);
	CHECK_INT(decode("a11383000102"), -ERANGE);
	CHECK_INT(decode("a11383000000"), -ERANGE);
	CHECK_INT(decode("a11383001500"), -ERANGE);
	CHECK_INT(decode("a1138319ea600100"), 0);
	CHECK_INT(decode("a1138319ea610100"), -ERANGE);
	CHECK_INT(decode("a113820001"), -EBADMSG);
	CHECK_INT(decode("a1146131"), 0); /* software */
	CHECK_INT(decode("a11460"), -ERANGE);
	CHECK_INT(decode("a114620a31"), -ERANGE);
	CHECK_INT(decode("a11462317f"), -ERANGE);
	CHECK_INT(decode("a1146f313131313131313131313131313131"), 0);
	CHECK_INT(decode("a1147031313131313131313131313131313131"), -ERANGE);
}

static void test_flipped(void)
{
	struct status in = largest(), out;
	uint8_t good[BATCH_STATUS_MAX], b[BATCH_STATUS_MAX];
	int n = status_encode(&in, good, sizeof(good));
	unsigned taken = 0;

	for (unsigned round = 0; round < 20000; round++) {
		memcpy(b, good, sizeof(b));
		for (unsigned k = 0; k <= test_random() % 3; k++)
			b[test_random() % (unsigned)n] = (uint8_t)test_random();
		if (status_decode(b, (size_t)n, &out))
			continue;
		taken++;
		CHECK(out.level <= STATUS_LEVEL_MAX);
		CHECK(out.device_count <= STATUS_DEVICES_MAX);
		for (size_t i = 1; i < out.device_count; i++)
			CHECK(out.devices[i].num > out.devices[i - 1].num);
		CHECK(status_encode(&out, b, sizeof(b)) > 0);
	}
	CHECK(taken > 100);
}

/* Ages, counts and the light are no news; all that changes the reason of a silence is. */
static void test_news(void)
{
	const struct status base = largest();
	struct status s;

#define NEWS(field, value, same)                                                         \
	do {                                                                             \
		s = base;                                                                \
		s.field = (value);                                                       \
		CHECK_INT(status_same(&base, &s), (same));                               \
	} while (0)
	NEWS(devices[3].seen_s, 1, true);
	NEWS(devices[3].read_s, 1, true);
	NEWS(made_ms, 1, true);
	NEWS(waiting_s, 1, true);
	NEWS(waiting, false, true);
	NEWS(refused, 1, true);
	NEWS(path.again, 0, true);
	NEWS(devices[3].signal_dbm, STATUS_SIGNAL_WEAK - 1, true);
	NEWS(devices[3].signal_dbm, STATUS_SIGNAL_WEAK, false);
	NEWS(devices[3].signal_dbm, 0, false);
	NEWS(light, 1, true);
	NEWS(devices[3].battery, STATUS_BATTERY_LOW, true);
	NEWS(devices[3].battery, STATUS_BATTERY_LOW - 1, false);
	NEWS(devices[3].clock_error_s, -STATUS_CLOCK_WRONG_S, true);
	NEWS(devices[3].clock_error_s, -STATUS_CLOCK_WRONG_S + 1, false);
	NEWS(devices[3].clock_error_s, STATUS_CLOCK_WRONG_S - 1, false);
	NEWS(devices[3].clock_error_s, STATUS_CLOCK_WRONG_S, true);
	NEWS(devices[3].has_clock_error, false, false);
	NEWS(devices[15].bond, BOND_GOOD, false);
	NEWS(devices[0].cause, SILENCE_NONE, false);
	NEWS(devices[0].num, 1, false);
	NEWS(devices[0].seen, false, false);
	NEWS(devices[0].read, false, false);
	NEWS(device_count, 15, false);
	NEWS(level, 0, false);
	NEWS(clock, CLOCK_QUALITY_NTP, false);
	NEWS(radio, false, false);
	NEWS(blocked, STORE_READY, false);
	NEWS(config_version, 1, false);
	NEWS(spool, false, false);
	NEWS(refused_version, 1, false);
	NEWS(refusal, REFUSAL_OLDER, false);
	NEWS(proven_version, 0, false);
}

/* --- hubd's part -------------------------------------------------------------------------------- */

static struct config two_devices(void)
{
	struct config c = { .version = 7, .device_count = 2 };

	c.devices[0].num = 5; /* not in order */
	c.devices[1].num = 2;
	return c;
}

static struct health_device device(const struct health *h, uint16_t num)
{
	for (size_t i = 0; i < h->now.device_count; i++)
		if (h->now.devices[i].num == num)
			return h->now.devices[i];
	CHECK(false); /* no such device */
	return h->now.devices[0];
}

static void tell(struct health *h, enum status_what what, uint64_t a, uint64_t b)
{
	health_on_status(h, &(struct msg_status){ what, a, b });
}

static void test_gathering(void)
{
	struct config c = two_devices();
	struct msg_health m;
	struct health h;

	health_init(&h);
	tell(&h, STATUS_DEVICE, 5, DEVICE_BONDED); /* no such device yet */
	health_on_config(&h, &c);
	CHECK_UINT(h.now.devices[0].num, 2);
	CHECK_UINT(h.now.devices[1].num, 5);
	CHECK(!device(&h, 5).told && device(&h, 5).battery == UINT8_MAX);
	tell(&h, STATUS_ADAPTER, 1, 0);
	tell(&h, STATUS_DEVICE, 5, DEVICE_BOND_LOST);
	tell(&h, STATUS_REASON, 5, SILENCE_TAKEN);
	tell(&h, STATUS_SEEN, 5, 1000);
	tell(&h, STATUS_READING, 5, 900);
	tell(&h, STATUS_BATTERY, 5, 12);
	tell(&h, STATUS_CLOCK, 5, (uint64_t)INT64_C(-61999));
	CHECK(h.now.radio && device(&h, 5).told);
	CHECK_INT(device(&h, 5).state, DEVICE_BOND_LOST);
	CHECK_INT(device(&h, 5).reason, SILENCE_TAKEN);
	CHECK(device(&h, 5).seen && device(&h, 5).seen_at.ms == 1000);
	CHECK(device(&h, 5).read && device(&h, 5).read_at.ms == 900);
	CHECK_UINT(device(&h, 5).battery, 12);
	CHECK(device(&h, 5).has_clock_error && device(&h, 5).clock_error_s == -61);
	CHECK(!device(&h, 2).told && !device(&h, 2).seen);
	tell(&h, STATUS_SIGNAL, 5, (uint64_t)INT64_C(-81));
	CHECK_INT(device(&h, 5).signal_dbm, -81);
	tell(&h, STATUS_PATH, 250, 20 << 8 | 3);
	CHECK_UINT(h.now.path.trip_ms, 250);
	CHECK_UINT(h.now.path.requests, 20);
	CHECK_UINT(h.now.path.again, 3);
	/* nonsense is not known, not believed */
	tell(&h, STATUS_SIGNAL, 5, 1);
	CHECK_INT(device(&h, 5).signal_dbm, 0);
	tell(&h, STATUS_PATH, 250, 3 << 8 | 4);
	CHECK_UINT(h.now.path.requests, 0);
	tell(&h, STATUS_DEVICE, 5, 99);
	tell(&h, STATUS_REASON, 5, 99);
	tell(&h, STATUS_BATTERY, 5, 101);
	tell(&h, STATUS_CLOCK, 5, (uint64_t)INT64_MIN);
	CHECK(!device(&h, 5).told && device(&h, 5).reason == SILENCE_NONE);
	CHECK_UINT(device(&h, 5).battery, UINT8_MAX);
	CHECK_INT(device(&h, 5).clock_error_s, INT32_MIN);
	/* another config: 5 stays as it is, 2 goes, 9 comes */
	c.devices[1].num = 9;
	health_on_config(&h, &c);
	CHECK_UINT(h.now.device_count, 2);
	CHECK(device(&h, 5).seen && !device(&h, 9).seen);
	health_on_ble_down(&h);
	CHECK(!h.now.radio && device(&h, 5).seen);
	health_set(&h, 2, 3, CLOCK_QUALITY_NTP);
	CHECK(health_next(&h, (struct mono){ 1 }, &m));
	CHECK_UINT(m.level + m.light, 5);
	CHECK_INT(m.clock, CLOCK_QUALITY_NTP);
	CHECK_UINT(m.config_version, 7);
	health_sent(&h, (struct mono){ 1 });
	CHECK(!h.changed);
	health_set_refused(&h, 0, REFUSAL_NONE);
	health_set_proven(&h, 0);
	CHECK(!h.changed);
	health_set_proven(&h, 6);
	CHECK(h.changed);
	health_sent(&h, (struct mono){ 1 });
	health_set_refused(&h, 8, REFUSAL_SIGNATURE);
	CHECK(h.changed);
	CHECK(health_next(&h, (struct mono){ HEALTH_EVERY_MS + 1 }, &m));
	CHECK_UINT(m.proven_version, 6);
	CHECK_UINT(m.refused_version, 8);
	CHECK_INT(m.refusal, REFUSAL_SIGNATURE);
}

static void test_pace(void)
{
	struct config c = two_devices();
	struct msg_health m;
	struct health h;

	health_init(&h);
	health_on_config(&h, &c);
	CHECK(health_next(&h, (struct mono){ 0 }, &m));
	health_sent(&h, (struct mono){ 10 });
	CHECK(!health_next(&h, (struct mono){ 10 }, &m));
	CHECK_UINT(health_deadline(&h).ms, MONO_NEVER.ms);
	tell(&h, STATUS_UPLINK, 1, 0); /* not about this */
	tell(&h, STATUS_SEEN, 3, 1);   /* nobody's */
	health_set(&h, 0, 0, CLOCK_QUALITY_NONE);
	CHECK_UINT(health_deadline(&h).ms, MONO_NEVER.ms);
	tell(&h, STATUS_SEEN, 2, 1);
	CHECK_UINT(health_deadline(&h).ms, 10 + HEALTH_EVERY_MS);
	CHECK(!health_next(&h, (struct mono){ 9 + HEALTH_EVERY_MS }, &m));
	CHECK(health_next(&h, (struct mono){ 10 + HEALTH_EVERY_MS }, &m));
	health_sent(&h, (struct mono){ 50 });
	health_on_store_up(&h); /* it knows nothing: at once */
	CHECK(health_next(&h, (struct mono){ 51 }, &m));
}

TEST_MAIN("status", test_round_trip, test_fields, test_garbage, test_flipped, test_news,
	  test_gathering, test_pace)
