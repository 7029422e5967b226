/*
 * door.c - see door.h.
 */
#include "clinic/door.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

/* Keys of a question, in this order on the wire. */
enum key {
	KEY_VERSION = 0,
	KEY_OP = 1,
	KEY_NAME = 2,
	KEY_KEY = 3,
	KEY_SITE = 4,
	KEY_OTHER = 5,
	KEY_WHY = 6,
	KEY_PATIENT = 7,
	KEY_NUMBER = 8,
	KEY_COSE = 9,
	KEY_WHO = 10,
	KEYS = 11,
};

#define C (1U << DOOR_ROLE_CLINICIAN)
#define T (1U << DOOR_ROLE_TECHNICIAN)
#define S (1U << DOOR_ROLE_SECURITY)
#define A (1U << DOOR_ROLE_AUDITOR)

static const struct {
	const char *text;
	unsigned roles; /* besides the owner */
	bool changes;
} ops[DOOR_OPS] = {
	[DOOR_HELLO] = { "hello", C | T | S | A, false },
	[DOOR_HUBS] = { "hub-list", C | T | S | A, false },
	[DOOR_CLAIMS] = { "claim-list", C | T | S | A, false },
	[DOOR_FACTS] = { "status", C | T | S | A, false },
	[DOOR_GIVEN_UP] = { "given-up", C | T | S | A, false },
	[DOOR_KNOWN] = { "hub-show", C | T | S | A, false },
	[DOOR_CLAIM] = { "claim", C | T | S, true },
	[DOOR_CLAIM_CANCEL] = { "claim-cancel", C | T | S, true },
	[DOOR_CONFIG] = { "config-read", C | S, false },
	[DOOR_CONFIG_PUT] = { "config-put", C | S, true },
	[DOOR_ASSIGNED] = { "assignments", C | S | A, false },
	[DOOR_ASSIGN] = { "assign", C, true },
};

#undef C
#undef T
#undef S
#undef A

static const char *const roles[DOOR_ROLES] = {
	[DOOR_ROLE_CLINICIAN] = "clinician", [DOOR_ROLE_TECHNICIAN] = "technician",
	[DOOR_ROLE_SECURITY] = "security",   [DOOR_ROLE_AUDITOR] = "auditor",
	[DOOR_ROLE_OWNER] = "owner",
};

static const int errors[DOOR_CODES] = {
	[DOOR_OK] = 0,
	[DOOR_MALFORMED] = -EBADMSG,
	[DOOR_DENIED] = -EACCES,
	[DOOR_ABSENT] = -ENOENT,
	[DOOR_BUSY] = -EAGAIN,
	[DOOR_STALE] = -ESTALE,
	[DOOR_FAILED] = -EIO,
	[DOOR_UNKNOWN] = -ENOTSUP,
	[DOOR_REJECTED] = -EKEYREJECTED,
	[DOOR_EXISTS] = -EEXIST,
	[DOOR_REFUSED] = -ERANGE,
};

bool door_may(enum door_role role, enum door_op op)
{
	if (op <= DOOR_NONE || op >= DOOR_OPS)
		return false;
	if (role == DOOR_ROLE_OWNER)
		return true;
	return role > DOOR_ROLE_NONE && role < DOOR_ROLES &&
	       (ops[op].roles & 1U << role) != 0;
}

bool door_changes(enum door_op op)
{
	return op > DOOR_NONE && op < DOOR_OPS && ops[op].changes;
}

const char *door_op_text(enum door_op op)
{
	return op > DOOR_NONE && op < DOOR_OPS ? ops[op].text : "?";
}

const char *door_role_text(enum door_role role)
{
	return role > DOOR_ROLE_NONE && role < DOOR_ROLES ? roles[role] : "?";
}

enum door_role door_role_parse(const char *text)
{
	for (int i = DOOR_ROLE_NONE + 1; i < DOOR_ROLE_OWNER; i++)
		if (strcmp(roles[i], text) == 0)
			return (enum door_role)i;
	return DOOR_ROLE_NONE;
}

int door_error(enum door_code code)
{
	return code >= DOOR_OK && code < DOOR_CODES ? errors[code] : -EPROTO;
}

enum door_code door_code(int err)
{
	for (int i = DOOR_OK; i < DOOR_CODES; i++)
		if (errors[i] == err)
			return (enum door_code)i;
	return DOOR_FAILED;
}

/* --- questions -------------------------------------------------------------------------- */

static void put_text(struct writer *w, enum key key, const char *text)
{
	if (!*text)
		return;
	cb_put_uint(w, key);
	cb_put_text(w, text, strlen(text));
}

