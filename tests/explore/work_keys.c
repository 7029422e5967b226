/*
 * work_keys.c - workload: the key slots and their move from one root secret to a better one: file, then the board's
 * memory, then a credential; new segments, the key for batches, the recovery file, many starts.
 *
 * Questions after a power cut, in verify():
 *   1. With every root secret that was ever offered the keys open.
 *   2. If the best one is not there they open under the one before, or say so and nothing is changed: with all of them they
 *      still open.
 *   3. A data key that was given out is the same; so is the key for batches.
 *   4. What the recovery file was said to hold opens with the clinic's key.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/rt/file.h"
#include "storage/keys.h"
#include "storage/recovery.h"
#include "storage/root.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum { SEGMENTS_MAX = 6, OPEN_TRIES = 5, STEPS = 45, STEPS_GO_ON = 6, EPOCH = 3 };

/* Place 0 is state.db. */
struct known {
	position given, sealed; /* out of the slots; into the recovery file */
	struct db_key key;
};

struct world {
	struct known known[SEGMENTS_MAX + 1];
	position sign_given;
	position offered[ROOT_KINDS]; /* from here on */
	uint8_t seal_private[X25519_LEN], seal_public[X25519_LEN];
	struct dice dice;
	char dir[256];
};

static const uint8_t sign_key[P256_PRIVATE_LEN] = { 9, 8, 7, 6, 5 };
static const uint8_t share[ENGINE_SHARE_LEN] = { 1, 2, 3 };
static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };
static struct keys *keys; /* one at a time */

/* --- what the machine offers ---------------------------------------------------------------------- */

/* Beside the folder that is recorded: systemd makes these, not hub-store. */
static void give(const char *dir, const char *name, bool there, uint8_t fill)
{
	char path[400];
	uint8_t bytes[ROOT_LEN] = { 0 };
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(fill + i);
	f = there ? fopen(path, "wb") : NULL;
	if (there && (!f || fwrite(bytes, sizeof(bytes), 1, f) != 1))
		abort();
	if (f)
		(void)fclose(f);
}

static void offer(const struct world *w, size_t point, bool best_is_gone)
{
	char dir[300];
	bool board = by(w->offered[ROOT_BOARD], point);
	bool credential = by(w->offered[ROOT_CREDENTIAL], point);

	(void)snprintf(dir, sizeof(dir), "%s.given", w->dir);
	(void)mkdir(dir, 0700);
	give(dir, ROOT_CREDENTIAL_NAME, credential && !best_is_gone, 7);
	give(dir, ROOT_BOARD_NAME, board && (credential || !best_is_gone), 70);
	(void)setenv("CREDENTIALS_DIRECTORY", dir, 1);
}

static bool data_exists(const struct world *w, size_t point)
{
	for (size_t i = 0; i <= SEGMENTS_MAX; i++)
		if (by(w->known[i].given, point))
			return true;
	return false;
}

static const char *open_keys(const struct world *w, size_t point)
{
	struct keys_notes notes;
	const char *problem = "";
	int r = keys_open(w->dir, data_exists(w, point), &keys, &notes, &problem);

	return r ? WRONG("the keys do not open: %d, %s", r, problem) : NULL;
}

static void close_keys(void)
{
	keys_free(keys);
	keys = NULL;
	(void)unsetenv("CREDENTIALS_DIRECTORY"); /* other workloads have none */
}

/* --- questions --------------------------------------------------------------------------------- */

static int get(size_t i, struct db_key *ret)
{
	return i ? keys_queue(keys, (uint32_t)i, true, ret)
		 : keys_state(keys, share, ret);
}

static const char *verify_sealed(const struct world *w, size_t i,
				 const struct recovery *rec)
{
	const struct recovery_entry *e =
		recovery_find(rec, i ? SLOT_QUEUE : SLOT_STATE, (uint32_t)i);
	uint8_t ad[RECOVERY_AD_LEN], key[RECOVERY_KEY_LEN];

	if (!e)
		return WRONG("the recovery file has lost key %zu", i);
	recovery_ad(rec, e, ad);
	if (unseal(w->seal_private, ad, sizeof(ad), e->sealed, sizeof(e->sealed), key) ||
	    memcmp(key, &w->known[i].key, sizeof(key)) != 0)
		return WRONG("the recovery file has another key %zu", i);
	return NULL;
}

static const char *verify_recovery(const struct world *w, size_t point)
{
	uint8_t buf[RECOVERY_BYTES_MAX];
	const char *wrong = NULL;
	struct recovery rec;
	int n = -EAGAIN;

	for (size_t i = 0; i <= SEGMENTS_MAX && !wrong; i++) {
		if (!by(w->known[i].sealed, point))
			continue;
		if (n == -EAGAIN) {
			n = file_read(w->dir, RECOVERY_FILE, buf, sizeof(buf));
			if (n < 0 || recovery_decode(buf, (size_t)n, &rec))
				return WRONG("the recovery file does not read: %d", n);
		}
		wrong = verify_sealed(w, i, &rec);
	}
	return wrong;
}

static const char *verify(const struct world *w, size_t point)
{
	uint8_t sign[P256_PRIVATE_LEN];

	for (size_t i = 0; i <= SEGMENTS_MAX; i++) {
		struct db_key key;
		int r;

		if (!by(w->known[i].given, point))
			continue;
		r = get(i, &key);
		if (r)
			return WRONG("no key %zu: %d", i, r);
		if (memcmp(&key, &w->known[i].key, sizeof(key)) != 0)
			return WRONG("key %zu is another one", i);
	}
	if (by(w->sign_given, point) &&
	    (keys_sign(keys, sign) || memcmp(sign, sign_key, sizeof(sign)) != 0))
		return "the key for batches is not the one that was brought";
	return verify_recovery(w, point);
}

