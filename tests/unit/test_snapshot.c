/*
 * test_snapshot.c - a snapshot's bytes and pieces, its way to hub-store, and what is read of folders that look like /proc and /sys.
 */
#include "hub/core/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/measure/handing.h"
#include "hub/measure/hardware.h"
#include "hub/measure/texts.h"

#include "tests/unit/test.h"

#define TEXT(n, t)                                                                       \
	{                                                                                \
		n, sizeof(n) - 1, (const uint8_t *)(t), sizeof(t) - 1, 0                 \
	}

static struct snapshot sample(void)
{
	return (struct snapshot){ .number = 42,
				  .made_s = 1800000000,
				  .boot = { 1, 2 },
				  .public_key = { 4 },
				  .count = 2,
				  .texts = { TEXT("files", "a\tb\n"), TEXT("usb", "") } };
}

static void test_number(void)
{
	CHECK_UINT(snapshot_number(5, 2), 42);
	CHECK_UINT(snapshot_number(5, 3), 43);
	CHECK_UINT(snapshot_number(6, 2), 50);
	CHECK_UINT(snapshot_number(UINT32_MAX, 0), 0);
	CHECK_UINT(snapshot_asked_number(5, 3), 43);
	CHECK_UINT(snapshot_asked_number(5, 1), 41);
	CHECK_UINT(snapshot_asked_number(0, 0), 1);
	CHECK_UINT(snapshot_number(5, 1), 0);
	CHECK_UINT(snapshot_number(5, 8), 0);
}

static void test_bytes(void)
{
	struct snapshot s = sample(), back;
	uint8_t buf[256];
	int n = snapshot_encode(&s, buf, sizeof(buf));

	CHECK(n > 0);
	CHECK_INT(snapshot_decode(buf, (size_t)n, &back), 0);
	CHECK_UINT(back.number, 42);
	CHECK_INT(back.made_s, 1800000000);
	CHECK_UINT(back.count, 2);
	CHECK_UINT(back.texts[0].len, 4);
	CHECK_MEM(back.texts[0].bytes, "a\tb\n", 4);
	for (int cut = 0; cut < n; cut++)
		CHECK(snapshot_decode(buf, (size_t)cut, &back) < 0);
	CHECK_INT(snapshot_encode(&s, buf, (size_t)n - 1), -ENOSPC);
	buf[1] = 2;
	CHECK_INT(snapshot_decode(buf, (size_t)n, &back), -ENOTSUP);
}

/* A name becomes a file for who reads it; a text goes to a terminal. */
static void test_refused(void)
{
	static const struct snapshot_text bad[] = {
		TEXT("", "x"),
		TEXT("../evil", "x"),
		TEXT("Files", "x"),
		TEXT("a b", "x"),
		TEXT("a-name-that-is-too-long", "x\x1b[2J"),
		TEXT("usb", "x"),
		TEXT("escape", "\x1b"),
		TEXT("latin", "\xe9"),
		TEXT("nul", "a\0b"),
	};
	uint8_t buf[256];
	struct snapshot s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		s = sample();
		s.texts[0] = bad[i];
		CHECK_INT(snapshot_encode(&s, buf, sizeof(buf)), -ERANGE);
	}
	s = sample();
	s.number = 0;
	CHECK_INT(snapshot_encode(&s, buf, sizeof(buf)), -ERANGE);
	s = sample();
	s.count = SNAPSHOT_TEXTS_MAX + 1;
	CHECK_INT(snapshot_encode(&s, buf, sizeof(buf)), -ERANGE);
}

