/*
 * test_clinic_load.c - what keeps hubs from asking too much of the clinic (flood.h, pace.h), and the numbers that it tells
 * about itself (metrics.h).
 */
#include <errno.h>
#include <sys/stat.h>

#include "clinic/flood.h"
#include "clinic/metrics.h"
#include "clinic/pace.h"
#include "clinic/sql_rewrite.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

static struct flood flood;

static unsigned allowed(const uint8_t *spki, uint64_t now_ms, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += flood_allows(&flood, spki, (struct mono){ now_ms });
	return n;
}

static void test_flood(void)
{
	uint8_t one[PIN_LEN] = { 1 }, two[PIN_LEN] = { 2 }, same[PIN_LEN] = { 1 };

	memset(&flood, 0, sizeof(flood));
	CHECK_UINT(allowed(one, 1000, FLOOD_BURST - 1), FLOOD_BURST - 1);
	CHECK_UINT(allowed(one, 1000, 3), 1);
	CHECK_UINT(allowed(two, 1000, 10), 10); /* not the other one's matter */
	/* a token comes back after its time, and not before */
	CHECK_UINT(allowed(one, 1000 + 1000 / FLOOD_PER_S - 1, 3), 0);
	CHECK_UINT(allowed(one, 1000 + 1000 / FLOOD_PER_S, 3), 1);
	CHECK_UINT(allowed(one, 2000 + 1000 / FLOOD_PER_S, 2000), FLOOD_PER_S);
	/* a bucket is never fuller than full */
	CHECK_UINT(allowed(one, 100000000, 20000), FLOOD_BURST);
	/* in the same place: the newcomer's bucket is full */
	same[7] = 1;
	CHECK_UINT(allowed(same, 100000000, 20000), FLOOD_BURST);
	/* whatever comes, it never refuses who keeps to the rate */
	for (int i = 0; i < 20000; i++)
		CHECK_UINT(allowed(two, 200000000 + (uint64_t)i * 1000 / FLOOD_PER_S, 1),
			   1);
}

static uint8_t window_after(struct pace *p, unsigned n, uint64_t us)
{
	for (unsigned i = 0; i < n; i++)
		pace_on_commit(p, us);
	return pace_window(p);
}

static void test_pace(void)
{
	struct pace p = { 0 };
	uint32_t low = UINT32_MAX, high = 0;

	CHECK_UINT(pace_window(&p), 0);
	CHECK_UINT(window_after(&p, PACE_SAMPLES, PACE_SLOW_US), 0);
	CHECK_UINT(window_after(&p, PACE_SAMPLES / 2, PACE_SLOW_US + 1), 0);
	CHECK_UINT(window_after(&p, 1, PACE_SLOW_US + 1), 4); /* half of them */
	CHECK_UINT(window_after(&p, PACE_SAMPLES, PACE_SLOWER_US), 4);
	CHECK_UINT(window_after(&p, PACE_SAMPLES, PACE_SLOWER_US + 1), 2);
	CHECK_UINT(window_after(&p, PACE_SAMPLES, PACE_SLOWEST_US), 2);
	CHECK_UINT(window_after(&p, PACE_SAMPLES, PACE_SLOWEST_US + 1), 1);
	CHECK_UINT(window_after(&p, PACE_SAMPLES, UINT64_MAX), 1);
	/* a single slow one among quick ones is no reason */
	CHECK_UINT(window_after(&p, PACE_SAMPLES, 100), 0);
	CHECK_UINT(window_after(&p, 1, UINT64_MAX), 0);
	for (int i = 0; i < 1000; i++) {
		uint32_t s = pace_away_s(30, (uint32_t)test_random());

		low = s < low ? s : low;
		high = s > high ? s : high;
	}
	CHECK_UINT(low, 30);
	CHECK_UINT(high, 45);
	CHECK_UINT(pace_away_s(1, 7), 1);
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line)) {
		fprintf(stderr, "no '%s' in:\n%s", line, text);
		CHECK(false);
	}
}

