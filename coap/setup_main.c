/*
 * setup_main.c - hub-setup: who this hub is, and which clinic it belongs to, at every start before hub-coap.
 *
 * It makes the device key if there never was one, takes clinic.trust or clinic.ticket from the boot partition if the hub
 * knows no clinic yet, and says what the label must say and the fingerprint that a person compares. It runs as hub-coap's
 * user, because the files are hub-coap's, in a sandbox without a network.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>
#include <time.h>

#include "coap/calls.h"
#include "coap/setup.h"
#include "coap/setup_show.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"
#include "hub/rt/sandbox.h"

struct args {
	const char *state_dir, *boot_dir;
	bool label, reset, again;
};

static void help(void)
{
	puts("usage: hub-setup [--state DIR] [--boot DIR] [--label | --reset | "
	     "--again]\n\n"
	     "Makes the hub's device key at the first start, takes clinic.trust from the "
	     "boot "
	     "partition,\nand says the label and the fingerprint of the clinic.\n\n"
	     "  --label      only show these, with the QR code; change nothing\n"
	     "  --reset      its step of a factory reset: forget the clinic, keep the "
	     "device key\n"
	     "  --again      take also the file of the clinic that has retired this hub\n"
	     "  --state DIR  hub-coap's files (/var/lib/hub/coap)\n"
	     "  --boot DIR   the boot partition (/boot)\n"
	     "  --help, --version");
}

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct args *ret)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "boot", required_argument, NULL, 'b' },
		{ "label", no_argument, NULL, 'l' },
		{ "reset", no_argument, NULL, 'r' },
		{ "again", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*ret = (struct args){ .state_dir = "/var/lib/hub/coap", .boot_dir = "/boot" };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': ret->state_dir = optarg; break;
		case 'b': ret->boot_dir = optarg; break;
		case 'l': ret->label = true; break;
		case 'r': ret->reset = true; break;
		case 'a': ret->again = true; break;
		case 'h': help(); return EX_OK;
		case 'v': puts("hub-setup " HUB_VERSION); return EX_OK;
		default:
			fputs("hub-setup: see 'hub-setup --help'\n", stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "hub-setup: '%s' is not an option; see 'hub-setup --help'\n",
		argv[optind]);
	return EX_USAGE;
}

/* It has no control characters; a quote would end the field. */
static const char *clinic_text(struct setup_trust_file *f)
{
	for (char *c = f->trust.clinic; *c; c++)
		if (*c == '"')
			*c = '\'';
	return f->trust.clinic;
}

static void say_label(const uint8_t spki[static LABEL_HASH_LEN])
{
	char text[LABEL_TEXT_MAX], groups[LABEL_GROUPED_MAX], code[LABEL_CODE_MAX];

	log_info("label", "qr=%s text=\"%s\" code=%s", label_encode(spki, text),
		 label_group(spki, groups), label_code(spki, code));
}

static void say_trust(struct setup_trust_file *f, enum setup_trust outcome)
{
	switch (outcome) {
	case SETUP_TRUST_NONE:
	case SETUP_TRUST_SAME: break;
	case SETUP_TRUST_TAKEN:
		log_info("clinic-trust-taken", "clinic=\"%s\" fingerprint=\"%s\"",
			 clinic_text(f), f->fingerprint);
		break;
	case SETUP_TRUST_IGNORED:
		log_warn("clinic-trust-ignored",
			 "fingerprint=\"%s\" why=\"this hub has a clinic already\" "
			 "do=\"remove the file from the boot partition; if the hub is to "
			 "get another clinic, reset it to factory state first\"",
			 f->err ? "unknown" : f->fingerprint);
		break;
	case SETUP_TRUST_LEFT:
		log_warn("clinic-trust-left",
			 "clinic=\"%s\" fingerprint=\"%s\" why=\"this clinic has retired "
			 "the "
			 "hub\" do=\"put the other clinic's file in its place; to go "
			 "back, "
			 "have this one make a new file, or run hub-setup --again\"",
			 clinic_text(f), f->fingerprint);
		break;
	case SETUP_TRUST_REFUSED:
		log_err("clinic-trust-refused", "why=\"%s\"%s%s do=\"%s\"",
			setup_refusal(f->err), f->field ? " field=" : "",
			f->field ? f->field : "", setup_advice(f->err));
		break;
	case SETUP_TRUST_UNKEPT:
		log_err("clinic-trust-unkept",
			"error=\"%s\" do=\"check the hub's disk, then restart the hub\"",
			err_text(f->err));
		break;
	}
}

static void say_ticket(struct setup_trust_file *f, enum setup_trust outcome,
		       const char *id)
{
	switch (outcome) {
	case SETUP_TRUST_NONE:
	case SETUP_TRUST_SAME: break;
	case SETUP_TRUST_TAKEN:
		log_info("ticket-taken", "ticket=%s clinic=\"%s\" fingerprint=\"%s\"", id,
			 clinic_text(f), f->fingerprint);
		break;
	case SETUP_TRUST_IGNORED:
		log_warn("ticket-ignored",
			 "ticket=%s why=\"this hub has enrolled, or has another clinic\"",
			 *id ? id : "unknown");
		break;
	case SETUP_TRUST_LEFT:
	case SETUP_TRUST_REFUSED:
		log_err("ticket-refused",
			"ticket=%s why=\"%s\"%s%s do=\"have the clinic make another one: "
			"clinicctl ticket create\"",
			*id ? id : "unknown", setup_refusal(f->err),
			f->field ? " field=" : "", f->field ? f->field : "");
		break;
	case SETUP_TRUST_UNKEPT:
		log_err("ticket-unkept",
			"error=\"%s\" do=\"check the hub's disk, then restart the hub\"",
			err_text(f->err));
		break;
	}
}

