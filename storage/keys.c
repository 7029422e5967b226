/*
 * keys.c - root secret, key slots, and what they open; see keys.h.
 */
#include "storage/keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/rt/file.h"
#include "storage/secret.h"
#include "storage/slots.h"

enum { ROOT_LEN = 32, DIR_BYTES = 1024, COPIES = 2 };

static const char root_name[] = "root.key";
static const char sign_name[] = "sign.key";
static const char *const copy_name[COPIES] = { "slots-a", "slots-b" };

struct keys {
	uint8_t root[ROOT_LEN];
	struct slots slots;
	char dir[DIR_BYTES];
};

struct copy {
	int err; /* 0, or why it does not count */
	struct slots slots;
};

/* The provider 'file'. Others (systemd credential, one-time
 * memory of the board, TPM) take its place here. */
static int root_read(const char *dir, uint8_t ret[static ROOT_LEN])
{
	int n = file_read(dir, root_name, ret, ROOT_LEN);

	if (n < 0)
		return n == -EMSGSIZE ? -EBADMSG : n;
	return n == ROOT_LEN ? 0 : -EBADMSG;
}

static int root_make(const char *dir, uint8_t ret[static ROOT_LEN])
{
	crypto_random(ret, ROOT_LEN);
	return file_replace(dir, root_name, ret, ROOT_LEN);
}

static int copy_read(struct keys *k, int i, struct copy *ret)
{
	uint8_t buf[SLOTS_BYTES_MAX], kek[KEY_LEN], nothing[1];
	size_t covered;
	int n = file_read(k->dir, copy_name[i], buf, sizeof(buf));

	if (n < 0)
		return n == -EMSGSIZE ? -EBADMSG : n;
	n = slots_decode(buf, (size_t)n, &ret->slots, &covered);
	if (n)
		return n;
	crypto_derive(k->root, ROOT_LEN, "hub/v1/slots", kek);
	n = crypto_unwrap(kek, buf, covered, ret->slots.tag, WRAP_OVERHEAD, nothing);
	crypto_wipe(kek, sizeof(kek));
	return n;
}

static int copies_write(struct keys *k)
{
	uint8_t buf[SLOTS_BYTES_MAX], kek[KEY_LEN], nothing[1] = { 0 };
	int n = slots_encode(&k->slots, buf, sizeof(buf) - WRAP_OVERHEAD);
	int r = 0;

	if (n < 0)
		return n;
	crypto_derive(k->root, ROOT_LEN, "hub/v1/slots", kek);
	crypto_wrap(kek, buf, (size_t)n, nothing, 0, k->slots.tag);
	crypto_wipe(kek, sizeof(kek));
	memcpy(buf + n, k->slots.tag, WRAP_OVERHEAD);
	for (int i = 0; i < COPIES && r == 0; i++)
		r = file_replace(k->dir, copy_name[i], buf, (size_t)n + WRAP_OVERHEAD);
	return r;
}

/* Wrap a key into its slot, new or old, and write both copies. On failure memory is as before. */
static int slot_put(struct keys *k, enum slot_purpose purpose, uint32_t segment,
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
	r = copies_write(k);
	if (r)
		k->slots = before;
	return r;
}

