/*
 * test_ipc.c - two processes' ends of a link: delivery, full queue, bad bytes, forbidden kinds, wrong user.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "hub/rt/ipc.h"
#include "hub/rt/log.h"

static char dir[] = "/tmp/test-ipc-XXXXXX";
static struct rt *rt;
static struct ipc *store, *ble;
static struct rt_timer *limit;

static struct {
	unsigned up, down, got, violations;
	uint64_t last;
	unsigned stop_at; /* stop the loop after so many messages */
} seen;

static void on_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	seen.up++;
}

static void on_down(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	seen.down++;
	if (!seen.stop_at)
		rt_stop(rt);
}

static void on_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	CHECK_INT(m->kind, MSG_DECODED);
	CHECK_UINT(m->decoded.capture, seen.last + 1); /* in order, none lost */
	seen.last = m->decoded.capture;
	if (++seen.got == seen.stop_at)
		rt_stop(rt);
}

static void on_violation(void *arg, struct ipc *l, unsigned count)
{
	(void)arg, (void)l;
	seen.violations = count;
	if (!seen.stop_at)
		rt_stop(rt);
}

static void on_client_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	rt_stop(rt);
}

static void ignore_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l, (void)m;
}

static void on_limit(void *arg)
{
	(void)arg;
	fprintf(stderr, "nothing happened for 5 s\n");
	test_fail(__FILE__, __LINE__);
}

static void run(void)
{
	rt_timer_set(limit, mono_add(rt_mono(), 5000));
	rt_run(rt);
	rt_timer_set(limit, MONO_NEVER);
}

static void test_start(void)
{
	const struct ipc_handlers server = { on_up, on_down, on_message, on_violation };
	const struct ipc_config cfg = { ROLE_STORE, ROLE_BLE, dir, true };

	CHECK(mkdtemp(dir) != NULL);
	log_init("test");
	rt = rt_new();
	limit = rt_timer_new(rt, on_limit, NULL);
	CHECK_INT(ipc_listen(rt, &cfg, &server, NULL, &store), 0);
}

static void test_delivery(void)
{
	const struct ipc_handlers client = { .up = on_client_up,
					     .message = ignore_message };
	const struct ipc_config cfg = { ROLE_BLE, ROLE_STORE, dir, true };
	struct msg m = { .kind = MSG_DECODED, .decoded = { .class = CLASS_ROUTINE } };
	unsigned sent = 0;

	CHECK_INT(ipc_connect(rt, &cfg, &client, NULL, &ble), 0);
	CHECK(!ipc_is_up(ble));
	CHECK_INT(ipc_send(ble, &m), -EAGAIN); /* not there yet: said, not dropped */
	run();
	CHECK(ipc_is_up(ble));
	for (;;) { /* nobody reads: the kernel's buffer and our queue fill up */
		m.decoded.capture = sent + 1;
		if (ipc_send(ble, &m) == -EAGAIN)
			break;
		sent++;
		CHECK(sent < 100000);
	}
	CHECK(sent > 256);
	seen.stop_at = sent;
	run();
	CHECK_UINT(seen.got, sent);
	CHECK_UINT(seen.up, 1);
}

static int raw_connect(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/store-ble", dir);
	CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void test_bad_bytes(void)
{
	static uint8_t big[MSG_BYTES_MAX + 1];
	struct msg m = { .kind = MSG_UPLOAD, .batch = { .len = 1 } };
	uint8_t b[MSG_BYTES_MAX];
	int n;

	ipc_free(ble);
	ble = NULL;
	seen.stop_at = 0;
	run(); /* its end is seen */
	seen.down = 0;
	for (int i = 0; i < 3; i++) {
		int fd = raw_connect();
		unsigned down = seen.down;

		if (i == 0)
			CHECK_INT(send(fd, "garbage", 7, 0), 7);
		else if (i == 1)
			CHECK_INT(send(fd, big, sizeof(big), 0), sizeof(big));
		else {
			n = msg_encode(&m, b, sizeof(b));
			CHECK_INT(send(fd, b, (size_t)n, 0), n);
		}
		while (seen.down == down)
			run();
		CHECK_INT(recv(fd, b, sizeof(b), 0), 0); /* closed by the other side */
		CHECK_UINT(seen.violations,
			   i < 2 ? 0u : 3u); /* not what does not parse */
		close(fd);
	}
}

static void test_wrong_user(void)
{
	char path[128];
	int status;
	pid_t pid;

	if (getuid() != 0) {
		printf("SKIP wrong user: needs root to become another one\n");
		return;
	}
	snprintf(path, sizeof(path), "%s/store-ble", dir);
	CHECK_INT(chmod(dir, 0755), 0);
	CHECK_INT(chmod(path, 0666), 0); /* even if the file mode let everybody in */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char b[8];
		int fd;

		if (setuid(65534) != 0)
			_exit(2);
		fd = raw_connect();
		_exit(recv(fd, b, sizeof(b), 0) == 0 ? 0 : 1);
	}
	while (seen.violations < 4)
		run();
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(WEXITSTATUS(status), 0); /* it was shut out */
	CHECK_UINT(seen.violations, 4);
}

static void test_end(void)
{
	char path[128];

	ipc_free(store);
	rt_timer_free(limit);
	rt_free(rt);
	snprintf(path, sizeof(path), "%s/store-ble", dir);
	unlink(path);
	CHECK_INT(rmdir(dir), 0);
}

TEST_MAIN("ipc", test_start, test_delivery, test_bad_bytes, test_wrong_user, test_end)
