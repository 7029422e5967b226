/*
 * test_console_session.c - who may do what at the console, and until when: each verb at each level, the times, a day of guessing.
 */
#include "tests/unit/test.h"

#include "hub/challenger.h"
#include "hub/console_session.h"
#include "hub/lockdown.h"
#include "hub/triggers.h"

enum { LEVELS = 5, TECH = 7 };

static const uint64_t SECOND = 1000, MINUTE = 60000, HOUR = 3600000;

static struct mono at(uint64_t ms)
{
	return (struct mono){ HOUR + ms };
}

static const struct session_grant full = {
	.verbs = ~UINT32_C(0), .seconds = 4 * 3600, .technician = TECH, .signatures = 1
};

static struct session_grant two(void)
{
	struct session_grant g = full;

	g.signatures = 2;
	return g;
}

static struct console_session session(bool button)
{
	struct console_session s;

	session_init(&s, button, ~UINT32_C(0));
	CHECK_INT(session_on_cable(&s, true, true), CONSOLE_END_NONE);
	return s;
}

static void open_as(struct console_session *s, const struct session_grant *g, uint64_t ms)
{
	CHECK_INT(session_on_grant(s, g, at(ms)), CONSOLE_WHY_NONE);
	CHECK(session_is_open(s));
}

/* Whether it may, asked of a copy. */
static enum console_why may(const struct console_session *s, enum verb v, unsigned level,
			    uint64_t ms, bool *ret_button)
{
	struct console_session copy = *s;

	*ret_button = false;
	return session_may(&copy, v, (uint8_t)level, at(ms), ret_button);
}

/* How many signatures each takes at levels 0..4: 0, 1, 2, '-' it is not there; and whether somebody presses the button. */
static const struct {
	enum verb verb;
	const char *levels;
	bool button;
} table[] = {
	{ VERB_CHALLENGE, "0000-", false },
	{ VERB_STATUS, "00000", false },
	{ VERB_VERSION, "1112-", false },
	{ VERB_LEVEL, "1112-", false },
	{ VERB_RISK, "1112-", false },
	{ VERB_SBOM_HASH, "1112-", false },
	{ VERB_SELFTEST, "1112-", false },
	{ VERB_NET_CHECK, "1112-", false },
	{ VERB_BLE_LIST, "111--", false },
	{ VERB_BLE_RSSI, "111--", false },
	{ VERB_BLE_TEST, "111--", false },
	{ VERB_QUEUE, "1112-", false },
	{ VERB_DIAGNOSE, "1112-", false },
	{ VERB_NET_SET, "111--", true },
	{ VERB_TIME_SET, "111--", true },
	{ VERB_UPDATE, "1112-", true },
	{ VERB_EXPORT_EVIDENCE, "1111-", true },
	{ VERB_EXPORT_QUEUE, "2222-", true },
	{ VERB_RELEASE, "-112-", true },
	{ VERB_REBOOT, "1112-", true },
	{ VERB_PAIR, "11---", true },
	{ VERB_UNPAIR, "11---", true },
	{ VERB_FACTORY_RESET, "2222-", true },
	{ VERB_RETIRE, "2222-", true },
	{ VERB_LOGOUT, "00000", false },
	{ VERB_HELP, "00000", false },
	{ VERB_LOGIN, "0000-", false },
};

_Static_assert(sizeof(table) / sizeof(*table) == VERB_LAST, "each verb");

/* What a session with so many signatures hears; -1: nobody is logged in. */
static void check_verb(size_t i, unsigned level, bool button, int signatures)
{
	struct console_session s = session(button);
	struct session_grant g = full;
	char c = table[i].levels[level];
	int needs = c == '-' ? 9 : c - '0';
	enum console_why want = CONSOLE_WHY_NONE, got;
	bool pressed;

	if (needs > 0 && table[i].button && !button && c != '-')
		needs = 2;
	if (signatures >= 0) {
		g.signatures = (uint8_t)signatures;
		open_as(&s, &g, 0);
	}
	if (c == '-')
		want = CONSOLE_WHY_LEVEL;
	else if (needs > 0 && signatures < 0)
		want = CONSOLE_WHY_LOGIN;
	else if (needs > signatures && needs > 0)
		want = CONSOLE_WHY_SECOND;
	got = may(&s, table[i].verb, level, 1, &pressed);
	if (got != want)
		fprintf(stderr, "%s at level %u, button %d, %d signatures\n",
			verb_row(table[i].verb)->name, level, button, signatures);
	CHECK_INT(got, want);
	CHECK_INT(pressed, got == CONSOLE_WHY_NONE && table[i].button && button);
	CHECK_INT(session_lists(&s, table[i].verb, (uint8_t)level, at(1)),
		  got == CONSOLE_WHY_NONE);
}

