/*
 * indicator.c - see indicator.h; what is said in words is in indicator_words.c.
 */
#include "hub/indicator.h"

#include <string.h>

#include "hub/advice.h"
#include "hub/indicator_inside.h"
#include "hub/lockdown.h"

/* --- events ----------------------------------------------------------------------------------- */

void indicator_init(struct indicator *i, struct mono now)
{
	*i = (struct indicator){ .blocked_at = MONO_NEVER,
				 .rank = SIZE_MAX,
				 .since = now };
}

static struct indicator_device *device(struct indicator *i, uint64_t num)
{
	return &i->devices[num < INDICATOR_DEVICES ? num : 0];
}

static void on_blocked(struct indicator *i, bool blocked, struct mono now)
{
	if (!blocked)
		i->blocked_at = MONO_NEVER;
	else if (i->blocked_at.ms == MONO_NEVER.ms)
		i->blocked_at = now;
}

/* Everything is at the clinic: said when that it was saved has been said. */
static void on_reached(struct indicator *i, struct mono now)
{
	struct mono from = mono_reached(now, i->saved_until) ? now : i->saved_until;

	i->reached_until = mono_add(from, INDICATOR_REACHED_MS);
}

static void on_unsent(struct indicator *i, uint64_t unsent, struct mono now)
{
	if (i->unsent > 0 && unsent == 0)
		on_reached(i, now);
	i->unsent = unsent;
}

/* What hub-store says first was saved before. */
static void on_saved(struct indicator *i, uint64_t unsent, uint64_t highest,
		     struct mono now)
{
	bool news = i->told && highest > i->highest;

	if (news) {
		i->code_until = (struct mono){ 0 };
		i->saved_until = mono_add(now, INDICATOR_SAVED_MS);
	}
	i->told = true;
	i->measured |= highest > 0;
	i->highest = highest;
	on_unsent(i, unsent, now);
	if (news && unsent == 0) /* it was delivered before this was said */
		on_reached(i, now);
}

static void on_reason(struct indicator *i, uint64_t num, uint64_t reason)
{
	bool person = reason <= SILENCE_REASON_LAST &&
		      advice_needs_person((enum silence_reason)reason);

	device(i, num)->reason = person ? (enum silence_reason)reason : SILENCE_NONE;
}

void indicator_on_status(struct indicator *i, const struct msg_status *s, struct mono now)
{
	switch (s->what) {
	case STATUS_SAVED: on_saved(i, s->a, s->b, now); break;
	case STATUS_DELIVERED: on_unsent(i, s->a, now); break;
	case STATUS_BLOCKED: on_blocked(i, s->a != STORE_READY, now); break;
	case STATUS_DEVICE:
		device(i, s->a)->lost =
			s->b == DEVICE_BOND_LOST || s->b == DEVICE_PAIRING_FAILED;
		break;
	case STATUS_REASON: on_reason(i, s->a, s->b); break;
	case STATUS_BATTERY:
		device(i, s->a)->battery = s->b < INDICATOR_BATTERY_LOW;
		break;
	case STATUS_NONE:
	case STATUS_ADAPTER:
	case STATUS_UPLINK:
	case STATUS_ENDPOINTS:
	case STATUS_SEEN:
	case STATUS_READING:
	case STATUS_CLOCK:
	case STATUS_SIGNAL:
	case STATUS_PATH:
	case STATUS_ANCHOR:
	case STATUS_ESCROW:
	case STATUS_MEASURED:
	case STATUS_RETIRED:
	case STATUS_RESET_REFUSED:
	case STATUS_UNPAIRED:
	case STATUS_LIMITS: /* see repeat.h */
	case STATUS_WINDOW: /* hubd says itself what became of it */ break;
	}
}

void indicator_on_window(struct indicator *i, enum window_state state)
{
	i->window = state;
}

void indicator_on_asked(struct indicator *i, const uint16_t *nums, size_t count)
{
	for (size_t n = 0; n < INDICATOR_DEVICES; n++)
		i->devices[n].asked = false;
	for (size_t n = 0; n < count; n++)
		device(i, nums[n])->asked = true;
}

void indicator_on_code(struct indicator *i, uint32_t ms, struct mono now)
{
	i->code_until = mono_add(now, ms < INDICATOR_CODE_MS ? ms : INDICATOR_CODE_MS);
}

