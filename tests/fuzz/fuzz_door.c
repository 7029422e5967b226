/*
 * fuzz_door.c - the clinic's door, both ends: the first byte says whether the rest is a question, as clinicd reads it, or an
 * answer to which question, as clinicctl does. What is taken is within its limits; a question that is taken and written
 * again is taken as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/door_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* It ends, and nothing in it moves a cursor on a terminal. */
static void check_text(const char *text, size_t room)
{
	check(memchr(text, '\0', room) != NULL);
	for (const char *p = text; *p; p++)
		check((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void question(const uint8_t *data, size_t size)
{
	static uint8_t buf[DOOR_BYTES_MAX];
	static struct door_request rq, again;
	int n;

	if (door_request_decode(data, size, &rq))
		return;
	check(rq.op > DOOR_NONE && rq.op < DOOR_OPS && rq.cose_len <= DOOR_COSE_MAX);
	check_text(rq.name, sizeof(rq.name));
	check_text(rq.site, sizeof(rq.site));
	check_text(rq.other, sizeof(rq.other));
	check_text(rq.why, sizeof(rq.why));
	check_text(rq.patient, sizeof(rq.patient));
	check_text(rq.who, sizeof(rq.who));
	n = door_request_encode(&rq, buf, sizeof(buf));
	check(n > 0 && door_request_decode(buf, (size_t)n, &again) == 0);
	check(rq.cose_len == again.cose_len);
	check(rq.cose_len == 0 || memcmp(rq.cose, again.cose, rq.cose_len) == 0);
	rq.cose = again.cose = NULL;
	check(memcmp(&rq, &again, sizeof(rq)) == 0); /* padding too: from zeroed memory */
}

static void check_hub(const struct hub *h)
{
	check_text(h->name, sizeof(h->name));
}

static void check_claim(const struct claim *k)
{
	check_text(k->name, sizeof(k->name));
	check_text(k->by, sizeof(k->by));
	check_text(k->site, sizeof(k->site));
}

static void read_facts(struct cb *c)
{
	static struct hub_facts f;

	door_get_facts(c, &f);
	check_hub(&f.hub);
	check_text(f.assigned.patient, sizeof(f.assigned.patient));
	if (cb_error(c) == 0 && f.has_config)
		check(f.config.device_count <= CONFIG_DEVICES_MAX);
}

static void read_known(struct cb *c)
{
	struct door_known k;

	door_get_known(c, &k);
	check_hub(&k.hub);
	check_hub(&k.old);
	check_claim(&k.claim);
}

static void read_rows(struct cb *c, enum door_op op)
{
	size_t n = cb_get_array(c, DOOR_PAGE);
	struct tombstone t;
	struct claim k;
	struct hub h;

	for (; n > 0 && cb_error(c) == 0; n--) {
		if (op == DOOR_HUBS) {
			door_get_hub(c, &h);
			check_hub(&h);
		} else if (op == DOOR_CLAIMS) {
			door_get_claim(c, &k);
			check_claim(&k);
		} else {
			door_get_tombstone(c, &t);
			check(t.cause < TOMBSTONE_CAUSES);
		}
	}
}

static void answer(enum door_op op, const uint8_t *data, size_t size)
{
	static struct config config;
	struct assigned row;
	struct hub h;
	struct cb c;

	if (door_answer_open(&c, data, size))
		return;
	if (op == DOOR_HUBS || op == DOOR_CLAIMS || op == DOOR_GIVEN_UP) {
		read_rows(&c, op);
	} else if (op == DOOR_FACTS) {
		read_facts(&c);
	} else if (op == DOOR_KNOWN) {
		read_known(&c);
	} else if (op == DOOR_CONFIG) {
		(void)cb_get_array(&c, 3);
		door_get_hub(&c, &h);
		door_get_config(&c, &config);
	} else if (op == DOOR_ASSIGNED) {
		(void)cb_get_array(&c, 2);
		read_facts(&c);
		for (size_t n = cb_get_array(&c, DOOR_PAGE); n > 0 && cb_error(&c) == 0;
		     n--) {
			door_get_assigned(&c, &row);
			check_text(row.patient, sizeof(row.patient));
		}
	}
	(void)cb_finish(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		question(data + 1, size - 1);
	else
		answer((enum door_op)data[0], data + 1, size - 1);
	return 0;
}
