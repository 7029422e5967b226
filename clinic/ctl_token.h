#pragma once

/*
 * ctl_token.h - what the files of 'clinicctl token' share: what was said, and what is made of it.
 */
#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/remote.h"
#include "clinic/token_orders.h"
#include "hub/core/token.h"
#include "hub/core/verbs.h"

enum {
	TOKEN_AT_QUARANTINED = 2, /* levels of hub/lockdown.h */
	TOKEN_AT_SEALED = 3,
	TOKEN_WORDS_MAX = 256,
};

struct token_args {
	const char *dir, *hub, *challenge;
	const char *as, *key, *technician, *add, *release_key;
	uint32_t verbs, seconds;
	struct token_orders orders; /* beside the verbs */
	long level;		    /* -1: not said */
	bool voice, json, new_key;
	struct ctl_signature by; /* why, for the journal; NULL: not said */
};

/* What is made. */
struct token_made {
	struct challenge challenge;
	struct remote *clinic;
	int64_t now_ms;
	struct hub_facts
		facts; /* with the config that the hub has, or will have: whom it knows */
	struct signer_row signers[SIGNERS_MAX];
	size_t signer_count;
	struct access_token token;
	struct command_order order;
	uint8_t cose[COMMAND_SIGNATURES_MAX][TOKEN_SIGNED_MAX];
	char names[COMMAND_SIGNATURES_MAX][SIGNER_NAME_MAX + 1];
	enum signer_role roles[COMMAND_SIGNATURES_MAX];
	char technician[SIGNER_NAME_MAX + 1];
	char text[TOKEN_TEXT_MAX];
	bool shareless; /* level 3, and the clinic has nothing of this hub's to open */
};

/* Each returns CTL_OK, or another enum ctl_exit after a complaint. */

/* token_ask_hub - m->clinic is open: the hub that stands in the challenge, and the signers. */
int token_ask_hub(const struct token_args *a, struct token_made *m);
int token_ask_signer(const struct token_args *a, const struct token_made *m,
		     const char *name, struct signer_row *ret);
/* By number; NULL: nobody is. */
const struct signer_row *token_ask_person(const struct token_made *m, uint32_t person);
/* token_ask_known - does the hub's config name him? */
int token_ask_known(const struct token_args *a, const struct token_made *m,
		    const struct signer_row *by);
/*
 * token_ask_share - what the hub sealed to the release authority, opened with its key. Wipe it.
 *
 * ret_there   false: the clinic has nothing of this hub's
 */
int token_ask_share(const struct token_args *a, const struct token_made *m,
		    uint8_t ret[static TOKEN_SHARE_LEN], bool *ret_there);
/*
 * token_ask_record - a line in the hub's journal, before anything is shown: who has answered which challenge, and with what.
 *
 * what   an enum door_token
 * text   one line; the reason follows, if one was given
 */
int token_ask_record(const struct token_args *a, const struct token_made *m, int what,
		     const char *text);

/* token_sign - signs a new token, or with --add one that has a signature, shown before; it is in the hub's journal then. */
int token_sign(const struct token_args *a, struct token_made *m);
/* token_show, token_show_json - what was signed, for who carries it to the hub. */
void token_show(const struct token_args *a, const struct token_made *m);
void token_show_json(const struct token_args *a, const struct token_made *m);
/* token_make_code - the digits, printed when they are in the hub's journal. */
int token_make_code(const struct token_args *a, const struct token_made *m);
/* token_verbs_text - "diagnose reboot". */
void token_verbs_text(uint32_t verbs, char *buf, size_t cap);
