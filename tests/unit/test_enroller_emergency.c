/*
 * test_enroller_emergency.c - a hub's emergency identity at the clinic: asked for, confirmed, renewed, refused everything else; on
 * either backend.
 */
#include <errno.h>

#include "clinic/config_serve.h"
#include "clinic/ingest.h"
#include "clinic/store_life.h"
#include "clinic/store_mailbox.h"
#include "coap/identity.h"
#include "tests/unit/enroller_play.h"
#include "tests/unit/test.h"

static int ask(const struct key *by, const struct key *k)
{
	return post("est/emergency/sen", by, k);
}

/* {1: epoch, 2: version} */
static int confirm_bare(const struct key *by, uint32_t epoch)
{
	uint8_t body[64];
	struct coap_server_request rq = { .spki = by->spki,
					  .path = "hub/confirm",
					  .body = body };
	struct writer w;

	writer_init(&w, body, sizeof(body));
	cb_put_map(&w, 2);
	cb_put_uint(&w, 1);
	cb_put_uint(&w, epoch);
	cb_put_uint(&w, 2);
	cb_put_text(&w, "1.0", 3);
	rq.len = (size_t)writer_len(&w);
	memset(&answer, 0xee, sizeof(answer));
	enroller_confirm(&enroller, &rq, now, &answer, &note);
	return answer.code;
}

static bool uploads(const struct key *k, bool by_emergency)
{
	struct ingest in;
	struct hub h;
	bool is_emergency = store_mailbox_hub(store, k->spki, &h) == 0;

	ingest_init(&in, store);
	if (!ingest_admit(&in, k->spki))
		return false;
	CHECK(is_emergency == by_emergency);
	return true;
}

static struct key with_emergency(const struct key *active)
{
	struct key k = new_key();

	CHECK_INT(ask(active, &k), COAP_CODE_CHANGED);
	CHECK_INT(confirm_bare(&k, 1), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED);
	CHECK(note.emergency);
	return k;
}

