/*
 * test_audit_verify.c - the verifier: logs as the hub writes them are whole, and no tampering goes unseen.
 *
 * Logs are made by the hub's own code; then somebody who has the files, and for some kinds the hub's current key, changes
 * them. -s repeats a run; $AUDIT_TAMPERINGS says how many (10,400).
 */
#include "clinic/audit_verify.h"

#include "audit_world.h"
#include "clinic/audit_fhir.h"
#include "clinic/audit_report.h"
#include "hub/rt/file.h"
#include "storage/audit_state.h"

enum { FRAMES = 1200, LOGS = 13 };

static struct world w;

/* --- a log taken apart ---------------------------------------------------------------------------- */

struct piece {
	uint8_t bytes[AUDIT_FRAME_MAX];
	size_t len;
	size_t segment;		 /* index in the image */
	struct audit_record rec; /* data not kept */
};

struct parts {
	struct piece piece[FRAMES];
	size_t count;
	size_t header_len[WORLD_SEGMENTS];
};

static void take_apart(const struct image *im, struct parts *p)
{
	p->count = 0;
	for (size_t i = 0; i < im->count; i++) {
		struct audit_header h;
		struct audit_frame f;
		struct reader r;
		int n = audit_header_decode(im->bytes[i], im->segments[i].len, &h);

		CHECK(n > 0);
		p->header_len[i] = (size_t)n;
		reader_init(&r, im->bytes[i] + n, im->segments[i].len - (size_t)n);
		while (audit_frame_next(&r, &f) == 1) {
			struct piece *x = &p->piece[p->count++];

			CHECK(p->count < FRAMES);
			x->len = audit_frame_put(f.record, f.len, f.mac, x->bytes);
			x->segment = i;
			CHECK_INT(audit_record_decode(f.record, f.len, &x->rec), 0);
			x->rec.data = NULL;
		}
	}
}

/* Headers of 'from', frames of p. */
static struct image put_together(const struct image *from, const struct parts *p)
{
	struct image im = { .count = from->count };

	for (size_t i = 0; i < from->count; i++) {
		uint8_t *b = malloc(AUDIT_DENSE_MAX);
		size_t len = p->header_len[i];

		CHECK(b != NULL);
		memcpy(b, from->bytes[i], len);
		for (size_t k = 0; k < p->count; k++) {
			if (p->piece[k].segment != i)
				continue;
			memcpy(b + len, p->piece[k].bytes, p->piece[k].len);
			len += p->piece[k].len;
		}
		im.bytes[i] = realloc(b, len);
		CHECK(im.bytes[i] != NULL);
		im.segments[i] = (struct audit_bytes){ im.bytes[i], len };
	}
	return im;
}

/* A record made anew by somebody with the hub's present key: linked to what comes before it now. */
static void forge(struct piece *x, const struct audit_chain *before,
		  struct audit_chain *after, const struct audit_state *thief,
		  uint64_t epoch, const uint8_t *data, size_t data_len)
{
	uint8_t buf[AUDIT_RECORD_MAX], mac[SHA256_LEN], key[KEY_LEN];
	struct audit_record r = x->rec, again;
	int n;

	r.number = before->number + 1;
	r.epoch = epoch;
	r.data = data;
	r.data_len = data_len;
	memcpy(r.prev, before->head, sizeof(r.prev));
	if (r.event.kind == AUDIT_RECEIPT && r.event.a > before->number)
		r.event.a = before->number; /* the thief is no fool */
	n = audit_record_encode(&r, buf, sizeof(buf));
	CHECK(n > 0);
	*after = *before;
	/* epochs may not fit: the head is all that is wanted */
	after->epoch = epoch;
	after->boot = r.event.kind == AUDIT_START ? r.boot - 1 : r.boot;
	after->mono_ms = 0;
	CHECK_INT(audit_chain_follow(after, buf, (size_t)n, &again), 0);
	/* the key of its number if he can make it, else the oldest one that he has */
	memcpy(key, thief->key, sizeof(key));
	if (r.number > thief->number)
		audit_key_next(key, r.number - thief->number - 1);
	audit_mac(key, after->head, mac);
	x->rec.number = r.number;
	x->len = audit_frame_put(buf, (size_t)n, mac, x->bytes);
}

