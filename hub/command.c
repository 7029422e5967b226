/*
 * command.c - see command.h.
 *
 *   verb      by whom                                  at level
 *   test      technician                               0, 1, 2
 *   reboot    technician                               0, 1, 2
 *   lock 2    anybody on the list                      0..3; never lowers
 *   lock 3    two roles                                0..3
 *   release   anybody on the list, with the challenge  2; 0 when something calls for 1 that only a release ends
 *   retire    two roles                                0..3
 *   cancel    anybody on the list                      0..3
 */
#include "hub/command.h"

#include <string.h>

enum { LEVEL_NORMAL = 0, LEVEL_RETIRED = 4 };

size_t command_needs(const struct command *c)
{
	return c->verb == COMMAND_RETIRE || (c->verb == COMMAND_LOCK &&
					     c->level >= COMMAND_LEVEL_SEALED)
		       ? 2
		       : 1;
}

bool command_role_may(const struct command *c, enum signer_role role)
{
	switch (c->verb) {
	case COMMAND_NO_VERB: break;
	case COMMAND_TEST:
	case COMMAND_REBOOT: return role == SIGNER_TECHNICIAN;
	case COMMAND_LOCK:
	case COMMAND_RELEASE:
	case COMMAND_RETIRE:
	case COMMAND_CANCEL: return role != SIGNER_NONE;
	}
	return false;
}

static enum command_result judge_people(const struct command *c,
					const enum signer_role *roles, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!command_role_may(c, roles[i]))
			return COMMAND_BAD_ROLE;
	if (count == 0 || (command_needs(c) > 1 && (count < 2 || roles[0] == roles[1])))
		return COMMAND_SECOND_MISSING;
	return COMMAND_DONE;
}

static enum command_result judge_release(const struct command *c,
					 const struct command_place *at)
{
	bool guarded = at->level == LEVEL_NORMAL && at->guarded;

	if (at->level != COMMAND_LEVEL_QUARANTINED && !guarded)
		return COMMAND_BAD_LEVEL;
	if (!at->challenged || c->lock_epoch != at->lock_epoch ||
	    memcmp(c->nonce, at->nonce, COMMAND_NONCE_LEN) != 0)
		return COMMAND_BAD_CHALLENGE;
	if (!guarded && !at->dwelt)
		return COMMAND_TOO_EARLY;
	return at->unclean ? COMMAND_NOT_CLEAN : COMMAND_DONE;
}

static enum command_result judge_level(const struct command *c,
				       const struct command_place *at)
{
	if (at->level >= LEVEL_RETIRED)
		return COMMAND_BAD_LEVEL;
	if (at->retiring && c->verb != COMMAND_LOCK && c->verb != COMMAND_CANCEL)
		return COMMAND_RETIRING;
	switch (c->verb) {
	case COMMAND_TEST:
	case COMMAND_REBOOT:
		return at->level <= COMMAND_LEVEL_QUARANTINED ? COMMAND_DONE
							      : COMMAND_BAD_LEVEL;
	case COMMAND_RELEASE: return judge_release(c, at);
	case COMMAND_LOCK:
	case COMMAND_RETIRE:
	case COMMAND_CANCEL: return COMMAND_DONE;
	case COMMAND_NO_VERB: break;
	}
	return COMMAND_BAD_FORM;
}

enum command_result command_judge(const struct command *c, const enum signer_role *roles,
				  size_t count, const struct command_place *at)
{
	enum command_result r;

	if (memcmp(c->hub, at->hub, HUB_ID_LEN) != 0)
		return COMMAND_OTHER_HUB;
	if (c->epoch != at->epoch)
		return COMMAND_OTHER_EPOCH;
	if (c->counter <= at->counter)
		return COMMAND_OLD;
	if (at->utc_s > c->not_after_s)
		return COMMAND_EXPIRED;
	r = judge_people(c, roles, count);
	return r == COMMAND_DONE ? judge_level(c, at) : r;
}
