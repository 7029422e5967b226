/*
 * work_store.c - workload: the whole of hub-store behind its messages. A hub-ble offers captures, a hubd gives and
 * withholds the engine share, a clinic takes batches, opens every seal, answers, loses answers, refuses.
 *
 * What the clinic has it keeps over every power cut; hub-ble dies with the power. With little space (store-full) the
 * oldest readings are given up.
 *
 * Questions, to each batch that is handed over, whenever:
 *   1. Its signature is good and every seal opens to a capture that was offered.
 *   2. No number is ever given to two bodies, no capture comes under two numbers.
 *   3. What the clinic has acknowledged, and the store has taken over, does not come again.
 *   And to each answer to hub-ble while no call has failed (INV-4): since the capture was offered queue or spool were written and
 *   synced, and nothing of them waits for a sync. What a file that is set aside, or made in advance, waits for is no reading.
 * And after a power cut, when all has been handed over and acknowledged:
 *   4. A capture that was told durable is at the clinic; or, without space, is one of those given up.
 *   5. Each number that was ever given is a record or a tombstone at the clinic.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/msg.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "storage/store.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum {
	SEQS_MAX = 2048,
	CAPTURES_KNOWN = 2048,
	ASSIGNMENT = 5,
	EPOCH = 3,
	KEY_ID = 1,
	WAITING_MAX = 24, /* captures without an answer */
	UPLOADS_MAX = 24,
	OPEN_TRIES = 5,
	DRAIN_TURNS = 300,
	STEPS = 70,
	STEPS_FULL = 90,
	STEPS_SHORT = 10,
	STEPS_GO_ON = 6,
	BACKLOG_MAX = 50, /* records that the clinic does not have */
	SPACE = 12 << 20,
	SPACE_FULL = 150 << 10,
	RAW_FULL = 400,
};

struct seq_fact {
	position handed, tombstone; /* it is at the clinic */
	position acked;		    /* and the store has taken that over */
	uint8_t hash[8];	    /* of the sealed body */
	uint32_t capture;
	uint32_t acked_turn; /* count of answers then */
	bool given_up;	     /* the tombstone says: evicted */
	bool refused;
};

struct capture_fact {
	position offered, durable;
	uint64_t seq; /* at the clinic under this number, 0: not yet */
	uint64_t instance;
};

struct world {
	struct seq_fact seq[SEQS_MAX];
	struct capture_fact capture[CAPTURES_KNOWN];
	uint32_t captures; /* offered so far; they are 1.. */
	uint64_t top;	   /* highest number that the clinic has heard of */
	uint64_t instance;
	uint32_t turn; /* answers so far */
	position enrolled;
	uint8_t seal_private[X25519_LEN], seal_public[X25519_LEN];
	uint8_t sign_private[P256_PRIVATE_LEN], sign_public[P256_PUBLIC_LEN];
	struct mono now;
	uint64_t space;
	size_t raw_len;
	struct dice dice;
	char dir[256];
};

static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };
static const uint8_t share[ENGINE_SHARE_LEN] = { 1, 2, 3 };

/* One hub at a time, and what it has said and is not dealt with. */
static struct {
	struct store *store;
	struct world *world;
	struct msg_batch upload[UPLOADS_MAX];
	uint32_t upload_turn[UPLOADS_MAX];
	size_t uploads;
	enum store_blocked blocked;
	bool refused;	 /* a capture was not taken */
	const char *bad; /* first wrong answer */
} hub;

/* --- what hub-store says ---------------------------------------------------------------------- */

/* INV-4. */
static void check_order(uint64_t capture, position offered)
{
	const char *file = record_unsynced("queue-");

	file = file ? file : record_unsynced("spool-");
	if (fault_hit())
		return;
	if (file)
		hub.bad = WRONG("INV-4: capture %llu is confirmed before the sync of %s",
				(unsigned long long)capture, file);
	else if (!record_synced_since("queue-", offered) &&
		 !record_synced_since("spool-", offered))
		hub.bad = WRONG("INV-4: capture %llu is confirmed and was not written",
				(unsigned long long)capture);
}

