/*
 * store_fence.c - hub-store's part of the hand-over to another assignment (hub/fence.h): say when nothing is here that is
 * not durable, and when what comes next is sealed under the new one.
 *
 * Readings need none of this to be sealed under their own assignment (intake.h, invariant 4). What it is for: their numbers
 * come before those of the new one, so that the clinic files them, and no segment holds both.
 */
#include "storage/store_inside.h"

#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

void store_on_fence(struct store *s, const struct msg_fence *ask)
{
	s->fence = *ask;
}

/* A capture that waits for its DECODED, in quarantine too; a group whose commit failed. */
static bool holds_any(const struct store *s)
{
	return s->intake.captures.count > 0 || intake_holds(&s->intake);
}

static bool is_done(const struct store *s)
{
	const struct msg_fence *f = &s->fence;

	if (holds_any(s))
		return false;
	if (f->step != FENCE_SEAL)
		return true;
	return s->has_config && s->config.assignment == f->assignment && s->has_owner;
}

void store_run_fence(struct store *s)
{
	struct msg m = { .kind = MSG_FENCED, .fence = s->fence };

	if (s->fence.step == FENCE_SETTLED || !is_done(s))
		return;
	FAILPOINT("store.fenced.before");
	if (store_send(s, ROLE_HUBD, &m) == 0)
		log_info("fenced", "step=%s assignment=%u",
			 fence_step_text(s->fence.step), s->fence.assignment);
	s->fence.step = FENCE_SETTLED; /* asked again if it did not go */
}
