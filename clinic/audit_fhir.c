/*
 * audit_fhir.c - see audit_fhir.h.
 */
#include "clinic/audit_fhir.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/json.h"
#include "hub/core/msg.h"

#define DCM "http://dicom.nema.org/resources/ontology/DCM"
#define ENTITY_TYPE "http://terminology.hl7.org/CodeSystem/audit-entity-type"
#define SOURCE_TYPE "http://terminology.hl7.org/CodeSystem/security-source-type"
#define DATA_ABSENT "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

enum { TEXT_BYTES = 160, INSTANT_BYTES = 32, HUB_TEXT = 2 * HUB_ID_LEN + 1 };

struct code {
	const char *code, *display;
};

/* DICOM PS3.16, CID 400 (type) and CID 401 (subtype). */
static const struct code activity = { "110100", "Application Activity" };
static const struct code log_used = { "110101", "Audit Log Used" };
static const struct code exported = { "110106", "Export" };
static const struct code alert = { "110113", "Security Alert" };
static const struct code login = { "110114", "User Authentication" };

static const struct map {
	enum audit_kind kind;
	const struct code *type;
	struct code subtype; /* NULL: only ours */
	char action;	     /* FHIR: C, R, U, D, E */
} maps[] = {
	{ AUDIT_START, &activity, { "110120", "Application Start" }, 'E' },
	{ AUDIT_STOP, &activity, { "110121", "Application Stop" }, 'E' },
	{ AUDIT_CONFIG_CHANGE, &alert, { "110129", "Security Configuration" }, 'U' },
	{ AUDIT_FIRMWARE_CHANGE, &alert, { "110131", "Software Configuration" }, 'U' },
	{ AUDIT_KEY_PROVIDER_FAILURE, &alert, { NULL, NULL }, 'E' },
	{ AUDIT_KEY_ROTATE, &alert, { "110129", "Security Configuration" }, 'U' },
	{ AUDIT_KEY_ERASE, &alert, { "110129", "Security Configuration" }, 'D' },
	{ AUDIT_LEVEL, &alert, { "110129", "Security Configuration" }, 'U' },
	{ AUDIT_RELEASE, &alert, { "110129", "Security Configuration" }, 'U' },
	{ AUDIT_EVICTION, &activity, { NULL, NULL }, 'D' },
	{ AUDIT_TOMBSTONE, &activity, { NULL, NULL }, 'D' },
	{ AUDIT_PAIRING, &alert, { "110126", "Node Authentication" }, 'C' },
	{ AUDIT_BOND_LOST, &alert, { "110126", "Node Authentication" }, 'D' },
	{ AUDIT_BOND_REMOVED, &alert, { "110126", "Node Authentication" }, 'D' },
	{ AUDIT_PEER_AUTH_FAILURE, &alert, { "110126", "Node Authentication" }, 'E' },
	{ AUDIT_CONSOLE_SESSION, &login, { "110122", "Login" }, 'E' },
	{ AUDIT_COMMAND, &alert, { "110132", "Use of Restricted Function" }, 'E' },
	{ AUDIT_CONSOLE_VERB, &activity, { NULL, NULL }, 'E' },
	{ AUDIT_EXPORT, &exported, { NULL, NULL }, 'R' },
	{ AUDIT_RECEIPT, &log_used, { NULL, NULL }, 'R' },
	{ AUDIT_GAP, &alert, { "110133", "Audit Recording Stopped" }, 'E' },
	{ AUDIT_WRAP, &activity, { NULL, NULL }, 'D' },
	{ AUDIT_BROKEN, &alert, { NULL, NULL }, 'E' },
};

static const struct map *map_of(enum audit_kind k)
{
	static const struct map other = { AUDIT_NONE, &activity, { NULL, NULL }, 'E' };

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		if (maps[i].kind == k)
			return &maps[i];
	return &other;
}

static void fill_coding(cJSON *o, const char *system, const char *code,
			const char *display)
{
	json_text(o, "system", system);
	json_text(o, "code", code);
	if (display)
		json_text(o, "display", display);
}

static void add_concept(cJSON *o, const char *name, const char *system, const char *code,
			const char *display)
{
	cJSON *c = json_object_in(o, name);

	fill_coding(json_item(json_array_in(c, "coding")), system, code, display);
}

static void add_identifier(cJSON *o, const char *name, const char *system,
			   const char *value)
{
	cJSON *id = json_object_in(json_object_in(o, name), "identifier");

	json_text(id, "system", system);
	json_text(id, "value", value);
}

/* "2026-11-22T10:00:00.000Z"; a clock that nobody ever set gives no time at all. */
static void add_recorded(cJSON *o, const struct wall *wall)
{
	struct date_time t = date_time_from_ms(wall->ms);
	char text[INSTANT_BYTES];
	cJSON *e;

	if (wall->quality == CLOCK_QUALITY_NONE) {
		e = json_item(json_array_in(json_object_in(o, "_recorded"), "extension"));
		json_text(e, "url", DATA_ABSENT);
		json_text(e, "valueCode", "unknown");
		return;
	}
	(void)snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		       t.year % 10000u, t.month % 100u, t.day % 100u, t.hour % 100u,
		       t.minute % 100u, t.second % 100u,
		       (unsigned)((wall->ms % 1000 + 1000) % 1000));
	json_text(o, "recorded", text);
}

static const char *fhir_outcome(enum audit_outcome o)
{
	switch (o) {
	case AUDIT_OUTCOME_NONE:
	case AUDIT_SUCCESS: break;
	case AUDIT_MINOR_FAILURE: return "4";
	case AUDIT_SERIOUS_FAILURE: return "8";
	case AUDIT_MAJOR_FAILURE: return "12";
	}
	return "0";
}

