/*
 * command_open.c - see command_open.h.
 */
#include "hub/command_open.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"

/* The bytes that one of them signed. */
struct signed_bytes {
	const uint8_t *p;
	size_t len;
};

static enum command_result open_part(const struct config *c, const struct command_part *p,
				     struct signed_bytes *ret, enum signer_role *ret_role)
{
	const struct signer *s = signer_find(c->signers, c->signer_count, p->person);
	int r;

	if (!s)
		return COMMAND_UNKNOWN_SIGNER;
	r = sign1_open_by(SIGN_CONTEXT_COMMAND, s, p->cose, p->len, &ret->p, &ret->len);
	if (r)
		return r == -EKEYREJECTED ? COMMAND_BAD_SIGNATURE : COMMAND_BAD_FORM;
	*ret_role = s->role;
	return COMMAND_DONE;
}

enum command_result
command_open(const struct config *c, const uint8_t *buf, size_t len, struct command *ret,
	     enum signer_role ret_roles[static COMMAND_SIGNATURES_MAX], size_t *ret_count)
{
	struct signed_bytes said[COMMAND_SIGNATURES_MAX];
	struct command_order o;

	if (command_order_decode(buf, len, &o))
		return COMMAND_BAD_FORM;
	for (size_t i = 0; i < o.count; i++) {
		enum command_result r =
			open_part(c, &o.parts[i], &said[i], &ret_roles[i]);

		if (r != COMMAND_DONE)
			return r;
		if (said[i].len != said[0].len ||
		    memcmp(said[i].p, said[0].p, said[0].len) != 0)
			return COMMAND_DIFFERENT;
	}
	if (o.count == 0 || command_decode(said[0].p, said[0].len, ret))
		return COMMAND_BAD_FORM;
	*ret_count = o.count;
	return COMMAND_DONE;
}
