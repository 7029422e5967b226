/*
 * hubd_console_verbs.c - what each verb of the console does, and what it says: see hubd_console.h.
 *
 * Each is a few values of what hubd knows anyway. A row here is what makes a verb exist: 'help' and tokens follow the table of
 * hub/core/verbs.h, what has no row is told as unknown.
 */
#include "hub/hubd_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/image.h"
#include "hub/core/token.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

enum {
	IMAGE_HEAD_LEN = 56, /* of manifest.bin: hub/core/image.h */
	SBOM_AT = 16,
	HASH_WORDS = 8,
	BLE_LEVEL_LAST = 2, /* as the row of 'ble list' */
	TEST_MS = 5 * 60 * 1000,
	RISK_OLD_S = 7 * 24 * 3600,
};

/* --- before a login ---------------------------------------------------------------------------- */

static uint64_t version(void)
{
	uint64_t v = 0;
	const char *p = HUB_VERSION;

	for (int i = 0; i < 3; i++) {
		char *end;

		v = v << 16 | (strtoul(p, &end, 10) & UINT16_MAX);
		p = *end == '.' ? end + 1 : end;
	}
	return v;
}

static void add_hash(struct console_page *p, enum console_label label,
		     const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++, bytes += 4)
		page_add(p, label, CONSOLE_HASH8,
			 (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
				 (uint32_t)bytes[2] << 8 | bytes[3]);
}

static void add_level(struct hubd *h, struct console_page *p)
{
	unsigned level = orders_level(&h->orders);

	page_word(p, CONSOLE_LABEL_LEVEL,
		  (enum console_word)(CONSOLE_WORD_NORMAL + level));
}

/* What lasts of the light, but for this session. */
static enum console_word light_word(const struct hubd *h)
{
	struct indicator i = h->indicator;

	indicator_on_console(&i, false);
	switch (indicator_lasting(&i, rt_mono())) {
	case LIGHT_READY: return CONSOLE_WORD_READY;
	case LIGHT_SAVED:
	case LIGHT_WAITING: return CONSOLE_WORD_SAVED;
	case LIGHT_REACHED: return CONSOLE_WORD_REACHED;
	case LIGHT_NEEDS_YOU: return CONSOLE_WORD_NEEDS_YOU;
	case LIGHT_CODE: return CONSOLE_WORD_CODE;
	case LIGHT_PAIRING: return CONSOLE_WORD_PAIRING;
	case LIGHT_LOCKED: return CONSOLE_WORD_QUARANTINED;
	case LIGHT_SEALED: return CONSOLE_WORD_SEALED;
	case LIGHT_NONE:
	case LIGHT_CONSOLE:
	case LIGHT_OFF: break;
	}
	return CONSOLE_WORD_OFF;
}

static enum console_why do_status(struct hubd *h, struct console_page *p)
{
	page_word(p, CONSOLE_LABEL_MODEL, CONSOLE_WORD_HUB);
	page_row(p);
	if (h->settings.loaded) {
		add_hash(p, CONSOLE_LABEL_SERIAL, h->settings.config.hub, HUB_ID_LEN / 4);
		page_row(p);
	}
	page_add(p, CONSOLE_LABEL_VERSION, CONSOLE_VERSION, version());
	page_row(p);
	add_level(h, p);
	page_row(p);
	page_word(p, CONSOLE_LABEL_LIGHT, light_word(h));
	return CONSOLE_WHY_NONE;
}