static void test_pieces(void)
{
	static uint8_t bytes[3 * SNAPSHOT_PIECE_MAX - 5];
	uint8_t buf[SNAPSHOT_PIECE_BODY_MAX];
	struct snapshot_piece p, back;
	int n;

	CHECK_UINT(snapshot_pieces(0), 0);
	CHECK_UINT(snapshot_pieces(SNAPSHOT_PIECE_MAX), 1);
	CHECK_UINT(snapshot_pieces(sizeof(bytes)), 3);
	p = snapshot_piece_of(UINT64_MAX, 7, bytes, sizeof(bytes), 2);
	CHECK(p.bytes == bytes + sizeof(bytes) - p.len);
	CHECK_UINT(p.len, SNAPSHOT_PIECE_MAX - 5);
	p = snapshot_piece_of(UINT64_MAX, 7, bytes, SNAPSHOT_ITEM_MAX, 1);
	n = snapshot_piece_encode(&p, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(snapshot_piece_decode(buf, (size_t)n, &back), 0);
	CHECK_UINT(back.number, UINT64_MAX);
	CHECK_UINT(back.item, 7);
	CHECK_UINT(back.index, 1);
	CHECK_UINT(back.total, SNAPSHOT_PIECES_MAX);
	CHECK_UINT(back.len, SNAPSHOT_PIECE_MAX);
	p.index = p.total;
	CHECK_INT(snapshot_piece_encode(&p, buf, sizeof(buf)), -ERANGE);
	p.index = 0;
	p.item = SNAPSHOT_ITEMS_MAX;
	CHECK_INT(snapshot_piece_encode(&p, buf, sizeof(buf)), -ERANGE);
}

static unsigned send_all(struct handing *h)
{
	struct msg_snapshot m;
	unsigned n = 0;

	while (handing_next(h, &m)) {
		CHECK_UINT(m.total, 20);
		handing_on_sent(h);
		n++;
	}
	return n;
}

static void test_handing(void)
{
	static uint8_t bytes[20 * SNAPSHOT_PIECE_MAX];
	struct handing h = { 0 };
	struct msg_snapshot m;

	CHECK(!handing_waits(&h));
	CHECK(!handing_next(&h, &m));
	handing_begin(&h, 42, bytes, sizeof(bytes));
	CHECK_UINT(send_all(&h), SNAPSHOT_AHEAD);
	/* of another one, or of pieces that were never sent: no news */
	CHECK(!handing_on_taken(&h, &(struct msg_snapshot_taken){ 41, 16, true }));
	CHECK(!handing_on_taken(&h, &(struct msg_snapshot_taken){ 42, 17, true }));
	CHECK(handing_on_taken(&h, &(struct msg_snapshot_taken){ 42, 16, false }));
	CHECK_UINT(send_all(&h), 4);
	handing_on_link(&h);
	CHECK_UINT(send_all(&h), SNAPSHOT_AHEAD);
	CHECK(handing_on_taken(&h, &(struct msg_snapshot_taken){ 42, 16, false }));
	CHECK_UINT(send_all(&h), 4);
	CHECK(handing_on_taken(&h, &(struct msg_snapshot_taken){ 42, 20, false }));
	CHECK(handing_waits(&h));
	CHECK(handing_on_taken(&h, &(struct msg_snapshot_taken){ 42, 0, true }));
	CHECK(!handing_waits(&h));
}

/* --- texts -------------------------------------------------------------------------------------- */

static char root[64];

static void put(const char *path, const char *text)
{
	char cmd[512], full[256];
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "mkdir -p \"$(dirname %s/%s)\"", root, path);
	CHECK_INT(system(cmd), 0); /* NOLINT: a folder of ours */
	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "we");
	CHECK(f != NULL);
	(void)fputs(text, f);
	CHECK_INT(fclose(f), 0);
}

static const struct snapshot_text *named(const struct texts *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->text[i].name, name) == 0)
			return &t->text[i];
	return NULL;
}

static bool says(const struct texts *t, const char *name, const char *what)
{
	const struct snapshot_text *x = named(t, name);

	return x && memmem(x->bytes, x->len, what, strlen(what)) != NULL;
}

