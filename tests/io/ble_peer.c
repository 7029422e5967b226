/*
 * ble_peer.c - stands for hub-store or hubd at hub-ble's other end, driven by a script.
 *
 *   ble_peer store RUN_DIR     ble_peer hubd RUN_DIR
 *
 * stdout, one line per event: up, down, violation, and each message with its fields.
 * stdin, one command a line:
 *   store: state N | durable auto | durable off | durable CAPTURE | refuse CAPTURE N
 *   hubd:  config UTC_OFFSET [num,addr,random|public,passkey|-,user|-,sole] ...
 *          time MS UNCERTAINTY_MS
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
	       " kind=%d char=%04x num=%u quality=%d "
	       "link=%d value=",
	       r->instance, r->capture, (int)r->kind, r->characteristic,
	       r->peripheral.num, (int)r->captured.wall.quality, (int)r->link);
	for (size_t i = 0; i < r->raw_len; i++)
		printf("%02x", r->raw[i]);
	puts("");
}

static void print_decoded(const struct msg_decoded *m)
{
	const struct decoded *d = &m->decoded;

	printf("DECODED capture=%" PRIu64
	       " marks=%u user=%d attribution=%d source=%d timeline=%d "
	       "offset=%" PRId64 " uncertainty=%u",
	       m->capture, d->marks, d->has_user ? d->user : -1, (int)m->attribution,
	       (int)m->clock.source, m->clock.timeline, m->clock.offset_ms,
	       m->clock.uncertainty_ms);
	for (size_t i = 0; i < d->value_count; i++)
		printf(" %s=%de%d/%d", value_name_text(d->values[i].name),
		       d->values[i].number.mantissa, d->values[i].number.exponent,
		       (int)d->values[i].number.kind);
	puts("");
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
	}
}

static void read_device(struct msg_ble_config *c, const char *text)
{
	struct config_device *d = &c->devices[c->device_count++];
	unsigned a[6];
	char type[8], passkey[16], user[8];
	int num, sole;

	*d = (struct config_device){ .kind = READING_BLOOD_PRESSURE };
	if (sscanf(text, "%d,%x:%x:%x:%x:%x:%x,%7[a-z],%15[^,],%7[^,],%d", &num, &a[0],
		   &a[1], &a[2], &a[3], &a[4], &a[5], type, passkey, user, &sole) != 11) {
		fprintf(stderr, "ble_peer: bad device '%s'\n", text);
		exit(2);
	}
	d->num = (uint16_t)num;
	for (int i = 0; i < 6; i++)
		d->addr[i] = (uint8_t)a[i];
	d->addr_type = strcmp(type, "random") == 0 ? ADDR_RANDOM : ADDR_PUBLIC;
	d->passkey = passkey[0] == '-' ? CONFIG_NO_PASSKEY
				       : (uint32_t)strtoul(passkey, NULL, 10);
	d->has_user = user[0] != '-';
	d->user = (uint8_t)(d->has_user ? strtoul(user, NULL, 10) : 0);
	d->sole_user = sole != 0;
}

static void command_config(struct peer *p, char *rest)
{
	char *word = strtok(rest, " ");

	p->config = (struct msg){ .kind = MSG_BLE_CONFIG };
	p->config.ble_config.utc_offset_min = (int16_t)(word ? atoi(word) : 0);
	while ((word = strtok(NULL, " ")))
		read_device(&p->config.ble_config, word);
	if (ipc_is_up(p->link))
		send_msg(p, &p->config);
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
	struct peer p = { .auto_durable = true };
	struct ipc_config cfg = { .peer = ROLE_BLE, .same_user = true };

	if (argc != 3) {
		fprintf(stderr, "usage: ble_peer store|hubd RUN_DIR\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_init("ble_peer");
	p.is_store = strcmp(argv[1], "store") == 0;
	cfg.self = p.is_store ? ROLE_STORE : ROLE_HUBD;
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
