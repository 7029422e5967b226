/*
 * measure_sign.c - what was found becomes an account with a number, signed; see measure_inside.h.
 */
#include "hub/measure/measure_inside.h"

#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"

/* Of what does not change from run to run by itself. */
static int digest_lists(const struct measure *m, uint8_t ret[static SHA256_LEN])
{
	static struct evidence copy;
	static uint8_t buf[EVIDENCE_PAYLOAD_MAX];
	int n;

	copy = m->now;
	copy.counter = 1;
	copy.same_as = 0;
	copy.from_s = copy.made_s = 0;
	copy.processes_seen = copy.mappings_seen = copy.modules_seen = 0;
	for (size_t i = 0; i < copy.component_count; i++)
		copy.components[i].first_s = copy.components[i].last_s = 0;
	n = evidence_encode(&copy, buf, sizeof(buf));
	if (n > 0)
		crypto_sha256(buf, (size_t)n, ret);
	return n < 0 ? n : 0;
}

/* The lists go once for each boot, and when they have changed. */
static void leave_out_lists(struct measure *m)
{
	struct evidence *e = &m->now;

	if (m->seen.full == 0 || memcmp(m->digest, m->seen.digest, SHA256_LEN) != 0 ||
	    memcmp(m->seen.boot, e->boot, EVIDENCE_BOOT_LEN) != 0)
		return;
	e->same_as = m->seen.full;
	e->component_count = e->process_count = e->finding_count = e->listener_count = 0;
}

static void log_findings(const struct evidence *e)
{
	for (size_t i = 0; i < e->finding_count; i++) {
		const struct evidence_finding *f = &e->findings[i];

		if (f->hub)
			log_err("finding",
				"what=%s process=\"%s\" path=\"%s\" confirmed=%d",
				finding_text(f->kind), f->name, f->path, f->confirmed);
	}
	log_info("measured",
		 "processes=%u mappings=%u modules=%u components=%zu findings=%u hub=%zu",
		 e->processes_seen, e->mappings_seen, e->modules_seen, e->component_count,
		 e->findings_seen, survey_hub_findings(e));
}

/* The counter is on the disk before it is used: a number is never given twice. */
int measure_sign(struct measure *m)
{
	static uint8_t payload[EVIDENCE_PAYLOAD_MAX];
	struct evidence *e = &m->now;
	int n;

	log_findings(e);
	seen_merge(&m->seen, e);
	n = digest_lists(m, m->digest);
	if (n)
		return n;
	e->counter = ++m->seen.counter;
	e->from_s = m->seen.from_s;
	e->made_s = rt_wall().ms / 1000;
	n = seen_save(m->options.state_dir, &m->seen);
	if (n)
		return n;
	leave_out_lists(m);
	n = evidence_encode(e, payload, sizeof(payload));
	if (n > 0)
		n = sign1_make(SIGN_CONTEXT_EVIDENCE, m->private, payload, (size_t)n,
			       m->bytes, sizeof(m->bytes));
	if (n < 0)
		return n;
	m->len = (size_t)n;
	m->signed_off = true;
	return 0;
}
