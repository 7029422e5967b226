/*
 * test_enroller_ticket.c - tickets on a real store, on either backend (clinic_place.h): whom one lets in, that it is one hub in
 * the end, who is seen to have tried, and what a process that is killed in between leaves.
 */
#include "clinic/store_ticket.h"
#include "tests/unit/enroller_play.h"

enum { DAYS = 3 };

static struct key ticket, other_device;

static struct store_ticket a_ticket(const struct key *k, const char *name)
{
	struct store_ticket t = { .at_ms = now.ms,
				  .by = "anna",
				  .site = "Hill Street 4",
				  .row = { .state = TICKET_STATE_OPEN,
					   .expires_ms = now.ms + DAYS * day_ms } };

	memcpy(t.spki, k->spki, PIN_LEN);
	ticket_id(t.spki, t.id);
	snprintf(t.name, sizeof(t.name), "%s", name);
	return t;
}

static void add(const struct key *k, const char *name)
{
	struct store_ticket t = a_ticket(k, name);

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_ticket_add(store, &t), 0);
	CHECK_INT(store_commit(store), 0);
}

/* A clinic with an open ticket, and two hubs of which it knows nothing. */
static void begin_ticket(void)
{
	begin(false);
	device = new_key();
	other_device = new_key();
	ticket = new_key();
	add(&ticket, "kitchen");
}

static int post_claim(const struct key *by, const struct key *hub)
{
	uint8_t body[64];
	struct coap_server_request rq = { .spki = by->spki,
					  .path = "hub/claim",
					  .body = body,
					  .format = COAP_FORMAT_CBOR,
					  .accept = -1,
					  .query = "" };
	struct writer w;

	writer_init(&w, body, sizeof(body));
	cb_put_map(&w, 2);
	cb_put_uint(&w, 1);
	cb_put_bytes(&w, hub->spki, PIN_LEN);
	cb_put_uint(&w, 9); /* of a later version */
	cb_put_uint(&w, 1);
	rq.len = (size_t)writer_len(&w);
	memset(&answer, 0xee, sizeof(answer));
	enroller_handle(&enroller, &rq, now, &answer, &note);
	return answer.code;
}

/* As the hub with this device key. */
static struct key issued_to(const struct key *hub)
{
	struct key k = new_key();

	device = *hub;
	CHECK_INT(post("est/sen", hub, &k), COAP_CODE_CHANGED);
	return k;
}

static struct store_ticket look(void)
{
	struct store_ticket t;

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_ticket_take(store, ticket.spki, &t), 0);
	store_rollback(store);
	return t;
}

static int count_hub(void *arg, const struct hub *h)
{
	unsigned *n = arg;

	*n += h->state == HUB_ACTIVE;
	return 0;
}

static unsigned active_hubs(void)
{
	unsigned n = 0;

	CHECK_INT(store_begin_read(store), 0);
	CHECK_INT(store_hub_each(store, count_hub, &n), 0);
	store_rollback(store);
	return n;
}

static void revoke_it(void)
{
	const struct ticket_request rq = { .event = TICKET_REVOKE, .now_ms = now.ms };
	struct store_ticket t;
	char id[TICKET_ID_MAX];

	ticket_id(ticket.spki, id);
	for (char *p = id; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_ticket_take_id(store, id, &t), 0);
	CHECK_INT(ticket_on(&t.row, &rq), TICKET_GOOD);
	CHECK_INT(store_ticket_put(store, &t), 0);
	CHECK_INT(ticket_drop_claims(store, t.spki, NULL, now.ms, "anna", "lost"), 0);
	CHECK_INT(store_commit(store), 0);
}

/* --- one hub ------------------------------------------------------------------------------ */

static void test_lets_one_in(void)
{
	struct claim c;
	struct store_ticket t;
	struct key k;
	struct hub h;

	begin_ticket();
	CHECK(!enroller_admit(&enroller, device.spki, now.ms));
	CHECK(enroller_admit(&enroller, ticket.spki, now.ms));
	CHECK(!enroller_admit_issued(&enroller, ticket.spki, now.ms));
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CLAIMED);
	CHECK(!note.copied);
	CHECK_INT(post_claim(&ticket, &device),
		  COAP_CODE_CHANGED); /* the answer was lost */
	CHECK(!note.copied);
	CHECK_INT(claim_by_name(store, "kitchen", &c), 0);
	CHECK_MEM(c.spki, device.spki, PIN_LEN);
	t = look();
	CHECK(strstr(c.by, t.id) && strstr(c.by, "anna"));
	CHECK_STR(c.site, "Hill Street 4");
	k = issued_to(&device);
	CHECK_INT(look().row.state, TICKET_STATE_OPEN);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	t = look();
	CHECK_INT(t.row.state, TICKET_STATE_USED);
	CHECK_MEM(t.row.hub, device.spki, HUB_ID_LEN);
	CHECK(t.ended_ms == now.ms && t.alarms == 0);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED); /* its answer was lost */
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED_AGAIN);
	CHECK_INT(store_hub_by_name(store, "kitchen", &h), 0);
	CHECK_INT(active_hubs(), 1);
	end();
}

