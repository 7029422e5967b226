/*
 * ctl_order_show.c - an order in words: where it stands, and what somebody is about to sign; see ctl_order.h.
 */
#include <inttypes.h>
#include <stdio.h>

#include "clinic/ctl_order.h"
#include "clinic/json.h"
#include "clinic/words.h"
#include "hub/command.h"

/* Whose signature would do as the second one: "clinician", ... Returns how many. */
static size_t missing_roles(const struct order *o, const char *ret[static SIGNER_ROLES])
{
	size_t n = 0;

	if (o->count >= o->needs)
		return 0;
	for (int role = SIGNER_CLINICIAN; role < SIGNER_ROLES; role++)
		if (o->roles[0] != (enum signer_role)role &&
		    command_role_may(&o->command, (enum signer_role)role))
			ret[n++] = signer_role_text((enum signer_role)role);
	return n;
}

static void print_missing(const char *hub, const struct order *o)
{
	const char *roles[SIGNER_ROLES];
	size_t n = missing_roles(o, roles);

	if (n == 0)
		return;
	printf("; MISSING: a signature of another role (");
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", roles[i]);
	printf("), 'clinicctl command sign DIR %s %" PRIu64 "'", hub, o->command.counter);
}

static void print_what(FILE *to, const struct command *c)
{
	fputs(command_verb_text(c->verb), to);
	if (c->verb == COMMAND_LOCK)
		fprintf(to, " to level %u", c->level);
	else if (c->verb == COMMAND_TEST)
		fprintf(to, " for %u min", c->minutes);
	else if (c->verb == COMMAND_RETIRE)
		fputs(c->how == COMMAND_RETIRE_DRAIN ? ", deliver what is unsent first"
						     : ", give up what is unsent",
		      to);
}

void order_print(const char *hub, const struct order *o, int64_t now_ms)
{
	enum order_state s = order_state(o, now_ms);
	char when[WORDS_TIME_MAX];

	printf("  %s: order %" PRIu64 ", ", hub, o->command.counter);
	print_what(stdout, &o->command);
	printf(" [%s]", order_state_text(s));
	if (s == ORDER_REFUSED)
		printf(": %s", command_result_text(o->result));
	printf("\n      signed by %s (%s)", o->names[0], signer_role_text(o->roles[0]));
	if (o->count > 1)
		printf(" and %s (%s)", o->names[1], signer_role_text(o->roles[1]));
	print_missing(hub, o);
	printf("\n      until %s, because: %s\n",
	       words_time(o->command.not_after_s * 1000, 0, false, when), o->why);
}

void order_print_signing(const char *hub, const struct command *c, const struct order *o)
{
	char when[WORDS_TIME_MAX];

	fprintf(stderr, "What '%s' (%s) has signed, for hub '%s', which is ", o->names[0],
		signer_role_text(o->roles[0]), hub);
	for (size_t i = 0; i < sizeof(c->hub); i++)
		fprintf(stderr, "%02x", c->hub[i]);
	fprintf(stderr, ":\n\n  order %" PRIu64 ": ", c->counter);
	print_what(stderr, c);
	fprintf(stderr, ", until %s\n\nThe clinic says that the reason is: %s\n",
		words_time(c->not_after_s * 1000, 0, false, when), o->why);
}

static void add_signers(cJSON *j, const struct order *o)
{
	cJSON *a = json_array_in(j, "signed_by");

	for (size_t i = 0; i < o->count; i++) {
		cJSON *s = json_item(a);

		json_text(s, "name", o->names[i]);
		json_uint(s, "person", o->persons[i]);
		json_text(s, "role", signer_role_text(o->roles[i]));
		json_hex(s, "cose", o->signed_bytes[i], o->lens[i]);
	}
}

void order_print_json(const char *hub, const struct order *o, int64_t now_ms)
{
	const char *roles[SIGNER_ROLES];
	size_t missing = missing_roles(o, roles);
	cJSON *j = json_object(), *list;
	enum order_state s = order_state(o, now_ms);

	json_text(j, "hub", hub);
	json_uint(j, "counter", o->command.counter);
	json_text(j, "verb", command_verb_text(o->command.verb));
	if (o->command.verb == COMMAND_LOCK)
		json_uint(j, "level", o->command.level);
	if (o->command.verb == COMMAND_RETIRE)
		json_bool(j, "discard", o->command.how == COMMAND_RETIRE_DISCARD);
	json_text(j, "state", order_state_text(s));
	json_uint(j, "signatures_needed", o->needs);
	add_signers(j, o);
	list = json_array_in(j, "missing_role");
	for (size_t i = 0; i < missing; i++)
		json_text_item(list, roles[i]);
	json_int(j, "ordered_ms", o->ordered_ms);
	json_int(j, "not_after_s", o->command.not_after_s);
	json_text(j, "reason", o->why);
	if (o->result == COMMAND_NOTHING) {
		json_null(j, "result");
		json_null(j, "result_ms");
	} else {
		json_text(j, "result", command_result_text(o->result));
		json_int(j, "result_ms", o->result_ms);
	}
	json_print(j);
}
