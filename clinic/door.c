/*
 * door.c - see door.h.
 */
#include "clinic/door.h"

#include <errno.h>
#include <stddef.h>
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
	KEY_EPOCH = 11,
	KEY_LAST = 12,
	KEY_ASSIGNMENT = 13,
	KEY_CHOICE = 14,
	KEY_REASON = 15,
	KEY_WORDS = 16,
	KEYS = 17,
};

/* How the fields of a question are written; what is zero or "" is left out. */
enum field_kind {
	FIELD_NONE = 0,
	FIELD_VERSION,
	FIELD_OP,
	FIELD_KEY,
	FIELD_COSE,
	FIELD_LINE,
	FIELD_U8,
	FIELD_U32,
	FIELD_U64,
};

#define FIELD(kind, member)                                                              \
	{                                                                                \
		kind, offsetof(struct door_request, member),                             \
			sizeof(((struct door_request *)0)->member)                       \
	}

static const struct field {
	enum field_kind kind;
	size_t at, size;
} fields[KEYS] = {
	[KEY_VERSION] = { FIELD_VERSION, 0, 0 },
	[KEY_OP] = FIELD(FIELD_OP, op),
	[KEY_KEY] = FIELD(FIELD_KEY, key),
	[KEY_COSE] = FIELD(FIELD_COSE, cose),
	[KEY_NAME] = FIELD(FIELD_LINE, name),
	[KEY_SITE] = FIELD(FIELD_LINE, site),
	[KEY_OTHER] = FIELD(FIELD_LINE, other),
	[KEY_WHY] = FIELD(FIELD_LINE, why),
	[KEY_PATIENT] = FIELD(FIELD_LINE, patient),
	[KEY_NUMBER] = FIELD(FIELD_U64, number),
	[KEY_WHO] = FIELD(FIELD_LINE, who),
	[KEY_EPOCH] = FIELD(FIELD_U32, epoch),
	[KEY_LAST] = FIELD(FIELD_U64, last),
	[KEY_ASSIGNMENT] = FIELD(FIELD_U32, assignment),
	[KEY_CHOICE] = FIELD(FIELD_U8, choice),
	[KEY_REASON] = FIELD(FIELD_U8, reason),
	[KEY_WORDS] = FIELD(FIELD_LINE, words),
};

#undef FIELD

#define C (1U << DOOR_ROLE_CLINICIAN)
#define T (1U << DOOR_ROLE_TECHNICIAN)
#define S (1U << DOOR_ROLE_SECURITY)
#define A (1U << DOOR_ROLE_AUDITOR)
#define NEEDS(key) (1U << (key))

