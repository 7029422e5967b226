/*
 * store.c - what hub-store does with each message; see store.h.
 *
 * Readiness, told to hub-ble and hubd with each change, in store_update_blocked:
 *
 *   FAULT     keys or queue do not open, or the queue belongs to another enrolment; tried again
 *             every RETRY_MS
 *   NO_CONFIG open, but hubd has not said yet to whom readings are sealed
 *   FULL      a commit found no space and there was nothing old to give up (store_room.c); tried again
 *             every RETRY_MS and after each acknowledgement
 *   READY     captures are taken
 *
 * Without word from hubd no reading is taken: the last configuration is not kept on disk, because a
 * reading sealed under an assignment that hubd has meanwhile changed would be filed for the wrong
 * patient. Devices keep their own copy while hub-ble hears NO_CONFIG. When hubd goes away later, the
 * last configuration stays in force. Forwarding needs no configuration: hub and epoch stand in the
 * queue. It starts with the first word from hubd or HUBD_WAIT_MS after the start; until hubd has
 * said the level, batches are marked suspect.
 *
 * What came over a link that is not known to be good waits in quarantine until hub-ble knows (capture.h); the
 * answer to it comes when it is durable, or never if hub-ble discards it, which has forgotten it by then.
 *
 * How far the memories of devices are durable (MEMORY) is kept for hub-ble in state.db: told to it when it
 * connects and when state.db opens, before it hears READY; recorded as it says. While state.db is closed
 * nothing is told and nothing recorded.
 *
 * While a commit waits for space, captures that were accepted stay here, sealed, and are answered
 * when they are durable; new ones are refused, so that hub-ble and the device keep them.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"
#include "storage/secret.h"

/* --- messages ---------------------------------------------------------------------------------- */

static void on_raw(struct store *s, const struct msg_raw *m, struct mono now)
{
	int r;

	s->ble_instance = m->instance;
	if (s->queue && queue_has(s->queue, m->instance, m->capture)) {
		store_answer(s, m->capture);
		return;
	}
	if (intake_has(&s->intake, m->instance, m->capture) ||
	    captures_has(&s->intake.captures, m->instance, m->capture))
		return; /* answered with its group */
	if (s->blocked != STORE_READY) {
		store_refuse(s, m->capture, s->blocked);
		return;
	}
	r = captures_on_raw(&s->intake.captures, m, now);
	if (r == -ENOSPC)
		store_refuse(s, m->capture, STORE_READY);
	else
		FAILPOINT("store.raw.received");
}

static void on_decoded(struct store *s, const struct msg_decoded *m)
{
	/* Too late, or for a capture that was answered: the raw bytes are in already. */
	if (captures_on_decoded(&s->intake.captures, s->ble_instance, m))
		log_debug("decoded-late", "capture=%" PRIu64, m->capture);
}

static void on_discard(struct store *s, const struct msg_discard *m)
{
	/* Too late: it has waited too long, or too many did, and is in as unverified. */
	if (captures_on_discard(&s->intake.captures, s->ble_instance, m->capture))
		log_debug("discard-late", "capture=%" PRIu64, m->capture);
}

static void on_memory(struct store *s, const struct msg_memory *m)
{
	int r = s->state && !s->state_broken
			? state_remember(s->state, s->config.assignment, m)
			: 0;

	if (r)
		store_on_state_failed(s, r);
}

static void on_config(struct store *s, const struct msg_store_config *m, struct mono now)
{
	bool lock = s->state && !m->has_share;

	s->config = *m;
	s->has_config = true;
	s->state_broken = false;
	s->hand_over_from = now;
	if (lock)
		store_lock(s, now);
	if (!m->has_share)
		explicit_bzero(s->config.share, sizeof(s->config.share));
	store_check_owner(s);
	store_open_all(s, now);
}

/* 0: done. Everything else was dealt with here; the batch is then not settled. An acknowledgement
 * gives space back: nothing is given up for it, unless it puts something aside. */
