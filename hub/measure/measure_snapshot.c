/*
 * measure_snapshot.c - what a locked hub looks like: taken, signed, and handed to hub-store; see measure_inside.h.
 */
#include "hub/measure/measure_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/inherited.h"
#include "hub/rt/log.h"

/* The kernel's log, if the manager hands it over. It must not keep us waiting. */
static int open_log(void)
{
	int fd = inherited_fd("kernel-log");

	return fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? fd : -1;
}

static int sign_snapshot(struct measure *m, uint64_t number)
{
	struct snapshot s = { .number = number,
			      .made_s = rt_wall().ms / 1000,
			      .count = m->texts->count };
	uint8_t *payload = malloc(SNAPSHOT_PAYLOAD_MAX);
	int n = payload ? 0 : -ENOMEM;

	memcpy(s.boot, m->now.boot, sizeof(s.boot));
	memcpy(s.public_key, m->now.public_key, sizeof(s.public_key));
	memcpy(s.texts, m->texts->text, sizeof(s.texts));
	if (n == 0)
		n = snapshot_encode(&s, payload, SNAPSHOT_PAYLOAD_MAX);
	if (n > 0)
		n = sign1_make(SIGN_CONTEXT_SNAPSHOT, m->private, payload, (size_t)n,
			       m->snapshot, SNAPSHOT_BYTES_MAX);
	free(payload);
	return n;
}

static int take_snapshot(struct measure *m, uint64_t number)
{
	int n;

	m->texts = malloc(sizeof(*m->texts));
	m->snapshot = malloc(SNAPSHOT_BYTES_MAX);
	n = m->texts && m->snapshot ? 0 : -ENOMEM;
	if (n == 0)
		n = texts_take("/proc", "/sys", open_log(), &m->image, m->texts);
	if (n == 0)
		n = sign_snapshot(m, number);
	if (n < 0)
		return n;
	log_info("snapshot", "number=%llu texts=%zu octets=%d",
		 (unsigned long long)number, m->texts->count, n);
	handing_begin(&m->handing, number, m->snapshot, (size_t)n);
	return 0;
}

void measure_begin_snapshot(struct measure *m, uint64_t number)
{
	int r;

	if (number == 0 || m->handing.number ||
	    number == seen_snapshot(m->options.state_dir))
		return;
	r = take_snapshot(m, number);
	if (r)
		log_err("no-snapshot", "error=\"%s\" do=\"the next run tries again\"",
			err_text(r));
	m->give_up_at = mono_add(rt_mono(), MEASURE_DELIVER_MS);
}

void measure_send_snapshot(struct measure *m)
{
	struct msg out = { .kind = MSG_SNAPSHOT };

	while (ipc_is_up(m->store) && handing_next(&m->handing, &out.snapshot) &&
	       ipc_send(m->store, &out) == 0)
		handing_on_sent(&m->handing);
}

void measure_on_snapshot_taken(struct measure *m, const struct msg_snapshot_taken *t)
{
	if (!handing_on_taken(&m->handing, t))
		return;
	m->give_up_at = mono_add(rt_mono(), MEASURE_DELIVER_MS);
	if (t->whole && seen_snapshot_save(m->options.state_dir, t->number))
		log_warn("snapshot-not-noted", "do=\"nothing: it is made again\"");
}
