/*
 * work_audit.c - workload: the audit log, with its key in two small files as keys.c has its slots; events, syncs, epochs,
 * checkpoints to a clinic with and without receipt, segments that are given up, closing, killing and opening.
 *
 * Questions after a power cut, in verify():
 *   1. It opens, and finds nothing broken, rolled back or to be set aside.
 *   2. The clinic's verifier finds it whole: chain, MACs, no epoch missing, every checkpoint; and it contains what the
 *      clinic has stored.
 *   3. An event whose sync was answered is there, unless a segment was given up with it; none is there twice, out of
 *      order, or that never was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/audit_verify.h"
#include "hub/core/msg.h"
#include "hub/rt/file.h"
#include "storage/audit.h"
#include "storage/audit_state.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum {
	EVENTS_MAX = 2048,
	WITNESSED_MAX = 256,
	FILES_MAX = 16,
	SEGMENTS = 4,
	ENROLMENT = 3,
	KEY_COPIES = 2,
	OPEN_TRIES = 5,
	STEPS = 110,
	STEPS_SHORT = 14,
	STEPS_GO_ON = 10,
};

struct fact {
	position tried, synced;
};

struct world {
	struct fact fact[EVENTS_MAX];
	uint32_t count; /* events; they are 1.. */
	struct audit_checkpoint witnessed[WITNESSED_MAX];
	position witnessed_at[WITNESSED_MAX];
	size_t witnessed_count;
	uint8_t key0[KEY_LEN], sign[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct audit_now now;
	struct dice dice;
	char dir[256];
};

static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };
static struct audit *log_open; /* one at a time */
static struct audit_notes notes;

/* --- the key, as keys.c keeps it ------------------------------------------------------------------ */

static const char *const key_name[KEY_COPIES] = { "key-a", "key-b" };

static int store_key(void *arg, const uint8_t *buf, size_t len)
{
	const struct world *w = arg;
	int r = 0;

	for (int i = 0; i < KEY_COPIES && r == 0; i++)
		r = file_replace(w->dir, key_name[i], buf, len);
	return r;
}

/* The newer copy counts; the other is made equal. */
static int load_key(void *arg, uint8_t *buf, size_t cap)
{
	const struct world *w = arg;
	uint8_t copy[KEY_COPIES][AUDIT_STATE_MAX];
	struct audit_state s[KEY_COPIES] = { 0 };
	int len[KEY_COPIES], best;

	for (int i = 0; i < KEY_COPIES; i++) {
		len[i] = file_read(w->dir, key_name[i], copy[i], sizeof(copy[i]));
		if (len[i] < 0 && len[i] != -ENOENT)
			return len[i];
		if (len[i] >= 0 && audit_state_decode(copy[i], (size_t)len[i], &s[i]))
			return -EBADMSG;
	}
	best = s[1].epoch > s[0].epoch;
	if (len[best] < 0 || (size_t)len[best] > cap)
		return len[best] < 0 ? len[best] : -EMSGSIZE;
	memcpy(buf, copy[best], (size_t)len[best]);
	if (s[0].epoch != s[1].epoch && store_key(arg, buf, (size_t)len[best]))
		return -EIO;
	return len[best];
}

static const char *open_log(struct world *w)
{
	const struct audit_host host = { w, load_key, store_key };
	struct audit_config cfg = { .dir = w->dir,
				    .enrolment = ENROLMENT,
				    .key0 = w->key0,
				    .sign_key = w->sign,
				    .segment_bytes = AUDIT_SEGMENT_MIN,
				    .segments = SEGMENTS };
	int r;

	memcpy(cfg.hub, hub_id, sizeof(cfg.hub));
	notes = (struct audit_notes){ 0 };
	r = audit_open(&cfg, &host, w->now, &log_open, &notes);
	return r ? WRONG("it does not open: %d", r) : NULL;
}

static void close_log(void)
{
	audit_free(log_open);
	log_open = NULL;
}

/* --- questions --------------------------------------------------------------------------------- */

static struct {
	bool there[EVENTS_MAX];
	uint32_t first, last;
	const struct world *world;
	size_t point;
	const char *wrong;
} seen;

static void see_record(void *arg, const struct audit_record *r)
{
	uint64_t id = r->event.a;

	(void)arg;
	if (r->event.kind != AUDIT_UPLOAD_ACKED || seen.wrong)
		return;
	if (id == 0 || id > seen.world->count ||
	    !by(seen.world->fact[id].tried, seen.point))
		seen.wrong = WRONG("event %llu never was", (unsigned long long)id);
	else if (id <= seen.last)
		seen.wrong = WRONG("event %llu comes after %u", (unsigned long long)id,
				   seen.last);
	else
		seen.there[seen.last = (uint32_t)id] = true;
	if (seen.first == 0)
		seen.first = (uint32_t)id;
}

static uint8_t *dense[FILES_MAX];

