#pragma once

/*
 * files.h - the clinic's folder: what lies in it, and reading and writing it whole.
 *
 *   clinic.conf              what hubs are told: name, address, port (conf.h)
 *   root.key, root.crt       certificate authority, PEM
 *   server.key, server.crt   clinicd's own, PEM
 *   enrol.key, enrol.crt     CA below the root for hubs that enrol, PEM; clinicd reads it if they do
 *   config.key, config.pub   signs what hubs obey: P-256 scalar, point
 *   seal.key, seal.pub       readings are sealed to it: key id u8, X25519 private or public key
 *   seal-N.key, *-next.*, *-old.*   keys that change, see keyring.h; of the root also root.trust and root-cross.crt (root_files.h)
 *   release.key, release.pub release authority: hubs seal what ends level 3 to it, as seal.key
 *   signer-NAME.key          of a person who may sign orders, if it was made here: P-256 scalar; or which
 *                            credential of his security key (fido_file.h) or key of his token (pkcs11_file.h) signs
 *   store.key                database key and salt
 *   door.conf                a person's folder only: where clinicd's door is (person_folder.h)
 *   clinic.db                the database (and clinic.db-wal, clinic.db-shm)
 *
 * All is made in a folder beside the final one and moved there at the end, so that it is
 * complete or absent. Files have mode 0600, folders 0700. Errors: -ENOENT, -EACCES,
 * -ENOSPC, -EEXIST, -EMSGSIZE (path too long), -EIO.
 */
enum {
	FILES_PATH_MAX = 1024,
	FILES_SEAL_LEN = 1 + 32,
};

#define FILES_CONF "clinic.conf"
#define FILES_ROOT_KEY "root.key"
#define FILES_ROOT_CRT "root.crt"
#define FILES_SERVER_KEY "server.key"
#define FILES_SERVER_CRT "server.crt"
#define FILES_ENROL_KEY "enrol.key"
#define FILES_ENROL_CRT "enrol.crt"
#define FILES_CONFIG_KEY "config.key"
#define FILES_CONFIG_PUB "config.pub"
#define FILES_SEAL_KEY "seal.key"
#define FILES_SEAL_PUB "seal.pub"
#define FILES_RELEASE_KEY "release.key"
#define FILES_RELEASE_PUB "release.pub"
#define FILES_STORE_KEY "store.key"
#define FILES_DB "clinic.db"
/* a person's folder: */
#define FILES_DOOR "door.conf"
#define FILES_PERSON_KEY "person.key"
#define FILES_PERSON_CRT "person.crt"

/* files_path - "dir/name" into buf. Returns 0 or -EMSGSIZE. */
int files_path(const char *dir, const char *name, char buf[static FILES_PATH_MAX]);

/* A path taken apart: the folder in which it lies, and what it is called there. */
struct files_place {
	char dir[FILES_PATH_MAX], name[FILES_PATH_MAX];
};
/* files_place_of - "a/b" is "b" in "a", "b" is "b" in ".". Returns 0 or -EMSGSIZE. */
int files_place_of(const char *path, struct files_place *ret);

/*
 * files_make_folder - a new empty folder of mode 0700 beside path, to be filled and then
 * moved there.
 *
 * ret   its name, to be given to files_publish or files_discard; FILES_PATH_MAX bytes
 *
 * Returns -EEXIST if there is something at path; an empty folder is nothing.
 */
int files_make_folder(const char *path, char ret[static FILES_PATH_MAX]);
/* Makes a folder inside one. */
int files_make_inner(const char *dir, const char *name);
/* files_publish - moves a filled folder to path, durably; never
 * over something that is there (an empty folder is nothing). */
int files_publish(const char *folder, const char *path);
/* files_discard - removes a folder made here, with all that was put in. */
void files_discard(const char *folder);
