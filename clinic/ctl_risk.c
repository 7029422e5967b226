/*
 * ctl_risk.c - clinicctl risk: which known vulnerabilities matter on a hub, and signing what people say about them.
 *
 * Everything comes from files and the clinic's database; nothing is fetched. What the hub says is evidence, what a person
 * signs is judgement (risk.h holds the two apart).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/ctl_config_ask.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_order.h"
#include "clinic/files.h"
#include "clinic/json.h"
#include "clinic/risk_show.h"
#include "clinic/vex_sign.h"
#include "hub/core/err.h"
#include "hub/core/image.h"
#include "hub/rt/file.h"

enum { GIVEN_MAX = 16, TEXT_MAX = 256 << 20 };

struct args {
	const char *dir, *hub; /* of 'sign': the document */
	const char *image, *build_key, *release, *conditions, *only, *as, *key;
	const char *feeds[GIVEN_MAX], *vex[GIVEN_MAX];
	size_t feed_count, vex_count;
	bool give, json;
};

/* A file as it is. */
struct text {
	char *p; /* owned */
	size_t len;
	int64_t changed_ms;
};

static void text_free(struct text *t)
{
	free(t->p);
}

/* Complains. */
static int read_text(const char *path, struct text *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), n = -EIO;
	struct stat st;

	*ret = (struct text){ 0 };
	if (fd < 0)
		return ctl_complain(CTL_NO_INPUT, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= TEXT_MAX)
		ret->p = malloc((size_t)st.st_size + 1);
	if (ret->p)
		n = file_read_all(fd, (uint8_t *)ret->p, (size_t)st.st_size);
	close(fd);
	if (n < 0) {
		free(ret->p);
		ret->p = NULL;
		return ctl_complain(CTL_NO_INPUT,
				    "%s could not be read: not a file, or above %d MB",
				    path, TEXT_MAX >> 20);
	}
	ret->len = (size_t)n;
	ret->p[n] = '\0';
	ret->changed_ms = (int64_t)st.st_mtim.tv_sec * 1000;
	return CTL_OK;
}

static int read_in(const char *dir, const char *name, struct text *ret)
{
	char path[FILES_PATH_MAX];

	*ret = (struct text){ 0 };
	if (files_path(dir, name, path) < 0)
		return ctl_complain(CTL_NO_INPUT, "%s/%s: the name is too long", dir,
				    name);
	return read_text(path, ret);
}

static bool is_hash_of(const uint8_t hash[static SHA256_LEN], const struct text *t)
{
	uint8_t real[SHA256_LEN];

	crypto_sha256((const uint8_t *)t->p, t->len, real);
	return memcmp(hash, real, SHA256_LEN) == 0;
}

/* --- the image --------------------------------------------------------------------------------------- */

/* What the build made, all of it signed as one. */
struct build {
	struct image_statement word;
	struct text sbom, facts;
	char who[160];
};

static void build_free(struct build *b)
{
	text_free(&b->sbom);
	text_free(&b->facts);
}

static int open_word(const struct args *a, const struct text *key,
		     const struct text *signed_word, struct image_statement *ret)
{
	const uint8_t *payload;
	size_t len;

	if (key->len != P256_PUBLIC_LEN ||
	    sign1_open(SIGN_CONTEXT_IMAGE, (const uint8_t *)key->p,
		       (const uint8_t *)signed_word->p, signed_word->len, &payload,
		       &len) ||
	    image_statement_decode(payload, len, ret))
		return ctl_complain(
			CTL_FAILED,
			"%s/image.cose is not signed by the key of %s; do not "
			"trust this folder",
			a->image, a->build_key ? a->build_key : "build.pub");
	return CTL_OK;
}

static int read_build(const struct args *a, struct build *b)
{
	struct text key = { 0 }, word = { 0 };
	int r = a->build_key ? read_text(a->build_key, &key)
			     : read_in(a->image, "build.pub", &key);

	if (r == CTL_OK)
		r = read_in(a->image, "image.cose", &word);
	if (r == CTL_OK)
		r = open_word(a, &key, &word, &b->word);
	if (r == CTL_OK)
		r = read_in(a->image, "sbom.cdx.json", &b->sbom);
	if (r == CTL_OK)
		r = read_in(a->image, "facts.json", &b->facts);
	text_free(&key);
	text_free(&word);
	if (r != CTL_OK)
		return r;
	if (!is_hash_of(b->word.sbom, &b->sbom) || !is_hash_of(b->word.facts, &b->facts))
		return ctl_complain(
			CTL_FAILED,
			"%s: sbom.cdx.json or facts.json is not what the build "
			"has signed",
			a->image);
	snprintf(b->who, sizeof(b->who), "%s %s, %s", b->word.product, b->word.version,
		 a->build_key
			 ? "signed by the key that was given"
			 : "signed by the key that lies beside it, whoever's that is "
			   "(--build-key)");
	return CTL_OK;
}

