/*
 * ingest.c - the upload handler; see ingest.h.
 */
#include "clinic/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clinic/store_command.h"
#include "clinic/store_config.h"
#include "clinic/store_escrow.h"
#include "clinic/store_held.h"
#include "clinic/store_life.h"
#include "clinic/store_mailbox.h"
#include "clinic/store_status.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"

const char *ingest_outcome_text(enum ingest_outcome o)
{
	switch (o) {
	case INGEST_NONE:
	case INGEST_OUTCOMES: break;
	case INGEST_STORED: return "stored";
	case INGEST_UNKNOWN_HUB: return "unknown-hub";
	case INGEST_BAD_SIGNATURE: return "bad-signature";
	case INGEST_MALFORMED: return "malformed";
	case INGEST_FOREIGN: return "foreign-hub";
	case INGEST_STORE_DOWN: return "store-down";
	case INGEST_IN_DOUBT: return "commit-failed";
	case INGEST_FLOOD: return "flood";
	}
	return "?";
}

void ingest_init(struct ingest *in, struct store *store)
{
	*in = (struct ingest){ .store = store };
}

static bool may(const struct hub *h, enum life_right right)
{
	struct hub_life l = hub_life_of(h);

	return life_may(&l, right);
}

static int find_hub(struct store *s, const uint8_t spki[static PIN_LEN], struct hub *ret)
{
	int r = store_hub_by_spki(s, spki, ret);

	if (r != -ENOENT)
		return r;
	r = store_mailbox_hub(s, spki, ret);
	if (r == 0)
		ret->by_emergency = true;
	return r;
}

bool ingest_admit(struct ingest *in, const uint8_t spki[static PIN_LEN])
{
	struct hub h;
	int r = find_hub(in->store, spki, &h);

	return r == 0 ? may(&h, LIFE_MAY_UPLOAD) : r != -ENOENT;
}

/* A bad signature is answered like a wrong row and not like a bad
 * batch: the hub then keeps its records and waits, where 4.00 would
 * make it take the batch apart and park what is refused alone. */
enum ingest_outcome ingest_judge(const struct hub *h, const uint8_t *body, size_t len,
				 struct batch *ret, int *ret_code)
{
	const uint8_t *payload;
	size_t payload_len;
	int r;

	*ret_code = COAP_CODE_FORBIDDEN;
	if (!may(h, LIFE_MAY_UPLOAD))
		return INGEST_UNKNOWN_HUB;
	if (len > INGEST_BODY_MAX) {
		*ret_code = COAP_CODE_TOO_LARGE;
		return INGEST_MALFORMED;
	}
	r = sign1_open(SIGN_CONTEXT_BATCH, h->sign_public, body, len, &payload,
		       &payload_len);
	if (r == -EKEYREJECTED)
		return INGEST_BAD_SIGNATURE;
	if (r == 0)
		r = batch_decode(payload, payload_len, ret);
	if (r) {
		*ret_code = r == -ENOTSUP ? COAP_CODE_UNSUPPORTED_FORMAT
					  : COAP_CODE_BAD_REQUEST;
		return INGEST_MALFORMED;
	}
	if (memcmp(ret->hub, h->id, HUB_ID_LEN) != 0 || ret->epoch != h->epoch)
		return INGEST_FOREIGN;
	*ret_code = COAP_CODE_CHANGED;
	return INGEST_STORED;
}

/* The next thing that a batch brings, record or tombstone, from the lower number on. */
static bool next_brought(const struct batch *b, size_t *record, size_t *tombstone,
			 struct seq_range *ret)
{
	const struct tombstone *t = &b->tombstones[*tombstone];
	bool has_record = *record < b->record_count;
	uint64_t seq = has_record ? b->records[*record].seq : 0;

	if (*tombstone < b->tombstone_count && (!has_record || t->first < seq)) {
		++*tombstone;
		*ret = (struct seq_range){ t->first, t->last };
		return true;
	}
	if (has_record)
		++*record;
	*ret = (struct seq_range){ seq, seq };
	return has_record;
}

