/*
 * ctl_keys.c - clinicctl keys: the keys by which hubs know this clinic are changed without a visit: made and announced ahead,
 * used when the hubs know them, and dropped when nobody needs the ones before.
 *
 * What hubs shall know follows from the clinic's folder alone (keyring.h): so each step, cut short, is done again.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clinic/ctl_fleet.h"
#include "clinic/ctl_keys_root.h"
#include "clinic/files.h"
#include "clinic/json.h"
#include "clinic/keyring.h"
#include "clinic/root_change.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

enum what {
	WHAT_SERVER = KEYRING_SERVER,
	WHAT_ENROL = KEYRING_ENROL,
	WHAT_SEAL,
	WHAT_ROOT
};

enum {
	OLD_CA_DAYS = 90, /* a hub's certificate is good for so long */
	BEHIND_MAX = 8,	  /* hubs that are named */
};

struct args {
	const char *dir;
	enum what what;
	bool anyway, json;
};

/* What the configurations of hubs are to say. */
struct wanted {
	size_t count, known_count;
	uint8_t pins[CONFIG_PINS_MAX][PIN_LEN]; /* of the clinic's own server */
	uint8_t known[CONFIG_PINS_MAX]
		     [PIN_LEN]; /* an endpoint with one of these is that server */
	struct keyring_seal seal;
	struct config_root root; /* trust_len 0: whatever they say */
};

static int load_wanted(const char *dir, struct wanted *ret)
{
	char why[FOLDER_WHY_MAX];
	int r = keyring_pins(dir, ret->pins, &ret->count, why);

	if (r == 0)
		r = keyring_seal(dir, &ret->seal, why);
	if (r == 0)
		r = root_files_config(dir, &ret->root, why);
	ret->known_count = ret->count;
	memcpy(ret->known, ret->pins, sizeof(ret->known));
	return r < 0 ? ctl_complain(ctl_exit_code(r), "%s", why) : CTL_OK;
}

/* --- one hub's configuration ------------------------------------------------------------------ */

static bool has_pin(const uint8_t (*pins)[PIN_LEN], size_t count,
		    const uint8_t pin[static PIN_LEN])
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(pins[i], pin, PIN_LEN) == 0)
			return true;
	return false;
}

static bool is_own(const struct wanted *w, const struct config_endpoint *e)
{
	for (size_t i = 0; i < w->known_count; i++)
		if (has_pin(e->pins, e->pin_count, w->known[i]))
			return true;
	return false;
}

/* Those that stay keep their place: another order would be another endpoint to a hub. Returns true if it is changed. */
static bool set_pins(const struct wanted *w, struct config_endpoint *e)
{
	struct config_endpoint now = *e;

	now.pin_count = 0;
	memset(now.pins, 0, sizeof(now.pins));
	for (size_t i = 0; i < e->pin_count; i++)
		if (has_pin(w->pins, w->count, e->pins[i]))
			memcpy(now.pins[now.pin_count++], e->pins[i], PIN_LEN);
	for (size_t i = 0; i < w->count && now.pin_count < CONFIG_PINS_MAX; i++)
		if (!has_pin(now.pins, now.pin_count, w->pins[i]))
			memcpy(now.pins[now.pin_count++], w->pins[i], PIN_LEN);
	if (endpoint_equal(&now, e))
		return false;
	*e = now;
	return true;
}

static bool set_seal(const struct keyring_seal *s, struct config *c)
{
	struct config now = *c;
	bool same;

	now.seal_key_id = s->now.id;
	memcpy(now.seal_public, s->now.public, sizeof(now.seal_public));
	now.has_next_seal = s->has_next;
	now.next_seal = s->has_next ? s->next : (struct config_seal){ 0 };
	same = now.seal_key_id == c->seal_key_id &&
	       memcmp(now.seal_public, c->seal_public, sizeof(now.seal_public)) == 0 &&
	       now.has_next_seal == c->has_next_seal &&
	       memcmp(&now.next_seal, &c->next_seal, sizeof(now.next_seal)) == 0;
	*c = now;
	crypto_wipe(&now, sizeof(now)); /* passkeys */
	return !same;
}

