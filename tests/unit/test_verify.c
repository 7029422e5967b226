/*
 * test_verify.c - whose link is it? Each rule and each limit of verify.h; tests/sim/test_verify.c has the impostors.
 */
#include "tests/unit/test.h"

#include "ble/verify.h"

enum { HANDLE = 0x40, OTHER = 0x41, START = 100000 };

static struct mono at(uint64_t ms)
{
	return (struct mono){ ms };
}

static struct verify fresh(enum link_strength minimum, bool strict)
{
	struct verify v;

	verify_init(&v, minimum, strict);
	verify_on_helper(&v, true, at(START - 1000));
	return v;
}

static struct verify linked(void)
{
	struct verify v = fresh(LINK_LEGACY_JUST_WORKS, false);

	verify_on_linked(&v, at(START - 1));
	return v;
}

static void ask(struct verify *v, uint64_t now)
{
	CHECK_INT(verify_next(v, at(now)), VERIFY_ASK);
	CHECK_INT(verify_next(v, at(now)), VERIFY_NOTHING);
}

static struct msg_link_facts facts(const struct verify *v, bool encrypted)
{
	return (struct msg_link_facts){ .cookie = 0xABCD0000 | verify_cookie(v),
					.bonded = true,
					.strength = LINK_LEGACY_PASSKEY,
					.key_size = 16,
					.linked = true,
					.encrypted = encrypted,
					.handle = HANDLE };
}

static void answer(struct verify *v, bool encrypted, uint64_t now)
{
	const struct msg_link_facts f = facts(v, encrypted);

	verify_on_facts(v, &f, at(now));
}

/* Ask and answer, 2 ms apart. */
static void look(struct verify *v, bool encrypted, uint64_t now)
{
	ask(v, now);
	answer(v, encrypted, now + 2);
}

static void check_verdict(const struct verify *v, uint64_t captured, uint64_t now,
			  enum verify_verdict want)
{
	CHECK_INT(verify_judge(v, at(captured), at(now)), want);
}

/* Seen encrypted at START and START + 50; values up to then are good. */
static struct verify confirmed(void)
{
	struct verify v = linked();

	verify_on_resolved(&v, true, at(START));
	look(&v, true, START);
	look(&v, true, START + 50);
	CHECK_INT(verify_link(&v, at(START + 52)), VERIFY_GOOD);
	return v;
}

static void test_good(void)
{
	struct verify v = linked();

	CHECK_INT(verify_link(&v, at(START)), VERIFY_PENDING);
	CHECK_INT(verify_strength(&v), LINK_UNKNOWN);
	verify_on_resolved(&v, true, at(START));
	verify_on_resolved(&v, false, at(START)); /* it toggles */
	verify_on_value(&v, at(START + 10));
	look(&v, true, START + 12);
	CHECK_INT(verify_strength(&v), LINK_LEGACY_PASSKEY);
	CHECK_INT(verify_key_size(&v), 16);
	check_verdict(&v, START + 10, START + 14, VERIFY_PENDING); /* one look is none */
	look(&v, true, START + 62);
	check_verdict(&v, START + 10, START + 64, VERIFY_GOOD);
	CHECK_INT(verify_link(&v, at(START + 64)), VERIFY_GOOD);
	CHECK_UINT(verify_deadline(&v).ms, MONO_NEVER.ms);
	/* a later value wants a look of its own */
	check_verdict(&v, START + 1000, START + 1000, VERIFY_PENDING);
	verify_on_value(&v, at(START + 1000));
	look(&v, true, START + 1000);
	check_verdict(&v, START + 1000, START + 1002, VERIFY_GOOD);
	verify_on_gone(&v, at(START + 1100));
	check_verdict(&v, START + 1000, START + 1100, VERIFY_GOOD);
	CHECK_INT(verify_link(&v, at(START + 1100)), VERIFY_UNKNOWN);
}

/* The second look must have been asked for 40 ms after the first came back. */
static void test_settle_limits(void)
{
	for (uint64_t wait = VERIFY_SETTLE_MS - 1; wait <= VERIFY_SETTLE_MS + 1; wait++) {
		struct verify v = linked();

		verify_on_resolved(&v, true, at(START));
		look(&v, true, START); /* came back at START + 2 */
		verify_on_value(&v, at(START + 5));
		look(&v, true, START + 2 + wait);
		check_verdict(&v, START + 5, START + 2 + wait + 2,
			      wait < VERIFY_SETTLE_MS ? VERIFY_PENDING : VERIFY_GOOD);
	}
}

