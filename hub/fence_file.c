/*
 * fence_file.c - see fence_file.h.
 */
#include "hub/fence_file.h"

#include <errno.h>

#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

static const char file_name[] = "assignment";

int fence_load(const char *dir, struct fence_held *ret)
{
	uint8_t buf[FENCE_BYTES_MAX];
	int n = file_read(dir, file_name, buf, sizeof(buf)), r;

	*ret = (struct fence_held){ .known = false };
	if (n == -ENOENT)
		return 0;
	r = n < 0 ? n : fence_decode(buf, (size_t)n, ret);
	if (r)
		ret->known = true;
	return r;
}

int fence_save(const char *dir, const struct fence_held *held)
{
	uint8_t buf[FENCE_BYTES_MAX];
	int n = fence_encode(held, buf), r;

	FAILPOINT("hubd.assignment.before");
	r = n < 0 ? n : file_replace(dir, file_name, buf, (size_t)n);
	FAILPOINT("hubd.assignment.after");
	return r;
}