static uint32_t queued(const struct hubd *h)
{
	uint64_t n = h->console.unsent;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static enum console_why do_challenge(struct hubd *h, struct console_page *p)
{
	struct challenge c;
	struct msg_console_answer *a = &p->m.console_answer;

	if (!h->settings.loaded)
		return CONSOLE_WHY_CONFIG;
	if (!orders_challenge(&h->orders, queued(h), &c))
		return CONSOLE_WHY_BUSY;
	challenge_encode(&c, a->challenge);
	a->challenged = true;
	return CONSOLE_WHY_NONE;
}

bool console_has_no_use(const struct hubd *h, enum verb v)
{
	return v == VERB_RELEASE && orders_level(&h->orders) <= LOCKDOWN_GUARDED &&
	       !orders_is_guarded(&h->orders);
}

static enum console_why do_help(struct hubd *h, struct console_page *p)
{
	uint8_t level = orders_level(&h->orders);

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++) {
		if (!session_lists(&h->console.session, v, level, rt_mono()) ||
		    console_has_no_use(h, v))
			continue;
		page_row(p);
		page_add(p, CONSOLE_LABEL_VERB, CONSOLE_VERB, v);
	}
	return CONSOLE_WHY_NONE;
}

static enum console_why do_logout(struct hubd *h, struct console_page *p)
{
	if (session_logout(&h->console.session)) {
		console_ended(h, CONSOLE_END_LOGOUT);
		p->m.console_answer.end = CONSOLE_END_LOGOUT;
	}
	return CONSOLE_WHY_NONE;
}

/* --- tokens ------------------------------------------------------------------------------------- */

enum console_why console_why_of(enum token_result r)
{
	switch (r) {
	case TOKEN_GOOD: return CONSOLE_WHY_NONE;
	case TOKEN_NO_CONFIG: return CONSOLE_WHY_CONFIG;
	case TOKEN_NO_CHALLENGE:
	case TOKEN_OTHER_CHALLENGE: return CONSOLE_WHY_STALE;
	case TOKEN_BAD_FORM:
	case TOKEN_BAD_SIGNATURE:
	case TOKEN_UNKNOWN_SIGNER:
	case TOKEN_DIFFERENT:
	case TOKEN_OTHER_HUB:
	case TOKEN_BAD_CODE:
	case TOKEN_BAD_SHARE: return CONSOLE_WHY_TOKEN;
	case TOKEN_BAD_ROLE: return CONSOLE_WHY_ROLE;
	case TOKEN_BAD_LEVEL: return CONSOLE_WHY_LEVEL;
	case TOKEN_SECOND_MISSING: return CONSOLE_WHY_SECOND;
	case TOKEN_TOO_EARLY: return CONSOLE_WHY_EARLY;
	case TOKEN_NOT_CLEAN: return CONSOLE_WHY_MEASURE;
	case TOKEN_RETIRING: return CONSOLE_WHY_RETIRING;
	case TOKEN_WAIT:
	case TOKEN_BUSY: break;
	}
	return CONSOLE_WHY_BUSY;
}

/* A verb that wants the clinic's order is granted with it only. */
static uint32_t granted(const struct access_token *t)
{
	uint32_t verbs = t->verbs;

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (verb_order_max(v) > 0 && access_token_order(t, v) == 0)
			verbs &= ~VERB_BIT(v);
	return verbs;
}

static struct session_grant grant_of(const struct token_grant *g)
{
	struct session_grant ret = {
		.verbs = granted(&g->token),
		.seconds = g->token.seconds,
		.technician = g->token.technician,
		.signatures = g->count ? (uint8_t)token_signatures(g) : 1,
		.own = token_is_own(g),
		.voice = g->count == 0,
		.signer_count = (uint8_t)g->count,
	};

	for (size_t i = 0; i < g->count; i++)
		ret.signers[i] = g->persons[i];
	return ret;
}

static void add_session(struct hubd *h, struct console_page *p)
{
	const struct console_session *s = &h->console.session;

	page_row(p);
	page_add(p, CONSOLE_LABEL_LEFT, CONSOLE_AGE,
		 session_left_ms(s, rt_mono()) / 1000);
	page_add(p, CONSOLE_LABEL_IDLE, CONSOLE_AGE, session_idle_ms(s) / 1000);
}

enum console_why console_login(struct hubd *h, const struct msg_console_ask *a,
			       struct console_page *p)
{
	struct hubd_console *c = &h->console;
	bool pasted = a->number == CONSOLE_PASTED;
	struct session_grant grant;
	struct token_grant g;
	enum token_result r;
	enum console_why why;

