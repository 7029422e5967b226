/*
 * play_hub.c - plays a hub without Bluetooth and without a network: seals and signs
 * readings of known content with the keys of a bundle, and hands the batch to the
 * clinic's ingest in this process.
 *
 *   play_hub CLINIC BUNDLE
 *
 * What it stores, by number:
 *   1  mmHg with mean and pulse, the device's clock 4 min 12 s slow, offset read
 *   2  kPa with one decimal, pulse with one decimal; device's clock set
 *   3  systolic NaN, no result, irregular pulse, two users
 *   4  no device time
 *   5  raw bytes only
 *   6  hub had no clock
 *   7  alarm, a test reading, the device's clock error not measured
 *   9  sealed to a key that the clinic does not have (8 is missing)
 *  10  opens, but is not a reading
 * It prints one line: the outcome and the answer's code.
 */
#include <errno.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/ingest.h"
#include "hub/core/config.h"
#include "hub/core/reading.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BODIES = 9,
	SIGNED_MAX = 8192,
};

static const int64_t captured_ms = 1795242665000; /* 2026-11-21 06:31:05 UTC */

struct player {
	const char *clinic, *bundle;
	struct store *store;
	struct config config;
	uint8_t private[P256_PRIVATE_LEN];
	uint8_t spki[PIN_LEN];
	uint8_t bodies[BODIES][SEALED_BODY_MAX];
	struct batch batch;
};

static void stop(const char *what)
{
	fprintf(stderr, "play_hub: %s\n", what);
	exit(1);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		stop(what);
}

static int read_file(const struct player *p, const char *inner, const char *name,
		     void *buf, size_t cap)
{
	char path[FILES_PATH_MAX];
	int n;

	need(files_path(p->bundle, inner, path) == 0, "path");
	n = file_read(path, name, buf, cap);
	need(n >= 0, name);
	return n;
}

static void load(struct player *p)
{
	static uint8_t cose[CONFIG_BYTES_MAX];
	uint8_t public[P256_PUBLIC_LEN];
	char why[FOLDER_WHY_MAX], cert[PKI_PEM_MAX];
	const uint8_t *payload;
	const char *field;
	size_t len;
	int n;

	need(read_file(p, "store", "sign.key", p->private, sizeof(p->private)) ==
		     P256_PRIVATE_LEN,
	     "sign.key");
	need(read_file(p, "hubd", "clinic.pub", public, sizeof(public)) ==
		     P256_PUBLIC_LEN,
	     "clinic.pub");
	n = read_file(p, "hubd", "config.cose", cose, sizeof(cose));
	need(sign1_open(SIGN_CONTEXT_CONFIG, public, cose, (size_t)n, &payload, &len) ==
		     0,
	     "signature of the config");
	need(config_decode(payload, len, &p->config, &field) == 0, "config");
	n = read_file(p, "coap", "identity.crt", cert, sizeof(cert) - 1);
	cert[n] = '\0';
	need(pki_spki(cert, p->spki) == 0, "identity.crt");
	need(memcmp(p->spki, p->config.hub, HUB_ID_LEN) == 0,
	     "hub id is not that of the key");
	n = folder_open_store(p->clinic, &p->store, why);
	need(n == 0, why);
}

static struct value value(enum value_name n, enum value_unit u, int32_t mantissa,
			  int8_t exponent)
{
	return (struct value){ n, u, { mantissa, exponent, DECIMAL_NUMBER } };
}

/* Number 1; the others are changes of it. */
static struct reading first(const struct player *p)
{
	static const uint8_t raw[] = { 0x1e, 0x80, 0x00, 0x52, 0x00, 0x61, 0x00 };
	const struct config_device *d = &p->config.devices[0];
	struct reading rd = {
		.kind = READING_BLOOD_PRESSURE,
		.characteristic = 0x2a35,
		.raw_len = sizeof(raw),
		.peripheral = { .num = d->num, .addr_type = d->addr_type },
		.captured = { .boot = { 0xb0 },
			      .mono = { 123456 },
			      .wall = { captured_ms, 40, CLOCK_QUALITY_CLINIC } },
		.utc_offset_min = 60,
		.link = LINK_SC_AUTHENTICATED,
		.decoded = { .value_count = 4,
			     .values = { value(VALUE_SYSTOLIC, UNIT_MMHG, 128, 0),
					 value(VALUE_DIASTOLIC, UNIT_MMHG, 82, 0),
					 value(VALUE_MEAN_ARTERIAL, UNIT_MMHG, 97, 0),
					 value(VALUE_PULSE, UNIT_PER_MINUTE, 64, 0) },
			     .has_device_time = true,
			     .device_time = { 2026, 11, 21, 7, 26, 50 } },
		.clock = { .source = OFFSET_READ,
			   .offset_ms = 252000,
			   .uncertainty_ms = 1000 },
		.attribution = ATTRIBUTION_PROBABLE,
	};

	memcpy(rd.raw, raw, sizeof(raw));
	memcpy(rd.peripheral.addr, d->addr, sizeof(rd.peripheral.addr));
	return rd;
}

