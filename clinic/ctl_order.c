/*
 * ctl_order.c - see ctl_order.h.
 */
#include "clinic/ctl_order.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_decide.h"
#include "clinic/ctl_retire.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/signing.h"
#include "clinic/spec.h"
#include "clinic/words.h"
#include "hub/command.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

/* --- the command line ----------------------------------------------------------------------------- */

static int get_number(const struct ctl_verb *v, const char *what, const char *text,
		      long max, long *ret)
{
	if (spec_parse_number(text, 1, max, ret) < 0)
		return ctl_misused(v, "%s '%s' is not a number from 1 to %ld", what, text,
				   max);
	return CTL_OK;
}

static int parse_options(const struct ctl_verb *v, int argc, char **argv,
			 const char *number, long number_max, struct order_args *a)
{
	const struct option options[] = {
		{ "as", required_argument, NULL, 'a' },
		{ "key", required_argument, NULL, 'k' },
		{ "reason", required_argument, NULL, 'r' },
		{ "valid", required_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ number ? number : "as", required_argument, NULL, number ? 'n' : 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'a': a->as = optarg; break;
		case 'k': a->key = optarg; break;
		case 'r': a->why = optarg; break;
		case 'v':
			r = get_number(v, "--valid", optarg, ORDER_VALID_MAX_MIN,
				       &a->valid_min);
			break;
		case 'n':
			r = get_number(v, number, optarg, number_max, &a->number);
			break;
		case 'j': a->json = true; break;
		default: return ctl_misused(v, "%s: nothing was ordered", v->name);
		}
	}
	return r;
}

int order_parse(const struct ctl_verb *v, int argc, char **argv, int first, bool counter,
		const char *number, long number_max, struct order_args *ret)
{
	int r;

	*ret = (struct order_args){ .valid_min = ORDER_VALID_MIN };
	r = parse_options(v, argc, argv, number, number_max, ret);
	if (r != CTL_OK || !ctl_operands(v, argc, argv, optind, first + 1 + counter))
		return CTL_USAGE;
	ret->dir = argv[optind + first - 1];
	ret->hub = argv[optind + first];
	if (ret->why && !ctl_is_line(ret->why, ORDER_WHY_MAX))
		return ctl_misused(v, "--reason must be one line of 1 to %d bytes",
				   ORDER_WHY_MAX);
	return counter ? get_number(v, "the counter", argv[optind + first + 1], LONG_MAX,
				    &ret->counter)
		       : CTL_OK;
}

/* --- signing -------------------------------------------------------------------------------------- */

void order_key_name(const char *signer, char ret[static ORDER_KEY_NAME_MAX])
{
	snprintf(ret, ORDER_KEY_NAME_MAX, "signer-%s.key", signer);
}

static int open_key(const struct order_args *a, struct signing **ret)
{
	char name[ORDER_KEY_NAME_MAX], why[FOLDER_WHY_MAX];
	int r;

	order_key_name(a->as, name);
	r = signing_open(a->key, a->dir, name, ret, why);
	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s%s", why,
				    a->key ? "" : "; or say where it is with --key")
		     : CTL_OK;
}

/* The key must be that of the person on the list: another one the hub would refuse. */
static int make_signature(const struct order_args *a, const struct signer_row *by,
			  const struct command *c, struct order *o, size_t at)
{
	uint8_t payload[COMMAND_PAYLOAD_MAX];
	struct signing *key;
	const uint8_t *back;
	size_t back_len;
	int n = command_encode(c, payload, sizeof(payload)), r;

	if (n < 0)
		return ctl_complain(CTL_FAILED, "the order cannot be written: %s",
				    err_text(n));
	r = open_key(a, &key);
	if (r != CTL_OK)
		return r;
	r = signing_sign1(key, SIGN_CONTEXT_COMMAND, payload, (size_t)n,
			  o->signed_bytes[at], COMMAND_SIGNED_MAX);
	signing_close(key);
	if (r < 0 || sign1_open(SIGN_CONTEXT_COMMAND, by->signer.public,
				o->signed_bytes[at], (size_t)r, &back, &back_len) < 0)
		return ctl_complain(CTL_FAILED,
				    "the key is not that of '%s'; nothing was ordered",
				    a->as);
	o->lens[at] = (size_t)r;
	o->persons[at] = by->signer.person;
	o->roles[at] = by->signer.role;
	snprintf(o->names[at], sizeof(o->names[at]), "%s", by->name);
	o->count = at + 1;
	return CTL_OK;
}