/* Ranges come with ascending first numbers; a record may lie within a tombstone. Returns false if
 * there is no room for another island. */
static bool name_range(struct reply *r, struct seq_range g)
{
	uint64_t *top = r->range_count ? &r->ranges[r->range_count - 1].last : &r->contig;

	if (g.first <= r->contig)
		g.first = r->contig + 1;
	if (g.last <= *top)
		return true;
	if (r->range_count > 0 && g.first <= *top + 1) {
		*top = g.last;
		return true;
	}
	if (r->range_count == REPLY_RANGES_MAX)
		return false;
	r->ranges[r->range_count++] = g;
	return true;
}

struct reply ingest_reply(const struct batch *b, uint64_t contig, struct wall now)
{
	struct reply r = { .has_contig = true, .contig = contig };
	size_t record = 0, tombstone = 0;
	struct seq_range g;

	while (next_brought(b, &record, &tombstone, &g) && name_range(&r, g))
		;
	/* once it was all here: this is an older backup */
	if (contig < b->acked)
		r.resync_from = contig + 1;
	if (b->flags & BATCH_WANT_TIME) {
		r.has_time = true;
		r.utc_ms = now.ms;
		r.time_quality = now.quality;
	}
	return r;
}

uint64_t ingest_config_version(const struct hub *h, uint64_t used)
{
	return may(h, LIFE_MAY_CONFIG) && h->config_wanted != used ? h->config_wanted : 0;
}

/* The second body of a seq, with everything else the batch said of it. */
static int set_aside(struct store *s, const struct batch *b, size_t i, int64_t now_ms)
{
	struct sealed rec = { .epoch = b->epoch,
			      .record = b->records[i],
			      .received_ms = now_ms,
			      .suspect = b->flags & BATCH_SUSPECT };

	memcpy(rec.hub, b->hub, HUB_ID_LEN);
	return store_quarantine_put(s, &rec, QUARANTINE_SEQ_CONFLICT);
}

static int store_records(struct store *s, const struct hub *h, const struct batch *b,
			 int64_t now_ms, struct ingest_note *note)
{
	enum quarantine_reason why[BATCH_RECORDS_MAX];
	enum insert_result result[BATCH_RECORDS_MAX];
	int r = store_file_batch(s, h, b, now_ms, why, result);

	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		switch (result[i]) {
		case INSERT_STORED:
			note->stored += why[i] == QUARANTINE_NONE;
			note->held += why[i] != QUARANTINE_NONE;
			note->unassigned += filing_of_assignment(why[i]);
			break;
		case INSERT_DUPLICATE: note->duplicate++; break;
		case INSERT_CONFLICT:
			note->conflict++;
			r = why[i] == QUARANTINE_NONE ? set_aside(s, b, i, now_ms) : 0;
			if (r == 0)
				r = store_hub_rolled_back(s, b->hub);
			break;
		}
	}
	return r;
}

static int store_status(struct store *s, const struct hub *h, const struct batch *b,
			int64_t now_ms, struct ingest_note *note)
{
	int r = b->status_len == 0 ? 0
				   : store_status_put(s, b->hub, b->epoch, b->status,
						      b->status_len, now_ms);

	note->bad_status = r == -EBADMSG;
	if (note->bad_status || r < 0 || b->status_len == 0)
		return note->bad_status ? 0 : r;
	r = store_order_note(s, h, b->status, b->status_len, now_ms);
	if (r == 0)
		r = store_escrow_note(s, h, b->status, b->status_len, now_ms);
	return r < 0 ? r
		     : store_config_note(s, h, b->status, b->status_len,
					 &note->config_used);
}

/* Everything between BEGIN and COMMIT. */
static int store_batch(struct store *s, const struct hub *h, const struct batch *b,
		       int64_t now_ms, struct ingest_note *note, uint64_t *ret_contig)
{
	int r = store_hub_take(s, h, b, now_ms);

	if (r == 0)
		r = store_records(s, h, b, now_ms, note);
	if (r == 0)
		r = store_tombstones_put(s, b, now_ms);
	if (r == 0)
		r = store_record_contig(s, b->hub, b->epoch, ret_contig);
	note->config_used = h->config_used;
	if (r == 0)
		r = store_status(s, h, b, now_ms, note);
	if (r == 0)
		r = store_life_settle(s, h, b, *ret_contig, note->conflict > 0, now_ms);
	note->retired = r == 1;
	return r < 0 ? r : 0;
}

