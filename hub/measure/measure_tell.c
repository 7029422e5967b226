/*
 * measure_tell.c - the account goes to hub-store in pieces, what was found to hubd; see measure_inside.h.
 */
#include "hub/measure/measure_inside.h"

static unsigned count_confirmed(const struct evidence *e, bool sockets)
{
	unsigned n = 0;

	for (size_t i = 0; i < e->finding_count; i++)
		n += e->findings[i].hub && e->findings[i].confirmed &&
		     finding_is_socket(e->findings[i].kind) == sockets;
	return n;
}

static int send_piece(struct measure *m, size_t i)
{
	struct msg out = { .kind = MSG_EVIDENCE,
			   .evidence = { .counter = m->seen.counter } };
	size_t at = i * EVIDENCE_PIECE_MAX, left = m->len - at;
	struct evidence_piece p = { m->seen.counter, (uint32_t)i,
				    (uint32_t)evidence_pieces(m->len), m->bytes + at,
				    left < EVIDENCE_PIECE_MAX ? left
							      : EVIDENCE_PIECE_MAX };
	int n = evidence_piece_encode(&p, out.evidence.bytes, sizeof(out.evidence.bytes));

	if (n < 0)
		return n;
	out.evidence.index = (uint8_t)p.index;
	out.evidence.total = (uint8_t)p.total;
	out.evidence.len = (uint16_t)n;
	out.evidence.findings = (uint16_t)(count_confirmed(&m->earlier, false) +
					   count_confirmed(&m->earlier, true));
	return ipc_send(m->store, &out);
}

void measure_send_evidence(struct measure *m)
{
	while (m->signed_off && ipc_is_up(m->store) &&
	       m->sent < evidence_pieces(m->len) && send_piece(m, m->sent) == 0)
		m->sent++;
}

static int send_incident(struct measure *m, enum incident what, unsigned subject,
			 unsigned count)
{
	const struct msg out = { .kind = MSG_INCIDENT,
				 .incident = { what, (uint16_t)subject, count } };

	return count ? ipc_send(m->hubd, &out) : 0;
}

/* After what was found, so that it counts as what it is. */
static int send_measured(struct measure *m, unsigned findings)
{
	struct msg out = { .kind = MSG_STATUS,
			   .status = { STATUS_MEASURED, findings, 0 } };

	for (size_t i = 0; i < sizeof(out.status.b); i++)
		out.status.b = out.status.b << 8 | m->digest[i];
	return ipc_send(m->hubd, &out);
}

static unsigned first_kind(const struct evidence *e, bool sockets)
{
	for (size_t i = 0; i < e->finding_count; i++)
		if (e->findings[i].hub && e->findings[i].confirmed &&
		    finding_is_socket(e->findings[i].kind) == sockets)
			return e->findings[i].kind;
	return FINDING_NONE;
}

/* m->earlier: the lists as they were found, whatever of them is sent. */
void measure_tell_hubd(struct measure *m)
{
	const struct evidence *e = &m->earlier;

	if (!m->signed_off || m->told || !ipc_is_up(m->hubd))
		return;
	m->told = send_incident(m, INCIDENT_CODE, first_kind(e, false),
				count_confirmed(e, false)) == 0 &&
		  send_incident(m, INCIDENT_SOCKET, first_kind(e, true),
				count_confirmed(e, true)) == 0 &&
		  send_incident(m, INCIDENT_USB, 0, m->changed.usb) == 0 &&
		  send_incident(m, INCIDENT_CASE, 1, m->changed.card) == 0 &&
		  send_incident(m, INCIDENT_CASE, 2, m->changed.boot) == 0 &&
		  send_measured(m, count_confirmed(e, false) +
					   count_confirmed(e, true)) == 0;
}

bool measure_has_incident(const struct measure *m)
{
	const struct hardware_change *c = &m->changed;

	return count_confirmed(&m->earlier, false) + count_confirmed(&m->earlier, true) +
			       c->usb >
		       0 ||
	       c->card || c->boot;
}