	if (!pasted && a->len != TOKEN_CODE_DIGITS)
		return CONSOLE_WHY_TOKEN;
	r = pasted ? orders_on_token(&h->orders, a->bytes, a->len, &g)
		   : orders_on_code(&h->orders, (const char *)a->bytes, &g);
	if (r == TOKEN_WAIT)
		p->m.console_answer.wait_s = orders_token_wait_s(&h->orders);
	if (token_result_counts(r))
		session_on_wrong(&c->session, rt_mono());
	if (r != TOKEN_GOOD)
		return console_why_of(r);
	grant = grant_of(&g);
	crypto_wipe(&g, sizeof(g));
	why = session_on_grant(&c->session, &grant, rt_mono());
	/* what the technician signed himself is no release; nor is what was refused */
	if (why != CONSOLE_WHY_NONE || grant.own)
		orders_forget_grant(&h->orders);
	if (why != CONSOLE_WHY_NONE)
		return why;
	crypto_random(c->salt, sizeof(c->salt));
	console_account_login(h, &grant);
	add_session(h, p);
	return CONSOLE_WHY_NONE;
}

static enum console_why do_release(struct hubd *h, struct console_page *p)
{
	enum console_why why = console_why_of(orders_release(&h->orders));

	hubd_arm_orders(h);
	if (why == CONSOLE_WHY_NONE)
		add_level(h, p);
	return why;
}

/* --- what reads ------------------------------------------------------------------------------------ */

static enum console_why do_version(struct hubd *h, struct console_page *p)
{
	page_add(p, CONSOLE_LABEL_VERSION, CONSOLE_VERSION, version());
	page_row(p);
	page_add(p, CONSOLE_LABEL_CONFIG, CONSOLE_COUNTER, h->settings.config.version);
	page_row(p);
	page_add(p, CONSOLE_LABEL_UPTIME, CONSOLE_AGE, rt_mono().ms / 1000);
	return CONSOLE_WHY_NONE;
}

static enum console_word end_word(enum trigger id)
{
	const struct trigger_row *r = trigger_row(id);

	return r && r->end == TRIGGER_END_RELEASE ? CONSOLE_WORD_RELEASE
						  : CONSOLE_WORD_ITSELF;
}

/* What the hub has noticed against itself; those of the given set only. */
static void add_triggers(struct hubd *h, struct console_page *p, uint32_t set)
{
	struct health_trigger t[HEALTH_TRIGGERS_MAX];
	size_t count = triggers_tell(&h->orders.triggers, t);

	for (size_t i = 0; i < count; i++) {
		if (t[i].id > TRIGGER_LAST || !(set >> t[i].id & 1))
			continue;
		page_row(p);
		page_word(p, CONSOLE_LABEL_TRIGGER,
			  (enum console_word)(CONSOLE_WORD_TRIGGER + t[i].id));
		page_add(p, CONSOLE_LABEL_COUNT, CONSOLE_COUNTER, t[i].count);
		page_add(p, CONSOLE_LABEL_CALLS_FOR, CONSOLE_COUNTER, t[i].to);
		page_word(p, CONSOLE_LABEL_ENDS, end_word((enum trigger)t[i].id));
	}
}

static enum console_why do_level(struct hubd *h, struct console_page *p)
{
	add_level(h, p);
	add_triggers(h, p, UINT32_MAX);
	return CONSOLE_WHY_NONE;
}

/* Head of the image's list of files; its whole is hashed. */
static int read_image(uint8_t ret_head[static IMAGE_HEAD_LEN],
		      uint8_t ret_hash[static SHA256_LEN])
{
	static uint8_t list[IMAGE_HEADER_LEN + IMAGE_RECORDS_MAX * IMAGE_RECORD_LEN];
	int n = file_read("/usr/lib/hub", "manifest.bin", list, sizeof(list));

	if (n < IMAGE_HEAD_LEN)
		return n < 0 ? n : -EBADMSG;
	memcpy(ret_head, list, IMAGE_HEAD_LEN);
	crypto_sha256(list, (size_t)n, ret_hash);
	return 0;
}

