/*
 * store.c - what hub-store does with each message; see store.h.
 *
 * Readiness, told to hub-ble and hubd with each change, in function update_blocked:
 *
 *   FAULT     keys or queue do not open, or the queue belongs to another enrolment; tried again
 *             every RETRY_MS
 *   NO_CONFIG open, but hubd has not said yet to whom readings are sealed
 *   FULL      a commit found no space; tried again every RETRY_MS and after each acknowledgement
 *   READY     captures are taken
 *
 * Without word from hubd no reading is taken: the last configuration is not kept on disk, because a
 * reading sealed under an assignment that hubd has meanwhile changed would be filed for the wrong
 * patient. Devices keep their own copy while hub-ble hears NO_CONFIG. When hubd goes away later, the
 * last configuration stays in force. Forwarding needs no configuration: hub and epoch stand in the
 * queue. It starts with the first word from hubd or HUBD_WAIT_MS after the start; until hubd has
 * said the level, batches are marked suspect.
 *
 * While a commit waits for space, captures that were accepted stay here, sealed, and are answered
 * when they are durable; new ones are refused, so that hub-ble and the device keep them.
 */
#include "storage/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "storage/handover.h"
#include "storage/intake.h"
#include "storage/keys.h"
#include "storage/queue.h"
#include "storage/secret.h"
#include "storage/state.h"

enum {
	DIR_BYTES = 1024,
	RETRY_MS = 2000,
	HUBD_WAIT_MS = 5000,
	LEVEL_UNKNOWN = 2, /* a process alone behaves as at level 2 */
	LEVEL_RETIRED = 4,
	REPORTS_MAX = 8,
};

/* An incident that hubd does not know yet. */
struct report {
	enum incident what;
	uint16_t subject;
	uint32_t count;
};

/* Secret memory: readings in clear, signing key, engine share. */
struct store {
	struct store_host host;
	char dir[DIR_BYTES];
	struct keys *keys;
	struct queue *queue;
	struct state *state;
	struct intake intake;
	struct handover handover;
	bool can_sign;
	bool foreign; /* the queue belongs to another enrolment than the configuration */
	bool full;
	bool state_broken; /* stays closed until the next configuration */
	bool failed;
	bool told; /* 'blocked' was sent at least once */
	enum store_blocked blocked;
	struct mono retry_at, hand_over_from;
	bool has_config;
	struct msg_store_config config;
	uint64_t ble_instance; /* of the hub-ble at the other end, 0: not known */
	bool saved, delivered; /* since the counts were told */
	struct report reports[REPORTS_MAX];
	size_t report_count;
	const char *problem; /* the last one that was logged */
};

/* --- telling others ---------------------------------------------------------------------------- */

static int send_to(struct store *s, enum role to, const struct msg *m)
{
	return s->host.send(s->host.arg, to, m);
}

static void send_status(struct store *s, enum status_what what, uint64_t a, uint64_t b)
{
	struct msg m = { .kind = MSG_STATUS, .status = { what, a, b } };

	/* hubd away: it is told again when it is back */
	(void)send_to(s, ROLE_HUBD, &m);
}

static void flush_reports(struct store *s)
{
	size_t sent = 0;

	while (sent < s->report_count) {
		const struct report *r = &s->reports[sent];
		struct msg m = { .kind = MSG_INCIDENT,
				 .incident = { r->what, r->subject, r->count } };

		if (send_to(s, ROLE_HUBD, &m))
			break;
		sent++;
	}
	s->report_count -= sent;
	memmove(s->reports, s->reports + sent, s->report_count * sizeof(s->reports[0]));
}

static void report(struct store *s, enum incident what, uint16_t subject)
{
	for (size_t i = 0; i < s->report_count; i++)
		if (s->reports[i].what == what && s->reports[i].subject == subject) {
			s->reports[i].count++;
			return;
		}
	if (s->report_count ==
	    REPORTS_MAX) /* of different kinds: the oldest has been logged */
		memmove(s->reports, s->reports + 1,
			--s->report_count * sizeof(s->reports[0]));
	s->reports[s->report_count++] = (struct report){ what, subject, 1 };
	flush_reports(s);
}

/* STORE_READY: it is durable; else why not. */
static void answer(struct store *s, uint64_t capture, enum store_blocked why)
{
	struct msg m = { .kind = MSG_DURABLE,
			 .durable = { .capture = capture,
				      .durable = why == STORE_READY,
				      .blocked = why } };

	/* hub-ble away: it offers the capture again and is answered from the queue's memory */
	(void)send_to(s, ROLE_BLE, &m);
}

