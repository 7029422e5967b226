/*
 * config.c - the configuration document as deterministic CBOR, checked as a whole; see config.h.
 *
 * A map with the keys below, ascending, all of them there but for those from KEY_OPTIONAL on, which are left out if they
 * say nothing. Unlike a reply or a body, an unknown key is refused: a hub must not obey half a configuration.
 */
#include "hub/core/config.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/core/config_plan.h"

enum config_key {
	KEY_VERSION = 0, /* of the format */
	KEY_HUB,
	KEY_EPOCH,
	KEY_CONFIG_VERSION,
	KEY_ASSIGNMENT,
	KEY_UTC_OFFSET,
	KEY_HEARTBEAT,
	KEY_SEAL,
	KEY_DEVICES,
	KEY_ENDPOINTS,
	KEY_WINDOW,
	KEY_CHANGE,
	KEY_OPTIONAL,
	KEY_SIGNERS = KEY_OPTIONAL,
	KEY_NEXT_SEAL,
	KEY_ROOT,
	KEY_PLAN,
	KEY_ASKING,
	KEY_QUIET,
	KEY_LIMITS,
	KEY_RELEASE,
	KEY_RISK,
	KEY_COUNT,
};

_Static_assert((int)KEY_COUNT == (int)CONFIG_FIELDS, "one list of keys");

static const char *const key_names[KEY_COUNT] = {
	[KEY_VERSION] = "format version",
	[KEY_HUB] = "hub",
	[KEY_EPOCH] = "epoch",
	[KEY_CONFIG_VERSION] = "config version",
	[KEY_ASSIGNMENT] = "assignment",
	[KEY_UTC_OFFSET] = "utc offset",
	[KEY_HEARTBEAT] = "heartbeat",
	[KEY_SEAL] = "sealing key",
	[KEY_DEVICES] = "devices",
	[KEY_ENDPOINTS] = "endpoints",
	[KEY_WINDOW] = "pairing window",
	[KEY_CHANGE] = "change of the utc offset",
	[KEY_SIGNERS] = "signers",
	[KEY_NEXT_SEAL] = "next sealing key",
	[KEY_ROOT] = "root",
	[KEY_PLAN] = "plan",
	[KEY_ASKING] = "asking",
	[KEY_QUIET] = "quiet hours",
	[KEY_LIMITS] = "limits",
	[KEY_RELEASE] = "release authority",
	[KEY_RISK] = "risk",
};

/* Not every number below KEY_COUNT has a meaning. */
static bool is_known(uint64_t key)
{
	return key < KEY_COUNT && key_names[key];
}

unsigned config_field_key(const char *field)
{
	for (unsigned key = 0; key < KEY_COUNT; key++)
		if (is_known(key) && strcmp(field, key_names[key]) == 0)
			return key;
	return CONFIG_FIELDS;
}

bool config_kind_good(enum reading_kind k)
{
	switch (k) {
	case READING_BLOOD_PRESSURE:
	case READING_WEIGHT:
	case READING_OXIMETRY:
	case READING_TEMPERATURE:
	case READING_GLUCOSE:
	case READING_HEART_RATE_STREAM:
	case READING_CGM:
	case READING_GENERIC: return true;
	case READING_NONE:
	case READING_BODY_COMPOSITION:
	case READING_OXIMETRY_STREAM:
	case READING_GLUCOSE_CONTEXT:
	case READING_DEVICE_INFORMATION:
	case READING_CONSOLE:
	case READING_SNAPSHOT:
	case READING_EVIDENCE:
	case READING_MANIFEST:
	case READING_TOMBSTONE: break;
	}
	return false;
}

static void put_uint_or_null(struct writer *w, bool has, uint64_t v)
{
	if (has)
		cb_put_uint(w, v);
	else
		cb_put_null(w);
}

