/*
 * ble_peer.c - stands for hub-store, hubd or hub-bondinfo at hub-ble's other end, driven by a script.
 *
 *   ble_peer store|hubd|bond RUN_DIR
 *
 * stdout, one line per event: up, down, violation, and each message with its fields.
 * stdin, one command a line:
 *   store: state N | durable auto | durable off | durable CAPTURE | refuse CAPTURE N
 *          memory NUM SERVICE HISTORY ANCHOR EMPTY MARK
 *   hubd:  config UTC_OFFSET [num,addr|any,random|public,passkey|-,user|-,sole[,WORD=VALUE]...] ...
 *          kind=N consent=N import=0|1 justworks=0|1 serial=TEXT since=MS
 *          limit N (of the next config: systolic pressure) | assignment N (of the next config; 1 at first) | fence ASK STEP ASSIGNMENT
 *          time MS UNCERTAINTY_MS | window ID NUM MS REPAIR | test MS
 *   bond:  facts BONDED STRENGTH KEY_SIZE LINKED ENCRYPTED HANDLE | answer on|off
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/rt/ipc.h"
#include "hub/rt/log.h"

struct peer {
	struct rt *rt;
	struct ipc *link;
	struct rt_fd *in;
	char line[2048];
	size_t len;
	bool is_store, auto_durable;
	enum store_blocked blocked;
	struct msg config; /* kind MSG_NONE: none yet */
	struct msg time;
	struct msg window;
	struct msg_link_facts facts;
	bool answers;
	uint32_t assignment;
	uint32_t limit; /* of the next config: highest systolic pressure, mmHg; 0: none */
};

static void send_msg(struct peer *p, const struct msg *m)
{
	int r = ipc_send(p->link, m);

	if (r)
		printf("send-failed kind=%d error=%d\n", (int)m->kind, r);
}

static void send_state(struct peer *p)
{
	const struct msg m = { .kind = MSG_STORE_STATE, .store_state = { p->blocked } };

	send_msg(p, &m);
}

static void send_durable(struct peer *p, uint64_t capture, bool durable,
			 enum store_blocked why)
{
	const struct msg m = { .kind = MSG_DURABLE,
			       .durable = { capture, durable, why } };

	send_msg(p, &m);
}

static void on_up(void *arg, struct ipc *link)
{
	struct peer *p = arg;

	(void)link;
	puts("up");
	if (p->is_store)
		send_state(p);
	if (p->config.kind)
		send_msg(p, &p->config);
	if (p->time.kind)
		send_msg(p, &p->time);
	if (p->window.kind)
		send_msg(p, &p->window);
}

static void on_down(void *arg, struct ipc *link)
{
	(void)arg, (void)link;
	puts("down");
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	(void)arg, (void)link;
	printf("violation count=%u\n", count);
}

static void print_raw(const struct msg_raw *r)
{
	printf("RAW instance=%" PRIx64 " capture=%" PRIu64
	       " assignment=%u kind=%d char=%04x num=%u quality=%d "
	       "link=%d unverified=%d value=",
	       r->instance, r->capture, r->assignment, (int)r->kind, r->characteristic,
	       r->peripheral.num, (int)r->captured.wall.quality, (int)r->link,
	       r->unverified);
	for (size_t i = 0; i < r->raw_len; i++)
		printf("%02x", r->raw[i]);
	puts("");
}

static void print_decoded(const struct msg_decoded *m)
{
	const struct decoded *d = &m->decoded;

	printf("DECODED capture=%" PRIu64
	       " marks=%u user=%d attribution=%d source=%d timeline=%d "
	       "offset=%" PRId64
	       " uncertainty=%u link=%d unverified=%d history=%u sequence=%d",
	       m->capture, d->marks, d->has_user ? d->user : -1, (int)m->attribution,
	       (int)m->clock.source, m->clock.timeline, m->clock.offset_ms,
	       m->clock.uncertainty_ms, (int)m->link, m->unverified, m->history,
	       d->has_sequence ? (int)d->sequence : -1);
	for (size_t i = 0; i < d->value_count; i++)
		printf(" %s=%de%d/%d", value_name_text(d->values[i].name),
		       d->values[i].number.mantissa, d->values[i].number.exponent,
		       (int)d->values[i].number.kind);
	puts("");
}

