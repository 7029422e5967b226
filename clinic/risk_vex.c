/*
 * risk_vex.c - statements of people: OpenVEX 0.2.0 and CycloneDX 1.6 documents; see risk.h.
 *
 * A statement that is not about this product is left out. What it is about is judged in risk.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/risk_inside.h"

/* What a reason comes to, as a tier; all others ask for R4, which closes nothing. */
static const struct {
	const char *reason;
	enum risk_tier claim;
} claims[] = {
	{ "component_not_present", RISK_R0 },
	{ "vulnerable_code_not_present", RISK_R1 },
	{ "code_not_present", RISK_R1 },
	{ "vulnerable_code_not_in_execute_path", RISK_R2 },
	{ "code_not_reachable", RISK_R2 },
};

static enum risk_tier claim_of(const char *reason)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++)
		if (strcmp(claims[i].reason, reason) == 0)
			return claims[i].claim;
	return RISK_R4;
}

static enum vex_status status_named(const char *name)
{
	static const struct {
		const char *name;
		enum vex_status status;
	} names[] = {
		{ "not_affected", VEX_NOT_AFFECTED },
		{ "false_positive", VEX_NOT_AFFECTED },
		{ "affected", VEX_AFFECTED },
		{ "exploitable", VEX_AFFECTED },
		{ "fixed", VEX_FIXED },
		{ "resolved", VEX_FIXED },
		{ "resolved_with_pedigree", VEX_FIXED },
		{ "under_investigation", VEX_UNDER_INVESTIGATION },
		{ "in_triage", VEX_UNDER_INVESTIGATION },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].status;
	return VEX_NONE;
}

static int add(struct risk *r, const struct vex_statement *s)
{
	struct vex_statement *more;

	if (s->status == VEX_NONE || !s->cve[0])
		return 0;
	more = reallocarray(r->statements, r->statement_count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->statements = more;
	more[r->statement_count++] = *s;
	return 0;
}

/* A text that does not fit says something else than it says: it becomes nothing. */
static void take(char *ret, size_t cap, const char *text)
{
	if (strlen(text) < cap)
		memcpy(ret, text, strlen(text) + 1);
	else
		ret[0] = '\0';
}

static struct vex_statement begin(const char *cve, const char *status, const char *reason,
				  const char *time, const char *signer)
{
	struct vex_statement s = { .status = status_named(status),
				   .claim = claim_of(reason) };

	take(s.cve, sizeof(s.cve), cve);
	take(s.reason, sizeof(s.reason), reason);
	take(s.time, sizeof(s.time), time);
	take(s.signer, sizeof(s.signer), signer);
	return s;
}

/* --- OpenVEX ----------------------------------------------------------------------------------------- */

static int add_openvex_product(struct risk *r, struct vex_statement s,
			       const cJSON *product)
{
	const cJSON *sub,
		*subs = cJSON_GetObjectItemCaseSensitive(product, "subcomponents");
	int err = 0;

	if (strcmp(risk_text(product, "@id"), r->image.purl) != 0)
		return 0;
	if (!cJSON_IsArray(subs))
		return add(r, &s);
	for (sub = risk_first(subs); sub; sub = sub->next) {
		take(s.component, sizeof(s.component), risk_text(sub, "@id"));
		if (err == 0 && s.component[0])
			err = add(r, &s);
	}
	return err;
}

static int add_openvex(struct risk *r, const cJSON *root, const char *signer)
{
	const cJSON *item, *product;

	for (item = risk_first(cJSON_GetObjectItemCaseSensitive(root, "statements"));
	     item; item = item->next) {
		const char *time = risk_text(item, "timestamp");
		struct vex_statement s = begin(
			risk_text(cJSON_GetObjectItemCaseSensitive(item, "vulnerability"),
				  "name"),
			risk_text(item, "status"), risk_text(item, "justification"),
			*time ? time : risk_text(root, "timestamp"), signer);

		for (product = risk_first(cJSON_GetObjectItemCaseSensitive(item, "produ"
										 "ct"
										 "s"));
		     product; product = product->next)
			if (add_openvex_product(r, s, product))
				return -ENOMEM;
	}
	return 0;
}

/* --- CycloneDX --------------------------------------------------------------------------------------- */

/* "urn:cdx:SERIAL/VERSION#REF" names a component of another document, which must be ours; "REF" one by itself. */
static const char *local_ref(const struct risk *r, const char *ref)
{
	const char *serial = risk_text(r->image.sbom, "serialNumber");
	const char *hash;
	size_t n;

	if (strncmp(ref, "urn:cdx:", 8) != 0)
		return ref;
	hash = strchr(ref, '#');
	if (strncmp(serial, "urn:uuid:", 9) != 0 || !hash)
		return NULL;
	n = strlen(serial + 9);
	return strncmp(ref + 8, serial + 9, n) == 0 && ref[8 + n] == '/' ? hash + 1
									 : NULL;
}

static int add_cyclonedx(struct risk *r, const cJSON *root, const char *signer)
{
	const cJSON *item, *target;

	for (item = risk_first(cJSON_GetObjectItemCaseSensitive(root, "vulnerabilities"));
	     item; item = item->next) {
		const cJSON *a = cJSON_GetObjectItemCaseSensitive(item, "analysis");
		const char *time = risk_text(a, "lastUpdated");
		struct vex_statement s =
			begin(risk_text(item, "id"), risk_text(a, "state"),
			      risk_text(a, "justification"),
			      *time ? time : risk_text(a, "firstIssued"), signer);

		for (target = risk_first(
			     cJSON_GetObjectItemCaseSensitive(item, "affects"));
		     target; target = target->next) {
			const char *ref = local_ref(r, risk_text(target, "ref"));

			if (!ref || !*ref)
				continue;
			take(s.component, sizeof(s.component), ref);
			if (strcmp(ref, r->image.purl) == 0)
				s.component[0] = '\0';
			if (add(r, &s))
				return -ENOMEM;
		}
	}
	return 0;
}

int risk_add_vex(struct risk *r, const char *text, size_t len, const char *signer)
{
	cJSON *root = cJSON_ParseWithLength(text, len);
	int err = -EBADMSG;

	if (strstr(risk_text(root, "@context"), "openvex"))
		err = add_openvex(r, root, signer);
	else if (strcmp(risk_text(root, "bomFormat"), "CycloneDX") == 0)
		err = add_cyclonedx(r, root, signer);
	cJSON_Delete(root);
	return err;
}
