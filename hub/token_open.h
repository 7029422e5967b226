#pragma once

/*
 * token_open.h - a token or a code that was brought to the hub: whose is it, is it for this hub and this challenge, what does it
 * grant? Needs crypto; no files, no clock.
 */
#include "hub/core/config.h"
#include "hub/core/token.h"

/* What became of it. */
enum token_result {
	TOKEN_GOOD = 0,
	TOKEN_WAIT,	      /* not looked at: too many wrong ones before */
	TOKEN_NO_CONFIG,      /* nobody's signature counts yet */
	TOKEN_NO_CHALLENGE,   /* none is out, or it ran out */
	TOKEN_BAD_FORM,	      /* no token of a version and verbs that this hub knows */
	TOKEN_BAD_SIGNATURE,  /* of one of the signers */
	TOKEN_UNKNOWN_SIGNER, /* not in the config in use */
	TOKEN_DIFFERENT,      /* two signatures over two things */
	TOKEN_OTHER_HUB,
	TOKEN_OTHER_CHALLENGE, /* another lock epoch or nonce */
	TOKEN_BAD_ROLE, /* technicians alone signed it, and not the one at the hub for himself */
	TOKEN_BAD_CODE,	      /* of those that are read out */
	TOKEN_BAD_LEVEL,      /* there is nothing to release, or not to there */
	TOKEN_SECOND_MISSING, /* a second signature, of another role */
	TOKEN_TOO_EARLY,      /* not long enough at this level */
	TOKEN_NOT_CLEAN,      /* two clean measurements, ten minutes apart, are missing */
	TOKEN_BAD_SHARE, /* the server share is missing, or is not that of this hub */
	TOKEN_BUSY,	 /* something else is being written, or cannot be: again */
	TOKEN_RETIRING,
};

/* For people and logs: "other-challenge". */
const char *token_result_text(enum token_result r);
/* Was the answer wrong, as somebody's who guesses or tries an old one? */
bool token_result_counts(enum token_result r);

/* What a good one has granted. */
struct token_grant {
	struct access_token token; /* of a code: hub, lock epoch, nonce, level, verbs */
	size_t count;		   /* signatures; 0: it was a code */
	uint32_t persons[COMMAND_SIGNATURES_MAX];
	enum signer_role roles[COMMAND_SIGNATURES_MAX];
};

/*
 * token_open - verify and parse what was pasted.
 *
 * c     the config in use: whose signature counts, and for which hub
 * out   the challenge that is out
 *
 * Returns TOKEN_GOOD with ret written, or what is wrong.
 */
enum token_result token_open(const struct config *c, const struct challenge *out,
			     const uint8_t *buf, size_t len, struct token_grant *ret);

/* token_signatures - of how many roles it has a good signature: 0..2. Pure. */
unsigned token_signatures(const struct token_grant *g);

/* token_is_own - the technician who is at the hub signed it himself, and nobody else did: it grants nothing new. Pure. */
bool token_is_own(const struct token_grant *g);

/*
 * token_open_code - a code that was read out.
 *
 * Returns TOKEN_GOOD with what it is for in *ret, and with it verbs and level; or TOKEN_BAD_CODE.
 */
enum token_result token_open_code(const uint8_t release_key[static 32],
				  const struct config *c, const struct challenge *out,
				  const char digits[static TOKEN_CODE_DIGITS],
				  struct token_grant *ret);
