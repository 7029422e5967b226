/*
 * hubd_console.c - see hubd_console.h: the link to hub-console, the session's time, the button, and who did what for the audit log.
 *
 * It must never: do what session_may refuses, or say a thing that has no type in hub/core/console.h.
 */
#include "hub/hubd_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/input.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/inherited.h"
#include "hub/rt/log.h"

enum {
	BUTTON_PATH_MAX = 128,
	REBOOT_MS = 1000,
	LATER_MS = 25 * 1000, /* hub-console waits a little longer */
};

/* --- the audit log -------------------------------------------------------------------------- */

static void send_audits(struct hubd *h)
{
	struct hubd_console *c = &h->console;
	size_t sent = 0;

	while (sent < c->audit_count && ipc_is_up(h->store)) {
		const struct msg m = { .kind = MSG_AUDIT, .audit = c->audits[sent] };

		if (ipc_send(h->store, &m))
			break;
		sent++;
	}
	c->audit_count -= sent;
	memmove(c->audits, c->audits + sent, c->audit_count * sizeof(c->audits[0]));
}

__attribute__((format(printf, 5, 6))) static void
audit(struct hubd *h, enum audit_kind kind, enum audit_outcome outcome, uint64_t count,
      const char *fmt, ...)
{
	struct hubd_console *c = &h->console;
	struct audit_event e = { .kind = kind,
				 .outcome = outcome,
				 .agent = AUDIT_AGENT_PERSON,
				 .source = ROLE_CONSOLE,
				 .object = count ? AUDIT_OBJECT_COUNT : AUDIT_OBJECT_NONE,
				 .a = count };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e.detail, sizeof(e.detail), fmt, ap);
	va_end(ap);
	log_info("console", "event=\"%s\" detail=\"%s\"", audit_kind_text(kind),
		 e.detail);
	if (c->audit_count == CONSOLE_AUDITS_MAX) {
		c->audits_lost++; /* hub-store is away; it hears how many they were */
		return;
	}
	c->audits[c->audit_count++] = e;
	send_audits(h);
}

/* --- answers ----------------------------------------------------------------------------------- */

static void send_page(struct console_page *p)
{
	if (p->h->console.link && ipc_is_up(p->h->console.link))
		(void)ipc_send(p->h->console.link, &p->m);
	p->m.console_answer.count = 0;
}

void page_row(struct console_page *p)
{
	p->row++;
}

void page_add(struct console_page *p, enum console_label label, enum console_type type,
	      uint64_t value)
{
	struct msg_console_answer *a = &p->m.console_answer;

	if (a->count == CONSOLE_VALUES_MAX) {
		a->more = true;
		send_page(p);
		a->more = false;
	}
	a->values[a->count++] = (struct console_value){ p->row, label, type, value };
}

void page_word(struct console_page *p, enum console_label label, enum console_word word)
{
	page_add(p, label, CONSOLE_WORD, word);
}

static struct console_page begin_page(struct hubd *h, uint32_t ask)
{
	return (struct console_page){ .h = h,
				      .m = { .kind = MSG_CONSOLE_ANSWER,
					     .console_answer = { .ask = ask } } };
}

static void end_page(struct console_page *p, enum console_why why)
{
	struct msg_console_answer *a = &p->m.console_answer;

	a->outcome = a->wait_s		       ? CONSOLE_WAIT
		     : why == CONSOLE_WHY_NONE ? CONSOLE_OK
					       : CONSOLE_NO;
	a->why = a->wait_s ? CONSOLE_WHY_NONE : why;
	a->open = session_is_open(&p->h->console.session);
	send_page(p);
}

struct console_page console_page_begin(struct hubd *h, uint32_t ask)
{
	return begin_page(h, ask);
}

void console_page_more(struct console_page *p)
{
	p->m.console_answer.more = true;
	send_page(p);
}

void console_page_end(struct console_page *p, enum console_why why)
{
	end_page(p, why);
}

/* --- the session's time --------------------------------------------------------------------------- */

