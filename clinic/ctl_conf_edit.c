/*
 * ctl_conf_edit.c - clinicctl config edit: a hub's configuration in an editor.
 *
 * The text lies in the clinic's folder, where its passkeys are as safe as in the database, as edit-HUB.json. It is removed
 * when the change is signed or nothing was changed, and stays in every other case: no edit is lost.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinic/config_text.h"
#include "clinic/ctl_config_ask.h"
#include "clinic/folder.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

struct edit {
	const char *dir, *hub, *from, *out;
	bool yes, json;
	const char *folder;	      /* where the file is */
	char name[HUB_NAME_MAX + 16]; /* of the file */
	struct config_endpoint own;
	struct config before, after;
	char *text;			  /* of before; wiped and freed */
	char edited[CONFIG_TEXT_MAX + 1]; /* what came back */
	bool own_file;			  /* the file was made here */
};

static int parse_args(int argc, char **argv, struct edit *e)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "out", required_argument, NULL, 'o' },
		{ "yes", no_argument, NULL, 'y' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f': e->from = optarg; break;
		case 'o': e->out = optarg; break;
		case 'y': e->yes = true; break;
		case 'j': e->json = true; break;
		default:
			return ctl_misused(&ctl_conf, "config edit: nothing was changed");
		}
	}
	if (!ctl_operands(&ctl_conf, argc, argv, optind, 3))
		return CTL_USAGE;
	if (e->json && !e->yes)
		return ctl_misused(&ctl_conf, "config edit: --json needs --yes");
	e->dir = argv[optind + 1];
	e->hub = argv[optind + 2];
	return CTL_OK;
}

/* Where the text lies: with the clinic, or with the person if the clinic is behind a socket. */
static const char *text_folder(const char *where)
{
	const char *home = getenv("HOME");
	struct stat st;

	if (stat(where, &st) == 0 && S_ISDIR(st.st_mode))
		return where;
	return home && *home ? home : ".";
}

/* The config as it is, and what a spec that says not all is filled from. */
static int load(struct edit *e)
{
	static struct ctl_config_base base;
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(e->dir, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = ctl_config_load(clinic, e->hub, &base);
	remote_close(clinic);
	e->before = base.config;
	e->own = base.own;
	crypto_wipe(&base, sizeof(base));
	if (r != CTL_OK)
		return r;
	e->folder = text_folder(e->dir);
	snprintf(e->name, sizeof(e->name), "edit-%s.json", e->hub);
	e->text = config_text_make(e->hub, &e->before, true);
	return CTL_OK;
}

/* --- the file --------------------------------------------------------------------------------- */

static int make_file(struct edit *e)
{
	int r;

	if (!file_is_gone(e->folder, e->name))
		return ctl_complain(CTL_CANT_CREATE,
				    "%s/%s is there, from an edit that did not come to "
				    "its end: go on with '--from %s/%s', or remove it",
				    e->folder, e->name, e->folder, e->name);
	r = file_replace(e->folder, e->name, (const uint8_t *)e->text, strlen(e->text));
	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s/%s could not be written: %s",
				    e->folder, e->name, err_text(r));
	e->own_file = true;
	return CTL_OK;
}

static void remove_file(const struct edit *e)
{
	if (e->own_file && file_remove(e->folder, e->name) < 0)
		(void)ctl_complain(CTL_FAILED,
				   "%s/%s could not be removed; it has passkeys in it",
				   e->folder, e->name);
}

/* Where the edit is, for what is to be said. */
static const char *place(const struct edit *e, char buf[static FILES_PATH_MAX])
{
	if (e->from)
		return e->from;
	snprintf(buf, FILES_PATH_MAX, "%s/%s", e->folder, e->name);
	return buf;
}

static int read_back(struct edit *e)
{
	char path[FILES_PATH_MAX];
	FILE *f = fopen(place(e, path), "re");
	size_t n = f ? fread(e->edited, 1, sizeof(e->edited), f) : 0;
	bool bad = !f || ferror(f);

	if (f)
		(void)fclose(f);
	if (bad)
		return ctl_complain(CTL_NO_INPUT, "%s cannot be read: %s", place(e, path),
				    strerror(errno));
	if (n > CONFIG_TEXT_MAX || memchr(e->edited, '\0', n))
		return ctl_complain(CTL_NO_INPUT, "%s is no text of a configuration",
				    place(e, path));
	e->edited[n] = '\0';
	return CTL_OK;
}

/* --- the person ------------------------------------------------------------------------------- */

