/*
 * pace.c - see pace.h. The median is taken of few samples and at each commit: it forgets within seconds.
 */
#include "clinic/pace.h"

#include <string.h>

static uint32_t median(const struct pace *p)
{
	uint32_t sorted[PACE_SAMPLES] = { 0 };

	for (size_t i = 0; i < p->count; i++) {
		size_t at = i;

		for (; at > 0 && sorted[at - 1] > p->samples_us[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = p->samples_us[i];
	}
	return sorted[p->count / 2];
}

static uint8_t window_for(uint32_t median_us)
{
	if (median_us > PACE_SLOWEST_US)
		return 1;
	if (median_us > PACE_SLOWER_US)
		return 2;
	return median_us > PACE_SLOW_US ? 4 : 0;
}

void pace_on_commit(struct pace *p, uint64_t us)
{
	p->samples_us[p->next] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	p->next = (p->next + 1) % PACE_SAMPLES;
	if (p->count < PACE_SAMPLES)
		p->count++;
	p->window = window_for(median(p));
}

uint8_t pace_window(const struct pace *p)
{
	return p->window;
}

uint32_t pace_away_s(uint32_t base_s, uint32_t dice)
{
	return base_s + dice % (base_s / 2 + 1);
}
