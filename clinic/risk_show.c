/*
 * risk_show.c - see risk_show.h. Missing or old data is said, never shown as zero.
 */
#include "clinic/risk_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/json.h"

enum {
	OLD_DAYS = 7,
	DAY_MS = 24 * 60 * 60 * 1000,
	HOUR_MS = 60 * 60 * 1000,
	LINES = 200
};

static const char *status_text(enum vex_status s)
{
	switch (s) {
	case VEX_NONE: break;
	case VEX_UNDER_INVESTIGATION: return "under investigation";
	case VEX_AFFECTED: return "affected";
	case VEX_FIXED: return "fixed";
	case VEX_NOT_AFFECTED: return "not affected";
	}
	return "no statement";
}

static int64_t days_old(const struct risk_report *rep)
{
	int64_t age = rep->now_ms - rep->feed_ms;

	return age > 0 ? age / DAY_MS : 0;
}

static void print_age(const struct risk_report *rep)
{
	int64_t days = days_old(rep);

	if (rep->feed_ms == 0)
		printf(" | NO LIST of vulnerabilities was given");
	else
		printf(" | data %" PRId64 " day%s old%s", days, days == 1 ? "" : "s",
		       days > OLD_DAYS ? ": OLD" : "");
}

static void print_line(const struct risk *r, const struct risk_report *rep)
{
	if (r->image.has_evidence)
		printf("installed %zu | loaded %zu | exposed %zu", r->installed,
		       r->loaded, r->exposed);
	else
		printf("installed %zu | loaded ? | exposed ?", r->installed);
	if (rep->feed_ms == 0)
		printf(" | CVE ?");
	else
		printf(" | CVE %zu: actual %zu (R5), internal %zu (R4), unproven %zu "
		       "(R3), closed %zu (R0-R2)",
		       r->cve_count, r->groups[RISK_ACTUAL], r->groups[RISK_INTERNAL],
		       r->groups[RISK_UNPROVEN], r->groups[RISK_CLOSED]);
	print_age(rep);
	printf("\n");
	if (!r->image.has_evidence)
		printf("NO EVIDENCE: the hub has not said what it has loaded, so all of "
		       "it "
		       "counts as exposed.\n");
}

static void print_evidence(const struct risk_report *rep)
{
	const struct evidence_found *f = rep->evidence;

	if (f->found)
		printf("Evidence %" PRIu64 ", received %" PRId64
		       " h ago: %u processes, %u findings.\n",
		       f->evidence.counter, (rep->now_ms - f->received_ms) / HOUR_MS,
		       f->evidence.processes_seen, f->evidence.findings_seen);
	if (f->broken)
		printf("%u piece%s of evidence could not be used.\n", f->broken,
		       f->broken == 1 ? "" : "s");
	if (f->keys)
		printf("THE KEY that signs evidence has changed %u time%s in this "
		       "enrolment.\n",
		       f->keys, f->keys == 1 ? "" : "s");
	printf("Image: %s.\n", rep->build);
}

static void print_findings(const struct evidence *e)
{
	for (size_t i = 0; i < e->finding_count; i++) {
		const struct evidence_finding *f = &e->findings[i];

		printf("  %s%-15s %-15s %s%s\n", f->hub ? "IN THE HUB " : "",
		       finding_text(f->kind), f->name, f->path,
		       f->hub && !f->confirmed ? " (seen once)" : "");
	}
}

static void print_cve(const struct risk *r, const struct risk_cve *c)
{
	const struct risk_component *k = &r->image.components[c->component];
	const struct vex_statement *s = c->statement;

	printf("  %-17s R%d %-9s %s %s", c->id, c->tier, risk_group_text(c->group),
	       k->name, k->version);
	if (s)
		printf("; %s%s%s, %s %s", status_text(s->status), *s->reason ? ": " : "",
		       s->reason, s->signer, s->time);
	if (c->reopened)
		printf("; REOPENED: it is loaded");
	printf("\n");
}

static bool is_shown(const struct risk_report *rep, const struct risk_cve *c)
{
	return !rep->only || strcmp(rep->only, c->id) == 0;
}

