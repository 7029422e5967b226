/*
 * hub-measure - once, from a timer: looks at all that runs, holds it against the image's list of files, and says what it
 * found.
 *
 *   look -> nothing in the hub's own processes -----------------------> sign -> hub-store: EVIDENCE .. EVIDENCE_TAKEN -> end
 *        -> something: look again after five seconds, what is still there is confirmed -^  and hubd: INCIDENT
 *   hub-store asks for a snapshot, of a locked hub: texts.h -> sign -> SNAPSHOT .. SNAPSHOT_TAKEN, before the end
 *
 * It has CAP_SYS_PTRACE to read what others have mapped, and no network. It must never: write to another process, trace one,
 * say anything of a reading. It writes its own folder only (seen.h).
 *
 * Exit status: 0 delivered; 1 not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/measure/calls.h"
#include "hub/measure/drops.h"
#include "hub/measure/handing.h"
#include "hub/measure/hardware.h"
#include "hub/measure/scan.h"
#include "hub/measure/seen.h"
#include "hub/measure/texts.h"
#include "hub/rt/file.h"
#include "hub/rt/inherited.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/sandbox.h"

enum {
	CONFIRM_MS = 5000,
	DELIVER_MS = 60000,
	AGAIN_MS = 200,
	IMAGE_BYTES_MAX = IMAGE_HEADER_LEN + IMAGE_RECORDS_MAX * IMAGE_RECORD_LEN,
};

static const char default_image_dir[] = "/usr/lib/hub";

struct measure {
	struct rt *rt;
	struct rt_timer *timer;
	struct ipc *store, *hubd;
	struct options options;
	uint8_t *list; /* manifest.bin */
	struct image image;
	uint8_t private[P256_PRIVATE_LEN];
	struct seen seen;
	struct evidence now, earlier;
	uint8_t digest[SHA256_LEN];
	uint8_t bytes[EVIDENCE_BYTES_MAX];
	size_t len, sent; /* octets; pieces */
	bool signed_off, told, taken;
	struct texts *texts; /* owned, NULL: none were taken */
	uint8_t *snapshot;   /* owned; signed */
	struct handing handing;
	struct hardware hardware;
	struct hardware_change changed; /* since the last look */
	struct drops drops;
	bool has_drops;
	struct mono give_up_at;
};

/* --- the list ------------------------------------------------------------------------------------- */

static int read_list(struct measure *m)
{
	const char *dir = m->options.image_dir ? m->options.image_dir : default_image_dir;
	int n;

	m->list = malloc(IMAGE_BYTES_MAX);
	if (!m->list)
		return -ENOMEM;
	n = file_read(dir, "manifest.bin", m->list, IMAGE_BYTES_MAX);
	if (n < 0)
		return n;
	crypto_sha256(m->list, (size_t)n, m->now.image);
	return image_open(m->list, (size_t)n, &m->image);
}

/* The build's word about the list. What the image says of itself proves nothing to others; it finds a list that does not
 * belong to this image. */
static void check_word(const struct measure *m)
{
	const char *dir = m->options.image_dir ? m->options.image_dir : default_image_dir;
	uint8_t bytes[IMAGE_STATEMENT_MAX + 1], public[P256_PUBLIC_LEN];
	struct image_statement word;
	const uint8_t *payload;
	size_t len;
	int n = file_read(dir, "image.cose", bytes, sizeof(bytes));
	int k = file_read(dir, "build.pub", public, sizeof(public));
	bool good = n > 0 && k == P256_PUBLIC_LEN &&
		    sign1_open(SIGN_CONTEXT_IMAGE, public, bytes, (size_t)n, &payload,
			       &len) == 0 &&
		    image_statement_decode(payload, len, &word) == 0 &&
		    memcmp(word.manifest, m->now.image, SHA256_LEN) == 0;

	if (!good)
		log_warn("image-word", "error=\"image.cose is not of this manifest.bin\" "
				       "do=\"rebuild the image\"");
}

/* --- looking -------------------------------------------------------------------------------------- */

static int look(struct measure *m)
{
	struct survey s;
	int r;

	survey_begin(&s, &m->now, rt_wall().ms / 1000);
	r = scan_run("/proc", &m->image, &s, NULL);
	if (r)
		log_err("look-failed", "error=\"%s\"", err_text(r));
	return r;
}

static unsigned count_confirmed(const struct evidence *e, bool sockets)
{
	unsigned n = 0;

	for (size_t i = 0; i < e->finding_count; i++)
		n += e->findings[i].hub && e->findings[i].confirmed &&
		     finding_is_socket(e->findings[i].kind) == sockets;
	return n;
}