/* A look counts for values that came until it was asked for. */
static void test_look_after_value(void)
{
	struct verify v = confirmed();

	check_verdict(&v, START, START + 52, VERIFY_GOOD);
	check_verdict(&v, START + 49, START + 52, VERIFY_GOOD);
	check_verdict(&v, START + 50, START + 52, VERIFY_GOOD);
	check_verdict(&v, START + 51, START + 52, VERIFY_PENDING);
	verify_on_gone(&v, at(START + 60));
	check_verdict(&v, START + 51, START + 60, VERIFY_UNKNOWN);
}

static void test_unresolved(void)
{
	struct verify v = linked();

	look(&v, true, START);
	look(&v, true, START + 50);
	check_verdict(&v, START + 10, START + 52, VERIFY_PENDING);
	CHECK(verify_deadline(&v).ms != MONO_NEVER.ms);
	verify_on_resolved(&v, true, at(START + 60));
	check_verdict(&v, START + 10, START + 60, VERIFY_GOOD);
	verify_on_gone(&v, at(START + 70));
	verify_on_linked(&v, at(START + 80));
	look(&v, true, START + 100);
	look(&v, true, START + 150);
	verify_on_gone(&v, at(START + 160));
	check_verdict(&v, START + 110, START + 160, VERIFY_UNKNOWN);
	verify_on_resolved(&v, true, at(START + 161)); /* of no link */
	check_verdict(&v, START + 110, START + 161, VERIFY_UNKNOWN);
	verify_on_linked(&v, at(START + 170));
	CHECK(!v.now.resolved);
}

/* Plain first, encrypted later on the same connection: good, unless the device can be asked again. */
static void test_becomes_encrypted(void)
{
	for (int strict = 0; strict < 2; strict++) {
		struct verify v = fresh(LINK_LEGACY_JUST_WORKS, strict);

		verify_on_linked(&v, at(START - 1));
		verify_on_resolved(&v, true, at(START));
		look(&v, false, START);
		look(&v, false, START + 50);
		check_verdict(&v, START + 50, START + 52,
			      strict ? VERIFY_BAD : VERIFY_PENDING);
		check_verdict(&v, START + 51, START + 52, VERIFY_PENDING);
		look(&v, true, START + 100);
		look(&v, true, START + 150);
		check_verdict(&v, START + 49, START + 152,
			      strict ? VERIFY_BAD : VERIFY_GOOD);
		check_verdict(&v, START + 50, START + 152,
			      strict ? VERIFY_BAD : VERIFY_GOOD);
		check_verdict(&v, START + 51, START + 152, VERIFY_GOOD);
	}
}

static void test_plain(void)
{
	struct verify v = linked();

	verify_on_resolved(&v, true, at(START));
	look(&v, false, START + 10);
	check_verdict(&v, START + 1, START + 20, VERIFY_PENDING);
	/* a look says how it was before, and a little after */
	verify_on_gone(&v, at(START + 200));
	check_verdict(&v, START + 1, START + 200, VERIFY_BAD);
	check_verdict(&v, START + 10 + VERIFY_FRESH_MS - 1, START + 200, VERIFY_BAD);
	check_verdict(&v, START + 10 + VERIFY_FRESH_MS, START + 200, VERIFY_BAD);
	check_verdict(&v, START + 10 + VERIFY_FRESH_MS + 1, START + 200, VERIFY_UNKNOWN);
}

/* Seen encrypted too late to be good for what came before: the device may have been it all the same. */
static void test_encrypted_at_the_end(void)
{
	struct verify v = linked();

	verify_on_resolved(&v, true, at(START));
	look(&v, false, START + 10);
	look(&v, true, START + 60);
	verify_on_gone(&v, at(START + 70));
	check_verdict(&v, START + 5, START + 70, VERIFY_UNKNOWN);
}