static void on_durable(struct world *w, const struct msg_durable *m)
{
	struct capture_fact *c = &w->capture[m->capture];

	if (m->capture == 0 || m->capture > w->captures) {
		hub.bad = WRONG("capture %llu is answered and was never offered",
				(unsigned long long)m->capture);
		return;
	}
	hub.refused |= !m->durable;
	if (m->durable)
		check_order(m->capture, c->offered);
	if (m->durable && c->durable == POSITION_NEVER)
		c->durable = position_now();
}

static int take_message(void *arg, enum role to, const struct msg *m)
{
	struct world *w = arg;

	(void)to;
	switch ((int)m->kind) {
	case MSG_DURABLE: on_durable(w, &m->durable); break;
	case MSG_STORE_STATE: hub.blocked = m->store_state.blocked; break;
	case MSG_UPLOAD:
		if (hub.uploads == UPLOADS_MAX)
			return -EAGAIN;
		hub.upload_turn[hub.uploads] = w->turn;
		hub.upload[hub.uploads++] = m->batch;
		break;
	default: break;
	}
	return 0;
}

/* --- the clinic --------------------------------------------------------------------------------- */

static const char *open_record(const struct world *w, const struct batch *b,
			       const struct record *r, uint32_t *ret_capture)
{
	struct envelope e = { .epoch = b->epoch,
			      .assignment = r->assignment,
			      .seq = r->seq,
			      .class = r->class,
			      .kind = r->kind,
			      .body_len = (uint32_t)r->body_len };
	uint8_t body[SEALED_BODY_MAX], ad[ENVELOPE_LEN];
	struct reading rd;
	int err;

	memcpy(e.hub, b->hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	fault_pause(true);
	err = unseal(w->seal_private, ad, sizeof(ad), r->body, r->body_len, body);
	fault_pause(false);
	if (err < 0)
		return WRONG("the seal of seq %llu does not open",
			     (unsigned long long)r->seq);
	if (reading_decode(body, r->body_len - SEALED_LEN(0), &rd) || rd.raw_len < 4)
		return WRONG("seq %llu is not a reading", (unsigned long long)r->seq);
	*ret_capture = (uint32_t)rd.raw[0] << 24 | (uint32_t)rd.raw[1] << 16 |
		       (uint32_t)rd.raw[2] << 8 | rd.raw[3];
	if (*ret_capture == 0 || *ret_capture > w->captures)
		return WRONG("seq %llu holds capture %u, which was never offered",
			     (unsigned long long)r->seq, *ret_capture);
	return NULL;
}

/* turn: when the batch was handed over. */
static const char *take_record(struct world *w, const struct batch *b,
			       const struct record *r, uint32_t turn)
{
	uint8_t hash[SHA256_LEN];
	struct seq_fact *f = &w->seq[r->seq];
	unsigned long long seq = r->seq;
	const char *wrong;
	uint32_t id;

	if (r->seq >= SEQS_MAX)
		return WRONG("seq %llu", seq);
	wrong = open_record(w, b, r, &id);
	if (wrong)
		return wrong;
	crypto_sha256(r->body, r->body_len, hash);
	if (f->handed != POSITION_NEVER && memcmp(hash, f->hash, sizeof(f->hash)) != 0)
		return WRONG("seq %llu is given to captures %u and %u", seq, f->capture,
			     id);
	if (f->acked != POSITION_NEVER && turn >= f->acked_turn)
		return WRONG("seq %llu is back", seq);
	if (w->capture[id].seq && w->capture[id].seq != r->seq)
		return WRONG("capture %u comes as seq %llu and %llu", id,
			     (unsigned long long)w->capture[id].seq, seq);
	if (f->handed == POSITION_NEVER)
		f->handed = position_now();
	memcpy(f->hash, hash, sizeof(f->hash));
	f->capture = id;
	w->capture[id].seq = r->seq;
	if (r->seq > w->top)
		w->top = r->seq;
	return NULL;
}

static const char *take_tombstone(struct world *w, const struct tombstone *t)
{
	if (t->last >= SEQS_MAX)
		return "a tombstone for numbers that cannot be";
	for (uint64_t seq = t->first; seq <= t->last; seq++) {
		struct seq_fact *f = &w->seq[seq];

		if (t->cause == TOMBSTONE_SKIPPED && f->handed != POSITION_NEVER)
			return WRONG("seq %llu was handed over and is told as never used",
				     (unsigned long long)seq);
		/* damaged: a file that was set aside may have held numbers that nobody was given */
		if (t->cause != TOMBSTONE_EVICTED && t->cause != TOMBSTONE_REFUSED &&
		    t->cause != TOMBSTONE_SKIPPED &&
		    (t->cause != TOMBSTONE_DAMAGED || !fault_hit() ||
		     f->handed != POSITION_NEVER))
			return WRONG("seq %llu has a tombstone of cause %d",
				     (unsigned long long)seq, (int)t->cause);
		if (t->cause == TOMBSTONE_REFUSED && !f->refused)
			return WRONG("seq %llu was never refused",
				     (unsigned long long)seq);
		if (f->tombstone == POSITION_NEVER)
			f->tombstone = position_now();
		f->given_up |= t->cause == TOMBSTONE_EVICTED;
	}
	if (t->last > w->top)
		w->top = t->last;
	return NULL;
}

static bool clinic_has(const struct seq_fact *f)
{
	return (f->handed != POSITION_NEVER && !f->refused) ||
	       f->tombstone != POSITION_NEVER;
}

static void make_reply(const struct world *w, struct reply *ret)
{
	uint64_t seq = 1;

	*ret = (struct reply){ .has_contig = true };
	while (seq <= w->top && clinic_has(&w->seq[seq]))
		seq++;
	ret->contig = seq - 1;
	for (; seq <= w->top && ret->range_count < REPLY_RANGES_MAX; seq++) {
		struct seq_range *g = &ret->ranges[ret->range_count];

		if (!clinic_has(&w->seq[seq]))
			continue;
		*g = (struct seq_range){ seq, seq };
		while (g->last < w->top && clinic_has(&w->seq[g->last + 1]))
			g->last++;
		seq = g->last;
		ret->range_count++;
	}
}

/* What the store has durably taken over, if it says nothing of a fault. */
static void note_acked(struct world *w, const struct reply *r)
{
	position now = position_now();

	w->turn++;
	if (fault_hit() || hub.blocked == STORE_FULL)
		return;
	for (uint64_t seq = 1; seq <= w->top; seq++)
		if (reply_covers(r, seq) && w->seq[seq].acked == POSITION_NEVER) {
			w->seq[seq].acked = now;
			w->seq[seq].acked_turn = w->turn;
		}
}

static const char *answer(struct world *w, uint32_t id, const struct batch *b)
{
	struct msg m = { .kind = MSG_ACK, .ack = { .batch = id } };
	uint64_t seq = b->record_count ? b->records[0].seq : 0;

	make_reply(w, &m.ack.reply);
	if (seq && !clinic_has(&w->seq[seq])) {
		m.ack.reply.refused[0] = (struct refused){ seq, REFUSED_MALFORMED };
		m.ack.reply.refused_count = 1;
	}
	store_on_message(hub.store, &m, w->now);
	store_run(hub.store, w->now);
	note_acked(w, &m.ack.reply);
	return hub.bad;
}

static int open_batch(const struct world *w, const struct msg_batch *m, struct batch *ret)
{
	const uint8_t *payload = NULL;
	size_t len = 0;
	int r;

	fault_pause(true);
	r = sign1_open(SIGN_CONTEXT_BATCH, w->sign_public, m->bytes, m->len, &payload,
		       &len);
	fault_pause(false);
	return r ? r : batch_decode(payload, len, ret);
}

struct taken {
	unsigned records, tombstones;
	uint64_t highest;
};

/* Takes in what was handed over. percent: of the batches that are answered. */
static const char *clinic_turn(struct world *w, unsigned percent, struct taken *ret)
{
	const char *wrong = hub.bad;

	*ret = (struct taken){ 0 };
	for (size_t i = 0; i < hub.uploads && !wrong; i++) {
		const struct msg_batch *m = &hub.upload[i];
		bool may_refuse;
		struct batch b;

		if (open_batch(w, m, &b))
			return "a batch that is not one, or whose signature is refused";
		may_refuse = percent < 100 && b.record_count == 1 &&
			     b.records[0].seq < SEQS_MAX &&
			     w->seq[b.records[0].seq].handed == POSITION_NEVER;
		for (size_t k = 0; k < b.record_count && !wrong; k++)
			wrong = take_record(w, &b, &b.records[k], hub.upload_turn[i]);
		for (size_t k = 0; k < b.tombstone_count && !wrong; k++)
			wrong = take_tombstone(w, &b.tombstones[k]);
		ret->records += (unsigned)b.record_count;
		ret->tombstones += (unsigned)b.tombstone_count;
		ret->highest = b.highest;
		if (may_refuse && !wrong && dice_below(&w->dice, 12) == 0)
			w->seq[b.records[0].seq].refused = true;
		if (!wrong && dice_below(&w->dice, 100) < percent)
			wrong = answer(w, m->id, &b);
	}
	hub.uploads = 0;
	return wrong;
}

/* --- the store opens and closes ------------------------------------------------------------------ */

static void close_store(void)
{
	store_free(hub.store);
	hub.store = NULL;
	hub.uploads = 0;
}

static void configure(struct world *w, bool with_share)
{
	struct msg m = { .kind = MSG_STORE_CONFIG,
			 .store_config = { .epoch = EPOCH,
					   .assignment = ASSIGNMENT,
					   .seal_key_id = KEY_ID,
					   .level = with_share ? 0 : 2,
					   .has_share = with_share } };

	memcpy(m.store_config.hub, hub_id, HUB_ID_LEN);
	memcpy(m.store_config.seal_public, w->seal_public, X25519_LEN);
	if (with_share)
		memcpy(m.store_config.share, share, sizeof(share));
	store_on_message(hub.store, &m, w->now);
	store_run(hub.store, w->now);
}

static void offer(struct world *w, uint32_t id)
{
	struct dice d = dice_seed(id, 12);
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = w->instance,
				  .capture = id,
				  .assignment = ASSIGNMENT,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2A35,
				  .peripheral = { .num = 1 },
				  .link = LINK_SC_AUTHENTICATED } };

	m.raw.captured.mono = w->now;
	m.raw.captured.wall =
		(struct wall){ INT64_C(1795000000000) + id, 50, CLOCK_QUALITY_CLINIC };
	m.raw.raw[0] = (uint8_t)(id >> 24);
	m.raw.raw[1] = (uint8_t)(id >> 16);
	m.raw.raw[2] = (uint8_t)(id >> 8);
	m.raw.raw[3] = (uint8_t)id;
	m.raw.raw_len = (uint16_t)(w->raw_len + dice_below(&d, 20));
	for (size_t i = 4; i < m.raw.raw_len; i++)
		m.raw.raw[i] = (uint8_t)(dice_next(&d) >> 24);
	store_on_message(hub.store, &m, w->now);
	m = (struct msg){ .kind = MSG_DECODED,
			  .decoded = { .capture = id,
				       .class = dice_below(&d, 8) ? CLASS_ROUTINE
								  : CLASS_ALARM,
				       .link = LINK_SC_AUTHENTICATED } };
	/* a decoder that dies has not said anything: after a second it goes as it is */
	if (dice_below(&d, 8))
		store_on_message(hub.store, &m, w->now);
}

