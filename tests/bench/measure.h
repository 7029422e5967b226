#pragma once

/*
 * measure.h - what the benches of storage measure with: time, bytes to the device, medians, the end on a failure.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* measure_must - ends the program if r is not 0; what: the step that failed. */
static inline void measure_must(int r, const char *what)
{
	if (r) {
		fprintf(stderr, "bench: %s failed (%d)\n", what, r);
		exit(1);
	}
}

static inline double measure_us_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline double measure_now_us(void)
{
	return measure_us_of(CLOCK_MONOTONIC);
}

/* measure_device_bytes - what this process has made the kernel write to its disk so far; 0 if it is not told. */
static inline unsigned long long measure_device_bytes(void)
{
	unsigned long long n = 0;
	char line[128];
	FILE *f = fopen("/proc/self/io", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "write_bytes: %llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static inline int measure_by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * measure_print - one line: <p50 us> <p99 us> <device bytes per reading> <readings/s>
 *
 * us        time of each commit; sorted here
 * written   device bytes of all of them
 */
static inline void measure_print(double *us, size_t commits, size_t group,
				 unsigned long long written)
{
	double sum = 0;

	for (size_t i = 0; i < commits; i++)
		sum += us[i];
	qsort(us, commits, sizeof(us[0]), measure_by_size);
	printf("%.1f %.1f %.1f %.0f\n", us[commits / 2], us[commits * 99 / 100],
	       (double)written / (double)(commits * group),
	       (double)(commits * group) / sum * 1e6);
}
