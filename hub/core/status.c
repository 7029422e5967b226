/*
 * status.c - the status of a hub as deterministic CBOR; see status.h.
 *
 * {1: level, 2: clock, 3: radio, 4: blocked, 5: config, 6: made, 7: waiting, 8: spool, 9: refused, 10: light,
 *  11: [{1: num, 2: bond, 3: cause, 4: seen, 5: read, 6: battery, 7: clock error, 8: signal}, ...], 12: refused config, 13: why,
 *  14: [assignment, step], 15: [enrolment, trouble], 16: proven config, 17: [counter, result, retiring, lock epoch, nonce or empty],
 *  18: trial, 19: [round trip, requests, of these sent again], 20: software, 21: [[trigger, peer, count, level], ...]}
 * What is 0, false or not known is left out, but for a device's number.
 */
#include "hub/core/status.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum status_key {
	KEY_LEVEL = 1,
	KEY_CLOCK = 2,
	KEY_RADIO = 3,
	KEY_BLOCKED = 4,
	KEY_CONFIG = 5,
	KEY_MADE = 6,
	KEY_WAITING = 7,
	KEY_SPOOL = 8,
	KEY_REFUSED = 9,
	KEY_LIGHT = 10,
	KEY_DEVICES = 11,
	KEY_REFUSED_CONFIG = 12,
	KEY_REFUSAL = 13,
	KEY_ASSIGNMENT = 14,
	KEY_ENROLMENT = 15,
	KEY_PROVEN_CONFIG = 16,
	KEY_COMMAND = 17,
	KEY_TRIAL = 18,
	KEY_PATH = 19,
	KEY_SOFTWARE = 20,
	KEY_TRIGGERS = 21,
	KEY_ESCROW = 22,
	KEYS_MAX = 32,
};

enum {
	ENROLMENT_ITEMS = 2,
	ASSIGNMENT_ITEMS = 2,
	COMMAND_ITEMS = 5,
	TRIGGER_ITEMS = 4,
	PATH_ITEMS = 3,
	ESCROW_ITEMS = 2,
};

enum device_key {
	DEVICE_KEY_NUM = 1,
	DEVICE_KEY_BOND = 2,
	DEVICE_KEY_CAUSE = 3,
	DEVICE_KEY_SEEN = 4,
	DEVICE_KEY_READ = 5,
	DEVICE_KEY_BATTERY = 6,
	DEVICE_KEY_CLOCK = 7,
	DEVICE_KEY_SIGNAL = 8,
};

/* --- out ---------------------------------------------------------------------------------------- */

/* A pair whose value says something. */
static void put_if(struct writer *w, bool there, unsigned key, uint64_t v)
{
	if (!there)
		return;
	cb_put_uint(w, key);
	cb_put_uint(w, v);
}

static void put_int_if(struct writer *w, bool there, unsigned key, int64_t v)
{
	if (!there)
		return;
	cb_put_uint(w, key);
	cb_put_int(w, v);
}

static void put_device(struct writer *w, const struct status_device *d)
{
	bool battery = d->battery != STATUS_BATTERY_UNKNOWN;

	cb_put_map(w, 1u + (d->bond != BOND_UNKNOWN) + (d->cause != SILENCE_NONE) +
			      d->seen + d->read + battery + d->has_clock_error +
			      (d->signal_dbm < 0));
	put_if(w, true, DEVICE_KEY_NUM, d->num);
	put_if(w, d->bond != BOND_UNKNOWN, DEVICE_KEY_BOND, (uint64_t)d->bond);
	put_if(w, d->cause != SILENCE_NONE, DEVICE_KEY_CAUSE, (uint64_t)d->cause);
	put_if(w, d->seen, DEVICE_KEY_SEEN, d->seen_s);
	put_if(w, d->read, DEVICE_KEY_READ, d->read_s);
	put_if(w, battery, DEVICE_KEY_BATTERY, d->battery);
	put_int_if(w, d->has_clock_error, DEVICE_KEY_CLOCK, d->clock_error_s);
	put_int_if(w, d->signal_dbm < 0, DEVICE_KEY_SIGNAL, d->signal_dbm);
}

static bool has_command(const struct status *s)
{
	return s->command.counter > 0 || s->retiring || s->challenged;
}

