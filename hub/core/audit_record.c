/*
 * audit_record.c - audit records and checkpoints as CBOR; see audit_record.h.
 *
 * Invariant: audit_record_decode(x) = 0  =>  audit_record_encode gives x again, byte for byte. So what is hashed has one
 * form only.
 */
#include "hub/core/audit_record.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/core/msg.h"

enum { RECORD_FIELDS = 18, CHECKPOINT_FIELDS = 8, CHECKPOINT_VERSION = 1 };

static const struct kind_name {
	const char *group, *name;
} kinds[] = {
	[AUDIT_START] = { "life", "start" },
	[AUDIT_STOP] = { "life", "stop" },
	[AUDIT_BOOT] = { "life", "boot" },
	[AUDIT_UNCLEAN] = { "life", "unclean shutdown" },
	[AUDIT_CLOCK_STEP] = { "life", "clock step" },
	[AUDIT_CONFIG_CHANGE] = { "life", "config change" },
	[AUDIT_FIRMWARE_CHANGE] = { "life", "firmware change" },
	[AUDIT_MEASUREMENT] = { "life", "measurement" },
	[AUDIT_KEY_LOAD] = { "keys", "key load" },
	[AUDIT_KEY_ROTATE] = { "keys", "key rotation" },
	[AUDIT_KEY_ERASE] = { "keys", "key erase" },
	[AUDIT_KEY_PROVIDER_FAILURE] = { "keys", "key provider failure" },
	[AUDIT_LEVEL] = { "lockdown", "level change" },
	[AUDIT_RELEASE] = { "lockdown", "release" },
	[AUDIT_STATE_CLOSED] = { "lockdown", "state closed" },
	[AUDIT_STATE_OPENED] = { "lockdown", "state opened" },
	[AUDIT_SPOOL_BEGIN] = { "lockdown", "spool begin" },
	[AUDIT_SPOOL_END] = { "lockdown", "spool end" },
	[AUDIT_UPLOAD_ACKED] = { "data", "upload acknowledged" },
	[AUDIT_EVICTION] = { "data", "eviction" },
	[AUDIT_TOMBSTONE] = { "data", "tombstone" },
	[AUDIT_DEAD_LETTER] = { "data", "dead letter" },
	[AUDIT_SEGMENT_ASIDE] = { "data", "segment set aside" },
	[AUDIT_TAIL_CUT] = { "data", "tail cut" },
	[AUDIT_STORAGE_FAULT] = { "data", "storage fault" },
	[AUDIT_NO_SPACE] = { "data", "no space" },
	[AUDIT_PAIRING] = { "radio", "pairing" },
	[AUDIT_BOND_LOST] = { "radio", "bond lost" },
	[AUDIT_BOND_REMOVED] = { "radio", "bond removed" },
	[AUDIT_PEER_AUTH_FAILURE] = { "radio", "peer authentication failure" },
	[AUDIT_CONSOLE_SESSION] = { "people", "console session" },
	[AUDIT_CONSOLE_VERB] = { "people", "console verb" },
	[AUDIT_COMMAND] = { "people", "command" },
	[AUDIT_EXPORT] = { "people", "export" },
	[AUDIT_CHECKPOINT] = { "audit", "checkpoint" },
	[AUDIT_HEARTBEAT] = { "audit", "heartbeat" },
	[AUDIT_RECEIPT] = { "audit", "receipt" },
	[AUDIT_GAP] = { "audit", "gap" },
	[AUDIT_WRAP] = { "audit", "wrap" },
	[AUDIT_BROKEN] = { "audit", "log broken" },
};

static const char *const outcomes[] = {
	[AUDIT_SUCCESS] = "success",
	[AUDIT_MINOR_FAILURE] = "minor failure",
	[AUDIT_SERIOUS_FAILURE] = "serious failure",
	[AUDIT_MAJOR_FAILURE] = "major failure",
};