static bool is_same_root(const struct config_root *a, const struct config_root *b)
{
	return a->only == b->only && a->trust_len == b->trust_len &&
	       memcmp(a->trust, b->trust, a->trust_len) == 0 &&
	       a->cross_len == b->cross_len &&
	       memcmp(a->cross, b->cross, a->cross_len) == 0;
}

static bool set_root(const struct config_root *root, struct config *c)
{
	if (root->trust_len == 0 || is_same_root(root, &c->root))
		return false;
	c->root = *root;
	return true;
}

static bool bring(const struct wanted *w, struct config *c)
{
	bool changed = set_seal(&w->seal, c);

	changed |= set_root(&w->root, c);

	for (size_t i = 0; i < c->endpoint_count; i++)
		if (is_own(w, &c->endpoints[i]))
			changed |= set_pins(w, &c->endpoints[i]);
	return changed;
}

static int change(void *arg, struct store *store, struct config *c)
{
	(void)store;
	return bring(arg, c) ? CTL_OK : CTL_FLEET_SAME;
}

/* --- which hubs do not know it yet ------------------------------------------------------------ */

struct behind {
	struct wanted *wanted;
	struct wanted *
		after; /* a hub that was told this already was waited for before; or NULL */
	unsigned all, count;
	char names[BEHIND_MAX][HUB_NAME_MAX + 1];
};

static bool has(const struct wanted *w, const struct config *c)
{
	struct config copy = *c;
	bool has = !bring(w, &copy);

	crypto_wipe(&copy, sizeof(copy)); /* passkeys */
	return has;
}

/* Signed is not known: it counts what the hub says that it has in use. */
static int look(void *arg, const struct hub *h, const struct config *c)
{
	struct behind *b = arg;
	bool behind = (!has(b->wanted, c) || h->config_used < c->version) &&
		      !(b->after && has(b->after, c));

	b->all++;
	if (behind && b->count < BEHIND_MAX)
		snprintf(b->names[b->count], sizeof(b->names[0]), "%s", h->name);
	b->count += behind;
	return CTL_OK;
}

static int find_behind(const char *dir, struct wanted *w, struct wanted *after,
		       struct behind *ret)
{
	*ret = (struct behind){ .wanted = w, .after = after };
	return ctl_fleet_each(dir, look, ret);
}

static void print_names(FILE *to, const struct behind *b)
{
	for (unsigned i = 0; i < b->count && i < BEHIND_MAX; i++)
		fprintf(to, "%s %s", i ? "," : "", b->names[i]);
	if (b->count > BEHIND_MAX)
		fprintf(to, " and %u more", b->count - BEHIND_MAX);
	fputc('\n', to);
}

/* A hub that was not told would take nobody for the clinic. after: as struct behind. */
static int check_known(const struct args *a, const char *risk, struct wanted *after)
{
	struct wanted w = { 0 };
	struct behind b = { .count = 0 };
	int r = load_wanted(a->dir, &w);

	if (r == CTL_OK)
		r = find_behind(a->dir, &w, after, &b);
	if (r != CTL_OK || b.count == 0)
		return r;
	fprintf(stderr,
		"clinicctl: %u of %u hubs have not said that they know it:", b.count,
		b.all);
	print_names(stderr, &b);
	if (a->anyway)
		return CTL_OK;
	return ctl_complain(CTL_FAILED,
			    "nothing was changed: %s. Wait for them, or say "
			    "--anyway",
			    risk);
}

/* --- the steps -------------------------------------------------------------------------------- */

/* Where words go: beside the object with --json. */
static FILE *say;

static int sync_fleet(const char *dir, struct wanted *w)
{
	struct ctl_fleet f;
	int r = ctl_fleet_change(dir, change, w, &f);

	fprintf(say,
		"%u hubs have a new configuration, which they fetch when they call next; "
		"%u "
		"had it already.\n",
		f.changed, f.same);
	if (f.failed > 0)
		return ctl_complain(CTL_FAILED,
				    "%u hubs have none: do the same again when what was "
				    "said above is mended",
				    f.failed);
	return r;
}