static const struct {
	const char *text;
	unsigned roles; /* besides the owner */
	bool changes;
	unsigned needs; /* keys of a question that is whole */
} ops[DOOR_OPS] = {
	[DOOR_HELLO] = { "hello", C | T | S | A, false, 0 },
	[DOOR_HUBS] = { "hub-list", C | T | S | A, false, 0 },
	[DOOR_CLAIMS] = { "claim-list", C | T | S | A, false, 0 },
	[DOOR_FACTS] = { "status", C | T | S | A, false, 0 },
	[DOOR_GIVEN_UP] = { "given-up", C | T | S | A, false, 0 },
	[DOOR_KNOWN] = { "hub-show", C | T | S | A, false, 0 },
	[DOOR_CLAIM] = { "claim", C | T | S, true, NEEDS(KEY_KEY) | NEEDS(KEY_NAME) },
	[DOOR_CLAIM_CANCEL] = { "claim-cancel", C | T | S, true,
				NEEDS(KEY_KEY) | NEEDS(KEY_WHY) },
	[DOOR_CONFIG] = { "config-read", C | S, false, 0 },
	[DOOR_CONFIG_PUT] = { "config-put", C | S, true, 0 },
	[DOOR_ASSIGNED] = { "assignments", C | S | A, false, 0 },
	[DOOR_ASSIGN] = { "assign", C, true, NEEDS(KEY_WHY) },
	[DOOR_RECORDS] = { "readings", C, false, 0 },
	[DOOR_NUMBERS] = { "numbers", C | T | S | A, false, 0 },
	[DOOR_MANIFESTS] = { "manifests", C | T | S | A, false, 0 },
	[DOOR_ASIDE] = { "recovered", C, false, 0 },
	[DOOR_HELD] = { "held", C | S | A, false, 0 },
	[DOOR_HELD_RECORDS] = { "held-readings", C, false, 0 },
	[DOOR_JOURNAL] = { "journal", C | S | A, false, 0 },
	[DOOR_HELD_SETTLE] = { "held-settle", C | S, true,
			       NEEDS(KEY_WHY) | NEEDS(KEY_CHOICE) },
	[DOOR_SUSPEND] = { "suspend", C | S, true, NEEDS(KEY_WHY) },
	[DOOR_RESUME] = { "resume", C | S, true, NEEDS(KEY_WHY) },
	[DOOR_LOSE] = { "lost", C | T | S, true, NEEDS(KEY_WHY) },
	[DOOR_FIND] = { "found", C | S, true, NEEDS(KEY_WHY) },
	[DOOR_WITHDRAW] = { "withdraw", C | S, true,
			    NEEDS(KEY_WHY) | NEEDS(KEY_ASSIGNMENT) },
	[DOOR_GIVE_AGAIN] = { "withdraw-undo", C, true,
			      NEEDS(KEY_WHY) | NEEDS(KEY_ASSIGNMENT) },
	[DOOR_ENROL_LIST] = { "enrol-list", C | T | S | A, false, 0 },
	[DOOR_ENROL_APPROVE] = { "enrol-approve", C | T | S, true, NEEDS(KEY_WHY) },
	[DOOR_VISIT_FACTS] = { "visit", C | T | S | A, false, 0 },
	[DOOR_VISITS] = { "visit-list", C | T | S | A, false, 0 },
	[DOOR_VISIT_NOTE] = { "visit-note", C | T, true,
			      NEEDS(KEY_CHOICE) | NEEDS(KEY_REASON) },
	[DOOR_AUDIT] = { "audit", S | A, false, 0 },
	[DOOR_CHECKPOINTS] = { "checkpoints", S | A, false, 0 },
	/* whom a hub obeys the signature says, and order_take.h; the role here says who may bring it */
	[DOOR_ORDER_FACTS] = { "order-facts", C | T | S, false, 0 },
	[DOOR_ORDERS] = { "orders", C | T | S | A, false, 0 },
	[DOOR_WAITING] = { "orders-waiting", C | T | S | A, false, 0 },
	[DOOR_ORDER] = { "order", C | T | S, true,
			 NEEDS(KEY_WHY) | NEEDS(KEY_OTHER) | NEEDS(KEY_COSE) },
	[DOOR_ORDER_SIGN] = { "order-sign", C | T | S, true,
			      NEEDS(KEY_NUMBER) | NEEDS(KEY_OTHER) | NEEDS(KEY_COSE) },
	[DOOR_RETIRE_END] = { "retire-end", C | T | S, true, NEEDS(KEY_WHY) },
	[DOOR_SIGNERS] = { "signers", C | T | S | A, false, 0 },
	[DOOR_REPLACE] = { "replace", C, true, NEEDS(KEY_WHY) },
	[DOOR_TICKETS] = { "tickets", C | T | S | A, false, 0 },
	[DOOR_TICKET_REVOKE] = { "ticket-revoke", C | T | S, true,
				 NEEDS(KEY_WHY) | NEEDS(KEY_WORDS) },
	[DOOR_TOKEN_ESCROW] = { "token-escrow", C | T | S, false, 0 },
	[DOOR_TOKEN_NOTE] = { "token-note", C | T | S, true,
			      NEEDS(KEY_WHY) | NEEDS(KEY_CHOICE) },
};

#undef C
#undef T
#undef S
#undef A
#undef NEEDS

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

