/*
 * bench_wire.c - hub-coap's end of wire.py: real hub-coap and coap/server, requests of a given kind, one at a time.
 *
 *   bench_wire CLINIC_SPACE ADDRESS 12|13 KIND     in the hub's network namespace
 *
 *   CLINIC_SPACE  the clinic's network namespace, as a file; the server is put there, under ADDRESS
 *   12, 13        DTLS 1.2 or 1.3, with connection ids
 *   KIND          60, 200: payloads of so many bytes; 'one': a blood pressure reading with all its fields, encoded,
 *                 sealed and signed as hub-store does it; 'many': as many of these as fit one request
 *
 * Says 'ready BYTES READINGS' (of one request). Then, for each line of stdin, does it and says 'ok':
 *   connect   start hub-coap, with one request waiting: handshake, request, answer
 *   one       one more request, and its answer
 *   close     end hub-coap in order
 */
#include "hub/core/reading.h"
#include "tests/io/uplink_world.h"

#include <arpa/inet.h>

enum { PAYLOAD_MAX = BATCH_BYTES_FULL - COSE_OVERHEAD_MAX, LIMIT_S = 60 };

static unsigned per_batch = 1, seq = 1;
static size_t batch_len;
static uint8_t server_addr[4];
static uint8_t sign_private[P256_PRIVATE_LEN], seal_public[X25519_LEN];

static size_t make_sealed(const struct world *w, uint64_t number,
			  uint8_t sealed[static SEALED_BODY_MAX])
{
	static const uint8_t raw[] = { 0x1f, 0x80, 0x00, 0x50, 0x00, 0x5f, 0x00,
				       0xea, 0x07, 0x0b, 0x15, 0x08, 0x1e, 0x00,
				       0x48, 0x00, 0x01, 0x00, 0x00 };
	struct reading r = { .kind = READING_BLOOD_PRESSURE, .characteristic = 0x2a35 };
	uint8_t body[READING_BODY_MAX], ad[ENVELOPE_LEN];
	struct envelope e = { .epoch = 1,
			      .assignment = 7,
			      .seq = number,
			      .class = CLASS_ROUTINE,
			      .kind = READING_BLOOD_PRESSURE };
	int n;

	r.raw_len = sizeof(raw);
	memcpy(r.raw, raw, sizeof(raw));
	r.peripheral = (struct peripheral){ .num = 1,
					    .addr = { 0xc0, 1, 2, 3, 4, 5 },
					    .addr_type = ADDR_RANDOM };
	crypto_random(r.captured.boot, BOOT_ID_LEN);
	r.captured.mono.ms = 86400000 + number;
	r.captured.wall = (struct wall){ 1795000000000, 30, CLOCK_QUALITY_CLINIC };
	r.utc_offset_min = 60;
	r.link = LINK_SC_AUTHENTICATED;
	r.decoded.value_count = 4;
	for (int i = 0; i < 4; i++) {
		r.decoded.values[i].name = (enum value_name)(VALUE_SYSTOLIC + i);
		r.decoded.values[i].unit = i < 3 ? UNIT_MMHG : UNIT_PER_MINUTE;
		r.decoded.values[i].number.mantissa = 128 - 16 * i;
	}
	r.decoded.has_device_time = true;
	r.decoded.device_time = (struct date_time){ 2026, 11, 21, 8, 30, 0 };
	r.decoded.has_user = r.decoded.has_status = true;
	r.decoded.user = 1;
	r.clock = (struct clock_offset){ .source = OFFSET_SET,
					 .offset_ms = 0,
					 .uncertainty_ms = 1000 };
	r.attribution = ATTRIBUTION_CONFIRMED;
	n = reading_encode(&r, body, sizeof(body));
	CHECK(n > 0);
	memcpy(e.hub, w->hub_id, HUB_ID_LEN);
	e.body_len = (uint32_t)SEALED_LEN((size_t)n);
	envelope_encode(&e, ad);
	CHECK_INT(seal(1, seal_public, ad, sizeof(ad), body, (size_t)n, sealed), 0);
	return SEALED_LEN((size_t)n);
}