/* A ticket's key may do nothing but this one thing. */
static void test_nothing_else(void)
{
	struct key k = new_key();

	begin_ticket();
	CHECK_INT(post("est/sen", &ticket, &k), COAP_CODE_FORBIDDEN);
	CHECK(says("unknown-key"));
	CHECK_INT(post("est/sren", &ticket, &k), COAP_CODE_FORBIDDEN);
	CHECK_INT(confirm(&ticket, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(post_claim(&device, &device), COAP_CODE_FORBIDDEN);
	CHECK(says("unknown-key"));
	/* nor may a hub take it for its own key */
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	CHECK_INT(post("est/sen", &device, &ticket), COAP_CODE_BAD_REQUEST);
	CHECK(says("old-key"));
	end();
}

/* --- two of them -------------------------------------------------------------------------- */

/* It was copied: the first that confirms has it, the other one is turned away, and both are seen. */
static void test_first_confirmation_wins(void)
{
	struct key mine, other;
	struct store_ticket t;
	struct key first;

	begin_ticket();
	first = device;
	CHECK_INT(post_claim(&ticket, &first), COAP_CODE_CHANGED);
	CHECK_INT(post_claim(&ticket, &other_device), COAP_CODE_CHANGED);
	CHECK(note.copied);
	CHECK_INT(look().alarms, 1);
	mine = issued_to(&first);
	other = issued_to(&other_device);
	CHECK_INT(confirm(&other, &said), COAP_CODE_CHANGED);
	CHECK(!enroller_admit_issued(&enroller, mine.spki, now.ms));
	CHECK_INT(confirm(&mine, &said), COAP_CODE_FORBIDDEN);
	CHECK(!enroller_admit(&enroller, first.spki, now.ms));
	CHECK_INT(active_hubs(), 1);
	CHECK_INT(post_claim(&ticket, &first), COAP_CODE_FORBIDDEN);
	CHECK(says("ticket-used"));
	CHECK_INT(note.outcome, ENROLLER_TICKET_REFUSED);
	t = look();
	CHECK_STR(note.ticket, t.id);
	CHECK_UINT(t.alarms, 2);
	CHECK_MEM(t.alarm_hub, first.spki, HUB_ID_LEN);
	CHECK_MEM(t.row.hub, other_device.spki, HUB_ID_LEN);
	/* whose it is may ask again, as after a reset */
	CHECK_INT(post_claim(&ticket, &other_device), COAP_CODE_CHANGED);
	CHECK_UINT(look().alarms, 2);
	/* a person who scans the label lets the first one in, and the ticket is none of it */
	device = first;
	claim(&first, "hall");
	mine = issued_to(&first);
	CHECK_INT(confirm(&mine, &said), COAP_CODE_CHANGED);
	CHECK_INT(active_hubs(), 2);
	CHECK_MEM(look().row.hub, other_device.spki, HUB_ID_LEN);
	end();
}

/* Whoever finds a ticket does not fill the clinic with it. */
static void test_too_many(void)
{
	begin_ticket();
	for (int i = 0; i < TICKET_HUBS_MAX; i++) {
		struct key k = new_key();

		CHECK_INT(post_claim(&ticket, &k), COAP_CODE_CHANGED);
	}
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_FORBIDDEN);
	CHECK(says("ticket-too-many-hubs"));
	CHECK_UINT(look().alarms, TICKET_HUBS_MAX);
	end();
}

/* --- over, revoked ------------------------------------------------------------------------ */

static void test_over(void)
{
	const struct wall then = now;
	struct key k, again;

	begin_ticket();
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	now.ms += DAYS * day_ms - 1;
	k = issued_to(&device);
	now.ms++;
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_FORBIDDEN);
	CHECK(says("ticket-expired"));
	CHECK_INT(confirm(&k, &said), COAP_CODE_FORBIDDEN);
	CHECK(says("ticket-expired"));
	CHECK(!enroller_admit(&enroller, device.spki, now.ms));
	/* the next one */
	ticket = new_key();
	add(&ticket, "kitchen");
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	again = issued_to(&device);
	CHECK_INT(confirm(&again, &said), COAP_CODE_CHANGED);
	CHECK_INT(active_hubs(), 1);
	now = then;
	end();
}

