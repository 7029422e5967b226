/*
 * test_measure.c - what hub-measure reads, how it judges, and the bytes of what it says.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/core/cursor.h"
#include "hub/measure/drops.h"
#include "hub/measure/survey.h"

static struct mapping parse(const char *line)
{
	struct mapping m;

	CHECK_INT(procfs_mapping(line, strlen(line), &m), 0);
	return m;
}

static void check_path(const struct mapping *m, const char *want)
{
	CHECK_UINT(m->path_len, strlen(want));
	CHECK_MEM(m->path, want, m->path_len);
}

static void test_mappings(void)
{
	struct mapping m =
		parse("7f0000000000-7f0000021000 r-xp 00001000 fe:00 4711   "
		      "                    /usr/lib/x86_64-linux-gnu/libc.so.6");

	CHECK(m.executable && !m.writable && m.inode == 4711);
	CHECK_INT(m.kind, MAPPING_FILE);
	check_path(&m, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	m = parse("7f00-7f01 rwxp 00000000 00:00 0 ");
	CHECK(m.executable && m.writable);
	CHECK_INT(m.kind, MAPPING_ANONYMOUS);
	CHECK_INT(parse("7f00-7f01 r-xp 0 00:00 0 [vdso]").kind, MAPPING_KERNEL);
	CHECK_INT(parse("7f00-7f01 rw-p 0 00:00 0 [heap]").kind, MAPPING_ANONYMOUS);
	CHECK_INT(parse("7f00-7f01 r-xp 0 00:00 0 [anon:jit]").kind, MAPPING_ANONYMOUS);
	m = parse("7f00-7f01 r-xp 0 fe:00 9 /tmp/x y (deleted)");
	CHECK_INT(m.kind, MAPPING_DELETED);
	check_path(&m, "/tmp/x y");
	CHECK_INT(parse("7f00-7f01 r-xp 0 00:01 7 /memfd:x (deleted)").kind,
		  MAPPING_MEMFD);
	CHECK_INT(parse("7f00-7f01 r-xs 0 00:01 7 /dev/zero (deleted)").kind,
		  MAPPING_MEMFD);
	CHECK_INT(parse("7f00-7f01 r-xp 0 00:1a 7 /dev/shm/x").kind, MAPPING_MEMFD);
	/* a file may be called so; it has an inode */
	CHECK_INT(parse("7f00-7f01 r-xp 0 fe:00 7 [vdso]").kind, MAPPING_DELETED);
}

static void test_garbage(void)
{
	static const char *const bad[] = {
		"",
		" ",
		"7f00-7f01",
		"7f00-7f01 r-xp",
		"7f00-7f01 r-x 0 fe:00 1 /x",
		"7f00 r-xp 0 fe:00 1 /x",
		"7f00-7f01 r-xp 0 fe:00 1x /x",
		"7f00-7f01 r-xp 0 fe:00 99999999999999999999"
	};
	struct mapping m;
	struct process_status s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(procfs_mapping(bad[i], strlen(bad[i]), &m), -EBADMSG);
	CHECK_INT(procfs_status("Name:\tx\n", 8, &s), -EBADMSG);
}

static void test_status(void)
{
	static const char text[] =
		"Name:\tnaughty\\n\x01\x80 and "
		"long\nUmask:\t0022\nUid:\t0\t952\t952\t952\n"
		"VmSize:\t 100 "
		"kB\nCapEff:\t0000000000080000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
	struct process_status s;

	CHECK_INT(procfs_status(text, sizeof(text) - 1, &s), 0);
	CHECK_STR(s.name, "naughty\\n?? and");
	CHECK(!s.kernel && s.no_new_privileges);
	CHECK_UINT(s.uid, 952);
	CHECK_UINT(s.capabilities, 0x80000);
	CHECK_UINT(s.seccomp, 2);
}

static int socket_of(enum socket_table t, const char *line, struct open_socket *ret)
{
	return procfs_socket(t, line, strlen(line), ret);
}

