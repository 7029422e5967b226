/*
 * ctl_replace.c - clinicctl replace: another hub comes in the place of one. Said again it does what can be done by then.
 *
 * What is done is done by the clinic (door_replace.c); the configuration with which the other one gets patient and devices is
 * signed here.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_assign.h"
#include "clinic/ctl_config_ask.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/label_arg.h"
#include "clinic/spec.h"
#include "hub/crypto/crypto.h"

enum { MINUTES = 10 };

struct args {
	const char *dir, *old, *by, *name;
	struct ctl_signature who;
	bool json, has_label;
	long minutes;
	uint8_t label[PIN_LEN]; /* what --by says, if it is a label */
};

/* A configuration as it goes to the clinic. */
struct signed_config {
	uint64_t base; /* the version that it was made from */
	size_t len;
	uint8_t cose[BUNDLE_COSE_MAX];
};

/* --- what it gets ----------------------------------------------------------------------- */

/*
 * Of a device that stays with its patient nothing is new but the hub: it is paired again, and what it has stored has come
 * by the old one.
 *
 * c   has the next version already, of what the new hub had until now
 */
static void make_config(struct config *c, const struct config *old, bool has_own,
			long minutes)
{
	struct config own = *c;

	*c = *old;
	memcpy(c->hub, own.hub, HUB_ID_LEN);
	c->epoch = own.epoch;
	c->version = own.version;
	if (has_own) {
		c->endpoint_count = own.endpoint_count;
		memcpy(c->endpoints, own.endpoints, sizeof(own.endpoints));
	}
	for (size_t i = 0; i < c->device_count; i++)
		c->devices[i].import = false;
	c->window = has_own ? own.window : (struct config_window){ 0 };
	if (minutes)
		c->window = (struct config_window){ .id = c->window.id + 1,
						    .minutes = (uint16_t)minutes };
	crypto_wipe(&own, sizeof(own)); /* passkeys */
}

/* The people whose orders it obeys are those of now. */
static int set_signers(struct remote *clinic, struct config *c)
{
	struct signer_row rows[SIGNERS_MAX];
	int r = remote_signers(clinic, rows, &c->signer_count);

	memset(c->signers, 0, sizeof(c->signers));
	for (size_t i = 0; r == 0 && i < c->signer_count; i++)
		c->signers[i] = rows[i].signer;
	return r;
}

/* Returns an enum ctl_exit; what was signed is in s. */
static int sign_config(const struct args *a, struct remote *clinic, const char *name,
		       struct signed_config *s)
{
	static struct ctl_config_base old, own;
	static struct config c;
	char why[FOLDER_WHY_MAX];
	int r = ctl_config_load(clinic, a->old, &old), err;

	if (r == CTL_OK)
		r = ctl_config_load(clinic, name, &own);
	if (r == CTL_OK) {
		ctl_config_next_of(&own, &c);
		make_config(&c, &old.config, own.config.version > 0, a->minutes);
		s->base = own.config.version;
		/* of a life before of the old one there is no patient here */
		c.assignment = 0;
		err = set_signers(clinic, &c);
		if (err == 0 && old.config.epoch == old.hub.epoch &&
		    old.config.assignment != 0)
			err = ctl_assign_next(clinic, name, &c.assignment);
		r = err < 0 ? remote_failed(clinic, name, err) : CTL_OK;
	}
	if (r == CTL_OK) {
		err = bundle_sign(a->dir, &c, s->cose, why);
		s->len = err > 0 ? (size_t)err : 0;
		r = err < 0 ? ctl_complain(ctl_exit_code(err), "%s", why) : CTL_OK;
	}
	crypto_wipe(&old, sizeof(old));
	crypto_wipe(&own, sizeof(own));
	crypto_wipe(&c, sizeof(c));
	return r;
}

/* --- asking for it ---------------------------------------------------------------------- */

