/*
 * config_text.c - see config_text.h.
 */
#include "clinic/config_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/endpoint_list.h"
#include "clinic/endpoint_spec.h"
#include "clinic/json.h"
#include "clinic/limit_text.h"
#include "clinic/plan_text.h"
#include "clinic/spec.h"

enum { OFFSET_MIN = -720, OFFSET_MAX = 840 };

/* --- out -------------------------------------------------------------------------------------- */

/* A serial number may hold what JSON escapes. */
static void put_string(FILE *to, const char *s)
{
	cJSON *item = cJSON_CreateString(s);
	char *text = item ? cJSON_PrintUnformatted(item) : NULL;

	if (!text)
		abort();
	fputs(text, to);
	explicit_bzero(text, strlen(text));
	cJSON_free(text);
	cJSON_Delete(item);
}

static void put_devices(FILE *to, const struct config *c, bool secrets)
{
	char text[SPEC_TEXT_MAX];

	fputs("\t\"devices\": {", to);
	for (size_t i = 0; i < c->device_count; i++) {
		fprintf(to, "%s\n\t\t\"%u\": ", i ? "," : "", c->devices[i].num);
		put_string(to, spec_device_text(&c->devices[i], secrets, text));
	}
	explicit_bzero(text, sizeof(text));
	fputs(c->device_count ? "\n\t},\n" : "},\n", to);
}

static void put_endpoints(FILE *to, const struct config *c)
{
	char text[ENDPOINT_TEXT_MAX];

	fputs("\t\"endpoints\": [", to);
	for (size_t i = 0; i < c->endpoint_count; i++) {
		fprintf(to, "%s\n\t\t", i ? "," : "");
		put_string(to, endpoint_text(&c->endpoints[i], text));
	}
	fputs("\n\t],\n", to);
}

/* When to measure, and when nobody may be asked to. */
static void put_times(FILE *to, const struct config *c)
{
	char text[PLAN_TEXT_MAX];

	fputs("\t\"plan\": {", to);
	for (size_t i = 0; i < c->plan_count; i++)
		fprintf(to, "%s\n\t\t\"%u\": \"%s\"", i ? "," : "", c->plans[i].device,
			plan_text(&c->plans[i], text));
	fprintf(to, "%s},\n\t\"ask_to_measure\": %s,\n\t\"quiet_hours\": [",
		c->plan_count ? "\n\t" : "", c->no_asking ? "false" : "true");
	for (size_t i = 0; i < c->quiet_count; i++)
		fprintf(to, "%s\"%s\"", i ? ", " : "", quiet_text(&c->quiet[i], text));
	fputs("],\n", to);
}

static void put_limits(FILE *to, const struct config *c)
{
	char text[LIMIT_TEXT_MAX];

	fputs("\t\"limits\": {", to);
	for (size_t i = 0; i < c->limit_count; i++)
		fprintf(to, "%s\n\t\t\"%s\": \"%s\"", i ? "," : "",
			value_name_text(c->limits[i].vital),
			limit_text(&c->limits[i], text));
	fprintf(to, "%s}\n", c->limit_count ? "\n\t" : "");
}

char *config_text_make(const char *hub, const struct config *c, bool secrets)
{
	char *text = NULL, change[SPEC_CHANGE_MAX];
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		abort();
	fputs("{\n\t\"hub\": ", to);
	put_string(to, hub);
	fprintf(to,
		",\n\t\"version\": %" PRIu64 ",\n\t\"heartbeat_s\": %u,\n"
		"\t\"utc_offset_min\": %d,\n\t\"utc_offset_change\": ",
		c->version, c->heartbeat_s, c->utc_offset_min);
	if (c->has_change)
		put_string(to, spec_change_text(c->change_utc_s, c->change_offset_min,
						change));
	else
		fputs("null", to);
	fputs(",\n", to);
	put_devices(to, c, secrets);
	put_endpoints(to, c);
	put_times(to, c);
	put_limits(to, c);
	fputs("}\n", to);
	if (fclose(to) != 0)
		abort();
	return text;
}

/* --- in --------------------------------------------------------------------------------------- */

struct edited {
	const char *hub;
	const struct config_endpoint *own;
	struct config *c;
	char *why;
};