void indicator_on_level(struct indicator *i, uint8_t level)
{
	i->level = level;
}

void indicator_on_console(struct indicator *i, bool open)
{
	i->console = open;
}

void indicator_on_ble(struct indicator *i)
{
	for (size_t n = 0; n < INDICATOR_DEVICES; n++) {
		i->devices[n].lost = i->devices[n].battery = false;
		i->devices[n].reason = SILENCE_NONE;
	}
}

void indicator_on_config(struct indicator *i, const struct config *c)
{
	bool ours[INDICATOR_DEVICES] = { true }; /* [0]: what is not about one device */

	for (size_t n = 0; n < INDICATOR_DEVICES; n++)
		i->devices[n].kind = READING_NONE;
	for (size_t n = 0; n < c->device_count; n++) {
		device(i, c->devices[n].num)->kind = c->devices[n].kind;
		ours[device(i, c->devices[n].num) - i->devices] = true;
	}
	for (size_t n = 0; n < INDICATOR_DEVICES; n++)
		if (!ours[n])
			i->devices[n] = (struct indicator_device){ 0 };
}

/* --- what holds ------------------------------------------------------------------------------- */

static struct mono patience_ends(const struct indicator *i)
{
	return i->blocked_at.ms == MONO_NEVER.ms
		       ? MONO_NEVER
		       : mono_add(i->blocked_at, INDICATOR_PATIENCE_MS);
}

bool indicator_cannot_save(const struct indicator *i, struct mono now)
{
	return mono_reached(now, patience_ends(i));
}

size_t indicator_needy(const struct indicator *i)
{
	for (size_t n = 0; n < INDICATOR_DEVICES; n++) {
		const struct indicator_device *d = &i->devices[n];

		if (d->lost || d->battery || d->asked || d->reason != SILENCE_NONE)
			return n;
	}
	return INDICATOR_DEVICES;
}

static bool is_retired(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->level >= LOCKDOWN_RETIRED;
}

static bool shows_code(const struct indicator *i, struct mono now)
{
	return !mono_reached(now, i->code_until);
}

static bool has_console(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->console;
}

static bool is_pairing(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->window == WINDOW_OPEN;
}

static bool just_saved(const struct indicator *i, struct mono now)
{
	return !mono_reached(now, i->saved_until);
}

static bool just_reached(const struct indicator *i, struct mono now)
{
	return i->unsent == 0 && !mono_reached(now, i->reached_until);
}

static bool is_sealed(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->level == LOCKDOWN_SEALED;
}

static bool needs_person(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->window == WINDOW_TWO_CANDIDATES ||
	       indicator_needy(i) < INDICATOR_DEVICES;
}

static bool is_locked(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->level == LOCKDOWN_QUARANTINED;
}

static bool is_waiting(const struct indicator *i, struct mono now)
{
	(void)now;
	return i->unsent > 0;
}

static bool is_there(const struct indicator *i, struct mono now)
{
	(void)i, (void)now;
	return true;
}

/* The list of indicator.h. */
static const struct rank {
	enum indicator_light light;
	bool (*holds)(const struct indicator *i, struct mono now);
	bool passes; /* tells of what has just happened */
} ranks[] = {
	{ LIGHT_OFF, is_retired, false },
	{ LIGHT_CODE, shows_code, false },
	{ LIGHT_CONSOLE, has_console, false },
	{ LIGHT_PAIRING, is_pairing, false },
	{ LIGHT_SAVED, just_saved, true },
	{ LIGHT_REACHED, just_reached, true },
	{ LIGHT_NEEDS_YOU, indicator_cannot_save, false },
	{ LIGHT_SEALED, is_sealed, false },
	{ LIGHT_NEEDS_YOU, needs_person, false },
	{ LIGHT_LOCKED, is_locked, false },
	{ LIGHT_WAITING, is_waiting, false },
	{ LIGHT_READY, is_there, false },
};

static size_t first_rank(const struct indicator *i, bool lasting, struct mono now)
{
	size_t n = 0;

	while ((lasting && ranks[n].passes) || !ranks[n].holds(i, now))
		n++;
	return n;
}

enum indicator_light indicator_lasting(const struct indicator *i, struct mono now)
{
	enum indicator_light l = ranks[first_rank(i, true, now)].light;

