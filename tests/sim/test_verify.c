/*
 * test_verify.c - impostors and genuine devices against verify.h, in virtual time, one millisecond a step.
 *
 * The world between a link and hub-ble, as it is: the kernel knows at once; bluetoothd hears of it a little later,
 * sends values at once and changes of 'Connected' when it is idle, so that a short absence may be left out and a
 * value may overtake the news of its link; hub-bondinfo looks at the kernel when asked; all three programs may
 * stand still for a while, together, as on a slow card. Handles are used again.
 */
#include "tests/unit/test.h"

#include "ble/verify.h"

enum {
	HEARD_MAX = 512, /* a standstill follows another: test_never_told */
	PENDING_MAX = 2048,
	CONNECT_MIN_MS = 15, /* from the end of a link to the next, at the very fastest */
	ENCRYPT_MIN_MS = 45, /* from link to encryption: several connection events */
};

enum heard_kind { HEARD_VALUE, HEARD_UP, HEARD_DOWN };

/* What bluetoothd has not looked at yet. */
struct heard {
	enum heard_kind kind;
	bool genuine;
	uint64_t at; /* not before */
};

struct pending {
	bool genuine;
	struct mono captured;
};

struct world {
	uint64_t now;
	struct verify v;
	bool overtake_told; /* hub-ble takes a second 'connected' for a new link */

	/* kernel */
	bool up, genuine, encrypted;
	uint16_t handle;
	uint64_t encrypt_at, end_at, value_at;

	/* bluetoothd */
	struct heard heard[HEARD_MAX];
	size_t heard_count;
	bool says_up, up_known;
	uint64_t resolve_at;

	/* hub-bondinfo, and the way back */
	bool helper_there, asked, answered;
	uint64_t look_at, answer_at;
	struct msg_link_facts answer;
	uint8_t key_size;
	enum link_strength strength;

	uint64_t
		still_up_to; /* length of a standstill, which comes at any time; 0: never */
	uint64_t still_until; /* nobody but the kernel runs */
	struct pending pending[PENDING_MAX];
	size_t pending_count;
	unsigned values, unlinked, verdicts[VERIFY_BAD + 1];
	bool check_genuine, check_impostor;
};

static uint64_t random_up_to(uint64_t n)
{
	return test_random() % (n + 1);
}

static struct mono at(uint64_t ms)
{
	return (struct mono){ ms };
}

static struct world fresh(bool strict)
{
	struct world w = { .now = 1000,
			   .helper_there = true,
			   .overtake_told = true,
			   .key_size = 16,
			   .strength = LINK_LEGACY_PASSKEY };

	verify_init(&w.v, LINK_LEGACY_PASSKEY, strict);
	verify_on_helper(&w.v, true, at(w.now));
	return w;
}

/* ---- kernel -------------------------------------------------------------------------------------- */

static void hear(struct world *w, enum heard_kind kind)
{
	uint64_t last = w->heard_count ? w->heard[w->heard_count - 1].at : 0;
	uint64_t when = w->now + random_up_to(4);

	CHECK(w->heard_count < HEARD_MAX);
	w->heard[w->heard_count++] =
		(struct heard){ kind, w->genuine, when > last ? when : last };
}

static void begin_link(struct world *w, bool genuine, uint64_t lasts)
{
	w->up = true;
	w->genuine = genuine;
	w->encrypted = false;
	w->handle =
		(uint16_t)(0x40 + (test_random() % 4 == 0)); /* mostly the same again */
	w->encrypt_at =
		genuine ? w->now + ENCRYPT_MIN_MS + random_up_to(400) : UINT64_MAX;
	w->end_at = w->now + lasts;
	w->value_at = UINT64_MAX;
	hear(w, HEARD_UP);
}

static void step_kernel(struct world *w)
{
	if (!w->up)
		return;
	w->encrypted |= w->now >= w->encrypt_at;
	if (w->now == w->value_at)
		hear(w, HEARD_VALUE);
	if (w->now >= w->end_at) {
		hear(w, HEARD_DOWN);
		w->up = w->encrypted = false;
	}
}

