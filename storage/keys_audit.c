/*
 * keys_audit.c - the audit log's key in its slots; see keys.h.
 *
 *   audit.key (plain, from the bundle) -> SLOT_AUDIT_FIRST -> SLOT_AUDIT, when the log begins, and from then on
 *   anew with each key epoch
 *
 * The step to SLOT_AUDIT takes SLOT_AUDIT_FIRST away in the same writing: a hub that keeps a log never keeps the key
 * of its beginning.
 */
#include <errno.h>

#include "storage/keys_inside.h"

int keys_audit_load(struct keys *k, uint8_t *buf, size_t cap)
{
	const struct slot *s = slots_find(&k->slots, SLOT_AUDIT, 0);
	uint8_t kek[KEY_LEN];
	size_t len;
	int r;

	if (!s)
		return -ENOENT;
	len = s->wrapped_len - (size_t)WRAP_OVERHEAD;
	if (len > cap)
		return -EKEYREJECTED;
	keys_kek(k->root, SLOT_AUDIT, kek);
	r = keys_get(k, SLOT_AUDIT, 0, kek, buf, len);
	crypto_wipe(kek, sizeof(kek));
	return r ? r : (int)len;
}

/* In memory only. */
static void forget_first(struct keys *k)
{
	struct slot *s = slots_find(&k->slots, SLOT_AUDIT_FIRST, 0);

	if (s)
		*s = k->slots.slots[--k->slots.count];
}

int keys_audit_store(struct keys *k, const uint8_t *buf, size_t len)
{
	bool was_current = k->recovered.generation == k->slots.generation;
	struct slots before = k->slots;
	uint8_t kek[KEY_LEN];
	int r;

	if (len > SLOT_WRAPPED_MAX - WRAP_OVERHEAD)
		return -EMSGSIZE;
	forget_first(k);
	keys_kek(k->root, SLOT_AUDIT, kek);
	r = keys_put(k, SLOT_AUDIT, 0, kek, buf, len);
	crypto_wipe(kek, sizeof(kek));
	if (r)
		k->slots = before;
	else if (was_current)
		/* none of the keys in 'recovery' has changed: it is not written for this */
		k->recovered.generation = k->slots.generation;
	return r;
}

int keys_audit_first(struct keys *k, uint8_t ret[static KEY_LEN])
{
	uint8_t kek[KEY_LEN];
	int r;

	keys_kek(k->root, SLOT_AUDIT_FIRST, kek);
	r = keys_get(k, SLOT_AUDIT_FIRST, 0, kek, ret, KEY_LEN);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

int keys_audit_forget_first(struct keys *k)
{
	struct slots before = k->slots;
	int r;

	if (!slots_find(&k->slots, SLOT_AUDIT_FIRST, 0))
		return 0;
	forget_first(k);
	k->slots.generation++;
	r = keys_write(k);
	if (r)
		k->slots = before;
	return r;
}