static enum ingest_outcome store_down(int err, struct coap_server_response *ret,
				      struct ingest_note *note)
{
	note->err = err;
	ret->code = COAP_CODE_UNAVAILABLE;
	ret->max_age_s =
		err == -EAGAIN || err == -ESTALE ? INGEST_RETRY_BUSY_S : INGEST_RETRY_S;
	return INGEST_STORE_DOWN;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* -EIO, -ECONNRESET: nobody knows what is on the disk. Else the database says that it is rolled back. */
static int commit(struct ingest *in, uint64_t *ret_us)
{
	uint64_t begin;
	int r;

	FAILPOINT("clinic.commit.before");
	begin = now_us();
	r = store_commit(in->store);
	in->open = false;
	*ret_us = now_us() - begin + 1;
	pace_on_commit(&in->pace, *ret_us);
	if (r == 0)
		FAILPOINT("clinic.commit.after");
	return r;
}

static bool in_doubt(int err)
{
	return err == -EIO || err == -ECONNRESET;
}

static void roll_back(struct ingest *in)
{
	if (in->open)
		store_rollback(in->store);
	in->open = false;
}

/* An order is judged by the time that the same reply says. */
static int add_order(struct store *s, const struct hub *h, struct wall now,
		     struct reply *reply)
{
	int r = h->by_emergency ? 0
				: store_order_next(s, h, now.ms, reply->command,
						   &reply->command_counter);

	if (r <= 0)
		return r;
	reply->command_len = (size_t)r;
	reply->has_time = true;
	reply->utc_ms = now.ms;
	reply->time_quality = now.quality;
	return 0;
}

/* An order with two long signatures beside islands without end: those that are not named come again, and are duplicates then. */
static int encode_reply(struct reply *reply, struct coap_server_response *ret)
{
	int r;

	while ((r = reply_encode(reply, ret->body, sizeof(ret->body))) == -ENOSPC &&
	       reply->range_count > 0)
		reply->range_count /= 2;
	return r;
}

/* Records, mark, audit log, and the answer that is true once it is committed: what a good batch does. */
static enum ingest_outcome handle_locked(struct ingest *in, const struct hub *h,
					 const struct batch *b, struct wall now,
					 struct coap_server_response *ret,
					 struct ingest_note *note)
{
	struct witness_receipt receipt = { 0 };
	struct reply reply;
	uint64_t contig = 0;
	int r = store_batch(in->store, h, b, now.ms, note, &contig);

	if (r == 0)
		r = witness_take(in->store, h, b->checkpoint, b->checkpoint_len, now.ms,
				 &note->checkpoint, &receipt);
	if (r < 0)
		return store_down(r, ret, note);
	note->behind = contig < b->acked;
	note->older = contig > b->highest && note->stored + note->held == 0;
	reply = ingest_reply(b, contig, now);
	reply.config_version = ingest_config_version(h, note->config_used);
	r = add_order(in->store, h, now, &reply);
	if (r < 0)
		return store_down(r, ret, note);
	reply.window = pace_window(&in->pace);
	reply.receipt_size = receipt.size;
	memcpy(reply.receipt_hash, receipt.hash, sizeof(receipt.hash));
	r = encode_reply(&reply, ret);
	if (r < 0)
		return store_down(r, ret, note);
	ret->len = (size_t)r;
	return INGEST_STORED;
}

/* Row and body, then the transaction, which looks at the row again. INGEST_STORED: to be committed. The caller rolls back. */
static enum ingest_outcome try_once(struct ingest *in, const struct ingest_request *rq,
				    struct ingest_note *note)
{
	struct coap_server_response *ret = rq->ret;
	enum ingest_outcome outcome;
	struct batch b;
	struct hub h;
	int r = find_hub(in->store, rq->spki, &h);

