/*
 * ctl_person.c - clinicctl person: who may use clinicd's door, and the record of what was asked there. The row decides:
 * whoever is revoked is out with the next question, whatever certificate they hold.
 *
 * These work at the clinic's folder only: who lets people in has that.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_person_end.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json_words.h"
#include "clinic/keyfile.h"
#include "clinic/pki.h"
#include "clinic/spec.h"
#include "clinic/store_person.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { RECORD_SHOWN = 50, RECORD_MAX = 100000, NAME_WIDTH = 20 };

struct args {
	const char *dir, *name, *out, *login, *at;
	struct ctl_signature by;
	enum door_role role;
	long port, last;
	bool json;
};

static int parse_option(int c, struct args *a)
{
	switch (c) {
	case 'r':
		a->role = door_role_parse(optarg);
		if (a->role == DOOR_ROLE_NONE)
			return ctl_misused(&ctl_person,
					   "--role '%s' is not clinician, technician, "
					   "security or auditor",
					   optarg);
		break;
	case 'l': a->login = optarg; break;
	case 'o': a->out = optarg; break;
	case 'a': a->at = optarg; break;
	case 'b': a->by.who = optarg; break;
	case 'j': a->json = true; break;
	case 'p':
		if (spec_parse_number(optarg, 1, UINT16_MAX, &a->port) < 0)
			return ctl_misused(&ctl_person,
					   "--port '%s' is no TCP port, 1 to %d", optarg,
					   UINT16_MAX);
		break;
	case 'n':
		if (spec_parse_number(optarg, 1, RECORD_MAX, &a->last) < 0)
			return ctl_misused(&ctl_person,
					   "--last '%s' is not a number from 1 to %d",
					   optarg, RECORD_MAX);
		break;
	default: return ctl_misused(&ctl_person, "person: nothing was changed");
	}
	return CTL_OK;
}

static int parse(int argc, char **argv, int operands, struct args *a)
{
	static const struct option options[] = {
		{ "role", required_argument, NULL, 'r' },
		{ "login", required_argument, NULL, 'l' },
		{ "out", required_argument, NULL, 'o' },
		{ "address", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' },
		{ "by", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "last", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ .last = RECORD_SHOWN, .by.why = "-" };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = parse_option(c, a);
	if (r != CTL_OK)
		return r;
	if (!ctl_operands(&ctl_person, argc, argv, optind, operands + 1))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = operands > 1 ? argv[optind + 2] : NULL;
	return ctl_check_signature(&ctl_person, &a->by);
}

/* --- add ---------------------------------------------------------------------------------- */

/* A name is in journals and in a certificate: letters, digits, spaces and a few signs, one line. */
static bool is_name(const char *name)
{
	enum { NAME_MAX_BYTES = 63 };
	return ctl_is_line(name, NAME_MAX_BYTES) && name[0] != ' ';
}

static int check_port(const struct args *a)
{
	return a->port ? CTL_OK
		       : ctl_misused(&ctl_person,
				     "--port says where clinicd listens (its "
				     "--door-port)");
}

static int check_add(const struct args *a)
{
	if (!is_name(a->name))
		return ctl_misused(&ctl_person, "a name is one line of 1 to 63 bytes");
	if (a->role == DOOR_ROLE_NONE)
		return ctl_misused(&ctl_person,
				   "--role says what the person may do: clinician, "
				   "technician, security or auditor");
	if (!a->login == !a->out)
		return ctl_misused(&ctl_person,
				   "either --login, a user of the machine of clinicd, or "
				   "--out, a folder for one who asks from elsewhere");
	return a->out ? check_port(a) : CTL_OK;
}

static int put_text(const char *dir, const char *name, const char *text)
{
	return file_replace(dir, name, (const uint8_t *)text, strlen(text));
}

/* Where the door is: as hubs reach the clinic, with another port. */
static int put_conf(const struct args *a, const char *folder,
		    char why[static FOLDER_WHY_MAX])
{
	char text[CONF_TEXT_MAX];
	struct conf c;
	int r = folder_read_conf(a->dir, &c, why);

	if (r < 0)
		return r;
	c.port = (uint16_t)a->port;
	c.database[0] = '\0';
	c.enrol = 0;
	c.enrol_asks = false;
	c.enrol_life_s = 0;
	c.hub_ports[0] = '\0';
	if (a->at && conf_parse_address(a->at, c.addr) < 0) {
		snprintf(why, FOLDER_WHY_MAX, "--address '%s' is no address in digits",
			 a->at);
		return -ERANGE;
	}
	r = conf_format(&c, text, sizeof(text));
	return r < 0 ? r : put_text(folder, FILES_DOOR, text);
}

