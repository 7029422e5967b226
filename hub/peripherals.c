/*
 * peripherals.c - see peripherals.h.
 *
 * A map {0: version of the format, 1: epoch, 2: [entry, ...], 3: assignment}; an entry is the array [num, kind,
 * configured address or null, its type, found address, its type, strength, serial number or null, system id or
 * null, since].
 */
#include "hub/peripherals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/rt/file.h"

enum {
	FILE_VERSION = 1,
	FILE_KEYS = 4,
	ENTRY_ITEMS = 10,
	PATH_LEN_MAX = 512,
};

static const char file_name[] = "peripherals", bad_name[] = "peripherals.bad";

static const uint8_t no_addr[PERIPHERAL_ADDR_LEN];

/* --- bytes ------------------------------------------------------------------------------------ */

static void put_bytes_or_null(struct writer *w, bool has, const uint8_t *p, size_t n)
{
	if (has)
		cb_put_bytes(w, p, n);
	else
		cb_put_null(w);
}

static void put_entry(struct writer *w, const struct peripheral_entry *e)
{
	/* Bytes, not text: a device may send anything as its serial number. */
	size_t serial_len = strnlen(e->pin.serial, PIN_TEXT_MAX);

	cb_put_array(w, ENTRY_ITEMS);
	cb_put_uint(w, e->num);
	cb_put_uint(w, (uint64_t)e->kind);
	put_bytes_or_null(w, e->has_addr, e->addr, PERIPHERAL_ADDR_LEN);
	cb_put_uint(w, (uint64_t)e->addr_type);
	cb_put_bytes(w, e->pin.addr, PERIPHERAL_ADDR_LEN);
	cb_put_uint(w, (uint64_t)e->pin.addr_type);
	cb_put_uint(w, (uint64_t)e->pin.strength);
	put_bytes_or_null(w, serial_len > 0, (const uint8_t *)e->pin.serial, serial_len);
	put_bytes_or_null(w, e->pin.has_system_id, e->pin.system_id, SYSTEM_ID_LEN);
	cb_put_uint(w, (uint64_t)e->pin.since_ms);
}

int peripherals_encode(const struct peripherals *p, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, FILE_KEYS);
	cb_put_uint(&w, 0);
	cb_put_uint(&w, FILE_VERSION);
	cb_put_uint(&w, 1);
	cb_put_uint(&w, p->epoch);
	cb_put_uint(&w, 2);
	cb_put_array(&w, p->count);
	for (size_t i = 0; i < p->count; i++)
		put_entry(&w, &p->entries[i]);
	cb_put_uint(&w, 3);
	cb_put_uint(&w, p->assignment);
	return writer_len(&w);
}

static void get_serial(struct cb *c, struct device_pin *ret)
{
	size_t len;
	const uint8_t *text;

	if (cb_take_null(c))
		return;
	text = cb_get_bytes(c, &len);
	if (!text)
		return;
	if (len == 0 || len > PIN_TEXT_MAX || memchr(text, 0, len))
		cb_fail(c, -ERANGE);
	else
		memcpy(ret->serial, text, len);
}

static void get_entry(struct cb *c, struct peripheral_entry *ret)
{
	if (cb_get_array(c, ENTRY_ITEMS) != ENTRY_ITEMS)
		cb_fail(c, -EBADMSG);
	ret->num = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	ret->kind = (enum reading_kind)cb_get_uint_max(c, READING_KIND_LAST);
	ret->has_addr = !cb_take_null(c);
	if (ret->has_addr)
		cb_get_fixed(c, ret->addr, PERIPHERAL_ADDR_LEN);
	ret->addr_type = (enum addr_type)cb_get_uint_max(c, ADDR_RANDOM);
	ret->pin.known = true;
	cb_get_fixed(c, ret->pin.addr, PERIPHERAL_ADDR_LEN);
	ret->pin.addr_type = (enum addr_type)cb_get_uint_max(c, ADDR_RANDOM);
	ret->pin.strength = (enum link_strength)cb_get_uint_max(c, LINK_SC_AUTHENTICATED);
	get_serial(c, &ret->pin);
	ret->pin.has_system_id = !cb_take_null(c);
	if (ret->pin.has_system_id)
		cb_get_fixed(c, ret->pin.system_id, SYSTEM_ID_LEN);
	ret->pin.since_ms = (int64_t)cb_get_uint_max(c, PIN_SINCE_MAX_MS);
	if (!cb_error(c) && ret->num == 0)
		cb_fail(c, -ERANGE);
}