static void put_device(struct writer *w, const struct config_device *d)
{
	size_t serial_len = strnlen(d->serial, CONFIG_SERIAL_MAX);

	cb_put_array(w, 11);
	cb_put_uint(w, d->num);
	cb_put_uint(w, (uint64_t)d->kind);
	if (d->has_addr)
		cb_put_bytes(w, d->addr, PERIPHERAL_ADDR_LEN);
	else
		cb_put_null(w);
	cb_put_uint(w, (uint64_t)d->addr_type);
	put_uint_or_null(w, d->passkey != CONFIG_NO_PASSKEY, d->passkey);
	cb_put_bool(w, d->just_works);
	put_uint_or_null(w, d->has_user, d->user);
	cb_put_bool(w, d->sole_user);
	put_uint_or_null(w, d->has_consent, d->consent);
	cb_put_bool(w, d->import);
	if (serial_len)
		cb_put_text(w, d->serial, serial_len);
	else
		cb_put_null(w);
}

static void put_window(struct writer *w, const struct config_window *v)
{
	if (v->id == 0) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, 4);
	cb_put_uint(w, v->id);
	cb_put_uint(w, v->device);
	cb_put_uint(w, v->minutes);
	cb_put_bool(w, v->repair);
}

static void put_change(struct writer *w, const struct config *c)
{
	if (!c->has_change) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, 2);
	cb_put_int(w, c->change_utc_s);
	cb_put_int(w, c->change_offset_min);
}

bool config_has_addr(const struct config_endpoint *e)
{
	static const uint8_t none[sizeof(e->addr)];

	return memcmp(e->addr, none, sizeof(none)) != 0;
}

/* A weight of 1 is left out: hubs from before there were weights take such a config. */
void config_put_endpoint(struct writer *w, const struct config_endpoint *e)
{
	cb_put_array(w, e->weight > 1 ? 6 : 5);
	cb_put_text(w, e->name, strlen(e->name));
	cb_put_bytes(w, e->addr, sizeof(e->addr));
	cb_put_uint(w, e->port);
	cb_put_uint(w, (uint64_t)e->profile);
	cb_put_array(w, e->pin_count);
	for (size_t i = 0; i < e->pin_count; i++)
		cb_put_bytes(w, e->pins[i], PIN_LEN);
	if (e->weight > 1)
		cb_put_uint(w, e->weight);
}

static void put_seal(struct writer *w, uint8_t id, const uint8_t *public)
{
	cb_put_array(w, 2);
	cb_put_uint(w, id);
	cb_put_bytes(w, public, SEAL_PUBLIC_LEN);
}

static void put_root(struct writer *w, const struct config_root *r)
{
	cb_put_array(w, 3);
	cb_put_bytes(w, r->trust, r->trust_len);
	if (r->cross_len)
		cb_put_bytes(w, r->cross, r->cross_len);
	else
		cb_put_null(w);
	cb_put_bool(w, r->only);
}

static void put_risk(struct writer *w, const struct config_risk *r)
{
	cb_put_array(w, 10);
	cb_put_int(w, r->feed_s);
	cb_put_bytes(w, r->image, sizeof(r->image));
	cb_put_uint(w, r->installed);
	cb_put_uint(w, r->loaded);
	cb_put_uint(w, r->exposed);
	cb_put_uint(w, r->actual);
	cb_put_uint(w, r->internal);
	cb_put_uint(w, r->unproven);
	cb_put_uint(w, r->closed);
	cb_put_array(w, r->worst_count);
	for (size_t i = 0; i < r->worst_count; i++)
		cb_put_uint(w, r->worst[i]);
}

static size_t count_optional(const struct config *c)
{
	return (size_t)(c->signer_count > 0) + c->has_next_seal +
	       (c->root.trust_len > 0) + (c->plan_count > 0) + c->no_asking +
	       (c->quiet_count > 0) + (c->limit_count > 0) + c->has_release + c->has_risk;
}

