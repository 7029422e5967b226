/*
 * fuzz_audit_log.c - an audit log from somebody's file: taken apart and verified, whatever it holds.
 *
 * A log of nobody's making is never whole: keys and checkpoint key are drawn anew for each input's run.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/audit_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct audit_verify_in in = { .enrolment = 3 };
	static bool ready;
	uint8_t private[P256_PRIVATE_LEN];
	char line[AUDIT_LINE_MAX];
	struct audit_verdict v;
	struct audit_log log;

	if (!ready) {
		if (crypto_init())
			abort();
		crypto_random(in.key0, sizeof(in.key0));
		p256_generate(private, in.public);
		ready = true;
	}
	if (audit_log_parse(data, size, &log))
		return 0;
	in.segments = log.segments;
	in.segment_count = log.count;
	if (log.count && log.segments[0].len > 5 + HUB_ID_LEN)
		memcpy(in.hub, log.segments[0].p + 5, HUB_ID_LEN);
	audit_verify(&in, &v);
	if (v.last || (v.result == AUDIT_LOG_WHOLE && size))
		abort();
	if (strlen(audit_verdict_line(&v, line)) < 10)
		abort();
	audit_log_done(&log);
	return 0;
}