static const char *export(struct audit_bytes ret[static FILES_MAX], size_t *ret_count)
{
	size_t n = 0;
	int len = 0;

	while (n < FILES_MAX) {
		if (!dense[n])
			dense[n] = malloc(AUDIT_DENSE_MAX);
		if (!dense[n])
			return "no memory";
		len = audit_export(log_open, n, dense[n]);
		if (len < 0)
			break;
		ret[n] = (struct audit_bytes){ dense[n], (size_t)len };
		n++;
	}
	*ret_count = n;
	return len == -ENOENT ? NULL : WRONG("a file cannot be exported: %d", len);
}

static const char *verify_events(const struct world *w, size_t point, bool begun_later)
{
	for (uint32_t id = 1; id <= w->count; id++) {
		bool before = begun_later && (seen.first == 0 || id < seen.first);

		if (!seen.there[id] && by(w->fact[id].synced, point) && !before)
			return WRONG("event %u is lost", id);
	}
	return NULL;
}

static const char *verify_log(const struct world *w, size_t point,
			      struct audit_verify_in *in)
{
	struct audit_verdict v;

	while (in->witnessed_count < w->witnessed_count &&
	       by(w->witnessed_at[in->witnessed_count], point))
		in->witnessed_count++;
	memcpy(in->hub, hub_id, sizeof(in->hub));
	memcpy(in->key0, w->key0, sizeof(in->key0));
	memcpy(in->public, w->public, sizeof(in->public));
	audit_verify(in, &v);
	if (seen.wrong)
		return seen.wrong;
	if (v.result != AUDIT_LOG_WHOLE && v.result != AUDIT_LOG_GAPS)
		return WRONG("the clinic finds a fault: %s, record %llu, segment %u",
			     audit_fault_text(v.fault), (unsigned long long)v.number,
			     v.segment);
	if (v.lost_events && !fault_hit())
		return WRONG("%llu events could not be written",
			     (unsigned long long)v.lost_events);
	return verify_events(w, point, v.first > 1);
}

static const char *verify(const struct world *w, size_t point)
{
	struct audit_bytes files[FILES_MAX];
	struct audit_verify_in in = { .enrolment = ENROLMENT,
				      .segments = files,
				      .witnessed = w->witnessed,
				      .on_record = see_record };
	const char *wrong;

	memset(&seen, 0, sizeof(seen));
	seen.world = w;
	seen.point = point;
	if (!fault_hit() && (notes.broken || notes.rolled_back || notes.set_aside))
		return WRONG("it finds itself %s", notes.broken ? "broken"
						   : notes.rolled_back
							   ? "rolled back"
							   : "to be set aside");
	wrong = export(files, &in.segment_count);
	return wrong ? wrong : verify_log(w, point, &in);
}

/* --- what is there becomes the truth -------------------------------------------------------------- */

/* What is in the log was promised by its opening. What is not never was, unless it lies before its beginning: there a
 * segment was given up, and its name may come back. */
static void adopt(struct world *w, position now, bool new_life)
{
	for (uint32_t id = 1; id <= w->count; id++) {
		struct fact *f = &w->fact[id];
		bool there = seen.there[id];

		if (there && f->synced == POSITION_NEVER)
			f->synced = now;
		if (!there && (new_life || f->synced == POSITION_NEVER) &&
		    id >= seen.first)
			f->tried = f->synced = POSITION_NEVER;
		if (new_life && f->tried != POSITION_NEVER)
			*f = (struct fact){ 0, there ? 0 : POSITION_NEVER };
	}
	for (size_t i = 0; new_life && i < w->witnessed_count; i++)
		w->witnessed_at[i] = 0;
}

static void forget_after(struct world *w, size_t point)
{
	for (uint32_t id = 1; id <= w->count; id++) {
		position_forget(&w->fact[id].tried, point);
		position_forget(&w->fact[id].synced, point);
	}
	while (w->witnessed_count && !by(w->witnessed_at[w->witnessed_count - 1], point))
		w->witnessed_count--;
}

/* --- work ------------------------------------------------------------------------------------------ */

static void wait_ms(struct world *w, uint64_t ms)
{
	w->now.mono = mono_add(w->now.mono, ms);
	w->now.wall.ms += (int64_t)ms;
}

static void note_synced(struct world *w, int r)
{
	position now = position_now();

	for (uint32_t id = 1; id <= w->count && r == 0; id++)
		if (w->fact[id].synced == POSITION_NEVER &&
		    w->fact[id].tried != POSITION_NEVER)
			w->fact[id].synced = now;
}

static int step_events(struct world *w, unsigned count)
{
	for (unsigned i = 0; i < count && w->count + 1 < EVENTS_MAX; i++) {
		struct audit_event e = { .kind = AUDIT_UPLOAD_ACKED,
					 .outcome = AUDIT_SUCCESS,
					 .agent = AUDIT_AGENT_CLINIC,
					 .source = ROLE_STORE,
					 .object = AUDIT_OBJECT_READINGS,
					 .a = ++w->count };
		struct fact *f = &w->fact[w->count];
		int r;

		e.b = e.a + 31;
		memset(e.detail, 'x', dice_below(&w->dice, AUDIT_DETAIL_MAX + 1));
		*f = (struct fact){ position_now(), POSITION_NEVER };
		r = audit_append(log_open, &e, w->now);
		if (r) { /* counted by the log, not written */
			f->tried = POSITION_NEVER;
			return r;
		}
	}
	return 0;
}