static void put_optional(struct writer *w, const struct config *c)
{
	if (c->signer_count > 0) {
		cb_put_uint(w, KEY_SIGNERS);
		signers_put(w, c->signers, c->signer_count);
	}
	if (c->has_next_seal) {
		cb_put_uint(w, KEY_NEXT_SEAL);
		put_seal(w, c->next_seal.id, c->next_seal.public);
	}
	if (c->root.trust_len) {
		cb_put_uint(w, KEY_ROOT);
		put_root(w, &c->root);
	}
	if (c->plan_count) {
		cb_put_uint(w, KEY_PLAN);
		config_put_plans(w, c);
	}
	if (c->no_asking) {
		cb_put_uint(w, KEY_ASKING);
		cb_put_bool(w, false);
	}
	if (c->quiet_count) {
		cb_put_uint(w, KEY_QUIET);
		config_put_quiet(w, c);
	}
	if (c->limit_count) {
		cb_put_uint(w, KEY_LIMITS);
		limits_put(w, c->limits, c->limit_count);
	}
	if (c->has_release) {
		cb_put_uint(w, KEY_RELEASE);
		cb_put_bytes(w, c->release_public, SEAL_PUBLIC_LEN);
	}
	if (c->has_risk) {
		cb_put_uint(w, KEY_RISK);
		put_risk(w, &c->risk);
	}
}

int config_encode(const struct config *c, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, KEY_OPTIONAL + count_optional(c));
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, CONFIG_VERSION);
	cb_put_uint(&w, KEY_HUB);
	cb_put_bytes(&w, c->hub, HUB_ID_LEN);
	cb_put_uint(&w, KEY_EPOCH);
	cb_put_uint(&w, c->epoch);
	cb_put_uint(&w, KEY_CONFIG_VERSION);
	cb_put_uint(&w, c->version);
	cb_put_uint(&w, KEY_ASSIGNMENT);
	cb_put_uint(&w, c->assignment);
	cb_put_uint(&w, KEY_UTC_OFFSET);
	cb_put_int(&w, c->utc_offset_min);
	cb_put_uint(&w, KEY_HEARTBEAT);
	cb_put_uint(&w, c->heartbeat_s);
	cb_put_uint(&w, KEY_SEAL);
	put_seal(&w, c->seal_key_id, c->seal_public);
	cb_put_uint(&w, KEY_DEVICES);
	cb_put_array(&w, c->device_count);
	for (size_t i = 0; i < c->device_count && i < CONFIG_DEVICES_MAX; i++)
		put_device(&w, &c->devices[i]);
	cb_put_uint(&w, KEY_ENDPOINTS);
	cb_put_array(&w, c->endpoint_count);
	for (size_t i = 0; i < c->endpoint_count && i < CONFIG_ENDPOINTS_MAX; i++)
		config_put_endpoint(&w, &c->endpoints[i]);
	cb_put_uint(&w, KEY_WINDOW);
	put_window(&w, &c->window);
	cb_put_uint(&w, KEY_CHANGE);
	put_change(&w, c);
	put_optional(&w, c);
	return writer_len(&w);
}

static void get_addr(struct cb *c, struct config_device *ret)
{
	static const uint8_t zero[PERIPHERAL_ADDR_LEN];

	ret->has_addr = !cb_take_null(c);
	if (ret->has_addr) {
		cb_get_fixed(c, ret->addr, PERIPHERAL_ADDR_LEN);
		if (memcmp(ret->addr, zero, sizeof(zero)) == 0)
			cb_fail(c, -ERANGE);
	}
	ret->addr_type =
		(enum addr_type)cb_get_uint_max(c, ret->has_addr ? ADDR_RANDOM : 0);
}

/* A serial number: printable ASCII, so that it is one thing in a label, a log and a file. */
static void get_serial(struct cb *c, struct config_device *ret)
{
	size_t len;
	const char *text;

	if (cb_take_null(c))
		return;
	text = cb_get_text(c, &len);
	if (!text)
		return;
	if (len == 0 || len > CONFIG_SERIAL_MAX) {
		cb_fail(c, -ERANGE);
		return;
	}
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			cb_fail(c, -ERANGE);
	memcpy(ret->serial, text, len);
}