static void print_memory(const struct msg_memory *m)
{
	printf("MEMORY num=%u service=%04x assignment=%u history=%u anchor=%" PRIu64
	       " empty=%d mark=%u fence=%lld\n",
	       m->num, m->service, m->assignment, m->history, m->anchor, m->empty,
	       m->mark, m->has_fence ? (long long)m->fence : -1);
}

static void print_bonded(const struct msg_bonded *m)
{
	printf("BONDED num=%u addr=%02x%02x%02x%02x%02x%02x type=%d strength=%d "
	       "serial=%s\n",
	       m->num, m->pin.addr[0], m->pin.addr[1], m->pin.addr[2], m->pin.addr[3],
	       m->pin.addr[4], m->pin.addr[5], (int)m->pin.addr_type,
	       (int)m->pin.strength, m->pin.serial);
}

static void answer_ask(struct peer *p, const struct msg_link_ask *ask)
{
	struct msg m = { .kind = MSG_LINK_FACTS, .link_facts = p->facts };

	m.link_facts.cookie = ask->cookie;
	if (!p->answers)
		return;
	send_msg(p, &m);
	printf("ANSWERED\n");
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct peer *p = arg;

	(void)link;
	if (m->kind == MSG_RAW) {
		print_raw(&m->raw);
	} else if (m->kind == MSG_DECODED) {
		print_decoded(&m->decoded);
		if (p->auto_durable)
			send_durable(p, m->decoded.capture, true, STORE_READY);
	} else if (m->kind == MSG_STATUS) {
		printf("STATUS what=%d a=%" PRIu64 " b=%" PRIu64 "\n",
		       (int)m->status.what, m->status.a, m->status.b);
	} else if (m->kind == MSG_INCIDENT) {
		printf("INCIDENT what=%d subject=%u count=%u\n", (int)m->incident.what,
		       m->incident.subject, m->incident.count);
	} else if (m->kind == MSG_DISCARD) {
		printf("DISCARD capture=%" PRIu64 "\n", m->discard.capture);
	} else if (m->kind == MSG_MEMORY) {
		print_memory(&m->memory);
	} else if (m->kind == MSG_BONDED) {
		print_bonded(&m->bonded);
	} else if (m->kind == MSG_FENCED) {
		printf("FENCED ask=%u step=%s assignment=%u\n", m->fence.ask,
		       fence_step_text(m->fence.step), m->fence.assignment);
	} else if (m->kind == MSG_LINK_ASK) {
		answer_ask(p, &m->link_ask);
	}
}

static void bad_device(const char *text)
{
	fprintf(stderr, "ble_peer: bad device '%s'\n", text);
	exit(2);
}

static void read_option(struct config_device *d, struct device_pin *pin, const char *word,
			const char *value)
{
	unsigned long n = strtoul(value, NULL, 10);

	if (strcmp(word, "kind") == 0) {
		d->kind = (enum reading_kind)n;
	} else if (strcmp(word, "consent") == 0) {
		d->has_consent = true;
		d->consent = (uint16_t)n;
	} else if (strcmp(word, "import") == 0) {
		d->import = n;
	} else if (strcmp(word, "justworks") == 0) {
		d->just_works = n;
	} else if (strcmp(word, "since") == 0) {
		pin->known = true;
		pin->since_ms = strtoll(value, NULL, 10);
		memcpy(pin->addr, d->addr, sizeof(pin->addr));
		pin->addr_type = d->addr_type;
	} else if (strcmp(word, "serial") == 0) {
		snprintf(d->serial, sizeof(d->serial), "%s", value);
	} else {
		bad_device(word);
	}
}