static void test_plain_patience(void)
{
	struct verify v = linked();
	uint64_t now = START;

	for (; now < START + 35000; now += 1000)
		look(&v, false, now);
	check_verdict(&v, START + 1, START + VERIFY_PATIENCE_MS, VERIFY_PENDING);
	check_verdict(&v, START + 1, START + VERIFY_PATIENCE_MS + 1, VERIFY_BAD);
	CHECK_INT(verify_link(&v, at(now)), VERIFY_BAD);
}

/* Seen encrypted, but no record of the bond, or no services: kept. */
static void test_encrypted_patience(void)
{
	struct verify v = linked();
	struct msg_link_facts f;
	uint64_t now = START;

	verify_on_resolved(&v, true, at(START));
	for (; now < START + 35000; now += 1000) {
		ask(&v, now);
		f = facts(&v, true);
		f.bonded = false;
		f.key_size = 0;
		f.strength = LINK_UNKNOWN;
		verify_on_facts(&v, &f, at(now + 2));
	}
	CHECK(!verify_is_refused(&v));
	check_verdict(&v, START + 1, START + VERIFY_PATIENCE_MS, VERIFY_PENDING);
	check_verdict(&v, START + 1, START + VERIFY_PATIENCE_MS + 1, VERIFY_UNKNOWN);
	CHECK_INT(verify_link(&v, at(now)), VERIFY_UNKNOWN);
	look(&v, true, now); /* now it was written */
	check_verdict(&v, now - 10, now + 2, VERIFY_GOOD);
}

static enum verify_verdict with_bond(enum link_strength minimum, bool bonded,
				     enum link_strength strength, uint8_t size)
{
	struct verify v = fresh(minimum, false);
	struct msg_link_facts f;
	enum verify_verdict verdict;

	verify_on_linked(&v, at(START - 1));
	verify_on_resolved(&v, true, at(START));
	for (uint64_t now = START; now < START + 200; now += 50) {
		if (verify_next(&v, at(now)) != VERIFY_ASK)
			break;
		f = facts(&v, true);
		f.bonded = bonded;
		f.strength = strength;
		f.key_size = size;
		verify_on_facts(&v, &f, at(now + 2));
	}
	verdict = verify_judge(&v, at(START + 1), at(START + 200));
	CHECK_INT(verify_is_refused(&v), verdict == VERIFY_BAD);
	CHECK_INT(verify_link(&v, at(START + 200)), verdict);
	CHECK_INT(verify_strength(&v), bonded ? strength : LINK_UNKNOWN);
	CHECK_INT(verify_key_size(&v), bonded ? size : 0);
	/* neither good nor refused: it goes on asking */
	CHECK_INT(verify_deadline(&v).ms != MONO_NEVER.ms, verdict == VERIFY_PENDING);
	verify_on_gone(&v, at(START + 210));
	CHECK(!verify_is_refused(&v));
	CHECK_INT(verify_judge(&v, at(START + 1), at(START + 210)),
		  verdict == VERIFY_PENDING ? VERIFY_UNKNOWN : verdict);
	return verdict;
}

static void test_bonds(void)
{
	for (int size = 0; size <= 16; size++)
		CHECK_INT(with_bond(LINK_LEGACY_JUST_WORKS, true, LINK_SC_AUTHENTICATED,
				    (uint8_t)size),
			  size == 16 ? VERIFY_GOOD : VERIFY_BAD);
	for (int min = LINK_UNKNOWN; min <= LINK_SC_AUTHENTICATED; min++)
		for (int s = LINK_UNKNOWN; s <= LINK_SC_AUTHENTICATED; s++)
			CHECK_INT(with_bond((enum link_strength)min, true,
					    (enum link_strength)s, 16),
				  s != LINK_UNKNOWN && s >= min ? VERIFY_GOOD
								: VERIFY_BAD);
	/* a debug key, and no record at all */
	CHECK_INT(with_bond(LINK_LEGACY_JUST_WORKS, false, LINK_UNKNOWN, 16), VERIFY_BAD);
	CHECK_INT(with_bond(LINK_LEGACY_JUST_WORKS, false, LINK_UNKNOWN, 0),
		  VERIFY_PENDING);
}

