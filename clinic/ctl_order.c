/*
 * ctl_order.c - see ctl_order.h.
 */
#include "clinic/ctl_order.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/remote.h"
#include "clinic/signing.h"
#include "clinic/spec.h"
#include "clinic/words.h"
#include "hub/command.h"
#include "hub/core/err.h"

/* --- the command line ----------------------------------------------------------------------------- */

static int get_number(const struct ctl_verb *v, const char *what, const char *text,
		      long max, long *ret)
{
	if (spec_parse_number(text, 1, max, ret) < 0)
		return ctl_misused(v, "%s '%s' is not a number from 1 to %ld", what, text,
				   max);
	return CTL_OK;
}

static int parse_options(const struct ctl_verb *v, int argc, char **argv, bool second,
			 const char *number, long number_max, struct order_args *a)
{
	const struct option options[] = {
		{ "as", required_argument, NULL, 'a' },
		{ "key", required_argument, NULL, 'k' },
		{ "reason", required_argument, NULL, 'r' },
		{ "valid", required_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ number ? number : "as", required_argument, NULL, number ? 'n' : 'a' },
		{ second ? "yes" : "json", no_argument, NULL, second ? 'y' : 'j' },
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
		case 'y': a->yes = true; break;
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
	r = parse_options(v, argc, argv, counter, number, number_max, ret);
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

/* One order, from the question what it must say to the answer what became of it. */
struct giving {
	const struct order_args *a;
	struct remote *clinic;
	struct signing *key; /* opened once, however often the clinic is asked */
	struct order_facts facts;
	uint8_t cose[COMMAND_SIGNED_MAX];
	size_t cose_len;
	struct order_taken taken;
};

static int open_key(struct giving *g)
{
	char name[ORDER_KEY_NAME_MAX], why[FOLDER_WHY_MAX];
	const struct order_args *a = g->a;
	int r;

	if (g->key)
		return CTL_OK;
	order_key_name(a->as, name);
	r = signing_open(a->key, a->dir, name, &g->key, why);
	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s%s", why,
				    a->key ? "" : "; or say where it is with --key")
		     : CTL_OK;
}

/* The key must be that of the person on the list, and of the kind that the list says: another one the hub would refuse. */
static int sign_payload(struct giving *g, const uint8_t *payload, size_t len)
{
	const struct signer *by = &g->facts.signer.signer;
	const uint8_t *back;
	size_t back_len;
	int r;

	if (signing_kind(g->key) != by->kind)
		return ctl_complain(CTL_FAILED,
				    "'%s' is on the list with '%s', and this is '%s'; "
				    "nothing was ordered",
				    g->a->as, signer_kind_text(by->kind),
				    signer_kind_text(signing_kind(g->key)));
	r = signing_sign1(g->key, SIGN_CONTEXT_COMMAND, payload, len, g->cose,
			  sizeof(g->cose));
	if (r < 0 && *signing_why(g->key))
		return ctl_complain(ctl_exit_code(r), "%s; nothing was ordered",
				    signing_why(g->key));
	g->cose_len = r > 0 ? (size_t)r : 0;
	if (r < 0 || sign1_open_by(SIGN_CONTEXT_COMMAND, by, g->cose, g->cose_len, &back,
				   &back_len) < 0)
		return ctl_complain(CTL_FAILED,
				    "the key is not that of '%s'; nothing was ordered",
				    g->a->as);
	return CTL_OK;
}

static int make_signature(struct giving *g, const struct command *c)
{
	uint8_t payload[COMMAND_PAYLOAD_MAX];
	int n = command_encode(c, payload, sizeof(payload)), r;

	if (n < 0)
		return ctl_complain(CTL_FAILED, "the order cannot be written: %s",
				    err_text(n));
	r = open_key(g);
	return r == CTL_OK ? sign_payload(g, payload, (size_t)n) : r;
}

/* --- what the clinic says ------------------------------------------------------------------------- */

/* Why it was not taken, in words. */
static int complain(const struct giving *g, const struct command *c)
{
	const struct order_taken *t = &g->taken;
	const struct order_args *a = g->a;
	const char *role = signer_role_text(g->facts.signer.signer.role);

	switch (t->refusal) {
	case ORDER_TAKEN: return CTL_OK;
	case ORDER_NO_SIGNER:
		return ctl_complain(CTL_NO_INPUT,
				    "there is no signer '%s'; 'clinicctl signer list %s' "
				    "shows them",
				    a->as, a->dir);
	case ORDER_WRONG_KEY:
		return ctl_complain(CTL_FAILED,
				    "the key is not that of '%s'; nothing was ordered",
				    a->as);
	case ORDER_OTHER_HUB:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' has enrolled anew meanwhile; nothing was "
				    "ordered, do it again",
				    a->hub);
	case ORDER_USED:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' was given another order meanwhile: counter "
				    "%" PRIu64 " is used up, the next one is %" PRIu64
				    "; nothing was ordered, do it again",
				    a->hub, c->counter, t->a);
	case ORDER_BAD_TIME:
		return ctl_complain(CTL_FAILED,
				    "the order is over, or for longer than %d minutes; "
				    "nothing was ordered",
				    ORDER_VALID_MAX_MIN);
	case ORDER_BAD_ROLE:
		return ctl_complain(CTL_NO_PERM,
				    "'%s' may not be ordered by a %s: the hub would "
				    "refuse it; nothing was ordered",
				    command_verb_text(c->verb), role);
	case ORDER_UNKNOWN_THERE:
		return ctl_complain(
			CTL_FAILED,
			"hub '%s' does not know '%s': 'clinicctl signer give' "
			"at the clinic's machine tells it; nothing was "
			"ordered",
			a->hub, a->as);
	case ORDER_BRAKE:
		return ctl_complain(CTL_NO_PERM,
				    "in the last hour %" PRIu64 " of %" PRIu64
				    " hubs were ordered to lock: for more the key of "
				    "somebody with the role clinic-security is needed; "
				    "nothing was ordered",
				    t->a, t->b);
	case ORDER_NO_CHALLENGE:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' says that it is at level %" PRIu64
				    ": there is nothing to release from here; nothing "
				    "was ordered",
				    a->hub, t->a);
	case ORDER_OLD_CHALLENGE:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' wants another answer meanwhile; nothing "
				    "was ordered, do it again",
				    a->hub);
	case ORDER_CANCELLED:
		return ctl_complain(CTL_FAILED,
				    "order %" PRIu64 " was cancelled by order %" PRIu64
				    "; nothing was signed",
				    c->counter, t->a);
	case ORDER_RETIRES:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is to be retired already, by order %" PRIu64
				    "; another order needs 'clinicctl retire --cancel' "
				    "first; nothing was changed",
				    a->hub, t->a);
	case ORDER_NO_LIFE:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is %s: it cannot be retired; nothing was "
				    "changed",
				    a->hub, hub_state_text((enum hub_state)t->a));
	case ORDER_AT_ITS_END:
		return ctl_complain(CTL_FAILED,
				    "the order to retire hub '%s' has taken effect: it "
				    "cannot be cancelled any more",
				    a->hub);
	case ORDER_ABSENT:
		return ctl_complain(CTL_NO_INPUT, "hub '%s' has no order %ld", a->hub,
				    a->counter);
	case ORDER_WAITS_FOR_NONE:
		return ctl_complain(CTL_FAILED,
				    "order %ld waits for no signature: it is '%s'",
				    a->counter, order_state_text((enum order_state)t->a));
	case ORDER_SAME_ROLE:
		return ctl_complain(CTL_NO_PERM,
				    "'%s' has signed as %s: the second signature must be "
				    "of another role; nothing was signed",
				    t->order.names[0],
				    signer_role_text(t->order.roles[0]));
	case ORDER_REFUSALS: break;
	}
	return ctl_complain(CTL_FAILED,
			    "%s did not take the order, for a reason that this clinicctl "
			    "does not know (%d): it is older than clinicd",
			    a->dir, (int)t->refusal);
}