/* After clinic.trust, which may be of the same clinic. */
static void take_ticket(struct identity_store *s, const struct args *a)
{
	struct setup_trust_file found;
	char id[TICKET_ID_MAX];
	bool left;
	enum setup_trust r =
		setup_take_ticket(s, a->boot_dir, (int64_t)time(NULL), &found, id, &left);

	say_ticket(&found, r, id);
	if (left && (r == SETUP_TRUST_TAKEN || r == SETUP_TRUST_SAME))
		log_info(
			"ticket-left",
			"ticket=%s next=hub-ticket-erase do=\"if it is still on the boot "
			"partition after this start, remove clinic.ticket: it is "
			"secret\"",
			id);
	else if (left)
		log_warn(
			"ticket-left",
			"ticket=%s do=\"remove clinic.ticket from the boot partition: it "
			"is secret\"",
			*id ? id : "unknown");
}

static void say_held(const struct args *a, const struct enrol_kept *k)
{
	struct setup_trust_file held;
	if (!setup_held_trust(a->state_dir, &held)) {
		if (!k->has_current)
			log_warn("no-clinic",
				 "do=\"put the clinic's file clinic.trust on the boot "
				 "partition and restart the hub\"");
	} else if (held.err) {
		log_err("clinic-trust-damaged", "file=%s/clinic.trust error=\"%s\"",
			a->state_dir, err_text(held.err));
	} else {
		log_info("clinic-trust",
			 "clinic=\"%s\" fingerprint=\"%s\" do=\"compare it with the one "
			 "that clinicctl trust has shown\"",
			 clinic_text(&held), held.fingerprint);
	}
}

/* For a technician: all that is public, and nothing is changed. */
static int show(const struct args *a)
{
	uint8_t spki[SHA256_LEN];
	char groups[LABEL_GROUPED_MAX], text[LABEL_TEXT_MAX], code[LABEL_CODE_MAX];
	struct setup_trust_file held;

	if (identity_store_label(a->state_dir, spki)) {
		fprintf(stderr,
			"hub-setup: no device key in %s: it is made at the first start\n",
			a->state_dir);
		return EX_NOINPUT;
	}
	printf("%s\n%s\ncode %s\n", label_encode(spki, text), label_group(spki, groups),
	       label_code(spki, code));
	if (setup_held_trust(a->state_dir, &held))
		printf("clinic %s\n",
		       held.err ? "unknown: clinic.trust is damaged" : held.fingerprint);
	else
		puts("clinic none");
	if (setup_show_qr(stdout, spki) || fflush(stdout))
		return EX_IOERR;
	return EX_OK;
}

static int open_store(const struct args *a, struct identity_store **ret)
{
	int r = identity_store_open(a->state_dir, ret);

	if (r)
		log_err("identity", "error=\"%s\" do=\"check the disk below %s\"",
			err_text(r), a->state_dir);
	return r;
}

/* What the hub's other processes have of the clinic is erased beside this: rootfs/units/hub-reset-*. */
static int reset(const struct args *a)
{
	static const struct enrol_action forget = { .what = ENROL_FORGET };
	struct identity_store *s;
	int r;

	if (open_store(a, &s))
		return EX_IOERR;
	r = identity_store_do(s, &forget, NULL, 0);
	if (r)
		log_err("identity-not-forgotten",
			"error=\"%s\" do=\"check the hub's disk, then restart the hub\"",
			err_text(r));
	else
		log_info("identity-forgotten", "epoch=%u", identity_store_kept(s).epoch);
	identity_store_free(s);
	return r ? EX_IOERR : EX_OK;
}

static int set_up(const struct args *a)
{
	struct setup_trust_file found = { 0 };
	uint8_t spki[SHA256_LEN];
	struct identity_store *s;
	struct enrol_kept k;

	if (open_store(a, &s))
		return EX_IOERR;
	if (a->again && identity_store_go_back(s))
		log_err("state", "error=\"not written\" do=\"check the disk\"");
	say_trust(&found, setup_take_trust(s, a->boot_dir, (int64_t)time(NULL), &found));
	take_ticket(s, a);
	k = identity_store_kept(s);
	if (identity_store_spki(s, spki))
		log_err("no-device-key",
			"damaged=%u do=\"have this hub replaced when its certificate "
			"ends: "
			"it cannot be enrolled again\"",
			identity_store_damaged(s));
	else
		say_label(spki);
	say_held(a, &k);
	identity_store_free(s);
	return EX_OK;
}

static int confine(const struct args *a)
{
	const struct sandbox s = {
		.calls = hub_coap_calls,
		.places = { { a->state_dir, LANDLOCK_WRITE },
			    /* a ticket is erased there, where the unit lets it */
			    { a->boot_dir, LANDLOCK_WRITE } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	struct args a;
	int r = parse(argc, argv, &a);

	if (r >= 0)
		return r;
	log_init("hub-setup");
	umask(077);
	if (crypto_init() || confine(&a)) {
		log_err("start", "error=\"no random numbers, or no sandbox\"");
		return EX_OSERR;
	}
	r = a.label ? show(&a) : a.reset ? reset(&a) : set_up(&a);
	crypto_done();
	return r;
}