static void read_device(struct msg_ble_config *c, char *text)
{
	struct device_pin *pin = &c->pins[c->device_count];
	struct config_device *d = &c->devices[c->device_count++];
	char *part[6], *word;
	unsigned a[6];

	*d = (struct config_device){ .kind = READING_BLOOD_PRESSURE };
	for (size_t i = 0; i < 6; i++)
		if (!(part[i] = strsep(&text, ",")))
			bad_device("too short");
	d->num = (uint16_t)atoi(part[0]);
	d->has_addr = strcmp(part[1], "any") != 0;
	if (d->has_addr && sscanf(part[1], "%x:%x:%x:%x:%x:%x", &a[0], &a[1], &a[2],
				  &a[3], &a[4], &a[5]) != 6)
		bad_device(part[1]);
	for (int i = 0; i < 6 && d->has_addr; i++)
		d->addr[i] = (uint8_t)a[i];
	d->addr_type =
		d->has_addr && strcmp(part[2], "random") == 0 ? ADDR_RANDOM : ADDR_PUBLIC;
	d->passkey = part[3][0] == '-' ? CONFIG_NO_PASSKEY
				       : (uint32_t)strtoul(part[3], NULL, 10);
	d->has_user = part[4][0] != '-';
	d->user = (uint8_t)(d->has_user ? strtoul(part[4], NULL, 10) : 0);
	d->sole_user = atoi(part[5]) != 0;
	while ((word = strsep(&text, ","))) {
		char *value = strchr(word, '=');

		if (!value)
			bad_device(word);
		*value = '\0';
		read_option(d, pin, word, value + 1);
	}
}

static void command_config(struct peer *p, char *rest)
{
	char *word = strtok(rest, " ");

	p->config = (struct msg){ .kind = MSG_BLE_CONFIG };
	p->config.ble_config.assignment = p->assignment;
	p->config.ble_config.utc_offset_min = (int16_t)(word ? atoi(word) : 0);
	p->config.ble_config.limit_count = p->limit > 0;
	if (p->limit > 0)
		p->config.ble_config.limits[0] =
			(struct limit){ VALUE_SYSTOLIC, false, true, 0,
					(int32_t)p->limit * 1000 };
	while ((word = strtok(NULL, " ")))
		read_device(&p->config.ble_config, word);
	if (ipc_is_up(p->link))
		send_msg(p, &p->config);
}

static bool command_more(struct peer *p, const char *line)
{
	struct msg m = { 0 };
	unsigned a[6];

	if (sscanf(line, "window %u %u %u %u", &a[0], &a[1], &a[2], &a[3]) == 4) {
		p->window = (struct msg){ .kind = MSG_WINDOW,
					  .window = { a[0], (uint16_t)a[1], a[2],
						      a[3] != 0 } };
		if (ipc_is_up(p->link))
			send_msg(p, &p->window);
	} else if (sscanf(line, "test %u", &a[0]) == 1) {
		m = (struct msg){ .kind = MSG_TEST, .test = { a[0] } };
		send_msg(p, &m);
	} else if (sscanf(line, "memory %u %x %u %u %u %u", &a[0], &a[1], &a[2], &a[3],
			  &a[4], &a[5]) == 6) {
		m.kind = MSG_MEMORY;
		m.memory = (struct msg_memory){ .num = (uint16_t)a[0],
						.service = (uint16_t)a[1],
						.assignment = p->assignment,
						.history = a[2],
						.anchor = a[3],
						.empty = a[4] != 0,
						.mark = a[5] };
		send_msg(p, &m);
	} else if (sscanf(line, "facts %u %u %u %u %u %u", &a[0], &a[1], &a[2], &a[3],
			  &a[4], &a[5]) == 6) {
		p->facts = (struct msg_link_facts){ .bonded = a[0] != 0,
						    .strength = (enum link_strength)a[1],
						    .key_size = (uint8_t)a[2],
						    .linked = a[3] != 0,
						    .encrypted = a[4] != 0,
						    .handle = (uint16_t)a[5] };
	} else if (sscanf(line, "limit %u", &a[0]) == 1) {
		p->limit = a[0];
	} else if (sscanf(line, "assignment %u", &a[0]) == 1) {
		p->assignment = a[0];
	} else if (sscanf(line, "fence %u %u %u", &a[0], &a[1], &a[2]) == 3) {
		/* not again when hub-ble comes anew: the script says when */
		p->config.kind = MSG_NONE;
		m.kind = MSG_FENCE;
		m.fence = (struct msg_fence){ a[0], (enum fence_step)a[1], a[2] };
		send_msg(p, &m);
	} else if (strcmp(line, "answer on") == 0) {
		p->answers = true;
	} else if (strcmp(line, "answer off") == 0) {
		p->answers = false;
	} else {
		return false;
	}
	return true;
}

