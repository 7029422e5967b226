/*
 * test_indicator.c - the patient's light over whole days in virtual time.
 */
#include "tests/unit/test.h"

#include "hub/indicator.h"

static struct indicator i;

static enum indicator_light after(enum status_what what, uint64_t a, uint64_t b,
				  uint64_t ms)
{
	struct msg_status s = { what, a, b };
	struct mono now = { ms };

	indicator_on_status(&i, &s, now);
	return indicator_light(&i, now);
}

static void test_day(void)
{
	indicator_init(&i);
	CHECK_INT(indicator_light(&i, (struct mono){ 0 }), LIGHT_READY);
	CHECK_INT(after(STATUS_SAVED, 1, 1, 1000), LIGHT_SAVED);
	CHECK_INT(after(STATUS_DELIVERED, 0, 1, 2000), LIGHT_REACHED);
	CHECK_INT(after(STATUS_SAVED, 1, 2, 3000), LIGHT_SAVED);
	/* offline is not the patient's task */
	CHECK_INT(after(STATUS_UPLINK, 0, 0, 4000), LIGHT_SAVED);
	CHECK_INT(after(STATUS_DELIVERED, 0, 2, 90000000), LIGHT_REACHED);
}

static void test_empty_start(void)
{
	indicator_init(&i);
	/* a new hub reports an empty queue */
	CHECK_INT(after(STATUS_SAVED, 0, 0, 0), LIGHT_READY);
	/* an old one, all delivered */
	CHECK_INT(after(STATUS_SAVED, 0, 7, 0), LIGHT_REACHED);
}

static void test_blocked(void)
{
	const uint64_t wait = INDICATOR_PATIENCE_MS;

	indicator_init(&i);
	CHECK_INT(after(STATUS_BLOCKED, STORE_FULL, 0, 5), LIGHT_READY);
	CHECK_UINT(indicator_deadline(&i, (struct mono){ 5 }).ms, wait + 5);
	/* repeated: no new wait */
	CHECK_INT(after(STATUS_BLOCKED, STORE_FULL, 0, 100), LIGHT_READY);
	CHECK_INT(indicator_light(&i, (struct mono){ wait + 4 }), LIGHT_READY);
	CHECK_INT(indicator_light(&i, (struct mono){ wait + 5 }), LIGHT_NEEDS_YOU);
	CHECK_UINT(indicator_deadline(&i, (struct mono){ wait + 5 }).ms, MONO_NEVER.ms);
	CHECK_INT(after(STATUS_BLOCKED, STORE_READY, 0, wait + 6), LIGHT_READY);
}

static void test_devices(void)
{
	indicator_init(&i);
	CHECK_INT(after(STATUS_DEVICE, 1, DEVICE_BOND_LOST, 1), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_DEVICE, 2, DEVICE_PAIRING_FAILED, 2), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_DEVICE, 1, DEVICE_BONDED, 3), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_DEVICE, 2, DEVICE_CONNECTED, 4), LIGHT_READY);
	CHECK_INT(after(STATUS_DEVICE, 65535, DEVICE_BOND_LOST, 5), LIGHT_NEEDS_YOU);
}

static enum indicator_light window(enum window_state state)
{
	indicator_on_window(&i, state);
	return indicator_light(&i, (struct mono){ 1 });
}

static void test_window(void)
{
	indicator_init(&i);
	CHECK_INT(window(WINDOW_OPEN), LIGHT_NEEDS_YOU);
	CHECK_INT(window(WINDOW_DONE), LIGHT_READY);
	CHECK_INT(window(WINDOW_TWO_CANDIDATES), LIGHT_NEEDS_YOU);
	CHECK_INT(window(WINDOW_OPEN), LIGHT_NEEDS_YOU);
	CHECK_INT(window(WINDOW_OVER), LIGHT_READY);
	CHECK_INT(window(WINDOW_OPEN), LIGHT_NEEDS_YOU);
	CHECK_INT(window(0), LIGHT_READY); /* closed by the level */
	/* hub-ble's own word is not asked: it may be an old one */
	CHECK_INT(after(STATUS_WINDOW, 1, WINDOW_OPEN, 2), LIGHT_READY);
}

