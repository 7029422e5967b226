/*
 * store_retire.c - hub-store's part of an order to retire, of a factory reset that two people at the hub have ordered, and of the
 * level in a reset.
 *
 *   waits -> drains    level 4: no reading is taken any more, in store_update_blocked
 *   drains             what is unsent is delivered; with DISCARD it becomes tombstones, in discard, and these are delivered
 *   drains -> asked    the clinic has all, and was told so on a heartbeat of level 4, in is_done: the file 'reset' is durable
 *   asked -> told      hubd starts the machine anew: the factory reset of reset.h is what erases
 *
 * A clinic that answers no more when it has all may have retired this hub and lost the answer on the way: after LAST_WORD_MS
 * nothing is waited for.
 *
 * A reset that is ordered at the hub (COMMAND_RETIRE_RESET) waits for nothing: from then on no reading is taken, and either each is at
 * the clinic or on a stick, then it is asked for, or it is refused, then readings are taken again. Without the order what it asked for
 * is void. What is on a stick is known until hub-store ends, and in the file by which it asks.
 *
 * Must never: ask for a reset while a number is neither at the clinic nor named to it; but of a reset that is ordered at the hub, while
 * a reading is neither at the clinic nor on the stick.
 */
#include "storage/store_inside.h"

#include <inttypes.h>

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "storage/reset.h"
#include "storage/reset_left.h"

enum { LEVEL_LOCKED = 2, LAST_WORD_MS = 24 * 60 * 60 * 1000 };

/* --- what a reset has to heed -------------------------------------------------------------- */

static enum reset_rule rule_of(const struct msg_store_config *c)
{
	if (c->retire == COMMAND_RETIRE_DISCARD)
		return RESET_RULE_DISCARD;
	return c->retire == COMMAND_RETIRE_NONE && c->level >= LEVEL_LOCKED
		       ? RESET_RULE_LOCKED
		       : RESET_RULE_NONE;
}

void store_retire_open(struct store *s)
{
	uint64_t up_to;

	s->retiring.rule = reset_rule_load(s->dir);
	s->retiring.asked = reset_asked(s->dir, &up_to);
}

void store_retire_on_stick(struct store *s, uint64_t up_to)
{
	s->retiring.on_stick = up_to;
	s->retiring.stick_epoch = s->config.epoch;
}

/* Of a locked hub the first step of a reset was left out (rootfs/units): what was asked for must not happen weeks later. */
static void refuse_reset(struct store *s)
{
	if (s->retiring.looked)
		return;
	s->retiring.looked = true;
	if (!file_exists(s->dir, RESET_ASKED))
		return;
	if (file_remove(s->dir, RESET_ASKED) == 0)
		log_err("reset-refused",
			"locked=1 do=\"have its clinic release this hub, or retire it: a "
			"reset does not unlock it; nothing was changed\"");
}

static void keep_rule(struct store *s, struct mono now)
{
	struct retiring *t = &s->retiring;
	int want = (int)rule_of(&s->config), r;

	if (want == RESET_RULE_LOCKED)
		refuse_reset(s);
	if (want == t->rule || !mono_reached(now, t->rule_again_at))
		return;
	r = reset_rule_save(s->dir, (enum reset_rule)want);
	FAILPOINT("store.retire.rule");
	if (r == 0)
		t->rule = want;
	else
		t->rule_again_at = mono_add(now, RETRY_MS);
	if (r)
		log_err("reset-rule", "error=\"%s\" do=\"check the disk\"", err_text(r));
}

/* --- the end ------------------------------------------------------------------------------- */

/* What is left at the time that the order named is given up, a piece each time. Returns 0 when nothing is. */
static int discard(struct store *s)
{
	struct queue_evicted ev = { 0 };
	int r = records_discard(s->records, QUEUE_EVICT_MAX, &ev);

	if (r < 0)
		return r;
	if (queue_evicted_records(&ev) == 0)
		return ev.parked > 0;
	FAILPOINT("store.retire.given");
	store_audit_lost(s, "by order of two people", ev.first, ev.last);
	log_warn("readings-discarded",
		 "first=%" PRIu64 " last=%" PRIu64 " count=%u note=\"two people have "
		 "ordered it; the clinic will be told\"",
		 ev.first, ev.last, queue_evicted_records(&ev));
	s->delivered = true; /* the counts are others now */
	return 1;
}

static bool has_tombstones(struct store *s)
{
	struct tombstone gone[1];
	size_t count = 0;

	return records_tombstones(s->records, 1, gone, &count) != 0 || count > 0;
}

bool store_ends(const struct store *s)
{
	return s->has_config &&
	       (s->config.level >= LEVEL_RETIRED ||
		(s->config.retire == COMMAND_RETIRE_RESET && !s->retiring.refused));
}

bool store_retire_waits(struct store *s)
{
	return s->has_config && s->config.level >= LEVEL_RETIRED && has_tombstones(s);
}

