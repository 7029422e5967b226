/*
 * hubd_console_verbs.c - what each verb of the console does, and what it says: see hubd_console.h.
 *
 * Each is a few values of what hubd knows anyway. A row here is what makes a verb exist: 'help' and tokens follow the table of
 * hub/core/verbs.h, what has no row is told as unknown.
 */
#include "hub/hubd_inside.h"

#include <stdio.h>
#include <string.h>

#include "hub/core/token.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

enum {
	IMAGE_HEAD_LEN = 56, /* of manifest.bin: hub/core/image.h */
	SBOM_AT = 16,
	HASH_WORDS = 8,
};

/* --- before a login ---------------------------------------------------------------------------- */

static uint64_t version(void)
{
	unsigned v[3] = { 0 };

	(void)sscanf(HUB_VERSION, "%u.%u.%u", &v[0], &v[1], &v[2]);
	return (uint64_t)v[0] << 32 | (uint64_t)v[1] << 16 | v[2];
}

static void add_hash(struct console_page *p, enum console_label label,
		     const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++, bytes += 4)
		page_add(p, label, CONSOLE_HASH8,
			 (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
				 (uint32_t)bytes[2] << 8 | bytes[3]);
}

static void add_level(struct hubd *h, struct console_page *p)
{
	unsigned level = orders_level(&h->orders);

	page_word(p, CONSOLE_LABEL_LEVEL,
		  (enum console_word)(CONSOLE_WORD_NORMAL + level));
}

/* What lasts of the light, but for this session. */
static enum console_word light_word(const struct hubd *h)
{
	struct indicator i = h->indicator;

	indicator_on_console(&i, false);
	switch (indicator_lasting(&i, rt_mono())) {
	case LIGHT_READY: return CONSOLE_WORD_READY;
	case LIGHT_SAVED:
	case LIGHT_WAITING: return CONSOLE_WORD_SAVED;
	case LIGHT_REACHED: return CONSOLE_WORD_REACHED;
	case LIGHT_NEEDS_YOU: return CONSOLE_WORD_NEEDS_YOU;
	case LIGHT_CODE: return CONSOLE_WORD_CODE;
	case LIGHT_PAIRING: return CONSOLE_WORD_PAIRING;
	case LIGHT_LOCKED: return CONSOLE_WORD_QUARANTINED;
	case LIGHT_SEALED: return CONSOLE_WORD_SEALED;
	case LIGHT_NONE:
	case LIGHT_CONSOLE:
	case LIGHT_OFF: break;
	}
	return CONSOLE_WORD_OFF;
}

static enum console_why do_status(struct hubd *h, struct console_page *p)
{
	page_word(p, CONSOLE_LABEL_MODEL, CONSOLE_WORD_HUB);
	page_row(p);
	if (h->settings.loaded) {
		add_hash(p, CONSOLE_LABEL_SERIAL, h->settings.config.hub, HUB_ID_LEN / 4);
		page_row(p);
	}
	page_add(p, CONSOLE_LABEL_VERSION, CONSOLE_VERSION, version());
	page_row(p);
	add_level(h, p);
	page_row(p);
	page_word(p, CONSOLE_LABEL_LIGHT, light_word(h));
	return CONSOLE_WHY_NONE;
}

static uint32_t queued(const struct hubd *h)
{
	uint64_t n = h->console.unsent;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static enum console_why do_challenge(struct hubd *h, struct console_page *p)
{
	struct challenge c = { .lock_epoch = lockdown_lock_epoch(&h->orders.lockdown),
			       .level = orders_level(&h->orders),
			       .queued = queued(h) };
	struct msg_console_answer *a = &p->m.console_answer;

	if (!h->settings.loaded)
		return CONSOLE_WHY_CONFIG;
	memcpy(c.hub, h->settings.config.hub, sizeof(c.hub));
	crypto_random(c.nonce, sizeof(c.nonce));
	session_on_nonce(&h->console.session, c.nonce, rt_mono());
	challenge_encode(&c, a->challenge);
	a->challenged = true;
	return CONSOLE_WHY_NONE;
}

static enum console_why do_help(struct hubd *h, struct console_page *p)
{
	uint8_t level = orders_level(&h->orders);

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++) {
		if (!session_lists(&h->console.session, v, level, rt_mono()))
			continue;
		page_row(p);
		page_add(p, CONSOLE_LABEL_VERB, CONSOLE_VERB, v);
	}
	return CONSOLE_WHY_NONE;
}

static enum console_why do_logout(struct hubd *h, struct console_page *p)
{
	if (session_logout(&h->console.session))
		p->m.console_answer.end = CONSOLE_END_LOGOUT;
	return CONSOLE_WHY_NONE;
}

typedef enum console_why verb_fn(struct hubd *h, struct console_page *p);

static const struct {
	enum verb verb;
	verb_fn *fn;
} table[] = {
	{ VERB_CHALLENGE, do_challenge },
	{ VERB_STATUS, do_status },
	{ VERB_LOGOUT, do_logout },
	{ VERB_HELP, do_help },
};

uint32_t console_offered(void)
{
	uint32_t set = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		set |= VERB_BIT(table[i].verb);
	return set;
}

enum console_why console_do(struct hubd *h, const struct msg_console_ask *a,
			    struct console_page *p)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].verb == (enum verb)a->verb)
			return table[i].fn(h, p);
	return CONSOLE_WHY_UNKNOWN;
}
