/*
 * orders_token.c - what is brought to the hub: a challenge goes out, a token or a code comes back, a release is done; see orders.h.
 */
#include "hub/orders.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

static const struct config *config_of(const struct orders *o)
{
	return o->settings->loaded ? &o->settings->config : NULL;
}

bool orders_challenge(struct orders *o, uint32_t queued, struct challenge *ret)
{
	const struct config *c = config_of(o);
	struct challenge new = { .lock_epoch = lockdown_lock_epoch(&o->lockdown),
				 .level = orders_level(o),
				 .queued = queued };

	if (!c || !lockdown_can_release(&o->lockdown))
		return false;
	memcpy(new.hub, c->hub, sizeof(new.hub));
	memcpy(new.digest, o->digest, sizeof(new.digest));
	crypto_random(new.nonce, sizeof(new.nonce));
	challenger_draw(&o->challenger, &new, rt_mono());
	*ret = new;
	return true;
}

uint32_t orders_token_wait_s(const struct orders *o)
{
	return (uint32_t)((challenger_wait_ms(&o->challenger, rt_mono()) + 999) / 1000);
}

/* Before anything of it is looked at. */
static enum token_result may_try(const struct orders *o, const struct challenge **ret)
{
	if (orders_token_wait_s(o) > 0)
		return TOKEN_WAIT;
	if (!config_of(o))
		return TOKEN_NO_CONFIG;
	*ret = challenger_out(&o->challenger, lockdown_lock_epoch(&o->lockdown),
			      rt_mono());
	return *ret ? TOKEN_GOOD : TOKEN_NO_CHALLENGE;
}

/* out: the challenge that it answers, if r is TOKEN_GOOD. */
static enum token_result took(struct orders *o, enum token_result r,
			      const struct challenge *out, const struct token_grant *g,
			      struct token_grant *ret)
{
	if (r == TOKEN_GOOD) {
		o->grant = *g;
		o->granted = true;
		o->granted_level = out->level;
		challenger_use(&o->challenger);
		*ret = *g;
		log_info("token", "signatures=%zu level=%u verbs=%08" PRIx32, g->count,
			 g->token.level, g->token.verbs);
		return r;
	}
	log_warn("token-refused", "why=%s", token_result_text(r));
	if (token_result_counts(r)) {
		challenger_bad(&o->challenger, rt_mono());
		orders_on_signal(o, TRIGGER_TOKEN, 0, ROLE_HUBD, 1);
	}
	return r;
}

enum token_result orders_on_token(struct orders *o, const uint8_t *buf, size_t len,
				  struct token_grant *ret)
{
	const struct challenge *out = NULL;
	struct token_grant g = { 0 };
	enum token_result r = may_try(o, &out);

	if (r == TOKEN_WAIT || r == TOKEN_NO_CONFIG)
		return r;
	if (r == TOKEN_GOOD)
		r = token_open(config_of(o), out, buf, len, &g);
	r = took(o, r, out, &g, ret);
	crypto_wipe(&g, sizeof(g));
	return r;
}

enum token_result orders_on_code(struct orders *o,
				 const char digits[static TOKEN_CODE_DIGITS],
				 struct token_grant *ret)
{
	const uint8_t *key = sealing_release_key(&o->sealing);
	const struct challenge *out = NULL;
	struct token_grant g = { 0 };
	enum token_result r = may_try(o, &out);

	if (r == TOKEN_WAIT || r == TOKEN_NO_CONFIG)
		return r;
	if (r == TOKEN_GOOD)
		r = key ? token_open_code(key, config_of(o), out, digits, &g)
			: TOKEN_BAD_CODE;
	return took(o, r, out, &g, ret);
}

static enum token_result judge_release(const struct orders *o)
{
	const struct token_grant *g = &o->grant;
	uint8_t level = orders_level(o);
	bool sealed = level >= LOCKDOWN_SEALED, guarded = orders_is_guarded(o);

	if (!o->granted || g->token.lock_epoch != lockdown_lock_epoch(&o->lockdown))
		return TOKEN_NO_CHALLENGE;
	if (lockdown_is_retiring(&o->lockdown))
		return TOKEN_RETIRING;
	if ((level < LOCKDOWN_QUARANTINED && !guarded) || level >= LOCKDOWN_RETIRED ||
	    g->token.level >= level)
		return TOKEN_BAD_LEVEL;
	if (o->granted_level != level)
		return TOKEN_NO_CHALLENGE;
	if (sealed && token_signatures(g) < 2)
		return TOKEN_SECOND_MISSING;
	if (!lockdown_can_release(&o->lockdown))
		return TOKEN_BUSY;
	if (!sealed && !guarded && !lockdown_dwelt(&o->lockdown))
		return TOKEN_TOO_EARLY;
	return triggers_is_clean(&o->triggers, sealed ? 1 : TRIGGERS_CLEAN)
		       ? TOKEN_GOOD
		       : TOKEN_NOT_CLEAN;
}

static enum token_result restore(struct orders *o)
{
	int r;

	if (orders_is_guarded(o) ||
	    (orders_level(o) < LOCKDOWN_SEALED && o->settings->has_share))
		return TOKEN_GOOD;
	r = sealing_restore(&o->sealing, &o->grant.token);
	return r == 0 ? TOKEN_GOOD : r == -EKEYREJECTED ? TOKEN_BAD_SHARE : TOKEN_BUSY;
}