/* Of what does not change from run to run by itself. */
static int digest_lists(const struct measure *m, uint8_t ret[static SHA256_LEN])
{
	static struct evidence copy;
	static uint8_t buf[EVIDENCE_PAYLOAD_MAX];
	int n;

	copy = m->now;
	copy.counter = 1;
	copy.same_as = 0;
	copy.from_s = copy.made_s = 0;
	copy.processes_seen = copy.mappings_seen = copy.modules_seen = 0;
	for (size_t i = 0; i < copy.component_count; i++)
		copy.components[i].first_s = copy.components[i].last_s = 0;
	n = evidence_encode(&copy, buf, sizeof(buf));
	if (n > 0)
		crypto_sha256(buf, (size_t)n, ret);
	return n < 0 ? n : 0;
}

/* The lists go once for each boot, and when they have changed. */
static void leave_out_lists(struct measure *m)
{
	struct evidence *e = &m->now;

	if (m->seen.full == 0 || memcmp(m->digest, m->seen.digest, SHA256_LEN) != 0 ||
	    memcmp(m->seen.boot, e->boot, EVIDENCE_BOOT_LEN) != 0)
		return;
	e->same_as = m->seen.full;
	e->component_count = e->process_count = e->finding_count = e->listener_count = 0;
}

static void log_findings(const struct evidence *e)
{
	for (size_t i = 0; i < e->finding_count; i++) {
		const struct evidence_finding *f = &e->findings[i];

		if (f->hub)
			log_err("finding",
				"what=%s process=\"%s\" path=\"%s\" confirmed=%d",
				finding_text(f->kind), f->name, f->path, f->confirmed);
	}
	log_info("measured",
		 "processes=%u mappings=%u modules=%u components=%zu findings=%u hub=%zu",
		 e->processes_seen, e->mappings_seen, e->modules_seen, e->component_count,
		 e->findings_seen, survey_hub_findings(e));
}

/* The counter is on the disk before it is used: a number is never given twice. */
static int sign(struct measure *m)
{
	static uint8_t payload[EVIDENCE_PAYLOAD_MAX];
	struct evidence *e = &m->now;
	int n;

	log_findings(e);
	seen_merge(&m->seen, e);
	n = digest_lists(m, m->digest);
	if (n)
		return n;
	e->counter = ++m->seen.counter;
	e->from_s = m->seen.from_s;
	e->made_s = rt_wall().ms / 1000;
	n = seen_save(m->options.state_dir, &m->seen);
	if (n)
		return n;
	leave_out_lists(m);
	n = evidence_encode(e, payload, sizeof(payload));
	if (n > 0)
		n = sign1_make(SIGN_CONTEXT_EVIDENCE, m->private, payload, (size_t)n,
			       m->bytes, sizeof(m->bytes));
	if (n < 0)
		return n;
	m->len = (size_t)n;
	m->signed_off = true;
	return 0;
}

/* --- telling -------------------------------------------------------------------------------------- */

static int send_piece(struct measure *m, size_t i)
{
	struct msg out = { .kind = MSG_EVIDENCE,
			   .evidence = { .counter = m->seen.counter } };
	size_t at = i * EVIDENCE_PIECE_MAX, left = m->len - at;
	struct evidence_piece p = { m->seen.counter, (uint32_t)i,
				    (uint32_t)evidence_pieces(m->len), m->bytes + at,
				    left < EVIDENCE_PIECE_MAX ? left
							      : EVIDENCE_PIECE_MAX };
	int n = evidence_piece_encode(&p, out.evidence.bytes, sizeof(out.evidence.bytes));

	if (n < 0)
		return n;
	out.evidence.index = (uint8_t)p.index;
	out.evidence.total = (uint8_t)p.total;
	out.evidence.len = (uint16_t)n;
	out.evidence.findings = (uint16_t)(count_confirmed(&m->earlier, false) +
					   count_confirmed(&m->earlier, true));
	return ipc_send(m->store, &out);
}

static void send_evidence(struct measure *m)
{
	while (m->signed_off && ipc_is_up(m->store) &&
	       m->sent < evidence_pieces(m->len) && send_piece(m, m->sent) == 0)
		m->sent++;
}

static int send_incident(struct measure *m, enum incident what, unsigned subject,
			 unsigned count)
{
	const struct msg out = { .kind = MSG_INCIDENT,
				 .incident = { what, (uint16_t)subject, count } };

	return count ? ipc_send(m->hubd, &out) : 0;
}

/* After what was found, so that it counts as what it is. */
static int send_measured(struct measure *m, unsigned findings)
{
	struct msg out = { .kind = MSG_STATUS,
			   .status = { STATUS_MEASURED, findings, 0 } };

	for (size_t i = 0; i < sizeof(out.status.b); i++)
		out.status.b = out.status.b << 8 | m->digest[i];
	return ipc_send(m->hubd, &out);
}