static int tell_fleet(const char *dir)
{
	struct wanted w = { 0 };
	int r = load_wanted(dir, &w);

	return r == CTL_OK ? sync_fleet(dir, &w) : r;
}

static int done(int r, const char *why)
{
	return r < 0 ? ctl_complain(r == -EEXIST ? CTL_CANT_CREATE : ctl_exit_code(r),
				    "%s", why)
		     : CTL_OK;
}

static int announce(const struct args *a, const char *word)
{
	int r = tell_fleet(a->dir);

	if (r == CTL_OK)
		fprintf(say,
			"When all of them have it ('clinicctl keys show %s'): clinicctl "
			"keys use %s %s.\n",
			a->dir, a->dir, word);
	return r;
}

static int next(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	int r;

	if (a->what == WHAT_ROOT) {
		r = ctl_root_next(a->dir, say);
		return r == CTL_OK ? announce(a, "root") : r;
	}
	r = a->what == WHAT_SEAL
		    ? keyring_seal_next(a->dir, why)
		    : keyring_next(a->dir, (enum keyring_pair)a->what, ctl_now_ms(), why);

	if (r == -EEXIST)
		fprintf(say, "There is a next key already; no other was made.\n");
	r = r == -EEXIST && (a->what == WHAT_SEAL ||
			     keyring_step(a->dir, (enum keyring_pair)a->what) ==
				     KEYRING_ANNOUNCED)
		    ? CTL_OK
		    : done(r, why);
	if (r != CTL_OK)
		return r;
	if (a->what == WHAT_ENROL) {
		fprintf(say,
			"enrol-next.crt is made. Copy it to each machine where clinicd "
			"listens, and start it\nanew there; then: clinicctl keys use %s "
			"enrol.\n",
			a->dir);
		return CTL_OK;
	}
	return announce(a, a->what == WHAT_SEAL ? "seal" : "server");
}

static void print_restart(const struct args *a)
{
	if (a->what == WHAT_ENROL)
		fprintf(say,
			"Start clinicd anew: from then on it signs with the other CA, "
			"and "
			"takes hubs of both. When\nall certificates of the one before "
			"have "
			"ended, after %d days: clinicctl keys drop %s enrol.\n",
			OLD_CA_DAYS, a->dir);
	else
		fprintf(say,
			"Start clinicd anew: from then on it shows the other key. Hubs "
			"that know both go on. One\nthat does not calls in vain: "
			"'clinicctl keys back %s server' lets it in again. At last:\n"
			"clinicctl keys drop %s server.\n",
			a->dir, a->dir);
}

/* A hub that does not know it takes the server by the root that it has, which vouches for it: nobody is asked. */
static int use_root(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	int r = done(root_change_use(a->dir, ctl_now_ms(), why), why);

	if (r == CTL_OK)
		fprintf(say,
			"The certificates of the server and of the CA for hubs are made "
			"anew, for the same keys. Copy\nroot.crt, root-old.crt, "
			"root-cross.crt, server.crt and enrol.crt to each machine where "
			"clinicd\nlistens, and start it anew there. Hubs take both roots "
			"until: clinicctl keys drop %s root.\n",
			a->dir);
	return r;
}

static int back_root(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	int r = done(root_change_back(a->dir, ctl_now_ms(), why), why);

	if (r == CTL_OK)
		fprintf(say, "The root before is in place again; copy the same files, "
			     "without root-old.crt, and start\nclinicd anew.\n");
	return r;
}

/* Hubs first, as with a server's key. Each goes over only when it has reached the clinic by the new root alone. */
static int drop_root(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	struct wanted w = { 0 };
	int r;

	if (root_files_step(a->dir) != KEYRING_USED)
		return ctl_misused(
			&ctl_keys,
			"keys drop: there is no key of before; 'clinicctl keys "
			"show %s' says how far each change is",
			a->dir);
	r = load_wanted(a->dir, &w);
	w.root.only = true;
	if (r == CTL_OK)
		r = check_known(a, "they have the root before only", &w);
	if (r == CTL_OK)
		r = ctl_root_unrenewed(a->dir, a->anyway);
	if (r == CTL_OK)
		r = sync_fleet(a->dir, &w);
	FAILPOINT("clinicctl.keys.told");
	if (r == CTL_OK)
		r = done(root_change_drop(a->dir, why), why);
	if (r == CTL_OK)
		fprintf(say,
			"The root before is removed; remove root-old.crt on each machine "
			"where clinicd listens, too, and\nstart it anew at once: a hub "
			"that does not reach it by the new root within 15 minutes "
			"takes\nboth for another hour, and tries again. 'clinicctl keys "
			"show %s' names those that have not heard of it.\n",
			a->dir);
	return r;
}