static void make_tree(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/hub-test-XXXXXX");
	CHECK(mkdtemp(root) != NULL);
	/* its name is chosen by whoever started it */
	put("proc/7/status", "Name:\thub-x State: Z\nState:\tS (sleeping)\nPPid:\t1\n"
			     "Uid:\t951\t951\t951\t951\n");
	put("proc/not-a-process/status", "Name:\tno\n");
	put("proc/1/net/tcp", "  sl  local\x1b[2J\n");
	put("proc/1/mounts", "a b c\n");
	put("proc/modules", "btusb 1 0 - Live 0x0\n");
	put("proc/version", "Linux\n");
	put("sys/fs/cgroup/system.slice/hub-ble.service/cgroup.events",
	    "populated 1\nfrozen 0\n");
	put("sys/fs/cgroup/system.slice/hub-ble.service/memory.events",
	    "low 0\noom_kill 3\n");
	put("sys/fs/cgroup/system.slice/other.slice/cgroup.events", "populated 1\n");
	put("sys/bus/usb/devices/1-1/idVendor", "1d6b\n");
	put("sys/bus/usb/devices/1-1/serial", "SN-OF-A-PERSON\n");
}

static void test_texts(void)
{
	static struct texts t;
	static uint8_t list[IMAGE_HEADER_LEN] = { 'H', 'U', 'B', 'I', 'M', 'G', '1', 0 };
	struct image image;
	char proc[80], sys[80], cmd[96], line[128];
	int log[2];

	make_tree();
	CHECK_INT(image_open(list, sizeof(list), &image), 0);
	(void)snprintf(proc, sizeof(proc), "%s/proc", root);
	(void)snprintf(sys, sizeof(sys), "%s/sys", root);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, log), 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(line, sizeof(line), "6,%d,%d,-;line %d;%s\n KEY=value\n",
			       i, 1000 + i, i, "with, signs");
		CHECK(send(log[1], line, strlen(line), 0) > 0);
	}
	CHECK(send(log[1], "nonsense", 8, 0) > 0);
	CHECK_INT(texts_take(proc, sys, log[0], &image, &t), 0);
	CHECK(says(&t, "processes",
		   "7 Name=hub-x State: Z State=S (sleeping) PPid=1 "
		   "Uid=951"));
	CHECK(!says(&t, "processes", "no"));
	CHECK(says(&t, "sockets", "# 1/net/tcp\n  sl  local?[2J\n"));
	CHECK(says(&t, "services", "hub-ble.service populated=1 oom_kill=3\n"));
	CHECK(!says(&t, "services", "other"));
	CHECK(says(&t, "usb", "1-1 idVendor=1d6b serial="));
	CHECK(!says(&t, "usb", "PERSON"));
	CHECK(says(&t, "kernel-log", "1000 line 0;with, signs\n1001 line 1"));
	CHECK(!says(&t, "kernel-log", "KEY"));
	CHECK(!says(&t, "kernel-log", "nonsense"));
	CHECK(named(&t, "interfaces") == NULL);
	close(log[0]);
	close(log[1]);
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	CHECK_INT(system(cmd), 0); /* NOLINT: the same */
}

/* More than there is room for: of the log the newest stays. */
static void test_long_log(void)
{
	static struct texts t;
	static uint8_t list[IMAGE_HEADER_LEN] = { 'H', 'U', 'B', 'I', 'M', 'G', '1', 0 };
	struct image image;
	char path[] = "/tmp/hub-test-XXXXXX";
	char line[1024];
	const struct snapshot_text *x;
	int log[2];
	pid_t child;

	CHECK(mkdtemp(path) != NULL);
	CHECK_INT(image_open(list, sizeof(list), &image), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, log), 0);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 100; i++) {
			(void)snprintf(line, sizeof(line), "6,%d,%d,-;%0900d\n", i, i, i);
			(void)send(log[1], line, strlen(line), 0);
		}
		_exit(0);
	}
	close(log[1]);
	CHECK_INT(texts_take(path, path, log[0], &image, &t), 0);
	x = named(&t, "kernel-log");
	CHECK(x && x->cut > 0 && x->len <= SNAPSHOT_TEXT_MAX);
	CHECK(x->bytes[0] >= '1' &&
	      x->bytes[0] <= '9'); /* a line's begin, not its rest */
	CHECK(says(&t, "kernel-log", "\n99 000"));
	CHECK(!says(&t, "kernel-log", "\n1 000"));
	CHECK_UINT(x->len + x->cut, 10 * 903 + 90 * 904);
	close(log[0]);
	CHECK_INT(rmdir(path), 0);
}