/* The best secret is not there at this start. */
static const char *verify_without(const struct world *w, size_t point)
{
	const char *wrong;

	offer(w, point, true);
	wrong = open_keys(w, point) ? NULL : verify(w, point);
	close_keys();
	return wrong;
}

/* --- work ------------------------------------------------------------------------------------------ */

static int step_key(struct world *w, size_t i)
{
	struct known *k = &w->known[i];
	struct db_key key;
	int r = get(i, &key);

	if (r == 0 && k->given == POSITION_NEVER) {
		k->key = key;
		k->given = position_now();
	}
	return r;
}

static int step_recovery(struct world *w)
{
	struct msg_store_config c = { .epoch = EPOCH,
				      .seal_key_id = 1,
				      .has_share = true };
	position now;
	int r;

	memcpy(c.hub, hub_id, sizeof(c.hub));
	memcpy(c.seal_public, w->seal_public, sizeof(c.seal_public));
	memcpy(c.share, share, sizeof(c.share));
	r = keys_recovery(keys, &c);
	now = position_now();
	/* after a failure it says nothing until something changes */
	for (size_t i = 0; i <= SEGMENTS_MAX && r == 0 && !fault_hit(); i++)
		if (w->known[i].given != POSITION_NEVER &&
		    w->known[i].sealed == POSITION_NEVER)
			w->known[i].sealed = now;
	return r;
}

static const char *start_again(struct world *w)
{
	const char *wrong = NULL;

	close_keys();
	for (int i = 0; i < OPEN_TRIES; i++) {
		offer(w, SIZE_MAX - 1, false);
		wrong = open_keys(w, SIZE_MAX - 1);
		if (!wrong)
			break;
		if (!fault_hit())
			return wrong;
	}
	if (wrong)
		return "";
	fault_pause(true);
	wrong = verify(w, record_mark());
	fault_pause(false);
	return wrong;
}

static const char *enrol(struct world *w)
{
	for (int i = 0; i < OPEN_TRIES; i++)
		if (file_replace(w->dir, "sign.key", sign_key, sizeof(sign_key)) == 0) {
			w->sign_given = position_now();
			return NULL;
		}
	return fault_hit() ? "" : "sign.key cannot be written";
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++) {
		uint64_t c = dice_below(&w->dice, 100);
		int r = 0;

		if (c < 6 && w->offered[ROOT_BOARD] == POSITION_NEVER)
			w->offered[ROOT_BOARD] = position_now();
		else if (c < 12 && w->offered[ROOT_BOARD] != POSITION_NEVER &&
			 w->offered[ROOT_CREDENTIAL] == POSITION_NEVER)
			w->offered[ROOT_CREDENTIAL] = position_now();
		if (c < 40)
			wrong = start_again(w);
		else if (c < 75)
			r = step_key(w, dice_below(&w->dice, SEGMENTS_MAX + 1));
		else
			r = step_recovery(w);
		if (r && !fault_hit())
			return WRONG("an error without a reason: %d", r);
		if (r)
			wrong = start_again(w);
	}
	return wrong;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	struct world *w = world;
	const char *wrong;

	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i <= SEGMENTS_MAX; i++)
		w->known[i].given = w->known[i].sealed = POSITION_NEVER;
	for (size_t i = 0; i < ROOT_KINDS; i++)
		w->offered[i] = POSITION_NEVER;
	w->sign_given = POSITION_NEVER;
	w->dice = dice_seed(seed, 15);
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	fault_pause(true);
	x25519_generate(w->seal_private, w->seal_public);
	fault_pause(false);
	wrong = enrol(w);
	if (!wrong)
		wrong = start_again(w);
	if (!wrong)
		wrong = work(w, STEPS);
	close_keys();
	return wrong && *wrong ? wrong : NULL;
}

static void forget_after(struct world *w, size_t point, bool new_life)
{
	position *all[2 * (SEGMENTS_MAX + 1) + 1 + ROOT_KINDS];
	size_t n = 0;

	for (size_t i = 0; i <= SEGMENTS_MAX; i++) {
		all[n++] = &w->known[i].given;
		all[n++] = &w->known[i].sealed;
	}
	for (size_t i = 0; i < ROOT_KINDS; i++)
		all[n++] = &w->offered[i];
	all[n++] = &w->sign_given;
	while (n-- > 0) {
		position_forget(all[n], point);
		if (new_life && *all[n] != POSITION_NEVER)
			*all[n] = 0;
	}
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong = NULL;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 16);
	forget_after(w, point, how == RECOVERY_GO_ON);
	if (how == RECOVERY_LOOK && dice_below(&w->dice, 2))
		wrong = verify_without(w, point);
	offer(w, point, false);
	if (!wrong)
		wrong = open_keys(w, point);
	if (!wrong)
		wrong = verify(w, point);
	if (!wrong && how == RECOVERY_LOOK) {
		close_keys();
		offer(w, point, false);
		wrong = open_keys(w, point); /* and once more */
		if (!wrong)
			wrong = verify(w, point);
	}
	if (!wrong && how != RECOVERY_LOOK)
		wrong = work(w, STEPS_GO_ON);
	close_keys();
	return wrong && *wrong ? wrong : NULL;
}

const struct workload keys_workload = {
	.name = "keys",
	.world_bytes = sizeof(struct world),
	.share = 8,
	.run = run,
	.recover = recover,
};