static int use(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	int r = CTL_OK;

	if (a->what == WHAT_ROOT)
		return use_root(a);
	if (a->what == WHAT_SERVER &&
	    keyring_step(a->dir, KEYRING_SERVER) == KEYRING_ANNOUNCED)
		r = check_known(a, "they would not find the clinic any more", NULL);
	if (r != CTL_OK)
		return r;
	r = a->what == WHAT_SEAL ? keyring_seal_use(a->dir, why)
				 : keyring_use(a->dir, (enum keyring_pair)a->what, why);
	/* the files may have been moved by a run that ended before it told the hubs */
	if (r == -ENOENT && a->what == WHAT_SEAL && file_exists(a->dir, FILES_SEAL_PUB))
		return tell_fleet(a->dir);
	r = done(r, why);
	if (r == CTL_OK && a->what == WHAT_SEAL)
		return tell_fleet(a->dir);
	if (r == CTL_OK)
		print_restart(a);
	return r;
}

static int back(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	int r;

	if (a->what == WHAT_ROOT)
		return back_root(a);
	if (a->what == WHAT_SEAL)
		return ctl_misused(&ctl_keys,
				   "keys back: 'server', 'enrol' and 'root' have a key "
				   "to go back to; for another sealing key: "
				   "'keys next'");
	r = done(keyring_back(a->dir, (enum keyring_pair)a->what, why), why);
	if (r == CTL_OK)
		fprintf(say, "The key before is in place again; start clinicd anew. "
			     "'clinicctl "
			     "keys use' goes on\nwith the other one.\n");
	return r;
}

static int check_old_ca(const struct args *a)
{
	char path[FILES_PATH_MAX];
	struct stat st;
	int64_t days;

	if (a->anyway || files_path(a->dir, "enrol-old.crt", path) < 0 ||
	    stat(path, &st) != 0)
		return CTL_OK;
	days = (ctl_now_ms() / 1000 - st.st_mtime) / 86400;
	if (days >= OLD_CA_DAYS)
		return CTL_OK;
	return ctl_complain(CTL_FAILED,
			    "nothing was changed: this CA signed until %" PRId64
			    " days ago, and its certificates are good for %d; hubs "
			    "with one could not connect. Wait, or say --anyway",
			    days, OLD_CA_DAYS);
}

static int drop_server(const struct args *a)
{
	struct wanted w = { 0 };
	int r = load_wanted(a->dir, &w);

	w.count = 1;
	if (r == CTL_OK)
		r = check_known(a, "they would not find the clinic any more", &w);
	return r == CTL_OK ? sync_fleet(a->dir, &w) : r;
}

/* Hubs first: the file is what says that they may still know the key. */
static int drop(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	int r;

	if (a->what == WHAT_ROOT)
		return drop_root(a);
	if (a->what == WHAT_SEAL)
		return ctl_misused(&ctl_keys,
				   "keys drop: a sealing key is kept as long as "
				   "what was sealed to it");
	if (keyring_step(a->dir, (enum keyring_pair)a->what) != KEYRING_USED)
		return ctl_misused(
			&ctl_keys,
			"keys drop: there is no key of before; 'clinicctl keys "
			"show %s' says how far each change is",
			a->dir);
	if (a->what == WHAT_ENROL)
		r = check_old_ca(a);
	else
		r = drop_server(a);
	FAILPOINT("clinicctl.keys.told");
	if (r == CTL_OK)
		r = done(keyring_drop(a->dir, (enum keyring_pair)a->what, why), why);
	if (r == CTL_OK)
		fprintf(say, "The key before is removed%s.\n",
			a->what == WHAT_ENROL ? "; start clinicd anew" : "");
	return r;
}

