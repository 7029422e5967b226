#pragma once

/*
 * keyring.h - keys of the clinic that are about to change, or were changed: which files they are in, and their moves.
 *
 *   server-next.key, server-next.crt   the server's next key and certificate: announced, not used yet
 *   server-old.key, server-old.crt     those before: hubs still take them
 *   enrol-next.*, enrol-old.*          the same of the CA for hubs that enrol
 *   seal-next.key, seal-next.pub       the next sealing key
 *   seal-N.key                         sealing key number N, no longer sealed to: opens what was
 *
 * Each move is a row of copies in an order that a second run can finish, whatever it was killed at; only then something is
 * removed. The certificate (or public key) of a pair is written last and removed first: where it is, its key is.
 *
 * Each function returns 0 or an error of folder.h, and writes to why what is wrong.
 */
#include <stdbool.h>

#include "clinic/folder.h"
#include "hub/core/config.h"

enum keyring_step {
	KEYRING_IDLE,	   /* one key */
	KEYRING_ANNOUNCED, /* and a next one */
	KEYRING_MOVING,	   /* a move was cut short */
	KEYRING_USED,	   /* and the one before */
};

/* Of which the moves are the same. */
enum keyring_pair { KEYRING_SERVER, KEYRING_ENROL };

enum keyring_step keyring_step(const char *dir, enum keyring_pair p);

/* keyring_next - make the next one; -EEXIST if there is one, or the one before is there. */
int keyring_next(const char *dir, enum keyring_pair p, int64_t now_ms,
		 char why[static FOLDER_WHY_MAX]);
/* keyring_use - the next one takes its place; -ENOENT if there is none. */
int keyring_use(const char *dir, enum keyring_pair p, char why[static FOLDER_WHY_MAX]);
/* keyring_back - the one before is put back, and the one in use is the next one again; -ENOENT if there is none. */
int keyring_back(const char *dir, enum keyring_pair p, char why[static FOLDER_WHY_MAX]);
/* keyring_drop - the one before is removed. */
int keyring_drop(const char *dir, enum keyring_pair p, char why[static FOLDER_WHY_MAX]);

/* keyring_pins - of the server: in use, then the next one or the one before. Fills 1 or 2. */
int keyring_pins(const char *dir, uint8_t ret[static CONFIG_PINS_MAX][PIN_LEN],
		 size_t *ret_count, char why[static FOLDER_WHY_MAX]);

/* What hubs shall know of sealing keys. */
struct keyring_seal {
	struct config_seal now, next;
	bool has_next;
};

int keyring_seal(const char *dir, struct keyring_seal *ret,
		 char why[static FOLDER_WHY_MAX]);
/* As above. -ERANGE: no number is left. */
int keyring_seal_next(const char *dir, char why[static FOLDER_WHY_MAX]);
/* The private keys may be elsewhere: then only the public one moves. */
int keyring_seal_use(const char *dir, char why[static FOLDER_WHY_MAX]);

/* keyring_release_add - the release authority's public key into a config; without one the config has none. */
int keyring_release_add(const char *dir, struct config *c,
			char why[static FOLDER_WHY_MAX]);
/* keyring_release_make - a new one, in a folder that has none; -EEXIST. */
int keyring_release_make(const char *dir);
/* keyring_release_open - its private key, from path or the folder. Wipe it. */
int keyring_release_open(const char *dir, const char *path,
			 uint8_t ret[static SEAL_PUBLIC_LEN],
			 char why[static FOLDER_WHY_MAX]);

#define KEYRING_SEAL_NEXT "seal-next.key"

enum { KEYRING_SEAL_NAME_MAX = 24 };
/* keyring_seal_name - "seal-7.key". Returns buf. Pure. */
char *keyring_seal_name(uint8_t id, char buf[static KEYRING_SEAL_NAME_MAX]);
