/*
 * clinicctl.c - the clinic's command line: the verbs and how they are found.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/ctl_here.h"
#include "clinic/files.h"
#include "clinic/passphrase.h"
#include "clinic/signing.h"
#include "clinic/usage.h"
#include "hub/crypto/crypto.h"

static const struct ctl_verb *const verbs[] = {
	&ctl_init,    &ctl_hub,	     &ctl_readings, &ctl_status,     &ctl_gaps,
	&ctl_recover, &ctl_audit,    &ctl_held,	    &ctl_claim,	     &ctl_trust,
	&ctl_label,   &ctl_visit,    &ctl_conf,	    &ctl_enrol,	     &ctl_assign,
	&ctl_signer,  &ctl_lock,     &ctl_release,  &ctl_test,	     &ctl_reboot,
	&ctl_command, &ctl_keys,     &ctl_person,   &ctl_completion, &ctl_replace,
	&ctl_lost,    &ctl_retire,   &ctl_transfer, &ctl_risk,	     &ctl_passphrase,
	&ctl_ticket,  &ctl_evidence, &ctl_token,    &ctl_import,     &ctl_network,
	&ctl_console,
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

const struct ctl_verb *const *ctl_verbs(size_t *ret_count)
{
	*ret_count = VERBS;
	return verbs;
}

__attribute__((format(printf, 1, 0))) static void complain(const char *fmt, va_list ap)
{
	fputs("clinicctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int ctl_complain(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return code;
}

int ctl_misused(const struct ctl_verb *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	fprintf(stderr, "See 'clinicctl %s --help'.\n", v->name);
	return CTL_USAGE;
}

bool ctl_confirm(const char *question)
{
	char line[16] = "";

	fflush(stdout);
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int ctl_exit_code(int err)
{
	switch (err) {
	case 0: return CTL_OK;
	case -ENOENT: return CTL_NO_INPUT;
	case -EACCES: return CTL_NO_PERM;
	}
	return CTL_FAILED;
}

int64_t ctl_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool ctl_operands(const struct ctl_verb *v, int argc, char **argv, int at, int want)
{
	if (argc - at == want)
		return true;
	if (argc - at > want)
		ctl_misused(v, "%s: '%s' is too much", v->name, argv[at + want]);
	else if (argc == at)
		ctl_misused(v, "%s: the clinic's folder DIR is missing", v->name);
	else
		ctl_misused(v, "%s: something is missing after '%s'", v->name,
			    argv[argc - 1]);
	return false;
}

static size_t count_far(const struct ctl_verb *v, size_t *ret_all)
{
	size_t far = 0;

	*ret_all = 0;
	for (const struct ctl_part *p = v->parts; p && p->name; p++) {
		++*ret_all;
		far += p->remote;
	}
	return far;
}

static void print_far_parts(FILE *to, const struct ctl_verb *v)
{
	const char *between = " (";

	for (const struct ctl_part *p = v->parts; p->name; p++) {
		if (!p->remote)
			continue;
		fprintf(to, "%s%s", between, p->name);
		between = " ";
	}
	fputc(')', to);
}

static void print_far(FILE *to)
{
	fputs("\nCLINIC may also be a socket of clinicd, or a person's folder, for:\n ",
	      to);
	for (size_t i = 0; i < VERBS; i++) {
		const struct ctl_verb *v = verbs[i];

		size_t all = 0, far = count_far(v, &all);

		if (far == 0 && !v->remote)
			continue;
		fprintf(to, " %s", v->name);
		if (far < all)
			print_far_parts(to, v);
	}
	fputs("\nAll others need the clinic's folder.\n", to);
}

static void help(FILE *to)
{
	fputs("Usage: clinicctl [--clinic CLINIC] [--key KEY] [--passphrase-file FILE] "
	      "VERB "
	      "...\n"
	      "Keeps a clinic's keys, hubs and readings. Without --clinic or "
	      "CLINICCTL_CLINIC in the\n"
	      "environment a verb's first operand is the clinic: DIR, its folder.\n"
	      "KEY signs configurations: a file, or pkcs11:token=LABEL;object=LABEL; "
	      "else "
	      "CLINICCTL_KEY, or\n"
	      "config.key in DIR. FILE has its passphrase or PIN, which is asked for "
	      "otherwise.\n\n",
	      to);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->what);
	print_far(to);
	fputs("\nEach verb: clinicctl VERB --help. Manual: clinicctl(1).\n", to);
}

static const struct ctl_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	}
	return NULL;
}

/* NULL: the word is none of its parts. */
static const struct ctl_part *find_part(const struct ctl_verb *v, const char *word)
{
	for (const struct ctl_part *p = v->parts; p && p->name; p++)
		if (strcmp(p->name, word) == 0)
			return p;
	return NULL;
}

