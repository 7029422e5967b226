/*
 * test_three_years.c - no certificate cliff, and nobody needed: hubs and their clinic for three years of virtual time.
 *
 * Real: enrol, supervisor, targets and timefloor of each hub; enrolment and keyring of the clinic, the latter with its files,
 * keys and certificates. Modelled: the network, a handshake (pin, chain and dates as both ends look at them), a config (pins).
 *
 * The clinic changes its server's key and its CA for hubs again and again; hubs are out of reach or switched off for up to 120
 * days, over the end of their certificates too, and start with no clock. None may ever call a person, nor be without an upload
 * for longer than GAP_MAX while it is on and reaches its clinic.
 */
#include "clinic/enrolment.h"
#include "clinic/files.h"
#include "clinic/keyring.h"
#include "clinic/pki.h"
#include "coap/enrol.h"
#include "coap/supervisor.h"
#include "coap/targets.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/timefloor.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START_MS INT64_C(1795305600000) /* 2026-11-22 */
/* An hour of refusals until a certificate that may have ended is doubted, and waits of the uplink and of the enrolment. */
#define GAP_MAX (2 * HOUR)

enum {
	HUBS = 6,
	KEYS = 256,
	DEVICE = 0xd0,
	YEARS = 3,
	AWAY_DAYS_MAX = 120,
	/* announced so long that whoever is away for the longest time hears of it; see 'clinicctl keys use' */
	ANNOUNCED_DAYS = AWAY_DAYS_MAX + 2,
	SERVER_EVERY_DAYS = 250,
	CA_EVERY_DAYS = 170,
};

struct home {
	struct enrol enrol;
	struct supervisor supervisor;
	struct targets targets;
	struct timefloor floor;
	int64_t floor_saved_ms, floor_told_ms;
	int64_t heard_ms; /* by the clinic's clock since it was switched on, then; 0: nothing */
	uint64_t heard_at;
	uint64_t config;	      /* version that it has */
	struct config_endpoint first; /* of clinic.trust: the pins of its first day */
	unsigned pins; /* whose it judges the enrol port by next; enrolling.c */
	uint8_t current, next, made;
	int64_t ends[KEYS];
	uint8_t signer[KEYS][PIN_LEN]; /* CA of each key's certificate */
	struct enrolment row;
	bool on, reached; /* reached: there is a network between */
	uint64_t change_at, since, worst, upload_at;
	unsigned calls, renewals, aways, late; /* late: renewed after its end */
};

static struct {
	uint64_t now;
	char dir[200];
	uint64_t version; /* of the config that all hubs shall have */
	size_t pin_count;
	uint8_t pins[CONFIG_PINS_MAX][PIN_LEN], server[PIN_LEN];
	uint8_t cas[3][PIN_LEN]; /* in use, next, before */
	unsigned server_moves, ca_moves;
} clinic;

static struct home hubs[HUBS];

static int64_t utc(void)
{
	return START_MS + (int64_t)clinic.now;
}

static struct mono mono(void)
{
	return (struct mono){ clinic.now + 1000000 };
}

/* --- the clinic --------------------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
	CHECK_INT(file_replace(clinic.dir, name, (const uint8_t *)text, strlen(text)), 0);
}

static void read_spki(const char *name, uint8_t ret[static PIN_LEN])
{
	char pem[PKI_PEM_MAX], why[FOLDER_WHY_MAX];

	memset(ret, 0, PIN_LEN);
	if (!file_exists(clinic.dir, name))
		return;
	CHECK_INT(folder_read_text(clinic.dir, name, pem, sizeof(pem), why), 0);
	CHECK_INT(pki_spki(pem, ret), 0);
}

/* clinicd was started again, clinicctl has signed another config. */
static void reload(void)
{
	char why[FOLDER_WHY_MAX];

	CHECK_INT(keyring_pins(clinic.dir, clinic.pins, &clinic.pin_count, why), 0);
	read_spki(FILES_SERVER_CRT, clinic.server);
	read_spki(FILES_ENROL_CRT, clinic.cas[0]);
	read_spki("enrol-next.crt", clinic.cas[1]);
	read_spki("enrol-old.crt", clinic.cas[2]);
	clinic.version++;
}

static void make_clinic(void)
{
	struct pki_pair root, server, ca;

	CHECK_INT(crypto_init(), 0);
	temp_dir_make(clinic.dir, sizeof(clinic.dir));
	CHECK_INT(pki_make_root("Clinic", START_MS, &root), 0);
	CHECK_INT(pki_make_server(&root, "clinic.example", START_MS, &server), 0);
	CHECK_INT(pki_make_enrol(&root, START_MS, &ca), 0);
	put(FILES_CONF, "name = clinic.example\nport = 5684\n");
	put(FILES_ROOT_KEY, root.key);
	put(FILES_ROOT_CRT, root.cert);
	put(FILES_SERVER_KEY, server.key);
	put(FILES_SERVER_CRT, server.cert);
	put(FILES_ENROL_KEY, ca.key);
	put(FILES_ENROL_CRT, ca.cert);
	reload();
}

