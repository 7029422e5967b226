/*
 * test_endpoints.c - the order of the endpoints over a fleet: shares by weight, and who moves when one goes.
 */
#include "hub/endpoints.h"

#include "test.h"

enum { HUBS = 40000 };

static struct config_endpoint make(unsigned i, uint8_t weight)
{
	struct config_endpoint e = { .port = 5684, .weight = weight };

	snprintf(e.name, sizeof(e.name), "clinic-%u.example", i);
	return e;
}

/* The servers of a clinic with one certificate. */
static struct config_endpoint make_named_alike(unsigned i, uint8_t weight)
{
	struct config_endpoint e = make(0, weight);

	e.addr[15] = (uint8_t)(1 + i);
	return e;
}

static void random_hub(uint8_t ret[static HUB_ID_LEN])
{
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		ret[i] = (uint8_t)test_random();
}

/* Each endpoint is first for a share of weight / sum; the order of the rest follows the same rule. */
static void check_shares_of(struct config_endpoint (*maker)(unsigned i, uint8_t weight),
			    const uint8_t *weights, size_t count)
{
	unsigned first[CONFIG_ENDPOINTS_MAX] = { 0 }, sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += weights[i] ? weights[i] : 1u;
	for (int hub = 0; hub < HUBS; hub++) {
		struct config_endpoint e[CONFIG_ENDPOINTS_MAX];
		uint8_t id[HUB_ID_LEN];

		random_hub(id);
		for (size_t i = 0; i < count; i++)
			e[i] = maker((unsigned)i, weights[i]);
		endpoints_order(id, e, count);
		for (size_t i = 0; i < count; i++) {
			struct config_endpoint one = maker((unsigned)i, weights[i]);

			first[i] += strcmp(one.name, e[0].name) == 0 &&
				    one.addr[15] == e[0].addr[15];
		}
	}
	for (size_t i = 0; i < count; i++) {
		double want = (double)HUBS * (weights[i] ? weights[i] : 1) / sum;

		/* more than five standard deviations of the smallest share */
		CHECK(first[i] > want - 500 && first[i] < want + 500);
	}
}

static void check_shares(const uint8_t *weights, size_t count)
{
	check_shares_of(make, weights, count);
	check_shares_of(make_named_alike, weights, count);
}

static void test_shares(void)
{
	static const uint8_t one[] = { 1 }, same[] = { 1, 1, 1, 1 }, none[] = { 0, 1 },
			     odd[] = { 3, 1 }, mixed[] = { 100, 50, 10, 40 };

	check_shares(one, 1);
	check_shares(same, 4);
	check_shares(none, 2);
	check_shares(odd, 2);
	check_shares(mixed, 4);
}

static size_t without(const struct config_endpoint *e, size_t count, char gone,
		      struct config_endpoint *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (e[i].name[7] != gone)
			ret[n++] = e[i];
	return n;
}

/* One that is taken away leaves the order of the others as it was: only its hubs go elsewhere. */
static void test_one_removed(void)
{
	for (int hub = 0; hub < 2000; hub++) {
		struct config_endpoint four[4], three[4], left[4];
		uint8_t id[HUB_ID_LEN];
		char gone = (char)('0' + hub % 4);
		size_t n;

		random_hub(id);
		for (unsigned i = 0; i < 4; i++)
			four[i] = make(i, (uint8_t)(i * 7));
		n = without(four, 4, gone, three);
		endpoints_order(id, four, 4);
		endpoints_order(id, three, n);
		CHECK_UINT(without(four, 4, gone, left), n);
		CHECK_MEM(left, three, n * sizeof(*left));
	}
}

/* However they are listed, a hub has one order; another pin or profile does not change it. */
static void test_listing(void)
{
	for (int hub = 0; hub < 500; hub++) {
		struct config_endpoint a[4], b[4];
		uint8_t id[HUB_ID_LEN];

		random_hub(id);
		for (unsigned i = 0; i < 4; i++) {
			a[i] = make(i, (uint8_t)(1 + i));
			b[3 - i] = a[i];
			b[3 - i].pins[0][0] = 7;
			b[3 - i].profile = DTLS_PROFILE_12_CID;
		}
		endpoints_order(id, a, 4);
		endpoints_order(id, b, 4);
		for (int i = 0; i < 4; i++)
			CHECK_STR(a[i].name, b[i].name);
	}
}

/* Twice the same name on another port is another endpoint; twice the same stays as listed. */
static void test_same_name(void)
{
	unsigned first = 0;

	for (int hub = 0; hub < 1000; hub++) {
		struct config_endpoint e[3] = { make(1, 1), make(1, 1), make(1, 1) };
		uint8_t id[HUB_ID_LEN];

		random_hub(id);
		e[2].port = 5685;
		e[0].pins[0][0] = 1;
		e[1].pins[0][0] = 2;
		endpoints_order(id, e, 3);
		first += e[0].port == 5685;
		CHECK(e[0].port == 5685 ? e[1].pins[0][0] == 1 : e[0].pins[0][0] == 1);
	}
	CHECK(first > 400 && first < 600);
}

TEST_MAIN("endpoints", test_shares, test_one_removed, test_listing, test_same_name)
