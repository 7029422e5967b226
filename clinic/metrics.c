/*
 * metrics.c - see metrics.h.
 */
#include "clinic/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/rt/file.h"

/* Milliseconds, as text and as microseconds; a bucket has what took at most so long. */
static const struct {
	const char *seconds;
	uint64_t us;
} buckets[METRICS_BUCKETS] = {
	{ "0.0005", 500 }, { "0.001", 1000 }, { "0.002", 2000 }, { "0.005", 5000 },
	{ "0.01", 10000 }, { "0.02", 20000 }, { "0.05", 50000 }, { "0.1", 100000 },
	{ "0.2", 200000 }, { "0.5", 500000 }, { "2", 2000000 },	 { "10", 10000000 },
};

void metrics_count(struct metrics *m, const struct ingest_note *n)
{
	m->requests[n->outcome]++;
	m->stored += n->stored;
	m->duplicate += n->duplicate;
	m->conflict += n->conflict;
	m->held += n->held - n->unassigned;
	m->unassigned += n->unassigned;
	if (n->outcome == INGEST_STORED)
		m->store_up = true;
	if (n->outcome == INGEST_STORE_DOWN || n->outcome == INGEST_IN_DOUBT)
		m->store_up = false;
	if (n->commit_us)
		metrics_on_commit(m, n->commit_us);
}

void metrics_on_commit(struct metrics *m, uint64_t us)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS && us > buckets[i].us)
		i++;
	m->commits[i]++;
	m->commit_us += us;
}

struct text {
	char *buf;
	size_t cap, len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt,
						      ...)
{
	va_list args;
	int n;

	if (t->full)
		return;
	va_start(args, fmt);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->cap - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

static void head(struct text *t, const char *name, const char *type, const char *help)
{
	add(t, "# HELP clinicd_%s %s\n# TYPE clinicd_%s %s\n", name, help, name, type);
}

static void add_requests(struct text *t, const struct metrics *m)
{
	head(t, "requests_total", "counter", "Uploads by what became of them.");
	for (int o = INGEST_STORED; o < INGEST_OUTCOMES; o++)
		add(t, "clinicd_requests_total{port=\"%u\",outcome=\"%s\"} %" PRIu64 "\n",
		    m->port, ingest_outcome_text((enum ingest_outcome)o), m->requests[o]);
	add(t,
	    "clinicd_requests_total{port=\"%u\",outcome=\"unknown-path\"} %" PRIu64 "\n",
	    m->port, m->unknown_paths);
	head(t, "records_total", "counter", "Records by what became of them.");
	add(t, "clinicd_records_total{port=\"%u\",result=\"stored\"} %" PRIu64 "\n",
	    m->port, m->stored);
	add(t, "clinicd_records_total{port=\"%u\",result=\"duplicate\"} %" PRIu64 "\n",
	    m->port, m->duplicate);
	add(t,
	    "clinicd_records_total{port=\"%u\",result=\"quarantined-conflict\"} %" PRIu64
	    "\n",
	    m->port, m->conflict);
	add(t,
	    "clinicd_records_total{port=\"%u\",result=\"quarantined-held\"} %" PRIu64
	    "\n",
	    m->port, m->held);
	add(t,
	    "clinicd_records_total{port=\"%u\",result=\"quarantined-assignment\"} "
	    "%" PRIu64 "\n",
	    m->port, m->unassigned);
}

static void add_enrolments(struct text *t, const struct metrics *m)
{
	head(t, "enrolments_total", "counter",
	     "Requests for certificates and confirmations, by what became of them.");
	for (int o = ENROLLER_ISSUED; o < ENROLLER_OUTCOMES; o++)
		add(t,
		    "clinicd_enrolments_total{port=\"%u\",outcome=\"%s\"} %" PRIu64 "\n",
		    m->port, enroller_outcome_text((enum enroller_outcome)o),
		    m->enrolments[o]);
	head(t, "enrol_handshakes_total", "counter", "By the row of the hub's key.");
	add(t, "clinicd_enrol_handshakes_total{port=\"%u\",row=\"good\"} %" PRIu64 "\n",
	    m->port, m->enrol_handshakes_good);
	add(t,
	    "clinicd_enrol_handshakes_total{port=\"%u\",row=\"refused\"} %" PRIu64 "\n",
	    m->port, m->enrol_handshakes_refused);
}

static void add_commits(struct text *t, const struct metrics *m)
{
	uint64_t n = 0;

	head(t, "commit_seconds", "histogram", "Time that a COMMIT took.");
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		n += m->commits[i];
		add(t,
		    "clinicd_commit_seconds_bucket{port=\"%u\",le=\"%s\"} %" PRIu64 "\n",
		    m->port, buckets[i].seconds, n);
	}
	n += m->commits[METRICS_BUCKETS];
	add(t, "clinicd_commit_seconds_bucket{port=\"%u\",le=\"+Inf\"} %" PRIu64 "\n",
	    m->port, n);
	add(t, "clinicd_commit_seconds_sum{port=\"%u\"} %" PRIu64 ".%06" PRIu64 "\n",
	    m->port, m->commit_us / 1000000, m->commit_us % 1000000);
	add(t, "clinicd_commit_seconds_count{port=\"%u\"} %" PRIu64 "\n", m->port, n);
}

