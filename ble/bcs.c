/*
 * bcs.c - decoder of the Body Composition Service's characteristics; see bcs.h.
 *
 * 0x2A9C: flags u16, body fat u16, then what the flags name: Date Time (7), user u8, and one
 * u16 for each row of the table below, in its order. Little-endian.
 */
#include "ble/bcs.h"

#include <errno.h>

#include "ble/fields.h"
#include "ble/wss.h"

enum flag {
	FLAG_IMPERIAL = 1 << 0, /* pounds and inches, else kilograms and metres */
	FLAG_TIME = 1 << 1,
	FLAG_USER = 1 << 2,
	FLAG_MORE = 1 << 12,
};

enum quantity {
	QUANTITY_PERCENT, /* of the body, in 0.1 % */
	QUANTITY_METABOLISM,
	QUANTITY_MASS,
	QUANTITY_IMPEDANCE,
	QUANTITY_HEIGHT,
};

static const struct row {
	uint16_t flag;
	enum value_name name;
	enum quantity quantity;
	bool through_body; /* measured with a current through the body, or computed from it */
} rows[] = {
	{ 1 << 3, VALUE_BASAL_METABOLISM, QUANTITY_METABOLISM, false },
	{ 1 << 4, VALUE_MUSCLE_PERCENTAGE, QUANTITY_PERCENT, true },
	{ 1 << 5, VALUE_MUSCLE_MASS, QUANTITY_MASS, true },
	{ 1 << 6, VALUE_FAT_FREE_MASS, QUANTITY_MASS, true },
	{ 1 << 7, VALUE_SOFT_LEAN_MASS, QUANTITY_MASS, true },
	{ 1 << 8, VALUE_BODY_WATER_MASS, QUANTITY_MASS, true },
	{ 1 << 9, VALUE_IMPEDANCE, QUANTITY_IMPEDANCE, true },
	{ 1 << 10, VALUE_WEIGHT, QUANTITY_MASS, false },
	{ 1 << 11, VALUE_HEIGHT, QUANTITY_HEIGHT, false },
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

static const struct plausible_range percent_range = { 1, 100, 0 };
static const struct plausible_range metabolism_range = { 200, 40000, 0 };
static const struct plausible_range impedance_range = { 10, 6500, 0 };

/* What was read, before it is known whether it is a stub. */
struct raw {
	uint16_t flags;
	uint16_t body_fat;
	uint16_t fields[ROWS]; /* those that the flags name */
};

static int read_all(struct reader *r, struct raw *raw, struct decoded *d)
{
	raw->flags = read_le16(r);
	raw->body_fat = read_le16(r);
	if (raw->flags & FLAG_TIME)
		fields_take_time(r, d);
	if (raw->flags & FLAG_USER)
		fields_take_user(r, d);
	for (size_t i = 0; i < ROWS; i++)
		if (raw->flags & rows[i].flag)
			raw->fields[i] = read_le16(r);
	if (!reader_done(r))
		return -EMSGSIZE;
	if (raw->body_fat > BCS_BODY_FAT_MAX && raw->body_fat != BCS_UNSUCCESSFUL)
		return -ERANGE;
	return 0;
}

static bool is_stub(const struct raw *raw)
{
	if (raw->body_fat)
		return false;
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].through_body && raw->fields[i])
			return false;
	return true;
}

static void add_plain(struct decoded *d, enum value_name name, enum value_unit unit,
		      struct decimal n, struct plausible_range range, bool checked)
{
	if (checked)
		fields_check(d, n, range);
	fields_add(d, name, unit, n);
}

static void add_row(struct decoded *d, const struct row *row, uint16_t raw, bool imperial,
		    bool checked)
{
	switch (row->quantity) {
	case QUANTITY_PERCENT:
		add_plain(d, row->name, UNIT_PERCENT, fields_fixed(raw, 1, -1),
			  percent_range, checked);
		break;
	case QUANTITY_METABOLISM:
		add_plain(d, row->name, UNIT_KJ, fields_fixed(raw, 1, 0),
			  metabolism_range, checked);
		break;
	case QUANTITY_MASS: wss_add_mass(d, row->name, raw, imperial, checked); break;
	case QUANTITY_IMPEDANCE:
		add_plain(d, row->name, UNIT_OHM, fields_fixed(raw, 1, -1),
			  impedance_range, checked);
		break;
	case QUANTITY_HEIGHT: wss_add_height(d, raw, imperial); break;
	}
}

static void add_all(struct decoded *d, const struct raw *raw, bool stub)
{
	add_plain(d, VALUE_BODY_FAT, UNIT_PERCENT, fields_fixed(raw->body_fat, 1, -1),
		  percent_range, !stub);
	for (size_t i = 0; i < ROWS; i++)
		if (raw->flags & rows[i].flag)
			add_row(d, &rows[i], raw->fields[i], raw->flags & FLAG_IMPERIAL,
				!(stub && rows[i].through_body));
}

int bcs_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct raw raw = { 0 };
	struct reader r;
	int err;

	reader_init(&r, buf, len);
	err = read_all(&r, &raw, &d);
	if (err)
		return err;
	if (raw.flags & FLAG_MORE)
		d.marks |= MARK_MORE;
	if (raw.body_fat == BCS_UNSUCCESSFUL) {
		d.marks |= MARK_NO_RESULT;
		fields_add(&d, VALUE_BODY_FAT, UNIT_PERCENT, fields_special(DECIMAL_NAN));
	} else {
		bool stub = ctx->bcs_stub && is_stub(&raw);

		if (stub)
			d.marks |= MARK_STUB;
		add_all(&d, &raw, stub);
	}
	*ret = d;
	return 0;
}

int bcs_decode_feature(const uint8_t *buf, size_t len, uint32_t *ret_features)
{
	struct reader r;
	uint32_t features;

	reader_init(&r, buf, len);
	features = read_le32(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_features = features;
	return 0;
}
