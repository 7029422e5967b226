/*
 * fuzz_risk.c - what 'clinicctl risk' reads, joined as it joins it: SBOM and facts, a list of vulnerabilities, a VEX document,
 * conditions, with lines of 0xff between them. The groups add up, and nothing that nobody signed is closed.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/debian_version.h"
#include "clinic/risk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* The next part; *ret_len 0 behind the last. */
static const char *part(const uint8_t **at, const uint8_t *end, size_t *ret_len)
{
	const char *p = (const char *)*at;
	const uint8_t *stop = memchr(*at, 0xff, (size_t)(end - *at));

	*ret_len = (size_t)((stop ? stop : end) - *at);
	*at = stop ? stop + 1 : end;
	return p;
}

static void check_order(const struct risk *r)
{
	for (size_t i = 1; i < r->image.count && i < 8; i++) {
		const char *a = r->image.components[i - 1].source_version;
		const char *b = r->image.components[i].source_version;
		int one = debian_version_compare(a, b),
		    two = debian_version_compare(b, a);

		check((one > 0) == (two < 0) && (one == 0) == (two == 0));
		check(debian_version_compare(a, a) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	static struct evidence e;
	struct risk r = { 0 };
	size_t n, m, sum = 0;
	const char *sbom = part(&at, end, &n), *facts = part(&at, end, &m);

	if (risk_image_open(sbom, n, facts, m, &r.image) == 0) {
		e.component_count = 1;
		(void)risk_image_observe(&r.image, &e);
		check_order(&r);
		sbom = part(&at, end, &n);
		(void)risk_add_conditions(&r, sbom, n);
		sbom = part(&at, end, &n);
		(void)risk_add_feed(&r, sbom, n, "trixie");
		sbom = part(&at, end, &n);
		(void)risk_add_vex(&r, sbom, n, "rosa");
		risk_judge(&r);
		for (size_t i = 0; i < RISK_GROUPS; i++)
			sum += r.groups[i];
		check(sum == r.cve_count);
		check(r.groups[RISK_CLOSED] == 0 || r.statement_count > 0);
	}
	risk_free(&r);
	return 0;
}