static size_t count_pairs(const struct door_request *rq)
{
	return 2U + (*rq->name != 0) + rq->has_key + (*rq->site != 0) +
	       (*rq->other != 0) + (*rq->why != 0) + (*rq->patient != 0) +
	       (rq->number != 0) + (rq->cose_len != 0) + (*rq->who != 0);
}

int door_request_encode(const struct door_request *rq, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_map(&w, count_pairs(rq));
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, DOOR_VERSION);
	cb_put_uint(&w, KEY_OP);
	cb_put_uint(&w, rq->op);
	put_text(&w, KEY_NAME, rq->name);
	if (rq->has_key) {
		cb_put_uint(&w, KEY_KEY);
		cb_put_bytes(&w, rq->key, sizeof(rq->key));
	}
	put_text(&w, KEY_SITE, rq->site);
	put_text(&w, KEY_OTHER, rq->other);
	put_text(&w, KEY_WHY, rq->why);
	put_text(&w, KEY_PATIENT, rq->patient);
	if (rq->number) {
		cb_put_uint(&w, KEY_NUMBER);
		cb_put_uint(&w, rq->number);
	}
	if (rq->cose_len) {
		cb_put_uint(&w, KEY_COSE);
		cb_put_bytes(&w, rq->cose, rq->cose_len);
	}
	put_text(&w, KEY_WHO, rq->who);
	return writer_len(&w);
}

/* One line of text: no control characters, not empty. */
static void get_line(struct cb *c, char *dst, size_t cap)
{
	size_t n;
	const char *s = cb_get_text(c, &n);

	if (cb_error(c))
		return;
	if (n == 0 || n >= cap) {
		cb_fail(c, -EMSGSIZE);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			cb_fail(c, -ERANGE);
	memcpy(dst, s, n);
	dst[n] = '\0';
}

static void get_cose(struct cb *c, struct door_request *ret)
{
	ret->cose = cb_get_bytes(c, &ret->cose_len);
	if (ret->cose_len > DOOR_COSE_MAX)
		cb_fail(c, -EMSGSIZE);
}

static void get_field(struct cb *c, uint64_t key, struct door_request *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != DOOR_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_OP: ret->op = (enum door_op)cb_get_uint_max(c, UINT16_MAX); break;
	case KEY_NAME: get_line(c, ret->name, sizeof(ret->name)); break;
	case KEY_KEY:
		cb_get_fixed(c, ret->key, sizeof(ret->key));
		ret->has_key = true;
		break;
	case KEY_SITE: get_line(c, ret->site, sizeof(ret->site)); break;
	case KEY_OTHER: get_line(c, ret->other, sizeof(ret->other)); break;
	case KEY_WHY: get_line(c, ret->why, sizeof(ret->why)); break;
	case KEY_PATIENT: get_line(c, ret->patient, sizeof(ret->patient)); break;
	case KEY_NUMBER: ret->number = cb_get_uint_max(c, INT64_MAX); break;
	case KEY_COSE: get_cose(c, ret); break;
	case KEY_WHO: get_line(c, ret->who, sizeof(ret->who)); break;
	/* A word that we do not know may change what is meant: not for us. */
	default: cb_fail(c, -ENOTSUP);
	}
}

int door_request_decode(const uint8_t *buf, size_t len, struct door_request *ret)
{
	uint64_t key = 0, next;
	struct cb c;
	size_t n;

	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	n = cb_get_map(&c, KEYS);
	for (size_t i = 0; i < n && cb_error(&c) == 0; i++) {
		next = cb_get_uint(&c);
		if ((i == 0) != (next == KEY_VERSION) || (i > 0 && next <= key))
			cb_fail(&c, -EBADMSG);
		key = next;
		if (cb_error(&c) == 0)
			get_field(&c, key, ret);
	}
	if (cb_finish(&c))
		return cb_finish(&c);
	if (ret->op <= DOOR_NONE || ret->op >= DOOR_OPS)
		return -ENOTSUP;
	return 0;
}

/* --- answers ---------------------------------------------------------------------------- */

void door_answer_begin(struct writer *w, enum door_code code)
{
	cb_put_array(w, code == DOOR_OK ? 3 : 2);
	cb_put_uint(w, DOOR_VERSION);
	cb_put_uint(w, code);
}

int door_answer_open(struct cb *c, const uint8_t *buf, size_t len)
{
	uint64_t version, code;
	size_t n;

	cb_init(c, buf, len);
	n = cb_get_array(c, 3);
	version = cb_get_uint(c);
	code = cb_get_uint_max(c, UINT16_MAX);
	if (cb_error(c))
		return -EBADMSG;
	if (version != DOOR_VERSION)
		return -ENOTSUP;
	if (code == DOOR_OK)
		return n == 3 ? 0 : -EBADMSG;
	return n == 2 ? door_error((enum door_code)code) : -EBADMSG;
}