	note->began = in->open;
	if (r == -ENOENT) {
		ret->code = COAP_CODE_FORBIDDEN;
		return INGEST_UNKNOWN_HUB;
	}
	if (r < 0)
		return store_down(r, ret, note);
	note->has_hub = true;
	memcpy(note->hub, h.id, HUB_ID_LEN);
	note->by_emergency = h.by_emergency;
	outcome = ingest_judge(&h, rq->body, rq->len, &b, &ret->code);
	if (outcome != INGEST_STORED)
		return outcome;
	r = in->open ? 0 : store_begin(in->store);
	if (r < 0)
		return store_down(r, ret, note);
	in->open = note->began = true;
	return handle_locked(in, &h, &b, rq->now, ret, note);
}

/* Others were in the way within the transaction, or the row was changed meanwhile. Who could not begin has waited long
 * enough already. */
static bool again(const struct ingest_note *n)
{
	return n->outcome == INGEST_STORE_DOWN && n->began &&
	       (n->err == -EAGAIN || n->err == -ESTALE);
}

static void start(struct ingest_request *rq)
{
	rq->note = (struct ingest_note){ 0 };
	rq->ret->code = 0;
	rq->ret->max_age_s = 0;
	rq->ret->len = 0;
}

static void finish(struct ingest *in, struct ingest_request *rq)
{
	struct ingest_note *note = &rq->note;

	if (note->outcome != INGEST_STORED) {
		rq->ret->len = 0;
		note->stored = note->duplicate = note->conflict = note->held = 0;
		note->unassigned = 0;
		note->retired = false;
		note->checkpoint = WITNESS_NONE;
	}
	if (note->outcome == INGEST_IN_DOUBT)
		rq->ret->code = 0;
	in->count[note->outcome]++;
	rq->final = true;
}

static void commit_alone(struct ingest *in, struct ingest_request *rq)
{
	struct ingest_note *note = &rq->note;
	int r = commit(in, &note->commit_us);

	if (in_doubt(r)) {
		note->err = r;
		note->outcome = INGEST_IN_DOUBT;
	} else if (r < 0) {
		note->outcome = store_down(r, rq->ret, note);
	}
}

static void handle_alone(struct ingest *in, struct ingest_request *rq)
{
	for (unsigned try = 1; try <= STORE_TRIES; try++) {
		start(rq);
		rq->note.outcome = try_once(in, rq, &rq->note);
		if (rq->note.outcome == INGEST_STORED)
			commit_alone(in, rq);
		roll_back(in);
		if (!again(&rq->note))
			break;
		in->repeated++;
		store_pause(try);
	}
	finish(in, rq);
}

void ingest_handle(struct ingest *in, const uint8_t spki[static PIN_LEN],
		   const uint8_t *body, size_t len, struct wall now,
		   struct coap_server_response *ret, struct ingest_note *note)
{
	struct ingest_request rq = {
		.spki = spki, .body = body, .len = len, .now = now, .ret = ret
	};

	FAILPOINT("clinic.request.received");
	handle_alone(in, &rq);
	*note = rq.note;
}

/* As store_batch, of what a batch has in it; what it says of the hub itself is older than what the hub says. */
static int store_carried(struct store *s, const struct hub *h, const struct batch *b,
			 int64_t now_ms, struct ingest_note *note)
{
	int r = store_hub_take(s, h, b, now_ms);

	if (r == 0)
		r = store_records(s, h, b, now_ms, note);
	return r == 0 ? store_tombstones_put(s, b, now_ms) : r;
}

static enum ingest_outcome carry_once(struct ingest *in, const uint8_t *hub,
				      const uint8_t *body, size_t len, int64_t now_ms,
				      struct ingest_note *note)
{
	enum ingest_outcome outcome;
	struct batch b;
	struct hub h;
	int code, r = store_hub_by_id(in->store, hub, &h);