static void put_command(struct writer *w, const struct status *s)
{
	cb_put_uint(w, KEY_COMMAND);
	cb_put_array(w, COMMAND_ITEMS);
	cb_put_uint(w, s->command.counter);
	cb_put_uint(w, (uint64_t)s->command.result);
	cb_put_bool(w, s->retiring);
	cb_put_uint(w, s->lock_epoch);
	cb_put_bytes(w, s->nonce, s->challenged ? COMMAND_NONCE_LEN : 0);
}

static void put_path(struct writer *w, const struct path_quality *p)
{
	cb_put_uint(w, KEY_PATH);
	cb_put_array(w, PATH_ITEMS);
	cb_put_uint(w, p->trip_ms);
	cb_put_uint(w, p->requests);
	cb_put_uint(w, p->again);
}

static void put_triggers(struct writer *w, const struct status *s)
{
	cb_put_uint(w, KEY_TRIGGERS);
	cb_put_array(w, s->trigger_count);
	for (size_t i = 0; i < s->trigger_count; i++) {
		cb_put_array(w, TRIGGER_ITEMS);
		cb_put_uint(w, s->triggers[i].id);
		cb_put_uint(w, s->triggers[i].peer);
		cb_put_uint(w, s->triggers[i].count);
		cb_put_uint(w, s->triggers[i].to);
	}
}

static void put_escrow(struct writer *w, const struct escrow_sealed *e)
{
	cb_put_uint(w, KEY_ESCROW);
	cb_put_array(w, ESCROW_ITEMS);
	cb_put_uint(w, e->lock_epoch);
	cb_put_bytes(w, e->bytes, sizeof(e->bytes));
}

static void put_software(struct writer *w, const char *version)
{
	cb_put_uint(w, KEY_SOFTWARE);
	cb_put_text(w, version, strlen(version));
}

int status_encode(const struct status *s, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (s->device_count > STATUS_DEVICES_MAX ||
	    s->trigger_count > HEALTH_TRIGGERS_MAX)
		return -ENOSPC;
	writer_init(&w, buf, cap);
	cb_put_map(&w, (size_t)(s->level > 0) + (s->clock != CLOCK_QUALITY_NONE) +
			       s->radio + (s->blocked != STORE_READY) +
			       (s->config_version > 0) + s->has_made + s->waiting +
			       s->spool + (s->refused > 0) + (s->light > 0) +
			       (s->device_count > 0) + (s->refused_version > 0) +
			       (s->refusal != REFUSAL_NONE) + (s->proven_version > 0) +
			       (s->enrolment != ENROL_NONE) + s->has_assignment +
			       has_command(s) + (s->trial != TRIAL_NONE) +
			       (s->path.requests > 0) + (*s->software != '\0') +
			       (s->trigger_count > 0) + s->escrow.there);
	put_if(&w, s->level > 0, KEY_LEVEL, s->level);
	put_if(&w, s->clock != CLOCK_QUALITY_NONE, KEY_CLOCK, (uint64_t)s->clock);
	put_if(&w, s->radio, KEY_RADIO, 1);
	put_if(&w, s->blocked != STORE_READY, KEY_BLOCKED, (uint64_t)s->blocked);
	put_if(&w, s->config_version > 0, KEY_CONFIG, s->config_version);
	put_int_if(&w, s->has_made, KEY_MADE, s->made_ms);
	put_if(&w, s->waiting, KEY_WAITING, s->waiting_s);
	put_if(&w, s->spool, KEY_SPOOL, 1);
	put_if(&w, s->refused > 0, KEY_REFUSED, s->refused);
	put_if(&w, s->light > 0, KEY_LIGHT, s->light);
	if (s->device_count > 0) {
		cb_put_uint(&w, KEY_DEVICES);
		cb_put_array(&w, s->device_count);
	}
	for (size_t i = 0; i < s->device_count; i++)
		put_device(&w, &s->devices[i]);
	put_if(&w, s->refused_version > 0, KEY_REFUSED_CONFIG, s->refused_version);
	put_if(&w, s->refusal != REFUSAL_NONE, KEY_REFUSAL, (uint64_t)s->refusal);
	if (s->has_assignment) {
		cb_put_uint(&w, KEY_ASSIGNMENT);
		cb_put_array(&w, ASSIGNMENT_ITEMS);
		cb_put_uint(&w, s->assignment);
		cb_put_uint(&w, (uint64_t)s->fence);
	}
	if (s->enrolment != ENROL_NONE) {
		cb_put_uint(&w, KEY_ENROLMENT);
		cb_put_array(&w, ENROLMENT_ITEMS);
		cb_put_uint(&w, (uint64_t)s->enrolment);
		cb_put_uint(&w, (uint64_t)s->trouble);
	}
	put_if(&w, s->proven_version > 0, KEY_PROVEN_CONFIG, s->proven_version);
	if (has_command(s))
		put_command(&w, s);
	put_if(&w, s->trial != TRIAL_NONE, KEY_TRIAL, (uint64_t)s->trial);
	if (s->path.requests > 0)
		put_path(&w, &s->path);
	if (*s->software)
		put_software(&w, s->software);
	if (s->trigger_count > 0)
		put_triggers(&w, s);
	if (s->escrow.there)
		put_escrow(&w, &s->escrow);
	return writer_len(&w);
}