static void arm(struct hubd *h)
{
	struct hubd_console *c = &h->console;
	struct mono at = session_deadline(&c->session);
	struct mono account = accounts_deadline(&c->accounts);

	if (account.ms < at.ms)
		at = account;
	if (c->export.runs && c->export.ends.ms < at.ms)
		at = c->export.ends;
	if (c->reboots && c->reboot_at.ms < at.ms)
		at = c->reboot_at;
	if (c->later && c->later_until.ms < at.ms)
		at = c->later_until;
	rt_timer_set(c->timer, at);
}

static const char *end_text(enum console_end e)
{
	switch (e) {
	case CONSOLE_END_NONE: break;
	case CONSOLE_END_LOGOUT: return "logout";
	case CONSOLE_END_IDLE: return "idle";
	case CONSOLE_END_OVER: return "time";
	case CONSOLE_END_CABLE: return "cable";
	case CONSOLE_END_LEVEL: return "level";
	}
	return "none";
}

void console_ended(struct hubd *h, enum console_end e)
{
	explicit_bzero(h->console.salt, sizeof(h->console.salt));
	orders_forget_grant(&h->orders);
	audit(h, AUDIT_CONSOLE_SESSION, AUDIT_SUCCESS, 0,
	      "closed person=%" PRIu32 " by=%s", h->console.session.grant.technician,
	      end_text(e));
	console_account_end(h, e);
	hubd_show_light(h);
}

/* Nobody asked. */
static void tell_end(struct hubd *h, enum console_end e)
{
	struct console_page p = begin_page(h, 0);

	console_ended(h, e);
	p.m.console_answer.end = e;
	send_page(&p);
}

static void tell_wrong(struct hubd *h)
{
	uint32_t n = session_tell_wrong(&h->console.session, rt_mono());

	if (n == 0)
		return;
	audit(h, AUDIT_CONSOLE_SESSION, AUDIT_MINOR_FAILURE, n,
	      "wrong tokens in ten minutes");
	console_account_wrong(h, n);
}

/* --- verbs ---------------------------------------------------------------------------------------- */

static void audit_verb(struct hubd *h, const struct msg_console_ask *a,
		       enum console_why why)
{
	const struct verb_row *r = verb_row((enum verb)a->verb);
	const struct console_session *s = &h->console.session;

	audit(h, AUDIT_CONSOLE_VERB,
	      why == CONSOLE_WHY_NONE ? AUDIT_SUCCESS : AUDIT_MINOR_FAILURE, 0,
	      "%s person=%" PRIu32 " why=%d ms=%" PRIu64, r ? r->name : "none",
	      session_is_open(s) ? s->grant.technician : 0, (int)why,
	      mono_since(rt_mono(), h->console.asked));
	if (r)
		console_account_verb(h, a->verb, (uint8_t)why);
}

static void audit_begun(struct hubd *h, const struct msg_console_ask *a)
{
	const struct verb_row *r = verb_row((enum verb)a->verb);

	audit(h, AUDIT_CONSOLE_VERB, AUDIT_SUCCESS, 0, "%s person=%" PRIu32 " begun",
	      r ? r->name : "none", h->console.session.grant.technician);
	if (r)
		console_account_verb(h, a->verb, CONSOLE_ACCOUNT_BEGUN);
}

void console_audit_export(struct hubd *h, uint64_t records, enum console_why why)
{
	const struct hubd_export *e = &h->console.export;
	enum verb v = e->what == EXPORT_QUEUE ? VERB_EXPORT_QUEUE : VERB_EXPORT_EVIDENCE;

	audit(h, AUDIT_EXPORT,
	      why == CONSOLE_WHY_NONE ? AUDIT_SUCCESS : AUDIT_MINOR_FAILURE, records,
	      "%s person=%" PRIu32 " why=%d", verb_row(v)->name, e->person, (int)why);
	console_account_verb(h, (uint8_t)v, (uint8_t)why);
}

/* Before a login anybody may ask, as often as he likes: that fills no log. */
static bool is_told(const struct hubd *h, const struct msg_console_ask *a)
{
	const struct verb_row *r = verb_row((enum verb)a->verb);

	return session_is_open(&h->console.session) && r && r->by != VERB_BY_ANYBODY;
}