static void send_store_state(struct store *s)
{
	struct msg m = { .kind = MSG_STORE_STATE, .store_state = { s->blocked } };

	(void)send_to(s, ROLE_BLE, &m); /* told when it comes up */
	send_status(s, STATUS_BLOCKED, s->blocked, 0);
}

static const char *blocked_text(enum store_blocked b)
{
	switch (b) {
	case STORE_READY: return "ready";
	case STORE_NO_CONFIG: return "no-config";
	case STORE_FULL: return "full";
	case STORE_FAULT: return "fault";
	}
	return "?";
}

static enum store_blocked find_blocked(const struct store *s)
{
	if (!s->queue || s->foreign)
		return STORE_FAULT;
	if (!s->has_config || s->config.level >= LEVEL_RETIRED)
		return STORE_NO_CONFIG;
	return s->full ? STORE_FULL : STORE_READY;
}

/* The one function that changes 'blocked'. */
static void update_blocked(struct store *s)
{
	enum store_blocked now = find_blocked(s);

	if (s->told && now == s->blocked)
		return;
	log_info("store-state", "from=%s to=%s",
		 s->told ? blocked_text(s->blocked) : "start", blocked_text(now));
	s->blocked = now;
	s->told = true;
	send_store_state(s);
}

static void send_queue_state(struct store *s)
{
	struct msg m = { .kind = MSG_QUEUE_STATE,
			 .queue_state = { queue_unsent(s->queue),
					  queue_highest(s->queue) } };

	(void)send_to(s, ROLE_COAP, &m); /* told when it comes up */
}

/* hub-coap must know the highest number before it sees a batch with it. */
static void tell_counts(struct store *s)
{
	uint64_t unsent = queue_unsent(s->queue);

	if (s->saved || s->delivered)
		send_queue_state(s);
	if (s->saved)
		send_status(s, STATUS_SAVED, unsent, queue_highest(s->queue));
	if (s->delivered)
		send_status(s, STATUS_DELIVERED, unsent, queue_contig(s->queue));
	s->saved = s->delivered = false;
}

/* --- opening and closing ----------------------------------------------------------------------- */

/* Once per problem, not once per retry. */
static void log_problem(struct store *s, const char *event, const char *what, int err)
{
	if (s->problem == what)
		return;
	s->problem = what;
	log_err(event, "error=\"%s\" do=\"%s\" retry_ms=%d", err_text(err), what,
		RETRY_MS);
	report(s, INCIDENT_STORAGE, 0);
}

static int open_keys(struct store *s)
{
	uint8_t sign[P256_PRIVATE_LEN];
	struct keys_notes notes;
	const char *problem = "";
	uint32_t id;
	int r = keys_open(s->dir, file_exists(s->dir, QUEUE_FILE), &s->keys, &notes,
			  &problem);

	if (r) {
		log_problem(s, "keys-fault", problem, r);
		return r;
	}
	if (notes.root_made)
		log_warn("root-secret-in-file",
			 "note=\"the root secret lies in a plain file beside the data: "
			 "whoever has "
			 "the card can read it; for development only\"");
	if (notes.repaired)
		log_warn("keys-repaired", "note=\"one copy of the key slots was bad\"");
	if (notes.sign_taken)
		log_info("sign-key-taken", "note=\"sign.key is wrapped and removed\"");
	r = keys_sign(s->keys, sign);
	s->can_sign = r == 0;
	if (r)
		log_err("no-sign-key",
			"error=\"%s\" do=\"put the hub's sign.key into the store's "
			"folder and restart\"",
			err_text(r));
	crypto_random((uint8_t *)&id, sizeof(id));
	handover_init(&s->handover, sign, id);
	crypto_wipe(sign, sizeof(sign));
	return 0;
}

static int open_queue(struct store *s)
{
	struct db_key key;
	int r = keys_queue(s->keys, QUEUE_SEGMENT, &key);

	if (r == 0)
		r = queue_open(s->dir, &key, 0, &s->queue);
	crypto_wipe(&key, sizeof(key));
	if (r) {
		log_problem(s, "queue-fault",
			    "look at the disk and at " QUEUE_FILE "; nothing was deleted",
			    r);
		return r;
	}
	s->problem = NULL;
	log_info("queue-open", "unsent=%" PRIu64 " highest=%" PRIu64,
		 queue_unsent(s->queue), queue_highest(s->queue));
	return 0;
}

