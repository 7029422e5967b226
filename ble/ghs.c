/*
 * ghs.c - decoder of Generic Health Sensor observations; see ghs.h.
 *
 * Observation: class u8, length u16, flags u16, then in the order of the flags' bits
 * [type u32] [Elapsed Time 9] [duration FLOAT s] [measurement status u16] [object id u32]
 * [patient u8] [supplemental codes: count u8, u32...] [derived from: count u8, u32...]
 * [member of: count u8, u32...] [attributes: count u8, {type u32, length u16, format u8,
 * octets}...], then the value:
 *
 *   numeric            unit u16, FLOAT
 *   simple discrete    code u32
 *   string             length u16, UTF-8
 *   sample array       unit u16, scale, offset and period FLOAT, samples per period u8,
 *                      octets per sample u8, samples u32, samples
 *   compound discrete  count u8, code u32... compound state     size u8, supported,
 *   state-or-event and value bits, size octets each
 *   compound           count u8, {type u32, class u8 (one of the above), its value}...
 *   TLV                as the attributes
 *   bundle             count u8, observation... (no bundle among them)
 *
 * A stored observation has its record number u32 before the class. Little-endian.
 *
 * The text of the specification could not be had; the numbers are those on which these
 * agree:
 *
 *   P  philips-labs BLE-GHS-Server-Simulator and -Client-Example, 2023-07, of the house
 *      of an editor of the specification
 *   R  brianreinhold NordicPHDs, ble_app_ghs_bt_sig, 2023-04, by a contributor to it
 *   S  STMicroelectronics STM32WBA-BLE-Generic-Health-Sensor, 2024, says GHSP 1.0
 *   T  Realtek ghss_gatt_svc, says GHSS 1.0
 *
 * Where they do not:
 *
 *   length  octets after the length field (R, S), or of the whole observation, class and
 *           length included (P, T). Both are taken, told apart by which one fits; the
 *           first is assumed otherwise.
 *   flags   b10, b11 of R (setting, SFLOAT) are older than the adopted text: reserved
 *           (T).
 */
#include "ble/ghs.h"

#include <errno.h>

#include "ble/elapsed.h"
#include "ble/fields.h"

/* P, R, S, T */
enum class {
	CLASS_NUMERIC = 1,
	CLASS_DISCRETE = 2,
	CLASS_STRING = 3,
	CLASS_SAMPLES = 4,
	CLASS_COMPOUND_DISCRETE = 5,
	CLASS_COMPOUND_STATE = 6,
	CLASS_COMPOUND = 7,
	CLASS_TLV = 8,
	CLASS_BUNDLE = 0xFF,
};

/* P, R, S, T; b8 by P and T only */
enum flag {
	FLAG_TYPE = 1 << 0,
	FLAG_TIME = 1 << 1,
	FLAG_DURATION = 1 << 2,
	FLAG_STATUS = 1 << 3,
	FLAG_ID = 1 << 4,
	FLAG_PATIENT = 1 << 5,
	FLAG_SUPPLEMENTAL = 1 << 6,
	FLAG_DERIVED = 1 << 7,
	FLAG_MEMBER = 1 << 8,
	FLAG_ATTRIBUTES = 1 << 9,
};

enum {
	HEAD_LEN = 3, /* class and length */
	CODE_LEN = 4,
	FLOAT_LEN = 4,
	/* after the unit: three FLOATs, and samples per period */
	SAMPLES_HEAD_LEN = 13,
	STATE_FIELDS = 3,
	FEATURE_SPECIALIZATIONS = 1 << 0, /* P, R, S */
	REQUEST_START = 0x01,		  /* P, R, T */
	REQUEST_STOP = 0x02,
	USER_UNKNOWN = 255,
	/* A coded value, and all of a body that is not values or raw octets, at their
	 * longest. */
	VALUE_LEN = 19,
	BODY_REST_LEN = 200,
};

/* What is gathered on the way through one observation, or a bundle of them. */
struct gathered {
	struct decoded d;
	uint8_t room;	/* for values */
	bool whole;	/* lengths count class and length field too */
	bool any;	/* a number was sent */
	bool any_valid; /* and it is one */
	uint32_t type;	/* of the observation, or inherited; 0 none */
};

static void add(struct gathered *g, struct value v)
{
	if (g->d.value_count >= g->room) {
		g->d.marks |= MARK_MORE;
		return;
	}
	v.name = VALUE_MDC;
	g->d.values[g->d.value_count++] = v;
}

