/*
 * test_orders.c - hubd's level with its files on a disk: what is told of a lock, and the way out of level 3, with and without
 * the clinic's word that it holds what ends it.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/core/snapshot.h"
#include "hub/crypto/crypto.h"
#include "hub/escrow_file.h"
#include "hub/lockdown_file.h"
#include "hub/orders.h"
#include "hub/rt/file.h"
#include "hub/rt/rt.h"
#include "tests/unit/temp_dir.h"

enum { TECH = 7, PEOPLE = 2 };

static char dir[128];
static uint8_t private[PEOPLE][P256_PRIVATE_LEN];
static uint8_t release_private[X25519_LEN], release_public[X25519_LEN];
static struct settings settings;
static struct timefloor time_floor;
static struct orders orders;

static void on_level(void *arg, uint8_t level)
{
	(void)arg, (void)level;
}

static void on_test(void *arg, uint32_t ms)
{
	(void)arg, (void)ms;
}

static void on_event(void *arg)
{
	(void)arg;
}

static void on_result(void *arg, const struct msg_command_result *r)
{
	(void)arg, (void)r;
}

static const struct orders_hooks hooks = { on_level, on_test, on_event, on_result,
					   on_event };

/* The folder is another one each time. lock_epoch: of a hub that was released so often. */
static void begin(uint32_t lock_epoch)
{
	const struct lockdown_held held = { .generation = 1, .lock_epoch = lock_epoch };

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(lockdown_file_provision(dir), 0);
	for (unsigned copy = 0; copy < LOCKDOWN_COPIES; copy++)
		CHECK_INT(lockdown_file_save(dir, copy, &held), 0);
}

/* hubd starts, with a config of its clinic. */
static void start(void)
{
	struct config *c = &settings.config;

	CHECK_INT(settings_open(&settings, dir), 0);
	*c = (struct config){ .hub = { 1 },
			      .epoch = 3,
			      .version = 1,
			      .heartbeat_s = 300,
			      .has_release = true,
			      .signer_count = PEOPLE };
	c->signers[0].role = SIGNER_SECURITY;
	c->signers[1].role = SIGNER_MANUFACTURER;
	for (unsigned i = 0; i < PEOPLE; i++) {
		c->signers[i].person = i + 1;
		CHECK_INT(p256_public(private[i], c -> signers[i].public), 0);
	}
	memcpy(c->release_public, release_public, X25519_LEN);
	settings.loaded = true;
	orders_open(&orders, dir, &settings, &time_floor, &hooks, NULL);
	orders_drain(&orders);
	orders_on_config(&orders, c);
}

static void seal_hub(void)
{
	orders_on_signal(&orders, TRIGGER_CODE, 1, ROLE_MEASURE, 1);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	orders_on_signal(&orders, TRIGGER_AUDIT, 0, ROLE_STORE, 1);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_SEALED);
	orders_on_measured(&orders, 0, 0);
}

/* The clinic has what the hub tells of it. */
static void keep(void)
{
	const struct escrow *e = &orders.sealing.escrow;

	CHECK(orders_on_kept(&orders, e->lock_epoch, escrow_name(e->sealed)));
}

/* What the clinic would put into a token, from what the hub sealed to it. */
static void add_share(struct access_token *t)
{
	const struct escrow_sealed s = sealing_tell(&orders.sealing, LOCKDOWN_SEALED);
	uint8_t server[TOKEN_SHARE_LEN], key[KEY_LEN];

	CHECK(s.there);
	CHECK_INT(escrow_unseal(release_private, settings.config.hub,
				settings.config.epoch, &s, server),
		  0);
	escrow_release_key(server, key);
	escrow_put_share(key, server, t);
}