static void get_device(struct cb *c, struct config_device *ret)
{
	if (cb_get_array(c, 11) != 11)
		cb_fail(c, -EBADMSG);
	ret->num = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	ret->kind = (enum reading_kind)cb_get_uint_max(c, READING_KIND_LAST);
	get_addr(c, ret);
	ret->passkey = CONFIG_NO_PASSKEY;
	if (!cb_take_null(c))
		ret->passkey = (uint32_t)cb_get_uint_max(c, 999999);
	ret->just_works = cb_get_bool(c);
	ret->has_user = !cb_take_null(c);
	if (ret->has_user)
		ret->user = (uint8_t)cb_get_uint_max(c, 254);
	ret->sole_user = cb_get_bool(c);
	ret->has_consent = !cb_take_null(c);
	if (ret->has_consent)
		ret->consent = (uint16_t)cb_get_uint_max(c, CONFIG_CONSENT_MAX);
	ret->import = cb_get_bool(c);
	get_serial(c, ret);
	if (!cb_error(c) && (ret->num == 0 || !config_kind_good(ret->kind) ||
			     (ret->has_consent && !ret->has_user)))
		cb_fail(c, -ERANGE);
}

static bool same_addr(const struct config_device *a, const struct config_device *b)
{
	return a->has_addr && b->has_addr && a->addr_type == b->addr_type &&
	       memcmp(a->addr, b->addr, PERIPHERAL_ADDR_LEN) == 0;
}

static void get_devices(struct cb *c, struct config *ret)
{
	ret->device_count = cb_get_array(c, CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < ret->device_count; i++) {
		get_device(c, &ret->devices[i]);
		for (size_t k = 0; k < i; k++)
			if (ret->devices[k].num == ret->devices[i].num ||
			    same_addr(&ret->devices[k], &ret->devices[i]))
				cb_fail(c, -ERANGE);
	}
}

static bool has_device(const struct config *c, uint16_t num)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (c->devices[i].num == num)
			return true;
	return false;
}

static void get_window(struct cb *c, struct config *ret)
{
	struct config_window *v = &ret->window;

	if (cb_take_null(c))
		return;
	if (cb_get_array(c, 4) != 4)
		cb_fail(c, -EBADMSG);
	v->id = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	v->device = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	v->minutes = (uint16_t)cb_get_uint_max(c, CONFIG_WINDOW_MIN_MAX);
	v->repair = cb_get_bool(c);
	if (cb_error(c))
		return;
	if (v->id == 0 || v->minutes == 0 || (v->device && !has_device(ret, v->device)) ||
	    (v->repair && v->device == 0))
		cb_fail(c, -ERANGE);
}

/* A DNS name: letters, digits, hyphen, dot; nothing that could be something else in a log or a certificate. */
static bool name_good(const char *s, size_t len)
{
	if (len == 0 || len > CONFIG_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') ||
		      s[i] == '-' || s[i] == '.'))
			return false;
	return true;
}

void config_get_endpoint(struct cb *c, struct config_endpoint *ret)
{
	size_t len, fields = cb_get_array(c, 6);
	const char *name;

	if (fields < 5)
		cb_fail(c, -EBADMSG);
	name = cb_get_text(c, &len);
	if (name && name_good(name, len))
		memcpy(ret->name, name, len);
	else
		cb_fail(c, -ERANGE);
	cb_get_fixed(c, ret->addr, sizeof(ret->addr));
	ret->port = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	ret->profile = (enum dtls_profile)cb_get_uint_max(c, DTLS_PROFILE_12_CID);
	ret->pin_count = cb_get_array(c, CONFIG_PINS_MAX);
	for (size_t i = 0; i < ret->pin_count; i++)
		cb_get_fixed(c, ret->pins[i], PIN_LEN);
	if (fields == 6)
		ret->weight = (uint8_t)cb_get_uint_max(c, CONFIG_WEIGHT_MAX);
	if (!cb_error(c) && (ret->port == 0 || ret->profile == DTLS_PROFILE_NONE ||
			     ret->pin_count == 0 || (fields == 6 && ret->weight < 2)))
		cb_fail(c, -ERANGE);
}

