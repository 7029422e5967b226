/*
 * ctl_assign.c - clinicctl assign: whose readings a hub takes from now on, and whose it took.
 *
 * Another patient is another assignment: a number that was never given before, in a new configuration. The hub hands over
 * by itself (hub/fence.h): old readings first, then it forgets all devices, which are paired anew.
 */
#include "clinic/ctl_assign.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_config_ask.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/json_words.h"
#include "clinic/spec.h"
#include "clinic/store_assign.h"
#include "clinic/words.h"
#include "hub/crypto/crypto.h"

enum { MINUTES = 10, CONSENT_MAX = 9999, USER_MAX = 254 };

/* Who the patient is on a device of several users. */
struct user {
	long device;
	bool sole;
	long number;
	long consent; /* -1: none */
};

struct args {
	const char *dir, *hub, *patient, *out;
	bool unassign, json;
	long minutes;
	struct ctl_signature by;
	size_t user_count;
	struct user users[CONFIG_DEVICES_MAX];
};

/* --- the command line --------------------------------------------------------------------------- */

/* NUM=sole, or NUM=N, or NUM=N,consent=NNNN. */
static int parse_user(char *text, struct user *ret)
{
	char *who = strchr(text, '='), *code;

	*ret = (struct user){ .consent = -1 };
	if (!who)
		return -EINVAL;
	*who++ = '\0';
	if (spec_parse_number(text, 1, UINT16_MAX, &ret->device) < 0)
		return -EINVAL;
	ret->sole = strcmp(who, "sole") == 0;
	if (ret->sole)
		return 0;
	code = strstr(who, ",consent=");
	if (code) {
		*code = '\0';
		if (spec_parse_number(code + strlen(",consent="), 0, CONSENT_MAX,
				      &ret->consent) < 0)
			return -EINVAL;
	}
	return spec_parse_number(who, 0, USER_MAX, &ret->number);
}

static int add_user(struct args *a, char *text)
{
	if (a->user_count == CONFIG_DEVICES_MAX ||
	    parse_user(text, &a->users[a->user_count++]) < 0)
		return ctl_misused(&ctl_assign,
				   "--user is DEVICE=N, DEVICE=N,consent=NNNN or "
				   "DEVICE=sole");
	return CTL_OK;
}

static int check(struct args *a)
{
	bool changes = a->patient || a->unassign;

	if (a->patient && a->unassign)
		return ctl_misused(&ctl_assign, "either --patient or --unassign");
	if (a->patient && !store_assigned_is_patient(a->patient))
		return ctl_misused(&ctl_assign,
				   "--patient is a pseudonym of 1 to %d printable "
				   "characters without a space, and no name",
				   PATIENT_TEXT_MAX);
	if (a->out && !changes)
		return ctl_misused(&ctl_assign,
				   "--out belongs to --patient or --unassign");
	if (!a->by.why)
		a->by.why = "no reason given";
	return ctl_check_signature(&ctl_assign, &a->by);
}

static int parse_option(int c, struct args *a)
{
	switch (c) {
	case 'p': a->patient = optarg; break;
	case 'n': a->unassign = true; break;
	case 'o': a->out = optarg; break;
	case 'r': a->by.why = optarg; break;
	case 'b': a->by.who = optarg; break;
	case 'j': a->json = true; break;
	case 'u': return add_user(a, optarg);
	case 'm':
		if (spec_parse_number(optarg, 0, CONFIG_WINDOW_MIN_MAX, &a->minutes) < 0)
			return ctl_misused(&ctl_assign,
					   "--pair-window '%s' is not a number from 0 "
					   "to %d",
					   optarg, CONFIG_WINDOW_MIN_MAX);
		break;
	default: return ctl_misused(&ctl_assign, "assign: nothing was changed");
	}
	return CTL_OK;
}

static int parse(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "patient", required_argument, NULL, 'p' },
		{ "unassign", no_argument, NULL, 'n' },
		{ "out", required_argument, NULL, 'o' },
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "user", required_argument, NULL, 'u' },
		{ "pair-window", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ .minutes = MINUTES };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = parse_option(c, a);
	if (r != CTL_OK)
		return r;
	if (!ctl_operands(&ctl_assign, argc, argv, optind, 2))
		return CTL_USAGE;
	a->dir = argv[optind];
	a->hub = argv[optind + 1];
	return check(a);
}

/* --- another patient ------------------------------------------------------------------------------ */

static const struct user *find_user(const struct args *a, uint16_t num)
{
	for (size_t i = 0; i < a->user_count; i++)
		if (a->users[i].device == num)
			return &a->users[i];
	return NULL;
}

