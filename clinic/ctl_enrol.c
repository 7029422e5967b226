/*
 * ctl_enrol.c - clinicctl enrol: which hubs have certificates by enrolment or wait for one, a person's word for those that
 * wait, and the CA that signs them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_ticket.h"
#include "clinic/door_rows.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "clinic/remote.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

struct args {
	const char *dir, *name;
	struct ctl_signature by;
	bool json;
	int64_t now_ms;
};

static int parse(int argc, char **argv, int operands, struct args *a)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ .by.why = "no reason given", .now_ms = ctl_now_ms() };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->by.why = optarg; break;
		case 'b': a->by.who = optarg; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_enrol, "enrol: nothing was changed");
		}
	}
	if (!ctl_operands(&ctl_enrol, argc, argv, optind, operands + 1))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = operands > 1 ? argv[optind + 2] : NULL;
	return ctl_check_signature(&ctl_enrol, &a->by);
}

/* --- list ----------------------------------------------------------------------------- */

/* What a hub waits for. */
static const struct wish {
	const char *word; /* for programs */
	const char *text;
} wishes[] = {
	{ "none", "" },
	{ "approval-again", "was in use and was reset, or has lost its keys: asks for a "
			    "certificate: 'clinicctl enrol approve'" },
	{ "approval", "asks for a certificate: 'clinicctl enrol approve'" },
	{ "too-many-keys", "has asked for too many certificates: look at it, then "
			   "'clinicctl enrol approve'" },
	{ "confirm-again", "was in use and was reset, or has lost its keys: has a "
			   "certificate, not in use yet" },
	{ "confirm-renewal", "has a next certificate, not in use yet" },
	{ "confirm", "has a certificate, not in use yet" },
	{ "ask-approved", "approved, has not asked yet" },
	{ "ask", "has not asked yet" },
};

static const struct wish *find_wish(const struct enrolment *e, int64_t now_ms)
{
	bool live = e->issued.there && now_ms - e->issued.issued_ms < ENROLMENT_ISSUED_MS;
	/* by its own key, not to renew: what it had is gone */
	bool again = e->state == HUB_ACTIVE;

	if (e->asked)
		return &wishes[again ? 1 : 2];
	if (live && e->tries >= ENROLMENT_TRIES_MAX)
		return &wishes[3];
	if (live && again && !e->issued.renewal)
		return &wishes[4];
	if (live)
		return &wishes[e->issued.renewal ? 5 : 6];
	if (e->state == HUB_PREREGISTERED || e->state == HUB_ISSUED)
		return &wishes[e->approved ? 7 : 8];
	return &wishes[0];
}

static void print_json(const struct enrol_row *row, const struct wish *w)
{
	char until[WORDS_TIME_MAX];
	cJSON *o = json_object();

	json_text(o, "hub", row->name);
	json_hex(o, "hub_id", row->hub, HUB_ID_LEN);
	json_text(o, "state", hub_state_text(row->e.state));
	json_uint(o, "epoch", row->e.epoch);
	if (row->e.active.there)
		json_text(o, "certificate_until",
			  words_time(row->e.active.ends_ms, 0, true, until));
	else
		json_null(o, "certificate_until");
	json_text(o, "waits_for", w->word);
	json_bool(o, "approved", row->e.approved);
	json_uint(o, "tries", row->e.tries);
	json_print(o);
}

static int print_row(void *arg, const struct enrol_row *row)
{
	const struct args *a = arg;
	const struct wish *w = find_wish(&row->e, a->now_ms);
	char until[WORDS_TIME_MAX];

	if (a->json) {
		print_json(row, w);
		return 0;
	}
	printf("%-20s %-13s epoch %u", row->name, hub_state_text(row->e.state),
	       row->e.epoch);
	if (row->e.active.there)
		printf(", certificate until %s",
		       words_time(row->e.active.ends_ms, 0, false, until));
	printf("%s%s\n", *w->text ? ", " : "", w->text);
	return 0;
}

