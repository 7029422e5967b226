/*
 * fuzz_audit_record.c - an audit record's parser: whatever decodes must encode to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/audit_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[AUDIT_RECORD_MAX];
	struct audit_checkpoint c;
	struct audit_record r;
	int n;

	if (audit_record_decode(data, size, &r) == 0) {
		n = audit_record_encode(&r, again, sizeof(again));
		if (n < 0 || (size_t)n != size || memcmp(again, data, size) != 0)
			abort();
		if (!audit_kind_text(r.event.kind) || !audit_object_text(r.event.object))
			abort();
		/* what the log carries for others */
		(void)audit_checkpoint_decode(r.data, r.data_len, &c);
	}
	(void)audit_checkpoint_decode(data, size, &c);
	return 0;
}
