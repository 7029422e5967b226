/*
 * bench_wire.c - bytes on the wire for each reading in steady state: hub-coap to coap/server through a
 * counting proxy, both directions, IP and UDP headers included, replies included.
 *
 * The batches are real: a blood pressure reading with all its fields, encoded, sealed and signed as hub-store
 * does it. Once one reading to a request, once as many as fit.
 *
 * The target of the single one: MQTT 3.1.1 with QoS 1 over TLS 1.3 took 278 IP bytes for a payload of 60 bytes
 * and 421 for one of 200, so about 278 + 1.02 for each byte more. A sealed and signed reading is a larger
 * payload, of which both sides' overhead is a smaller part: 0.75 x at 60 bytes becomes 0.83 x, of what MQTT
 * would take for the very same bytes. Side by side in one run, with a real broker, is another bench.
 */
#include "hub/core/reading.h"
#include "tests/io/udp_proxy.h"
#include "tests/io/uplink_world.h"

enum {
	WARM_UP = 20,
	SINGLES = 200,
	BATCHED = 30,
	PAYLOAD_MAX = BATCH_BYTES_MAX - COSE_OVERHEAD_MAX
};

#define MQTT_AT_60 278.0
#define MQTT_PER_BYTE ((421.0 - 278.0) / 140.0)
#define TARGET_RATIO 0.83

static unsigned per_batch;
static size_t batch_len;
static uint8_t sign_private[P256_PRIVATE_LEN], seal_public[X25519_LEN];

static size_t make_sealed(const struct world *w, uint64_t seq,
			  uint8_t sealed[static SEALED_BODY_MAX])
{
	static const uint8_t raw[] = { 0x1f, 0x80, 0x00, 0x50, 0x00, 0x5f, 0x00,
				       0xea, 0x07, 0x0b, 0x15, 0x08, 0x1e, 0x00,
				       0x48, 0x00, 0x01, 0x00, 0x00 };
	struct reading r = { .kind = READING_BLOOD_PRESSURE, .characteristic = 0x2a35 };
	uint8_t body[READING_BODY_MAX], ad[ENVELOPE_LEN];
	struct envelope e = { .epoch = 1,
			      .assignment = 7,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = READING_BLOOD_PRESSURE };
	int n;

	r.raw_len = sizeof(raw);
	memcpy(r.raw, raw, sizeof(raw));
	r.peripheral = (struct peripheral){ .num = 1,
					    .addr = { 0xc0, 1, 2, 3, 4, 5 },
					    .addr_type = ADDR_RANDOM };
	crypto_random(r.captured.boot, BOOT_ID_LEN);
	r.captured.mono.ms = 86400000 + seq;
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

/* Records seq to seq + per_batch - 1; per_batch 0: as many as fit, and then that many each time. */
static void make_batch(struct world *w, unsigned seq, struct msg_batch *ret)
{
	static uint8_t sealed[BATCH_RECORDS_MAX][SEALED_BODY_MAX];
	uint8_t payload[BATCH_BYTES_MAX];
	struct batch b = {
		.epoch = 1, .acked = seq - 1, .queued = 5, .highest = seq + 5
	};
	int n, fits;

	memcpy(b.hub, w->hub_id, HUB_ID_LEN);
	do {
		struct record *rec = &b.records[b.record_count];

		*rec = (struct record){ .assignment = 7,
					.seq = seq + b.record_count,
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
	ret->first = seq;
	ret->last = seq + per_batch - 1;
	batch_len = (size_t)n;
}

static unsigned waiting_for;

static bool is_acked(struct world *w)
{
	return w->acked[waiting_for] && w->credits > 0;
}

static bool is_ready(struct world *w)
{
	return w->connected && w->has_time && w->credits > 0;
}

/* Bytes per reading over so many requests, one at a time. */
static double measure(enum dtls_profile profile, unsigned batch_size, unsigned requests)
{
	struct udp_proxy *p = proxy_page();
	uint64_t before = 0;
	double result;
	unsigned seq = 1;
	struct world w;
	pid_t proxy;

	per_batch = batch_size;
	make_world(&w, SEQ_MAX);
	w.page->profile = profile;
	w.make_batch = make_batch;
	w.quota = 0;
	start_server(&w);
	p->to = w.page->port;
	proxy = proxy_start(p);
	w.port = p->port;
	start_coap(&w);
	CHECK(wait_for(&w, is_ready, 20));
	for (unsigned i = 0; i < WARM_UP + requests; i++) {
		if (i == WARM_UP)
			before = p->ip_bytes[0] + p->ip_bytes[1];
		hand_over(&w, seq);
		seq += per_batch;
		waiting_for = seq - 1;
		CHECK(waiting_for <= SEQ_MAX);
		CHECK(wait_for(&w, is_acked, 20));
	}
	result =
		(double)(p->ip_bytes[0] + p->ip_bytes[1] - before) / requests / per_batch;
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
	end_world(&w);
	return result;
}

static void print(const char *name, double value, double target)
{
	printf("bench %s %.1f B target <=%.0f %s\n", name, value, target,
	       value <= target ? "ok" : "short");
}

static double mqtt(size_t payload)
{
	return MQTT_AT_60 + MQTT_PER_BYTE * ((double)payload - 60);
}

int main(int argc, char **argv)
{
	uint8_t public[P256_PUBLIC_LEN], seal_private[X25519_LEN];
	double single, single12, batched;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	p256_generate(sign_private, public);
	x25519_generate(seal_private, seal_public);
	test_name = "bench-wire";
	single = measure(DTLS_PROFILE_13_CID, 1, SINGLES);
	print("uplink-bytes-per-reading", single, TARGET_RATIO * mqtt(batch_len));
	printf("  one reading sealed and signed: %zu B of payload, %.0f B estimated for "
	       "MQTT, ratio %.2f\n",
	       batch_len, mqtt(batch_len), single / mqtt(batch_len));
	single12 = measure(DTLS_PROFILE_12_CID, 1, SINGLES);
	printf("  the same over DTLS 1.2: %.1f B, ratio %.2f\n", single12,
	       single12 / mqtt(batch_len));
	batched = measure(DTLS_PROFILE_13_CID, 0, BATCHED);
	/* Against the same readings one by one over MQTT, each with its own signature. */
	print("uplink-bytes-per-reading-batched", batched, single * 0.75);
	printf("  %u readings to a request of %zu B of payload\n", per_batch, batch_len);
	return 0;
}