/* --- show ------------------------------------------------------------------------------------- */

static const char *step_text(enum keyring_step s)
{
	switch (s) {
	case KEYRING_IDLE: return "one";
	case KEYRING_ANNOUNCED: return "announced";
	case KEYRING_MOVING: return "moving";
	case KEYRING_USED: return "used";
	}
	return "?";
}

static const char *step_words(enum keyring_step s)
{
	switch (s) {
	case KEYRING_IDLE: return "no change";
	case KEYRING_ANNOUNCED: return "the next one is announced, not in use";
	case KEYRING_MOVING: return "a move was cut short: 'keys use' or 'keys back'";
	case KEYRING_USED: return "in use; the one before is still taken: 'keys drop'";
	}
	return "?";
}

static void pin_text(const uint8_t pin[static PIN_LEN], char ret[static 2 * PIN_LEN + 1])
{
	for (size_t i = 0; i < PIN_LEN; i++)
		snprintf(ret + 2 * i, 3, "%02x", pin[i]);
}

static void print_text(const struct args *a, const struct wanted *w,
		       const struct behind *b)
{
	char pin[2 * PIN_LEN + 1];

	printf("server   %s\n", step_words(keyring_step(a->dir, KEYRING_SERVER)));
	for (size_t i = 0; i < w->count; i++) {
		pin_text(w->pins[i], pin);
		printf("         %s%s\n", pin, i ? "" : ", shown by clinicd");
	}
	if (file_exists(a->dir, FILES_ENROL_CRT))
		printf("enrol    %s\n", step_words(keyring_step(a->dir, KEYRING_ENROL)));
	printf("root     %s%s\n", step_words(root_files_step(a->dir)),
	       w->root.only ? "; the one before is dropped" : "");
	printf("seal     readings are sealed to key %u", w->seal.now.id);
	if (w->seal.has_next)
		printf("; key %u is announced, not in use", w->seal.next.id);
	printf("\n\n%u of %u hubs have said that they know all this.\n",
	       b->all - b->count, b->all);
	if (b->count > 0) {
		printf("Not yet:");
		print_names(stdout, b);
	}
}

static void print_json(const struct args *a, const struct wanted *w,
		       const struct behind *b)
{
	char pin[2 * PIN_LEN + 1];
	cJSON *o = json_object(), *in = json_object_in(o, "server"), *list;

	json_text(in, "state", step_text(keyring_step(a->dir, KEYRING_SERVER)));
	list = json_array_in(in, "pins");
	for (size_t i = 0; i < w->count; i++) {
		pin_text(w->pins[i], pin);
		json_text_item(list, pin);
	}
	in = json_object_in(o, "enrol");
	json_text(in, "state", step_text(keyring_step(a->dir, KEYRING_ENROL)));
	in = json_object_in(o, "root");
	json_text(in, "state", step_text(root_files_step(a->dir)));
	json_bool(in, "dropped", w->root.only);
	in = json_object_in(o, "seal");
	json_uint(in, "key", w->seal.now.id);
	if (w->seal.has_next)
		json_uint(in, "next", w->seal.next.id);
	else
		json_null(in, "next");
	json_uint(o, "hubs", b->all);
	json_uint(o, "behind", b->count);
	list = json_array_in(o, "behind_names");
	for (unsigned i = 0; i < b->count && i < BEHIND_MAX; i++)
		json_text_item(list, b->names[i]);
	json_print(o);
}

static int show(const struct args *a)
{
	struct wanted w = { 0 };
	struct behind b;
	int r = load_wanted(a->dir, &w);

	if (r == CTL_OK)
		r = find_behind(a->dir, &w, NULL, &b);
	if (r == CTL_OK && a->json)
		print_json(a, &w, &b);
	else if (r == CTL_OK)
		print_text(a, &w, &b);
	return r;
}

/* --- the command line ------------------------------------------------------------------------- */

static const char *const whats[] = { [WHAT_SERVER] = "server",
				     [WHAT_ENROL] = "enrol",
				     [WHAT_SEAL] = "seal",
				     [WHAT_ROOT] = "root" };

