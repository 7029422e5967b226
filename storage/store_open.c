/*
 * store_open.c - opens and closes keys, records and state.db; see store_inside.h.
 *
 * Nothing that does not open is deleted or made anew; it is tried again, and hubd and the log
 * hear of it once.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "storage/root.h"

/* One line says which secret is in force and what it is worth. */
static void log_root(const struct keys_notes *n)
{
	const char *from = root_kind_text(n->root), *worth = root_kind_grade(n->root);

	if (n->root == ROOT_FILE)
		log_warn("root-secret", "from=%s made=%d note=\"%s\"", from, n->root_made,
			 worth);
	else
		log_info("root-secret", "from=%s made=%d note=\"%s\"", from, n->root_made,
			 worth);
	if (n->moved_from)
		log_warn("root-secret-moved", "from=%s to=%s",
			 root_kind_text(n->moved_from), from);
	if (n->not_moved)
		log_err("root-secret-not-moved", "note=\"%s\"", n->not_moved);
	if (n->left_over)
		log_err("root-secret-left", "note=\"root.key or root.salt is not in "
					    "force any more and cannot be "
					    "removed\" do=\"remove it\"");
}

static int open_keys(struct store *s)
{
	uint8_t sign[P256_PRIVATE_LEN];
	struct keys_notes notes;
	const char *problem = "";
	bool data_exists = file_exists_like(s->dir, "queue-", ".db") ||
			   !file_is_gone(s->dir, STATE_FILE);
	int r = keys_open(s->dir, data_exists, &s->keys, &notes, &problem);

	if (r) {
		store_log_problem(s, "keys-fault", problem, r);
		return r;
	}
	log_root(&notes);
	if (notes.repaired)
		log_warn("keys-repaired", "note=\"one copy of the key slots was bad\"");
	if (notes.sign_taken)
		log_info("sign-key-taken", "note=\"sign.key is wrapped and removed\"");
	store_audit_keys(s, &notes);
	r = keys_sign(s->keys, sign);
	s->can_sign = r == 0;
	if (r == -ENOENT)
		log_info("no-sign-key", "note=\"it is made when the hub enrols; a hub "
					"that was added by hand needs the "
					"bundle's sign.key here\"");
	else if (r)
		log_err("no-sign-key",
			"error=\"%s\" do=\"put the hub's sign.key into the store's "
			"folder and restart\"",
			err_text(r));
	handover_set_key(&s->handover, sign);
	crypto_wipe(sign, sizeof(sign));
	return 0;
}

static int open_records(struct store *s)
{
	int r = records_open(s->records, s->keys);

	if (r && s->keys)
		store_log_problem(
			s, "queue-fault",
			r == -ENOTSUP  ? "update hub-store: a newer one wrote the queue"
			: r == -ENOENT ? "the key of a queue-*.db is missing from the "
					 "slots: put "
					 "back the store's folder as a whole; nothing "
					 "was deleted"
				       : "look at the disk and at queue-*.db; nothing "
					 "was deleted",
			r);
	if (r)
		return r;
	s->problem = NULL;
	s->step_at = (struct mono){ 0 };
	log_info("queue-open", "unsent=%" PRIu64 " highest=%" PRIu64,
		 records_unsent(s->records), records_highest(s->records));
	return 0;
}

void store_close_state(struct store *s)
{
	state_close(s->state);
	s->state = NULL;
}

void store_on_state_failed(void *arg, int err)
{
	struct store *s = arg;

	if (!s->state_broken)
		store_audit_fault(s, "state-fault", err);
	if (!s->state_broken)
		log_err("state-fault",
			"error=\"%s\" note=\"capture goes on without it\"%s",
			err_text(err),
			err == -ENOTSUP
				? " do=\"update hub-store: a newer one wrote " STATE_FILE
				  "\""
				: "");
	s->state_broken = true; /* closed by store_run: it is in use up the stack */
	store_report(s, INCIDENT_STORAGE, 0);
}

/* What the last commits took and the registry may not know, because we were killed between the two. */
int store_catch_up(struct store *s)
{
	uint8_t marks[QUEUE_MARKS_MAX][QUEUE_MARK_LEN];
	struct state_mark decoded[QUEUE_MARKS_MAX];
	size_t count;
	int r = records_newest_marks(s->records, marks, &count);

	if (r)
		return r;
	for (size_t i = 0; i < count; i++)
		state_mark_decode(marks[i], &decoded[i]);
	return count ? state_add(s->state, decoded, count) : 0;
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
		r = state_open(s->dir, &key, 0, &s->state);
	if (r == 0)
		r = store_catch_up(s);
	crypto_wipe(&key, sizeof(key));
	if (r) {
		store_on_state_failed(s, r);
		return;
	}
	store_audit_state_opened(s);
	log_info("state-open", "level=%u", s->config.level);
	store_send_memories(s);
}

void store_check_owner(struct store *s)
{
	int r;

	if (!s->has_config)
		return;
	r = records_set_owner(s->records, s->config.hub, s->config.epoch,
			      s->config.assignment);
	s->foreign = r == -EACCES;
	s->has_owner = r == 0;
	s->full = s->full || r == -ENOSPC;
	if (s->foreign)
		store_log_problem(
			s, "queue-of-another-enrolment",
			"deliver or move away the old queue before this hub gets a "
			"new identity",
			r);
	else if (r && r != -ENOSPC)
		log_err("queue-owner", "error=\"%s\"", err_text(r));
}

/* So that a card whose board died can be read at the clinic. Not while the queue belongs to another enrolment:
 * its key is none of this clinic's business. */
static void keep_recovery(struct store *s)
{
	int r = s->keys && records_has_queue(s->records) && s->has_config && !s->foreign
			? keys_recovery(s->keys, &s->config)
			: 0;

	if (r)
		log_err("recovery-not-written",
			"error=\"%s\" note=\"should the board die, what is on the card "
			"is lost\"",
			err_text(r));
}

bool store_must_open(const struct store *s)
{
	return !records_has_queue(s->records) && !records_is_new(s->records);
}

void store_open_all(struct store *s, struct mono now)
{
	bool due = mono_reached(now, s->retry_at);

	if (store_must_open(s) && due) {
		s->retry_at = mono_add(now, RETRY_MS);
		if (!s->keys)
			(void)open_keys(s); /* said there; the spool needs none */
		(void)open_records(s);
	}
	if (s->has_config && !s->has_owner && !s->foreign && due) {
		s->retry_at = mono_add(now, RETRY_MS);
		store_check_owner(s);
	}
	if (s->keys)
		open_state(s);
	keep_recovery(s);
	store_update_blocked(s);
}

/*
 * The share is withheld: state.db's key and rows must leave memory now. Its rows may lie in freed blocks of a
 * heap that the queue shares, so both are closed for a moment, the heap is zeroed, and the queue comes back.
 * Sealed groups and hand-over live outside that heap and stay.
 */
void store_lock(struct store *s, struct mono now)
{
	store_close_state(s);
	records_close(s->records);
	db_heap_wipe();
	explicit_bzero(s->config.share, sizeof(s->config.share));
	s->retry_at = now;
	log_info("state-closed", "level=%u", s->config.level);
	store_open_all(s, now);
}