static void get_endpoints(struct cb *c, struct config *ret)
{
	ret->endpoint_count = cb_get_array(c, CONFIG_ENDPOINTS_MAX);
	if (!cb_error(c) && ret->endpoint_count == 0)
		cb_fail(c, -ERANGE);
	for (size_t i = 0; i < ret->endpoint_count; i++)
		config_get_endpoint(c, &ret->endpoints[i]);
}

static int16_t get_utc_offset(struct cb *c)
{
	int64_t v = cb_get_int(c);

	if (v < -720 || v > 840) {
		cb_fail(c, -ERANGE);
		return 0;
	}
	return (int16_t)v;
}

static void get_change(struct cb *c, struct config *ret)
{
	ret->has_change = !cb_take_null(c);
	if (!ret->has_change)
		return;
	if (cb_get_array(c, 2) != 2)
		cb_fail(c, -EBADMSG);
	ret->change_utc_s = (int64_t)cb_get_uint_max(c, CONFIG_CHANGE_MAX_S);
	ret->change_offset_min = get_utc_offset(c);
}

static void get_heartbeat(struct cb *c, struct config *ret)
{
	ret->heartbeat_s = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	if (!cb_error(c) && ret->heartbeat_s < CONFIG_HEARTBEAT_MIN_S)
		cb_fail(c, -ERANGE);
}

static void get_seal(struct cb *c, uint8_t *ret_id, uint8_t *ret_public)
{
	if (cb_get_array(c, 2) != 2)
		cb_fail(c, -EBADMSG);
	*ret_id = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	cb_get_fixed(c, ret_public, SEAL_PUBLIC_LEN);
}

/* Records name their key by its number alone: two keys never have one. */
static void get_next_seal(struct cb *c, struct config *ret)
{
	ret->has_next_seal = true;
	get_seal(c, &ret->next_seal.id, ret->next_seal.public);
	if (!cb_error(c) && ret->next_seal.id == ret->seal_key_id)
		cb_fail(c, -ERANGE);
}

static size_t get_some(struct cb *c, uint8_t *ret, size_t max)
{
	size_t len;
	const uint8_t *p = cb_get_bytes(c, &len);

	if (!p)
		return 0;
	if (len == 0 || len > max) {
		cb_fail(c, -ERANGE);
		return 0;
	}
	memcpy(ret, p, len);
	return len;
}

/* What is in the two, whoever knows a root looks at; without a word of the root before there is no other one to drop. */
static void get_root(struct cb *c, struct config_root *ret)
{
	if (cb_get_array(c, 3) != 3)
		cb_fail(c, -EBADMSG);
	ret->trust_len = get_some(c, ret->trust, sizeof(ret->trust));
	if (!cb_take_null(c))
		ret->cross_len = get_some(c, ret->cross, sizeof(ret->cross));
	ret->only = cb_get_bool(c);
	if (!cb_error(c) && ret->only && ret->cross_len == 0)
		cb_fail(c, -ERANGE);
}

static uint32_t get_u32(struct cb *c)
{
	return (uint32_t)cb_get_uint_max(c, UINT32_MAX);
}

/* Nothing is named that is not counted, nothing runs that is not there. */
static void get_risk(struct cb *c, struct config_risk *ret)
{
	if (cb_get_array(c, 10) != 10)
		cb_fail(c, -EBADMSG);
	ret->feed_s = (int64_t)cb_get_uint_max(c, CONFIG_CHANGE_MAX_S);
	cb_get_fixed(c, ret->image, sizeof(ret->image));
	ret->installed = get_u32(c);
	ret->loaded = get_u32(c);
	ret->exposed = get_u32(c);
	ret->actual = get_u32(c);
	ret->internal = get_u32(c);
	ret->unproven = get_u32(c);
	ret->closed = get_u32(c);
	ret->worst_count = cb_get_array(c, CONFIG_RISK_WORST_MAX);
	for (size_t i = 0; i < ret->worst_count && !cb_error(c); i++)
		ret->worst[i] = get_u32(c);
	if (!cb_error(c) && (ret->loaded > ret->installed || ret->exposed > ret->loaded ||
			     ret->worst_count > ret->actual))
		cb_fail(c, -ERANGE);
}

