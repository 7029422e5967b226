/*
 * test_false_alarms.c - ten thousand hub-years of what happens in homes where nobody does anything wrong, put into the real
 * machines: how often does a hub lock itself?
 *
 * The budget: at most one automatic level 2 in 100 hub-years. The rates are assumptions, to be replaced with what fleets
 * report; they stand in one table. What a household does to the box (a stick in a port, a case opened) is counted by itself.
 * A hub that has locked itself is released by a person three days later. The same noise through buckets of a naive capacity
 * of three that lock the hub says what the classes are for.
 */
#include "tests/unit/test.h"

#include "hub/lockdown.h"
#include "hub/triggers.h"

#define HOUR_MS (3600ull * 1000)
#define DAY_MS (24 * HOUR_MS)
#define YEAR_MS (365 * DAY_MS)

enum {
	HUBS = 1000,
	YEARS = 10,
	RELEASE_AFTER_DAYS = 3,
	NOW_S = 1795000000,
};

/* Episodes come at random; each is a run of signals. */
static const struct noise {
	const char *what;
	enum trigger id;
	uint16_t peer;
	enum role by;
	double per_year;      /* episodes */
	unsigned least, most; /* signals of one */
	uint64_t apart_ms;    /* from one to the next, at most */
	double good;	      /* it goes well again after it, so often */
} noises[] = {
	{ "typing errors at a visit", TRIGGER_TOKEN, 0, ROLE_HUBD, 6, 0, 6, 60 * 1000,
	  0 },
	{ "a neighbour's devices, odd bytes", TRIGGER_RADIO, 0, ROLE_BLE, 50, 1, 8, 5000,
	  0 },
	{ "a device out of step", TRIGGER_RADIO, 3, ROLE_BLE, 3, 1, 40, 2000, 0 },
	{ "a device that lost its bond", TRIGGER_IMPOSTOR, 3, ROLE_BLE, 0.5, 1, 20,
	  HOUR_MS, 0.9 },
	{ "hotel or captive portal", TRIGGER_HANDSHAKE, 0, ROLE_COAP, 4, 5, 60,
	  15 * 60 * 1000, 1 },
	{ "clinic's network away", TRIGGER_HANDSHAKE, 0, ROLE_COAP, 6, 1, 40,
	  15 * 60 * 1000, 1 },
	{ "a name that points elsewhere", TRIGGER_SERVER, 0, ROLE_COAP, 1, 1, 5,
	  15 * 60 * 1000, 1 },
	{ "a router that lies about the time", TRIGGER_TIME, 0, ROLE_COAP, 1, 1, 3,
	  HOUR_MS, 1 },
	{ "a device's new firmware", TRIGGER_DECODER, 3, ROLE_BLE, 1, 1, 15, 12 * HOUR_MS,
	  0 },
	{ "a card that wears", TRIGGER_STORAGE, 0, ROLE_STORE, 0.3, 1, 10, HOUR_MS, 0.8 },
	{ "power cuts", TRIGGER_POWER, 0, ROLE_HUBD, 25, 1, 2, 60 * 1000, 0 },
	{ "measurements that err: code", TRIGGER_CODE, 0, ROLE_MEASURE, 0.001, 1, 1, 1,
	  0 },
	{ "messages that our own bugs send", TRIGGER_IPC, ROLE_BLE, ROLE_STORE, 0.001, 1,
	  3, 1000, 0 },
	{ "bad sectors in the audit log", TRIGGER_AUDIT, 0, ROLE_STORE, 0.002, 1, 1, 1,
	  0 },
	{ "a clinic restored in a wrong order", TRIGGER_ROLLBACK, 0, ROLE_STORE, 0.001, 1,
	  5, HOUR_MS, 0 },
	{ "a tool left running", TRIGGER_SOCKET, 0, ROLE_MEASURE, 0.001, 1, 1, 1, 0 },
	{ "household: a stick in a port", TRIGGER_USB, 0, ROLE_MEASURE, 0.2, 1, 2,
	  60 * 1000, 0 },
	{ "household: the case opened", TRIGGER_CASE, 0, ROLE_MEASURE, 0.02, 1, 2,
	  60 * 1000, 0 },
};

