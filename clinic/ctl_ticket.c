/*
 * ctl_ticket.c - clinicctl ticket: makes a clinic.ticket for one hub whose label nobody can scan, and takes one back. The file
 * is secret: it has a key that lets one hub in.
 */
#include "clinic/ctl_ticket.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_config.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json_words.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "clinic/spec.h"
#include "clinic/store_ticket.h"
#include "clinic/trust_file.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/ticket_sign.h"
#include "hub/crypto/trust_sign.h"
#include "hub/rt/file.h"

enum { DAY_S = 86400 };

struct args {
	struct trust_args trust;
	const char *out, *name, *site, *id;
	struct ctl_signature by;
	long days;
	bool json;
};

static int set_days(struct args *a, const char *text)
{
	if (spec_parse_number(text, 1, TICKET_DAYS_MAX, &a->days) < 0)
		return ctl_misused(&ctl_ticket,
				   "--days '%s' is not a number of days from 1 to %d",
				   text, TICKET_DAYS_MAX);
	return CTL_OK;
}

static int parse(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "name", required_argument, NULL, 'n' },
		{ "site", required_argument, NULL, 's' },
		{ "days", required_argument, NULL, 'd' },
		{ "clinic", required_argument, NULL, 'c' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "enrol", required_argument, NULL, 'p' },
		{ "by", required_argument, NULL, 'b' },
		{ "reason", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ .days = TICKET_DAYS_MAX };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'o': a->out = optarg; break;
		case 'n': a->name = optarg; break;
		case 's': a->site = optarg; break;
		case 'd': r = set_days(a, optarg); break;
		case 'c': r = trust_args_clinic(&ctl_ticket, &a->trust, optarg); break;
		case 'e':
			r = endpoint_args_take(&a->trust.endpoints, "--endpoint", optarg);
			break;
		case 'p': r = trust_args_enrol(&ctl_ticket, &a->trust, optarg); break;
		case 'b': a->by.who = optarg; break;
		case 'r': a->by.why = optarg; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_ticket, "ticket: nothing was changed");
		}
	}
	return r;
}

