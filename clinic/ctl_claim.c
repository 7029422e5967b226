/*
 * ctl_claim.c - clinicctl claim: says that the hub with this label is ours and may enrol, or takes that back. The label
 * names the hub's device key; without that key nobody can use the claim.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/json.h"
#include "clinic/label_arg.h"
#include "clinic/remote.h"
#include "clinic/spec.h"
#include "clinic/words.h"

struct args {
	const char *dir, *name, *site, *replaces;
	struct ctl_signature by;
	bool cancel, json;
	char *const *label; /* what is left of the command line */
	int label_words;
};

/* What is wished, and what became of it. */
struct claiming {
	struct claim want;
	struct claim other; /* as claim_put */
};

static int parse_options(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "site", required_argument, NULL, 's' },
		{ "replaces", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "reason", required_argument, NULL, 'w' },
		{ "cancel", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ 0 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n': a->name = optarg; break;
		case 's': a->site = optarg; break;
		case 'r': a->replaces = optarg; break;
		case 'b': a->by.who = optarg; break;
		case 'w': a->by.why = optarg; break;
		case 'c': a->cancel = true; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_claim, "claim: nothing was changed");
		}
	}
	return CTL_OK;
}

static int check_texts(struct args *a)
{
	if (a->cancel && (a->name || a->site || a->replaces))
		return ctl_misused(&ctl_claim,
				   "--cancel takes a whole claim back: no --name, --site "
				   "or --replaces");
	if (!a->cancel && a->by.why)
		return ctl_misused(&ctl_claim, "--reason is for --cancel");
	if (a->name && !spec_name_ok(a->name))
		return ctl_misused(&ctl_claim,
				   "'%s' cannot be a hub's name: 1 to %d letters, "
				   "digits, '.', '_', '-'. Do not use the patient's name",
				   a->name, HUB_NAME_MAX);
	if (a->site && !ctl_is_line(a->site, CLAIM_SITE_MAX))
		return ctl_misused(&ctl_claim, "--site must be one line of 1 to %d bytes",
				   CLAIM_SITE_MAX);
	if (!a->by.why)
		a->by.why = "no reason given";
	return ctl_check_signature(&ctl_claim, &a->by);
}

static int parse_args(int argc, char **argv, struct args *a)
{
	int r = parse_options(argc, argv, a);

	if (r == CTL_OK)
		r = check_texts(a);
	if (r != CTL_OK)
		return r;
	if (argc - optind < 2)
		return ctl_misused(&ctl_claim,
				   "claim: the clinic's folder DIR and the hub's label "
				   "are needed");
	a->dir = argv[optind];
	a->label = argv + optind + 1;
	a->label_words = argc - optind - 1;
	return CTL_OK;
}

/* --- claiming -------------------------------------------------------------------------- */

