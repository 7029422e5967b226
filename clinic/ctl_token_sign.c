/*
 * ctl_token_sign.c - what a token says, and who signs it: the first one chooses, the second one signs the same; see ctl_token.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_order.h"
#include "clinic/ctl_token.h"
#include "clinic/signing.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/escrow.h"
#include "hub/rt/file.h"

enum { FILE_TEXT_MAX = 4096 };

static int add_share(const struct token_args *a, struct token_made *m)
{
	uint8_t server[TOKEN_SHARE_LEN], key[KEY_LEN];
	bool there;
	int r = token_ask_share(a, m, server, &there);

	if (r != CTL_OK)
		return r;
	m->shareless = !there;
	if (there) {
		escrow_release_key(server, key);
		escrow_put_share(key, server, &m->token);
	}
	crypto_wipe(server, sizeof(server));
	crypto_wipe(key, sizeof(key));
	return CTL_OK;
}

/* Unless something else is said: to look around; and to release, if that is what it is for. */
static uint32_t usual_verbs(void)
{
	uint32_t set = 0;

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (verb_row(v)->group == VERB_DIAGNOSTIC)
			set |= VERB_BIT(v);
	return set & verbs_all();
}

static int fill_token(const struct token_args *a, struct token_made *m)
{
	struct access_token *t = &m->token;
	struct signer_row who = { 0 };
	uint8_t level = m->challenge.level;
	int r = token_ask_signer(a, m, a->technician, &who);

	if (r != CTL_OK)
		return r;
	if (a->level >= level)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is at level %u: there is nothing to lower "
				    "to %ld; nothing was made",
				    a->hub, level, a->level);
	memcpy(t->hub, m->facts.hub.id, sizeof(t->hub));
	t->lock_epoch = m->challenge.lock_epoch;
	memcpy(t->nonce, m->challenge.nonce, sizeof(t->nonce));
	/* there is no level 1 to stay at: what calls for it ends by itself, or by a release that was asked for */
	t->level = a->level >= 0 ? (uint8_t)a->level : level == 1 ? 0 : level;
	t->verbs = a->verbs ? a->verbs : usual_verbs();
	r = token_orders_put(&a->orders, &m->facts.config, a->hub, t);
	if (r != CTL_OK)
		return r;
	if (a->level >= 0)
		t->verbs |= VERB_BIT(VERB_RELEASE);
	t->seconds = a->seconds;
	t->technician = who.signer.person;
	memcpy(m->technician, who.name, sizeof(m->technician));
	return level == TOKEN_AT_SEALED && t->level < TOKEN_AT_SEALED ? add_share(a, m)
								      : CTL_OK;
}

static int read_text(const struct token_args *a, char ret[static FILE_TEXT_MAX],
		     size_t *ret_len)
{
	bool own = strcmp(a->add, "-") != 0;
	FILE *f = own ? fopen(a->add, "r") : stdin;

	if (!f)
		return ctl_complain(CTL_NO_INPUT, "%s cannot be read: %s", a->add,
				    err_text(file_error(errno)));
	*ret_len = fread(ret, 1, FILE_TEXT_MAX, f);
	if (own)
		fclose(f);
	return CTL_OK;
}

static int bad_first(const char *what)
{
	return ctl_complain(CTL_FAILED, "the first token %s; nothing was signed", what);
}

/* What the first one signed is looked at as the hub will. */
static int take_first(const struct token_args *a, struct token_made *m)
{
	static uint8_t bytes[TOKEN_BYTES_MAX];
	const struct signer_row *by, *who;
	char text[FILE_TEXT_MAX];
	const uint8_t *payload;
	struct command_order o;
	size_t len = 0, payload_len;
	int r = read_text(a, text, &len), n;

	if (r != CTL_OK)
		return r;
	n = access_token_parse(text, len, bytes);
	if (n < 0)
		return bad_first(n == -EAGAIN ? "is not whole: its end is missing"
					      : "is damaged: copy it again");
	if (access_token_unframe(bytes, (size_t)n, &o) || o.count != 1)
		return bad_first("is none with one signature");
	by = token_ask_person(m, o.parts[0].person);
	if (!by)
		return bad_first("is signed by nobody on the list");
	if (sign1_open_by(SIGN_CONTEXT_TOKEN, &by->signer, o.parts[0].cose,
			  o.parts[0].len, &payload, &payload_len) ||
	    access_token_decode(payload, payload_len, &m->token))
		return bad_first("has a signature that is not good");
	if (memcmp(m->token.hub, m->facts.hub.id, HUB_ID_LEN) != 0 ||
	    m->token.lock_epoch != m->challenge.lock_epoch ||
	    memcmp(m->token.nonce, m->challenge.nonce, CHALLENGE_NONCE_LEN) != 0)
		return bad_first("answers another challenge");
	memcpy(m->cose[0], o.parts[0].cose, o.parts[0].len);
	m->order.count = 1;
	m->order.parts[0] =
		(struct command_part){ o.parts[0].person, m->cose[0], o.parts[0].len };
	memcpy(m->names[0], by->name, sizeof(m->names[0]));
	m->roles[0] = by->signer.role;
	who = token_ask_person(m, m->token.technician);
	snprintf(m->technician, sizeof(m->technician), "%s", who ? who->name : "?");
	return CTL_OK;
}