static int refuse(struct giving *g, const struct command *c, enum order_refusal why,
		  uint64_t number)
{
	g->taken.refusal = why;
	g->taken.a = number;
	return complain(g, c);
}

/* --- asking it ------------------------------------------------------------------------------------ */

static void get_facts(struct cb *c, void *ret)
{
	door_get_order_facts(c, ret);
}

static void get_taken(struct cb *c, void *ret)
{
	door_get_taken(c, ret);
}

static int ask_facts(struct giving *g)
{
	const struct command none = { .verb = COMMAND_NO_VERB };
	const struct order_args *a = g->a;
	struct door_request rq;
	int r = remote_request(DOOR_ORDER_FACTS, a->hub, &rq);

	snprintf(rq.other, sizeof(rq.other), "%s", a->as);
	rq.number = (uint64_t)a->counter;
	if (r == 0)
		r = remote_get(g->clinic, &rq, get_facts, &g->facts);
	if (r < 0)
		return remote_failed(g->clinic, a->hub, r);
	return g->facts.has_signer && strcmp(g->facts.signer.name, a->as) == 0
		       ? CTL_OK
		       : refuse(g, &none, ORDER_NO_SIGNER, 0);
}

/* What was signed goes to the clinic; what it makes of it is in g->taken. */
static int put(struct giving *g, enum door_op op)
{
	const struct order_args *a = g->a;
	struct door_request rq;
	int r = remote_request(op, a->hub, &rq);

	snprintf(rq.other, sizeof(rq.other), "%s", a->as);
	snprintf(rq.why, sizeof(rq.why), "%s", a->why ? a->why : "");
	rq.number = (uint64_t)a->counter;
	rq.cose = g->cose;
	rq.cose_len = g->cose_len;
	if (r == 0)
		r = remote_get(g->clinic, &rq, get_taken, &g->taken);
	return r < 0 ? remote_failed(g->clinic, a->hub, r) : CTL_OK;
}

