#pragma once

/*
 * risk.h - actual and perceived risk: a hub's evidence, its image's SBOM, lists of vulnerabilities, and what people have
 * signed about them, joined to one tier and one group for each vulnerability. Pure, but for memory (json.h).
 *
 * Invariants
 *   1. The four groups add up to all vulnerabilities of what is installed.
 *   2. Nothing is closed without a signed statement; no statement closes what the evidence contradicts.
 *   3. In doubt the higher tier counts: without evidence every component is exposed.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/evidence.h"

/* How far a vulnerability can matter here; an observation, not a judgement. */
enum risk_tier {
	RISK_R0 = 0, /* the image has no such component, or not this part of it */
	RISK_R1 = 1, /* compiled out */
	RISK_R2 = 2, /* there, never mapped, and it cannot be */
	RISK_R3 = 3, /* there, never seen mapped */
	RISK_R4 = 4, /* mapped, by processes without bytes from outside */
	RISK_R5 = 5, /* mapped by an exposed one */
};

enum risk_group {
	RISK_ACTUAL = 0,
	RISK_INTERNAL = 1,
	RISK_UNPROVEN = 2,
	RISK_CLOSED = 3,
	RISK_GROUPS = 4,
};

const char *risk_group_text(enum risk_group g);

enum { RISK_ID_MAX = 31, RISK_STATICS_MAX = 32 };

/* A component of the image; texts are the SBOM's, borrowed. */
struct risk_component {
	const char *ref, *name, *version, *purl, *source, *source_version;
	bool ours; /* built by us from upstream's source: Debian's versions are not its */
	bool ever, loaded, exposed;
	size_t program_count; /* that have it linked into them */
	size_t programs[RISK_STATICS_MAX];
};

/* The image as its build tells it. Fields are private but for reading. */
struct risk_image {
	cJSON *sbom, *facts; /* owned */
	const char *purl;    /* of the product */
	size_t count;
	struct risk_component
		*components; /* owned; a position is a number in the evidence */
	bool has_evidence, enforced;
};

/*
 * risk_image_open - sbom.cdx.json and facts.json.
 *
 * Returns 0, -EBADMSG (not JSON, or not such a file), or -ENOMEM. risk_image_free in every case.
 */
int risk_image_open(const char *sbom, size_t sbom_len, const char *facts,
		    size_t facts_len, struct risk_image *ret);
void risk_image_free(struct risk_image *image);
/* risk_image_observe - what hub-measure saw. A number that the image has not is -ERANGE. */
int risk_image_observe(struct risk_image *image, const struct evidence *e);

/* What a person says of a vulnerability. */
enum vex_status {
	VEX_NONE = 0,
	VEX_UNDER_INVESTIGATION,
	VEX_AFFECTED,
	VEX_FIXED,
	VEX_NOT_AFFECTED,
};

struct vex_statement {
	char cve[RISK_ID_MAX + 1];
	enum vex_status status;
	enum risk_tier claim; /* of 'not affected': what the reason given comes to */
	char reason[64];
	char time[32];	     /* RFC 3339, as it stands there */
	char component[256]; /* purl or bom-ref; "": the whole product */
	char signer[48];
};

/* A vulnerability of something that is installed. */
struct risk_cve {
	char id[RISK_ID_MAX + 1];
	size_t component; /* the one with the highest tier */
	enum risk_tier tier;
	enum risk_group group;
	bool reopened; /* a signed statement says otherwise than the evidence */
	const struct vex_statement
		*statement; /* the newest about it; borrowed, NULL: none */
};

/* All of it. All zero at first; risk_free. */
struct risk {
	struct risk_image image;
	cJSON *conditions; /* owned; NULL: none */
	size_t cve_count, statement_count;
	struct risk_cve *cves;
	struct vex_statement *statements;
	/* what came out of risk_judge */
	size_t installed, loaded, exposed, groups[RISK_GROUPS], reopened;
};

void risk_free(struct risk *r);

/*
 * risk_add_feed - vulnerabilities of a file: the Debian security tracker's export, or OSV (one entry, a list, or
 * {"vulns": [...]}). Of packages that the image has not nothing is kept.
 *
 * release   Debian's name of the release, "trixie"
 *
 * Returns 0, -EBADMSG (neither), or -ENOMEM.
 */
int risk_add_feed(struct risk *r, const char *text, size_t len, const char *release);

/* risk_add_vex - statements of an OpenVEX or CycloneDX document whose signature was good. Returns as risk_add_feed. */
int risk_add_vex(struct risk *r, const char *text, size_t len, const char *signer);

/*
 * risk_add_conditions - what a vulnerability needs: {"CVE-...": {"component": NAME, "features": [MACRO ...]}} is compiled out
 * if none of these is on; {"CVE-...": {"files": [PATH ...]}} is absent if the image has none of these.
 */
int risk_add_conditions(struct risk *r, const char *text, size_t len);

/* risk_tier_of - what is observed of a vulnerability of a component. */
enum risk_tier risk_tier_of(const struct risk *r, const char *cve, size_t component);

/* risk_judge - the group of each, then the figures; sorted, the worst first. */
void risk_judge(struct risk *r);
