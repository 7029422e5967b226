/*
 * risk.c - see risk.h.
 */
#include "clinic/risk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/risk_inside.h"

const char *risk_group_text(enum risk_group g)
{
	switch (g) {
	case RISK_ACTUAL: return "actual";
	case RISK_INTERNAL: return "internal";
	case RISK_UNPROVEN: return "unproven";
	case RISK_CLOSED: return "closed";
	case RISK_GROUPS: break;
	}
	return "?";
}

void risk_free(struct risk *r)
{
	risk_image_free(&r->image);
	cJSON_Delete(r->conditions);
	free(r->cves);
	free(r->statements);
	*r = (struct risk){ 0 };
}

int risk_add_conditions(struct risk *r, const char *text, size_t len)
{
	cJSON *root = cJSON_ParseWithLength(text, len);

	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return -EBADMSG;
	}
	cJSON_Delete(r->conditions);
	r->conditions = root;
	return 0;
}

/* --- tiers ------------------------------------------------------------------------------------------- */

static bool has_text(const cJSON *list, const char *text)
{
	const cJSON *item;

	for (item = risk_first(list); item; item = item->next)
		if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
			return true;
	return false;
}

/* Is one of these features on? Of a component whose features nobody told: yes. */
static bool feature_is_on(const struct risk *r, const char *component,
			  const cJSON *wanted)
{
	const cJSON *on = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(r->image.facts, "features"), component);
	const cJSON *item;

	if (!cJSON_IsArray(on) || cJSON_GetArraySize(wanted) == 0)
		return true;
	for (item = risk_first(wanted); item; item = item->next)
		if (!cJSON_IsString(item) || has_text(on, item->valuestring))
			return true;
	return false;
}

static bool has_file(const struct risk *r, const char *path)
{
	const cJSON *c, *f;

	for (c = risk_first(
		     cJSON_GetObjectItemCaseSensitive(r->image.sbom, "components"));
	     c; c = c->next)
		for (f = risk_first(cJSON_GetObjectItemCaseSensitive(c, "components")); f;
		     f = f->next)
			if (strcmp(risk_text(f, "name"), path) == 0)
				return true;
	return false;
}

static bool any_file(const struct risk *r, const cJSON *wanted)
{
	const cJSON *item;

	if (cJSON_GetArraySize(wanted) == 0)
		return true;
	for (item = risk_first(wanted); item; item = item->next)
		if (!cJSON_IsString(item) || has_file(r, item->valuestring))
			return true;
	return false;
}

static enum risk_tier tier_of_component(const struct risk_image *image,
					const struct risk_component *c)
{
	if (!image->has_evidence)
		return RISK_R5;
	if (c->ever)
		return c->exposed ? RISK_R5 : RISK_R4;
	return image->enforced ? RISK_R2 : RISK_R3;
}

enum risk_tier risk_tier_of(const struct risk *r, const char *cve, size_t component)
{
	const struct risk_component *c = &r->image.components[component];
	const cJSON *needs = cJSON_GetObjectItemCaseSensitive(r->conditions, cve);
	const cJSON *files = cJSON_GetObjectItemCaseSensitive(needs, "files");
	const cJSON *features = cJSON_GetObjectItemCaseSensitive(needs, "features");

	if (cJSON_IsArray(files) && !any_file(r, files))
		return RISK_R0;
	if (cJSON_IsArray(features) &&
	    strcmp(risk_text(needs, "component"), c->name) == 0 &&
	    !feature_is_on(r, c->name, features))
		return RISK_R1;
	return tier_of_component(&r->image, c);
}

/* --- groups ------------------------------------------------------------------------------------------ */

static bool is_about(const struct vex_statement *s, const struct risk_cve *c,
		     const struct risk_component *component)
{
	return strcmp(s->cve, c->id) == 0 &&
	       (!s->component[0] || strcmp(s->component, component->purl) == 0 ||
		strcmp(s->component, component->ref) == 0);
}

/* The last word counts; of two of the same time the later in the files. */
static const struct vex_statement *newest(const struct risk *r, const struct risk_cve *c)
{
	const struct vex_statement *last = NULL;

	for (size_t i = 0; i < r->statement_count; i++) {
		const struct vex_statement *s = &r->statements[i];

		if (is_about(s, c, &r->image.components[c->component]) &&
		    (!last || strcmp(s->time, last->time) >= 0))
			last = s;
	}
	return last;
}

static enum risk_group group_of_tier(enum risk_tier t)
{
	switch (t) {
	case RISK_R0:
	case RISK_R1:
	case RISK_R2:
	case RISK_R3: return RISK_UNPROVEN;
	case RISK_R4: return RISK_INTERNAL;
	case RISK_R5: break;
	}
	return RISK_ACTUAL;
}

static void judge(struct risk *r, struct risk_cve *c)
{
	const struct vex_statement *s = newest(r, c);

	c->statement = s;
	c->group = group_of_tier(c->tier);
	c->reopened = false;
	if (!s)
		return;
	if (s->status == VEX_FIXED)
		c->group = RISK_CLOSED;
	if (s->status != VEX_NOT_AFFECTED || s->claim > RISK_R2)
		return;
	if (c->tier <= s->claim)
		c->group = RISK_CLOSED;
	else if (c->tier >= RISK_R4)
		c->reopened = true;
}

static int worst_first(const void *a, const void *b)
{
	const struct risk_cve *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return strcmp(x->id, y->id);
}

void risk_judge(struct risk *r)
{
	r->installed = r->image.count;
	r->loaded = r->exposed = r->reopened = 0;
	memset(r->groups, 0, sizeof(r->groups));
	for (size_t i = 0; i < r->image.count; i++) {
		r->loaded += r->image.components[i].loaded;
		r->exposed += r->image.components[i].exposed;
	}
	for (size_t i = 0; i < r->cve_count; i++) {
		judge(r, &r->cves[i]);
		r->groups[r->cves[i].group]++;
		r->reopened += r->cves[i].reopened;
	}
	if (r->cve_count > 0)
		qsort(r->cves, r->cve_count, sizeof(*r->cves), worst_first);
}