static bool waits(const struct world *w, uint32_t id)
{
	const struct capture_fact *c = &w->capture[id];

	return c->offered != POSITION_NEVER && c->durable == POSITION_NEVER &&
	       c->instance == w->instance;
}

static void offer_again(struct world *w)
{
	for (uint32_t id = 1; id <= w->captures; id++)
		if (waits(w, id))
			offer(w, id);
}

static const char *open_store(struct world *w)
{
	const struct store_host host = { w, take_message };

	record_disk(w->space);
	hub.world = w;
	hub.bad = NULL;
	hub.uploads = 0;
	hub.blocked = STORE_FAULT;
	hub.store = store_new(w->dir, &host, w->now);
	if (!hub.store)
		return "no memory";
	store_on_link(hub.store, ROLE_HUBD, true, w->now);
	store_on_link(hub.store, ROLE_BLE, true, w->now);
	store_on_link(hub.store, ROLE_COAP, true, w->now);
	configure(w, true);
	if (hub.blocked != STORE_READY && hub.blocked != STORE_FULL)
		return WRONG("it does not become ready: %d", (int)hub.blocked);
	offer_again(w);
	store_run(hub.store, w->now);
	return hub.bad;
}

/* --- work ------------------------------------------------------------------------------------------ */

static void wait_ms(struct world *w, uint64_t ms)
{
	w->now = mono_add(w->now, ms);
	store_run(hub.store, w->now);
}

