/*
 * hub-store - takes readings from hub-ble, seals them to the clinic, keeps them durably, and hands them
 * to hub-coap until the clinic has them.
 *
 *   hub-ble  --RAW, DECODED, DISCARD-->  hub-store  --BATCH, QUEUE_STATE-->  hub-coap
 *            <-----DURABLE, STATE------             <------WANT, ACK-------
 *            <-----MEMORY, both ways-->      ^
 *                                            `-- STORE_CONFIG -- hubd      (STATUS, INCIDENT back)
 *   hub-measure --EVIDENCE--> (EVIDENCE_TAKEN back)
 *
 * This file is the shell: sockets, one timer, start and end. What messages do is in store.c.
 *
 * It must never: have a network, read a past reading (it holds no private half of the sealing key), answer
 * 'durable' before the sync, delete a file that does not open.
 *
 * Work is done once per turn of the loop, after all messages that had come: that is the group commit. What
 * arrives while one commit syncs waits in the socket and makes the next group.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/sandbox.h"
#include "storage/calls.h"
#include "storage/db.h"
#include "storage/secret.h"
#include "storage/store.h"

enum { LINKS = 4 };

struct shell {
	struct rt *rt;
	struct rt_timer *timer;
	struct store *store;
	struct ipc *links[LINKS];
};

/* Who is at the other end, and who of the two listens. */
static const struct {
	enum role peer;
	bool listen;
} wiring[LINKS] = {
	{ ROLE_BLE, true },
	{ ROLE_COAP, true },
	{ ROLE_HUBD, false },
	{ ROLE_MEASURE, true },
};

static enum role role_of(const struct shell *sh, const struct ipc *link)
{
	for (size_t i = 0; i < LINKS; i++)
		if (sh->links[i] == link)
			return wiring[i].peer;
	return ROLE_NONE;
}

static int on_send(void *arg, enum role to, const struct msg *m)
{
	struct shell *sh = arg;

	for (size_t i = 0; i < LINKS; i++)
		if (wiring[i].peer == to && sh->links[i] && ipc_is_up(sh->links[i]))
			return ipc_send(sh->links[i], m);
	return -EAGAIN;
}

static void work_soon(struct shell *sh)
{
	rt_timer_set(sh->timer, rt_mono());
}

static void on_timer(void *arg)
{
	struct shell *sh = arg;
	struct mono now = rt_mono();

	store_run(sh->store, now);
	rt_timer_set(sh->timer, store_deadline(sh->store, now));
}

static void on_up(void *arg, struct ipc *link)
{
	struct shell *sh = arg;

	store_on_link(sh->store, role_of(sh, link), true, rt_mono());
	work_soon(sh);
}

static void on_down(void *arg, struct ipc *link)
{
	struct shell *sh = arg;

	store_on_link(sh->store, role_of(sh, link), false, rt_mono());
	work_soon(sh);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct shell *sh = arg;

	(void)link;
	store_on_message(sh->store, m, rt_mono());
	work_soon(sh);
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	struct shell *sh = arg;

	(void)count;
	store_on_violation(sh->store, role_of(sh, link));
}

static const struct ipc_handlers handlers = {
	.up = on_up,
	.down = on_down,
	.message = on_message,
	.violation = on_violation,
};

static int open_links(struct shell *sh, const struct options *o)
{
	int r = 0;

	for (size_t i = 0; i < LINKS && r == 0; i++) {
		struct ipc_config cfg = { .self = ROLE_STORE,
					  .peer = wiring[i].peer,
					  .run_dir = o->run_dir,
					  .same_user = o->same_user };

		r = wiring[i].listen
			    ? ipc_listen(sh->rt, &cfg, &handlers, sh, &sh->links[i])
			    : ipc_connect(sh->rt, &cfg, &handlers, sh, &sh->links[i]);
	}
	return r;
}

static void close_all(struct shell *sh)
{
	for (size_t i = LINKS; i-- > 0;)
		ipc_free(sh->links[i]);
	rt_timer_free(sh->timer);
	store_free(sh->store);
	rt_free(sh->rt);
	crypto_done();
}

/* What must be there before the first outside byte is read; logs what is not. */
static int prepare(void)
{
	int grade = SECRET_NONE;

	umask(077);
	if (crypto_init()) {
		log_err("crypto-fault", "do=\"check that /dev/urandom can be read\"");
		return -EIO;
	}
	if (db_heap_init(DB_HEAP_BYTES, &grade)) {
		log_err("memory-fault", "bytes=%d", (int)DB_HEAP_BYTES);
		return -ENOMEM;
	}
	if (grade == SECRET_PLAIN)
		log_warn("memory-not-locked", "do=\"raise LimitMEMLOCK above %d bytes\"",
			 (int)DB_HEAP_BYTES);
	return 0;
}

static int confine(const struct options *o)
{
	const struct sandbox s = {
		.calls = store_calls,
		.sockets = SANDBOX_UNIX,
		.places = { { o->state_dir, LANDLOCK_WRITE },
			    { o->run_dir, LANDLOCK_DOORS },
			    { o->stick_dir, LANDLOCK_WRITE }, /* its pipe */
			    { getenv("CREDENTIALS_DIRECTORY"), LANDLOCK_READ } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	struct shell sh = { 0 };
	const struct store_host host = { &sh, on_send };
	struct options o;

	options_parse(
		argc, argv, "hub-store",
		"Seals readings to the clinic, keeps them until the clinic has them.",
		&o);
	log_init("hub-store");
	if (prepare())
		return EXIT_FAILURE;
	sh.store = store_new(o.state_dir, &host, rt_mono());
	if (!sh.store || confine(&o)) {
		log_err("start-failed", "what=%s", sh.store ? "sandbox" : "memory");
		return EXIT_FAILURE;
	}
	store_use_stick(sh.store, o.stick_dir);
	sh.rt = rt_new();
	sh.timer = rt_timer_new(sh.rt, on_timer, &sh);
	if (open_links(&sh, &o)) {
		close_all(&sh);
		return EXIT_FAILURE;
	}
	notify_ready(sh.rt);
	work_soon(&sh);
	rt_run(sh.rt);
	notify_stopping();
	close_all(&sh);
	return EXIT_SUCCESS;
}
