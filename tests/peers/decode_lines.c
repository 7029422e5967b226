/*
 * decode_lines.c - our decoders as a filter, so that a decoder in another language can be held against them.
 *
 * Reads lines 'NAME CONTEXT HEX' and writes one line for each:
 *
 *   NAME      UUID in 4 digits, or 'sfloat' or 'float': the number alone
 *   CONTEXT   sum of 1 (values end in a check sum)
 *   HEX       the value as received, '-' if it is empty
 *
 * Answer: 'err ERRNO', or words 'key=value'; records of one value are separated by '|', and the one that could
 * not be decoded ends them. v=NAME,NUMBER,UNIT is a component, NUMBER is mantissa 'e' exponent or a special kind.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ble/bas.h"
#include "ble/bls.h"
#include "ble/cgm.h"
#include "tests/plain_clock.h"
#include "ble/dis.h"
#include "ble/profile.h"
#include "ble/racp.h"
#include "hub/core/hex.h"

enum { LINE_MAX_LEN = 64 + 2 * READING_RAW_MAX, CONTEXT_CRC = 1 };

struct input {
	const uint8_t *buf;
	size_t len;
	struct profile_context ctx;
};

/* A printer of one characteristic; returns what its decoder does. */
typedef int print_fn(const struct input *in);

static const char *errno_name(int err)
{
	switch (-err) {
	case EMSGSIZE: return "EMSGSIZE";
	case EBADMSG: return "EBADMSG";
	case ERANGE: return "ERANGE";
	case ENOTSUP: return "ENOTSUP";
	}
	return "?";
}

/* A name for people, as one word. */
static void print_word(const char *text)
{
	for (; *text; text++)
		putchar(*text == ' ' ? '_' : *text);
}

static void print_number(struct decimal n)
{
	switch (n.kind) {
	case DECIMAL_NUMBER: printf("%" PRId32 "e%d", n.mantissa, n.exponent); return;
	case DECIMAL_NAN: fputs("NaN", stdout); return;
	case DECIMAL_NRES: fputs("NRes", stdout); return;
	case DECIMAL_PLUS_INF: fputs("+INF", stdout); return;
	case DECIMAL_MINUS_INF: fputs("-INF", stdout); return;
	case DECIMAL_RESERVED: fputs("reserved", stdout); return;
	}
}

static void print_value(const struct value *v)
{
	fputs("v=", stdout);
	print_word(value_name_text(v->name));
	if (v->name == VALUE_MDC)
		printf(":%" PRIu32, v->code);
	putchar(',');
	print_number(v->number);
	putchar(',');
	print_word(value_unit_text(v->unit));
	if (v->unit == UNIT_MDC)
		printf(":%u", v->unit_code);
	putchar(' ');
}

static void print_date(const struct date_time *t)
{
	printf("t=%04u-%02u-%02uT%02u:%02u:%02u ", t->year, t->month, t->day, t->hour,
	       t->minute, t->second);
}

static void print_decoded(const struct decoded *d)
{
	for (int i = 0; i < d->value_count; i++)
		print_value(&d->values[i]);
	if (d->has_device_time)
		print_date(&d->device_time);
	if (d->has_time_offset)
		printf("offset=%" PRId32 " ", d->time_offset_min);
	if (d->has_ticks)
		printf("ticks=%" PRIu64 " ", d->ticks);
	if (d->has_user)
		printf("user=%u ", d->user);
	if (d->has_sequence)
		printf("sequence=%" PRIu32 " ", d->sequence);
	if (d->has_status)
		printf("status=%" PRIu32 " ", d->status);
	if (d->has_device_status)
		printf("device_status=%" PRIu32 " ", d->device_status);
	printf("utc=%d marks=%" PRIu32 " ", d->time_is_utc, d->marks);
}

/* ---- one function for each kind of characteristic ---- */

static int print_records(const struct input *in, const struct profile *p)
{
	size_t at = 0, len;
	struct decoded d;
	int err;

	do {
		len = in->len - at;
		if (p->split && len > 0)
			len = p->split(in->buf + at, len);
		err = p->decode(in->buf + at, len, &in->ctx, &d);
		if (err)
			return err;
		print_decoded(&d);
		at += len;
		if (at < in->len)
			fputs("| ", stdout);
	} while (at < in->len);
	return 0;
}

static int print_cuff_pressure(const struct input *in)
{
	struct decoded d;
	int err = bls_decode_intermediate(in->buf, in->len, &in->ctx, &d);

	if (!err)
		print_decoded(&d);
	return err;
}

static int print_clock(const struct input *in, enum clock_kind kind)
{
	struct clock_face face;
	int err = plain_clock_decode(kind, in->buf, in->len, &face);

	if (!err)
		printf("ms=%" PRId64 " resolution=%" PRIu32 " ", face.local_ms,
		       face.resolution_ms);
	return err;
}

static int print_current_time(const struct input *in)
{
	return print_clock(in, CLOCK_KIND_CURRENT_TIME);
}

