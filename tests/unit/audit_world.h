#pragma once

/*
 * audit_world.h - a hub with an audit log, and a clinic that stores its checkpoints, for the tests of both ends.
 */
#include <errno.h>

#include "clinic/audit_verify.h"
#include "storage/audit.h"
#include "temp_dir.h"
#include "test.h"

enum { WORLD_WITNESSED = 4096, WORLD_SEGMENTS = 64 };

struct world {
	char dir[64];
	struct audit *log;
	struct audit_notes notes;
	struct audit_now now;
	unsigned segments; /* quota */
	/* what the wrapped slot holds */
	uint8_t state[AUDIT_STATE_MAX];
	int state_len; /* -ENOENT: nothing yet */
	int store_fails, load_fails;
	unsigned stores;
	/* the clinic */
	uint8_t key0[KEY_LEN], sign[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	uint8_t hub[HUB_ID_LEN];
	struct audit_checkpoint witnessed[WORLD_WITNESSED];
	size_t witnessed_count;
};

/* The log as exported. */
struct image {
	struct audit_bytes segments[WORLD_SEGMENTS];
	uint8_t *bytes[WORLD_SEGMENTS]; /* owned */
	size_t count;
};

__attribute__((unused)) static int world_load(void *arg, uint8_t *buf, size_t cap)
{
	const struct world *w = (const struct world *)arg;

	if (w->load_fails || w->state_len < 0)
		return w->load_fails ? w->load_fails : w->state_len;
	CHECK((size_t)w->state_len <= cap);
	memcpy(buf, w->state, (size_t)w->state_len);
	return w->state_len;
}

__attribute__((unused)) static int world_store(void *arg, const uint8_t *buf, size_t len)
{
	struct world *w = (struct world *)arg;

	if (w->store_fails)
		return w->store_fails;
	CHECK(len <= sizeof(w->state));
	memcpy(w->state, buf, len);
	w->state_len = (int)len;
	w->stores++;
	return 0;
}

__attribute__((unused)) static int world_open(struct world *w)
{
	const struct audit_host host = { .arg = w,
					 .load = world_load,
					 .store = world_store };
	struct audit_config cfg = {
		.dir = w->dir,
		.enrolment = 3,
		.key0 = w->state_len < 0 ? w->key0 : NULL,
		.sign_key = w->sign,
		.segment_bytes = AUDIT_SEGMENT_MIN,
		.segments = w->segments,
	};

	memcpy(cfg.hub, w->hub, sizeof(cfg.hub));
	memset(&w->notes, 0, sizeof(w->notes));
	return audit_open(&cfg, &host, w->now, &w->log, &w->notes);
}

__attribute__((unused)) static void world_make(struct world *w, unsigned segments)
{
	CHECK_INT(crypto_init(), 0);
	memset(w, 0, sizeof(*w));
	temp_dir_make(w->dir, sizeof(w->dir));
	w->segments = segments;
	w->state_len = -ENOENT;
	w->now.wall = (struct wall){ INT64_C(1795000000000), 50, CLOCK_QUALITY_CLINIC };
	w->now.mono.ms = 1000;
	for (size_t i = 0; i < sizeof(w->hub); i++)
		w->hub[i] = (uint8_t)test_random();
	for (size_t i = 0; i < sizeof(w->key0); i++)
		w->key0[i] = (uint8_t)test_random();
	p256_generate(w->sign, w->public);
}

__attribute__((unused)) static void world_start(struct world *w, unsigned segments)
{
	world_make(w, segments);
	CHECK_INT(world_open(w), 0);
}

__attribute__((unused)) static void world_stop(struct world *w)
{
	audit_free(w->log);
	w->log = NULL;
	temp_dir_remove(w->dir);
}

__attribute__((unused)) static void world_wait(struct world *w, uint64_t ms)
{
	w->now.mono.ms += ms;
	w->now.wall.ms += (int64_t)ms;
}

/* An event of a kind, the n-th; detail of that many letters. */
__attribute__((unused)) static struct audit_event world_event(enum audit_kind kind,
							      uint64_t n, size_t letters)
{
	struct audit_event e = {
		.kind = kind,
		.outcome = AUDIT_SUCCESS,
		.agent = AUDIT_AGENT_DEVICE,
		.agent_id = 2,
		.source = 1,
		.object = AUDIT_OBJECT_READINGS,
		.a = n,
		.b = n + 31,
	};

	memset(e.detail, 'x', letters);
	return e;
}

__attribute__((unused)) static int world_append(struct world *w, uint64_t n)
{
	struct audit_event e = world_event(AUDIT_UPLOAD_ACKED, n, n % 30);

	return audit_append(w->log, &e, w->now);
}

__attribute__((unused)) static void world_append_many(struct world *w, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		world_wait(w, 7);
		CHECK_INT(world_append(w, i), 0);
	}
	CHECK_INT(audit_sync(w->log, w->now), 0);
}

