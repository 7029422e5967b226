/*
 * ctl_token.c - clinicctl token: the answer to a hub's challenge, that a technician pastes at its console or types.
 *
 * Nothing here reaches a hub by itself: what is printed is carried there by a person. Level 3 needs the release authority's
 * private key, which opens what the hub sealed to it (hub/escrow.h), and the signatures of two roles.
 */
#include "clinic/ctl_token.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/ctl_order.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/keyring.h"
#include "clinic/signing.h"
#include "clinic/spec.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/escrow.h"
#include "hub/rt/file.h"

enum {
	SEALED = 3,
	QUARANTINED = 2,
	LINE_CHARS = 64,
	CODE_GROUP = 4,
	FILE_TEXT_MAX = 4096,
	WORDS_MAX = 256,
	TOKEN_WHY_MAX = 100
};

/* --- the command line ----------------------------------------------------------------------------- */

/* "4h", "90m", "7d". */
static int get_seconds(const char *text, uint32_t *ret)
{
	size_t len = strlen(text);
	char digits[8];
	long n, unit;

	if (len < 2 || len > sizeof(digits))
		return -EBADMSG;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	unit = text[len - 1] == 'm'   ? 60
	       : text[len - 1] == 'h' ? 3600
	       : text[len - 1] == 'd' ? 86400
				      : 0;
	if (unit == 0 || spec_parse_number(digits, 1, TOKEN_SECONDS_MAX / unit, &n) < 0)
		return -EBADMSG;
	*ret = (uint32_t)(n * unit);
	return 0;
}

static int take_option(int c, struct token_args *a)
{
	enum verb v;

	switch (c) {
	case 'a': a->as = optarg; break;
	case 'k': a->key = optarg; break;
	case 't': a->technician = optarg; break;
	case 'd': a->add = optarg; break;
	case 'r': a->release_key = optarg; break;
	case 'o': a->voice = true; break;
	case 'j': a->json = true; break;
	case 'n': a->new_key = true; break;
	case 'y': a->by.why = optarg; break;
	case 'b': a->by.who = optarg; break;
	case 'l':
		if (spec_parse_number(optarg, 0, QUARANTINED, &a->level) < 0 ||
		    a->level == 1)
			return ctl_misused(&ctl_token, "--level is 0 or 2");
		break;
	case 'f':
		if (get_seconds(optarg, &a->seconds))
			return ctl_misused(&ctl_token,
					   "--for '%s' is not a time such as 90m, 4h or "
					   "7d, at most 7d",
					   optarg);
		break;
	case 'v':
		v = verb_named(optarg);
		if (!(verbs_all() & VERB_BIT(v)))
			return ctl_misused(&ctl_token,
					   "there is no verb '%s' that needs a token",
					   optarg);
		a->verbs |= VERB_BIT(v);
		break;
	case 'P': return token_orders_take(&a->orders, VERB_PAIR, optarg);
	case 'U': return token_orders_take(&a->orders, VERB_UNPAIR, optarg);
	case 'R': return token_orders_take(&a->orders, VERB_RETIRE, optarg);
	default: return ctl_misused(&ctl_token, "token: nothing was made");
	}
	return CTL_OK;
}

