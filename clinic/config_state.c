/*
 * config_state.c - see config_state.h.
 */
#include "clinic/config_state.h"

#include <inttypes.h>

#include "clinic/json.h"
#include "hub/core/refusal.h"

enum config_state config_state(const struct hub *h, const struct status *st)
{
	if (h->config_wanted == 0)
		return CONFIG_STATE_NONE;
	if (h->config_used > h->config_wanted)
		return CONFIG_STATE_AHEAD;
	if (h->config_used < h->config_wanted)
		return st && st->refused_version == h->config_wanted
			       ? CONFIG_STATE_REFUSED
			       : CONFIG_STATE_ON_ITS_WAY;
	return st && st->config_version == h->config_used && st->proven_version > 0
		       ? CONFIG_STATE_UNCONFIRMED
		       : CONFIG_STATE_IN_USE;
}

const char *config_state_text(enum config_state s)
{
	switch (s) {
	case CONFIG_STATE_NONE: return "none";
	case CONFIG_STATE_IN_USE: return "in-use";
	case CONFIG_STATE_ON_ITS_WAY: return "on-its-way";
	case CONFIG_STATE_REFUSED: return "refused";
	case CONFIG_STATE_UNCONFIRMED: return "uplink-unconfirmed";
	case CONFIG_STATE_AHEAD: return "ahead";
	}
	return "?";
}

static void print_in_use(FILE *to, const struct hub *h)
{
	if (h->config_used > 0)
		fprintf(to, "; in use is %" PRIu64, h->config_used);
	else
		fputs("; which one is in use was not said yet", to);
}

void config_state_print(FILE *to, const struct hub *h, const struct status *st)
{
	enum config_state s = config_state(h, st);

	fprintf(to, "  %s: configuration ", h->name);
	switch (s) {
	case CONFIG_STATE_NONE:
		fputs("not kept here as signed", to);
		print_in_use(to, h);
		break;
	case CONFIG_STATE_IN_USE:
		fprintf(to, "%" PRIu64 " is in use", h->config_used);
		break;
	case CONFIG_STATE_ON_ITS_WAY:
		fprintf(to, "%" PRIu64 " waits for the hub to fetch it",
			h->config_wanted);
		print_in_use(to, h);
		break;
	case CONFIG_STATE_REFUSED:
		fprintf(to, "%" PRIu64 " was REFUSED by the hub: %s", h->config_wanted,
			refusal_text(st->refusal));
		print_in_use(to, h);
		break;
	case CONFIG_STATE_UNCONFIRMED:
		fprintf(to,
			"%" PRIu64 " is in use, but UNCONFIRMED: none of its endpoints "
			"has acknowledged anything, the hub keeps those of %" PRIu64,
			h->config_used, st->proven_version);
		if (st->trial != TRIAL_NONE)
			fprintf(to, ": %s", trial_text(st->trial));
		break;
	case CONFIG_STATE_AHEAD:
		fprintf(to,
			"%" PRIu64 " is in use, newer than %" PRIu64
			" here: was an old backup restored? The next change goes "
			"above it",
			h->config_used, h->config_wanted);
		break;
	}
	fprintf(to, " [%s]\n", config_state_text(s));
}

static void add_version(cJSON *o, const char *name, uint64_t version)
{
	if (version > 0)
		json_uint(o, name, version);
	else
		json_null(o, name);
}

void config_state_add(cJSON *o, const struct hub *h, const struct status *st)
{
	enum config_state s = config_state(h, st);
	cJSON *c = json_object_in(o, "config");
	uint64_t proven =
		st && st->proven_version > 0 ? st->proven_version : h->config_used;

	json_text(c, "state", config_state_text(s));
	add_version(c, "wanted", h->config_wanted);
	add_version(c, "used", h->config_used);
	add_version(c, "proven", proven);
	add_version(c, "refused", st ? st->refused_version : 0);
	if (st && st->refused_version > 0)
		json_text(c, "refusal", refusal_text(st->refusal));
	else if (s == CONFIG_STATE_UNCONFIRMED && st->trial != TRIAL_NONE)
		json_text(c, "refusal", trial_text(st->trial));
	else
		json_null(c, "refusal");
}
