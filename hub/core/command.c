/*
 * command.c - see command.h.
 *
 * Payload: {0: version, 1: hub, 2: epoch, 3: counter, 4: not after, 5: verb, 6: [arguments of the verb]}, exactly these.
 * Order: [[person, COSE_Sign1], ...], one or two.
 */
#include "hub/core/command.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum command_key {
	KEY_VERSION = 0,
	KEY_HUB,
	KEY_EPOCH,
	KEY_COUNTER,
	KEY_NOT_AFTER,
	KEY_VERB,
	KEY_ARGS,
	KEY_COUNT,
};

#define NOT_AFTER_MAX_S 253402300799 /* end of the year 9999 */

/* --- the payload ------------------------------------------------------------------------------ */

static int put_args(struct writer *w, const struct command *c)
{
	switch (c->verb) {
	case COMMAND_NO_VERB: return -ERANGE;
	case COMMAND_TEST:
		cb_put_array(w, 1);
		cb_put_uint(w, c->minutes);
		return 0;
	case COMMAND_REBOOT:
	case COMMAND_CANCEL: cb_put_array(w, 0); return 0;
	case COMMAND_LOCK:
		cb_put_array(w, 1);
		cb_put_uint(w, c->level);
		return 0;
	case COMMAND_RELEASE:
		cb_put_array(w, 2);
		cb_put_uint(w, c->lock_epoch);
		cb_put_bytes(w, c->nonce, COMMAND_NONCE_LEN);
		return 0;
	case COMMAND_RETIRE:
		cb_put_array(w, 1);
		cb_put_uint(w, (uint64_t)c->how);
		return 0;
	}
	return -ERANGE;
}

int command_encode(const struct command *c, uint8_t *buf, size_t cap)
{
	struct writer w;
	int r;

	writer_init(&w, buf, cap);
	cb_put_map(&w, KEY_COUNT);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, COMMAND_VERSION);
	cb_put_uint(&w, KEY_HUB);
	cb_put_bytes(&w, c->hub, HUB_ID_LEN);
	cb_put_uint(&w, KEY_EPOCH);
	cb_put_uint(&w, c->epoch);
	cb_put_uint(&w, KEY_COUNTER);
	cb_put_uint(&w, c->counter);
	cb_put_uint(&w, KEY_NOT_AFTER);
	cb_put_int(&w, c->not_after_s);
	cb_put_uint(&w, KEY_VERB);
	cb_put_uint(&w, (uint64_t)c->verb);
	cb_put_uint(&w, KEY_ARGS);
	r = put_args(&w, c);
	return r < 0 ? r : writer_len(&w);
}

static uint64_t get_from(struct cb *c, uint64_t least, uint64_t most)
{
	uint64_t v = cb_get_uint_max(c, most);

	if (!cb_error(c) && v < least)
		cb_fail(c, -ERANGE);
	return v;
}

static void get_args(struct cb *c, struct command *ret)
{
	static const size_t items[COMMAND_VERB_LAST + 1] = { [COMMAND_TEST] = 1,
							     [COMMAND_LOCK] = 1,
							     [COMMAND_RELEASE] = 2,
							     [COMMAND_RETIRE] = 1 };

	if (cb_error(c))
		return;
	if (cb_get_array(c, items[ret->verb]) != items[ret->verb])
		cb_fail(c, -EBADMSG);
	switch (ret->verb) {
	case COMMAND_NO_VERB: cb_fail(c, -ENOTSUP); break;
	case COMMAND_TEST:
		ret->minutes = (uint8_t)get_from(c, 1, COMMAND_TEST_MIN_MAX);
		break;
	case COMMAND_REBOOT:
	case COMMAND_CANCEL: break;
	case COMMAND_LOCK:
		ret->level = (uint8_t)get_from(c, COMMAND_LEVEL_QUARANTINED,
					       COMMAND_LEVEL_SEALED);
		break;
	case COMMAND_RELEASE:
		ret->lock_epoch = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		cb_get_fixed(c, ret->nonce, COMMAND_NONCE_LEN);
		break;
	case COMMAND_RETIRE:
		ret->how = (enum command_retire)get_from(c, COMMAND_RETIRE_DRAIN,
							 COMMAND_RETIRE_DISCARD);
		break;
	}
}

static enum command_verb get_verb(struct cb *c)
{
	uint64_t v = cb_get_uint(c);

	if (!cb_error(c) && (v == COMMAND_NO_VERB || v > COMMAND_VERB_LAST))
		cb_fail(c, -ENOTSUP);
	return cb_error(c) ? COMMAND_NO_VERB : (enum command_verb)v;
}

static void get_field(struct cb *c, unsigned key, struct command *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != COMMAND_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_HUB: cb_get_fixed(c, ret->hub, HUB_ID_LEN); break;
	case KEY_EPOCH: ret->epoch = (uint32_t)get_from(c, 1, UINT32_MAX); break;
	case KEY_COUNTER: ret->counter = get_from(c, 1, INT64_MAX); break;
	case KEY_NOT_AFTER:
		ret->not_after_s = (int64_t)cb_get_uint_max(c, NOT_AFTER_MAX_S);
		break;
	case KEY_VERB: ret->verb = get_verb(c); break;
	case KEY_ARGS: get_args(c, ret); break;
	}
}

