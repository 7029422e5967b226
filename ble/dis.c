/*
 * dis.c - Device Information; see dis.h.
 *
 * System ID: u40, u24. PnP ID: source u8, vendor, product, version u16. Little-endian.
 * Certification list, big-endian: count u16, length u16, then {body u8, structure u8,
 * length u16, octets}...; Continua is body 2, with structure 1 (major u8, minor u8, count
 * u16, length u16, class u16...) and 2 (regulation bits u16).
 */
#include "ble/dis.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum {
	BLOCK_HEAD = 3,
	BODY_CONTINUA = 2,
	STRUCT_VERSION = 1,
	STRUCT_REGULATION = 2,
	NO_TEXT = 0xFFFF,
};

/* In the order of the UUIDs, which is the one on the wire. */
static const struct {
	uint16_t uuid;
	uint16_t text; /* where in struct dis, or NO_TEXT */
} fields[] = {
	{ DIS_UUID_SYSTEM_ID, NO_TEXT },
	{ DIS_UUID_MODEL, offsetof(struct dis, model) },
	{ DIS_UUID_SERIAL, offsetof(struct dis, serial) },
	{ DIS_UUID_FIRMWARE, offsetof(struct dis, firmware) },
	{ DIS_UUID_HARDWARE, offsetof(struct dis, hardware) },
	{ DIS_UUID_SOFTWARE, offsetof(struct dis, software) },
	{ DIS_UUID_MAKER, offsetof(struct dis, maker) },
	{ DIS_UUID_CERTIFICATION, NO_TEXT },
	{ DIS_UUID_PNP_ID, NO_TEXT },
	{ DIS_UUID_UDI, NO_TEXT },
};

enum { FIELDS = sizeof(fields) / sizeof(*fields) };

static bool is_tail(uint8_t c)
{
	return (c & 0xC0) == 0x80;
}

/*
 * Octets of the character at p, of n octets: 1..4, or 0 if it is not UTF-8 or a control
 * character (C0, DEL, C1). The shortest form only, no surrogates, up to U+10FFFF. Source:
 * Unicode 15, table 3-7.
 */
static size_t character(const uint8_t *p, size_t n)
{
	uint8_t c = p[0], next = n > 1 ? p[1] : 0;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7F;
	if (c < 0xC2 || !is_tail(next))
		return 0;
	if (c < 0xE0)
		return c == 0xC2 && next < 0xA0 ? 0 : 2;
	if (n < 3 || !is_tail(p[2]))
		return 0;
	if (c < 0xF0)
		return (c == 0xE0 && next < 0xA0) || (c == 0xED && next >= 0xA0) ? 0 : 3;
	if (n < 4 || !is_tail(p[3]) || c > 0xF4)
		return 0;
	return (c == 0xF0 && next < 0x90) || (c == 0xF4 && next >= 0x90) ? 0 : 4;
}

/* Devices fill up with NULs and blanks. */
static size_t without_filling(const uint8_t *buf, size_t len)
{
	while (len > 0 && (buf[len - 1] == 0 || buf[len - 1] == ' '))
		len--;
	return len;
}

static void put_text(char *text, const uint8_t *buf, size_t len)
{
	size_t at = 0, used = 0;

	len = without_filling(buf, len);
	while (at < len) {
		size_t n = character(buf + at, len - at);

		if (used + (n ? n : 1) > DIS_TEXT_MAX)
			break;
		if (n)
			memcpy(text + used, buf + at, n);
		else
			text[used] = '?';
		at += n ? n : 1;
		used += n ? n : 1;
	}
	used = without_filling((const uint8_t *)text, used);
	memset(text + used, 0, DIS_TEXT_MAX + 1 - used);
}

static void put_opaque(struct dis_opaque *o, const uint8_t *buf, size_t len)
{
	*o = (struct dis_opaque){ 0 };
	if (len == 0 || len > DIS_OPAQUE_MAX)
		return;
	o->len = (uint8_t)len;
	memcpy(o->octets, buf, len);
}

static int put_system_id(struct dis *d, const uint8_t *buf, size_t len)
{
	if (len < DIS_SYSTEM_ID_LEN)
		return -EMSGSIZE;
	d->has_system_id = true;
	memcpy(d->system_id, buf, DIS_SYSTEM_ID_LEN);
	return 0;
}

static int put_pnp_id(struct dis *d, const uint8_t *buf, size_t len)
{
	struct reader r;

	if (len < DIS_PNP_ID_LEN)
		return -EMSGSIZE;
	reader_init(&r, buf, len);
	d->has_pnp_id = true;
	d->pnp_source = read_u8(&r);
	d->pnp_vendor = read_le16(&r);
	d->pnp_product = read_le16(&r);
	d->pnp_version = read_le16(&r);
	return 0;
}

int dis_put(struct dis *d, uint16_t uuid, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].uuid != uuid || fields[i].text == NO_TEXT)
			continue;
		put_text((char *)d + fields[i].text, buf, len);
		return 0;
	}
	switch (uuid) {
	case DIS_UUID_SYSTEM_ID: return put_system_id(d, buf, len);
	case DIS_UUID_PNP_ID: return put_pnp_id(d, buf, len);
	case DIS_UUID_CERTIFICATION: put_opaque(&d->certification, buf, len); return 0;
	case DIS_UUID_UDI: put_opaque(&d->udi, buf, len); return 0;
	default: return -ENOTSUP;
	}
}

static size_t get_pnp_id(const struct dis *d, uint8_t buf[static DIS_PNP_ID_LEN])
{
	struct writer w;

	writer_init(&w, buf, DIS_PNP_ID_LEN);
	write_u8(&w, d->pnp_source);
	write_le16(&w, d->pnp_vendor);
	write_le16(&w, d->pnp_product);
	write_le16(&w, d->pnp_version);
	return DIS_PNP_ID_LEN;
}

