/*
 * parting.c - see parting.h.
 */
#include "ble/parting.h"

void parting_on_fence(struct parting *p, const struct msg_fence *ask)
{
	if (ask->step != FENCE_QUIET && ask->step != FENCE_FORGET)
		return;
	if (ask->step != p->ask.step)
		p->bare = p->finished = p->done = false;
	p->ask = *ask;
	p->said = false;
}

void parting_on_config(struct parting *p)
{
	*p = (struct parting){ .ask = { .step = FENCE_SETTLED } };
}

bool parting_is_on(const struct parting *p)
{
	return p->ask.step != FENCE_SETTLED;
}

struct parting_orders parting_turn(struct parting *p, struct parting_view v)
{
	struct parting_orders o = { 0 };
	bool forget = p->ask.step == FENCE_FORGET;

	if (!parting_is_on(p))
		return o;
	p->bare |= forget && !v.off && v.bare;
	o.power = o.purge = forget && !p->bare;
	if (o.power || !v.off) {
		p->finished = false;
		return o;
	}
	o.finish = !p->finished;
	if (p->finished && v.empty && !p->done) {
		p->done = true;
		o.clear = forget;
	}
	p->finished = true;
	o.say = p->done && !p->said;
	o.fenced = p->ask;
	return o;
}

void parting_said(struct parting *p)
{
	p->said = true;
}