static void test_each_verb_at_each_level(void)
{
	for (size_t i = 0; i < VERB_LAST; i++)
		for (unsigned level = 0; level < LEVELS; level++)
			for (int button = 0; button < 2; button++)
				for (int n = -1; n <= 2; n++)
					if (n != 0)
						check_verb(i, level, button, n);
}

/* A token serves the verbs it names, a code that was read out those few, and what hubd does not do nobody. */
static void test_grants(void)
{
	struct console_session s = session(true);
	struct session_grant g = full;
	bool button;

	g.verbs = VERB_BIT(VERB_QUEUE);
	open_as(&s, &g, 0);
	CHECK_INT(may(&s, VERB_QUEUE, 0, 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_REBOOT, 0, 1, &button), CONSOLE_WHY_GRANT);
	CHECK_INT(may(&s, VERB_STATUS, 0, 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_NONE, 0, 1, &button), CONSOLE_WHY_UNKNOWN);
	g = full;
	g.voice = true;
	s = session(true);
	open_as(&s, &g, 0);
	CHECK_INT(may(&s, VERB_DIAGNOSE, 2, 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_RELEASE, 2, 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_RELEASE, 1, 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_QUEUE, 2, 1, &button), CONSOLE_WHY_GRANT);
	CHECK_INT(may(&s, VERB_EXPORT_EVIDENCE, 3, 1, &button), CONSOLE_WHY_GRANT);
	session_init(&s, true, VERB_BIT(VERB_STATUS));
	CHECK_INT(may(&s, VERB_STATUS, 0, 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_HELP, 0, 1, &button), CONSOLE_WHY_UNKNOWN);
}

static void type(struct console_session *s, uint64_t ms)
{
	bool button;

	(void)session_may(s, VERB_STATUS, 0, at(ms), &button);
}

static enum console_end over(struct console_session *s, uint64_t ms)
{
	return session_over(s, 0, at(ms));
}

/* SR-23: five minutes, or two where the cable says nothing; half an hour whatever is typed; at once with the cable. */
static void test_times(void)
{
	struct console_session s = session(true);

	open_as(&s, &full, 0);
	CHECK_UINT(session_deadline(&s).ms, at(5 * MINUTE).ms);
	CHECK_INT(over(&s, 5 * MINUTE - 1), CONSOLE_END_NONE);
	CHECK_INT(over(&s, 5 * MINUTE), CONSOLE_END_IDLE);
	CHECK_INT(over(&s, 5 * MINUTE), CONSOLE_END_NONE); /* once */
	CHECK(!session_is_open(&s));
	open_as(&s, &full, 0);
	for (uint64_t m = 4; m < 30; m += 4)
		type(&s, m * MINUTE);
	CHECK_INT(over(&s, 30 * MINUTE - 1), CONSOLE_END_NONE);
	CHECK_INT(over(&s, 30 * MINUTE), CONSOLE_END_OVER);
	open_as(&s, &full, 0);
	CHECK_INT(session_on_cable(&s, false, true), CONSOLE_END_CABLE);
	CHECK(!session_is_open(&s));
	CHECK_INT(session_on_cable(&s, true, false), CONSOLE_END_NONE);
	open_as(&s, &full, 0);
	CHECK_INT(over(&s, 2 * MINUTE - 1), CONSOLE_END_NONE);
	CHECK_INT(over(&s, 2 * MINUTE), CONSOLE_END_IDLE);
	open_as(&s, &full, 0);
	CHECK_INT(session_over(&s, 3, at(1)), CONSOLE_END_NONE);
	CHECK_INT(session_over(&s, 4, at(1)), CONSOLE_END_LEVEL);
}

/* A short token ends its session; between its end and the timer nothing is done either. */
static void test_token_life(void)
{
	struct console_session s = session(true);
	struct session_grant g = full;
	bool button;

	g.seconds = 60;
	open_as(&s, &g, 0);
	CHECK_INT(may(&s, VERB_QUEUE, 0, 60 * SECOND - 1, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_QUEUE, 0, 60 * SECOND, &button), CONSOLE_WHY_LOGIN);
	CHECK_INT(over(&s, 60 * SECOND), CONSOLE_END_OVER);
}

