/*
 * label_arg.c - see label_arg.h.
 */
#include "clinic/label_arg.h"

#include <stdio.h>
#include <string.h>

enum { TYPED_MAX = 512 };

int label_arg_parse(const struct ctl_verb *v, char *const *words, int count,
		    uint8_t ret_spki[static LABEL_HASH_LEN])
{
	char typed[TYPED_MAX] = "", why[LABEL_FAULT_WORDS_MAX];
	struct label_fault fault;
	size_t len = 0;

	for (int i = 0; i < count && len < sizeof(typed); i++)
		len += (size_t)snprintf(typed + len, sizeof(typed) - len, "%s%s",
					i > 0 ? " " : "", words[i]);
	if (len >= sizeof(typed))
		return ctl_misused(v, "%s: that is far too long for a label", v->name);
	if (label_parse(typed, len, ret_spki, &fault) < 0)
		return ctl_misused(v, "this is not a hub's label: %s",
				   label_fault_words(&fault, why));
	return CTL_OK;
}
