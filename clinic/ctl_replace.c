/*
 * ctl_replace.c - clinicctl replace: another hub comes in the place of one. Said again it does what can be done by then.
 *
 *   1. The other one is claimed, if it is not here yet; the old one is suspended and drained (life.h): what it has told of
 *      is filed for its patient, what it measures from now on is held.
 *   2. When the other one is active: it gets the patient and the devices of the old one, in a configuration of its own; the
 *      old one is parted then, and retired as soon as everything that it told of is here.
 *
 * One transaction for what is done at once.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_config.h"
#include "clinic/ctl_decide.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/label_arg.h"
#include "clinic/spec.h"
#include "clinic/store_assign.h"
#include "clinic/store_claim.h"
#include "clinic/store_life.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

enum { MINUTES = 10 };

struct args {
	const char *dir, *old, *by, *name;
	struct ctl_signature who;
	bool json;
	long minutes;
};

/* What became of it. */
struct outcome {
	struct hub old;
	enum life_result drain;
	uint8_t id[HUB_ID_LEN]; /* of the one in its place */
	char name[HUB_NAME_MAX + 1];
	bool claimed_now, is_active, handed_over, was_over;
	uint32_t assignment;
	uint64_t version;
};

/* --- the one in its place --------------------------------------------------------------- */

static int new_claim(const struct args *a, struct store *s, const struct hub *old,
		     const char *who, struct outcome *o)
{
	struct claim c = { .at_ms = ctl_now_ms(), .has_replaces = true }, other;
	int r;

	if (spec_name_ok(a->by) && strlen(a->by) < LABEL_CHARS)
		return ctl_complain(CTL_NO_INPUT,
				    "there is no hub '%s' in %s, and it is no label; "
				    "nothing was changed",
				    a->by, a->dir);
	r = label_arg_parse(&ctl_replace, (char *const *)&a->by, 1, c.spki);
	if (r != CTL_OK)
		return r;
	memcpy(c.replaces, old->id, HUB_ID_LEN);
	snprintf(c.by, sizeof(c.by), "%s", who);
	if (a->name)
		snprintf(c.name, sizeof(c.name), "%s", a->name);
	else
		snprintf(c.name, sizeof(c.name), "%.*s-new", HUB_NAME_MAX - 4, a->old);
	memcpy(c.id, c.spki, HUB_ID_LEN);
	r = claim_put(s, &c, &other);
	if (r < 0)
		return ctl_store_failed(a->dir, NULL, r);
	if (r == CLAIM_NAME)
		return ctl_complain(CTL_CANT_CREATE,
				    "the name '%s' is taken; nothing was changed, choose "
				    "another --name",
				    c.name);
	if (r == CLAIM_REPLACED)
		return ctl_complain(CTL_CANT_CREATE,
				    "hub '%s' is replaced by '%s' already; nothing was "
				    "changed",
				    a->old, other.name);
	if (r == CLAIM_HUB || r == CLAIM_NO_HUB)
		return ctl_complain(CTL_CANT_CREATE,
				    "the hub with this label is here already: name it; "
				    "nothing was changed");
	o->claimed_now = r == CLAIM_DONE;
	memcpy(o->id, r == CLAIM_THERE ? other.id : c.id, HUB_ID_LEN);
	snprintf(o->name, sizeof(o->name), "%s", r == CLAIM_THERE ? other.name : c.name);
	return CTL_OK;
}

/* By name of a hub, of a claim, or by label. */
static int find_new(const struct args *a, struct store *s, const struct hub *old,
		    const char *who, struct outcome *o)
{
	struct claim c;
	struct hub h;
	int r = store_hub_by_name(s, a->by, &h);

	if (r == 0) {
		memcpy(o->id, h.id, HUB_ID_LEN);
		memcpy(o->name, h.name, sizeof(o->name));
	}
	if (r == -ENOENT) {
		r = claim_by_name(s, a->by, &c);
		if (r == 0) {
			memcpy(o->id, c.id, HUB_ID_LEN);
			memcpy(o->name, c.name, sizeof(o->name));
		}
	}
	if (r == -ENOENT)
		r = new_claim(a, s, old, who, o);
	else if (r < 0)
		r = ctl_store_failed(a->dir, NULL, r);
	if (r == CTL_OK && memcmp(o->id, old->id, HUB_ID_LEN) == 0)
		r = ctl_misused(&ctl_replace, "a hub does not replace itself");
	return r;
}

