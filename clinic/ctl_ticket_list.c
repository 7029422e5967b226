/*
 * ctl_ticket_list.c - clinicctl ticket list: which tickets there are, who made them, whose they became, and who came with one
 * that was not for them.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_ticket.h"
#include "clinic/json_words.h"
#include "clinic/store_ticket.h"
#include "clinic/words.h"

enum { ALARM_DAYS = 30 };

struct listing {
	bool json;
	int64_t now_ms;
};

static void print_id(const uint8_t id[static HUB_ID_LEN])
{
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		printf("%02x", id[i]);
}

static void add_hub(cJSON *o, const char *name, const uint8_t id[static HUB_ID_LEN],
		    bool there)
{
	if (there)
		json_hex(o, name, id, HUB_ID_LEN);
	else
		json_null(o, name);
}

static void print_json(const struct store_ticket *t, int64_t now_ms, bool alarm)
{
	cJSON *o = json_object();

	if (alarm)
		json_text(o, "alarm", "ticket");
	json_text(o, "ticket", t->id);
	json_text(o, "state", ticket_state_text(&t->row, now_ms));
	json_text(o, "created_by", t->by);
	json_time(o, "created", t->at_ms);
	json_time(o, "expires", t->row.expires_ms);
	json_text_if(o, "name", t->name);
	json_text_if(o, "site", t->site);
	add_hub(o, "hub_id", t->row.hub, t->row.state == TICKET_STATE_USED);
	json_time(o, "ended", t->ended_ms);
	json_text_if(o, "ended_by", t->ended_by);
	json_text_if(o, "reason", t->why);
	json_uint(o, "alarms", t->alarms);
	json_time(o, "alarm_at", t->alarm_ms);
	add_hub(o, "alarm_hub_id", t->alarm_hub, t->alarms > 0);
	json_print(o);
}

static void print_alarm(const struct store_ticket *t)
{
	char when[WORDS_TIME_MAX];

	printf("ALARM: ticket %s, made by %s, was tried %" PRIu64
	       " time%s by a hub that it was not for, last on %s\n       by hub ",
	       t->id, t->by, t->alarms, t->alarms == 1 ? "" : "s",
	       words_time(t->alarm_ms, 0, false, when));
	print_id(t->alarm_hub);
	printf("; was the file copied?\n");
}

static void print_end(const struct store_ticket *t, int64_t now_ms)
{
	char when[WORDS_TIME_MAX];

	switch (t->row.state) {
	case TICKET_STATE_USED:
		printf(" on %s by hub ", words_time(t->ended_ms, 0, false, when));
		print_id(t->row.hub);
		break;
	case TICKET_STATE_REVOKED:
		printf(" on %s by %s: %s", words_time(t->ended_ms, 0, false, when),
		       t->ended_by, t->why);
		break;
	case TICKET_STATE_OPEN:
		printf("%s %s", now_ms < t->row.expires_ms ? " until" : " on",
		       words_time(t->row.expires_ms, 0, false, when));
		break;
	case TICKET_STATE_NONE:
	case TICKET_STATES: break;
	}
}

static int on_ticket(void *arg, const struct store_ticket *t)
{
	const struct listing *l = arg;
	char when[WORDS_SPAN_MAX];

	if (l->json) {
		print_json(t, l->now_ms, false);
		return 0;
	}
	printf("%s  %s", t->id, ticket_state_text(&t->row, l->now_ms));
	print_end(t, l->now_ms);
	printf("; made by %s %s%s%s%s%s\n", t->by, words_age(t->at_ms, l->now_ms, when),
	       *t->name ? ", for " : "", t->name, *t->site ? ", at " : "", t->site);
	if (t->alarms)
		print_alarm(t);
	return 0;
}

static int on_alarm(void *arg, const struct store_ticket *t)
{
	const struct listing *l = arg;

	if (!t->alarms || l->now_ms - t->alarm_ms >= ALARM_DAYS * INT64_C(86400000))
		return 0;
	if (l->json)
		print_json(t, l->now_ms, true);
	else
		print_alarm(t);
	return 0;
}

int ctl_ticket_alarms(struct remote *clinic, int64_t now_ms, bool json)
{
	struct listing l = { .json = json, .now_ms = now_ms };
	int r = remote_tickets(clinic, on_alarm, &l);

	return r == -ENOTSUP ? 0 : r; /* an older clinicd */
}

int ctl_ticket_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct listing l = { .now_ms = ctl_now_ms() };
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_ticket, "ticket list: nothing was read");
		l.json = true;
	}
	if (!ctl_operands(&ctl_ticket, argc, argv, optind, 2))
		return CTL_USAGE;
	r = remote_open(argv[optind + 1], &clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = remote_tickets(clinic, on_ticket, &l);
	r = r < 0 ? remote_failed(clinic, NULL, r) : CTL_OK;
	remote_close(clinic);
	return r;
}
