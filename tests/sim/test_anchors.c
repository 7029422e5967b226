/*
 * test_anchors.c - a clinic goes over to another root, explored: hub-coap's machine with its disk, hubd's config, the clinic's
 * folder and the clinicd that was started with what was in it then.
 *
 * From the start every order is tried of: what a person at the clinic does (announce, use, go back, use, drop; also drop by
 * force), clinicd started anew or not, a config that is fetched or not, each process of the hub killed, also between the files
 * that hub-coap writes; connections, acknowledgements, quarters of an hour. In each state that is found:
 *   - a hub that the clinic did not give up can connect, or can after a while and a start of clinicd;
 *   - the root that a hub keeps goes only when another one alone has worked;
 *   - from here on without faults the hub ends with the root that the clinic has, and with no other.
 */
#include "tests/unit/test.h"

#include "coap/anchors.h"

enum { TABLE = 1 << 20, KILLS = 2, STEPS = 7 };

/* Roots are numbers: 0, which vouches for 1. */
enum folder { FIRST, ANNOUNCED, USED, DROPPED };
/* What a config says of the root, and clinicd shows. */
enum said { SAID_NOTHING, SAID_BESIDE, SAID_ONLY };
enum shown { SHOWS_0, SHOWS_1_CROSSED, SHOWS_1 };

struct world {
	enum folder folder;
	enum shown shown;
	enum said wanted;
	bool forced; /* dropped, though the hub had not heard of it */
	uint8_t moves, kills;
	/* the hub */
	enum said config;	 /* of hubd's disk */
	uint8_t kept, kept_hubd; /* the root of hub-coap's disk, and of hubd's */
	bool told;		 /* hub-coap knows of the config since its start */
	struct anchors machine;
	uint64_t now_ms;
	bool worked; /* root 1 alone, once */
};

static struct world w;

static struct mono now(void)
{
	return (struct mono){ w.now_ms };
}

/* --- the hub ------------------------------------------------------------------------------------ */

static bool counts(unsigned root)
{
	switch (anchors_state(&w.machine)) {
	case ANCHORS_ONE: return w.kept == root;
	case ANCHORS_BESIDE: return true;
	case ANCHORS_ALONE: return root == 1;
	}
	return false;
}

/* A chain from 1 over what 0 says of it is good to both. */
static bool can_connect(void)
{
	switch (w.shown) {
	case SHOWS_0: return counts(0);
	case SHOWS_1_CROSSED: return counts(0) || counts(1);
	case SHOWS_1: return counts(1);
	}
	return false;
}

/* hubd's word; as anchor_next_take. */
static void tell(void)
{
	w.told = true;
	if (w.config == SAID_NOTHING)
		return;
	if (w.kept == 1)
		anchors_on_same(&w.machine);
	else
		anchors_on_next(&w.machine, false, w.config == SAID_ONLY, now());
}

/* hub-coap says which root it has, alone. */
static void tell_hubd(void)
{
	if (anchors_state(&w.machine) == ANCHORS_ONE && w.config != SAID_NOTHING &&
	    w.kept == 1)
		w.kept_hubd = 1;
}

static void drain(bool killed)
{
	enum anchors_do what;

	while ((what = anchors_next(&w.machine, now())) != ANCHORS_NOTHING) {
		if (what == ANCHORS_USE)
			continue;
		CHECK(w.worked);
		w.kept = 1;
		if (killed) { /* behind the file, before its word to hubd */
			w.machine = (struct anchors){ .state = ANCHORS_ONE };
			w.told = false;
			return;
		}
		anchors_on_kept(&w.machine, true);
	}
	tell_hubd();
}

/* Connected, acknowledged; the reply names the config, which may come or not. */
static void upload(bool fetches, bool killed)
{
	if (!can_connect())
		return;
	w.worked |= anchors_state(&w.machine) == ANCHORS_ALONE;
	anchors_on_acknowledged(&w.machine);
	drain(killed);
	if (!fetches || w.config == w.wanted)
		return;
	w.config = w.wanted;
	tell();
	drain(false);
}

/* --- the clinic --------------------------------------------------------------------------------- */

