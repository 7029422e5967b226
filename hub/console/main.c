/*
 * main.c - hub-console: the field technician's serial line.
 *
 *   serial -> line.h -> typed.h -> CONSOLE_ASK -> hubd -> CONSOLE_ANSWER -> format.h -> serial
 *
 * It holds no key and decides nothing: a token is bytes that it passes on, and what may be done hubd says. It must never: receive a
 * reading, start a program, open another file than its line, print what came from outside but for the echo of printable ASCII.
 *
 * Invariants
 *   1. One line is asked at a time; until its answer is there no byte is read. What comes meanwhile waits in the kernel.
 *   2. What cannot be written to the line is dropped, and keeps nothing waiting.
 *   3. A token is wiped when it was passed on, was refused, or the line is gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub/console/calls.h"
#include "hub/console/format.h"
#include "hub/console/line.h"
#include "hub/console/serial.h"
#include "hub/console/typed.h"
#include "hub/core/err.h"
#include "hub/core/network.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/sandbox.h"

enum {
	LOOK_MS = 1000,	   /* for the line, and for the cable */
	ANSWER_MS = 30000, /* hubd does not say that it waits for a button */
	OUT_MAX = 32768,   /* two pages and a code to photograph */
	READ_MAX = 64,
};

static const char default_line[] = "/dev/hub-console";

_Static_assert((int)NETWORK_BYTES_MAX <= (int)TOKEN_BYTES_MAX,
	       "a template is the smaller one");

struct console {
	struct rt *rt;
	struct options options;
	const char *path;
	struct ipc *hubd;
	struct rt_timer *look, *late;
	int fd;	  /* -1: there is no line */
	int told; /* why not, as in the log */
	struct rt_fd *watch;
	bool senses, cable;
	struct line line;
	char token[TOKEN_TEXT_MAX];
	size_t token_len; /* 0: none has begun */
	enum verb token_verb;
	enum console_form token_form; /* a template is gathered as a token is */
	uint32_t ask;
	bool waits, open;
	uint8_t in[READ_MAX]; /* read and not yet looked at */
	size_t in_len, in_at;
	char out[OUT_MAX];
	size_t out_len;
};

/* --- out ---------------------------------------------------------------------------------- */

static void watch(struct console *c)
{
	int events = (c->waits ? 0 : RT_READ) | (c->out_len ? RT_WRITE : 0);

	if (c->watch)
		rt_fd_set(c->watch, events);
}