enum { NOISES = sizeof(noises) / sizeof(*noises) };

struct home {
	struct lockdown l;
	struct triggers t;
	uint64_t ms;
	uint64_t counter;
	/* of each noise: when its next signal is, how many are left of the episode */
	uint64_t next_ms[NOISES];
	unsigned left[NOISES];
	uint64_t release_ms;
	uint64_t naive[TRIGGER_LAST + 1]; /* empty at */
	bool guarded;
};

static struct {
	unsigned long signals, guarded, by_noise, by_household, sealed, released, naive;
	uint64_t guarded_ms;
} seen;

static double dice(void)
{
	return ((double)(test_random() % 1000000) + 0.5) / 1e6;
}

/* Exponential, by the series of -ln(u): no libm. */
static uint64_t wait_ms(double per_year)
{
	double u = dice(), y, y2, sum = 0, term;
	int halved = 0;

	while (u < 0.5) {
		u *= 2;
		halved++;
	}
	y = (u - 1) / (u + 1);
	y2 = y * y;
	term = y;
	for (int k = 1; k < 40; k += 2, term *= y2)
		sum += term / k;
	return (uint64_t)((halved * 0.6931471805599453 - 2 * sum) / per_year *
			  (double)YEAR_MS) +
	       1;
}

static struct mono at(const struct home *h)
{
	return (struct mono){ h->ms };
}

static void drain(struct home *h)
{
	struct lockdown_action a;
	enum triggers_do what;

	for (;;) {
		if (lockdown_next(&h->l, at(h), &a)) {
			if (a.what == LOCKDOWN_SAVE)
				lockdown_on_saved(&h->l, true);
			else if (a.what == LOCKDOWN_DRAW)
				lockdown_on_nonce(&h->l, (const uint8_t[16]){ 1 }, at(h));
		} else if (triggers_next(&h->t, &h->l, at(h), &what)) {
			if (what == TRIGGERS_SAVE)
				triggers_on_saved(&h->t, true, at(h));
		} else {
			break;
		}
	}
}

static void release(struct home *h)
{
	const enum signer_role roles[] = { SIGNER_TECHNICIAN };
	struct command c = { .hub = { 7 },
			     .epoch = 1,
			     .counter = ++h->counter,
			     .not_after_s = NOW_S + 60,
			     .verb = COMMAND_RELEASE };

	drain(h);
	CHECK(lockdown_challenge(&h->l, &c.lock_epoch, c.nonce));
	CHECK(lockdown_on_command(&h->l, &c, roles, 1, NOW_S, at(h)));
	drain(h);
	CHECK_UINT(lockdown_level(&h->l), LOCKDOWN_NORMAL);
	CHECK(triggers_level(&h->t) < LOCKDOWN_QUARANTINED);
	h->release_ms = UINT64_MAX;
	seen.released++;
}

static bool by_household(enum trigger id)
{
	return trigger_row(id)->class == TRIGGER_CLASS_POSSESSION;
}

/* By what ends by itself: a stick in a port stays until somebody has looked. */
static bool is_guarded(const struct home *h)
{
	return triggers_level(&h->t) == LOCKDOWN_GUARDED &&
	       !triggers_throttled(&h->t, TRIGGER_USB, 0);
}

static void note(struct home *h, const struct noise *n, uint8_t before)
{
	uint8_t now = lockdown_level(&h->l);

	if (now >= 2 && before < 2) {
		*(by_household(n->id) ? &seen.by_household : &seen.by_noise) += 1;
		h->release_ms = h->ms + RELEASE_AFTER_DAYS * DAY_MS;
	}
	seen.sealed += now >= 3 && before < 3;
	if (now >= 3) /* no release of a person who is not there */
		h->release_ms = UINT64_MAX;
	seen.guarded += is_guarded(h) && !h->guarded;
	h->guarded = is_guarded(h);
}

