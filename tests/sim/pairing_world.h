#pragma once

/*
 * pairing_world.h - a simulated bluetoothd in virtual time for the tests of the pairing machine.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/pairing.h"

enum { WINDOW_MS = 600000, CUFF = 0, SCALE = 1, METER = 2 };

/* A bluetoothd that does what it is told, and what pairing.h promises about it. */
struct world {
	struct pairing p;
	uint64_t now;
	bool agent, bondable, searching, radio;
	enum pairing_op open; /* under way */
	size_t open_device;
	struct pairing_facts facts[CONFIG_DEVICES_MAX];
	bool adopted[CONFIG_DEVICES_MAX];
	/* its bond was found good, and nothing has been said against it since */
	bool good[CONFIG_DEVICES_MAX];
	bool window;
	uint64_t window_end;
	unsigned pairs, bonds, removals;
	uint8_t found[PERIPHERAL_ADDR_LEN]; /* of the last PAIRING_ADOPT */
	enum addr_type found_type;
};

/* A cuff with a passkey, a scale without, both with addresses; a meter whose address nobody
 * knows. */
__attribute__((unused)) static const struct config_device three[] = {
	{ .num = 1,
	  .kind = READING_BLOOD_PRESSURE,
	  .has_addr = true,
	  .addr = { 1 },
	  .passkey = 123456 },
	{ .num = 2,
	  .kind = READING_WEIGHT,
	  .has_addr = true,
	  .addr = { 2 },
	  .passkey = CONFIG_NO_PASSKEY,
	  .just_works = true },
	{ .num = 3,
	  .kind = READING_GLUCOSE,
	  .passkey = CONFIG_NO_PASSKEY,
	  .just_works = true },
};

__attribute__((unused)) static struct mono now(const struct world *w)
{
	return (struct mono){ w->now };
}

__attribute__((unused)) static void tell(struct world *w, size_t i, bool present,
					 bool bonded)
{
	w->facts[i] = (struct pairing_facts){ .present = present,
					      .paired = bonded,
					      .bonded = bonded };
	pairing_on_facts(&w->p, i, w->facts[i], now(w));
}

__attribute__((unused)) static void order(struct world *w, uint32_t id, uint16_t device,
					  bool repair)
{
	const struct msg_window m = {
		.id = id, .device = device, .ms_left = WINDOW_MS, .repair = repair
	};

	pairing_on_window(&w->p, &m, now(w));
	w->window = id != 0;
	w->window_end = w->now + WINDOW_MS;
}

__attribute__((unused)) static struct world
start_closed(const struct config_device *devices, size_t count)
{
	struct world w = { .now = 1000, .radio = true };

	pairing_init(&w.p);
	pairing_set_devices(&w.p, devices, count);
	pairing_on_radio(&w.p, true);
	return w;
}

/* One device, and a window for all. */
__attribute__((unused)) static struct world start_with(const struct config_device *device)
{
	struct world w = start_closed(device, 1);

	order(&w, 1, 0, false);
	return w;
}

__attribute__((unused)) static struct world start(void)
{
	return start_with(&three[CUFF]);
}

__attribute__((unused)) static bool makes_bonds(enum pairing_op op)
{
	return op == PAIRING_AGENT_ON || op == PAIRING_BONDABLE_ON ||
	       op == PAIRING_SEARCH_ON || op == PAIRING_START || op == PAIRING_CONNECT ||
	       op == PAIRING_SET_TRUSTED || op == PAIRING_ADOPT;
}

/* What is known to last, and may be given up for another operation. */
__attribute__((unused)) static bool may_be_given_up(enum pairing_op open,
						    enum pairing_op next)
{
	return open == PAIRING_NOTHING || next == PAIRING_STOP ||
	       open == PAIRING_CONNECT || open == PAIRING_ASK_FACTS;
}

