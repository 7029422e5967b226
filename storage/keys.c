/*
 * keys.c - key slots and what they open; see keys.h. How they are found and opened at start is in keys_open.c.
 */
#include "storage/keys_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "storage/secret.h"

const char *const keys_copy_name[KEYS_COPIES] = { "slots-a", "slots-b" };

void keys_kek(const uint8_t root[static ROOT_LEN], enum slot_purpose purpose,
	      uint8_t ret[static KEY_LEN])
{
	static const char *const label[SLOT_PURPOSES] = {
		[SLOT_NONE] = "hub/v1/slots", /* the tag over all */
		[SLOT_QUEUE] = "hub/v1/queue",
		[SLOT_STATE] = "hub/v1/unused", /* see keys_state_kek */
		[SLOT_SIGN] = "hub/v1/sign",
		[SLOT_HALF] = "hub/v1/half",
		[SLOT_AUDIT_FIRST] = "hub/v1/audit",
		[SLOT_AUDIT] = "hub/v1/audit",
	};

	crypto_derive(root, ROOT_LEN, label[purpose], ret);
}

int keys_check_tag(const uint8_t root[static ROOT_LEN], const uint8_t *buf,
		   size_t covered, const struct slots *s)
{
	uint8_t kek[KEY_LEN], nothing[1];
	int r;

	keys_kek(root, SLOT_NONE, kek);
	r = crypto_unwrap(kek, buf, covered, s->tag, WRAP_OVERHEAD, nothing);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

int keys_write(struct keys *k)
{
	uint8_t buf[SLOTS_BYTES_MAX], kek[KEY_LEN], nothing[1] = { 0 };
	int n = slots_encode(&k->slots, buf, sizeof(buf) - WRAP_OVERHEAD);
	int r = 0;

	if (n < 0)
		return n;
	keys_kek(k->root, SLOT_NONE, kek);
	crypto_wrap(kek, buf, (size_t)n, nothing, 0, k->slots.tag);
	crypto_wipe(kek, sizeof(kek));
	memcpy(buf + n, k->slots.tag, WRAP_OVERHEAD);
	for (int i = 0; i < KEYS_COPIES && r == 0; i++) {
		r = file_replace(k->dir, keys_copy_name[i], buf,
				 (size_t)n + WRAP_OVERHEAD);
		FAILPOINT("store.slots.between");
	}
	return r;
}

int keys_put(struct keys *k, enum slot_purpose purpose, uint32_t segment,
	     const uint8_t kek[static KEY_LEN], const uint8_t *key, size_t len)
{
	struct slots before = k->slots;
	struct slot *s = slots_find(&k->slots, purpose, segment);
	uint8_t ad[SLOT_AD_LEN];
	int r;

	if (!s && k->slots.count == SLOTS_MAX)
		return -ENOSPC;
	if (!s)
		s = &k->slots.slots[k->slots.count++];
	k->slots.generation++;
	*s = (struct slot){ .purpose = purpose,
			    .segment = segment,
			    .generation = k->slots.generation,
			    .wrapped_len = (uint8_t)(len + WRAP_OVERHEAD) };
	slot_ad(s, ad);
	crypto_wrap(kek, ad, sizeof(ad), key, len, s->wrapped);
	r = keys_write(k);
	if (r)
		k->slots = before;
	return r;
}

int keys_get(struct keys *k, enum slot_purpose purpose, uint32_t segment,
	     const uint8_t kek[static KEY_LEN], uint8_t *ret, size_t len)
{
	const struct slot *s = slots_find(&k->slots, purpose, segment);
	uint8_t ad[SLOT_AD_LEN];

	if (!s)
		return -ENOENT;
	if (s->wrapped_len != len + WRAP_OVERHEAD)
		return -EKEYREJECTED;
	slot_ad(s, ad);
	return crypto_unwrap(kek, ad, sizeof(ad), s->wrapped, s->wrapped_len, ret);
}

/* make: if there is none. */
static int get_db_key(struct keys *k, enum slot_purpose purpose, uint32_t segment,
		      const uint8_t kek[static KEY_LEN], bool make, struct db_key *ret)
{
	uint8_t key[sizeof(*ret)];
	int r = keys_get(k, purpose, segment, kek, key, sizeof(key));

	if (r == -ENOENT && make) {
		crypto_random(key, sizeof(key));
		r = keys_put(k, purpose, segment, kek, key, sizeof(key));
	}
	if (r == 0)
		memcpy(ret, key, sizeof(key));
	crypto_wipe(key, sizeof(key));
	return r;
}

int keys_queue(struct keys *k, uint32_t segment, bool make, struct db_key *ret)
{
	uint8_t kek[KEY_LEN];
	int r;

	keys_kek(k->root, SLOT_QUEUE, kek);
	r = get_db_key(k, SLOT_QUEUE, segment, kek, make, ret);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

size_t keys_segments(const struct keys *k, uint32_t ret[static SLOTS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < k->slots.count; i++) {
		const struct slot *s = &k->slots.slots[i];
		size_t at = count;

		if (s->purpose != SLOT_QUEUE)
			continue;
		for (; at > 0 && ret[at - 1] > s->segment; at--)
			ret[at] = ret[at - 1];
		ret[at] = s->segment;
		count++;
	}
	return count;
}

int keys_drop(struct keys *k, uint32_t segment)
{
	struct slots before = k->slots;
	struct slot *s = slots_find(&k->slots, SLOT_QUEUE, segment);
	int r;

	if (!s)
		return 0;
	*s = k->slots.slots[--k->slots.count];
	k->slots.generation++;
	r = keys_write(k);
	if (r)
		k->slots = before;
	return r;
}

int keys_state_kek(struct keys *k, const uint8_t share[static ENGINE_SHARE_LEN],
		   uint8_t ret[static KEY_LEN])
{
	uint8_t kek[KEY_LEN], both[KEY_LEN + ENGINE_SHARE_LEN];
	int r;

	keys_kek(k->root, SLOT_HALF, kek);
	r = keys_get(k, SLOT_HALF, 0, kek, both, KEY_LEN);
	crypto_wipe(kek, sizeof(kek));
	if (r == 0) {
		memcpy(both + KEY_LEN, share, ENGINE_SHARE_LEN);
		crypto_derive(both, sizeof(both), "hub/v1/state", ret);
	}
	crypto_wipe(both, sizeof(both));
	return r ? -EKEYREJECTED : 0;
}

int keys_state(struct keys *k, const uint8_t share[static ENGINE_SHARE_LEN],
	       struct db_key *ret)
{
	uint8_t kek[KEY_LEN];
	int r = keys_state_kek(k, share, kek);

	if (r == 0)
		r = get_db_key(k, SLOT_STATE, 0, kek, true, ret);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

int keys_sign(struct keys *k, uint8_t ret[static P256_PRIVATE_LEN])
{
	uint8_t kek[KEY_LEN];
	int r;

	keys_kek(k->root, SLOT_SIGN, kek);
	r = keys_get(k, SLOT_SIGN, 0, kek, ret, P256_PRIVATE_LEN);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

void keys_free(struct keys *k)
{
	secret_unmap(k, sizeof(struct keys));
}