/* From frame k on everything again, under one key, as the thief of that key would. own: keep each record's epoch. */
static void forge_from(struct parts *p, size_t k, const struct audit_chain *before,
		       const struct audit_state *thief, uint64_t epoch, bool own)
{
	struct audit_chain c = *before, next;

	for (; k < p->count; k++) {
		struct piece *x = &p->piece[k];
		struct reader r;
		struct audit_frame f;
		struct audit_record rec;
		uint8_t data[AUDIT_DATA_MAX];

		reader_init(&r, x->bytes, x->len);
		CHECK_INT(audit_frame_next(&r, &f), 1);
		CHECK_INT(audit_record_decode(f.record, f.len, &rec), 0);
		memcpy(data, rec.data, rec.data_len);
		forge(x, &c, &next, thief, own ? rec.epoch : epoch, data, rec.data_len);
		c = next;
	}
}

static void chain_before(const struct parts *p, size_t k, struct audit_chain *c)
{
	audit_chain_start(c, w.hub, 3);
	for (size_t i = 0; i < k; i++) {
		struct audit_record r;
		struct audit_frame f;
		struct reader rd;

		reader_init(&rd, p->piece[i].bytes, p->piece[i].len);
		CHECK_INT(audit_frame_next(&rd, &f), 1);
		CHECK_INT(audit_chain_follow(c, f.record, f.len, &r), 0);
	}
}

/* --- making logs ---------------------------------------------------------------------------------- */

static void live(size_t events)
{
	for (size_t i = 0; i < events; i++) {
		world_wait(&w, test_random() % 20000);
		if (test_random() % 30 == 0)
			world_wait(&w, AUDIT_EPOCH_MS);
		CHECK_INT(world_append(&w, test_random() % 1000), 0);
		if (test_random() % 4 == 0)
			CHECK_INT(audit_sync(w.log, w.now), 0);
		CHECK_INT(audit_run(w.log, w.now), 0);
		if (test_random() % 25 == 0)
			world_upload(&w, test_random() % 2);
		if (test_random() % 60 == 0) {
			bool stop = test_random() % 2;

			if (stop)
				CHECK_INT(audit_close(w.log, w.now), 0);
			else
				audit_free(w.log);
			w.log = NULL;
			w.now.mono.ms = test_random() % 1000;
			CHECK_INT(world_open(&w), 0);
		}
	}
}

/* --- tamperings ----------------------------------------------------------------------------------- */

enum tampering {
	FLIP = 0,	 /* a bit, anywhere */
	DELETE,		 /* a record before the last */
	DELETE_RELINKED, /* the rest linked and numbered again, MACs with the newest key */
	SWAP,		 /* two records */
	INSERT,		 /* a record twice, somewhere else */
	INSERT_RELINKED, /* one of the thief's own, the rest linked again with the newest key */
	CUT_RECORDS,  /* the end, into what was witnessed */
	CUT_BYTES,    /* in the middle of a record */
	REPLAY_EPOCH, /* old records under the newest epoch and key */
	SKIP_EPOCH,   /* all records of an epoch are gone, the rest linked again */
	EDIT_MAC,     /* a record changed, its MAC made with the newest key */
	SEGMENT_GONE,
	SEGMENT_TWICE,
	ROLLBACK,     /* the whole log of an earlier day */
	ROLLBACK_RUN, /* the same, key slot too, and the hub ran on */
	TAMPERINGS,
};

static const char *const names[TAMPERINGS] = {
	"flip",		 "delete",	    "delete relinked",	"swap",
	"insert",	 "insert relinked", "cut records",	"cut bytes",
	"replay epoch",	 "skip epoch",	    "edit mac",		"segment gone",
	"segment twice", "rollback",	    "rollback and run",
};

static unsigned long found[TAMPERINGS], by_fault[AUDIT_FAULTS];

/* What the tamperings of one log share. */
struct victim {
	struct image whole;
	struct parts parts;
	struct audit_state newest; /* the key that a thief of the running hub gets */
	struct image older[4];	   /* of earlier moments, before the last witness */
	struct image ran_on[2];	   /* put back then, and the hub went on */
	size_t older_count, ran_count;
};

static size_t pick(size_t n)
{
	return (size_t)(test_random() % n);
}

static struct image copy(const struct victim *v)
{
	return put_together(&v->whole, &v->parts);
}