static void test_metrics(void)
{
	struct metrics m = { .port = 5684, .handshakes_good = 3, .window = 2 };
	struct ingest_note stored = { .outcome = INGEST_STORED,
				      .stored = 5,
				      .duplicate = 2,
				      .conflict = 1,
				      .held = 4,
				      .unassigned = 1,
				      .commit_us = 1000 };
	struct ingest_note slow = stored, down = { .outcome = INGEST_STORE_DOWN };
	char text[METRICS_TEXT_MAX], got[METRICS_TEXT_MAX], dir[64], path[128];
	struct stat st;
	FILE *f;
	size_t n;

	metrics_count(&m, &stored);
	CHECK(m.store_up);
	slow.commit_us = 1001;
	metrics_count(&m, &slow);
	slow.commit_us = 99000000;
	metrics_count(&m, &slow);
	metrics_count(&m, &down);
	CHECK(!m.store_up);
	CHECK(metrics_format(&m, text, sizeof(text)) > 0);
	has(text, "# TYPE clinicd_commit_seconds histogram\n");
	has(text, "clinicd_requests_total{port=\"5684\",outcome=\"stored\"} 3\n");
	has(text, "clinicd_requests_total{port=\"5684\",outcome=\"store-down\"} 1\n");
	has(text, "clinicd_requests_total{port=\"5684\",outcome=\"flood\"} 0\n");
	has(text, "clinicd_records_total{port=\"5684\",result=\"stored\"} 15\n");
	has(text, "clinicd_records_total{port=\"5684\",result=\"quarantined-held\"} 9\n");
	has(text,
	    "clinicd_records_total{port=\"5684\",result=\"quarantined-assignment\"} "
	    "3\n");
	has(text, "clinicd_commit_seconds_bucket{port=\"5684\",le=\"0.0005\"} 0\n");
	has(text, "clinicd_commit_seconds_bucket{port=\"5684\",le=\"0.001\"} 1\n");
	has(text, "clinicd_commit_seconds_bucket{port=\"5684\",le=\"0.002\"} 2\n");
	has(text, "clinicd_commit_seconds_bucket{port=\"5684\",le=\"10\"} 2\n");
	has(text, "clinicd_commit_seconds_bucket{port=\"5684\",le=\"+Inf\"} 3\n");
	has(text, "clinicd_commit_seconds_sum{port=\"5684\"} 99.002001\n");
	has(text, "clinicd_commit_seconds_count{port=\"5684\"} 3\n");
	has(text, "clinicd_store_up{port=\"5684\"} 0\n");
	has(text, "clinicd_handshakes_total{port=\"5684\",row=\"good\"} 3\n");
	n = strlen(text);
	CHECK_INT(metrics_format(&m, text, n), -ENOSPC);
	CHECK_INT(metrics_format(&m, text, n + 1), (int)n);
	/* the largest numbers fit */
	memset(&m, 0xff, sizeof(m) - sizeof(uint64_t));
	CHECK(metrics_format(&m, got, sizeof(got)) > 0);
	temp_dir_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/clinicd.prom", dir);
	CHECK_INT(metrics_write(&m, path), 0);
	CHECK_INT(metrics_write(&m, path), 0);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0644);
	f = fopen(path, "r");
	CHECK(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	CHECK_STR(text, got);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(rmdir(dir), 0); /* nothing is left beside it */
	CHECK_INT(metrics_write(&m, path), -ENOENT);
}

static void test_rewrite(void)
{
	char buf[64];

	CHECK_INT(sql_rewrite("SELECT 1", buf, sizeof(buf)), 0);
	CHECK_STR(buf, "SELECT 1");
	CHECK_INT(sql_rewrite("a = ?2 AND b=?1,?12", buf, sizeof(buf)), 12);
	CHECK_STR(buf, "a = $2 AND b=$1,$12");
	CHECK_INT(sql_rewrite("'?1' ?1 'it''s ?2' \"?3\" '\"' ?2", buf, sizeof(buf)), 2);
	CHECK_STR(buf, "'?1' $1 'it''s ?2' \"?3\" '\"' $2");
	CHECK_INT(sql_rewrite("a ? b ?x", buf, sizeof(buf)), 0);
	CHECK_STR(buf, "a ? b ?x");
	CHECK_INT(sql_rewrite("?", buf, sizeof(buf)), 0);
	CHECK_INT(sql_rewrite("1234", buf, 4), -ENOSPC);
	CHECK_INT(sql_rewrite("1234", buf, 5), 0);
}

TEST_MAIN("clinic_load", test_flood, test_pace, test_metrics, test_rewrite)