/* The user number of a device is the old patient's; what it keeps is not the new one's. */
static int set_device(const struct args *a, struct config_device *d)
{
	const struct user *u = find_user(a, d->num);

	d->import = false;
	if (!u && d->has_user)
		return ctl_complain(CTL_FAILED,
				    "device %u of hub '%s' tells its users apart: say "
				    "with --user %u=N who the patient is on it, or "
				    "--user %u=sole; nothing was changed",
				    d->num, a->hub, d->num, d->num);
	if (!u)
		return CTL_OK;
	d->sole_user = u->sole;
	d->has_user = !u->sole;
	d->user = (uint8_t)u->number;
	d->has_consent = !u->sole && u->consent >= 0;
	d->consent = (uint16_t)(d->has_consent ? u->consent : 0);
	return CTL_OK;
}

static int set_devices(const struct args *a, struct config *c)
{
	int r = CTL_OK;

	for (size_t i = 0; i < a->user_count; i++) {
		bool found = false;

		for (size_t k = 0; k < c->device_count; k++)
			found |= c->devices[k].num == a->users[i].device;
		if (!found)
			return ctl_complain(CTL_NO_INPUT, "hub '%s' has no device %ld",
					    a->hub, a->users[i].device);
	}
	for (size_t i = 0; r == CTL_OK && i < c->device_count; i++)
		r = set_device(a, &c->devices[i]);
	return r;
}

/* --- asking for it ------------------------------------------------------------------------------ */

int ctl_assign_next(struct remote *clinic, const char *hub, uint32_t *ret)
{
	static struct hub_facts f;
	struct door_request rq;
	struct assigned row;
	uint32_t highest = 0;
	struct cb c;
	int r = remote_request(DOOR_ASSIGNED, hub, &rq);

	if (r == 0)
		r = remote_ask(clinic, &rq, &c);
	if (r < 0)
		return r;
	(void)cb_get_array(&c, 2);
	door_get_facts(&c, &f);
	for (size_t n = cb_get_array(&c, DOOR_PAGE); n > 0 && cb_error(&c) == 0; n--) {
		door_get_assigned(&c, &row);
		highest = row.number > highest ? row.number : highest;
	}
	*ret = highest + 1;
	return cb_finish(&c);
}

/* What stood against it, as clinicd found. */
static int refused(const struct args *a, const struct config *c, uint64_t result,
		   const char *other, uint64_t at)
{
	switch ((enum door_assigned)result) {
	case DOOR_ASSIGN_DONE: return CTL_OK;
	case DOOR_ASSIGN_SAME:
		return a->patient ? ctl_complain(CTL_FAILED,
						 "hub '%s' is that patient's already; "
						 "nothing was changed",
						 a->hub)
				  : ctl_complain(CTL_FAILED,
						 "hub '%s' has no patient; nothing was "
						 "changed",
						 a->hub);
	case DOOR_ASSIGN_USED:
		if (at >= c->device_count)
			break;
		return ctl_complain(CTL_FAILED,
				    "device %u of hub '%s' measures for the patient of "
				    "hub '%s'; 'clinicctl assign %s %s --unassign' "
				    "first; nothing was changed",
				    c->devices[at].num, a->hub, other, a->dir, other);
	case DOOR_ASSIGN_GONE:
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is retired, lost, or on its way there; "
				    "nothing was changed",
				    a->hub);
	}
	return ctl_complain(CTL_FAILED, "%s: the answer could not be read", a->dir);
}

/* Returns an enum ctl_exit or -ESTALE. */
static int put(struct remote *clinic, const struct args *a, const struct config *c,
	       uint64_t base, const uint8_t *cose, size_t len)
{
	char other[HUB_NAME_MAX + 1] = "";
	struct door_request rq;
	uint64_t result, at;
	const char *text;
	struct cb in;
	size_t n;
	int r = remote_request(DOOR_ASSIGN, a->hub, &rq);

	rq.number = base;
	rq.cose = cose;
	rq.cose_len = len;
	snprintf(rq.why, sizeof(rq.why), "%s", a->by.why);
	snprintf(rq.who, sizeof(rq.who), "%s", a->by.who ? a->by.who : "");
	snprintf(rq.patient, sizeof(rq.patient), "%s", a->patient ? a->patient : "");
	if (r == 0)
		r = remote_ask(clinic, &rq, &in);
	if (r < 0)
		return r == -ESTALE ? r : remote_failed(clinic, a->hub, r);
	(void)cb_get_array(&in, 3);
	result = cb_get_uint(&in);
	text = cb_get_text(&in, &n);
	at = cb_get_uint(&in);
	if (cb_finish(&in) == 0 && n < sizeof(other))
		memcpy(other, text, n);
	else
		result = 0;
	return refused(a, c, result, other, at);
}

