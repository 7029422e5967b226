/*
 * lockdown_file.c - see lockdown_file.h.
 */
#include "hub/lockdown_file.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "hub/escrow_file.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

static const uint8_t magic[4] = { 'H', 'L', 'C', 'K' };
static const char *const names[LOCKDOWN_COPIES] = { "lockdown-a", "lockdown-b" };

#define FILE_LOCKED "lockdown-locked"
#define FILE_KEPT "lockdown-kept"
static const uint8_t kept[] = { '1', '\n' };

enum { FILE_VERSION = 3, BODY_LEN = LOCKDOWN_FILE_LEN - SHA256_LEN };

void lockdown_file_encode(const struct lockdown_held *h,
			  uint8_t ret[static LOCKDOWN_FILE_LEN])
{
	struct writer w;

	writer_init(&w, ret, BODY_LEN);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, FILE_VERSION);
	write_be64(&w, h->generation);
	write_u8(&w, h->level);
	write_be32(&w, h->lock_epoch);
	write_bytes(&w, h->boot, sizeof(h->boot));
	write_be64(&w, h->since_ms);
	write_be32(&w, h->epoch);
	write_be64(&w, h->counter);
	write_u8(&w, (uint8_t)h->verb);
	write_u8(&w, (uint8_t)h->result);
	write_u8(&w, (uint8_t)h->how);
	write_be64(&w, (uint64_t)h->retire_s);
	write_be32(&w, h->unsealed);
	write_be64(&w, h->unsealed_ms);
	write_u8(&w, h->was_sealed);
	crypto_sha256(ret, BODY_LEN, ret + BODY_LEN);
}

static bool values_good(const struct lockdown_held *h)
{
	return h->level <= LOCKDOWN_RETIRED && h->counter <= INT64_MAX &&
	       h->verb <= COMMAND_VERB_LAST && h->result <= COMMAND_RESULT_LAST &&
	       h->how <= COMMAND_RETIRE_LAST && h->retire_s >= 0;
}

/* Each has a length of its own; 0: none has this. */
static uint8_t version_of(size_t len)
{
	switch (len) {
	case LOCKDOWN_FILE_LEN: return FILE_VERSION;
	case LOCKDOWN_FILE_2_LEN: return 2;
	case LOCKDOWN_FILE_1_LEN: return 1;
	default: return 0;
	}
}

int lockdown_file_decode(const uint8_t *buf, size_t len, struct lockdown_held *ret)
{
	uint8_t hash[SHA256_LEN], head[sizeof(magic)], version, was_sealed = 0;
	struct lockdown_held h = { 0 };
	struct reader r;
	uint8_t wants = version_of(len);

	if (wants == 0)
		return -EMSGSIZE;
	len -= SHA256_LEN;
	crypto_sha256(buf, len, hash);
	if (memcmp(hash, buf + len, sizeof(hash)) != 0)
		return -EBADMSG;
	reader_init(&r, buf, len);
	read_bytes(&r, head, sizeof(head));
	version = read_u8(&r);
	h.generation = read_be64(&r);
	h.level = read_u8(&r);
	h.lock_epoch = read_be32(&r);
	read_bytes(&r, h.boot, sizeof(h.boot));
	h.since_ms = read_be64(&r);
	h.epoch = read_be32(&r);
	h.counter = read_be64(&r);
	h.verb = (enum command_verb)read_u8(&r);
	h.result = (enum command_result)read_u8(&r);
	h.how = (enum command_retire)read_u8(&r);
	h.retire_s = (int64_t)read_be64(&r);
	if (version > 1) {
		h.unsealed = read_be32(&r);
		h.unsealed_ms = read_be64(&r);
	}
	if (version > 2)
		was_sealed = read_u8(&r);
	h.was_sealed = was_sealed;
	if (!reader_done(&r) || memcmp(head, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (version != wants)
		return -ENOTSUP;
	if (was_sealed > 1 || !values_good(&h))
		return -ERANGE;
	*ret = h;
	return 0;
}

int lockdown_file_load(const char *dir, unsigned copy, struct lockdown_held *ret)
{
	uint8_t buf[LOCKDOWN_FILE_LEN];
	int n = file_read(dir, names[copy], buf, sizeof(buf));

	return n < 0 ? n : lockdown_file_decode(buf, (size_t)n, ret);
}

/* What reset_rule.h calls locked. */
static bool is_locked(const struct lockdown_held *h)
{
	return h->level >= LOCKDOWN_QUARANTINED && h->how == COMMAND_RETIRE_NONE;
}

int lockdown_file_mark(const char *dir, const struct lockdown_held *h)
{
	if (!is_locked(h))
		return file_remove(dir, FILE_LOCKED);
	return file_exists(dir, FILE_LOCKED)
		       ? 0
		       : file_replace(dir, FILE_LOCKED, kept, sizeof(kept));
}

int lockdown_file_save(const char *dir, unsigned copy, const struct lockdown_held *h)
{
	uint8_t buf[LOCKDOWN_FILE_LEN];
	struct lockdown_held other;
	int r = is_locked(h) ? lockdown_file_mark(dir, h) : 0;

	if (r)
		return r;
	lockdown_file_encode(h, buf);
	r = file_replace(dir, names[copy], buf, sizeof(buf));
	if (r == 0 && !is_locked(h) &&
	    (lockdown_file_load(dir, 1 - copy, &other) || !is_locked(&other)))
		r = lockdown_file_mark(dir, h);
	if (r == 0 && copy == 0)
		FAILPOINT("hubd.lockdown.first");
	else if (r == 0)
		FAILPOINT("hubd.lockdown.second");
	return r;
}

bool lockdown_file_is_first(const char *dir)
{
	return file_is_gone(dir, FILE_KEPT) && file_is_gone(dir, names[0]) &&
	       file_is_gone(dir, names[1]);
}

static int save_both(const char *dir, const struct lockdown_held *h)
{
	int r = 0;

	for (unsigned copy = 0; r == 0 && copy < LOCKDOWN_COPIES; copy++)
		r = lockdown_file_save(dir, copy, h);
	return r;
}

/* A start that is cut off between the two is done again: the one that is left says so. */
int lockdown_file_renew(const char *dir)
{
	struct lockdown_held fresh = { .generation = 1 }, held;
	bool retired = false;

	if (!file_is_gone(dir, "engine.share") || escrow_file_exists(dir))
		return 0;
	for (unsigned copy = 0; copy < LOCKDOWN_COPIES; copy++) {
		if (lockdown_file_load(dir, copy, &held))
			continue;
		retired = retired || held.how != COMMAND_RETIRE_NONE;
		if (held.generation >= fresh.generation)
			fresh.generation = held.generation + 1;
		if (held.lock_epoch >= fresh.lock_epoch)
			fresh.lock_epoch = held.lock_epoch + 1;
	}
	return retired ? save_both(dir, &fresh) : 0;
}

int lockdown_file_provision(const char *dir)
{
	const struct lockdown_held fresh = { .generation = 1 };
	int r = lockdown_file_is_first(dir) ? save_both(dir, &fresh) : 0;

	/* after them: alone it would lock the hub */
	if (r == 0 && file_is_gone(dir, FILE_KEPT))
		r = file_replace(dir, FILE_KEPT, kept, sizeof(kept));
	return r;
}
