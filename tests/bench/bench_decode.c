/*
 * bench_decode.c - decode one typical notification of a characteristic N times, for decode.sh to count instructions.
 *
 *   bench_decode                prints the names
 *   bench_decode NAME N         decodes; prints nothing, exits with 1 if the value is refused
 *
 * What bluetoothd, the bus, store and seal cost for each notification is not in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ble/profile.h"

#define VALUE(...) .octets = { __VA_ARGS__ }, .len = sizeof((uint8_t[]){ __VA_ARGS__ })
/* 2026-11-21 08:30:00 */
#define STAMP 0xEA, 0x07, 0x0B, 0x15, 0x08, 0x1E, 0x00

/* As the kinds of device send them, with the fields that most of them send. */
static const struct sample {
	const char *name;
	uint16_t characteristic;
	uint8_t len;
	uint8_t octets[48];
} samples[] = {
	{ "blood-pressure", 0x2A35,
	  VALUE(0x1E, 0x80, 0x00, 0x50, 0x00, 0x5F, 0x00, STAMP, 0x48, 0x00, 0x01, 0x00,
		0x00) },
	/* Base Time and User Facing Time, since 2000 */
	{ "blood-pressure-enhanced", 0x2B34,
	  VALUE(0x76, 0x80, 0x00, 0x50, 0x00, 0x5F, 0x00, 0x98, 0xAE, 0x92, 0x32, 0x48,
		0x00, 0x00, 0x00, 0xA8, 0xBC, 0x92, 0x32) },
	{ "weight", 0x2A9D,
	  VALUE(0x0E, 0x5C, 0x3F, STAMP, 0x01, 0xF5, 0x00, 0xF4, 0x06) },
	{ "body-composition", 0x2A9C,
	  VALUE(0x5E, 0x07, 0xE6, 0x00, STAMP, 0x01, 0x40, 0x1F, 0x7C, 0x01, 0xE0, 0x2E,
		0x98, 0x21, 0x88, 0x13, 0x5C, 0x3F) },
	{ "oximeter-spot-check", 0x2A5E,
	  VALUE(0x03, 0x61, 0x00, 0x40, 0x00, STAMP, 0x00, 0x01) },
	{ "oximeter-continuous", 0x2A5F, VALUE(0x00, 0x61, 0x00, 0x40, 0x00) },
	{ "temperature", 0x2A1C, VALUE(0x06, 0x6F, 0x01, 0x00, 0xFF, STAMP, 0x02) },
	{ "glucose", 0x2A18,
	  VALUE(0x1F, 0x2A, 0x00, STAMP, 0x00, 0x00, 0x26, 0xB2, 0x11, 0x00, 0x00) },
	{ "glucose-context", 0x2A34, VALUE(0x03, 0x2A, 0x00, 0x01, 0x3C, 0xD0, 0x01) },
	{ "heart-rate", 0x2A37, VALUE(0x16, 0x48, 0x80, 0x03, 0x70, 0x03) },
	{ "cgm", 0x2AA7,
	  VALUE(0x0D, 0xE3, 0x78, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x05, 0xF0, 0x64,
		0x00) },
	/* a pulse: type, Elapsed Time, measurement status, user */
	{ "generic", 0x2B8B,
	  VALUE(0x01, 0x18, 0x00, 0x2B, 0x00, 0x1A, 0x48, 0x02, 0x00, 0x22, 0x98, 0xAE,
		0x92, 0x32, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x01, 0xA0, 0x0A, 0x48,
		0x00, 0x00, 0x00) },
};

enum { SAMPLES = sizeof(samples) / sizeof(*samples) };

static int decode_times(const struct sample *s, unsigned long times)
{
	const struct profile *p = profile_by_characteristic(s->characteristic);
	struct profile_context ctx = { 0 };
	struct decoded d;

	if (!p)
		return 1;
	for (unsigned long i = 0; i < times; i++) {
		size_t len = p->split ? p->split(s->octets, s->len) : s->len;

		if (p->decode(s->octets, len, &ctx, &d) != 0)
			return 1;
	}
	/* a tail or an implausible number would be another path than the usual one */
	return d.value_count == 0 || d.marks & (MARK_TAIL | MARK_IMPLAUSIBLE);
}

int main(int argc, char **argv)
{
	for (int i = 0; i < SAMPLES; i++) {
		if (argc != 3)
			puts(samples[i].name);
		else if (strcmp(argv[1], samples[i].name) == 0)
			return decode_times(&samples[i], strtoul(argv[2], NULL, 10));
	}
	return argc == 3 ? 64 : 0;
}