static int parse(int argc, char **argv, struct token_args *a)
{
	static const struct option options[] = {
		{ "as", required_argument, NULL, 'a' },
		{ "key", required_argument, NULL, 'k' },
		{ "technician", required_argument, NULL, 't' },
		{ "add", required_argument, NULL, 'd' },
		{ "release-key", required_argument, NULL, 'r' },
		{ "level", required_argument, NULL, 'l' },
		{ "for", required_argument, NULL, 'f' },
		{ "verb", required_argument, NULL, 'v' },
		{ "pair", required_argument, NULL, 'P' },
		{ "unpair", required_argument, NULL, 'U' },
		{ "retire", required_argument, NULL, 'R' },
		{ "voice", no_argument, NULL, 'o' },
		{ "new-key", no_argument, NULL, 'n' },
		{ "reason", required_argument, NULL, 'y' },
		{ "by", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct token_args){ .level = -1, .seconds = TOKEN_SECONDS };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = take_option(c, a);
	if (r != CTL_OK ||
	    !ctl_operands(&ctl_token, argc, argv, optind, a->new_key ? 1 : 3))
		return CTL_USAGE;
	a->dir = argv[optind];
	if (a->new_key)
		return CTL_OK;
	if ((a->by.why && !ctl_is_line(a->by.why, TOKEN_WHY_MAX)) ||
	    (a->by.who && !ctl_is_line(a->by.who, JOURNAL_WHO_MAX)))
		return ctl_misused(&ctl_token,
				   "--reason and --by are one line each, of at most %d "
				   "and %d bytes",
				   TOKEN_WHY_MAX, JOURNAL_WHO_MAX);
	a->hub = argv[optind + 1];
	a->challenge = argv[optind + 2];
	if (!a->voice && !a->as)
		return ctl_misused(&ctl_token, "token: --as says who signs");
	if (!a->voice && !a->add && !a->technician)
		return ctl_misused(&ctl_token,
				   "token: --technician says who is at the hub");
	if (a->orders.count && (a->voice || a->add))
		return ctl_misused(&ctl_token,
				   "--pair, --unpair and --retire are for the "
				   "first signature of a token");
	if (token_orders_missing(&a->orders, a->verbs))
		return ctl_misused(&ctl_token, "token: pair, unpair and retire are "
					       "granted with --pair DEVICE, --unpair "
					       "DEVICE and --retire drain or discard");
	if (a->voice && (a->as || a->add || a->key))
		return ctl_misused(&ctl_token, "--voice signs nothing: without --as, "
					       "--key and --add");
	if (a->add && (a->level >= 0 || a->verbs || a->technician))
		return ctl_misused(&ctl_token, "--add signs what the first one signed: "
					       "without --level, --verb and "
					       "--technician");
	return CTL_OK;
}

static int read_challenge(const struct token_args *a, struct challenge *ret)
{
	switch (challenge_parse(a->challenge, strlen(a->challenge), ret)) {
	case 0: return CTL_OK;
	case -EMSGSIZE:
		return ctl_misused(&ctl_token,
				   "a challenge has %d letters and digits; is something "
				   "missing or too much?",
				   CHALLENGE_TEXT_LEN);
	default:
		return ctl_misused(&ctl_token,
				   "the challenge's check is wrong: a letter was copied "
				   "wrongly; have it read out again");
	}
}

/* --- what the clinic knows ------------------------------------------------------------------------ */

static int add_share(const struct token_args *a, struct token_made *m)
{
	uint8_t server[TOKEN_SHARE_LEN], key[KEY_LEN];
	bool there;
	int r = token_ask_share(a, m, server, &there);

	if (r != CTL_OK)
		return r;
	m->shareless = !there;
	if (there) {
		escrow_release_key(server, key);
		escrow_put_share(key, server, &m->token);
	}
	crypto_wipe(server, sizeof(server));
	crypto_wipe(key, sizeof(key));
	return CTL_OK;
}

/* --- what is signed ------------------------------------------------------------------------------- */

/* Unless something else is said: to look around; and to release, if that is what it is for. */
static uint32_t usual_verbs(void)
{
	uint32_t set = 0;

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (verb_row(v)->group == VERB_DIAGNOSTIC)
			set |= VERB_BIT(v);
	return set & verbs_all();
}

static int fill_token(const struct token_args *a, struct token_made *m)
{
	struct access_token *t = &m->token;
	struct signer_row who = { 0 };
	uint8_t level = m->challenge.level;
	int r = token_ask_signer(a, m, a->technician, &who);

	if (r != CTL_OK)
		return r;
	if (a->level >= level)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is at level %u: there is nothing to lower "
				    "to %ld; nothing was made",
				    a->hub, level, a->level);
	memcpy(t->hub, m->facts.hub.id, sizeof(t->hub));
	t->lock_epoch = m->challenge.lock_epoch;
	memcpy(t->nonce, m->challenge.nonce, sizeof(t->nonce));
	/* there is no level 1 to stay at: what calls for it ends by itself, or by a release that was asked for */
	t->level = a->level >= 0 ? (uint8_t)a->level : level == 1 ? 0 : level;
	t->verbs = a->verbs ? a->verbs : usual_verbs();
	r = token_orders_put(&a->orders, &m->facts.config, a->hub, t);
	if (r != CTL_OK)
		return r;
	if (a->level >= 0)
		t->verbs |= VERB_BIT(VERB_RELEASE);
	t->seconds = a->seconds;
	t->technician = who.signer.person;
	memcpy(m->technician, who.name, sizeof(m->technician));
	return level == SEALED && t->level < SEALED ? add_share(a, m) : CTL_OK;
}