/* A short key is bad even before the link is encrypted. */
static void test_refused_early(void)
{
	struct verify v = linked();
	struct msg_link_facts f;

	ask(&v, START);
	f = facts(&v, false);
	f.key_size = 7;
	f.linked = false;
	verify_on_facts(&v, &f, at(START + 2));
	check_verdict(&v, START, START + 2, VERIFY_BAD);
	CHECK(verify_is_refused(&v));
	CHECK_UINT(verify_deadline(&v).ms, MONO_NEVER.ms);
	verify_on_value(&v, at(START + 20)); /* it was paired again meanwhile */
	verify_on_resolved(&v, true, at(START + 20));
	look(&v, true, START + 20);
	CHECK(!verify_is_refused(&v));
	look(&v, true, START + 70);
	check_verdict(&v, START + 20, START + 72, VERIFY_GOOD);
}

/* Without any look: too fast. Values from before the link, or in its very first millisecond: not its. */
static void test_unseen(void)
{
	struct verify v = linked();

	check_verdict(&v, START, START, VERIFY_PENDING);
	check_verdict(&v, START - 1, START, VERIFY_UNKNOWN);
	ask(&v, START);
	verify_on_gone(&v, at(START + 3));
	answer(&v, true, START + 4); /* may be of the next one */
	check_verdict(&v, START, START + 4, VERIFY_UNKNOWN);
	CHECK_UINT(verify_deadline(&v).ms, MONO_NEVER.ms);
	CHECK_INT(verify_next(&v, at(START + 5000)), VERIFY_NOTHING);
	/* the kernel says that there is no link: nothing was seen either */
	verify_on_linked(&v, at(START + 99));
	ask(&v, START + 100);
	{
		struct msg_link_facts f = facts(&v, true);

		f.linked = false;
		verify_on_facts(&v, &f, at(START + 102));
	}
	verify_on_gone(&v, at(START + 110));
	check_verdict(&v, START + 101, START + 110, VERIFY_UNKNOWN);
}

static void other_handle(struct verify *v, bool is_linked, bool encrypted, uint64_t now)
{
	struct msg_link_facts f;

	ask(v, now);
	f = facts(v, encrypted);
	f.linked = is_linked;
	f.handle = OTHER;
	verify_on_facts(v, &f, at(now + 2));
}

/* Invariant 2: the impostor's link is over, the device's has begun, D-Bus has not said so yet. */
static void test_another_handle(void)
{
	struct verify v = linked();

	verify_on_resolved(&v, true, at(START));
	look(&v, false, START);
	other_handle(&v, true, true, START + 50);
	check_verdict(&v, START + 10, START + 52, VERIFY_BAD);
	check_verdict(&v, START + 52, START + 52,
		      VERIFY_BAD); /* in doubt the old one's */
	check_verdict(&v, START + 53, START + 53, VERIFY_PENDING);
	other_handle(&v, true, true, START + 100);
	check_verdict(&v, START + 53, START + 102, VERIFY_GOOD);
	check_verdict(&v, START + 10, START + 102, VERIFY_BAD);
}

/* Services and bond of the one are not the other's. */
static void test_another_bond(void)
{
	struct verify v = linked();
	struct msg_link_facts f;

	for (uint64_t now = START; now <= START + 50; now += 50) {
		ask(&v, now);
		f = facts(&v, true);
		f.bonded = false;
		f.key_size = 0;
		verify_on_facts(&v, &f, at(now + 2));
	}
	other_handle(&v, true, true, START + 100); /* with a bond */
	other_handle(&v, true, true, START + 150);
	check_verdict(&v, START + 110, START + 152, VERIFY_PENDING); /* no services */
	verify_on_resolved(&v, true, at(START + 160));
	check_verdict(&v, START + 110, START + 160, VERIFY_GOOD);
	check_verdict(&v, START + 10, START + 160, VERIFY_UNKNOWN);
	/* and the third has a short key */
	verify_on_value(&v, at(START + 190));
	ask(&v, START + 200);
	f = facts(&v, true);
	f.key_size = 7;
	verify_on_facts(&v, &f, at(START + 202));
	CHECK(verify_is_refused(&v));
	check_verdict(&v, START + 110, START + 202, VERIFY_GOOD);
}