/* The next operation, with the invariants that hold for each. */
__attribute__((unused)) static enum pairing_op next(struct world *w)
{
	struct pairing_action a = pairing_next(&w->p, now(w));

	w->window &= w->now < w->window_end;
	if (!w->window)
		CHECK(pairing_window_state(&w->p) != WINDOW_OPEN);
	if (a.op == PAIRING_NOTHING)
		return a.op;
	CHECK(w->radio || a.op == PAIRING_BONDED);
	CHECK(may_be_given_up(w->open, a.op));
	w->open = a.op;
	w->open_device = a.device;
	if (makes_bonds(a.op)) /* invariant 1 */
		CHECK(w->window);
	if (a.op == PAIRING_START || a.op == PAIRING_CONNECT) {
		CHECK(w->agent && w->bondable && !w->searching);
		CHECK(w->facts[a.device].present && !w->facts[a.device].bonded);
		w->pairs += a.op == PAIRING_START;
	}
	if (a.op == PAIRING_SEARCH_ON || a.op == PAIRING_BONDABLE_ON)
		CHECK(w->agent);
	if (a.op == PAIRING_REMOVE) {
		CHECK(w->facts[a.device].present);
		CHECK(!w->good[a.device] || !w->facts[a.device].bonded); /* invariant 7 */
		w->removals++;
	}
	if (a.op == PAIRING_SET_TRUSTED)
		CHECK(w->facts[a.device].bonded);
	if (a.op == PAIRING_ADOPT) {
		memcpy(w->found, a.addr, sizeof(w->found));
		w->found_type = a.addr_type;
		w->adopted[a.device] = true; /* done at once */
	}
	if (a.op == PAIRING_RELEASE)
		CHECK(w->adopted[a.device] && !w->facts[a.device].present);
	return a.op;
}

/* bluetoothd carries out what is under way and answers. */
__attribute__((unused)) static void done(struct world *w, int err)
{
	enum pairing_op op = w->open;
	size_t i = w->open_device;

	w->open = PAIRING_NOTHING;
	if (!err && op == PAIRING_AGENT_ON)
		w->agent = true;
	if (!err && op == PAIRING_AGENT_OFF)
		w->agent = false;
	if (!err && (op == PAIRING_BONDABLE_ON || op == PAIRING_BONDABLE_OFF)) {
		w->bondable = op == PAIRING_BONDABLE_ON;
		pairing_on_bondable(&w->p, w->bondable);
	}
	if (!err && op == PAIRING_SEARCH_ON)
		w->searching = true;
	if (op == PAIRING_SEARCH_OFF) /* refused only if there is none */
		w->searching = false;
	if (!err && op == PAIRING_REMOVE)
		tell(w, i, false, false);
	if (!err && op == PAIRING_SET_TRUSTED)
		w->good[i] = !w->p.abort; /* of a window that is over: too late */
	if (!err && op == PAIRING_ADOPT)
		tell(w, i, true, false);
	if (op == PAIRING_RELEASE)
		w->adopted[i] = false;
	if (op == PAIRING_BONDED)
		w->bonds++;
	pairing_on_done(&w->p, op, err, now(w));
}

__attribute__((unused)) static void expect(struct world *w, enum pairing_op op)
{
	CHECK_INT(next(w), op);
	done(w, 0);
}

/* At rest nothing is left that could make a bond. */
__attribute__((unused)) static void check_closed(struct world *w)
{
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_INT(w->p.state, PAIRING_IDLE);
	CHECK(!w->agent && !w->bondable && !w->searching);
}

__attribute__((unused)) static void expect_closed(struct world *w)
{
	expect(w, PAIRING_BONDABLE_OFF);
	expect(w, PAIRING_AGENT_OFF);
	check_closed(w);
}

__attribute__((unused)) static void open_search(struct world *w)
{
	expect(w, PAIRING_AGENT_ON);
	expect(w, PAIRING_BONDABLE_ON);
	expect(w, PAIRING_SEARCH_ON);
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_INT(w->p.state, PAIRING_LOOKING);
}

/* Up to Pair() of device 0. */
__attribute__((unused)) static void find(struct world *w)
{
	open_search(w);
	tell(w, 0, true, false);
	expect(w, PAIRING_SEARCH_OFF);
	CHECK_INT(next(w), PAIRING_START);
}

__attribute__((unused)) static void facts(struct world *w, enum link_strength strength,
					  uint8_t key_size)
{
	w->open = PAIRING_NOTHING;
	pairing_on_bond_facts(&w->p, w->open_device, true, strength, key_size, now(w));
}

