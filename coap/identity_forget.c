/*
 * identity_forget.c - a reset, and what the hub remembers of the clinic that it has left by it; see identity_store.h.
 *
 * Order of writes: enrol-a and -b (resetting); all but these and the device key removed; enrol-a and -b (not resetting)
 */
#include "coap/identity_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

#define FILE_LEAVING "leaving"
#define FILE_LEFT "left"
#define FILE_FORMER "former"

enum { HASHES_MAX = 8 };

/* Of the clinic.trust of one clinic: the oldest, which may lie about anywhere, and the newest. */
struct hashes {
	size_t count;
	uint8_t all[HASHES_MAX][SHA256_LEN];
};

static void read_hashes(const struct identity_store *s, const char *name,
			struct hashes *ret)
{
	uint8_t buf[sizeof(ret->all) + 1];
	int n = file_read(s->dir, name, buf, sizeof(buf));

	*ret = (struct hashes){ 0 };
	if (n <= 0 || (size_t)n > sizeof(ret->all) || (size_t)n % SHA256_LEN != 0)
		return; /* as none: then a person is asked for what could be recognised */
	ret->count = (size_t)n / SHA256_LEN;
	memcpy(ret->all, buf, (size_t)n);
}

static bool has_hash(const struct hashes *h, const uint8_t hash[static SHA256_LEN])
{
	for (size_t i = 0; i < h->count; i++)
		if (memcmp(h->all[i], hash, SHA256_LEN) == 0)
			return true;
	return false;
}

static void add_hash(struct hashes *h, const uint8_t hash[static SHA256_LEN])
{
	if (has_hash(h, hash))
		return;
	if (h->count == HASHES_MAX) {
		memmove(&h->all[1], &h->all[2], sizeof(h->all) - 2 * sizeof(h->all[0]));
		h->count--;
	}
	memcpy(h->all[h->count++], hash, SHA256_LEN);
}

/* The one that is in place is added to those of 'former', and all are in the file 'to'. */
static int note_trust(const struct identity_store *s, const char *to)
{
	uint8_t file[IDENTITY_TRUST_MAX], hash[SHA256_LEN];
	struct hashes h;
	int n = identity_store_trust(s, file);

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	crypto_sha256(file, (size_t)n, hash);
	read_hashes(s, FILE_FORMER, &h);
	add_hash(&h, hash);
	return file_replace(s->dir, to, (const uint8_t *)h.all, h.count * SHA256_LEN);
}

int identity_forget_former(const struct identity_store *s, const uint8_t *file,
			   size_t len)
{
	uint8_t now[IDENTITY_TRUST_MAX];
	int n = identity_store_trust(s, now);

	if (n < 0 || ((size_t)n == len && memcmp(now, file, len) == 0))
		return n == -ENOENT || n >= 0 ? 0 : n;
	return note_trust(s, FILE_FORMER);
}

/* While the file is here: what is to be recognised later is durable before it goes. */
static int note_left(const struct identity_store *s)
{
	return file_exists(s->dir, FILE_LEAVING) ? note_trust(s, FILE_LEFT) : 0;
}

int identity_forget(struct identity_store *s)
{
	static const char *const names[] = {
		"clinic.trust", "next",		"current",  "emergency", "emergency.next",
		"identity.key", "identity.crt", "root.crt", FILE_FORMER, FILE_LEAVING
	};
	struct identity_state state = { .resetting = true, .epoch = s->state.epoch };
	int r;

	if (s->current.there && s->current.epoch > state.epoch)
		state.epoch = s->current.epoch;
	r = identity_disk_write_state(s, state);
	if (r == 0)
		r = file_erase(s->dir, "ticket");
	if (r == 0)
		r = note_left(s);
	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++) {
		r = file_remove(s->dir, names[i]);
		FAILPOINT("identity.forget.between");
	}
	state.resetting = false;
	if (r == 0)
		r = identity_disk_write_state(s, state);
	if (r < 0)
		return r;
	crypto_wipe(&s->current, sizeof(s->current));
	crypto_wipe(&s->next, sizeof(s->next));
	crypto_wipe(&s->ticket, sizeof(s->ticket));
	crypto_wipe(&s->emergency, sizeof(s->emergency));
	crypto_wipe(&s->emergency_next, sizeof(s->emergency_next));
	s->trusted = s->old_form = false;
	return 0;
}

int identity_store_leaving(const struct identity_store *s, bool leaving)
{
	if (!leaving)
		return file_remove(s->dir, FILE_LEAVING);
	return file_exists(s->dir, FILE_LEAVING)
		       ? 0
		       : file_replace(s->dir, FILE_LEAVING, (const uint8_t *)"", 0);
}

bool identity_store_left(const struct identity_store *s, const uint8_t *file, size_t len)
{
	uint8_t hash[SHA256_LEN];
	struct hashes h;

	crypto_sha256(file, len, hash);
	read_hashes(s, FILE_LEFT, &h);
	return has_hash(&h, hash);
}

int identity_store_go_back(const struct identity_store *s)
{
	return file_remove(s->dir, FILE_LEFT);
}