size_t door_page_rows(enum door_op op)
{
	return op == DOOR_VISITS || op == DOOR_ORDERS || op == DOOR_WAITING ||
			       op == DOOR_TICKETS
		       ? DOOR_PAGE_LONG
		       : DOOR_PAGE;
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

static const void *at(const struct door_request *rq, const struct field *f)
{
	return (const char *)rq + f->at;
}

/* Does rq say this? */
static bool has(const struct door_request *rq, const struct field *f)
{
	switch (f->kind) {
	case FIELD_NONE: break;
	case FIELD_VERSION:
	case FIELD_OP: return true;
	case FIELD_KEY: return rq->has_key;
	case FIELD_COSE: return rq->cose_len != 0;
	case FIELD_LINE: return *(const char *)at(rq, f) != '\0';
	case FIELD_U8: return *(const uint8_t *)at(rq, f) != 0;
	case FIELD_U32: return *(const uint32_t *)at(rq, f) != 0;
	case FIELD_U64: return *(const uint64_t *)at(rq, f) != 0;
	}
	return false;
}

bool door_is_whole(const struct door_request *rq)
{
	for (int k = 0; k < KEYS; k++)
		if ((ops[rq->op].needs & 1U << k) != 0 && !has(rq, &fields[k]))
			return false;
	return true;
}

static void put_value(struct writer *w, const struct door_request *rq,
		      const struct field *f)
{
	switch (f->kind) {
	case FIELD_NONE: break;
	case FIELD_VERSION: cb_put_uint(w, DOOR_VERSION); break;
	case FIELD_OP: cb_put_uint(w, rq->op); break;
	case FIELD_KEY: cb_put_bytes(w, rq->key, sizeof(rq->key)); break;
	case FIELD_COSE: cb_put_bytes(w, rq->cose, rq->cose_len); break;
	case FIELD_LINE: cb_put_text(w, at(rq, f), strlen(at(rq, f))); break;
	case FIELD_U8: cb_put_uint(w, *(const uint8_t *)at(rq, f)); break;
	case FIELD_U32: cb_put_uint(w, *(const uint32_t *)at(rq, f)); break;
	case FIELD_U64: cb_put_uint(w, *(const uint64_t *)at(rq, f)); break;
	}
}

int door_request_encode(const struct door_request *rq, uint8_t *buf, size_t cap)
{
	struct writer w;
	size_t pairs = 0;

	writer_init(&w, buf, cap);
	for (int k = 0; k < KEYS; k++)
		pairs += has(rq, &fields[k]);
	cb_put_map(&w, pairs);
	for (int k = 0; k < KEYS; k++) {
		if (!has(rq, &fields[k]))
			continue;
		cb_put_uint(&w, (uint64_t)k);
		put_value(&w, rq, &fields[k]);
	}
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

static void get_key(struct cb *c, struct door_request *ret)
{
	cb_get_fixed(c, ret->key, sizeof(ret->key));
	ret->has_key = true;
}

static void get_field(struct cb *c, uint64_t key, struct door_request *ret)
{
	const struct field *f = &fields[key < KEYS ? key : KEY_VERSION];
	void *to = (char *)ret + f->at;

	switch (key < KEYS ? f->kind : FIELD_NONE) {
	/* A word that we do not know may change what is meant: not for us. */
	case FIELD_NONE: cb_fail(c, -ENOTSUP); break;
	case FIELD_VERSION:
		if (cb_get_uint(c) != DOOR_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case FIELD_OP: ret->op = (enum door_op)cb_get_uint_max(c, UINT16_MAX); break;
	case FIELD_KEY: get_key(c, ret); break;
	case FIELD_COSE: get_cose(c, ret); break;
	case FIELD_LINE: get_line(c, to, f->size); break;
	case FIELD_U8: *(uint8_t *)to = (uint8_t)cb_get_uint_max(c, UINT8_MAX); break;
	case FIELD_U32: *(uint32_t *)to = (uint32_t)cb_get_uint_max(c, UINT32_MAX); break;
	case FIELD_U64: *(uint64_t *)to = cb_get_uint_max(c, INT64_MAX); break;
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
