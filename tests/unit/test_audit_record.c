/*
 * test_audit_record.c - records and checkpoints as bytes, the tree and its proofs, chain, keys, segments.
 */
#include "hub/core/audit_record.h"

#include <errno.h>

#include "hub/core/msg.h"
#include "hub/crypto/audit_segment.h"
#include "test.h"

static uint8_t buf[AUDIT_RECORD_MAX + 8];

static struct audit_record typical(void)
{
	struct audit_record r = {
		.number = 7,
		.boot = 2,
		.epoch = 3,
		.wall = { 1795000000000, UINT32_MAX, CLOCK_QUALITY_NTP },
		.mono = { 123456 },
		.event = { .kind = AUDIT_PAIRING,
			   .outcome = AUDIT_SUCCESS,
			   .agent = AUDIT_AGENT_DEVICE,
			   .agent_id = 4,
			   .source = 1,
			   .object = AUDIT_OBJECT_DEVICE,
			   .a = 4,
			   .detail = "window 12" },
	};

	memset(r.prev, 0xab, sizeof(r.prev));
	return r;
}

static void check_same(const struct audit_record *a, const struct audit_record *b)
{
	CHECK_UINT(a->number, b->number);
	CHECK_UINT(a->boot, b->boot);
	CHECK_UINT(a->epoch, b->epoch);
	CHECK_INT(a->wall.ms, b->wall.ms);
	CHECK_INT(a->wall.quality, b->wall.quality);
	CHECK_UINT(a->mono.ms, b->mono.ms);
	CHECK_INT(a->event.kind, b->event.kind);
	CHECK_INT(a->event.outcome, b->event.outcome);
	CHECK_INT(a->event.agent, b->event.agent);
	CHECK_UINT(a->event.agent_id, b->event.agent_id);
	CHECK_UINT(a->event.source, b->event.source);
	CHECK_INT(a->event.object, b->event.object);
	CHECK_UINT(a->event.a, b->event.a);
	CHECK_UINT(a->event.b, b->event.b);
	CHECK_STR(a->event.detail, b->event.detail);
	CHECK_UINT(a->data_len, b->data_len);
	if (a->data_len)
		CHECK_MEM(a->data, b->data, a->data_len);
	CHECK_MEM(a->prev, b->prev, sizeof(a->prev));
}

