/*
 * audit_chain.c - see audit_chain.h. Hub and clinic walk a log with the same function.
 */
#include "hub/crypto/audit_chain.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum { PREFIX_LINK = 1, PREFIX_MAC = 2 };

#define ORIGIN "hub/v1/audit"

const char *audit_fault_text(enum audit_fault f)
{
	static const char *const text[AUDIT_FAULTS] = {
		[AUDIT_FAULT_NONE] = "none",
		[AUDIT_FAULT_BYTES] = "a record does not parse",
		[AUDIT_FAULT_NUMBER] = "records are missing, doubled or out of order",
		[AUDIT_FAULT_CHAIN] =
			"the record before it is not the one it was written after",
		[AUDIT_FAULT_EPOCH] = "key epochs are not contiguous",
		[AUDIT_FAULT_BOOT] = "boot counter or clock goes the wrong way",
		[AUDIT_FAULT_MAC] = "not written with the key of its number",
		[AUDIT_FAULT_CHECKPOINT] =
			"a checkpoint is not the hub's, or not of this log",
		[AUDIT_FAULT_SEGMENT] = "a segment is damaged, missing or from elsewhere",
		[AUDIT_FAULT_MISSING] = "records are missing between two segments",
		[AUDIT_FAULT_BEGINNING] =
			"the beginning is missing and the log does not say so",
		[AUDIT_FAULT_FORK] = "not the log that the clinic has witnessed",
		[AUDIT_FAULT_TRUNCATED] = "ends before what the clinic has witnessed",
		[AUDIT_FAULT_RECEIPT] = "a receipt for records that are not in it",
		[AUDIT_FAULT_REPORTED] = "the hub itself found its log changed at start",
	};

	return (size_t)f < AUDIT_FAULTS ? text[f] : "unknown";
}

void audit_chain_start(struct audit_chain *c, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t enrolment)
{
	uint8_t buf[sizeof(ORIGIN) - 1 + HUB_ID_LEN + 4];
	struct writer w;

	memset(c, 0, sizeof(*c));
	writer_init(&w, buf, sizeof(buf));
	write_bytes(&w, (const uint8_t *)ORIGIN, sizeof(ORIGIN) - 1);
	write_bytes(&w, hub, HUB_ID_LEN);
	write_be32(&w, enrolment);
	crypto_sha256(buf, sizeof(buf), c->head);
}

static void link_head(uint8_t head[static SHA256_LEN], const uint8_t *rec, size_t len)
{
	uint8_t buf[1 + SHA256_LEN + 2 + AUDIT_RECORD_MAX];
	struct writer w;

	writer_init(&w, buf, sizeof(buf));
	write_u8(&w, PREFIX_LINK);
	write_bytes(&w, head, SHA256_LEN);
	write_be16(&w, (uint16_t)len);
	write_bytes(&w, rec, len);
	crypto_sha256(buf, (size_t)writer_len(&w), head);
}

static enum audit_fault may_follow(const struct audit_chain *c,
				   const struct audit_record *r)
{
	const struct audit_event *e = &r->event;

	if (r->number != c->number + 1)
		return AUDIT_FAULT_NUMBER;
	if (memcmp(r->prev, c->head, SHA256_LEN) != 0)
		return AUDIT_FAULT_CHAIN;
	if (r->epoch != c->epoch && r->epoch != c->epoch + 1)
		return AUDIT_FAULT_EPOCH;
	if (e->kind == AUDIT_START ? r->boot != c->boot + 1
				   : r->boot != c->boot || r->mono.ms < c->mono_ms)
		return AUDIT_FAULT_BOOT;
	if (e->kind == AUDIT_RECEIPT && (e->a > c->number || r->data_len != SHA256_LEN))
		return AUDIT_FAULT_RECEIPT;
	return AUDIT_FAULT_NONE;
}

enum audit_fault audit_chain_follow(struct audit_chain *c, const uint8_t *buf, size_t len,
				    struct audit_record *ret)
{
	uint8_t leaf[SHA256_LEN];
	struct audit_record r;
	enum audit_fault f;

	if (audit_record_decode(buf, len, &r))
		return AUDIT_FAULT_BYTES;
	f = may_follow(c, &r);
	if (f)
		return f;
	audit_leaf(buf, len, leaf);
	if (audit_tree_add(&c->tree, leaf))
		return AUDIT_FAULT_NUMBER;
	link_head(c->head, buf, len);
	c->number = r.number;
	c->epoch = r.epoch;
	c->boot = r.boot;
	c->mono_ms = r.mono.ms;
	if (r.event.kind == AUDIT_RECEIPT && r.event.a > c->witnessed)
		c->witnessed = r.event.a;
	*ret = r;
	return AUDIT_FAULT_NONE;
}

void audit_mac(const uint8_t key[static KEY_LEN], const uint8_t head[static SHA256_LEN],
	       uint8_t ret[static SHA256_LEN])
{
	uint8_t buf[1 + SHA256_LEN];

	buf[0] = PREFIX_MAC;
	memcpy(buf + 1, head, SHA256_LEN);
	crypto_hmac(key, buf, sizeof(buf), ret);
}

void audit_key_next(uint8_t key[static KEY_LEN], uint64_t steps)
{
	/* RFC 5869, 2.3: with 32 octets wanted it is one HMAC of info and the counter 1 */
	static const uint8_t info[] = "hub/v1/audit-next\x01";
	uint8_t next[KEY_LEN];

	for (; steps > 0; steps--) {
		crypto_hmac(key, info, sizeof(info) - 1, next);
		memcpy(key, next, KEY_LEN);
	}
	crypto_wipe(next, sizeof(next));
}

void audit_checkpoint_of(const struct audit_chain *c,
			 const uint8_t hub[static HUB_ID_LEN], uint32_t enrolment,
			 uint64_t highest_seq, struct audit_checkpoint *ret)
{
	*ret = (struct audit_checkpoint){
		.enrolment = enrolment,
		.size = c->number,
		.boot = c->boot,
		.highest_seq = highest_seq,
	};
	memcpy(ret->hub, hub, HUB_ID_LEN);
	memcpy(ret->head, c->head, SHA256_LEN);
	audit_tree_root(&c->tree, ret->root);
}

int audit_checkpoint_open(const uint8_t public[static P256_PUBLIC_LEN],
			  const uint8_t *buf, size_t len, struct audit_checkpoint *ret)
{
	const uint8_t *payload;
	size_t payload_len;
	int r = sign1_open(SIGN_CONTEXT_CHECKPOINT, public, buf, len, &payload,
			   &payload_len);

	return r ? r : audit_checkpoint_decode(payload, payload_len, ret);
}