static const char *const agents[] = {
	[AUDIT_AGENT_NONE] = "none",	 [AUDIT_AGENT_HUB] = "hub",
	[AUDIT_AGENT_CLINIC] = "clinic", [AUDIT_AGENT_PERSON] = "person",
	[AUDIT_AGENT_DEVICE] = "device", [AUDIT_AGENT_AUTHORITY] = "authority",
};

static const char *const objects[] = {
	[AUDIT_OBJECT_NONE] = "none",	      [AUDIT_OBJECT_READINGS] = "readings",
	[AUDIT_OBJECT_DEVICE] = "device",     [AUDIT_OBJECT_KEY] = "key",
	[AUDIT_OBJECT_LEVEL] = "level",	      [AUDIT_OBJECT_QUEUE] = "queue segment",
	[AUDIT_OBJECT_LOG] = "audit segment", [AUDIT_OBJECT_RECORDS] = "audit records",
	[AUDIT_OBJECT_CONFIG] = "config",     [AUDIT_OBJECT_FIRMWARE] = "firmware",
	[AUDIT_OBJECT_COUNT] = "count",	      [AUDIT_OBJECT_CLOCK] = "clock",
	[AUDIT_OBJECT_STATE] = "state",	      [AUDIT_OBJECT_SPOOL] = "spool",
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const char *audit_kind_text(enum audit_kind k)
{
	return (size_t)k < COUNT(kinds) ? kinds[k].name : NULL;
}

const char *audit_group_text(enum audit_kind k)
{
	return (size_t)k < COUNT(kinds) ? kinds[k].group : NULL;
}

const char *audit_outcome_text(enum audit_outcome o)
{
	return (size_t)o < COUNT(outcomes) ? outcomes[o] : NULL;
}

const char *audit_agent_text(enum audit_agent a)
{
	return (size_t)a < COUNT(agents) ? agents[a] : NULL;
}

const char *audit_object_text(enum audit_object o)
{
	return (size_t)o < COUNT(objects) ? objects[o] : NULL;
}

static bool printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

int audit_event_check(const struct audit_event *e)
{
	size_t len = strnlen(e->detail, sizeof(e->detail));

	if (len > AUDIT_DETAIL_MAX)
		return -EMSGSIZE;
	if (!printable(e->detail, len) || !audit_kind_text(e->kind) ||
	    !audit_outcome_text(e->outcome) || !audit_agent_text(e->agent) ||
	    !audit_object_text(e->object) || e->source > ROLE_LAST)
		return -ERANGE;
	return 0;
}

int audit_record_encode(const struct audit_record *r, uint8_t *buf, size_t cap)
{
	const struct audit_event *e = &r->event;
	struct writer w;
	int err = audit_event_check(e);

	if (err)
		return err;
	if (r->number == 0 || r->boot == 0 || r->epoch == 0 ||
	    r->data_len > AUDIT_DATA_MAX || r->wall.quality > CLOCK_QUALITY_CLINIC)
		return -ERANGE;
	writer_init(&w, buf, cap < AUDIT_RECORD_MAX ? cap : AUDIT_RECORD_MAX);
	cb_put_array(&w, RECORD_FIELDS);
	cb_put_uint(&w, AUDIT_RECORD_VERSION);
	cb_put_uint(&w, r->number);
	cb_put_uint(&w, r->boot);
	cb_put_uint(&w, r->epoch);
	cb_put_int(&w, r->wall.ms);
	cb_put_uint(&w, (uint64_t)r->wall.quality);
	cb_put_uint(&w, r->mono.ms);
	cb_put_uint(&w, (uint64_t)e->kind);
	cb_put_uint(&w, (uint64_t)e->outcome);
	cb_put_uint(&w, (uint64_t)e->agent);
	cb_put_uint(&w, e->agent_id);
	cb_put_uint(&w, e->source);
	cb_put_uint(&w, (uint64_t)e->object);
	cb_put_uint(&w, e->a);
	cb_put_uint(&w, e->b);
	cb_put_text(&w, e->detail, strlen(e->detail));
	cb_put_bytes(&w, r->data, r->data_len);
	cb_put_bytes(&w, r->prev, sizeof(r->prev));
	return writer_len(&w);
}

static void get_detail(struct cb *c, struct audit_event *e)
{
	size_t len;
	const char *text = cb_get_text(c, &len);

	if (!cb_error(c) && len > AUDIT_DETAIL_MAX)
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(e->detail, text, len);
	/* a zero inside would end it early */
	if (strnlen(e->detail, len) != len)
		cb_fail(c, -ERANGE);
}

static void get_event(struct cb *c, struct audit_event *e)
{
	e->kind = (enum audit_kind)cb_get_uint_max(c, UINT8_MAX);
	e->outcome = (enum audit_outcome)cb_get_uint_max(c, UINT8_MAX);
	e->agent = (enum audit_agent)cb_get_uint_max(c, UINT8_MAX);
	e->agent_id = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	e->source = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	e->object = (enum audit_object)cb_get_uint_max(c, UINT8_MAX);
	e->a = cb_get_uint(c);
	e->b = cb_get_uint(c);
	get_detail(c, e);
}

int audit_record_decode(const uint8_t *buf, size_t len, struct audit_record *ret)
{
	struct audit_record r = { .wall.uncertainty_ms = UINT32_MAX };
	uint8_t again[AUDIT_RECORD_MAX];
	struct cb c;
	int n;

	if (len > AUDIT_RECORD_MAX)
		return -EMSGSIZE;
	cb_init(&c, buf, len);
	if (cb_get_array(&c, RECORD_FIELDS) != RECORD_FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != AUDIT_RECORD_VERSION)
		cb_fail(&c, -ENOTSUP);
	r.number = cb_get_uint(&c);
	r.boot = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	r.epoch = cb_get_uint(&c);
	r.wall.ms = cb_get_int(&c);
	r.wall.quality = (enum clock_quality)cb_get_uint_max(&c, CLOCK_QUALITY_CLINIC);
	r.mono.ms = cb_get_uint(&c);
	get_event(&c, &r.event);
	r.data = cb_get_bytes(&c, &r.data_len);
	cb_get_fixed(&c, r.prev, sizeof(r.prev));
	if (cb_finish(&c))
		return cb_finish(&c);
	n = audit_record_encode(&r, again, sizeof(again));
	if (n < 0)
		return n;
	if ((size_t)n != len || memcmp(again, buf, len) != 0)
		return -EBADMSG;
	*ret = r;
	return 0;
}

int audit_checkpoint_encode(const struct audit_checkpoint *c, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_array(&w, CHECKPOINT_FIELDS);
	cb_put_uint(&w, CHECKPOINT_VERSION);
	cb_put_bytes(&w, c->hub, sizeof(c->hub));
	cb_put_uint(&w, c->enrolment);
	cb_put_uint(&w, c->size);
	cb_put_bytes(&w, c->root, sizeof(c->root));
	cb_put_bytes(&w, c->head, sizeof(c->head));
	cb_put_uint(&w, c->boot);
	cb_put_uint(&w, c->highest_seq);
	return writer_len(&w);
}

int audit_checkpoint_decode(const uint8_t *buf, size_t len, struct audit_checkpoint *ret)
{
	struct audit_checkpoint k;
	struct cb c;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, CHECKPOINT_FIELDS) != CHECKPOINT_FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != CHECKPOINT_VERSION)
		cb_fail(&c, -ENOTSUP);
	cb_get_fixed(&c, k.hub, sizeof(k.hub));
	k.enrolment = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	k.size = cb_get_uint(&c);
	cb_get_fixed(&c, k.root, sizeof(k.root));
	cb_get_fixed(&c, k.head, sizeof(k.head));
	k.boot = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	k.highest_seq = cb_get_uint(&c);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = k;
	return 0;
}