/* The kernel shows none in between: the handle may be the same, the connection is not. */
static void test_same_handle(void)
{
	struct verify v = linked();
	struct msg_link_facts f;

	verify_on_resolved(&v, true, at(START));
	look(&v, false, START);
	ask(&v, START + 50);
	f = facts(&v, false);
	f.linked = false;
	verify_on_facts(&v, &f, at(START + 52));
	look(&v, true, START + 100);
	look(&v, true, START + 150);
	check_verdict(&v, START + 10, START + 152, VERIFY_BAD);
	check_verdict(&v, START + 60, START + 152, VERIFY_GOOD);
}

/* A good connection, then another: only what was good before stays so. */
static void cut_good(void (*cut)(struct verify *v))
{
	struct verify v = confirmed();

	verify_on_value(&v, at(START + 90));
	cut(&v);
	check_verdict(&v, START + 50, START + 102, VERIFY_GOOD);
	check_verdict(&v, START + 51, START + 102, VERIFY_UNKNOWN);
	check_verdict(&v, START + 102, START + 102, VERIFY_UNKNOWN);
	check_verdict(&v, START + 103, START + 103, VERIFY_PENDING);
	CHECK_INT(verify_link(&v, at(START + 103)), VERIFY_PENDING);
	CHECK(verify_deadline(&v).ms != MONO_NEVER.ms);
}

static void cut_by_handle(struct verify *v)
{
	other_handle(v, true, true, START + 100);
}

static void cut_by_plain(struct verify *v)
{
	look(v, false, START + 100);
}

static void cut_by_end(struct verify *v)
{
	other_handle(v, false, false, START + 100);
}

static void test_cuts(void)
{
	cut_good(cut_by_handle);
	cut_good(cut_by_plain);
	cut_good(cut_by_end);
}

/* Verdicts outlive the next beginning, for links may come and go within one batch of messages. */
static void test_past(void)
{
	struct verify v = confirmed();

	verify_on_gone(&v, at(START + 100));
	verify_on_linked(&v, at(START + 200));
	check_verdict(&v, START + 20, START + 201, VERIFY_GOOD);
	check_verdict(&v, START + 60, START + 201, VERIFY_UNKNOWN);
	check_verdict(&v, START + 201, START + 201, VERIFY_PENDING);
	CHECK_INT(verify_link(&v, at(START + 201)), VERIFY_PENDING);
	verify_on_gone(&v, at(START + 210));
	verify_on_linked(&v, at(START + 220));
	check_verdict(&v, START + 20, START + 221, VERIFY_UNKNOWN);
}

/* Each answer counts once, and only for the link it was asked on. */
static void test_answers(void)
{
	struct verify v = linked();
	struct msg_link_facts old;

	verify_on_resolved(&v, true, at(START));
	ask(&v, START);
	old = facts(&v, true);
	verify_on_gone(&v, at(START + 1));
	verify_on_linked(&v, at(START + 2));
	verify_on_resolved(&v, true, at(START + 2));
	verify_on_facts(&v, &old, at(START + 3));
	CHECK(!v.now.seen);
	ask(&v, START + 10);
	verify_on_facts(&v, &old, at(START + 11));
	CHECK(!v.now.seen && v.outstanding);
	answer(&v, true, START + 12);
	CHECK(v.now.seen && !v.now.confirmed);
	old = facts(&v, true);
	verify_on_facts(&v, &old, at(START + 80)); /* twice */
	CHECK(!v.now.confirmed);
}

/* Every 50 ms; at a value at once, but at most each 10 ms; one at a time; slower after 30 s. */
static void test_pace(void)
{
	struct verify v = linked();

	CHECK_UINT(verify_deadline(&v).ms, VERIFY_ASK_LEAST_MS); /* long ago: now */
	ask(&v, START);
	CHECK_INT(verify_next(&v, at(START + 40)), VERIFY_NOTHING);
	answer(&v, false, START + 40);
	CHECK_UINT(verify_deadline(&v).ms, START + 50);
	CHECK_INT(verify_next(&v, at(START + 49)), VERIFY_NOTHING);
	look(&v, false, START + 50);
	verify_on_value(&v, at(START + 53));
	CHECK_UINT(verify_deadline(&v).ms, START + 60);
	CHECK_INT(verify_next(&v, at(START + 59)), VERIFY_NOTHING);
	look(&v, false, START + 60);
	CHECK_UINT(verify_deadline(&v).ms, START + 110);
	look(&v, false, START + VERIFY_EAGER_MS - 1);
	CHECK_UINT(verify_deadline(&v).ms, START + VERIFY_EAGER_MS - 1 + VERIFY_ASK_MS);
	look(&v, false, START + VERIFY_EAGER_MS + 49);
	CHECK_UINT(verify_deadline(&v).ms,
		   START + VERIFY_EAGER_MS + 49 + VERIFY_ASK_SLOW_MS);
}