static int find_people(const struct order_args *a, struct store *store, struct hub *h,
		       struct signer_row *by)
{
	int r = store_hub_lock(store, a->hub, h);

	if (r < 0)
		return ctl_store_failed(a->dir, a->hub, r);
	r = store_signer_by_name(store, a->as, by);
	if (r == -ENOENT)
		return ctl_complain(CTL_NO_INPUT,
				    "there is no signer '%s'; 'clinicctl signer list %s' "
				    "shows them",
				    a->as, a->dir);
	return r < 0 ? ctl_store_failed(a->dir, NULL, r) : CTL_OK;
}

static int check_role(const struct command *c, const struct signer_row *by)
{
	if (command_role_may(c, by->signer.role))
		return CTL_OK;
	return ctl_complain(CTL_NO_PERM,
			    "'%s' may not be ordered by a %s: the hub would refuse it; "
			    "nothing was ordered",
			    command_verb_text(c->verb),
			    signer_role_text(by->signer.role));
}

/* A hub obeys whom its config names: say so here, and not after a day. */
static int check_known(const struct order_args *a, struct store *store,
		       const struct hub *h, const struct signer_row *by)
{
	struct config c;
	int r = store_config_get(store, h->id, &c);
	const struct signer *s =
		r == 0 ? signer_find(c.signers, c.signer_count, by->signer.person) : NULL;
	bool known = s && memcmp(s->public, by->signer.public, sizeof(s->public)) == 0;

	crypto_wipe(&c, sizeof(c));
	if (known)
		return CTL_OK;
	return ctl_complain(CTL_FAILED,
			    "hub '%s' does not know '%s': 'clinicctl signer give %s %s' "
			    "tells it; nothing was ordered",
			    h->name, by->name, a->dir, h->name);
}

static int report(const struct order_args *a, const struct hub *h, const struct order *o)
{
	if (a->quiet)
		return CTL_OK;
	if (a->json)
		order_print_json(h, o, ctl_now_ms());
	else
		order_print(h, o, ctl_now_ms());
	return CTL_OK;
}

static int give_locked(const struct order_args *a, struct store *store, struct command *c,
		       order_check_fn *check, struct order *o)
{
	struct signer_row by = { 0 };
	struct hub h;
	int r = find_people(a, store, &h, &by), err;

	if (r != CTL_OK)
		return r;
	memcpy(c->hub, h.id, sizeof(c->hub));
	c->epoch = h.epoch;
	o->ordered_ms = ctl_now_ms();
	c->not_after_s = o->ordered_ms / 1000 + a->valid_min * 60;
	err = store_order_counter(store, &h, &c->counter);
	if (err < 0)
		return ctl_store_failed(a->dir, NULL, err);
	r = check_role(c, &by);
	if (r == CTL_OK)
		r = check_known(a, store, &h, &by);
	if (r == CTL_OK && check)
		r = check(a, store, &h, &by, c);
	if (r == CTL_OK)
		r = make_signature(a, &by, c, o, 0);
	if (r != CTL_OK)
		return r;
	o->command = *c;
	o->needs = command_needs(c);
	snprintf(o->why, sizeof(o->why), "%s", a->why);
	err = store_order_add(store, o);
	if (err == 0)
		err = ctl_retire_settle(store, &h, o);
	if (err == 0)
		err = store_commit(store);
	return err < 0 ? ctl_store_failed(a->dir, NULL, err) : report(a, &h, o);
}