/* his own key alone opens nothing; under a token that is alive it goes on, with the verbs of that token and to its end. */
static void test_own_key(void)
{
	struct console_session s = session(true);
	struct session_grant own = full, g = full;
	bool button;

	own.own = true;
	CHECK_INT(session_on_grant(&s, &own, at(0)), CONSOLE_WHY_ROLE);
	CHECK(!session_is_open(&s));
	g.verbs = VERB_BIT(VERB_QUEUE);
	g.seconds = 3600;
	open_as(&s, &g, 0);
	CHECK_INT(over(&s, 30 * MINUTE), CONSOLE_END_OVER);
	open_as(&s, &own, 31 * MINUTE);
	CHECK_INT(may(&s, VERB_QUEUE, 0, 32 * MINUTE, &button), CONSOLE_WHY_NONE);
	CHECK_INT(may(&s, VERB_REBOOT, 0, 32 * MINUTE, &button), CONSOLE_WHY_GRANT);
	CHECK_INT(over(&s, 60 * MINUTE), CONSOLE_END_OVER);
	CHECK_INT(session_on_grant(&s, &own, at(60 * MINUTE)), CONSOLE_WHY_ROLE);
	/* nor of somebody else's, nor after a logout */
	open_as(&s, &g, 60 * MINUTE);
	own.technician = TECH + 1;
	CHECK_INT(session_on_grant(&s, &own, at(61 * MINUTE)), CONSOLE_WHY_BUSY);
	own.technician = TECH;
	CHECK(session_logout(&s));
	CHECK_INT(session_on_grant(&s, &own, at(61 * MINUTE)), CONSOLE_WHY_ROLE);
	/* a token of nobody's has no key that is its own */
	g.technician = own.technician = 0;
	open_as(&s, &g, 62 * MINUTE);
	CHECK_INT(session_on_grant(&s, &own, at(63 * MINUTE)), CONSOLE_WHY_ROLE);
}

/* One session at a time. */
static void test_one_session(void)
{
	struct console_session s = session(true);
	struct session_grant other = two();

	open_as(&s, &full, 0);
	other.technician = TECH + 1;
	CHECK_INT(session_on_grant(&s, &other, at(1)), CONSOLE_WHY_BUSY);
	CHECK_UINT(s.grant.technician, TECH);
	CHECK(session_logout(&s) && !session_logout(&s));
	open_as(&s, &other, 2);
}

/* Ten seconds; nothing else is done meanwhile. */
static void test_button(void)
{
	struct console_session s = session(true);
	bool button = false;

	CHECK(!session_on_button(&s, at(0)));
	open_as(&s, &full, 0);
	CHECK(!session_on_button(&s, at(0)));
	CHECK_INT(session_may(&s, VERB_REBOOT, 0, at(1), &button), CONSOLE_WHY_NONE);
	CHECK(button);
	CHECK_INT(session_may(&s, VERB_STATUS, 0, at(2), &button), CONSOLE_WHY_BUSY);
	CHECK(!session_button_over(&s, at(10 * SECOND)));
	CHECK(session_on_button(&s, at(10 * SECOND)));
	CHECK(!session_on_button(&s, at(10 * SECOND)));
	CHECK_INT(session_may(&s, VERB_REBOOT, 0, at(11 * SECOND), &button),
		  CONSOLE_WHY_NONE);
	CHECK_UINT(session_deadline(&s).ms, at(21 * SECOND).ms);
	CHECK(!session_on_button(&s, at(21 * SECOND)));
	CHECK(session_button_over(&s, at(21 * SECOND)));
	CHECK(!session_button_over(&s, at(21 * SECOND)));
	/* what was asked below level 3 is judged anew when the button is pressed there */
	CHECK_INT(session_judge(&s, VERB_REBOOT, 2, at(21 * SECOND)), CONSOLE_WHY_NONE);
	CHECK_INT(session_judge(&s, VERB_REBOOT, 3, at(21 * SECOND)), CONSOLE_WHY_SECOND);
	CHECK_INT(session_judge(&s, VERB_REBOOT, 4, at(21 * SECOND)), CONSOLE_WHY_LEVEL);
	/* with the cable the wish is gone */
	CHECK_INT(session_may(&s, VERB_REBOOT, 0, at(22 * SECOND), &button),
		  CONSOLE_WHY_NONE);
	CHECK_INT(session_on_cable(&s, false, true), CONSOLE_END_CABLE);
	CHECK(!session_on_button(&s, at(23 * SECOND)));
}

/* What hubd makes of a wrong token: challenger.h delays, triggers.h counts, the session sums up. */
struct guesser {
	struct challenger challenger;
	struct triggers triggers;
	struct lockdown lockdown;
	struct console_session session;
	unsigned tries, told, highest;
	uint64_t longest_ms, told_sum;
};

static void settle(struct guesser *g, struct mono now)
{
	struct lockdown_action a;
	enum triggers_do what;

	for (;;) {
		if (lockdown_next(&g->lockdown, now, &a)) {
			if (a.what == LOCKDOWN_SAVE)
				lockdown_on_saved(&g->lockdown, true);
		} else if (triggers_next(&g->triggers, &g->lockdown, now, &what)) {
			if (what == TRIGGERS_SAVE)
				triggers_on_saved(&g->triggers, true, now);
		} else {
			break;
		}
	}
	if (triggers_level(&g->triggers) > g->highest)
		g->highest = triggers_level(&g->triggers);
}

