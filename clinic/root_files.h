#pragma once

/*
 * root_files.h - how far a clinic is with another root, by the files of its folder, and what hubs are told of it.
 *
 *   root-next.key, .crt, .trust, root-next-cross.crt   the next root: announced, not used yet
 *   root-old.key, root-old.crt                         the one before: hubs still take it
 *   root.trust, root-cross.crt                         of the root in use, if it is not the first one: its clinic.trust, and the
 *                                                      certificate by which the root before vouches for it
 *
 * root.trust without root-cross.crt is of the first root, for hubs that were added by hand before their bundle had a clinic.trust
 * ('clinicctl trust --to-hubs').
 *
 * The moves are root_change.h's. The .crt is the last of its set that is written, and the first that is removed.
 */
#include <stdbool.h>

#include "clinic/keyring.h"
#include "hub/core/config.h"

#define ROOT_NEXT_KEY "root-next.key"
#define ROOT_NEXT_CRT "root-next.crt"
#define ROOT_NEXT_TRUST "root-next.trust"
#define ROOT_NEXT_CROSS "root-next-cross.crt"
#define ROOT_OLD_KEY "root-old.key"
#define ROOT_OLD_CRT "root-old.crt"
#define ROOT_TRUST "root.trust"
#define ROOT_CROSS "root-cross.crt"

enum keyring_step root_files_step(const char *dir);

/*
 * root_files_config - what configs are to say of the root; trust_len 0: nothing, it is the first one.
 *
 * Returns 0 or an error of folder.h with words in why.
 */
int root_files_config(const char *dir, struct config_root *ret,
		      char why[static FOLDER_WHY_MAX]);

enum { ROOT_CHAIN_MAX = 3 * PKI_PEM_MAX };

/*
 * root_files_chain - a certificate of the clinic's own and, while hubs may know the root before only, the one that leads them
 * from it to the root in use.
 *
 * root_files_anchors - the roots below which certificates are good: the one in use, and the one before while that is taken.
 */
int root_files_chain(const char *dir, const char *crt, char ret[static ROOT_CHAIN_MAX],
		     char why[static FOLDER_WHY_MAX]);
int root_files_anchors(const char *dir, char ret[static ROOT_CHAIN_MAX],
		       char why[static FOLDER_WHY_MAX]);
