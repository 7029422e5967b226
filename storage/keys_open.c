/*
 * keys_open.c - finds the root secret that is in force, opens the slots, moves them to a better one; see keys.h.
 *
 * Which provider is in force stands in the slots file, under its tag. So:
 *   1. A hub that was set up with one never starts with another: if its own is not there, nothing starts, nothing is
 *      made anew and nothing is deleted.
 *   2. If its own is there and a better one as well, the slots move to the better one:
 *
 *        a, b under the old -> a under the new, b under the old -> both under the new -> old file gone
 *
 *      Each arrow is one durable step. After a cut in the middle the newer copy counts and the rest is done then; if
 *      the new secret is not there any more, the older copy still opens with the old one.
 *   3. What is offered but no good (not programmed, too short) stops a hub that has no slots yet. One that is set up goes on
 *      with its own secret and says so: readings come first.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/rt/file.h"
#include "storage/keys_inside.h"
#include "storage/secret.h"

struct copy {
	int err;     /* 0, or why it does not count */
	bool parsed; /* slots hold, opened or not */
	struct slots slots;
};

_Static_assert((int)KEY_LEN == (int)P256_PRIVATE_LEN, "plain keys have one length");

static const char *const wrong_root[ROOT_KINDS] = {
	[ROOT_NONE] = "key slots do not open",
	[ROOT_FILE] = "key slots do not open with this root.key: put the right one back",
	[ROOT_BOARD] =
		"key slots do not open with this board's memory and root.salt: is this "
		"the board that the hub was set up on?",
	[ROOT_CREDENTIAL] =
		"key slots do not open with this credential hub-root: it is not the "
		"one the hub was set up with; give that one back",
};

/* --- the two copies ------------------------------------------------------------------------------ */

static void copy_read(const struct keys *k, int i, struct copy *ret)
{
	uint8_t buf[SLOTS_BYTES_MAX];
	const struct root *root;
	size_t covered;
	int n = file_read(k->dir, keys_copy_name[i], buf, sizeof(buf));

	*ret = (struct copy){ .err = n == -EMSGSIZE ? -EBADMSG : n };
	if (n < 0)
		return;
	ret->err = slots_decode(buf, (size_t)n, &ret->slots, &covered);
	ret->parsed = ret->err == 0;
	if (ret->err)
		return;
	root = &k->roots[ret->slots.root];
	ret->err = root->err ? root->err
			     : keys_check_tag(root->secret, buf, covered, &ret->slots);
}

/* Why neither opens. -ENOENT without a problem: there are none. */
static int why_none(const struct keys *k, const struct copy c[static KEYS_COPIES],
		    const char **ret_problem)
{
	for (int i = 0; i < KEYS_COPIES; i++)
		if (c[i].parsed && c[i].err == -EKEYREJECTED) {
			*ret_problem = wrong_root[c[i].slots.root];
			return -EKEYREJECTED;
		}
	for (int i = 0; i < KEYS_COPIES; i++)
		if (c[i].parsed) {
			*ret_problem = k->roots[c[i].slots.root].problem;
			return c[i].err;
		}
	for (int i = 0; i < KEYS_COPIES; i++)
		if (c[i].err == -ENOTSUP) {
			*ret_problem =
				"a newer hub-store wrote the key slots: update this one";
			return -ENOTSUP;
		}
	if (c[0].err == -ENOENT && c[1].err == -ENOENT)
		return -ENOENT;
	*ret_problem = "both copies of the key slots are damaged: put one back";
	return c[0].err == -ENOENT ? c[1].err : c[0].err;
}

/* The other copy names another provider, whose secret is not there. That is a move which was cut off, or a file
 * from somewhere else. */
static bool is_cut_move(const struct copy *best, const struct copy *other)
{
	return other->slots.generation == best->slots.generation + 1;
}