/* --- what it gets ----------------------------------------------------------------------- */

/* Of a device that stays with its patient nothing is new but the hub: it is paired again, and what it has stored has come
 * by the old one. */
static void make_config(struct config *c, const struct config *old, const struct hub *h,
			bool has_own, long minutes)
{
	struct config own = *c;

	*c = *old;
	memcpy(c->hub, h->id, HUB_ID_LEN);
	c->epoch = h->epoch;
	c->version = has_own ? own.version : 0;
	if (has_own) {
		c->endpoint_count = own.endpoint_count;
		memcpy(c->endpoints, own.endpoints, sizeof(own.endpoints));
	}
	for (size_t i = 0; i < c->device_count; i++)
		c->devices[i].import = false;
	c->window = (struct config_window){ .id = (has_own ? own.window.id : 0) + 1,
					    .minutes = (uint16_t)minutes };
	if (minutes == 0)
		c->window = has_own ? own.window : (struct config_window){ 0 };
	ctl_config_set_version(c, h);
	crypto_wipe(&own, sizeof(own)); /* passkeys */
}

static int check_free(const struct args *a, struct store *s, const struct hub *h,
		      const struct config *c)
{
	char other[HUB_NAME_MAX + 1];
	size_t at;
	int r = store_device_user(s, h->id, c->devices, c->device_count, other, &at);

	if (r == 1)
		return ctl_complain(CTL_FAILED,
				    "device %u of hub '%s' measures for the patient of "
				    "hub '%s'; nothing was changed",
				    c->devices[at].num, a->old, other);
	return r < 0 ? ctl_store_failed(a->dir, a->old, r) : CTL_OK;
}

static int give_patient(struct store *s, const struct hub *old, const struct config *of,
			struct config *c)
{
	struct assigned was = { 0 };
	int r;

	c->assignment = 0;
	if (of->assignment == 0)
		return 0;
	r = store_assigned_get(s, old->id, old->epoch, of->assignment, &was);
	if (r < 0 && r != -ENOENT)
		return r;
	return store_assigned_add(s, c->hub, c->epoch, was.patient, ctl_now_ms(),
				  &c->assignment);
}

static int sign(const struct args *a, struct store *s, const struct hub *old,
		const struct config *of, struct config *c)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	char why[FOLDER_WHY_MAX] = "";
	size_t len;
	int r = give_patient(s, old, of, c);

	if (r == 0)
		r = ctl_config_sign(a->dir, s, c, cose, &len, why);
	crypto_wipe(cose, sizeof(cose));
	if (r < 0 && why[0])
		return ctl_complain(ctl_exit_code(r), "%s", why);
	return r < 0 ? ctl_store_failed(a->dir, a->old, r) : CTL_OK;
}

/* The old one has nothing to say any more: it drains, or is retired or lost. */
static int hand_over(const struct args *a, struct store *s, const struct hub *h,
		     struct config *of, struct config *c, struct outcome *o)
{
	struct life_request rq = { .event = LIFE_TAKEN_OVER,
				   .now_ms = ctl_now_ms(),
				   .end_ms = ctl_now_ms() };
	bool over = o->old.state != HUB_SUSPENDED || o->old.drain.end_ms != 0;
	bool has_own;
	int r = store_config_get(s, h->id, c);

	has_own = r == 0 && c->epoch == h->epoch;
	if (r < 0 && r != -ENOENT)
		return ctl_store_failed(a->dir, o->name, r);
	if (has_own && c->assignment != 0) {
		o->was_over = over;
		return over ? CTL_OK
			    : ctl_complain(CTL_FAILED,
					   "hub '%s' has a patient already; 'clinicctl "
					   "assign %s %s --unassign' first; nothing was "
					   "changed",
					   o->name, a->dir, o->name);
	}
	r = store_config_get(s, o->old.id, of);
	if (r < 0)
		return ctl_store_failed(a->dir, a->old, r);
	make_config(c, of, h, has_own, a->minutes);
	r = check_free(a, s, h, c);
	if (r == CTL_OK)
		r = sign(a, s, &o->old, of, c);
	if (r != CTL_OK)
		return r;
	o->handed_over = true;
	o->assignment = c->assignment;
	o->version = c->version;
	r = store_life_on(s, &o->old, &rq);
	return r < 0 ? ctl_store_failed(a->dir, a->old, r) : CTL_OK;
}