static void flush(struct console *c)
{
	while (c->fd >= 0 && c->out_len > 0) {
		int n = serial_write(c->fd, c->out, c->out_len);

		if (n <= 0)
			break;
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
	watch(c);
}

static void print(struct console *c, const char *text, size_t len)
{
	if (c->fd < 0 || len > sizeof(c->out) - c->out_len)
		return;
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
}

static void say(struct console *c, const char *text)
{
	print(c, text, strlen(text));
}

static void prompt(struct console *c)
{
	say(c, c->token_len ? "more> " : format_prompt(c->open));
}

static void note(struct console *c, enum format_note n)
{
	say(c, format_note(n));
	prompt(c);
}

/* --- in ----------------------------------------------------------------------------------- */

static void drop_token(struct console *c)
{
	explicit_bzero(c->token, sizeof(c->token));
	c->token_len = 0;
}

static void ask(struct console *c, enum verb verb, uint64_t number, const uint8_t *bytes,
		size_t len)
{
	struct msg m = { .kind = MSG_CONSOLE_ASK,
			 .console_ask = { .verb = (uint8_t)verb,
					  .number = number,
					  .len = (uint16_t)len } };

	m.console_ask.ask = ++c->ask ? c->ask : ++c->ask;
	if (len)
		memcpy(m.console_ask.bytes, bytes, len);
	if (ipc_send(c->hubd, &m)) {
		note(c, FORMAT_NO_HUBD);
	} else {
		c->waits = true;
		rt_timer_set(c->late, mono_add(rt_mono(), ANSWER_MS));
	}
	explicit_bzero(&m, sizeof(m));
}

static int parse_token(const struct console *c, uint8_t ret[static TOKEN_BYTES_MAX])
{
	return c->token_form == CONSOLE_TEMPLATE
		       ? network_parse(c->token, c->token_len, ret)
		       : access_token_parse(c->token, c->token_len, ret);
}

/* Another line of a token. */
static void add_token(struct console *c, const char *text)
{
	uint8_t bytes[TOKEN_BYTES_MAX];
	size_t len = strlen(text);
	int n = -EMSGSIZE;

	if (len < sizeof(c->token) - c->token_len) {
		memcpy(c->token + c->token_len, text, len);
		c->token_len += len;
		n = parse_token(c, bytes);
	}
	if (n == -EAGAIN) {
		note(c, FORMAT_MORE_TOKEN);
		return;
	}
	drop_token(c);
	if (n > 0)
		ask(c, c->token_verb, c->token_form, bytes, (size_t)n);
	else
		note(c, FORMAT_BAD_TOKEN);
	explicit_bzero(bytes, sizeof(bytes));
}

static void on_line(struct console *c)
{
	struct typed t;

	if (c->token_len) {
		add_token(c, c->line.text);
		return;
	}
	t = typed_parse(c->line.text);
	switch (t.kind) {
	case TYPED_NOTHING: note(c, FORMAT_UNKNOWN); break;
	case TYPED_VERB: ask(c, t.verb, t.number, NULL, 0); break;
	case TYPED_TOKEN:
	case TYPED_TEMPLATE:
		c->token_verb = t.verb;
		c->token_form = t.kind == TYPED_TOKEN ? CONSOLE_PASTED : CONSOLE_TEMPLATE;
		add_token(c, t.rest);
		break;
	case TYPED_CODE:
		ask(c, t.verb, CONSOLE_READ_OUT, (const uint8_t *)t.code,
		    TOKEN_CODE_DIGITS);
		break;
	}
	explicit_bzero(&t, sizeof(t));
}

static void on_byte(struct console *c, uint8_t byte)
{
	uint8_t echo[LINE_ECHO_MAX];
	size_t len;
	enum line_event e = line_on_byte(&c->line, byte, echo, &len);

	print(c, (const char *)echo, len);
	switch (e) {
	case LINE_NOTHING: return;
	case LINE_READY: on_line(c); break;
	case LINE_EMPTY: prompt(c); break;
	case LINE_TOO_LONG:
		drop_token(c);
		note(c, FORMAT_TOO_LONG);
		break;
	case LINE_DROPPED:
		drop_token(c);
		prompt(c);
		break;
	}
	line_wipe(&c->line);
}

static void take(struct console *c)
{
	while (c->in_at < c->in_len && !c->waits)
		on_byte(c, c->in[c->in_at++]);
	if (c->in_at == c->in_len)
		c->in_at = c->in_len = 0;
}

/* --- the line -------------------------------------------------------------------------------- */

static void tell_cable(struct console *c)
{
	const struct msg m = { .kind = MSG_CONSOLE_CABLE,
			       .console_cable = { c->fd >= 0 && (c->cable || !c->senses),
						  c->senses } };

	if (ipc_is_up(c->hubd))
		(void)ipc_send(c->hubd, &m);
}

static void close_line(struct console *c)
{
	if (c->fd < 0)
		return;
	log_info("line", "state=gone");
	rt_fd_free(c->watch);
	c->watch = NULL;
	close(c->fd);
	c->fd = -1;
	c->out_len = c->in_len = c->in_at = 0;
	c->open = c->cable = c->senses = false;
	explicit_bzero(c->in, sizeof(c->in));
	drop_token(c);
	line_wipe(&c->line);
	tell_cable(c);
}

static void on_ready(void *arg, int events)
{
	struct console *c = arg;
	int n = -EAGAIN;

	if (events & RT_READ && !c->waits) {
		n = serial_read(c->fd, c->in, sizeof(c->in));
		if (n == -EIO) {
			close_line(c);
			return;
		}
		if (n > 0) {
			c->in_at = 0;
			c->in_len = (size_t)n;
			take(c);
		}
	}
	flush(c);
}

static void open_line(struct console *c)
{
	int fd = serial_open(c->path);

	if (fd < 0) {
		if (fd != c->told)
			log_warn("line", "state=absent error=\"%s\"", err_text(fd));
		c->told = fd;
		return;
	}
	c->told = 0;
	c->fd = fd;
	c->cable = serial_dsr(fd) == 1;
	c->senses = c->cable; /* a signal that was never there says nothing */
	c->watch = rt_fd_new(c->rt, fd, RT_READ, on_ready, c);
	log_info("line", "state=open senses=%d", c->senses);
	line_init(&c->line);
	tell_cable(c);
	say(c, "\r\n");
	prompt(c);
	flush(c);
}

/* A line whose far end has gone without a sign of its own. */
static void look_at_cable(struct console *c)
{
	bool there = serial_dsr(c->fd) == 1;

	if (there == c->cable)
		return;
	c->cable = there;
	c->senses = true;
	drop_token(c);
	line_wipe(&c->line);
	tell_cable(c);
}

static void on_look(void *arg)
{
	struct console *c = arg;

	if (c->fd < 0)
		open_line(c);
	else
		look_at_cable(c);
	rt_timer_set(c->look, mono_add(rt_mono(), LOOK_MS));
}

/* --- hubd ------------------------------------------------------------------------------------- */

static void go_on(struct console *c)
{
	c->waits = false;
	rt_timer_set(c->late, MONO_NEVER);
	prompt(c);
	take(c);
	flush(c);
}

static void on_answer(struct console *c, const struct msg_console_answer *a)
{
	char text[FORMAT_BYTES_MAX];
	bool unasked = a->ask == 0;

	if (!unasked && (!c->waits || a->ask != c->ask))
		return;
	if (unasked)
		say(c, "\r\n");
	print(c, text, format_answer(a, text));
	if (a->wants_button) {
		say(c, format_note(FORMAT_BUTTON));
		flush(c);
		return;
	}
	if (a->more) {
		rt_timer_set(c->late, mono_add(rt_mono(), ANSWER_MS));
		flush(c);
		return;
	}
	c->open = a->open;
	if (unasked && c->waits)
		flush(c);
	else
		go_on(c);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	(void)link;
	if (m->kind == MSG_CONSOLE_ANSWER)
		on_answer(arg, &m->console_answer);
}

static void on_up(void *arg, struct ipc *link)
{
	(void)link;
	tell_cable(arg);
}

/* hubd has gone, and with it each session. */
static void on_down(void *arg, struct ipc *link)
{
	struct console *c = arg;

	(void)link;
	c->open = false;
	if (c->waits) {
		say(c, format_note(FORMAT_NO_HUBD));
		go_on(c);
	}
}

static void on_late(void *arg)
{
	struct console *c = arg;

	if (!c->waits)
		return;
	say(c, format_note(FORMAT_NO_HUBD));
	go_on(c);
}

/* The line is opened anew when its cable comes back. */
static int confine(const struct options *o)
{
	const struct sandbox s = {
		.calls = console_calls,
		.sockets = SANDBOX_UNIX,
		.places = { { "/dev", LANDLOCK_DEVICES },
			    { "/sys", LANDLOCK_READ }, /* on which the kernel prints */
			    { o->run_dir, LANDLOCK_DOORS } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	static struct console c = { .fd = -1 };
	static const struct ipc_handlers h = { .up = on_up,
					       .down = on_down,
					       .message = on_message };
	struct ipc_config cfg = { .self = ROLE_CONSOLE, .peer = ROLE_HUBD };

	options_parse(
		argc, argv, "hub-console",
		"The field technician's serial line: passes lines to hubd and prints "
		"its answers.",
		&c.options);
	log_init("hub-console");
	umask(077);
	c.path = c.options.line ? c.options.line : default_line;
	c.rt = rt_new();
	cfg.run_dir = c.options.run_dir;
	cfg.same_user = c.options.same_user;
	if (confine(&c.options)) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	if (ipc_connect(c.rt, &cfg, &h, &c, &c.hubd))
		return EX_OSERR;
	c.look = rt_timer_new(c.rt, on_look, &c);
	c.late = rt_timer_new(c.rt, on_late, &c);
	on_look(&c);
	notify_ready(c.rt);
	rt_run(c.rt);
	notify_stopping();
	close_line(&c);
	rt_timer_free(c.late);
	rt_timer_free(c.look);
	ipc_free(c.hubd);
	rt_free(c.rt);
	return EX_OK;
}
