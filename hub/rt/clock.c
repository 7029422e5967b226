/*
 * clock.c - the clocks and the boot id; the only file that reads them.
 */
#include "hub/rt/rt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* No clock can truly show a time before this code was written: 2026-11-01. */
#define OLDEST_WALL_MS (1793491200LL * 1000)

struct mono rt_mono(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct mono){ (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 };
}

struct wall rt_wall(void)
{
	struct wall w = { .uncertainty_ms = UINT32_MAX };
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	w.ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	if (w.ms < OLDEST_WALL_MS)
		w.quality = CLOCK_QUALITY_NONE;
	else if (access("/run/systemd/timesync/synchronized", F_OK) == 0)
		w.quality = CLOCK_QUALITY_NTP; /* systemd-timesyncd's own statement */
	else
		w.quality = CLOCK_QUALITY_UNSYNC;
	return w;
}

/* 32 hex digits, with or without hyphens. */
static int parse_id(const char *text, uint8_t ret[static 16])
{
	size_t digits = 0;

	for (const char *c = text; *c && digits < 32; c++) {
		const char *hex = "0123456789abcdef";
		const char *at = strchr(hex, *c);

		if (!at)
			continue;
		ret[digits / 2] = (uint8_t)(ret[digits / 2] << 4 | (at - hex));
		digits++;
	}
	return digits == 32 ? 0 : -EIO;
}

int rt_boot_id(uint8_t ret[static 16])
{
	/* from the unit file: the sandbox hides /proc/sys */
	const char *given = getenv("HUB_BOOT_ID");
	char text[64] = "";
	FILE *f;

	if (given)
		return parse_id(given, ret);
	f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!f)
		return -EIO;
	(void)!fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	return parse_id(text, ret);
}