static void remove_at(struct parts *p, size_t k)
{
	memmove(&p->piece[k], &p->piece[k + 1], (p->count - k - 1) * sizeof(p->piece[0]));
	p->count--;
}

static void insert_at(struct parts *p, size_t k, const struct piece *x)
{
	CHECK(p->count + 1 < FRAMES);
	memmove(&p->piece[k + 1], &p->piece[k], (p->count - k) * sizeof(p->piece[0]));
	p->piece[k] = *x;
	p->piece[k].segment = k ? p->piece[k - 1].segment : 0;
	p->count++;
}

static struct image segment_twice(const struct victim *v)
{
	struct image im = copy(v);
	size_t k = pick(im.count);

	im.bytes[im.count] = malloc(im.segments[k].len);
	CHECK(im.bytes[im.count] != NULL);
	memcpy(im.bytes[im.count], im.bytes[k], im.segments[k].len);
	for (size_t i = im.count; i > k + 1; i--)
		im.segments[i] = im.segments[i - 1];
	im.segments[k + 1] =
		(struct audit_bytes){ im.bytes[im.count], im.segments[k].len };
	im.count++;
	return im;
}

/* The image after one tampering; count 0: this log offers no place for it. */
static struct image tamper(const struct victim *v, enum tampering t)
{
	static struct parts p;
	const uint64_t seen = w.witnessed[w.witnessed_count - 1].size;
	const uint64_t epoch = v->newest.epoch;
	struct audit_chain c;
	struct piece x;
	struct image im = { .count = 0 };
	size_t k, n;

	p = v->parts;
	switch (t) {
	case FLIP:
		im = copy(v);
		k = pick(im.count);
		im.bytes[k][pick(im.segments[k].len)] ^= (uint8_t)(1u << pick(8));
		return im;
	case DELETE: remove_at(&p, pick(p.count - 1)); break;
	case DELETE_RELINKED:
		k = pick(p.count - 1);
		if (p.piece[k].rec.number > v->newest.number)
			return im;
		chain_before(&p, k, &c);
		remove_at(&p, k);
		forge_from(&p, k, &c, &v->newest, epoch, true);
		break;
	case SWAP:
		k = pick(p.count);
		n = pick(p.count);
		if (k == n)
			return im;
		x = p.piece[k];
		memcpy(p.piece[k].bytes, p.piece[n].bytes, sizeof(x.bytes));
		p.piece[k].len = p.piece[n].len;
		memcpy(p.piece[n].bytes, x.bytes, sizeof(x.bytes));
		p.piece[n].len = x.len;
		break;
	case INSERT:
		x = p.piece[pick(p.count)];
		insert_at(&p, pick(p.count + 1), &x);
		break;
	case INSERT_RELINKED:
		k = pick(p.count);
		if (p.piece[k].rec.number > v->newest.number)
			return im;
		chain_before(&p, k, &c);
		x = p.piece[k];
		x.rec.event = world_event(AUDIT_PAIRING, 1, 9);
		x.rec.data_len = 0;
		insert_at(&p, k, &x);
		forge(&p.piece[k], &c, &c, &v->newest, x.rec.epoch, NULL, 0);
		forge_from(&p, k + 1, &c, &v->newest, epoch, true);
		break;
	case CUT_RECORDS: p.count = pick((size_t)seen); break;
	case CUT_BYTES:
		k = pick(p.count);
		p.count = k + 1;
		p.piece[k].len = 1 + pick(p.piece[k].len - 1);
		break;
	case REPLAY_EPOCH:
		k = pick(p.count - 1);
		if (p.piece[k].rec.number > v->newest.number)
			return im;
		chain_before(&p, k, &c);
		forge_from(&p, k, &c, &v->newest, epoch, false);
		break;
	case SKIP_EPOCH:
		k = pick(p.count - 1);
		if (p.piece[k].rec.number > v->newest.number || k == 0)
			return im;
		chain_before(&p, k, &c);
		n = (size_t)p.piece[k].rec.epoch;
		while (k < p.count && p.piece[k].rec.epoch == n)
			remove_at(&p, k);
		/* nothing came after it: an end cut off after the last witness, which is test_truncation_limit's */
		if (k == p.count && k >= seen)
			return im;
		forge_from(&p, k, &c, &v->newest, epoch, true);
		break;
	case EDIT_MAC:
		k = pick(p.count - 1);
		if (p.piece[k].rec.number > v->newest.number ||
		    p.piece[k].rec.event.kind == AUDIT_RECEIPT)
			return im;
		chain_before(&p, k, &c);
		p.piece[k].rec.event.agent_id += 1;
		p.piece[k].rec.data_len = 0;
		forge(&p.piece[k], &c, &c, &v->newest, p.piece[k].rec.epoch, NULL, 0);
		break;
	case SEGMENT_GONE:
		im = copy(v);
		k = pick(im.count);
		if (im.count < 2 || p.piece[p.count - 1].rec.number <= seen)
			k = pick(im.count);
		/* the last one only if it holds something that was witnessed */
		for (n = 0; n < p.count && p.piece[n].segment != k; n++)
			;
		if (n == p.count || (k == im.count - 1 && p.piece[n].rec.number > seen)) {
			image_free(&im);
			return im;
		}
		for (size_t i = k; i + 1 < im.count; i++)
			im.segments[i] = im.segments[i + 1];
		im.count--;
		return im;
	case SEGMENT_TWICE: return segment_twice(v);
	case ROLLBACK:
		if (v->older_count == 0)
			return im;
		return v->older[pick(v->older_count)];
	case ROLLBACK_RUN:
		if (v->ran_count == 0)
			return im;
		return v->ran_on[pick(v->ran_count)];
	case TAMPERINGS: break;
	}
	return put_together(&v->whole, &p);
}