static void test_sockets(void)
{
	struct open_socket o;

	CHECK_INT(socket_of(SOCKETS_TCP, "  sl  local_address rem_address   st", &o), 0);
	CHECK_INT(socket_of(SOCKETS_TCP,
			    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 "
			    "00:00000000 00000000   953        0 1 1",
			    &o),
		  1);
	CHECK_UINT(o.port, 8080);
	CHECK_UINT(o.uid, 953);
	CHECK_INT(socket_of(SOCKETS_TCP,
			    "   0: 0100007F:1F90 0100007F:0050 01 00000000:00000000 "
			    "00:00000000 00000000   953        0 1 1",
			    &o),
		  1);
	CHECK(o.talks);
	CHECK_UINT(o.port, 80);
	/* closed, nobody's any more */
	CHECK_INT(socket_of(SOCKETS_TCP,
			    "   0: 0100007F:1F90 0100007F:0050 06 00000000:00000000 "
			    "00:00000000 00000000     0        0 1 1",
			    &o),
		  0);
	/* hub-coap's, connected; and one that takes what anybody sends */
	CHECK_INT(socket_of(SOCKETS_UDP,
			    " 12: 0100007F:A000 0100007F:1634 01 00000000:00000000 "
			    "00:00000000 00000000   953        0 1 1",
			    &o),
		  1);
	CHECK(o.talks);
	CHECK_UINT(o.port, 5684);
	CHECK_INT(socket_of(SOCKETS_UDP,
			    " 12: 0100007F:A000 00000000:0000 07 00000000:00000000 "
			    "00:00000000 00000000   953        0 1 1",
			    &o),
		  1);
	CHECK(!o.talks);
	CHECK_INT(socket_of(SOCKETS_BLUETOOTH, "000000 2 0 0 0 1234 0", &o), 1);
	CHECK_UINT(o.uid, 0);
	CHECK_INT(socket_of(SOCKETS_TCP, "   0: 0100007F 00000000:0000 0A", &o),
		  -EBADMSG);
}

/* --- the list of files --------------------------------------------------------------------------- */

static size_t make_image(uint8_t *buf, size_t cap, const uint8_t *firsts, size_t count)
{
	struct writer w;

	writer_init(&w, buf, cap);
	write_bytes(&w, (const uint8_t *)"HUBIMG1", 8);
	write_be32(&w, (uint32_t)count);
	write_be32(&w, 3);
	for (int i = 0; i < IMAGE_HASH_LEN; i++)
		write_u8(&w, 0xee);
	for (size_t i = 0; i < count; i++) {
		for (int j = 0; j < IMAGE_HASH_LEN; j++)
			write_u8(&w, j ? 0 : firsts[i]);
		for (int j = 0; j < IMAGE_HASH_LEN; j++)
			write_u8(&w, (uint8_t)(0x80 + i));
		write_be32(&w, (uint32_t)(i % 3));
		write_be32(&w, IMAGE_MAY_EXECUTE);
	}
	return (size_t)writer_len(&w);
}

static void test_image(void)
{
	static const uint8_t firsts[] = { 1, 5, 9, 200 }, disorder[] = { 1, 9, 9 };
	uint8_t buf[1024], hash[IMAGE_HASH_LEN] = { 0 };
	size_t len = make_image(buf, sizeof(buf), firsts, 4);
	struct image_file f;
	struct image image;

	CHECK_INT(image_open(buf, len, &image), 0);
	for (size_t i = 0; i < 4; i++) {
		hash[0] = firsts[i];
		CHECK(image_find(&image, hash, &f));
		CHECK_UINT(f.hash[0], 0x80 + i);
		CHECK_UINT(f.component, i % 3);
	}
	hash[0] = 6;
	CHECK(!image_find(&image, hash, &f));
	CHECK_INT(image_open(buf, len - 1, &image), -EMSGSIZE);
	CHECK_INT(image_open(buf, 20, &image), -EMSGSIZE);
	buf[15] = 2; /* components: record 2 has number 2 */
	CHECK_INT(image_open(buf, len, &image), -ERANGE);
	buf[0] = 'h';
	CHECK_INT(image_open(buf, len, &image), -ENOTSUP);
	len = make_image(buf, sizeof(buf), disorder, 3);
	CHECK_INT(image_open(buf, len, &image), -EBADMSG);
}

