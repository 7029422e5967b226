/*
 * ctl_hubs.c - clinicctl hub list and hub show: which hubs there are, those included that are claimed and have never been
 * here. How a hub and its devices are, 'clinicctl status' says.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/door_rows.h"
#include "clinic/json_words.h"
#include "clinic/remote.h"
#include "clinic/words.h"
#include "hub/core/label.h"

enum { NAME_WIDTH = 16 };

static void print_claimed(const struct claim *c, int64_t now_ms)
{
	char when[WORDS_SPAN_MAX];

	printf("by %s %s%s%s", c->by, words_age(c->at_ms, now_ms, when),
	       *c->site ? ", for " : "", c->site);
}

static void print_contact(const struct claim *c, int64_t now_ms)
{
	char when[WORDS_SPAN_MAX];

	if (c->contacted_ms)
		printf("was here %s, has not enrolled",
		       words_age(c->contacted_ms, now_ms, when));
	else
		printf("never contacted");
}

/* What is said of it by the row; NULL: it has none, it is claimed only. */
static void add_row(cJSON *o, const struct hub *h)
{
	if (h) {
		json_uint(o, "epoch", h->epoch);
		json_time(o, "reset", h->again_ms);
		json_time(o, "seen", h->seen_ms);
	} else {
		json_null(o, "epoch");
		json_null(o, "reset");
		json_null(o, "seen");
	}
}

static void add_claim(cJSON *o, const struct claim *c)
{
	cJSON *in;

	if (!c) {
		json_null(o, "claim");
		return;
	}
	in = json_object_in(o, "claim");
	json_text(in, "by", c->by);
	json_time(in, "at", c->at_ms);
	json_text_if(in, "site", c->site);
	json_time(in, "contacted", c->contacted_ms);
}

static cJSON *begin_json(const char *name, const uint8_t id[static HUB_ID_LEN],
			 enum hub_state state)
{
	cJSON *o = json_object();

	json_text(o, "hub", name);
	json_hex(o, "hub_id", id, HUB_ID_LEN);
	json_text(o, "state", hub_state_text(state));
	return o;
}

/* --- list ------------------------------------------------------------------------------- */

struct listing {
	bool json;
	int64_t now_ms;
};

static int on_hub(void *arg, const struct hub *h)
{
	const struct listing *l = arg;
	char when[WORDS_SPAN_MAX];
	cJSON *o;

	if (!l->json) {
		printf("%-*s %s, last here: %s%s\n", NAME_WIDTH, h->name,
		       hub_state_text(h->state), words_age(h->seen_ms, l->now_ms, when),
		       h->again_ms ? "; reset, was active: assign it again" : "");
		return 0;
	}
	o = begin_json(h->name, h->id, h->state);
	add_row(o, h);
	add_claim(o, NULL);
	json_print(o);
	return 0;
}

static int on_claim(void *arg, const struct claim *c)
{
	const struct listing *l = arg;
	cJSON *o;

	if (c->state != HUB_PREREGISTERED)
		return 0; /* it has a row, and is listed with those */
	if (l->json) {
		o = begin_json(c->name, c->id, c->state);
		add_row(o, NULL);
		add_claim(o, c);
		json_print(o);
		return 0;
	}
	printf("%-*s claimed, ", NAME_WIDTH, c->name);
	print_contact(c, l->now_ms);
	printf("; ");
	print_claimed(c, l->now_ms);
	putchar('\n');
	return 0;
}

static int open_for(int argc, char **argv, int operands, bool *ret_json,
		    struct remote **ret)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	char why[FOLDER_WHY_MAX];
	int c, r;

	*ret_json = false;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_hub, "hub %s: nothing was read", argv[1]);
		*ret_json = true;
	}
	if (!ctl_operands(&ctl_hub, argc, argv, optind, operands + 1))
		return CTL_USAGE;
	r = remote_open(argv[optind + 1], ret, why);
	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

/* A hub that enrols between the two questions is not told twice: it is among the hubs, or among the claims that say so. */
int ctl_hub_list(int argc, char **argv)
{
	struct listing l = { .now_ms = ctl_now_ms() };
	struct remote *clinic = NULL;
	int r = open_for(argc, argv, 1, &l.json, &clinic);

	if (r != CTL_OK)
		return r;
	r = remote_hubs(clinic, on_hub, &l);
	if (r == 0)
		r = remote_claims(clinic, on_claim, &l);
	r = r < 0 ? remote_failed(clinic, NULL, r) : CTL_OK;
	remote_close(clinic);
	return r;
}

