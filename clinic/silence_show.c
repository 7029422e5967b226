/*
 * silence_show.c - see silence_show.h.
 */
#include "clinic/silence_show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "clinic/json_words.h"
#include "clinic/words.h"
#include "hub/core/schedule.h"

enum {
	HEARTBEAT_DEFAULT_MS = 300 * 1000,
	LEVEL_GUARDED = 1,
	WAITING_LONG_S = 600, /* shorter: that is how readings travel */
};

/* One device: as configured, as the hub tells, and what follows. */
struct row {
	const struct config_device *cfg;
	const struct status_device *told; /* NULL: not by the hub */
	const struct device_sign *sign;
	enum silence_code code;
	const char *words;
};

/* What the hub says of itself; NULL: nothing. */
static const struct status *status_of(const struct silence_view *v)
{
	return v->facts->has_status ? &v->facts->status.status : NULL;
}

static struct silence_facts facts_of(const struct silence_view *v)
{
	static const struct device_sign none;

	return (struct silence_facts){
		.now_ms = v->now_ms,
		.hub_seen_ms = v->facts->hub.seen_ms,
		.hub_added_ms = v->facts->hub.added_ms,
		.status = status_of(v),
		.sign = &none,
	};
}

static struct silence_plan plan_of(const struct silence_view *v, enum reading_kind kind,
				   const struct config_plan *plan)
{
	return (struct silence_plan){
		.heartbeat_ms = v->facts->has_config
					? v->facts->config.heartbeat_s * 1000ULL
					: HEARTBEAT_DEFAULT_MS,
		.silent_after_ms = v->silent_after_ms < 0 ? silence_after_ms(kind, plan)
							  : (uint64_t)v->silent_after_ms,
	};
}

static const struct status_device *told_of(const struct silence_view *v, uint16_t num)
{
	const struct status *st = status_of(v);

	for (size_t i = 0; st && i < st->device_count; i++)
		if (st->devices[i].num == num)
			return &st->devices[i];
	return NULL;
}

static struct row row_of(const struct silence_view *v, size_t i)
{
	const struct config_device *cfg = &v->facts->config.devices[i];
	struct silence_plan plan =
		plan_of(v, cfg->kind, schedule_plan(&v->facts->config, cfg->num));
	struct silence_facts f = facts_of(v);
	struct row row = { .cfg = cfg,
			   .told = told_of(v, cfg->num),
			   .sign = &v->facts->signs[i] };
	struct silence_signs signs;

	f.device = row.told;
	f.sign = row.sign;
	signs = silence_signs(&f, &plan);
	row.code = silence_reason(&signs);
	row.words = silence_words(row.code, f.status, row.told);
	return row;
}

static size_t row_count(const struct silence_view *v)
{
	return v->facts->has_config ? v->facts->config.device_count : 0;
}

static enum silence_code hub_code(const struct silence_view *v)
{
	struct silence_plan plan = plan_of(v, READING_NONE, NULL);
	struct silence_facts f = facts_of(v);

	return silence_of_hub(&f, &plan);
}

/* --- for a person ------------------------------------------------------------------------------- */

/* How it is meant for care: docs/LOCKDOWN.md. A hub that names what a release has to answer is not at level 1 by what ends by itself. */
static const char *level_words(const struct status *st)
{
	static const char *const words[] = {
		"normal",
		"guarded, one thing is slowed down and ends by itself",
		"quarantined, it measures and delivers until it is released",
		"sealed, it measures and delivers, and does nothing else",
		"retired",
	};

	if (st->level == LEVEL_GUARDED && st->challenged)
		return "guarded, until it is released: 'clinicctl release', or at "
		       "the hub";
	return st->level < sizeof(words) / sizeof(*words) ? words[st->level] : "?";
}