static int read_text(const struct token_args *a, char ret[static FILE_TEXT_MAX],
		     size_t *ret_len)
{
	bool own = strcmp(a->add, "-") != 0;
	FILE *f = own ? fopen(a->add, "r") : stdin;

	if (!f)
		return ctl_complain(CTL_NO_INPUT, "%s cannot be read: %s", a->add,
				    err_text(file_error(errno)));
	*ret_len = fread(ret, 1, FILE_TEXT_MAX, f);
	if (own)
		fclose(f);
	return CTL_OK;
}

static int bad_first(const char *what)
{
	return ctl_complain(CTL_FAILED, "the first token %s; nothing was signed", what);
}

/* What the first one signed is looked at as the hub will. */
static int take_first(const struct token_args *a, struct token_made *m)
{
	static uint8_t bytes[TOKEN_BYTES_MAX];
	const struct signer_row *by, *who;
	char text[FILE_TEXT_MAX];
	const uint8_t *payload;
	struct command_order o;
	size_t len = 0, payload_len;
	int r = read_text(a, text, &len), n;

	if (r != CTL_OK)
		return r;
	n = access_token_parse(text, len, bytes);
	if (n < 0)
		return bad_first(n == -EAGAIN ? "is not whole: its end is missing"
					      : "is damaged: copy it again");
	if (access_token_unframe(bytes, (size_t)n, &o) || o.count != 1)
		return bad_first("is none with one signature");
	by = token_ask_person(m, o.parts[0].person);
	if (!by)
		return bad_first("is signed by nobody on the list");
	if (sign1_open_by(SIGN_CONTEXT_TOKEN, &by->signer, o.parts[0].cose,
			  o.parts[0].len, &payload, &payload_len) ||
	    access_token_decode(payload, payload_len, &m->token))
		return bad_first("has a signature that is not good");
	if (memcmp(m->token.hub, m->facts.hub.id, HUB_ID_LEN) != 0 ||
	    m->token.lock_epoch != m->challenge.lock_epoch ||
	    memcmp(m->token.nonce, m->challenge.nonce, CHALLENGE_NONCE_LEN) != 0)
		return bad_first("answers another challenge");
	memcpy(m->cose[0], o.parts[0].cose, o.parts[0].len);
	m->order.count = 1;
	m->order.parts[0] =
		(struct command_part){ o.parts[0].person, m->cose[0], o.parts[0].len };
	memcpy(m->names[0], by->name, sizeof(m->names[0]));
	m->roles[0] = by->signer.role;
	who = token_ask_person(m, m->token.technician);
	snprintf(m->technician, sizeof(m->technician), "%s", who ? who->name : "?");
	return CTL_OK;
}

static int add_signature(const struct token_args *a, struct token_made *m,
			 const struct signer_row *by)
{
	char name[ORDER_KEY_NAME_MAX], why[FOLDER_WHY_MAX];
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t at = m->order.count, back_len;
	struct signing *key;
	const uint8_t *back;
	int n = access_token_encode(&m->token, payload, sizeof(payload)), r;

	if (n < 0)
		return ctl_complain(CTL_FAILED, "the token cannot be written: %s",
				    err_text(n));
	order_key_name(a->as, name);
	r = signing_open(a->key, a->dir, name, &key, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s%s", why,
				    a->key ? "" : "; or say where it is with --key");
	r = signing_sign1(key, SIGN_CONTEXT_TOKEN, payload, (size_t)n, m->cose[at],
			  sizeof(m->cose[at]));
	snprintf(why, sizeof(why), "%s", r < 0 ? signing_why(key) : "");
	signing_close(key);
	if (*why)
		return ctl_complain(ctl_exit_code(r), "%s; nothing was made", why);
	if (r < 0 || sign1_open_by(SIGN_CONTEXT_TOKEN, &by->signer, m->cose[at],
				   (size_t)r, &back, &back_len) < 0)
		return ctl_complain(CTL_FAILED,
				    "the key is not that of '%s'; nothing was made",
				    a->as);
	m->order.parts[at] =
		(struct command_part){ by->signer.person, m->cose[at], (size_t)r };
	memcpy(m->names[at], by->name, sizeof(m->names[at]));
	m->roles[at] = by->signer.role;
	m->order.count++;
	return CTL_OK;
}

