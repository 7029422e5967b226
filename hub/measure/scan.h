#pragma once

/*
 * scan.h - reads /proc, and the files that are mapped, for one survey.
 *
 * It opens files of others to hash them, never to write, and nothing that is not a regular file. A process that ends
 * meanwhile is left out.
 */
#include "hub/core/image.h"
#include "hub/measure/survey.h"

/*
 * scan_run - one look at everything.
 *
 * proc    "/proc"
 * s       after survey_begin
 *
 * Returns 0, -ENOMEM, or -EIO: there is no such folder.
 */
int scan_run(const char *proc, const struct image *image, struct survey *s);