static bool knows(void)
{
	return w.config == w.wanted;
}

static void start_clinicd(void)
{
	w.shown = w.folder == USED	? SHOWS_1_CROSSED
		  : w.folder == DROPPED ? SHOWS_1
					: SHOWS_0;
}

static void person(unsigned what)
{
	switch (what) {
	case 0:
		if (w.folder == FIRST) {
			w.folder = ANNOUNCED;
			w.wanted = SAID_BESIDE;
		}
		break;
	case 1:
		if (w.folder == ANNOUNCED)
			w.folder = USED;
		break;
	case 2:
		if (w.folder == USED)
			w.folder = ANNOUNCED;
		break;
	case 3:
	case 4:
		if (w.folder != USED || (what == 3 && !knows()))
			break;
		w.forced |= !knows();
		w.folder = DROPPED;
		w.wanted = SAID_ONLY;
		break;
	}
}

/* --- every order -------------------------------------------------------------------------------- */

enum event {
	PERSON_FIRST = 0,
	PERSON_LAST = 4,
	CLINICD,
	UPLOAD,
	FETCH,
	UPLOAD_KILLED,
	KILL_COAP,
	HUBD_SAYS,
	QUARTER,
	HOUR,
	EVENTS,
};

static bool happens(unsigned e)
{
	if (e <= PERSON_LAST) {
		if (w.moves == 0)
			return false;
		w.moves--;
		person(e);
		return true;
	}
	switch (e) {
	case CLINICD: start_clinicd(); break;
	case UPLOAD: upload(false, false); break;
	case FETCH: upload(true, false); break;
	case UPLOAD_KILLED:
	case KILL_COAP:
		if (w.kills == 0)
			return false;
		w.kills--;
		if (e == UPLOAD_KILLED) {
			upload(false, true);
		} else {
			w.machine = (struct anchors){ .state = ANCHORS_ONE };
			w.told = false;
		}
		break;
	case HUBD_SAYS:
		tell();
		drain(false);
		break;
	case QUARTER:
	case HOUR:
		w.now_ms += e == HOUR ? ANCHORS_AGAIN_MS : ANCHORS_TRIAL_MS;
		drain(false);
		break;
	}
	return true;
}

/* What is left without a fault: the clinic goes to the end of what it has begun. */
static void comes_to_an_end(void)
{
	const struct world before = w;

	if (w.forced)
		return; /* a visit */
	start_clinicd();
	for (unsigned i = 0; i < 8; i++) {
		if (!w.told)
			tell();
		drain(false);
		upload(true, false);
		w.now_ms += ANCHORS_TRIAL_MS;
		drain(false);
	}
	CHECK(can_connect());
	CHECK(w.config == w.wanted);
	if (w.folder == DROPPED) {
		CHECK_UINT(w.kept, 1);
		CHECK_UINT(w.kept_hubd, 1);
		CHECK_INT(anchors_state(&w.machine), ANCHORS_ONE);
	} else {
		CHECK_UINT(w.kept, 0);
		CHECK_UINT(w.kept_hubd, 0);
	}
	w = before;
}

/* Of time only what is left of a wait matters. */
static void normalise(struct world *s)
{
	uint64_t left =
		s->machine.until.ms > s->now_ms ? s->machine.until.ms - s->now_ms : 0;

	s->now_ms = 1;
	s->machine.until.ms =
		s->machine.state == ANCHORS_ONE || !s->machine.only ? 0 : 1 + left;
}

static struct world *queue;
static size_t count;
static uint32_t *table;

static void add(struct world s)
{
	uint64_t h = 14695981039346656037u;
	const uint8_t *p = (const uint8_t *)&s;
	size_t at;

	normalise(&s);
	for (size_t i = 0; i < sizeof(s); i++)
		h = (h ^ p[i]) * 1099511628211u;
	for (at = h % TABLE; table[at]; at = (at + 1) % TABLE)
		if (memcmp(&queue[table[at] - 1], &s, sizeof(s)) == 0)
			return;
	CHECK(count < TABLE / 2);
	queue[count] = s;
	table[at] = (uint32_t)++count;
}