static int report(const struct giving *g)
{
	const struct order_args *a = g->a;

	if (a->quiet)
		return CTL_OK;
	if (a->json)
		order_print_json(a->hub, &g->taken.order, g->facts.now_ms);
	else
		order_print(a->hub, &g->taken.order, g->facts.now_ms);
	return CTL_OK;
}

typedef int give_fn(struct giving *g, struct command *c);

static int with_clinic(const struct order_args *a, give_fn *fn, struct command *c)
{
	static struct giving g;
	char why[FOLDER_WHY_MAX];
	int r = CTL_OK, err;

	g = (struct giving){ .a = a };
	err = remote_open(a->dir, &g.clinic, why);
	if (err < 0)
		return ctl_complain(ctl_exit_code(err), "%s", why);
	r = fn(&g, c);
	if (r == CTL_OK)
		r = complain(&g, c);
	if (r == CTL_OK)
		r = report(&g);
	signing_close(g.key);
	remote_close(g.clinic);
	return r;
}

/* --- a new order ---------------------------------------------------------------------------------- */

static int give_once(struct giving *g, struct command *c)
{
	const struct order_facts *f = &g->facts;
	int r = ask_facts(g);

	if (r != CTL_OK)
		return r;
	memcpy(c->hub, f->hub, sizeof(c->hub));
	c->epoch = f->epoch;
	c->counter = f->counter;
	c->not_after_s = f->now_ms / 1000 + g->a->valid_min * 60;
	if (c->verb == COMMAND_RELEASE && !f->challenged)
		return refuse(g, c, ORDER_NO_CHALLENGE, f->level);
	if (c->verb == COMMAND_RELEASE) {
		c->lock_epoch = f->lock_epoch;
		memcpy(c->nonce, f->nonce, sizeof(c->nonce));
	}
	r = make_signature(g, c);
	return r == CTL_OK ? put(g, DOOR_ORDER) : r;
}

/* Again, if another order or another challenge came in between. */
static int give(struct giving *g, struct command *c)
{
	int r = CTL_OK;

	g->taken.refusal = ORDER_USED;
	for (unsigned try = 1;
	     r == CTL_OK && try <= STORE_TRIES &&
	     (g->taken.refusal == ORDER_USED || g->taken.refusal == ORDER_OLD_CHALLENGE);
	     try++)
		r = give_once(g, c);
	return r;
}