enum token_result orders_release(struct orders *o)
{
	enum token_result r = judge_release(o);
	uint32_t lock_epoch = lockdown_lock_epoch(&o->lockdown);
	uint8_t to = o->grant.token.level;

	if (r == TOKEN_GOOD)
		r = restore(o);
	if (r == TOKEN_GOOD && !lockdown_on_token(&o->lockdown, to, rt_mono()))
		r = TOKEN_BUSY;
	log_info("release", "to=%u result=%s", to, token_result_text(r));
	if (r != TOKEN_GOOD)
		return r;
	orders_forget_grant(o);
	orders_drain(o);
	return lockdown_level(&o->lockdown) == to &&
			       lockdown_lock_epoch(&o->lockdown) != lock_epoch
		       ? TOKEN_GOOD
		       : TOKEN_BUSY;
}

/* --- the hub's end, ordered at the hub ------------------------------------------------------------ */

uint32_t orders_order(const struct orders *o, enum verb v)
{
	const struct token_grant *g = &o->grant;

	if (!o->granted || g->token.lock_epoch != lockdown_lock_epoch(&o->lockdown))
		return 0;
	return access_token_order(&g->token, v);
}

static enum token_result judge_end(const struct orders *o, enum verb v)
{
	const struct token_grant *g = &o->grant;

	if (!o->granted || g->token.lock_epoch != lockdown_lock_epoch(&o->lockdown) ||
	    !(g->token.verbs & VERB_BIT(v)))
		return TOKEN_NO_CHALLENGE;
	if (token_signatures(g) < 2)
		return TOKEN_SECOND_MISSING;
	if (lockdown_level(&o->lockdown) >= LOCKDOWN_RETIRED)
		return TOKEN_RETIRING;
	return lockdown_is_settled(&o->lockdown) ? TOKEN_GOOD : TOKEN_BUSY;
}

enum token_result orders_retire_here(struct orders *o)
{
	const struct token_grant *g = &o->grant;
	enum token_result r = judge_end(o, VERB_RETIRE);
	uint32_t how = orders_order(o, VERB_RETIRE);

	if (r == TOKEN_GOOD && how == 0)
		r = TOKEN_NO_CHALLENGE;
	if (r == TOKEN_GOOD && !lockdown_on_retire(&o->lockdown, (enum command_retire)how,
						   g->roles, g->count, rt_mono()))
		r = TOKEN_BUSY;
	log_warn("retire", "how=%" PRIu32 " result=%s", how, token_result_text(r));
	if (r != TOKEN_GOOD)
		return r;
	orders_drain(o);
	return lockdown_level(&o->lockdown) >= LOCKDOWN_RETIRED ? TOKEN_GOOD : TOKEN_BUSY;
}

static enum token_result judge_reset(const struct orders *o)
{
	enum token_result r = judge_end(o, VERB_FACTORY_RESET);

	if (r != TOKEN_GOOD)
		return r;
	if (lockdown_how(&o->lockdown) != COMMAND_RETIRE_NONE)
		return TOKEN_RETIRING;
	return lockdown_level(&o->lockdown) >= LOCKDOWN_QUARANTINED &&
			       !triggers_is_clean(&o->triggers, 1)
		       ? TOKEN_NOT_CLEAN
		       : TOKEN_GOOD;
}

enum token_result orders_reset_here(struct orders *o)
{
	const struct token_grant *g = &o->grant;
	enum token_result r = judge_reset(o);

	if (r == TOKEN_GOOD &&
	    !lockdown_on_reset(&o->lockdown, g->roles, g->count, rt_mono()))
		r = TOKEN_BUSY;
	log_warn("reset-ordered", "result=%s", token_result_text(r));
	if (r != TOKEN_GOOD)
		return r;
	orders_drain(o);
	FAILPOINT("hubd.reset.ordered");
	return orders_is_resetting(o) ? TOKEN_GOOD : TOKEN_BUSY;
}

void orders_void_reset(struct orders *o)
{
	o->voiding = lockdown_is_resetting(&o->lockdown);
	orders_drain(o);
}

bool orders_is_resetting(const struct orders *o)
{
	return lockdown_is_resetting(&o->lockdown);
}

void orders_forget_grant(struct orders *o)
{
	crypto_wipe(&o->grant, sizeof(o->grant));
	o->granted = false;
}

void orders_on_measured(struct orders *o, unsigned findings, uint64_t digest)
{
	for (size_t i = 0; i < sizeof(o->digest); i++)
		o->digest[i] = (uint8_t)(digest >> (56 - 8 * i));
	triggers_on_measured(&o->triggers, findings, rt_mono());
	log_info("measured", "findings=%u clean=%d", findings,
		 triggers_is_clean(&o->triggers, TRIGGERS_CLEAN));
}

bool orders_on_kept(struct orders *o, uint32_t lock_epoch, uint64_t name)
{
	bool news = sealing_on_kept(&o->sealing, lock_epoch, name);

	if (news)
		orders_drain(o);
	return news;
}

/* At the end of a turn: nothing is written that lowers the level. */
void orders_look_at_sealing(struct orders *o)
{
	uint8_t level = lockdown_level(&o->lockdown);

	if (!lockdown_is_settled(&o->lockdown))
		return;
	if (sealing_look(&o->sealing, config_of(o), level,
			 lockdown_lock_epoch(&o->lockdown)))
		o->hooks->effect(o->arg);
}