static void test_every_order(void)
{
	static struct world first;
	bool over = false;

	queue = calloc(TABLE / 2, sizeof(*queue));
	table = calloc(TABLE, sizeof(*table));
	CHECK(queue && table);
	first.moves = STEPS;
	first.kills = KILLS;
	first.now_ms = 1;
	add(first);
	for (size_t i = 0; i < count; i++) {
		w = queue[i];
		over |= w.kept == 1;
		comes_to_an_end();
		for (unsigned e = 0; e < EVENTS; e++) {
			w = queue[i];
			if (happens(e))
				add(w);
		}
	}
	CHECK(over && count > 1000);
	free(queue);
	free(table);
}

/* --- by hand -------------------------------------------------------------------------------------- */

static void test_trial(void)
{
	struct anchors a = { .state = ANCHORS_ONE };
	struct mono t = { 5000 };

	CHECK_UINT(anchors_deadline(&a).ms, MONO_NEVER.ms);
	anchors_on_next(&a, false, false, t);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	CHECK_INT(anchors_state(&a), ANCHORS_BESIDE);
	CHECK_INT(anchors_next(&a, mono_add(t, 1ull << 40)),
		  ANCHORS_NOTHING); /* no end */
	CHECK_UINT(anchors_deadline(&a).ms, MONO_NEVER.ms);
	anchors_on_acknowledged(&a);
	CHECK_INT(anchors_next(&a, t), ANCHORS_NOTHING);
	anchors_on_next(&a, false, true, t);
	anchors_on_acknowledged(&a); /* on a connection of before */
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	CHECK_INT(anchors_next(&a, t), ANCHORS_NOTHING);
	CHECK_INT(anchors_state(&a), ANCHORS_ALONE);
	CHECK_INT(anchors_next(&a, mono_add(t, ANCHORS_TRIAL_MS - 1)), ANCHORS_NOTHING);
	t = mono_add(t, ANCHORS_TRIAL_MS);
	CHECK_UINT(anchors_deadline(&a).ms, t.ms);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	CHECK_INT(anchors_state(&a), ANCHORS_BESIDE);
	anchors_on_next(&a, false, true,
			t); /* hubd was started anew: no other trial for it */
	CHECK_INT(anchors_state(&a), ANCHORS_BESIDE);
	CHECK_INT(anchors_next(&a, mono_add(t, ANCHORS_AGAIN_MS - 1)), ANCHORS_NOTHING);
	t = mono_add(t, ANCHORS_AGAIN_MS);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	CHECK_INT(anchors_state(&a), ANCHORS_ALONE);
	anchors_on_acknowledged(&a);
	CHECK_INT(anchors_next(&a, t), ANCHORS_KEEP);
	anchors_on_kept(&a, false);
	CHECK_INT(anchors_state(&a), ANCHORS_ALONE);
	CHECK_INT(anchors_next(&a, t), ANCHORS_NOTHING);
	anchors_on_acknowledged(&a);
	CHECK_INT(anchors_next(&a, t), ANCHORS_KEEP);
	anchors_on_kept(&a, true);
	CHECK_INT(anchors_state(&a), ANCHORS_ONE);
	CHECK_INT(anchors_next(&a, t), ANCHORS_NOTHING);
	CHECK_UINT(anchors_deadline(&a).ms, MONO_NEVER.ms);
}

/* Taken back, and another one in the place of the next one. */
static void test_taken_back(void)
{
	struct anchors a = { .state = ANCHORS_ONE };
	struct mono t = { 5000 };

	anchors_on_next(&a, false, true, t);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	anchors_on_next(&a, false, false, t);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	CHECK_INT(anchors_state(&a), ANCHORS_BESIDE);
	anchors_on_next(&a, true, false, t);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	anchors_on_same(&a);
	CHECK_INT(anchors_next(&a, t), ANCHORS_USE);
	CHECK_INT(anchors_state(&a), ANCHORS_ONE);
	anchors_on_same(&a);
	CHECK_INT(anchors_next(&a, t), ANCHORS_NOTHING);
}

TEST_MAIN("anchors", test_trial, test_taken_back, test_every_order)