static int take_reply(struct store *s, const struct reply *r, struct mono now)
{
	struct queue_ack ack = { 0 };
	int err;

	do
		err = queue_acknowledge(s->queue, r, &ack);
	while (err == -ENOSPC &&
	       (err = store_make_room(s, r->refused_count > 0, now)) == 0);
	switch (err) {
	case 0:
		s->full = s->full && ack.removed == 0;
		s->delivered |= ack.removed > 0;
		for (unsigned i = 0; i < ack.refused; i++) {
			log_err("record-refused", "note=\"kept aside, see table dead\"");
			store_report(s, INCIDENT_REFUSED, 0);
		}
		break;
	case -EPROTO:
		log_err("reply-beyond-queue",
			"note=\"the clinic names a record that was never made here: it "
			"lies, or this "
			"queue is older than it was; nothing forgotten\"");
		store_report(s, INCIDENT_ROLLBACK, 0);
		break;
	case -ENOSPC: s->full = true; break;
	case -EIO: s->failed = true; break;
	default:
		log_err("reply-not-saved", "error=\"%s\"", err_text(err));
		store_report(s, INCIDENT_STORAGE, 0);
	}
	return err;
}

static void on_ack(struct store *s, const struct msg_ack *m, struct mono now)
{
	static const struct reply nothing = { .has_contig = true };
	struct msg_ack unsettled = { .batch = m->batch, .reply = nothing };

	if (!s->queue || !handover_has(&s->handover, m->batch)) {
		log_debug("ack-unknown", "batch=%" PRIu32, m->batch);
		return;
	}
	FAILPOINT("store.ack.before");
	if (take_reply(s, &m->reply, now) == 0)
		(void)handover_on_ack(&s->handover, m,
				      now); /* it is outstanding, see above */
	else
		(void)handover_on_ack(&s->handover, &unsettled, now);
	FAILPOINT("store.ack.after");
}

void store_on_message(struct store *s, const struct msg *m, struct mono now)
{
	switch (m->kind) {
	case MSG_RAW: on_raw(s, &m->raw, now); break;
	case MSG_DECODED: on_decoded(s, &m->decoded); break;
	case MSG_DISCARD: on_discard(s, &m->discard); break;
	case MSG_MEMORY: on_memory(s, &m->memory); break;
	case MSG_STORE_CONFIG: on_config(s, &m->store_config, now); break;
	case MSG_WANT: handover_on_want(&s->handover, &m->want); break;
	case MSG_ACK: on_ack(s, &m->ack, now); break;
	case MSG_NONE:
	case MSG_STORE_STATE:
	case MSG_DURABLE:
	case MSG_UPLOAD:
	case MSG_QUEUE_STATE:
	case MSG_BLE_CONFIG:
	case MSG_COAP_CONFIG:
	case MSG_TIME:
	case MSG_WINDOW:
	case MSG_INCIDENT:
	case MSG_STATUS:
	case MSG_BONDED:
	case MSG_LINK_ASK:
	case MSG_LINK_FACTS: break; /* the table lets none of them come here */
	}
}

void store_on_link(struct store *s, enum role peer, bool up, struct mono now)
{
	(void)now;
	if (peer == ROLE_BLE) {
		s->ble_instance = 0;
		if (!up)
			captures_on_down(&s->intake.captures);
	}
	if (peer == ROLE_COAP && !up)
		handover_on_down(&s->handover);
	if (!up)
		return;
	if (peer == ROLE_COAP && s->queue)
		store_send_queue_state(s);
	if (peer == ROLE_BLE)
		store_send_memories(s); /* before it may take readings */
	if (peer == ROLE_BLE || peer == ROLE_HUBD)
		store_send_state(s);
	if (peer == ROLE_HUBD && s->queue)
		store_send_status(s, STATUS_SAVED, queue_unsent(s->queue),
				  queue_highest(s->queue));
	if (peer == ROLE_HUBD)
		store_flush_reports(s);
}

void store_on_violation(struct store *s, enum role peer)
{
	store_report(s, INCIDENT_IPC, (uint16_t)peer);
}

/* --- work -------------------------------------------------------------------------------------- */

/* hub-ble counts captures from 1 in each life: one of an earlier life must not be answered to a later one. */
static void on_durable(void *arg, uint64_t instance, uint64_t capture)
{
	struct store *s = arg;

	s->saved = true;
	if (instance == s->ble_instance)
		store_answer(s, capture);
}