/* Returns 0 with the copy that counts in memory; both are equal then. */
static int choose_copy(struct keys *k, struct keys_notes *notes, const char **ret_problem)
{
	struct copy c[KEYS_COPIES];
	const struct copy *other;
	int best = -1, r;

	for (int i = 0; i < KEYS_COPIES; i++) {
		copy_read(k, i, &c[i]);
		if (c[i].err == 0 &&
		    (best < 0 || c[i].slots.generation > c[best].slots.generation))
			best = i;
	}
	if (best < 0)
		return why_none(k, c, ret_problem);
	other = &c[!best];
	if (other->err && other->parsed && other->slots.root != c[best].slots.root &&
	    other->slots.generation > c[best].slots.generation) {
		if (!is_cut_move(&c[best], other))
			return why_none(k, c, ret_problem);
		notes->not_moved =
			"a move to a better root secret was cut off and that secret "
			"is not there now";
	}
	k->slots = c[best].slots;
	memcpy(k->root, k->roots[k->slots.root].secret, ROOT_LEN);
	if (other->err == 0 && other->slots.generation == k->slots.generation)
		return 0;
	notes->repaired = true;
	r = keys_write(k);
	if (r)
		*ret_problem = "key slots cannot be written";
	return r;
}

/* --- first start --------------------------------------------------------------------------------- */

/* Our half of what wraps state.db's key. Version 1 had none: there it was the root secret. */
static int make_half(struct keys *k)
{
	uint8_t kek[KEY_LEN], half[KEY_LEN];
	int r;

	if (slots_find(&k->slots, SLOT_HALF, 0))
		return 0;
	if (k->slots.version == 1)
		memcpy(half, k->root, sizeof(half));
	else
		crypto_random(half, sizeof(half));
	keys_kek(k->root, SLOT_HALF, kek);
	r = keys_put(k, SLOT_HALF, 0, kek, half, sizeof(half));
	crypto_wipe(kek, sizeof(kek));
	crypto_wipe(half, sizeof(half));
	return r;
}

static int first_start(struct keys *k, struct keys_notes *notes, const char **ret_problem)
{
	enum root_kind kind = ROOT_CREDENTIAL;
	struct root *root;

	while (kind > ROOT_FILE && !k->roots[kind].offered)
		kind--;
	root = &k->roots[kind];
	if (root->err == -ENOENT && root_make(k->dir, kind, root) == 0)
		notes->root_made = true;
	if (root->err) {
		*ret_problem = root->problem;
		return root->err;
	}
	memcpy(k->root, root->secret, ROOT_LEN);
	k->slots = (struct slots){ .root = kind };
	return 0;
}

/* --- a better secret ------------------------------------------------------------------------------ */

/* Wraps each slot anew, for root. That of state.db stays: what wraps it is in SLOT_HALF and in hubd's share. */
static int rewrap(struct keys *k, const uint8_t root[static ROOT_LEN],
		  struct slots *ret_slots)
{
	uint8_t key[SLOT_WRAPPED_MAX], from[KEY_LEN], to[KEY_LEN], ad[SLOT_AD_LEN];
	struct slots moved = k->slots;
	int r = 0;

	moved.generation++;
	for (size_t i = 0; i < moved.count && r == 0; i++) {
		struct slot *s = &moved.slots[i];
		size_t len = s->wrapped_len - (size_t)WRAP_OVERHEAD;

		if (s->purpose == SLOT_STATE)
			continue;
		keys_kek(k->root, s->purpose, from);
		keys_kek(root, s->purpose, to);
		r = keys_get(k, s->purpose, s->segment, from, key, len);
		if (r)
			break;
		s->generation = moved.generation;
		slot_ad(s, ad);
		crypto_wrap(to, ad, sizeof(ad), key, len, s->wrapped);
	}
	crypto_wipe(key, sizeof(key));
	crypto_wipe(from, sizeof(from));
	crypto_wipe(to, sizeof(to));
	if (r == 0)
		*ret_slots = moved;
	return r;
}

static int move_to(struct keys *k, enum root_kind kind)
{
	struct slots before = k->slots, moved;
	uint8_t old[ROOT_LEN];
	int r = rewrap(k, k->roots[kind].secret, &moved);

	if (r)
		return r;
	memcpy(old, k->root, ROOT_LEN);
	moved.root = kind;
	k->slots = moved;
	memcpy(k->root, k->roots[kind].secret, ROOT_LEN);
	r = keys_write(k);
	if (r) { /* one copy may be of the new one already: the next start goes on from there */
		k->slots = before;
		memcpy(k->root, old, ROOT_LEN);
	}
	crypto_wipe(old, sizeof(old));
	return r;
}

