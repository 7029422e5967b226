/*
 * fetch.c - see fetch.h.
 *
 *   IDLE    -> ASKED    the clinic wants a newer version than hubd has, in next_get
 *   ASKED   -> IDLE     a block came and others follow; loss, refusal or wait asked for
 *   ASKED   -> PASSING  the last block came, in take
 *   PASSING -> JUDGED   hubd has the last piece, in next_offer
 *   JUDGED  -> IDLE     its verdict, or none for FETCH_VERDICT_MS
 *   PASSING, JUDGED -> IDLE  on loss of hubd: it is fetched again
 *
 * Must never: change an octet; offer octets that are not all of one document.
 *
 * Invariants
 *   1. One request at a time, at most CONFIG_BYTES_MAX octets, and all blocks of one document have one ETag.
 *   2. Nothing is asked for unless the clinic wants a version above the one in use: one that was restored from an older
 *      backup wants less and gets no attention.
 *   3. What hubd refused is not asked for again before the clinic wants another version, or hubd starts anew.
 *   4. Each failure doubles the wait before the next request; two documents are FETCH_GAP_MS apart. So no server, and no
 *      document at which hubd dies, can make us ask without bound.
 */
#include "coap/fetch.h"

#include <string.h>

#include "coap/code.h"

static bool is_wanted(const struct fetch *f)
{
	return f->wanted > f->used && f->wanted != f->refused;
}

/* Passkeys are in it. */
static void drop(struct fetch *f)
{
	explicit_bzero(f->bytes, f->len);
	f->len = f->passed = 0;
	f->etag_len = 0;
}

static void wait_ms(struct fetch *f, uint64_t ms, uint32_t dice, struct mono now)
{
	ms += ((uint64_t)dice * (ms / 5)) >> 32; /* no herd when it is over */
	f->not_before = mono_add(now, ms);
}

static void back_off(struct fetch *f, uint32_t dice, struct mono now)
{
	uint64_t ms = FETCH_BACKOFF_MIN_MS;

	for (unsigned i = 0; i < f->tries && ms < FETCH_BACKOFF_MAX_MS; i++)
		ms *= 2;
	f->tries++;
	f->state = FETCH_IDLE;
	wait_ms(f, ms < FETCH_BACKOFF_MAX_MS ? ms : FETCH_BACKOFF_MAX_MS, dice, now);
}

static void fail(struct fetch *f, uint32_t dice, struct mono now)
{
	drop(f);
	back_off(f, dice, now);
}

void fetch_init(struct fetch *f)
{
	*f = (struct fetch){ .token = FETCH_TOKEN_FIRST, .szx = FETCH_SZX_FIRST };
}

void fetch_on_session(struct fetch *f, bool up)
{
	f->session_up = up;
	if (f->state == FETCH_ASKED)
		f->state = FETCH_IDLE;
}

void fetch_on_hubd(struct fetch *f, bool up, uint32_t dice, struct mono now)
{
	f->hubd_up = up;
	if (f->state == FETCH_PASSING || f->state == FETCH_JUDGED)
		fail(f, dice, now);
	if (!up)
		return;
	f->refused = 0;
	f->judged_len = 0;
	f->used = UINT64_MAX; /* until it says */
}

void fetch_on_config(struct fetch *f, uint64_t version, struct mono now)
{
	struct mono settled = mono_add(now, FETCH_SETTLE_MS);

	f->used = version;
	if (!mono_reached(f->not_before, settled))
		f->not_before = settled;
	if (f->state == FETCH_IDLE && !is_wanted(f))
		drop(f);
}

void fetch_on_wanted(struct fetch *f, uint64_t version, struct mono now)
{
	if (version == 0 || version == f->wanted)
		return;
	f->wanted = version;
	f->tries = 0;
	f->not_before = now;
}

/* --- answers -------------------------------------------------------------------------------- */

/* Is this the next block of the document that is under way? */
static bool is_next(const struct fetch *f, const struct fetch_part *p)
{
	const struct block *b = &p->block;

	if (p->format != COAP_FORMAT_SIGN1 || p->etag_len == 0 || p->len == 0 ||
	    p->len > CONFIG_BYTES_MAX - f->len)
		return false;
	if (f->len > 0 &&
	    (p->etag_len != f->etag_len || memcmp(p->etag, f->etag, f->etag_len) != 0))
		return false;
	if (!p->has_block)
		return f->len == 0;
	if (b->szx > f->szx || b->num * block_size(b->szx) != f->len)
		return false;
	return b->more ? b->szx >= FETCH_SZX_LEAST && p->len == block_size(b->szx)
		       : p->len <= block_size(b->szx);
}

static void take(struct fetch *f, const struct fetch_part *p, uint32_t dice,
		 struct mono now)
{
	if (!is_next(f, p)) {
		fail(f, dice, now);
		return;
	}
	memcpy(f->etag, p->etag, p->etag_len);
	f->etag_len = p->etag_len;
	memcpy(f->bytes + f->len, p->body, p->len);
	f->len += p->len;
	f->state = FETCH_IDLE;
	if (p->has_block && p->block.more) {
		f->szx = p->block.szx;
		return;
	}
	f->state = FETCH_PASSING;
	f->passed = 0;
	f->id++;
}

bool fetch_on_part(struct fetch *f, const struct fetch_part *p, uint32_t dice,
		   struct mono now)
{
	uint32_t s = p->max_age_s < FETCH_WAIT_MAX_S ? p->max_age_s : FETCH_WAIT_MAX_S;