/* Records first to first + per_batch - 1; per_batch 0: as many as fit, and then that many each time. */
static void make_batch(struct world *w, unsigned first, struct msg_batch *ret)
{
	static uint8_t sealed[BATCH_RECORDS_MAX][SEALED_BODY_MAX];
	uint8_t payload[BATCH_BYTES_FULL];
	struct batch b = {
		.epoch = 1, .acked = first - 1, .queued = 5, .highest = first + 5
	};
	int n, fits;

	memcpy(b.hub, w->hub_id, HUB_ID_LEN);
	do {
		struct record *rec = &b.records[b.record_count];

		*rec = (struct record){ .assignment = 7,
					.seq = first + b.record_count,
					.class = CLASS_ROUTINE,
					.kind = READING_BLOOD_PRESSURE };
		rec->body = sealed[b.record_count];
		rec->body_len = make_sealed(w, rec->seq, sealed[b.record_count]);
		b.record_count++;
		fits = batch_encode(&b, payload, PAYLOAD_MAX);
	} while (per_batch ? b.record_count < per_batch : fits > 0);
	if (fits < 0)
		b.record_count--;
	n = batch_encode(&b, payload, PAYLOAD_MAX);
	CHECK(n > 0);
	per_batch = (unsigned)b.record_count;
	n = sign1_make(SIGN_CONTEXT_BATCH, sign_private, payload, (size_t)n, ret->bytes,
		       sizeof(ret->bytes));
	CHECK(n > 0);
	ret->len = (uint16_t)n;
	ret->first = first;
	ret->last = first + per_batch - 1;
	batch_len = (size_t)n;
}

/* A number and filling. */
static void make_payload(struct world *w, unsigned number, struct msg_batch *ret)
{
	(void)w;
	memset(ret->bytes, 'x', batch_len);
	ret->bytes[0] = (uint8_t)(number >> 8);
	ret->bytes[1] = (uint8_t)number;
	ret->len = (uint16_t)batch_len;
	ret->first = ret->last = number;
}

static void make_config(struct world *w, struct msg_coap_config *c)
{
	(void)w;
	memcpy(c->endpoints[0].addr + 12, server_addr, sizeof(server_addr));
}

static bool is_acked(struct world *w)
{
	return w->acked[seq + per_batch - 1] && w->credits > 0;
}

static bool is_gone(struct world *w)
{
	return !w->connected;
}

static void one(struct world *w, bool first)
{
	CHECK(seq + per_batch <= SEQ_MAX);
	if (first) {
		w->quota = 1;
		w->next = seq;
		start_coap(w);
	} else {
		hand_over(w, seq);
	}
	CHECK(wait_for(w, is_acked, LIMIT_S));
	seq += per_batch;
}

static void obey(struct world *w, const char *line)
{
	if (strcmp(line, "connect\n") == 0) {
		one(w, true);
	} else if (strcmp(line, "one\n") == 0) {
		one(w, false);
	} else {
		CHECK_STR(line, "close\n");
		end(&w->coap, SIGTERM);
		wait_for(w, is_gone, 1);
	}
	puts("ok");
}

/* What a request will be, told by making one. */
static void choose(struct world *w, const char *kind)
{
	struct msg_batch b;

	w->make_batch = make_batch;
	if (strcmp(kind, "many") == 0) {
		per_batch = 0;
	} else if (strcmp(kind, "one") != 0) {
		batch_len = (size_t)strtoul(kind, NULL, 10);
		CHECK(batch_len >= 2 && batch_len <= BATCH_BYTES_MAX);
		w->make_batch = make_payload;
	}
	w->make_batch(w, 1, &b);
	printf("ready %zu %u\n", batch_len, per_batch);
}

int main(int argc, char **argv)
{
	uint8_t public[P256_PUBLIC_LEN], seal_private[X25519_LEN];
	struct world w;
	char line[16];

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	if (argc != 5) {
		fprintf(stderr, "usage: bench_wire CLINIC_SPACE ADDRESS 12|13 KIND\n");
		return 64;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK_INT(crypto_init(), 0);
	p256_generate(sign_private, public);
	x25519_generate(seal_private, seal_public);
	test_name = "bench-wire";
	make_world(&w, SEQ_MAX);
	w.quota = 0;
	w.page->profile =
		strcmp(argv[3], "12") ? DTLS_PROFILE_13_CID : DTLS_PROFILE_12_CID;
	snprintf(w.page->space, sizeof(w.page->space), "%s", argv[1]);
	CHECK_INT(inet_pton(AF_INET, argv[2], server_addr), 1);
	w.make_config = make_config;
	start_server(&w);
	choose(&w, argv[4]);
	while (fgets(line, sizeof(line), stdin))
		obey(&w, line);
	end_world(&w);
	return 0;
}