/* c is the last one, with the next version. */
static int change(struct remote *clinic, const struct args *a, struct config *c)
{
	int r = a->patient ? set_devices(a, c) : CTL_OK;

	if (r != CTL_OK)
		return r;
	c->assignment = 0;
	c->plan_count = c->limit_count = 0; /* they were made for somebody else */
	if (a->patient)
		r = ctl_assign_next(clinic, a->hub, &c->assignment);
	if (a->patient && a->minutes)
		c->window = (struct config_window){ .id = c->window.id + 1,
						    .minutes = (uint16_t)a->minutes };
	return r < 0 ? remote_failed(clinic, a->hub, r) : CTL_OK;
}

/* Returns an enum ctl_exit or -ESTALE. */
static int try_once(struct remote *clinic, const struct args *a, struct config *c,
		    uint8_t cose[static BUNDLE_COSE_MAX], size_t *ret_len)
{
	static struct ctl_config_base b;
	char why[FOLDER_WHY_MAX];
	int r = ctl_config_load(clinic, a->hub, &b), len = 0;

	ctl_config_next_of(&b, c);
	if (r == CTL_OK)
		r = change(clinic, a, c);
	if (r == CTL_OK) {
		len = bundle_sign(a->dir, c, cose, why);
		if (len < 0)
			r = ctl_complain(ctl_exit_code(len), "%s", why);
	}
	if (r == CTL_OK)
		r = put(clinic, a, c, b.config.version, cose, (size_t)len);
	*ret_len = len > 0 ? (size_t)len : 0;
	crypto_wipe(&b, sizeof(b));
	return r;
}

static int assign_at(struct remote *clinic, const struct args *a,
		     const struct ctl_config_out *out, struct config *c)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	size_t len = 0;
	int r = -ESTALE;

	for (unsigned try = 1; r == -ESTALE && try <= STORE_TRIES; try++)
		r = try_once(clinic, a, c, cose, &len);
	if (r == -ESTALE)
		r = ctl_complain(CTL_FAILED,
				 "others sign configurations for hub '%s' all the time; "
				 "nothing was changed",
				 a->hub);
	if (r == CTL_OK)
		r = ctl_config_write(out, cose, len);
	crypto_wipe(cose, sizeof(cose));
	return r;
}

static void report(const struct args *a, const struct ctl_config_out *out,
		   const struct config *c)
{
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_text(o, "hub", a->hub);
		json_uint(o, "assignment", c->assignment);
		if (a->patient)
			json_text(o, "patient", a->patient);
		else
			json_null(o, "patient");
		ctl_config_add_json(o, c, out);
		json_print(o);
		return;
	}
	if (a->patient)
		printf("Hub '%s' is assigned to patient '%s': assignment %u "
		       "(configuration %llu).\n\n",
		       a->hub, a->patient, c->assignment, (unsigned long long)c->version);
	else
		printf("Hub '%s' has no patient any more (configuration %llu).\n\n",
		       a->hub, (unsigned long long)c->version);
	ctl_config_print_next(stdout, out);
	printf("The hub saves what it has for\nthe patient before, then forgets all "
	       "devices: they must be paired again");
	if (a->patient && a->minutes)
		printf(", within %ld\nminutes", a->minutes);
	printf(".\n'clinicctl status %s %s' says when it is done.\n", a->dir, a->hub);
}