static int print_date_time(const struct input *in)
{
	return print_clock(in, CLOCK_KIND_DATE_TIME);
}

static int print_racp(const struct input *in)
{
	struct racp_answer a;
	int err = racp_decode_response(in->buf, in->len, &a);

	if (!err)
		printf("opcode=%d request=%u code=%u count=%" PRIu32 " ", (int)a.opcode,
		       a.request, a.code, a.count);
	return err;
}

static int print_battery(const struct input *in)
{
	uint8_t percent;
	int err = bas_decode_level(in->buf, in->len, &percent);

	if (!err)
		printf("percent=%u ", percent);
	return err;
}

static int print_system_id(const struct input *in)
{
	struct dis d = { 0 };
	int err = dis_put(&d, DIS_UUID_SYSTEM_ID, in->buf, in->len);

	if (err)
		return err;
	fputs("id=", stdout);
	for (size_t i = 0; i < sizeof(d.system_id); i++)
		printf("%02x", d.system_id[i]);
	putchar(' ');
	return 0;
}

static int print_pnp_id(const struct input *in)
{
	struct dis d = { 0 };
	int err = dis_put(&d, DIS_UUID_PNP_ID, in->buf, in->len);

	if (!err)
		printf("source=%u vendor=%u product=%u version=%u ", d.pnp_source,
		       d.pnp_vendor, d.pnp_product, d.pnp_version);
	return err;
}

static int print_cgm_feature(const struct input *in)
{
	struct cgm_feature f;
	int err = cgm_decode_feature(in->buf, in->len, &f);

	if (!err)
		printf("features=%" PRIu32 " type=%u location=%u ", f.features, f.type,
		       f.location);
	return err;
}

static int print_cgm_status(const struct input *in)
{
	struct cgm_status s;
	int err = cgm_decode_status(in->buf, in->len, &in->ctx, &s);

	if (!err)
		printf("offset=%u status=%" PRIu32 " ", s.offset_min, s.status);
	return err;
}

static int print_cgm_start(const struct input *in)
{
	struct cgm_session_start s;
	int err = cgm_decode_session_start(in->buf, in->len, &in->ctx, &s);

	if (err)
		return err;
	print_date(&s.time);
	if (s.has_zone)
		printf("zone=%d ", s.zone_quarters);
	if (s.has_dst)
		printf("dst=%u ", s.dst_quarters);
	return 0;
}

static int print_sfloat(const struct input *in)
{
	if (in->len != 2)
		return -EMSGSIZE;
	fputs("v=number,", stdout);
	print_number(decimal_from_sfloat((uint16_t)(in->buf[0] | in->buf[1] << 8)));
	fputs(",? ", stdout);
	return 0;
}

static int print_float(const struct input *in)
{
	uint32_t raw = 0;

	if (in->len != 4)
		return -EMSGSIZE;
	for (int i = 3; i >= 0; i--)
		raw = raw << 8 | in->buf[i];
	fputs("v=number,", stdout);
	print_number(decimal_from_float(raw));
	fputs(",? ", stdout);
	return 0;
}

/* Those that are not in the profile table. */
static const struct {
	const char *name;
	print_fn *print;
} others[] = {
	{ "2A36", print_cuff_pressure }, { "2A2B", print_current_time },
	{ "2A08", print_date_time },	 { "2A52", print_racp },
	{ "2A19", print_battery },	 { "2A23", print_system_id },
	{ "2A50", print_pnp_id },	 { "2AA8", print_cgm_feature },
	{ "2AA9", print_cgm_status },	 { "2AAA", print_cgm_start },
	{ "sfloat", print_sfloat },	 { "float", print_float },
};

static int print_one(const char *name, const struct input *in)
{
	const struct profile *p;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i].name, name) == 0)
			return others[i].print(in);
	p = profile_by_characteristic((uint16_t)strtoul(name, NULL, 16));
	return p ? print_records(in, p) : -ENOTSUP;
}

/* Its own allocation for each value, so that a sanitizer sees a read beyond the end; NULL if it is not hex. */
static uint8_t *octets_from(const char *hex, size_t len)
{
	uint8_t *buf = malloc(len ? len : 1);

	if (!buf)
		abort();
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			free(buf);
			return NULL;
		}
		buf[i] = (uint8_t)(high << 4 | low);
	}
	return buf;
}

int main(void)
{
	static char line[LINE_MAX_LEN], name[8], hex[LINE_MAX_LEN];
	unsigned context;
	uint8_t *buf;
	int err;

	while (fgets(line, sizeof(line), stdin)) {
		struct input in = { 0 };

		if (sscanf(line, "%7s %u %1087s", name, &context, hex) != 3)
			return 64;
		in.len = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
		in.buf = buf = octets_from(hex, in.len);
		if (!buf)
			return 65;
		in.ctx.has_crc = context & CONTEXT_CRC;
		err = print_one(name, &in);
		if (err)
			printf("err %s", errno_name(err));
		putchar('\n');
		free(buf);
	}
	return 0;
}