static void guess(struct guesser *g, struct mono now)
{
	uint32_t told = session_tell_wrong(&g->session, now);
	uint64_t wait = challenger_wait_ms(&g->challenger, now);

	g->told += told > 0;
	g->told_sum += told;
	if (wait > g->longest_ms)
		g->longest_ms = wait;
	if (wait == 0) {
		g->tries++;
		challenger_bad(&g->challenger, now);
		session_on_wrong(&g->session, now);
		triggers_on_signal(&g->triggers, TRIGGER_TOKEN, 0, ROLE_HUBD, 1,
				   &g->lockdown, now);
	}
	settle(g, now);
}

/* a day of guessing, ten tries a second; then the right token. */
static void test_a_day_of_guessing(void)
{
	static const uint8_t boot[LOCKDOWN_BOOT_LEN] = { 1 };
	const struct lockdown_held first = { .generation = 1 };
	static struct guesser g;
	uint64_t now = 0, end = 24 * HOUR;

	lockdown_init(&g.lockdown, &first, &first, boot, at(0));
	triggers_init(&g.triggers, NULL, &g.lockdown, boot, at(0));
	g.session = session(true);
	for (; now < end; now += 100)
		guess(&g, at(now));
	printf("a day of guessing: %u tokens looked at, longest wait %llu s, %u "
	       "records\n",
	       g.tries, (unsigned long long)g.longest_ms / 1000, g.told);
	CHECK(g.tries > 90 && g.tries < 400);
	CHECK(g.longest_ms <= 15 * MINUTE);
	CHECK_UINT(g.highest, LOCKDOWN_GUARDED); /* INV-2: an outsider locks nothing */
	CHECK_UINT(lockdown_level(&g.lockdown), LOCKDOWN_NORMAL);
	CHECK(g.told <= 24 * 6 && g.told > 0); /* one record in ten minutes */
	CHECK(g.told_sum <= g.tries && g.told_sum + 1 >= g.tries);
	/* whoever has the right one waits no longer than that */
	while (challenger_wait_ms(&g.challenger, at(now)) > 0)
		now += SECOND;
	CHECK(now - end <= 15 * MINUTE);
	challenger_use(&g.challenger);
	open_as(&g.session, &full, now);
	CHECK_UINT(challenger_wait_ms(&g.challenger, at(now)), 0);
}

/* Whatever happens, in any order: the invariants of console_session.c. */
static void test_any_order(void)
{
	struct console_session s = session(true);
	uint64_t now = 0, opened = 0, granted_until = 0;
	bool cable = true;

	for (unsigned i = 0; i < 200000; i++) {
		struct session_grant g = full;
		enum verb v = (enum verb)(test_random() % (VERB_LAST + 2));
		uint8_t level = (uint8_t)(test_random() % LEVELS);
		bool button = false;

		now += test_random() % (3 * MINUTE);
		g.technician = (uint32_t)(test_random() % 3);
		g.own = test_random() % 2;
		g.seconds = (uint32_t)(test_random() % 3600);
		g.verbs = (uint32_t)test_random();
		switch (test_random() % 8) {
		case 0:
			if (session_on_grant(&s, &g, at(now)) == CONSOLE_WHY_NONE) {
				opened = now;
				granted_until =
					g.own ? granted_until : now + g.seconds * 1000ull;
				CHECK(!g.own || now < granted_until);
			}
			break;
		case 1:
			cable = test_random() % 2;
			session_on_cable(&s, cable, test_random() % 2);
			CHECK(cable || !session_is_open(&s));
			break;
		case 2: session_on_button(&s, at(now)); break;
		case 3: session_button_over(&s, at(now)); break;
		case 4: session_over(&s, level, at(now)); break;
		case 5: session_logout(&s); break;
		default:
			if (session_may(&s, v, level, at(now), &button) ==
				    CONSOLE_WHY_NONE &&
			    verb_row(v)->by != VERB_BY_ANYBODY) {
				CHECK(session_is_open(&s));
				CHECK(now < opened + 30 * MINUTE);
				CHECK(now < granted_until);
				CHECK(s.grant.verbs & VERB_BIT(v));
			}
			break;
		}
		session_over(&s, 0, at(now));
		CHECK(session_deadline(&s).ms > at(now).ms || s.waits);
	}
}

TEST_MAIN("console_session", test_each_verb_at_each_level, test_grants, test_times,
	  test_token_life, test_own_key, test_one_session, test_button,
	  test_a_day_of_guessing, test_any_order)
