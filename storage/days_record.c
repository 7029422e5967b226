/*
 * days_record.c - see days_record.h.
 */
#include "storage/days_record.h"

#include <string.h>

#include "hub/crypto/manifest_sign.h"

int days_record_make(const struct days_last *last, const struct days_now *now,
		     const struct intake_target *target,
		     const uint8_t sign_private[static P256_PRIVATE_LEN],
		     const struct manifest_given_up *given_up,
		     uint8_t body[static SEALED_BODY_MAX], struct queue_entry *ret_entry,
		     struct days_last *ret_after)
{
	struct manifest m =
		days_manifest(last, now, target->hub, target->epoch, given_up);
	uint8_t plain[MANIFEST_BODY_MAX], ad[ENVELOPE_LEN];
	struct envelope e = { .epoch = target->epoch,
			      .assignment = target->assignment,
			      .seq = m.last + 1,
			      .class = CLASS_ROUTINE,
			      .kind = READING_MANIFEST };
	int n = manifest_make(&m, sign_private, plain, sizeof(plain)), r;

	if (n < 0)
		return n;
	memcpy(e.hub, target->hub, HUB_ID_LEN);
	e.body_len = (uint32_t)SEALED_LEN((size_t)n);
	envelope_encode(&e, ad);
	r = seal(target->seal_key_id, target->seal_public, ad, sizeof(ad), plain,
		 (size_t)n, body);
	if (r)
		return r;
	*ret_entry = (struct queue_entry){ .record = { .assignment = e.assignment,
						       .seq = e.seq,
						       .class = e.class,
						       .kind = e.kind,
						       .body = body,
						       .body_len = e.body_len } };
	*ret_after = days_after(last, &m);
	return 0;
}
