/*
 * test_risk.c - versions, lists of vulnerabilities, statements of people, and what comes out of them with evidence.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/debian_version.h"
#include "clinic/risk.h"

static void order(const char *a, const char *b)
{
	CHECK(debian_version_compare(a, b) < 0);
	CHECK(debian_version_compare(b, a) > 0);
	CHECK_INT(debian_version_compare(a, a), 0);
}

/* Debian Policy 5.6.12, and what dpkg --compare-versions says. */
static void test_versions(void)
{
	order("1.0", "1.1");
	order("1.9", "1.10");
	order("1.0~rc1", "1.0");
	order("1.0", "1.0-1");
	order("1.0-1", "1.0-1+deb13u1");
	order("1.0-1~bpo12+1", "1.0-1");
	order("2.0", "1:1.0");
	order("1.0a", "1.0b");
	order("1.0a", "1.0+");
	order("5.9.1-0.1", "5.9.2");
	order("1.0.", "1.0.0.1");
	order("9-1", "009-2");
	order("", "1");
	CHECK_INT(debian_version_compare("1.00", "1.0"), 0);
	CHECK_INT(debian_version_compare("0:1.0-0", "1.0"), 0);
}

/* --- an image of five components --------------------------------------------------------------------- */

#define COMPONENT(ref, name, version, purl, source)                                      \
	"{\"bom-ref\":\"" ref "\",\"name\":\"" name "\",\"version\":\"" version          \
	"\",\"purl\":\"" purl                                                            \
	"\",\"properties\":[{\"name\":\"hub:source\",\"value\":\"" source                \
	"\"},{\"name\":\"hub:source-version\",\"value\":\"" version                      \
	"\"}],\"components\":[{\"name\":\"/usr/lib/" name "\"}]}"

enum { LIBC, UNUSED, HUB_COAP, QUIET, WOLFSSL };

static const char sbom[] =
	"{\"bomFormat\":\"CycloneDX\",\"serialNumber\":\"urn:uuid:1-2\",\"metadata\":{"
	"\"component\":{\"purl\":\"pkg:generic/hub@1\"}},\"components\":[" COMPONENT(
		"deb/libc6", "libc6", "2.41-12", "pkg:deb/debian/libc6@2.41-12",
		"glibc") "," COMPONENT("deb/perl", "perl", "5.40.1-6",
				       "pkg:deb/debian/perl@5.40.1-6",
				       "perl") "," COMPONENT("own/hub-coap", "hub-coap",
							     "1",
							     "pkg:generic/hub/hub-coap@1",
							     "hub") "," COMPONENT("deb/"
										  "quiet",
										  "quiet",
										  "1-1",
										  "pkg:"
										  "deb/"
										  "debian"
										  "/quiet"
										  "@1-1",
										  "quiet") "," COMPONENT("own/wolfssl",
													 "wolfssl",
													 "5.9.2",
													 "pkg:generic/wolfssl@5.9.2",
													 "wolfssl") "],\"dependencies\":[{\"ref\":\"hub\",\"dependsOn\":[\"deb/"
														    "perl\"]},{\"ref\":\"own/hub-coap\",\"dependsOn\":[\"own/"
														    "wolfssl\"]}]}";
static const char facts[] =
	"{\"features\":{\"wolfssl\":[\"HAVE_ECC\"]},\"enforced\":{\"exec\":false,"
	"\"dlopen\":false}}";
static const char facts_enforced[] =
	"{\"features\":{},\"enforced\":{\"exec\":true,\"dlopen\":true}}";