/* --- judging ------------------------------------------------------------------------------------- */

static struct evidence e, earlier;

static void process(struct survey *s, const char *name, uint32_t uid, uint32_t flags,
		    uint32_t component)
{
	struct process_status st = { .uid = uid };
	struct survey_file f = { .in_image = flags != 0,
				 .read = true,
				 .same = true,
				 .file = { NULL, component, flags } };

	snprintf(st.name, sizeof(st.name), "%s", name);
	survey_process(s, &st, "/p", 2, false, &f);
}

static void map(struct survey *s, const char *line, bool in_image, bool same,
		uint32_t component)
{
	struct mapping m = parse(line);
	struct survey_file f = { .in_image = in_image,
				 .read = true,
				 .same = same,
				 .file = { NULL, component, IMAGE_MAY_EXECUTE } };

	survey_mapping(s, &m, survey_wants_file(&m) ? &f : NULL);
}

static const struct evidence_component *seen(uint32_t component)
{
	for (size_t i = 0; i < e.component_count; i++)
		if (e.components[i].component == component)
			return &e.components[i];
	return NULL;
}

static void test_survey(void)
{
	static const char lib[] = "1-2 r-xp 0 fe:00 1 /usr/lib/a.so";
	struct survey s;

	survey_begin(&s, &e, 2000000000);
	process(&s, "quiet", 0, IMAGE_MAY_EXECUTE, 1);
	map(&s, lib, true, true, 7);
	map(&s, "1-2 r--p 0 fe:00 1 /tmp/data", false, false, 0);
	CHECK_UINT(e.finding_count, 0);
	CHECK(seen(7) && seen(7)->loaded && !seen(7)->exposed);
	/* the same library in a process that hears strangers */
	process(&s, "hub-ble", 951, IMAGE_MAY_EXECUTE | IMAGE_HUB | IMAGE_EXPOSED, 2);
	map(&s, lib, true, true, 7);
	CHECK(seen(7)->exposed);
	CHECK_UINT(seen(7)->processes, 3);
	CHECK_UINT(survey_hub_findings(&e), 0);
	/* each of these is code that the build did not make */
	map(&s, lib, true, false, 7);
	map(&s, lib, false, false, 7);
	map(&s, "1-2 r-xp 0 00:00 0", false, false, 0);
	map(&s, "1-2 r-xp 0 fe:00 1 /x (deleted)", false, false, 0);
	map(&s, "1-2 r-xp 0 fe:00 1 /memfd:x (deleted)", false, false, 0);
	map(&s, "1-2 rwxp 0 fe:00 1 /memfd:x (deleted)", false, false, 0);
	CHECK_UINT(survey_hub_findings(&e), 6);
	CHECK_INT(e.findings[0].kind, FINDING_CHANGED);
	CHECK_INT(e.findings[1].kind, FINDING_UNOWNED);
	CHECK_INT(e.findings[2].kind, FINDING_ANONYMOUS);
	CHECK_INT(e.findings[3].kind, FINDING_DELETED);
	CHECK_INT(e.findings[4].kind, FINDING_MEMFD);
	CHECK_UINT(e.findings[4].count, 2);
	CHECK_INT(e.findings[5].kind, FINDING_WRITABLE);
	/* a stranger's program under the hub's user is the hub's business */
	process(&s, "sh", 953, 0, 0);
	CHECK_UINT(survey_hub_findings(&e), 7);
	CHECK(e.processes[2].exposed && e.processes[2].hub);
}