static int make_pair(const struct args *a, struct pki_pair *root, struct pki_pair *ret,
		     char why[static FOLDER_WHY_MAX])
{
	int r = keyfile_read_pem(a->dir, FILES_ROOT_KEY, root->key, why);

	if (r == 0)
		r = folder_read_text(a->dir, FILES_ROOT_CRT, root->cert,
				     sizeof(root->cert), why);
	if (r < 0)
		return r;
	r = pki_make_person(root, a->name, ctl_now_ms(), ret);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s/%s cannot sign a certificate: %s",
			 a->dir, FILES_ROOT_KEY, err_text(r));
	return r;
}

/* Fills the new folder. Returns 0 or an error with words in why. */
static int fill(const struct args *a, const char *folder,
		uint8_t ret_spki[static PIN_LEN], char why[static FOLDER_WHY_MAX])
{
	static struct pki_pair root, own;
	int r = make_pair(a, &root, &own, why);

	if (r == 0) {
		snprintf(why, FOLDER_WHY_MAX, "%s could not be written", a->out);
		r = put_text(folder, FILES_PERSON_KEY, own.key);
	}
	if (r == 0)
		r = put_text(folder, FILES_PERSON_CRT, own.cert);
	if (r == 0)
		r = put_text(folder, FILES_ROOT_CRT, root.cert);
	if (r == 0)
		r = put_conf(a, folder, why);
	memcpy(ret_spki, own.spki, PIN_LEN);
	crypto_wipe(&root, sizeof(root));
	crypto_wipe(&own, sizeof(own));
	return r;
}

static int add_row(struct store *s, const struct person *p, const char *folder,
		   const char *out)
{
	int r = store_begin(s);

	if (r == 0)
		r = store_person_add(s, p);
	/* A folder whose row is not there lets nobody in; the opposite would be a person without a key. */
	if (r == 0 && out)
		r = files_publish(folder, out) < 0 ? -EPERM : 0;
	if (r == 0)
		r = store_commit(s);
	store_rollback(s);
	return r;
}

static void print_allowed(const struct args *a, bool may_ask)
{
	cJSON *o = json_object();

	json_text(o, "person", a->name);
	json_bool(o, "may_ask", may_ask);
	if (may_ask)
		json_text(o, "role", door_role_text(a->role));
	if (may_ask && a->out)
		json_text(o, "folder", a->out);
	else
		json_null(o, "folder");
	json_print(o);
}

static int report_add(const struct args *a, int r)
{
	switch (r) {
	case 0: break;
	case -EEXIST:
		return ctl_complain(CTL_CANT_CREATE,
				    "there is or was a person '%s', or that login is "
				    "another's; nothing was changed",
				    a->name);
	case -EPERM:
		return ctl_complain(CTL_CANT_CREATE,
				    "%s could not be made; nothing was changed", a->out);
	default: return ctl_store_failed(a->dir, NULL, r);
	}
	if (a->json) {
		print_allowed(a, true);
		return CTL_OK;
	}
	printf("'%s' may ask this clinic, as %s.\n", a->name, door_role_text(a->role));
	if (a->out)
		printf("Give %s to them by hand: whoever has it can do what they may. "
		       "There they say\n'clinicctl --clinic %s ...'. Nothing of it is "
		       "needed here.\n",
		       a->out, a->out);
	return CTL_OK;
}

static int add_with_folder(const struct args *a, struct store *s, struct person *p)
{
	char folder[FILES_PATH_MAX], why[FOLDER_WHY_MAX];
	int r = files_make_folder(a->out, folder);

	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s cannot be made: %s", a->out,
				    err_text(r));
	p->has_key = true;
	r = fill(a, folder, p->spki, why);
	if (r < 0)
		r = ctl_complain(ctl_exit_code(r), "%s", why);
	else
		r = report_add(a, add_row(s, p, folder, a->out));
	if (r != CTL_OK)
		files_discard(folder);
	return r;
}

static int add(const struct args *a, struct store *s)
{
	struct journal_entry who = { 0 };
	struct person p = { .role = a->role,
			    .uid = PERSON_NO_UID,
			    .added_ms = ctl_now_ms() };
	const struct passwd *user;

	ctl_sign(&who, &a->by);
	memcpy(p.by, who.who, sizeof(p.by));
	snprintf(p.name, sizeof(p.name), "%s", a->name);
	if (a->out)
		return add_with_folder(a, s, &p);
	user = getpwnam(a->login);
	if (!user)
		return ctl_complain(CTL_NO_INPUT, "this machine has no user '%s'",
				    a->login);
	p.uid = user->pw_uid;
	return report_add(a, add_row(s, &p, NULL, NULL));
}