/* ---- hub-ble ------------------------------------------------------------------------------------- */

static void judge(struct world *w, bool end)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->pending_count; i++) {
		struct pending p = w->pending[i];
		enum verify_verdict verdict = verify_judge(&w->v, p.captured, at(w->now));

		if (verdict == VERIFY_PENDING && !end) {
			w->pending[kept++] = p;
			continue;
		}
		w->verdicts[verdict]++;
		if (w->check_genuine && p.genuine)
			CHECK_INT(verdict, VERIFY_GOOD);
		if (!p.genuine) /* whatever happens */
			CHECK(verdict != VERIFY_GOOD);
		if (w->check_impostor && !p.genuine)
			CHECK_INT(verdict, VERIFY_BAD);
	}
	w->pending_count = kept;
}

static void act(struct world *w)
{
	unsigned turns = 0;

	while (verify_next(&w->v, at(w->now)) == VERIFY_ASK) {
		CHECK(++turns < 3);
		CHECK(!w->asked ||
		      w->now >= w->look_at); /* one at a time, or the old one lost */
		w->asked = w->helper_there;
		w->answered = false;
		w->look_at = w->now + random_up_to(4);
		w->answer.cookie = verify_cookie(&w->v);
	}
	judge(w, false);
}

static void value_came(struct world *w, bool from_genuine)
{
	/* it overtook the news of its link, which may never come */
	w->unlinked += !w->says_up;
	w->values++;
	CHECK(w->pending_count < PENDING_MAX);
	w->pending[w->pending_count++] = (struct pending){ from_genuine, at(w->now) };
	verify_on_value(&w->v, at(w->now));
	act(w);
}

static void connected_says(struct world *w, bool up)
{
	if (w->says_up && (!up || w->overtake_told))
		verify_on_gone(&w->v, at(w->now));
	judge(w, false);
	if (up)
		verify_on_linked(&w->v, at(w->now));
	w->says_up = up;
	act(w);
}

/* ---- bluetoothd ---------------------------------------------------------------------------------- */

static void step_bluetoothd(struct world *w)
{
	bool changed = false;
	size_t n = 0;

	for (; n < w->heard_count && w->heard[n].at <= w->now; n++) {
		if (w->heard[n].kind == HEARD_VALUE) {
			value_came(w, w->heard[n].genuine);
		} else {
			w->up_known = w->heard[n].kind == HEARD_UP;
			w->resolve_at = w->now + 1 + random_up_to(w->genuine ? 30 : 0);
			changed = true;
		}
	}
	memmove(w->heard, w->heard + n, (w->heard_count - n) * sizeof(*w->heard));
	w->heard_count -= n;
	if (changed && (w->up_known || w->says_up)) /* idle now */
		connected_says(w, w->up_known);
	if (w->says_up && w->now >= w->resolve_at)
		verify_on_resolved(&w->v, true, at(w->now));
}

/* ---- hub-bondinfo -------------------------------------------------------------------------------- */

static void step_helper(struct world *w)
{
	if (w->asked && !w->answered && w->now >= w->look_at) {
		w->answer.bonded = true;
		w->answer.strength = w->strength;
		w->answer.key_size = w->key_size;
		w->answer.linked = w->up;
		w->answer.encrypted = w->encrypted;
		w->answer.handle = w->up ? w->handle : 0;
		w->answered = true;
		w->answer_at = w->now + random_up_to(4);
	}
}

static void take_answer(struct world *w)
{
	if (!w->asked || !w->answered || w->now < w->answer_at)
		return;
	w->asked = w->answered = false;
	verify_on_facts(&w->v, &w->answer, at(w->now));
	act(w);
}