/* "diagnose reboot" */
static void verbs_text(uint32_t verbs, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = '\0';
	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST && n < cap; v++)
		if (verbs & VERB_BIT(v))
			n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? " " : "",
					      verb_row(v)->name);
}

/* The second one signs what the first one has chosen: he is told what that is before his key is asked for it. */
static void print_first(const struct token_args *a, const struct token_made *m)
{
	char verbs[WORDS_MAX];

	verbs_text(m->token.verbs, verbs, sizeof(verbs));
	fprintf(stderr,
		"clinicctl: '%s' (%s) has signed for hub '%s': from level %u to %u; %s; "
		"for %u min; '%s' is at the hub\n",
		m->names[0], signer_role_text(m->roles[0]), a->hub, m->challenge.level,
		m->token.level, verbs, m->token.seconds / 60, m->technician);
}

static int sign(const struct token_args *a, struct token_made *m)
{
	uint8_t bytes[TOKEN_BYTES_MAX];
	struct signer_row by = { 0 };
	int r = token_ask_signer(a, m, a->as, &by), n;

	if (r == CTL_OK)
		r = token_ask_known(a, m, &by);
	if (r == CTL_OK)
		r = a->add ? take_first(a, m) : fill_token(a, m);
	if (r == CTL_OK && a->add && m->roles[0] == by.signer.role)
		return ctl_complain(CTL_NO_PERM,
				    "'%s' has signed as %s: the second signature must be "
				    "of another role; nothing was signed",
				    m->names[0], signer_role_text(m->roles[0]));
	if (r == CTL_OK && a->add)
		print_first(a, m);
	if (r == CTL_OK)
		r = add_signature(a, m, &by);
	if (r != CTL_OK)
		return r;
	n = access_token_frame(&m->order, bytes, sizeof(bytes));
	if (n > 0)
		n = access_token_text(bytes, (size_t)n, m->text);
	return n > 0 ? CTL_OK
		     : ctl_complain(CTL_FAILED, "the token cannot be written: %s",
				    err_text(n));
}

/* --- what is shown -------------------------------------------------------------------------------- */

/* At the level that the hub is at, with a button. */
static unsigned signatures_needed(const struct token_made *m)
{
	unsigned n = 1;

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (m->token.verbs & VERB_BIT(v) &&
		    verb_signatures(verb_row(v), m->challenge.level) > n)
			n = verb_signatures(verb_row(v), m->challenge.level);
	return m->challenge.level >= SEALED ? 2 : n;
}

static bool lacks_second(const struct token_made *m)
{
	return m->order.count < signatures_needed(m);
}

static void print_lines(const char *text)
{
	for (size_t at = 0, len = strlen(text); at < len; at += LINE_CHARS)
		printf("%.*s\n", LINE_CHARS, text + at);
}

static void show(const struct token_args *a, const struct token_made *m)
{
	print_lines(m->text);
	if (m->shareless)
		fprintf(stderr,
			"clinicctl: hub '%s' never told the clinic what ends level 3: "
			"its share was withheld, not erased\n",
			a->hub);
	if (lacks_second(m))
		fprintf(stderr,
			"clinicctl: a second signature, of another role, is "
			"needed%s: 'clinicctl token %s %s CHALLENGE --as NAME --add "
			"FILE' "
			"with this as FILE\n",
			m->challenge.level >= SEALED ? " at level 3" : "", a->dir,
			a->hub);
}

static void show_json(const struct token_args *a, const struct token_made *m)
{
	cJSON *o = json_object(), *in;

	json_text(o, "hub", a->hub);
	json_uint(o, "level", m->token.level);
	json_uint(o, "lock_epoch", m->token.lock_epoch);
	in = json_array_in(o, "verbs");
	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (m->token.verbs & VERB_BIT(v))
			json_text_item(in, verb_row(v)->name);
	token_orders_json(o, &m->token);
	json_uint(o, "seconds", m->token.seconds);
	json_text(o, "technician", m->technician);
	json_uint(o, "signatures_needed", signatures_needed(m));
	in = json_array_in(o, "signed_by");
	for (size_t i = 0; i < m->order.count; i++) {
		cJSON *one = json_item(in);

		json_text(one, "name", m->names[i]);
		json_uint(one, "person", m->order.parts[i].person);
		json_text(one, "role", signer_role_text(m->roles[i]));
	}
	json_text(o, "token", m->text);
	json_print(o);
}

