/*
 * audit_tree.c - see audit_tree.h.
 */
#include "hub/crypto/audit_tree.h"

#include <errno.h>
#include <string.h>

#include "hub/core/audit_record.h"

enum { PREFIX_LEAF = 0, PREFIX_NODE = 1 };

void audit_leaf(const uint8_t *record, size_t len, uint8_t ret[static SHA256_LEN])
{
	uint8_t buf[1 + AUDIT_RECORD_MAX];

	if (len > AUDIT_RECORD_MAX)
		len = AUDIT_RECORD_MAX; /* no record is: the codec refuses it */
	buf[0] = PREFIX_LEAF;
	memcpy(buf + 1, record, len);
	crypto_sha256(buf, 1 + len, ret);
}

/* ret may be left or right. */
static void join(const uint8_t left[static SHA256_LEN],
		 const uint8_t right[static SHA256_LEN], uint8_t ret[static SHA256_LEN])
{
	uint8_t buf[1 + 2 * SHA256_LEN];

	buf[0] = PREFIX_NODE;
	memcpy(buf + 1, left, SHA256_LEN);
	memcpy(buf + 1 + SHA256_LEN, right, SHA256_LEN);
	crypto_sha256(buf, sizeof(buf), ret);
}

int audit_tree_add(struct audit_tree *t, const uint8_t leaf[static SHA256_LEN])
{
	uint8_t node[SHA256_LEN];
	unsigned level = 0;

	if (t->size >= (UINT64_C(1) << AUDIT_TREE_DEPTH) - 1)
		return -ENOSPC;
	memcpy(node, leaf, SHA256_LEN);
	for (; t->size >> level & 1; level++)
		join(t->node[level], node, node);
	memcpy(t->node[level], node, SHA256_LEN);
	t->size++;
	return 0;
}

static void frontier_node(void *arg, unsigned level, uint64_t index,
			  uint8_t ret[static SHA256_LEN])
{
	const struct audit_tree *t = (const struct audit_tree *)arg;

	(void)index;
	memcpy(ret, t->node[level], SHA256_LEN);
}

/* Root of the leaves start .. start + size, start being a multiple of the next power of two. */
static void range_root(audit_node_fn *node, void *arg, uint64_t start, uint64_t size,
		       uint8_t ret[static SHA256_LEN])
{
	uint64_t end = start + size;
	bool first = true;

	if (size == 0)
		crypto_sha256((const uint8_t *)"", 0, ret);
	for (unsigned level = 0; level < AUDIT_TREE_DEPTH; level++) {
		uint8_t part[SHA256_LEN];

		if (!(size >> level & 1))
			continue;
		end -= UINT64_C(1) << level;
		node(arg, level, end >> level, part);
		if (first)
			memcpy(ret, part, SHA256_LEN);
		else
			join(part, ret, ret);
		first = false;
	}
}

void audit_tree_root(const struct audit_tree *t, uint8_t ret[static SHA256_LEN])
{
	struct audit_tree copy = *t;

	range_root(frontier_node, &copy, 0, t->size, ret);
}

int audit_proof_make(audit_node_fn *node, void *arg, uint64_t index, uint64_t size,
		     uint8_t ret[static AUDIT_TREE_DEPTH][SHA256_LEN])
{
	struct {
		uint64_t start, size;
	} sibling[AUDIT_TREE_DEPTH];
	uint64_t start = 0;
	int count = 0;

	if (index >= size || size >> AUDIT_TREE_DEPTH)
		return -ERANGE;
	/* from the root down: which side the leaf is not on */
	while (size > 1) {
		uint64_t left = 1;

		while (left * 2 < size)
			left *= 2;
		if (index - start < left) {
			sibling[count].start = start + left;
			sibling[count++].size = size - left;
			size = left;
		} else {
			sibling[count].start = start;
			sibling[count++].size = left;
			start += left;
			size -= left;
		}
	}
	for (int i = 0; i < count; i++)
		range_root(node, arg, sibling[count - 1 - i].start,
			   sibling[count - 1 - i].size, ret[i]);
	return count;
}

bool audit_proof_check(const uint8_t leaf[static SHA256_LEN], uint64_t index,
		       uint64_t size, const uint8_t (*proof)[SHA256_LEN], size_t count,
		       const uint8_t root[static SHA256_LEN])
{
	uint64_t at = index, last = size - 1;
	uint8_t node[SHA256_LEN];

	if (index >= size)
		return false;
	memcpy(node, leaf, SHA256_LEN);
	for (size_t i = 0; i < count; i++) {
		if (last == 0)
			return false;
		if (at & 1 || at == last) {
			join(proof[i], node, node);
			while (!(at & 1) && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			join(node, proof[i], node);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && crypto_equal(node, root, SHA256_LEN);
}