static void command(struct peer *p, char *line)
{
	unsigned long long a;
	unsigned n;

	if (sscanf(line, "state %u", &n) == 1) {
		p->blocked = (enum store_blocked)n;
		if (ipc_is_up(p->link))
			send_state(p);
	} else if (strcmp(line, "durable auto") == 0) {
		p->auto_durable = true;
	} else if (strcmp(line, "durable off") == 0) {
		p->auto_durable = false;
	} else if (sscanf(line, "durable %llu", &a) == 1) {
		send_durable(p, a, true, STORE_READY);
	} else if (sscanf(line, "refuse %llu %u", &a, &n) == 2) {
		send_durable(p, a, false, (enum store_blocked)n);
	} else if (strncmp(line, "config ", 7) == 0) {
		command_config(p, line + 7);
	} else if (sscanf(line, "time %llu %u", &a, &n) == 2) {
		p->time = (struct msg){ .kind = MSG_TIME };
		p->time.time.at = rt_mono();
		p->time.time.utc = (struct wall){ (int64_t)a, n, CLOCK_QUALITY_CLINIC };
		if (ipc_is_up(p->link))
			send_msg(p, &p->time);
	} else if (command_more(p, line)) {
		return;
	} else {
		printf("bad-command %s\n", line);
	}
}

static void on_input(void *arg, int events)
{
	struct peer *p = arg;
	ssize_t n = read(STDIN_FILENO, p->line + p->len, sizeof(p->line) - 1 - p->len);
	char *end;

	(void)events;
	if (n <= 0) {
		rt_stop(p->rt);
		return;
	}
	p->len += (size_t)n;
	p->line[p->len] = '\0';
	while ((end = strchr(p->line, '\n'))) {
		*end = '\0';
		command(p, p->line);
		p->len -= (size_t)(end + 1 - p->line);
		memmove(p->line, end + 1, p->len + 1);
	}
}

int main(int argc, char **argv)
{
	static const struct ipc_handlers handlers = { on_up, on_down, on_message,
						      on_violation };
	struct peer p = { .auto_durable = true,
			  .answers = true,
			  .assignment = 1,
			  .facts = { .bonded = true,
				     .strength = LINK_SC_AUTHENTICATED,
				     .key_size = 16,
				     .linked = true,
				     .encrypted = true,
				     .handle = 64 } };
	struct ipc_config cfg = { .peer = ROLE_BLE, .same_user = true };

	if (argc != 3) {
		fprintf(stderr, "usage: ble_peer store|hubd|bond RUN_DIR\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_init("ble_peer");
	p.is_store = strcmp(argv[1], "store") == 0;
	cfg.self = p.is_store			  ? ROLE_STORE
		   : strcmp(argv[1], "hubd") == 0 ? ROLE_HUBD
						  : ROLE_BOND;
	cfg.run_dir = argv[2];
	p.rt = rt_new();
	if (ipc_listen(p.rt, &cfg, &handlers, &p, &p.link) != 0)
		return 1;
	p.in = rt_fd_new(p.rt, STDIN_FILENO, RT_READ, on_input, &p);
	rt_run(p.rt);
	rt_fd_free(p.in);
	ipc_free(p.link);
	rt_free(p.rt);
	return 0;
}
