/*
 * keys_enrol.c - the keys that a hub makes itself when it enrols; see keys.h. From a bundle they come as files (keys_open.c).
 */
#include <errno.h>

#include "storage/keys_inside.h"

static int make(struct keys *k, enum slot_purpose purpose)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN], kek[KEY_LEN];
	int r;

	_Static_assert((int)KEY_LEN == (int)P256_PRIVATE_LEN, "one length");
	if (purpose == SLOT_SIGN)
		p256_generate(private, public);
	else
		crypto_random(private, sizeof(private));
	keys_kek(k->root, purpose, kek);
	r = keys_put(k, purpose, 0, kek, private, sizeof(private));
	crypto_wipe(kek, sizeof(kek));
	crypto_wipe(private, sizeof(private));
	return r;
}

int keys_make_sign(struct keys *k)
{
	return slots_find(&k->slots, SLOT_SIGN, 0) ? 0 : make(k, SLOT_SIGN);
}

int keys_make_audit_first(struct keys *k, bool again)
{
	if (slots_find(&k->slots, SLOT_AUDIT_FIRST, 0) ||
	    (slots_find(&k->slots, SLOT_AUDIT, 0) && !again))
		return 0;
	return make(k, SLOT_AUDIT_FIRST);
}