/* A tracker's export: one that is affected in each component, and four that are not. */
static const char tracker[] =
	"{\"glibc\":{\"CVE-1-1\":{\"releases\":{\"trixie\":{\"status\":\"open\"}}},"
	"\"CVE-1-2\":{\"releases\":{\"trixie\":{\"status\":\"resolved\",\"fixed_"
	"version\":"
	"\"2.41-12\"}}},\"CVE-1-3\":{\"releases\":{\"bookworm\":{\"status\":\"open\"}}},"
	"\"CVE-1-4\":{\"releases\":{\"trixie\":{\"status\":\"resolved\","
	"\"fixed_version\":\"0\"}}}},\"perl\":{\"CVE-2-1\":{\"releases\":{\"trixie\":{"
	"\"status\":\"resolved\",\"fixed_version\":\"5.40.1-6+deb13u1\"}}}},\"quiet\":{"
	"\"CVE-3-1\":{\"releases\":{\"trixie\":{\"status\":\"undetermined\"}}}},"
	"\"wolfssl\":{\"CVE-4-1\":{\"releases\":{\"sid\":{\"status\":\"open\"},"
	"\"trixie\":{"
	"\"status\":\"open\"}}},\"CVE-4-2\":{\"releases\":{\"trixie\":{\"status\":"
	"\"open\"},"
	"\"sid\":{\"status\":\"resolved\",\"fixed_version\":\"5.9.1-0.1\"}}}},\"absent\":"
	"{"
	"\"CVE-5-1\":{\"releases\":{\"trixie\":{\"status\":\"open\"}}}}}";

static struct risk r;
static struct evidence e;

static void see(uint32_t component, bool exposed)
{
	e.components[e.component_count++] = (struct evidence_component){
		.component = component, .loaded = true, .exposed = exposed
	};
}

static void begin(const char *with_facts, bool evidence)
{
	risk_free(&r);
	memset(&e, 0, sizeof(e));
	CHECK_INT(risk_image_open(sbom, strlen(sbom), with_facts, strlen(with_facts),
				  &r.image),
		  0);
	see(LIBC, true);
	see(HUB_COAP, true);
	see(QUIET, false);
	if (evidence)
		CHECK_INT(risk_image_observe(&r.image, &e), 0);
}

static void feed(const char *text)
{
	CHECK_INT(risk_add_feed(&r, text, strlen(text), "trixie"), 0);
}

static const struct risk_cve *cve(const char *id)
{
	for (size_t i = 0; i < r.cve_count; i++)
		if (strcmp(r.cves[i].id, id) == 0)
			return &r.cves[i];
	return NULL;
}

static void check_groups(size_t actual, size_t internal, size_t unproven, size_t closed)
{
	CHECK_UINT(r.groups[RISK_ACTUAL], actual);
	CHECK_UINT(r.groups[RISK_INTERNAL], internal);
	CHECK_UINT(r.groups[RISK_UNPROVEN], unproven);
	CHECK_UINT(r.groups[RISK_CLOSED], closed);
	CHECK_UINT(actual + internal + unproven + closed, r.cve_count);
}

static void test_tiers(void)
{
	begin(facts, true);
	feed(tracker);
	risk_judge(&r);
	CHECK_UINT(r.cve_count, 4);
	CHECK_INT(cve("CVE-1-1")->tier, RISK_R5);
	CHECK_INT(cve("CVE-2-1")->tier, RISK_R3);
	CHECK_INT(cve("CVE-3-1")->tier, RISK_R4);
	/* no file of its own: it is where hub-coap is */
	CHECK_INT(cve("CVE-4-1")->tier, RISK_R5);
	CHECK(!cve("CVE-4-2") && !cve("CVE-5-1") && !cve("CVE-1-3"));
	check_groups(2, 1, 1, 0);
	CHECK_UINT(r.installed, 5);
	CHECK_UINT(r.loaded, 4);
	CHECK_UINT(r.exposed, 3);
	CHECK_STR(r.cves[0].id, "CVE-1-1"); /* the worst first */
	/* the same with loading forbidden */
	begin(facts_enforced, true);
	feed(tracker);
	CHECK_INT(cve("CVE-2-1")->tier, RISK_R2);
}

static void test_without_evidence(void)
{
	begin(facts, false);
	feed(tracker);
	risk_judge(&r);
	check_groups(4, 0, 0, 0);
	e.components[0].component = 5;
	CHECK_INT(risk_image_observe(&r.image, &e), -ERANGE);
}

