/*
 * play_token.c - a clinic that gives a technician a token, good or bad: what clinicctl never would.
 *
 *   play_token CLINIC HUB CHALLENGE LEVEL SECONDS TECHNICIAN VERB[+VERB...] SIGNER[+SIGNER] WHAT
 *
 * LEVEL is where a release leads to, '-' for the hub's own; VERB by name, 'all' for each; WHAT is wrong with it:
 *   good         nothing
 *   signature    one bit of it
 *   no-form      it is no token
 *   other-hub    it names another hub; any-hub: the hub's id is zeros
 *   other-epoch  another lock epoch; other-nonce: another challenge
 *   unknown      the signer's number is nobody's
 *   verbs        one more verb than its first signer signed, for which the second has signed
 *   twice        the first signer has signed as two people
 * The token is printed in lines of 60 characters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/folder.h"
#include "clinic/store_command.h"
#include "hub/core/token.h"
#include "hub/crypto/crypto.h"

enum { LINE_CHARS = 60, OWN_MAX = 128 };

struct play {
	const char *dir, *what;
	struct store *store;
	struct access_token token;
	uint8_t bytes[COMMAND_SIGNATURES_MAX][TOKEN_SIGNED_MAX];
	struct command_order order;
};

static int fail(const char *what)
{
	fprintf(stderr, "play_token: %s\n", what);
	return 1;
}

static bool is(const struct play *p, const char *what)
{
	return strcmp(p->what, what) == 0;
}

static uint32_t verbs_of(char *names)
{
	uint32_t set = 0;
	char *name;

	if (strcmp(names, "all") == 0)
		return verbs_all();
	while ((name = strsep(&names, "+")) != NULL)
		set |= VERB_BIT(verb_named(name));
	return set & verbs_all();
}

static bool sign(struct play *p, const char *who, uint32_t as)
{
	uint8_t private[P256_PRIVATE_LEN], payload[TOKEN_PAYLOAD_MAX];
	char name[OWN_MAX], why[FOLDER_WHY_MAX];
	int n = access_token_encode(&p->token, payload, sizeof(payload));
	size_t at = p->order.count++;
	struct signer_row by;

	snprintf(name, sizeof(name), "signer-%s.key", who);
	if (n < 0 || store_signer_by_name(p->store, who, &by) ||
	    folder_read(p->dir, name, private, sizeof(private), why))
		return false;
	n = sign1_make(SIGN_CONTEXT_TOKEN, private, payload, (size_t)n, p->bytes[at],
		       sizeof(p->bytes[at]));
	if (n > 0 && is(p, "signature"))
		p->bytes[at][n - 1] ^= 1;
	if (is(p, "unknown"))
		by.signer.person += 1000;
	p->order.parts[at] = (struct command_part){ as ? as : by.signer.person,
						    p->bytes[at], n > 0 ? (size_t)n : 0 };
	return n > 0;
}

static bool sign_all(struct play *p, char *who)
{
	const char *first = strsep(&who, "+"), *second = who;

	if (!sign(p, first, 0))
		return false;
	if (is(p, "verbs"))
		p->token.verbs |= VERB_BIT(VERB_REBOOT);
	if (is(p, "twice"))
		return sign(p, first, p->order.parts[0].person + 1);
	return !second || sign(p, second, 0);
}

static bool print(const struct play *p)
{
	uint8_t bytes[TOKEN_BYTES_MAX];
	char text[TOKEN_TEXT_MAX];
	int n = access_token_frame(&p->order, bytes, sizeof(bytes));

	if (n > 0 && is(p, "no-form"))
		bytes[0] = 0xff;
	n = n > 0 ? access_token_text(bytes, (size_t)n, text) : n;
	for (int at = 0; at < n; at += LINE_CHARS)
		printf("%.*s\n", LINE_CHARS, text + at);
	return n > 0;
}

static void spoil(struct play *p)
{
	if (is(p, "other-hub"))
		p->token.hub[15] ^= 1;
	if (is(p, "any-hub"))
		memset(p->token.hub, 0, sizeof(p->token.hub));
	if (is(p, "other-epoch"))
		p->token.lock_epoch++;
	if (is(p, "other-nonce"))
		p->token.nonce[0] ^= 1;
}

int main(int argc, char **argv)
{
	struct play p = { 0 };
	char why[FOLDER_WHY_MAX];
	struct signer_row technician;
	struct challenge c;
	struct hub h;

	if (argc != 10 || crypto_init())
		return fail("see the top of play_token.c");
	p.dir = argv[1];
	p.what = argv[9];
	if (challenge_parse(argv[3], strlen(argv[3]), &c))
		return fail("that is no challenge");
	if (folder_open_store(argv[1], &p.store, why))
		return fail(why);
	if (store_hub_by_name(p.store, argv[2], &h) ||
	    store_signer_by_name(p.store, argv[6], &technician))
		return fail("no such hub or technician");
	memcpy(p.token.hub, h.id, sizeof(h.id));
	memcpy(p.token.nonce, c.nonce, sizeof(c.nonce));
	p.token.lock_epoch = c.lock_epoch;
	p.token.level =
		strcmp(argv[4], "-") == 0 ? c.level : (uint8_t)strtoul(argv[4], NULL, 10);
	p.token.seconds = (uint32_t)strtoul(argv[5], NULL, 10);
	p.token.technician = technician.signer.person;
	p.token.verbs = verbs_of(argv[7]);
	spoil(&p);
	if (!sign_all(&p, argv[8]) || !print(&p))
		return fail("not signed");
	store_close(p.store);
	return 0;
}