/* A new challenge, and its answer by so many people. */
static void paste(struct access_token t, bool share, unsigned people)
{
	uint8_t payload[TOKEN_PAYLOAD_MAX], cose[PEOPLE][TOKEN_SIGNED_MAX],
		buf[TOKEN_BYTES_MAX];
	struct command_order o = { .count = people };
	struct token_grant g;
	struct challenge c;
	int n;

	t.seconds = TOKEN_SECONDS;
	t.technician = TECH;
	CHECK(orders_challenge(&orders, 0, &c));
	memcpy(t.hub, settings.config.hub, sizeof(t.hub));
	memcpy(t.nonce, c.nonce, sizeof(t.nonce));
	t.lock_epoch = c.lock_epoch;
	if (share)
		add_share(&t);
	n = access_token_encode(&t, payload, sizeof(payload));
	CHECK(n > 0);
	for (unsigned i = 0; i < people; i++) {
		int len = sign1_make(SIGN_CONTEXT_TOKEN, private[i], payload, (size_t)n,
				     cose[i], sizeof(cose[i]));

		CHECK(len > 0);
		o.parts[i] = (struct command_part){ i + 1, cose[i], (size_t)len };
	}
	n = access_token_frame(&o, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(orders_on_token(&orders, buf, (size_t)n, &g), TOKEN_GOOD);
}

/* By two. */
static enum token_result release(bool share)
{
	paste((struct access_token){ .verbs = VERB_BIT(VERB_RELEASE) }, share, PEOPLE);
	return orders_release(&orders);
}

static void test_start(void)
{
	uint8_t public[P256_PUBLIC_LEN];

	CHECK_INT(crypto_init(), 0);
	for (unsigned i = 0; i < PEOPLE; i++)
		p256_generate(private[i], public);
	x25519_generate(release_private, release_public);
}

/* Each lock has a number of its own, at level 3 as at level 2: by it hub-measure knows whether it has told what that lock looked like. */
static void test_number_of_a_lock(void)
{
	struct health h;

	begin(4);
	start();
	health_init(&h);
	seal_hub();
	orders_tell_health(&orders, &h);
	CHECK_UINT(h.now.lock_epoch, 4);
	CHECK(!h.now.challenged);
	CHECK_UINT(snapshot_number(h.now.lock_epoch, orders_level(&orders)), 4 << 3 | 3);
	temp_dir_remove(dir);
}

/* The clinic has what ends it: the share is erased, and comes back with the token that carries the clinic's half, to the bit. */
static void test_sealed_and_kept(void)
{
	uint8_t share[ENGINE_SHARE_LEN];

	begin(0);
	start();
	memcpy(share, settings.share, sizeof(share));
	keep();
	seal_hub();
	CHECK(!settings.has_share);
	CHECK(file_is_gone(dir, "engine.share"));
	CHECK_INT(release(false), TOKEN_BAD_SHARE);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_SEALED);
	CHECK_INT(release(true), TOKEN_GOOD);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_NORMAL);
	CHECK(settings.has_share);
	CHECK_MEM(settings.share, share, sizeof(share));
	start();
	CHECK_UINT(orders_level(&orders), LOCKDOWN_NORMAL);
	CHECK_MEM(settings.share, share, sizeof(share));
	temp_dir_remove(dir);
}

/* D6: a hub without a network that sealed itself before the clinic had anything of it. Nothing is erased; two people end it. */
static void test_sealed_alone(void)
{
	uint8_t share[ENGINE_SHARE_LEN];

	begin(0);
	start();
	memcpy(share, settings.share, sizeof(share));
	CHECK(orders.sealing.has);
	seal_hub();
	CHECK(settings.has_share);
	CHECK_INT(release(false), TOKEN_GOOD);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_NORMAL);
	CHECK_MEM(settings.share, share, sizeof(share));
	temp_dir_remove(dir);
}

/* A copy of the escrow that went bad, or that a power cut left old, is written again before the share goes. */
static void test_both_copies(void)
{
	const uint8_t nonsense[] = { 1, 2, 3 };

	begin(0);
	start();
	keep();
	CHECK_INT(file_replace(dir, "escrow-b", nonsense, sizeof(nonsense)), 0);
	seal_hub();
	CHECK(!settings.has_share);
	CHECK_INT(file_replace(dir, "escrow-a", nonsense, sizeof(nonsense)), 0);
	start();
	CHECK_UINT(orders_level(&orders), LOCKDOWN_SEALED);
	orders_on_measured(&orders, 0, 0);
	CHECK_INT(release(true), TOKEN_GOOD);
	CHECK(settings.has_share);
	temp_dir_remove(dir);
}