static void close_queue(struct store *s)
{
	queue_close(s->queue);
	s->queue = NULL;
}

static void close_state(struct store *s)
{
	state_close(s->state);
	s->state = NULL;
}

static void on_state_failed(void *arg, int err)
{
	struct store *s = arg;

	if (!s->state_broken)
		log_err("state-fault", "error=\"%s\" note=\"capture goes on without it\"",
			err_text(err));
	s->state_broken = true; /* closed by store_run: it is in use up the stack */
	report(s, INCIDENT_STORAGE, 0);
}

static void open_state(struct store *s)
{
	struct db_key key;
	int r;

	if (s->state || s->state_broken || !s->keys || !s->has_config ||
	    !s->config.has_share)
		return;
	r = keys_state(s->keys, s->config.share, &key);
	if (r == 0)
		r = state_open(s->dir, &key, &s->state);
	crypto_wipe(&key, sizeof(key));
	if (r)
		on_state_failed(s, r);
	else
		log_info("state-open", "level=%u", s->config.level);
}

/* The configuration and the queue must be of the same enrolment. */
static void check_owner(struct store *s)
{
	int r;

	if (!s->queue || !s->has_config)
		return;
	r = queue_set_owner(s->queue, s->config.hub, s->config.epoch);
	s->foreign = r == -EACCES;
	s->full = s->full || r == -ENOSPC;
	if (s->foreign)
		log_problem(s, "queue-of-another-enrolment",
			    "deliver or move away the old queue before this hub gets a "
			    "new identity",
			    r);
	else if (r == -EIO)
		s->failed = true;
	else if (r && r != -ENOSPC)
		log_err("queue-owner", "error=\"%s\"", err_text(r));
}

static void open_all(struct store *s, struct mono now)
{
	if (!s->queue && mono_reached(now, s->retry_at)) {
		s->retry_at = mono_add(now, RETRY_MS);
		if ((s->keys || open_keys(s) == 0) && open_queue(s) == 0)
			check_owner(s);
	}
	if (s->queue)
		open_state(s);
	update_blocked(s);
}

/*
 * The share is withheld: state.db's key and rows must leave memory now. Its rows may lie in freed blocks of a
 * heap that the queue shares, so both are closed for a moment, the heap is zeroed, and the queue comes back.
 * Sealed groups and hand-over live outside that heap and stay.
 */
static void lock_state(struct store *s, struct mono now)
{
	close_state(s);
	close_queue(s);
	db_heap_wipe();
	explicit_bzero(s->config.share, sizeof(s->config.share));
	s->retry_at = now;
	log_info("state-closed", "level=%u", s->config.level);
	open_all(s, now);
}

/* --- messages ---------------------------------------------------------------------------------- */

static void on_raw(struct store *s, const struct msg_raw *m, struct mono now)
{
	int r;

	s->ble_instance = m->instance;
	if (s->queue && queue_has(s->queue, m->instance, m->capture)) {
		answer(s, m->capture, STORE_READY);
		return;
	}
	if (intake_has(&s->intake, m->instance, m->capture))
		return; /* answered with its group */
	if (s->blocked != STORE_READY) {
		answer(s, m->capture, s->blocked);
		return;
	}
	r = captures_on_raw(&s->intake.captures, m, now);
	if (r == -ENOSPC)
		answer(s, m->capture, STORE_FULL);
	else
		FAILPOINT("store.raw.received");
}

static void on_decoded(struct store *s, const struct msg_decoded *m)
{
	/* Too late, or for a capture that was answered: the raw bytes are in already. */
	if (captures_on_decoded(&s->intake.captures, s->ble_instance, m))
		log_debug("decoded-late", "capture=%" PRIu64, m->capture);
}

static void on_config(struct store *s, const struct msg_store_config *m, struct mono now)
{
	bool lock = s->state && !m->has_share;

	s->config = *m;
	s->has_config = true;
	s->state_broken = false;
	s->hand_over_from = now;
	if (lock)
		lock_state(s, now);
	if (!m->has_share)
		explicit_bzero(s->config.share, sizeof(s->config.share));
	check_owner(s);
	open_all(s, now);
}