static enum console_why do_sbom_hash(struct hubd *h, struct console_page *p)
{
	uint8_t head[IMAGE_HEAD_LEN], hash[SHA256_LEN];

	(void)h;
	if (read_image(head, hash))
		return CONSOLE_WHY_FAILED;
	add_hash(p, CONSOLE_LABEL_SBOM, head + SBOM_AT, HASH_WORDS);
	return CONSOLE_WHY_NONE;
}

/* How old the clinic's lists are, by the clinic's clock, and not by less than is proven: a clock that stood still makes nothing young. */
static void add_lists(struct hubd *h, struct console_page *p, int64_t feed_s)
{
	struct mono now = rt_mono();
	int64_t ms = timefloor_ms(&h->floor, now), age_s;

	if (h->has_time && msg_time_ms(&h->time, now) > ms)
		ms = msg_time_ms(&h->time, now);
	age_s = ms / 1000 - feed_s;

	if (age_s < 0) {
		page_word(p, CONSOLE_LABEL_LISTS, CONSOLE_WORD_UNKNOWN);
		return;
	}
	page_add(p, CONSOLE_LABEL_LISTS, CONSOLE_AGE, (uint64_t)age_s);
	if (age_s > RISK_OLD_S)
		page_word(p, CONSOLE_LABEL_STATE, CONSOLE_WORD_OLD);
}

/* What the clinic has signed of it, with the config. Never a zero for what nobody knows. */
static void add_risk(struct hubd *h, struct console_page *p, const uint8_t *image)
{
	const struct config_risk *r = &h->settings.config.risk;

	page_row(p);
	if (!h->settings.loaded || !h->settings.config.has_risk) {
		page_word(p, CONSOLE_LABEL_VULNERABLE, CONSOLE_WORD_UNKNOWN);
		return;
	}
	page_add(p, CONSOLE_LABEL_VULNERABLE, CONSOLE_COUNTER,
		 (uint64_t)r->actual + r->internal + r->unproven + r->closed);
	page_add(p, CONSOLE_LABEL_ACTUAL, CONSOLE_COUNTER, r->actual);
	page_add(p, CONSOLE_LABEL_INTERNAL, CONSOLE_COUNTER, r->internal);
	page_add(p, CONSOLE_LABEL_UNPROVEN, CONSOLE_COUNTER, r->unproven);
	page_add(p, CONSOLE_LABEL_CLOSED, CONSOLE_COUNTER, r->closed);
	page_row(p);
	page_add(p, CONSOLE_LABEL_INSTALLED, CONSOLE_COUNTER, r->installed);
	page_add(p, CONSOLE_LABEL_LOADED, CONSOLE_COUNTER, r->loaded);
	page_add(p, CONSOLE_LABEL_EXPOSED, CONSOLE_COUNTER, r->exposed);
	page_row(p);
	add_lists(h, p, r->feed_s);
	if (image)
		page_add(p, CONSOLE_LABEL_THIS_IMAGE, CONSOLE_YES_NO,
			 memcmp(r->image, image, sizeof(r->image)) == 0);
	else
		page_word(p, CONSOLE_LABEL_THIS_IMAGE, CONSOLE_WORD_UNKNOWN);
	if (r->worst_count > 0)
		page_row(p);
	for (size_t i = 0; i < r->worst_count; i++)
		page_add(p, CONSOLE_LABEL_WORST, CONSOLE_HASH8, r->worst[i]);
}

/* Which image it is, what matters of it by the clinic's judgement, and what hub-measure found that is not of it. */
static enum console_why do_risk(struct hubd *h, struct console_page *p)
{
	uint8_t head[IMAGE_HEAD_LEN], hash[SHA256_LEN];
	bool known = read_image(head, hash) == 0;