__attribute__((format(printf, 2, 3))) static int bad(const struct edited *r,
						     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, CONFIG_TEXT_WHY_MAX, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

/* A whole number: what a double holds exactly, and no exponent games beyond it. */
static int get_number(const struct edited *r, const cJSON *item, int64_t min, int64_t max,
		      int64_t *ret)
{
	double v = cJSON_IsNumber(item) ? item->valuedouble : 0.5;

	if (!(v >= (double)min && v <= (double)max) || v != (double)(int64_t)v)
		return bad(r, "'%s' is not a whole number from %" PRId64 " to %" PRId64,
			   item->string, min, max);
	*ret = (int64_t)v;
	return 0;
}

static int get_hub(struct edited *r, const cJSON *item)
{
	if (!cJSON_IsString(item) || strcmp(item->valuestring, r->hub) != 0)
		return bad(r,
			   "'hub' is not \"%s\": this is the configuration of "
			   "another hub",
			   r->hub);
	return 0;
}

static int get_version(struct edited *r, const cJSON *item)
{
	if (!cJSON_IsNumber(item) || item->valuedouble != (double)r->c->version)
		return bad(r,
			   "'version' is not %" PRIu64 ", the last one that was signed: "
			   "it may have been changed meanwhile; begin with that one",
			   r->c->version);
	return 0;
}

static int get_heartbeat(struct edited *r, const cJSON *item)
{
	int64_t v = 0;
	int err = get_number(r, item, CONFIG_HEARTBEAT_MIN_S, UINT16_MAX, &v);

	if (!err)
		r->c->heartbeat_s = (uint16_t)v;
	return err;
}

static int get_offset(struct edited *r, const cJSON *item)
{
	int64_t v = 0;
	int err = get_number(r, item, OFFSET_MIN, OFFSET_MAX, &v);

	if (!err)
		r->c->utc_offset_min = (int16_t)v;
	return err;
}

static int get_change(struct edited *r, const cJSON *item)
{
	struct config *c = r->c;

	c->has_change = !cJSON_IsNull(item);
	c->change_utc_s = 0;
	c->change_offset_min = 0;
	if (c->has_change && (!cJSON_IsString(item) ||
			      spec_parse_change(item->valuestring, &c->change_utc_s,
						&c->change_offset_min) < 0))
		return bad(r, "'utc_offset_change' is neither null nor an instant in UTC "
			      "and the offset from then on in minutes, like "
			      "\"2027-03-28T01:00Z,120\"");
	return 0;
}

static int get_device(struct edited *r, const cJSON *item)
{
	struct config_device *d = &r->c->devices[r->c->device_count];
	char copy[SPEC_TEXT_MAX];
	const char *why;
	long num;

	if (r->c->device_count == CONFIG_DEVICES_MAX)
		return bad(r, "'devices' has more than %d", CONFIG_DEVICES_MAX);
	if (spec_parse_number(item->string, 1, UINT16_MAX, &num) < 0)
		return bad(r, "'devices': \"%.40s\" is not a device's number, like \"1\"",
			   item->string);
	if (!cJSON_IsString(item) || strlen(item->valuestring) >= sizeof(copy))
		return bad(r,
			   "'devices', device %ld: it is said as behind --device of "
			   "'clinicctl hub add'",
			   num);
	memcpy(copy, item->valuestring, strlen(item->valuestring) + 1);
	if (spec_parse_device(copy, d, &why) < 0)
		return bad(r, "'devices', device %ld: %s", num, why);
	d->num = (uint16_t)num;
	for (size_t i = 0; i < r->c->device_count; i++) {
		const struct config_device *o = &r->c->devices[i];

		if (o->num == d->num)
			return bad(r, "'devices': device %ld is there twice", num);
		if (o->has_addr && d->has_addr && o->addr_type == d->addr_type &&
		    memcmp(o->addr, d->addr, PERIPHERAL_ADDR_LEN) == 0)
			return bad(r, "'devices': %u and %ld have the same address",
				   o->num, num);
	}
	r->c->device_count++;
	return 0;
}

static int get_devices(struct edited *r, const cJSON *item)
{
	const cJSON *d;
	int err = cJSON_IsObject(item)
			  ? 0
			  : bad(r, "'devices' is not an object of numbers and devices, "
				   "like { \"1\": \"bp,any,passkey=123456\" }");

	r->c->device_count = 0;
	memset(r->c->devices, 0, sizeof(r->c->devices));
	for (d = err ? NULL : item->child; d && !err; d = d->next)
		err = get_device(r, d);
	return err;
}

static int get_endpoint(struct edited *r, const cJSON *item, struct endpoint_list *l)
{
	struct config_endpoint e;
	const char *why;
	size_t n = l->count + 1;

	if (!cJSON_IsString(item))
		return bad(r,
			   "'endpoints', number %zu: it is said as behind --add of "
			   "'clinicctl hub endpoints'",
			   n);
	if (endpoint_parse(item->valuestring, &e, &why) < 0)
		return bad(r, "'endpoints', number %zu: %s", n, why);
	if (!endpoint_fill(&e, r->own))
		return bad(r,
			   "'endpoints', number %zu: server.crt has the name %s; say the "
			   "key of the server with that other name, pin=",
			   n, r->own->name);
	switch (endpoint_list_add(l, &e)) {
	case 0: return 0;
	case -EEXIST:
		return bad(r,
			   "'endpoints', number %zu: there is one of this name, "
			   "address and port already",
			   n);
	}
	return bad(r, "'endpoints' has more than %d", CONFIG_ENDPOINTS_MAX);
}

static int get_endpoints(struct edited *r, const cJSON *item)
{
	struct endpoint_list l = { 0 };
	const cJSON *e;
	int err = cJSON_IsArray(item) && item->child
			  ? 0
			  : bad(r, "'endpoints' is not a list of one endpoint at least, "
				   "like [ \"name=clinic.example\" ]");

	for (e = err ? NULL : item->child; e && !err; e = e->next)
		err = get_endpoint(r, e, &l);
	r->c->endpoint_count = l.count;
	memcpy(r->c->endpoints, l.at, sizeof(r->c->endpoints));
	return err;
}

static int get_one_plan(struct edited *r, const cJSON *item)
{
	struct config *c = r->c;
	struct config_plan *p = &c->plans[c->plan_count];
	long num;

	if (spec_parse_number(item->string, 1, UINT16_MAX, &num) < 0)
		return bad(r, "'plan': \"%.40s\" is not a device's number, like \"1\"",
			   item->string);
	for (size_t i = 0; i < c->plan_count; i++)
		if (c->plans[i].device == num)
			return bad(r, "'plan': device %ld is there twice", num);
	if (c->plan_count == CONFIG_DEVICES_MAX)
		return bad(r, "'plan' has more than %d", CONFIG_DEVICES_MAX);
	if (!cJSON_IsString(item) || !plan_parse(item->valuestring, p))
		return bad(
			r,
			"'plan', device %ld: neither times of the day, at most %d and "
			"ascending, nor hours or days, like \"08:00,20:00\", \"every 12 "
			"h\" or \"every 3 d\"",
			num, CONFIG_PLAN_TIMES_MAX);
	p->device = (uint16_t)num;
	c->plan_count++;
	return 0;
}

static int get_plan(struct edited *r, const cJSON *item)
{
	const cJSON *p;
	int err = cJSON_IsObject(item)
			  ? 0
			  : bad(r, "'plan' is not an object of devices and times, like "
				   "{ \"1\": \"08:00,20:00\" }");

	r->c->plan_count = 0;
	memset(r->c->plans, 0, sizeof(r->c->plans));
	for (p = err ? NULL : item->child; p && !err; p = p->next)
		err = get_one_plan(r, p);
	return err;
}

static int get_asking(struct edited *r, const cJSON *item)
{
	if (!cJSON_IsBool(item))
		return bad(r, "'ask_to_measure' is neither true nor false");
	r->c->no_asking = cJSON_IsFalse(item);
	return 0;
}

static int get_quiet(struct edited *r, const cJSON *item)
{
	struct config *c = r->c;
	const cJSON *q = cJSON_IsArray(item) ? item->child : NULL;

	c->quiet_count = 0;
	memset(c->quiet, 0, sizeof(c->quiet));
	for (; q && cJSON_IsString(q) && c->quiet_count < CONFIG_QUIET_MAX &&
	       quiet_parse(q->valuestring, &c->quiet[c->quiet_count]);
	     q = q->next)
		c->quiet_count++;
	if (!cJSON_IsArray(item) || q)
		return bad(r,
			   "'quiet_hours' is not a list of at most %d times of the day, "
			   "like [ \"22:00-07:00\" ]",
			   CONFIG_QUIET_MAX);
	return 0;
}

/* In the order of the config, whatever the order in the text. */
static int get_one_limit(struct edited *r, const cJSON *item)
{
	struct config *c = r->c;
	size_t at = c->limit_count;
	struct limit l;

	if (!cJSON_IsString(item) || !limit_parse(item->string, item->valuestring, &l))
		return bad(
			r,
			"'limits', \"%.40s\": a vital sign (systolic, diastolic, pulse, "
			"weight, SpO2, temperature, glucose) and its limits, like "
			"\"90..180\", \"92..\" or \"..39.5\"",
			item->string);
	for (size_t i = 0; i < c->limit_count; i++)
		if (c->limits[i].vital == l.vital)
			return bad(r, "'limits': \"%s\" is there twice", item->string);
	for (; at > 0 && c->limits[at - 1].vital > l.vital; at--)
		c->limits[at] = c->limits[at - 1];
	c->limits[at] = l;
	c->limit_count++;
	return 0;
}

static int get_limits(struct edited *r, const cJSON *item)
{
	const cJSON *l;
	int err = cJSON_IsObject(item)
			  ? 0
			  : bad(r, "'limits' is not an object of vital signs and their "
				   "limits, like { \"systolic\": \"90..180\" }");

	r->c->limit_count = 0;
	memset(r->c->limits, 0, sizeof(r->c->limits));
	for (l = err ? NULL : item->child; l && !err; l = l->next)
		err = get_one_limit(r, l);
	return err;
}

/* A plan is of a device that there is; the two may come in any order. */
static int check_plans(struct edited *r)
{
	for (size_t i = 0; i < r->c->plan_count; i++) {
		bool found = false;

		for (size_t k = 0; k < r->c->device_count; k++)
			found |= r->c->devices[k].num == r->c->plans[i].device;
		if (!found)
			return bad(r, "'plan': there is no device %u in 'devices'",
				   r->c->plans[i].device);
	}
	return 0;
}

static const struct field {
	const char *name;
	int (*get)(struct edited *r, const cJSON *item);
} fields[] = {
	{ "hub", get_hub },
	{ "version", get_version },
	{ "heartbeat_s", get_heartbeat },
	{ "utc_offset_min", get_offset },
	{ "utc_offset_change", get_change },
	{ "devices", get_devices },
	{ "endpoints", get_endpoints },
	{ "plan", get_plan },
	{ "ask_to_measure", get_asking },
	{ "quiet_hours", get_quiet },
	{ "limits", get_limits },
};

enum { FIELDS = sizeof(fields) / sizeof(*fields) };

static int find_field(const char *name)
{
	for (int i = 0; i < FIELDS; i++)
		if (strcmp(name, fields[i].name) == 0)
			return i;
	return -1;
}

static int get_fields(struct edited *r, const cJSON *o)
{
	bool seen[FIELDS] = { false };
	int err = cJSON_IsObject(o) ? 0 : bad(r, "it is not an object, { ... }");

	for (const cJSON *item = err ? NULL : o->child; item && !err; item = item->next) {
		int n = find_field(item->string);

		if (n < 0)
			return bad(r, "'%.40s' is no field of a configuration",
				   item->string);
		if (seen[n])
			return bad(r, "'%s' is there twice", item->string);
		seen[n] = true;
		err = fields[n].get(r, item);
	}
	for (int i = 0; i < FIELDS && !err; i++)
		if (!seen[i])
			err = bad(r, "'%s' is missing", fields[i].name);
	return err ? err : check_plans(r);
}

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; at && text < at && *text; text++)
		line += *text == '\n';
	return line;
}

