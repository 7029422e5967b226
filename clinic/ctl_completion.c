/*
 * ctl_completion.c - clinicctl completion: a script for a shell, made from what the verbs say of themselves (usage.h).
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/usage.h"

/* Words that stand in a case of the script. */
static void print_word(void *arg, struct usage_word w)
{
	(void)arg;
	printf(" %.*s", (int)w.len, w.at);
}

static void print_case(const struct ctl_verb *v, const char *part)
{
	printf("\t'%s %s') words='--help", v->name, part);
	usage_options(v->usage, v->name, part, print_word, NULL);
	puts("' ;;");
}

static void print_part_case(void *arg, struct usage_word w)
{
	char part[32];

	snprintf(part, sizeof(part), "%.*s", (int)w.len, w.at);
	print_case(arg, part);
}

static void print_parts(const struct ctl_verb *const *verbs, size_t count)
{
	puts("\tcase $verb in");
	for (size_t i = 0; i < count; i++) {
		printf("\t%s) parts='", verbs[i]->name);
		usage_parts(verbs[i]->usage, verbs[i]->name, print_word, NULL);
		puts("' ;;");
	}
	puts("\tesac");
}

static void print_options(const struct ctl_verb *const *verbs, size_t count)
{
	puts("\tcase \"$verb $part\" in");
	for (size_t i = 0; i < count; i++) {
		usage_parts(verbs[i]->usage, verbs[i]->name, print_part_case,
			    (void *)(uintptr_t)verbs[i]);
		print_case(verbs[i], "");
	}
	puts("\tesac");
}

/*
 * Options only behind a '-': else names of files, which is what -o default gives when there are no words. A part is
 * offered in its place, before it is there.
 */
static void print_bash(const struct ctl_verb *const *verbs, size_t count)
{
	puts("# bash completion of clinicctl, made by 'clinicctl completion bash'\n"
	     "_clinicctl() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} at=1 verb= part= parts= words= word\n"
	     "\tCOMPREPLY=()\n"
	     "\twhile [[ ${COMP_WORDS[at]} == --@(clinic|key|passphrase-file) && at -lt "
	     "COMP_CWORD ]]; do\n"
	     "\t\t[ \"$COMP_CWORD\" -ne $((at + 1)) ] || return 0\n"
	     "\t\tat=$((at + 2))\n"
	     "\tdone\n"
	     "\tif [ \"$COMP_CWORD\" -le \"$at\" ]; then");
	printf("\t\twords='--help --version --clinic --key --passphrase-file");
	for (size_t i = 0; i < count; i++)
		printf(" %s", verbs[i]->name);
	puts("'\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	     "\t\treturn 0\n"
	     "\tfi\n"
	     "\tverb=${COMP_WORDS[at]}");
	print_parts(verbs, count);
	puts("\tfor word in $parts; do\n"
	     "\t\t[ \"$word\" != \"${COMP_WORDS[at + 1]}\" ] || part=$word\n"
	     "\tdone\n"
	     "\tif [ \"$COMP_CWORD\" -eq $((at + 1)) ] && [ \"${cur:0:1}\" != - ]; then\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$parts\" -- \"$cur\"))\n"
	     "\t\treturn 0\n"
	     "\tfi");
	print_options(verbs, count);
	puts("\t[ \"${cur:0:1}\" != - ] || COMPREPLY=($(compgen -W \"$words\" -- "
	     "\"$cur\"))\n"
	     "}\n"
	     "complete -o default -F _clinicctl clinicctl");
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	size_t count;
	const struct ctl_verb *const *verbs = ctl_verbs(&count);

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return ctl_misused(&ctl_completion, "completion has no options");
	if (argc - optind != 1 ||
	    (strcmp(argv[optind], "bash") != 0 && strcmp(argv[optind], "zsh") != 0))
		return ctl_misused(&ctl_completion, "completion: for 'bash' or 'zsh'");
	if (strcmp(argv[optind], "zsh") == 0)
		puts("#compdef clinicctl\nautoload -U +X bashcompinit && bashcompinit");
	print_bash(verbs, count);
	return CTL_OK;
}

const struct ctl_verb ctl_completion = {
	.name = "completion",
	.what = "a script by which a shell completes clinicctl's command lines",
	.usage = "Usage: clinicctl completion bash\n"
		 "       clinicctl completion zsh\n"
		 "Prints a script for the shell. What the package installs does this:\n\n"
		 "  source <(clinicctl completion bash)\n",
	.no_clinic = true,
	.run = run,
};
