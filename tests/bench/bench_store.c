/*
 * bench_store.c - the hub's own stores with the hub's own functions: the queue, with and without the seal, and the spool.
 *
 *   bench_store commit KIND DIR GROUP COMMITS    prints <p50 us> <p99 us> <device bytes per reading> <readings/s>
 *   bench_store offer KIND DIR COUNT GAP_US      one reading a commit; prints <number> <time, ns> when it is acknowledged
 *   bench_store find KIND DIR                    prints the number of each reading that can be delivered
 *   bench_store seal N                           prints <us of one seal> <bytes that it adds>
 *
 * KIND: plain (queue, bodies as they are), queue (sealed as hub-store does it), spool (sealed).
 * 'offer' and 'find' are for powercut.py: the time is of CLOCK_REALTIME, as strace has it. What 'find' names has
 * been opened with the clinic's key and is what was offered, byte for byte.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "storage/queue.h"
#include "storage/spool.h"
#include "tests/bench/measure.h"

enum {
	READING_BYTES = 100,
	COMMITS_MAX = 100000,
	WARM_UP = 50,
	SEGMENT_BYTES = SPOOL_SEGMENT_BYTES_MAX,
	KIND_OF_READING = 1,
	SEAL_KEY_ID = 1,
};

enum kind { KIND_PLAIN, KIND_QUEUE, KIND_SPOOL, KINDS };

static const char *const kind_names[KINDS] = { "plain", "queue", "spool" };

static const uint8_t hub[HUB_ID_LEN] = { 1 };
static const struct db_key key = { { 1, 2, 3 }, { 4, 5, 6 } };
static const uint8_t mac_key[KEY_LEN] = { 7, 8, 9 };
static const struct spool_mac mac = { crypto_hmac, mac_key };

/* RFC 7748, 6.1: Alice's pair. One process seals, another opens. */
static const uint8_t seal_private[X25519_LEN] = {
	0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
	0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
	0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a
};
static const uint8_t seal_public[X25519_LEN] = { 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7,
						 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e,
						 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26,
						 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e,
						 0xaa, 0x9b, 0x4e, 0x6a };

/* The store that is measured. */
static enum kind kind;
static struct queue *queue;
static struct spool *spool;
static uint64_t next_seq;
static struct queue_entry group[QUEUE_GROUP_MAX];
static uint8_t bodies[QUEUE_GROUP_MAX][SEALED_LEN(READING_BYTES)];

static void fill_reading(uint64_t seq, uint8_t ret[static READING_BYTES])
{
	for (size_t i = 0; i < READING_BYTES; i++)
		ret[i] = (uint8_t)(seq >> (8 * (i % 8))) ^ (uint8_t)(i * 31);
}

static void fill_envelope(uint64_t seq, uint8_t ret[static ENVELOPE_LEN])
{
	struct envelope e = { .epoch = 1,
			      .assignment = 1,
			      .seq = seq,
			      .class = CLASS_ROUTINE,
			      .kind = KIND_OF_READING,
			      .body_len = SEALED_LEN(READING_BYTES) };

	memcpy(e.hub, hub, sizeof(hub));
	envelope_encode(&e, ret);
}

static void make_entry(uint64_t seq, uint8_t *body, struct queue_entry *ret)
{
	uint8_t reading[READING_BYTES], ad[ENVELOPE_LEN];
	size_t len = kind == KIND_PLAIN ? READING_BYTES : SEALED_LEN(READING_BYTES);

	fill_reading(seq, reading);
	fill_envelope(seq, ad);
	if (kind == KIND_PLAIN)
		memcpy(body, reading, READING_BYTES);
	else
		measure_must(seal(SEAL_KEY_ID, seal_public, ad, sizeof(ad), reading,
				  sizeof(reading), body),
			     "seal");
	*ret = (struct queue_entry){ .record = { .assignment = 1,
						 .seq = seq,
						 .class = CLASS_ROUTINE,
						 .kind = KIND_OF_READING,
						 .body = body,
						 .body_len = len },
				     .instance = 0x7edcba9876543210,
				     .capture = seq };
}

/*
 * room    bytes that the spool must have, without its reserve
 * secret  the library's heap is as in hub-store; else nobody's secret: strace must read what is written from it
 */
static void open_store(const char *dir, uint64_t room, bool secret)
{
	struct spool_owner owner = { .epoch = 1 };

	memcpy(owner.hub, hub, sizeof(hub));
	if (kind == KIND_SPOOL) {
		unsigned count = (unsigned)(room / SEGMENT_BYTES) + SPOOL_SEGMENTS_MIN;

		measure_must(spool_prepare(dir, count, SEGMENT_BYTES), "spool_prepare");
		measure_must(spool_open(dir, &owner, &spool), "spool_open");
		spool_set_mac(spool, &mac);
		next_seq = spool_highest(spool) + 1;
		return;
	}
	if (secret)
		measure_must(db_heap_init(DB_HEAP_BYTES, NULL), "heap");
	measure_must(queue_open(dir, 1, &key, 0, &queue), "queue_open");
	measure_must(queue_set_owner(queue, hub, 1, 1), "queue_set_owner");
	next_seq = queue_next_seq(queue);
}

