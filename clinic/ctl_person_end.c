/*
 * ctl_person_end.c - see ctl_person_end.h.
 */
#include "clinic/ctl_person_end.h"

#include <stdio.h>

#include "clinic/folder.h"
#include "clinic/json_words.h"
#include "clinic/pki.h"
#include "clinic/words.h"

enum { WARN_DAYS = 30 };
#define DAY_MS INT64_C(86400000)

struct warning {
	const char *dir;
	int64_t now_ms;
	bool json;
};

int64_t ctl_person_ends(const struct person *p)
{
	return p->has_key ? store_person_since(p) + PKI_PERSON_DAYS * DAY_MS : 0;
}

static int warn(void *arg, const struct person *p)
{
	const struct warning *w = arg;
	int64_t ends_ms = ctl_person_ends(p);
	char when[WORDS_TIME_MAX];
	cJSON *o;

	if (ends_ms == 0 || p->revoked_ms || ends_ms - w->now_ms > WARN_DAYS * DAY_MS)
		return 0;
	if (w->json) {
		o = json_object();
		json_text(o, "person", p->name);
		json_time(o, "ends", ends_ms);
		json_print(o);
		return 0;
	}
	words_time(ends_ms, 0, false, when);
	if (ends_ms > w->now_ms)
		printf("  '%s' can ask this clinic until %s only: the certificate ends; "
		       "'clinicctl person renew %s' makes another one\n",
		       p->name, when, w->dir);
	else
		printf("  '%s' cannot ask this clinic any more: the certificate ended "
		       "%s; 'clinicctl person renew %s' makes another one, 'person "
		       "revoke' if they are gone\n",
		       p->name, when, w->dir);
	return 0;
}

int ctl_person_warn(const char *dir, int64_t now_ms, bool json)
{
	struct warning w = { .dir = dir, .now_ms = now_ms, .json = json };
	char why[FOLDER_WHY_MAX];
	struct store *s;
	int r = folder_open_store(dir, &s, why);

	if (r < 0)
		return r;
	r = store_person_each(s, warn, &w);
	store_close(s);
	return r;
}