/* What is in the place of the share is not it: an erasure that was cut off, or that failed, leaves zeros. */
static void test_cut_off_erasure(void)
{
	uint8_t share[ENGINE_SHARE_LEN], zeros[ENGINE_SHARE_LEN] = { 0 };

	begin(0);
	start();
	memcpy(share, settings.share, sizeof(share));
	keep();
	seal_hub();
	CHECK_INT(settings_put_share(&settings, zeros), 0);
	CHECK_INT(release(true), TOKEN_GOOD);
	CHECK_MEM(settings.share, share, sizeof(share));
	temp_dir_remove(dir);
}

static const struct access_token for_release = { .verbs = VERB_BIT(VERB_RELEASE) };

static void plug(void)
{
	orders_on_signal(&orders, TRIGGER_USB, 0, ROLE_MEASURE, 1);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_GUARDED);
	CHECK(orders_is_guarded(&orders));
}

/* Level 1 by a USB port: one person's token ends it at once, once; over a start, too; who guesses at the line waits as before. */
static void test_guarded(void)
{
	struct token_grant g;
	struct challenge c;
	char code[TOKEN_CODE_DIGITS + 1];

	begin(4);
	start();
	paste(for_release, false, 1);
	CHECK_INT(orders_release(&orders), TOKEN_BAD_LEVEL);
	orders_on_signal(&orders, TRIGGER_TOKEN, 0, ROLE_HUBD, 100);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_GUARDED);
	CHECK(!orders_is_guarded(&orders));
	CHECK_INT(orders_release(&orders), TOKEN_BAD_LEVEL);
	plug();
	start();
	CHECK(orders_is_guarded(&orders));
	paste(for_release, false, 1);
	CHECK_INT(orders_release(&orders), TOKEN_GOOD);
	CHECK(!orders_is_guarded(&orders));
	CHECK_UINT(lockdown_lock_epoch(&orders.lockdown), 5);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_GUARDED); /* who guessed */
	CHECK(triggers_throttled(&orders.triggers, TRIGGER_TOKEN, 0));
	plug();
	CHECK_INT(orders_release(&orders), TOKEN_NO_CHALLENGE);
	start();
	CHECK(orders_is_guarded(&orders));
	CHECK(orders_challenge(&orders, 0, &c));
	escrow_code(orders.sealing.escrow.release_key, TOKEN_CODE_RELEASE, &c, code);
	CHECK_INT(orders_on_code(&orders, code, &g), TOKEN_GOOD);
	CHECK_INT(orders_release(&orders), TOKEN_GOOD);
	CHECK(!orders_is_guarded(&orders));
	CHECK_UINT(orders.sealing.escrow.lock_epoch, 6); /* and a key for the next code */
	start();
	CHECK(!orders_is_guarded(&orders));
	CHECK_UINT(lockdown_lock_epoch(&orders.lockdown), 6);
	temp_dir_remove(dir);
}

/* What was signed for level 1 is no release from level 2, nor the other way round. */
static void test_another_level(void)
{
	begin(4);
	start();
	plug();
	paste(for_release, false, 1);
	orders_on_signal(&orders, TRIGGER_CASE, 1, ROLE_MEASURE, 1);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	CHECK(!orders_is_guarded(&orders));
	CHECK_INT(orders_release(&orders), TOKEN_NO_CHALLENGE);
	paste(for_release, false, 1);
	CHECK_INT(orders_release(&orders), TOKEN_TOO_EARLY);
	temp_dir_remove(dir);
	/* the same, locked by an order: what calls for level 1 makes no release easier */
	begin(4);
	start();
	plug();
	CHECK(lockdown_raise(&orders.lockdown, LOCKDOWN_QUARANTINED, rt_mono()));
	orders_drain(&orders);
	CHECK(!orders_is_guarded(&orders));
	paste(for_release, false, 1);
	CHECK_INT(orders_release(&orders), TOKEN_TOO_EARLY);
	temp_dir_remove(dir);
	begin(4);
	start();
	paste(for_release, false, 1);
	plug();
	CHECK_INT(orders_release(&orders), TOKEN_NO_CHALLENGE);
	temp_dir_remove(dir);
}

