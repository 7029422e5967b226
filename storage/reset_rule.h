#pragma once

/*
 * reset_rule.h - what a factory reset has to heed beside what is unsent. hub-store writes it down as hubd says it, because a
 * reset is decided before hubd runs, in hub-store's folder.
 *
 *   reset-rule   "locked" or "discard"; not there: nothing
 */

enum reset_rule {
	RESET_RULE_NONE = 0,
	RESET_RULE_LOCKED, /* level 2 or above, and no order to retire or, by two people at the hub, to reset: there is none by button */
	RESET_RULE_DISCARD, /* two people have ordered that what is unsent is given up */
};

/* reset_rule_load - Returns an enum reset_rule, -EBADMSG (another word), or as file_read. */
int reset_rule_load(const char *dir);

/* reset_rule_save - Returns 0 when it is durable, or as file_replace and file_remove. */
int reset_rule_save(const char *dir, enum reset_rule rule);