/* One day of a roll-over that begins every 'every' days: announced, used, the one before dropped. */
static void roll(enum keyring_pair p, uint64_t day, uint64_t every, uint64_t announced,
		 unsigned *moves)
{
	uint64_t at = day % every;
	char why[FOLDER_WHY_MAX] = "";
	int r = 0;

	if (day < every)
		return;
	if (at == 0)
		r = keyring_next(clinic.dir, p, utc(), why);
	else if (at == announced)
		r = keyring_use(clinic.dir, p, why);
	else if (at == announced + 20)
		r = keyring_drop(clinic.dir, p, why);
	else
		return;
	CHECK_INT(r, 0);
	*moves += at == announced;
	reload();
}

static bool is_known_ca(const uint8_t spki[static PIN_LEN])
{
	for (size_t i = 0; i < 3; i++)
		if (memcmp(clinic.cas[i], spki, PIN_LEN) == 0)
			return true;
	return false;
}

/* The handshake on the port of uploads: chain, dates, row. */
static bool is_admitted(const struct home *h, uint8_t key, enum enrolment_role want)
{
	uint8_t spki[PIN_LEN] = { key };

	return key && utc() < h->ends[key] && is_known_ca(h->signer[key]) &&
	       enrolment_role(&h->row, spki, utc()) == want;
}

/* --- the hub's shell ----------------------------------------------------------------------- */

static bool is_pinned(const struct config_endpoint *e)
{
	for (size_t i = 0; i < e->pin_count; i++)
		if (memcmp(e->pins[i], clinic.server, PIN_LEN) == 0)
			return true;
	return false;
}

/* As enrolling.c: what hubd told at the start, and what the clinic's clock showed since. */
static int64_t floor_of(const struct home *h)
{
	int64_t heard =
		h->heard_ms ? h->heard_ms + (int64_t)(clinic.now - h->heard_at) : 0;

	return heard > h->floor_told_ms ? heard : h->floor_told_ms;
}

static void on_time(struct home *h)
{
	int64_t ms;

	h->heard_ms = utc();
	h->heard_at = clinic.now;
	CHECK(timefloor_ms(&h->floor, mono()) <= utc());
	if (!timefloor_due(&h->floor, mono(), &ms))
		return;
	h->floor_saved_ms = ms;
	timefloor_on_saved(&h->floor, ms);
}

/* As enrolling.c: by the pins of a config, then of clinic.trust. */
static bool reaches_enrol_port(struct home *h)
{
	unsigned left = h->pins % 3;
	const struct config_endpoint *e =
		left < 2 && h->targets.count > 0
			? &h->targets.list[left % h->targets.count]
			: &h->first;

	if (!h->reached)
		return false;
	if (is_pinned(e))
		return true;
	h->pins++;
	return false;
}

static void take_config(struct home *h)
{
	struct config_endpoint e = h->first;
	struct targets_change change;

	if (h->config == clinic.version)
		return;
	h->config = clinic.version;
	e.pin_count = clinic.pin_count;
	memcpy(e.pins, clinic.pins, sizeof(e.pins));
	if (targets_replace(&h->targets, &e, 1, supervisor_endpoint(&h->supervisor),
			    &change))
		supervisor_on_endpoints(&h->supervisor, change.count, change.kept,
					change.used, mono());
}

static struct enrol_answer ask_clinic(struct home *h, const struct enrol_action *a)
{
	uint8_t by[PIN_LEN] = { a->bootstrap ? DEVICE : h->current };
	uint8_t key[PIN_LEN] = { h->next };
	struct enrolment_request rq = {
		.now_ms = utc(), .by = by, .key = key, .epoch = a->epoch
	};
	struct enrol_answer ret = { .result = ENROL_GRANTED };
	struct enrolment_answer e;