/* What is unsent is all in the queue, and nothing else is to be told. */
static bool is_settled(struct store *s)
{
	return s->intake.captures.count == 0 && !intake_holds(&s->intake) &&
	       records_has_queue(s->records) && !records_is_spooling(s->records) &&
	       !has_tombstones(s) && !file_exists_like(s->dir, "queue-", ".aside");
}

static bool is_empty(struct store *s)
{
	return records_unsent(s->records) == 0 && is_settled(s);
}

/* Since when it is so is not known over a start: the time begins anew. What was asked for before it stays asked for. */
static bool is_done(struct store *s, struct mono now)
{
	const struct told_status *told = &s->status;
	struct retiring *t = &s->retiring;

	if (!is_empty(s)) {
		t->empty = false;
		return false;
	}
	if (!t->empty)
		t->empty_since = now;
	t->empty = true;
	return file_exists(s->dir, RESET_ASKED) ||
	       (told->has_told && told->told.level >= LEVEL_RETIRED &&
		!told->told.waiting) ||
	       mono_since(now, t->empty_since) >= LAST_WORD_MS;
}

/* r: of writing it down. Returns r. */
static int on_asked(struct store *s, int r)
{
	struct retiring *t = &s->retiring;

	FAILPOINT("store.retire.asked");
	t->asked = r == 0;
	s->news.retired = t->asked;
	return r;
}

/* Numbers of another enrolment are others. */
static uint64_t on_stick(const struct store *s)
{
	const struct retiring *t = &s->retiring;

	return t->stick_epoch == s->config.epoch ? t->on_stick : 0;
}

/* Returns 0 with what a reset would lose; 1 also if that cannot be told, as something is just being kept. */
static int count_left(struct store *s, uint64_t *ret)
{
	uint64_t n = records_unsent(s->records);

	*ret = n > 0 ? n : 1;
	return is_settled(s) ? reset_left(s->records, on_stick(s), ret) : 0;
}

/* Begun, refused, or not decided: the disk. */
static void run_reset(struct store *s, struct mono now)
{
	struct retiring *t = &s->retiring;
	uint64_t left;
	int r;

	if (t->asked || t->refused || t->rule != RESET_RULE_NONE ||
	    !mono_reached(now, t->again_at))
		return;
	FAILPOINT("store.reset.ordered");
	r = count_left(s, &left);
	if (r == 0 && left == 0)
		r = on_asked(s, reset_ask(s->dir, on_stick(s)));
	else if (r == 0)
		t->refused = true;
	if (t->refused)
		s->news.refused = left;
	if (t->asked)
		log_warn("reset",
			 "note=\"two people have ordered it at the hub: it is "
			 "reset to factory state at its next start, which is now\" "
			 "unsent=%" PRIu64 " on_stick_to=%" PRIu64,
			 records_unsent(s->records), on_stick(s));
	if (t->refused)
		log_warn("reset-refused",
			 "unsent=%" PRIu64 " do=\"let the hub reach its clinic until "
			 "nothing waits any more, or export the queue to a stick, then "
			 "ask "
			 "again; nothing was changed\"",
			 s->news.refused);
	if (r < 0)
		log_err("reset-later", "error=\"%s\"", err_text(r));
	t->again_at = r < 0 ? mono_add(now, RETRY_MS) : now;
}

/* It was cancelled: what was asked once must not happen weeks later. */
static void forget_reset(struct store *s)
{
	struct retiring *t = &s->retiring;

	t->refused = false;
	if (!t->asked || s->config.level >= LEVEL_RETIRED)
		return;
	if (file_remove(s->dir, RESET_ASKED) == 0)
		t->asked = s->news.retired = false;
}

void store_run_retire(struct store *s, struct mono now)
{
	struct retiring *t = &s->retiring;
	int r = 0;

	if (!s->has_config)
		return;
	keep_rule(s, now);
	if (s->config.retire != COMMAND_RETIRE_RESET)
		forget_reset(s);
	else if (s->config.level < LEVEL_RETIRED)
		run_reset(s, now);
	if (s->config.level < LEVEL_RETIRED || t->asked ||
	    !mono_reached(now, t->again_at))
		return;
	if (s->config.retire == COMMAND_RETIRE_DISCARD)
		r = discard(s);
	if (r == 0 && is_done(s, now)) {
		FAILPOINT("store.retire.drained");
		r = on_asked(s,
			     file_replace(s->dir, RESET_ASKED, (const uint8_t *)"", 0));
	}
	if (t->asked)
		log_warn("retired", "note=\"the clinic has all; the hub is reset to "
				    "factory state at its next start, which is now\"");
	if (r < 0)
		log_err("retire-later", "error=\"%s\"", err_text(r));
	t->again_at = r > 0 ? now : mono_add(now, r < 0 ? RETRY_MS : RETIRE_LOOK_MS);
}

struct mono store_retire_deadline(const struct store *s)
{
	const struct retiring *t = &s->retiring;

	if (!s->has_config)
		return MONO_NEVER;
	if ((int)rule_of(&s->config) != t->rule)
		return t->rule_again_at;
	return store_ends(s) && !t->asked ? t->again_at : MONO_NEVER;
}