/* --- in ----------------------------------------------------------------------------------------- */

/* Ascending, none twice. */
static uint64_t get_key(struct cb *c, uint64_t *next)
{
	uint64_t key = cb_get_uint(c);

	if (!cb_error(c) && (key < *next || key == UINT64_MAX))
		cb_fail(c, -EBADMSG);
	*next = key + 1;
	return key;
}

static int32_t get_i32(struct cb *c)
{
	int64_t v = cb_get_int(c);

	if (v < INT32_MIN || v > INT32_MAX)
		cb_fail(c, -ERANGE);
	return (int32_t)v;
}

static int8_t get_signal(struct cb *c)
{
	int64_t v = cb_get_int(c);

	if (v < SIGNAL_MIN_DBM || v > SIGNAL_MAX_DBM)
		cb_fail(c, -ERANGE);
	return (int8_t)v;
}

static void get_device_field(struct cb *c, uint64_t key, struct status_device *d)
{
	switch (key) {
	case DEVICE_KEY_NUM: d->num = (uint16_t)cb_get_uint_max(c, UINT16_MAX); break;
	case DEVICE_KEY_BOND:
		d->bond = (enum bond_state)cb_get_uint_max(c, BOND_FAILED);
		break;
	case DEVICE_KEY_CAUSE:
		d->cause = (enum silence_reason)cb_get_uint_max(c, SILENCE_REASON_LAST);
		break;
	case DEVICE_KEY_SEEN:
		d->seen = true;
		d->seen_s = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case DEVICE_KEY_READ:
		d->read = true;
		d->read_s = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case DEVICE_KEY_BATTERY: d->battery = (uint8_t)cb_get_uint_max(c, 100); break;
	case DEVICE_KEY_CLOCK:
		d->has_clock_error = true;
		d->clock_error_s = get_i32(c);
		break;
	case DEVICE_KEY_SIGNAL: d->signal_dbm = get_signal(c); break;
	default: cb_skip(c);
	}
}

static void get_device(struct cb *c, uint16_t above, struct status_device *ret)
{
	uint64_t next = 0;
	size_t pairs = cb_get_map(c, KEYS_MAX);

	*ret = (struct status_device){ .battery = STATUS_BATTERY_UNKNOWN };
	for (size_t i = 0; i < pairs && !cb_error(c); i++)
		get_device_field(c, get_key(c, &next), ret);
	if (!cb_error(c) && ret->num <= above)
		cb_fail(c, -ERANGE);
}

static void get_devices(struct cb *c, struct status *s)
{
	uint16_t above = 0;

	s->device_count = cb_get_array(c, STATUS_DEVICES_MAX);
	for (size_t i = 0; i < s->device_count && !cb_error(c); i++) {
		get_device(c, above, &s->devices[i]);
		above = s->devices[i].num;
	}
}

static void get_assignment(struct cb *c, struct status *s)
{
	if (cb_get_array(c, ASSIGNMENT_ITEMS) != ASSIGNMENT_ITEMS)
		cb_fail(c, -EBADMSG);
	s->has_assignment = true;
	s->assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	s->fence = (enum fence_step)cb_get_uint_max(c, FENCE_STEP_LAST);
}

static void get_command(struct cb *c, struct status *s)
{
	const uint8_t *nonce;
	size_t len;

	if (cb_get_array(c, COMMAND_ITEMS) != COMMAND_ITEMS)
		cb_fail(c, -EBADMSG);
	s->command.counter = cb_get_uint_max(c, INT64_MAX);
	s->command.result = (enum command_result)cb_get_uint_max(c, COMMAND_RESULT_LAST);
	s->retiring = cb_get_bool(c);
	s->lock_epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	nonce = cb_get_bytes(c, &len);
	if (!cb_error(c) &&
	    (((s->command.counter == 0) != (s->command.result == COMMAND_NOTHING)) ||
	     (len != 0 && len != COMMAND_NONCE_LEN)))
		cb_fail(c, -ERANGE);
	s->challenged = !cb_error(c) && len > 0;
	if (s->challenged)
		memcpy(s->nonce, nonce, COMMAND_NONCE_LEN);
}