/* --- one transaction ------------------------------------------------------------------- */

static int write_line(struct store *s, const struct args *a, const struct outcome *o,
		      enum journal_act act)
{
	struct journal_entry e = { .act = act, .assignment = o->assignment };
	int r = store_journal_next(s, o->old.id, &e.number);

	ctl_sign(&e, &a->who);
	snprintf(e.why, sizeof(e.why), "by %s: %s", o->name, a->who.why);
	return r < 0 ? r : store_journal_add(s, o->old.id, &e);
}

static int drain(const struct args *a, struct store *s, struct outcome *o)
{
	struct life_request rq = { .event = LIFE_REPLACE, .now_ms = ctl_now_ms() };
	int r = store_successor_put(s, o->old.id, o->id, rq.now_ms);

	if (r == -EEXIST)
		return ctl_complain(
			CTL_CANT_CREATE,
			"hub '%s' is replaced by another one already, or '%s' "
			"stands in another one's place; nothing was changed",
			a->old, o->name);
	if (r == 0)
		r = store_life_told(s, &o->old, &rq.told);
	if (r == 0)
		r = store_life_on(s, &o->old, &rq);
	if (r < 0)
		return ctl_store_failed(a->dir, a->old, r);
	o->drain = (enum life_result)r;
	if (r == LIFE_REFUSED)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is %s%s: it cannot be replaced; nothing "
				    "was changed",
				    a->old, hub_state_text(o->old.state),
				    o->old.drain.kind ? " to be retired" : "");
	r = o->drain == LIFE_CHANGED ? write_line(s, a, o, JOURNAL_REPLACE) : 0;
	return r < 0 ? ctl_store_failed(a->dir, a->old, r) : CTL_OK;
}

/* *ret_err: of the store, if it was that others were in the way. */
static int replace_once(const struct args *a, struct store *s, struct outcome *o,
			int *ret_err)
{
	static struct config of, c;
	struct journal_entry signature = { 0 };
	struct hub h;
	int err = store_begin(s), r = CTL_OK;

	*o = (struct outcome){ 0 };
	ctl_sign(&signature, &a->who);
	if (err == 0)
		err = store_hub_lock(s, a->old, &o->old);
	if (err < 0) {
		*ret_err = err;
		return CTL_FAILED;
	}
	r = find_new(a, s, &o->old, signature.who, o);
	if (r == CTL_OK)
		r = drain(a, s, o);
	if (r != CTL_OK)
		return r;
	err = store_hub_by_id(s, o->id, &h);
	o->is_active = err == 0 && h.state == HUB_ACTIVE;
	if (err < 0 && err != -ENOENT)
		return ctl_store_failed(a->dir, o->name, err);
	if (o->is_active)
		r = hand_over(a, s, &h, &of, &c, o);
	crypto_wipe(&of, sizeof(of)); /* passkeys */
	crypto_wipe(&c, sizeof(c));
	if (r == CTL_OK && o->handed_over &&
	    (err = write_line(s, a, o, JOURNAL_TAKEN_OVER)) < 0)
		r = ctl_store_failed(a->dir, a->old, err);
	if (r == CTL_OK) {
		*ret_err = store_commit(s);
		r = *ret_err < 0 ? CTL_FAILED : CTL_OK;
	}
	return r;
}

/* --- what is said ---------------------------------------------------------------------- */

static void print_json(const struct args *a, const struct outcome *o)
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

static void print_text(const struct args *a, const struct outcome *o)
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
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct outcome o;
	int r = folder_open_store(a->dir, &store, why), err = -EAGAIN;

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	for (unsigned try = 1; err == -EAGAIN && try <= STORE_TRIES; try++) {
		if (try > 1)
			store_pause(try);
		err = 0;
		r = replace_once(a, store, &o, &err);
		store_rollback(store);
	}
	store_close(store);
	if (err < 0)
		return ctl_store_failed(a->dir, a->old, err);
	if (r == CTL_OK && a->json)
		print_json(a, &o);
	else if (r == CTL_OK)
		print_text(a, &o);
	return r;
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
	.run = run,
};
