#pragma once

/*
 * scan.h - reads /proc, and the files that are mapped, for one survey.
 *
 * It opens files of others to hash them, never to write, and nothing that is not a regular file. A process that ends
 * meanwhile is left out.
 */
#include "hub/core/image.h"
#include "hub/measure/survey.h"

/* Who wants to know of each mapping of a file that may execute. */
struct scan_watch {
	void *arg;
	/* hash: of its bytes, if f->read */
	void (*file)(void *arg, const char *path, size_t len, const struct survey_file *f,
		     const uint8_t *hash);
};

/*
 * scan_run - one look at everything.
 *
 * proc    "/proc"
 * s       after survey_begin
 * watch   borrowed; NULL: nobody
 *
 * Returns 0, -ENOMEM, or -EIO: there is no such folder.
 */
int scan_run(const char *proc, const struct image *image, struct survey *s,
	     const struct scan_watch *watch);