static int assign(struct args *a)
{
	static struct config c;
	char why[FOLDER_WHY_MAX];
	struct ctl_config_out out;
	struct remote *clinic;
	int r = ctl_config_out(&ctl_assign, a->out, &out);

	if (r != CTL_OK)
		return r;
	r = remote_open(a->dir, &clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = assign_at(clinic, a, &out, &c);
	if (r == CTL_OK)
		report(a, &out, &c);
	remote_close(clinic);
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	return r;
}

/* --- what is said of it ---------------------------------------------------------------------------- */

static uint32_t wanted(const struct hub_facts *f)
{
	return f->has_config ? f->config.assignment : 0;
}

/* What the hub says of it; NULL: nothing. */
static const struct status *told(const struct hub_facts *f)
{
	return f->has_status && f->status.status.has_assignment ? &f->status.status
								: NULL;
}

void ctl_assign_add_json(const struct hub_facts *f, cJSON *o)
{
	const struct status *st = told(f);

	json_uint(o, "assignment_wanted", wanted(f));
	if (f->assigned.patient[0])
		json_text(o, "patient", f->assigned.patient);
	else
		json_null(o, "patient");
	if (st)
		json_uint(o, "assignment_in_force", st->assignment);
	else
		json_null(o, "assignment_in_force");
	json_text(o, "hand_over", st ? fence_step_text(st->fence) : "unknown");
}

void ctl_assign_print(const struct hub_facts *f)
{
	const struct status *st = told(f);

	if (!f->has_config)
		return;
	if (f->assigned.patient[0])
		printf("  %s: assignment %u, patient %s\n", f->hub.name, wanted(f),
		       f->assigned.patient);
	if (st && (st->assignment != wanted(f) || st->fence != FENCE_SETTLED))
		printf("  %s: assignment %u is wanted, %u is in force on the hub, as it "
		       "said last%s%s\n",
		       f->hub.name, wanted(f), st->assignment,
		       st->fence == FENCE_SETTLED ? "" : "; it is handing over, step ",
		       st->fence == FENCE_SETTLED ? "" : fence_step_text(st->fence));
}

static void add_row(cJSON *rows, const struct assigned *a)
{
	cJSON *o = json_item(rows);

	json_uint(o, "assignment", a->number);
	json_text(o, "patient", a->patient);
	json_bool(o, "withdrawn", a->state == ASSIGNMENT_WITHDRAWN);
	json_time(o, "since", a->since_ms);
	json_uint(o, "first_number", a->first_seq);
}

static void print_row(const struct assigned *a)
{
	char time[WORDS_TIME_MAX];

	printf("%10u  %-24s %-22s", a->number, a->patient[0] ? a->patient : "-",
	       a->since_ms ? words_time(a->since_ms, 0, false, time) : "-");
	if (a->first_seq)
		printf(" from number %" PRIu64, a->first_seq);
	printf("%s\n", a->state == ASSIGNMENT_WITHDRAWN ? " (withdrawn)" : "");
}

static void show_rows(const struct args *a, const struct hub_facts *f, struct cb *c)
{
	size_t n = cb_get_array(c, DOOR_PAGE);
	cJSON *o = NULL, *rows = NULL;
	struct assigned row;

	if (a->json) {
		o = json_object();
		json_text(o, "hub", f->hub.name);
		ctl_assign_add_json(f, o);
		rows = json_array_in(o, "assignments");
	} else {
		printf("%10s  %-24s %-22s %s\n", "ASSIGNMENT", "PATIENT", "ORDERED",
		       "READINGS");
	}
	for (size_t i = 0; i < n && cb_error(c) == 0; i++) {
		door_get_assigned(c, &row);
		if (cb_error(c) == 0 && a->json)
			add_row(rows, &row);
		else if (cb_error(c) == 0)
			print_row(&row);
	}
	if (a->json)
		json_print(o);
	else
		ctl_assign_print(f);
}

static int show(const struct args *a)
{
	static struct hub_facts f;
	struct door_request rq;
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	struct cb c;
	int r = remote_open(a->dir, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = remote_request(DOOR_ASSIGNED, a->hub, &rq);
	if (r == 0)
		r = remote_ask(clinic, &rq, &c);
	if (r == 0) {
		(void)cb_get_array(&c, 2);
		door_get_facts(&c, &f);
		show_rows(a, &f, &c);
		r = cb_finish(&c);
	}
	r = r < 0 ? remote_failed(clinic, a->hub, r) : CTL_OK;
	remote_close(clinic);
	return r;
}

static int run(int argc, char **argv)
{
	struct args a;
	int r = parse(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	return a.patient || a.unassign ? assign(&a) : show(&a);
}

const struct ctl_verb ctl_assign = {
	.name = "assign",
	.what = "give a hub to another patient, or take it away; show whose it was",
	.usage =
		"Usage: clinicctl assign DIR HUB [--json]\n"
		"       clinicctl assign DIR HUB --patient PSEUDONYM "
		"[--user DEVICE=N[,consent=NNNN]]...\n"
		"           [--pair-window MINUTES] [--reason TEXT] [--by NAME] [--out "
		"FILE]\n"
		"           [--json]\n"
		"       clinicctl assign DIR HUB --unassign [--reason TEXT] [--by NAME] "
		"[--out FILE] [--json]\n"
		"Shows the assignments of a hub, or signs a new configuration with the "
		"next one, which the\n"
		"hub fetches when it calls next. What it has measured until then goes to "
		"the patient\n"
		"before, also if it comes late. It forgets all devices, and what they "
		"have stored stays\n"
		"out.\n\n"
		"  --patient PSEUDONYM  the clinic's own word for the patient, no name: "
		"1 to 64 characters\n"
		"  --unassign           no patient: the hub listens to nobody but in a "
		"pairing window\n"
		"  --user DEVICE=N      who the patient is on a device of several users; "
		"DEVICE=sole: the only\n"
		"                       one; must be said of devices that have user=N\n"
		"  --pair-window MINUTES  for all devices; default 10, 0: not at all\n"
		"  --out FILE  write it to FILE, too, for a hub that does not reach the "
		"clinic: copy it\n"
		"              over /var/lib/hub/hubd/config.cose there\n",
	.remote = true,
	.run = run,
};
