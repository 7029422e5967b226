/*
 * envelope.c - the bytes of the clear envelope; see envelope.h.
 */
#include "hub/core/envelope.h"

#include "hub/core/cursor.h"

void envelope_encode(const struct envelope *e, uint8_t buf[static ENVELOPE_LEN])
{
	struct writer w;

	writer_init(&w, buf, ENVELOPE_LEN);
	write_u8(&w, ENVELOPE_VERSION);
	write_bytes(&w, e->hub, HUB_ID_LEN);
	write_be32(&w, e->epoch);
	write_be32(&w, e->assignment);
	write_be64(&w, e->seq);
	write_u8(&w, (uint8_t)e->class);
	write_u8(&w, e->kind);
	write_be32(&w, e->body_len);
}