static unsigned count_waiting(const struct world *w)
{
	unsigned n = 0;

	for (uint32_t id = 1; id <= w->captures; id++)
		n += waits(w, id);
	return n;
}

static void step_capture(struct world *w, unsigned count)
{
	for (unsigned i = 0; i < count && w->captures + 1 < CAPTURES_KNOWN; i++) {
		struct capture_fact *c = &w->capture[++w->captures];

		*c = (struct capture_fact){ position_now(), POSITION_NEVER, 0,
					    w->instance };
		offer(w, w->captures);
	}
	store_run(hub.store, w->now);
	wait_ms(w, dice_below(&w->dice, 3) ? 1100 : 100);
}

static void want(struct world *w, unsigned batches, bool heartbeat)
{
	struct msg m = { .kind = MSG_WANT,
			 .want = { .batches = (uint8_t)batches,
				   .heartbeat = heartbeat } };

	store_on_message(hub.store, &m, w->now);
	store_run(hub.store, w->now);
}

static const char *step_clinic(struct world *w, unsigned batches, unsigned percent)
{
	struct taken t;

	want(w, batches, dice_below(&w->dice, 2));
	return clinic_turn(w, percent, &t);
}

/* What is on its way arrives; the answer does not. */
static const char *step_link(struct world *w)
{
	struct taken t;
	const char *wrong = clinic_turn(w, 0, &t);

	store_on_link(hub.store, ROLE_COAP, false, w->now);
	store_on_link(hub.store, ROLE_COAP, true, w->now);
	wait_ms(w, 3000);
	return wrong;
}

