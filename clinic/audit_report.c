/*
 * audit_report.c - see audit_report.h.
 */
#include "clinic/audit_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/rt/file.h"

/* Bytes that grow. */
struct pile {
	uint8_t *p;
	size_t len, cap;
};

static int pile_room(struct pile *b, size_t more)
{
	size_t cap = b->cap ? b->cap : AUDIT_SEGMENT_MAX;
	uint8_t *p;

	if (more > AUDIT_LOG_BYTES_MAX - b->len)
		return -EMSGSIZE;
	while (cap < b->len + more)
		cap *= 2;
	if (cap == b->cap)
		return 0;
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

static int read_file(int at, const char *name, struct pile *b)
{
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int r = fd < 0 ? file_error(errno) : 0;

	while (r == 0 && n > 0) {
		r = pile_room(b, AUDIT_PAGE);
		if (r)
			break;
		n = read(fd, b->p + b->len, b->cap - b->len);
		if (n < 0)
			r = -EIO;
		else
			b->len += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static bool is_segment_name(const char *name)
{
	return strncmp(name, "audit-", 6) == 0 && name[6] >= '1' && name[6] <= '9';
}

static int read_folder(const char *path, struct pile *b)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return file_error(errno);
	while (r == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			r = errno ? -EIO : 0;
			break;
		}
		if (is_segment_name(e->d_name))
			r = read_file(dirfd(d), e->d_name, b);
	}
	closedir(d);
	return r;
}

/* Octets of the dense segment that begins here: header and frames, up to the next segment. No frame can begin like one:
 * its length would be 0x4841. What does not parse takes the rest. */
static size_t dense_len(const uint8_t *p, size_t len)
{
	struct audit_header h;
	struct audit_frame f;
	struct reader r;
	int n = audit_header_decode(p, len, &h);

	if (n < 0)
		return len;
	reader_init(&r, p + n, len - (size_t)n);
	for (;;) {
		size_t at = len - reader_left(&r);

		if (len - at >= 4 && memcmp(p + at, "HAU", 3) == 0)
			return at;
		if (audit_frame_next(&r, &f) <= 0)
			return len;
	}
}

/* One segment from the front: its dense form to out. Returns octets taken. */
static size_t take_one(const uint8_t *p, size_t len, uint8_t *out, size_t *ret_len)
{
	struct audit_found found;
	struct audit_header h;
	size_t n;

	if (audit_page0_decode(p, len, &h) >= 0 && h.bytes <= len) {
		int r = audit_segment_read(p, h.bytes, out, &found);

		if (r >= 0) {
			*ret_len = (size_t)r;
			return h.bytes;
		}
	}
	n = dense_len(p, len);
	memcpy(out, p, n);
	*ret_len = n;
	return n;
}

static uint32_t number_of(const struct audit_bytes *b)
{
	struct audit_header h;

	return audit_header_decode(b->p, b->len, &h) < 0 ? UINT32_MAX : h.segment;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = number_of((const struct audit_bytes *)a);
	uint32_t y = number_of((const struct audit_bytes *)b);

	return (x > y) - (x < y);
}

int audit_log_parse(const uint8_t *bytes, size_t len, struct audit_log *ret)
{
	struct audit_log log = { 0 };
	size_t at = 0, used = 0;

	/* the dense form is never longer */
	log.bytes = malloc(len ? len : 1);
	log.segments = calloc(AUDIT_LOG_SEGMENTS, sizeof(*log.segments));
	if (!log.bytes || !log.segments) {
		audit_log_done(&log);
		return -ENOMEM;
	}
	while (at < len) {
		struct audit_bytes *b = &log.segments[log.count];

		if (log.count == AUDIT_LOG_SEGMENTS) {
			audit_log_done(&log);
			return -EMSGSIZE;
		}
		b->p = log.bytes + used;
		at += take_one(bytes + at, len - at, log.bytes + used, &b->len);
		used += b->len;
		log.count++;
	}
	qsort(log.segments, log.count, sizeof(*log.segments), by_number);
	*ret = log;
	return 0;
}

static int read_path(const char *path, struct pile *b)
{
	struct stat st;

	if (stat(path, &st))
		return file_error(errno);
	return S_ISDIR(st.st_mode) ? read_folder(path, b) : read_file(AT_FDCWD, path, b);
}

int audit_log_load(char *const *paths, size_t count, struct audit_log *ret)
{
	struct pile b = { 0 };
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = read_path(paths[i], &b);
	if (r == 0)
		r = audit_log_parse(b.p, b.len, ret);
	free(b.p);
	return r;
}

void audit_log_done(struct audit_log *log)
{
	free(log->bytes);
	free(log->segments);
	*log = (struct audit_log){ 0 };
}

static char *fault_line(const struct audit_verdict *v, char buf[static AUDIT_LINE_MAX])
{
	if (v->fault == AUDIT_FAULT_TRUNCATED)
		(void)snprintf(buf, AUDIT_LINE_MAX,
			       "NOT WHOLE: it ends at record %" PRIu64
			       ", before what the clinic has witnessed. Records were "
			       "removed, or an "
			       "older copy was put back. Keep the card as it is.",
			       v->number - 1);
	else
		(void)snprintf(
			buf, AUDIT_LINE_MAX,
			"NOT WHOLE: %s, at record %" PRIu64
			" (segment %u, octet %zu). What comes before it is good; trust "
			"nothing from there on, and keep the card as it is.",
			audit_fault_text(v->fault), v->number, v->segment, v->offset);
	return buf;
}

static void add(char buf[static AUDIT_LINE_MAX], const char *what, uint64_t n)
{
	size_t len = strlen(buf);

	if (n)
		(void)snprintf(buf + len, AUDIT_LINE_MAX - len, " %s: %" PRIu64 ".", what,
			       n);
}

char *audit_verdict_line(const struct audit_verdict *v, char buf[static AUDIT_LINE_MAX])
{
	if (v->result == AUDIT_LOG_FAULT)
		return fault_line(v, buf);
	if (v->result == AUDIT_LOG_EMPTY || v->last == 0) {
		(void)snprintf(buf, AUDIT_LINE_MAX, "Nothing to verify: no record.");
		return buf;
	}
	(void)snprintf(
		buf, AUDIT_LINE_MAX,
		"%s: records %" PRIu64 " to %" PRIu64 ", all as the hub wrote them.",
		v->result == AUDIT_LOG_GAPS ? "Whole, with gaps it tells of" : "Whole",
		v->first, v->last);
	add(buf, "Records given up or unreadable, never witnessed", v->lost_records);
	add(buf, "Events that could not be written", v->lost_events);
	add(buf, "Older files before a hole, not looked at", v->skipped);
	add(buf, "Last writes torn by a power cut", v->cuts);
	add(buf, "Records at the end that the clinic has not witnessed yet",
	    v->last - (v->witnessed ? v->witnessed : v->first - 1));
	return buf;
}

enum audit_exit audit_verdict_exit(const struct audit_verdict *v)
{
	switch (v->result) {
	case AUDIT_LOG_WHOLE: return v->last ? AUDIT_EXIT_WHOLE : AUDIT_EXIT_EMPTY;
	case AUDIT_LOG_GAPS: return AUDIT_EXIT_GAPS;
	case AUDIT_LOG_FAULT: return AUDIT_EXIT_FAULT;
	case AUDIT_LOG_EMPTY: return AUDIT_EXIT_EMPTY;
	}
	return AUDIT_EXIT_FAULT;
}

enum audit_exit audit_check(const struct audit_verify_in *in, FILE *out)
{
	char line[AUDIT_LINE_MAX];
	struct audit_verdict v;

	audit_verify(in, &v);
	fprintf(out, "%s\n", audit_verdict_line(&v, line));
	return audit_verdict_exit(&v);
}
