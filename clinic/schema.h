#pragma once

/*
 * schema.h - the clinic's tables as numbered forward steps; see sql.h for the SQL that is allowed.
 */
#include "clinic/sql.h"

enum { SCHEMA_VERSION = 20 };

/*
 * schema_migrate - bring the tables from the version found to SCHEMA_VERSION, in one transaction.
 *
 * create   make them; else they must be there
 *
 * Returns 0, -EEXIST (create: they are there), -ENOTSUP (they are newer, and not for this program), -ENOENT or -EIO (no
 * clinic's tables), or an error of sql.h. Programs that do it at once: one does it, the others wait, then find it done.
 */
int schema_migrate(struct sql *db, bool create);