/* --- the files that are given ------------------------------------------------------------------------ */

static int add_conditions(const struct args *a, struct risk *r)
{
	struct text t;
	int c;

	if (!a->conditions)
		return CTL_OK;
	c = read_text(a->conditions, &t);
	if (c == CTL_OK && risk_add_conditions(r, t.p, t.len))
		c = ctl_complain(CTL_FAILED, "%s is not a list of conditions",
				 a->conditions);
	text_free(&t);
	return c;
}

static int add_feeds(const struct args *a, struct risk *r, int64_t *ret_oldest_ms)
{
	int c = CTL_OK;

	*ret_oldest_ms = 0;
	for (size_t i = 0; i < a->feed_count && c == CTL_OK; i++) {
		struct text t;

		c = read_text(a->feeds[i], &t);
		if (c == CTL_OK && risk_add_feed(r, t.p, t.len, a->release))
			c = ctl_complain(CTL_FAILED,
					 "%s is neither an export of Debian's security "
					 "tracker nor OSV",
					 a->feeds[i]);
		if (c == CTL_OK && (*ret_oldest_ms == 0 || t.changed_ms < *ret_oldest_ms))
			*ret_oldest_ms = t.changed_ms;
		text_free(&t);
	}
	return c;
}

/* Whose word closes something: who answers for the product. */
static bool may_judge(enum signer_role role)
{
	return role == SIGNER_SECURITY || role == SIGNER_MANUFACTURER;
}

static int check_vex(struct store *store, const char *path, const struct text *document,
		     struct signer_row *ret)
{
	char name[SIGNER_NAME_MAX + 1], file[FILES_PATH_MAX];
	struct text sign;
	int r;

	if ((size_t)snprintf(file, sizeof(file), "%s%s", path, VEX_SIGNATURE_END) >=
	    sizeof(file))
		return ctl_complain(CTL_NO_INPUT, "%s: the name is too long", path);
	r = read_text(file, &sign);
	if (r != CTL_OK)
		return r;
	if (vex_signer((const uint8_t *)sign.p, sign.len, name) < 0)
		r = ctl_complain(CTL_FAILED, "%s is no signature of a statement", file);
	else if (store_signer_by_name(store, name, ret) < 0)
		r = ctl_complain(
			CTL_FAILED,
			"%s names '%s', who is no signer here: 'clinicctl signer "
			"list'",
			file, name);
	else if (!may_judge(ret->signer.role))
		r = ctl_complain(
			CTL_FAILED,
			"%s: '%s' is %s; statements are signed by clinic-security "
			"or the manufacturer",
			file, name, signer_role_text(ret->signer.role));
	else if (vex_verify(&ret->signer, (const uint8_t *)sign.p, sign.len,
			    (const uint8_t *)document->p, document->len))
		r = ctl_complain(CTL_FAILED,
				 "%s is not the signature of '%s' under %s as it is now",
				 file, name, path);
	text_free(&sign);
	return r;
}

static int add_vex(const struct args *a, struct store *store, struct risk *r)
{
	int c = CTL_OK;

	for (size_t i = 0; i < a->vex_count && c == CTL_OK; i++) {
		struct signer_row row;
		struct text t;

		c = read_text(a->vex[i], &t);
		if (c == CTL_OK)
			c = check_vex(store, a->vex[i], &t, &row);
		if (c == CTL_OK && risk_add_vex(r, t.p, t.len, row.name))
			c = ctl_complain(CTL_FAILED,
					 "%s is neither an OpenVEX nor a CycloneDX "
					 "document",
					 a->vex[i]);
		text_free(&t);
	}
	return c;
}

/* --- the report -------------------------------------------------------------------------------------- */

static int load_evidence(const struct args *a, struct store *store, struct hub *ret_hub,
			 struct evidence_found *ret)
{
	struct opening_key key;
	int r = store_hub_by_name(store, a->hub, ret_hub);