	return l == LIGHT_READY && i->measured ? LIGHT_REACHED : l;
}

/* --- what is heard ---------------------------------------------------------------------------- */

/* A bit for each that needs somebody: devices, no readings saved, two devices at once. */
static uint64_t needs(const struct indicator *i, struct mono now)
{
	uint64_t bits = 0;

	for (size_t n = 0; n < INDICATOR_DEVICES; n++) {
		const struct indicator_device *d = &i->devices[n];
		bool any = d->lost || d->battery || d->asked || d->reason != SILENCE_NONE;

		bits |= (uint64_t)any << n;
	}
	bits |= (uint64_t)indicator_cannot_save(i, now) << INDICATOR_DEVICES;
	bits |= (uint64_t)(i->window == WINDOW_TWO_CANDIDATES) << (INDICATOR_DEVICES + 1);
	return bits;
}

/* Of those that count only as long as a day. */
static void forget_beeps(struct indicator *i, struct mono now)
{
	while (i->beeps > 0 &&
	       mono_reached(now, mono_add(i->beeped[0], INDICATOR_DAY_MS))) {
		i->beeps--;
		memmove(i->beeped, i->beeped + 1, i->beeps * sizeof(i->beeped[0]));
	}
}

static void beep(struct indicator *i, bool quiet, struct mono now)
{
	forget_beeps(i, now);
	if (quiet || !i->owed || i->beeps == INDICATOR_BEEPS)
		return;
	i->owed = false;
	i->beeped[i->beeps++] = now;
	i->sound = SOUND_NEEDS_YOU;
}

static void tick(struct indicator *i, bool quiet, struct mono now)
{
	if (!mono_reached(now, i->tick_at))
		return;
	i->tick_at = mono_add(now, INDICATOR_TICK_MS);
	if (!quiet)
		i->sound = SOUND_TICK;
}

/* began: it is shown from now on. */
static void hear(struct indicator *i, bool began, bool quiet, struct mono now)
{
	enum indicator_light l = ranks[i->rank].light;
	uint64_t there = needs(i, now);

	if (there & ~i->needs)
		i->owed = true;
	if (there == 0)
		i->owed = false;
	i->needs = there;
	if (l == LIGHT_PAIRING)
		tick(i, quiet, now);
	else if (l == LIGHT_NEEDS_YOU)
		beep(i, quiet, now);
	else if (began && !quiet && l == LIGHT_SAVED)
		i->sound = SOUND_SAVED;
	else if (began && !quiet && l == LIGHT_REACHED)
		i->sound = SOUND_REACHED;
}

enum indicator_sound indicator_sound(struct indicator *i)
{
	enum indicator_sound s = i->sound;

	i->sound = SOUND_NONE;
	return s;
}

/* --- one after the other ---------------------------------------------------------------------- */

enum indicator_light indicator_step(struct indicator *i, bool quiet, struct mono now)
{
	size_t rank = first_rank(i, false, now);
	bool began;

	if (i->rank < rank && !mono_reached(now, mono_add(i->since, INDICATOR_LEAST_MS)))
		rank = i->rank;
	began = i->rank == SIZE_MAX || ranks[rank].light != ranks[i->rank].light;
	i->rank = rank;
	if (began) {
		i->since = now;
		i->tick_at = now;
	}
	hear(i, began, quiet, now);
	return ranks[rank].light;
}

static void sooner(struct mono *at, struct mono other, struct mono now)
{
	if (!mono_reached(now, other) && other.ms < at->ms)
		*at = other;
}

struct mono indicator_deadline(const struct indicator *i, struct mono now)
{
	struct mono at = MONO_NEVER;

	sooner(&at, patience_ends(i), now);
	sooner(&at, i->code_until, now);
	sooner(&at, i->saved_until, now);
	sooner(&at, i->reached_until, now);
	if (i->rank == SIZE_MAX)
		return now;
	if (first_rank(i, false, now) != i->rank)
		sooner(&at, mono_add(i->since, INDICATOR_LEAST_MS), now);
	if (ranks[i->rank].light == LIGHT_PAIRING)
		sooner(&at, i->tick_at, now);
	if (ranks[i->rank].light == LIGHT_NEEDS_YOU && i->owed)
		sooner(&at, mono_add(now, INDICATOR_LOOK_MS), now);
	return at;
}