static const struct access_token for_reset = { .verbs = VERB_BIT(VERB_FACTORY_RESET) };
static const struct access_token for_retire = {
	.verbs = VERB_BIT(VERB_RETIRE),
	.order_count = 1,
	.orders = { { VERB_RETIRE, COMMAND_RETIRE_DISCARD } }
};

static bool is_marked(void)
{
	return file_exists(dir, "lockdown-locked");
}

/* INV-5: level 4 by two roles only; by the verb and the order of the token only; at once, and for good. */
static void test_retired_here(void)
{
	begin(0);
	start();
	CHECK_INT(orders_retire_here(&orders), TOKEN_NO_CHALLENGE);
	paste(for_retire, false, 1);
	CHECK_INT(orders_retire_here(&orders), TOKEN_SECOND_MISSING);
	paste(for_reset, false, PEOPLE);
	CHECK_INT(orders_retire_here(&orders), TOKEN_NO_CHALLENGE);
	paste((struct access_token){ .verbs = VERB_BIT(VERB_RETIRE) }, false, PEOPLE);
	CHECK_INT(orders_retire_here(&orders), TOKEN_NO_CHALLENGE);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_NORMAL);
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_NONE);
	settings.config.signers[1].role = SIGNER_SECURITY; /* two people, one role */
	paste(for_retire, false, PEOPLE);
	CHECK_INT(orders_retire_here(&orders), TOKEN_SECOND_MISSING);
	settings.config.signers[1].role = SIGNER_MANUFACTURER;
	paste(for_retire, false, PEOPLE);
	CHECK_UINT(orders_order(&orders, VERB_RETIRE), COMMAND_RETIRE_DISCARD);
	CHECK_INT(orders_retire_here(&orders), TOKEN_GOOD);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_RETIRED);
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_DISCARD);
	CHECK(!is_marked()); /* the reset at its end may come */
	start();
	CHECK_UINT(orders_level(&orders), LOCKDOWN_RETIRED);
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_DISCARD);
	temp_dir_remove(dir);
}

/* A reset that two people order unlocks nothing but itself: the level stays, over a start, too; void, the mark is back. */
static void test_reset_here(void)
{
	begin(4);
	start();
	orders_on_signal(&orders, TRIGGER_CODE, 1, ROLE_MEASURE, 1);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	CHECK(is_marked());
	paste(for_reset, false, 1);
	CHECK_INT(orders_reset_here(&orders), TOKEN_SECOND_MISSING);
	paste(for_retire, false, PEOPLE);
	CHECK_INT(orders_reset_here(&orders), TOKEN_NO_CHALLENGE);
	paste(for_reset, false, PEOPLE);
	CHECK_INT(orders_reset_here(&orders), TOKEN_NOT_CLEAN);
	CHECK(is_marked());
	orders_on_measured(&orders, 0, 0);
	CHECK_INT(orders_reset_here(&orders), TOKEN_GOOD);
	CHECK(orders_is_resetting(&orders) && !is_marked());
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	CHECK_INT(orders_reset_here(&orders), TOKEN_RETIRING);
	start();
	CHECK(orders_is_resetting(&orders) && !is_marked());
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	orders_void_reset(&orders);
	CHECK(!orders_is_resetting(&orders) && is_marked());
	start();
	CHECK(!orders_is_resetting(&orders) && is_marked());
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	temp_dir_remove(dir);
}