static void test_issued(void)
{
	int64_t end_s;
	struct key active, k, other;
	uint8_t pin[PIN_LEN];

	begin(false);
	active = enrolled();
	k = new_key();
	other = new_key();
	CHECK_INT(ask(&device, &k), COAP_CODE_FORBIDDEN);
	CHECK(says("unknown-key"));
	CHECK_INT(ask(&active, &active), COAP_CODE_BAD_REQUEST);
	CHECK_INT(ask(&active, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_ISSUED);
	CHECK(note.emergency);
	CHECK_INT(identity_pin(answer.body, answer.len, pin), 0);
	CHECK_MEM(pin, k.spki, PIN_LEN);
	CHECK_INT(identity_end(answer.body, answer.len, &end_s), 0);
	CHECK(end_s * 1000 - now.ms >= (ENROLMENT_EMERGENCY_DAYS - 1) * day_ms);
	reopen();
	CHECK_INT(ask(&active, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_REPEATED);
	/* it can do nothing but confirm */
	CHECK(!enroller_admit(&enroller, k.spki, now.ms));
	CHECK(enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK(!uploads(&k, true));
	CHECK_INT(post("est/sren", &k, &other), COAP_CODE_FORBIDDEN);
	CHECK(says("mailbox-only"));
	CHECK_INT(confirm_bare(&k, 2), COAP_CODE_CONFLICT);
	CHECK_UINT(told_epoch(), 1);
	CHECK_INT(confirm_bare(&k, 1), COAP_CODE_CHANGED);
	CHECK(uploads(&k, true));
	CHECK(uploads(&active, false));
	CHECK_INT(confirm_bare(&k, 1), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED_AGAIN);
	/* that of an operational key is not confirmed without its keys */
	CHECK_INT(post("est/sren", &active, &other), COAP_CODE_CHANGED);
	CHECK_INT(confirm_bare(&other, 1), COAP_CODE_BAD_REQUEST);
	CHECK(says("confirm-form"));
	end();
}

static void test_nothing_else(void)
{
	static const char *const paths[] = { "est/sen", "est/sren", "est/emergency/sen" };
	static struct config_serve serve;
	struct coap_server_content content;
	struct key active, k, other;
	struct hub h;
	int err = 0;

	begin(false);
	active = enrolled();
	k = with_emergency(&active);
	other = new_key();
	CHECK(!enroller_admit(&enroller, k.spki, now.ms));
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		CHECK_INT(post(paths[i], &k, &other), COAP_CODE_FORBIDDEN);
		CHECK(says("mailbox-only"));
	}
	/* nor is the key ever one of the other kind; its own certificate it gets again */
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_BAD_REQUEST);
	CHECK_INT(post("est/sren", &active, &k), COAP_CODE_BAD_REQUEST);
	CHECK_INT(ask(&active, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_REPEATED);
	CHECK_INT(config_serve_get(&serve, store, k.spki, &content, &h, &err),
		  CONFIG_ANSWER_MAILBOX);
	CHECK_INT(content.code, COAP_CODE_FORBIDDEN);
	end();
}

/* One of each kind, whatever comes. */
static void test_lives(void)
{
	struct key active, k, next, second;
	struct life_request lose = { .event = LIFE_LOSE };
	struct hub h;

	begin(false);
	active = enrolled();
	k = with_emergency(&active);
	next = new_key();
	CHECK_INT(post("est/sren", &active, &next), COAP_CODE_CHANGED);
	CHECK_INT(confirm(&next, &said), COAP_CODE_CHANGED);
	CHECK(uploads(&k, true)); /* until the next one is confirmed */
	second = with_emergency(&next);
	CHECK(uploads(&second, true) && !uploads(&k, true) && !uploads(&active, false));
	/* lost, and found */
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_by_spki(store, next.spki, &h), 0);
	CHECK_INT(store_life_on(store, &h, &lose), LIFE_CHANGED);
	CHECK_INT(store_commit(store), 0);
	CHECK(!uploads(&second, true));
	CHECK_INT(store_begin(store), 0);
	lose.event = LIFE_FIND;
	CHECK_INT(store_life_on(store, &h, &lose), LIFE_CHANGED);
	CHECK_INT(store_commit(store), 0);
	CHECK(uploads(&second, true));
	CHECK_INT(store_begin(store), 0);
	lose.event = LIFE_RESUME;
	CHECK_INT(store_life_on(store, &h, &lose), LIFE_CHANGED);
	CHECK_INT(store_commit(store), 0);
	/* a new epoch ends it */
	said.epoch = 2;
	k = new_key();
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK(!uploads(&second, true));
	CHECK_INT(confirm_bare(&second, 2), COAP_CODE_FORBIDDEN);
	end();
}

struct asked {
	const struct key *by, *k;
	bool confirm;
};

static void do_ask(const void *arg)
{
	const struct asked *a = arg;

	(void)(a->confirm ? confirm_bare(a->k, 1) : ask(a->by, a->k));
}

/* Nothing of it, or all of it; then the hub asks again. */
static void test_killed(void)
{
	struct key active, k;
	struct asked a = { &active, &k, false };

#ifndef HUB_FAILPOINTS
	printf("SKIP kills: built without FAILPOINTS=1\n");
	return;
#endif
	begin(false);
	active = enrolled();
	k = new_key();
	CHECK(killed_in("clinic.enrol.commit.before", do_ask, &a));
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK(killed_in("clinic.enrol.commit.after", do_ask, &a));
	CHECK(enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK_INT(ask(&active, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_REPEATED);
	a.confirm = true;
	CHECK(killed_in("clinic.enrol.commit.before", do_ask, &a));
	CHECK(!uploads(&k, true));
	CHECK(killed_in("clinic.enrol.commit.after", do_ask, &a));
	CHECK(uploads(&k, true));
	CHECK_INT(confirm_bare(&k, 1), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED_AGAIN);
	end();
}

TEST_MAIN("enroller_emergency", start, test_issued, test_nothing_else, test_lives,
	  test_killed)