/* One who does not think of a name gets what stands first on the label. */
static void default_name(struct claim *c)
{
	char label[LABEL_TEXT_MAX];

	label_encode(c->spki, label);
	snprintf(c->name, sizeof(c->name), "hub-%.*s", LABEL_GROUP_CHARS, label + 5);
	for (char *p = c->name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
}

/* Returns an enum claim_result with the claim that it is about in k, or an error. */
static int ask(struct remote *clinic, const struct door_request *rq, struct claiming *k)
{
	uint64_t result;
	struct cb c;
	int r = remote_ask(clinic, rq, &c);

	if (r < 0)
		return r;
	(void)cb_get_array(&c, 2);
	result = cb_get_uint_max(&c, CLAIM_REPLACED);
	if (!cb_take_null(&c))
		door_get_claim(&c, &k->other);
	r = cb_finish(&c);
	return r < 0 ? r : (int)result;
}

/* Does the claim that is there come in the place of the hub of this name? */
static bool replaces_it(struct remote *clinic, const struct claim *other, const char *hub)
{
	struct door_known known;

	return other->has_replaces && remote_known(clinic, other->name, &known) == 0 &&
	       known.has_old && strcmp(known.old.name, hub) == 0;
}

/* "by X on T, for SITE" */
static void print_who(FILE *to, const struct claim *c)
{
	char when[WORDS_TIME_MAX];

	fprintf(to, "by %s on %s%s%s", c->by, words_time(c->at_ms, 0, false, when),
		*c->site ? ", for " : "", c->site);
}

static int print_json(const struct claim *c, bool changed)
{
	char when[WORDS_TIME_MAX];
	cJSON *o = json_object();

	json_text(o, "hub", c->name);
	json_hex(o, "hub_id", c->id, HUB_ID_LEN);
	json_bool(o, "claimed", true);
	json_bool(o, "changed", changed);
	json_text(o, "by", c->by);
	json_text(o, "at", words_time(c->at_ms, 0, true, when));
	if (*c->site)
		json_text(o, "site", c->site);
	else
		json_null(o, "site");
	json_print(o);
	return CTL_OK;
}

/* The same once more is fine, whatever of it is said again. */
static bool is_same(struct remote *clinic, const struct args *a, const struct claiming *k)
{
	const struct claim *o = &k->other, *w = &k->want;

	return memcmp(o->spki, w->spki, sizeof(o->spki)) == 0 &&
	       (!a->name || strcmp(a->name, o->name) == 0) &&
	       (!a->site || strcmp(a->site, o->site) == 0) &&
	       (!a->replaces || replaces_it(clinic, o, a->replaces));
}

static int said_already(struct remote *clinic, const struct args *a,
			const struct claiming *k)
{
	bool same = is_same(clinic, a, k);

	if (same && a->json)
		return print_json(&k->other, false);
	fprintf(same ? stdout : stderr, "%sThis hub is claimed already, as '%s', ",
		same ? "" : "clinicctl: ", k->other.name);
	print_who(same ? stdout : stderr, &k->other);
	fprintf(same ? stdout : stderr, "; nothing was changed.\n");
	if (same)
		return CTL_OK;
	fprintf(stderr, "'clinicctl claim %s --cancel %s' takes that back.\n", a->dir,
		k->other.name);
	return CTL_CANT_CREATE;
}

static int report(const struct args *a, const struct claim *c)
{
	if (a->json)
		return print_json(c, true);
	printf("Hub '%s' is claimed: with the key that this label names it may enrol "
	       "here.\n\n  hub id   ",
	       c->name);
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		printf("%02x", c->id[i]);
	printf("\n  claimed  ");
	print_who(stdout, c);
	if (a->replaces)
		printf("\n  comes in the place of '%s'", a->replaces);
	printf("\n\nNext: put 'clinic.trust' in it ('clinicctl trust %s -o clinic.trust' "
	       "makes it) and switch\n"
	       "it on. 'clinicctl hub list %s' says whether it was here.\n",
	       a->dir, a->dir);
	return CTL_OK;
}

static int outcome(struct remote *clinic, const struct args *a, const struct claiming *k,
		   int result)
{
	switch ((enum claim_result)result) {
	case CLAIM_DONE: return report(a, &k->other);
	case CLAIM_THERE: return said_already(clinic, a, k);
	case CLAIM_NAME:
		return ctl_complain(CTL_CANT_CREATE,
				    "the name '%s' is taken by another hub; nothing was "
				    "changed, choose another --name",
				    k->want.name);
	case CLAIM_HUB:
		return ctl_complain(CTL_CANT_CREATE,
				    "this hub was added to this clinic already; nothing "
				    "was changed, 'clinicctl hub list %s' shows it",
				    a->dir);
	case CLAIM_NO_HUB:
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no hub '%s' that could be replaced; nothing "
			"was changed",
			a->replaces);
	case CLAIM_REPLACED:
		return ctl_complain(CTL_CANT_CREATE,
				    "hub '%s' is replaced by '%s' already; nothing was "
				    "changed",
				    a->replaces, k->other.name);
	}
	return CTL_FAILED;
}

static int claim(struct remote *clinic, const struct args *a, struct claiming *k)
{
	struct door_request rq;
	int r = label_arg_parse(&ctl_claim, a->label, a->label_words, k->want.spki);

	if (r != CTL_OK)
		return r;
	if (a->name)
		snprintf(k->want.name, sizeof(k->want.name), "%s", a->name);
	else
		default_name(&k->want);
	if (a->replaces && strlen(a->replaces) > HUB_NAME_MAX)
		return outcome(clinic, a, k, CLAIM_NO_HUB);
	(void)remote_request(DOOR_CLAIM, k->want.name, &rq); /* parse_args has looked */
	rq.has_key = true;
	memcpy(rq.key, k->want.spki, sizeof(rq.key));
	snprintf(rq.site, sizeof(rq.site), "%s", a->site ? a->site : "");
	snprintf(rq.other, sizeof(rq.other), "%s", a->replaces ? a->replaces : "");
	snprintf(rq.who, sizeof(rq.who), "%s", a->by.who ? a->by.who : "");
	r = ask(clinic, &rq, k);
	return r < 0 ? remote_failed(clinic, NULL, r) : outcome(clinic, a, k, r);
}

