/*
 * evidence_load.c - see evidence_load.h.
 *
 * The pieces of one evidence are records of one commit, in their order. hub-store has signed the batch that they came in; the
 * key inside says that one hub-measure made all of it, and a new key in the middle of an enrolment is counted.
 */
#include "clinic/evidence_load.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"

enum { PAGE = 200 };

struct load {
	const struct opening_key *key;
	struct evidence_found *found;
	struct evidence now, lists; /* lists: the last one that had them */
	bool has_lists;
	uint64_t seq;
	unsigned on_page, unopened;
	/* pieces so far */
	uint64_t counter;
	uint32_t next, total;
	size_t len;
	uint8_t bytes[EVIDENCE_BYTES_MAX];
};

/* The key is inside what it signs. */
static int open_signed(struct load *l)
{
	struct cose_sign1 s;
	const uint8_t *payload;
	size_t len;
	int r = cose_parse(l->bytes, l->len, &s);

	if (r == 0)
		r = evidence_decode(s.payload, s.payload_len, &l->now);
	if (r == 0)
		r = sign1_open(SIGN_CONTEXT_EVIDENCE, l->now.public_key, l->bytes, l->len,
			       &payload, &len);
	return r;
}

static void take(struct load *l, int64_t received_ms)
{
	struct evidence_found *f = l->found;

	if (f->found &&
	    memcmp(f->evidence.public_key, l->now.public_key, EVIDENCE_PUBLIC_LEN) != 0)
		f->keys++;
	if (l->now.same_as == 0) {
		l->lists = l->now;
		l->has_lists = true;
	}
	f->found = true;
	f->whole++;
	f->received_ms = received_ms;
	f->evidence = l->now;
	f->lists = l->now.same_as == 0;
	if (f->lists || !l->has_lists || l->lists.counter != l->now.same_as ||
	    memcmp(l->lists.image, l->now.image, EVIDENCE_HASH_LEN) != 0)
		return;
	f->lists = true;
	f->evidence.component_count = l->lists.component_count;
	memcpy(f->evidence.components, l->lists.components, sizeof(l->lists.components));
	f->evidence.process_count = l->lists.process_count;
	memcpy(f->evidence.processes, l->lists.processes, sizeof(l->lists.processes));
	f->evidence.finding_count = l->lists.finding_count;
	memcpy(f->evidence.findings, l->lists.findings, sizeof(l->lists.findings));
	f->evidence.listener_count = l->lists.listener_count;
	memcpy(f->evidence.listeners, l->lists.listeners, sizeof(l->lists.listeners));
}

static void add_piece(struct load *l, const struct evidence_piece *p, int64_t received_ms)
{
	if (p->index == 0) {
		l->found->broken += l->next < l->total; /* the one before has no end */
		l->counter = p->counter;
		l->total = p->total;
		l->next = 0;
		l->len = 0;
	}
	if (p->counter != l->counter || p->index != l->next || p->total != l->total ||
	    p->len > sizeof(l->bytes) - l->len) {
		l->found->broken++;
		l->next = l->total = 0;
		return;
	}
	memcpy(l->bytes + l->len, p->bytes, p->len);
	l->len += p->len;
	l->next++;
	if (l->next < l->total)
		return;
	if (open_signed(l))
		l->found->broken++;
	else
		take(l, received_ms);
}

static int on_record(void *arg, const struct sealed *rec)
{
	struct load *l = arg;
	uint8_t body[SEALED_BODY_MAX];
	struct evidence_piece p;
	const char *why;
	size_t len;

	l->seq = rec->record.seq;
	l->on_page++;
	if (opening_body(l->key, rec, body, &len, &why)) {
		l->unopened++;
		return 0;
	}
	if (evidence_piece_decode(body, len, &p))
		l->found->broken++;
	else
		add_piece(l, &p, rec->received_ms);
	return 0;
}

int evidence_load(struct store *store, const struct hub *h, const struct opening_key *key,
		  struct evidence_found *ret)
{
	static struct load l;
	int r = 0;

	memset(&l, 0, sizeof(l));
	memset(ret, 0, sizeof(*ret));
	l.key = key;
	l.found = ret;
	do {
		l.on_page = 0;
		r = store_kind_page(store, h->id, h->epoch, l.seq, READING_EVIDENCE, PAGE,
				    on_record, &l);
	} while (r == 0 && l.on_page == PAGE);
	if (r == 0 && !ret->found && l.unopened > 0)
		return -EKEYREJECTED;
	return r;
}
