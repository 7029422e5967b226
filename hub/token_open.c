/*
 * token_open.c - see token_open.h.
 *
 * Invariant (INV-8): nothing of what was signed is looked at before every signature is good.
 */
#include "hub/token_open.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/escrow.h"

enum { GUARDED = 1, QUARANTINED = 2 };

/* The bytes that one of them signed. */
struct signed_bytes {
	const uint8_t *p;
	size_t len;
};

const char *token_result_text(enum token_result r)
{
	switch (r) {
	case TOKEN_GOOD: return "good";
	case TOKEN_WAIT: return "wait";
	case TOKEN_NO_CONFIG: return "no-config";
	case TOKEN_NO_CHALLENGE: return "no-challenge";
	case TOKEN_BAD_FORM: return "bad-form";
	case TOKEN_BAD_SIGNATURE: return "bad-signature";
	case TOKEN_UNKNOWN_SIGNER: return "unknown-signer";
	case TOKEN_DIFFERENT: return "different";
	case TOKEN_OTHER_HUB: return "other-hub";
	case TOKEN_OTHER_CHALLENGE: return "other-challenge";
	case TOKEN_BAD_ROLE: return "bad-role";
	case TOKEN_BAD_CODE: return "bad-code";
	case TOKEN_BAD_LEVEL: return "bad-level";
	case TOKEN_SECOND_MISSING: return "second-missing";
	case TOKEN_TOO_EARLY: return "too-early";
	case TOKEN_NOT_CLEAN: return "not-clean";
	case TOKEN_BAD_SHARE: return "bad-share";
	case TOKEN_BUSY: return "busy";
	case TOKEN_RETIRING: return "retiring";
	}
	return "?";
}

bool token_result_counts(enum token_result r)
{
	switch (r) {
	case TOKEN_NO_CHALLENGE:
	case TOKEN_BAD_FORM:
	case TOKEN_BAD_SIGNATURE:
	case TOKEN_UNKNOWN_SIGNER:
	case TOKEN_DIFFERENT:
	case TOKEN_OTHER_HUB:
	case TOKEN_OTHER_CHALLENGE:
	case TOKEN_BAD_ROLE:
	case TOKEN_BAD_CODE:
	case TOKEN_BAD_SHARE: return true;
	case TOKEN_GOOD:
	case TOKEN_WAIT:
	case TOKEN_NO_CONFIG:
	case TOKEN_BAD_LEVEL:
	case TOKEN_SECOND_MISSING:
	case TOKEN_TOO_EARLY:
	case TOKEN_NOT_CLEAN:
	case TOKEN_BUSY:
	case TOKEN_RETIRING: break;
	}
	return false;
}

static enum token_result open_part(const struct config *c, const struct command_part *p,
				   struct signed_bytes *ret, enum signer_role *ret_role)
{
	const struct signer *s = signer_find(c->signers, c->signer_count, p->person);
	int r;

	if (!s)
		return TOKEN_UNKNOWN_SIGNER;
	r = sign1_open_by(SIGN_CONTEXT_TOKEN, s, p->cose, p->len, &ret->p, &ret->len);
	if (r)
		return r == -EKEYREJECTED ? TOKEN_BAD_SIGNATURE : TOKEN_BAD_FORM;
	*ret_role = s->role;
	return TOKEN_GOOD;
}

bool token_is_own(const struct token_grant *g)
{
	return g->count == 1 && g->roles[0] == SIGNER_TECHNICIAN &&
	       g->persons[0] == g->token.technician;
}

/* Whoever is at the hub is let in by somebody else: two technicians do not do that for each other. */
static bool is_let_in(const struct token_grant *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->roles[i] != SIGNER_TECHNICIAN)
			return true;
	return false;
}

/* For this hub, this lock epoch, this nonce: what it names must be what is out. */
static enum token_result judge(const struct config *c, const struct challenge *out,
			       const struct token_grant *g)
{
	const struct access_token *t = &g->token;

	if (memcmp(t->hub, c->hub, HUB_ID_LEN) != 0)
		return TOKEN_OTHER_HUB;
	if (t->lock_epoch != out->lock_epoch ||
	    !crypto_equal(t->nonce, out->nonce, CHALLENGE_NONCE_LEN))
		return TOKEN_OTHER_CHALLENGE;
	return is_let_in(g) || token_is_own(g) ? TOKEN_GOOD : TOKEN_BAD_ROLE;
}

enum token_result token_open(const struct config *c, const struct challenge *out,
			     const uint8_t *buf, size_t len, struct token_grant *ret)
{
	struct signed_bytes said[COMMAND_SIGNATURES_MAX];
	struct token_grant g = { 0 };
	struct command_order o;

	if (access_token_unframe(buf, len, &o))
		return TOKEN_BAD_FORM;
	for (size_t i = 0; i < o.count; i++) {
		enum token_result r = open_part(c, &o.parts[i], &said[i], &g.roles[i]);

		if (r != TOKEN_GOOD)
			return r;
		g.persons[i] = o.parts[i].person;
		if (said[i].len != said[0].len ||
		    memcmp(said[i].p, said[0].p, said[0].len) != 0)
			return TOKEN_DIFFERENT;
	}
	if (o.count == 0 || access_token_decode(said[0].p, said[0].len, &g.token))
		return TOKEN_BAD_FORM;
	g.count = o.count;
	*ret = g;
	return judge(c, out, &g);
}

unsigned token_signatures(const struct token_grant *g)
{
	return g->count > 1 && g->roles[0] != g->roles[1] ? 2 : g->count > 0;
}

static uint32_t verbs_of(enum token_code what)
{
	switch (what) {
	case TOKEN_CODE_NONE: break;
	case TOKEN_CODE_DIAGNOSE: return VERB_BIT(VERB_DIAGNOSE);
	case TOKEN_CODE_EVIDENCE: return VERB_BIT(VERB_EXPORT_EVIDENCE);
	case TOKEN_CODE_RELEASE: return VERB_BIT(VERB_RELEASE);
	}
	return 0;
}

enum token_result token_open_code(const uint8_t release_key[static 32],
				  const struct config *c, const struct challenge *out,
				  const char digits[static TOKEN_CODE_DIGITS],
				  struct token_grant *ret)
{
	enum token_code found = TOKEN_CODE_NONE;

	for (unsigned what = 1; what <= TOKEN_CODE_LAST; what++) {
		char good[TOKEN_CODE_DIGITS + 1];

		escrow_code(release_key, (enum token_code)what, out, good);
		if (crypto_equal((const uint8_t *)good, (const uint8_t *)digits,
				 TOKEN_CODE_DIGITS))
			found = (enum token_code)what;
		crypto_wipe(good, sizeof(good));
	}
	/* not at level 3, and no release from 0 */
	if (found == TOKEN_CODE_NONE)
		return TOKEN_BAD_CODE;
	if (out->level > QUARANTINED ||
	    (found == TOKEN_CODE_RELEASE && out->level < GUARDED))
		return TOKEN_BAD_LEVEL;
	*ret = (struct token_grant){
		.token = { .lock_epoch = out->lock_epoch,
			   .level = found == TOKEN_CODE_RELEASE ? 0 : out->level,
			   .verbs = verbs_of(found),
			   .seconds = TOKEN_SECONDS }
	};
	memcpy(ret->token.hub, c->hub, HUB_ID_LEN);
	memcpy(ret->token.nonce, out->nonce, CHALLENGE_NONCE_LEN);
	return TOKEN_GOOD;
}