/* Records that the clinic does not have, as far as they are known. */
static unsigned backlog(const struct world *w)
{
	unsigned n = 0;

	for (uint32_t id = 1; id <= w->captures; id++)
		n += w->capture[id].durable != POSITION_NEVER && w->capture[id].seq == 0;
	return n;
}

static const char *step(struct world *w)
{
	uint64_t c = dice_below(&w->dice, 100);
	bool full = w->space == SPACE_FULL;

	if (count_waiting(w) > WAITING_MAX) {
		wait_ms(w, 2500);
		offer_again(w);
		wait_ms(w, 1100);
		if (count_waiting(w) > WAITING_MAX)
			return step_clinic(w, 8, 100);
	}
	if (!full && backlog(w) > BACKLOG_MAX)
		return step_clinic(w, 8, 100);
	if (c < (full ? 80 : 55))
		step_capture(w, 1 + (unsigned)dice_below(
					    &w->dice, dice_below(&w->dice, 3) ? 3 : 12));
	else if (c < 88)
		return step_clinic(w, 1 + (unsigned)dice_below(&w->dice, 4), 80);
	else if (c < 92)
		return step_link(w);
	else if (c < 96)
		configure(w, dice_below(&w->dice, 2));
	else
		wait_ms(w, 11000);
	return hub.bad;
}

