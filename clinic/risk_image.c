/*
 * risk_image.c - the image's SBOM and facts, with what hub-measure saw of it; see risk.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/risk_inside.h"

const char *risk_text(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(item) && item->valuestring ? item->valuestring : "";
}

static const char *property(const cJSON *component, const char *name)
{
	const cJSON *p;

	for (p = risk_first(cJSON_GetObjectItemCaseSensitive(component, "properties")); p;
	     p = p->next)
		if (strcmp(risk_text(p, "name"), name) == 0)
			return risk_text(p, "value");
	return "";
}

static int read_components(struct risk_image *image)
{
	const cJSON *c,
		*all = cJSON_GetObjectItemCaseSensitive(image->sbom, "components");
	int count = cJSON_GetArraySize(all);

	if (count <= 0 || strcmp(risk_text(image->sbom, "bomFormat"), "CycloneDX") != 0)
		return -EBADMSG;
	image->components = calloc((size_t)count, sizeof(*image->components));
	if (!image->components)
		return -ENOMEM;
	for (c = risk_first(all); c; c = c->next) {
		image->components[image->count++] = (struct risk_component){
			.ref = risk_text(c, "bom-ref"),
			.name = risk_text(c, "name"),
			.version = risk_text(c, "version"),
			.purl = risk_text(c, "purl"),
			.source = property(c, "hub:source"),
			.source_version = property(c, "hub:source-version"),
			.ours = strncmp(risk_text(c, "purl"), "pkg:deb/", 8) != 0,
		};
	}
	return 0;
}

static struct risk_component *by_ref(struct risk_image *image, const char *ref)
{
	for (size_t i = 0; i < image->count; i++) {
		const char *own = image->components[i].ref;

		if (own && strcmp(own, ref) == 0)
			return &image->components[i];
	}
	return NULL;
}

/* A library that is linked into a program has no file of its own: it is mapped where that program is. */
static void read_linked(struct risk_image *image)
{
	const cJSON *d, *on;

	for (d = risk_first(
		     cJSON_GetObjectItemCaseSensitive(image->sbom, "dependencies"));
	     d; d = d->next) {
		struct risk_component *program = by_ref(image, risk_text(d, "ref"));

		if (!program)
			continue;
		for (on = risk_first(cJSON_GetObjectItemCaseSensitive(d, "dependsOn"));
		     on; on = on->next) {
			struct risk_component *c =
				cJSON_IsString(on) ? by_ref(image, on->valuestring)
						   : NULL;

			if (c && c->program_count < RISK_STATICS_MAX)
				c->programs[c->program_count++] =
					(size_t)(program - image->components);
		}
	}
}

int risk_image_open(const char *sbom, size_t sbom_len, const char *facts,
		    size_t facts_len, struct risk_image *ret)
{
	const cJSON *enforced;
	int r;

	*ret = (struct risk_image){ .sbom = cJSON_ParseWithLength(sbom, sbom_len),
				    .facts = cJSON_ParseWithLength(facts, facts_len) };
	if (!cJSON_IsObject(ret->sbom) || !cJSON_IsObject(ret->facts))
		return -EBADMSG;
	ret->purl =
		risk_text(cJSON_GetObjectItemCaseSensitive(
				  cJSON_GetObjectItemCaseSensitive(ret->sbom, "metadata"),
				  "component"),
			  "purl");
	r = read_components(ret);
	if (r)
		return r;
	read_linked(ret);
	enforced = cJSON_GetObjectItemCaseSensitive(ret->facts, "enforced");
	ret->enforced =
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(enforced, "exec")) &&
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(enforced, "dlopen"));
	return 0;
}

void risk_image_free(struct risk_image *image)
{
	cJSON_Delete(image->sbom);
	cJSON_Delete(image->facts);
	free(image->components);
	*image = (struct risk_image){ 0 };
}

static void observe_linked(struct risk_image *image, struct risk_component *c)
{
	for (size_t i = 0; i < c->program_count; i++) {
		const struct risk_component *p = &image->components[c->programs[i]];

		c->ever |= p->ever;
		c->loaded |= p->loaded;
		c->exposed |= p->exposed;
	}
}

int risk_image_observe(struct risk_image *image, const struct evidence *e)
{
	for (size_t i = 0; i < e->component_count; i++) {
		const struct evidence_component *seen = &e->components[i];

		if (seen->component >= image->count)
			return -ERANGE;
		image->components[seen->component].ever = true;
		image->components[seen->component].loaded = seen->loaded;
		image->components[seen->component].exposed = seen->exposed;
	}
	for (size_t i = 0; i < image->count; i++)
		observe_linked(image, &image->components[i]);
	image->has_evidence = true;
	return 0;
}