static unsigned first_kind(const struct evidence *e, bool sockets)
{
	for (size_t i = 0; i < e->finding_count; i++)
		if (e->findings[i].hub && e->findings[i].confirmed &&
		    finding_is_socket(e->findings[i].kind) == sockets)
			return e->findings[i].kind;
	return FINDING_NONE;
}

/* m->earlier: the lists as they were found, whatever of them is sent. */
static void tell_hubd(struct measure *m)
{
	const struct evidence *e = &m->earlier;

	if (!m->signed_off || m->told || !ipc_is_up(m->hubd))
		return;
	m->told = send_incident(m, INCIDENT_CODE, first_kind(e, false),
				count_confirmed(e, false)) == 0 &&
		  send_incident(m, INCIDENT_SOCKET, first_kind(e, true),
				count_confirmed(e, true)) == 0 &&
		  send_incident(m, INCIDENT_USB, 0, m->changed.usb) == 0 &&
		  send_incident(m, INCIDENT_CASE, 1, m->changed.card) == 0 &&
		  send_incident(m, INCIDENT_CASE, 2, m->changed.boot) == 0 &&
		  send_measured(m, count_confirmed(e, false) +
					   count_confirmed(e, true)) == 0;
}

static bool has_incident(const struct measure *m)
{
	const struct hardware_change *c = &m->changed;

	return count_confirmed(&m->earlier, false) + count_confirmed(&m->earlier, true) +
			       c->usb >
		       0 ||
	       c->card || c->boot;
}

static void look_at_hardware(struct measure *m)
{
	struct hardware before;

	hardware_read("/sys", "/proc", &m->hardware);
	if (hardware_load(m->options.state_dir, &before))
		m->changed = hardware_compare(&before, &m->hardware);
	if (m->changed.usb || m->changed.card || m->changed.boot)
		log_err("hardware", "usb=%u card=%d boot=%d", m->changed.usb,
			m->changed.card, m->changed.boot);
}

/* Counted by the kernel, so that it is true without a second look. What was told and cannot be read is not told again: a card that
 * fails is not an intruder. */
static void look_at_drops(struct measure *m)
{
	struct survey s = { .e = &m->now };
	uint64_t packets[DROPS_COUNTERS];
	struct drops told;
	int r = drops_read(m->options.run_dir, &m->drops);

	m->has_drops = r == 0;
	if (r) {
		log_warn("drops-unread", "error=\"%s\" do=\"look at hub-drops.service\"",
			 err_text(r));
		return;
	}
	memcpy(m->drops.boot, m->now.boot, sizeof(m->drops.boot));
	r = drops_load(m->options.state_dir, &told);
	if (r && r != -ENOENT) {
		log_warn("drops-told-unread",
			 "error=\"%s\" do=\"nothing: it is counted from now on\"",
			 err_text(r));
		return;
	}
	drops_since(r ? NULL : &told, &m->drops, packets);
	for (size_t i = 0; i < DROPS_COUNTERS; i++)
		if (packets[i])
			survey_dropped(&s, drops_name(i), drops_uid(i), packets[i]);
}

/* --- the snapshot --------------------------------------------------------------------------------- */

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

static void begin_snapshot(struct measure *m, uint64_t number)
{
	int r;

	if (number == 0 || m->handing.number ||
	    number == seen_snapshot(m->options.state_dir))
		return;
	r = take_snapshot(m, number);
	if (r)
		log_err("no-snapshot", "error=\"%s\" do=\"the next run tries again\"",
			err_text(r));
	m->give_up_at = mono_add(rt_mono(), DELIVER_MS);
}

static void send_snapshot(struct measure *m)
{
	struct msg out = { .kind = MSG_SNAPSHOT };

	while (ipc_is_up(m->store) && handing_next(&m->handing, &out.snapshot) &&
	       ipc_send(m->store, &out) == 0)
		handing_on_sent(&m->handing);
}

static void on_snapshot_taken(struct measure *m, const struct msg_snapshot_taken *t)
{
	if (!handing_on_taken(&m->handing, t))
		return;
	m->give_up_at = mono_add(rt_mono(), DELIVER_MS);
	if (t->whole && seen_snapshot_save(m->options.state_dir, t->number))
		log_warn("snapshot-not-noted", "do=\"nothing: it is made again\"");
}

static void finish(struct measure *m)
{
	m->seen.full = m->now.same_as ? m->seen.full : m->now.counter;
	memcpy(m->seen.digest, m->digest, SHA256_LEN);
	memcpy(m->seen.boot, m->now.boot, EVIDENCE_BOOT_LEN);
	if (seen_save(m->options.state_dir, &m->seen))
		log_warn("seen-not-saved", "do=\"nothing: the lists are sent again\"");
	/* hubd knows of the change */
	if (hardware_save(m->options.state_dir, &m->hardware))
		log_warn("hardware-not-saved", "do=\"nothing: it is told again\"");
	if (m->has_drops && drops_save(m->options.state_dir, &m->drops))
		log_warn("drops-not-saved", "do=\"nothing: they are told again\"");
	rt_stop(m->rt);
}