/* Never fails: what cannot be moved now stays where it is. */
static void move_to_best(struct keys *k, struct keys_notes *notes)
{
	const enum root_kind own = k->slots.root;

	for (enum root_kind kind = ROOT_CREDENTIAL; kind > own; kind--) {
		struct root *root = &k->roots[kind];

		if (!root->offered)
			continue;
		if (root->err == -ENOENT)
			(void)root_make(k->dir, kind, root); /* says so in root */
		if (root->err) {
			notes->not_moved = root->problem;
			continue;
		}
		if (move_to(k, kind)) {
			notes->not_moved = "the key slots cannot be written";
			return;
		}
		notes->moved_from = own;
		return;
	}
}

/* Both copies are durable under the secret in force: weaker ones that lie about open nothing any more. */
static void drop_weaker(struct keys *k, struct keys_notes *notes)
{
	for (enum root_kind kind = ROOT_FILE; kind < k->slots.root; kind++)
		if (root_is_left(k->dir, kind) && root_drop(k->dir, kind))
			notes->left_over = true;
}

/* --- all together --------------------------------------------------------------------------------- */

/* A plain key of the hub's bundle. It goes only after both copies of its slot are durable; a new one replaces an old
 * one, because whoever can put it here has enrolled the hub again. */
static int take_plain(struct keys *k, const char *name, enum slot_purpose purpose,
		      bool *ret_taken)
{
	uint8_t key[KEY_LEN], kek[KEY_LEN];
	int r = file_read(k->dir, name, key, sizeof(key));

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && r != KEY_LEN)
		r = -EBADMSG;
	if (r >= 0) {
		keys_kek(k->root, purpose, kek);
		r = keys_put(k, purpose, 0, kek, key, sizeof(key));
		crypto_wipe(kek, sizeof(kek));
	}
	crypto_wipe(key, sizeof(key));
	if (r == 0)
		r = file_remove(k->dir, name);
	*ret_taken = r == 0;
	return r;
}

static int load(struct keys *k, bool data_exists, struct keys_notes *notes,
		const char **ret_problem)
{
	int r = choose_copy(k, notes, ret_problem);

	if (r == -ENOENT && !*ret_problem) {
		if (data_exists) {
			*ret_problem =
				"key slots are missing but databases exist: put slots-a "
				"or slots-b back, or move the databases away";
			return r;
		}
		r = first_start(k, notes, ret_problem);
	}
	if (r)
		return r;
	r = make_half(k);
	if (r) {
		*ret_problem = "key slots cannot be written";
		return r;
	}
	move_to_best(k, notes);
	drop_weaker(k, notes);
	notes->root = k->slots.root;
	r = take_plain(k, "sign.key", SLOT_SIGN, &notes->sign_taken);
	if (r) {
		*ret_problem = "sign.key cannot be taken over (32 bytes, in our folder, "
			       "which we may write)";
		return r;
	}
	/* without the audit log capture goes on: the file stays, and is looked at again at the next start */
	notes->audit_error =
		take_plain(k, "audit.key", SLOT_AUDIT_FIRST, &notes->audit_taken);
	return 0;
}

int keys_open(const char *dir, bool data_exists, struct keys **ret,
	      struct keys_notes *ret_notes, const char **ret_problem)
{
	struct keys_notes notes = { 0 };
	struct keys *k = secret_map(sizeof(*k), NULL);
	const char *problem = NULL;
	int r;

	if (!k) {
		*ret_problem = "no memory";
		return -ENOMEM;
	}
	(void)snprintf(k->dir, sizeof(k->dir), "%s", dir);
	root_read_all(dir, k->roots);
	r = load(k, data_exists, &notes, &problem);
	crypto_wipe(k->roots, sizeof(k->roots));
	if (r) {
		*ret_problem = problem;
		keys_free(k);
		return r;
	}
	*ret = k;
	*ret_notes = notes;
	return 0;
}