static void test_room(void)
{
	struct survey s;
	char line[64];

	survey_begin(&s, &e, 2000000000);
	process(&s, "python", 1000, 0, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "1-2 r-xp 0 fe:00 1 /tmp/%d", i);
		map(&s, line, false, false, 0);
	}
	CHECK_UINT(e.finding_count, EVIDENCE_FINDINGS_MAX);
	CHECK_UINT(e.findings_seen, 101);
	process(&s, "hub-coap", 953, IMAGE_MAY_EXECUTE | IMAGE_HUB, 2);
	map(&s, "1-2 r-xp 0 fe:00 1 /tmp/evil", false, false, 0);
	CHECK_UINT(survey_hub_findings(&e), 1);
	earlier = e;
	survey_begin(&s, &e, 2000000005);
	process(&s, "hub-coap", 953, IMAGE_MAY_EXECUTE | IMAGE_HUB, 2);
	map(&s, "1-2 r-xp 0 fe:00 1 /tmp/evil", false, false, 0);
	map(&s, "1-2 r-xp 0 fe:00 1 /tmp/new", false, false, 0);
	survey_confirm(&e, &earlier);
	CHECK(e.findings[0].confirmed && !e.findings[1].confirmed);
}

static void test_listeners(void)
{
	const struct open_socket theirs = { 22, 0, false }, ours = { 5684, 953, false };
	struct survey s;

	survey_begin(&s, &e, 2000000000);
	survey_socket(&s, SOCKETS_TCP, &theirs);
	CHECK_UINT(e.finding_count, 0);
	survey_socket(&s, SOCKETS_UDP, &ours);
	CHECK_UINT(e.listener_count, 2);
	CHECK_UINT(survey_hub_findings(&e), 1);
	CHECK_STR(e.findings[0].path, "udp 5684 uid 953");
}

static void test_talkers(void)
{
	static const struct {
		enum socket_table table;
		struct open_socket socket;
		const char *found; /* NULL: it may */
	} cases[] = {
		{ SOCKETS_UDP, { 5684, 953, true }, NULL },
		{ SOCKETS_UDP, { 53, 953, true }, NULL },
		{ SOCKETS_TCP, { 53, 953, true }, NULL },
		{ SOCKETS_TCP, { 443, 0, true }, NULL },
		{ SOCKETS_TCP, { 443, 953, true }, "tcp to 443 uid 953" },
		{ SOCKETS_UDP, { 5684, 952, true }, "udp to 5684 uid 952" },
		{ SOCKETS_UDP, { 53, 951, true }, "udp to 53 uid 951" },
	};
	struct survey s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		survey_begin(&s, &e, 2000000000);
		survey_socket(&s, cases[i].table, &cases[i].socket);
		CHECK_UINT(e.listener_count, 0);
		CHECK_UINT(survey_hub_findings(&e), cases[i].found != NULL);
		if (cases[i].found) {
			CHECK_STR(e.findings[0].path, cases[i].found);
			CHECK_INT(e.findings[0].kind, FINDING_TALKS);
		}
	}
}

/* --- what the packet filter dropped --------------------------------------------------------------- */

/* As nft 1.1.3 prints it, with what others sent among the hub's. */
#define COUNTER(name, packets)                                                           \
	"\tcounter " name " {\n\t\tpackets " packets " bytes 77\n\t}\n"
#define FIRST_FIVE                                                                       \
	COUNTER("hub-ble", "3")                                                          \
	COUNTER("hub-store", "0")                                                        \
	COUNTER("hub-coap", "18446744073709551615")                                      \
	COUNTER("other-out", "9") COUNTER("hubd", "0") COUNTER("hub-measure", "1")
static const char filter[] = "table inet hub {\n" FIRST_FIVE COUNTER("hub-console", "4")
	COUNTER("refused-in", "12") "}\n";