/* Two seconds without an answer: nobody knows. */
static void test_silence(void)
{
	struct verify v = linked();
	uint64_t away = START + VERIFY_AWAY_MS;

	ask(&v, START);
	CHECK_UINT(verify_deadline(&v).ms, START + VERIFY_ASK_AGAIN_MS);
	CHECK_INT(verify_next(&v, at(START + VERIFY_ASK_AGAIN_MS - 1)), VERIFY_NOTHING);
	ask(&v, START + VERIFY_ASK_AGAIN_MS);
	check_verdict(&v, START + 1, away - 1, VERIFY_PENDING);
	CHECK_UINT(verify_deadline(&v).ms, away);
	CHECK_INT(verify_link(&v, at(away - 1)), VERIFY_PENDING);
	check_verdict(&v, START + 1, away, VERIFY_UNKNOWN);
	CHECK_INT(verify_link(&v, at(away)), VERIFY_UNKNOWN);
	ask(&v, away);
	CHECK_UINT(verify_deadline(&v).ms, away + VERIFY_ASK_AGAIN_MS);
	answer(&v, true, away + 5);
	check_verdict(&v, START + 1, away + 5, VERIFY_PENDING);
}

static void test_helper_down(void)
{
	struct verify v;

	verify_init(&v, LINK_LEGACY_JUST_WORKS, false);
	verify_on_helper(&v, false, at(START));
	verify_on_linked(&v, at(START + 10));
	CHECK_INT(verify_next(&v, at(START + 10)), VERIFY_NOTHING);
	CHECK_UINT(verify_deadline(&v).ms, START + VERIFY_AWAY_MS);
	verify_on_helper(&v, false, at(START + 500)); /* told again */
	check_verdict(&v, START + 20, START + VERIFY_AWAY_MS - 1, VERIFY_PENDING);
	check_verdict(&v, START + 20, START + VERIFY_AWAY_MS, VERIFY_UNKNOWN);
	CHECK_INT(verify_next(&v, at(START + VERIFY_AWAY_MS)), VERIFY_NOTHING);
	CHECK_UINT(verify_deadline(&v).ms, MONO_NEVER.ms); /* no spinning */
	verify_on_helper(&v, true, at(START + 5000));
	check_verdict(&v, START + 4990, START + 5000, VERIFY_PENDING);
	ask(&v, START + 5000);
	verify_on_helper(&v, false, at(START + 5001)); /* that ask is lost */
	verify_on_helper(&v, true, at(START + 5200));
	ask(&v, START + 5200);
	answer(&v, true, START + 5202);
	verify_on_helper(&v, true, at(START + 5203));
	CHECK_UINT(verify_deadline(&v).ms, START + 5250);
}

/* Told twice is told once. */
static void test_levels(void)
{
	struct verify v = confirmed();

	verify_on_linked(&v, at(START + 60));
	CHECK_INT(verify_link(&v, at(START + 60)), VERIFY_GOOD);
	verify_on_gone(&v, at(START + 70));
	verify_on_gone(&v, at(START + 80));
	check_verdict(&v, START + 20, START + 80, VERIFY_GOOD);
}

TEST_MAIN("verify", test_good, test_settle_limits, test_look_after_value, test_unresolved,
	  test_becomes_encrypted, test_plain, test_encrypted_at_the_end,
	  test_plain_patience, test_encrypted_patience, test_bonds, test_refused_early,
	  test_unseen, test_another_handle, test_another_bond, test_same_handle,
	  test_cuts, test_past, test_answers, test_pace, test_silence, test_helper_down,
	  test_levels)