/* --- a code --------------------------------------------------------------------------------------- */

static int code_of(const struct token_args *a, const struct challenge *c,
		   enum token_code *ret)
{
	*ret = a->level == 0 && !a->verbs			     ? TOKEN_CODE_RELEASE
	       : a->level < 0 && a->verbs == VERB_BIT(VERB_DIAGNOSE) ? TOKEN_CODE_DIAGNOSE
	       : a->level < 0 && a->verbs == VERB_BIT(VERB_EXPORT_EVIDENCE)
		       ? TOKEN_CODE_EVIDENCE
		       : TOKEN_CODE_NONE;
	if (*ret == TOKEN_CODE_NONE)
		return ctl_misused(&ctl_token,
				   "a code that is read out is for one of --level 0, "
				   "--verb diagnose and --verb export-evidence");
	if (c->level >= SEALED || (*ret == TOKEN_CODE_RELEASE && c->level == 0))
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is at level %u: no code is good for that "
				    "there, only a token; nothing was made",
				    a->hub, c->level);
	return CTL_OK;
}

static int make_code(const struct token_args *a, const struct token_made *m)
{
	uint8_t server[TOKEN_SHARE_LEN], key[KEY_LEN];
	char code[TOKEN_CODE_DIGITS + 1];
	enum token_code what;
	bool there;
	int r = code_of(a, &m->challenge, &what);

	if (r == CTL_OK)
		r = token_ask_share(a, m, server, &there);
	if (r != CTL_OK)
		return r;
	if (!there)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' has not told its release key: it has no "
				    "configuration with the release authority yet "
				    "('clinicctl signer give %s %s' makes one)",
				    a->hub, a->dir, a->hub);
	escrow_release_key(server, key);
	escrow_code(key, what, &m->challenge, code);
	crypto_wipe(server, sizeof(server));
	crypto_wipe(key, sizeof(key));
	r = token_ask_record(a, m, DOOR_TOKEN_CODE,
			     what == TOKEN_CODE_RELEASE	   ? "to level 0"
			     : what == TOKEN_CODE_DIAGNOSE ? "diagnose"
							   : "export-evidence");
	if (r != CTL_OK) {
		crypto_wipe(code, sizeof(code));
		return r;
	}
	if (a->json) {
		cJSON *o = json_object();

		json_text(o, "hub", a->hub);
		json_text(o, "code", code);
		json_print(o);
	} else {
		for (size_t at = 0; at < TOKEN_CODE_DIGITS; at += CODE_GROUP)
			printf("%s%.*s", at ? " " : "", CODE_GROUP, code + at);
		putchar('\n');
	}
	crypto_wipe(code, sizeof(code));
	return CTL_OK;
}

/* --- the verb ------------------------------------------------------------------------------------- */

static int new_key(const struct token_args *a)
{
	char why[FOLDER_WHY_MAX];
	struct store *store;
	int r = folder_open_store(a->dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	store_close(store);
	r = keyring_release_make(a->dir);
	if (r == -EEXIST)
		return ctl_complain(CTL_CANT_CREATE,
				    "%s has a release authority already; nothing was "
				    "changed",
				    a->dir);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be written: %s", a->dir,
				    FILES_RELEASE_KEY, err_text(r));
	if (a->json) {
		cJSON *o = json_object();

		json_text(o, "file", FILES_RELEASE_KEY);
		json_print(o);
	} else {
		printf("made %s; hubs hear of it with their next configuration\n",
		       FILES_RELEASE_KEY);
	}
	return CTL_OK;
}

