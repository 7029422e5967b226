/*
 * peers_clinic.c - hub-coap with a clinic behind it; see peers.h.
 *
 * The clinic says that it has a record only when hub-ble has heard that it is durable: so each number that leaves
 * hub-store is one that was answered.
 */
#include "tests/block/peers_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CREDITS = 3 };

void peers_want(struct peers *p, uint8_t batches)
{
	struct msg m = { .kind = MSG_WANT,
			 .want = { .batches = batches, .heartbeat = p->drain } };

	(void)ipc_send(p->coap, &m); /* not there: wanted when it is */
}

void peers_on_coap_up(void *arg, struct ipc *l)
{
	struct peers *p = arg;

	(void)l;
	p->waiting = 0;
	peers_want(p, CREDITS);
}

/* The capture that a record holds, 0 if it is not what was offered. */
static uint64_t open_record(struct peers *p, const struct batch *b,
			    const struct record *r)
{
	struct envelope e = { .epoch = b->epoch,
			      .assignment = r->assignment,
			      .seq = r->seq,
			      .class = r->class,
			      .kind = r->kind,
			      .body_len = (uint32_t)r->body_len };
	uint8_t ad[ENVELOPE_LEN], body[SEALED_BODY_MAX], raw[READING_RAW_MAX];
	struct reading rd;
	uint64_t capture;

	memcpy(e.hub, b->hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	if (unseal(p->ledger->seal_private, ad, sizeof(ad), r->body, r->body_len, body) ||
	    reading_decode(body, r->body_len - SEALED_LEN(0), &rd) ||
	    rd.raw_len < PEERS_RAW_MIN)
		return 0;
	memcpy(&capture, rd.raw, sizeof(capture));
	if (capture == 0 || capture > p->ledger->offered ||
	    rd.raw_len != peers_raw(capture, raw) || memcmp(rd.raw, raw, rd.raw_len) != 0)
		return 0;
	if (!(rd.decoded.marks & MARK_UNDECODED) &&
	    rd.decoded.values[0].number.mantissa != (int32_t)capture)
		return 0;
	return capture;
}

static void judge_new(struct peers *p, const struct batch *b, const struct record *r,
		      const uint8_t hash[static SHA256_LEN])
{
	uint64_t capture = open_record(p, b, r);
	char hex[2 * SHA256_LEN + 1];

	if (capture == 0) {
		peers_bad(p, "number %" PRIu64 " holds what nobody has offered", r->seq);
	} else if (p->ledger->seqs[r->seq].settled) {
		peers_bad(p, "number %" PRIu64 " was settled and comes with a record",
			  r->seq);
	} else if (p->ledger->seq_of[capture]) {
		peers_bad(p, "capture %" PRIu64 " has numbers %" PRIu64 " and %" PRIu64,
			  capture, p->ledger->seq_of[capture], r->seq);
	} else if (p->fresh_after && capture > p->fresh_after &&
		   r->seq <= p->told_before) {
		peers_bad(p, "number %" PRIu64 " was given before, up to %" PRIu64,
			  r->seq, p->told_before);
	} else {
		for (size_t i = 0; i < SHA256_LEN; i++)
			(void)sprintf(hex + 2 * i, "%02x", hash[i]);
		peers_promise(p, "handed %" PRIu64 " %" PRIu64 " %s", r->seq, capture,
			      hex);
	}
}

static void judge_record(struct peers *p, const struct batch *b, const struct record *r)
{
	uint8_t hash[SHA256_LEN];

	p->records++;
	if (r->seq >= LEDGER_SEQS) {
		peers_bad(p, "number %" PRIu64 " is beyond all", r->seq);
		return;
	}
	crypto_sha256(r->body, r->body_len, hash);
	if (!p->ledger->seqs[r->seq].capture)
		judge_new(p, b, r, hash);
	else if (memcmp(hash, p->ledger->seqs[r->seq].hash, SHA256_LEN) != 0)
		peers_bad(p, "number %" PRIu64 " is another record than before", r->seq);
}

/* A number that nobody has seen may stay unused; a record may not be given up here. */
static void judge_tombstone(struct peers *p, const struct tombstone *t)
{
	if (t->cause != TOMBSTONE_SKIPPED || t->last >= LEDGER_SEQS) {
		peers_bad(p, "numbers %" PRIu64 " to %" PRIu64 " given up, cause %d",
			  t->first, t->last, (int)t->cause);
		return;
	}
	for (uint64_t seq = t->first; seq <= t->last; seq++)
		if (p->ledger->seqs[seq].capture)
			peers_bad(p, "number %" PRIu64 " said to be unused", seq);
}

static bool open_batch(struct peers *p, const struct msg_batch *m, struct batch *ret)
{
	const uint8_t *payload;
	size_t len;

	if (sign1_open(SIGN_CONTEXT_BATCH, p->ledger->sign_public, m->bytes, m->len,
		       &payload, &len) ||
	    batch_decode(payload, len, ret)) {
		peers_bad(p, "a batch that cannot be opened");
		return false;
	}
	return true;
}

static bool is_answered(const struct peers *p, const struct batch *b)
{
	for (size_t i = 0; i < b->record_count; i++)
		if (!p->ledger->durable[p->ledger->seqs[b->records[i].seq].capture])
			return false;
	return true;
}

static void add_range(struct reply *r, uint64_t first, uint64_t last)
{
	struct seq_range *end = r->ranges + r->range_count;

	if (last <= r->contig)
		return;
	if (r->range_count && end[-1].last + 1 == first)
		end[-1].last = last;
	else if (r->range_count < REPLY_RANGES_MAX)
		r->ranges[r->range_count++] = (struct seq_range){ first, last };
}

static void answer_batch(struct peers *p, uint32_t id, const struct batch *b)
{
	struct msg m = { .kind = MSG_ACK, .ack = { .batch = id } };
	struct reply *r = &m.ack.reply;
	size_t i = 0, k = 0;

	for (size_t n = 0; n < b->record_count; n++)
		peers_promise(p, "acking %" PRIu64 " %" PRIu64, b->records[n].seq,
			      b->records[n].seq);
	for (size_t n = 0; n < b->tombstone_count; n++)
		peers_promise(p, "gone %" PRIu64 " %" PRIu64, b->tombstones[n].first,
			      b->tombstones[n].last);
	r->has_contig = true;
	r->contig = ledger_contig(p->ledger);
	while (i < b->record_count || k < b->tombstone_count) {
		if (k == b->tombstone_count ||
		    (i < b->record_count && b->records[i].seq < b->tombstones[k].first)) {
			add_range(r, b->records[i].seq, b->records[i].seq);
			i++;
		} else {
			add_range(r, b->tombstones[k].first, b->tombstones[k].last);
			k++;
		}
	}
	(void)ipc_send(p->coap, &m); /* gone: it will send them again */
	peers_want(p, 1);
}

void peers_answer_waiting(struct peers *p)
{
	struct batch b;
	size_t left = 0;

	for (size_t i = 0; i < p->waiting && !*p->bad; i++)
		if (open_batch(p, &p->batches[i], &b) && is_answered(p, &b))
			answer_batch(p, p->batches[i].id, &b);
		else if (left++ != i)
			p->batches[left - 1] = p->batches[i];
	p->waiting = left;
}

static void on_batch(struct peers *p, const struct msg_batch *m)
{
	struct batch b;

	if (!open_batch(p, m, &b))
		return;
	for (size_t i = 0; i < b.record_count; i++)
		judge_record(p, &b, &b.records[i]);
	for (size_t i = 0; i < b.tombstone_count; i++)
		judge_tombstone(p, &b.tombstones[i]);
	peers_told(p, b.highest);
	if (*p->bad)
		return;
	if (p->waiting == PEERS_WAITING_MAX) {
		peers_bad(p, "more batches than were asked for");
		return;
	}
	p->drained |= p->drain && b.record_count == 0 && b.tombstone_count == 0 &&
		      b.queued == 0;
	p->batches[p->waiting++] = *m;
	peers_answer_waiting(p);
}

void peers_on_coap_message(void *arg, struct ipc *l, const struct msg *m)
{
	struct peers *p = arg;

	(void)l;
	if (m->kind == MSG_QUEUE_STATE)
		peers_told(p, m->queue_state.highest);
	else if (m->kind == MSG_UPLOAD && !p->away && !*p->bad)
		on_batch(p, &m->batch);
	rt_stop(p->rt);
}