static void test_reasons(void)
{
	struct config c = { 0 };

	indicator_init(&i);
	CHECK_INT(after(STATUS_REASON, 1, SILENCE_UNSEEN, 1), LIGHT_READY);
	for (int r = SILENCE_DEVICE_FORGOT; r <= SILENCE_REASON_LAST; r++) {
		CHECK_INT(after(STATUS_REASON, 1, (uint64_t)r, 2), LIGHT_NEEDS_YOU);
		CHECK_INT(after(STATUS_REASON, 1, SILENCE_NONE, 3), LIGHT_READY);
	}
	CHECK_INT(after(STATUS_REASON, 1, UINT64_MAX, 3), LIGHT_READY);
	CHECK_INT(after(STATUS_REASON, 1, 1ull << 32 | SILENCE_WEAK, 3), LIGHT_READY);
	CHECK_INT(after(STATUS_REASON, 1, SILENCE_WEAK, 4), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_REASON, 2, SILENCE_UNSEEN, 5), LIGHT_NEEDS_YOU);
	/* state and reason are two things */
	CHECK_INT(after(STATUS_DEVICE, 1, DEVICE_CONNECTED, 6), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_REASON, 1, SILENCE_UNSEEN, 7), LIGHT_READY);
	CHECK_INT(after(STATUS_DEVICE, 3, DEVICE_BOND_LOST, 8), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_REASON, 4, SILENCE_TAKEN, 9), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_REASON, 0, SILENCE_ADAPTER, 9), LIGHT_NEEDS_YOU);
	c.devices[0].num = 3;
	c.device_count = 1;
	indicator_on_config(&i, &c); /* 4 is no longer there */
	CHECK_INT(after(STATUS_REASON, 0, SILENCE_NONE, 9), LIGHT_NEEDS_YOU);
	c.devices[0].num = 5;
	indicator_on_config(&i, &c);
	CHECK_INT(indicator_light(&i, (struct mono){ 10 }), LIGHT_READY);
	CHECK_INT(after(STATUS_REASON, 5, SILENCE_TAKEN, 9), LIGHT_NEEDS_YOU);
	indicator_on_ble(&i); /* it will say again what still holds */
	CHECK_INT(indicator_light(&i, (struct mono){ 10 }), LIGHT_READY);
}

/* Before everything else, until something is saved. */
static void test_code(void)
{
	const uint64_t most = INDICATOR_CODE_MS;

	indicator_init(&i);
	CHECK_INT(after(STATUS_SAVED, 1, 7, 1), LIGHT_SAVED);
	indicator_on_asked(&i, true);
	indicator_on_code(&i, UINT32_MAX, (struct mono){ 10 });
	CHECK_INT(indicator_light(&i, (struct mono){ 10 }), LIGHT_CODE);
	CHECK_UINT(indicator_deadline(&i, (struct mono){ 10 }).ms, most + 10);
	CHECK_INT(after(STATUS_SAVED, 1, 7, 20),
		  LIGHT_CODE); /* hub-store is there anew */
	CHECK_INT(indicator_light(&i, (struct mono){ most + 9 }), LIGHT_CODE);
	CHECK_INT(indicator_light(&i, (struct mono){ most + 10 }), LIGHT_NEEDS_YOU);
	CHECK_UINT(indicator_deadline(&i, (struct mono){ most + 10 }).ms, MONO_NEVER.ms);
	indicator_on_asked(&i, false);
	indicator_on_code(&i, 1000, (struct mono){ most });
	CHECK_INT(indicator_light(&i, (struct mono){ most + 999 }), LIGHT_CODE);
	CHECK_INT(after(STATUS_SAVED, 2, 8, most + 999), LIGHT_SAVED);
	indicator_on_code(&i, 1000, (struct mono){ most });
	CHECK_INT(indicator_light(&i, (struct mono){ most + 1000 }), LIGHT_SAVED);
}

TEST_MAIN("indicator", test_code, test_day, test_empty_start, test_blocked, test_devices,
	  test_window, test_reasons)