static void take_numeric(struct reader *r, struct gathered *g, uint32_t type)
{
	struct value v = { .unit = UNIT_MDC, .code = type };

	v.unit_code = read_le16(r);
	v.number = decimal_from_float(read_le32(r));
	if (!reader_ok(r))
		return;
	g->any = true;
	g->any_valid |= v.number.kind != DECIMAL_NAN && v.number.kind != DECIMAL_NRES;
	add(g, v);
}

/* Codes of 11073-10101 have 31 bits at most; what has more is none. */
static void take_discrete(struct reader *r, struct gathered *g, uint32_t type)
{
	uint32_t code = read_le32(r);

	if (!reader_ok(r))
		return;
	if (code > INT32_MAX)
		g->d.marks |= MARK_IMPLAUSIBLE;
	else
		add(g, (struct value){ .unit = UNIT_CODE,
				       .code = type,
				       .number = { .mantissa = (int32_t)code } });
}

static void take_compound_discrete(struct reader *r, struct gathered *g, uint32_t type)
{
	for (unsigned n = read_u8(r); n > 0 && reader_ok(r); n--)
		take_discrete(r, g, type);
}

static void skip_samples(struct reader *r)
{
	uint64_t octets;

	read_le16(r); /* unit */
	read_span(r, SAMPLES_HEAD_LEN);
	octets = read_u8(r);
	octets *= read_le32(r);
	read_span(r, octets > reader_left(r) ? SIZE_MAX : (size_t)octets);
}

static void skip_attributes(struct reader *r)
{
	for (unsigned n = read_u8(r); n > 0 && reader_ok(r); n--) {
		uint16_t len;

		read_le32(r); /* type */
		len = read_le16(r);
		read_u8(r); /* format */
		read_span(r, len);
	}
}

/* One value of a class that a component may have too. False: not such a class. */
static bool take_simple(struct reader *r, struct gathered *g, uint8_t class,
			uint32_t type)
{
	switch (class) {
	case CLASS_NUMERIC: take_numeric(r, g, type); break;
	case CLASS_DISCRETE: take_discrete(r, g, type); break;
	case CLASS_STRING: read_span(r, read_le16(r)); break;
	case CLASS_SAMPLES: skip_samples(r); break;
	case CLASS_COMPOUND_DISCRETE: take_compound_discrete(r, g, type); break;
	case CLASS_COMPOUND_STATE: read_span(r, STATE_FIELDS * (size_t)read_u8(r)); break;
	default: return false;
	}
	return true;
}

/* A component of an unknown class ends it, for its length cannot be known: what is left
 * is a tail. */
static void take_compound(struct reader *r, struct gathered *g)
{
	for (unsigned n = read_u8(r); n > 0 && reader_ok(r); n--) {
		uint32_t type = read_le32(r);

		if (!take_simple(r, g, read_u8(r), type))
			return;
	}
}

static void skip_codes(struct reader *r)
{
	read_span(r, CODE_LEN * (size_t)read_u8(r));
}

/* Time and status: the first that says it counts. */
static void take_time(struct reader *r, struct gathered *g)
{
	struct decoded *d = &g->d, unused = { 0 };

	elapsed_take(r, d->has_device_time || d->has_ticks ? &unused : d);
}

static void take_status(struct reader *r, struct gathered *g)
{
	uint16_t status = read_le16(r);

	if (status & GHS_STATUS_TEST)
		g->d.marks |= MARK_TEST;
	if (g->d.has_status)
		return;
	g->d.has_status = true;
	g->d.status = status;
}

static void take_patient(struct reader *r, struct gathered *g)
{
	uint8_t user = read_u8(r);

	if (g->d.has_user && g->d.user != user)
		user = USER_UNKNOWN;
	g->d.has_user = true;
	g->d.user = user;
}

static void take_head(struct reader *r, struct gathered *g)
{
	uint16_t flags = read_le16(r);

	if (flags & FLAG_TYPE)
		g->type = read_le32(r);
	if (flags & FLAG_TIME)
		take_time(r, g);
	if (flags & FLAG_DURATION)
		read_span(r, FLOAT_LEN);
	if (flags & FLAG_STATUS)
		take_status(r, g);
	if (flags & FLAG_ID)
		read_le32(r);
	if (flags & FLAG_PATIENT)
		take_patient(r, g);
	if (flags & FLAG_SUPPLEMENTAL)
		skip_codes(r);
	if (flags & FLAG_DERIVED)
		skip_codes(r);
	if (flags & FLAG_MEMBER)
		skip_codes(r);
	if (flags & FLAG_ATTRIBUTES)
		skip_attributes(r);
}

/* The octets of one observation after its length field, as a reader of its own. */
static struct reader take_body(struct reader *r, bool whole)
{
	static const uint8_t nothing[1];
	struct reader body;
	size_t len = read_le16(r);
	const uint8_t *octets;