static void get_enrolment(struct cb *c, struct status *s)
{
	if (cb_get_array(c, ENROLMENT_ITEMS) != ENROLMENT_ITEMS)
		cb_fail(c, -EBADMSG);
	s->enrolment = (enum enrol_state)cb_get_uint_max(c, ENROL_STATE_LAST);
	s->trouble = (enum enrol_trouble)cb_get_uint_max(c, ENROL_TROUBLE_LAST);
	if (s->enrolment == ENROL_NONE)
		cb_fail(c, -ERANGE);
}

static void get_triggers(struct cb *c, struct status *s)
{
	s->trigger_count = cb_get_array(c, HEALTH_TRIGGERS_MAX);
	for (size_t i = 0; i < s->trigger_count && !cb_error(c); i++) {
		struct health_trigger *t = &s->triggers[i];

		if (cb_get_array(c, TRIGGER_ITEMS) != TRIGGER_ITEMS)
			cb_fail(c, -EBADMSG);
		t->id = (uint8_t)cb_get_uint_max(c, HEALTH_TRIGGER_LAST);
		t->peer = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
		t->count = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		t->to = (uint8_t)cb_get_uint_max(c, HEALTH_TRIGGER_LEVEL_MAX);
		if (!cb_error(c) && (t->id == 0 || t->count == 0))
			cb_fail(c, -ERANGE);
	}
}

static void get_escrow(struct cb *c, struct escrow_sealed *ret)
{
	if (cb_get_array(c, ESCROW_ITEMS) != ESCROW_ITEMS)
		cb_fail(c, -EBADMSG);
	ret->there = true;
	ret->lock_epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	cb_get_fixed(c, ret->bytes, sizeof(ret->bytes));
}

static void get_path(struct cb *c, struct path_quality *ret)
{
	if (cb_get_array(c, PATH_ITEMS) != PATH_ITEMS)
		cb_fail(c, -EBADMSG);
	ret->trip_ms = (uint16_t)cb_get_uint_max(c, PATH_TRIP_MAX_MS);
	ret->requests = (uint8_t)cb_get_uint_max(c, PATH_REQUESTS_MAX);
	ret->again = (uint8_t)cb_get_uint_max(c, ret->requests);
	if (ret->requests == 0)
		cb_fail(c, -ERANGE);
}