static int step_sync(struct world *w)
{
	int r = audit_sync(log_open, w->now);

	note_synced(w, r);
	return r;
}

static int step_seal(struct world *w)
{
	int r = audit_seal(log_open, w->now);

	note_synced(w, r);
	return r;
}

/* The newest checkpoint goes to the clinic, and sometimes its receipt comes. */
static int step_upload(struct world *w)
{
	uint8_t buf[AUDIT_SIGNED_MAX], hash[SHA256_LEN];
	int n = audit_checkpoint(log_open, buf, sizeof(buf)), r;
	struct audit_checkpoint c;

	if (n <= 0)
		return 0;
	fault_pause(true);
	r = audit_checkpoint_open(w->public, buf, (size_t)n, &c);
	fault_pause(false);
	if (r)
		return r;
	if ((w->witnessed_count == 0 ||
	     w->witnessed[w->witnessed_count - 1].size < c.size) &&
	    w->witnessed_count < WITNESSED_MAX) {
		w->witnessed_at[w->witnessed_count] = position_now();
		w->witnessed[w->witnessed_count++] = c;
	}
	crypto_sha256(buf, (size_t)n, hash);
	r = dice_below(&w->dice, 3) ? audit_receipt(log_open, c.size, hash, w->now) : 0;
	return r == -ENOENT ? 0 : r;
}

static int step(struct world *w)
{
	uint64_t c = dice_below(&w->dice, 100);
	int r = 0;

	wait_ms(w, 5 + dice_below(&w->dice, 500));
	if (c < 70) {
		r = step_events(
			w, 1 + (unsigned)dice_below(&w->dice,
						    dice_below(&w->dice, 4) ? 3 : 40));
		if (r == 0 && dice_below(&w->dice, 5))
			r = step_sync(w);
		return r ? r : audit_run(log_open, w->now);
	}
	if (c < 78) {
		wait_ms(w, AUDIT_EPOCH_MS);
		return audit_run(log_open, w->now);
	}
	if (c < 84)
		return step_seal(w);
	return step_upload(w);
}

static const char *start_again(struct world *w, bool in_order)
{
	const char *wrong = NULL;

	if (in_order && log_open) {
		int r = audit_close(log_open, w->now);

		log_open = NULL;
		note_synced(w, r);
	}
	for (int i = 0; i < OPEN_TRIES; i++) {
		close_log();
		wait_ms(w, 1000);
		wrong = open_log(w);
		if (!wrong)
			break;
		if (!fault_hit())
			return wrong;
	}
	if (wrong)
		return "";
	fault_pause(true);
	wrong = verify(w, record_mark());
	if (!wrong)
		adopt(w, position_now(), false);
	fault_pause(false);
	return wrong;
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++) {
		int r = step(w);

		if (r && !fault_hit())
			return WRONG("an error without a reason: %d", r);
		/* what cannot be written is tried again, or the process ends */
		if ((r && dice_below(&w->dice, 2)) || dice_below(&w->dice, 18) == 0)
			wrong = start_again(w, dice_below(&w->dice, 2));
	}
	return wrong;
}

static const char *run_steps(struct world *w, const char *dir, uint64_t seed,
			     unsigned steps)
{
	const char *wrong;

	memset(w, 0, sizeof(*w));
	memset(w->fact, 0xff, sizeof(w->fact)); /* POSITION_NEVER */
	w->dice = dice_seed(seed, 13);
	w->now.mono.ms = 1000;
	w->now.wall = (struct wall){ INT64_C(1795000000000), 50, CLOCK_QUALITY_CLINIC };
	for (size_t i = 0; i < sizeof(w->key0); i++)
		w->key0[i] = (uint8_t)(dice_next(&w->dice) >> 24);
	fault_pause(true);
	p256_generate(w->sign, w->public);
	fault_pause(false);
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	wrong = start_again(w, false);
	if (!wrong)
		wrong = work(w, steps);
	close_log();
	return wrong && *wrong ? wrong : NULL;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS);
}

static const char *run_short(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS_SHORT);
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 14);
	forget_after(w, point);
	wait_ms(w, 1000);
	wrong = open_log(w);
	if (!wrong)
		wrong = verify(w, point);
	if (!wrong && how != RECOVERY_LOOK) {
		adopt(w, how == RECOVERY_RESTART ? position_now() : 0,
		      how != RECOVERY_RESTART);
		wrong = work(w, STEPS_GO_ON);
	}
	if (!wrong && how == RECOVERY_LOOK && (step_events(w, 2) || step_sync(w)))
		wrong = "nothing can be written any more";
	close_log();
	return wrong && *wrong ? wrong : NULL;
}

const struct workload audit_workload = {
	.name = "audit",
	.world_bytes = sizeof(struct world),
	.share = 8,
	.run = run,
	.recover = recover,
};

/* For calls that fail. */
const struct workload audit_short_workload = {
	.name = "audit-short",
	.world_bytes = sizeof(struct world),
	.run = run_short,
	.recover = recover,
};