/* As git does it: the variable may hold options, so a shell takes it apart. */
static int run_editor(const struct edit *e)
{
	const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
	char path[FILES_PATH_MAX], command[FILES_PATH_MAX];
	int status = -1;
	pid_t pid;

	editor = visual && *visual ? visual : editor && *editor ? editor : "vi";
	if (snprintf(command, sizeof(command), "%s \"$1\"", editor) >=
	    (int)sizeof(command))
		return ctl_complain(CTL_FAILED, "$EDITOR is too long");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, "sh", place(e, path), (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return ctl_complain(CTL_FAILED,
				    "the editor '%s' failed; the text is kept in %s",
				    editor, place(e, path));
	return CTL_OK;
}

static int keep(const struct edit *e, int code)
{
	char path[FILES_PATH_MAX];

	return ctl_complain(
		code,
		"nothing was signed. The edit is kept in %s: 'clinicctl config "
		"edit %s %s --from %s' goes on with it",
		place(e, path), e->dir, e->hub, place(e, path));
}

/* Until the text is good, or the person has enough of it. */
static int let_edit(struct edit *e)
{
	char why[CONFIG_TEXT_WHY_MAX];
	int r;

	for (;;) {
		r = e->from ? CTL_OK : run_editor(e);
		if (r == CTL_OK)
			r = read_back(e);
		if (r != CTL_OK)
			return r;
		e->after = e->before;
		if (config_text_read(e->edited, e->hub, &e->own, &e->after, why) == 0)
			return CTL_OK;
		(void)ctl_complain(CTL_USAGE, "%s", why);
		if (e->from || e->yes || !ctl_confirm("Edit it again?"))
			return keep(e, CTL_USAGE);
	}
}

/* --- the change ------------------------------------------------------------------------------- */

/* Is what was edited still the last one? */
static bool is_last(const struct edit *e, const struct config *now)
{
	static uint8_t a[CONFIG_BYTES_MAX], b[CONFIG_BYTES_MAX];
	struct config last = *now;
	int n, m;

	last.version = e->before.version; /* it has the next one already */
	n = config_encode(&last, a, sizeof(a));
	m = config_encode(&e->before, b, sizeof(b));
	n = n == m && n > 0 && memcmp(a, b, (size_t)n) == 0;
	crypto_wipe(&last, sizeof(last));
	crypto_wipe(a, sizeof(a));
	crypto_wipe(b, sizeof(b));
	return n;
}

static int apply(void *arg, const struct config_endpoint *own, struct config *c)
{
	const struct edit *e = arg;
	uint64_t version = c->version;

	(void)own;
	if (!is_last(e, c))
		return ctl_complain(CTL_FAILED,
				    "the configuration of hub '%s' was changed "
				    "meanwhile",
				    e->hub);
	*c = e->after;
	c->version = version;
	return CTL_OK;
}

/* c: as signed, or NULL: nothing was changed. */
static void print_json(const struct edit *e, const struct config *c,
		       const struct ctl_config_out *out)
{
	cJSON *o = json_object();

	json_text(o, "hub", e->hub);
	json_bool(o, "changed", c != NULL);
	ctl_config_add_json(o, c ? c : &e->before, out);
	json_print(o);
}

static int sign(struct edit *e)
{
	static struct config c;
	struct ctl_config_out out;
	int r = ctl_config_out(&ctl_conf, e->out, &out);

	if (r == CTL_OK)
		r = ctl_config_ask(e->dir, e->hub, &out, apply, e, &c);
	if (r == CTL_OK && e->json) {
		print_json(e, &c, &out);
	} else if (r == CTL_OK) {
		printf("Configuration %llu of hub '%s' is signed.\n",
		       (unsigned long long)c.version, e->hub);
		ctl_config_print_next(stdout, &out);
		if (e->from)
			printf("Delete %s: it may have passkeys in it.\n", e->from);
	}
	crypto_wipe(&c, sizeof(c));
	return r;
}

static int edit(struct edit *e)
{
	char *after;
	bool same;
	int r = e->from ? CTL_OK : make_file(e);

	if (r == CTL_OK)
		r = let_edit(e);
	if (r != CTL_OK)
		return r;
	after = config_text_make(e->hub, &e->after, true);
	same = strcmp(e->text, after) == 0;
	if (!same)
		config_text_diff(e->json ? stderr : stdout, e->text, after);
	crypto_wipe(after, strlen(after));
	free(after);
	if (same) {
		if (e->json)
			print_json(e, NULL, &(struct ctl_config_out){ 0 });
		else
			printf("Nothing was changed.\n");
		remove_file(e);
		return CTL_OK;
	}
	if (!e->yes && !ctl_confirm("\nSign this for the hub?"))
		return keep(e, CTL_FAILED);
	r = sign(e);
	if (r != CTL_OK)
		return keep(e, r);
	remove_file(e);
	return CTL_OK;
}

int ctl_conf_edit(int argc, char **argv)
{
	static struct edit e;
	int r = parse_args(argc, argv, &e);

	if (r == CTL_OK)
		r = load(&e);
	if (r == CTL_OK)
		r = edit(&e);
	if (e.text) {
		crypto_wipe(e.text, strlen(e.text));
		free(e.text);
	}
	crypto_wipe(&e, sizeof(e)); /* passkeys */
	return r;
}
