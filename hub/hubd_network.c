/*
 * hubd_network.c - the network setting: taken at the console, given to hub-network, kept or taken back (network_trial.h).
 *
 *   network.state   what is set, on trial, before it; hubd's own
 *   network         the setting alone, for hub-network, which has the machine use it whenever it is written
 *
 * Invariant: network.state is on the disk before 'network' says so; after a power cut between the two the next start mends it.
 *
 * An address is never logged: it says where somebody lives.
 */
#include "hub/hubd_inside.h"

#include <errno.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/network_open.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

static const char state_name[] = "network.state", setting_name[] = "network";

static const char *trial_word(enum network_trial t)
{
	switch (t) {
	case NETWORK_NO_TRIAL: break;
	case NETWORK_ON_TRIAL: return "on-trial";
	case NETWORK_KEPT: return "kept";
	case NETWORK_WENT_BACK: return "went-back";
	}
	return "none";
}

static void note(const struct network *n)
{
	log_info("network", "setting=%s trial=%s",
		 n->now.kind == NETWORK_STATIC ? "static" : "dhcp", trial_word(n->trial));
}

static int save(const struct hubd *h, const struct network *n)
{
	uint8_t buf[NETWORK_FILE_MAX];
	int r = file_replace(h->options.state_dir, state_name, buf,
			     network_encode(n, buf));

	if (r)
		log_err("network-file", "file=%s error=\"%s\" do=\"check the disk\"",
			state_name, err_text(r));
	return r;
}

/* What hub-network reads says what is set; again also if it does already. */
static int give(const struct hubd *h, bool again)
{
	uint8_t want[NETWORK_SETTING_MAX], have[NETWORK_SETTING_MAX];
	int n = network_setting_encode(&h->network.now, want, sizeof(want)), r;
	int k = file_read(h->options.state_dir, setting_name, have, sizeof(have));

	if (n < 0)
		return n;
	if (!again && (k == n ? memcmp(want, have, (size_t)n) == 0
			      : k == -ENOENT && h->network.now.kind == NETWORK_DHCP))
		return 0;
	r = file_replace(h->options.state_dir, setting_name, want, (size_t)n);
	if (r)
		log_err("network-file", "file=%s error=\"%s\" do=\"check the disk\"",
			setting_name, err_text(r));
	return r;
}

static void arm(struct hubd *h)
{
	rt_timer_set(h->network_timer, network_deadline(&h->network));
}

/* A trial has come to its end. What cannot be written now is tried again with what comes, and at the next start. */
static void tell_over(struct hubd *h)
{
	h->network_unsaved = save(h, &h->network) || give(h, false);
	note(&h->network);
	hubd_console_on_network(h);
}

static void on_timer(void *arg)
{
	struct hubd *h = arg;
	struct mono now = rt_mono();

	if (network_over(&h->network, now))
		tell_over(h);
	else if (network_slice(&h->network, now))
		(void)save(h, &h->network);
	arm(h);
}

void hubd_open_network(struct hubd *h)
{
	uint8_t buf[NETWORK_FILE_MAX];
	int n = file_read(h->options.state_dir, state_name, buf, sizeof(buf)), r;

	network_init(&h->network);
	r = n < 0 ? n : network_decode(buf, (size_t)n, &h->network);
	if (r && r != -ENOENT)
		log_err("network-file",
			"file=%s error=\"%s\" note=\"DHCP is used\" do=\"set the "
			"network at the console\"",
			state_name, err_text(r));
}

void hubd_start_network(struct hubd *h)
{
	bool tries = h->network.trial == NETWORK_ON_TRIAL;

	h->network_timer = rt_timer_new(h->rt, on_timer, h);
	if (network_on_start(&h->network, rt_mono()))
		(void)save(h, &h->network);
	(void)give(h, tries);
	if (tries)
		note(&h->network);
	on_timer(h);
}

void hubd_end_network(struct hubd *h)
{
	rt_timer_free(h->network_timer);
}

void hubd_network_again(struct hubd *h)
{
	if (h->network_unsaved)
		h->network_unsaved = save(h, &h->network) || give(h, false);
}

void hubd_network_on_coap(struct hubd *h)
{
	network_on_uplink(&h->network);
}

void hubd_network_on_acknowledged(struct hubd *h)
{
	if (!network_on_acknowledged(&h->network))
		return;
	tell_over(h);
	arm(h);
}

static enum console_why open_template(const struct hubd *h, const uint8_t *buf,
				      size_t len, struct network_template *ret)
{
	uint8_t public[P256_PUBLIC_LEN + 1];

	if (!h->settings.loaded || file_read(h->options.state_dir, "clinic.pub", public,
					     sizeof(public)) != P256_PUBLIC_LEN)
		return CONSOLE_WHY_CONFIG;
	return network_open(public, &h->settings.config, buf, len, ret) == 0
		       ? CONSOLE_WHY_NONE
		       : CONSOLE_WHY_TEMPLATE;
}

enum console_why hubd_set_network(struct hubd *h, const uint8_t *buf, size_t len)
{
	struct network next = h->network;
	struct network_template t;
	enum console_why why = open_template(h, buf, len, &t);

	if (why != CONSOLE_WHY_NONE)
		return why;
	if (network_set(&next, &t, rt_mono()))
		return CONSOLE_WHY_OLD;
	if (save(h, &next))
		return CONSOLE_WHY_FAILED;
	h->network = next;
	note(&next);
	arm(h);
	return give(h, true) ? CONSOLE_WHY_FAILED : CONSOLE_WHY_NONE;
}