int config_text_read(const char *text, const char *hub, const struct config_endpoint *own,
		     struct config *c, char why[static CONFIG_TEXT_WHY_MAX])
{
	struct config next = *c;
	struct edited r = { .hub = hub, .own = own, .c = &next, .why = why };
	const char *end = NULL;
	cJSON *o = cJSON_ParseWithOpts(text, &end, 1);
	int err;

	if (!o)
		return bad(&r, "line %u: this is not JSON", line_of(text, end));
	err = get_fields(&r, o);
	cJSON_Delete(o);
	if (!err)
		*c = next;
	explicit_bzero(&next, sizeof(next));
	return err;
}

/* --- what is different ------------------------------------------------------------------------ */

enum { LINES_MAX = 128 };

struct lines {
	size_t count;
	const char *at[LINES_MAX];
	size_t len[LINES_MAX];
};

static struct lines split(const char *text)
{
	struct lines l = { 0 };

	while (*text && l.count < LINES_MAX) {
		size_t len = strcspn(text, "\n");

		l.at[l.count] = text;
		l.len[l.count++] = len;
		text += len + (text[len] == '\n');
	}
	return l;
}

static bool same_line(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
	return a->len[i] == b->len[k] && memcmp(a->at[i], b->at[k], a->len[i]) == 0;
}

static void put_line(FILE *to, char mark, const struct lines *l, size_t i)
{
	fprintf(to, "%c %.*s\n", mark, (int)l->len[i], l->at[i]);
}

/* By the longest common subsequence of lines. */
void config_text_diff(FILE *to, const char *before, const char *after)
{
	static uint8_t longest[LINES_MAX + 1][LINES_MAX + 1];
	const struct lines a = split(before), b = split(after);
	size_t i, k;

	memset(longest, 0, sizeof(longest));
	for (i = a.count; i-- > 0;)
		for (k = b.count; k-- > 0;)
			longest[i][k] = same_line(&a, i, &b, k)
						? (uint8_t)(longest[i + 1][k + 1] + 1)
					: longest[i + 1][k] > longest[i][k + 1]
						? longest[i + 1][k]
						: longest[i][k + 1];
	for (i = k = 0; i < a.count || k < b.count;) {
		if (i < a.count && k < b.count && same_line(&a, i, &b, k))
			i++, k++;
		else if (i < a.count &&
			 (k == b.count || longest[i + 1][k] >= longest[i][k + 1]))
			put_line(to, '-', &a, i++);
		else
			put_line(to, '+', &b, k++);
	}
}