static void test_revoked(void)
{
	struct key k;

	begin_ticket();
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	k = issued_to(&device);
	revoke_it();
	CHECK(!enroller_admit(&enroller, device.spki, now.ms));
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK_INT(confirm(&k, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(active_hubs(), 0);
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_FORBIDDEN);
	CHECK(says("ticket-revoked"));
	CHECK_UINT(look().alarms, 1);
	end();
}

/* --- with a label ------------------------------------------------------------------------- */

/* Scanned as well: it comes in in any case, and the ticket is used up if it was good. */
static void test_label_too(void)
{
	struct key k;

	begin_ticket();
	claim(&device, "hall");
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	k = issued_to(&device);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(look().row.state, TICKET_STATE_USED);
	end();
	begin_ticket();
	claim(&device, "hall");
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	revoke_it();
	k = issued_to(&device);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(look().row.state, TICKET_STATE_REVOKED);
	CHECK_INT(active_hubs(), 1);
	end();
}

/* Its name is another one's: what stands on its label is as good. */
static void test_name_taken(void)
{
	struct claim c;

	begin_ticket();
	claim(&other_device, "kitchen");
	CHECK_INT(post_claim(&ticket, &device), COAP_CODE_CHANGED);
	CHECK_INT(claim_by_hub(store, device.spki, &c), 0);
	CHECK(strncmp(c.name, "hub-", 4) == 0);
	end();
}

static void test_bodies(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = { { "\xa0", 1 },
		    { "\xa1\x01\x41\x00", 4 },
		    { "\xa1\x02\x00", 3 },
		    { "\x80", 1 },
		    { "", 0 } };
	uint8_t got[PIN_LEN], good[2 + 1 + 2 + PIN_LEN] = { 0xa1, 0x01, 0x58, 0x20 };
	struct coap_server_request rq = {
		.spki = ticket.spki, .path = "hub/claim", .accept = -1, .query = ""
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(enroller_claim_decode((const uint8_t *)bad[i].bytes, bad[i].len,
					    got) < 0);
	CHECK_INT(enroller_claim_decode(good, 4 + PIN_LEN, got), 0);
	CHECK(enroller_claim_decode(good, 3 + PIN_LEN, got) < 0);
	CHECK(enroller_claim_decode(good, 5 + PIN_LEN, got) < 0);
	begin_ticket();
	rq.body = good;
	rq.len = 3;
	rq.format = COAP_FORMAT_CBOR;
	enroller_handle(&enroller, &rq, now, &answer, &note);
	CHECK_INT(answer.code, COAP_CODE_BAD_REQUEST);
	rq.format = ENROL_FORMAT_PKCS10;
	enroller_handle(&enroller, &rq, now, &answer, &note);
	CHECK_INT(answer.code, COAP_CODE_UNSUPPORTED_FORMAT);
	CHECK_INT(enrol_server_check_get(&(struct coap_server_get){
			  .spki = ticket.spki, .path = "hub/claim", .accept = -1 }),
		  COAP_CODE_NOT_ALLOWED);
	end();
}

/* --- killed ------------------------------------------------------------------------------- */

static void ask_claim(const void *hub)
{
	post_claim(&ticket, hub);
}

static void ask_confirm(const void *k)
{
	confirm(k, &said);
}

/* At each step of each hub's way: never two hubs, and one that goes on comes in. */
static void test_killed(void)
{
	static const char *const steps[] = { "clinic.enrol.commit.before",
					     "clinic.enrol.commit.after" };
	struct key first, mine, other;

	begin_ticket();
	first = device;
	if (!killed_in("clinic.enrol.received", ask_claim, &first)) {
		printf("SKIP killed: built without FAILPOINTS=1\n");
		end();
		return;
	}
	CHECK(killed_in(steps[0], ask_claim, &first));
	CHECK(!enroller_admit(&enroller, first.spki, now.ms));
	CHECK(killed_in(steps[1], ask_claim, &first));
	CHECK(enroller_admit(&enroller, first.spki, now.ms));
	CHECK_INT(post_claim(&ticket, &other_device), COAP_CODE_CHANGED);
	mine = issued_to(&first);
	other = issued_to(&other_device);
	CHECK(killed_in("clinic.confirm.received", ask_confirm, &other));
	CHECK(killed_in(steps[0], ask_confirm, &other));
	CHECK_INT(look().row.state, TICKET_STATE_OPEN);
	CHECK_INT(active_hubs(), 0);
	CHECK(killed_in(steps[1], ask_confirm, &mine));
	CHECK_INT(look().row.state, TICKET_STATE_USED);
	CHECK_INT(active_hubs(), 1);
	CHECK_INT(confirm(&other, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(confirm(&mine, &said), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED_AGAIN);
	CHECK(killed_in(steps[1], ask_claim, &other_device)); /* refused, and kept */
	CHECK_UINT(look().alarms, 2);
	CHECK_INT(active_hubs(), 1);
	end();
}

TEST_MAIN("enroller_ticket", start, test_lets_one_in, test_nothing_else,
	  test_first_confirmation_wins, test_too_many, test_over, test_revoked,
	  test_label_too, test_name_taken, test_bodies, test_killed)