	if (r == -ENOENT)
		return INGEST_UNKNOWN_HUB;
	h.carried = true;
	outcome = r ? INGEST_STORE_DOWN : ingest_judge(&h, body, len, &b, &code);
	if (outcome == INGEST_STORED) {
		r = store_begin(in->store);
		in->open = note->began = r == 0;
		if (r == 0)
			r = store_carried(in->store, &h, &b, now_ms, note);
		if (r == 0)
			r = commit(in, &note->commit_us);
	}
	note->err = r;
	return r ? INGEST_STORE_DOWN : outcome;
}

enum ingest_outcome ingest_carried(struct ingest *in,
				   const uint8_t hub[static HUB_ID_LEN],
				   const uint8_t *body, size_t len, int64_t now_ms,
				   struct ingest_note *ret)
{
	for (unsigned try = 1; try <= STORE_TRIES; try++) {
		*ret = (struct ingest_note){ 0 };
		ret->outcome = carry_once(in, hub, body, len, now_ms, ret);
		roll_back(in);
		/* in doubt: the same again is a duplicate */
		if (ret->outcome != INGEST_STORE_DOWN ||
		    (ret->err != -EAGAIN && ret->err != -ESTALE))
			break;
		store_pause(try);
	}
	if (ret->outcome != INGEST_STORED)
		ret->stored = ret->duplicate = ret->conflict = ret->held = 0;
	return ret->outcome;
}

/* --- groups -------------------------------------------------------------------------- */

static void break_up(struct ingest *in)
{
	roll_back(in);
	in->alone = true;
	in->repeated++;
}

void ingest_add(struct ingest *in, const uint8_t spki[static PIN_LEN],
		const uint8_t *body, size_t len, struct wall now,
		struct coap_server_response *ret)
{
	struct ingest_request *rq = &in->group[in->group_count];

	FAILPOINT("clinic.request.received");
	if (in->group_count == INGEST_GROUP_MAX)
		abort(); /* our own bug */
	in->group_count++;
	*rq = (struct ingest_request){
		.spki = spki, .body = body, .len = len, .now = now, .ret = ret
	};
	ret->waits = true;
	if (in->alone)
		return;
	start(rq);
	rq->note.outcome = try_once(in, rq, &rq->note);
	if (rq->note.outcome == INGEST_STORE_DOWN && in->open)
		break_up(in);
	else if (rq->note.outcome != INGEST_STORED)
		finish(in, rq);
}

/* All that have no outcome yet. */
static void finish_all(struct ingest *in, enum ingest_outcome outcome, int err,
		       uint64_t commit_us)
{
	for (size_t i = 0; i < in->group_count; i++) {
		struct ingest_request *rq = &in->group[i];

		if (rq->final)
			continue;
		rq->note.outcome = outcome;
		rq->note.err = err;
		rq->note.commit_us = commit_us;
		commit_us = 0;
		finish(in, rq);
	}
}

/* One COMMIT, one outcome for all that it had in it. */
static void commit_group(struct ingest *in)
{
	uint64_t us;
	int r = commit(in, &us);

	if (r < 0 && !in_doubt(r)) {
		break_up(in);
		return;
	}
	finish_all(in, r < 0 ? INGEST_IN_DOUBT : INGEST_STORED, r, us);
}

static void handle_first(struct ingest *in)
{
	struct ingest_request *rq = in->group;

	while (rq->final)
		rq++;
	handle_alone(in, rq);
	if (rq->note.outcome == INGEST_IN_DOUBT && rq->note.err == -EIO)
		finish_all(in, INGEST_IN_DOUBT, -EIO,
			   0); /* the store is not to be used again */
}

void ingest_settle(struct ingest *in, ingest_note_fn *fn, void *arg)
{
	size_t left = 0;

	if (in->open)
		commit_group(in);
	if (in->alone)
		handle_first(in);
	for (size_t i = 0; i < in->group_count; i++) {
		struct ingest_request *rq = &in->group[i];

		if (rq->final) {
			rq->ret->waits = false;
			fn(arg, &rq->note);
		} else {
			in->group[left++] = *rq;
		}
	}
	in->group_count = left;
	in->alone = left > 0;
}