	if (a->request == ENROL_ASK_CONFIRM) {
		by[0] = h->next;
		if (!h->reached ||
		    !is_pinned(h->targets.count ? &h->targets.list[0] : &h->first))
			return (struct enrol_answer){ .result = ENROL_GONE };
		if (!is_admitted(h, h->next, ENROLMENT_ROLE_ISSUED) &&
		    !is_admitted(h, h->next, ENROLMENT_ROLE_ACTIVE))
			return (struct enrol_answer){ .result = ENROL_REFUSED };
	} else if (!reaches_enrol_port(h)) {
		return (struct enrol_answer){ .result = ENROL_GONE };
	}
	if (a->request == ENROL_ASK_ROOT)
		return ret;
	rq.event = a->request == ENROL_ASK_FIRST     ? ENROLMENT_ENROL
		   : a->request == ENROL_ASK_RENEWAL ? ENROLMENT_RENEW
						     : ENROLMENT_CONFIRM;
	e = enrolment_on(&h->row, &rq);
	if (e.action == ENROLMENT_ISSUE) {
		h->ends[h->next] = h->row.issued.ends_ms =
			utc() + (int64_t)(ENROLMENT_DAYS * DAY);
		memcpy(h->signer[h->next], clinic.cas[0], PIN_LEN);
	}
	ret.validity = (struct enrol_validity){
		h->ends[h->next] - (int64_t)((ENROLMENT_DAYS + 1) * DAY), h->ends[h->next]
	};
	ret.max_age_s = e.max_age_s;
	ret.epoch = e.epoch;
	if (e.action == ENROLMENT_WAIT)
		ret.result = ENROL_LATER;
	else if (e.action == ENROLMENT_REFUSE)
		ret.result = e.reason == ENROLMENT_OTHER_EPOCH ? ENROL_STALE
			     : e.reason == ENROLMENT_OLD_KEY   ? ENROL_WRONG
							       : ENROL_REFUSED;
	else if (a->request == ENROL_ASK_CONFIRM)
		on_time(h);
	return ret;
}

static void keep(struct home *h, const struct enrol_action *a)
{
	if (a->what == ENROL_MAKE_KEY) {
		h->made = (uint8_t)(h->made % (DEVICE - 1) + 1);
		h->next = h->made;
	} else if (a->what == ENROL_PROMOTE) {
		h->late += h->current && utc() >= h->ends[h->current];
		h->renewals += h->current != 0;
		h->current = h->next;
		h->next = 0;
	}
	enrol_on_stored(&h->enrol, true, mono());
}

static void drain_enrol(struct home *h)
{
	struct enrol_action a;
	struct enrol_answer said;

	while (enrol_next(&h->enrol, (uint32_t)test_random(), floor_of(h), mono(), &a)) {
		if (a.what == ENROL_CALL) {
			h->calls++;
		} else if (a.what == ENROL_USE) {
			/* as uplink_enrol.c: what is up was made with the one before */
			size_t fresh = h->targets.fresh, all = h->targets.count;

			supervisor_on_endpoints(&h->supervisor, fresh ? fresh : all,
						fresh ? all - fresh : 0,
						SUPERVISOR_NOWHERE, mono());
		} else if (a.what == ENROL_SEND) {
			said = ask_clinic(h, &a);
			enrol_on_answer(&h->enrol, a.number, &said);
		} else {
			keep(h, &a);
		}
	}
}

static void connect_line(struct home *h, const struct supervisor_action *a)
{
	const struct config_endpoint *e = &h->targets.list[a->endpoint];

	if (!h->reached || !h->current) {
		supervisor_on_line_failed(&h->supervisor, a->line, SUPERVISOR_LOST,
					  mono());
	} else if (!is_pinned(e)) {
		supervisor_on_line_failed(&h->supervisor, a->line, SUPERVISOR_LOST,
					  mono());
	} else if (!is_admitted(h, h->current, ENROLMENT_ROLE_ACTIVE)) {
		enrol_on_uplink(&h->enrol, true, mono());
		supervisor_on_line_failed(&h->supervisor, a->line, SUPERVISOR_LOST,
					  mono());
	} else {
		supervisor_on_connected(&h->supervisor, a->line, mono());
	}
}

static bool drain_uplink(struct home *h)
{
	struct supervisor_action a;
	bool up = false;

	while (supervisor_next(&h->supervisor, (uint32_t)test_random(), mono(), &a)) {
		if (a.what == SUPERVISOR_FIND)
			supervisor_on_found(&h->supervisor, a.line, 1, mono());
		else if (a.what == SUPERVISOR_CONNECT)
			connect_line(h, &a);
		else if (a.what == SUPERVISOR_CONFIRMED)
			targets_confirm(&h->targets);
	}
	for (size_t i = 0; i < SUPERVISOR_LINES; i++)
		up |= i == h->supervisor.current &&
		      h->supervisor.lines[i].state == SUPERVISOR_UP;
	return up;
}