static int parse_what(const char *text, enum what *ret)
{
	for (size_t i = 0; i < sizeof(whats) / sizeof(*whats); i++)
		if (strcmp(text, whats[i]) == 0) {
			*ret = (enum what)i;
			return CTL_OK;
		}
	return ctl_misused(&ctl_keys, "keys: '%s' is not server, enrol, seal or root",
			   text);
}

/* What was asked for is done, maybe before. */
static void print_step(const struct args *a)
{
	cJSON *o = json_object();

	json_text(o, "key", whats[a->what]);
	json_bool(o, "done", true);
	json_print(o);
}

int ctl_keys_tell(const char *dir, bool json)
{
	const struct args a = { .dir = dir, .what = WHAT_ROOT };
	int r;

	say = json ? stderr : stdout;
	r = tell_fleet(dir);
	if (r == CTL_OK && json)
		print_step(&a);
	return r;
}

/* of_one: takes the word for which key. */
static int run_one(int argc, char **argv, bool of_one, int (*fn)(const struct args *a))
{
	static const struct option options[] = {
		{ "anyway", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { 0 };
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'a': a.anyway = true; break;
		case 'j': a.json = true; break;
		default: return ctl_misused(&ctl_keys, "keys: nothing was changed");
		}
	}
	if (!ctl_operands(&ctl_keys, argc, argv, optind, of_one ? 3 : 2))
		return CTL_USAGE;
	a.dir = argv[optind + 1];
	r = of_one ? parse_what(argv[optind + 2], &a.what) : CTL_OK;
	say = a.json && of_one ? stderr : stdout;
	if (r == CTL_OK)
		r = fn(&a);
	if (r == CTL_OK && a.json && of_one)
		print_step(&a);
	return r;
}

static int run_show(int argc, char **argv)
{
	return run_one(argc, argv, false, show);
}

static int run_next(int argc, char **argv)
{
	return run_one(argc, argv, true, next);
}

static int run_use(int argc, char **argv)
{
	return run_one(argc, argv, true, use);
}

static int run_back(int argc, char **argv)
{
	return run_one(argc, argv, true, back);
}

static int run_drop(int argc, char **argv)
{
	return run_one(argc, argv, true, drop);
}

static const struct ctl_part parts[] = {
	{ "show", run_show, false }, { "next", run_next, false },
	{ "use", run_use, false },   { "back", run_back, false },
	{ "drop", run_drop, false }, { 0 },
};

const struct ctl_verb ctl_keys = {
	.name = "keys",
	.what = "change the server's key, the CA for hubs that enrol, the sealing key, "
		"the root",
	.usage =
		"Usage: clinicctl keys show DIR [--json]\n"
		"       clinicctl keys next DIR server|enrol|seal|root [--json]\n"
		"       clinicctl keys use DIR server|enrol|seal|root [--anyway] "
		"[--json]\n"
		"       clinicctl keys back DIR server|enrol|root [--json]\n"
		"       clinicctl keys drop DIR server|enrol|root [--anyway] [--json]\n"
		"Changes a key of the clinic without a visit to any hub. A step that was "
		"cut short is done\nagain.\n\n"
		"  next   makes the next key, and announces it in the configuration of "
		"each hub\n"
		"  use    from now on it is the one; hubs take the one before, too\n"
		"  back   the one before again, for hubs that were away\n"
		"  drop   no hub takes the one before any more\n"
		"  show   how far each change is, and which hubs do not know of it\n\n"
		"  server  key and certificate that clinicd shows; start it anew after "
		"use and back\n"
		"  enrol   CA that signs certificates of hubs that enrol; the same\n"
		"  seal    readings are sealed to it. Those before are kept, as "
		"seal-N.key: they open what\n"
		"          was sealed to them\n"
		"  root    certificates of server, CA and hubs are good below it. The "
		"one "
		"before vouches for\n"
		"          the next one, so that hubs that were off meanwhile find the "
		"clinic, until 'drop'\n\n"
		"  --anyway  also if hubs do not know of it: they are lost until 'back', "
		"or a visit\n"
		"  --json    one object, for programs\n",
	.parts = parts,
};
