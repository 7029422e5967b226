/*
 * test_store_claim.c - claims of hubs: what is kept, what stands against one, who was first, the journal; on either
 * backend (clinic_place.h).
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/store_claim.h"
#include "tests/unit/clinic_place.h"

static struct place place;

static struct claim a_claim(uint8_t key, const char *name)
{
	struct claim c = { .at_ms = 1000 + key };

	memset(c.spki, key, sizeof(c.spki));
	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(c.by, sizeof(c.by), "nurse %u", key);
	snprintf(c.site, sizeof(c.site), "Hill Street %u", key);
	return c;
}

static struct hub a_hub(uint8_t id, const char *name)
{
	struct hub h = { .epoch = 1, .state = HUB_ACTIVE };

	memset(h.id, id, sizeof(h.id));
	memset(h.spki, id + 100, sizeof(h.spki));
	snprintf(h.name, sizeof(h.name), "%s", name);
	return h;
}

/* What is not CLAIM_DONE is rolled back, as callers do. */
static void put(struct store *s, const struct claim *c, int want, struct claim *other)
{
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(claim_put(s, c, other), want);
	if (want == CLAIM_DONE)
		CHECK_INT(store_commit(s), 0);
	store_rollback(s);
}

static void put_hub(struct store *s, const struct hub *h)
{
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_hub_put(s, h), 0);
	CHECK_INT(store_commit(s), 0);
}

static void cancel(struct store *s, const struct claim *c, int want)
{
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(claim_cancel(s, c->spki, 5000, "admin", "wrong box"), want);
	if (want == CLAIM_DONE)
		CHECK_INT(store_commit(s), 0);
	store_rollback(s);
}

static struct store *begin(void)
{
	struct store *s;

	CHECK_INT(crypto_init(), 0);
	place_make(&place);
	CHECK_INT(place_create(&place, &s), 0);
	return s;
}

static void end(struct store *s)
{
	store_close(s);
	place_remove(&place);
	crypto_done();
}

static void check_same(const struct claim *got, const struct claim *want)
{
	CHECK_MEM(got->spki, want->spki, PIN_LEN);
	CHECK_MEM(got->id, want->spki, HUB_ID_LEN);
	CHECK_STR(got->name, want->name);
	CHECK_STR(got->by, want->by);
	CHECK_STR(got->site, want->site);
	CHECK_INT(got->at_ms, want->at_ms);
	CHECK_INT(got->has_replaces, want->has_replaces);
	CHECK_MEM(got->replaces, want->replaces, HUB_ID_LEN);
}

static void test_kept(void)
{
	struct claim one = a_claim(1, "kitchen"), got, other;
	struct hub old = a_hub(9, "old");
	struct store *s = begin();

	CHECK_INT(claim_by_device_spki(s, one.spki, &got), -ENOENT);
	put_hub(s, &old);
	one.has_replaces = true;
	memcpy(one.replaces, old.id, sizeof(one.replaces));
	put(s, &one, CLAIM_DONE, &other);
	store_close(s);
	CHECK_INT(place_open(&place, &s), 0);
	CHECK_INT(claim_by_device_spki(s, one.spki, &got), 0);
	check_same(&got, &one);
	CHECK_INT(got.contacted_ms, 0);
	CHECK_INT(got.state, HUB_PREREGISTERED);
	CHECK_INT(claim_by_name(s, "kitchen", &got), 0);
	check_same(&got, &one);
	CHECK_INT(claim_by_hub(s, one.spki, &got), 0);
	check_same(&got, &one);
	CHECK_INT(claim_by_name(s, "Kitchen", &got), -ENOENT);
	/* only the whole hash is the key: half of it is the id, and no proof */
	one.spki[PIN_LEN - 1] ^= 1;
	CHECK_INT(claim_by_device_spki(s, one.spki, &got), -ENOENT);
	end(s);
}

static void test_stands_against(void)
{
	struct claim one = a_claim(1, "kitchen"), again = a_claim(1, "hall"), c, other;
	struct hub h = a_hub(7, "attic");
	struct store *s = begin();

	put_hub(s, &h);
	put(s, &one, CLAIM_DONE, &other);
	put(s, &again, CLAIM_THERE, &other);
	check_same(&other, &one);
	c = a_claim(2, "kitchen");
	put(s, &c, CLAIM_NAME, &other);
	CHECK_STR(other.by, "nurse 1");
	c = a_claim(2, "attic");
	put(s, &c, CLAIM_NAME, &other);
	CHECK_STR(other.name, "");
	c = a_claim(7, "hall");
	put(s, &c, CLAIM_HUB, &other);
	c = a_claim(2, "hall");
	c.has_replaces = true;
	memset(c.replaces, 6, sizeof(c.replaces));
	put(s, &c, CLAIM_NO_HUB, &other);
	memcpy(c.replaces, h.id, sizeof(c.replaces));
	put(s, &c, CLAIM_DONE, &other);
	c = a_claim(3, "cellar");
	c.has_replaces = true;
	memcpy(c.replaces, h.id, sizeof(c.replaces));
	put(s, &c, CLAIM_REPLACED, &other);
	CHECK_STR(other.name, "hall");
	CHECK_INT(claim_by_name(s, "cellar", &other), -ENOENT);
	/* same first half of the hash, another second one: one id, one hub */
	c = a_claim(1, "cellar");
	c.spki[PIN_LEN - 1] ^= 1;
	put(s, &c, CLAIM_THERE, &other);
	check_same(&other, &one);
	end(s);
}