/* Every quarter of an hour. A connection that is up goes on over the end of a certificate. */
static void upload(struct home *h)
{
	if (!h->reached) {
		supervisor_on_failed(&h->supervisor, SUPERVISOR_LOST, mono());
		return;
	}
	supervisor_on_sent(&h->supervisor, mono());
	supervisor_on_heard(&h->supervisor, false, mono());
	supervisor_on_acknowledged(&h->supervisor);
	enrol_on_uplink(&h->enrol, false, mono());
	on_time(h);
	take_config(h);
	h->since = clinic.now;
}

static void switch_on(struct home *h)
{
	struct enrol_kept kept = enrol_kept(&h->enrol);
	struct targets_change change;
	struct config_endpoint e = h->targets.count ? h->targets.list[0] : h->first;

	h->on = true;
	enrol_init(&h->enrol, &kept, (uint32_t)test_random());
	supervisor_init(&h->supervisor);
	supervisor_on_work(&h->supervisor, true, false);
	timefloor_open(&h->floor, h->floor_saved_ms, mono());
	h->floor_told_ms = timefloor_ms(&h->floor, mono());
	h->heard_ms = 0;
	h->targets = (struct targets){ 0 };
	if (targets_replace(&h->targets, &e, 1, SUPERVISOR_NOWHERE, &change))
		supervisor_on_endpoints(&h->supervisor, change.count, change.kept,
					change.used, mono());
	h->upload_at = clinic.now;
}

/* At home for weeks, then away for up to 120 days: switched off, or on without a network. */
static void change(struct home *h)
{
	bool away = h->on && h->reached;
	bool off = away && test_random() % 2;

	h->reached = !away;
	if (off)
		h->on = false;
	else if (!h->on || test_random() % 2)
		switch_on(h);
	h->aways += away;
	h->change_at = clinic.now + (away ? 1 + test_random() % AWAY_DAYS_MAX
					  : 10 + test_random() % 90) *
					    DAY;
	h->since = clinic.now;
}

static void begin(struct home *h)
{
	const struct enrol_kept nothing = { 0 };

	h->row.state = HUB_PREREGISTERED;
	h->row.device[0] = DEVICE;
	snprintf(h->first.name, sizeof(h->first.name), "clinic.example");
	h->first.port = 5684;
	h->first.pin_count = clinic.pin_count;
	memcpy(h->first.pins, clinic.pins, sizeof(h->first.pins));
	enrol_init(&h->enrol, &nothing, 0);
	switch_on(h);
	h->reached = true;
	CHECK_INT(enrol_on_trust(&h->enrol), 0);
	h->change_at = (20 + test_random() % 60) * DAY;
}

static void live(struct home *h)
{
	if (clinic.now >= h->change_at)
		change(h);
	if (!h->on)
		return;
	drain_enrol(h);
	if (drain_uplink(h) && clinic.now >= h->upload_at) {
		upload(h);
		h->upload_at = clinic.now + 15 * MINUTE;
		drain_uplink(h);
	}
	drain_enrol(h);
	if (h->reached && clinic.now - h->since > h->worst)
		h->worst = clinic.now - h->since;
}

static void test_years(void)
{
	unsigned late = 0;
	uint64_t day = 0;

	make_clinic();
	for (size_t i = 0; i < HUBS; i++)
		begin(&hubs[i]);
	for (; clinic.now < YEARS * 365 * DAY; clinic.now += MINUTE * 3) {
		if (clinic.now / DAY != day) {
			day = clinic.now / DAY;
			roll(KEYRING_SERVER, day, SERVER_EVERY_DAYS, ANNOUNCED_DAYS,
			     &clinic.server_moves);
			roll(KEYRING_ENROL, day, CA_EVERY_DAYS, 10, &clinic.ca_moves);
		}
		for (size_t i = 0; i < HUBS; i++)
			live(&hubs[i]);
	}
	for (size_t i = 0; i < HUBS; i++) {
		const struct home *h = &hubs[i];

		printf("hub %zu: away %u times, %u renewals, %u of them late, longest "
		       "gap %u min\n",
		       i, h->aways, h->renewals, h->late, (unsigned)(h->worst / MINUTE));
		CHECK_UINT(h->calls, 0);
		CHECK(h->worst <= GAP_MAX);
		CHECK(h->renewals >= 6);
		CHECK_UINT(h->row.epoch, 1);
		CHECK(enrolment_invariants(&h->row));
		late += h->late;
	}
	printf("%u keys of the server, %u CAs, %u certificates that had ended\n",
	       clinic.server_moves, clinic.ca_moves, late);
	CHECK(clinic.server_moves >= 3 && clinic.ca_moves >= 5 && late > 0);
	temp_dir_remove(clinic.dir);
}

TEST_MAIN("three_years", test_years)
