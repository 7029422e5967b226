/*
 * fuzz_fetch.c - what a server may answer to the question for a config, and what hub-coap makes of it.
 *
 * The input is a run of events: kind u8, then of an answer: code u8, flags u8, Block2 (length u8 and value), ETag u8, length
 * u16, and the body is that many octets of a pattern. Whatever comes, one document at most is held, what is offered is of one
 * ETag and within its bounds, and the machine comes to rest.
 */
#include <stdlib.h>
#include <string.h>

#include "coap/code.h"
#include "coap/fetch.h"
#include "hub/core/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS_MAX = 40, PIECES_MAX = 16 };

static struct fetch f;
static struct fetch_action a;
static uint8_t body[UINT16_MAX];

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_offer(size_t *at)
{
	if (a.offer.offset == 0)
		*at = 0;
	check(a.offer.total > 0 && a.offer.total <= CONFIG_BYTES_MAX);
	check(a.offer.offset == *at);
	check(a.offer.len > 0 && a.offer.len <= OFFER_PIECE_MAX);
	*at += a.offer.len;
	check(*at <= a.offer.total);
}

static void drain(struct mono now)
{
	size_t at = 0;
	unsigned turns = 0;

	while (fetch_next(&f, 7, now, &a)) {
		check(++turns < TURNS_MAX);
		if (a.what == FETCH_OFFER)
			check_offer(&at);
		else
			check(a.what == FETCH_GET && a.token >= FETCH_TOKEN_FIRST &&
			      a.block.szx <= BLOCK_SZX_MAX && a.etag_len <= 8);
	}
	check(f.len <= CONFIG_BYTES_MAX && f.passed <= f.len);
	check(fetch_deadline(&f, now).ms >= now.ms || f.state != FETCH_IDLE);
}

static void answer(struct reader *r, struct mono now)
{
	static const int codes[] = { COAP_CODE_CONTENT, COAP_CODE_CONTENT,
				     COAP_CODE_VALID, COAP_CODE_NOT_FOUND,
				     COAP_CODE_UNAVAILABLE };
	struct fetch_part p = { .token = f.token, .format = COAP_FORMAT_SIGN1 };
	uint8_t flags, len;
	const uint8_t *value;
	size_t before = f.len;

	p.code = codes[read_u8(r) % 5];
	flags = read_u8(r);
	p.max_age_s = flags;
	len = read_u8(r) % 5;
	value = read_span(r, len);
	p.has_block = flags & 1;
	p.etag[0] = read_u8(r) & 1;
	p.etag_len = flags & 2 ? 0 : 1;
	p.format = flags & 4 ? COAP_FORMAT_CBOR : COAP_FORMAT_SIGN1;
	p.token += flags & 8 ? 1 : 0;
	p.len = read_be16(r);
	if (flags & 16) { /* as a server would */
		p.block = a.block;
		p.block.more = flags & 32;
		p.len = block_size(a.block.szx);
		p.has_block = true;
	} else if (value && p.has_block && block_decode(value, len, &p.block)) {
		p.len = 0;
	}
	p.body = body;
	if (!fetch_on_part(&f, &p, flags, now))
		check(f.len == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mono now = { 1000 };
	struct reader r;

	reader_init(&r, data, size);
	fetch_init(&f);
	a.block = (struct block){ 0 };
	fetch_on_hubd(&f, true, 1, now);
	fetch_on_session(&f, true);
	fetch_on_config(&f, 5, now);
	while (reader_ok(&r) && !reader_done(&r)) {
		uint8_t kind = read_u8(&r);

		now.ms += 1000u * (kind >> 4);
		switch (kind & 7) {
		case 0:
		case 1: answer(&r, now); break;
		case 2: fetch_on_wanted(&f, read_u8(&r), now); break;
		case 3: fetch_on_config(&f, read_u8(&r), now); break;
		case 4: fetch_on_session(&f, kind & 8); break;
		case 5: fetch_on_hubd(&f, kind & 8, kind, now); break;
		case 6: (void)fetch_on_undelivered(&f, f.token, kind, now); break;
		default: {
			const struct msg_verdict v = {
				f.id, (enum offer_outcome)(1 + read_u8(&r) % 4),
				REFUSAL_NONE
			};

			(void)fetch_on_verdict(&f, &v, kind, now);
		}
		}
		drain(now);
	}
	return 0;
}
