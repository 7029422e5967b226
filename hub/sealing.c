/*
 * sealing.c - see sealing.h.
 *
 *   below level 3   engine.share in clear; the escrow of this lock epoch, if the config has a release authority
 *   into level 3    level durable -> hub-store has closed state.db -> engine.share erased, if the clinic has the escrow
 *   out of it       engine.share written again -> level durable -> a new escrow, of the new lock epoch
 *
 * Invariants
 *   1. The engine share is never lost: it is erased only when it is wrapped in both files of the escrow, and the clinic has said
 *      that it holds what opens them. Without that it is withheld, as at level 2.
 *   2. Never both: at level 3 a share that is there in clear is one whose release was cut off, or that the clinic cannot
 *      give back yet; sealing_look, at the latest with the next start, erases the first.
 *   3. The share is durable before the level falls: a release that was taken has it.
 *   4. A server share serves one lock epoch. One that came with a token, or whose release key checked a code, is followed by
 *      another one.
 */
#include "hub/sealing.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/escrow_file.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

enum { LEVEL_SEALED = 3 };

void sealing_open(struct sealing *s, const char *dir, struct settings *settings)
{
	int r;

	*s = (struct sealing){ .dir = dir, .settings = settings };
	r = escrow_file_load(dir, &s->escrow);
	s->has = r == 0;
	if (r && r != -ENOENT)
		log_err("escrow-file", "error=\"%s\" do=\"%s\"", err_text(r),
			settings->has_share ? "nothing: a new one is made"
					    : "the engine share is lost: state.db stays "
					      "closed until a factory reset");
	else if (!settings->has_share)
		log_info("engine-share", "state=sealed");
}

static bool fits(const struct escrow *e, const struct config *c, uint32_t lock_epoch)
{
	return memcmp(e->hub, c->hub, HUB_ID_LEN) == 0 && e->epoch == c->epoch &&
	       e->lock_epoch == lock_epoch &&
	       memcmp(e->authority, c->release_public, X25519_LEN) == 0;
}

static int save(struct sealing *s, const struct escrow *e)
{
	int r = escrow_file_save(s->dir, e);

	if (r && !s->unsaved)
		log_err("escrow-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
	s->unsaved = r != 0;
	return r;
}

static bool draw(struct sealing *s, const struct config *c, uint32_t lock_epoch)
{
	struct escrow e = { .epoch = c->epoch, .lock_epoch = lock_epoch };
	int r;

	memcpy(e.hub, c->hub, HUB_ID_LEN);
	memcpy(e.authority, c->release_public, X25519_LEN);
	r = escrow_draw(&e, s->settings->share);
	if (r)
		log_err("escrow", "error=\"%s\"", err_text(r));
	else
		r = save(s, &e);
	if (r == 0) {
		s->escrow = e;
		s->has = true;
		log_info("escrow", "lock-epoch=%" PRIu32, lock_epoch);
	}
	crypto_wipe(&e, sizeof(e));
	return r == 0;
}

/* What was wrapped is what is erased. A copy that went bad, or that a power cut left behind, is written again: with the share
 * gone there is nothing else. */
static bool can_erase(struct sealing *s, const struct config *c)
{
	return s->has && s->escrow.kept && c &&
	       memcmp(s->escrow.hub, c->hub, HUB_ID_LEN) == 0 &&
	       s->escrow.epoch == c->epoch &&
	       (escrow_file_holds(s->dir, &s->escrow) ||
		(save(s, &s->escrow) == 0 && escrow_file_holds(s->dir, &s->escrow)));
}

static void erase(struct sealing *s)
{
	int r;

	FAILPOINT("hubd.share.before");
	r = settings_erase_share(s->settings);
	FAILPOINT("hubd.share.erased");
	if (r)
		log_err("engine-share", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
	else
		log_info("engine-share", "state=sealed");
}

bool sealing_look(struct sealing *s, const struct config *c, uint8_t level,
		  uint32_t lock_epoch)
{
	if (level >= LEVEL_SEALED) {
		if (s->settings->has_share && can_erase(s, c))
			erase(s);
		return false;
	}
	if (!c || !c->has_release || !s->settings->has_share ||
	    (s->has && fits(&s->escrow, c, lock_epoch)))
		return false;
	return draw(s, c, lock_epoch);
}

bool sealing_on_kept(struct sealing *s, uint32_t lock_epoch, uint64_t name)
{
	struct escrow e = s->escrow;
	bool news = s->has && !e.kept && e.lock_epoch == lock_epoch &&
		    escrow_name(e.sealed) == name;

	e.kept = true;
	if (news && save(s, &e) == 0)
		s->escrow.kept = true;
	crypto_wipe(&e, sizeof(e));
	return news && s->escrow.kept;
}

struct escrow_sealed sealing_tell(const struct sealing *s, uint8_t level)
{
	struct escrow_sealed r = { 0 };

	if (!s->has || (s->escrow.kept && level < LEVEL_SEALED))
		return r;
	r.there = true;
	r.lock_epoch = s->escrow.lock_epoch;
	memcpy(r.bytes, s->escrow.sealed, sizeof(r.bytes));
	return r;
}

const uint8_t *sealing_release_key(const struct sealing *s)
{
	return s->has ? s->escrow.release_key : NULL;
}

int sealing_restore(struct sealing *s, const struct access_token *t)
{
	uint8_t server[TOKEN_SHARE_LEN], engine[ENGINE_SHARE_LEN];
	int r;

	if (s->settings->has_share && !(s->has && s->escrow.kept))
		return 0; /* the clinic cannot give it back: it was withheld only */
	if (!s->has || escrow_get_share(s->escrow.release_key, t, server))
		return -EKEYREJECTED;
	r = escrow_open(&s->escrow, server, engine);
	/* an erasure that was cut off, or failed, leaves what is no share */
	if (r == 0 && !(s->settings->has_share &&
			crypto_equal(s->settings->share, engine, ENGINE_SHARE_LEN)))
		r = settings_put_share(s->settings, engine);
	if (r == 0)
		FAILPOINT("hubd.share.restored");
	crypto_wipe(server, sizeof(server));
	crypto_wipe(engine, sizeof(engine));
	return r;
}
