#pragma once

/*
 * folder.h - opening a clinic's folder, with words for a person when that fails.
 *
 * Each function writes to why what went wrong, where, and what to do, and returns -ENOENT
 * (not a clinic's folder, part missing), -EACCES, -EBADMSG (a file is not what it should
 * be), -EKEYREJECTED, -ENOTSUP or -EIO.
 */
#include <stddef.h>

#include "clinic/conf.h"
#include "clinic/pki.h"
#include "clinic/store.h"

enum { FOLDER_WHY_MAX = 1400 };

int folder_read_conf(const char *dir, struct conf *ret, char why[static FOLDER_WHY_MAX]);
int folder_open_store(const char *dir, struct store **ret,
		      char why[static FOLDER_WHY_MAX]);
/* One file of fixed length, or one text. */
int folder_read(const char *dir, const char *name, void *ret, size_t len,
		char why[static FOLDER_WHY_MAX]);
int folder_read_text(const char *dir, const char *name, char *ret, size_t cap,
		     char why[static FOLDER_WHY_MAX]);
