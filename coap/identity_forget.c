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

/* While the file is here: what is to be recognised later is durable before it goes. */
static int note_left(const struct identity_store *s)
{
	uint8_t file[IDENTITY_TRUST_MAX], hash[SHA256_LEN];
	int n;

	if (!file_exists(s->dir, FILE_LEAVING))
		return 0;
	n = identity_store_trust(s, file);
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	crypto_sha256(file, (size_t)n, hash);
	return file_replace(s->dir, FILE_LEFT, hash, sizeof(hash));
}

int identity_forget(struct identity_store *s)
{
	static const char *const names[] = {
		"clinic.trust", "next",		"current",  "emergency", "emergency.next",
		"identity.key", "identity.crt", "root.crt", FILE_LEAVING
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
	uint8_t hash[SHA256_LEN], kept[SHA256_LEN + 1];

	crypto_sha256(file, len, hash);
	return file_read(s->dir, FILE_LEFT, kept, sizeof(kept)) == SHA256_LEN &&
	       memcmp(hash, kept, sizeof(hash)) == 0;
}

int identity_store_go_back(const struct identity_store *s)
{
	return file_remove(s->dir, FILE_LEFT);
}
