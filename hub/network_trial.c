/*
 * network_trial.c - see network_trial.h.
 *
 *   any -> on trial         a newer template, in network_set
 *   on trial -> kept        an acknowledgement by a hub-coap that came after it, in network_on_acknowledged
 *   on trial -> went back   confirm_s of being powered on, in network_over
 *
 * File: [version, epoch, number, trial, confirm s, spent s, setting, setting before].
 *
 * Invariants
 *   1. The number never goes down within an enrolment, whatever becomes of the trial: no template is taken twice.
 *   2. 'before' is a setting through which the clinic has answered, or the image's own.
 *   3. A trial ends, however often the power goes: each start has cost a slice.
 *   4. An acknowledgement that was under way before the setting was there keeps nothing.
 */
#include "hub/network_trial.h"

#include <errno.h>

#include "hub/core/cbor.h"

enum { FILE_VERSION = 1, FILE_ITEMS = 8 };

void network_init(struct network *n)
{
	*n = (struct network){ .ends = MONO_NEVER, .slice_ends = MONO_NEVER };
}

size_t network_encode(const struct network *n, uint8_t ret[static NETWORK_FILE_MAX])
{
	struct writer w;

	writer_init(&w, ret, NETWORK_FILE_MAX);
	cb_put_array(&w, FILE_ITEMS);
	cb_put_uint(&w, FILE_VERSION);
	cb_put_uint(&w, n->epoch);
	cb_put_uint(&w, n->number);
	cb_put_uint(&w, n->trial);
	cb_put_uint(&w, n->confirm_s);
	cb_put_uint(&w, n->spent_s);
	network_put_setting(&w, &n->now);
	network_put_setting(&w, &n->before);
	return (size_t)writer_len(&w);
}

int network_decode(const uint8_t *buf, size_t len, struct network *ret)
{
	struct network n;
	struct cb c;

	network_init(&n);
	cb_init(&c, buf, len);
	if (cb_get_array(&c, FILE_ITEMS) != FILE_ITEMS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != FILE_VERSION)
		cb_fail(&c, -ENOTSUP);
	n.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	n.number = cb_get_uint(&c);
	n.trial = (enum network_trial)cb_get_uint_max(&c, NETWORK_TRIAL_LAST);
	n.confirm_s = (uint32_t)cb_get_uint_max(&c, NETWORK_CONFIRM_MAX_S);
	n.spent_s = (uint32_t)cb_get_uint_max(&c, NETWORK_CONFIRM_MAX_S +
							  2 * NETWORK_SLICE_S);
	network_get_setting(&c, &n.now);
	network_get_setting(&c, &n.before);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = n;
	return 0;
}

/* The only one that changes what the state is. */
static void change(struct network *n, enum network_trial to)
{
	n->trial = to;
	n->ends = n->slice_ends = MONO_NEVER;
	n->confirm_s = n->spent_s = 0;
	n->renewed = false;
}

static void begin_slice(struct network *n, struct mono now)
{
	n->spent_s += NETWORK_SLICE_S;
	n->slice_ends = mono_add(now, (uint64_t)NETWORK_SLICE_S * 1000);
}

bool network_on_start(struct network *n, struct mono now)
{
	uint32_t left = n->confirm_s > n->spent_s ? n->confirm_s - n->spent_s : 0;

	if (n->trial != NETWORK_ON_TRIAL)
		return false;
	n->ends = mono_add(now, (uint64_t)left * 1000);
	if (left > 0)
		begin_slice(n, now);
	return left > 0;
}

int network_set(struct network *n, const struct network_template *t, struct mono now)
{
	if (t->epoch == n->epoch && t->number <= n->number)
		return -ESTALE;
	if (n->trial != NETWORK_ON_TRIAL)
		n->before = n->now;
	n->epoch = t->epoch;
	n->number = t->number;
	n->now = t->setting;
	change(n, NETWORK_ON_TRIAL);
	n->confirm_s = t->confirm_s;
	n->ends = mono_add(now, (uint64_t)t->confirm_s * 1000);
	begin_slice(n, now);
	return 0;
}

void network_on_uplink(struct network *n)
{
	n->renewed = n->trial == NETWORK_ON_TRIAL;
}

bool network_on_acknowledged(struct network *n)
{
	if (n->trial != NETWORK_ON_TRIAL || !n->renewed)
		return false;
	change(n, NETWORK_KEPT);
	return true;
}

bool network_over(struct network *n, struct mono now)
{
	if (n->trial != NETWORK_ON_TRIAL || !mono_reached(now, n->ends))
		return false;
	change(n, NETWORK_WENT_BACK);
	n->now = n->before;
	return true;
}

bool network_slice(struct network *n, struct mono now)
{
	if (n->trial != NETWORK_ON_TRIAL || !mono_reached(now, n->slice_ends))
		return false;
	begin_slice(n, now);
	return true;
}

uint32_t network_left_s(const struct network *n, struct mono now)
{
	if (n->trial != NETWORK_ON_TRIAL || mono_reached(now, n->ends))
		return 0;
	return (uint32_t)((n->ends.ms - now.ms + 999) / 1000);
}

struct mono network_deadline(const struct network *n)
{
	return n->ends.ms < n->slice_ends.ms ? n->ends : n->slice_ends;
}