	if (r < 0)
		return ctl_store_failed(a->dir, a->hub, r);
	r = ctl_load_key(a->dir, &key);
	if (r != CTL_OK)
		return r;
	r = evidence_load(store, ret_hub, &key, ret);
	crypto_wipe(&key, sizeof(key));
	if (r == -EKEYREJECTED)
		return ctl_complain(CTL_FAILED,
				    "the evidence of '%s' does not open with the sealing "
				    "keys in %s",
				    a->hub, a->dir);
	return r < 0 ? ctl_store_failed(a->dir, a->hub, r) : CTL_OK;
}

/* Evidence of another image says nothing about this one. */
static int use_evidence(const struct args *a, const struct build *b, struct risk *r,
			struct evidence_found *f)
{
	if (!f->found)
		return CTL_OK;
	if (memcmp(f->evidence.image, b->word.manifest, EVIDENCE_HASH_LEN) != 0)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' runs another image than the one in %s",
				    a->hub, a->image);
	if (!f->lists)
		return CTL_OK;
	return risk_image_observe(&r->image, &f->evidence)
		       ? ctl_complain(
				 CTL_FAILED,
				 "the evidence of '%s' names components that %s has not",
				 a->hub, a->image)
		       : CTL_OK;
}

static int exit_of(const struct risk *r, const struct evidence_found *f)
{
	for (size_t i = 0; f->found && i < f->evidence.finding_count; i++)
		if (f->evidence.findings[i].hub && f->evidence.findings[i].confirmed)
			return CTL_LOSSES;
	return r->reopened || r->groups[RISK_ACTUAL] || !r->image.has_evidence
		       ? CTL_LOSSES
		       : CTL_OK;
}

/* --- what the hub is told ---------------------------------------------------------------------------- */