/* Printable ASCII only: people see it. */
static void get_software(struct cb *c, char ret[static STATUS_SOFTWARE_MAX + 1])
{
	size_t len;
	const char *text = cb_get_text(c, &len);

	if (cb_error(c))
		return;
	if (len == 0 || len > STATUS_SOFTWARE_MAX)
		cb_fail(c, -ERANGE);
	for (size_t i = 0; !cb_error(c) && i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(ret, text, len);
	ret[len] = '\0';
}

static void get_field(struct cb *c, uint64_t key, struct status *s)
{
	switch (key) {
	case KEY_LEVEL: s->level = (uint8_t)cb_get_uint_max(c, STATUS_LEVEL_MAX); break;
	case KEY_CLOCK:
		s->clock = (enum clock_quality)cb_get_uint_max(c, CLOCK_QUALITY_CLINIC);
		break;
	case KEY_RADIO: s->radio = cb_get_uint_max(c, 1) == 1; break;
	case KEY_BLOCKED:
		s->blocked = (enum store_blocked)cb_get_uint_max(c, STORE_FAULT);
		break;
	case KEY_CONFIG: s->config_version = cb_get_uint_max(c, INT64_MAX); break;
	case KEY_MADE:
		s->has_made = true;
		s->made_ms = cb_get_int(c);
		break;
	case KEY_WAITING:
		s->waiting = true;
		s->waiting_s = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_SPOOL: s->spool = cb_get_uint_max(c, 1) == 1; break;
	case KEY_REFUSED: s->refused = cb_get_uint_max(c, INT64_MAX); break;
	case KEY_LIGHT: s->light = (uint8_t)cb_get_uint_max(c, STATUS_LIGHT_MAX); break;
	case KEY_DEVICES: get_devices(c, s); break;
	case KEY_REFUSED_CONFIG:
		s->refused_version = cb_get_uint_max(c, INT64_MAX);
		break;
	case KEY_REFUSAL:
		s->refusal = (enum refusal)cb_get_uint_max(c, REFUSAL_LAST);
		break;
	case KEY_PROVEN_CONFIG: s->proven_version = cb_get_uint_max(c, INT64_MAX); break;
	case KEY_ASSIGNMENT: get_assignment(c, s); break;
	case KEY_ENROLMENT: get_enrolment(c, s); break;
	case KEY_COMMAND: get_command(c, s); break;
	case KEY_TRIAL: s->trial = (enum trial)cb_get_uint_max(c, TRIAL_LAST); break;
	case KEY_PATH: get_path(c, &s->path); break;
	case KEY_TRIGGERS: get_triggers(c, s); break;
	case KEY_ESCROW: get_escrow(c, &s->escrow); break;
	case KEY_SOFTWARE: get_software(c, s->software); break;
	default: cb_skip(c);
	}
}

int status_decode(const uint8_t *buf, size_t len, struct status *ret)
{
	struct status s = { 0 };
	uint64_t next = 0;
	struct cb c;
	size_t pairs;

	cb_init(&c, buf, len);
	pairs = cb_get_map(&c, KEYS_MAX);
	for (size_t i = 0; i < pairs && !cb_error(&c); i++)
		get_field(&c, get_key(&c, &next), &s);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = s;
	return 0;
}

/* --- what it says ------------------------------------------------------------------------------- */

bool status_clock_wrong(const struct status_device *d)
{
	return d->has_clock_error && (d->clock_error_s <= -STATUS_CLOCK_WRONG_S ||
				      d->clock_error_s >= STATUS_CLOCK_WRONG_S);
}

bool status_battery_low(const struct status_device *d)
{
	return d->battery < STATUS_BATTERY_LOW;
}

bool status_signal_weak(const struct status_device *d)
{
	return d->signal_dbm < 0 && d->signal_dbm < STATUS_SIGNAL_WEAK;
}

bool status_path_bad(const struct path_quality *p)
{
	return p->requests >= STATUS_LOSSY_FEW &&
	       (p->trip_ms >= STATUS_TRIP_SLOW_MS || 5 * p->again >= p->requests);
}

static bool same_device(const struct status_device *a, const struct status_device *b)
{
	return a->num == b->num && a->bond == b->bond && a->cause == b->cause &&
	       a->seen == b->seen && a->read == b->read &&
	       status_battery_low(a) == status_battery_low(b) &&
	       status_signal_weak(a) == status_signal_weak(b) &&
	       (a->signal_dbm < 0) == (b->signal_dbm < 0) &&
	       status_clock_wrong(a) == status_clock_wrong(b);
}

/* A count alone is no news. */
static bool same_triggers(const struct status *a, const struct status *b)
{
	bool same = a->trigger_count == b->trigger_count;

	for (size_t i = 0; same && i < a->trigger_count; i++)
		same = a->triggers[i].id == b->triggers[i].id &&
		       a->triggers[i].peer == b->triggers[i].peer &&
		       a->triggers[i].to == b->triggers[i].to;
	return same;
}

bool status_same(const struct status *a, const struct status *b)
{
	bool same =
		a->level == b->level && a->clock == b->clock && a->radio == b->radio &&
		a->blocked == b->blocked && a->config_version == b->config_version &&
		a->refused_version == b->refused_version && a->refusal == b->refusal &&
		a->proven_version == b->proven_version && a->trial == b->trial &&
		a->has_assignment == b->has_assignment &&
		a->assignment == b->assignment && a->enrolment == b->enrolment &&
		a->trouble == b->trouble && a->fence == b->fence &&
		a->command.counter == b->command.counter &&
		a->command.result == b->command.result && a->retiring == b->retiring &&
		a->challenged == b->challenged && a->lock_epoch == b->lock_epoch &&
		memcmp(a->nonce, b->nonce, COMMAND_NONCE_LEN) == 0 &&
		a->spool == b->spool && same_triggers(a, b) &&
		a->escrow.there == b->escrow.there &&
		a->escrow.lock_epoch == b->escrow.lock_epoch &&
		memcmp(a->escrow.bytes, b->escrow.bytes, ESCROW_SEALED_LEN) == 0 &&
		a->device_count == b->device_count;

	for (size_t i = 0; same && i < a->device_count; i++)
		same = same_device(&a->devices[i], &b->devices[i]);
	return same;
}