/* Files of the folder and the key slot, kept and put back: what a thief of the card can do. */
struct saved {
	char name[32][48];
	uint8_t *bytes[32];
	size_t count;
	uint8_t state[AUDIT_STATE_MAX];
	int state_len;
	struct audit_now now;
};

static void save(struct saved *s)
{
	DIR *d = opendir(w.dir);
	struct dirent *e;

	CHECK(d != NULL);
	s->count = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(s->name[s->count], 48, "%.40s", e->d_name);
		s->bytes[s->count] = malloc(AUDIT_SEGMENT_MIN);
		CHECK_INT(file_read(w.dir, e->d_name, s->bytes[s->count],
				    AUDIT_SEGMENT_MIN),
			  AUDIT_SEGMENT_MIN);
		s->count++;
	}
	closedir(d);
	memcpy(s->state, w.state, sizeof(s->state));
	s->state_len = w.state_len;
	s->now = w.now;
}

static void restore(struct saved *s)
{
	temp_dir_remove(w.dir);
	temp_dir_make(w.dir, sizeof(w.dir));
	for (size_t i = 0; i < s->count; i++) {
		CHECK_INT(file_replace(w.dir, s->name[i], s->bytes[i], AUDIT_SEGMENT_MIN),
			  0);
		free(s->bytes[i]);
	}
	memcpy(w.state, s->state, sizeof(w.state));
	w.state_len = s->state_len;
	w.now = s->now;
}

/* A log with all that a thief may use. */
static void make_victim(struct victim *v)
{
	static struct saved then;
	int n;

	memset(v, 0, sizeof(*v));
	world_start(&w, 16);
	for (size_t i = 0; i < 4; i++) {
		live(20);
		CHECK_INT(audit_sync(w.log, w.now), 0);
		v->older[v->older_count++] = world_image(&w);
		if (i == 1)
			save(&then);
	}
	live(20);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	world_upload(&w, true);
	live(5 + pick(20));
	CHECK_INT(audit_sync(w.log, w.now), 0);
	v->whole = world_image(&w);
	take_apart(&v->whole, &v->parts);
	n = world_load(&w, (uint8_t[AUDIT_STATE_MAX]){ 0 }, AUDIT_STATE_MAX);
	CHECK_INT(audit_state_decode(w.state, (size_t)n, &v->newest), 0);
	CHECK_WHOLE(world_verify(&w, &v->whole));
	/* put back the old card, and the hub runs on: short of what was witnessed, and past it */
	audit_free(w.log);
	restore(&then);
	CHECK_INT(world_open(&w), 0);
	CHECK(!w.notes.rolled_back); /* alone, the hub cannot know */
	world_append_many(&w, 10);
	v->ran_on[v->ran_count++] = world_image(&w);
	world_append_many(&w, 200);
	v->ran_on[v->ran_count++] = world_image(&w);
}

