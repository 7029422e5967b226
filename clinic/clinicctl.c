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

#include "clinic/ctl.h"
#include "hub/crypto/crypto.h"

static const struct ctl_verb *const verbs[] = { &ctl_init, &ctl_hub, &ctl_readings,
						&ctl_status };

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

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

static void help(FILE *to)
{
	fputs("Usage: clinicctl VERB DIR ...\n"
	      "Keeps a clinic's keys, hubs and readings. DIR is the clinic's folder.\n\n",
	      to);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(to, "  %-9s %s\n", verbs[i]->name, verbs[i]->what);
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

static int run_verb(const struct ctl_verb *v, int argc, char **argv)
{
	int r;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(v->usage, stdout);
			return CTL_OK;
		}
	}
	umask(0077);
	if (crypto_init() < 0)
		return ctl_complain(
			CTL_FAILED,
			"the crypto library or its random source does not start");
	r = v->run(argc, argv);
	crypto_done();
	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) != 0 && r == CTL_OK)
		r = ctl_complain(CTL_FAILED, "the output could not be written: %s",
				 strerror(errno));
	return r;
}

int main(int argc, char **argv)
{
	const struct ctl_verb *v;

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
	return run_verb(v, argc - 1, argv + 1);
}