static void carry_out(struct hubd *h, const struct msg_console_ask *a)
{
	struct console_page p = begin_page(h, a->ask);
	bool told = is_told(h, a);
	enum console_why why;

	p.asked = a;
	p.number = a->number;
	why = console_do(h, a, &p);
	if (p.goes_on) {
		if (told)
			audit_begun(h, a);
		console_page_more(&p);
		return;
	}
	if (why == CONSOLE_WHY_NONE && p.later) {
		/* now, and not when it is done: nobody may be there then */
		if (told)
			audit_begun(h, a);
		h->console.later = true;
		h->console.later_ask = *a;
		h->console.later_until = mono_add(rt_mono(), LATER_MS);
		return;
	}
	if (told)
		audit_verb(h, a, why);
	end_page(&p, why);
}

static void refuse(struct hubd *h, const struct msg_console_ask *a, enum console_why why)
{
	struct console_page p = begin_page(h, a->ask);

	if (is_told(h, a))
		audit_verb(h, a, why);
	end_page(&p, why);
}

void console_done(struct hubd *h, enum verb v, enum console_why why)
{
	struct hubd_console *c = &h->console;

	if (!c->later || (enum verb)c->later_ask.verb != v)
		return;
	c->later = false;
	refuse(h, &c->later_ask, why);
}

void console_reboot(struct hubd *h)
{
	h->console.reboots = true;
	h->console.reboot_at = mono_add(rt_mono(), REBOOT_MS);
	arm(h);
}

static void wait_for_button(struct hubd *h, const struct msg_console_ask *a)
{
	struct console_page p = begin_page(h, a->ask);

	h->console.waiting = *a;
	p.m.console_answer.wants_button = true;
	p.m.console_answer.more = true;
	send_page(&p);
}

/* Who it was, and which token, as a hash. */
static void audit_login(struct hubd *h, const struct msg_console_ask *a,
			enum console_why why)
{
	const struct session_grant *g = &h->console.session.grant;
	uint8_t hash[SHA256_LEN];

	if (why != CONSOLE_WHY_NONE) {
		tell_wrong(h);
		return; /* summed up */
	}
	crypto_sha256(a->bytes, a->len, hash);
	audit(h, AUDIT_CONSOLE_SESSION, AUDIT_SUCCESS, 0,
	      "opened person=%" PRIu32 "%s%s token=%02x%02x%02x%02x", g->technician,
	      g->voice ? " voice" : "", g->signatures > 1 ? " two" : "", hash[0], hash[1],
	      hash[2], hash[3]);
	hubd_show_light(h);
}

/* Returns false if it is answered: it was no good, or there is no more to it. */
static bool log_in(struct hubd *h, const struct msg_console_ask *a)
{
	struct console_page p = begin_page(h, a->ask);
	bool button = false, more;
	enum console_why why =
		session_may(&h->console.session, VERB_LOGIN, orders_level(&h->orders),
			    h->console.asked, &button);

	if (why == CONSOLE_WHY_NONE)
		why = console_login(h, a, &p);
	audit_login(h, a, why);
	more = why == CONSOLE_WHY_NONE && (enum verb)a->verb != VERB_LOGIN;
	if (!more)
		end_page(&p, why);
	return more;
}

/* Nobody presses the button for what has nothing to do. */
static enum console_why lacks(const struct hubd *h, const struct msg_console_ask *a,
			      enum verb v)
{
	if (!session_lists(&h->console.session, v, orders_level(&h->orders),
			   h->console.asked))
		return CONSOLE_WHY_NONE; /* what is said to that comes first */
	if (v == VERB_NET_SET && a->len == 0)
		return CONSOLE_WHY_ARGUMENT;
	return console_has_no_use(h, v) ? CONSOLE_WHY_LEVEL : CONSOLE_WHY_NONE;
}

static void judge(struct hubd *h, const struct msg_console_ask *a)
{
	enum verb v = a->verb <= VERB_LAST ? (enum verb)a->verb : VERB_NONE;
	bool button = false;
	enum console_why why = lacks(h, a, v);

	if (why == CONSOLE_WHY_NONE && h->console.later)
		why = CONSOLE_WHY_BUSY;
	else if (why == CONSOLE_WHY_NONE)
		why = session_may(&h->console.session, v, orders_level(&h->orders),
				  h->console.asked, &button);
	if (why != CONSOLE_WHY_NONE)
		refuse(h, a, why);
	else if (button)
		wait_for_button(h, a);
	else
		carry_out(h, a);
}

