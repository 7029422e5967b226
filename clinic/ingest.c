/*
 * ingest.c - the upload handler; see ingest.h.
 */
#include "clinic/ingest.h"

#include <errno.h>
#include <string.h>

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
	}
	return "?";
}

void ingest_init(struct ingest *in, struct store *store)
{
	*in = (struct ingest){ .store = store };
}

bool ingest_admit(struct ingest *in, const uint8_t spki[static PIN_LEN])
{
	struct hub h;
	int r = store_hub_by_spki(in->store, spki, &h);

	return r == 0 ? h.state == HUB_ACTIVE : r != -ENOENT;
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
	if (h->state != HUB_ACTIVE)
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
	if (b->flags & BATCH_WANT_TIME) {
		r.has_time = true;
		r.utc_ms = now.ms;
		r.time_quality = now.quality;
	}
	return r;
}

/* The second body of a seq, with everything else the batch said of it. */
static int set_aside(struct store *s, const struct batch *b, size_t i, int64_t now_ms)
{
	struct sealed rec = { .epoch = b->epoch,
			      .record = b->records[i],
			      .received_ms = now_ms };
	int r;

	memcpy(rec.hub, b->hub, HUB_ID_LEN);
	r = store_quarantine_put(s, &rec, QUARANTINE_SEQ_CONFLICT);
	return r < 0 ? r : store_hub_rolled_back(s, b->hub);
}

static int store_records(struct store *s, const struct batch *b, int64_t now_ms,
			 struct ingest_note *note)
{
	enum insert_result result[BATCH_RECORDS_MAX];
	int r = store_record_insert_batch(s, b, now_ms, result);

	for (size_t i = 0; r == 0 && i < b->record_count; i++) {
		switch (result[i]) {
		case INSERT_STORED: note->stored++; break;
		case INSERT_DUPLICATE: note->duplicate++; break;
		case INSERT_CONFLICT:
			note->conflict++;
			r = set_aside(s, b, i, now_ms);
			break;
		}
	}
	return r;
}

/* Everything between BEGIN and COMMIT. */
static int store_batch(struct store *s, const struct batch *b, int64_t now_ms,
		       struct ingest_note *note, uint64_t *ret_contig)
{
	int r = store_records(s, b, now_ms, note);

	if (r == 0)
		r = store_tombstones_put(s, b, now_ms);
	if (r == 0)
		r = store_record_contig(s, b->hub, b->epoch, ret_contig);
	if (r == 0)
		r = store_hub_seen(s, b, now_ms);
	return r;
}

static enum ingest_outcome store_down(int err, struct coap_server_response *ret,
				      struct ingest_note *note)
{
	note->err = err;
	ret->code = COAP_CODE_UNAVAILABLE;
	ret->max_age_s = err == -EAGAIN ? INGEST_RETRY_BUSY_S : INGEST_RETRY_S;
	return INGEST_STORE_DOWN;
}

/* -EIO: a sync or write failed, nobody knows what is on the
 * disk. Else the database says that it is rolled back. */
static enum ingest_outcome commit(struct store *s, struct coap_server_response *ret,
				  struct ingest_note *note)
{
	int r;

	FAILPOINT("clinic.commit.before");
	r = store_commit(s);
	if (r == -EIO) {
		note->err = r;
		return INGEST_IN_DOUBT;
	}
	if (r < 0)
		return store_down(r, ret, note);
	FAILPOINT("clinic.commit.after");
	return INGEST_STORED;
}

/* Row, body, records: what the request did. The transaction is open on entry. */
static enum ingest_outcome handle_locked(struct ingest *in,
					 const uint8_t spki[static PIN_LEN],
					 const uint8_t *body, size_t len, struct wall now,
					 struct coap_server_response *ret,
					 struct ingest_note *note)
{
	enum ingest_outcome outcome;
	struct reply reply;
	struct batch b;
	uint64_t contig = 0;
	struct hub h;
	int r = store_hub_by_spki(in->store, spki, &h);

	if (r == -ENOENT) {
		ret->code = COAP_CODE_FORBIDDEN;
		return INGEST_UNKNOWN_HUB;
	}
	if (r < 0)
		return store_down(r, ret, note);
	note->has_hub = true;
	memcpy(note->hub, h.id, HUB_ID_LEN);
	outcome = ingest_judge(&h, body, len, &b, &ret->code);
	if (outcome != INGEST_STORED)
		return outcome;
	r = store_batch(in->store, &b, now.ms, note, &contig);
	if (r < 0)
		return store_down(r, ret, note);
	note->behind = contig < b.acked;
	reply = ingest_reply(&b, contig, now);
	r = reply_encode(&reply, ret->body, sizeof(ret->body));
	if (r < 0)
		return store_down(r, ret, note);
	ret->len = (size_t)r;
	return commit(in->store, ret, note);
}

void ingest_handle(struct ingest *in, const uint8_t spki[static PIN_LEN],
		   const uint8_t *body, size_t len, struct wall now,
		   struct coap_server_response *ret, struct ingest_note *note)
{
	int r;

	FAILPOINT("clinic.request.received");
	*note = (struct ingest_note){ 0 };
	ret->code = 0;
	ret->max_age_s = 0;
	ret->len = 0;
	/* The row is read under the same lock as it is acted upon. */
	r = store_begin(in->store);
	if (r < 0)
		note->outcome = store_down(r, ret, note);
	else
		note->outcome = handle_locked(in, spki, body, len, now, ret, note);
	if (note->outcome != INGEST_STORED) {
		store_rollback(in->store);
		ret->len = 0;
		note->stored = note->duplicate = note->conflict = 0;
	}
	if (note->outcome == INGEST_IN_DOUBT)
		ret->code = 0;
	in->count[note->outcome]++;
}
