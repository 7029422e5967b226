/*
 * report.c - see report.h.
 */
#include "coap/report.h"

#include "hub/rt/log.h"

enum { TELL_EVERY_MS = 60 * 1000 };

void report_note(struct report *r, enum incident what)
{
	for (size_t i = 0; i < REPORT_KINDS; i++) {
		if (r->tallies[i].what != INCIDENT_NONE && r->tallies[i].what != what)
			continue;
		r->tallies[i].what = what;
		if (r->tallies[i].count < UINT32_MAX)
			r->tallies[i].count++;
		log_warn("uplink-incident", "what=\"%s\" untold=%u", incident_text(what),
			 r->tallies[i].count);
		return;
	}
}

void report_send(struct report *r, struct ipc *hubd, struct mono now)
{
	for (size_t i = 0; i < REPORT_KINDS && ipc_is_up(hubd); i++) {
		struct msg m = { .kind = MSG_INCIDENT };

		if (r->tallies[i].count == 0 ||
		    (r->tallies[i].told &&
		     mono_since(now, r->tallies[i].told_at) < TELL_EVERY_MS))
			continue;
		m.incident.what = r->tallies[i].what;
		m.incident.count = r->tallies[i].count;
		if (ipc_send(hubd, &m))
			return; /* the next turn tries again */
		r->tallies[i].count = 0;
		r->tallies[i].told = true;
		r->tallies[i].told_at = now;
	}
}