static int record_token(const struct token_args *a, const struct token_made *m)
{
	const char *second = m->order.count > 1 ? m->names[1] : NULL;
	char verbs[WORDS_MAX], text[JOURNAL_WHY_MAX];

	verbs_text(m->token.verbs, verbs, sizeof(verbs));
	snprintf(text, sizeof(text), "signed by %s%s%s: level %u to %u, %s, for %s",
		 m->names[0], second ? " and " : "", second ? second : "",
		 m->challenge.level, m->token.level, verbs, m->technician);
	return token_ask_record(a, m, DOOR_TOKEN_SIGNED, text);
}

static int make(const struct token_args *a, struct token_made *m)
{
	int r = token_ask_hub(a, m);

	if (r != CTL_OK)
		return r;
	if (a->voice)
		return make_code(a, m);
	r = sign(a, m);
	if (r == CTL_OK)
		r = record_token(a, m);
	if (r == CTL_OK && a->json)
		show_json(a, m);
	else if (r == CTL_OK)
		show(a, m);
	return r;
}

static int run(int argc, char **argv)
{
	static struct token_made m;
	char why[FOLDER_WHY_MAX];
	struct token_args a;
	int r = parse(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	if (a.new_key)
		return new_key(&a);
	r = read_challenge(&a, &m.challenge);
	if (r != CTL_OK)
		return r;
	r = remote_open(a.dir, &m.clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = make(&a, &m);
	remote_close(m.clinic);
	crypto_wipe(&m, sizeof(m));
	return r;
}

const struct ctl_verb ctl_token = {
	.name = "token",
	.what = "answer a hub's challenge: what a technician pastes at its console",
	.remote = true,
	.usage =
		"Usage: clinicctl token DIR HUB CHALLENGE --as NAME --technician NAME\n"
		"           [--level N] [--verb VERB ...] [--pair DEVICE] [--unpair "
		"DEVICE]\n"
		"           [--retire HOW] [--for TIME] [--key FILE] [--release-key "
		"FILE]\n"
		"           [--json]\n"
		"       clinicctl token DIR HUB CHALLENGE --as NAME --add FILE [--key "
		"FILE] "
		"[--json]\n"
		"       clinicctl token DIR HUB CHALLENGE --voice [--level 0] [--verb "
		"VERB]\n"
		"           [--release-key FILE] [--reason TEXT] [--by NAME] [--json]\n"
		"       clinicctl token DIR --new-key [--json]\n"
		"Makes the answer to the challenge that the hub's console shows. It is "
		"good "
		"for that hub, that\n"
		"challenge and one time. At level 3 it needs the signatures of two "
		"roles: "
		"the second person\n"
		"adds his with --add, to what the first one got.\n\n"
		"  --as NAME           the signer, one of 'clinicctl signer list'\n"
		"  --technician NAME   who is at the hub, one of the same\n"
		"  --level N           lower the level to 0, or from 3 also to 2; else "
		"it "
		"stays. From 1\n"
		"                      it ends what a USB port has noticed; the rest "
		"ends by itself\n"
		"  --verb VERB         grant this verb, and no others; default all that "
		"only "
		"read\n"
		"  --pair DEVICE       and pair, for the device of this number in its "
		"configuration\n"
		"  --unpair DEVICE     and unpair, for this one\n"
		"  --retire HOW        and retire: drain, or discard what is unsent; "
		"wants a second signature,\n"
		"                      as --verb factory-reset\n"
		"  --for TIME          the verbs are granted for so long of being on: "
		"90m, "
		"4h (default), at\n"
		"                      most 7d\n"
		"  --add FILE          add a signature to the token in FILE; -: standard "
		"input\n"
		"  --voice             20 digits to be read out, for --level 0 from "
		"levels "
		"1 and 2, --verb\n"
		"                      diagnose or --verb export-evidence\n"
		"  --key FILE          the signer's key: a file, or pkcs11:...; default "
		"signer-NAME.key "
		"in "
		"DIR\n"
		"  --release-key FILE  the release authority's; default release.key in "
		"DIR. "
		"For level 3 and\n"
		"                      codes\n"
		"  --reason TEXT       why; with --by NAME it stands in the hub's "
		"journal, where each token\n"
		"                      and each code is noted before it is shown\n"
		"  --by NAME           who reads the code out, or makes the token; "
		"default the user\n"
		"  --new-key           make the release authority's key, in a folder "
		"from "
		"before there was one\n"
		"  --json              one object on one line, for programs\n",
	.run = run,
};