static int refused(const struct args *a, const struct door_replaced *o)
{
	switch (o->result) {
	case DOOR_REPLACE_DONE: return CTL_OK;
	case DOOR_REPLACE_NEEDS_CONFIG: break;
	case DOOR_REPLACE_NO_HUB:
		return ctl_complain(CTL_NO_INPUT,
				    "there is no hub '%s' in %s, and it is no label; "
				    "nothing was changed",
				    a->by, a->dir);
	case DOOR_REPLACE_ITSELF:
		return ctl_misused(&ctl_replace, "a hub does not replace itself");
	case DOOR_REPLACE_NAME:
		return ctl_complain(CTL_CANT_CREATE,
				    "the name '%s' is taken; nothing was changed, choose "
				    "another --name",
				    o->other);
	case DOOR_REPLACE_TAKEN:
		if (*o->other)
			return ctl_complain(CTL_CANT_CREATE,
					    "hub '%s' is replaced by '%s' already; "
					    "nothing was changed",
					    a->old, o->other);
		return ctl_complain(
			CTL_CANT_CREATE,
			"hub '%s' is replaced by another one already, or '%s' "
			"stands in another one's place; nothing was changed",
			a->old, o->name);
	case DOOR_REPLACE_HERE:
		return ctl_complain(CTL_CANT_CREATE,
				    "the hub with this label is here already: name it; "
				    "nothing was changed");
	case DOOR_REPLACE_REFUSED:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is %s%s: it cannot be replaced; nothing "
				    "was changed",
				    a->old, hub_state_text(o->old.state),
				    o->old.drain.kind ? " to be retired" : "");
	case DOOR_REPLACE_HAS_PATIENT:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' has a patient already; 'clinicctl assign "
				    "%s %s --unassign' first; nothing was changed",
				    o->name, a->dir, o->name);
	case DOOR_REPLACE_USED:
		return ctl_complain(CTL_FAILED,
				    "device %u of hub '%s' measures for the patient of "
				    "hub '%s'; nothing was changed",
				    o->device, a->old, o->other);
	}
	return ctl_complain(CTL_FAILED, "%s: the answer could not be read", a->dir);
}

static void get_replaced(struct cb *c, void *ret)
{
	door_get_replaced(c, ret);
}

static int ask(const struct args *a, struct remote *clinic, const struct signed_config *s,
	       struct door_replaced *ret)
{
	struct door_request rq;
	int r = remote_request(DOOR_REPLACE, a->old, &rq);

	if (a->has_label)
		memcpy(rq.key, a->label, sizeof(rq.key));
	else
		snprintf(rq.other, sizeof(rq.other), "%s", a->by);
	rq.has_key = a->has_label;
	snprintf(rq.words, sizeof(rq.words), "%s", a->name ? a->name : "");
	snprintf(rq.why, sizeof(rq.why), "%s", a->who.why);
	snprintf(rq.who, sizeof(rq.who), "%s", a->who.who ? a->who.who : "");
	rq.number = s->base;
	rq.cose = s->cose;
	rq.cose_len = s->len;
	return r < 0 ? r : remote_get(clinic, &rq, get_replaced, ret);
}

/* Only when the other one is active a configuration is wanted; again, if another one was signed meanwhile. */
static int replace_at(const struct args *a, struct remote *clinic,
		      struct door_replaced *ret)
{
	static struct signed_config s;
	int err, r = CTL_OK;

	s = (struct signed_config){ .len = 0 };
	err = ask(a, clinic, &s, ret);
	for (unsigned try = 1; r == CTL_OK && try <= STORE_TRIES; try++) {
		if (err != -ESTALE &&
		    (err < 0 || ret->result != DOOR_REPLACE_NEEDS_CONFIG))
			break;
		r = sign_config(a, clinic, ret->name, &s);
		if (r == CTL_OK)
			err = ask(a, clinic, &s, ret);
	}
	crypto_wipe(&s, sizeof(s));
	if (r != CTL_OK)
		return r;
	if (err == -EKEYREJECTED)
		return ctl_complain(CTL_FAILED,
				    "%s does not take it: this is not the key by which "
				    "the clinic's hubs know it; nothing was changed",
				    a->dir);
	if (err == -ESTALE)
		return ctl_complain(CTL_FAILED,
				    "others sign configurations for hub '%s' all the "
				    "time; nothing was changed",
				    ret->name);
	return err < 0 ? remote_failed(clinic, a->old, err) : refused(a, ret);
}

/* --- what is said ---------------------------------------------------------------------- */

static void print_json(const struct args *a, const struct door_replaced *o)
{
	cJSON *j = json_object();

	json_text(j, "hub", a->old);
	json_text(j, "state", hub_state_text(o->old.state));
	json_text(j, "drain", life_drain_text(o->old.drain.kind));
	json_uint(j, "files_up_to", o->old.drain.upto);
	json_text(j, "successor", o->name);
	json_hex(j, "successor_id", o->id, HUB_ID_LEN);
	json_bool(j, "successor_active", o->is_active);
	json_bool(j, "handed_over", o->handed_over || o->was_over);
	if (o->handed_over) {
		json_uint(j, "assignment", o->assignment);
		json_uint(j, "config", o->version);
	} else {
		json_null(j, "assignment");
		json_null(j, "config");
	}
	json_print(j);
}

