/*
 * audit_state.c - see audit_state.h.
 */
#include "storage/audit_state.h"

#include <errno.h>

enum { VERSION = 1 };

void audit_state_encode(const struct audit_state *s, uint8_t ret[static AUDIT_STATE_LEN])
{
	struct writer w;

	writer_init(&w, ret, AUDIT_STATE_LEN);
	write_u8(&w, VERSION);
	write_be64(&w, s->epoch);
	write_bytes(&w, s->key, sizeof(s->key));
	write_be32(&w, s->segment);
	write_be64(&w, s->number);
	write_bytes(&w, s->head, sizeof(s->head));
}

int audit_state_decode(const uint8_t *buf, size_t len, struct audit_state *ret)
{
	struct audit_state s;
	struct reader r;
	uint8_t version;

	reader_init(&r, buf, len);
	version = read_u8(&r);
	s.epoch = read_be64(&r);
	read_bytes(&r, s.key, sizeof(s.key));
	s.segment = read_be32(&r);
	s.number = read_be64(&r);
	read_bytes(&r, s.head, sizeof(s.head));
	if (!reader_done(&r) || version != VERSION || s.epoch == 0)
		return -EKEYREJECTED;
	*ret = s;
	crypto_wipe(&s, sizeof(s));
	return 0;
}
