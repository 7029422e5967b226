#pragma once

/*
 * sealing.h - the engine share and its escrow: where each is at which level. Shell: files of hubd. Invariants and order: sealing.c.
 */
#include "hub/escrow.h"
#include "hub/settings.h"

/* Fields are private. */
struct sealing {
	const char *dir;
	struct settings *settings; /* its share: here it comes and goes */
	bool has;
	struct escrow escrow;
	bool unsaved; /* told in the log */
};

/* sealing_open - what is on the disk. Pointers are borrowed for life. settings_open comes before. */
void sealing_open(struct sealing *s, const char *dir, struct settings *settings);

/*
 * sealing_look - after each event that it may have heard of, when nothing is being written that lowers the level: a new server share
 * where one is called for; at level 3 the engine share goes once the clinic can give it back.
 *
 * c   the config in use, NULL: none
 *
 * Returns true if what is to be told to the clinic has changed.
 */
bool sealing_look(struct sealing *s, const struct config *c, uint8_t level,
		  uint32_t lock_epoch);

/* sealing_on_kept - the clinic has what this lock epoch and this escrow_name name. Returns as sealing_look, which follows. */
bool sealing_on_kept(struct sealing *s, uint32_t lock_epoch, uint64_t name);

/* sealing_tell - what the clinic is to hear: until it has it, and from level 3 on. */
struct escrow_sealed sealing_tell(const struct sealing *s, uint8_t level);

/* sealing_release_key - NULL: there is none. Borrowed. */
const uint8_t *sealing_release_key(const struct sealing *s);

/*
 * sealing_restore - the engine share is on the disk and in the settings again, by the server share that the token carries; nothing if
 * it was there all along, as the clinic had nothing to give it back with.
 *
 * Returns 0, -EKEYREJECTED (no share, or a wrong one), or -ENOSPC, -EACCES, -EIO: it is as it was.
 */
int sealing_restore(struct sealing *s, const struct access_token *t);