static void free_victim(struct victim *v)
{
	image_free(&v->whole);
	for (size_t i = 0; i < v->older_count; i++)
		image_free(&v->older[i]);
	for (size_t i = 0; i < v->ran_count; i++)
		image_free(&v->ran_on[i]);
	world_stop(&w);
}

static unsigned long attack(const struct victim *v, enum tampering t)
{
	struct image im = tamper(v, t);
	struct audit_verdict verdict;

	if (im.count == 0 && t != SEGMENT_GONE)
		return 0;
	if (im.count == 0 && im.bytes[0] == NULL)
		return 0;
	verdict = world_verify(&w, &im);
	if (verdict.result != AUDIT_LOG_FAULT)
		fprintf(stderr, "not found: %s (result %d)\n", names[t], verdict.result);
	CHECK_INT(verdict.result, AUDIT_LOG_FAULT);
	CHECK(verdict.fault != AUDIT_FAULT_NONE && verdict.fault < AUDIT_FAULTS);
	found[t]++;
	by_fault[verdict.fault]++;
	if (t != ROLLBACK && t != ROLLBACK_RUN)
		image_free(&im);
	return 1;
}

static void test_tamperings(void)
{
	static struct victim v;
	const char *more = getenv("AUDIT_TAMPERINGS");
	unsigned long want = more ? strtoul(more, NULL, 10) : 10400, done = 0;

	for (size_t i = 0; i < LOGS; i++) {
		unsigned long until = want * (i + 1) / LOGS;

		make_victim(&v);
		for (unsigned t = 0; done < until; t++)
			done += attack(&v, (enum tampering)(t % TAMPERINGS));
		free_victim(&v);
	}
	printf("%lu tamperings, all found:", done);
	for (size_t t = 0; t < TAMPERINGS; t++) {
		printf(" %s %lu%s", names[t], found[t], t + 1 < TAMPERINGS ? "," : "\n");
		CHECK(found[t] > 0);
	}
	printf("as:");
	for (size_t f = 1; f < AUDIT_FAULTS; f++)
		if (by_fault[f])
			printf(" %lu %s;", by_fault[f],
			       audit_fault_text((enum audit_fault)f));
	printf("\n");
}

/* Every single bit of a small log. */
static void test_every_bit(void)
{
	struct image im;

	world_start(&w, 4);
	CHECK_INT(world_append(&w, 1), 0);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	world_upload(&w, true);
	CHECK_INT(world_append(&w, 2), 0);
	CHECK_INT(audit_sync(w.log, w.now), 0);
	im = world_image(&w);
	CHECK_WHOLE(world_verify(&w, &im));
	for (size_t at = 0; at < im.segments[0].len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			im.bytes[0][at] ^= (uint8_t)(1u << bit);
			CHECK_INT(world_verify(&w, &im).result, AUDIT_LOG_FAULT);
			im.bytes[0][at] ^= (uint8_t)(1u << bit);
		}
	image_free(&im);
	world_stop(&w);
}

/* The place and the kind of the first fault are exact. */
static void test_place(void)
{
	static struct parts p;
	struct audit_verdict v;
	struct image im, bad;
	size_t offset = 0;

	world_start(&w, 4);
	world_append_many(&w, 20);
	im = world_image(&w);
	take_apart(&im, &p);
	for (size_t k = 0; k < 10; k++)
		offset += p.piece[k].len;
	offset += p.header_len[0];
	/* MAC of record 11 */
	p.piece[10].bytes[p.piece[10].len - 1] ^= 1;
	bad = put_together(&im, &p);
	v = world_verify(&w, &bad);
	CHECK_INT(v.fault, AUDIT_FAULT_MAC);
	CHECK_UINT(v.number, 11);
	CHECK_UINT(v.segment, 1);
	CHECK_UINT(v.offset, offset);
	CHECK_UINT(v.last, 10);
	image_free(&bad);
	p.piece[10].bytes[p.piece[10].len - 1] ^= 1;
	remove_at(&p, 10);
	bad = put_together(&im, &p);
	v = world_verify(&w, &bad);
	CHECK_INT(v.fault, AUDIT_FAULT_NUMBER);
	CHECK_UINT(v.number, 11);
	CHECK_UINT(v.offset, offset);
	image_free(&bad);
	image_free(&im);
	world_stop(&w);
}