/* The bytes are on disks for six years: they do not change. */
static void test_bytes(void)
{
	static const char want[] =
		"92"		     /* array of 18 */
		"01"		     /* version */
		"07"		     /* number */
		"02"		     /* boot */
		"03"		     /* epoch */
		"1b000001a1ee565e00" /* wall */
		"02"		     /* quality */
		"1a0001e240"	     /* mono */
		"1840"		     /* pairing */
		"01"		     /* success */
		"04"		     /* device */
		"04"		     /* number 4 */
		"01"		     /* hub-ble */
		"02"		     /* a device */
		"04"
		"00"
		"6977696e646f77203132" /* "window 12" */
		"40"		       /* no data */
		"5820abababababababababababababababababababababababababababababababab";
	struct audit_record r = typical(), got;
	char text[2 * sizeof(buf) + 1];
	int n = audit_record_encode(&r, buf, sizeof(buf));

	CHECK(n > 0);
	for (int i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", buf[i]);
	CHECK_STR(text, want);
	CHECK_INT(audit_record_decode(buf, (size_t)n, &got), 0);
	check_same(&got, &r);
}

static void test_every_cut_and_more(void)
{
	struct audit_record r = typical(), got;
	int n = audit_record_encode(&r, buf, sizeof(buf));

	for (int i = 0; i < n; i++)
		CHECK(audit_record_decode(buf, (size_t)i, &got) < 0);
	buf[n] = 0;
	CHECK_INT(audit_record_decode(buf, (size_t)n + 1, &got), -EBADMSG);
	CHECK_INT(audit_record_decode(buf, AUDIT_RECORD_MAX + 1, &got), -EMSGSIZE);
	for (int cap = 0; cap < n; cap++)
		CHECK_INT(audit_record_encode(&r, buf, (size_t)cap), -ENOSPC);
	CHECK_INT(audit_record_encode(&r, buf, (size_t)n), n);
}

static void test_limits(void)
{
	static uint8_t data[AUDIT_DATA_MAX + 1];
	struct audit_record r = typical(), got;

#define REFUSED(change, error)                                                           \
	do {                                                                             \
		r = typical();                                                           \
		change;                                                                  \
		CHECK_INT(audit_record_encode(&r, buf, sizeof(buf)), error);             \
	} while (0)
#define TAKEN(change)                                                                    \
	do {                                                                             \
		int n_;                                                                  \
		r = typical();                                                           \
		change;                                                                  \
		n_ = audit_record_encode(&r, buf, sizeof(buf));                          \
		CHECK(n_ > 0);                                                           \
		CHECK_INT(audit_record_decode(buf, (size_t)n_, &got), 0);                \
		check_same(&got, &r);                                                    \
	} while (0)
	TAKEN(r.number = 1);
	REFUSED(r.number = 0, -ERANGE);
	TAKEN(r.number = UINT64_MAX);
	TAKEN(r.boot = 1);
	REFUSED(r.boot = 0, -ERANGE);
	TAKEN(r.epoch = 1);
	REFUSED(r.epoch = 0, -ERANGE);
	TAKEN(r.wall.ms = INT64_MIN);
	TAKEN(r.wall.ms = INT64_MAX);
	TAKEN(r.wall.quality = CLOCK_QUALITY_CLINIC);
	REFUSED(r.wall.quality = (enum clock_quality)4, -ERANGE);
	TAKEN(r.event.source = ROLE_LAST);
	REFUSED(r.event.source = ROLE_LAST + 1, -ERANGE);
	TAKEN(r.event.outcome = AUDIT_MAJOR_FAILURE);
	REFUSED(r.event.outcome = (enum audit_outcome)5, -ERANGE);
	REFUSED(r.event.outcome = AUDIT_OUTCOME_NONE, -ERANGE);
	TAKEN(r.event.agent = AUDIT_AGENT_AUTHORITY);
	REFUSED(r.event.agent = (enum audit_agent)6, -ERANGE);
	TAKEN(r.event.object = AUDIT_OBJECT_SPOOL);
	REFUSED(r.event.object = (enum audit_object)14, -ERANGE);
	REFUSED(r.event.kind = AUDIT_NONE, -ERANGE);
	TAKEN(r.event.kind = AUDIT_BROKEN);
	REFUSED(r.event.kind = (enum audit_kind)102, -ERANGE);
	REFUSED(r.event.kind = (enum audit_kind)1000, -ERANGE);
	TAKEN(memset(r.event.detail, '~', 63); r.event.detail[63] = 0);
	TAKEN(memset(r.event.detail, ' ', 64); r.event.detail[64] = 0);
	REFUSED(memset(r.event.detail, 'x', 65), -EMSGSIZE);
	REFUSED(r.event.detail[3] = 0x1f, -ERANGE);
	REFUSED(r.event.detail[3] = 0x7f, -ERANGE);
	REFUSED(r.event.detail[3] = (char)0x80, -ERANGE);
	TAKEN(r.data = data; r.data_len = AUDIT_DATA_MAX; r.event.detail[0] = 0);
	REFUSED(r.data = data; r.data_len = AUDIT_DATA_MAX + 1, -ERANGE);
}

/* The longest there is: every number as wide as it gets. */
static void test_longest(void)
{
	static uint8_t data[AUDIT_DATA_MAX];
	uint8_t payload[AUDIT_CHECKPOINT_MAX], private[P256_PRIVATE_LEN],
		public[P256_PUBLIC_LEN];
	struct audit_checkpoint c = { .enrolment = UINT32_MAX,
				      .size = UINT64_MAX,
				      .boot = UINT32_MAX,
				      .highest_seq = UINT64_MAX },
				got;
	struct audit_record r = typical();
	int n;

	CHECK_INT(crypto_init(), 0);
	n = audit_checkpoint_encode(&c, payload, sizeof(payload));
	CHECK_INT(n, AUDIT_CHECKPOINT_MAX);
	CHECK_INT(audit_checkpoint_encode(&c, payload, sizeof(payload) - 1), -ENOSPC);
	p256_generate(private, public);
	n = sign1_make(SIGN_CONTEXT_CHECKPOINT, private, payload, (size_t)n, data,
		       sizeof(data));
	CHECK_INT(n, 189);
	CHECK_INT(audit_checkpoint_open(public, data, (size_t)n, &got), 0);
	CHECK_UINT(got.highest_seq, UINT64_MAX);
	r.number = r.epoch = r.mono.ms = r.event.a = r.event.b = UINT64_MAX;
	r.boot = r.event.agent_id = UINT32_MAX;
	r.wall.ms = INT64_MIN;
	r.event.kind = AUDIT_CHECKPOINT;
	r.event.detail[0] = 0;
	r.data = data;
	r.data_len = (size_t)n;
	n = audit_record_encode(&r, buf, sizeof(buf));
	CHECK(n > 0 && n <= AUDIT_RECORD_MAX);
	printf("longest checkpoint record %d octets,", n);
	r.event.kind = AUDIT_COMMAND;
	r.data_len = 0;
	memset(r.event.detail, 'x', 64);
	n = audit_record_encode(&r, buf, sizeof(buf));
	CHECK(n > 0 && n <= AUDIT_RECORD_MAX);
	printf(" longest event %d\n", n);
	/* another context's signature is none */
	n = sign1_make(SIGN_CONTEXT_BATCH, private, payload, sizeof(payload), data,
		       sizeof(data));
	CHECK_INT(audit_checkpoint_open(public, data, (size_t)n, &got), -EKEYREJECTED);
}

/* One form only: what decodes encodes to the same bytes; nothing but that decodes. */
static void test_one_form(void)
{
	/* number 7 in two bytes */
	static const uint8_t version_wide[] = { 0x92, 0x18, 0x01 };
	struct audit_record r = typical(), got;
	uint8_t wide[AUDIT_RECORD_MAX], again[AUDIT_RECORD_MAX];
	int n = audit_record_encode(&r, buf, sizeof(buf));
	unsigned long taken = 0;

	memcpy(wide, version_wide, sizeof(version_wide));
	memcpy(wide + 3, buf + 2, (size_t)n - 2);
	CHECK_INT(audit_record_decode(wide, (size_t)n + 1, &got), -EBADMSG);
	buf[1] = 2;
	CHECK_INT(audit_record_decode(buf, (size_t)n, &got), -ENOTSUP);
	buf[1] = 1;
	for (int i = 0; i < 200000; i++) {
		memcpy(wide, buf, (size_t)n);
		for (uint64_t k = 1 + test_random() % 3; k > 0; k--)
			wide[test_random() % (uint64_t)n] = (uint8_t)test_random();
		if (audit_record_decode(wide, (size_t)n, &got))
			continue;
		taken++;
		CHECK_INT(audit_record_encode(&got, again, sizeof(again)), n);
		CHECK_MEM(again, wide, (size_t)n);
	}
	CHECK(taken > 1000);
}

static void test_checkpoint(void)
{
	struct audit_checkpoint c = {
		.enrolment = 3, .size = 64, .boot = 5, .highest_seq = 9
	};
	struct audit_checkpoint got;
	uint8_t p[AUDIT_CHECKPOINT_MAX];
	int n;

	memset(c.hub, 1, sizeof(c.hub));
	memset(c.root, 2, sizeof(c.root));
	memset(c.head, 3, sizeof(c.head));
	n = audit_checkpoint_encode(&c, p, sizeof(p));
	CHECK_INT(audit_checkpoint_decode(p, (size_t)n, &got), 0);
	CHECK_MEM(got.hub, c.hub, sizeof(c.hub));
	CHECK_MEM(got.root, c.root, sizeof(c.root));
	CHECK_MEM(got.head, c.head, sizeof(c.head));
	CHECK_UINT(got.enrolment, 3);
	CHECK_UINT(got.size, 64);
	CHECK_UINT(got.boot, 5);
	CHECK_UINT(got.highest_seq, 9);
	for (int i = 0; i < n; i++)
		CHECK(audit_checkpoint_decode(p, (size_t)i, &got) < 0);
	p[1] = 2;
	CHECK_INT(audit_checkpoint_decode(p, (size_t)n, &got), -ENOTSUP);
}

/* --- tree ----------------------------------------------------------------------------------------- */

enum { LEAVES = 130 };

static uint8_t leaves[LEAVES][SHA256_LEN];

/* The definition in RFC 9162, 2.1.1, word for word. */
static void naive_root(size_t from, size_t n, uint8_t ret[static SHA256_LEN])
{
	uint8_t b[1 + 2 * SHA256_LEN] = { 1 };
	size_t k = 1;

	if (n == 1) {
		memcpy(ret, leaves[from], SHA256_LEN);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	naive_root(from, k, b + 1);
	naive_root(from + k, n - k, b + 1 + SHA256_LEN);
	crypto_sha256(b, sizeof(b), ret);
}

static void naive_node(void *arg, unsigned level, uint64_t index,
		       uint8_t ret[static SHA256_LEN])
{
	(void)arg;
	naive_root((size_t)(index << level), (size_t)1 << level, ret);
}

static void make_leaves(void)
{
	CHECK_INT(crypto_init(), 0);
	for (size_t i = 0; i < LEAVES; i++) {
		uint8_t rec[4] = { (uint8_t)i, (uint8_t)(i >> 8), 7, 7 };

		audit_leaf(rec, sizeof(rec), leaves[i]);
	}
}

static void test_tree(void)
{
	/* RFC 9162: SHA-256 of nothing; leaf of an empty record */
	static const uint8_t empty[] = { 0xe3, 0xb0, 0xc4, 0x42 };
	static const uint8_t empty_leaf[] = { 0x6e, 0x34, 0x0b, 0x9c };
	struct audit_tree t = { 0 };
	uint8_t root[SHA256_LEN], want[SHA256_LEN];

	make_leaves();
	audit_tree_root(&t, root);
	CHECK_MEM(root, empty, sizeof(empty));
	audit_leaf((const uint8_t *)"", 0, root);
	CHECK_MEM(root, empty_leaf, sizeof(empty_leaf));
	for (size_t n = 1; n <= LEAVES; n++) {
		CHECK_INT(audit_tree_add(&t, leaves[n - 1]), 0);
		audit_tree_root(&t, root);
		naive_root(0, n, want);
		CHECK_MEM(root, want, sizeof(root));
	}
	t.size = (UINT64_C(1) << AUDIT_TREE_DEPTH) - 2;
	CHECK_INT(audit_tree_add(&t, leaves[0]), 0);
	CHECK_INT(audit_tree_add(&t, leaves[0]), -ENOSPC);
}

static void test_proofs(void)
{
	uint8_t proof[AUDIT_TREE_DEPTH][SHA256_LEN], root[SHA256_LEN];

	make_leaves();
	for (size_t size = 1; size <= LEAVES; size++) {
		naive_root(0, size, root);
		for (size_t i = 0; i < size; i++) {
			int n = audit_proof_make(naive_node, NULL, i, size, proof);
			size_t other = (size_t)test_random() % LEAVES;

			CHECK(n >= 0 && n <= 8);
			CHECK(audit_proof_check(leaves[i], i, size, proof, (size_t)n,
						root));
			if (other != i) {
				CHECK(!audit_proof_check(leaves[other], i, size, proof,
							 (size_t)n, root));
				CHECK(!audit_proof_check(leaves[i], other, size, proof,
							 (size_t)n, root));
			}
			if (n > 0) {
				CHECK(!audit_proof_check(leaves[i], i, size, proof,
							 (size_t)n - 1, root));
				proof[test_random() % (uint64_t)n][5] ^= 1;
				CHECK(!audit_proof_check(leaves[i], i, size, proof,
							 (size_t)n, root));
			}
		}
		CHECK_INT(audit_proof_make(naive_node, NULL, size, size, proof), -ERANGE);
		CHECK(!audit_proof_check(leaves[0], size, size, proof, 0, root));
	}
	CHECK_INT(audit_proof_make(naive_node, NULL, 0, 0, proof), -ERANGE);
}

/* Ten million records of which all but one are alike: a whole part then depends on its level only. */
struct alike {
	uint64_t index;
	uint8_t same[AUDIT_TREE_DEPTH][SHA256_LEN];
	uint8_t path[AUDIT_TREE_DEPTH][SHA256_LEN]; /* parts that hold the one */
};

static void alike_node(void *arg, unsigned level, uint64_t index,
		       uint8_t ret[static SHA256_LEN])
{
	const struct alike *a = (const struct alike *)arg;

	memcpy(ret, index == a->index >> level ? a->path[level] : a->same[level],
	       SHA256_LEN);
}

static void make_alike(struct alike *a, uint64_t index)
{
	a->index = index;
	memcpy(a->same[0], leaves[0], SHA256_LEN);
	memcpy(a->path[0], leaves[1], SHA256_LEN);
	for (unsigned l = 1; l < AUDIT_TREE_DEPTH; l++) {
		uint8_t b[1 + 2 * SHA256_LEN] = { 1 };
		bool right = index >> (l - 1) & 1;

		memcpy(b + 1, a->same[l - 1], SHA256_LEN);
		memcpy(b + 1 + SHA256_LEN, a->same[l - 1], SHA256_LEN);
		crypto_sha256(b, sizeof(b), a->same[l]);
		memcpy(b + 1 + (right ? SHA256_LEN : 0), a->path[l - 1], SHA256_LEN);
		crypto_sha256(b, sizeof(b), a->path[l]);
	}
}

static void test_proof_at_ten_million(void)
{
	const uint64_t size = 10000000;
	uint8_t proof[AUDIT_TREE_DEPTH][SHA256_LEN], root[SHA256_LEN];
	struct audit_tree t = { .size = size };
	static struct alike a;
	size_t longest = 0;

	make_leaves();
	for (int i = 0; i < 2000; i++) {
		uint64_t index = i == 0 ? 0 : i == 1 ? size - 1 : test_random() % size;
		uint64_t end = size;
		int n;

		make_alike(&a, index);
		for (unsigned l = 0; l < AUDIT_TREE_DEPTH; l++) {
			if (!(size >> l & 1))
				continue;
			end -= UINT64_C(1) << l;
			alike_node(&a, l, end >> l, t.node[l]);
		}
		audit_tree_root(&t, root);
		n = audit_proof_make(alike_node, &a, index, size, proof);
		CHECK(n > 0);
		CHECK(audit_proof_check(leaves[1], index, size, proof, (size_t)n, root));
		CHECK(!audit_proof_check(leaves[2], index, size, proof, (size_t)n, root));
		CHECK(!audit_proof_check(leaves[1], index ^ 1, size, proof, (size_t)n,
					 root));
		if ((size_t)n > longest)
			longest = (size_t)n;
	}
	printf("proof at 10,000,000 records: at most %zu octets\n", longest * SHA256_LEN);
	CHECK(longest * SHA256_LEN <= 1024);
}

/* --- chain, keys, segments ------------------------------------------------------------------------ */

static const uint8_t hub[HUB_ID_LEN] = { 9 };

static int make_record(const struct audit_chain *c, struct audit_record *r)
{
	r->number = c->number + 1;
	memcpy(r->prev, c->head, sizeof(r->prev));
	return audit_record_encode(r, buf, sizeof(buf));
}

static enum audit_fault follow(struct audit_chain *c, const struct audit_record *r)
{
	struct audit_record got;
	int n = audit_record_encode(r, buf, sizeof(buf));

	CHECK(n > 0);
	return audit_chain_follow(c, buf, (size_t)n, &got);
}

static void test_chain_rules(void)
{
	struct audit_chain c, before;
	struct audit_record r = typical(), x;
	int n;

	CHECK_INT(crypto_init(), 0);
	audit_chain_start(&c, hub, 3);
	r.event.kind = AUDIT_START;
	r.boot = 1;
	r.epoch = 1;
	n = make_record(&c, &r);
	before = c;
	CHECK_INT(audit_chain_follow(&c, buf, (size_t)n - 1, &x), AUDIT_FAULT_BYTES);
	CHECK_MEM(&c, &before, sizeof(c));
	CHECK_INT(follow(&c, &r), AUDIT_FAULT_NONE);
	CHECK_UINT(c.number, 1);
	CHECK_UINT(c.tree.size, 1);
	CHECK_INT(follow(&c, &r), AUDIT_FAULT_NUMBER); /* once more */
	r.event.kind = AUDIT_PAIRING;
	make_record(&c, &r);
	before = c;
#define NOT(change, fault)                                                               \
	do {                                                                             \
		x = r;                                                                   \
		change;                                                                  \
		CHECK_INT(follow(&c, &x), fault);                                        \
		CHECK_MEM(&c, &before, sizeof(c));                                       \
	} while (0)
	NOT(x.number = 3, AUDIT_FAULT_NUMBER);
	NOT(x.prev[31] ^= 1, AUDIT_FAULT_CHAIN);
	NOT(x.epoch = 3, AUDIT_FAULT_EPOCH);
	NOT(x.boot = 2, AUDIT_FAULT_BOOT);
	NOT(x.event.kind = AUDIT_START, AUDIT_FAULT_BOOT);
	NOT(x.mono.ms--, AUDIT_FAULT_BOOT);
	NOT(x.event.kind = AUDIT_RECEIPT; x.event.a = 1, AUDIT_FAULT_RECEIPT);
	NOT(x.event.kind = AUDIT_RECEIPT; x.event.a = 2; x.data = hub;
	    x.data_len = 16, AUDIT_FAULT_RECEIPT);
	r.epoch = 2;
	CHECK_INT(follow(&c, &r), AUDIT_FAULT_NONE);
	r.event.kind = AUDIT_START;
	r.boot = 2;
	r.mono.ms = 0; /* a new boot may start its clock again */
	make_record(&c, &r);
	CHECK_INT(follow(&c, &r), AUDIT_FAULT_NONE);
	r.epoch = 1;
	r.event.kind = AUDIT_PAIRING;
	make_record(&c, &r);
	CHECK_INT(follow(&c, &r), AUDIT_FAULT_EPOCH); /* back */
}

/* head = SHA-256(0x01 || prev || len || record), MAC and key as written in the header. */
static void test_chain_values(void)
{
	uint8_t all[1 + 32 + 2 + AUDIT_RECORD_MAX] = { 1 }, want[SHA256_LEN],
				 mac[SHA256_LEN];
	uint8_t key[KEY_LEN] = { 5 }, twice[KEY_LEN] = { 5 };
	struct audit_record r = typical(), got;
	struct audit_chain c;
	int n;

	CHECK_INT(crypto_init(), 0);
	audit_chain_start(&c, hub, 3);
	r.event.kind = AUDIT_START;
	r.boot = 1;
	r.epoch = 1;
	n = make_record(&c, &r);
	memcpy(all + 1, c.head, 32);
	all[33] = (uint8_t)(n >> 8);
	all[34] = (uint8_t)n;
	memcpy(all + 35, buf, (size_t)n);
	crypto_sha256(all, 35 + (size_t)n, want);
	CHECK_INT(audit_chain_follow(&c, buf, (size_t)n, &got), AUDIT_FAULT_NONE);
	CHECK_MEM(c.head, want, SHA256_LEN);
	all[0] = 2;
	memcpy(all + 1, c.head, 32);
	crypto_hmac(key, all, 33, want);
	audit_mac(key, c.head, mac);
	CHECK_MEM(mac, want, SHA256_LEN);
	crypto_hmac(key, (const uint8_t *)"hub/v1/audit-next\x01", 18, want);
	audit_key_next(key, 1);
	CHECK_MEM(key, want, KEY_LEN);
	audit_key_next(key, 2);
	audit_key_next(twice, 3);
	CHECK_MEM(key, twice, KEY_LEN);
	audit_key_next(key, 0);
	CHECK_MEM(key, twice, KEY_LEN);
}

/* RFC 4231, test case 2 has a short key; case with a 32-octet key of our own, against the definition. */
static void test_hmac(void)
{
	uint8_t key[KEY_LEN], inner[64 + 5], outer[64 + 32], got[32], want[32];

	CHECK_INT(crypto_init(), 0);
	memset(key, 0x0b, sizeof(key));
	memset(inner, 0x36, 64);
	memset(outer, 0x5c, 64);
	for (size_t i = 0; i < 32; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	memcpy(inner + 64, "hello", 5);
	crypto_sha256(inner, sizeof(inner), outer + 64);
	crypto_sha256(outer, sizeof(outer), want);
	crypto_hmac(key, (const uint8_t *)"hello", 5, got);
	CHECK_MEM(got, want, 32);
}

static void test_header(void)
{
	uint8_t page[AUDIT_PAGE], key[KEY_LEN] = { 7 }, other[KEY_LEN] = { 8 };
	struct audit_header h = { .enrolment = 3,
				  .segment = 5,
				  .bytes = AUDIT_SEGMENT_MIN },
			    g;
	uint8_t dense[AUDIT_HEADER_MAX];
	int n;

	CHECK_INT(crypto_init(), 0);
	make_leaves();
	audit_chain_start(&h.start, hub, 3);
	for (size_t i = 0; i < 77; i++)
		CHECK_INT(audit_tree_add(&h.start.tree, leaves[i]), 0);
	h.start.number = 77;
	h.start.epoch = 4;
	h.start.boot = 2;
	h.start.mono_ms = 99;
	h.start.witnessed = 64;
	n = audit_header_encode(&h, key, dense, sizeof(dense));
	CHECK(n > 0);
	CHECK_INT(audit_header_encode(&h, key, dense, (size_t)n - 1), -ENOSPC);
	n = audit_header_encode(&h, key, dense, sizeof(dense));
	CHECK_INT(audit_header_decode(dense, (size_t)n, &g), n);
	CHECK_UINT(g.start.number, 77);
	CHECK_UINT(g.start.witnessed, 64);
	CHECK_UINT(g.start.mono_ms, 99);
	CHECK_MEM(g.start.tree.node[0], h.start.tree.node[0], SHA256_LEN);
	CHECK(audit_header_mac_good(&g, key));
	CHECK(!audit_header_mac_good(&g, other));
	for (int i = 0; i < n; i++) {
		CHECK(audit_header_decode(dense, (size_t)i, &g) < 0);
		dense[i] ^= 4;
		CHECK(audit_header_decode(dense, (size_t)n, &g) < 0 ||
		      !audit_header_mac_good(&g, key));
		dense[i] ^= 4;
	}
	CHECK_INT(audit_page0_encode(&h, key, page), 0);
	CHECK_INT(audit_page0_decode(page, sizeof(page), &g), n);
	CHECK_INT(audit_page0_decode(page, sizeof(page) - 1, &g), -EBADMSG);
	page[7]++;
	CHECK_INT(audit_page0_decode(page, sizeof(page), &g), -EBADMSG);
	page[7]--;
	page[4] = 0xff;
	CHECK_INT(audit_page0_decode(page, sizeof(page), &g), -EBADMSG);
	h.bytes = AUDIT_SEGMENT_MIN - AUDIT_PAGE;
	n = audit_header_encode(&h, key, dense, sizeof(dense));
	CHECK_INT(audit_header_decode(dense, (size_t)n, &g), -ERANGE);
	h.bytes = AUDIT_SEGMENT_MAX + AUDIT_PAGE;
	n = audit_header_encode(&h, key, dense, sizeof(dense));
	CHECK_INT(audit_header_decode(dense, (size_t)n, &g), -ERANGE);
	h.bytes = AUDIT_SEGMENT_MIN + 1;
	n = audit_header_encode(&h, key, dense, sizeof(dense));
	CHECK_INT(audit_header_decode(dense, (size_t)n, &g), -ERANGE);
}

static void test_slot(void)
{
	static uint8_t slot[AUDIT_SLOT_LEN];
	struct audit_slot s = { .segment = 5, .generation = 9, .page = 1 }, g;
	static const uint32_t lens[] = { 0, 1, AUDIT_PAGE - AUDIT_SLOT_HEAD,
					 AUDIT_PAGE - AUDIT_SLOT_HEAD + 1,
					 AUDIT_PAGE - 1 };

	CHECK_INT(crypto_init(), 0);
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		size_t n;

		s.len = lens[i];
		memset(slot + AUDIT_SLOT_HEAD, 0x77, s.len);
		n = audit_slot_encode(&s, slot);
		CHECK_UINT(n, i < 3 ? AUDIT_PAGE : 2 * AUDIT_PAGE);
		CHECK_INT(audit_slot_decode(slot, 5, &g), 0);
		CHECK_UINT(g.len, s.len);
		CHECK_UINT(g.generation, 9);
		CHECK_INT(audit_slot_decode(slot, 6, &g), -ENOENT);
		slot[AUDIT_SLOT_HEAD + s.len - (s.len > 0)] ^= s.len > 0;
		CHECK_INT(audit_slot_decode(slot, 5, &g), s.len ? -EBADMSG : 0);
	}
	s.len = AUDIT_PAGE;
	memset(slot, 0, sizeof(slot));
	CHECK_INT(audit_slot_decode(slot, 0, &g), -ENOENT);
}

TEST_MAIN("audit_record", test_bytes, test_every_cut_and_more, test_limits, test_longest,
	  test_one_form, test_checkpoint, test_tree, test_proofs,
	  test_proof_at_ten_million, test_chain_rules, test_chain_values, test_hmac,
	  test_header, test_slot)