static int open_store(const struct args *a, struct store **ret)
{
	char why[FOLDER_WHY_MAX];
	int r = folder_open_store(a->trust.dir, ret, why);

	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

/* --- create ------------------------------------------------------------------------------- */

static int check_create(struct args *a)
{
	if (!a->out)
		return ctl_misused(&ctl_ticket, "ticket create: -o says where to put it, "
						"like clinic.ticket");
	if (a->by.why)
		return ctl_misused(&ctl_ticket, "--reason is for 'ticket revoke'");
	if (a->name && !spec_name_ok(a->name))
		return ctl_misused(&ctl_ticket,
				   "'%s' cannot be a hub's name: 1 to %d letters, "
				   "digits, '.', '_', '-'. Do not use the patient's name",
				   a->name, HUB_NAME_MAX);
	if (a->site && !ctl_is_line(a->site, CLAIM_SITE_MAX))
		return ctl_misused(&ctl_ticket,
				   "--site must be one line of 1 to %d bytes",
				   CLAIM_SITE_MAX);
	a->by.why = "made";
	return ctl_check_signature(&ctl_ticket, &a->by);
}

static int read_ca(const char *dir, struct pki_pair *ret)
{
	char why[FOLDER_WHY_MAX];
	int r = keyfile_read_pem(dir, FILES_ENROL_KEY, ret->key, why);

	if (r == 0)
		r = folder_read_text(dir, FILES_ENROL_CRT, ret->cert, sizeof(ret->cert),
				     why);
	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

/* A key that nobody else has ever had, with the certificate that it is proved by. */
static int make_key(const struct args *a, const struct pki_pair *ca, struct ticket *t)
{
	uint8_t public[P256_PUBLIC_LEN], serial[HUB_ID_LEN];
	struct pki_cert cert;
	int r;

	p256_generate(t->private, public);
	crypto_random(serial, sizeof(serial));
	r = pki_sign_hub(ca, serial, public, ctl_now_ms(), a->days * INT64_C(86400000),
			 &cert);
	if (r < 0)
		return ctl_complain(
			CTL_FAILED, "%s/%s and %s do not make a certificate: %s",
			a->trust.dir, FILES_ENROL_KEY, FILES_ENROL_CRT, err_text(r));
	memcpy(t->cert, cert.der, cert.len);
	t->cert_len = cert.len;
	t->expires_s = a->trust.expires_s;
	return CTL_OK;
}

/* The file's bytes, and what a hub will make of them. All is to be wiped, whatever is returned. */
struct made {
	struct ticket ticket;
	struct ticket_facts facts;
	size_t len;
	uint8_t file[TICKET_FILE_MAX];
};

static int make(const struct args *a, struct made *m)
{
	uint8_t private[P256_PRIVATE_LEN];
	struct pki_pair ca = { .key = "" };
	const char *field;
	int r = read_ca(a->trust.dir, &ca), n;

	if (r == CTL_OK)
		r = trust_file_make(&ctl_ticket, &a->trust, private, m->ticket.trust,
				    &m->ticket.trust_len);
	if (r == CTL_OK)
		r = make_key(a, &ca, &m->ticket);
	if (r == CTL_OK) {
		n = ticket_make(&m->ticket, private, m->file, sizeof(m->file));
		m->len = n < 0 ? 0 : (size_t)n;
		if (n >= 0)
			n = ticket_open(m->file, m->len, &m->ticket, &m->facts, &field);
		if (n < 0)
			r = ctl_complain(CTL_FAILED, "the ticket could not be signed: %s",
					 err_text(n));
	}
	crypto_wipe(private, sizeof(private));
	crypto_wipe(&ca, sizeof(ca));
	return r;
}

static void fill_row(const struct args *a, const struct made *m, struct store_ticket *t)
{
	struct journal_entry e = { .number = 0 };

	*t = (struct store_ticket){ .row = { .state = TICKET_STATE_OPEN,
					     .expires_ms = m->ticket.expires_s * 1000 } };
	ctl_sign(&e, &a->by);
	memcpy(t->spki, m->facts.spki, PIN_LEN);
	ticket_id(t->spki, t->id);
	snprintf(t->name, sizeof(t->name), "%s", a->name ? a->name : "");
	snprintf(t->site, sizeof(t->site), "%s", a->site ? a->site : "");
	snprintf(t->by, sizeof(t->by), "%s", e.who);
	t->at_ms = e.at_ms;
}

static int add_once(struct store *s, const struct store_ticket *t)
{
	int r = store_begin(s);

	if (r == 0)
		r = store_ticket_add(s, t);
	if (r == 0)
		r = store_commit(s);
	store_rollback(s);
	return r;
}

static int keep_row(const struct args *a, const struct store_ticket *t)
{
	struct store *store;
	int r = open_store(a, &store);

	if (r != CTL_OK)
		return r;
	for (unsigned try = 1; try <= STORE_TRIES; try++) {
		r = add_once(store, t);
		if (r != -EAGAIN)
			break;
		store_pause(try);
	}
	store_close(store);
	return r < 0 ? ctl_store_failed(a->trust.dir, NULL, r) : CTL_OK;
}

static void show_made(const struct args *a, const struct store_ticket *t,
		      const struct made *m)
{
	char fingerprint[TRUST_FINGERPRINT_MAX], when[WORDS_TIME_MAX];

	trust_fingerprint(m->facts.trust_hash, fingerprint);
	if (a->json) {
		cJSON *o = json_object();

		json_text(o, "ticket", t->id);
		json_text(o, "file", a->out);
		json_text(o, "fingerprint", fingerprint);
		json_text(o, "created_by", t->by);
		json_time(o, "created", t->at_ms);
		json_time(o, "expires", t->row.expires_ms);
		json_print(o);
		return;
	}
	printf("Ticket %s of clinic '%s'\n\n  fingerprint   %s\n  made by       %s\n"
	       "  good until    %s, for one hub\n\n"
	       "%s is SECRET: whoever has it can bring one hub in. Put it on the hub's "
	       "boot partition as\n'clinic.ticket', delete every other copy, and compare "
	       "the fingerprint with the one that the\nhub's console shows. Whose it "
	       "became says 'clinicctl ticket list %s'; one that is lost or was\ncopied "
	       "is taken back by 'clinicctl ticket revoke %s %s'.\n",
	       t->id, m->facts.trust.clinic, fingerprint, t->by,
	       words_time(t->row.expires_ms, 0, false, when), a->out, a->trust.dir,
	       a->trust.dir, t->id);
}

/* The row first: a file without one is worth nothing, a row without a file is one more that is never used. */
static int create_with(struct args *a, struct made *m)
{
	struct ctl_config_out out;
	struct store_ticket t = { 0 };
	int r = ctl_config_out(&ctl_ticket, a->out, &out);

	if (r == CTL_OK)
		r = make(a, m);
	if (r != CTL_OK)
		return r;
	fill_row(a, m, &t);
	r = keep_row(a, &t);
	if (r != CTL_OK)
		return r;
	r = file_replace(out.at.dir, out.at.name, m->file, m->len);
	if (r < 0)
		return ctl_complain(
			CTL_CANT_CREATE,
			"%s could not be written: %s; ticket %s is of no use, "
			"make another one",
			a->out, err_text(r), t.id);
	show_made(a, &t, m);
	return CTL_OK;
}

static int create(int argc, char **argv)
{
	struct args a;
	struct made m = { .len = 0 };
	int r = parse(argc, argv, &a);

	if (r == CTL_OK)
		r = check_create(&a);
	if (r == CTL_OK && !ctl_operands(&ctl_ticket, argc, argv, optind, 2))
		r = CTL_USAGE;
	if (r != CTL_OK)
		return r;
	a.trust.dir = argv[optind + 1];
	a.trust.expires_s = ctl_now_ms() / 1000 + a.days * DAY_S;
	r = create_with(&a, &m);
	crypto_wipe(&m, sizeof(m));
	return r;
}

/* --- revoke ------------------------------------------------------------------------------- */

static int show_revoked(const struct args *a, const struct store_ticket *t)
{
	char when[WORDS_TIME_MAX];
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_text(o, "ticket", t->id);
		json_text(o, "state", ticket_state_text(&t->row, ctl_now_ms()));
		json_time(o, "ended", t->ended_ms);
		json_text(o, "ended_by", t->ended_by);
		json_text(o, "reason", t->why);
		json_print(o);
		return CTL_OK;
	}
	printf("Ticket %s is revoked since %s by %s: no hub comes in by it.\n", t->id,
	       words_time(t->ended_ms, 0, false, when), t->ended_by);
	return CTL_OK;
}

/* What became of it. */
struct revoked {
	enum ticket_result result;
	struct store_ticket ticket;
};

static void get_revoked(struct cb *c, void *ret)
{
	struct revoked *v = ret;

	(void)cb_get_array(c, 2);
	v->result = (enum ticket_result)cb_get_uint_max(c, TICKET_RESULTS - 1);
	door_get_ticket(c, &v->ticket);
}

static int revoke_in(struct remote *clinic, const struct args *a)
{
	struct door_request rq = { .op = DOOR_TICKET_REVOKE };
	struct revoked v;
	int r;

	snprintf(rq.words, sizeof(rq.words), "%s", a->id);
	snprintf(rq.why, sizeof(rq.why), "%s", a->by.why);
	snprintf(rq.who, sizeof(rq.who), "%s", a->by.who ? a->by.who : "");
	r = remote_get(clinic, &rq, get_revoked, &v);
	if (r == -ENOENT)
		return ctl_complain(CTL_NO_INPUT,
				    "there is no ticket '%s'; 'clinicctl ticket list %s' "
				    "shows them",
				    a->id, a->trust.dir);
	if (r < 0)
		return remote_failed(clinic, NULL, r);
	if (v.result != TICKET_GOOD)
		return ctl_complain(CTL_FAILED,
				    "ticket %s was used already; nothing was changed. If "
				    "its hub is not yours, 'clinicctl ticket list %s' "
				    "says which one it is, and 'clinicctl lost' ends it",
				    v.ticket.id, a->trust.dir);
	return show_revoked(a, &v.ticket);
}

static int revoke(int argc, char **argv)
{
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	struct args a;
	int r = parse(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	if (a.out || a.name || a.site)
		return ctl_misused(&ctl_ticket,
				   "ticket revoke: only --reason, --by and --json");
	r = ctl_check_signature(&ctl_ticket, &a.by);
	if (r == CTL_OK && !ctl_operands(&ctl_ticket, argc, argv, optind, 3))
		r = CTL_USAGE;
	if (r != CTL_OK)
		return r;
	a.trust.dir = argv[optind + 1];
	a.id = argv[optind + 2];
	r = remote_open(a.trust.dir, &clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = revoke_in(clinic, &a);
	remote_close(clinic);
	return r;
}

static const struct ctl_part parts[] = {
	{ "create", create, false },
	{ "list", ctl_ticket_list, true },
	{ "revoke", revoke, true },
	{ 0 },
};

const struct ctl_verb ctl_ticket = {
	.name = "ticket",
	.what = "let one hub in whose label nobody can scan",
	.usage =
		"Usage: clinicctl ticket create DIR -o FILE [--name NAME] [--site TEXT] "
		"[--days N]\n"
		"           [--clinic TEXT] [--endpoint SPEC]... [--enrol SPEC] [--by "
		"NAME] [--json]\n"
		"       clinicctl ticket list DIR [--json]\n"
		"       clinicctl ticket revoke DIR TICKET --reason TEXT [--by NAME] "
		"[--json]\n"
		"A ticket is a clinic.trust with a key that lets one hub in, once. It is "
		"SECRET; a label is\n"
		"not, so scan that if you can ('clinicctl claim'). Each clinicd must be "
		"of this version.\n\n"
		"  create           makes one\n"
		"  list             all, with who made them, whose they became, and "
		"alarms\n"
		"  revoke           takes one back that nobody has used\n"
		"  --name NAME      how the hub is called here, not the patient's name; "
		"default 'hub-'\n"
		"                   and the first group of its label\n"
		"  --site TEXT      where it shall stand\n"
		"  --days N         it is good for so long, 1 to 14; default 14\n"
		"  --clinic TEXT    the clinic's name, for people; default its DNS name\n"
		"  --endpoint SPEC  where hubs send readings, up to 4; default the "
		"clinic's own\n"
		"  --enrol SPEC     where hubs enrol; default the clinic's own, port "
		"5685\n"
		"  --by NAME        who says so; default the user of this machine\n"
		"  --reason TEXT    why; kept\n"
		"  --json           for programs\n\n" ENDPOINT_ARGS_HELP,
	.parts = parts,
};