void risk_show_text(const struct risk *r, const struct risk_report *rep)
{
	size_t shown = 0, wanted = 0;

	print_line(r, rep);
	print_evidence(rep);
	if (rep->evidence->found)
		print_findings(&rep->evidence->evidence);
	for (size_t i = 0; i < r->cve_count; i++) {
		if (!is_shown(rep, &r->cves[i]))
			continue;
		wanted++;
		if (shown < LINES) {
			print_cve(r, &r->cves[i]);
			shown++;
		}
	}
	if (wanted > shown)
		printf("  ... and %zu more: --json has all of them\n", wanted - shown);
	if (rep->only && wanted == 0)
		printf("  %-17s R0: nothing that the image has is affected, as far as "
		       "the list says\n",
		       rep->only);
}

/* --- for programs ------------------------------------------------------------------------------------ */

static void put_cve(cJSON *list, const struct risk *r, const struct risk_cve *c)
{
	const struct risk_component *k = &r->image.components[c->component];
	cJSON *o = json_item(list), *s;

	json_text(o, "id", c->id);
	json_uint(o, "tier", c->tier);
	json_text(o, "group", risk_group_text(c->group));
	json_text(o, "component", k->name);
	json_text(o, "version", k->version);
	json_text(o, "purl", k->purl);
	json_bool(o, "reopened", c->reopened);
	if (!c->statement)
		return;
	s = json_object_in(o, "statement");
	json_text(s, "status", status_text(c->statement->status));
	json_text(s, "reason", c->statement->reason);
	json_text(s, "time", c->statement->time);
	json_text(s, "signer", c->statement->signer);
}

static void put_evidence(cJSON *o, const struct evidence_found *f)
{
	cJSON *e, *list;

	if (!f->found) {
		json_null(o, "evidence");
		return;
	}
	e = json_object_in(o, "evidence");
	json_uint(e, "counter", f->evidence.counter);
	json_int(e, "received_ms", f->received_ms);
	json_hex(e, "image", f->evidence.image, EVIDENCE_HASH_LEN);
	json_hex(e, "key", f->evidence.public_key, EVIDENCE_PUBLIC_LEN);
	json_uint(e, "keys_changed", f->keys);
	json_uint(e, "broken", f->broken);
	json_uint(e, "findings_seen", f->evidence.findings_seen);
	list = json_array_in(e, "findings");
	for (size_t i = 0; i < f->evidence.finding_count; i++) {
		const struct evidence_finding *x = &f->evidence.findings[i];
		cJSON *item = json_item(list);

		json_text(item, "kind", finding_text(x->kind));
		json_bool(item, "hub", x->hub);
		json_bool(item, "confirmed", x->confirmed);
		json_uint(item, "count", x->count);
		json_text(item, "process", x->name);
		json_text(item, "path", x->path);
	}
}

static void put_components(cJSON *o, const struct risk *r)
{
	cJSON *list = json_array_in(o, "components");

	for (size_t i = 0; i < r->image.count; i++) {
		const struct risk_component *c = &r->image.components[i];
		cJSON *item;

		if (!c->ever)
			continue;
		item = json_item(list);
		json_text(item, "name", c->name);
		json_text(item, "version", c->version);
		json_bool(item, "loaded", c->loaded);
		json_bool(item, "exposed", c->exposed);
	}
}

void risk_show_json(const struct risk *r, const struct risk_report *rep)
{
	cJSON *o = json_object(), *groups, *list;

	json_text(o, "hub", rep->hub->name);
	json_text(o, "image", rep->build);
	json_uint(o, "installed", r->installed);
	if (r->image.has_evidence) {
		json_uint(o, "loaded", r->loaded);
		json_uint(o, "exposed", r->exposed);
	} else {
		json_null(o, "loaded");
		json_null(o, "exposed");
	}
	put_evidence(o, rep->evidence);
	put_components(o, r);
	if (rep->feed_ms == 0) {
		json_null(o, "cve");
		json_print(o);
		return;
	}
	json_int(o, "data_days", days_old(rep));
	json_bool(o, "data_old", days_old(rep) > OLD_DAYS);
	json_uint(o, "cve", r->cve_count);
	groups = json_object_in(o, "groups");
	for (int g = 0; g < RISK_GROUPS; g++)
		json_uint(groups, risk_group_text((enum risk_group)g), r->groups[g]);
	list = json_array_in(o, "cves");
	for (size_t i = 0; i < r->cve_count; i++)
		if (is_shown(rep, &r->cves[i]))
			put_cve(list, r, &r->cves[i]);
	json_print(o);
}
