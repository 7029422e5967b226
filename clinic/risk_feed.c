/*
 * risk_feed.c - lists of vulnerabilities, as far as they are of something that the image has; see risk.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/debian_version.h"
#include "clinic/risk_inside.h"

int risk_add_cve(struct risk *r, const char *id, size_t component)
{
	struct risk_cve *more;
	enum risk_tier tier = risk_tier_of(r, id, component);

	for (size_t i = 0; i < r->cve_count; i++) {
		struct risk_cve *c = &r->cves[i];

		if (strcmp(c->id, id) != 0)
			continue;
		if (tier > c->tier) {
			c->tier = tier;
			c->component = component;
		}
		return 0;
	}
	more = reallocarray(r->cves, r->cve_count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->cves = more;
	more[r->cve_count] = (struct risk_cve){ .component = component, .tier = tier };
	snprintf(more[r->cve_count].id, sizeof(more->id), "%s", id);
	r->cve_count++;
	return 0;
}

/* --- the Debian security tracker --------------------------------------------------------------------- */

/* In this release: is the version affected? What nobody has decided counts as affected. */
static bool release_affects(const cJSON *release, const char *version)
{
	const char *fixed = risk_text(release, "fixed_version");

	if (strcmp(risk_text(release, "status"), "resolved") != 0)
		return true;
	return debian_version_compare(version, fixed) < 0;
}

/* Of upstream's source: the newest version that Debian knows to be fixed decides. */
static bool any_release_affects(const cJSON *releases, const char *version)
{
	const char *newest = NULL;
	const cJSON *release;

	for (release = risk_first(releases); release; release = release->next) {
		const char *fixed = risk_text(release, "fixed_version");

		if (strcmp(risk_text(release, "status"), "resolved") != 0)
			continue;
		if (!newest || debian_version_compare(fixed, newest) > 0)
			newest = fixed;
	}
	return !newest || debian_version_compare(version, newest) < 0;
}

static bool tracker_affects(const cJSON *cve, const struct risk_component *c,
			    const char *release)
{
	const cJSON *releases = cJSON_GetObjectItemCaseSensitive(cve, "releases");
	const cJSON *ours = cJSON_GetObjectItemCaseSensitive(releases, release);

	if (c->ours)
		return any_release_affects(releases, c->source_version);
	/* a release that is not named has no such package, or nothing known about it */
	return ours && release_affects(ours, c->source_version);
}

static int add_tracker(struct risk *r, const cJSON *sources, const char *release)
{
	for (size_t i = 0; i < r->image.count; i++) {
		const struct risk_component *c = &r->image.components[i];
		const cJSON *source =
			cJSON_GetObjectItemCaseSensitive(sources, c->source);
		const cJSON *cve;

		for (cve = risk_first(source); cve; cve = cve->next) {
			if (!cJSON_IsObject(cve) || !tracker_affects(cve, c, release))
				continue;
			if (risk_add_cve(r, cve->string, i))
				return -ENOMEM;
		}
	}
	return 0;
}

/* --- OSV (OSV schema 1.6) ---------------------------------------------------------------------------- */

static bool range_affects(const cJSON *range, const char *version)
{
	bool affected = false;
	const cJSON *event;

	for (event = risk_first(cJSON_GetObjectItemCaseSensitive(range, "events")); event;
	     event = event->next) {
		const char *from = risk_text(event, "introduced");
		const char *fixed = risk_text(event, "fixed");
		const char *last = risk_text(event, "last_affected");

		if (*from && (strcmp(from, "0") == 0 ||
			      debian_version_compare(version, from) >= 0))
			affected = true;
		if (*fixed && debian_version_compare(version, fixed) >= 0)
			affected = false;
		if (*last && debian_version_compare(version, last) > 0)
			affected = false;
	}
	return affected;
}

static bool osv_affects(const cJSON *affected, const char *version)
{
	const cJSON *item;

	for (item = risk_first(cJSON_GetObjectItemCaseSensitive(affected, "versions"));
	     item; item = item->next)
		if (cJSON_IsString(item) && strcmp(item->valuestring, version) == 0)
			return true;
	for (item = risk_first(cJSON_GetObjectItemCaseSensitive(affected, "ranges"));
	     item; item = item->next)
		if (strcmp(risk_text(item, "type"), "GIT") != 0 &&
		    range_affects(item, version))
			return true;
	return false;
}

static bool osv_is_of(const cJSON *affected, const struct risk_component *c)
{
	const cJSON *package = cJSON_GetObjectItemCaseSensitive(affected, "package");
	const char *ecosystem = risk_text(package, "ecosystem");
	const char *name = risk_text(package, "name");

	if (strncmp(ecosystem, "Debian", 6) == 0)
		return !c->ours && strcmp(name, c->source) == 0;
	return c->ours && strcmp(name, c->name) == 0;
}

/* "DEBIAN-CVE-..." is the CVE; an advisory stands for those that it names. */
static int add_ids(struct risk *r, const cJSON *entry, size_t component)
{
	static const char *const lists[] = { "aliases", "upstream", "related" };
	const char *own = strstr(risk_text(entry, "id"), "CVE-");
	bool any = false;
	const cJSON *id;

	if (own)
		return risk_add_cve(r, own, component);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		for (id = risk_first(cJSON_GetObjectItemCaseSensitive(entry, lists[i]));
		     id; id = id->next) {
			const char *cve = cJSON_IsString(id)
						  ? strstr(id->valuestring, "CVE-")
						  : NULL;

			if (!cve)
				continue;
			any = true;
			if (risk_add_cve(r, cve, component))
				return -ENOMEM;
		}
	}
	return any ? 0 : risk_add_cve(r, risk_text(entry, "id"), component);
}

static int add_entry(struct risk *r, const cJSON *entry)
{
	const cJSON *affected;

	if (cJSON_GetObjectItemCaseSensitive(entry, "withdrawn"))
		return 0;
	for (affected = risk_first(cJSON_GetObjectItemCaseSensitive(entry, "affected"));
	     affected; affected = affected->next) {
		for (size_t i = 0; i < r->image.count; i++) {
			const struct risk_component *c = &r->image.components[i];

			if (osv_is_of(affected, c) &&
			    osv_affects(affected, c->source_version) &&
			    add_ids(r, entry, i))
				return -ENOMEM;
		}
	}
	return 0;
}

static int add_entries(struct risk *r, const cJSON *list)
{
	const cJSON *entry;
	int err = 0;

	for (entry = risk_first(list); entry; entry = entry->next) {
		if (err == 0)
			err = add_entry(r, entry);
	}
	return err;
}

/* The tracker's export: source packages, each with its CVEs. */
static bool is_tracker(const cJSON *root)
{
	return cJSON_IsObject(root) && root->child && cJSON_IsObject(root->child) &&
	       root->child->child && cJSON_IsObject(root->child->child) &&
	       cJSON_GetObjectItemCaseSensitive(root->child->child, "releases");
}

int risk_add_feed(struct risk *r, const char *text, size_t len, const char *release)
{
	cJSON *root = cJSON_ParseWithLength(text, len);
	int err = -EBADMSG;

	if (is_tracker(root))
		err = add_tracker(r, root, release);
	else if (cJSON_IsArray(root))
		err = add_entries(r, root);
	else if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "vulns")))
		err = add_entries(r, cJSON_GetObjectItemCaseSensitive(root, "vulns"));
	else if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "affected")))
		err = add_entry(r, root);
	cJSON_Delete(root);
	return err;
}
