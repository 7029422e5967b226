/*
 * indicator.c - see indicator.h.
 */
#include "hub/indicator.h"

#include "hub/advice.h"

void indicator_init(struct indicator *i)
{
	*i = (struct indicator){ .blocked_at = MONO_NEVER };
}

static void on_blocked(struct indicator *i, bool blocked, struct mono now)
{
	if (!blocked)
		i->blocked_at = MONO_NEVER;
	else if (i->blocked_at.ms == MONO_NEVER.ms)
		i->blocked_at = now;
}

static uint32_t bit_of(uint64_t num)
{
	return num < 32 ? 1u << num : 1u;
}

static void on_device(struct indicator *i, uint64_t num, uint64_t state)
{
	if (state == DEVICE_BOND_LOST || state == DEVICE_PAIRING_FAILED)
		i->attention |= bit_of(num);
	else
		i->attention &= ~bit_of(num);
}

static void on_reason(struct indicator *i, uint64_t num, uint64_t reason)
{
	if (reason <= SILENCE_REASON_LAST &&
	    advice_needs_person((enum silence_reason)reason))
		i->silent |= bit_of(num);
	else
		i->silent &= ~bit_of(num);
}

void indicator_on_status(struct indicator *i, const struct msg_status *s, struct mono now)
{
	switch (s->what) {
	case STATUS_SAVED:
		i->measured |= s->b > 0;
		if (s->b > i->highest)
			i->code_until = (struct mono){ 0 };
		i->highest = s->b;
		i->unsent = s->a;
		break;
	case STATUS_DELIVERED: i->unsent = s->a; break;
	case STATUS_BLOCKED: on_blocked(i, s->a != STORE_READY, now); break;
	case STATUS_DEVICE: on_device(i, s->a, s->b); break;
	case STATUS_REASON: on_reason(i, s->a, s->b); break;
	case STATUS_NONE:
	case STATUS_ADAPTER:
	case STATUS_UPLINK:
	case STATUS_ENDPOINTS:
	case STATUS_SEEN:
	case STATUS_READING:
	case STATUS_BATTERY:
	case STATUS_CLOCK:
	case STATUS_SIGNAL:
	case STATUS_PATH:
	case STATUS_ANCHOR:
	case STATUS_ESCROW:
	case STATUS_MEASURED:
	case STATUS_RETIRED:
	case STATUS_LIMITS: /* see repeat.h */
	case STATUS_WINDOW: /* hubd says itself what became of it */ break;
	}
}

void indicator_on_window(struct indicator *i, enum window_state state)
{
	i->window = state == WINDOW_OPEN || state == WINDOW_TWO_CANDIDATES;
}

void indicator_on_asked(struct indicator *i, bool asked)
{
	i->asked = asked;
}

void indicator_on_code(struct indicator *i, uint32_t ms, struct mono now)
{
	i->code_until = mono_add(now, ms < INDICATOR_CODE_MS ? ms : INDICATOR_CODE_MS);
}

void indicator_on_ble(struct indicator *i)
{
	i->attention = 0;
	i->silent = 0;
}

void indicator_on_config(struct indicator *i, const struct config *c)
{
	uint32_t ours = bit_of(0); /* what is not about one device */

	for (size_t n = 0; n < c->device_count; n++)
		ours |= bit_of(c->devices[n].num);
	i->attention &= ours;
	i->silent &= ours;
}

static struct mono patience_ends(const struct indicator *i)
{
	return i->blocked_at.ms == MONO_NEVER.ms
		       ? MONO_NEVER
		       : mono_add(i->blocked_at, INDICATOR_PATIENCE_MS);
}

enum indicator_light indicator_light(const struct indicator *i, struct mono now)
{
	if (!mono_reached(now, i->code_until))
		return LIGHT_CODE;
	if (i->attention || i->silent || i->window || i->asked ||
	    mono_reached(now, patience_ends(i)))
		return LIGHT_NEEDS_YOU;
	if (i->unsent)
		return LIGHT_SAVED;
	return i->measured ? LIGHT_REACHED : LIGHT_READY;
}

struct mono indicator_deadline(const struct indicator *i, struct mono now)
{
	struct mono ends = patience_ends(i);

	if (!mono_reached(now, i->code_until) && i->code_until.ms < ends.ms)
		return i->code_until;
	return mono_reached(now, ends) ? MONO_NEVER : ends;
}

const char *indicator_text(enum indicator_light l)
{
	switch (l) {
	case LIGHT_NONE: break;
	case LIGHT_READY: return "ready";
	case LIGHT_SAVED: return "saved";
	case LIGHT_REACHED: return "reached-the-clinic";
	case LIGHT_NEEDS_YOU: return "needs-you";
	case LIGHT_CODE: return "code";
	}
	return "?";
}
