/*
 * store_tell.c - what hub-ble, hub-coap, hubd and the log hear from hub-store; see store_inside.h.
 *
 * A peer that is away is not waited for: each of them is told what counts when it comes up.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"

int store_send(struct store *s, enum role to, const struct msg *m)
{
	return s->host.send(s->host.arg, to, m);
}

/* hubd away: it is told again when it is back. Slow: what it has missed is told in a while, as it is then. */
static bool send_status(struct store *s, enum status_what what, uint64_t a, uint64_t b)
{
	struct msg m = { .kind = MSG_STATUS, .status = { what, a, b } };

	return store_send(s, ROLE_HUBD, &m) == 0 || !s->hubd_up;
}

static bool has_news(const struct hubd_news *n)
{
	return n->state || n->saved || n->delivered || n->retired || n->refused > 0;
}

void store_tell_hubd(struct store *s, struct mono now)
{
	uint64_t unsent = records_unsent(s->records);
	struct hubd_news *n = &s->news;

	if (!mono_reached(now, n->again_at))
		return;
	if (n->state && send_status(s, STATUS_BLOCKED, s->blocked, 0))
		n->state = false;
	if (n->saved && send_status(s, STATUS_SAVED, unsent, records_highest(s->records)))
		n->saved = false;
	if (n->delivered &&
	    send_status(s, STATUS_DELIVERED, unsent, records_contig(s->records)))
		n->delivered = false;
	if (n->retired && send_status(s, STATUS_RETIRED, 0, 0))
		n->retired = false;
	if (n->refused && send_status(s, STATUS_RESET_REFUSED, n->refused, 0))
		n->refused = 0;
	n->again_at = has_news(n) ? mono_add(now, NEWS_RETRY_MS) : (struct mono){ 0 };
}

struct mono store_news_deadline(const struct store *s)
{
	const struct hubd_news *n = &s->news;

	return has_news(n) ? n->again_at : MONO_NEVER;
}

void store_flush_reports(struct store *s)
{
	size_t sent = 0;

	while (sent < s->report_count) {
		const struct report *r = &s->reports[sent];
		struct msg m = { .kind = MSG_INCIDENT,
				 .incident = { r->what, r->subject, r->count } };

		if (store_send(s, ROLE_HUBD, &m))
			break;
		sent++;
	}
	s->report_count -= sent;
	memmove(s->reports, s->reports + sent, s->report_count * sizeof(s->reports[0]));
}

void store_report(struct store *s, enum incident what, uint16_t subject)
{
	for (size_t i = 0; i < s->report_count; i++)
		if (s->reports[i].what == what && s->reports[i].subject == subject) {
			s->reports[i].count++;
			return;
		}
	if (s->report_count ==
	    REPORTS_MAX) /* of different kinds: the oldest has been logged */
		memmove(s->reports, s->reports + 1,
			--s->report_count * sizeof(s->reports[0]));
	s->reports[s->report_count++] = (struct report){ what, subject, 1 };
	store_flush_reports(s);
}

static void answer(struct store *s, const struct msg_durable *d)
{
	struct msg m = { .kind = MSG_DURABLE, .durable = *d };

	/* hub-ble away: it offers the capture again and is answered from the queue's memory */
	(void)store_send(s, ROLE_BLE, &m);
}

void store_answer(struct store *s, uint64_t capture)
{
	answer(s, &(struct msg_durable){ .capture = capture, .durable = true });
}

void store_refuse(struct store *s, uint64_t capture, enum store_blocked why)
{
	s->status.refused += why != STORE_READY;
	answer(s, &(struct msg_durable){ .capture = capture, .blocked = why });
}

void store_send_state(struct store *s)
{
	struct msg m = { .kind = MSG_STORE_STATE, .store_state = { s->blocked } };

	(void)store_send(s, ROLE_BLE, &m); /* told when it comes up */
	s->news.state = true;
}

void store_send_memories(struct store *s)
{
	struct msg_memory rows[STATE_MEMORIES_MAX];
	size_t count;
	int r = s->state ? state_memories(s->state, s->config.assignment, rows, &count)
			 : -ENOENT;

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct msg m = { .kind = MSG_MEMORY, .memory = rows[i] };

		m.memory.assignment = s->config.assignment;
		(void)store_send(s, ROLE_BLE, &m); /* told when it comes up */
	}
	if (r && s->state)
		store_on_state_failed(s, r);
}

static const char *blocked_text(enum store_blocked b)
{
	switch (b) {
	case STORE_READY: return "ready";
	case STORE_NO_CONFIG: return "no-config";
	case STORE_FULL: return "full";
	case STORE_FAULT: return "fault";
	}
	return "?";
}

static enum store_blocked find_blocked(const struct store *s)
{
	if (s->foreign || s->broken)
		return STORE_FAULT;
	if (!s->has_config || store_ends(s))
		return STORE_NO_CONFIG;
	if (!s->has_owner || !records_ready(s->records))
		return STORE_FAULT;
	return s->full ? STORE_FULL : STORE_READY;
}

/* The one function that changes 'blocked'. */
void store_update_blocked(struct store *s)
{
	enum store_blocked now = find_blocked(s);

	if (s->told && now == s->blocked)
		return;
	log_info("store-state", "from=%s to=%s",
		 s->told ? blocked_text(s->blocked) : "start", blocked_text(now));
	s->blocked = now;
	s->told = true;
	store_send_state(s);
}

/* What does not read shows when it is to be handed over. */
static bool has_alarm(struct store *s)
{
	uint8_t body[SEALED_BODY_MAX];
	struct record rec;

	return records_unsent(s->records) > 0 &&
	       records_read(s->records, CLASS_ALARM, 0, body, sizeof(body), &rec) == 1;
}

void store_send_queue_state(struct store *s)
{
	struct msg m = { .kind = MSG_QUEUE_STATE };

	m.queue_state.alarm = has_alarm(s);
	m.queue_state.unsent = records_unsent(s->records);
	m.queue_state.highest = records_highest(s->records);

	(void)store_send(s, ROLE_COAP, &m); /* told when it comes up */
}

/* hub-coap must know the highest number before it sees a batch with it. */
void store_tell_counts(struct store *s)
{
	if (s->saved || s->delivered)
		store_send_queue_state(s);
	s->news.saved |= s->saved;
	s->news.delivered |= s->delivered;
	s->saved = s->delivered = false;
}

/* Once per problem, not once per retry. */
void store_log_problem(struct store *s, const char *event, const char *what, int err)
{
	if (s->problem == what)
		return;
	s->problem = what;
	log_err(event, "error=\"%s\" do=\"%s\" retry_ms=%d", err_text(err), what,
		RETRY_MS);
	store_audit_fault(s, event, err);
	store_report(s, INCIDENT_STORAGE, 0);
}