	if (known)
		add_hash(p, CONSOLE_LABEL_IMAGE, hash, HASH_WORDS);
	else
		page_word(p, CONSOLE_LABEL_IMAGE, CONSOLE_WORD_UNKNOWN);
	add_risk(h, p, known ? hash : NULL);
	add_triggers(h, p, 1u << TRIGGER_CODE | 1u << TRIGGER_SOCKET);
	return CONSOLE_WHY_NONE;
}

static enum console_word good(bool known, bool is)
{
	return !known ? CONSOLE_WORD_UNKNOWN : is ? CONSOLE_WORD_GOOD : CONSOLE_WORD_BAD;
}

static void add_clock(struct hubd *h, struct console_page *p)
{
	enum clock_quality q = h->has_time ? h->time.utc.quality : rt_wall().quality;

	page_word(p, CONSOLE_LABEL_CLOCK,
		  (enum console_word)(CONSOLE_WORD_NO_CLOCK + (unsigned)q));
}

static enum console_why do_selftest(struct hubd *h, struct console_page *p)
{
	const struct hubd_console *c = &h->console;
	bool disk = c->store_told && ipc_is_up(h->store);
	bool key = disk && c->blocked != STORE_FULL; /* full: nobody tried the key */

	page_word(p, CONSOLE_LABEL_RADIO, good(ipc_is_up(h->ble), h->health.now.radio));
	page_row(p);
	page_word(p, CONSOLE_LABEL_DISK,
		  good(disk, c->blocked != STORE_FULL && c->blocked != STORE_FAULT));
	page_row(p);
	page_word(p, CONSOLE_LABEL_NETWORK,
		  good(c->uplink_told && ipc_is_up(h->coap), c->connected));
	page_row(p);
	page_word(p, CONSOLE_LABEL_KEY, good(key, c->blocked != STORE_FAULT));
	page_row(p);
	add_clock(h, p);
	return CONSOLE_WHY_NONE;
}

void page_network(struct console_page *p)
{
	const struct network *n = &p->h->network;
	uint32_t left = network_left_s(n, rt_mono());

	page_word(p, CONSOLE_LABEL_SETTING,
		  (enum console_word)(CONSOLE_WORD_NETWORK + (unsigned)n->now.kind));
	page_word(p, CONSOLE_LABEL_SETTING,
		  (enum console_word)(CONSOLE_WORD_TRIAL + (unsigned)n->trial));
	if (left > 0)
		page_add(p, CONSOLE_LABEL_CONFIRM, CONSOLE_AGE, left);
}

static enum console_why do_net_check(struct hubd *h, struct console_page *p)
{
	const struct hubd_console *c = &h->console;
	const struct path_quality *path = &h->health.now.path;

	if (!c->uplink_told || !ipc_is_up(h->coap))
		return CONSOLE_WHY_FAILED;
	page_add(p, CONSOLE_LABEL_CONNECTED, CONSOLE_YES_NO, c->connected);
	page_row(p);
	page_word(p, CONSOLE_LABEL_ENROLMENT,
		  (enum console_word)(CONSOLE_WORD_ENROL + (unsigned)h->enrolment.state));
	page_row(p);
	page_add(p, CONSOLE_LABEL_HANDSHAKES, CONSOLE_COUNTER, c->handshakes);
	page_row(p);
	if (path->requests) {
		page_add(p, CONSOLE_LABEL_ROUND_TRIP, CONSOLE_COUNTER, path->trip_ms);
		page_add(p, CONSOLE_LABEL_REQUESTS, CONSOLE_COUNTER, path->requests);
		page_add(p, CONSOLE_LABEL_RESENT, CONSOLE_COUNTER, path->again);
	}
	page_row(p);
	page_network(p);
	add_triggers(h, p,
		     1u << TRIGGER_SERVER | 1u << TRIGGER_HANDSHAKE | 1u << TRIGGER_TIME);
	return CONSOLE_WHY_NONE;
}

static enum console_why do_queue(struct hubd *h, struct console_page *p)
{
	const struct hubd_console *c = &h->console;