static void test_drops(void)
{
	static const char *const bad[] = {
		"",
		"table inet hub {\n}\n",
		FIRST_FIVE,
		FIRST_FIVE "\tcounter hub-console {\n",
		FIRST_FIVE COUNTER("hub-console", "-1"),
		FIRST_FIVE COUNTER("hub-console", "18446744073709551616"),
		FIRST_FIVE COUNTER("hub-console", ""),
		FIRST_FIVE COUNTER("hub-consoles", "1"),
		FIRST_FIVE COUNTER("hub-ble", "3") COUNTER("hub-console", "1"),
		FIRST_FIVE "packets 1 bytes 1\n",
	};
	static const uint64_t want[DROPS_COUNTERS] = { 3, 0, UINT64_MAX, 0, 1, 4 };
	struct drops d = { .boot = { 7 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_INT(drops_parse(bad[i], strlen(bad[i]), &d), -EBADMSG);
		CHECK_UINT(d.packets[0], 0);
	}
	CHECK_INT(drops_parse(filter, sizeof(filter) - 1, &d), 0);
	CHECK_MEM(d.packets, want, sizeof(want));
	CHECK_UINT(d.boot[0], 7);
	CHECK_STR(drops_name(0), "hub-ble");
	CHECK_UINT(drops_uid(DROPS_COUNTERS - 1), 956);
}

static void test_drops_since(void)
{
	struct drops told = { .boot = { 1 }, .packets = { 5, 5, 5 } };
	struct drops now = { .boot = { 1 }, .packets = { 5, 7, 2 } };
	uint64_t n[DROPS_COUNTERS];

	drops_since(&told, &now, n);
	CHECK_UINT(n[0], 0);
	CHECK_UINT(n[1], 2);
	CHECK_UINT(n[2], 2); /* the filter was loaded anew */
	CHECK_UINT(n[3], 0);
	drops_since(NULL, &now, n); /* never looked before */
	CHECK_UINT(n[0], 5);
	now.boot[0] = 2; /* counted from 0 since it started */
	drops_since(&told, &now, n);
	CHECK_UINT(n[0], 5);
	CHECK_UINT(n[1], 7);
}

static void test_drops_bytes(void)
{
	struct drops d = { .boot = { 1, 2, 3 }, .packets = { 0, UINT64_MAX, 1 } }, back;
	uint8_t buf[DROPS_BYTES_MAX];
	int n = drops_encode(&d, buf, sizeof(buf));

	CHECK(n > 0);
	CHECK_INT(drops_decode(buf, (size_t)n, &back), 0);
	CHECK_MEM(&back, &d, sizeof(d));
	for (int i = 0; i < n; i++) {
		CHECK(drops_decode(buf, (size_t)i, &back) < 0);
		CHECK_INT(drops_encode(&d, buf, (size_t)i), -ENOSPC);
	}
	buf[n] = 0;
	CHECK_INT(drops_decode(buf, (size_t)n + 1, &back), -EBADMSG);
	buf[0]--; /* one field less, then one counter */
	CHECK_INT(drops_decode(buf, (size_t)n, &back), -EBADMSG);
	buf[0]++;
	buf[2 + 1 + EVIDENCE_BOOT_LEN]--;
	CHECK_INT(drops_decode(buf, (size_t)n, &back), -EBADMSG);
	memset(&d.packets, 0xff, sizeof(d.packets));
	CHECK(drops_encode(&d, buf, sizeof(buf)) > 0);
	buf[1] = 2;
	CHECK_INT(drops_decode(buf, sizeof(buf), &back), -ENOTSUP);
}

/* A fact at once, and never pushed out by what is found elsewhere. */
static void test_dropped(void)
{
	struct survey s;

	survey_begin(&s, &e, 2000000000);
	survey_dropped(&s, "hub-ble", 951, 3);
	survey_dropped(&s, "hub-coap", 953, UINT64_MAX);
	CHECK_UINT(survey_hub_findings(&e), 2);
	CHECK_INT(e.findings[0].kind, FINDING_TALKS);
	CHECK(finding_is_socket(e.findings[0].kind));
	CHECK(e.findings[0].confirmed);
	CHECK_UINT(e.findings[0].count, 3);
	CHECK_STR(e.findings[0].name, "hub-ble");
	CHECK_STR(e.findings[0].path, "dropped uid 951");
	CHECK_UINT(e.findings[1].count, UINT32_MAX);
	CHECK_UINT(e.findings_seen, 2);
}

/* --- bytes --------------------------------------------------------------------------------------- */

static void test_bytes(void)
{
	static uint8_t buf[EVIDENCE_PAYLOAD_MAX], again[EVIDENCE_PAYLOAD_MAX];
	static struct evidence back;
	struct evidence_piece p;
	int n;

	test_room();
	e.counter = 9;
	e.made_s = 2000000000;
	n = evidence_encode(&e, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(evidence_decode(buf, (size_t)n, &back), 0);
	CHECK_INT(evidence_encode(&back, again, sizeof(again)), n);
	CHECK_MEM(again, buf, (size_t)n);
	CHECK_STR(back.findings[0].path, "/tmp/evil");
	for (int i = 0; i < n; i++)
		CHECK(evidence_decode(buf, (size_t)i, &back) != 0);
	e.same_as = 3; /* then there are no lists */
	CHECK_INT(evidence_encode(&e, buf, sizeof(buf)), -ERANGE);
	CHECK_UINT(evidence_pieces(EVIDENCE_BYTES_MAX) <= EVIDENCE_PIECES_MAX, 1);
	p = (struct evidence_piece){ 9, 1, 2, buf, 100 };
	n = evidence_piece_encode(&p, again, sizeof(again));
	CHECK(n > 0 && n <= EVIDENCE_PIECE_BODY_MAX);
	CHECK_INT(evidence_piece_decode(again, (size_t)n, &p), 0);
	CHECK(p.counter == 9 && p.index == 1 && p.total == 2 && p.len == 100);
	p.index = 2;
	CHECK_INT(evidence_piece_encode(&p, again, sizeof(again)), -ERANGE);
}

/* The largest that there can be still has room. */
static void test_largest(void)
{
	static uint8_t buf[EVIDENCE_PAYLOAD_MAX];

	memset(&e, 0, sizeof(e));
	e.counter = UINT64_MAX;
	e.component_count = EVIDENCE_COMPONENTS_MAX;
	for (uint32_t i = 0; i < EVIDENCE_COMPONENTS_MAX; i++)
		e.components[i] =
			(struct evidence_component){ i + 256, 2000000000, 2000000000,
						     true,    true,	  UINT64_MAX };
	e.process_count = EVIDENCE_PROCESSES_MAX;
	for (size_t i = 0; i < EVIDENCE_PROCESSES_MAX; i++)
		e.processes[i] = (struct evidence_process){ "fifteen letters",
							    256,
							    UINT32_MAX,
							    UINT64_MAX,
							    3,
							    true,
							    true,
							    true };
	e.finding_count = EVIDENCE_FINDINGS_MAX;
	for (size_t i = 0; i < EVIDENCE_FINDINGS_MAX; i++) {
		e.findings[i].kind = FINDING_UNREADABLE;
		e.findings[i].count = UINT32_MAX;
		memset(e.findings[i].path, 'x', EVIDENCE_PATH_MAX);
	}
	e.listener_count = EVIDENCE_LISTENERS_MAX;
	CHECK(evidence_encode(&e, buf, sizeof(buf)) > 0);
}

TEST_MAIN("measure", test_mappings, test_garbage, test_status, test_sockets, test_image,
	  test_survey, test_room, test_listeners, test_talkers, test_drops,
	  test_drops_since, test_drops_bytes, test_dropped, test_bytes, test_largest)
