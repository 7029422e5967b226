/*
 * token_orders.c - see token_orders.h.
 */
#include "clinic/token_orders.h"

#include <stdio.h>
#include <string.h>

#include "clinic/spec.h"
#include "hub/core/command.h"

static int take_how(const char *text, uint32_t *ret)
{
	if (strcmp(text, "drain") == 0)
		*ret = COMMAND_RETIRE_DRAIN;
	else if (strcmp(text, "discard") == 0)
		*ret = COMMAND_RETIRE_DISCARD;
	else
		return ctl_misused(&ctl_token, "--retire is drain or discard");
	return CTL_OK;
}

static int take_device(enum verb v, const char *text, uint32_t *ret)
{
	long n;

	if (spec_parse_number(text, 1, verb_order_max(v), &n) < 0)
		return ctl_misused(&ctl_token, "--%s '%s' is not the number of a device",
				   verb_row(v)->name, text);
	*ret = (uint32_t)n;
	return CTL_OK;
}

/* By the verbs' numbers; said again it is another one. */
int token_orders_take(struct token_orders *o, enum verb v, const char *text)
{
	struct token_order new = { .verb = v };
	int r = v == VERB_RETIRE ? take_how(text, &new.argument)
				 : take_device(v, text, &new.argument);
	size_t at = 0;

	if (r != CTL_OK)
		return r;
	while (at < o->count && o->one[at].verb < v)
		at++;
	if (at == o->count || o->one[at].verb != v) {
		if (o->count == TOKEN_ORDERS_MAX)
			return ctl_misused(&ctl_token, "token: too many orders");
		memmove(o->one + at + 1, o->one + at,
			(o->count - at) * sizeof(o->one[0]));
		o->count++;
	}
	o->one[at] = new;
	return CTL_OK;
}

bool token_orders_missing(const struct token_orders *o, uint32_t verbs)
{
	uint32_t ordered = 0, wanted = 0;

	for (size_t i = 0; i < o->count; i++)
		ordered |= VERB_BIT(o->one[i].verb);
	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (verb_order_max(v) > 0)
			wanted |= VERB_BIT(v);
	return verbs & wanted & ~ordered;
}

static bool has_device(const struct config *c, uint32_t num)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (c->devices[i].num == num)
			return true;
	return false;
}

int token_orders_put(const struct token_orders *o, const struct config *c,
		     const char *hub, struct access_token *t)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct token_order *one = &o->one[i];

		if (one->verb != VERB_RETIRE && !has_device(c, one->argument))
			return ctl_complain(CTL_NO_INPUT,
					    "hub '%s' has no device %u; 'clinicctl hub "
					    "show' names them; nothing was made",
					    hub, one->argument);
		t->verbs |= VERB_BIT(one->verb);
		t->orders[t->order_count++] = *one;
	}
	return CTL_OK;
}

static const char *retire_text(uint32_t how)
{
	return how == COMMAND_RETIRE_DISCARD ? "discard" : "drain";
}

char *token_orders_text(const struct access_token *t,
			char buf[static TOKEN_ORDERS_TEXT_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < t->order_count && n < TOKEN_ORDERS_TEXT_MAX; i++) {
		const struct token_order *one = &t->orders[i];
		const char *name = verb_row(one->verb)->name;
		char *at = buf + n;
		size_t cap = TOKEN_ORDERS_TEXT_MAX - n;

		if (one->verb == VERB_RETIRE)
			n += (size_t)snprintf(at, cap, "; %s %s", name,
					      retire_text(one->argument));
		else
			n += (size_t)snprintf(at, cap, "; %s %u", name, one->argument);
	}
	return buf;
}

void token_orders_json(cJSON *o, const struct access_token *t)
{
	cJSON *in = t->order_count ? json_object_in(o, "orders") : NULL;

	for (size_t i = 0; i < t->order_count; i++) {
		const struct token_order *one = &t->orders[i];

		if (one->verb == VERB_RETIRE)
			json_text(in, verb_row(one->verb)->name,
				  retire_text(one->argument));
		else
			json_uint(in, verb_row(one->verb)->name, one->argument);
	}
}