	if (whole)
		len = len < HEAD_LEN ? SIZE_MAX : len - HEAD_LEN;
	octets = read_span(r, len);
	reader_init(&body, octets ? octets : nothing, octets ? len : 0);
	return body;
}

/* Begin an observation: its class, and a reader of what follows its length. */
static uint8_t open_observation(struct reader *r, struct gathered *g,
				struct reader *ret_body)
{
	uint8_t class = read_u8(r);

	*ret_body = take_body(r, g->whole);
	take_head(ret_body, g);
	return class;
}

static void close_observation(struct reader *r, struct gathered *g,
			      const struct reader *body)
{
	if (!reader_ok(body))
		r->failed = true;
	else if (reader_left(body))
		g->d.marks |= MARK_TAIL;
}

/* What is of no known class is a tail; a bundle is none here, for it has no bundles in
 * it. */
static void take_value(struct reader *r, struct gathered *g, uint8_t class)
{
	if (class == CLASS_COMPOUND)
		take_compound(r, g);
	else if (class == CLASS_TLV)
		skip_attributes(r);
	else
		take_simple(r, g, class, g->type);
}

static void take_bundle(struct reader *r, struct gathered *g)
{
	uint32_t inherited = g->type;

	for (unsigned n = read_u8(r); n > 0 && reader_ok(r); n--) {
		struct reader body;

		g->type = inherited;
		take_value(&body, g, open_observation(r, g, &body));
		close_observation(r, g, &body);
	}
}

/* Does the length field, which follows the class, count itself and the class? */
static bool counts_itself(struct reader r)
{
	size_t len = reader_left(&r);

	read_u8(&r);
	return read_le16(&r) == len && reader_ok(&r);
}

/* How many values have room in a reading's body beside its raw octets. */
static uint8_t room_beside(size_t raw_len)
{
	size_t used = raw_len + BODY_REST_LEN;
	size_t room = used < READING_BODY_MAX ? (READING_BODY_MAX - used) / VALUE_LEN : 0;

	return (uint8_t)(room < READING_VALUES_MAX ? room : READING_VALUES_MAX);
}

static int take_observation(struct reader *r, struct gathered *g, struct decoded *ret)
{
	struct reader body;
	uint8_t class;

	g->whole = counts_itself(*r);
	class = open_observation(r, g, &body);
	if (class == CLASS_BUNDLE)
		take_bundle(&body, g);
	else
		take_value(&body, g, class);
	close_observation(r, g, &body);
	if (g->any && !g->any_valid)
		g->d.marks |= MARK_NO_RESULT;
	return fields_finish(r, &g->d, ret);
}

int ghs_decode_live(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		    struct decoded *ret)
{
	struct gathered g = { .room = room_beside(len) };
	struct reader r;

	(void)ctx;
	reader_init(&r, buf, len);
	return take_observation(&r, &g, ret);
}

int ghs_decode_stored(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		      struct decoded *ret)
{
	struct gathered g = { .room = room_beside(len) };
	struct reader r;

	(void)ctx;
	reader_init(&r, buf, len);
	g.d.has_sequence = true;
	g.d.sequence = read_le32(&r);
	g.d.marks = MARK_STORED;
	return take_observation(&r, &g, ret);
}

int ghs_decode_features(const uint8_t *buf, size_t len, struct ghs_features *ret)
{
	struct ghs_features f = { 0 };
	struct reader r;
	uint8_t flags;

	reader_init(&r, buf, len);
	flags = read_u8(&r);
	for (unsigned n = read_u8(&r); n > 0; n--) {
		uint32_t type = read_le32(&r);

		if (f.type_count < GHS_TYPES_MAX)
			f.types[f.type_count++] = type;
		else
			f.more = true;
	}
	for (unsigned n = flags & FEATURE_SPECIALIZATIONS ? read_u8(&r) : 0; n > 0; n--) {
		uint16_t code = read_le16(&r);
		uint8_t version = read_u8(&r), k = f.specialization_count;

		if (k == GHS_SPECIALIZATIONS_MAX) {
			f.more = true;
			continue;
		}
		f.specializations[k].code = code;
		f.specializations[k].version = version;
		f.specialization_count++;
	}
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret = f;
	return 0;
}

int ghs_encode_live(bool start, uint8_t buf[static GHS_LEN_REQUEST])
{
	buf[0] = start ? REQUEST_START : REQUEST_STOP;
	return GHS_LEN_REQUEST;
}

int ghs_decode_response(const uint8_t *buf, size_t len, uint8_t *ret_result)
{
	struct reader r;
	uint8_t result;

	reader_init(&r, buf, len);
	result = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_result = result;
	return 0;
}