static uint32_t name_hash(const char *cve)
{
	uint8_t hash[SHA256_LEN];

	crypto_sha256((const uint8_t *)cve, strlen(cve), hash);
	return (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 |
	       (uint32_t)hash[2] << 8 | hash[3];
}

static void make_slice(const struct risk *r, const struct build *b, int64_t feed_ms,
		       struct config_risk *ret)
{
	*ret = (struct config_risk){ .feed_s = feed_ms / 1000,
				     .installed = (uint32_t)r->installed,
				     .loaded = (uint32_t)r->loaded,
				     .exposed = (uint32_t)r->exposed,
				     .actual = (uint32_t)r->groups[RISK_ACTUAL],
				     .internal = (uint32_t)r->groups[RISK_INTERNAL],
				     .unproven = (uint32_t)r->groups[RISK_UNPROVEN],
				     .closed = (uint32_t)r->groups[RISK_CLOSED] };
	memcpy(ret->image, b->word.manifest, sizeof(ret->image));
	for (size_t i = 0; i < r->cve_count; i++)
		if (r->cves[i].group == RISK_ACTUAL &&
		    ret->worst_count < CONFIG_RISK_WORST_MAX)
			ret->worst[ret->worst_count++] = name_hash(r->cves[i].id);
}

/* Lists that are older than those of the last time tell the hub nothing. */
static int put_slice(void *arg, const struct config_endpoint *own, struct config *c)
{
	const struct config_risk *new = arg;

	(void)own;
	if (c->has_risk && new->feed_s < c->risk.feed_s)
		return ctl_complain(CTL_FAILED,
				    "the lists of vulnerabilities are older than those "
				    "that the hub has the figures of; nothing was "
				    "changed");
	c->has_risk = true;
	c->risk = *new;
	return CTL_OK;
}

static int give_slice(const struct args *a, const struct risk *r, const struct build *b,
		      int64_t feed_ms)
{
	const struct ctl_config_out out = { 0 };
	struct config_risk slice;
	struct config c;
	int code;

	if (feed_ms == 0 || !r->image.has_evidence)
		return ctl_complain(CTL_FAILED,
				    "--give needs a list of vulnerabilities and the "
				    "hub's evidence: what is not known is not said");
	make_slice(r, b, feed_ms, &slice);
	code = ctl_config_ask(a->dir, a->hub, &out, put_slice, &slice, &c);
	if (code == CTL_OK && !a->json) {
		printf("Hub '%s' gets these figures for its console with configuration "
		       "%llu.\n",
		       a->hub, (unsigned long long)c.version);
		for (size_t i = 0, n = 0; i < r->cve_count && n < slice.worst_count; i++)
			if (r->cves[i].group == RISK_ACTUAL)
				printf("  there %08x is %s\n", slice.worst[n++],
				       r->cves[i].id);
	}
	crypto_wipe(&c, sizeof(c));
	return code;
}

static int report(const struct args *a, struct store *store, struct build *b,
		  struct risk *r)
{
	static struct evidence_found found;
	struct risk_report rep = { .evidence = &found,
				   .now_ms = ctl_now_ms(),
				   .build = b->who,
				   .only = a->only };
	struct hub hub;
	int c = load_evidence(a, store, &hub, &found);

	if (c == CTL_OK)
		c = read_build(a, b);
	if (c == CTL_OK &&
	    risk_image_open(b->sbom.p, b->sbom.len, b->facts.p, b->facts.len, &r->image))
		c = ctl_complain(CTL_FAILED, "%s/sbom.cdx.json could not be understood",
				 a->image);
	if (c == CTL_OK)
		c = use_evidence(a, b, r, &found);
	if (c == CTL_OK)
		c = add_conditions(a, r);
	if (c == CTL_OK)
		c = add_feeds(a, r, &rep.feed_ms);
	if (c == CTL_OK)
		c = add_vex(a, store, r);
	if (c != CTL_OK)
		return c;
	rep.hub = &hub;
	risk_judge(r);
	if (a->json)
		risk_show_json(r, &rep);
	else
		risk_show_text(r, &rep);
	c = a->give ? give_slice(a, r, b, rep.feed_ms) : CTL_OK;
	return c == CTL_OK ? exit_of(r, &found) : c;
}

/* --- signing ----------------------------------------------------------------------------------------- */

static int write_signature(const struct args *a, const uint8_t *bytes, size_t len)
{
	char path[FILES_PATH_MAX];
	int fd, r;

	if ((size_t)snprintf(path, sizeof(path), "%s%s", a->hub, VEX_SIGNATURE_END) >=
	    sizeof(path))
		return ctl_complain(CTL_CANT_CREATE, "%s: the name is too long", a->hub);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = fd < 0 ? -EIO : file_write_at(fd, bytes, len, 0);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s could not be written", path);
	if (a->json) {
		cJSON *o = json_object();

		json_text(o, "document", a->hub);
		json_text(o, "file", path);
		json_print(o);
		return CTL_OK;
	}
	printf("%s is signed: %s\n", a->hub, path);
	return CTL_OK;
}

static int sign_document(const struct args *a, struct store *store)
{
	uint8_t bytes[VEX_SIGNED_MAX];
	char name[ORDER_KEY_NAME_MAX], why[FOLDER_WHY_MAX];
	struct signing *key = NULL;
	struct signer_row row;
	struct text t = { 0 };
	int n, r = store_signer_by_name(store, a->as, &row);

	if (r < 0 || !may_judge(row.signer.role))
		return ctl_complain(CTL_NO_INPUT,
				    "'%s' is no signer of role clinic-security or "
				    "manufacturer: 'clinicctl signer list %s'",
				    a->as, a->dir);
	r = read_text(a->hub, &t);
	order_key_name(a->as, name);
	if (r == CTL_OK && signing_open(a->key, a->dir, name, &key, why) < 0)
		r = ctl_complain(CTL_NO_PERM, "%s", why);
	if (r == CTL_OK) {
		n = vex_sign(key, a->as, (const uint8_t *)t.p, t.len, bytes);
		if (n < 0)
			r = ctl_complain(CTL_FAILED, "it could not be signed: %s",
					 *signing_why(key) ? signing_why(key)
							   : err_text(n));
		else if (vex_verify(&row.signer, bytes, (size_t)n, (const uint8_t *)t.p,
				    t.len))
			r = ctl_complain(CTL_NO_PERM, "this is not the key of '%s'",
					 a->as);
		else
			r = write_signature(a, bytes, (size_t)n);
	}
	signing_close(key);
	text_free(&t);
	return r;
}

/* --- the verb ---------------------------------------------------------------------------------------- */

static bool give(const char *what, const char *list[static GIVEN_MAX], size_t *count)
{
	if (*count == GIVEN_MAX)
		return false;
	list[(*count)++] = what;
	return true;
}

static int parse(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "image", required_argument, NULL, 'i' },
		{ "build-key", required_argument, NULL, 'b' },
		{ "feed", required_argument, NULL, 'f' },
		{ "release", required_argument, NULL, 'r' },
		{ "vex", required_argument, NULL, 'v' },
		{ "conditions", required_argument, NULL, 'c' },
		{ "cve", required_argument, NULL, 'o' },
		{ "as", required_argument, NULL, 'a' },
		{ "signer-key", required_argument, NULL, 'k' },
		{ "give", no_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	bool room = true;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'i': a->image = optarg; break;
		case 'b': a->build_key = optarg; break;
		case 'f': room &= give(optarg, a->feeds, &a->feed_count); break;
		case 'r': a->release = optarg; break;
		case 'v': room &= give(optarg, a->vex, &a->vex_count); break;
		case 'c': a->conditions = optarg; break;
		case 'o': a->only = optarg; break;
		case 'a': a->as = optarg; break;
		case 'k': a->key = optarg; break;
		case 'g': a->give = true; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_risk, "risk: nothing was read");
		}
	}
	return room ? CTL_OK
		    : ctl_misused(&ctl_risk, "risk: at most %d files of a kind",
				  GIVEN_MAX);
}