/* "keys: 'show', 'next' and 'use' are what can be done" */
static int name_parts(const struct ctl_verb *v)
{
	char list[256] = "";
	size_t n = 0;

	for (const struct ctl_part *p = v->parts; p && p->name; p++)
		n += (size_t)snprintf(list + n, n < sizeof(list) ? sizeof(list) - n : 0,
				      "%s'%s'",
				      p == v->parts   ? ""
				      : (p + 1)->name ? ", "
						      : " and ",
				      p->name);
	return ctl_misused(v, "%s: %s are what can be done", v->name, list);
}

/* --- which clinic --------------------------------------------------------------------- */

static bool lies_in(const char *clinic, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", clinic, name);
	return access(path, F_OK) == 0;
}

/* Only the clinic's folder has everything: what is done elsewhere says the complaint. given: 'clinic' is meant to be a clinic */
static bool needs_folder(const struct ctl_verb *v, const char *part, const char *clinic,
			 bool given)
{
	const struct ctl_part *p = find_part(v, part);
	const char *why = ctl_here(v->name, part);
	struct stat st;

	if (p ? p->remote : v->remote)
		return false;
	if (given ? lies_in(clinic, FILES_CONF)
		  : !lies_in(clinic, FILES_DOOR) &&
			    (stat(clinic, &st) != 0 || !S_ISSOCK(st.st_mode)))
		return false;
	ctl_misused(v, "%s%s%s needs the clinic's folder; %s is none%s%s%s", v->name,
		    *part ? " " : "", part, clinic, why ? ": " : "", why ? why : "",
		    why ? ". Say it on the clinic's machine" : "");
	return true;
}

static int run_part(const struct ctl_verb *v, int argc, char **argv)
{
	const struct ctl_part *p = argc > 1 ? find_part(v, argv[1]) : NULL;

	if (p)
		return p->run(argc, argv);
	return v->run ? v->run(argc, argv) : name_parts(v);
}

static int run_verb(const struct ctl_verb *v, int argc, char **argv)
{
	const char *part = argc > 1 && find_part(v, argv[1]) ? argv[1] : "";
	int at = *part ? 2 : 1, r;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(v->usage, stdout);
			return CTL_OK;
		}
	}
	if (at < argc && ctl_here(v->name, part) &&
	    needs_folder(v, part, argv[at], false))
		return CTL_USAGE;
	umask(0077);
	if (crypto_init() < 0)
		return ctl_complain(
			CTL_FAILED,
			"the crypto library or its random source does not start");
	r = run_part(v, argc, argv);
	crypto_done();
	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) != 0 && r == CTL_OK)
		r = ctl_complain(CTL_FAILED, "the output could not be written: %s",
				 strerror(errno));
	return r;
}

/* The verb with the clinic as its first operand: "hub", "list", CLINIC, ... */
static int run_with(const struct ctl_verb *v, const char *clinic, int argc, char **argv)
{
	const char *part =
		argc > 1 && usage_has_part(v->usage, v->name, argv[1]) ? argv[1] : "";
	int at = *part ? 2 : 1, r;
	char **all;

	if (!clinic || v->no_clinic || !usage_takes_clinic(v->usage, v->name, part))
		return run_verb(v, argc, argv);
	if (needs_folder(v, part, clinic, true))
		return CTL_USAGE;
	all = calloc((size_t)argc + 2, sizeof(*all));
	if (!all)
		return ctl_complain(CTL_FAILED, "there is no memory");
	memcpy(all, argv, (size_t)at * sizeof(*all));
	all[at] = (char *)(uintptr_t)clinic;
	memcpy(all + at + 1, argv + at, (size_t)(argc - at) * sizeof(*all));
	r = run_verb(v, argc + 1, all);
	free(all);
	return r;
}

/* What stands before the verb. */
static bool take_option(const char *option, const char *value, const char **ret_clinic)
{
	if (strcmp(option, "--clinic") == 0)
		*ret_clinic = value;
	else if (strcmp(option, "--key") == 0)
		signing_use(value);
	else if (strcmp(option, "--passphrase-file") == 0)
		(void)passphrase_from(value);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	const char *clinic = getenv("CLINICCTL_CLINIC");
	const struct ctl_verb *v;

	if (clinic && !*clinic)
		clinic = NULL;
	signing_use(getenv("CLINICCTL_KEY"));
	while (argc > 2 && take_option(argv[1], argv[2], &clinic)) {
		argc -= 2;
		argv += 2;
	}
	if (argc < 2) {
		help(stderr);
		return CTL_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return CTL_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("clinicctl " HUB_VERSION);
		return CTL_OK;
	}
	v = find_verb(argv[1]);
	if (!v) {
		ctl_complain(CTL_USAGE, "there is no verb '%s'; see 'clinicctl --help'",
			     argv[1]);
		return CTL_USAGE;
	}
	return run_with(v, clinic, argc - 1, argv + 1);
}