static size_t get_opaque(const struct dis_opaque *o, const uint8_t **ret)
{
	*ret = o->octets;
	return o->len;
}

/* The octets of one field; 0: not told. pnp is room for the one that has to be built. */
static size_t get(const struct dis *d, size_t i, uint8_t pnp[static DIS_PNP_ID_LEN],
		  const uint8_t **ret)
{
	if (fields[i].text != NO_TEXT) {
		*ret = (const uint8_t *)d + fields[i].text;
		return strlen((const char *)*ret);
	}
	switch (fields[i].uuid) {
	case DIS_UUID_SYSTEM_ID:
		*ret = d->system_id;
		return d->has_system_id ? DIS_SYSTEM_ID_LEN : 0;
	case DIS_UUID_PNP_ID: *ret = pnp; return d->has_pnp_id ? get_pnp_id(d, pnp) : 0;
	case DIS_UUID_CERTIFICATION: return get_opaque(&d->certification, ret);
	default: return get_opaque(&d->udi, ret);
	}
}

static bool is_opaque(uint16_t uuid)
{
	return uuid == DIS_UUID_CERTIFICATION || uuid == DIS_UUID_UDI;
}

/* What the fields that are never left out need. */
static size_t firm_len(const struct dis *d)
{
	uint8_t pnp[DIS_PNP_ID_LEN];
	const uint8_t *octets;
	size_t total = 0;

	for (size_t i = 0; i < FIELDS; i++) {
		size_t n = is_opaque(fields[i].uuid) ? 0 : get(d, i, pnp, &octets);

		total += n ? BLOCK_HEAD + n : 0;
	}
	return total;
}

int dis_encode(const struct dis *d, uint8_t buf[static READING_RAW_MAX])
{
	size_t total = firm_len(d);
	uint8_t pnp[DIS_PNP_ID_LEN];
	struct writer w;

	writer_init(&w, buf, DIS_ENCODED_MAX);
	for (size_t i = 0; i < FIELDS; i++) {
		const uint8_t *octets;
		size_t n = get(d, i, pnp, &octets);

		if (is_opaque(fields[i].uuid)) {
			if (total + BLOCK_HEAD + n > DIS_ENCODED_MAX)
				continue;
			total += n ? BLOCK_HEAD + n : 0;
		}
		if (n == 0)
			continue;
		write_le16(&w, fields[i].uuid);
		write_u8(&w, (uint8_t)n);
		write_bytes(&w, octets, n);
	}
	return writer_len(&w);
}

int dis_decode(const uint8_t *buf, size_t len, struct dis *ret)
{
	struct dis d = { 0 };
	struct reader r;

	reader_init(&r, buf, len);
	while (reader_left(&r)) {
		uint16_t uuid = read_le16(&r);
		uint8_t n = read_u8(&r);
		const uint8_t *octets = read_span(&r, n);
		int err = octets ? dis_put(&d, uuid, octets, n) : -EBADMSG;

		if (err && err != -ENOTSUP)
			return -EBADMSG;
	}
	*ret = d;
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

bool dis_same_device(const struct dis *a, const struct dis *b)
{
	if (a->serial[0] && b->serial[0] && strcmp(a->serial, b->serial) != 0)
		return false;
	if (!a->has_system_id || is_zero(a->system_id, DIS_SYSTEM_ID_LEN) ||
	    !b->has_system_id || is_zero(b->system_id, DIS_SYSTEM_ID_LEN))
		return true;
	return memcmp(a->system_id, b->system_id, DIS_SYSTEM_ID_LEN) == 0;
}

char *dis_system_id_text(const struct dis *d, char buf[static DIS_SYSTEM_ID_TEXT_LEN])
{
	static const char digits[] = "0123456789ABCDEF";
	char *p = buf;

	for (size_t i = DIS_SYSTEM_ID_LEN; d->has_system_id && i > 0; i--) {
		*p++ = digits[d->system_id[i - 1] >> 4];
		*p++ = digits[d->system_id[i - 1] & 0xF];
	}
	*p = 0;
	return buf;
}

static void get_version(struct reader *r, struct dis_certified *c)
{
	size_t count;

	c->major = read_u8(r);
	c->minor = read_u8(r);
	count = read_be16(r);
	read_be16(r); /* length: the count says it already */
	for (; count > 0 && reader_ok(r); count--) {
		uint16_t class = read_be16(r);

		if (c->class_count < DIS_CLASSES_MAX)
			c->classes[c->class_count++] = class;
		else
			c->more = true;
	}
}

int dis_decode_certification(const uint8_t *buf, size_t len, struct dis_certified *ret)
{
	struct dis_certified c = { 0 };
	struct reader r;
	size_t count;

	reader_init(&r, buf, len);
	count = read_be16(&r);
	read_be16(&r); /* length: the entries have their own */
	for (; count > 0 && reader_ok(&r); count--) {
		uint8_t body = read_u8(&r), structure = read_u8(&r);
		size_t n = read_be16(&r);
		const uint8_t *octets = read_span(&r, n);
		struct reader entry;

		if (!octets || body != BODY_CONTINUA)
			continue;
		reader_init(&entry, octets, n);
		if (structure == STRUCT_VERSION) {
			get_version(&entry, &c);
		} else if (structure == STRUCT_REGULATION) {
			c.regulation = read_be16(&entry);
			c.has_regulation = true;
		}
		if (!reader_ok(&entry))
			return -EBADMSG;
	}
	if (!reader_ok(&r))
		return -EBADMSG;
	*ret = c;
	return 0;
}
