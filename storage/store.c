/*
 * store.c - what hub-store does with each message; see store.h.
 *
 * Readiness, told to hub-ble and hubd with each change, in store_update_blocked:
 *
 *   FAULT     neither queue nor spool takes records, or what is here belongs to another enrolment; tried again
 *             every RETRY_MS
 *   NO_CONFIG hubd has not said yet to whom readings are sealed
 *   FULL      a commit found no space and there was nothing old to give up (store_room.c); tried again
 *             every RETRY_MS and after each acknowledgement
 *   READY     captures are taken
 *
 * A reading is sealed under the assignment that hub-ble had when it captured it. Without word from hubd none is
 * taken: the last configuration is not kept on disk, because to whom it was sealed may be no longer so. Devices keep their own copy while hub-ble hears NO_CONFIG. When hubd goes away later, the
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
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"
#include "storage/secret.h"

/* --- messages ---------------------------------------------------------------------------------- */

static void on_raw(struct store *s, const struct msg_raw *m, struct mono now)
{
	int r;

	s->ble_instance = m->instance;
	if (records_has(s->records, m->instance, m->capture)) {
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
	int r = s->state && !s->state_broken ? state_remember(s->state, m->assignment, m)
					     : 0;

	if (r)
		store_on_state_failed(s, r);
}

static void on_config(struct store *s, const struct msg_store_config *m, struct mono now)
{
	bool lock = s->state && !m->has_share;
	bool released = s->has_config && !s->config.has_share && m->has_share;

	store_audit_config(s, m);
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
	if (released)
		(void)records_rotate(s->records); /* what fails is an event */
}

/* The clinic names a record that was never made here. */
static void on_beyond(struct store *s, const struct reply *r)
{
	uint64_t top = r->contig;
	int err;

	log_err("reply-beyond-queue", "note=\"the clinic has a record that was never "
				      "made here: it lies, or this "
				      "disk is older than it was; nothing forgotten\"");
	store_report(s, INCIDENT_ROLLBACK, 0);
	if (r->range_count && r->ranges[r->range_count - 1].last > top)
		top = r->ranges[r->range_count - 1].last;
	if (intake_holds(&s->intake))
		return; /* sealed under the next numbers; the reply comes again */
	err = records_on_rollback(s->records, top);
	if (err == 0)
		s->saved = true; /* hub-coap must know the new highest number */
	if (err)
		log_err("numbers-not-moved", "error=\"%s\"", err_text(err));
}

/* Returns 0: done. Everything else was dealt with here; the batch is then not settled. An acknowledgement
 * gives space back: nothing is given up for it, unless it puts something aside. */
static int take_reply(struct store *s, const struct reply *r, const uint64_t *seqs,
		      size_t count, struct mono now)
{
	struct queue_ack ack = { 0 };
	int err;

	do
		err = records_acknowledge(s->records, r, seqs, count, &ack);
	while (err == -ENOSPC &&
	       (err = store_make_room(s, r->refused_count > 0, now)) == 0);
	switch (err) {
	case 0:
		s->full = s->full && ack.removed == 0;
		s->delivered |= ack.removed > 0;
		store_audit_reply(s, r, &ack);
		for (unsigned i = 0; i < ack.refused; i++) {
			log_err("record-refused", "note=\"kept aside, see table dead\"");
			store_report(s, INCIDENT_REFUSED, 0);
		}
		break;
	case -EPROTO: on_beyond(s, r); break;
	case -ENOSPC: s->full = true; break;
	case -EAGAIN: break; /* a segment was set aside: said there */
	default:
		log_err("reply-not-saved", "error=\"%s\"", err_text(err));
		store_report(s, INCIDENT_STORAGE, 0);
	}
	return err;
}

/* How old a copy of what was delivered is. */
static void tell_day(struct store *s, struct mono now)
{
	int64_t ms = msg_time_ms(&s->time, now);

	if (s->has_time && ms > 0)
		records_set_day(s->records, (uint32_t)(ms / (24LL * 3600 * 1000)));
}

static void on_ack(struct store *s, const struct msg_ack *m, struct mono now)
{
	static const struct reply nothing = { .has_contig = true };
	struct msg_ack unsettled = { .batch = m->batch, .reply = nothing };
	const uint64_t *seqs;
	size_t count = handover_seqs(&s->handover, m->batch, &seqs);

	if (!handover_has(&s->handover, m->batch)) {
		log_debug("ack-unknown", "batch=%" PRIu32, m->batch);
		return;
	}
	FAILPOINT("store.ack.before");
	tell_day(s, now);
	store_on_older_clinic(s, &m->reply, handover_acked(&s->handover, m->batch), now);
	if (take_reply(s, &m->reply, seqs, count, now) == 0)
		(void)handover_on_ack(&s->handover, m,
				      now); /* it is outstanding, see above */
	else
		(void)handover_on_ack(&s->handover, &unsettled, now);
	FAILPOINT("store.ack.after");
	s->step_at = now; /* a segment may be drained */
}

void store_on_message(struct store *s, const struct msg *m, struct mono now)
{
	store_audit_clock(s, now);
	switch (m->kind) {
	case MSG_RAW: on_raw(s, &m->raw, now); break;
	case MSG_DECODED: on_decoded(s, &m->decoded); break;
	case MSG_DISCARD: on_discard(s, &m->discard); break;
	case MSG_MEMORY: on_memory(s, &m->memory); break;
	case MSG_STORE_CONFIG: on_config(s, &m->store_config, now); break;
	case MSG_WANT: handover_on_want(&s->handover, &m->want); break;
	case MSG_ACK: on_ack(s, &m->ack, now); break;
	case MSG_FENCE: store_on_fence(s, &m->fence); break;
	case MSG_EVIDENCE: store_on_evidence(s, &m->evidence); break;
	case MSG_SNAPSHOT: store_on_snapshot(s, &m->snapshot); break;
	case MSG_SIGN_KEYS: store_on_sign_keys(s, &m->sign_keys); break;
	case MSG_AUDIT: store_audit_people(s, &m->audit); break;
	case MSG_EXPORT: store_on_export(s, &m->export, now); break;
	case MSG_ACCOUNT: store_on_account(s, &m->account); break;
	case MSG_HEALTH:
		s->status.health = m->health;
		s->status.has_health = true;
		break;
	case MSG_TIME:
		s->time = m->time;
		s->has_time = true;
		break;
	case MSG_NONE:
	case MSG_STORE_STATE:
	case MSG_DURABLE:
	case MSG_UPLOAD:
	case MSG_QUEUE_STATE:
	case MSG_BLE_CONFIG:
	case MSG_COAP_CONFIG:
	case MSG_WINDOW:
	case MSG_OFFER:
	case MSG_COMMAND:
	case MSG_COMMAND_RESULT:
	case MSG_TEST:
	case MSG_UNPAIR:
	case MSG_VERDICT:
	case MSG_ANCHOR:
	case MSG_LEAVING:
	case MSG_ENROLMENT:
	case MSG_IDENTITY:
	case MSG_INCIDENT:
	case MSG_STATUS:
	case MSG_BONDED:
	case MSG_FENCED:
	case MSG_LINK_ASK:
	case MSG_EVIDENCE_TAKEN:
	case MSG_SNAPSHOT_TAKEN:
	case MSG_CONSOLE_ASK:
	case MSG_CONSOLE_ANSWER:
	case MSG_CONSOLE_CABLE:
	case MSG_EXPORTED:
	case MSG_ACCOUNT_TAKEN:
	case MSG_LINK_FACTS: break; /* the table lets none of them come here */
	}
}

void store_on_link(struct store *s, enum role peer, bool up, struct mono now)
{
	(void)now;
	if (peer == ROLE_HUBD) {
		s->hubd_up = up;
		s->fence.step = FENCE_SETTLED; /* it asks again */
		store_export_drop(s);
		store_account_drop(s);
		s->news.again_at = (struct mono){ 0 };
	}
	if (peer == ROLE_BLE) {
		s->ble_instance = 0;
		if (!up)
			captures_on_down(&s->intake.captures);
	}
	if (peer == ROLE_MEASURE)
		store_on_measure_link(s, up);
	if (peer == ROLE_COAP && !up)
		handover_on_down(&s->handover);
	if (!up)
		return;
	if (peer == ROLE_COAP)
		store_send_queue_state(s);
	if (peer == ROLE_BLE)
		store_send_memories(s); /* before it may take readings */
	if (peer == ROLE_BLE || peer == ROLE_HUBD)
		store_send_state(s);
	if (peer == ROLE_HUBD) {
		s->news.saved = true;
		s->news.retired = s->retiring.asked;
		s->retiring.refused = false; /* another hubd may not have heard of it */
	}
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
	s->broken = err != -ENOSPC;
	if (s->broken) {
		store_log_problem(
			s, "commit-failed",
			"look at the disk; nothing was answered, nothing deleted", err);
		return;
	}
	if (!s->full)
		log_err("store-full",
			"held=%zu unsent=%" PRIu64
			" do=\"reach the clinic or free the disk; devices keep "
			"their readings\"",
			s->intake.count, records_unsent(s->records));
	if (!s->full)
		store_audit_no_space(s);
	s->full = true;
	store_report(s, INCIDENT_STORAGE, 0);
}

static void run_intake(struct store *s, struct mono now)
{
	const struct intake_handlers h = { s, on_durable, store_on_state_failed };
	struct intake_target t = { .epoch = s->config.epoch,
				   .assignment = s->config.assignment,
				   .seal_key_id = s->config.seal_key_id };
	int r;

	if (!records_ready(s->records) || s->foreign || !s->has_config || !s->has_owner ||
	    ((s->full || s->broken) && !mono_reached(now, s->retry_at)))
		return;
	memcpy(t.hub, s->config.hub, sizeof(t.hub));
	memcpy(t.seal_public, s->config.seal_public, sizeof(t.seal_public));
	do {
		r = s->full && !intake_holds(&s->intake) ? records_probe(s->records) : 0;
		if (r == 0)
			r = intake_run(&s->intake, s->records, s->state, &t, &h);
		if (r == -ENOSPC)
			r = store_make_room(s, true, now) ? -ENOSPC : -EAGAIN;
	} while (r == -EAGAIN);
	if (r)
		on_commit_error(s, r, now);
	else
		s->full = s->broken = false;
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
	(void)take_reply(s, &r, &s->handover.too_large, 1, now);
}

static void run_handover(struct store *s, struct mono now)
{
	uint8_t level = s->has_config ? s->config.level : LEVEL_UNKNOWN;
	struct msg m = { .kind = MSG_UPLOAD };
	int r = 1;

	if (!s->can_sign || !mono_reached(now, s->hand_over_from))
		return;
	while (r == 1) {
		store_status_offer(s, now);
		r = handover_make(&s->handover, s->records, level, now, &m.batch);
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
		store_log_problem(s, "handover-fault", "look at the disk", r);
}

/* Work that waits: a piece each time, so that readings do not wait for it. */
static void run_steps(struct store *s, struct mono now)
{
	int r;

	if (!mono_reached(now, s->step_at))
		return;
	r = records_step(s->records);
	if (r == -ENOSPC && store_make_room(s, true, now) == 0)
		r = 1;
	if (r < 0 && r != -EAGAIN)
		store_log_problem(s, "store-work-failed",
				  "look at the disk; it is tried again", r);
	s->step_at = r > 0 || r == -EAGAIN ? now
		     : r < 0		   ? mono_add(now, RETRY_MS)
					   : MONO_NEVER;
}

void store_run(struct store *s, struct mono now)
{
	store_audit_clock(s, now);
	captures_on_time(&s->intake.captures, now);
	store_open_all(s, now);
	store_tend_room(s, now);
	run_intake(s, now);
	store_run_days(s, now);
	store_run_evidence(s, now);
	store_run_snapshot(s, now);
	store_run_account(s, now);
	store_run_export(s, now);
	run_state(s);
	run_steps(s, now);
	store_update_blocked(s);
	store_run_retire(s, now);
	store_audit_run(s);
	store_tell_counts(s);
	store_tell_hubd(s, now);
	store_run_fence(s);
	run_handover(s, now);
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.ms < b.ms ? a : b;
}

struct mono store_deadline(const struct store *s, struct mono now)
{
	struct mono next = captures_deadline(&s->intake.captures);

	if (store_must_open(s) || s->full || s->broken ||
	    (s->has_config && !s->has_owner && !s->foreign))
		next = earlier(next, s->retry_at);
	next = earlier(next, s->step_at);
	if (!mono_reached(now, s->hand_over_from))
		next = earlier(next, s->hand_over_from);
	next = earlier(next, store_room_deadline(s));
	next = earlier(next, store_retire_deadline(s));
	next = earlier(next, store_day_deadline(s, now));
	next = earlier(next, store_evidence_deadline(s));
	next = earlier(next, store_snapshot_deadline(s));
	next = earlier(next, store_account_deadline(s));
	next = earlier(next, store_export_deadline(s));
	next = earlier(next, store_news_deadline(s));
	next = earlier(next, store_audit_deadline(s));
	return earlier(next, handover_deadline(&s->handover, now));
}

struct store *store_new(const char *dir, const struct store_host *host, struct mono now)
{
	struct store *s = secret_map(sizeof(*s), NULL);
	const struct records_host records = { s, store_on_records };
	uint32_t first_batch;

	if (!s)
		return NULL;
	s->records = records_new(dir, 0, &records);
	if (!s->records) {
		secret_unmap(s, sizeof(*s));
		return NULL;
	}
	s->host = *host;
	(void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
	intake_init(&s->intake);
	store_audit_clock(s, now);
	/* without it two boots look like one: a day is told later, none is left out */
	(void)rt_boot_id(s->boot);
	crypto_random((uint8_t *)&first_batch, sizeof(first_batch));
	handover_init(&s->handover, first_batch);
	s->hand_over_from = mono_add(now, HUBD_WAIT_MS);
	store_retire_open(s);
	store_open_all(s, now);
	return s;
}

void store_use_stick(struct store *s, const char *dir)
{
	s->exporting.dir = dir;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	store_audit_close(s);
	store_snapshot_drop(s);
	store_export_drop(s);
	store_close_state(s);
	records_free(s->records);
	keys_free(s->keys);
	secret_unmap(s, sizeof(*s));
}