static int list(int argc, char **argv)
{
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	struct args a;
	int r = parse(argc, argv, 1, &a);

	if (r != CTL_OK)
		return r;
	r = remote_open(a.dir, &clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = remote_enrolments(clinic, print_row, &a);
	if (r == 0)
		r = ctl_ticket_alarms(clinic, a.now_ms, a.json);
	r = r < 0 ? remote_failed(clinic, NULL, r) : CTL_OK;
	remote_close(clinic);
	return r;
}

/* --- approve -------------------------------------------------------------------------- */

static void get_approved(struct cb *c, void *ret)
{
	struct enrolment_answer *answer = ret;

	(void)cb_get_array(c, 2);
	answer->action = (enum enrolment_action)cb_get_uint_max(c, ENROLMENT_CHANGED);
	answer->reason = (enum enrolment_reason)cb_get_uint_max(c, ENROLMENT_REASONS - 1);
}

static int approve(int argc, char **argv)
{
	struct enrolment_answer answer = { .action = ENROLMENT_REFUSE };
	struct door_request rq = { .op = DOOR_ENROL_APPROVE };
	struct args a;
	cJSON *o;
	int r = parse(argc, argv, 2, &a);

	if (r == CTL_OK)
		r = ctl_ask(a.dir, a.name, &a.by, &rq, get_approved, &answer);
	if (r != CTL_OK)
		return r;
	if (answer.action == ENROLMENT_REFUSE)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' cannot enrol: %s; nothing was changed",
				    a.name, enrolment_reason_name(answer.reason));
	if (a.json) {
		o = json_object();
		json_text(o, "hub", a.name);
		json_bool(o, "approved", true);
		json_print(o);
		return CTL_OK;
	}
	printf("Hub '%s' may enrol: it gets its certificate when it asks the next "
	       "time.\n",
	       a.name);
	return CTL_OK;
}

/* --- CA ------------------------------------------------------------------------------- */

/* The key last: clinicd takes the role on when there is one. */
static int write_ca(const char *dir, const struct pki_pair *ca)
{
	int r = file_replace(dir, FILES_ENROL_CRT, (const uint8_t *)ca->cert,
			     strlen(ca->cert));

	return r < 0 ? r
		     : file_replace(dir, FILES_ENROL_KEY, (const uint8_t *)ca->key,
				    strlen(ca->key));
}

static int make_ca(int argc, char **argv)
{
	struct pki_pair root, ca;
	char why[FOLDER_WHY_MAX];
	struct args a;
	int r = parse(argc, argv, 1, &a);

	if (r != CTL_OK)
		return r;
	if (!file_is_gone(a.dir, FILES_ENROL_KEY))
		return ctl_complain(CTL_CANT_CREATE,
				    "%s/%s is there already, or the folder cannot be "
				    "read; nothing was changed",
				    a.dir, FILES_ENROL_KEY);
	r = keyfile_read_pem(a.dir, FILES_ROOT_KEY, root.key, why);
	if (r == 0)
		r = folder_read_text(a.dir, FILES_ROOT_CRT, root.cert, sizeof(root.cert),
				     why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = pki_make_enrol(&root, ctl_now_ms(), &ca);
	if (r == 0)
		r = write_ca(a.dir, &ca);
	crypto_wipe(&root, sizeof(root));
	crypto_wipe(&ca, sizeof(ca));
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s/%s could not be made: %s", a.dir,
				    FILES_ENROL_KEY, err_text(r));
	if (a.json) {
		cJSON *o = json_object();

		json_text(o, "key", FILES_ENROL_KEY);
		json_text(o, "certificate", FILES_ENROL_CRT);
		json_print(o);
		return CTL_OK;
	}
	printf("%s and %s are made. Copy %s to each machine where clinicd listens, and "
	       "%s "
	       "to the one\nwhere hubs enrol; say 'enrol = PORT' in %s there, and start "
	       "clinicd anew.\n",
	       FILES_ENROL_KEY, FILES_ENROL_CRT, FILES_ENROL_CRT, FILES_ENROL_KEY,
	       FILES_CONF);
	return CTL_OK;
}

static const struct ctl_part parts[] = {
	{ "list", list, true },
	{ "approve", approve, true },
	{ "ca", make_ca, false },
	{ 0 },
};

const struct ctl_verb ctl_enrol = {
	.name = "enrol",
	.what = "hubs that get their certificates by themselves: who waits, approve",
	.usage = "Usage: clinicctl enrol list DIR [--json]\n"
		 "       clinicctl enrol approve DIR NAME [--by NAME] [--reason TEXT] "
		 "[--json]\n"
		 "       clinicctl enrol ca DIR [--json]\n"
		 "Hubs that were claimed ask for a certificate where clinic.conf says "
		 "'enrol = PORT'.\n\n"
		 "  list      all of them, with what each waits for, and alarms of "
		 "tickets\n"
		 "  approve   the hub may enrol once: needed with 'enrol-approve = ask', "
		 "and when a hub\n"
		 "            has asked for too many certificates\n"
		 "  ca        makes enrol.key and enrol.crt in a clinic of an older "
		 "version\n",
	.parts = parts,
};