int order_give(const struct ctl_verb *v, const struct order_args *a, struct command *c)
{
	if (!a->as)
		return ctl_misused(v, "%s: --as says who signs", v->name);
	if (!a->why)
		return ctl_misused(v, "%s: --reason says why; it is kept with the order",
				   v->name);
	return with_clinic(a, give, c);
}

/* --- the second signature ------------------------------------------------------------------------- */

static int find_person(struct giving *g, uint32_t person, struct signer *ret)
{
	static struct signer_row rows[SIGNERS_MAX];
	size_t count = 0;
	int r = remote_signers(g->clinic, rows, &count);

	if (r < 0)
		return remote_failed(g->clinic, g->a->hub, r);
	for (size_t i = 0; i < count; i++)
		if (rows[i].signer.person == person) {
			*ret = rows[i].signer;
			return CTL_OK;
		}
	return ctl_complain(CTL_FAILED,
			    "order %ld is signed by nobody on the list of signers; "
			    "nothing was signed",
			    g->a->counter);
}

/* The bytes that the first one signed, read as the hub will; they must be what the clinic says of them. */
static int open_first(struct giving *g, struct command *ret)
{
	const struct order *o = &g->facts.order;
	uint8_t told[COMMAND_PAYLOAD_MAX];
	int n = command_encode(&o->command, told, sizeof(told));
	const uint8_t *payload;
	struct signer by;
	size_t len;
	int r = find_person(g, o->persons[0], &by);

	if (r != CTL_OK)
		return r;
	if (sign1_open_by(SIGN_CONTEXT_COMMAND, &by, o->signed_bytes[0], o->lens[0],
			  &payload, &len) < 0 ||
	    n < 0 || (size_t)n != len || memcmp(payload, told, len) != 0 ||
	    command_decode(payload, len, ret) < 0)
		return ctl_complain(CTL_FAILED,
				    "what the clinic says of order %ld is not what '%s' "
				    "has signed; nothing was signed. Tell the clinic's "
				    "security officer: its server, or its database, is "
				    "not to be trusted",
				    g->a->counter, o->names[0]);
	return CTL_OK;
}

static int sign(struct giving *g, struct command *c)
{
	const struct order *o = &g->facts.order;
	int r = ask_facts(g);

	if (r != CTL_OK)
		return r;
	if (!g->facts.has_order)
		return refuse(g, c, ORDER_ABSENT, 0);
	if (o->count < 1)
		return refuse(g, c, ORDER_ABSENT, 0);
	*c = o->command;
	if (memcmp(c->hub, g->facts.hub, sizeof(c->hub)) != 0 ||
	    c->epoch != g->facts.epoch || c->counter != (uint64_t)g->a->counter)
		return refuse(g, c, ORDER_OTHER_HUB, 0);
	g->taken.order = *o;
	if (order_state(o, g->facts.now_ms) != ORDER_WAITS_FOR_SIGNATURE)
		return refuse(g, c, ORDER_WAITS_FOR_NONE,
			      order_state(o, g->facts.now_ms));
	if (o->roles[0] == g->facts.signer.signer.role)
		return refuse(g, c, ORDER_SAME_ROLE, 0);
	r = open_first(g, c);
	if (r != CTL_OK)
		return r;
	order_print_signing(g->a->hub, c, o);
	if (!g->a->yes && !ctl_confirm("\nSign this, too?"))
		return ctl_complain(CTL_FAILED, "nothing was signed%s",
				    g->a->json ? "; --json asks nothing with --yes" : "");
	r = make_signature(g, c);
	return r == CTL_OK ? put(g, DOOR_ORDER_SIGN) : r;
}

int order_sign(const struct ctl_verb *v, const struct order_args *a)
{
	struct command c = { .verb = COMMAND_NO_VERB };

	if (!a->as)
		return ctl_misused(v, "%s: --as says who signs", v->name);
	return with_clinic(a, sign, &c);
}