	if (!c->unsent_told)
		return CONSOLE_WHY_FAILED;
	page_add(p, CONSOLE_LABEL_UNSENT, CONSOLE_COUNTER, c->unsent);
	page_row(p);
	if (c->unsent > 0)
		page_add(p, CONSOLE_LABEL_OLDEST, CONSOLE_AGE,
			 mono_since(rt_mono(), c->unsent_since) / 1000);
	page_row(p);
	page_add(p, CONSOLE_LABEL_HIGHEST, CONSOLE_COUNTER, c->highest);
	page_row(p);
	page_add(p, CONSOLE_LABEL_DELIVERED, CONSOLE_COUNTER, c->contig);
	page_row(p);
	page_word(p, CONSOLE_LABEL_BLOCKED,
		  (enum console_word)(CONSOLE_WORD_BLOCKED + (unsigned)c->blocked));
	return CONSOLE_WHY_NONE;
}

/* --- devices ----------------------------------------------------------------------------------------- */

uint32_t console_device_hash(struct hubd *h, uint16_t num)
{
	uint8_t in[CONSOLE_SALT_LEN + 2 + PERIPHERAL_ADDR_LEN] = { 0 }, out[SHA256_LEN];
	struct device_pin pins[CONFIG_DEVICES_MAX];
	const struct config *c = &h->settings.config;

	peripherals_pins(&h->peripherals, c, pins);
	memcpy(in, h->console.salt, CONSOLE_SALT_LEN);
	in[CONSOLE_SALT_LEN] = (uint8_t)(num >> 8);
	in[CONSOLE_SALT_LEN + 1] = (uint8_t)num;
	for (size_t i = 0; i < c->device_count; i++)
		if (c->devices[i].num == num)
			memcpy(in + CONSOLE_SALT_LEN + 2,
			       pins[i].known ? pins[i].addr : c->devices[i].addr,
			       PERIPHERAL_ADDR_LEN);
	crypto_sha256(in, sizeof(in), out);
	return (uint32_t)out[0] << 24 | (uint32_t)out[1] << 16 | (uint32_t)out[2] << 8 |
	       out[3];
}

/* A time in the future is none. */
static void add_since(struct console_page *p, enum console_label label, bool known,
		      struct mono at)
{
	if (known)
		page_add(p, label, CONSOLE_AGE, mono_since(rt_mono(), at) / 1000);
}

static void add_signal(struct console_page *p, const struct health_device *d)
{
	if (d->signal_dbm != 0)
		page_add(p, CONSOLE_LABEL_SIGNAL, CONSOLE_DBM,
			 (uint64_t)(int64_t)d->signal_dbm);
	else
		page_word(p, CONSOLE_LABEL_SIGNAL, CONSOLE_WORD_UNKNOWN);
}

static enum console_why do_ble_list(struct hubd *h, struct console_page *p)
{
	for (size_t i = 0; i < h->health.now.device_count; i++) {
		const struct health_device *d = &h->health.now.devices[i];

		page_row(p);
		page_add(p, CONSOLE_LABEL_DEVICE, CONSOLE_HASH8,
			 console_device_hash(h, d->num));
		page_word(p, CONSOLE_LABEL_STATE,
			  d->told ? (enum console_word)(CONSOLE_WORD_UNBONDED +
							(unsigned)d->state)
				  : CONSOLE_WORD_UNKNOWN);
		page_word(p, CONSOLE_LABEL_REASON,
			  (enum console_word)(CONSOLE_WORD_REASON_NONE +
					      (unsigned)d->reason));
		add_since(p, CONSOLE_LABEL_SEEN, d->seen, d->seen_at);
		if (d->battery <= 100)
			page_add(p, CONSOLE_LABEL_BATTERY, CONSOLE_PERCENT, d->battery);
		add_signal(p, d);
	}
	return CONSOLE_WHY_NONE;
}

static enum console_why do_ble_rssi(struct hubd *h, struct console_page *p)
{
	for (size_t i = 0; i < h->health.now.device_count; i++) {
		page_row(p);
		page_add(p, CONSOLE_LABEL_DEVICE, CONSOLE_HASH8,
			 console_device_hash(h, h->health.now.devices[i].num));
		add_signal(p, &h->health.now.devices[i]);
	}
	return CONSOLE_WHY_NONE;
}