static void want_key(struct cb *c, uint64_t key)
{
	if (cb_get_uint(c) != key)
		cb_fail(c, -EBADMSG);
}

int peripherals_decode(const uint8_t *buf, size_t len, struct peripherals *ret)
{
	struct peripherals p = { .dir = ret->dir, .unsaved = ret->unsaved };
	struct cb c;
	int r;

	cb_init(&c, buf, len);
	if (cb_get_map(&c, FILE_KEYS) != FILE_KEYS)
		cb_fail(&c, -EBADMSG);
	want_key(&c, 0);
	if (!cb_error(&c) && cb_get_uint(&c) != FILE_VERSION)
		cb_fail(&c, -ENOTSUP);
	want_key(&c, 1);
	p.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	want_key(&c, 2);
	p.count = cb_get_array(&c, CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < p.count; i++) {
		get_entry(&c, &p.entries[i]);
		for (size_t k = 0; k < i; k++)
			if (p.entries[k].num == p.entries[i].num)
				cb_fail(&c, -ERANGE);
	}
	want_key(&c, 3);
	p.assignment = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	r = cb_finish(&c);
	if (!r)
		*ret = p;
	return r;
}

/* --- file ------------------------------------------------------------------------------------- */

static void put_aside(const char *dir)
{
	char from[PATH_LEN_MAX], to[PATH_LEN_MAX];

	snprintf(from, sizeof(from), "%s/%s", dir, file_name);
	snprintf(to, sizeof(to), "%s/%s", dir, bad_name);
	/* Only for a person to look at; what takes its place is written durably. */
	(void)rename(from, to);
}

int peripherals_open(struct peripherals *p, const char *dir)
{
	uint8_t buf[PERIPHERALS_BYTES_MAX];
	int n = file_read(dir, file_name, buf, sizeof(buf));

	*p = (struct peripherals){ .dir = dir };
	if (n == -ENOENT)
		return 0;
	if (n < 0 && n != -EMSGSIZE)
		return n;
	if (n < 0 || peripherals_decode(buf, (size_t)n, p) < 0) {
		put_aside(dir);
		return -EBADMSG;
	}
	return 0;
}

int peripherals_save(struct peripherals *p)
{
	uint8_t buf[PERIPHERALS_BYTES_MAX];
	int r;

	if (!p->unsaved)
		return 0;
	r = peripherals_encode(p, buf, sizeof(buf));
	if (r >= 0)
		r = file_replace(p->dir, file_name, buf, (size_t)r);
	p->unsaved = r < 0;
	return r;
}

/* --- pins ------------------------------------------------------------------------------------- */

static bool same_addr(const uint8_t a[static PERIPHERAL_ADDR_LEN], enum addr_type a_type,
		      const uint8_t b[static PERIPHERAL_ADDR_LEN], enum addr_type b_type)
{
	return a_type == b_type && memcmp(a, b, PERIPHERAL_ADDR_LEN) == 0;
}

static bool belongs(const struct peripheral_entry *e, const struct config_device *d)
{
	return e->num == d->num && e->kind == d->kind && e->has_addr == d->has_addr &&
	       same_addr(e->addr, e->addr_type, d->addr, d->addr_type);
}

/* Is this found address the configured one of a device? */
static bool configured(const struct config *c, const struct device_pin *pin)
{
	for (size_t i = 0; i < c->device_count; i++) {
		const struct config_device *d = &c->devices[i];

		if (d->has_addr &&
		    same_addr(d->addr, d->addr_type, pin->addr, pin->addr_type))
			return true;
	}
	return false;
}

static const struct peripheral_entry *
find(const struct peripherals *p, const struct config *c, const struct config_device *d)
{
	bool ours = p->epoch == c->epoch && p->assignment == c->assignment;

	for (size_t i = 0; ours && i < p->count; i++) {
		const struct peripheral_entry *e = &p->entries[i];

		if (belongs(e, d) && (d->has_addr || !configured(c, &e->pin)))
			return e;
	}
	return NULL;
}

