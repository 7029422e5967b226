/*
 * ctl_token_show.c - a token in words, and how it is printed; see ctl_token.h.
 */
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_token.h"
#include "clinic/json.h"

enum { LINE_CHARS = 64 };

void token_verbs_text(uint32_t verbs, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = '\0';
	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST && n < cap; v++)
		if (verbs & VERB_BIT(v))
			n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? " " : "",
					      verb_row(v)->name);
}

/* At the level that the hub is at, with a button. */
static unsigned signatures_needed(const struct token_made *m)
{
	unsigned n = 1;

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (m->token.verbs & VERB_BIT(v) &&
		    verb_signatures(verb_row(v), m->challenge.level) > n)
			n = verb_signatures(verb_row(v), m->challenge.level);
	return m->challenge.level >= TOKEN_AT_SEALED ? 2 : n;
}

static bool lacks_second(const struct token_made *m)
{
	return m->order.count < signatures_needed(m);
}

static void print_lines(const char *text)
{
	for (size_t at = 0, len = strlen(text); at < len; at += LINE_CHARS)
		printf("%.*s\n", LINE_CHARS, text + at);
}

void token_show(const struct token_args *a, const struct token_made *m)
{
	print_lines(m->text);
	if (m->shareless)
		fprintf(stderr,
			"clinicctl: hub '%s' never told the clinic what ends level 3: "
			"its share was withheld, not erased\n",
			a->hub);
	if (lacks_second(m))
		fprintf(stderr,
			"clinicctl: a second signature, of another role, is "
			"needed%s: 'clinicctl token %s %s CHALLENGE --as NAME --add "
			"FILE' "
			"with this as FILE\n",
			m->challenge.level >= TOKEN_AT_SEALED ? " at level 3" : "",
			a->dir, a->hub);
}

void token_show_json(const struct token_args *a, const struct token_made *m)
{
	cJSON *o = json_object(), *in;

	json_text(o, "hub", a->hub);
	json_uint(o, "level", m->token.level);
	json_uint(o, "lock_epoch", m->token.lock_epoch);
	in = json_array_in(o, "verbs");
	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (m->token.verbs & VERB_BIT(v))
			json_text_item(in, verb_row(v)->name);
	token_orders_json(o, &m->token);
	json_uint(o, "seconds", m->token.seconds);
	json_text(o, "technician", m->technician);
	json_uint(o, "signatures_needed", signatures_needed(m));
	in = json_array_in(o, "signed_by");
	for (size_t i = 0; i < m->order.count; i++) {
		cJSON *one = json_item(in);

		json_text(one, "name", m->names[i]);
		json_uint(one, "person", m->order.parts[i].person);
		json_text(one, "role", signer_role_text(m->roles[i]));
	}
	json_text(o, "token", m->text);
	json_print(o);
}