/* Three at once, one less every ten minutes, and the hub locks. */
static void naive(struct home *h, enum trigger id)
{
	const uint64_t unit = 10 * 60 * 1000;
	uint64_t left = h->naive[id] > h->ms ? h->naive[id] - h->ms : 0;

	left += unit;
	if (left > 2 * unit) {
		seen.naive++;
		left = 0;
	}
	h->naive[id] = h->ms + left;
}

static void happen(struct home *h, unsigned i)
{
	const struct noise *n = &noises[i];
	uint8_t before = lockdown_level(&h->l);

	if (h->left[i] == 0) {
		h->left[i] =
			n->least + (unsigned)(test_random() % (n->most - n->least + 1));
	} else {
		seen.signals++;
		triggers_on_signal(&h->t, n->id, n->peer, n->by, 1, &h->l, at(h));
		drain(h);
		note(h, n, before);
		if (trigger_row(n->id)->class <= TRIGGER_CLASS_FAULT)
			naive(h, n->id);
		h->left[i]--;
		if (h->left[i] == 0 && dice() < n->good) {
			triggers_on_good(&h->t, n->id, n->peer, at(h));
			drain(h);
		}
	}
	h->next_ms[i] =
		h->ms + (h->left[i] ? test_random() % n->apart_ms : wait_ms(n->per_year));
}

static void open_home(struct home *h)
{
	static const struct lockdown_held fresh = { .generation = 1 };
	const uint8_t boot[LOCKDOWN_BOOT_LEN] = { 1 }, hub[HUB_ID_LEN] = { 7 };

	*h = (struct home){ .ms = 1000, .release_ms = UINT64_MAX };
	lockdown_init(&h->l, &fresh, &fresh, boot, at(h));
	triggers_init(&h->t, NULL, &h->l, boot, at(h));
	lockdown_on_config(&h->l, hub, 1, 300);
	for (unsigned i = 0; i < NOISES; i++)
		h->next_ms[i] = h->ms + wait_ms(noises[i].per_year);
	drain(h);
}

static void live(struct home *h)
{
	open_home(h);
	for (;;) {
		uint64_t next = h->release_ms, own = triggers_deadline(&h->t, at(h)).ms;
		unsigned which = NOISES;

		for (unsigned i = 0; i < NOISES; i++)
			if (h->next_ms[i] < next) {
				next = h->next_ms[i];
				which = i;
			}
		if (own < next) {
			next = own;
			which = NOISES + 1;
		}
		if (next >= YEARS * YEAR_MS)
			break;
		CHECK(next >= h->ms);
		seen.guarded_ms += h->guarded ? next - h->ms : 0;
		h->ms = next;
		if (which < NOISES)
			happen(h, which);
		else if (which == NOISES)
			release(h);
		else
			drain(h);
		h->guarded = is_guarded(h);
	}
}

static void test_noise(void)
{
	static struct home h;
	const double years = (double)HUBS * YEARS;

	memset(&seen, 0, sizeof(seen));
	for (unsigned i = 0; i < HUBS; i++)
		live(&h);
	printf("  %.0f hub-years, %lu signals\n"
	       "  level 2 by itself: %.2f in 100 hub-years (budget 1); by the household: "
	       "%.2f; level 3: %lu; released: %lu\n"
	       "  level 1: %.2f times a hub-year, %.2f %% of the time\n"
	       "  three strikes and the hub locks: %.0f in 100 hub-years\n",
	       years, seen.signals, 100 * (double)seen.by_noise / years,
	       100 * (double)seen.by_household / years, seen.sealed, seen.released,
	       (double)seen.guarded / years,
	       100 * (double)seen.guarded_ms / (years * (double)YEAR_MS),
	       100 * (double)seen.naive / years);
	CHECK(seen.signals > 1000000);
	CHECK(seen.by_noise * 100 <= (unsigned long)HUBS * YEARS);
	CHECK(seen.by_noise > 0); /* the rates of errors do reach the machine */
	CHECK(seen.naive * 100 > 100ul * HUBS * YEARS);
}

TEST_MAIN("false-alarms", test_noise)
