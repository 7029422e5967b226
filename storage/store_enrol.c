/*
 * store_enrol.c - hub-store's part of an enrolment: says what the clinic must know to verify batches and the audit log,
 * and makes these keys if nobody has put them here; see store_inside.h.
 *
 * Key 0 of the log leaves this process here and nowhere else, and only until the log begins with it, which is when hubd
 * has said under which enrolment. From then on it is nowhere on the hub. In a later enrolment there is another one; a log
 * whose enrolment is not known (no queue can be opened) gets none.
 */
#include <errno.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"
#include "storage/store_inside.h"

/* Is this question about a later enrolment than the one that everything here is of? */
static bool is_later(const struct store *s, uint32_t epoch)
{
	uint8_t hub[HUB_ID_LEN];
	uint32_t owner;

	return records_owner(s->records, hub, &owner) && epoch > owner;
}

static int make_keys(struct store *s, uint32_t epoch)
{
	int r = keys_make_sign(s->keys);

	return r ? r : keys_make_audit_first(s->keys, is_later(s, epoch));
}

static int fill(struct store *s, struct msg_sign_keys *ret)
{
	uint8_t sign[P256_PRIVATE_LEN];
	int r = keys_sign(s->keys, sign);

	if (r == 0)
		r = p256_public(sign, ret->sign_public);
	ret->has_sign = r == 0;
	if (r == 0) {
		handover_set_key(&s->handover, sign);
		s->can_sign = true;
		ret->has_audit = keys_audit_first(s->keys, ret->audit_key) == 0;
	}
	crypto_wipe(sign, sizeof(sign));
	return r;
}

void store_on_sign_keys(struct store *s, const struct msg_sign_keys *ask)
{
	struct msg m = { .kind = MSG_SIGN_KEYS, .sign_keys = { .epoch = ask->epoch } };
	int r = s->keys ? make_keys(s, ask->epoch) : -EAGAIN;

	if (r == 0)
		r = fill(s, &m.sign_keys);
	if (r == 0)
		(void)store_send(s, ROLE_COAP, &m); /* it asks again */
	else
		log_err("sign-keys",
			"error=\"%s\" note=\"the hub cannot enrol without them\" "
			"do=\"look at the disk; it is tried again\"",
			err_text(r));
	crypto_wipe(&m, sizeof(m));
}
