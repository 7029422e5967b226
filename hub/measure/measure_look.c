/*
 * measure_look.c - one look at what runs, what is plugged in and what the packet filter dropped; see measure_inside.h.
 */
#include "hub/measure/measure_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"

int measure_look(struct measure *m)
{
	struct survey s;
	int r;

	survey_begin(&s, &m->now, rt_wall().ms / 1000);
	r = scan_run("/proc", &m->image, &s, NULL);
	if (r)
		log_err("look-failed", "error=\"%s\"", err_text(r));
	return r;
}

void measure_look_at_hardware(struct measure *m)
{
	struct hardware before;

	hardware_read("/sys", "/proc", &m->hardware);
	if (hardware_load(m->options.state_dir, &before))
		m->changed = hardware_compare(&before, &m->hardware);
	if (m->changed.usb || m->changed.card || m->changed.boot)
		log_err("hardware", "usb=%u card=%d boot=%d", m->changed.usb,
			m->changed.card, m->changed.boot);
}

/* Counted by the kernel, so that it is true without a second look. What was told and cannot be read is not told again: a card that
 * fails is not an intruder. */
void measure_look_at_drops(struct measure *m)
{
	struct survey s = { .e = &m->now };
	uint64_t packets[DROPS_COUNTERS];
	struct drops told;
	int r = drops_read(m->options.run_dir, &m->drops);

	m->has_drops = r == 0;
	if (r) {
		log_warn("drops-unread", "error=\"%s\" do=\"look at hub-drops.service\"",
			 err_text(r));
		return;
	}
	memcpy(m->drops.boot, m->now.boot, sizeof(m->drops.boot));
	r = drops_load(m->options.state_dir, &told);
	if (r && r != -ENOENT) {
		log_warn("drops-told-unread",
			 "error=\"%s\" do=\"nothing: it is counted from now on\"",
			 err_text(r));
		return;
	}
	drops_since(r ? NULL : &told, &m->drops, packets);
	for (size_t i = 0; i < DROPS_COUNTERS; i++)
		if (packets[i])
			survey_dropped(&s, drops_name(i), drops_uid(i), packets[i]);
}