/* Pair() went well, with the passkey if there is one. */
__attribute__((unused)) static void paired(struct world *w, bool ask)
{
	uint32_t key;

	if (ask)
		CHECK_INT(pairing_on_passkey(&w->p, w->open_device, &key), 0);
	tell(w, w->open_device, true, true);
	done(w, 0);
	CHECK_INT(next(w), PAIRING_ASK_FACTS);
}

/* Device 0 is bonded and trusted, and its test is due. */
__attribute__((unused)) static void pair_cuff(struct world *w)
{
	find(w);
	paired(w, true);
	facts(w, LINK_LEGACY_PASSKEY, 16);
	expect(w, PAIRING_SET_TRUSTED);
	expect(w, PAIRING_BONDABLE_OFF);
	expect(w, PAIRING_AGENT_OFF);
}

__attribute__((unused)) static void
expect_failed(struct world *w, enum pairing_reason reason, uint64_t wait_ms)
{
	uint64_t failed_at = w->now;

	CHECK_INT(pairing_device_state(&w->p, 0), DEVICE_PAIRING_FAILED);
	CHECK_INT(pairing_device_reason(&w->p, 0), reason);
	if (w->facts[0].present)
		expect(w, PAIRING_REMOVE);
	expect_closed(w);
	CHECK(!pairing_is_busy_with(&w->p, 0));
	CHECK_UINT(pairing_deadline(&w->p).ms, failed_at + wait_ms);
	w->now = failed_at + wait_ms - 1;
	CHECK_INT(next(w), PAIRING_NOTHING);
	w->now++;
}

__attribute__((unused)) static const struct traits connects = {
	.family = "connect first",
	.strength_min = LINK_LEGACY_JUST_WORKS,
	.just_bonded_disconnect = true
};

__attribute__((unused)) static void tell_link(struct world *w, bool connected,
					      bool resolved, bool bonded)
{
	w->facts[0] = (struct pairing_facts){ .present = true,
					      .paired = bonded,
					      .bonded = bonded,
					      .connected = connected,
					      .resolved = resolved };
	pairing_on_facts(&w->p, 0, w->facts[0], now(w));
}

__attribute__((unused)) static struct pairing_candidate somebody(uint8_t last,
								 int16_t rssi)
{
	return (struct pairing_candidate){
		.addr = { 0xF0, 1, 2, 3, 4, last },
		.addr_type = ADDR_RANDOM,
		.services = TRAITS_GLS | TRAITS_UDS,
		.rssi = rssi,
	};
}

__attribute__((unused)) static void hear(struct world *w, uint8_t last, int16_t rssi)
{
	struct pairing_candidate c = somebody(last, rssi);

	pairing_on_candidate(&w->p, &c, now(w));
}

__attribute__((unused)) static void adopt(struct world *w, uint8_t last)
{
	hear(w, last, PAIRING_RSSI_FLOOR);
	CHECK_INT(next(w), PAIRING_NOTHING);
	CHECK_UINT(pairing_deadline(&w->p).ms, w->now + PAIRING_COLLECT_MS);
	w->now += PAIRING_COLLECT_MS - 1;
	hear(w, last, -40); /* again: the same one */
	CHECK_INT(next(w), PAIRING_NOTHING);
	w->now++;
	CHECK_INT(next(w), PAIRING_ADOPT);
	CHECK_UINT(w->found[5], last);
	CHECK_INT(w->found_type, ADDR_RANDOM);
}

__attribute__((unused)) static const struct config_device with_serial = {
	.num = 3,
	.kind = READING_GLUCOSE,
	.passkey = CONFIG_NO_PASSKEY,
	.just_works = true,
	.serial = "SN1"
};

/* What bluetoothd still has of it. */
__attribute__((unused)) static void relist(struct world *w)
{
	for (size_t i = 0; i < w->p.count; i++)
		pairing_on_facts(&w->p, i, w->facts[i], now(w));
}

/* bluetoothd goes away, with agent and search but not with bonds, and comes back. */
__attribute__((unused)) static void restart(struct world *w, bool on)
{
	w->radio = on;
	if (on)
		relist(w);
	pairing_on_radio(&w->p, on);
	if (on)
		return;
	w->open = PAIRING_NOTHING;
	w->agent = w->searching = w->bondable = false;
	pairing_on_bondable(&w->p, false);
	for (size_t i = 0; i < w->p.count; i++)
		pairing_on_facts(&w->p, i, (struct pairing_facts){ 0 }, now(w));
}
