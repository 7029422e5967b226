/*
 * fuzz_reply.c - what a server may answer: the reply's parser, and the forward machine behind it.
 *
 * The input is a run of answers: token (low 4 bits, counted from 1), code u8, Max-Age u8, length u8, then so many bytes of
 * body. The machine has eight batches out on tokens 1 to 8. Whatever comes, it must keep its bounds, and an
 * acknowledgement must be one that the parser took and that names nothing beyond the highest seq.
 */
#include <stdlib.h>

#include "coap/forward.h"
#include "hub/core/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HIGHEST = 100, TURNS_MAX = 200 };

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_action(const struct forward_action *a)
{
	const struct reply *r = &a->ack.reply;

	if (a->what == FORWARD_WANT)
		check(a->want.batches <= FORWARD_SLOTS);
	if (a->what != FORWARD_ACK)
		return;
	check(a->ack.batch >= 1);
	/* a lie goes on to hub-store, which takes it for nothing, and is none that acknowledges */
	check(a->good == (r->has_contig && reply_highest(r) <= HIGHEST));
	if (!a->good && r->has_contig)
		return;
	check(r->resync_from <= HIGHEST);
	check(!r->has_contig || r->contig <= HIGHEST);
	check(r->has_contig || r->range_count == 0);
	check(r->receipt_size <= INT64_MAX);
	for (size_t i = 0; i < r->range_count; i++)
		check(r->ranges[i].last <= HIGHEST);
}

/* Plays hub-store too: whatever it is asked for it hands over. */
static void drain(struct forward *f, struct mono now, uint32_t *id)
{
	struct forward_action a;
	unsigned turns = 0;

	while (forward_next(f, now, &a)) {
		check(++turns < TURNS_MAX);
		check_action(&a);
		for (unsigned i = 0; a.what == FORWARD_WANT && i < a.want.batches; i++) {
			struct msg_batch b = { .id = ++*id, .len = 4 };

			b.first = b.last = 1 + *id % HIGHEST;
			check(forward_on_batch(f, &b) == 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forward f;
	struct mono now = { 1000000 };
	struct reader r;
	uint32_t id = 0;

	reader_init(&r, data, size);
	forward_init(&f);
	forward_on_config(&f, 60);
	forward_on_store_up(&f);
	forward_on_queue_state(&f, &(struct msg_queue_state){ .highest = HIGHEST });
	forward_on_session_up(&f);
	f.window = FORWARD_SLOTS;
	drain(&f, now, &id);
	while (reader_left(&r) > 4) {
		struct forward_response a = { .token = FORWARD_TOKEN_FIRST - 1u +
						       (read_u8(&r) & 15u),
					      .code = read_u8(&r) };
		size_t len;

		a.max_age_s = read_u8(&r);
		len = read_u8(&r);
		a.len = len < reader_left(&r) ? len : reader_left(&r);
		a.body = read_span(&r, a.len);
		forward_on_response(&f, &a, (uint32_t)a.len * 77777777u, now);
		now.ms += 10;
		drain(&f, now, &id);
	}
	return 0;
}