/* The clinic has none of hubd's code: hub/triggers.h. */
static const char *trigger_words(uint8_t id)
{
	static const char *const words[] = {
		[1] = "wrong tokens at the console",
		[2] = "a device sends what it must not",
		[3] = "somebody uses a device's address without its bond",
		[4] = "a server with the wrong name or key answers",
		[5] = "connections to the clinic fail",
		[6] = "clocks disagree",
		[7] = "values that cannot be decoded",
		[8] = "trouble with disk or storage",
		[9] = "the power went",
		[10] = "something was put into a USB port",
		[11] = "the case was opened, or the card or the boot changed",
		[12] = "code that does not belong to the hub",
		[13] = "a process broke the rules between processes",
		[14] = "the audit log was broken",
		[15] = "state that is older than it was",
		[16] = "a port is open that must not be",
	};

	return id < sizeof(words) / sizeof(*words) && words[id] ? words[id] : "something";
}

/* What the hub has noticed against itself, and its level if that is not the normal one. */
static void print_level(const struct silence_view *v, const struct status *st)
{
	const char *hub = v->facts->hub.name;

	if (st->level > 0)
		printf("  %s: level %u: %s\n", hub, st->level, level_words(st));
	for (size_t i = 0; i < st->trigger_count; i++) {
		const struct health_trigger *t = &st->triggers[i];

		printf("  %s: noticed: %s", hub, trigger_words(t->id));
		if (t->id == 2 || t->id == 3 || t->id == 7)
			printf(" (device %u)", t->peer);
		printf(", %" PRIu32 " times [T%u]\n", t->count, t->id);
	}
}

static void print_hub(const struct silence_view *v)
{
	const struct status *st = status_of(v);
	const struct hub *hub = &v->facts->hub;
	char age[WORDS_SPAN_MAX];
	enum silence_code code = hub_code(v);

	printf("  %s: last heard of %s [%s]", hub->name,
	       words_age(hub->seen_ms, v->now_ms, age), silence_code_text(code));
	if (code != SILENT_NONE)
		printf(": %s", silence_words(code, st, NULL));
	if (st && st->spool)
		printf("; its queue cannot be opened, readings wait in the spool");
	if (st && st->waiting && st->waiting_s >= WAITING_LONG_S)
		printf("; something has been waiting there for %s",
		       words_span(st->waiting_s * 1000ULL, age));
	if (st && st->refused > 0)
		printf("; %" PRIu64 " %s not taken", st->refused,
		       st->refused == 1 ? "reading was" : "readings were");
	printf("\n");
	if (st)
		print_level(v, st);
	if (st && words_enrol_trouble(st->trouble))
		printf("  %s: %s is held up: %s [%s]\n", hub->name,
		       st->enrolment == ENROL_ACTIVE ? "the renewal of its certificate"
						     : "its enrolment",
		       words_enrol_trouble(st->trouble), enrol_trouble_text(st->trouble));
}

static void print_row(const struct silence_view *v, const struct row *d)
{
	char age[WORDS_SPAN_MAX];

	printf("  %s: device %u (%s): last reading %s", v->facts->hub.name, d->cfg->num,
	       reading_kind_text(d->cfg->kind),
	       words_age(d->sign->reading_ms, v->now_ms, age));
	if (d->told && d->told->battery != STATUS_BATTERY_UNKNOWN)
		printf(", battery %u %%", d->told->battery);
	printf(" [%s]", silence_code_text(d->code));
	if (d->code != SILENT_NONE)
		printf(": SILENT: %s", d->words);
	printf("\n");
}

void silence_print(const struct silence_view *v)
{
	struct row row;

	print_hub(v);
	for (size_t i = 0; i < row_count(v); i++) {
		row = row_of(v, i);
		print_row(v, &row);
	}
}

/* --- for a program ------------------------------------------------------------------------------ */