void peripherals_pins(const struct peripherals *p, const struct config *c,
		      struct device_pin ret[static CONFIG_DEVICES_MAX])
{
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
		const struct peripheral_entry *e =
			i < c->device_count ? find(p, c, &c->devices[i]) : NULL;

		ret[i] = e ? e->pin : (struct device_pin){ .known = false };
	}
}

/* Found already as another device that is configured without address? */
static bool found_before(const struct peripherals *p, const struct config *c,
			 uint16_t num, const struct device_pin *pin)
{
	for (size_t i = 0; i < c->device_count; i++) {
		const struct config_device *d = &c->devices[i];
		const struct peripheral_entry *e = find(p, c, d);

		if (e && d->num != num && !d->has_addr &&
		    same_addr(e->pin.addr, e->pin.addr_type, pin->addr, pin->addr_type))
			return true;
	}
	return false;
}

static bool same_pin(const struct device_pin *a, const struct device_pin *b)
{
	return a->known == b->known && a->strength == b->strength &&
	       same_addr(a->addr, a->addr_type, b->addr, b->addr_type) &&
	       strncmp(a->serial, b->serial, PIN_TEXT_MAX) == 0 &&
	       a->since_ms == b->since_ms && a->has_system_id == b->has_system_id &&
	       (!a->has_system_id ||
		memcmp(a->system_id, b->system_id, SYSTEM_ID_LEN) == 0);
}

static const struct config_device *find_device(const struct config *c, uint16_t num)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (c->devices[i].num == num)
			return &c->devices[i];
	return NULL;
}

/* The entries that are still valid, with d's pin as it is now; at most one for each device of c. */
static void put_pin(struct peripherals *p, const struct config *c,
		    const struct config_device *d, const struct device_pin *pin)
{
	struct peripherals next = { .dir = p->dir,
				    .epoch = c->epoch,
				    .assignment = c->assignment,
				    .unsaved = true };

	for (size_t i = 0; i < c->device_count; i++) {
		const struct peripheral_entry *e = find(p, c, &c->devices[i]);

		if (e && e->num != d->num)
			next.entries[next.count++] = *e;
	}
	next.entries[next.count++] = (struct peripheral_entry){
		.num = d->num,
		.kind = d->kind,
		.has_addr = d->has_addr,
		.addr_type = d->addr_type,
		.pin = *pin,
	};
	memcpy(next.entries[next.count - 1].addr, d->addr, PERIPHERAL_ADDR_LEN);
	*p = next;
}

/* The address in a pin: nobody else's, and the configured one if there is one (it may be left out then). */
static int check_addr(const struct peripherals *p, const struct config *c,
		      const struct config_device *d, const struct device_pin *pin)
{
	bool none = memcmp(pin->addr, no_addr, PERIPHERAL_ADDR_LEN) == 0;

	if (d->has_addr)
		return none || same_addr(d->addr, d->addr_type, pin->addr, pin->addr_type)
			       ? 0
			       : -ERANGE;
	if (none)
		return -ERANGE;
	return configured(c, pin) || found_before(p, c, d->num, pin) ? -EEXIST : 0;
}

int peripherals_note(struct peripherals *p, const struct config *c,
		     const struct msg_bonded *bonded)
{
	const struct device_pin *pin = &bonded->pin;
	const struct config_device *d = find_device(c, bonded->num);
	const struct peripheral_entry *e = d ? find(p, c, d) : NULL;
	int r = d ? check_addr(p, c, d, pin) : -ENOENT;

	if (r < 0)
		return r;
	if (e && same_pin(&e->pin, pin))
		return 0;
	put_pin(p, c, d, pin);
	r = peripherals_save(p);
	return r < 0 ? r : 1;
}

int peripherals_forget(struct peripherals *p, uint16_t num)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->entries[i].num != num)
			p->entries[kept++] = p->entries[i];
	p->unsaved |= kept < p->count;
	p->count = kept;
	return peripherals_save(p);
}

void peripherals_assign(struct peripherals *p, const struct config *c)
{
	if (p->epoch == c->epoch && p->assignment == c->assignment)
		return;
	*p = (struct peripherals){ .dir = p->dir,
				   .epoch = c->epoch,
				   .assignment = c->assignment,
				   .unsaved = p->unsaved || p->count > 0 };
}