/* Truncation: unseen after the last witnessed record, seen from there on. */
static void test_truncation_limit(void)
{
	static struct parts p;
	struct image im, cut;
	uint64_t seen;

	world_start(&w, 8);
	world_append_many(&w, 20);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	world_upload(&w, true);
	world_append_many(&w, 20);
	im = world_image(&w);
	take_apart(&im, &p);
	seen = w.witnessed[w.witnessed_count - 1].size;
	for (size_t n = p.count; n > 0; n--) {
		struct audit_verdict v;

		p.count = n;
		cut = put_together(&im, &p);
		v = world_verify(&w, &cut);
		if (n >= seen) {
			CHECK_INT(v.result, AUDIT_LOG_WHOLE);
		} else {
			CHECK_INT(v.result, AUDIT_LOG_FAULT);
			CHECK_INT(v.fault, AUDIT_FAULT_TRUNCATED);
			CHECK_UINT(v.number, n + 1);
		}
		image_free(&cut);
	}
	image_free(&im);
	world_stop(&w);
}

/* Another hub, enrolment, key 0 or checkpoint key: not this log. */
static void test_wrong_world(void)
{
	struct audit_verdict v;
	struct image im;

	world_start(&w, 4);
	world_append_many(&w, 5);
	im = world_image(&w);
	w.hub[3] ^= 1;
	CHECK_INT(world_verify(&w, &im).fault, AUDIT_FAULT_SEGMENT);
	w.hub[3] ^= 1;
	w.key0[3] ^= 1;
	CHECK_INT(world_verify(&w, &im).fault, AUDIT_FAULT_MAC);
	w.key0[3] ^= 1;
	p256_generate(w.sign, w.public);
	v = world_verify(&w, &im);
	CHECK_INT(v.fault, AUDIT_FAULT_CHECKPOINT);
	CHECK_UINT(v.number, 2);
	image_free(&im);
	world_stop(&w);
}

static void test_empty(void)
{
	struct image im = { .count = 0 };
	char line[AUDIT_LINE_MAX];
	struct audit_verdict v;

	world_start(&w, 3);
	v = world_verify(&w, &im);
	CHECK_INT(v.result, AUDIT_LOG_EMPTY);
	CHECK_INT(audit_verdict_exit(&v), AUDIT_EXIT_EMPTY);
	CHECK_STR(audit_verdict_line(&v, line), "Nothing to verify: no record.");
	world_upload(&w, true);
	v = world_verify(&w, &im);
	CHECK_INT(v.fault, AUDIT_FAULT_TRUNCATED);
	CHECK_INT(audit_verdict_exit(&v), AUDIT_EXIT_FAULT);
	world_stop(&w);
}

