/*
 * ctl_token_ask.c - what 'clinicctl token' asks the clinic, wherever that is, and tells it; see ctl_token.h.
 *
 * The hub's share stays sealed until it is here: what opens it is the release authority's key, which no clinicd needs.
 */
#include "clinic/ctl_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/door_rows.h"
#include "clinic/keyring.h"
#include "hub/crypto/crypto.h"
#include "hub/escrow.h"

int token_ask_hub(const struct token_args *a, struct token_made *m)
{
	struct hub_facts *f = &m->facts;
	int r = remote_facts(m->clinic, a->hub, f);

	if (r == 0)
		r = remote_signers(m->clinic, m->signers, &m->signer_count);
	if (r < 0)
		return remote_failed(m->clinic, a->hub, r);
	if (memcmp(f->hub.id, m->challenge.hub, CHALLENGE_HUB_LEN) == 0)
		return CTL_OK;
	return ctl_complain(CTL_FAILED,
			    "the challenge is not of hub '%s': the technician stands "
			    "before another one; nothing was made",
			    a->hub);
}

int token_ask_signer(const struct token_args *a, const struct token_made *m,
		     const char *name, struct signer_row *ret)
{
	for (size_t i = 0; i < m->signer_count; i++)
		if (strcmp(m->signers[i].name, name) == 0) {
			*ret = m->signers[i];
			return CTL_OK;
		}
	return ctl_complain(CTL_NO_INPUT,
			    "there is no signer '%s'; 'clinicctl signer list %s' shows "
			    "them",
			    name, a->dir);
}

const struct signer_row *token_ask_person(const struct token_made *m, uint32_t person)
{
	for (size_t i = 0; i < m->signer_count; i++)
		if (m->signers[i].signer.person == person)
			return &m->signers[i];
	return NULL;
}

/* A hub obeys whom its config names, as it names them. */
int token_ask_known(const struct token_args *a, const struct token_made *m,
		    const struct signer_row *by)
{
	const struct config *c = &m->facts.config;
	const struct signer *s =
		signer_find(c->signers, c->signer_count, by->signer.person);

	if (m->facts.has_config && s && s->kind == by->signer.kind &&
	    memcmp(s->public, by->signer.public, sizeof(s->public)) == 0)
		return CTL_OK;
	return ctl_complain(CTL_FAILED,
			    "hub '%s' does not know '%s': 'clinicctl signer give %s %s' "
			    "tells it; nothing was made",
			    a->hub, by->name, a->dir, a->hub);
}

/* --- what ends level 3 ---------------------------------------------------------------------------- */

static void get_escrow(struct cb *c, void *ret)
{
	door_get_escrow(c, ret);
}

static int ask_escrow(const struct token_args *a, const struct token_made *m,
		      struct escrow_sealed *ret)
{
	struct door_request rq;
	int r = remote_request(DOOR_TOKEN_ESCROW, a->hub, &rq);

	rq.number = m->challenge.lock_epoch;
	if (r == 0)
		r = remote_get(m->clinic, &rq, get_escrow, ret);
	return r < 0 ? remote_failed(m->clinic, a->hub, r) : CTL_OK;
}

int token_ask_share(const struct token_args *a, const struct token_made *m,
		    uint8_t ret[static TOKEN_SHARE_LEN], bool *ret_there)
{
	uint8_t private[SEAL_PUBLIC_LEN];
	char why[FOLDER_WHY_MAX];
	struct escrow_sealed e = { 0 };
	int r = ask_escrow(a, m, &e);

	*ret_there = e.there;
	if (r != CTL_OK || !e.there)
		return r;
	r = keyring_release_open(a->dir, a->release_key, private, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r),
				    "%s; or say where it is with --release-key", why);
	r = escrow_unseal(private, m->facts.hub.id, m->facts.hub.epoch, &e, ret);
	crypto_wipe(private, sizeof(private));
	return r < 0 ? ctl_complain(CTL_FAILED,
				    "what hub '%s' sealed cannot be opened with this "
				    "release key: it is of another authority; nothing "
				    "was made",
				    a->hub)
		     : CTL_OK;
}

/* --- what is kept of it --------------------------------------------------------------------------- */

static void get_number(struct cb *c, void *ret)
{
	*(uint64_t *)ret = cb_get_uint(c);
}

int token_ask_record(const struct token_args *a, const struct token_made *m, int what,
		     const char *text)
{
	char nonce[2 * CHALLENGE_NONCE_LEN + 1];
	struct door_request rq;
	uint64_t number;
	int r = remote_request(DOOR_TOKEN_NOTE, a->hub, &rq);

	for (size_t i = 0; i < CHALLENGE_NONCE_LEN; i++)
		snprintf(nonce + 2 * i, 3, "%02x", m->challenge.nonce[i]);
	rq.choice = (uint8_t)what;
	rq.number = m->challenge.lock_epoch;
	snprintf(rq.who, sizeof(rq.who), "%s", a->by.who ? a->by.who : "");
	snprintf(rq.why, sizeof(rq.why), "challenge %s of lock %u, %s%s%s", nonce,
		 m->challenge.lock_epoch, text, a->by.why ? ": " : "",
		 a->by.why ? a->by.why : "");
	if (r == 0)
		r = remote_get(m->clinic, &rq, get_number, &number);
	return r < 0 ? remote_failed(m->clinic, a->hub, r) : CTL_OK;
}