/* A refused one is void also where the disk takes nothing at that moment: nobody hears of it again, and it is undone later. */
static void test_reset_refused_on_a_bad_disk(void)
{
	char away[sizeof(dir) + 8];

	begin(4);
	start();
	snprintf(away, sizeof(away), "%s-away", dir);
	paste(for_reset, false, PEOPLE);
	CHECK_INT(orders_reset_here(&orders), TOKEN_GOOD);
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_RESET);
	CHECK_INT(rename(dir, away), 0);
	orders_on_signal(&orders, TRIGGER_CODE, 1, ROLE_MEASURE, 1);
	orders_void_reset(&orders);
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_NONE);
	orders_again(&orders);
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_NONE);
	CHECK(orders_is_resetting(&orders));
	CHECK_INT(rename(away, dir), 0);
	orders_again(&orders);
	CHECK(!orders_is_resetting(&orders));
	CHECK_INT(orders_retire(&orders), COMMAND_RETIRE_NONE);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	start();
	CHECK(!orders_is_resetting(&orders));
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	temp_dir_remove(dir);
}

/* What is left of it when the reset has erased the rest: the level begins anew, behind two people, and not without them. */
static void test_after_the_reset(void)
{
	for (int ordered = 0; ordered < 2; ordered++) {
		begin(4);
		start();
		seal_hub();
		if (ordered) {
			paste(for_reset, false, PEOPLE);
			CHECK_INT(orders_reset_here(&orders), TOKEN_GOOD);
		}
		(void)file_remove(dir, "engine.share");
		(void)file_remove(dir, "escrow-a");
		(void)file_remove(dir, "escrow-b");
		CHECK_INT(lockdown_file_renew(dir), 0);
		start();
		CHECK_UINT(orders_level(&orders),
			   ordered ? LOCKDOWN_NORMAL : LOCKDOWN_SEALED);
		CHECK_INT(is_marked(), !ordered);
		CHECK(!orders_is_resetting(&orders));
		temp_dir_remove(dir);
	}
}

/* An order to lock, void after this; hub-coap says that the clinic's clock showed said_ms. */
static void order(uint64_t counter, int64_t not_after_s, int64_t said_ms)
{
	struct command c = { .epoch = 3,
			     .counter = counter,
			     .not_after_s = not_after_s,
			     .verb = COMMAND_LOCK,
			     .level = COMMAND_LEVEL_QUARANTINED };
	struct msg_command m = { .counter = counter, .utc_ms = said_ms };
	uint8_t payload[COMMAND_PAYLOAD_MAX], cose[COMMAND_SIGNED_MAX];
	struct command_order o = { .count = 1 };
	int n;

	memcpy(c.hub, settings.config.hub, sizeof(c.hub));
	n = command_encode(&c, payload, sizeof(payload));
	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_COMMAND, private[0], payload, (size_t)n, cose,
		       sizeof(cose));
	CHECK(n > 0);
	o.parts[0] = (struct command_part){ 1, cose, (size_t)n };
	n = command_order_encode(&o, m.bytes, sizeof(m.bytes));
	CHECK(n > 0);
	m.len = (uint16_t)n;
	orders_on_command(&orders, &m);
}

/* Orders are void after their time, which is over for sure by the floor; no hub-coap that was says when it is over. */
static void test_void_orders(void)
{
	const int64_t now_ms = 1850000000000, hour_s = 3600;
	const int64_t until_s = now_ms / 1000 + hour_s;
	struct wall lie = { now_ms * 2, 0, CLOCK_QUALITY_CLINIC };

	begin(0);
	start();
	timefloor_open(&time_floor, now_ms + 2 * hour_s * 1000, rt_mono());
	order(1, until_s, now_ms); /* hub-coap says that it is earlier than it is */
	CHECK_UINT(orders_level(&orders), LOCKDOWN_NORMAL);
	timefloor_open(&time_floor, 0, rt_mono());
	order(2, until_s, now_ms + 2 * hour_s * 1000);
	CHECK_UINT(orders_level(&orders), LOCKDOWN_NORMAL);
	orders_on_time(&orders, &lie);
	order(3, until_s, now_ms); /* and another one does not */
	CHECK_UINT(orders_level(&orders), LOCKDOWN_QUARANTINED);
	temp_dir_remove(dir);
}

TEST_MAIN("orders", test_start, test_number_of_a_lock, test_sealed_and_kept,
	  test_sealed_alone, test_both_copies, test_cut_off_erasure, test_guarded,
	  test_another_level, test_retired_here, test_reset_here,
	  test_reset_refused_on_a_bad_disk, test_after_the_reset, test_void_orders)
