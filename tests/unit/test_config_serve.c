/*
 * test_config_serve.c - what a hub gets when it asks for its config, on either backend (clinic_place.h): the very bytes,
 * for whoever may have them.
 */
#include "clinic/config_serve.h"
#include "clinic/ingest.h"
#include "clinic/store_config.h"
#include "clinic/store_held.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/test.h"

enum { EPOCH = 3 };

static struct place place;
static struct store *store;
static struct hub hub = {
	.id = { 1 }, .name = "kitchen", .epoch = EPOCH, .state = HUB_ACTIVE, .spki = { 7 }
};
static struct config_serve serve;
static struct coap_server_content c;
static uint8_t cose[CONFIG_BYTES_MAX + 1];

static int offer(uint32_t epoch, uint64_t version, size_t len)
{
	struct config cfg = { .epoch = epoch, .version = version };
	int r;

	memcpy(cfg.hub, hub.id, HUB_ID_LEN);
	CHECK_INT(store_begin(store), 0);
	r = store_config_offer(store, &cfg, cose, len, 1000);
	if (r == 0)
		r = store_commit(store);
	store_rollback(store);
	return r;
}

static enum config_answer ask(const uint8_t *spki)
{
	struct hub h;
	int err = 0;

	return config_serve_get(&serve, store, spki, &c, &h, &err);
}

static void set_state(enum hub_state state)
{
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_state(store, hub.id, state), 0);
	CHECK_INT(store_commit(store), 0);
}

static struct hub row(void)
{
	struct hub h;

	CHECK_INT(store_hub_by_spki(store, hub.spki, &h), 0);
	return h;
}

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
	place_make(&place);
	CHECK_INT(place_create(&place, &store), 0);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_put(store, &hub), 0);
	CHECK_INT(store_commit(store), 0);
	for (size_t i = 0; i < sizeof(cose); i++)
		cose[i] = (uint8_t)(i * 13);
}

static void test_none(void)
{
	static const uint8_t nobody[PIN_LEN] = { 8 };

	CHECK_INT(ask(nobody), CONFIG_ANSWER_FORBIDDEN);
	CHECK_INT(c.code, COAP_CODE_FORBIDDEN);
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_NONE);
	CHECK_INT(c.code, COAP_CODE_NOT_FOUND);
	CHECK_UINT(c.len, 0);
	CHECK_UINT(row().config_wanted, 0);
	CHECK_UINT(row().config_used, 0);
}

static void test_given(void)
{
	static const size_t lens[] = { 1, 100, CONFIG_BYTES_MAX };
	uint8_t tag[COAP_SERVER_ETAG_MAX] = { 0 };

	for (size_t i = 0; i < 3; i++) {
		CHECK_INT(offer(EPOCH, 10 + i, lens[i]), 0);
		CHECK_INT(ask(hub.spki), CONFIG_ANSWER_GIVEN);
		CHECK_INT(c.code, COAP_CODE_CONTENT);
		CHECK_INT(c.format, COAP_FORMAT_SIGN1);
		CHECK_UINT(c.len, lens[i]);
		CHECK_MEM(c.body, cose, lens[i]);
		CHECK_UINT(c.etag_len, 8);
		CHECK(memcmp(c.etag, tag, 8) != 0); /* others, another name */
		memcpy(tag, c.etag, 8);
		CHECK_INT(ask(hub.spki), CONFIG_ANSWER_GIVEN);
		CHECK_MEM(c.etag, tag, 8); /* the same, the same */
		CHECK_UINT(row().config_wanted, 10 + i);
	}
	CHECK_INT(offer(EPOCH, 20, CONFIG_BYTES_MAX + 1), -EMSGSIZE);
	CHECK_UINT(row().config_wanted, 12);
	cose[0] ^= 1;
	CHECK_INT(offer(EPOCH, 12, CONFIG_BYTES_MAX), 0);
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_GIVEN);
	CHECK(memcmp(c.etag, tag, 8) != 0);
	store_close(store);
	CHECK_INT(place_open(&place, &store), 0);
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_GIVEN);
	CHECK_MEM(c.body, cose, CONFIG_BYTES_MAX);
}

static void test_states(void)
{
	static const enum hub_state all[] = { HUB_PREREGISTERED, HUB_ISSUED,
					      HUB_SUSPENDED, HUB_RETIRED, HUB_LOST };

	for (size_t i = 0; i < 5; i++) {
		set_state(all[i]);
		CHECK_INT(ask(hub.spki), CONFIG_ANSWER_FORBIDDEN);
		CHECK_INT(c.code, COAP_CODE_FORBIDDEN);
		CHECK(c.body == NULL);
	}
	set_state(HUB_ACTIVE);
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_GIVEN);
}

/* Of another enrolment: not this hub's any more, or not yet. */
static void test_other_epoch(void)
{
	CHECK_INT(offer(EPOCH + 1, 1, 50), 0);
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_NONE);
	CHECK_INT(offer(EPOCH, 13, 50), 0);
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_GIVEN);
}

static void test_damaged(void)
{
	place_run(&place, "UPDATE signed_config SET cose = x''");
	CHECK_INT(ask(hub.spki), CONFIG_ANSWER_DOWN);
	CHECK_INT(c.code, COAP_CODE_UNAVAILABLE);
	CHECK(c.max_age_s > 0);
	store_close(store);
	place_remove(&place);
	crypto_done();
}

TEST_MAIN("config_serve", test_start, test_none, test_given, test_states,
	  test_other_epoch, test_damaged)
