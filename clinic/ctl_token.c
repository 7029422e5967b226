/*
 * ctl_token.c - clinicctl token: the answer to a hub's challenge, that a technician pastes at its console or types; its command
 * line, and the key of the release authority.
 *
 * Nothing here reaches a hub by itself: what is printed is carried there by a person. Level 3 needs the release authority's
 * private key, which opens what the hub sealed to it (hub/escrow.h), and the signatures of two roles.
 */
#include "clinic/ctl_token.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/keyring.h"
#include "clinic/spec.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

enum { TOKEN_WHY_MAX = 100 };

/* --- the command line --------------------------------------------------------------------------------- */

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
		if (spec_parse_number(optarg, 0, TOKEN_AT_QUARANTINED, &a->level) < 0 ||
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

/* --- the verb ----------------------------------------------------------------------------------------- */

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

static int make(const struct token_args *a, struct token_made *m)
{
	int r = token_ask_hub(a, m);

	if (r != CTL_OK)
		return r;
	if (a->voice)
		return token_make_code(a, m);
	r = token_sign(a, m);
	if (r == CTL_OK && a->json)
		token_show_json(a, m);
	else if (r == CTL_OK)
		token_show(a, m);
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
	if (!a.challenge) /* --new-key answers none */
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
