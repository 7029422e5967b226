/*
 * store_open.c - opens and closes keys, queue and state.db; see store_inside.h.
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
	uint32_t id;
	int r = keys_open(s->dir, file_exists(s->dir, QUEUE_FILE), &s->keys, &notes,
			  &problem);

	if (r) {
		store_log_problem(s, "keys-fault", problem, r);
		return r;
	}
	log_root(&notes);
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
		store_log_problem(
			s, "queue-fault",
			r == -ENOTSUP ? "update hub-store: a newer one wrote " QUEUE_FILE
				      : "look at the disk and at " QUEUE_FILE
					"; nothing was deleted",
			r);
		return r;
	}
	s->problem = NULL;
	log_info("queue-open", "unsent=%" PRIu64 " highest=%" PRIu64,
		 queue_unsent(s->queue), queue_highest(s->queue));
	return 0;
}

void store_close_queue(struct store *s)
{
	queue_close(s->queue);
	s->queue = NULL;
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
static int catch_up(struct store *s)
{
	uint8_t marks[QUEUE_MARKS_MAX][QUEUE_MARK_LEN];
	struct state_mark decoded[QUEUE_MARKS_MAX];
	size_t count;
	int r = s->queue ? queue_newest_marks(s->queue, marks, &count) : -EAGAIN;

	if (r)
		return r == -EAGAIN ? 0 : r;
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
		r = catch_up(s);
	crypto_wipe(&key, sizeof(key));
	if (r) {
		store_on_state_failed(s, r);
		return;
	}
	log_info("state-open", "level=%u", s->config.level);
	store_send_memories(s);
}

/* The configuration and the queue must be of the same enrolment. */
void store_check_owner(struct store *s)
{
	int r;

	if (!s->queue || !s->has_config)
		return;
	r = queue_set_owner(s->queue, s->config.hub, s->config.epoch);
	s->foreign = r == -EACCES;
	s->full = s->full || r == -ENOSPC;
	if (s->foreign)
		store_log_problem(
			s, "queue-of-another-enrolment",
			"deliver or move away the old queue before this hub gets a "
			"new identity",
			r);
	else if (r == -EIO)
		s->failed = true;
	else if (r && r != -ENOSPC)
		log_err("queue-owner", "error=\"%s\"", err_text(r));
}

/* So that a card whose board died can be read at the clinic. Not while the queue belongs to another enrolment:
 * its key is none of this clinic's business. */
static void keep_recovery(struct store *s)
{
	int r = s->keys && s->queue && s->has_config && !s->foreign
			? keys_recovery(s->keys, &s->config)
			: 0;

	if (r)
		log_err("recovery-not-written",
			"error=\"%s\" note=\"should the board die, what is on the card "
			"is lost\"",
			err_text(r));
}

void store_open_all(struct store *s, struct mono now)
{
	if (!s->queue && mono_reached(now, s->retry_at)) {
		s->retry_at = mono_add(now, RETRY_MS);
		if ((s->keys || open_keys(s) == 0) && open_queue(s) == 0)
			store_check_owner(s);
	}
	if (s->queue)
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
	store_close_queue(s);
	db_heap_wipe();
	explicit_bzero(s->config.share, sizeof(s->config.share));
	s->retry_at = now;
	log_info("state-closed", "level=%u", s->config.level);
	store_open_all(s, now);
}
