/*
 * reset_main.c - hub-store-reset: the first and the last step of a factory reset, see reset.h.
 *
 *   hub-store-reset decide   may there be one? Exit status 0 also if it is refused
 *   hub-store-reset finish   erase, when the other folders are erased
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"
#include "hub/rt/sandbox.h"
#include "storage/calls.h"
#include "storage/db.h"
#include "storage/reset.h"
#include "storage/secret.h"

struct args {
	const char *state_dir;
	bool finish;
};

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct args *ret)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*ret = (struct args){ .state_dir = "/var/lib/hub/store" };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': ret->state_dir = optarg; break;
		case 'h':
			puts("usage: hub-store-reset [--state DIR] decide|finish\n\n"
			     "The steps of a factory reset in hub-store's folder. "
			     "Somebody "
			     "asks for one by the file\n'" RESET_ASKED
			     "' in it and a restart of the hub.");
			return EX_OK;
		case 'v': puts("hub-store-reset " HUB_VERSION); return EX_OK;
		default: return EX_USAGE;
		}
	}
	if (optind + 1 == argc && strcmp(argv[optind], "decide") == 0)
		return -1;
	ret->finish = optind + 1 == argc && strcmp(argv[optind], "finish") == 0;
	if (ret->finish)
		return -1;
	fputs("hub-store-reset: see 'hub-store-reset --help'\n", stderr);
	return EX_USAGE;
}

static int decide(const char *dir)
{
	struct reset_answer a;

	switch (reset_decide(dir, &a)) {
	case RESET_NOT_ASKED: return EX_OK;
	case RESET_BEGIN:
		log_warn("reset-begun",
			 "given_up=%" PRIu64 " note=\"what this hub knows of "
			 "its clinic and its patient is erased\"",
			 a.unsent);
		return EX_OK;
	case RESET_UNSENT:
		log_err("reset-refused",
			"unsent=%" PRIu64
			" do=\"let the hub reach its clinic until nothing "
			"waits any more, then ask again; nothing was changed\"",
			a.unsent);
		return EX_OK;
	case RESET_UNKNOWN:
		log_err("reset-refused",
			"error=\"%s\" why=\"%s\" do=\"have the clinic look at this hub: "
			"it "
			"is not known whether readings are unsent; nothing was erased\"",
			err_text(a.err), a.problem ? a.problem : "");
		return EX_OK;
	case RESET_LOCKED:
		log_err("reset-refused",
			"locked=1 do=\"have its clinic release this hub, or retire it: a "
			"reset does not unlock it; nothing was changed\"");
		return EX_OK;
	case RESET_FAILED: break;
	}
	log_err("reset-fault", "error=\"%s\" do=\"check the disk, then restart\"",
		err_text(a.err));
	return EX_IOERR;
}

static int finish(const char *dir)
{
	int r = reset_finish(dir);

	if (r) {
		log_err("reset-fault",
			"error=\"%s\" do=\"check the disk, then restart: the hub does "
			"nothing before all is erased\"",
			err_text(r));
		return EX_IOERR;
	}
	log_info("reset-done", "note=\"this hub is as it came from the factory\"");
	return EX_OK;
}

static int confine(const char *state_dir)
{
	const struct sandbox s = {
		.calls = store_calls,
		.places = { { state_dir, LANDLOCK_WRITE },
			    { getenv("CREDENTIALS_DIRECTORY"), LANDLOCK_READ } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	int grade = SECRET_NONE, r;
	struct args a;

	r = parse(argc, argv, &a);
	if (r >= 0)
		return r;
	log_init("hub-store-reset");
	umask(077);
	if (crypto_init() || db_heap_init(DB_HEAP_BYTES, &grade) ||
	    confine(a.state_dir)) {
		log_err("start", "error=\"no random numbers, no memory or no sandbox\"");
		return EX_OSERR;
	}
	r = a.finish ? finish(a.state_dir) : decide(a.state_dir);
	crypto_done();
	return r;
}