	if (f->state != FETCH_ASKED || p->token != f->token)
		return false;
	switch (p->code) {
	case COAP_CODE_CONTENT: take(f, p, dice, now); break;
	case COAP_CODE_VALID: /* what hubd has refused is all there is */
		if (f->len > 0 || f->judged_len == 0) {
			fail(f, dice, now);
			break;
		}
		f->state = FETCH_IDLE;
		f->refused = f->version;
		break;
	case COAP_CODE_TOO_MANY:
	case COAP_CODE_UNAVAILABLE:
		f->state = FETCH_IDLE;
		wait_ms(f, (s ? s : 1) * 1000ULL, dice, now);
		break;
	default: fail(f, dice, now);
	}
	return true;
}

/* What is here stays: smaller blocks go on where it ends. */
bool fetch_on_undelivered(struct fetch *f, uint32_t token, uint32_t dice, struct mono now)
{
	if (f->state != FETCH_ASKED || token != f->token)
		return false;
	if (f->szx > FETCH_SZX_LEAST)
		f->szx--;
	back_off(f, dice, now);
	return true;
}

bool fetch_on_verdict(struct fetch *f, const struct msg_verdict *v, uint32_t dice,
		      struct mono now)
{
	if (f->state != FETCH_JUDGED || v->id != f->id)
		return false;
	f->state = FETCH_IDLE;
	switch (v->outcome) {
	case OFFER_TAKEN:
		f->tries = 0;
		f->szx = FETCH_SZX_FIRST;
		wait_ms(f, FETCH_SETTLE_MS, dice, now);
		break;
	case OFFER_REFUSED:
		f->refused = f->version;
		memcpy(f->judged, f->etag, f->etag_len);
		f->judged_len = f->etag_len;
		f->tries = 0;
		break;
	case OFFER_NONE:
	case OFFER_KNOWN: /* the clinic has no other, and wants one */
	case OFFER_LATER: back_off(f, dice, now); break;
	}
	drop(f);
	return v->outcome == OFFER_TAKEN || v->outcome == OFFER_REFUSED;
}

/* --- what to do ----------------------------------------------------------------------------- */

static bool may_ask(const struct fetch *f, struct mono now)
{
	return f->state == FETCH_IDLE && f->hubd_up && is_wanted(f) &&
	       mono_reached(now, f->not_before) &&
	       (f->len > 0 || mono_reached(now, f->gap_until));
}

static bool next_get(struct fetch *f, struct mono now, struct fetch_action *ret)
{
	if (!f->session_up || !may_ask(f, now))
		return false;
	if (f->len == 0) {
		f->version = f->wanted;
		f->gap_until = mono_add(now, FETCH_GAP_MS);
		ret->etag = f->judged;
		ret->etag_len = f->judged_len;
	}
	f->state = FETCH_ASKED;
	f->since = now;
	f->token = f->token == UINT32_MAX ? FETCH_TOKEN_FIRST : f->token + 1;
	ret->what = FETCH_GET;
	ret->token = f->token;
	ret->block = (struct block){ .num = (uint32_t)(f->len / block_size(f->szx)),
				     .szx = f->szx };
	return true;
}

static bool next_offer(struct fetch *f, struct mono now, struct fetch_action *ret)
{
	struct msg_offer *o = &ret->offer;
	size_t left = f->len - f->passed;

	if (f->state != FETCH_PASSING)
		return false;
	ret->what = FETCH_OFFER;
	o->id = f->id;
	o->version = f->version;
	o->total = (uint16_t)f->len;
	o->offset = (uint16_t)f->passed;
	o->len = (uint16_t)(left < OFFER_PIECE_MAX ? left : OFFER_PIECE_MAX);
	memcpy(o->bytes, f->bytes + f->passed, o->len);
	f->passed += o->len;
	if (f->passed == f->len) {
		f->state = FETCH_JUDGED;
		f->since = now;
	}
	return true;
}

static void expire(struct fetch *f, uint32_t dice, struct mono now)
{
	if (f->state == FETCH_ASKED && mono_since(now, f->since) >= FETCH_REPLY_MS)
		(void)fetch_on_undelivered(f, f->token, dice, now);
	if (f->state == FETCH_JUDGED && mono_since(now, f->since) >= FETCH_VERDICT_MS)
		fail(f, dice, now);
}

bool fetch_next(struct fetch *f, uint32_t dice, struct mono now, struct fetch_action *ret)
{
	ret->what = FETCH_NOTHING;
	ret->etag_len = 0;
	expire(f, dice, now);
	return next_offer(f, now, ret) || next_get(f, now, ret);
}

bool fetch_has_work(const struct fetch *f, struct mono now)
{
	return f->state == FETCH_ASKED || may_ask(f, now);
}

bool fetch_is_owed(const struct fetch *f)
{
	return f->session_up && f->state == FETCH_ASKED;
}

static struct mono later(struct mono a, struct mono b)
{
	return a.ms > b.ms ? a : b;
}

struct mono fetch_deadline(const struct fetch *f, struct mono now)
{
	if (f->state == FETCH_ASKED)
		return mono_add(f->since, FETCH_REPLY_MS);
	if (f->state == FETCH_JUDGED)
		return mono_add(f->since, FETCH_VERDICT_MS);
	if (f->state != FETCH_IDLE || !f->hubd_up || !is_wanted(f) || may_ask(f, now))
		return MONO_NEVER;
	return f->len > 0 ? f->not_before : later(f->not_before, f->gap_until);
}