static void on_ask(struct hubd *h, const struct msg_console_ask *in)
{
	struct msg_console_ask a = *in;

	h->console.asked = rt_mono();
	if ((enum verb)a.verb == VERB_NET_SET && a.number == CONSOLE_TEMPLATE) {
		judge(h, &a); /* what is pasted is the verb's, and lets nobody in */
	} else if (a.len == 0 || log_in(h, &a)) {
		explicit_bzero(a.bytes, sizeof(a.bytes));
		a.len = 0;
		judge(h, &a);
	}
	explicit_bzero(&a, sizeof(a));
	hubd_arm_orders(h); /* a wrong token is a sign */
	arm(h);
}

/* --- the button ------------------------------------------------------------------------------------ */

static void forget_waiting(struct hubd *h)
{
	explicit_bzero(&h->console.waiting, sizeof(h->console.waiting));
}

/* What waits will not be done. */
static void refuse_waiting(struct hubd *h, enum console_why why)
{
	if (h->console.waiting.verb != VERB_NONE)
		refuse(h, &h->console.waiting, why);
	forget_waiting(h);
}

static void on_pressed(struct hubd *h)
{
	struct hubd_console *c = &h->console;
	enum console_why why;

	if (!session_on_button(&c->session, rt_mono()))
		return;
	why = session_judge(&c->session, (enum verb)c->waiting.verb,
			    orders_level(&h->orders), rt_mono());
	if (why == CONSOLE_WHY_NONE)
		carry_out(h, &c->waiting);
	else
		refuse(h, &c->waiting, why);
	forget_waiting(h);
	arm(h);
}

static void on_button(void *arg, int events)
{
	struct hubd *h = arg;
	struct input_event e;
	ssize_t n;

	(void)events;
	while ((n = read(h->console.button_fd, &e, sizeof(e))) == (ssize_t)sizeof(e))
		if (e.type == EV_KEY && e.value == 1)
			on_pressed(h);
	if (n < 0 && errno == EAGAIN)
		return;
	log_err("button", "error=\"gone\" do=\"look at the board\"");
	rt_fd_free(h->console.button);
	h->console.button = NULL;
}

