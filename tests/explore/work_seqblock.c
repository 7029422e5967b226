/*
 * work_seqblock.c - workload: numbers are reserved, in small and large steps, over many starts.
 *
 * Questions after a power cut, in verify():
 *   1. The file opens; it is missing only as long as nothing was ever reserved.
 *   2. 'end' is not below a number whose reservation was answered, and not above all that was asked for.
 *   3. What a start has said is so after the next cut, too.
 */
#include <errno.h>
#include <string.h>

#include "storage/seqblock.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum { ASKED_MAX = 512, OPEN_TRIES = 5, STEPS = 120, STEPS_GO_ON = 8, EPOCH = 3 };

struct asked {
	uint64_t end; /* that it will be if it works */
	position tried, done;
};

struct world {
	struct asked asked[ASKED_MAX];
	size_t count;
	uint64_t next; /* the number that is given next */
	struct dice dice;
	char dir[256];
};

static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };
static struct seqblock block;

static const char *open_block(const struct world *w)
{
	int r = seqblock_open(w->dir, hub_id, EPOCH, &block);

	return r && r != -ENOENT ? WRONG("it does not open: %d", r) : NULL;
}

static const char *verify(const struct world *w, size_t point)
{
	uint64_t least = 0, most = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct asked *a = &w->asked[i];

		if (by(a->done, point) && a->end > least)
			least = a->end;
		if (by(a->tried, point) && a->end > most)
			most = a->end;
	}
	if (block.end < least)
		return WRONG("up to %llu was promised, it says %llu",
			     (unsigned long long)least, (unsigned long long)block.end);
	if (block.end > most)
		return WRONG("it says %llu, at most %llu was asked for",
			     (unsigned long long)block.end, (unsigned long long)most);
	return NULL;
}

/* What it says is promised from now on, if the disk took it. */
static void adopt(struct world *w, bool new_life)
{
	position now = new_life ? 0 : position_now();

	if (new_life) {
		w->count = 0;
		w->next = block.end + 1; /* queue and spool are gone */
	}
	if (w->count == ASKED_MAX)
		return;
	w->asked[w->count++] =
		(struct asked){ block.end, now, block.copies ? now : POSITION_NEVER };
}

static int step(struct world *w)
{
	uint64_t seq =
		w->next + dice_below(&w->dice, dice_below(&w->dice, 3) ? 200 : 900);
	struct asked *a = &w->asked[w->count];
	int r;

	if (w->count == ASKED_MAX)
		return 0;
	w->count++;
	a->end = seq > block.end ? seq + SEQBLOCK_NUMBERS - 1 : seq;
	a->tried = position_now();
	a->done = POSITION_NEVER;
	r = seqblock_reserve(&block, seq);
	if (r == 0) {
		a->done = position_now();
		w->next = seq + 1;
	}
	return r;
}

static const char *start_again(struct world *w)
{
	const char *wrong = NULL;

	for (int i = 0; i < OPEN_TRIES; i++) {
		wrong = open_block(w);
		if (!wrong)
			break;
		if (!fault_hit())
			return wrong;
	}
	if (wrong)
		return "";
	wrong = verify(w, record_mark());
	if (!wrong)
		adopt(w, false);
	return wrong;
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++) {
		int r = step(w);

		if (r && !fault_hit())
			return WRONG("an error without a reason: %d", r);
		/* the caller waits and tries again, or the process ends */
		if ((r && dice_below(&w->dice, 2)) || dice_below(&w->dice, 6) == 0)
			wrong = start_again(w);
	}
	return wrong;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	struct world *w = world;
	const char *wrong;

	memset(w, 0, sizeof(*w));
	w->dice = dice_seed(seed, 8);
	w->next = 1;
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	wrong = start_again(w);
	if (!wrong)
		wrong = work(w, STEPS);
	return wrong && *wrong ? wrong : NULL;
}

static void forget_after(struct world *w, size_t point)
{
	while (w->count > 0 && !by(w->asked[w->count - 1].tried, point))
		w->count--;
	for (size_t i = 0; i < w->count; i++)
		position_forget(&w->asked[i].done, point);
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 9);
	if (how == RECOVERY_RESTART)
		forget_after(w, point);
	wrong = open_block(w);
	if (!wrong)
		wrong = verify(w, point);
	if (!wrong)
		adopt(w, how != RECOVERY_RESTART);
	if (!wrong)
		wrong = work(w, how == RECOVERY_LOOK ? 1 : STEPS_GO_ON);
	return wrong && *wrong ? wrong : NULL;
}

const struct workload seqblock_workload = {
	.name = "seqblock",
	.world_bytes = sizeof(struct world),
	.share = 3,
	.run = run,
	.recover = recover,
};
