/*
 * ctl_token_code.c - the 20 digits that are read out instead of a token; see ctl_token.h.
 */
#include <stdio.h>

#include "clinic/ctl_token.h"
#include "clinic/json.h"
#include "hub/crypto/crypto.h"
#include "hub/escrow.h"

enum { CODE_GROUP = 4 };

static int code_of(const struct token_args *a, const struct challenge *c,
		   enum token_code *ret)
{
	*ret = a->level == 0 && !a->verbs			     ? TOKEN_CODE_RELEASE
	       : a->level < 0 && a->verbs == VERB_BIT(VERB_DIAGNOSE) ? TOKEN_CODE_DIAGNOSE
	       : a->level < 0 && a->verbs == VERB_BIT(VERB_EXPORT_EVIDENCE)
		       ? TOKEN_CODE_EVIDENCE
		       : TOKEN_CODE_NONE;
	if (*ret == TOKEN_CODE_NONE)
		return ctl_misused(&ctl_token,
				   "a code that is read out is for one of --level 0, "
				   "--verb diagnose and --verb export-evidence");
	if (c->level >= TOKEN_AT_SEALED || (*ret == TOKEN_CODE_RELEASE && c->level == 0))
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is at level %u: no code is good for that "
				    "there, only a token; nothing was made",
				    a->hub, c->level);
	return CTL_OK;
}

int token_make_code(const struct token_args *a, const struct token_made *m)
{
	uint8_t server[TOKEN_SHARE_LEN], key[KEY_LEN];
	char code[TOKEN_CODE_DIGITS + 1];
	enum token_code what;
	bool there;
	int r = code_of(a, &m->challenge, &what);

	if (r == CTL_OK)
		r = token_ask_share(a, m, server, &there);
	if (r != CTL_OK)
		return r;
	if (!there)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' has not told its release key: it has no "
				    "configuration with the release authority yet "
				    "('clinicctl signer give %s %s' makes one)",
				    a->hub, a->dir, a->hub);
	escrow_release_key(server, key);
	escrow_code(key, what, &m->challenge, code);
	crypto_wipe(server, sizeof(server));
	crypto_wipe(key, sizeof(key));
	r = token_ask_record(a, m, DOOR_TOKEN_CODE,
			     what == TOKEN_CODE_RELEASE	   ? "to level 0"
			     : what == TOKEN_CODE_DIAGNOSE ? "diagnose"
							   : "export-evidence");
	if (r != CTL_OK) {
		crypto_wipe(code, sizeof(code));
		return r;
	}
	if (a->json) {
		cJSON *o = json_object();

		json_text(o, "hub", a->hub);
		json_text(o, "code", code);
		json_print(o);
	} else {
		for (size_t at = 0; at < TOKEN_CODE_DIGITS; at += CODE_GROUP)
			printf("%s%.*s", at ? " " : "", CODE_GROUP, code + at);
		putchar('\n');
	}
	crypto_wipe(code, sizeof(code));
	return CTL_OK;
}
