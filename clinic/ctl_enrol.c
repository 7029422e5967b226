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
#include "clinic/enrol_store.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "clinic/store_claim.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

struct args {
	const char *dir, *name;
	struct ctl_signature by;
};

static int parse(int argc, char **argv, int operands, struct args *a)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ .by.why = "no reason given" };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->by.why = optarg; break;
		case 'b': a->by.who = optarg; break;
		default: return ctl_misused(&ctl_enrol, "enrol: nothing was changed");
		}
	}
	if (!ctl_operands(&ctl_enrol, argc, argv, optind, operands + 1))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = operands > 1 ? argv[optind + 2] : NULL;
	return ctl_check_signature(&ctl_enrol, &a->by);
}

static int open_store(const struct args *a, struct store **ret)
{
	char why[FOLDER_WHY_MAX];
	int r = folder_open_store(a->dir, ret, why);

	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

/* --- list ----------------------------------------------------------------------------- */

static const char *wish(const struct enrolment *e, int64_t now_ms)
{
	bool live = e->issued.there && now_ms - e->issued.issued_ms < ENROLMENT_ISSUED_MS;
	/* by its own key, not to renew: what it had is gone */
	bool again = e->state == HUB_ACTIVE;

	if (e->asked && again)
		return "was in use and was reset, or has lost its keys: asks for a "
		       "certificate: 'clinicctl enrol approve'";
	if (e->asked)
		return "asks for a certificate: 'clinicctl enrol approve'";
	if (live && e->tries >= ENROLMENT_TRIES_MAX)
		return "has asked for too many certificates: look at it, then 'clinicctl "
		       "enrol approve'";
	if (live && again && !e->issued.renewal)
		return "was in use and was reset, or has lost its keys: has a "
		       "certificate, not in use yet";
	if (live)
		return e->issued.renewal ? "has a next certificate, not in use yet"
					 : "has a certificate, not in use yet";
	if (e->state == HUB_PREREGISTERED || e->state == HUB_ISSUED)
		return e->approved ? "approved, has not asked yet" : "has not asked yet";
	return "";
}

static int print_row(void *arg, const struct enrol_row *row)
{
	const int64_t *now_ms = arg;
	const char *what = wish(&row->e, *now_ms);
	char until[WORDS_TIME_MAX];

	printf("%-20s %-13s epoch %u", row->name, hub_state_text(row->e.state),
	       row->e.epoch);
	if (row->e.active.there)
		printf(", certificate until %s",
		       words_time(row->e.active.ends_ms, 0, false, until));
	printf("%s%s\n", *what ? ", " : "", what);
	return 0;
}

static int list(int argc, char **argv)
{
	struct store *store;
	struct args a;
	int64_t now_ms = ctl_now_ms();
	int r = parse(argc, argv, 1, &a);

	if (r == CTL_OK)
		r = open_store(&a, &store);
	if (r != CTL_OK)
		return r;
	r = store_begin_read(store);
	if (r == 0)
		r = enrol_store_each(store, print_row, &now_ms);
	if (r == 0)
		r = ctl_ticket_alarms(store, now_ms);
	store_rollback(store);
	store_close(store);
	return r < 0 ? ctl_store_failed(a.dir, NULL, r) : CTL_OK;
}

/* --- approve -------------------------------------------------------------------------- */

static int find(struct store *s, const char *name, uint8_t ret[static HUB_ID_LEN])
{
	struct claim claim;
	struct hub hub;
	int r = claim_by_name(s, name, &claim);

	if (r == 0)
		memcpy(ret, claim.id, HUB_ID_LEN);
	if (r != -ENOENT)
		return r;
	r = store_hub_by_name(s, name, &hub);
	if (r == 0)
		memcpy(ret, hub.id, HUB_ID_LEN);
	return r;
}

static int write_line(struct store *s, const struct args *a,
		      const uint8_t hub[static HUB_ID_LEN], int64_t now_ms)
{
	struct journal_entry e = { .act = JOURNAL_ENROL_APPROVE, .at_ms = now_ms };
	int r = store_journal_next(s, hub, &e.number);

	snprintf(e.who, sizeof(e.who), "%s", a->by.who ? a->by.who : "");
	snprintf(e.why, sizeof(e.why), "%s", a->by.why);
	return r < 0 ? r : store_journal_add(s, hub, &e);
}

static int approve_once(struct store *s, const struct args *a,
			struct enrolment_answer *ret)
{
	struct enrolment_request rq = { .event = ENROLMENT_APPROVE,
					.now_ms = ctl_now_ms() };
	struct enrol_row row;
	uint8_t hub[HUB_ID_LEN];
	int r = store_begin(s);

	if (r == 0)
		r = find(s, a->name, hub);
	if (r == 0)
		r = enrol_store_take(s, hub, rq.now_ms, &row);
	if (r < 0)
		return r;
	*ret = enrolment_on(&row.e, &rq);
	if (ret->action == ENROLMENT_REFUSE)
		return 0;
	r = enrol_store_put(s, &row, rq.now_ms);
	if (r == 0)
		r = write_line(s, a, hub, rq.now_ms);
	return r < 0 ? r : store_commit(s);
}

static int approve(int argc, char **argv)
{
	struct enrolment_answer answer = { .action = ENROLMENT_REFUSE };
	struct store *store;
	struct args a;
	int r = parse(argc, argv, 2, &a);

	if (r == CTL_OK)
		r = open_store(&a, &store);
	if (r != CTL_OK)
		return r;
	for (unsigned try = 1; try <= STORE_TRIES; try++) {
		r = approve_once(store, &a, &answer);
		store_rollback(store);
		if (r != -EAGAIN && r != -EEXIST)
			break;
		store_pause(try);
	}
	store_close(store);
	if (r < 0)
		return ctl_store_failed(a.dir, a.name, r);
	if (answer.action == ENROLMENT_REFUSE)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' cannot enrol: %s; nothing was changed",
				    a.name, enrolment_reason_name(answer.reason));
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
	printf("%s and %s are made. Copy %s to each machine where clinicd listens, and "
	       "%s "
	       "to the one\nwhere hubs enrol; say 'enrol = PORT' in %s there, and start "
	       "clinicd anew.\n",
	       FILES_ENROL_KEY, FILES_ENROL_CRT, FILES_ENROL_CRT, FILES_ENROL_KEY,
	       FILES_CONF);
	return CTL_OK;
}

static int run(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "list") == 0)
		return list(argc, argv);
	if (argc >= 2 && strcmp(argv[1], "approve") == 0)
		return approve(argc, argv);
	if (argc >= 2 && strcmp(argv[1], "ca") == 0)
		return make_ca(argc, argv);
	return ctl_misused(&ctl_enrol,
			   "enrol: 'list', 'approve' and 'ca' are what can be done");
}

const struct ctl_verb ctl_enrol = {
	.name = "enrol",
	.what = "hubs that get their certificates by themselves: who waits, approve",
	.usage = "Usage: clinicctl enrol list DIR\n"
		 "       clinicctl enrol approve DIR NAME [--by NAME] [--reason TEXT]\n"
		 "       clinicctl enrol ca DIR\n"
		 "Hubs that were claimed ask for a certificate where clinic.conf says "
		 "'enrol = PORT'.\n\n"
		 "  list      all of them, with what each waits for, and alarms of tickets\n"
		 "  approve   the hub may enrol once: needed with 'enrol-approve = ask', "
		 "and when a hub\n"
		 "            has asked for too many certificates\n"
		 "  ca        makes enrol.key and enrol.crt in a clinic of an older "
		 "version\n",
	.run = run,
};
