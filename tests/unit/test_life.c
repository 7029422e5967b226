/*
 * test_life.c - the life of a hub at its clinic: each event in each state, what a hub may do there, and what no row of events
 * leads to.
 */
#include <string.h>

#include "clinic/life.h"
#include "tests/unit/test.h"

enum { TOLD = 10, NOW = 1000, END = 5000 };

static struct hub_life at(enum hub_state s, enum life_drain_kind kind)
{
	struct hub_life l = { .state = s };

	if (kind != LIFE_DRAIN_NONE)
		l.drain = (struct life_drain){ kind, TOLD, NOW, 0 };
	return l;
}

static enum life_result on(struct hub_life *l, enum life_event e)
{
	struct life_request rq = {
		.event = e, .now_ms = NOW, .told = TOLD, .end_ms = END
	};

	return life_on(l, &rq);
}

/* Each letter is a state, in the order of enum hub_state: R refused, = the same, or the state that it leads to. */
static void test_transitions(void)
{
	static const char letters[] = "npiasrl";
	static const struct {
		enum life_event event;
		const char *from;
	} table[] = {
		{ LIFE_NOTHING, "RRRRRRR" },	{ LIFE_ISSUE, "Ri===RR" },
		{ LIFE_CONFIRM, "RRa==RR" },	{ LIFE_CLAIM, "p====pR" },
		{ LIFE_CANCEL, "=nnRRRR" },	{ LIFE_SUSPEND, "RRRs=RR" },
		{ LIFE_RESUME, "RRR=aRR" },	{ LIFE_REPLACE, "RRRss==" },
		{ LIFE_TAKEN_OVER, "RRRRR==" }, { LIFE_RETIRE, "RRRss=R" },
		{ LIFE_KEEP, "RRR==RR" },	{ LIFE_DISCARD, "RRRrr=R" },
		{ LIFE_LOSE, "RRRllR=" },	{ LIFE_FIND, "RRR==Rs" },
		{ LIFE_DRAINED, "RRRRR=R" },	{ LIFE_EVENTS, "RRRRRRR" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		for (size_t s = 0; s < 7; s++) {
			struct hub_life l = at((enum hub_state)s, LIFE_DRAIN_NONE);
			enum life_result r = on(&l, table[i].event);
			char got = r == LIFE_REFUSED ? 'R'
				   : r == LIFE_SAME  ? '='
						     : letters[l.state];

			if (got != table[i].from[s])
				fprintf(stderr, "event %d in %s: %c, want %c\n",
					table[i].event, hub_state_text((enum hub_state)s),
					got, table[i].from[s]);
			CHECK_INT(got, table[i].from[s]);
			if (r != LIFE_CHANGED)
				CHECK_INT((int)l.state, (int)s);
		}
	}
}

static void test_replaced(void)
{
	struct hub_life l = at(HUB_ACTIVE, LIFE_DRAIN_NONE);

	CHECK_INT(on(&l, LIFE_REPLACE), LIFE_CHANGED);
	CHECK_INT(l.drain.kind, LIFE_DRAIN_REPLACED);
	CHECK_UINT(l.drain.upto, TOLD);
	CHECK_INT(l.drain.since_ms, NOW);
	CHECK_INT(l.drain.end_ms, 0);
	CHECK_INT(on(&l, LIFE_REPLACE), LIFE_SAME);
	CHECK_INT(on(&l, LIFE_SUSPEND), LIFE_REFUSED);
	CHECK(life_files(&l, TOLD - 1) && life_files(&l, TOLD));
	CHECK(!life_files(&l, TOLD + 1));
	CHECK(!life_may(&l, LIFE_HAS_DEVICES) && !life_may(&l, LIFE_MAY_BE_ASSIGNED));
	CHECK(life_may(&l, LIFE_MAY_UPLOAD) && !life_may(&l, LIFE_MAY_CONFIG));
	/* by mistake */
	CHECK_INT(on(&l, LIFE_RESUME), LIFE_CHANGED);
	CHECK_INT(l.drain.kind, LIFE_DRAIN_NONE);
	/* not any more */
	CHECK_INT(on(&l, LIFE_REPLACE), LIFE_CHANGED);
	CHECK_INT(on(&l, LIFE_TAKEN_OVER), LIFE_CHANGED);
	CHECK_INT(l.drain.end_ms, END);
	CHECK_INT(on(&l, LIFE_TAKEN_OVER), LIFE_SAME);
	CHECK_INT(on(&l, LIFE_RESUME), LIFE_REFUSED);
	CHECK_INT(on(&l, LIFE_DRAINED), LIFE_CHANGED);
	CHECK_INT(l.state, HUB_RETIRED);
	/* of what was suspended for review nothing is filed by itself */
	l = at(HUB_SUSPENDED, LIFE_DRAIN_NONE);
	CHECK_INT(on(&l, LIFE_REPLACE), LIFE_CHANGED);
	CHECK_UINT(l.drain.upto, 0);
	CHECK(!life_files(&l, 1));
}

static void test_retiring(void)
{
	struct hub_life l = at(HUB_ACTIVE, LIFE_DRAIN_NONE);

	CHECK_INT(on(&l, LIFE_RETIRE), LIFE_CHANGED);
	CHECK_INT(l.drain.end_ms, END);
	CHECK_INT(on(&l, LIFE_RETIRE), LIFE_SAME);
	CHECK_INT(on(&l, LIFE_REPLACE), LIFE_REFUSED);
	CHECK_INT(on(&l, LIFE_TAKEN_OVER), LIFE_REFUSED);
	CHECK_INT(on(&l, LIFE_RESUME), LIFE_REFUSED); /* the hub has an order */
	CHECK_INT(on(&l, LIFE_KEEP), LIFE_CHANGED);
	CHECK_INT(l.state, HUB_ACTIVE);
	CHECK_INT(l.drain.kind, LIFE_DRAIN_NONE);
	CHECK_INT(on(&l, LIFE_KEEP), LIFE_SAME);
	/* one that is replaced may be retired instead, and keeps what is filed of it */
	l = at(HUB_SUSPENDED, LIFE_DRAIN_REPLACED);
	CHECK_INT(on(&l, LIFE_RETIRE), LIFE_CHANGED);
	CHECK_UINT(l.drain.upto, TOLD);
	CHECK_INT(on(&l, LIFE_LOSE), LIFE_CHANGED);
	CHECK_INT(l.drain.kind, LIFE_DRAIN_NONE);
	CHECK_INT(on(&l, LIFE_FIND), LIFE_CHANGED);
	CHECK(!life_files(&l, 1));
}

static void test_drained(void)
{
	const struct life_ledger good = { .contig = TOLD,
					  .highest = TOLD,
					  .now_ms = END };
	struct hub_life l = at(HUB_ACTIVE, LIFE_DRAIN_NONE), other;
	struct life_ledger k = good;

	CHECK(!life_drained(&l, &k));
	on(&l, LIFE_REPLACE);
	CHECK(!life_drained(&l, &k)); /* nobody is in its place yet */
	on(&l, LIFE_TAKEN_OVER);
	CHECK(life_drained(&l, &k));
	k.now_ms = END - 1;
	CHECK(!life_drained(&l, &k));
	k = good;
	k.contig = TOLD - 1;
	CHECK(!life_drained(&l, &k));
	k = good;
	k.highest = TOLD + 1;
	CHECK(!life_drained(&l, &k));
	k.contig = TOLD + 1;
	CHECK(life_drained(&l, &k));
	k = good;
	k.highest = k.contig = TOLD - 1; /* it tells of less than before */
	CHECK(!life_drained(&l, &k));
	k = good;
	k.queued = 1;
	CHECK(!life_drained(&l, &k));
	k = good;
	k.rolled_back = true;
	CHECK(!life_drained(&l, &k));
	other = at(HUB_SUSPENDED, LIFE_DRAIN_NONE);
	CHECK(!life_drained(&other, &good));
	/* one that is to be retired says so itself, whatever time it is */
	l = at(HUB_ACTIVE, LIFE_DRAIN_NONE);
	on(&l, LIFE_RETIRE);
	CHECK(!life_drained(&l, &good));
	k = good;
	k.at_end = true;
	CHECK(life_drained(&l, &k));
	k.now_ms = 0;
	CHECK(life_drained(&l, &k));
	k.queued = 1;
	CHECK(!life_drained(&l, &k));
}

static void test_rights(void)
{
	static const struct {
		enum hub_state state;
		unsigned all;
	} table[] = {
		{ HUB_NONE, 0 },
		{ HUB_PREREGISTERED, LIFE_MAY_ENROL | LIFE_MAY_CONFIRM },
		{ HUB_ISSUED, LIFE_MAY_ENROL | LIFE_MAY_CONFIRM },
		{ HUB_ACTIVE, 0xff },
		{ HUB_SUSPENDED, 0xff & ~(LIFE_MAY_CONFIG | LIFE_MAY_COMMAND) },
		{ HUB_RETIRED, 0 },
		{ HUB_LOST, 0 },
		{ HUB_STATES, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct hub_life l = at(table[i].state, LIFE_DRAIN_NONE);

		for (unsigned right = 1; right < 0x100; right <<= 1)
			CHECK_INT(life_may(&l, (enum life_right)right),
				  (table[i].all & right) != 0);
		CHECK_INT(life_files(&l, 1), table[i].state == HUB_ACTIVE);
	}
}

static void test_who(void)
{
	CHECK_INT(life_needs(LIFE_CONFIRM), LIFE_BY_HUB);
	CHECK_INT(life_needs(LIFE_LOSE), LIFE_BY_PERSON);
	CHECK_INT(life_needs(LIFE_DISCARD), LIFE_BY_TWO);
	CHECK_INT(life_needs(LIFE_RETIRE), LIFE_BY_TWO);
	CHECK_INT(life_needs(LIFE_KEEP), LIFE_BY_PERSON);
	CHECK_INT(life_needs(LIFE_DRAINED), LIFE_BY_CLINICD);
	CHECK_INT(life_needs(LIFE_NOTHING), LIFE_BY_NOBODY);
	CHECK_INT(life_needs(LIFE_EVENTS), LIFE_BY_NOBODY);
}

static uint64_t below(uint64_t n)
{
	return test_random() % n;
}

/* The invariants, over many lives. */
static void test_lives(void)
{
	struct hub_life l = { 0 };

	for (int i = 0; i < 200000; i++) {
		struct life_request rq = {
			.event = (enum life_event)below(LIFE_EVENTS + 1),
			.now_ms = 1 + (int64_t)below(9),
			.told = below(9),
			.end_ms = 1 + (int64_t)below(9),
		};
		struct hub_life was = l;
		enum life_result r = life_on(&l, &rq);

		if (r != LIFE_CHANGED)
			CHECK_MEM(&was, &l, sizeof(l));
		if (was.state == HUB_LOST && l.state != HUB_LOST)
			CHECK(rq.event == LIFE_FIND && l.state == HUB_SUSPENDED &&
			      l.drain.kind == LIFE_DRAIN_NONE);
		if (was.state == HUB_RETIRED && l.state != HUB_RETIRED)
			CHECK(rq.event == LIFE_CLAIM && l.state == HUB_PREREGISTERED);
		if (l.state == HUB_RETIRED || l.state == HUB_LOST)
			CHECK(!life_may(&l, LIFE_MAY_UPLOAD) && !life_files(&l, 0));
		if (was.drain.kind == LIFE_DRAIN_REPLACED && was.drain.end_ms != 0)
			CHECK(l.state != HUB_ACTIVE);
		if (l.state != HUB_SUSPENDED && l.state != HUB_RETIRED)
			CHECK_INT(l.drain.kind, LIFE_DRAIN_NONE);
		/* what is filed of one that drains only gets less */
		if (was.drain.kind && l.drain.kind)
			CHECK(l.drain.upto <= was.drain.upto);
	}
}

TEST_MAIN("life", test_transitions, test_replaced, test_retiring, test_drained,
	  test_rights, test_who, test_lives)