/* --- taking back ----------------------------------------------------------------------- */

static int find_by_name(struct remote *clinic, const char *name, struct claim *ret)
{
	struct door_known known;
	int r = remote_known(clinic, name, &known);

	if (r == 0 && !known.has_claim)
		r = -ENOENT;
	if (r == 0)
		*ret = known.claim;
	return r;
}

/* By its label, or by its name: a label is no name, it has more characters. */
static int find_claim(struct remote *clinic, const struct args *a, struct claim *ret)
{
	int r = -ENOENT;

	if (a->label_words == 1)
		r = find_by_name(clinic, a->label[0], ret);
	if (r != -ENOENT)
		return r < 0 ? remote_failed(clinic, NULL, r) : CTL_OK;
	if (a->label_words == 1 && spec_name_ok(a->label[0]) &&
	    strlen(a->label[0]) < LABEL_CHARS)
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no claim of a hub '%s' in %s; 'clinicctl hub "
			"list %s' shows them",
			a->label[0], a->dir, a->dir);
	return label_arg_parse(&ctl_claim, a->label, a->label_words, ret->spki);
}

static int cancel(struct remote *clinic, const struct args *a, struct claiming *k)
{
	struct door_request rq = { .op = DOOR_CLAIM_CANCEL, .has_key = true };
	struct claim found = { 0 };
	int r = find_claim(clinic, a, &found);

	if (r != CTL_OK)
		return r;
	memcpy(rq.name, found.name, sizeof(rq.name)); /* for the record */
	memcpy(rq.key, found.spki, sizeof(rq.key));
	snprintf(rq.why, sizeof(rq.why), "%s", a->by.why);
	snprintf(rq.who, sizeof(rq.who), "%s", a->by.who ? a->by.who : "");
	r = ask(clinic, &rq, k);
	if (r == -ENOENT)
		return ctl_complain(CTL_NO_INPUT,
				    "the hub with this label is not claimed; nothing was "
				    "changed");
	if (r < 0)
		return remote_failed(clinic, NULL, r);
	if (r == CLAIM_HUB)
		return ctl_complain(CTL_CANT_CREATE,
				    "this hub has enrolled: its claim cannot be taken "
				    "back; nothing was changed");
	if (a->json) {
		cJSON *o = json_object();

		json_hex(o, "hub_id", found.spki, HUB_ID_LEN);
		json_bool(o, "claimed", false);
		json_bool(o, "changed", true);
		json_print(o);
		return CTL_OK;
	}
	printf("The claim is taken back: this hub may not enrol here any more.\n");
	return CTL_OK;
}

static int run(int argc, char **argv)
{
	struct claiming k = { 0 };
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	r = remote_open(a.dir, &clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = a.cancel ? cancel(clinic, &a, &k) : claim(clinic, &a, &k);
	remote_close(clinic);
	return r;
}

const struct ctl_verb ctl_claim = {
	.name = "claim",
	.what = "say that the hub with this label is ours and may enrol",
	.usage = "Usage: clinicctl claim DIR LABEL [--name NAME] [--site TEXT] "
		 "[--replaces "
		 "HUB] [--by NAME]\n"
		 "           [--json]\n"
		 "       clinicctl claim DIR --cancel LABEL|NAME [--reason TEXT] [--by "
		 "NAME] [--json]\n"
		 "Says that the hub with this label is ours: with the key that the label "
		 "names, and with\n"
		 "no other, it may enrol. The label is no secret.\n\n"
		 "  LABEL            what is printed on it or scanned: 56 letters and "
		 "digits, with or\n"
		 "                   without 'HUB1:', in groups or not\n"
		 "  --name NAME      how it is called here, not the patient's name; "
		 "default "
		 "'hub-' and\n"
		 "                   the first group of its label\n"
		 "  --site TEXT      where it shall stand\n"
		 "  --replaces HUB   the hub in whose place it comes\n"
		 "  --by NAME        who says so; default the user of this machine\n"
		 "  --cancel         take it back, as long as the hub has not enrolled\n"
		 "  --reason TEXT    why; kept in the journal\n"
		 "  --json           one object, for programs\n",
	.remote = true,
	.run = run,
};