/* The newest checkpoint goes to the clinic; with receipt or without. */
__attribute__((unused)) static void world_upload(struct world *w, bool receipt)
{
	uint8_t buf[AUDIT_SIGNED_MAX], hash[SHA256_LEN];
	int n = audit_checkpoint(w->log, buf, sizeof(buf));
	struct audit_checkpoint c;

	CHECK(n > 0);
	CHECK_INT(audit_checkpoint_open(w->public, buf, (size_t)n, &c), 0);
	if (w->witnessed_count == 0 ||
	    w->witnessed[w->witnessed_count - 1].size < c.size) {
		CHECK(w->witnessed_count < WORLD_WITNESSED);
		w->witnessed[w->witnessed_count++] = c;
	}
	crypto_sha256(buf, (size_t)n, hash);
	if (receipt)
		CHECK_INT(audit_receipt(w->log, c.size, hash, w->now), 0);
}

__attribute__((unused)) static struct image world_image(const struct world *w)
{
	uint8_t *dense = malloc(AUDIT_DENSE_MAX);
	struct image im = { .count = 0 };
	int n;

	CHECK(dense != NULL);
	while ((n = audit_export(w->log, im.count, dense)) >= 0) {
		CHECK(im.count < WORLD_SEGMENTS);
		/* exactly as long, so that a sanitizer sees a read too far */
		im.bytes[im.count] = malloc((size_t)n);
		CHECK(im.bytes[im.count] != NULL);
		memcpy(im.bytes[im.count], dense, (size_t)n);
		im.segments[im.count].p = im.bytes[im.count];
		im.segments[im.count].len = (size_t)n;
		im.count++;
	}
	if (n != -ENOENT)
		fprintf(stderr, "file %zu\n", im.count);
	CHECK_INT(n, -ENOENT);
	free(dense);
	return im;
}

__attribute__((unused)) static void image_free(struct image *im)
{
	for (size_t i = 0; i < WORLD_SEGMENTS; i++)
		free(im->bytes[i]);
	memset(im, 0, sizeof(*im));
}

__attribute__((unused)) static struct audit_verdict world_verify(const struct world *w,
								 const struct image *im)
{
	struct audit_verify_in in = {
		.enrolment = 3,
		.segments = im->segments,
		.segment_count = im->count,
		.witnessed = w->witnessed,
		.witnessed_count = w->witnessed_count,
	};
	struct audit_verdict v;

	memcpy(in.hub, w->hub, sizeof(in.hub));
	memcpy(in.key0, w->key0, sizeof(in.key0));
	memcpy(in.public, w->public, sizeof(in.public));
	audit_verify(&in, &v);
	return v;
}

__attribute__((unused)) static struct audit_verdict world_verdict(const struct world *w)
{
	struct image im = world_image(w);
	struct audit_verdict v = world_verify(w, &im);

	image_free(&im);
	return v;
}

#define CHECK_WHOLE(verdict)                                                             \
	do {                                                                             \
		struct audit_verdict v_ = (verdict);                                     \
		if (v_.result != AUDIT_LOG_WHOLE)                                        \
			fprintf(stderr,                                                  \
				"fault: %s, record %llu, segment %u, offset %zu\n",      \
				audit_fault_text(v_.fault),                              \
				(unsigned long long)v_.number, v_.segment, v_.offset);   \
		CHECK_INT(v_.result, AUDIT_LOG_WHOLE);                                   \
	} while (0)