static const char *bond_text(enum bond_state b)
{
	switch (b) {
	case BOND_UNKNOWN: return "unknown";
	case BOND_NONE: return "none";
	case BOND_PAIRING: return "pairing";
	case BOND_GOOD: return "good";
	case BOND_LOST: return "lost";
	case BOND_FAILED: return "failed";
	}
	return "?";
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

static void add_told(cJSON *o, const struct status_device *d)
{
	json_text(o, "bond", bond_text(d->bond));
	json_text(o, "cause", silence_reason_text(d->cause));
	if (d->battery == STATUS_BATTERY_UNKNOWN)
		json_null(o, "battery");
	else
		json_uint(o, "battery", d->battery);
	if (d->has_clock_error)
		json_int(o, "clock_error_s", d->clock_error_s);
	else
		json_null(o, "clock_error_s");
}

static void add_row(const struct silence_view *v, const struct row *d, cJSON *o)
{
	json_uint(o, "device", d->cfg->num);
	json_text(o, "kind", reading_kind_text(d->cfg->kind));
	json_time(o, "last_reading", d->sign->reading_ms);
	json_time(o, "last_seen", d->sign->seen_ms);
	json_uint(o, "silent_after_ms",
		  plan_of(v, d->cfg->kind, schedule_plan(&v->facts->config, d->cfg->num))
			  .silent_after_ms);
	json_bool(o, "silent", d->code != SILENT_NONE);
	json_text(o, "reason", silence_code_text(d->code));
	json_text(o, "what", d->words);
	if (d->told)
		add_told(o, d->told);
}

static void add_triggers(cJSON *o, const struct status *st)
{
	cJSON *a = json_array_in(o, "noticed");

	for (size_t i = 0; i < st->trigger_count; i++) {
		const struct health_trigger *t = &st->triggers[i];
		cJSON *one = json_item(a);

		json_uint(one, "trigger", t->id);
		json_text(one, "what", trigger_words(t->id));
		json_uint(one, "peer", t->peer);
		json_uint(one, "count", t->count);
		json_uint(one, "level", t->to);
	}
}

static void add_status(cJSON *o, const struct hub_status *h)
{
	const struct status *st = &h->status;

	json_time(o, "received", h->received_ms);
	json_time(o, "made", h->at_ms);
	json_uint(o, "level", st->level);
	add_triggers(o, st);
	json_text(o, "clock", clock_quality_text(st->clock));
	json_bool(o, "radio", st->radio);
	json_text(o, "storage", blocked_text(st->blocked));
	json_bool(o, "spool", st->spool);
	json_uint(o, "refused", st->refused);
	json_uint(o, "config_version", st->config_version);
	if (st->enrolment == ENROL_NONE)
		json_null(o, "enrolment");
	else
		json_text(o, "enrolment", enrol_state_text(st->enrolment));
	if (st->trouble == ENROL_FINE)
		json_null(o, "enrolment_trouble");
	else
		json_text(o, "enrolment_trouble", enrol_trouble_text(st->trouble));
	json_bool(o, "retiring", st->retiring);
	if (st->challenged) {
		json_uint(o, "lock_epoch", st->lock_epoch);
		json_hex(o, "challenge", st->nonce, sizeof(st->nonce));
	} else {
		json_null(o, "lock_epoch");
		json_null(o, "challenge");
	}
	if (st->waiting)
		json_uint(o, "waiting_s", st->waiting_s);
	else
		json_null(o, "waiting_s");
}

void silence_add_json(const struct silence_view *v, cJSON *o)
{
	enum silence_code code = hub_code(v);
	struct row row;
	cJSON *a;

	json_text(o, "reason", silence_code_text(code));
	json_text(o, "what", silence_words(code, status_of(v), NULL));
	if (v->facts->has_status)
		add_status(json_object_in(o, "status"), &v->facts->status);
	else
		json_null(o, "status");
	a = json_array_in(o, "devices");
	for (size_t i = 0; i < row_count(v); i++) {
		row = row_of(v, i);
		add_row(v, &row, json_item(a));
	}
}