int command_decode(const uint8_t *buf, size_t len, struct command *ret)
{
	struct command command = { 0 };
	struct cb c;

	cb_init(&c, buf, len);
	if (cb_get_map(&c, KEY_COUNT) != KEY_COUNT)
		cb_fail(&c, -EBADMSG);
	for (unsigned key = 0; key < KEY_COUNT && !cb_error(&c); key++) {
		if (cb_get_uint(&c) != key)
			cb_fail(&c, -EBADMSG);
		get_field(&c, key, &command);
	}
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = command;
	return 0;
}

/* --- the order -------------------------------------------------------------------------------- */

int command_frame_encode(const struct command_order *o, size_t signed_max, uint8_t *buf,
			 size_t cap)
{
	struct writer w;

	if (o->count == 0 || o->count > COMMAND_SIGNATURES_MAX)
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, o->count);
	for (size_t i = 0; i < o->count; i++) {
		if (o->parts[i].len == 0 || o->parts[i].len > signed_max)
			return -ERANGE;
		cb_put_array(&w, 2);
		cb_put_uint(&w, o->parts[i].person);
		cb_put_bytes(&w, o->parts[i].cose, o->parts[i].len);
	}
	return writer_len(&w);
}

int command_frame_decode(const uint8_t *buf, size_t len, size_t signed_max,
			 struct command_order *ret)
{
	struct command_order o = { 0 };
	struct cb c;

	cb_init(&c, buf, len);
	o.count = cb_get_array(&c, COMMAND_SIGNATURES_MAX);
	if (!cb_error(&c) && o.count == 0)
		cb_fail(&c, -ERANGE);
	for (size_t i = 0; i < o.count && !cb_error(&c); i++) {
		struct command_part *p = &o.parts[i];

		if (cb_get_array(&c, 2) != 2)
			cb_fail(&c, -EBADMSG);
		p->person = (uint32_t)get_from(&c, 1, UINT32_MAX);
		p->cose = cb_get_bytes(&c, &p->len);
		if (!cb_error(&c) && (p->len == 0 || p->len > signed_max ||
				      (i > 0 && p->person == o.parts[0].person)))
			cb_fail(&c, -ERANGE);
	}
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = o;
	return 0;
}

int command_order_encode(const struct command_order *o, uint8_t *buf, size_t cap)
{
	return command_frame_encode(o, COMMAND_SIGNED_MAX, buf, cap);
}

int command_order_decode(const uint8_t *buf, size_t len, struct command_order *ret)
{
	return command_frame_decode(buf, len, COMMAND_SIGNED_MAX, ret);
}

/* --- words ------------------------------------------------------------------------------------ */

const char *command_verb_text(enum command_verb v)
{
	switch (v) {
	case COMMAND_NO_VERB: break;
	case COMMAND_TEST: return "test";
	case COMMAND_REBOOT: return "reboot";
	case COMMAND_LOCK: return "lock";
	case COMMAND_RELEASE: return "release";
	case COMMAND_RETIRE: return "retire";
	case COMMAND_CANCEL: return "cancel";
	}
	return "?";
}

const char *command_result_text(enum command_result r)
{
	switch (r) {
	case COMMAND_NOTHING: return "none";
	case COMMAND_DONE: return "done";
	case COMMAND_PENDING: return "taken, takes effect later";
	case COMMAND_INTERRUPTED:
		return "interrupted: the hub went down before it took effect";
	case COMMAND_BAD_FORM: return "it is no order that this hub knows";
	case COMMAND_BAD_SIGNATURE: return "a signature is not good";
	case COMMAND_UNKNOWN_SIGNER:
		return "a signer is not in the configuration that the hub has in use";
	case COMMAND_DIFFERENT: return "its two signatures are over two things";
	case COMMAND_OTHER_HUB: return "it was made for another hub";
	case COMMAND_OTHER_EPOCH: return "it was made for another enrolment of this hub";
	case COMMAND_OLD: return "a later one was taken already";
	case COMMAND_EXPIRED: return "its time was over";
	case COMMAND_BAD_ROLE: return "the signer's role may not order this";
	case COMMAND_SECOND_MISSING:
		return "a second signature, of another role, is missing";
	case COMMAND_BAD_LEVEL: return "not at the level that the hub is at";
	case COMMAND_BAD_CHALLENGE: return "not the challenge that the hub has out now";
	case COMMAND_TOO_EARLY: return "the hub is not locked long enough";
	case COMMAND_RETIRING: return "the hub is being retired";
	case COMMAND_NOT_CLEAN:
		return "two clean measurements, ten minutes apart, are missing";
	case COMMAND_WITHDRAWN:
		return "not sent: somebody who had signed it was removed from the "
		       "signers";
	case COMMAND_RESULT_LAST: break;
	}
	return "for a reason that this program does not know";
}

bool command_is_refusal(enum command_result r)
{
	return r >= COMMAND_BAD_FORM;
}