static const char *start_again(struct world *w)
{
	const char *wrong = NULL;

	for (int i = 0; i < OPEN_TRIES; i++) {
		close_store();
		wrong = open_store(w);
		if (!wrong || !fault_hit())
			return wrong;
		w->now = mono_add(w->now, 5000);
	}
	return hub.bad ? hub.bad : "";
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++) {
		wrong = step(w);
		if (wrong)
			break;
		if (dice_below(&w->dice, 20) == 0)
			wrong = start_again(w);
	}
	return wrong;
}

/* --- all of it to the clinic ----------------------------------------------------------------------- */

static const char *drain(struct world *w, struct taken *ret_last)
{
	struct taken t = { 0 };
	const char *wrong = NULL;
	int quiet = 0;

	for (int i = 0; i < DRAIN_TURNS && !wrong && quiet < 2; i++) {
		want(w, 8, true);
		wrong = clinic_turn(w, 100, &t);
		quiet = t.records + t.tombstones ? 0 : quiet + 1;
		if (quiet)
			wait_ms(w, 11000); /* a pause of the hand-over ends */
	}
	*ret_last = t;
	return wrong ? wrong : quiet ? NULL : "the hand-over does not end";
}

static const char *verify_all(const struct world *w, size_t point, uint64_t highest)
{
	unsigned missing = 0, given_up = 0;
	uint32_t first = 0;

	for (uint64_t seq = 1; seq <= highest || seq <= w->top; seq++) {
		const struct seq_fact *f = &w->seq[seq];

		if (!clinic_has(f))
			return WRONG("seq %llu is neither record nor tombstone, highest "
				     "is %llu",
				     (unsigned long long)seq,
				     (unsigned long long)highest);
		given_up += f->given_up && f->handed == POSITION_NEVER;
	}
	for (uint32_t id = 1; id <= w->captures; id++)
		if (by(w->capture[id].durable, point) && w->capture[id].seq == 0) {
			missing++;
			first = first ? first : id;
		}
	if (missing > given_up)
		return WRONG("capture %u was told durable and is lost (%u, %u given up)",
			     first, missing, given_up);
	if (w->top > highest)
		return WRONG("highest is %llu, the clinic has %llu",
			     (unsigned long long)highest, (unsigned long long)w->top);
	return NULL;
}

/* --- a run, and after a cut ------------------------------------------------------------------------- */

static const char *enrol(struct world *w)
{
	for (int i = 0; i < OPEN_TRIES; i++)
		if (file_replace(w->dir, "sign.key", w->sign_private,
				 sizeof(w->sign_private)) == 0) {
			w->enrolled = position_now();
			return NULL;
		}
	return fault_hit() ? "" : "sign.key cannot be written";
}

static const char *run_steps(struct world *w, const char *dir, uint64_t seed,
			     unsigned steps, uint64_t space, size_t raw_len)
{
	const char *wrong;

	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < SEQS_MAX; i++)
		w->seq[i].handed = w->seq[i].tombstone = w->seq[i].acked = POSITION_NEVER;
	w->instance = seed + 100;
	w->enrolled = POSITION_NEVER;
	w->now.ms = 1000000;
	w->space = space;
	w->raw_len = raw_len;
	w->dice = dice_seed(seed, 10);
	fault_pause(true);
	x25519_generate(w->seal_private, w->seal_public);
	p256_generate(w->sign_private, w->sign_public);
	fault_pause(false);
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	wrong = enrol(w);
	if (!wrong)
		wrong = start_again(w);
	if (!wrong)
		wrong = work(w, steps);
	close_store();
	return wrong && *wrong ? wrong : NULL;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS, SPACE, 20);
}