static void print_text(const struct args *a, const struct door_replaced *o)
{
	if (o->old.state == HUB_SUSPENDED && o->drain == LIFE_CHANGED)
		printf("Hub '%s' is suspended: what it still has up to number %" PRIu64
		       " is filed for its patient, what it\nmeasures from now on is "
		       "held ('clinicctl held %s %s').\n",
		       a->old, o->old.drain.upto, a->dir, a->old);
	else if (o->old.state != HUB_SUSPENDED)
		printf("Hub '%s' is %s and stays so.\n", a->old,
		       hub_state_text(o->old.state));
	if (o->handed_over)
		printf("Hub '%s' has its patient and its devices now: assignment %u "
		       "(configuration %" PRIu64
		       ").\nThe devices must be paired with it%s.\nHub '%s' is retired "
		       "as soon as everything that it told of is here.\n",
		       o->name, o->assignment, o->version,
		       a->minutes ? ", its pairing window is open" : "", a->old);
	else if (o->was_over)
		printf("Hub '%s' has its patient and its devices already; nothing was "
		       "changed.\n",
		       o->name);
	else
		printf("%s: as soon as it is active, say\n  clinicctl replace %s %s --by "
		       "%s\nonce more, and it gets the patient and the devices.\n",
		       o->claimed_now ? "The one in its place is claimed, and may enrol"
				      : "The one in its place is not active yet",
		       a->dir, a->old, o->name);
}

static int replace(const struct args *a)
{
	struct door_replaced o = { .result = DOOR_REPLACE_DONE };
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(a->dir, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = replace_at(a, clinic, &o);
	remote_close(clinic);
	if (r == CTL_OK && a->json)
		print_json(a, &o);
	else if (r == CTL_OK)
		print_text(a, &o);
	return r;
}

/* A name, of a hub or a claim, or a label. */
static int parse_by(struct args *a)
{
	if (spec_name_ok(a->by) && strlen(a->by) <= HUB_NAME_MAX)
		return CTL_OK;
	a->has_label = true;
	return label_arg_parse(&ctl_replace, (char *const *)&a->by, 1, a->label);
}

static int parse_option(int c, struct args *a)
{
	switch (c) {
	case 'b': a->by = optarg; return CTL_OK;
	case 'n': a->name = optarg; return CTL_OK;
	case 'r': a->who.why = optarg; return CTL_OK;
	case 'w': a->who.who = optarg; return CTL_OK;
	case 'j': a->json = true; return CTL_OK;
	case 'm':
		if (spec_parse_number(optarg, 0, CONFIG_WINDOW_MIN_MAX, &a->minutes) == 0)
			return CTL_OK;
		return ctl_misused(&ctl_replace,
				   "--pair-window '%s' is not a number from 0 to %d",
				   optarg, CONFIG_WINDOW_MIN_MAX);
	default: return ctl_misused(&ctl_replace, "replace: nothing was changed");
	}
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "name", required_argument, NULL, 'n' },
		{ "reason", required_argument, NULL, 'r' },
		{ "who", required_argument, NULL, 'w' },
		{ "pair-window", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .minutes = MINUTES, .who.why = "no reason given" };
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = parse_option(c, &a);
	if (r != CTL_OK)
		return r;
	if (!ctl_operands(&ctl_replace, argc, argv, optind, 2))
		return CTL_USAGE;
	a.dir = argv[optind];
	a.old = argv[optind + 1];
	if (!a.by)
		return ctl_misused(&ctl_replace,
				   "replace: --by says which hub comes in its place");
	if (a.name && !spec_name_ok(a.name))
		return ctl_misused(&ctl_replace, "'%s' cannot be a hub's name", a.name);
	r = ctl_check_signature(&ctl_replace, &a.who);
	if (r == CTL_OK)
		r = parse_by(&a);
	return r == CTL_OK ? replace(&a) : r;
}

const struct ctl_verb ctl_replace = {
	.name = "replace",
	.what = "let another hub take the place of one, with its patient and devices",
	.usage = "Usage: clinicctl replace DIR OLD --by LABEL|HUB [--name NAME] "
		 "[--pair-window MINUTES]\n"
		 "           [--reason TEXT] [--who NAME] [--json]\n"
		 "The hub OLD is suspended: what it has told of until now is filed for "
		 "its patient, also if\n"
		 "it comes late, and what it measures from now on is held. The other one "
		 "is claimed if it\n"
		 "is not here yet. As soon as that one is active, the same command gives "
		 "it the patient\n"
		 "and the devices, and OLD is retired when all that it told of is "
		 "here.\n\n"
		 "  --by LABEL|HUB  the one in its place: its label, or its name here\n"
		 "  --name NAME     how it is called here; default OLD-new\n"
		 "  --pair-window MINUTES  for all devices; default 10, 0: not at all\n"
		 "  --who NAME      who says so; default the user of this machine\n"
		 "  --reason TEXT   why; kept in the journal\n"
		 "  --json          one object, for programs\n",
	.remote = true,
	.run = run,
};
