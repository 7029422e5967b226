#pragma once

/*
 * command.h - may this command be done, by these people, at this hub, now? Pure.
 */
#include "hub/core/command.h"
#include "hub/core/config.h"

/* Where a command arrives. */
struct command_place {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t counter; /* of the last one that was taken in this epoch, 0: none */
	int64_t utc_s;	  /* not earlier than now, by the clinic's clock */
	uint8_t level;	  /* of the lockdown, 0..4 */
	bool retiring;	  /* an order to retire was taken */
	bool challenged;  /* the next two are out and valid */
	uint32_t lock_epoch;
	uint8_t nonce[COMMAND_NONCE_LEN];
	bool dwelt;   /* long enough at this level for a release */
	bool unclean; /* a measurement has locked it, and two clean ones are missing */
	bool guarded; /* at level 0: a release ends what calls for level 1 */
};

/*
 * command_judge - the first thing that is wrong with it, or COMMAND_DONE: it may be done.
 *
 * roles   of those whose signatures are good; 1..COMMAND_SIGNATURES_MAX of different people
 *
 * Two signatures are needed for level 3 and to retire; they must be of two roles.
 */
enum command_result command_judge(const struct command *c, const enum signer_role *roles,
				  size_t count, const struct command_place *at);

/* command_needs - how many signatures of different roles this command needs. Pure. */
size_t command_needs(const struct command *c);

/* command_role_may - may somebody of this role order it, with a second signature if one is needed? Pure. */
bool command_role_may(const struct command *c, enum signer_role role);