static int slot_get(struct keys *k, enum slot_purpose purpose, uint32_t segment,
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

static int slot_get_or_make(struct keys *k, enum slot_purpose purpose, uint32_t segment,
			    const uint8_t kek[static KEY_LEN], struct db_key *ret)
{
	uint8_t key[sizeof(*ret)];
	int r = slot_get(k, purpose, segment, kek, key, sizeof(key));

	if (r == -ENOENT) {
		crypto_random(key, sizeof(key));
		r = slot_put(k, purpose, segment, kek, key, sizeof(key));
	}
	if (r == 0)
		memcpy(ret, key, sizeof(key));
	crypto_wipe(key, sizeof(key));
	return r;
}

int keys_queue(struct keys *k, uint32_t segment, struct db_key *ret)
{
	uint8_t kek[KEY_LEN];
	int r;

	crypto_derive(k->root, ROOT_LEN, "hub/v1/queue", kek);
	r = slot_get_or_make(k, SLOT_QUEUE, segment, kek, ret);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

int keys_state(struct keys *k, const uint8_t share[static ENGINE_SHARE_LEN],
	       struct db_key *ret)
{
	uint8_t kek[KEY_LEN], both[ROOT_LEN + ENGINE_SHARE_LEN];
	int r;

	memcpy(both, k->root, ROOT_LEN);
	memcpy(both + ROOT_LEN, share, ENGINE_SHARE_LEN);
	crypto_derive(both, sizeof(both), "hub/v1/state", kek);
	crypto_wipe(both, sizeof(both));
	r = slot_get_or_make(k, SLOT_STATE, 0, kek, ret);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

int keys_sign(struct keys *k, uint8_t ret[static P256_PRIVATE_LEN])
{
	uint8_t kek[KEY_LEN];
	int r;

	crypto_derive(k->root, ROOT_LEN, "hub/v1/sign", kek);
	r = slot_get(k, SLOT_SIGN, 0, kek, ret, P256_PRIVATE_LEN);
	crypto_wipe(kek, sizeof(kek));
	return r;
}

/* The plain key comes with the hub's bundle. It goes only after both
 * copies of its slot are durable; a new one replaces an old one,
 * because whoever can put it here has enrolled the hub again. */
static int take_sign_key(struct keys *k, bool *ret_taken)
{
	uint8_t key[P256_PRIVATE_LEN], kek[KEY_LEN];
	int r = file_read(k->dir, sign_name, key, sizeof(key));

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && r != P256_PRIVATE_LEN)
		r = -EBADMSG;
	if (r >= 0) {
		crypto_derive(k->root, ROOT_LEN, "hub/v1/sign", kek);
		r = slot_put(k, SLOT_SIGN, 0, kek, key, sizeof(key));
		crypto_wipe(kek, sizeof(kek));
	}
	crypto_wipe(key, sizeof(key));
	if (r == 0)
		r = file_remove(k->dir, sign_name);
	*ret_taken = r == 0;
	return r;
}

/* Chooses the copy that counts. Returns 0 and writes both again if
 * they differ, -ENOENT if there is none, or why none of them opens. */
static int choose_copy(struct keys *k, bool *ret_repaired)
{
	struct copy c[COPIES];
	int best = -1;

	for (int i = 0; i < COPIES; i++) {
		c[i].err = copy_read(k, i, &c[i]);
		if (c[i].err == 0 &&
		    (best < 0 || c[i].slots.generation > c[best].slots.generation))
			best = i;
	}
	if (best <
	    0) { /* a key that does not fit says more than a file that is not there */
		for (int i = 0; i < COPIES; i++)
			if (c[i].err == -EKEYREJECTED)
				return -EKEYREJECTED;
		return c[0].err == -ENOENT ? c[1].err : c[0].err;
	}
	k->slots = c[best].slots;
	if (c[!best].err == 0 && c[!best].slots.generation == k->slots.generation)
		return 0;
	*ret_repaired = true;
	return copies_write(k);
}

static int slots_load(struct keys *k, bool data_exists, struct keys_notes *notes,
		      const char **ret_problem)
{
	int r = choose_copy(k, &notes->repaired);

	switch (r) {
	case 0: break;
	case -ENOENT:
		if (data_exists) {
			*ret_problem = "key slots are missing but databases exist: put "
				       "slots-a or "
				       "slots-b back, or move the databases away";
			return -ENOENT;
		}
		k->slots = (struct slots){ .generation = 1 };
		r = copies_write(k);
		break;
	case -EKEYREJECTED:
		*ret_problem = "key slots do not open with this root.key: put the right "
			       "one back";
		return r;
	default:
		*ret_problem = "both copies of the key slots are damaged: put one back";
		return r;
	}
	if (r)
		*ret_problem = "key slots cannot be written";
	return r;
}

static int root_load(struct keys *k, bool data_exists, struct keys_notes *notes,
		     const char **ret_problem)
{
	bool slots_exist =
		file_exists(k->dir, copy_name[0]) || file_exists(k->dir, copy_name[1]);
	int r = root_read(k->dir, k->root);

	switch (r) {
	case 0: return 0;
	case -ENOENT:
		if (slots_exist || data_exists) {
			*ret_problem = "root.key is missing but key slots or databases "
				       "exist: put "
				       "it back, a new one would open nothing";
			return r;
		}
		notes->root_made = true;
		r = root_make(k->dir, k->root);
		if (r)
			*ret_problem = "root.key cannot be written";
		return r;
	case -EBADMSG:
		*ret_problem =
			"root.key is damaged (not 32 bytes): put the right one back";
		return r;
	default: *ret_problem = "root.key cannot be read"; return r;
	}
}

int keys_open(const char *dir, bool data_exists, struct keys **ret,
	      struct keys_notes *ret_notes, const char **ret_problem)
{
	struct keys_notes notes = { 0 };
	struct keys *k = secret_map(sizeof(*k), NULL);
	int r;

	if (!k) {
		*ret_problem = "no memory";
		return -ENOMEM;
	}
	(void)snprintf(k->dir, sizeof(k->dir), "%s", dir);
	r = root_load(k, data_exists, &notes, ret_problem);
	if (r == 0)
		r = slots_load(k, data_exists, &notes, ret_problem);
	if (r == 0) {
		r = take_sign_key(k, &notes.sign_taken);
		if (r)
			*ret_problem =
				"sign.key cannot be taken over (32 bytes, in our folder, "
				"which we may write)";
	}
	if (r) {
		keys_free(k);
		return r;
	}
	*ret = k;
	*ret_notes = notes;
	return 0;
}

void keys_free(struct keys *k)
{
	secret_unmap(k, sizeof(struct keys));
}