static void test_osv(void)
{
	begin(facts, true);
	feed("{\"id\":\"DEBIAN-CVE-6-1\",\"affected\":[{\"package\":{\"ecosystem\":"
	     "\"Debian:13\",\"name\":\"glibc\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
	     "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"2.41-13\"}]}]}]}");
	feed("[{\"id\":\"DSA-1\",\"upstream\":[\"CVE-6-2\",\"CVE-6-3\"],\"affected\":[{"
	     "\"package\":{\"ecosystem\":\"Debian:13\",\"name\":\"perl\"},\"versions\":["
	     "\"5.40.1-6\"]}]},{\"id\":\"CVE-6-4\",\"withdrawn\":\"2026-01-01T00:00:"
	     "00Z\","
	     "\"affected\":[{\"package\":{\"ecosystem\":\"Debian:13\",\"name\":\"perl\"},"
	     "\"versions\":[\"5.40.1-6\"]}]}]");
	feed("{\"vulns\":[{\"id\":\"CVE-6-5\",\"affected\":[{\"package\":{\"ecosystem\":"
	     "\"Debian:13\",\"name\":\"glibc\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
	     "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"2.41-12\"}]}]}]},{\"id\":"
	     "\"CVE-6-6\",\"affected\":[{\"package\":{\"ecosystem\":\"C\",\"name\":"
	     "\"wolfssl\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":"
	     "\"5.0\"},{\"last_affected\":\"5.9.2\"}]}]}]}]}");
	CHECK(cve("CVE-6-1") && cve("CVE-6-2") && cve("CVE-6-3") && cve("CVE-6-6"));
	CHECK(!cve("CVE-6-4") && !cve("CVE-6-5"));
	CHECK_INT(risk_add_feed(&r, "{}", 2, "trixie"), -EBADMSG);
	CHECK_INT(risk_add_feed(&r, "[", 1, "trixie"), -EBADMSG);
}

#define OPENVEX(id, component, status, why, time)                                        \
	"{\"@context\":\"https://openvex.dev/ns/v0.2.0\",\"statements\":[{"              \
	"\"vulnerability\":{\"name\":\"" id "\"},\"products\":[{\"@id\":\"pkg:generic/"  \
	"hub@1\",\"subcomponents\":[{\"@id\":\"" component "\"}]}],\"status\":\"" status \
	"\",\"justification\":\"" why "\",\"timestamp\":\"" time "\"}]}"

static void say(const char *text)
{
	CHECK_INT(risk_add_vex(&r, text, strlen(text), "rosa"), 0);
	risk_judge(&r);
}

static const char wolfssl_out[] =
	OPENVEX("CVE-4-1", "pkg:generic/wolfssl@5.9.2", "not_affected",
		"vulnerable_code_not_present", "2026-11-01T00:00:00Z");

static void test_statements(void)
{
	static const char condition[] = "{\"CVE-4-1\":{\"component\":\"wolfssl\","
					"\"features\":[\"HAVE_ED25519\"]}}";
	static const char on[] = "{\"CVE-4-1\":{\"component\":\"wolfssl\",\"features\":["
				 "\"HAVE_ED25519\",\"HAVE_ECC\"]}}";

	/* loaded, and nothing shows that the code is not in it: the evidence wins */
	begin(facts, true);
	feed(tracker);
	say(wolfssl_out);
	check_groups(2, 1, 1, 0);
	CHECK(cve("CVE-4-1")->reopened);
	CHECK_UINT(r.reopened, 1);
	/* compiled out, but nobody has signed: not closed */
	begin(facts, true);
	CHECK_INT(risk_add_conditions(&r, condition, strlen(condition)), 0);
	feed(tracker);
	risk_judge(&r);
	CHECK_INT(cve("CVE-4-1")->tier, RISK_R1);
	check_groups(1, 1, 2, 0);
	/* both */
	say(wolfssl_out);
	check_groups(1, 1, 1, 1);
	CHECK(!cve("CVE-4-1")->reopened);
	/* a newer word of the same person */
	say(OPENVEX("CVE-4-1", "pkg:generic/wolfssl@5.9.2", "under_investigation", "",
		    "2026-11-02T00:00:00Z"));
	check_groups(1, 1, 2, 0);
	/* the feature is on */
	begin(facts, true);
	CHECK_INT(risk_add_conditions(&r, on, strlen(on)), 0);
	feed(tracker);
	CHECK_INT(cve("CVE-4-1")->tier, RISK_R5);
}

