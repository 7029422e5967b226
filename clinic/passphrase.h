#pragma once

/*
 * passphrase.h - what a person types to use a key. It is asked for on the terminal, not on standard input, with echo off; or
 * read from a file that was named before.
 */
#include <stdbool.h>
#include <stddef.h>

enum { PASSPHRASE_MAX = 256, PASSPHRASE_MIN = 8 };

/* passphrase_from - the file from now on, borrowed; its first line. NULL: the terminal. Returns what it was before. */
const char *passphrase_from(const char *path);
/* passphrase_is_file - is one named? */
bool passphrase_is_file(void);

/*
 * passphrase_get - what: for whom it is, "clinic/config.key".
 *
 * ret   NUL-terminated; to be wiped
 *
 * Returns 0, -ENOENT (no terminal, or no such file), -EMSGSIZE (empty, or longer than fits), or -EIO.
 */
int passphrase_get(const char *what, char ret[static PASSPHRASE_MAX]);

/* passphrase_pin - the same for a PIN: only the question is another one. */
int passphrase_pin(const char *what, char ret[static PASSPHRASE_MAX]);

/*
 * passphrase_new - a new one, typed twice.
 *
 * Returns also -ERANGE (shorter than PASSPHRASE_MIN) and -EBADMSG (not the same twice).
 */
int passphrase_new(const char *what, char ret[static PASSPHRASE_MAX]);