/* The first look takes what is there; each change is told once. */
static void test_hardware(void)
{
	struct hardware before, now, back;
	struct hardware_change c;
	char proc[80], sys[80], cmd[96];
	uint8_t buf[HARDWARE_BYTES_MAX];
	int n;

	make_tree();
	(void)snprintf(proc, sizeof(proc), "%s/proc", root);
	(void)snprintf(sys, sizeof(sys), "%s/sys", root);
	put("sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "09\n");
	put("sys/block/mmcblk0/device/cid", "0123\n");
	put("proc/device-tree/chosen/bootloader/boot-mode", "1");
	CHECK(!hardware_load(root, &back));
	hardware_read(sys, proc, &before);
	CHECK_UINT(before.usb_count, 1); /* an interface is no device */
	CHECK(before.has_card && before.has_boot);
	CHECK_INT(hardware_save(root, &before), 0);
	CHECK(hardware_load(root, &back));
	CHECK_MEM(&back, &before, sizeof(back));
	c = hardware_compare(&back, &before);
	CHECK(c.usb == 0 && !c.card && !c.boot);
	/* a stick, the same kind in another port, another one in the same port */
	put("sys/bus/usb/devices/1-2/idVendor", "0781\n");
	put("sys/bus/usb/devices/1-3/idVendor", "0781\n");
	put("sys/bus/usb/devices/1-1/serial", "ANOTHER\n");
	hardware_read(sys, proc, &now);
	c = hardware_compare(&before, &now);
	CHECK_UINT(c.usb, 3);
	CHECK(!c.card && !c.boot);
	CHECK_UINT(hardware_compare(&now, &now).usb, 0);
	/* pulled out: nothing new */
	CHECK_UINT(hardware_compare(&now, &before).usb, 1);
	put("sys/block/mmcblk0/device/cid", "0124\n");
	put("proc/device-tree/chosen/bootloader/boot-mode", "4");
	hardware_read(sys, proc, &now);
	c = hardware_compare(&before, &now);
	CHECK(c.card && c.boot);
	/* each on its own */
	back = now;
	memcpy(back.boot, before.boot, sizeof(back.boot));
	c = hardware_compare(&before, &back);
	CHECK(c.card && !c.boot);
	back = before;
	memcpy(back.boot, now.boot, sizeof(back.boot));
	c = hardware_compare(&before, &back);
	CHECK(!c.card && c.boot);
	/* not known is not changed, then or now */
	now.has_card = now.has_boot = false;
	c = hardware_compare(&before, &now);
	CHECK(!c.card && !c.boot);
	c = hardware_compare(&now, &before);
	CHECK(!c.card && !c.boot);
	n = hardware_encode(&now, buf, sizeof(buf));
	CHECK(n > 0);
	for (int cut = 0; cut < n; cut++)
		CHECK(hardware_decode(buf, (size_t)cut, &back) < 0);
	buf[1] = 2;
	CHECK_INT(hardware_decode(buf, (size_t)n, &back), -ENOTSUP);
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	CHECK_INT(system(cmd), 0); /* NOLINT: the same */
}

/* Names and values as long as they may be, and longer. */
static void test_long_usb(void)
{
	char name[160], path[240], value[300], sys[80], cmd[96];
	struct hardware h;

	make_tree();
	(void)snprintf(sys, sizeof(sys), "%s/sys", root);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int len = 120; len < 136; len++) {
		memset(name, 'n', sizeof(name));
		for (const char *const *of =
			     (const char *const[]){ "idVendor", "idProduct", "serial",
						    NULL };
		     *of; of++) {
			(void)snprintf(path, sizeof(path), "sys/bus/usb/devices/%.*s/%s",
				       len, name, *of);
			put(path, value);
		}
	}
	hardware_read(sys, sys, &h);
	CHECK(h.usb_count > 1 && h.usb_count < 16);
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	CHECK_INT(system(cmd), 0); /* NOLINT: the same */
}

TEST_MAIN("snapshot", test_hardware, test_long_usb, test_number, test_bytes, test_refused,
	  test_pieces, test_handing, test_texts, test_long_log)