static void close_store(void)
{
	queue_close(queue);
	spool_close(spool);
}

/* Offered when it is called, acknowledged when it returns. */
static void put(size_t count)
{
	for (size_t i = 0; i < count; i++)
		make_entry(next_seq + i, bodies[i], &group[i]);
	measure_must(kind == KIND_SPOOL ? spool_append(spool, group, count)
					: queue_insert(queue, group, count),
		     "commit");
	next_seq += count;
}

static void run_commits(const char *dir, size_t in_group, size_t commits)
{
	static double us[COMMITS_MAX];
	unsigned long long before;
	/* a commit of the spool begins a block; a record is far below 350 bytes */
	uint64_t blocks = (in_group * 350 + SPOOL_BLOCK) / SPOOL_BLOCK;

	open_store(dir, (commits + WARM_UP) * blocks * SPOOL_BLOCK, true);
	for (int i = 0; i < WARM_UP; i++)
		put(in_group);
	before = measure_device_bytes();
	for (size_t i = 0; i < commits; i++) {
		double t = measure_now_us();

		put(in_group);
		us[i] = measure_now_us() - t;
	}
	measure_print(us, commits, in_group, measure_device_bytes() - before);
	close_store();
}

static void offer(const char *dir, unsigned long count, long gap_us)
{
	const struct timespec gap = { gap_us / 1000000, gap_us % 1000000 * 1000 };
	struct timespec t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_store(dir, count * SPOOL_BLOCK, false);
	for (unsigned long i = 0; i < count; i++) {
		put(1);
		clock_gettime(CLOCK_REALTIME, &t);
		printf("%" PRIu64 " %lld\n", next_seq - 1,
		       (long long)t.tv_sec * 1000000000 + t.tv_nsec);
		(void)nanosleep(&gap, NULL);
	}
	close_store();
}

static bool is_whole(const struct record *r)
{
	uint8_t want[READING_BYTES], got[READING_BYTES], ad[ENVELOPE_LEN];

	fill_reading(r->seq, want);
	fill_envelope(r->seq, ad);
	if (kind == KIND_PLAIN)
		return r->body_len == READING_BYTES &&
		       memcmp(r->body, want, READING_BYTES) == 0;
	return r->body_len == SEALED_LEN(READING_BYTES) &&
	       unseal(seal_private, ad, sizeof(ad), r->body, r->body_len, got) == 0 &&
	       memcmp(got, want, READING_BYTES) == 0;
}

static void find(const char *dir)
{
	static uint8_t buf[SEALED_BODY_MAX];
	struct record r = { 0 };
	int n = 1;

	open_store(dir, 0, false);
	while (n == 1) {
		n = kind == KIND_SPOOL ? spool_read(spool, CLASS_ROUTINE, r.seq, buf,
						    sizeof(buf), &r)
				       : queue_read(queue, CLASS_ROUTINE, r.seq, buf,
						    sizeof(buf), &r);
		if (n == 1 && is_whole(&r))
			printf("%" PRIu64 "\n", r.seq);
	}
	measure_must(n, "read");
	close_store();
}

static void time_seal(unsigned long count)
{
	double start = measure_us_of(CLOCK_PROCESS_CPUTIME_ID);

	kind = KIND_QUEUE;
	for (unsigned long i = 1; i <= count; i++)
		make_entry(i, bodies[0], &group[0]);
	printf("%.1f %d\n",
	       (measure_us_of(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)count,
	       (int)SEALED_LEN(0));
}

static unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	unsigned long n = strtoul(text, NULL, 10);

	if (n < min || n > max) {
		fprintf(stderr, "bench_store: %s is not in %lu..%lu\n", text, min, max);
		exit(64);
	}
	return n;
}

static void set_kind(const char *name)
{
	for (int i = 0; i < KINDS; i++)
		if (strcmp(kind_names[i], name) == 0) {
			kind = (enum kind)i;
			return;
		}
	fprintf(stderr, "bench_store: no kind %s\n", name);
	exit(64);
}

int main(int argc, char **argv)
{
	measure_must(crypto_init(), "crypto_init");
	if (argc == 3 && strcmp(argv[1], "seal") == 0) {
		time_seal(number(argv[2], 1, 1000000));
		return 0;
	}
	if (argc < 4)
		return 64;
	set_kind(argv[2]);
	if (argc == 6 && strcmp(argv[1], "commit") == 0)
		run_commits(argv[3], number(argv[4], 1, QUEUE_GROUP_MAX),
			    number(argv[5], 1, COMMITS_MAX));
	else if (argc == 6 && strcmp(argv[1], "offer") == 0)
		offer(argv[3], number(argv[4], 1, COMMITS_MAX),
		      (long)number(argv[5], 0, 1000000));
	else if (argc == 4 && strcmp(argv[1], "find") == 0)
		find(argv[3]);
	else
		return 64;
	return 0;
}