/* --- show ------------------------------------------------------------------------------- */

static const uint8_t *id_of(const struct door_known *k)
{
	return k->has_hub ? k->hub.id : k->claim.id;
}

/* What is on its way to its end, and what came after it. */
static void print_end(const struct door_known *k, int64_t now_ms)
{
	const struct hub *h = &k->hub;
	char when[WORDS_SPAN_MAX];

	if (h->again_ms)
		printf("  reset     was active, enrolled again %s; it must be assigned "
		       "again\n",
		       words_age(h->again_ms, now_ms, when));
	if (h->drain.kind && h->state == HUB_SUSPENDED)
		printf("  ends      %s: numbers up to %" PRIu64
		       " are filed, others are held; it is retired when all are "
		       "here%s\n",
		       life_drain_text(h->drain.kind), h->drain.upto,
		       h->drain.kind == LIFE_DRAIN_RETIRING
			       ? " and it says that it is at its end"
		       : h->drain.end_ms ? ""
					 : " and its place is taken");
	if (*k->successor)
		printf("  replaced  by '%s'\n", k->successor);
	if (k->has_call)
		printf("  called    %" PRIu64
		       " time%s since it was %s, last %s from %s\n",
		       k->call.calls, k->call.calls == 1 ? "" : "s",
		       hub_state_text(h->state), words_age(k->call.at_ms, now_ms, when),
		       *k->call.address ? k->call.address : "an address not known");
}

static void add_end(cJSON *o, const struct door_known *k)
{
	char time[WORDS_TIME_MAX];
	cJSON *call;

	json_text(o, "drain", life_drain_text(k->hub.drain.kind));
	json_uint(o, "files_up_to", k->hub.drain.upto);
	json_text_if(o, "successor", k->successor);
	if (!k->has_call) {
		json_null(o, "refused_calls");
		return;
	}
	call = json_object_in(o, "refused_calls");
	json_uint(call, "count", k->call.calls);
	json_text(call, "last", words_time(k->call.at_ms, 0, true, time));
	json_text(call, "from", k->call.address);
}

static void print_known(const char *name, const struct door_known *k, int64_t now_ms)
{
	char label[LABEL_GROUPED_MAX], when[WORDS_SPAN_MAX];

	printf("Hub '%s'\n  state     ", name);
	if (k->has_hub)
		printf("%s, epoch %u, last here: %s", hub_state_text(k->hub.state),
		       k->hub.epoch, words_age(k->hub.seen_ms, now_ms, when));
	else
		printf("claimed, ");
	if (!k->has_hub)
		print_contact(&k->claim, now_ms);
	printf("\n  hub id    ");
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		printf("%02x", id_of(k)[i]);
	printf("\n  label     %s\n",
	       k->has_key ? label_group(k->key, label) : "not known here");
	if (k->has_claim) {
		printf("  claimed   ");
		print_claimed(&k->claim, now_ms);
		putchar('\n');
	}
	print_end(k, now_ms);
	if (k->has_old)
		printf("  comes in the place of '%s', which is %s\n", k->old.name,
		       hub_state_text(k->old.state));
}

static void print_known_json(const char *name, const struct door_known *k)
{
	char label[LABEL_GROUPED_MAX];
	cJSON *o = begin_json(name, id_of(k), k->has_hub ? k->hub.state : k->claim.state);

	add_row(o, k->has_hub ? &k->hub : NULL);
	add_claim(o, k->has_claim ? &k->claim : NULL);
	json_text_if(o, "label", k->has_key ? label_group(k->key, label) : "");
	json_text_if(o, "replaces", k->has_old ? k->old.name : "");
	add_end(o, k);
	json_print(o);
}

int ctl_hub_show(int argc, char **argv)
{
	struct remote *clinic = NULL;
	struct door_known k;
	bool json;
	int r = open_for(argc, argv, 2, &json, &clinic);

	if (r != CTL_OK)
		return r;
	r = remote_known(clinic, argv[optind + 2], &k);
	if (r < 0)
		r = remote_failed(clinic, argv[optind + 2], r);
	else if (json)
		print_known_json(argv[optind + 2], &k);
	else
		print_known(argv[optind + 2], &k, ctl_now_ms());
	remote_close(clinic);
	return r;
}
