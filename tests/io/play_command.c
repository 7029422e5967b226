/*
 * play_command.c - a clinic that orders a hub what clinicctl never would.
 *
 *   play_command CLINIC HUB WHAT
 *
 * The order is kept as a lock to level 2 (to 3: different, one-role) by the signers 'tech' and 'doc'. WHAT is wrong with
 * what is signed:
 *   signature    one bit of it
 *   no-form      it is no COSE_Sign1
 *   other-hub    it is made for another hub
 *   other-epoch  for another enrolment
 *   old          its counter is that of the order before
 *   expired      its time was over a minute ago
 *   bad-role     a reboot, signed by a clinician
 *   unknown      the signer's number is nobody's
 *   different    the two have signed two things
 *   one-role     one has signed twice, as two people
 *   fido-XX:NAME nothing but what NAME's security key says: flags XX, in hex. There is none, it is his file's private key
 *   plain:NAME   nothing; NAME has signed as with a plain key
 * It prints the counter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clinic/folder.h"
#include "clinic/store_command.h"
#include "hub/core/fido.h"
#include "hub/crypto/crypto.h"

static int fail(const char *what)
{
	fprintf(stderr, "play_command: %s\n", what);
	return 1;
}

static void spoil(struct command *c, const char *what)
{
	if (strcmp(what, "other-hub") == 0)
		c->hub[0] ^= 1;
	if (strcmp(what, "other-epoch") == 0)
		c->epoch++;
	if (strcmp(what, "old") == 0)
		c->counter--;
	if (strcmp(what, "expired") == 0)
		c->not_after_s = time(NULL) - 60;
	if (strcmp(what, "bad-role") == 0)
		c->verb = COMMAND_REBOOT;
}

/* As a security key with these flags does it, if flags are not negative. Returns the length, or a negative value. */
static int sign(const uint8_t private[static P256_PRIVATE_LEN], const uint8_t *payload,
		size_t len, long flags, uint8_t ret[static COMMAND_SIGNED_MAX])
{
	uint8_t auth[FIDO_AUTH_LEN] = { 0 }, hash[SHA256_LEN], bytes[FIDO_SIGNED_LEN],
		signature[P256_SIGNATURE_LEN];

	if (flags < 0)
		return sign1_make(SIGN_CONTEXT_COMMAND, private, payload, len, ret,
				  COMMAND_SIGNED_MAX);
	crypto_sha256((const uint8_t *)FIDO_RP_ID, strlen(FIDO_RP_ID), auth);
	auth[FIDO_HASH_LEN] = (uint8_t)flags;
	if (sign1_hash(SIGN_CONTEXT_COMMAND, payload, len, hash))
		return -1;
	fido_signed_bytes(auth, hash, bytes);
	if (p256_sign(private, bytes, sizeof(bytes), signature))
		return -1;
	return cose_frame_fido(payload, len, auth, signature, ret, COMMAND_SIGNED_MAX);
}

/* Returns false if that does not work. */
static bool add_signature(const char *dir, struct store *store, const char *who,
			  const struct command *c, long flags, struct order *o)
{
	uint8_t private[P256_PRIVATE_LEN], payload[COMMAND_PAYLOAD_MAX];
	char name[SIGNER_NAME_MAX + 16], why[FOLDER_WHY_MAX];
	int n = command_encode(c, payload, sizeof(payload));
	struct signer_row by;
	size_t at = o->count++;

	snprintf(name, sizeof(name), "signer-%s.key", who);
	if (n < 0 || store_signer_by_name(store, who, &by) ||
	    folder_read(dir, name, private, sizeof(private), why))
		return false;
	n = sign(private, payload, (size_t)n, flags, o->signed_bytes[at]);
	o->lens[at] = (size_t)n;
	o->persons[at] = by.signer.person;
	o->roles[at] = by.signer.role;
	snprintf(o->names[at], sizeof(o->names[at]), "%s", who);
	return n > 0;
}

static bool make(const char *dir, struct store *store, struct order *o, const char *what)
{
	struct command c = o->command;
	bool two = o->command.level == COMMAND_LEVEL_SEALED;

	spoil(&c, what);
	if (strncmp(what, "fido-", 5) == 0)
		return add_signature(dir, store, strchr(what, ':') + 1, &c,
				     strtol(what + 5, NULL, 16), o);
	if (strncmp(what, "plain:", 6) == 0)
		return add_signature(dir, store, what + 6, &c, -1, o);
	if (!add_signature(dir, store, strcmp(what, "bad-role") == 0 ? "doc" : "tech", &c,
			   -1, o))
		return false;
	if (strcmp(what, "different") == 0)
		c.level = COMMAND_LEVEL_QUARANTINED;
	if (two &&
	    !add_signature(dir, store, strcmp(what, "one-role") == 0 ? "tech-2" : "doc",
			   &c, -1, o))
		return false;
	if (strcmp(what, "signature") == 0)
		o->signed_bytes[0][o->lens[0] - 1] ^= 1;
	if (strcmp(what, "no-form") == 0)
		o->signed_bytes[0][0] = 0xff;
	if (strcmp(what, "unknown") == 0)
		o->persons[0] += 1000;
	return true;
}

int main(int argc, char **argv)
{
	struct order o = { .ordered_ms = (int64_t)time(NULL) * 1000, .why = "play" };
	char why[FOLDER_WHY_MAX];
	struct store *store;
	bool two;
	struct hub h;

	if (argc != 4 || crypto_init())
		return fail("usage: play_command CLINIC HUB WHAT");
	two = strcmp(argv[3], "different") == 0 || strcmp(argv[3], "one-role") == 0;
	if (folder_open_store(argv[1], &store, why))
		return fail(why);
	if (store_begin(store) || store_hub_by_name(store, argv[2], &h) ||
	    store_order_counter(store, &h, &o.command.counter))
		return fail("no such hub");
	memcpy(o.command.hub, h.id, sizeof(h.id));
	o.command.epoch = h.epoch;
	o.command.not_after_s = time(NULL) + 3600;
	o.command.verb = COMMAND_LOCK;
	o.command.level = two ? COMMAND_LEVEL_SEALED : COMMAND_LEVEL_QUARANTINED;
	if (!make(argv[1], store, &o, argv[3]) || store_order_add(store, &o) ||
	    (two && store_order_sign(store, &o)) || store_commit(store))
		return fail("not stored");
	printf("%llu\n", (unsigned long long)o.command.counter);
	store_close(store);
	return 0;
}