static int add_signature(const struct token_args *a, struct token_made *m,
			 const struct signer_row *by)
{
	char name[ORDER_KEY_NAME_MAX], why[FOLDER_WHY_MAX];
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t at = m->order.count, back_len;
	struct signing *key;
	const uint8_t *back;
	int n = access_token_encode(&m->token, payload, sizeof(payload)), r;

	if (n < 0)
		return ctl_complain(CTL_FAILED, "the token cannot be written: %s",
				    err_text(n));
	order_key_name(a->as, name);
	r = signing_open(a->key, a->dir, name, &key, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s%s", why,
				    a->key ? "" : "; or say where it is with --key");
	r = signing_sign1(key, SIGN_CONTEXT_TOKEN, payload, (size_t)n, m->cose[at],
			  sizeof(m->cose[at]));
	snprintf(why, sizeof(why), "%s", r < 0 ? signing_why(key) : "");
	signing_close(key);
	if (*why)
		return ctl_complain(ctl_exit_code(r), "%s; nothing was made", why);
	if (r < 0 || sign1_open_by(SIGN_CONTEXT_TOKEN, &by->signer, m->cose[at],
				   (size_t)r, &back, &back_len) < 0)
		return ctl_complain(CTL_FAILED,
				    "the key is not that of '%s'; nothing was made",
				    a->as);
	m->order.parts[at] =
		(struct command_part){ by->signer.person, m->cose[at], (size_t)r };
	memcpy(m->names[at], by->name, sizeof(m->names[at]));
	m->roles[at] = by->signer.role;
	m->order.count++;
	return CTL_OK;
}

/* The second one signs what the first one has chosen: he is told what that is before his key is asked for it. */
static void print_first(const struct token_args *a, const struct token_made *m)
{
	char verbs[TOKEN_WORDS_MAX], orders[TOKEN_ORDERS_TEXT_MAX];

	token_verbs_text(m->token.verbs, verbs, sizeof(verbs));
	fprintf(stderr,
		"clinicctl: '%s' (%s) has signed for hub '%s': from level %u to %u; "
		"%s%s; for %u min; '%s' is at the hub\n",
		m->names[0], signer_role_text(m->roles[0]), a->hub, m->challenge.level,
		m->token.level, verbs, token_orders_text(&m->token, orders),
		m->token.seconds / 60, m->technician);
}

static int record_token(const struct token_args *a, const struct token_made *m)
{
	const char *second = m->order.count > 1 ? m->names[1] : NULL;
	char verbs[TOKEN_WORDS_MAX], orders[TOKEN_ORDERS_TEXT_MAX];
	char text[TOKEN_WORDS_MAX + TOKEN_ORDERS_TEXT_MAX + 3 * SIGNER_NAME_MAX + 64];

	token_verbs_text(m->token.verbs, verbs, sizeof(verbs));
	snprintf(text, sizeof(text), "signed by %s%s%s: level %u to %u%s, %s, for %s",
		 m->names[0], second ? " and " : "", second ? second : "",
		 m->challenge.level, m->token.level, token_orders_text(&m->token, orders),
		 verbs, m->technician);
	return token_ask_record(a, m, DOOR_TOKEN_SIGNED, text);
}

int token_sign(const struct token_args *a, struct token_made *m)
{
	uint8_t bytes[TOKEN_BYTES_MAX];
	struct signer_row by = { 0 };
	int r = token_ask_signer(a, m, a->as, &by), n;

	if (r == CTL_OK)
		r = token_ask_known(a, m, &by);
	if (r == CTL_OK)
		r = a->add ? take_first(a, m) : fill_token(a, m);
	if (r == CTL_OK && a->add && m->roles[0] == by.signer.role)
		return ctl_complain(CTL_NO_PERM,
				    "'%s' has signed as %s: the second signature must be "
				    "of another role; nothing was signed",
				    m->names[0], signer_role_text(m->roles[0]));
	if (r == CTL_OK && a->add)
		print_first(a, m);
	if (r == CTL_OK)
		r = add_signature(a, m, &by);
	if (r != CTL_OK)
		return r;
	n = access_token_frame(&m->order, bytes, sizeof(bytes));
	if (n > 0)
		n = access_token_text(bytes, (size_t)n, m->text);
	return n > 0 ? record_token(a, m)
		     : ctl_complain(CTL_FAILED, "the token cannot be written: %s",
				    err_text(n));
}