static void get_field(struct cb *c, unsigned key, struct config *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != CONFIG_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_HUB: cb_get_fixed(c, ret->hub, HUB_ID_LEN); break;
	case KEY_EPOCH:
		ret->epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		if (!cb_error(c) && ret->epoch == 0)
			cb_fail(c, -ERANGE);
		break;
	case KEY_CONFIG_VERSION: ret->version = cb_get_uint_max(c, INT64_MAX); break;
	case KEY_ASSIGNMENT:
		ret->assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_UTC_OFFSET: ret->utc_offset_min = get_utc_offset(c); break;
	case KEY_HEARTBEAT: get_heartbeat(c, ret); break;
	case KEY_SEAL: get_seal(c, &ret->seal_key_id, ret->seal_public); break;
	case KEY_DEVICES: get_devices(c, ret); break;
	case KEY_ENDPOINTS: get_endpoints(c, ret); break;
	case KEY_WINDOW: get_window(c, ret); break;
	case KEY_CHANGE: get_change(c, ret); break;
	case KEY_SIGNERS:
		signers_get(c, ret->signers, &ret->signer_count);
		if (!cb_error(c) && ret->signer_count == 0)
			cb_fail(c, -ERANGE);
		break;
	case KEY_NEXT_SEAL: get_next_seal(c, ret); break;
	case KEY_ROOT: get_root(c, &ret->root); break;
	case KEY_PLAN: config_get_plans(c, ret); break;
	case KEY_ASKING:
		ret->no_asking = true;
		if (cb_get_bool(c)) /* that is what is meant if it is not said */
			cb_fail(c, -ERANGE);
		break;
	case KEY_QUIET: config_get_quiet(c, ret); break;
	case KEY_LIMITS: limits_get(c, ret->limits, &ret->limit_count); break;
	case KEY_RELEASE:
		ret->has_release = true;
		cb_get_fixed(c, ret->release_public, SEAL_PUBLIC_LEN);
		break;
	case KEY_RISK:
		ret->has_risk = true;
		get_risk(c, &ret->risk);
		break;
	}
}

/* The key of field number n. Returns KEY_COUNT after an error. */
static unsigned get_key(struct cb *c, size_t n, unsigned before, const char **ret_field)
{
	uint64_t key;

	*ret_field = n < KEY_OPTIONAL ? key_names[n] : "document";
	key = cb_get_uint(c);
	if (n < KEY_OPTIONAL ? key != n : !is_known(key) || key <= before)
		cb_fail(c, -EBADMSG);
	if (cb_error(c))
		return KEY_COUNT;
	*ret_field = key_names[key];
	return (unsigned)key;
}

int config_decode(const uint8_t *buf, size_t len, struct config *ret,
		  const char **ret_field)
{
	struct config c = { 0 };
	struct cb cb;
	unsigned key = 0;
	size_t count;
	int r;

	cb_init(&cb, buf, len);
	*ret_field = "document";
	count = cb_get_map(&cb, KEY_COUNT);
	if (count < KEY_OPTIONAL)
		cb_fail(&cb, -EBADMSG);
	for (size_t n = 0; n < count && !cb_error(&cb); n++) {
		key = get_key(&cb, n, key, ret_field);
		get_field(&cb, key, &c);
	}
	r = cb_error(&cb);
	if (!r) {
		*ret_field = "end of document";
		r = cb_finish(&cb);
	}
	if (!r)
		*ret = c;
	return r;
}