static const char *run_full(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS_FULL, SPACE_FULL, RAW_FULL);
}

static const char *run_short(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS_SHORT, SPACE, 20);
}

/* At this point the clinic had no more than this, and nobody was told more. */
static void forget_after(struct world *w, size_t point, bool new_life)
{
	w->top = 0;
	for (uint64_t seq = 1; seq < SEQS_MAX; seq++) {
		struct seq_fact *f = &w->seq[seq];
		position *const all[] = { &f->handed, &f->tombstone, &f->acked };

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			position_forget(all[i], point);
			if (new_life && *all[i] != POSITION_NEVER)
				*all[i] = 0;
		}
		if (f->handed == POSITION_NEVER && f->capture) {
			w->capture[f->capture].seq = 0;
			f->capture = 0;
		}
		f->given_up = f->given_up && f->tombstone != POSITION_NEVER;
		f->refused = f->refused && f->handed != POSITION_NEVER;
		if (f->handed != POSITION_NEVER || f->tombstone != POSITION_NEVER)
			w->top = seq;
	}
	for (uint32_t id = 1; id <= w->captures; id++) {
		struct capture_fact *c = &w->capture[id];

		position_forget(&c->offered, point);
		position_forget(&c->durable, point);
		if (new_life && c->offered != POSITION_NEVER)
			c->offered = 0;
		if (new_life && c->durable != POSITION_NEVER)
			c->durable = 0;
	}
	while (w->captures && w->capture[w->captures].offered == POSITION_NEVER)
		w->captures--;
}

/* Everything that was promised, and it takes new readings. */
static const char *look(struct world *w, size_t point)
{
	struct taken last;
	const char *wrong = drain(w, &last);

	if (!wrong)
		wrong = verify_all(w, point, last.highest);
	if (wrong || w->captures + 3 > CAPTURES_KNOWN)
		return wrong;
	step_capture(w, 2);
	wait_ms(w, 2500);
	wrong = hub.bad ? hub.bad : drain(w, &last);
	if (!wrong && (w->capture[w->captures].seq == 0 ||
		       w->capture[w->captures].durable == POSITION_NEVER))
		wrong = "a new reading does not reach the clinic";
	return wrong;
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 11);
	forget_after(w, point, how == RECOVERY_GO_ON);
	if (how != RECOVERY_RESTART)
		w->instance++; /* hub-ble has died, too */
	position_forget(&w->enrolled, point);
	wrong = w->enrolled == POSITION_NEVER ? enrol(w) : NULL;
	if (how == RECOVERY_GO_ON && by(w->enrolled, point))
		w->enrolled = 0;
	if (!wrong)
		wrong = open_store(w);
	if (!wrong && how == RECOVERY_LOOK)
		wrong = look(w, point);
	/* what it hands over first is what a kill has left */
	if (!wrong && how != RECOVERY_LOOK)
		wrong = step_clinic(w, 3, 30);
	if (!wrong && how != RECOVERY_LOOK)
		wrong = work(w, STEPS_GO_ON);
	close_store();
	return wrong && *wrong ? wrong : NULL;
}

const struct workload store_workload = {
	.name = "store",
	.world_bytes = sizeof(struct world),
	.share = 10,
	.run = run,
	.recover = recover,
};

/* With so little space that the oldest are given up. */
const struct workload store_full_workload = {
	.name = "store-full",
	.world_bytes = sizeof(struct world),
	.share = 6,
	.run = run_full,
	.recover = recover,
};

/* For calls that fail. */
const struct workload store_short_workload = {
	.name = "store-short",
	.world_bytes = sizeof(struct world),
	.run = run_short,
	.recover = recover,
};