/* --- renew -------------------------------------------------------------------------------- */

static int check_renew(const struct args *a)
{
	if (!a->out)
		return ctl_misused(&ctl_person,
				   "--out names the new folder with the new certificate");
	if (a->role != DOOR_ROLE_NONE || a->login || a->by.who)
		return ctl_misused(&ctl_person, "person renew: who it is, and what they "
						"may, stays: without --role, --login "
						"and --by");
	return check_port(a);
}

/* The row and the folder, or neither. */
static int renew_row(const struct args *a, struct store *s, const char *folder,
		     const uint8_t spki[static PIN_LEN])
{
	int r = store_begin(s);

	if (r == 0)
		r = store_person_renew(s, a->name, spki, ctl_now_ms());
	if (r == 0)
		r = files_publish(folder, a->out) < 0 ? -EPERM : 0;
	if (r == 0)
		r = store_commit(s);
	store_rollback(s);
	if (r == -EPERM)
		return ctl_complain(CTL_CANT_CREATE,
				    "%s could not be made; nothing was changed", a->out);
	return r < 0 ? ctl_store_failed(a->dir, NULL, r) : CTL_OK;
}

static int renew(const struct args *a, struct store *s)
{
	char folder[FILES_PATH_MAX], why[FOLDER_WHY_MAX];
	struct args told = *a;
	uint8_t spki[PIN_LEN];
	struct person p;
	int r = store_person_by_name(s, a->name, &p);

	if (r < 0 && r != -ENOENT)
		return ctl_store_failed(a->dir, NULL, r);
	if (r < 0 || !p.has_key)
		return ctl_complain(CTL_NO_INPUT,
				    "nobody of the name '%s' asks this clinic with a "
				    "certificate; 'clinicctl person list %s' shows them",
				    a->name, a->dir);
	r = files_make_folder(a->out, folder);
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s cannot be made: %s", a->out,
				    err_text(r));
	r = fill(a, folder, spki, why);
	r = r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why)
		  : renew_row(a, s, folder, spki);
	if (r != CTL_OK) {
		files_discard(folder);
		return r;
	}
	told.role = p.role;
	if (a->json) {
		print_allowed(&told, true);
		return CTL_OK;
	}
	printf("'%s' has a new key and a certificate for %d days; what they had until "
	       "now is good no\nmore. Give %s to them by hand, in the place of the "
	       "folder before: the keys by\nwhich they sign orders and read stay as "
	       "they are, move them over. Nothing of it is needed\nhere.\n",
	       a->name, PKI_PERSON_DAYS, a->out);
	return CTL_OK;
}

/* --- revoke ------------------------------------------------------------------------------- */

static int revoke(const struct args *a, struct store *s)
{
	int r = store_begin(s);

	if (r == 0)
		r = store_person_revoke(s, a->name, ctl_now_ms());
	if (r == 0)
		r = store_commit(s);
	store_rollback(s);
	if (r == -ENOENT)
		return ctl_complain(CTL_NO_INPUT,
				    "nobody of the name '%s' may ask this clinic",
				    a->name);
	if (r < 0)
		return ctl_store_failed(a->dir, NULL, r);
	if (a->json)
		print_allowed(a, false);
	else
		printf("'%s' may not ask this clinic any more.\n", a->name);
	return CTL_OK;
}

/* --- list and record ---------------------------------------------------------------------- */

static int print_person(void *arg, const struct person *p)
{
	const struct args *a = arg;
	int64_t ends_ms = ctl_person_ends(p);
	char when[WORDS_TIME_MAX];
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_text(o, "person", p->name);
		json_text(o, "role", door_role_text(p->role));
		if (p->uid >= 0)
			json_int(o, "uid", p->uid);
		else
			json_null(o, "uid");
		if (p->has_key)
			json_hex(o, "key", p->spki, PIN_LEN);
		else
			json_null(o, "key");
		json_time(o, "added", p->added_ms);
		json_text(o, "by", p->by);
		json_time(o, "renewed", p->renewed_ms);
		json_time(o, "ends", ends_ms);
		json_time(o, "revoked", p->revoked_ms);
		json_print(o);
		return 0;
	}
	printf("%-*s %-10s %s, added by %s", NAME_WIDTH, p->name, door_role_text(p->role),
	       p->has_key ? "by certificate" : "on this machine", p->by);
	if (p->revoked_ms)
		printf(", revoked %s", words_time(p->revoked_ms, 0, false, when));
	else if (ends_ms)
		printf(", good until %s", words_time(ends_ms, 0, false, when));
	putchar('\n');
	return 0;
}