static void test_claims(void)
{
	/* never seen is not unreachable, unless that is enforced; then it closes */
	static const char perl[] =
		OPENVEX("CVE-2-1", "pkg:deb/debian/perl@5.40.1-6", "not_affected",
			"vulnerable_code_not_in_execute_path", "2026-11-01T00:00:00Z");

	begin(facts, true);
	feed(tracker);
	say(perl);
	CHECK_INT(cve("CVE-2-1")->group, RISK_UNPROVEN);
	CHECK(!cve("CVE-2-1")->reopened);
	begin(facts_enforced, true);
	feed(tracker);
	say(perl);
	CHECK_INT(cve("CVE-2-1")->group, RISK_CLOSED);
	/* SR-30: then it is loaded after all */
	begin(facts_enforced, false);
	see(UNUSED, false);
	CHECK_INT(risk_image_observe(&r.image, &e), 0);
	feed(tracker);
	say(perl);
	CHECK_INT(cve("CVE-2-1")->group, RISK_INTERNAL);
	CHECK(cve("CVE-2-1")->reopened);
	/* words that ask for an environment close nothing; another component's are not ours */
	begin(facts, true);
	feed(tracker);
	say(OPENVEX("CVE-1-1", "pkg:deb/debian/libc6@2.41-12", "not_affected",
		    "inline_mitigations_already_exist", "2026-11-01T00:00:00Z"));
	say(OPENVEX("CVE-3-1", "pkg:deb/debian/libc6@2.41-12", "fixed", "",
		    "2026-11-01T00:00:00Z"));
	check_groups(2, 1, 1, 0);
	say(OPENVEX("CVE-3-1", "pkg:deb/debian/quiet@1-1", "fixed", "",
		    "2026-11-01T00:00:00Z"));
	check_groups(2, 0, 1, 1);
}

static void test_cyclonedx(void)
{
	static const char files[] = "{\"CVE-3-1\":{\"files\":[\"/usr/lib/nothing\"]}}";

	begin(facts, true);
	CHECK_INT(risk_add_conditions(&r, files, strlen(files)), 0);
	feed(tracker);
	CHECK_INT(cve("CVE-3-1")->tier, RISK_R0);
	say("{\"bomFormat\":\"CycloneDX\",\"vulnerabilities\":[{\"id\":\"CVE-3-1\","
	    "\"analysis\":{\"state\":\"not_affected\",\"justification\":\"code_not_"
	    "present\","
	    "\"lastUpdated\":\"2026-11-01T00:00:00Z\"},\"affects\":[{\"ref\":\"urn:cdx:1-"
	    "2/"
	    "1#deb/quiet\"}]},{\"id\":\"CVE-1-1\",\"analysis\":{\"state\":\"resolved\"},"
	    "\"affects\":[{\"ref\":\"urn:cdx:9-9/1#deb/libc6\"}]}]}");
	CHECK_INT(cve("CVE-3-1")->group, RISK_CLOSED);
	/* of another document */
	CHECK_INT(cve("CVE-1-1")->group, RISK_ACTUAL);
	CHECK_INT(risk_add_vex(&r, "{}", 2, "rosa"), -EBADMSG);
	risk_free(&r);
}

TEST_MAIN("risk", test_versions, test_tiers, test_without_evidence, test_osv,
	  test_statements, test_claims, test_cyclonedx)