/* From the hub's folder, from its files in one, from an export: the same verdict and its line. */
static void test_report(void)
{
	static char nowhere[] = "/nonexistent/audit";
	struct audit_verify_in in = { .enrolment = 3 };
	static uint8_t one[WORLD_SEGMENTS * AUDIT_SEGMENT_MIN];
	char line[AUDIT_LINE_MAX], want[AUDIT_LINE_MAX];
	struct audit_verdict v;
	struct audit_log log;
	struct image im;
	size_t len = 0;

	world_start(&w, 8);
	world_append_many(&w, 600);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	world_upload(&w, false);
	memcpy(in.hub, w.hub, sizeof(in.hub));
	memcpy(in.key0, w.key0, sizeof(in.key0));
	memcpy(in.public, w.public, sizeof(in.public));
	in.witnessed = w.witnessed;
	in.witnessed_count = w.witnessed_count;
	snprintf(want, sizeof(want),
		 "Whole: records 1 to %llu, all as the hub wrote them. Records at the "
		 "end that "
		 "the clinic has not witnessed yet: 1.",
		 (unsigned long long)audit_number(w.log));
	im = world_image(&w);
	CHECK(im.count > 2);
	CHECK_INT(audit_log_load(&(char *){ w.dir }, 1, &log), 0);
	CHECK_UINT(log.count, im.count);
	for (int form = 0; form < 3; form++) {
		in.segments = log.segments;
		in.segment_count = log.count;
		audit_verify(&in, &v);
		CHECK_WHOLE(v);
		CHECK_INT(audit_verdict_exit(&v), AUDIT_EXIT_WHOLE);
		CHECK_INT(audit_sync(w.log, w.now), 0);
		CHECK_STR(audit_verdict_line(&v, line), want);
		audit_log_done(&log);
		len = 0;
		for (size_t i = im.count; i-- > 0;) { /* any order */
			char name[32];

			snprintf(name, sizeof(name), "audit-%zu", i + 1);
			if (form == 0) {
				memcpy(one + len, im.bytes[i], im.segments[i].len);
				len += im.segments[i].len;
			} else {
				len += (size_t)file_read(w.dir, name, one + len,
							 AUDIT_SEGMENT_MIN);
			}
		}
		CHECK_INT(audit_log_parse(one, len, &log), 0);
	}
	/* a byte of audit-1, which is the last here */
	one[len - AUDIT_SEGMENT_MIN + AUDIT_STREAM_AT + 30] ^= 1;
	audit_log_done(&log);
	CHECK_INT(audit_log_parse(one, len, &log), 0);
	in.segments = log.segments;
	in.segment_count = log.count;
	audit_verify(&in, &v);
	CHECK_INT(audit_verdict_exit(&v), AUDIT_EXIT_FAULT);
	CHECK(strncmp(audit_verdict_line(&v, line), "NOT WHOLE: ", 11) == 0);
	audit_log_done(&log);
	CHECK_INT(audit_log_parse((const uint8_t *)"nonsense", 8, &log), 0);
	in.segments = log.segments;
	in.segment_count = log.count;
	audit_verify(&in, &v);
	CHECK_INT(v.fault, AUDIT_FAULT_SEGMENT);
	audit_log_done(&log);
	CHECK_INT(audit_log_load((char *[]){ w.dir, nowhere }, 2, &log), -ENOENT);
	image_free(&im);
	world_stop(&w);
}

static const char *text_at(const cJSON *o, const char *a, const char *b)
{
	const cJSON *x = cJSON_GetObjectItem(o, a);

	if (cJSON_IsArray(x))
		x = cJSON_GetArrayItem(x, 0);
	return cJSON_GetStringValue(b ? cJSON_GetObjectItem(x, b) : x);
}

static void test_fhir(void)
{
	struct audit_record r = {
		.number = 7,
		.boot = 2,
		.epoch = 3,
		.wall = { INT64_C(1795000000123), 0, CLOCK_QUALITY_CLINIC },
		.event = world_event(AUDIT_PAIRING, 5, 4),
	};
	uint8_t hub[HUB_ID_LEN] = { 0xab };
	cJSON *o = audit_fhir(&r, hub, 3);

	CHECK_STR(text_at(o, "resourceType", NULL), "AuditEvent");
	CHECK_STR(text_at(o, "type", "code"), "110113");
	CHECK_STR(text_at(o, "subtype", "code"), "110126");
	CHECK_STR(text_at(o, "recorded", NULL), "2026-11-18T11:06:40.123Z");
	CHECK_STR(text_at(o, "outcome", NULL), "0");
	CHECK_STR(text_at(o, "action", NULL), "C");
	CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(o, "agent")), 2);
	CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(o, "entity")), 2);
	cJSON_Delete(o);
	/* every kind, outcome, agent and object; what FHIR demands is always there */
	for (int k = 0; k < 256; k++) {
		r.event.kind = (enum audit_kind)k;
		if (!audit_kind_text(r.event.kind))
			continue;
		r.event.outcome = (enum audit_outcome)(1 + k % 4);
		r.event.agent = (enum audit_agent)(k % 6);
		r.event.agent_id = (uint32_t)k;
		r.event.source = (uint8_t)(k % 6);
		r.event.object = (enum audit_object)(k % 14);
		r.wall.quality = (enum clock_quality)(k % 4);
		o = audit_fhir(&r, hub, 3);
		CHECK(cJSON_GetObjectItem(o, k % 4 ? "recorded" : "_recorded") != NULL);
		CHECK(cJSON_GetObjectItem(o, k % 4 ? "_recorded" : "recorded") == NULL);
		CHECK(text_at(o, "type", "code") != NULL);
		CHECK(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "source"), "observer") !=
		      NULL);
		CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(o, "agent")) >= 1);
		cJSON_Delete(o);
	}
}

TEST_MAIN("audit_verify", test_place, test_truncation_limit, test_wrong_world, test_empty,
	  test_report, test_fhir, test_every_bit, test_tamperings)