static void on_commit_error(struct store *s, int err, struct mono now)
{
	s->retry_at = mono_add(now, RETRY_MS);
	switch (err) {
	case -ENOSPC:
		if (!s->full)
			log_err("store-full",
				"held=%zu unsent=%" PRIu64
				" do=\"reach the clinic or free the disk; devices keep "
				"their readings\"",
				s->intake.count, queue_unsent(s->queue));
		s->full = true;
		store_report(s, INCIDENT_STORAGE, 0);
		break;
	case -EIO:
		log_err("commit-failed",
			"error=\"%s\" note=\"process ends, nothing was answered\"",
			err_text(err));
		s->failed = true;
		break;
	default:
		store_log_problem(s, "queue-fault",
				  "look at the disk and at " QUEUE_FILE
				  "; nothing was deleted",
				  err);
		store_close_queue(s);
	}
}

static void run_intake(struct store *s, struct mono now)
{
	const struct intake_handlers h = { s, on_durable, store_on_state_failed };
	struct intake_target t = { .epoch = s->config.epoch,
				   .assignment = s->config.assignment,
				   .seal_key_id = s->config.seal_key_id };
	int r;

	if (!s->queue || s->foreign || !s->has_config ||
	    (s->full && !mono_reached(now, s->retry_at)))
		return;
	memcpy(t.hub, s->config.hub, sizeof(t.hub));
	memcpy(t.seal_public, s->config.seal_public, sizeof(t.seal_public));
	do {
		r = s->full && !intake_holds(&s->intake) ? queue_probe(s->queue) : 0;
		if (r == 0)
			r = intake_run(&s->intake, s->queue, s->state, &t, &h);
	} while (r == -ENOSPC && (r = store_make_room(s, true, now)) == 0);
	if (r)
		on_commit_error(s, r, now);
	else
		s->full = false;
}

/* What memories hub-ble has told since, if no group took them along. */
static void run_state(struct store *s)
{
	int r = s->state && !s->state_broken ? state_flush(s->state) : 0;

	if (r)
		store_on_state_failed(s, r);
	if (s->state_broken)
		store_close_state(s);
}

static void park_too_large(struct store *s, struct mono now)
{
	struct reply r = { .refused_count = 1,
			   .refused = { { s->handover.too_large, REFUSED_TOO_LARGE } } };

	/* said what went wrong; tried again with the next credit */
	(void)take_reply(s, &r, now);
}

static void run_handover(struct store *s, struct mono now)
{
	uint8_t level = s->has_config ? s->config.level : LEVEL_UNKNOWN;
	struct msg m = { .kind = MSG_UPLOAD };
	int r = 1;

	if (!s->queue || !s->can_sign || !mono_reached(now, s->hand_over_from))
		return;
	while (r == 1) {
		r = handover_make(&s->handover, s->queue, level, now, &m.batch);
		if (r == 1 && store_send(s, ROLE_COAP, &m)) {
			handover_on_down(
				&s->handover); /* as good as gone; it will ask again */
			return;
		}
		if (r == 1)
			FAILPOINT("store.handover.after");
	}
	if (r == -EMSGSIZE)
		park_too_large(s, now);
	else if (r < 0 && r != -EACCES)
		store_log_problem(s, "handover-fault",
				  "look at the disk and at " QUEUE_FILE, r);
}

void store_run(struct store *s, struct mono now)
{
	captures_on_time(&s->intake.captures, now);
	store_open_all(s, now);
	store_tend_room(s, now);
	run_intake(s, now);
	run_state(s);
	store_update_blocked(s);
	if (s->queue && !s->failed) {
		store_tell_counts(s);
		run_handover(s, now);
	}
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

struct mono store_deadline(const struct store *s, struct mono now)
{
	struct mono next = captures_deadline(&s->intake.captures);

	if (!s->queue || s->full)
		next = earlier(next, s->retry_at);
	if (!mono_reached(now, s->hand_over_from))
		next = earlier(next, s->hand_over_from);
	next = earlier(next, store_room_deadline(s));
	return earlier(next, handover_deadline(&s->handover, now));
}

bool store_failed(const struct store *s)
{
	return s->failed;
}

struct store *store_new(const char *dir, const struct store_host *host, struct mono now)
{
	struct store *s = secret_map(sizeof(*s), NULL);

	if (!s)
		return NULL;
	s->host = *host;
	(void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
	intake_init(&s->intake);
	s->hand_over_from = mono_add(now, HUBD_WAIT_MS);
	store_open_all(s, now);
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	store_close_state(s);
	store_close_queue(s);
	keys_free(s->keys);
	secret_unmap(s, sizeof(*s));
}