int metrics_format(const struct metrics *m, char *buf, size_t cap)
{
	struct text t = { .buf = buf, .cap = cap };

	head(&t, "build_info", "gauge", "Version of the program.");
	add(&t, "clinicd_build_info{port=\"%u\",version=\"" HUB_VERSION "\"} 1\n",
	    m->port);
	head(&t, "store_up", "gauge",
	     "1 if the database answered when it was last asked.");
	add(&t, "clinicd_store_up{port=\"%u\"} %d\n", m->port, m->store_up);
	add_requests(&t, m);
	head(&t, "transactions_repeated_total", "counter",
	     "Tried again because others were in the way.");
	add(&t, "clinicd_transactions_repeated_total{port=\"%u\"} %" PRIu64 "\n", m->port,
	    m->repeated);
	head(&t, "handshakes_total", "counter", "By the row of the hub's key.");
	add(&t, "clinicd_handshakes_total{port=\"%u\",row=\"good\"} %" PRIu64 "\n",
	    m->port, m->handshakes_good);
	add(&t, "clinicd_handshakes_total{port=\"%u\",row=\"refused\"} %" PRIu64 "\n",
	    m->port, m->handshakes_refused);
	head(&t, "window", "gauge", "Batches in flight that a hub is asked to keep to.");
	add(&t, "clinicd_window{port=\"%u\"} %u\n", m->port, m->window);
	add_enrolments(&t, m);
	add_commits(&t, m);
	return t.full ? -ENOSPC : (int)t.len;
}

/* No fsync: after a power cut the counters begin anew. */
static int write_temporary(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r;

	if (fd < 0)
		return file_error(errno);
	r = fchmod(fd, 0644) == 0 ? 0 : file_error(errno);
	if (r == 0)
		r = file_write_at(fd, (const uint8_t *)text, len, 0);
	if (close(fd) != 0 && r == 0)
		r = file_error(errno);
	return r;
}

int metrics_write(const struct metrics *m, const char *path)
{
	char text[METRICS_TEXT_MAX], temporary[1024];
	int n = metrics_format(m, text, sizeof(text)), r;

	if (n < 0)
		return n;
	r = snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (r < 0 || (size_t)r >= sizeof(temporary))
		return -ENOENT;
	r = write_temporary(temporary, text, (size_t)n);
	if (r == 0 && rename(temporary, path) != 0)
		r = file_error(errno);
	if (r < 0)
		(void)unlink(temporary);
	return r;
}