/* An input device that the service manager has opened for us, if the board has one; in development the state folder may name it. */
static int open_button(const struct hubd *h)
{
	char path[BUTTON_PATH_MAX + 1];
	int fd = inherited_fd("button"), n;

	if (fd >= 0)
		return fcntl(fd, F_SETFL, O_NONBLOCK) ? -1 : fd;
	if (!h->options.same_user)
		return -1;
	n = file_read(h->options.state_dir, "button", (uint8_t *)path, BUTTON_PATH_MAX);
	if (n <= 0)
		return -1;
	path[n] = '\0';
	path[strcspn(path, "\r\n")] = '\0';
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* --- what happens ------------------------------------------------------------------------------------ */

/* It is closed: of what waited for the button, too, nothing comes. */
static void end_session(struct hubd *h, enum console_end e)
{
	tell_end(h, e);
	refuse_waiting(h, CONSOLE_WHY_LOGIN);
}

static void on_timer(void *arg)
{
	struct hubd *h = arg;
	struct hubd_console *c = &h->console;
	struct mono now = rt_mono();
	enum console_end e = session_over(&c->session, orders_level(&h->orders), now);

	if (session_button_over(&c->session, now))
		refuse_waiting(h, CONSOLE_WHY_BUTTON);
	if (c->later && mono_reached(now, c->later_until))
		console_on_late(h, (enum verb)c->later_ask.verb);
	if (e != CONSOLE_END_NONE)
		end_session(h, e);
	tell_wrong(h);
	console_account_on_time(h, now);
	console_export_on_time(h, now);
	if (c->reboots && mono_reached(now, c->reboot_at)) {
		c->reboots = false;
		hubd_reboot(h);
	}
	arm(h);
}

static void on_cable(struct hubd *h, const struct msg_console_cable *m)
{
	enum console_end e = session_on_cable(&h->console.session, m->there, m->senses);

	h->console.later &= m->there; /* it goes on; nobody is told */
	if (e != CONSOLE_END_NONE)
		end_session(h, e);
	arm(h);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	(void)link;
	if (m->kind == MSG_CONSOLE_ASK)
		on_ask(arg, &m->console_ask);
	else if (m->kind == MSG_CONSOLE_CABLE)
		on_cable(arg, &m->console_cable);
}

/* Another hub-console does not go on with the session of the one before. */
static void on_down(void *arg, struct ipc *link)
{
	const struct msg_console_cable gone = { 0 };

	(void)link;
	on_cable(arg, &gone);
}

static void on_up(void *arg, struct ipc *link)
{
	(void)arg;
	(void)link;
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	(void)link;
	(void)count;
	hubd_on_breach(arg, ROLE_CONSOLE);
}

void hubd_open_console(struct hubd *h)
{
	static const struct ipc_handlers handlers = { .up = on_up,
						      .down = on_down,
						      .message = on_message,
						      .violation = on_violation };
	const struct ipc_config cfg = { .self = ROLE_HUBD,
					.peer = ROLE_CONSOLE,
					.run_dir = h->options.run_dir,
					.same_user = h->options.same_user };
	struct hubd_console *c = &h->console;

	c->button_fd = open_button(h);
	session_init(&c->session, c->button_fd >= 0, console_offered());
	if (ipc_listen(h->rt, &cfg, &handlers, h, &c->link) == 0)
		return;
	c->link = NULL;
	log_err("console-door", "note=\"care goes on without a console\" do=\"look at "
				"the lines before\"");
}

void hubd_start_console(struct hubd *h)
{
	struct hubd_console *c = &h->console;

	c->timer = rt_timer_new(h->rt, on_timer, h);
	console_open_export(h);
	console_open_accounts(h);
	arm(h);
	if (c->button_fd >= 0)
		c->button = rt_fd_new(h->rt, c->button_fd, RT_READ, on_button, h);
}

void hubd_end_console(struct hubd *h)
{
	struct hubd_console *c = &h->console;

	rt_fd_free(c->button);
	if (c->button_fd >= 0)
		close(c->button_fd);
	rt_timer_free(c->timer);
	ipc_free(c->link);
}

void hubd_console_on_store(struct hubd *h)
{
	struct hubd_console *c = &h->console;
	uint32_t lost = c->audits_lost;

	send_audits(h);
	console_account_on_store(h);
	if (lost == 0 || c->audit_count > 0)
		return;
	c->audits_lost = 0;
	audit(h, AUDIT_CONSOLE_SESSION, AUDIT_MINOR_FAILURE, lost,
	      "%" PRIu32 " records had no place while hub-store was away", lost);
}

void hubd_console_on_status(struct hubd *h, const struct msg_status *s)
{
	struct hubd_console *c = &h->console;
	bool waits = c->unsent > 0;

	if (s->what == STATUS_BLOCKED && s->a <= STORE_FAULT) {
		c->store_told = true;
		c->blocked = (enum store_blocked)s->a;
	} else if (s->what == STATUS_UPLINK) {
		c->uplink_told = true;
		c->connected = s->a == 1;
		c->handshakes = s->b;
	} else if (s->what == STATUS_SAVED || s->what == STATUS_DELIVERED) {
		c->unsent_told = true;
		c->unsent = s->a;
		if (s->what == STATUS_SAVED)
			c->highest = s->b;
		else
			c->contig = s->b;
	}
	if (!waits && c->unsent > 0)
		c->unsent_since = rt_mono();
}

void hubd_console_on_network(struct hubd *h)
{
	bool kept = h->network.trial == NETWORK_KEPT;
	struct console_page p = begin_page(h, 0);

	audit(h, AUDIT_CONSOLE_VERB, kept ? AUDIT_SUCCESS : AUDIT_MINOR_FAILURE, 0,
	      "%s %s", verb_row(VERB_NET_SET)->name, kept ? "kept" : "went back");
	if (!session_is_open(&h->console.session))
		return;
	page_network(&p);
	p.m.console_answer.open = true;
	send_page(&p);
}

void hubd_console_on_level(struct hubd *h)
{
	if (h->console.timer) /* not from within orders.h */
		rt_timer_set(h->console.timer, rt_mono());
}
