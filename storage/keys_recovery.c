/*
 * keys_recovery.c - the databases' keys for the clinic; see keys_recovery in keys.h.
 *
 * A key that was sealed before is carried over as it is: without the share the one of state.db cannot be sealed again.
 */
#include <errno.h>
#include <string.h>

#include "hub/rt/file.h"
#include "storage/keys_inside.h"

struct target {
	uint8_t key_id;
	const uint8_t *share; /* or NULL */
};

static bool is_done(const struct keys_recovered *had, const struct keys_recovered *now)
{
	return had->done && memcmp(had->hub, now->hub, sizeof(now->hub)) == 0 &&
	       had->epoch == now->epoch && had->key_id == now->key_id &&
	       memcmp(had->public, now->public, sizeof(now->public)) == 0 &&
	       had->generation == now->generation && (had->had_share || !now->had_share);
}

/* What is there, if it is for the same clinic and enrolment. */
static void read_old(const struct keys *k, const struct recovery *now,
		     struct recovery *ret)
{
	uint8_t buf[RECOVERY_BYTES_MAX];
	int n = file_read(k->dir, RECOVERY_FILE, buf, sizeof(buf));

	if (n < 0 || recovery_decode(buf, (size_t)n, ret) || ret->epoch != now->epoch ||
	    memcmp(ret->hub, now->hub, sizeof(now->hub)) != 0 ||
	    memcmp(ret->public, now->public, sizeof(now->public)) != 0)
		*ret = (struct recovery){ 0 };
}

/* Returns 0, -EAGAIN (state.db's, and no share that fits) or an error. */
static int seal_key(struct keys *k, const struct target *t, const struct recovery *r,
		    struct recovery_entry *e)
{
	uint8_t key[RECOVERY_KEY_LEN], kek[KEY_LEN], ad[RECOVERY_AD_LEN];
	int err = 0;

	if (e->purpose == SLOT_QUEUE)
		keys_kek(k->root, SLOT_QUEUE, kek);
	else
		err = t->share ? keys_state_kek(k, t->share, kek) : -EAGAIN;
	if (err == 0)
		err = keys_get(k, e->purpose, e->segment, kek, key, sizeof(key));
	crypto_wipe(kek, sizeof(kek));
	if (err && e->purpose == SLOT_STATE)
		return -EAGAIN; /* said where state.db is opened */
	recovery_ad(r, e, ad);
	if (err == 0)
		err = seal(t->key_id, r->public, ad, sizeof(ad), key, sizeof(key),
			   e->sealed);
	crypto_wipe(key, sizeof(key));
	return err;
}

/* Fills r->entries. *ret_same: all of them are as in old. */
static int collect(struct keys *k, const struct target *t, const struct recovery *old,
		   struct recovery *r, bool *ret_same)
{
	bool same = true;

	for (size_t i = 0; i < k->slots.count; i++) {
		const struct slot *s = &k->slots.slots[i];
		struct recovery_entry *e = &r->entries[r->count];
		const struct recovery_entry *was;
		int err = 0;

		if (s->purpose != SLOT_QUEUE && s->purpose != SLOT_STATE)
			continue;
		*e = (struct recovery_entry){ .purpose = s->purpose,
					      .segment = s->segment,
					      .generation = s->generation };
		was = recovery_find(old, s->purpose, s->segment);
		if (was && was->generation == s->generation &&
		    sealed_key_id(was->sealed, sizeof(was->sealed)) == t->key_id)
			*e = *was;
		else {
			err = seal_key(k, t, r, e);
			same = same && err == -EAGAIN;
		}
		if (err && err != -EAGAIN)
			return err;
		r->count += err == 0;
	}
	*ret_same = same && r->count == old->count && r->generation == old->generation;
	return 0;
}

int keys_recovery(struct keys *k, const struct msg_store_config *c)
{
	struct keys_recovered now = { .done = true,
				      .epoch = c->epoch,
				      .key_id = c->seal_key_id,
				      .generation = k->slots.generation,
				      .had_share = c->has_share };
	struct recovery r = { .epoch = c->epoch, .generation = k->slots.generation }, old;
	const struct target t = { c->seal_key_id, c->has_share ? c->share : NULL };
	uint8_t buf[RECOVERY_BYTES_MAX];
	bool same;
	int n;

	memcpy(now.hub, c->hub, sizeof(now.hub));
	memcpy(now.public, c->seal_public, sizeof(now.public));
	if (is_done(&k->recovered, &now))
		return 0;
	k->recovered = now;
	memcpy(r.hub, c->hub, sizeof(r.hub));
	memcpy(r.public, c->seal_public, sizeof(r.public));
	read_old(k, &r, &old);
	n = collect(k, &t, &old, &r, &same);
	if (n)
		return n;
	if (same) /* a kill may have left it, or its name, in the page cache only */
		return file_sync(k->dir, RECOVERY_FILE);
	n = recovery_encode(&r, buf, sizeof(buf));
	return n < 0 ? n : file_replace(k->dir, RECOVERY_FILE, buf, (size_t)n);
}
