#pragma once

/*
 * root_change.h - the clinic goes over to another root: its moves. As in keyring.h each is a row of copies that a second run
 * finishes; the keys of roots may be encrypted, then a passphrase is asked for.
 *
 * With the root the certificates of the server and of the CA for hubs are made anew, for the keys that they have: so their pins
 * stay, and a hub that was off meanwhile knows the server by the chain that leads from the root before (root_files_chain).
 *
 * Each function returns 0 or an error of folder.h, and writes to why what is wrong.
 */
#include "clinic/root_files.h"

/*
 * root_change_next - make the next one. -EEXIST: there is one, or the one before is there.
 *
 * passphrase   encrypts its key; "": it is not
 */
int root_change_next(const char *dir, const char *passphrase, int64_t now_ms,
		     char why[static FOLDER_WHY_MAX]);
/* root_change_use - it takes its place; -ENOENT if there is none. */
int root_change_use(const char *dir, int64_t now_ms, char why[static FOLDER_WHY_MAX]);
/* root_change_back - the one before is put back, and the one in use is the next one again; -ENOENT if there is none. */
int root_change_back(const char *dir, int64_t now_ms, char why[static FOLDER_WHY_MAX]);
/* root_change_drop - the one before is removed. */
int root_change_drop(const char *dir, char why[static FOLDER_WHY_MAX]);