/* Options, DIR, and HUB or DOCUMENT; first: argv[first] is DIR. */
static int take(int argc, char **argv, int first, struct args *a)
{
	int r;

	*a = (struct args){ .release = "trixie" };
	r = parse(argc, argv, a);
	if (r != CTL_OK)
		return r;
	if (!ctl_operands(&ctl_risk, argc, argv, optind + first - 1, 2))
		return CTL_USAGE;
	a->dir = argv[optind + first - 1];
	a->hub = argv[optind + first];
	return CTL_OK;
}

static int run_sign(int argc, char **argv)
{
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct args a;
	int r = take(argc, argv, 2, &a);

	if (r != CTL_OK)
		return r;
	if (!a.as)
		return ctl_misused(&ctl_risk, "risk sign: --as NAME says who signs");
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = sign_document(&a, store);
	store_close(store);
	return r;
}

static int run(int argc, char **argv)
{
	char why[FOLDER_WHY_MAX];
	struct build build = { 0 };
	struct risk risk = { 0 };
	struct store *store;
	struct args a;
	int r = take(argc, argv, 1, &a);

	if (r != CTL_OK)
		return r;
	if (!a.image)
		return ctl_misused(&ctl_risk,
				   "risk: --image FOLDER is what the build of the hub's "
				   "image left in /usr/lib/hub");
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = report(&a, store, &build, &risk);
	risk_free(&risk);
	build_free(&build);
	store_close(store);
	return r;
}

static const struct ctl_part parts[] = {
	{ "sign", run_sign, false },
	{ 0 },
};

const struct ctl_verb ctl_risk = {
	.name = "risk",
	.what = "known vulnerabilities, and which of them matter on a hub",
	.usage =
		"Usage: clinicctl risk DIR HUB --image FOLDER [--build-key FILE] [--feed "
		"FILE]...\n"
		"                      [--release NAME] [--conditions FILE] [--vex "
		"FILE]... [--cve ID] [--give] [--json]\n"
		"       clinicctl risk sign DIR DOCUMENT --as NAME [--signer-key FILE] "
		"[--json]\n"
		"Joins what the hub has loaded (its evidence), what its image is made "
		"of, "
		"lists of known\n"
		"vulnerabilities, and what people have signed about them. Nothing is "
		"fetched.\n\n"
		"  --image FOLDER     sbom.cdx.json, facts.json, image.cose, build.pub "
		"of "
		"the hub's image\n"
		"  --build-key FILE   the key that must have signed it: a P-256 point of "
		"65 "
		"bytes\n"
		"  --feed FILE        an export of Debian's security tracker, or OSV; as "
		"old as the file\n"
		"  --release NAME     of Debian, in the tracker's export (trixie)\n"
		"  --conditions FILE  what a vulnerability needs to be there: "
		"{\"CVE-...\": "
		"{\"component\":\n"
		"                     NAME, \"features\": [...]} or {\"files\": [...]}}\n"
		"  --vex FILE         OpenVEX or CycloneDX VEX, signed: FILE.cose beside "
		"it\n"
		"  --cve ID           only this one\n"
		"  --give             and the hub shows these figures at its console: a "
		"new "
		"configuration\n"
		"  --json             one JSON object\n"
		"  --as NAME          who signs: clinic-security or manufacturer, see "
		"'clinicctl signer'\n"
		"  --signer-key FILE  the signer's key, if it is not in DIR\n\n"
		"Exit status: 0 nothing matters; 3 something does, or there is no "
		"evidence; "
		"1 it could not\n"
		"be said.\n",
	.parts = parts,
	.run = run,
};