/* 0: done. Everything else was dealt with here; the batch is then not settled. */
static int take_reply(struct store *s, const struct reply *r)
{
	struct queue_ack ack;
	int err = queue_acknowledge(s->queue, r, &ack);

	switch (err) {
	case 0:
		s->full = s->full && ack.removed == 0;
		s->delivered |= ack.removed > 0;
		for (unsigned i = 0; i < ack.refused; i++) {
			log_err("record-refused", "note=\"kept aside, see table dead\"");
			report(s, INCIDENT_REFUSED, 0);
		}
		break;
	case -EPROTO:
		log_err("reply-beyond-queue",
			"note=\"the clinic names a record that was never made here: it "
			"lies, or this "
			"queue is older than it was; nothing forgotten\"");
		report(s, INCIDENT_ROLLBACK, 0);
		break;
	case -ENOSPC: s->full = true; break;
	case -EIO: s->failed = true; break;
	default:
		log_err("reply-not-saved", "error=\"%s\"", err_text(err));
		report(s, INCIDENT_STORAGE, 0);
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
	if (take_reply(s, &m->reply) == 0)
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
	case MSG_INCIDENT:
	case MSG_STATUS: break; /* the table lets none of them come here */
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
		send_queue_state(s);
	if (peer == ROLE_BLE || peer == ROLE_HUBD)
		send_store_state(s);
	if (peer == ROLE_HUBD && s->queue)
		send_status(s, STATUS_SAVED, queue_unsent(s->queue),
			    queue_highest(s->queue));
	if (peer == ROLE_HUBD)
		flush_reports(s);
}

void store_on_violation(struct store *s, enum role peer)
{
	report(s, INCIDENT_IPC, (uint16_t)peer);
}

/* --- work -------------------------------------------------------------------------------------- */

/* hub-ble counts captures from 1 in each life: one of an earlier life must not be answered to a later one. */
static void on_durable(void *arg, uint64_t instance, uint64_t capture)
{
	struct store *s = arg;

	s->saved = true;
	if (instance == s->ble_instance)
		answer(s, capture, STORE_READY);
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
		report(s, INCIDENT_STORAGE, 0);
		break;
	case -EIO:
		log_err("commit-failed",
			"error=\"%s\" note=\"process ends, nothing was answered\"",
			err_text(err));
		s->failed = true;
		break;
	default:
		log_problem(s, "queue-fault",
			    "look at the disk and at " QUEUE_FILE "; nothing was deleted",
			    err);
		close_queue(s);
	}
}

static void run_intake(struct store *s, struct mono now)
{
	const struct intake_handlers h = { s, on_durable, on_state_failed };
	struct intake_target t = { .epoch = s->config.epoch,
				   .assignment = s->config.assignment,
				   .seal_key_id = s->config.seal_key_id };
	int r;

	if (!s->queue || s->foreign || !s->has_config ||
	    (s->full && !mono_reached(now, s->retry_at)))
		return;
	memcpy(t.hub, s->config.hub, sizeof(t.hub));
	memcpy(t.seal_public, s->config.seal_public, sizeof(t.seal_public));
	r = s->full && !intake_holds(&s->intake) ? queue_probe(s->queue) : 0;
	if (r == 0)
		r = intake_run(&s->intake, s->queue, s->state, &t, &h);
	if (r)
		on_commit_error(s, r, now);
	else
		s->full = false;
	if (s->state_broken)
		close_state(s);
}

static void park_too_large(struct store *s)
{
	struct reply r = { .refused_count = 1,
			   .refused = { { s->handover.too_large, REFUSED_TOO_LARGE } } };

	(void)take_reply(s,
			 &r); /* said what went wrong; tried again with the next credit */
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
		if (r == 1 && send_to(s, ROLE_COAP, &m)) {
			handover_on_down(
				&s->handover); /* as good as gone; it will ask again */
			return;
		}
		if (r == 1)
			FAILPOINT("store.handover.after");
	}
	if (r == -EMSGSIZE)
		park_too_large(s);
	else if (r < 0 && r != -EACCES)
		log_problem(s, "handover-fault", "look at the disk and at " QUEUE_FILE,
			    r);
}

void store_run(struct store *s, struct mono now)
{
	captures_on_time(&s->intake.captures, now);
	open_all(s, now);
	run_intake(s, now);
	update_blocked(s);
	if (s->queue && !s->failed) {
		tell_counts(s);
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
	open_all(s, now);
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	close_state(s);
	close_queue(s);
	keys_free(s->keys);
	secret_unmap(s, sizeof(*s));
}