static int open_for_change(const struct order_args *a, struct store **ret)
{
	char why[FOLDER_WHY_MAX];
	int r = folder_open_store(a->dir, ret, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = store_begin(*ret);
	if (r == 0)
		return CTL_OK;
	store_close(*ret);
	return ctl_store_failed(a->dir, NULL, r);
}

int order_give(const struct ctl_verb *v, const struct order_args *a, struct command *c,
	       order_check_fn *check)
{
	struct order o = { 0 };
	struct store *store;
	int r;

	if (!a->as)
		return ctl_misused(v, "%s: --as says who signs", v->name);
	if (!a->why)
		return ctl_misused(v, "%s: --reason says why; it is kept with the order",
				   v->name);
	r = open_for_change(a, &store);
	if (r != CTL_OK)
		return r;
	r = give_locked(a, store, c, check, &o);
	store_rollback(store);
	store_close(store);
	return r;
}

/* --- the second signature ------------------------------------------------------------------------- */

static int check_open(const struct order *o, const struct signer_row *by)
{
	if (order_state(o, ctl_now_ms()) != ORDER_WAITS_FOR_SIGNATURE)
		return ctl_complain(CTL_FAILED,
				    "order %" PRIu64
				    " waits for no signature: it is '%s'",
				    o->command.counter,
				    order_state_text(order_state(o, ctl_now_ms())));
	if (o->roles[0] == by->signer.role)
		return ctl_complain(CTL_NO_PERM,
				    "'%s' has signed as %s: the second signature must be "
				    "of another role; nothing was signed",
				    o->names[0], signer_role_text(o->roles[0]));
	return CTL_OK;
}

static int sign_locked(const struct order_args *a, struct store *store)
{
	struct signer_row by = { 0 };
	struct order o = { 0 };
	struct hub h;
	int r = find_people(a, store, &h, &by), err;

	if (r != CTL_OK)
		return r;
	err = store_order_get(store, &h, (uint64_t)a->counter, &o);
	if (err == -ENOENT)
		return ctl_complain(CTL_NO_INPUT, "hub '%s' has no order %ld", a->hub,
				    a->counter);
	if (err < 0)
		return ctl_store_failed(a->dir, NULL, err);
	r = check_open(&o, &by);
	if (r == CTL_OK)
		r = check_role(&o.command, &by);
	if (r == CTL_OK)
		r = check_known(a, store, &h, &by);
	if (r == CTL_OK)
		r = ctl_retire_check(store, &h, &o);
	if (r == CTL_OK)
		r = make_signature(a, &by, &o.command, &o, 1);
	if (r != CTL_OK)
		return r;
	err = store_order_sign(store, &o);
	FAILPOINT("clinic.order.signed");
	if (err == 0)
		err = ctl_retire_settle(store, &h, &o);
	if (err == 0)
		err = store_commit(store);
	return err < 0 ? ctl_store_failed(a->dir, NULL, err) : report(a, &h, &o);
}

int order_sign(const struct ctl_verb *v, const struct order_args *a)
{
	struct store *store;
	int r;

	if (!a->as)
		return ctl_misused(v, "%s: --as says who signs", v->name);
	r = open_for_change(a, &store);
	if (r != CTL_OK)
		return r;
	r = sign_locked(a, store);
	store_rollback(store);
	store_close(store);
	return r;
}

/* --- where it stands ------------------------------------------------------------------------------ */

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

void order_print(const struct hub *h, const struct order *o, int64_t now_ms)
{
	enum order_state s = order_state(o, now_ms);
	char when[WORDS_TIME_MAX];

	printf("  %s: order %" PRIu64 ", ", h->name, o->command.counter);
	print_what(stdout, &o->command);
	printf(" [%s]", order_state_text(s));
	if (s == ORDER_REFUSED)
		printf(": %s", command_result_text(o->result));
	printf("\n      signed by %s (%s)", o->names[0], signer_role_text(o->roles[0]));
	if (o->count > 1)
		printf(" and %s (%s)", o->names[1], signer_role_text(o->roles[1]));
	else if (o->needs > 1)
		printf("; MISSING: a signature of another role, 'clinicctl command sign "
		       "DIR %s %" PRIu64 "'",
		       h->name, o->command.counter);
	printf("\n      until %s, because: %s\n",
	       words_time(o->command.not_after_s * 1000, 0, false, when), o->why);
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

void order_print_json(const struct hub *h, const struct order *o, int64_t now_ms)
{
	cJSON *j = json_object();
	enum order_state s = order_state(o, now_ms);

	json_text(j, "hub", h->name);
	json_uint(j, "counter", o->command.counter);
	json_text(j, "verb", command_verb_text(o->command.verb));
	if (o->command.verb == COMMAND_LOCK)
		json_uint(j, "level", o->command.level);
	if (o->command.verb == COMMAND_RETIRE)
		json_bool(j, "discard", o->command.how == COMMAND_RETIRE_DISCARD);
	json_text(j, "state", order_state_text(s));
	json_uint(j, "signatures_needed", o->needs);
	add_signers(j, o);
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