static int on_claim(void *arg, const struct claim *c)
{
	char *text = arg;

	strcat(text, c->name);
	strcat(text, c->state == HUB_ACTIVE ? "+ " : "- ");
	return strcmp(c->name, "stop") == 0 ? 7 : 0;
}

static void test_list_and_contact(void)
{
	struct claim one = a_claim(1, "kitchen"), two = a_claim(2, "hall"), got, other;
	struct claim three = a_claim(3, "stop");
	struct hub h = a_hub(1, "kitchen");
	char text[100] = "";
	struct store *s = begin();

	CHECK_INT(claim_list(s, on_claim, text), 0);
	CHECK_STR(text, "");
	put(s, &one, CLAIM_DONE, &other);
	put(s, &two, CLAIM_DONE, &other);
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(claim_contacted(s, one.spki, 4000), 0);
	CHECK_INT(claim_contacted(s, three.spki, 4000), -ENOENT);
	CHECK_INT(store_hub_put(s, &h), 0);
	CHECK_INT(store_commit(s), 0);
	CHECK_INT(claim_by_device_spki(s, one.spki, &got), 0);
	CHECK_INT(got.contacted_ms, 4000);
	CHECK_INT(got.state, HUB_ACTIVE);
	CHECK_INT(claim_by_device_spki(s, two.spki, &got), 0);
	CHECK_INT(got.contacted_ms, 0);
	CHECK_INT(claim_list(s, on_claim, text), 0);
	CHECK_STR(text, "hall- kitchen+ ");
	put(s, &three, CLAIM_DONE, &other);
	CHECK_INT(claim_list(s, on_claim, text), 7);
	end(s);
}

static int on_line(void *arg, const struct journal_entry *e)
{
	char *text = arg;

	sprintf(text + strlen(text), "%d:%s:%s:%s;", (int)e->number,
		journal_act_text(e->act), e->who, e->why);
	return 0;
}

static void test_cancel(void)
{
	struct claim one = a_claim(1, "kitchen"), got, other;
	struct hub h = a_hub(1, "kitchen");
	char text[300] = "";
	struct store *s = begin();

	cancel(s, &one, -ENOENT);
	put(s, &one, CLAIM_DONE, &other);
	cancel(s, &one, CLAIM_DONE);
	CHECK_INT(claim_by_device_spki(s, one.spki, &got), -ENOENT);
	put(s, &one, CLAIM_DONE, &other); /* by somebody else, anew */
	put_hub(s, &h);
	cancel(s, &one, CLAIM_HUB);
	CHECK_INT(claim_by_device_spki(s, one.spki, &got), 0);
	CHECK_INT(store_journal_each(s, one.spki, on_line, text), 0);
	CHECK_STR(text, "1:claimed:nurse 1:as kitchen, for Hill Street 1;"
			"2:claim-cancelled:admin:wrong box;"
			"3:claimed:nurse 1:as kitchen, for Hill Street 1;");
	end(s);
}

/* Of a claim, of a hub that came by one, of a hub that came as a bundle; not of a hub whose key is none of these. */
static void test_device_key(void)
{
	struct claim one = a_claim(1, "kitchen"), other;
	struct hub enrolled = a_hub(1, "renamed"), bundle = a_hub(2, "hall");
	struct hub older = a_hub(3, "attic");
	uint8_t key[PIN_LEN];
	struct store *s = begin();

	put(s, &one, CLAIM_DONE, &other);
	CHECK_INT(claim_device_key(s, "kitchen", key), 0);
	CHECK_MEM(key, one.spki, PIN_LEN);
	memset(bundle.spki, 2, sizeof(bundle.spki));
	put_hub(s, &enrolled);
	put_hub(s, &bundle);
	put_hub(s, &older);
	CHECK_INT(claim_device_key(s, "renamed", key), 0);
	CHECK_MEM(key, one.spki, PIN_LEN);
	CHECK_INT(claim_device_key(s, "hall", key), 0);
	CHECK_MEM(key, bundle.spki, PIN_LEN);
	CHECK_INT(claim_device_key(s, "attic", key), -ENOENT);
	CHECK_INT(claim_device_key(s, "nobody", key), -ENOENT);
	end(s);
}

/* The longest of everything. */
static void test_limits(void)
{
	struct claim c = a_claim(1, ""), got, other;
	struct store *s = begin();

	memset(c.name, 'n', sizeof(c.name) - 1);
	memset(c.by, 'b', sizeof(c.by) - 1);
	memset(c.site, 's', sizeof(c.site) - 1);
	put(s, &c, CLAIM_DONE, &other);
	CHECK_INT(claim_by_name(s, c.name, &got), 0);
	check_same(&got, &c);
	end(s);
}

TEST_MAIN("store_claim", test_kept, test_stands_against, test_list_and_contact,
	  test_cancel, test_device_key, test_limits)