static void go_on(struct measure *m)
{
	if (!m->signed_off)
		return;
	tell_hubd(m);
	send_evidence(m);
	send_snapshot(m);
	if (m->taken && !handing_waits(&m->handing) &&
	    (m->told || (!has_incident(m) && !ipc_is_up(m->hubd)))) {
		finish(m);
		return;
	}
	if (mono_reached(rt_mono(), m->give_up_at)) {
		log_warn("not-delivered",
			 "taken=%d told=%d do=\"nothing: the next run "
			 "tells it again\"",
			 m->taken, m->told);
		rt_stop(m->rt);
		return;
	}
	rt_timer_set(m->timer, mono_add(rt_mono(), AGAIN_MS));
}

static void conclude(struct measure *m)
{
	int r;

	look_at_drops(m);
	m->earlier = m->now; /* what the incident is of */
	look_at_hardware(m);
	r = sign(m);
	if (r) {
		log_err("not-signed", "error=\"%s\"", err_text(r));
		rt_stop(m->rt);
		return;
	}
	m->give_up_at = mono_add(rt_mono(), DELIVER_MS);
	go_on(m);
}

static void on_timer(void *arg)
{
	struct measure *m = arg;

	if (m->signed_off) {
		go_on(m);
		return;
	}
	/* the second look */
	m->earlier = m->now;
	if (look(m)) {
		rt_stop(m->rt);
		return;
	}
	survey_confirm(&m->now, &m->earlier);
	conclude(m);
}

static void on_up(void *arg, struct ipc *link)
{
	struct measure *m = arg;

	if (link == m->store) {
		m->sent = 0;
		handing_on_link(&m->handing);
	}
	go_on(m);
}

static void on_message(void *arg, struct ipc *link, const struct msg *in)
{
	struct measure *m = arg;

	(void)link;
	if (in->kind == MSG_SNAPSHOT_TAKEN) {
		on_snapshot_taken(m, &in->snapshot_taken);
	} else if (in->kind == MSG_EVIDENCE_TAKEN &&
		   in->evidence_taken.counter == m->seen.counter) {
		m->taken = true;
		begin_snapshot(m, in->evidence_taken.snapshot);
	}
	go_on(m);
}

static int open_links(struct measure *m)
{
	static const struct ipc_handlers h = { .up = on_up, .message = on_message };
	struct ipc_config cfg = { ROLE_MEASURE, ROLE_STORE, m->options.run_dir,
				  m->options.same_user };
	int r = ipc_connect(m->rt, &cfg, &h, m, &m->store);

	cfg.peer = ROLE_HUBD;
	return r ? r : ipc_connect(m->rt, &cfg, &h, m, &m->hubd);
}

static int confine(void)
{
	const struct sandbox s = { .calls = measure_calls,
				   .sockets = SANDBOX_UNIX,
				   .sees_others = true };

	return sandbox_confine(&s);
}

static int start(struct measure *m)
{
	int r = crypto_init();

	if (r == 0)
		r = confine();
	if (r == 0)
		r = read_list(m);
	if (r)
		return r;
	check_word(m);
	r = seen_key(m->options.state_dir, m->private);
	if (r == 0)
		r = p256_public(m->private, m->now.public_key);
	if (r == 0)
		r = rt_boot_id(m->now.boot);
	if (r)
		return r;
	seen_load(m->options.state_dir, m->now.image, rt_wall().ms / 1000, &m->seen);
	m->timer = rt_timer_new(m->rt, on_timer, m);
	return open_links(m);
}

static void begin(struct measure *m)
{
	if (look(m))
		rt_stop(m->rt);
	else if (survey_hub_findings(&m->now) > 0)
		rt_timer_set(m->timer, mono_add(rt_mono(), CONFIRM_MS));
	else
		conclude(m);
}

int main(int argc, char **argv)
{
	static struct measure m;
	int r;

	options_parse(argc, argv, "hub-measure",
		      "Looks once at all that runs, and says what is not of the image.",
		      &m.options);
	log_init("hub-measure");
	umask(077);
	m.rt = rt_new();
	r = start(&m);
	if (r) {
		log_err("start", "error=\"%s\"", err_text(r));
		return EXIT_FAILURE;
	}
	notify_ready(m.rt);
	begin(&m);
	rt_run(m.rt);
	notify_stopping();
	ipc_free(m.store);
	ipc_free(m.hubd);
	rt_timer_free(m.timer);
	rt_free(m.rt);
	free(m.texts);
	free(m.snapshot);
	free(m.list);
	crypto_wipe(m.private, sizeof(m.private));
	crypto_done();
	return m.taken && (m.told || !has_incident(&m)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
