/*
 * sqlcipher_wolf.h - wolfCrypt as SQLCipher's only crypto library.
 *
 * Our SQLCipher is compiled with SQLCIPHER_CRYPTO_CUSTOM=hub_sqlcipher_wolf_setup and
 * calls the function below itself, with the first database that gets a key: nothing has
 * to be registered. The header is for tests and for the prototype.
 */
#pragma once

/* Without it SQLCipher's headers hide all that is SQLCipher's. */
#ifndef SQLITE_HAS_CODEC
#define SQLITE_HAS_CODEC 1
#endif

/* sqlcipher.h names this type of SQLite's inside in a prototype. */
typedef struct Parse Parse;
#include <sqlcipher.h>

/*
 * hub_sqlcipher_wolf_setup - fill SQLCipher's table of crypto functions.
 *
 * ret_provider  overwritten as a whole
 *
 * Returns SQLITE_OK always. Pure; the random generator starts with the first database
 * that is opened.
 */
int hub_sqlcipher_wolf_setup(sqlcipher_provider *ret_provider);
