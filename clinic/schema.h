#pragma once

/*
 * schema.h - the clinic's tables as numbered forward steps; see sql.h for the SQL that is allowed.
 */
#include "clinic/sql.h"

enum { SCHEMA_VERSION = 3 };

/*
 * schema_migrate - bring the tables from the version found to SCHEMA_VERSION, in one transaction.
 *
 * Returns 0, -ENOTSUP (the tables are newer than this program), or an error of sql.h. Two
 * programs that do it at once: one waits, then finds nothing to do.
 */
int schema_migrate(struct sql *db, bool create);