static void who_text(const struct audit_event *e, char buf[static TEXT_BYTES])
{
	if (e->agent == AUDIT_AGENT_HUB)
		(void)snprintf(buf, TEXT_BYTES, "%s",
			       e->agent_id <= ROLE_LAST
				       ? role_text((enum role)e->agent_id)
				       : "hub");
	else if (e->agent == AUDIT_AGENT_PERSON)
		(void)snprintf(buf, TEXT_BYTES, "%s",
			       e->detail[0] ? e->detail : "person");
	else if (e->agent_id)
		(void)snprintf(buf, TEXT_BYTES, "%s %u", audit_agent_text(e->agent),
			       e->agent_id);
	else
		(void)snprintf(buf, TEXT_BYTES, "%s", audit_agent_text(e->agent));
}

/* BALP: the one who acts, and the machine that did it. */
static void add_agents(cJSON *o, const struct audit_event *e, const char *hub)
{
	bool person = e->agent == AUDIT_AGENT_PERSON || e->agent == AUDIT_AGENT_AUTHORITY;
	cJSON *agents = json_array_in(o, "agent"), *a = json_item(agents);
	char text[TEXT_BYTES];

	who_text(e, text);
	if (person)
		add_concept(a, "type",
			    "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "AGNT",
			    "agent");
	else
		add_concept(a, "type", DCM, "110153", "Source Role ID");
	json_text(json_object_in(a, "who"), "display", text);
	json_bool(a, "requestor", true);
	if (e->agent == AUDIT_AGENT_HUB)
		return;
	a = json_item(agents);
	add_concept(a, "type", DCM, "110150", "Application");
	add_identifier(a, "who", AUDIT_FHIR_HUB_SYSTEM, hub);
	json_bool(a, "requestor", false);
}

static void add_source(cJSON *o, const struct audit_event *e, const char *hub)
{
	cJSON *s = json_object_in(o, "source");

	if (e->source != ROLE_NONE)
		json_text(s, "site", role_text((enum role)e->source));
	add_identifier(s, "observer", AUDIT_FHIR_HUB_SYSTEM, hub);
	fill_coding(json_item(json_array_in(s, "type")), SOURCE_TYPE, "4",
		    "Application Server");
}

static void add_detail(cJSON *details, const char *type, const char *value)
{
	cJSON *d = json_item(details);

	json_text(d, "type", type);
	json_text(d, "valueString", value);
}

static void add_number(cJSON *details, const char *type, uint64_t n)
{
	char text[TEXT_BYTES];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	add_detail(details, type, text);
}

static void fill_system_object(cJSON *entity)
{
	fill_coding(json_object_in(entity, "type"), ENTITY_TYPE, "2", "System Object");
}

static void add_object(cJSON *entities, const struct audit_event *e)
{
	cJSON *entity = json_item(entities), *details;

	add_identifier(entity, "what", AUDIT_FHIR_OBJECT_SYSTEM,
		       audit_object_text(e->object));
	fill_system_object(entity);
	json_text(entity, "name", audit_object_text(e->object));
	details = json_array_in(entity, "detail");
	add_number(details, "a", e->a);
	add_number(details, "b", e->b);
	if (e->detail[0])
		add_detail(details, "detail", e->detail);
}

static void hex(const uint8_t *p, size_t len, char *buf)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(buf + 2 * i, 3, "%02x", p[i]);
}

/* Where in the log this came from. */
static void add_origin(cJSON *entities, const struct audit_record *r, const char *hub,
		       uint32_t enrolment)
{
	char text[TEXT_BYTES];
	cJSON *entity = json_item(entities), *details;

	(void)snprintf(text, sizeof(text), "%s.%u.%" PRIu64, hub, enrolment, r->number);
	add_identifier(entity, "what", AUDIT_FHIR_RECORD_SYSTEM, text);
	fill_system_object(entity);
	json_text(entity, "name", "audit record");
	details = json_array_in(entity, "detail");
	add_number(details, "boot", r->boot);
	add_number(details, "monotonic_ms", r->mono.ms);
	add_number(details, "clock_quality", (uint64_t)r->wall.quality);
	hex(r->prev, sizeof(r->prev), text);
	add_detail(details, "chain_head_before", text);
}

cJSON *audit_fhir(const struct audit_record *r, const uint8_t hub[static HUB_ID_LEN],
		  uint32_t enrolment)
{
	const struct map *m = map_of(r->event.kind);
	const char action[2] = { m->action, 0 };
	cJSON *o = json_object(), *list;
	char hub_text[HUB_TEXT], code[TEXT_BYTES];

	hex(hub, HUB_ID_LEN, hub_text);
	json_text(o, "resourceType", "AuditEvent");
	fill_coding(json_object_in(o, "type"), DCM, m->type->code, m->type->display);
	list = json_array_in(o, "subtype");
	if (m->subtype.code)
		fill_coding(json_item(list), DCM, m->subtype.code, m->subtype.display);
	(void)snprintf(code, sizeof(code), "%u", (unsigned)r->event.kind);
	fill_coding(json_item(list), AUDIT_FHIR_EVENT_SYSTEM, code,
		    audit_kind_text(r->event.kind));
	json_text(o, "action", action);
	add_recorded(o, &r->wall);
	json_text(o, "outcome", fhir_outcome(r->event.outcome));
	if (r->event.outcome != AUDIT_SUCCESS)
		json_text(o, "outcomeDesc", audit_outcome_text(r->event.outcome));
	add_agents(o, &r->event, hub_text);
	add_source(o, &r->event, hub_text);
	list = json_array_in(o, "entity");
	if (r->event.object != AUDIT_OBJECT_NONE || r->event.detail[0])
		add_object(list, &r->event);
	add_origin(list, r, hub_text, enrolment);
	return o;
}