static const char *result_text(enum door_code c)
{
	return c == DOOR_OK			       ? "done"
	       : c == DOOR_DENIED || c == DOOR_REFUSED ? "refused"
						       : "failed";
}

static int print_asked(void *arg, const struct asked *q)
{
	const struct args *a = arg;
	char when[WORDS_TIME_MAX];
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_time(o, "at", q->at_ms);
		json_text(o, "person", q->who);
		json_text(o, "role", door_role_text(q->role));
		json_text(o, "asked", door_op_text(q->op));
		if (*q->name)
			json_text(o, "hub", q->name);
		else
			json_null(o, "hub");
		json_text(o, "result", result_text(q->code));
		json_print(o);
		return 0;
	}
	printf("%s  %-*s %-10s %-12s %-16s %s\n", words_time(q->at_ms, 0, false, when),
	       NAME_WIDTH, q->who, door_role_text(q->role), door_op_text(q->op),
	       *q->name ? q->name : "-", result_text(q->code));
	return 0;
}

static int list(const struct args *a, struct store *s)
{
	int r = store_person_each(s, print_person, (void *)a);

	return r < 0 ? ctl_store_failed(a->dir, NULL, r) : CTL_OK;
}

static int record(const struct args *a, struct store *s)
{
	int r = store_asked_each(s, (unsigned)a->last, print_asked, (void *)a);

	return r < 0 ? ctl_store_failed(a->dir, NULL, r) : CTL_OK;
}

static int run_part(int argc, char **argv, int operands,
		    int (*check)(const struct args *a),
		    int (*fn)(const struct args *a, struct store *s))
{
	char why[FOLDER_WHY_MAX];
	struct store *s;
	struct args a;
	int r = parse(argc, argv, operands, &a);

	if (r == CTL_OK && check)
		r = check(&a);
	if (r != CTL_OK)
		return r;
	r = folder_open_store(a.dir, &s, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = fn(&a, s);
	store_close(s);
	return r;
}

static int run_add(int argc, char **argv)
{
	return run_part(argc, argv, 2, check_add, add);
}

static int run_renew(int argc, char **argv)
{
	return run_part(argc, argv, 2, check_renew, renew);
}

static int run_revoke(int argc, char **argv)
{
	return run_part(argc, argv, 2, NULL, revoke);
}

static int run_list(int argc, char **argv)
{
	return run_part(argc, argv, 1, NULL, list);
}

static int run_record(int argc, char **argv)
{
	return run_part(argc, argv, 1, NULL, record);
}

static const struct ctl_part parts[] = {
	{ "add", run_add, false },	 { "renew", run_renew, false },
	{ "list", run_list, false },	 { "revoke", run_revoke, false },
	{ "record", run_record, false }, { 0 },
};

const struct ctl_verb ctl_person = {
	.name = "person",
	.what = "who may ask clinicd, from this machine or from elsewhere",
	.usage =
		"Usage: clinicctl person add DIR NAME --role ROLE --login USER [--by "
		"NAME] [--json]\n"
		"       clinicctl person add DIR NAME --role ROLE --out FOLDER --port N\n"
		"           [--address ADDRESS] [--by NAME] [--json]\n"
		"Lets a person ask this clinic's clinicd: as a user of its machine, or "
		"from elsewhere with a\n"
		"certificate of their own, which is put into a new folder with all that "
		"is needed.\n\n"
		"Usage: clinicctl person renew DIR NAME --out FOLDER --port N\n"
		"           [--address ADDRESS] [--json]\n"
		"Makes another folder with a new key and certificate for a person who "
		"has one; the key before\n"
		"is good no more. A certificate is good for two years; 'clinicctl "
		"status' says so 30 days\nbefore one ends.\n\n"
		"Usage: clinicctl person revoke DIR NAME [--json]\n"
		"Ends that, with the next question. A name is not given again.\n\n"
		"Usage: clinicctl person list DIR [--json]\n"
		"       clinicctl person record DIR [--last N] [--json]\n"
		"Shows the persons, or what was asked last, by whom, and whether it was "
		"done.\n\n"
		"  --role ROLE        clinician, technician (no readings, no patients), "
		"security, auditor\n"
		"                     (changes nothing)\n"
		"  --login USER       a user of the machine on which clinicd runs\n"
		"  --out FOLDER       must not exist\n"
		"  --port N           of clinicd's --door-port\n"
		"  --address ADDRESS  where clinicd is; default as for hubs, or what its "
		"name leads to\n"
		"  --by NAME          who lets them in; default the user of this "
		"machine\n"
		"  --last N           so many, default 50\n"
		"  --json             one JSON object a line\n",
	.parts = parts,
};
