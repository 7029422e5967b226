#pragma once

/*
 * sql_rewrite.h - our parameters ?1 as PostgreSQL writes them, $1. SQLite would take $1 for a name.
 */
#include <stddef.h>

/*
 * sql_rewrite - the same text with $ for each ? that is a parameter: one followed by a digit, outside of quotes.
 *
 * buf   as long as text, with its NUL
 *
 * Returns the highest number of a parameter, or -ENOSPC (cap too small). Pure.
 */
int sql_rewrite(const char *text, char *buf, size_t cap);
