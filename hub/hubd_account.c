/*
 * hubd_account.c - what the clinic hears of a session at the console (accounts.h): on the disk from the login on, to hub-store when it
 * has ended, and forgotten when that has it durably.
 *
 *   login, verb, end -> accounts.h -> file 'console-accounts'
 *                                  -> ACCOUNT to hub-store, one at a time -> ACCOUNT_TAKEN -> the next
 *
 * Whatever is killed, what was on the disk is told: twice at worst, and the same. What waits for the disk holds up no verb: it is logged.
 */
#include "hub/hubd_inside.h"

#include <errno.h>

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

static const char file[] = "console-accounts";

/* The first that has ended, once; again when hub-store comes back. */
static void send_first(struct hubd *h)
{
	const struct console_account *first = accounts_first(&h->console.accounts);
	struct msg m = { .kind = MSG_ACCOUNT };
	int n;

	if (!first || first->number == h->console.account_sent)
		return;
	n = console_account_encode(first, m.account.bytes, sizeof(m.account.bytes));
	if (n < 0)
		return; /* accounts_decode and accounts_on_... let none such in */
	m.account.number = first->number;
	m.account.len = (uint16_t)n;
	if (hubd_send(h->store, &m))
		h->console.account_sent = first->number;
}

static void keep(struct hubd *h)
{
	static uint8_t buf[ACCOUNTS_BYTES_MAX];
	struct accounts *a = &h->console.accounts;
	int n, r;

	if (!a->changed)
		return;
	a->changed = false;
	n = accounts_encode(a, buf);
	r = n < 0 ? n : file_replace(h->options.state_dir, file, buf, (size_t)n);
	if (r)
		log_err("accounts-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
	FAILPOINT("hubd.account.kept");
}

static void keep_and_send(struct hubd *h)
{
	keep(h);
	send_first(h);
}

/* Level, and the time as well as the hub knows it. */
static struct console_account now_here(const struct hubd *h, struct mono now)
{
	struct console_account c = { .level = orders_level(&h->orders) };
	struct wall w = rt_wall();
	int64_t ms = h->has_time ? msg_time_ms(&h->time, now) : w.ms;

	c.clock = h->has_time ? h->time.utc.quality : w.quality;
	c.began_s = ms > 0 ? ms / 1000 : 0;
	return c;
}

void console_open_accounts(struct hubd *h)
{
	static uint8_t buf[ACCOUNTS_BYTES_MAX];
	struct accounts *a = &h->console.accounts;
	int n = file_read(h->options.state_dir, file, buf, sizeof(buf));
	int r = n < 0 ? n : accounts_decode(buf, (size_t)n, rt_mono(), a);

	if (r == 0)
		return;
	accounts_init(a);
	if (r != -ENOENT)
		log_err("accounts-file",
			"error=\"%s\" note=\"what the clinic was to hear of "
			"sessions is lost; the audit log has it\"",
			err_text(r));
}

void console_account_login(struct hubd *h, const struct session_grant *g)
{
	struct mono now = rt_mono();
	struct console_account who = now_here(h, now);

	who.voice = g->voice;
	who.technician = g->voice ? 0 : g->technician;
	who.signer_count = g->signer_count;
	for (size_t i = 0; i < g->signer_count; i++)
		who.signers[i] = g->signers[i];
	accounts_on_login(&h->console.accounts, &who, now);
	keep_and_send(h);
}

void console_account_verb(struct hubd *h, uint8_t verb, uint8_t result)
{
	accounts_on_verb(&h->console.accounts, verb, result, h->console.asked, rt_mono());
	keep_and_send(h);
}

void console_account_end(struct hubd *h, enum console_end end)
{
	accounts_on_end(&h->console.accounts, end, rt_mono());
	keep_and_send(h);
}

void console_account_wrong(struct hubd *h, uint32_t count)
{
	accounts_on_wrong(&h->console.accounts, count, rt_mono());
	keep_and_send(h);
}

void console_account_on_time(struct hubd *h, struct mono now)
{
	const struct console_account when = now_here(h, now);

	accounts_on_time(&h->console.accounts, &when, now);
	keep_and_send(h);
}

void console_account_on_store(struct hubd *h)
{
	h->console.account_sent = 0;
	keep_and_send(h);
}

void hubd_on_account_taken(struct hubd *h, uint64_t number)
{
	FAILPOINT("hubd.account.taken");
	accounts_on_taken(&h->console.accounts, number);
	keep_and_send(h);
}