static void in_kpa(struct reading *rd)
{
	rd->decoded.value_count = 3;
	rd->decoded.values[0] = value(VALUE_SYSTOLIC, UNIT_KPA, 171, -1);
	rd->decoded.values[1] = value(VALUE_DIASTOLIC, UNIT_KPA, 1090, -2);
	rd->decoded.values[2] = value(VALUE_PULSE, UNIT_PER_MINUTE, 640, -1);
	rd->clock.source = OFFSET_SET;
	rd->clock.offset_ms = 0;
}

static void without_result(struct reading *rd)
{
	rd->decoded.values[0].number = (struct decimal){ .kind = DECIMAL_NAN };
	rd->decoded.marks = MARK_NO_RESULT;
	rd->decoded.has_status = true;
	rd->decoded.status = 1 << 0 | 1 << 2;
	rd->decoded.has_user = true;
	rd->decoded.user = 2;
	rd->attribution = ATTRIBUTION_CONFIRMED;
}

static void raw_only(struct reading *rd)
{
	rd->decoded = (struct decoded){ .marks = MARK_UNDECODED };
	rd->clock = (struct clock_offset){ .source = OFFSET_NONE };
	rd->attribution = ATTRIBUTION_UNASSIGNED;
}

static struct reading make(const struct player *p, uint64_t seq)
{
	struct reading rd = first(p);

	switch (seq) {
	case 2: in_kpa(&rd); break;
	case 3: without_result(&rd); break;
	case 4: rd.decoded.has_device_time = false; break;
	case 5: raw_only(&rd); break;
	case 6:
		rd.captured.wall = (struct wall){ 0, UINT32_MAX, CLOCK_QUALITY_NONE };
		break;
	case 7:
		rd.decoded.marks = MARK_TEST;
		rd.clock = (struct clock_offset){ .source = OFFSET_NONE };
		break;
	}
	return rd;
}

static size_t make_body(const struct player *p, uint64_t seq,
			uint8_t body[static READING_BODY_MAX])
{
	struct reading rd = make(p, seq);
	int n;

	if (seq == 10) {
		memset(body, 0xff, 20);
		return 20;
	}
	n = reading_encode(&rd, body, READING_BODY_MAX);
	need(n > 0, "reading_encode");
	return (size_t)n;
}

static void add(struct player *p, uint64_t seq)
{
	uint8_t body[READING_BODY_MAX], ad[ENVELOPE_LEN], private[X25519_LEN],
		other[X25519_LEN];
	size_t len = make_body(p, seq, body);
	uint8_t *sealed = p->bodies[p->batch.record_count];
	struct record *r = &p->batch.records[p->batch.record_count++];
	struct envelope e = {
		.epoch = p->config.epoch,
		.assignment = p->config.assignment,
		.seq = seq,
		.class = seq == 7 ? CLASS_ALARM : CLASS_ROUTINE,
		.kind = READING_BLOOD_PRESSURE,
		.body_len = (uint32_t)SEALED_LEN(len),
	};

	memcpy(e.hub, p->config.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	x25519_generate(private, other);
	need(seal(p->config.seal_key_id, seq == 9 ? other : p->config.seal_public, ad,
		  sizeof(ad), body, len, sealed) == 0,
	     "seal");
	*r = (struct record){ e.assignment, seq, e.class, e.kind, sealed, e.body_len };
}

static void upload(struct player *p)
{
	static uint8_t payload[SIGNED_MAX], cose[SIGNED_MAX];
	struct wall now = { captured_ms + 60000, 500, CLOCK_QUALITY_NTP };
	struct coap_server_response re;
	struct ingest_note note;
	struct ingest in;
	int n = batch_encode(&p->batch, payload, sizeof(payload));

	need(n > 0, "batch_encode");
	n = sign1_make(SIGN_CONTEXT_BATCH, p->private, payload, (size_t)n, cose,
		       sizeof(cose));
	need(n > 0, "sign1_make");
	ingest_init(&in, p->store);
	ingest_handle(&in, p->spki, cose, (size_t)n, now, &re, &note);
	printf("%s %d.%02d stored=%u duplicate=%u\n", ingest_outcome_text(note.outcome),
	       re.code / 32, re.code % 32, note.stored, note.duplicate);
	need(note.outcome == INGEST_STORED, "not stored");
}

int main(int argc, char **argv)
{
	static struct player p;

	if (argc != 3)
		stop("usage: play_hub CLINIC BUNDLE");
	p.clinic = argv[1];
	p.bundle = argv[2];
	need(crypto_init() == 0, "crypto_init");
	load(&p);
	p.batch.epoch = p.config.epoch;
	p.batch.queued = 3;
	p.batch.highest = 12;
	memcpy(p.batch.hub, p.config.hub, HUB_ID_LEN);
	for (uint64_t seq = 1; seq <= 10; seq++) {
		if (seq != 8)
			add(&p, seq);
	}
	upload(&p);
	store_close(p.store);
	crypto_done();
	return 0;
}