static void step(struct world *w)
{
	w->now++;
	step_kernel(w);
	if (w->still_up_to && w->now >= w->still_until && test_random() % 300 == 0)
		w->still_until = w->now + random_up_to(w->still_up_to);
	if (w->now < w->still_until)
		return;
	step_helper(w);
	if (test_random() % 2) {
		take_answer(w);
		step_bluetoothd(w);
	} else {
		step_bluetoothd(w);
		take_answer(w);
	}
	/* hub-ble wakes by itself at its deadline only */
	if (w->now >= verify_deadline(&w->v).ms)
		act(w);
	CHECK(verify_deadline(&w->v).ms > w->now);
}

static void run(struct world *w, uint64_t ms)
{
	while (ms-- > 0)
		step(w);
}

/* Until everything about the last link is decided. */
static void settle(struct world *w)
{
	run(w, 50);
	CHECK(!w->up && !w->says_up);
	judge(w, false);
	CHECK_UINT(w->pending_count, 0);
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void impostor(struct world *w, uint64_t longest)
{
	uint64_t lasts = 2 + random_up_to(longest);

	begin_link(w, false, lasts);
	w->value_at = w->now + 1 + random_up_to(lasts - 1);
	while (w->up) {
		if (w->now > w->value_at && test_random() % 4 == 0)
			w->value_at = w->now + 1 + random_up_to(100);
		step(w);
	}
}

/* A device with a bond: its values come when the link is encrypted, and it stays a while. */
static void genuine(struct world *w, unsigned values)
{
	begin_link(w, true, 100000);
	while (!w->encrypted)
		step(w);
	for (; values > 0; values--) {
		w->value_at = w->now + 1 + random_up_to(60);
		run(w, w->value_at - w->now + 1);
	}
	w->end_at = w->now + 150 + random_up_to(500);
	while (w->up)
		step(w);
}

/* 1,000 connections of a copied address, of any length, at any time: not one value is taken for genuine. */
static void test_impostors(void)
{
	struct world w = fresh(false);

	for (int i = 0; i < 1000; i++) {
		impostor(&w, i % 100 == 0 ? 40000 : 600);
		run(&w, random_up_to(100));
	}
	settle(&w);
	CHECK(w.values > 500);
	CHECK_UINT(w.verdicts[VERIFY_GOOD], 0);
	CHECK(w.verdicts[VERIFY_BAD] > w.values / 2);
}

/* One that stays for a moment is seen for what it is: nothing of it is kept. */
static void test_impostors_that_stay(void)
{
	struct world w = fresh(false);

	w.check_impostor = true;
	for (int i = 0; i < 300; i++) {
		begin_link(&w, false, 100 + random_up_to(60000) / (i % 10 ? 100 : 1));
		w.value_at = w.now + 20 + random_up_to(60);
		while (w.up)
			step(&w);
		run(&w, 50);
	}
	settle(&w);
	CHECK(w.values > 200);
	CHECK_UINT(w.verdicts[VERIFY_BAD], w.values);
}

static void test_genuine(void)
{
	struct world w = fresh(false);

	w.check_genuine = true;
	for (int i = 0; i < 1000; i++) {
		genuine(&w, (unsigned)(1 + test_random() % 4));
		run(&w, 30 + random_up_to(100));
	}
	settle(&w);
	CHECK_UINT(w.verdicts[VERIFY_GOOD], w.values);
	CHECK_UINT(w.unlinked, 0);
}

/* Both at once, one right after the other, on a machine that stands still now and then. */
static void mixed(bool strict, uint64_t still)
{
	struct world w = fresh(strict);
	unsigned kept;

	w.still_up_to = still;
	for (int i = 0; i < 1500; i++) {
		if (test_random() % 2)
			impostor(&w, test_random() % 2 ? 10 : 120);
		else
			genuine(&w, (unsigned)(1 + test_random() % 3));
		run(&w, CONNECT_MIN_MS + (test_random() % 3 ? 0 : random_up_to(100)));
	}
	w.still_up_to = w.still_until = 0;
	settle(&w);
	kept = w.verdicts[VERIFY_GOOD] + w.verdicts[VERIFY_UNKNOWN];
	CHECK_UINT(kept + w.verdicts[VERIFY_BAD], w.values);
	CHECK(w.verdicts[VERIFY_GOOD] > w.values / 8);
}

static void test_mixed(void)
{
	mixed(false, 0);
	mixed(true, 0);
}

static void test_standing_still(void)
{
	mixed(false, 100);
	mixed(true, 300);
	mixed(false, 1000);
}

static void fast(struct world *w)
{
	for (int i = 0; i < 500; i++) {
		begin_link(w, true, 5 + random_up_to(20));
		w->encrypt_at = w->now + 1; /* for the sake of it */
		w->value_at = w->end_at - 1;
		while (w->up)
			step(w);
		run(w, 50);
	}
	w->still_up_to = w->still_until = 0;
	settle(w);
	CHECK_UINT(w->values, 500);
	CHECK_UINT(w->verdicts[VERIFY_BAD], 0);
	CHECK_UINT(w->verdicts[VERIFY_UNKNOWN], w->values);
}

/* The link is over before anybody has looked: kept, as unverified. */
static void test_fast(void)
{
	struct world w = fresh(false);

	fast(&w);
}

/* It is over before bluetoothd was idle once, which then says nothing of it: the same. */
static void test_never_told(void)
{
	struct world w = fresh(false);

	w.still_up_to = 1000;
	fast(&w);
	CHECK(w.unlinked > 100);
}

static void test_no_helper(void)
{
	struct world w = fresh(false);

	w.helper_there = false;
	verify_on_helper(&w.v, false, at(w.now));
	for (int i = 0; i < 100; i++) {
		genuine(&w, 2);
		run(&w, 50);
	}
	settle(&w);
	CHECK_UINT(w.values, 200);
	CHECK_UINT(w.verdicts[VERIFY_UNKNOWN], 200);
	/* it is there, but it does not answer */
	verify_on_helper(&w.v, true, at(w.now));
	for (int i = 0; i < 20; i++) {
		begin_link(&w, true, 10000);
		w.value_at = w.now + 1000;
		run(&w, 3200);
		CHECK_UINT(w.pending_count,
			   0); /* two seconds after it came, at the latest */
		w.end_at = w.now;
		run(&w, 50);
	}
	CHECK_UINT(w.verdicts[VERIFY_UNKNOWN], 220);
}

static void test_bad_bonds(void)
{
	struct world w = fresh(false);

	w.key_size = 7;
	for (int i = 0; i < 100; i++)
		genuine(&w, 2), run(&w, 50);
	w.key_size = 16;
	w.strength = LINK_LEGACY_JUST_WORKS; /* a passkey is asked for */
	for (int i = 0; i < 100; i++)
		genuine(&w, 2), run(&w, 50);
	settle(&w);
	CHECK_UINT(w.values, 400);
	CHECK_UINT(w.verdicts[VERIFY_BAD], 400);
}

/* A plain phase with a value in it: only a device that can be asked again loses that. */
static void test_early_values(void)
{
	for (int strict = 0; strict < 2; strict++) {
		struct world w = fresh(strict);

		for (int i = 0; i < 200; i++) {
			begin_link(&w, true, 100000);
			w.encrypt_at = w.now + 300;
			w.value_at = w.now + 50 + random_up_to(100);
			run(&w, 400);
			w.value_at = w.now + 10;
			run(&w, 200);
			w.end_at = w.now;
			run(&w, 50);
		}
		settle(&w);
		CHECK_UINT(w.values, 400);
		CHECK_UINT(w.verdicts[VERIFY_GOOD], strict ? 200 : 400);
		CHECK_UINT(w.verdicts[VERIFY_BAD], strict ? 200 : 0);
	}
}

TEST_MAIN("verify", test_impostors, test_impostors_that_stay, test_genuine, test_mixed,
	  test_standing_still, test_fast, test_never_told, test_no_helper, test_bad_bonds,
	  test_early_values)