/* What is measured now is nobody's, and shows that the whole way works; the light blinks the hub's code until it is saved. */
static enum console_why do_ble_test(struct hubd *h, struct console_page *p)
{
	if (!ipc_is_up(h->ble))
		return CONSOLE_WHY_FAILED;
	hubd_begin_test(h, TEST_MS);
	page_add(p, CONSOLE_LABEL_TEST, CONSOLE_AGE, TEST_MS / 1000);
	return CONSOLE_WHY_NONE;
}

/* One after the other; what one cannot say is left out. */
static enum console_why do_diagnose(struct hubd *h, struct console_page *p)
{
	static enum console_why (*const all[])(struct hubd *, struct console_page *) = {
		do_status,   do_version,   do_level, do_risk,
		do_selftest, do_net_check, do_queue, do_ble_list,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i] == do_ble_list && orders_level(&h->orders) > BLE_LEVEL_LAST)
			continue;
		page_row(p);
		(void)all[i](h, p);
	}
	return CONSOLE_WHY_NONE;
}

/* --- what changes something ---------------------------------------------------------------------------- */

static enum console_why do_net_set(struct hubd *h, struct console_page *p)
{
	enum console_why why =
		p->asked ? hubd_set_network(h, p->asked->bytes, p->asked->len)
			 : CONSOLE_WHY_ARGUMENT;

	if (why == CONSOLE_WHY_NONE)
		page_network(p);
	return why;
}

/* Once the answer is on its way. */
static enum console_why do_reboot(struct hubd *h, struct console_page *p)
{
	(void)p;
	console_reboot(h);
	return CONSOLE_WHY_NONE;
}

static enum console_why do_export_queue(struct hubd *h, struct console_page *p)
{
	return console_export(h, p, EXPORT_QUEUE);
}

static enum console_why do_export_evidence(struct hubd *h, struct console_page *p)
{
	return console_export(h, p, EXPORT_EVIDENCE);
}

typedef enum console_why verb_fn(struct hubd *h, struct console_page *p);

static const struct {
	enum verb verb;
	verb_fn *fn;
} table[] = {
	{ VERB_CHALLENGE, do_challenge },
	{ VERB_STATUS, do_status },
	{ VERB_VERSION, do_version },
	{ VERB_LEVEL, do_level },
	{ VERB_RISK, do_risk },
	{ VERB_SBOM_HASH, do_sbom_hash },
	{ VERB_SELFTEST, do_selftest },
	{ VERB_NET_CHECK, do_net_check },
	{ VERB_BLE_LIST, do_ble_list },
	{ VERB_BLE_RSSI, do_ble_rssi },
	{ VERB_BLE_TEST, do_ble_test },
	{ VERB_QUEUE, do_queue },
	{ VERB_DIAGNOSE, do_diagnose },
	{ VERB_REBOOT, do_reboot },
	{ VERB_PAIR, console_pair },
	{ VERB_UNPAIR, console_unpair },
	{ VERB_FACTORY_RESET, console_factory_reset },
	{ VERB_RETIRE, console_retire },
	{ VERB_RELEASE, do_release },
	{ VERB_LOGOUT, do_logout },
	{ VERB_HELP, do_help },
	{ VERB_EXPORT_EVIDENCE, do_export_evidence },
	{ VERB_EXPORT_QUEUE, do_export_queue },
	{ VERB_NET_SET, do_net_set },
};

uint32_t console_offered(void)
{
	uint32_t set = VERB_BIT(VERB_LOGIN);

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		set |= VERB_BIT(table[i].verb);
	return set;
}

enum console_why console_do(struct hubd *h, const struct msg_console_ask *a,
			    struct console_page *p)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].verb == (enum verb)a->verb)
			return table[i].fn(h, p);
	return CONSOLE_WHY_UNKNOWN;
}
