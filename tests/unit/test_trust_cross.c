/*
 * test_trust_cross.c - does one root vouch for another? What a hub takes of a config's root, and what it does not.
 */
#include "tests/unit/trust_maker.h"

#include <errno.h>

#include "hub/crypto/trust_cross.h"

enum { NOW_S = 1795000000 };

static struct trust_maker ours, next, other;
static struct pki_cert root, next_root, other_root, cross;

static void der(const char *pem, struct pki_cert *ret)
{
	CHECK_INT(pki_der(pem, ret), 0);
}

static void cross_of(const struct trust_maker *by, const struct trust_maker *of,
		     struct pki_cert *ret)
{
	char pem[PKI_PEM_MAX];

	CHECK_INT(pki_certify_root(&by->root, &of->root, NOW_S * INT64_C(1000), pem), 0);
	der(pem, ret);
}

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
	trust_maker_init(&ours);
	trust_maker_init(&other);
	CHECK_INT(pki_make_next_root("Clinic", NOW_S * INT64_C(1000), &next.root), 0);
	CHECK_INT(pki_root_scalar(&next.root, next.private), 0);
	der(ours.root.cert, &root);
	der(next.root.cert, &next_root);
	der(other.root.cert, &other_root);
	cross_of(&ours, &next, &cross);
}

static int check(const struct pki_cert *has, const struct pki_cert *offered,
		 const struct pki_cert *proof)
{
	return trust_cross_check(has->der, has->len, offered->der, offered->len,
				 proof->der, proof->len);
}

static void test_check(void)
{
	struct pki_cert bad, turned, hub;
	struct pki_pair pair;
	uint8_t id[HUB_ID_LEN];

	CHECK_INT(check(&root, &next_root, &cross), 0);
	CHECK_INT(check(&other_root, &next_root, &cross), -EKEYREJECTED);
	CHECK_INT(check(&root, &other_root, &cross), -EKEYREJECTED);
	CHECK_INT(check(&next_root, &next_root, &cross), -EKEYREJECTED);
	/* the other way round, and by nobody but itself */
	cross_of(&next, &ours, &turned);
	CHECK_INT(check(&root, &next_root, &turned), -EKEYREJECTED);
	CHECK_INT(check(&root, &next_root, &next_root), -EKEYREJECTED);
	/* a certificate of the root's for somebody else */
	CHECK_INT(pki_make_hub(&ours.root, NOW_S * INT64_C(1000), &pair, id), 0);
	der(pair.cert, &hub);
	CHECK_INT(check(&root, &next_root, &hub), -ENOTSUP);
	CHECK_INT(check(&root, &hub, &cross), -ENOTSUP);
	/* a CA for hubs is a CA, and no root of this name */
	CHECK_INT(pki_make_enrol(&ours.root, NOW_S * INT64_C(1000), &pair), 0);
	der(pair.cert, &hub);
	CHECK_INT(check(&root, &next_root, &hub), -EKEYREJECTED);
	bad = cross;
	bad.der[bad.len - 1] ^= 1;
	CHECK(check(&root, &next_root, &bad) < 0);
	bad = cross;
	bad.der[bad.len++] = 0; /* something behind it */
	CHECK_INT(check(&root, &next_root, &bad), -EBADMSG);
	bad.len = 0;
	CHECK_INT(check(&root, &next_root, &bad), -EBADMSG);
	for (size_t cut = 1; cut < cross.len; cut += 7) {
		bad = cross;
		bad.len = cut;
		CHECK(check(&root, &next_root, &bad) < 0);
	}
}

static void offer_of(const struct trust_maker *m, const struct pki_cert *proof,
		     struct config_root *ret)
{
	struct trust t = trust_maker_fields(m, "Clinic", NOW_S);

	*ret = (struct config_root){ .cross_len = proof ? proof->len : 0 };
	ret->trust_len = trust_maker_file(m, &t, ret->trust);
	if (proof)
		memcpy(ret->cross, proof->der, proof->len);
}

static void test_offer(void)
{
	struct config_root o;
	struct trust t;

	offer_of(&next, &cross, &o);
	CHECK_INT(trust_cross_offer(&o, root.der, root.len, &t), TRUST_OFFER_NEXT);
	CHECK_MEM(t.root, next_root.der, next_root.len);
	CHECK_INT(trust_cross_offer(&o, next_root.der, next_root.len, &t),
		  TRUST_OFFER_SAME);
	CHECK_INT(trust_cross_offer(&o, other_root.der, other_root.len, &t),
		  -EKEYREJECTED);
	/* who does not know which root it has can judge none */
	CHECK_INT(trust_cross_offer(&o, NULL, 0, &t), -EKEYREJECTED);
	o.trust[o.trust_len - 1] ^= 1;
	CHECK_INT(trust_cross_offer(&o, root.der, root.len, &t), -EKEYREJECTED);
	offer_of(&next, NULL, &o);
	CHECK_INT(trust_cross_offer(&o, root.der, root.len, &t), -EKEYREJECTED);
	CHECK_INT(trust_cross_offer(&o, next_root.der, next_root.len, &t),
		  TRUST_OFFER_SAME);
	CHECK_INT(trust_cross_offer(&o, NULL, 0, &t), TRUST_OFFER_SAME);
	o.trust_len = 5;
	CHECK(trust_cross_offer(&o, root.der, root.len, &t) < 0);
}

TEST_MAIN("trust_cross", test_start, test_check, test_offer)
